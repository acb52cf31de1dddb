"""The evidence of a real small run: complete, true to the log, valid by other tools."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import mlcroissant
import numpy as np
import pandas as pd
import pytest
import rocrate
from rocrate_validator import models as roc_models
from rocrate_validator import services as roc_services
from rocrate_validator.utils import document_loader, http

from bondx_lib import artefacts, cli, epoch, evidence, provenance, runlog, trainer
from bondx_lib.errors import BadInput, GateBlocked
from bondx_lib.evidence import crosswalk, documents, pack, sbom
from bondx_lib.schema import MODELS
from bondx_lib.trainer import repeat

from ..faults import here
from ..unit import report_factory

CONTEXT_1_1 = {
    "ComputationalWorkflow": "https://bioschemas.org/ComputationalWorkflow",
    "FormalParameter": "https://bioschemas.org/FormalParameter",
    "input": "https://bioschemas.org/ComputationalWorkflow#input",
    "output": "https://bioschemas.org/ComputationalWorkflow#output",
}
"""Where version 1.1 of the crate's vocabulary differs from the one that the library brings."""
PROFILES = (
    "ro-crate-1.1", "process-run-crate-0.5", "workflow-run-crate-0.5", "workflow-ro-crate-1.0"
)  # fmt: skip


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A run of two epochs of all models, closed and sealed."""
    with pytest.MonkeyPatch.context() as patch:
        here.without_kernels(patch)
        yield here.run(here.chosen(tmp_path_factory.mktemp("runs"), max_epochs=2))


@pytest.fixture
def copy(run_dir: Path, tmp_path: Path) -> Path:
    """The same, to be changed."""
    return Path(shutil.copytree(run_dir, tmp_path / run_dir.name))


def read(run_dir: Path, name: str) -> Any:
    return artefacts.read_json(run_dir / "evidence" / f"{name}.json")


def state_of(run_dir: Path) -> runlog.RunState:
    return runlog.replay(runlog.read(run_dir / runlog.LOG_NAME))


def test_pack_is_whole_and_checks_out(run_dir: Path) -> None:
    """Nothing differs, the standard tool agrees, and every artefact of the crosswalk is there."""
    assert evidence.verify(run_dir) == []
    tool = shutil.which("sha256sum")
    assert tool is not None
    command = [tool, "-c", "--strict", "--quiet", evidence.SUMS_NAME]
    assert subprocess.run(command, cwd=run_dir, check=False).returncode == 0
    rows = read(run_dir, "crosswalk")["rows"]
    assert {row["status"] for row in rows} == set(crosswalk.STATUSES)
    for row in rows:
        assert (row["status"] == "out") is (not row["artefacts"])
        assert all((run_dir / name).is_file() for name in row["artefacts"]), row["id"]
        assert row["requirement"]
        assert row["applies"]
        assert set(row["asked"]) <= set(read(run_dir, "crosswalk")["texts"])


def test_documents_say_what_the_log_says(run_dir: Path) -> None:
    """Scores, promotions, gates, findings and inventory are those of the events."""
    state = state_of(run_dir)
    benchmark = read(run_dir, "benchmark")
    assert state.audit is not None
    for name in MODELS:
        said, known = benchmark["audit"][name], state.audit[name]
        for measure in ("loss", "floor", "ceiling", "linear"):
            assert said[measure]["estimate"] == known[measure]
            assert said[measure]["low"] == known[f"{measure}_low"]
    compared = read(run_dir, "promotion")["comparisons"]
    assert len(compared) == sum(len(view.promotions) for view in state.committed)
    inventory = read(run_dir, "inventory")
    for row in inventory["models"]:
        assert row["version"] == epoch.champion_epoch(state, row["model"])
        assert row["files"]
        assert row["tier"] == row["owner"] == ""
    tests = read(run_dir, "tests")
    assert tests["gates_digest"] == state.gates_digest
    assert len({row["id"] for row in tests["tests"]}) == len(tests["tests"])
    known_rows = {row["id"] for row in read(run_dir, "crosswalk")["rows"]}
    assert all(set(row["requirements"]) <= known_rows for row in tests["tests"])
    findings = read(run_dir, "findings")["findings"]
    failed = [row for row in tests["tests"] if row["verdict"] in ("fail", "inconclusive")
              and row["severity"] != "info"]  # fmt: skip
    assert len(findings) >= len(failed)
    assert all(row["owner"] == row["due"] == "" for row in findings)
    assert read(run_dir, "signoff")["evidence"] is False


def test_explanations_hold_the_models_against_the_law(run_dir: Path) -> None:
    """Every model has importances; those that a law speaks of have effects with a verdict."""
    explained = artefacts.read_json(run_dir / evidence.EXPLAINED)
    assert set(explained) == set(MODELS)
    for name, found in explained.items():
        assert found["importance"]
        assert (found["effects"] == []) is (name == "anomaly")
        assert found["compared"] == len(found["effects"])
        assert 0 <= found["agreeing"] <= found["compared"]
        assert all(row["agrees"] for row in found["effects"])


def test_repetition_is_equal_and_would_notice_a_difference(run_dir: Path, copy: Path) -> None:
    """Drawn and asked again all is the same; with another seed or another model it is not."""
    stated = artefacts.read_json(run_dir / evidence.REPEATED)
    assert stated["equal"]
    assert len(stated["checks"]) == 2 + len(MODELS)
    state, chosen = state_of(copy), epoch.run_parameters(copy, state_of(copy))
    other = chosen.model_copy(update={"random_seed": chosen.random_seed + 1})
    found = repeat.once_more(copy, other, state)
    assert [check["equal"] for check in found["checks"][:2]] == [False, False]
    parts = [copy / "models" / name for name in ("spread", "downgrade")]
    shutil.rmtree(parts[1])
    since = epoch.epoch_folder(copy, epoch.champion_epoch(state, "spread") or 1)
    answers = since / "models" / "spread" / epoch.PREDICTIONS_NAME
    answers.write_bytes(answers.read_bytes()[:-1] + b"\x01")
    shutil.copytree(run_dir / "models" / "downgrade", parts[1])
    changed = repeat.once_more(copy, chosen, state)
    assert not changed["equal"]
    assert changed["checks"][2]["largest_difference"] > 0


def test_sensitivity_repeats_the_run_and_varies_it(run_dir: Path) -> None:
    """The row as run ends as the run did; shocks and movements are those that were measured."""
    content, state = read(run_dir, "sensitivity"), state_of(run_dir)
    (as_run,) = [row for row in content["stopping"] if row["as_run"]]
    assert (as_run["status"], as_run["ends_after_epoch"]) == (state.status, len(state.committed))
    assert len(content["stopping"]) == len(documents.OTHER_THRESHOLDS) * len(
        documents.OTHER_PATIENCES
    )
    measured = artefacts.read_json(run_dir / evidence.EXAMINATION)
    for row in content["shocks"]:
        assert [row["estimate"], row["low"], row["high"]] == measured[row["model"]][row["shock"]]
    assert {row["shock"] for row in content["shocks"]} == set(documents.ROBUST)


def test_data_card_speaks_of_the_final_data(run_dir: Path) -> None:
    """Sizes, digest, every column, what decides the draw, and what fails of the scorecard."""
    text = (run_dir / "evidence" / "DATACARD.md").read_text()
    panel = pd.read_parquet(run_dir / "datasets" / "final.parquet")
    assert f"| rows | {len(panel):,} |" in text
    assert f"| issuers | {panel['issuer_id'].nunique():,} |" in text
    assert all(f"`{column}`" in text for column in panel.columns)
    assert artefacts.sha256_file(run_dir / "datasets" / "final.csv") in text
    assert "| `scenario` | baseline |" in text
    assert "published figures:" in text


@pytest.mark.filterwarnings("ignore")  # of the reference implementation itself
def test_croissant_is_read_by_the_reference_implementation(run_dir: Path) -> None:
    """It finds nothing wrong, and gets the rows of the dataset."""
    dataset = mlcroissant.Dataset(jsonld=str(run_dir / "evidence" / "croissant.json"))
    assert dataset.metadata.issues.report() == ""
    records = list(dataset.records("panel"))
    panel = pd.read_parquet(run_dir / "datasets" / "final.parquet")
    assert len(records) == len(panel)
    assert [row["panel/spread_bps"] for row in records[:50]] == pytest.approx(
        panel["spread_bps"].head(50).tolist(), nan_ok=True
    )


@pytest.mark.filterwarnings("ignore")  # of the reference implementation itself
def test_croissant_notices_a_changed_file(copy: Path) -> None:
    """The digest of the card is held against the file."""
    path = copy / "datasets" / "final.parquet"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(Exception, match=r"Download\(final.parquet\)"):
        list(mlcroissant.Dataset(jsonld=str(copy / "evidence" / "croissant.json")).records("panel"))


def validated(run_dir: Path, profile: str, patch: pytest.MonkeyPatch, cache: Path) -> list[str]:
    """Return what the validator finds wrong at the required level, without the network."""
    bundled = Path(rocrate.__file__).parent / "data" / "ro-crate.jsonld"
    context = json.loads(bundled.read_text().replace("https://schema.org/", "http://schema.org/"))
    context["@context"] |= CONTEXT_1_1

    class Answer:
        status_code = 200
        text = json.dumps(context)
        headers = {"Content-Type": "application/ld+json"}

        def json(self) -> Any:
            return context

    asked: list[str] = []

    def get(self: Any, url: str, *_: Any, **__: Any) -> Answer:
        asked.append(url)
        return Answer()

    patch.setattr(http.HttpRequester, "get", get, raising=False)
    settings = roc_services.ValidationSettings(
        rocrate_uri=run_dir, profile_identifier=profile, offline=True, cache_path=cache,
        requirement_severity=roc_models.Severity.REQUIRED,
    )  # fmt: skip
    found = [str(issue.message) for issue in roc_services.validate(settings).get_issues()]
    assert set(asked) == {"https://w3id.org/ro/crate/1.1/context"}
    document_loader.uninstall_document_loader()
    return found


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("profile", PROFILES)
def test_crate_is_valid(
    profile: str, run_dir: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """By the validator of the community, for every profile that it claims."""
    assert validated(run_dir, profile, monkeypatch, tmp_path / "cache") == []


@pytest.mark.filterwarnings("ignore")
def test_crate_without_its_workflow_is_not(
    copy: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The validator is awake."""
    path = copy / "ro-crate-metadata.json"
    content = json.loads(path.read_text())
    (root,) = [one for one in content["@graph"] if one["@id"] == "./"]
    del root["mainEntity"]
    path.write_text(json.dumps(content))
    assert validated(copy, "workflow-run-crate-0.5", monkeypatch, tmp_path / "cache")


