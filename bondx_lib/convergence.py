"""When to stop: four rules over the history of a run, each one visible comparison, and a bound.

1. *Models converged*: in each of the last K epochs the mean champion skill gained less than the
   threshold over the best so far (K = ``improvement_patience``).
2. *Quality stable*: the variance of the quality score over those epochs is below its limit and
   their mean is at least ``quality_threshold``.
3. *Plateau*: rule 1 has held for K epochs more without the run having converged, and over the last
   2 K epochs the challengers do not gain the threshold per epoch either.
4. *Epoch limit*: ``max_epochs`` epochs are done.

Patience alone proves little: champions change only on evidence, so they stand still for a while on
a curve that still rises. The *improvement bound* therefore looks at the challengers, one per epoch:
the upper 95 % bound of the gain per epoch of their mean skill over the last 2 K epochs, or the last
20 if that is more, is below the threshold. From epoch 2 K on fewer will do: all there are.

Only a run that rules 1 and 2 and the bound call settled, whose champions no blocking gate refuses
and whose models all beat the floor is called converged. Everything here is a pure function of the
history; how often it is wrong stands in ``docs/stopping.md``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.special import stdtrit

from bondx_lib.parameters import Parameters

PLATEAU_PATIENCES: Final = 2
WINDOW_PATIENCES: Final = 2
LONG_WINDOW: Final = 20
"""Shorter windows, looked at again and again, find some stretch that looks flat too easily."""
FEWEST_EPOCHS: Final = 3
"""A line through fewer points leaves nothing to tell its error from."""
CONFIDENCE: Final = 0.95
LARGEST_CORRELATION: Final = 0.9


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
    challengers
        Skill of each model's challenger in the epoch.
    passed
        Whether no blocking gate refuses a champion; refused data never get into an epoch.
    """

    epoch: int
    quality: float
    skills: Mapping[str, float]
    challengers: Mapping[str, float]
    passed: bool

    @property
    def score(self) -> float:
        """Return the mean champion skill."""
        return float(np.mean(list(self.skills.values())))

    @property
    def challenge(self) -> float:
        """Return the mean challenger skill."""
        return float(np.mean(list(self.challengers.values())))


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
class Trend:
    """Gain per epoch of a straight line through scores, and its upper 95 % bound."""

    gain: float
    bound: float


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
    >>> skill = {"spread": 0.8}
    >>> flat = [EpochRecord(n, 0.97, skill, skill, True) for n in (1, 2, 3, 4)]
    >>> assess(flat, chosen).status
    'converged'
    >>> assess(flat[:3], chosen).status
    'running'
    """
    patience = parameters.improvement_patience
    idle = idle_epochs([record.score for record in history], parameters.convergence_threshold)
    challenges = [record.challenge for record in history]
    needed = (
        _models(history, idle, parameters),
        _improvement(judged(challenges, patience), parameters),
        _quality(history[-patience:], parameters),
    )
    plateau = _plateau(idle, challenges, parameters)
    limit = _limit(len(history), parameters.max_epochs)
    objections = _objections(history[-patience:])
    missing = [rule.sentence for rule in needed if not rule.holds] + objections
    status, reason = "running", "models or quality are still moving"
    if not missing:
        status, reason = "converged", " ".join(rule.sentence for rule in needed)
    elif plateau.holds:
        status, reason = "plateaued", " ".join([plateau.sentence, *missing])
    elif limit.holds:
        status, reason = "epoch_limit", " ".join([limit.sentence, *missing])
    return Verdict(status, reason, (*needed, plateau, limit), max(patience - idle, 0))


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


def judged(scores: Sequence[float], patience: int) -> Sequence[float]:
    """Return the scores over which the challengers' gain is judged, none while they are too few.

    >>> [len(judged(range(epochs), 3)) for epochs in (5, 6, 15, 30)]
    [0, 6, 15, 20]
    >>> [len(judged(range(epochs), 15)) for epochs in (29, 30, 60)]
    [0, 30, 30]
    """
    least = _least(patience)
    return scores[-max(least, LONG_WINDOW) :] if len(scores) >= least else ()


def _least(patience: int) -> int:
    return max(WINDOW_PATIENCES * patience, FEWEST_EPOCHS)


def trend(scores: Sequence[float]) -> Trend:
    """Return the gain per epoch of the scores' least-squares line, and its upper 95 % bound.

    bound = b + t s √((1 + r) / (1 - r)), with slope b and its usual standard error s, Student's
    t of n - 2 degrees of freedom, and r the correlation of neighbouring residuals, between 0 and
    0.9. A line takes about (2 + 4 r) / n of that correlation away, which is given back first.

    Parameters
    ----------
    scores
        One per epoch, in order, at least three.

    Examples
    --------
    >>> trend([0.1, 0.2, 0.3, 0.4]).gain.__round__(6)
    0.1
    >>> still = trend([0.80, 0.82, 0.79, 0.81, 0.80])
    >>> still.gain < 0 < still.bound
    True
    """
    values = np.asarray(scores, dtype=float)
    n = len(values)
    times = np.arange(n) - (n - 1) / 2
    spread = float(times @ times)
    gain = float(times @ values) / spread
    residuals = values - values.mean() - gain * times
    left = float(residuals @ residuals)
    if left == 0:
        return Trend(gain, gain)
    seen = float(residuals[1:] @ residuals[:-1]) / left
    correlation = min(max(seen + (2 + 4 * seen) / n, 0.0), LARGEST_CORRELATION)
    inflation = (1 + correlation) / (1 - correlation)
    error = float(np.sqrt(left / (n - 2) / spread * inflation))
    return Trend(gain, gain + float(stdtrit(n - 2, CONFIDENCE)) * error)


def _models(history: Sequence[EpochRecord], idle: int, parameters: Parameters) -> Rule:
    patience, threshold = parameters.improvement_patience, parameters.convergence_threshold
    holds = idle >= patience
    gain = _last_gain([record.score for record in history])
    gained = f"less than {threshold:g}" if idle else f"{threshold:g} or more"
    last = f"each of the last {idle} epochs" if idle > 1 else "the last epoch"
    sentence = f"Mean skill has gained {gained} in {last} (less needed in {patience})."
    return Rule("model convergence", holds, gain, threshold, sentence)


def _last_gain(scores: Sequence[float]) -> float | None:
    return None if len(scores) < 2 else float(scores[-1] - max(scores[:-1]))


def _improvement(scores: Sequence[float], parameters: Parameters) -> Rule:
    threshold = parameters.convergence_threshold
    if not scores:
        epochs = _least(parameters.improvement_patience)
        sentence = f"The challengers' gain is judged over at least {epochs} epochs."
        return Rule("improvement bound", False, None, threshold, sentence)
    found = trend(scores)
    sentence = (
        f"Over the last {len(scores)} epochs the challengers' mean skill gained {found.gain:.5f} an"
        f" epoch, with 95 % confidence at most {found.bound:.5f} (below {threshold:g} needed)."
    )
    return Rule("improvement bound", found.bound < threshold, found.bound, threshold, sentence)


def _quality(recent: Sequence[EpochRecord], parameters: Parameters) -> Rule:
    limit, least = parameters.quality_variance_max, parameters.quality_threshold
    if len(recent) < parameters.improvement_patience:
        sentence = f"Quality is judged over at least {parameters.improvement_patience} epochs."
        return Rule("quality stability", False, None, limit, sentence)
    scores = [record.quality for record in recent]
    variance, mean = float(np.var(scores)), float(np.mean(scores))
    sentence = (
        f"Quality over {len(recent)} epochs has variance {variance:.2g} (below {limit:g} needed)"
        f" and mean {mean:.3f} (at least {least:g} needed)."
    )
    holds = variance < limit and mean >= least
    return Rule("quality stability", holds, variance, limit, sentence)


def _plateau(idle: int, challenges: Sequence[float], parameters: Parameters) -> Rule:
    patience, threshold = parameters.improvement_patience, parameters.convergence_threshold
    limit = PLATEAU_PATIENCES * patience
    long = idle >= limit
    rising = long and trend(challenges[-_least(patience) :]).gain >= threshold
    sentence = f"No champion has improved for {idle} epochs (a plateau after {limit})."
    if rising:
        sentence = f"{sentence[:-1]}, but the challengers still rise."
    return Rule("plateau", long and not rising, float(idle), float(limit), sentence)


def _limit(done: int, most: int) -> Rule:
    sentence = f"{done} of at most {most} {'epochs are' if most > 1 else 'epoch is'} done."
    return Rule("epoch limit", done >= most, float(done), float(most), sentence)


def _objections(recent: Sequence[EpochRecord]) -> list[str]:
    """Say what forbids the word converged although the rules hold."""
    failing = [str(record.epoch) for record in recent if not record.passed]
    useless = sorted(name for name, skill in (recent[-1].skills if recent else {}).items()
                     if not skill > 0)  # fmt: skip
    objections = []
    if failing:
        epochs = "epochs" if len(failing) > 1 else "epoch"
        objections.append(f"A blocking gate refuses a champion of {epochs} {', '.join(failing)}.")
    if useless:
        objections.append(f"No better than the floor: {', '.join(useless)}.")
    return objections
