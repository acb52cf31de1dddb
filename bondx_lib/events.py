"""The events of a run's log: what each kind says, field by field, and what is admissible.

A line of the log holds ``seq``, ``at``, ``event`` and ``prev`` besides, which
:mod:`bondx_lib.runlog` writes and checks. ``docs/events.md`` is made from this module.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from bondx_lib.parameters import Advanced
from bondx_lib.vocabulary import Severity, Verdict

LONGEST: Final = 60
"""Characters of a value that an error repeats."""


def _inside(path: str) -> str:
    """Refuse a path that leaves the run folder."""
    if not {"", ".", ".."}.isdisjoint(path.split("/")):
        raise ValueError("must be a path inside the run folder")
    return path


Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Count = Annotated[int, Field(ge=0)]
Number = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Files = dict[Annotated[str, AfterValidator(_inside)], Digest]
Pair = Annotated[list[float | None], Field(min_length=2, max_length=2)]
Limit = float | Annotated[list[float], Field(min_length=2, max_length=2)]
Stage = Literal["generate", "gate", "train", "evaluate", "judge", "promote", "commit"]
Ending = Literal["converged", "plateaued", "epoch_limit", "blocked", "failed", "stopped"]


class Strict(BaseModel):
    """No field more, none less, and no value of another type."""

    model_config = ConfigDict(strict=True, extra="forbid", frozen=True, allow_inf_nan=False)


class Finding(Strict):
    """What a gate found in one slice: a :class:`bondx_lib.gates.Finding` in plain values."""

    gate: Name
    slice: str
    observed: float | None
    interval: Pair | None
    threshold: Limit
    n: Count
    severity: Severity
    verdict: Verdict
    message: str
    used: float | None
    rows: list[Count]


class Segment(Strict):
    """The loss in one segment of the rows, beside that of no model."""

    by: Name
    segment: str
    rows: Count
    loss: float
    floor: float
    low: float | None
    high: float | None


class Decile(Strict):
    """Predicted and observed frequency in one tenth of the predictions."""

    rows: Count
    predicted: float
    observed: float
    low: float
    high: float


class Coverage(Strict):
    """How many cases lie inside the prediction interval, and how wide it is."""

    rating: str
    rows: Count
    coverage: float
    low: float | None
    high: float | None
    width: float | None


class Recall(Strict):
    """How many of the rows with one kind of damage are found."""

    kind: Name
    rows: Number
    recall: float
    low: float
    high: float


class Scores(Strict):
    """How good predictions are: :class:`bondx_lib.models.Scores`, null for what is not known."""

    model: Name
    loss_name: str
    loss: float | None
    loss_low: float | None
    loss_high: float | None
    floor: float | None
    floor_low: float | None
    floor_high: float | None
    linear: float | None
    linear_low: float | None
    linear_high: float | None
    ceiling: float | None
    ceiling_low: float | None
    ceiling_high: float | None
    full_state: float | None
    skill: float | None
    skill_low: float | None
    skill_high: float | None
    linear_skill: float | None
    rows: Count
    events: Count
    mse: float | None
    r2: float | None
    accuracy: float | None
    base_rate: float | None
    auc: float | None
    log_loss: float | None
    brier: float | None
    average_precision: float | None
    calibration_intercept: float | None
    calibration_intercept_low: float | None
    calibration_intercept_high: float | None
    calibration_slope: float | None
    calibration_slope_low: float | None
    calibration_slope_high: float | None
    alert_rate: float | None
    segments: list[Segment]
    deciles: list[Decile]
    coverage: list[Coverage]
    recalls: list[Recall]


class Rule(Strict):
    """A stopping rule as it stood: a :class:`bondx_lib.convergence.Rule`."""

    name: str
    holds: bool
    observed: float | None
    threshold: float
    sentence: str


class Gain(Strict):
    """What an option of a model was worth on the benchmark market, with its 95 % interval."""

    model: Name
    option: Name
    gain: float | None
    low: float | None
    high: float | None


class Setting(Strict):
    """What a gate is held against in this run."""

    threshold: Limit
    severity: Severity


class Judging(Strict):
    """What a report says of how scores were taken."""

    model_config = ConfigDict(extra="allow")

    interval_coverage: Share


class Asked(Strict):
    """The parameters of the run, all of them; those that every view needs are looked at."""

    model_config = ConfigDict(extra="allow")

    models: Annotated[list[Name], Field(min_length=1)]
    max_epochs: Number
    dataset_size: Number
    improvement_patience: Number
    convergence_threshold: float
    quality_threshold: float
    scenario: str
    evaluation: Judging
    advanced: Advanced


class Parent(Strict):
    """The run that this one was forked from, as it stood then."""

    run: str
    digest: Digest
    events: Count
    status: str
    epochs: Count
    parameters_digest: str
    pack_id: Digest | None


class RunStarted(Strict):
    """Once, as the first line, by whoever began the run: what was fixed before it."""

    log_version: Number = Field(description="version of this format")
    name: str = Field(description="the run's name")
    version: str = Field(description="version of BondX")
    schema_version: Number = Field(description="version of the columns")
    parameters_digest: Digest = Field(description="SHA-256 of the parameters")
    gates_digest: Digest = Field(description="SHA-256 of thresholds and severities")
    gates: dict[Name, Setting | Digest] = Field(
        description="every gate that is on; SHA-256 of the reference that they look at"
    )
    parameters: Asked = Field(description="every parameter and its value")
    pid: int = Field(description="process that runs it")
    process_start: str | None = Field(description="when that process began, as its system tells")
    code: dict[str, str] = Field({}, description="file of code to the beginning of its SHA-256")
    computed_with: dict[str, str] = Field({}, description="library to version; machine, Python")
    parent: Parent | None = Field(None, description="run that it was forked from")


class MarketDrawn(Strict):
    """Once for each evaluation market, by the runner: the audit market just before the end."""

    market: Literal["benchmark", "audit"] = Field(description="which")
    rows: Count = Field(description="rows of its panel")
    digest: Digest = Field(description="SHA-256 over its files")


class EpochStarted(Strict):
    """At every attempt at an epoch, by the runner, or by the notebook if it was run by hand."""

    epoch: Number = Field(description="which epoch")
    attempt: Number = Field(description="which try at it")
    kernel: Literal["warm", "cold", "own"] = Field(
        description="started ahead of time, started now, or somebody else's"
    )


class StageStarted(Strict):
    """Before each stage, by the epoch's kernel."""

    epoch: Number = Field(description="which epoch")
    stage: Stage = Field(description="what begins")


