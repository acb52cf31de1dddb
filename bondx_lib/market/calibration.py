"""Fit the market's free constants to published figures: ``make calibrate``.

Each constant has one target: an expression of facts, computed from the published table and from a
simulated market alike. All constants move together, each by its own rule, from round to round on
the same random numbers: multiplied by the ratio of published to simulated (``scale``) or shifted by
their difference times a gain (``shift``). What is left after the last round is written beside each
constant, so that a reader sees how well it could be fitted.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from bondx_lib.artefacts import write_text
from bondx_lib.market import constants, facts, measures
from bondx_lib.schema import LETTERS

Floats = NDArray[np.float64]
Values = Mapping[str, float]

ROUNDS: Final = 6
SEEDS: Final = 16
DAMPING: Final = 0.7
LARGEST_STEP: Final = 2.0
"""No constant is multiplied or divided by more than this in one round."""
DIGITS: Final = 4


@dataclass(frozen=True)
class Target:
    """What one constant is fitted to.

    Attributes
    ----------
    constant, place
        Name, and which element if it has several.
    says
        The expression in words of fact ids.
    of
        The expression itself, of published or of simulated values.
    rule, gain
        How the constant follows; ``gain`` is the power of the ratio or the factor of the
        difference.
    """

    constant: str
    place: int | None
    says: str
    of: Callable[[Values], float]
    rule: Literal["scale", "shift"]
    gain: float = 1.0


def fit(
    rounds: int = ROUNDS,
    seeds: int = SEEDS,
    workers: int = 1,
    progress: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Return the fitted constants with their residuals, as they are written.

    Parameters
    ----------
    rounds, seeds
        How often the constants move, and over how many markets a figure is averaged.
    workers
        Processes; the result does not depend on it.
    progress
        Called with a sentence after each round.
    """
    published = {str(name): float(value) for name, value in facts.table()["value"].items()}
    now = {name: value.copy() for name, value in constants.fitted().items()}
    with ProcessPoolExecutor(workers) as pool:
        for done in range(rounds + 1):
            simulated = _simulated(pool, now, seeds)
            missed = [abs(_miss(target, published, simulated)) for target in TARGETS]
            progress(f"round {done} of {rounds}: mean miss {np.nanmean(missed):.3f}")
            if done < rounds:
                for target in TARGETS:
                    _move(now, target, published, simulated)
    return _document(now, published, simulated, rounds, seeds)


