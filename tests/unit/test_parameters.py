"""Parameters: the promised keys load as they stand, everything else is refused with help."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bondx_lib import parameters
from bondx_lib.errors import BadInput

PROMISED = """
max_epochs: 100
convergence_threshold: 0.001
quality_threshold: 0.95
dataset_size: 150
training_split: 0.8
improvement_patience: 10
random_seed: 42
quality_gates: {coverage_min: 90.0, esg_missing_max: 20.0, liquidity_index_median_min: 30.0,
  negative_spreads_max_pct: 1.0, maturity_anomalies_max_pct: 0.1}
output: {base_directory: runs, export_formats: [csv, jsonl, json, parquet]}
logging: {level: INFO}
advanced:
  enable_hyperparameter_tuning: false
  tuning_method: grid_search
  parameter_ranges: {n_estimators: [100, 200, 300], max_depth: [3, 5, 7]}
  enable_ensemble_methods: false
  ensemble_strategy: voting
  base_models: [xgboost, random_forest, gradient_boosting]
  enable_feature_selection: false
  selection_method: mutual_info
  max_features: 20
"""


def test_promised_keys_load_as_they_stand_and_are_the_defaults(tmp_path):
    """The documented file is accepted and changes nothing."""
    file = tmp_path / "promised.yaml"
    file.write_text(PROMISED)
    assert parameters.load(file) == parameters.default()


OTHER_FILES = ("column_map_example.yaml", "sweep_example.yaml")
SHIPPED = [
    file for file in sorted(Path("parameters").glob("*.yaml")) if file.name not in OTHER_FILES
]


@pytest.mark.parametrize("file", SHIPPED, ids=lambda f: f.stem)
def test_shipped_files_load(file):
    """Every file in parameters/ is valid and named after itself, but for files of other kinds."""
    assert parameters.load(file).name == file.stem


def test_default_file_states_every_value():
    """default.yaml holds all keys with the values that hold without it."""
    stated = yaml.safe_load(Path("parameters/default.yaml").read_text())
    assert stated == parameters.default().model_dump(mode="json")


def test_yaml_round_trip(tmp_path):
    """What is written with a run can be read back."""
    chosen = parameters.load(None, {"dataset_size": "50", "quality_gates.coverage_min": "95"})
    file = tmp_path / "parameters.yaml"
    file.write_text(chosen.to_yaml())
    assert parameters.load(file) == chosen
    assert chosen.quality_gates.coverage_min == 95.0
    assert chosen.quality_gates.esg_missing_max == 20.0


def test_digest_covers_what_decides_results_only():
    """Place, name, workers and log level leave the digest alone; the seed does not."""
    base = parameters.default().digest()
    same = {"name": "other", "output.base_directory": "elsewhere", "execution.workers": 1,
            "logging.level": "DEBUG"}  # fmt: skip
    assert parameters.load(None, same).digest() == base
    assert parameters.load(None, {"random_seed": 43}).digest() != base


def test_parameters_are_frozen():
    """Nobody changes parameters after they were validated."""
    with pytest.raises(ValidationError, match="frozen"):
        parameters.default().max_epochs = 5  # type: ignore[misc]


@pytest.mark.parametrize(
    ("key", "value", "expected"),
    [
        ("max_epoch", "5", r"--set: max_epoch: is not a parameter.*did you mean 'max_epochs'"),
        ("coverage_min", "5", r"did you mean 'quality_gates.coverage_min'"),
        ("max_epochs", "five", r"got 'five'.*integer, ≥ 1 and ≤ 10000, epochs"),
        ("max_epochs", "0", r"got 0.*≥ 1"),
        ("max_epochs", "2.5", r"got 2.5.*integer"),
        ("random_seed", "true", r"got True.*integer"),
        ("convergence_threshold", ".nan", r"got nan.*> 0 and < 1"),
        ("quality_gates", "3", r"must be a mapping.*quality_gates.coverage_min"),
        ("max_epochs.x", "1", r"max_epochs: is not admissible"),
        ("scenario", "calm", r"one of baseline, recession"),
        ("output.export_formats", "[xls]", r"one of csv, jsonl, json, parquet"),
        ("name", "../x", r"name: is not admissible \(got '../x'\)"),
        ("advanced.tuning_method", "annealing", r"one of grid_search, random, optuna"),
        ("advanced.ensemble_strategy", "bagging", r"one of voting, stacking"),
        ("advanced.parameter_ranges.max_depth", "[0]", r"one or more values from 1 to 16"),
        ("advanced.parameter_ranges.n_estimators", "[]", r"one or more values from 1 to 5000"),
        ("advanced.parameter_ranges.learning_rate", "[2.0]", r"from 0.001 to 1"),
        ("advanced.base_models", "[xgboost, xgboost]", r"names a learner twice"),
        ("models", "[Spread]", r"'Spread' is not admissible: lower-case letters"),
        ("models", "[spread, spread]", r"names a model twice"),
        ("models", "[]", r"got \(\).*list of text"),
        ("dataset_size", "[", r"--set: dataset_size: is not valid YAML"),
    ],
)
def test_bad_values_are_refused_with_help(key, value, expected):
    """The error names origin, key, value and what would do."""
    with pytest.raises(BadInput, match=expected):
        parameters.load(None, {key: value})


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "is empty"),
        (b"- 1\n- 2\n", "is a list"),
        (b"just words", "is a str"),
        (b"\xff\xfe\x00", "UTF-8"),
        (b"a: [1", "not valid YAML"),
        (b"max_epochs: 1\nmax_epochs: 2\n", r"max_epochs: is given twice \(again in line 2\)"),
        (b"output:\n  base_directory: a\n  base_directory: b\n", "output.base_directory: is given"),
        (b"!!python/object/apply:os.system ['true']", "not valid YAML"),
        (b"? [a, b]\n: 1\n", "not valid YAML|is not a parameter"),
        (b"[" * 5000, "not valid YAML"),
        (b"max_epochs: 2001-13-45\n", "not valid YAML|not admissible"),
    ],
)
def test_unreadable_files_are_refused_with_the_file_name(tmp_path, content, expected):
    """Whatever is in the file, the error names it and says what is wrong."""
    file = tmp_path / "bad.yaml"
    file.write_bytes(content)
    with pytest.raises(BadInput, match=expected) as caught:
        parameters.load(file)
    assert "bad.yaml" in str(caught.value)


def test_missing_file_and_folder_are_refused(tmp_path):
    """A path that is no readable file is an error of input."""
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(BadInput, match="cannot be read"):
            parameters.load(path)


@given(
    st.dictionaries(
        st.text(max_size=8), st.none() | st.integers() | st.text(max_size=5), min_size=1
    )
)
def test_arbitrary_mappings_never_raise_anything_else(values):
    """Any mapping either loads or is bad input."""
    known = {row["key"].split(".")[0] for row in parameters.describe()}
    if set(values) <= known:
        return
    with pytest.raises(BadInput):
        parameters.load(None, values)


ADMISSIBLE = {
    "dataset_size": st.integers(30, 100_000), "max_epochs": st.integers(1, 10_000),
    "random_seed": st.integers(0, 2**32 - 1), "training_split": st.floats(0.5, 0.9),
    "convergence_threshold": st.floats(1e-6, 0.1), "models": st.permutations(["spread", "anomaly"]),
    "quality_gates.coverage_min": st.floats(0, 100),
    "quality_gates.thresholds": st.dictionaries(
        st.sampled_from(["psi", "calibration"]),
        st.floats(0, 1) | st.tuples(st.floats(-1, 0), st.floats(0.1, 1)).map(list),
    ),
    "quality_gates.disabled": st.lists(st.sampled_from(["psi", "tails", "age"]), unique=True),
    "epoch.pool_limit": st.none() | st.integers(1, 10_000),
    "output.base_directory": st.text("a: #-'\"{[&*!|>%@é", min_size=1, max_size=12),
    "scenario": st.sampled_from(["baseline", "recession"]),
}  # fmt: skip


@pytest.mark.parametrize("text", ["1e-4", "1E-4", "1.e-4", "0.1e-3", "+1.0e-4"])
def test_numbers_with_an_exponent_are_numbers(tmp_path, text):
    """However they are written, in a file and behind --set; where a text is due they stay text."""
    file = tmp_path / "small.yaml"
    file.write_text(f"convergence_threshold: {text}\nname: 1e4\n")
    chosen = parameters.load(file, {"quality_gates.thresholds": f"{{psi: {text}}}"})
    assert (chosen.convergence_threshold, chosen.name) == (1e-4, "1e4")
    assert chosen.quality_gates.thresholds == {"psi": 1e-4}
    ranged = {"quality_gates.thresholds": f"{{calibration: [-{text.lstrip('+')}, {text}]}}"}
    assert parameters.load(None, ranged).quality_gates.thresholds == {"calibration": (-1e-4, 1e-4)}
    assert parameters.load(None, {"max_epochs": "1000"}).max_epochs == 1000
    with pytest.raises(BadInput, match=r"max_epochs: is not admissible \(got '1e3'\)"):
        parameters.load(None, {"max_epochs": "1e3"})


@settings(max_examples=25)
@given(st.fixed_dictionaries({}, optional=ADMISSIBLE))
def test_whatever_is_admissible_survives_its_file(tmp_path_factory, values):
    """Written and read again it is the same, under the same digest."""
    chosen = parameters.load(None, {key: json.dumps(one) for key, one in values.items()})
    file = tmp_path_factory.mktemp("kept") / "parameters.yaml"
    file.write_text(chosen.to_yaml(), encoding="utf-8")
    again = parameters.load(file)
    assert again == chosen
    assert again.digest() == chosen.digest()
    decides = [
        one.model_dump(exclude=set(parameters.NOT_IDENTITY))
        for one in (chosen, parameters.default())
    ]
    same = chosen.digest() == parameters.default().digest()
    assert same == (decides[0] == decides[1])


def test_override_text_needs_key_and_value():
    """A --set without an equals sign is refused with an example."""
    assert parameters.parse_override("a.b = 3") == ("a.b", "3")
    with pytest.raises(BadInput, match="for example dataset_size=50"):
        parameters.parse_override("dataset_size")


def test_description_is_complete():
    """Every parameter has a type, a default and a meaning, and numbers have a range."""
    rows = parameters.describe()
    assert len({row["key"] for row in rows}) == len(rows) > 30
    for row in rows:
        assert all(row[name] for name in ("type", "default", "meaning")), row
        if row["type"] in ("integer", "number"):
            assert row["range"], row


def test_options_can_be_looked_at_one_at_a_time():
    """Which are on, and the same parameters with one of them or none."""
    both = {"advanced.enable_ensemble_methods": True, "advanced.enable_feature_selection": True}
    advanced = parameters.load(None, both).advanced
    assert advanced.options == ("ensemble", "selection")
    assert advanced.only("selection").options == ("selection",)
    assert advanced.only(None).options == ()


@pytest.mark.parametrize(
    ("first", "again", "last"),
    [
        ("{x: 1}", "{p: *a%d, q: *a%d}", ""),
        ("[x, x]", "[*a%d, *a%d]", "max_epochs: *a40"),
        ("[x, x]", "[*a%d, *a%d]", "quality_gates: {thresholds: {untraded: *a40}}"),
    ],
)
def test_aliases_of_aliases_take_no_time_and_no_room(
    first: str, again: str, last: str, tmp_path: Path
) -> None:
    """Forty lines that stand for a million million values are refused like any other."""
    lines = [f"a0: &a0 {first}"]
    lines += [f"a{one}: &a{one} {again % (one - 1, one - 1)}" for one in range(1, 41)]
    path = tmp_path / "own.yaml"
    path.write_text("\n".join([*lines, last]))
    with pytest.raises(BadInput) as refused:
        parameters.load(path)
    assert len(str(refused.value)) < 500


def test_keys_given_twice_are_found_inside_lists(tmp_path: Path) -> None:
    """As far down as mappings go."""
    path = tmp_path / "own.yaml"
    path.write_text("runs:\n- set: {a: 1, a: 2}\n")
    with pytest.raises(BadInput, match=r"runs\.set\.a: is given twice"):
        parameters.read_mapping(path)