def test_bill_of_materials_is_the_environment(run_dir: Path) -> None:
    """The same bytes twice; every library that computes is in it, with its version."""
    assert sbom.text() == sbom.text() == (run_dir / "evidence" / sbom.NAME).read_text()
    content = json.loads(sbom.text())
    versions = {one["name"]: one["version"] for one in content["components"]}
    for name, version in read(run_dir, "environment")["libraries"].items():
        assert name == "bondx" or versions[name] == version
    needed = {one["ref"]: one.get("dependsOn", []) for one in content["dependencies"]}
    ours = needed[content["metadata"]["component"]["bom-ref"]]
    assert any(ref.startswith("numpy@") for ref in ours)
    assert "/" not in json.dumps([one["name"] for one in content["components"]])


def test_pack_that_cannot_be_written_fails_the_run(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No run is finished with a hole; once mended, it is closed as it had ended."""
    here.without_kernels(monkeypatch)
    (copy / evidence.SUMS_NAME).unlink()
    ended = state_of(copy)
    with monkeypatch.context() as patch:
        patch.setattr(crosswalk, "SEAL", "elsewhere")
        with pytest.raises(BadInput, match="points to a file that the run did not write"):
            trainer.resume(copy)
    state = state_of(copy)
    assert (state.status, state.exit_code) == ("failed", 1)
    assert "report or evidence could not be written: BadInput" in state.reason
    assert evidence.pack_id(copy) is None
    trainer.resume(copy)
    state = state_of(copy)
    assert (state.status, state.exit_code, state.reason) == (
        ended.status, ended.exit_code, ended.reason
    )  # fmt: skip
    assert evidence.verify(copy) == []


@pytest.mark.parametrize(
    "tiny",
    [
        {"models": ["spread"], "history_months": 24, "dataset_size": 10},
        {"random_seed": 318393, "history_months": 25, "dataset_size": 15, "training_split": 0.9,
         "quality_gates.profile": "exploratory"},
    ],
    ids=["one issuer to judge on", "nothing held out"],
)  # fmt: skip
def test_smallest_runs_come_to_a_verdict(
    tiny: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where there is too little to measure, what cannot be said is left out, also of the page."""
    here.without_kernels(monkeypatch, page=True)
    market = {"evaluation.worlds": 1, "evaluation.bonds_per_world": 10, "max_epochs": 2}
    run_dir = here.run(here.chosen(tmp_path, **market, **tiny))
    assert state_of(run_dir).status in ("epoch_limit", "blocked")
    assert evidence.verify(run_dir) == []


def test_run_without_a_model_names_what_is_missing(tmp_path: Path) -> None:
    """Blocked before its first champion, it still leaves a pack, and says what it lacks."""
    with pytest.MonkeyPatch.context() as patch:
        here.without_kernels(patch)
        strict = {"quality_gates.coverage_min": 100, "epoch.max_redraws": 0}
        with pytest.raises(GateBlocked):
            here.run(here.chosen(tmp_path, **strict))
    (folder,) = tmp_path.iterdir()
    rows = {row["id"]: row for row in read(folder, "crosswalk")["rows"]}
    assert rows["explainability"]["status"] == "unmade"
    assert rows["explainability"]["artefacts"] == []
    assert rows["logs"]["status"] == "auto"
    assert evidence.verify(folder) == []
    assert not (folder / pack.EXPLAINED).exists()


def forged(run_dir: Path, change: Callable[[dict[str, Any]], None]) -> None:
    """Write the log anew with changed artefacts in the commits, chained and sealed again."""
    log = run_dir / runlog.LOG_NAME
    events = runlog.read(log)
    log.unlink()
    journal = runlog.Journal(log)
    for event in events:
        fields = dict(event.fields)
        if event.kind == "epoch_committed":
            fields["artefacts"] = dict(fields["artefacts"])
            change(fields["artefacts"])
        journal.append(event.kind, **fields)


def test_replay_of_everything_is_equal(run_dir: Path) -> None:
    """Both epochs, the markets, the champions, the scores of the audit, the datasets."""
    said: list[str] = []
    before = artefacts.tree_digests(run_dir, run_dir)
    found = trainer.replay(run_dir, progress=said.append)
    assert [one.step for one in found] == [
        "epoch 1", "epoch 2", "benchmark market", "champions", "audit market",
        "scores on the audit market", "datasets",
    ]  # fmt: skip
    assert all(one.equal for one in found), [one.differences for one in found]
    assert said[0].startswith("epoch 1: ")
    assert found[0].files > 20
    assert artefacts.tree_digests(run_dir, run_dir) == before


def test_replay_of_one_epoch_needs_only_what_was_before(run_dir: Path) -> None:
    """The second epoch, from the pool and the champions of the first."""
    (found,) = trainer.replay(run_dir, 2)
    assert (found.step, found.equal) == ("epoch 2", True)


def test_replay_finds_results_that_were_made_up(copy: Path) -> None:
    """A result with other bytes, one that never was, one that was left out."""
    names = [f"epochs/0001/{name}.json" for name in ("result", "invented", "findings")]

    def change(files: dict[str, Any]) -> None:
        if names[0] in files:
            files |= {names[0]: "0" * 64, names[1]: "0" * 64}
            del files[names[2]]

    forged(copy, change)
    (found,) = trainer.replay(copy, 1)
    assert set(found.differences) == {
        f"{names[0]} has other bytes", f"{names[1]} did not come out again",
        f"{names[2]} came out besides",
    }  # fmt: skip


def test_swapped_model_is_found_even_when_sealed_again(copy: Path) -> None:
    """A champion in whose place the one before it was put."""
    assert evidence.verify(copy) == []
    name, earlier = next(
        (name, path)
        for name in ("models/liquidity_shock/gradient_boosting.txt", "models/anomaly/forest.npz")
        for path in sorted(copy.glob(f"epochs/*/{name}"))
        if path.read_bytes() != (copy / name).read_bytes()
    )
    shutil.copy(earlier, copy / name)
    evidence.seal(copy)
    found = {one.file: one for one in evidence.verify(copy)}
    assert set(found) == {name, "ro-crate-metadata.json"}
    assert found[name].since is not None


def test_replay_on_another_machine_compares_answers(
    copy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Bytes may differ there; answers only within the stated tolerance."""
    name = f"epochs/0001/models/spread/{epoch.PREDICTIONS_NAME}"
    monkeypatch.setattr(provenance, "computed_with", lambda: {"machine": "another"})
    assert any("machine" in line for line in trainer.circumstances(state_of(copy)))

    def change(files: dict[str, Any]) -> None:
        files |= {key: "0" * 64 for key in (name, "epochs/0001/result.json") if key in files}

    forged(copy, change)
    assert trainer.replay(copy, 1)[0].equal
    answers = np.load(copy / name)
    np.save(copy / name, answers + 0.01)
    (found,) = trainer.replay(copy, 1)
    assert found.differences == (f"{name}: answers differ by up to 0.01, at most 0.001 is allowed",)


def test_replay_refuses_what_it_cannot_repeat(run_dir: Path, tmp_path: Path) -> None:
    """An epoch that never was, and a run that goes on."""
    with pytest.raises(BadInput, match="is no committed epoch"):
        trainer.replay(run_dir, 9)
    report_factory.begin(tmp_path / "going")
    with pytest.raises(BadInput, match="has not ended"):
        trainer.replay(tmp_path / "going")


def test_verify_command_replays(run_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """In words, as JSON, and with a clear error for what is no epoch."""
    assert cli.main(["verify", str(run_dir), "--replay", "1"]) == 0
    said = capsys.readouterr()
    assert "epoch 1: " in said.err + said.out
    assert "done again, all came out the same" in said.out
    assert cli.main(["verify", str(run_dir), "--replay", "2", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["verified"]
    assert content["replayed"][0]["step"] == "epoch 2"
    assert content["pack_id"] == evidence.pack_id(run_dir)
    assert cli.main(["verify", str(run_dir), "--replay", "soon"]) == 2
    assert "a number, or all" in capsys.readouterr().err


def test_archive_is_the_pack_and_always_the_same(run_dir: Path, tmp_path: Path) -> None:
    """Unpacked it checks itself; two archives of a pack are equal byte for byte."""
    targets = [tmp_path / name for name in ("a.zip", "b.zip")]
    for target in targets:
        assert cli.main(["export", str(run_dir), "--zip", str(target)]) == 0
    assert targets[0].read_bytes() == targets[1].read_bytes()
    with zipfile.ZipFile(targets[0]) as archive:
        archive.extractall(tmp_path / "out")
    unpacked = tmp_path / "out" / run_dir.name
    done = subprocess.run(
        [sys.executable, "-I", "-S", unpacked / "evidence" / "verify.py"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout
    assert str(evidence.pack_id(run_dir)) in done.stdout


def test_archive_of_what_was_changed_is_refused(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Nor is another file replaced, nor the run itself added to."""
    target = tmp_path / "a.zip"
    call = ["export", str(copy), "--zip", str(target)]
    target.write_text("mine")
    assert cli.main(call) == 2
    assert "exists already" in capsys.readouterr().err
    assert cli.main([*call, "--force"]) == 0
    assert zipfile.is_zipfile(target)
    assert cli.main(["export", str(copy), "--zip", str(copy / "a.zip")]) == 2
    (copy / "new.txt").touch()
    assert cli.main([*call, "--force"]) == 2
    assert "new.txt is not part of the sealed pack" in capsys.readouterr().err
