"""When to stop: four rules over the history of a run, each one visible comparison.

1. *Models converged*: in each of the last K epochs the mean champion skill gained less than the
   threshold over the best so far (K = ``improvement_patience``).
2. *Quality stable*: the variance of the quality score over those epochs is below its limit and
   their mean is at least ``quality_threshold``.
3. *Plateau*: rule 1 has held for 2 K epochs without rule 2.
4. *Epoch limit*: ``max_epochs`` epochs are done.

Only a run whose models and quality have both settled, whose champions no blocking gate refuses and
whose models all beat the floor is called converged. Everything here is a pure function of the
history.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from bondx_lib.parameters import Parameters

PLATEAU_PATIENCES: Final = 2


@dataclass(frozen=True)
class EpochRecord:
    """What the decision needs to know of one committed epoch.

    Attributes
    ----------
    epoch
        Its number.
    quality
        Quality score of its variation, 0 to 1.
    skills
        Skill of each model's champion after the epoch.
    passed
        Whether no blocking gate refuses a champion; refused data never get into an epoch.
    """

    epoch: int
    quality: float
    skills: Mapping[str, float]
    passed: bool

    @property
    def score(self) -> float:
        """Return the mean champion skill."""
        return float(np.mean(list(self.skills.values())))


@dataclass(frozen=True)
class Rule:
    """One stopping rule: what was observed, against which limit, and whether it holds."""

    name: str
    holds: bool
    observed: float | None
    threshold: float
    sentence: str

    def to_dict(self) -> dict[str, object]:
        """Return plain values."""
        return dict(vars(self))


@dataclass(frozen=True)
class Verdict:
    """The decision after an epoch.

    ``status`` is ``running``, ``converged``, ``plateaued`` or ``epoch_limit``.
    """

    status: str
    reason: str
    rules: tuple[Rule, ...]
    patience_left: int

    @property
    def stops(self) -> bool:
        """Say whether the run ends here."""
        return self.status != "running"


def assess(history: Sequence[EpochRecord], parameters: Parameters) -> Verdict:
    """Decide whether a run goes on.

    Parameters
    ----------
    history
        Committed epochs in order.
    parameters
        Thresholds and patience.

    Examples
    --------
    A run that learns nothing more, on good data, has converged:

    >>> from bondx_lib import parameters
    >>> chosen = parameters.load(None, {"improvement_patience": "2"})
    >>> flat = [EpochRecord(n, 0.97, {"spread": 0.8}, True) for n in (1, 2, 3)]
    >>> assess(flat, chosen).status
    'converged'
    >>> assess(flat[:2], chosen).status
    'running'
    """
    patience = parameters.improvement_patience
    idle = idle_epochs([record.score for record in history], parameters.convergence_threshold)
    rules = (
        _models(history, idle, parameters),
        _quality(history[-patience:], parameters),
        _plateau(idle, patience),
        _limit(len(history), parameters.max_epochs),
    )
    models, quality, plateau, limit = (rule.holds for rule in rules)
    objections = _objections(history[-patience:])
    status, reason = "running", "models or quality are still moving"
    if models and quality and not objections:
        status, reason = "converged", f"{rules[0].sentence} {rules[1].sentence}"
    elif plateau:
        status, reason = "plateaued", " ".join([rules[2].sentence, *objections])
    elif limit:
        status, reason = "epoch_limit", " ".join([rules[3].sentence, *objections])
    return Verdict(status, reason, rules, max(patience - idle, 0))


def idle_epochs(scores: Sequence[float], threshold: float) -> int:
    """Return how many epochs in a row, up to the last, gained less than the threshold.

    The gain of an epoch is its score less the best score before it; the first epoch always gains.

    >>> idle_epochs([0.1, 0.5, 0.5005, 0.4, 0.5008], 0.001)
    3
    """
    best, idle = -np.inf, 0
    for score in scores:
        idle = 0 if score - best >= threshold else idle + 1
        best = max(best, score)
    return idle


def _models(history: Sequence[EpochRecord], idle: int, parameters: Parameters) -> Rule:
    patience, threshold = parameters.improvement_patience, parameters.convergence_threshold
    holds = idle >= patience
    gain = _last_gain([record.score for record in history])
    sentence = (
        f"Mean skill has gained less than {threshold:g} in each of the last {idle} epochs"
        f" (needed: {patience})."
    )
    return Rule("model convergence", holds, gain, threshold, sentence)


def _last_gain(scores: Sequence[float]) -> float | None:
    return None if len(scores) < 2 else float(scores[-1] - max(scores[:-1]))


def _quality(window: Sequence[EpochRecord], parameters: Parameters) -> Rule:
    limit, least = parameters.quality_variance_max, parameters.quality_threshold
    if len(window) < parameters.improvement_patience:
        sentence = f"Quality is judged over {parameters.improvement_patience} epochs."
        return Rule("quality stability", False, None, limit, sentence)
    scores = [record.quality for record in window]
    variance, mean = float(np.var(scores)), float(np.mean(scores))
    sentence = (
        f"Quality over {len(window)} epochs has variance {variance:.2g} (below {limit:g} needed)"
        f" and mean {mean:.3f} (at least {least:g} needed)."
    )
    holds = variance < limit and mean >= least
    return Rule("quality stability", holds, variance, limit, sentence)


def _plateau(idle: int, patience: int) -> Rule:
    limit = PLATEAU_PATIENCES * patience
    sentence = f"Nothing has improved for {idle} epochs (a plateau after {limit})."
    return Rule("plateau", idle >= limit, float(idle), float(limit), sentence)


def _limit(done: int, most: int) -> Rule:
    sentence = f"{done} of at most {most} epochs are done."
    return Rule("epoch limit", done >= most, float(done), float(most), sentence)


def _objections(window: Sequence[EpochRecord]) -> list[str]:
    """Say what forbids the word converged although the rules hold."""
    failing = [str(record.epoch) for record in window if not record.passed]
    useless = sorted(name for name, skill in (window[-1].skills if window else {}).items()
                     if not skill > 0)  # fmt: skip
    objections = []
    if failing:
        objections.append(f"A blocking gate refuses a champion of epoch {', '.join(failing)}.")
    if useless:
        objections.append(f"No better than the floor: {', '.join(useless)}.")
    return objections