class DatasetRejected(Strict):
    """When blocking gates refuse a draw, by the epoch's kernel; another draw follows."""

    epoch: Number = Field(description="which epoch")
    draw: Count = Field(description="which draw of the epoch, from 0")
    stream: str = Field(description="random stream it was drawn from")
    findings: list[Finding] = Field(description="worst finding of each gate")
    reason: str = Field(description="the gates' words")


class DatasetAccepted(Strict):
    """When no blocking gate refuses a draw, by the epoch's kernel."""

    epoch: Number = Field(description="which epoch")
    draw: Count = Field(description="which draw of the epoch, from 0")
    stream: str = Field(description="random stream it was drawn from")
    mix: dict[str, float] = Field(description="segment to factor it was drawn more often by")
    rows: Count = Field(description="rows")
    bonds: Count = Field(description="bonds")
    issuers: Count = Field(description="issuers")
    digest: Digest = Field(description="SHA-256 of its rows")
    findings: list[Finding] = Field(description="worst finding of each gate")
    quality: Share = Field(description="quality score, from 0 to 1")
    band: str = Field(description="the score in a word")


class ModelTrained(Strict):
    """For each challenger, by the epoch's kernel."""

    epoch: Number = Field(description="which epoch")
    model: Name = Field(description="which model")
    seconds: Annotated[float, Field(ge=0)] = Field(description="wall clock of its training, s")
    rows: Count = Field(description="rows it learned from")
    digest: Digest = Field(description="SHA-256 of what it learned from and how")


class ModelScored(Strict):
    """For each challenger, after it was judged on the benchmark market, by the epoch's kernel."""

    epoch: Number = Field(description="which epoch")
    model: Name = Field(description="which model")
    role: Literal["challenger", "champion"] = Field(description="as what it was judged")
    scores: Scores = Field(description="loss, skill and the rest, each with its interval")


class ModelsJudged(Strict):
    """When the gates on models have looked at the challengers, by the epoch's kernel."""

    epoch: Number = Field(description="which epoch")
    findings: list[Finding] = Field(description="worst finding of each gate")
    refused: dict[Name, list[Name]] = Field(description="model to the gates that refuse it")


class _Decided(Strict):
    epoch: Number = Field(description="which epoch")
    model: Name = Field(description="which model")
    difference: float | None = Field(
        description="loss of the champion less loss of the challenger; null without a champion"
    )
    low: float | None = Field(description="lower end of its 95 % interval")
    high: float | None = Field(description="upper end")
    reason: str = Field(description="why, in a sentence")


class ChampionPromoted(_Decided):
    """When a challenger becomes champion, by the epoch's kernel."""


class ChampionKept(_Decided):
    """When a champion stays, by the epoch's kernel."""


class DrawSteered(Strict):
    """Once an epoch, by its kernel: what the next draw should hold more of."""

    epoch: Number = Field(description="which epoch")
    mix: dict[str, float] = Field(description="segment to factor; empty for a plain draw")
    reasons: list[str] = Field(description="a sentence for each segment")


