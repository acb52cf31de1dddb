"""What can be set: every key with its type, range, unit and default."""

from __future__ import annotations

import hashlib
import json
import re
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationInfo, field_validator

from bondx_lib.errors import nearest
from bondx_lib.vocabulary import MODELS, SCENARIOS, Severity

NOT_IDENTITY: Final = ("name", "output", "logging", "execution")
"""Blocks that decide where and how a run works, not what it computes."""

ExportFormat = Literal["csv", "jsonl", "json", "parquet"]
TUNABLE: Final = {"n_estimators": (1, 5000), "max_depth": (1, 16), "learning_rate": (0.001, 1)}
"""Least and largest value that tuning may try."""
MODEL_RANGE: Final = f"{', '.join(MODELS)}, and models that packages add"
LEARNER_RANGE: Final = "xgboost, random_forest, gradient_boosting, linear, and learners added"
GATE_RANGE: Final = "names as `bondx gates` lists them"
SCENARIO_RANGE: Final = f"one of {', '.join(SCENARIOS)}; several joined by +"


EXPONENT: Final = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
"""Numbers that YAML 1.1 takes for text: it wants a point and a sign in them, as in ``1.0e-4``."""


def as_number(value: Any) -> Any:
    """Return the number that a text with an exponent is, and anything else as it is.

    >>> as_number("1e-4"), as_number("e4"), as_number(2)
    (0.0001, 'e4', 2)
    """
    return float(value) if isinstance(value, str) and EXPONENT.fullmatch(value) else value


Real = Annotated[float, BeforeValidator(as_number)]


class _Block(BaseModel):
    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)


def _unit(unit: str) -> dict[str, Any]:
    return {"unit": unit}


Threshold = Real | tuple[Real, Real]