def write(document: Mapping[str, Any]) -> Path:
    """Write fitted constants into the package and return the file's path."""
    path = Path(constants.__file__).with_name(constants.FILE_NAME)
    write_text(path, json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    return path


def _simulated(pool: ProcessPoolExecutor, now: Mapping[str, Floats], seeds: int) -> Values:
    measured = list(pool.map(_measure, range(seeds), [now] * seeds))
    names = {name for one in measured for name in one}
    values = {name: [one[name] for one in measured if np.isfinite(one.get(name, np.nan))]
              for name in names}  # fmt: skip
    return {name: float(np.mean(found)) if found else np.nan for name, found in values.items()}


def _measure(seed: int, now: Mapping[str, Floats]) -> measures.Measured:
    with constants.using(now):
        return measures.of_seed(seed)


def _miss(target: Target, published: Values, simulated: Values) -> float:
    """Return how far the simulated expression is from the published, by the target's rule."""
    wanted, found = target.of(published), target.of(simulated)
    if target.rule == "shift":
        return wanted - found
    return float(np.log(wanted / found)) if found > 0 else np.nan


def _move(now: dict[str, Floats], target: Target, published: Values, simulated: Values) -> None:
    miss = DAMPING * target.gain * _miss(target, published, simulated)
    if not np.isfinite(miss):
        return
    value = now[target.constant] = np.array(now[target.constant])
    place = () if target.place is None else target.place
    if target.rule == "scale":
        limit = np.log(LARGEST_STEP)
        value[place] *= np.exp(np.clip(miss, -limit, limit))
    else:
        value[place] += miss


def _document(
    now: Mapping[str, Floats], published: Values, simulated: Values, rounds: int, seeds: int
) -> dict[str, Any]:
    entries = {}
    for name, value in now.items():
        entries[name] = {
            "value": _rounded(value),
            "fitted_to": [
                {
                    "place": target.place,
                    "target": target.says,
                    "published": _rounded(target.of(published)),
                    "simulated": _rounded(target.of(simulated)),
                }
                for target in TARGETS if target.constant == name
            ],
        }  # fmt: skip
    return {
        "made_by": "make calibrate",
        "rounds": rounds, "seeds": seeds, "months": measures.MONTHS, "blocks": measures.BLOCKS,
        "constants": entries,
    }  # fmt: skip


def _rounded(value: Any) -> Any:
    """Return numbers with so many significant digits, as strict JSON takes them."""
    if np.ndim(value):
        return [_rounded(one) for one in value]
    number = float(value)
    return float(f"{number:.{DIGITS}g}") if np.isfinite(number) else None


def _fact(name: str) -> Callable[[Values], float]:
    return lambda values: values.get(name, np.nan)


def _sum(names: list[str]) -> Callable[[Values], float]:
    return lambda values: float(sum(values.get(name, np.nan) for name in names))


def _ratio(first: str, second: str) -> Callable[[Values], float]:
    return lambda values: values.get(first, np.nan) / values.get(second, np.nan)


def _mean_of(first: str, second: str) -> Callable[[Values], float]:
    return lambda values: float(np.sqrt(values.get(first, np.nan) * values.get(second, np.nan)))


def _log_of(name: str) -> Callable[[Values], float]:
    return lambda values: float(np.log(values.get(name, np.nan)))


def _log_ratio(first: str, second: str) -> Callable[[Values], float]:
    return lambda values: float(np.log(_ratio(first, second)(values)))


def _one(
    constant: str, fact: str, rule: Literal["scale", "shift"], gain: float = 1.0,
    place: int | None = None,
) -> Target:  # fmt: skip
    return Target(constant, place, fact, _fact(fact), rule, gain)


def _rating_targets() -> list[Target]:
    targets = []
    for place, name in enumerate(LETTERS):
        worse = [f"transition_1y.{name}.{other}" for other in LETTERS[place + 1 :]]
        better = [f"transition_1y.{name}.{other}" for other in LETTERS[:place]]
        for constant, moves in (("downgrade", worse), ("upgrade", better)):
            if moves:
                says = f"{moves[0]} to {moves[-1]}, summed" if len(moves) > 1 else moves[0]
                targets.append(Target(f"ratings.{constant}_pct", place, says, _sum(moves), "scale"))
        targets.append(
            _one("ratings.withdrawal_pct", f"transition_1y.{name}.NR", "scale", place=place)
        )
        years = {"AAA": "10y", "AA": "10y", "A": "10y", "BBB": "10y", "BB": "3y"}
        within = f"default_{years[name]}.{name}" if name in years else f"transition_1y.{name}.D"
        at_once = "transition_1y.BB.D" if name == "BB" else within
        targets.append(
            Target("ratings.default_pct", place,
                   within if at_once == within else f"sqrt({at_once} * {within})",
                   _mean_of(at_once, within), "scale")
        )  # fmt: skip
    return targets


def _spread_targets() -> list[Target]:
    targets = []
    for place, name in enumerate(LETTERS):
        targets.append(_one("spread.level_bps", f"oas_level.{name}.p50", "scale", place=place))
        if name != "BBB":
            low, high = f"oas_ratio.{name}.p10", f"oas_ratio.{name}.p90"
            targets.append(
                Target("spread.tilt", place, f"log({high} / {low})", _log_ratio(high, low),
                       "scale", 0.6)
            )  # fmt: skip
        group = name if place < LETTERS.index("BB") else "Spec"
        for state, constant in (("calm", "liquidity"), ("crisis", "liquidity_in_stress")):
            like = "A" if (state, group) == ("crisis", "AA") else group
            targets.append(
                _one(f"spread.{constant}", f"liquidity_share.{state}.{like}",
                     "scale" if state == "calm" else "shift", 0.6 if state == "calm" else 0.002,
                     place)
            )  # fmt: skip
    for place in range(LETTERS.index("BBB") + 1):
        targets.append(_one("spread.slope", "cross_section.slope", "scale", 0.8, place))
    return targets


def _liquidity_targets() -> list[Target]:
    groups = ("AAA_AA", "A", "BBB", "BB", "B", "CCC")
    return [
        *(_one("liquidity.bid_ask_bps", f"half_spread.{name}", "scale", place=place)
          for place, name in enumerate(groups)),
        _one("liquidity.no_trade", "zero_trading_days", "shift", 0.04),
        Target("liquidity.bid_ask_in_stress", None, "log(crisis.bid_ask_ratio)",
               _log_of("crisis.bid_ask_ratio"), "shift", 0.6),
        Target("liquidity.turnover", None, "log(turnover.quarter)",
               _log_of("turnover.quarter"), "shift"),
    ]  # fmt: skip


def _account_targets() -> list[Target]:
    targets = []
    for place, name in enumerate(LETTERS):
        targets += [
            _one("issuers.leverage", f"ratio.long_term_debt_capital.{name}", "shift", 1.0, place),
            _one("issuers.operating_margin_pct", f"ratio.operating_margin.{name}", "shift", 1.0,
                 place),
            Target("issuers.log_current_ratio", place, f"log(ratio.current_ratio.{name})",
                   _log_of(f"ratio.current_ratio.{name}"), "shift"),
        ]  # fmt: skip
    return targets


def _other_targets() -> list[Target]:
    return [
        _one("macro.premium_noise", "oas_change.sd.BBB", "scale"),
        Target("macro.premium_pull", None, "log(oas_level.BBB.p75 / oas_level.BBB.p25)",
               _log_ratio("oas_level.BBB.p75", "oas_level.BBB.p25"), "scale", -1.0),
        Target("macro.severity", None, "log(sqrt(oas_level.BBB.p95 * crisis_peak.BBB))",
               lambda values: float(
                   np.log(_mean_of("oas_level.BBB.p95", "crisis_peak.BBB")(values))
               ), "shift", 0.5),
        Target("ratings.memory", None, "log(momentum.downgrade_hazard)",
               _log_of("momentum.downgrade_hazard"), "shift", 0.6),
        Target("ratings.cycle_down", None, "log(downgrades.stress / downgrades.year.2022)",
               _log_ratio("downgrades.stress", "downgrades.year.2022"), "shift", 0.3),
        Target("ratings.cycle_up", None, "log(upgrades.year.2022 / upgrades.stress)",
               _log_ratio("upgrades.year.2022", "upgrades.stress"), "shift", 0.3),
        *(_one("issuers.entrant_pct", f"issuer_mix.{name}", "scale", 0.6, place)
          for place, name in enumerate(LETTERS) if name != "AAA"),
        _one("issuers.bonds_log_mean", "bonds_per_issuer.mean", "shift", 0.1),
        Target("bonds.log_size", None, "log(issue_size.p50)",
               _log_of("issue_size.p50"), "shift"),
        _one("disclosure.esg_by_rating", "esg.rating_rank_correlation", "shift", 0.15),
        _one("disclosure.rater_share", "esg.rater_correlation", "shift"),
    ]  # fmt: skip


TARGETS: Final = (
    *_rating_targets(), *_spread_targets(), *_liquidity_targets(), *_account_targets(),
    *_other_targets(),
)  # fmt: skip