class EpochCommitted(Strict):
    """Once an epoch, by its kernel: from here on its results count."""

    epoch: Number = Field(description="which epoch")
    quality: Share = Field(description="quality score of its variation")
    skills: dict[Name, float | None] = Field(description="model to skill of its champion")
    artefacts: Files = Field(description="file to SHA-256, of all that the epoch wrote")


class EpochFailed(Strict):
    """When an attempt fails, by the runner."""

    epoch: Number = Field(description="which epoch")
    attempt: Number = Field(description="which try at it")
    error: str = Field(description="name of the error")
    message: str = Field(description="its words")
    retry: bool = Field(description="whether it is tried again")


class EpochBlocked(Strict):
    """When gates have refused every draw of an epoch, by its kernel; the run ends blocked."""

    epoch: Number = Field(description="which epoch")
    findings: list[Finding] = Field(description="worst finding of each gate in the last draw")
    advice: str = Field(description="what would let draws pass")


class Assessed(Strict):
    """After each epoch, by its kernel: what the stopping rules say."""

    epoch: Number = Field(description="which epoch")
    status: Literal["running", "converged", "plateaued", "epoch_limit"] = Field(
        description="whether the run ends, and as what"
    )
    reason: str = Field(description="why, in sentences")
    rules: list[Rule] = Field(description="every rule as it stands")
    patience_left: int = Field(description="epochs without a gain until the run ends")


class Paused(Strict):
    """When the runner begins to wait because it was asked to."""

    epoch: Count = Field(description="epochs committed so far")


class Continued(Paused):
    """When it waits no more."""


class OptionsCompared(Strict):
    """Once at the end, by the runner, if options of the models are on."""

    gains: list[Gain] = Field(description="what each option was worth")


class ChampionsExamined(Strict):
    """Once at the end, by the runner: the close look at the champions."""

    findings: list[Finding] = Field(description="worst finding of each gate")
    artefacts: Files = Field(description="file to SHA-256, of what the look wrote")


class AuditOpened(Strict):
    """Once at the end, by the runner: the champions on the audit market."""

    scores: dict[Name, Scores] = Field(description="model to its scores")


class DatasetsWritten(Strict):
    """Once at the end, by the runner."""

    files: Files = Field(description="file to SHA-256, of the final data set in each format")


class RunInterrupted(Strict):
    """When a signal, a wish or a disk broke the run off, by the runner; it can be resumed."""

    signal: str = Field(description="name of the signal, of the wish, or of the disk's error")


class RunResumed(Strict):
    """When a run is taken up again, by the new runner."""

    epoch: Count = Field(description="epochs committed so far")
    pid: int = Field(description="process that runs it now")
    process_start: str | None = Field(description="when that process began, as its system tells")


class RunFinished(Strict):
    """At the end, by the runner; report and seal follow."""

    status: Ending = Field(description="how it ended")
    reason: str = Field(description="why, in sentences")
    exit_code: Count = Field(description="exit code of the command")
    artefacts: Files = Field(description="file to SHA-256, of the champions")


class PackFailed(Strict):
    """When report or evidence could not be written, by the runner."""

    error: str = Field(description="name of the error")
    message: str = Field(description="its words")


KINDS: Final[dict[str, type[Strict]]] = {
    re.sub(r"(?<=[a-z])(?=[A-Z])", "_", one.__name__).lower(): one
    for one in (
        RunStarted, MarketDrawn, EpochStarted, StageStarted, DatasetRejected, DatasetAccepted,
        ModelTrained, ModelScored, ModelsJudged, ChampionPromoted, ChampionKept, DrawSteered,
        EpochCommitted, EpochFailed, EpochBlocked, Assessed, Paused, Continued, OptionsCompared,
        ChampionsExamined, AuditOpened, DatasetsWritten, RunInterrupted, RunResumed, RunFinished,
        PackFailed,
    )
}  # fmt: skip
"""Every kind of event."""


def problem(kind: str, fields: Mapping[str, Any]) -> str | None:
    """Return what is wrong with an event's fields in a sentence, None if nothing is.

    >>> problem("stage_started", {"epoch": 0, "stage": "train"})
    'stage_started: epoch is 0: input should be greater than or equal to 1'
    """
    try:
        KINDS[kind].model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False)[0]
        where = _short(".".join(str(part) for part in first["loc"]))
        if first["type"] == "missing":
            return f"{kind} lacks {where}"
        if first["type"] == "extra_forbidden":
            return f"{kind} does not know {where}"
        what = first["msg"][:1].lower() + first["msg"][1:]
        return f"{kind}: {where} is {_short(repr(first['input']))}: {what}"
    return None


def _short(text: str) -> str:
    """Return a text that fits into a sentence, whatever it holds."""
    shown = text if text.isprintable() else ascii(text)
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]}…"