class QualityGates(_Block):
    """Which gates are asked, with which thresholds, and how much a failure matters."""

    profile: Literal["exploratory", "standard", "strict"] = Field(
        "standard",
        description="how hard all gates judge: exploratory one step milder, strict one step harder",
    )

    coverage_min: Real = Field(
        90.0, ge=0, le=100, description="required cells that are filled, at least",
        json_schema_extra=_unit("%"),
    )  # fmt: skip
    esg_missing_max: Real = Field(
        20.0, ge=0, le=100, description="rows without an ESG score, at most",
        json_schema_extra=_unit("%"),
    )  # fmt: skip
    liquidity_index_median_min: Real = Field(
        30.0, ge=0, le=100, description="median of the liquidity index, at least",
        json_schema_extra=_unit("index"),
    )  # fmt: skip
    negative_spreads_max_pct: Real = Field(
        1.0, ge=0, le=100, description="rows with a negative spread, at most",
        json_schema_extra=_unit("%"),
    )  # fmt: skip
    maturity_anomalies_max_pct: Real = Field(
        0.1, ge=0, le=100, description="rows whose maturity cannot be right, at most",
        json_schema_extra=_unit("%"),
    )  # fmt: skip
    thresholds: dict[str, Threshold] = Field(
        {}, description="thresholds of other gates, by name",
        json_schema_extra={"range": f"a number, or [low, high]; {GATE_RANGE}"},
    )  # fmt: skip
    severities: dict[str, Severity] = Field(
        {}, description="how much a gate's failure matters, by name, whatever the profile says",
        json_schema_extra={"range": f"block, warn or info; {GATE_RANGE}"},
    )  # fmt: skip
    disabled: tuple[str, ...] = Field(
        (), description="gates that are not asked", json_schema_extra={"range": GATE_RANGE}
    )

    @field_validator("disabled", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("thresholds", mode="before")
    @classmethod
    def _as_pairs(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        return {name: tuple(one) if isinstance(one, list) else one for name, one in value.items()}

    @field_validator("thresholds")
    @classmethod
    def _in_order(cls, values: dict[str, Threshold]) -> dict[str, Threshold]:
        for name, one in values.items():
            if isinstance(one, tuple) and not one[0] < one[1]:
                raise ValueError(f"the ends of {name} are not in order: {list(one)}")
        return values


class Output(_Block):
    """Where runs go and what they export."""

    base_directory: str = Field("runs", min_length=1, description="folder that holds the runs")
    export_formats: tuple[ExportFormat, ...] = Field(
        ("csv", "jsonl", "json", "parquet"), description="formats of the final dataset"
    )

    @field_validator("export_formats", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value


class Logging(_Block):
    """How much the run's log file says."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="least severe message that is logged"
    )


class ParameterRanges(_Block):
    """Values that tuning may try."""

    n_estimators: tuple[int, ...] = Field(
        (100, 200, 300), description="trees to try", json_schema_extra={"range": "1 to 5000 each"}
    )
    max_depth: tuple[int, ...] = Field(
        (3, 5, 7), description="tree depths to try", json_schema_extra={"range": "1 to 16 each"}
    )
    learning_rate: tuple[Real, ...] = Field(
        (0.05, 0.1, 0.2), description="step sizes to try",
        json_schema_extra={"range": "0.001 to 1 each"},
    )  # fmt: skip

    @field_validator("*", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("*")
    @classmethod
    def _within(cls, values: tuple[float, ...], info: ValidationInfo) -> tuple[float, ...]:
        low, high = TUNABLE[str(info.field_name)]
        if not values or not all(low <= value <= high for value in values):
            raise ValueError(f"is not admissible: one or more values from {low:g} to {high:g}")
        return values


class Advanced(_Block):
    """Options of the supervised models that are off by default."""

    enable_hyperparameter_tuning: bool = Field(
        False, description="try settings out of parameter_ranges in every epoch"
    )
    tuning_method: Literal["grid_search", "random", "optuna"] = Field(
        "grid_search",
        description="how settings are picked: one after another, at random, or by Optuna",
    )
    trials_per_epoch: int = Field(
        4, ge=1, le=200, description="settings tried in each epoch; the search goes on in the next",
        json_schema_extra=_unit("trials"),
    )  # fmt: skip
    parameter_ranges: ParameterRanges = ParameterRanges()
    enable_ensemble_methods: bool = Field(
        False, description="put base_models in place of each model's own learners"
    )
    ensemble_strategy: Literal["voting", "stacking"] = Field(
        "voting",
        description="how base_models are combined: by their mean, or by weights that are learnt",
    )
    base_models: tuple[str, ...] = Field(
        ("xgboost", "random_forest", "gradient_boosting"), description="learners to combine",
        min_length=1, json_schema_extra={"range": LEARNER_RANGE},
    )  # fmt: skip
    enable_feature_selection: bool = Field(
        False, description="let models learn from max_features features alone"
    )
    selection_method: Literal["mutual_info"] = Field(
        "mutual_info", description="how features are ranked: by mutual information with the label"
    )
    max_features: Annotated[int, Field(ge=1, le=500, description="features kept, at most")] = 20

    @field_validator("base_models", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("base_models")
    @classmethod
    def _once_each(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(names)) < len(names):
            raise ValueError("names a learner twice")
        return names

    @property
    def options(self) -> tuple[str, ...]:
        """Return the names of the options that are on."""
        flags = {
            "tuning": self.enable_hyperparameter_tuning,
            "ensemble": self.enable_ensemble_methods,
            "selection": self.enable_feature_selection,
        }
        return tuple(name for name, on in flags.items() if on)

    def only(self, option: str | None) -> Advanced:
        """Return the same options with all but one switched off, or with all."""
        return self.model_copy(
            update={
                "enable_hyperparameter_tuning": option == "tuning",
                "enable_ensemble_methods": option == "ensemble",
                "enable_feature_selection": option == "selection",
            }
        )


class Evaluation(_Block):
    """The benchmark and audit markets and the intervals of scores."""

    worlds: int = Field(
        16, ge=1, le=200, description="independent macro paths in each evaluation market",
        json_schema_extra=_unit("worlds"),
    )  # fmt: skip
    bonds_per_world: int = Field(
        100, ge=10, le=10_000, description="bonds in each of them", json_schema_extra=_unit("bonds")
    )
    branches: int = Field(
        64, ge=8, le=4096, description="simulated futures behind each true downgrade probability",
        json_schema_extra=_unit("futures"),
    )  # fmt: skip
    interval_coverage: Real = Field(
        0.9, ge=0.5, le=0.99, description="share of cases that a prediction interval should hold",
        json_schema_extra=_unit("fraction"),
    )  # fmt: skip
    bootstrap_replicates: int = Field(
        200, ge=50, le=20_000, description="issuer resamples behind each interval",
        json_schema_extra=_unit("replicates"),
    )  # fmt: skip


class EpochRules(_Block):
    """What an epoch may do before it gives up, and what it asks of the next."""

    max_redraws: int = Field(
        5, ge=0, le=100, description="fresh draws after a variation was refused",
        json_schema_extra=_unit("draws"),
    )  # fmt: skip
    pool_limit: int | None = Field(
        None, ge=1, le=10_000, description="newest variations that models learn from; null: all",
        json_schema_extra=_unit("variations"),
    )  # fmt: skip
    steering: Literal["none", "warnings"] = Field(
        "none", description="what the next draw holds more of: segments that gates warn of"
    )


class Execution(_Block):
    """How the work is carried out; changes no result."""

    workers: int = Field(
        2,
        ge=1,
        le=64,
        description="models trained side by side",
        json_schema_extra=_unit("threads"),
    )
    epoch_timeout_seconds: int = Field(
        900, ge=10, le=86_400, description="longest an epoch may take",
        json_schema_extra=_unit("seconds"),
    )  # fmt: skip
    retries: int = Field(
        2, ge=0, le=10, description="new tries after a kernel died",
        json_schema_extra=_unit("tries"),
    )  # fmt: skip


class Parameters(_Block):
    """Everything that decides a run."""

    name: str = Field(
        "default", pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{0,39}$",
        description="name of the run: letters, digits, - and _",
    )  # fmt: skip
    max_epochs: int = Field(
        100, ge=1, le=10_000, description="epochs after which a run ends, whatever other rules say",
        json_schema_extra=_unit("epochs"),
    )  # fmt: skip
    convergence_threshold: Real = Field(
        0.001, gt=0, lt=1,
        description="least gain in mean skill, per epoch, that counts as improvement",
        json_schema_extra=_unit("skill"),
    )  # fmt: skip
    quality_threshold: Real = Field(
        0.95, ge=0, le=1, description="mean quality score a converged run must have",
        json_schema_extra=_unit("score"),
    )  # fmt: skip
    quality_variance_max: Real = Field(
        0.01, gt=0, le=1, description="variance below which the quality score is stable",
        json_schema_extra=_unit("score²"),
    )  # fmt: skip
    dataset_size: int = Field(
        150, ge=10, le=100_000, description="bonds in each variation",
        json_schema_extra=_unit("bonds"),
    )  # fmt: skip
    history_months: int = Field(
        36, ge=24, le=600, description="months of history of each bond",
        json_schema_extra=_unit("months"),
    )  # fmt: skip
    training_split: Real = Field(
        0.8, ge=0.5, le=0.95, description="share of issuers and of months that models train on",
        json_schema_extra=_unit("fraction"),
    )  # fmt: skip
    improvement_patience: int = Field(
        10, ge=1, le=1000, description="epochs without improvement until models count as converged",
        json_schema_extra=_unit("epochs"),
    )  # fmt: skip
    random_seed: int = Field(
        42, ge=0, le=2**63 - 1, description="the one seed of everything random"
    )
    models: tuple[str, ...] = Field(
        MODELS, description="models to train", min_length=1,
        json_schema_extra={"range": MODEL_RANGE},
    )  # fmt: skip
    scenario: str = Field(
        "baseline", description="what happens to the simulated economy",
        json_schema_extra={"range": SCENARIO_RANGE},
    )  # fmt: skip
    quality_gates: QualityGates = QualityGates()
    evaluation: Evaluation = Evaluation()
    epoch: EpochRules = EpochRules()
    output: Output = Output()
    logging: Logging = Logging()
    execution: Execution = Execution()
    advanced: Advanced = Advanced()

    @field_validator("models", mode="before")
    @classmethod
    def _as_tuple(cls, value: object) -> object:
        return tuple(value) if isinstance(value, list) else value

    @field_validator("models")
    @classmethod
    def _once_each(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            if not re.fullmatch(r"[a-z][a-z0-9_]{0,39}", name):
                raise ValueError(f"{name!r} is not admissible: lower-case letters, digits and _")
        if len(set(names)) < len(names):
            raise ValueError("names a model twice")
        return names

    @field_validator("scenario")
    @classmethod
    def _is_scenario(cls, names: str) -> str:
        for name in names.split("+"):
            if name not in SCENARIOS:
                near = nearest(name, SCENARIOS)
                meant = f"; did you mean {near!r}?" if near else ""
                raise ValueError(f"is not admissible: {SCENARIO_RANGE}{meant}")
        return names

    def to_yaml(self) -> str:
        """Return all values as YAML, in the order of declaration."""
        return yaml.safe_dump(self.model_dump(mode="json"), sort_keys=False, allow_unicode=True)

    def digest(self) -> str:
        """Return the SHA-256 of everything that decides results."""
        identity = self.model_dump(mode="json", exclude=set(NOT_IDENTITY))
        canonical = json.dumps(identity, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(canonical.encode()).hexdigest()
