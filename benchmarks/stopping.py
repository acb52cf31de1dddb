"""Measure the stopping rules on simulated learning curves whose truth is known.

The noise of the curves is that of real runs: ``results/curves.json`` holds the skills of some,
collected from their run folders. Writes a result and the page ``docs/stopping.md``.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from bondx_lib import artefacts, convergence, parameters, runlog
from bondx_lib.market.streams import Streams
from bondx_lib.parameters import Parameters

ROOT: Final = Path(__file__).parents[1]
RESULT: Final = ROOT / "benchmarks" / "results" / "stopping.json"
CURVES: Final = ROOT / "benchmarks" / "results" / "curves.json"
PAGE: Final = ROOT / "docs" / "stopping.md"
RUNS: Final = 400
SMALL: Final = 6
LEVELS: Final = {"half": 0.5, "as measured": 1.0, "double": 2.0}
PATIENCES: Final = (3, 5, 20)
CORRELATIONS: Final = (0.0, 0.3, 0.5)
LOOKS: Final = 50
"""Lines for each run of a curve."""
SETTLED: Final = 12
"""From this epoch on the noise of real runs is measured; before it a curve is too steep."""
LARGEST_NOISE: Final = 0.06
QUALITY: Final = 0.97

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Shape:
    """A learning curve: the true mean skill after so many epochs."""

    words: str
    skill: Callable[[Floats], Floats]


SHAPES: Final = {
    "fast power law": Shape("0.95 - 0.9 / n", lambda n: 0.95 - 0.9 / n),
    "slow power law": Shape("1 - 0.9 / n^0.65", lambda n: 1 - 0.9 * n**-0.65),
    "very slow power law": Shape("1 - 0.9 / n^0.4", lambda n: 1 - 0.9 * n**-0.4),
    "exponential": Shape("0.95 - 0.9 exp(-n / 8)", lambda n: 0.95 - 0.9 * np.exp(-n / 8)),
    "still rising": Shape("0.4 + 0.0015 n", lambda n: 0.4 + 0.0015 * n),
    "rising fast": Shape("0.2 + 0.003 n", lambda n: 0.2 + 0.003 * n),
    "flat from the start": Shape("0.9", lambda n: 0.9 + 0 * n),
    "step late": Shape("0.8, after epoch 30 0.88", lambda n: np.where(n <= 30, 0.8, 0.88)),
}
COMPARED: Final = ("slow power law", "still rising", "flat from the start")


@dataclass(frozen=True)
class Noise:
    """Noise of challengers around their curve, a value per model.

    Attributes
    ----------
    size
        Standard deviation times epoch: noise falls as the pool grows.
    correlation
        Between neighbouring epochs.
    margin
        Gain of a challenger over the champion that promotes it.
    """

    size: Floats
    correlation: Floats
    margin: Floats


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or show what was measured, and write result and page."""
    parser = argparse.ArgumentParser(description="Measure the stopping rules.")
    parser.add_argument("--small", action="store_true", help="seconds, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the result goes; --small writes none")
    parser.add_argument("--page", type=Path, help="where its page goes; --small writes none")
    parser.add_argument("--from", type=Path, dest="source", help="show this result, measure none")
    parser.add_argument("--collect", type=Path, nargs="+", help="run folders to take curves from")
    parser.add_argument("--workers", type=int, default=2, help="processes; changes no result")
    options = parser.parse_args(arguments)
    if options.collect:
        artefacts.write_json(CURVES, [collect(folder) for folder in options.collect])
        return
    if options.source:
        print(page(artefacts.read_json(options.source)), end="")
        return
    result = measure(artefacts.read_json(CURVES), SMALL if options.small else RUNS, options.workers)
    text = page(result)
    print(text, end="")
    for target, write, made in (
        (options.output or (None if options.small else RESULT), artefacts.write_json, result),
        (options.page or (None if options.small else PAGE), artefacts.write_text, text),
    ):
        if target is not None:
            write(target, made)


def collect(run_dir: Path) -> dict[str, Any]:
    """Return the skills of a run, epoch by epoch, and what it takes to promote a challenger."""
    state = runlog.state_of(run_dir)
    views, names = state.committed, list(state.parameters["models"])
    gaps = {name: _gap(views[-1].scores[name]["challenger"]) for name in names}
    later = views[SETTLED:]
    return {
        "seed": state.parameters["random_seed"], "models": names,
        "challengers": [
            [round(view.scores[name]["challenger"]["skill"], 5) for name in names] for view in views
        ],
        "champions": [[round(view.skills[name], 5) for name in names] for view in views],
        "margins": [
            round(float(np.median([_margin(view.promotions[name]) for view in later])) / gap, 5)
            for name, gap in gaps.items()
        ],
    }  # fmt: skip


def _gap(scores: Mapping[str, Any]) -> float:
    return float(scores["floor"] - scores["ceiling"])


def _margin(comparison: Mapping[str, Any]) -> float:
    return float(comparison["difference"] - comparison["low"])


def noise_of(curves: Sequence[Mapping[str, Any]]) -> Noise:
    """Return the noise of real runs around cubics in the logarithm of the epoch."""
    sizes, correlations = [], []
    for curve in curves:
        skills = np.array(curve["challengers"])[SETTLED:]
        epochs = np.arange(SETTLED + 1, SETTLED + len(skills) + 1, dtype=float)
        powers = np.vander(np.log(epochs), 4)
        left = skills - powers @ np.linalg.lstsq(powers, skills, rcond=None)[0]
        left *= epochs[:, None]
        total = (left**2).sum(0)
        sizes.append(np.sqrt(total / (len(skills) - 4)))
        correlations.append((left[1:] * left[:-1]).sum(0) / total)
    return Noise(
        np.mean(sizes, axis=0), np.clip(np.mean(correlations, axis=0), 0, None),
        np.mean([curve["margins"] for curve in curves], axis=0),
    )  # fmt: skip


def measure(curves: Sequence[Mapping[str, Any]], runs: int, workers: int) -> dict[str, Any]:
    """Return how early and how late the rules stop on every curve, and on the real runs."""
    noise = noise_of(curves)
    jobs = [(shape, level, 10) for shape in SHAPES for level in LEVELS.values()]
    jobs += [(shape, 1.0, patience) for shape in COMPARED for patience in PATIENCES]
    with ProcessPoolExecutor(workers) as pool:
        rows = pool.map(_row, *zip(*jobs, strict=True), [noise] * len(jobs), [runs] * len(jobs))
        found = list(rows)
    chosen = parameters.default()
    return {
        "runs": runs, "threshold": chosen.convergence_threshold, "max_epochs": chosen.max_epochs,
        "patience": chosen.improvement_patience,
        "noise": [
            {"model": name, "size": size, "correlation": correlation, "margin": margin}
            for name, size, correlation, margin in zip(
                curves[0]["models"], noise.size.tolist(), noise.correlation.tolist(),
                noise.margin.tolist(), strict=True,
            )
        ],
        "rows": found,
        "lines": LOOKS * runs,
        "looks": {f"{one:g}": single_look(one, LOOKS * runs) for one in CORRELATIONS},
        "real": [replayed(curve, chosen) for curve in curves],
    }  # fmt: skip


def _row(shape: str, level: float, patience: int, noise: Noise, runs: int) -> dict[str, Any]:
    chosen = parameters.load(None, {"improvement_patience": patience})
    rng = Streams(0, f"stopping/{shape}/{level:g}").common("noise")
    settles = settled(SHAPES[shape], chosen)
    drawn = (simulate(SHAPES[shape], noise, level, chosen, rng) for _ in range(runs))
    ends = [outcome(challengers, champions, chosen) for challengers, champions in drawn]
    bound = [end for end in ends if end["status"] == "converged"]
    return {
        "shape": shape, "level": level, "patience": patience, "settles": settles,
        "plateaued": sum(end["status"] == "plateaued" for end in ends),
        "plateaued_early": sum(
            end["status"] == "plateaued" and _early(end["epoch"], settles) for end in ends
        ),
        "limited": sum(end["status"] == "epoch_limit" for end in ends),
        "converged": _stops([end["epoch"] for end in bound], settles),
        "patience_alone": _stops([end["idle"] for end in ends if end["idle"]], settles),
    }  # fmt: skip


def _early(epoch: int, settles: int | None) -> bool:
    return settles is None or epoch < settles


def _stops(epochs: Sequence[int], settles: int | None) -> dict[str, Any]:
    """Count stops and those that came too early; say when, and how late the others were."""
    late = [epoch - settles for epoch in epochs if settles is not None and epoch >= settles]
    return {
        "stopped": len(epochs),
        "early": sum(_early(epoch, settles) for epoch in epochs),
        "epoch": _quantiles(epochs),
        "late": _quantiles(late),
    }


def _quantiles(values: Sequence[int]) -> list[float] | None:
    """Return median and 90 % quantile."""
    return np.quantile(values, [0.5, 0.9]).round(1).tolist() if len(values) else None


def settled(shape: Shape, chosen: Parameters) -> int | None:
    """Return the first epoch after which nothing worth the threshold is to be gained, or None.

    From then on the true gain per epoch over the next K epochs stays below the threshold.
    """
    patience = chosen.improvement_patience
    skill = shape.skill(np.arange(1.0, chosen.max_epochs + 2 * patience + 1))
    ahead = (skill[patience:] - skill[:-patience]) / patience
    worth = np.flatnonzero(ahead >= chosen.convergence_threshold - 1e-12)
    if len(worth) and worth[-1] >= chosen.max_epochs:
        return None
    return int(worth[-1]) + 2 if len(worth) else 1


def simulate(
    shape: Shape, noise: Noise, level: float, chosen: Parameters, rng: np.random.Generator
) -> tuple[Floats, Floats]:
    """Return the skills of challengers and champions of a simulated run, epochs by models."""
    epochs = np.arange(1.0, chosen.max_epochs + 1)
    draws = rng.normal(size=(len(epochs), len(noise.size)))
    fresh = np.sqrt(1 - noise.correlation**2)
    for n in range(1, len(epochs)):
        draws[n] = noise.correlation * draws[n - 1] + fresh * draws[n]
    size = level * np.minimum(noise.size / epochs[:, None], LARGEST_NOISE)
    challengers = shape.skill(epochs)[:, None] + size * draws
    champions = challengers.copy()
    for n in range(1, len(epochs)):
        wins = challengers[n] - champions[n - 1] > level * noise.margin
        champions[n] = np.where(wins, challengers[n], champions[n - 1])
    return challengers, champions


def outcome(challengers: Floats, champions: Floats, chosen: Parameters) -> dict[str, Any]:
    """Return verdict and epoch of a run, and when patience alone would have ended it."""
    names = [str(model) for model in range(challengers.shape[1])]
    history: list[convergence.EpochRecord] = []
    idle, verdict = 0, None
    for number, (tried, kept) in enumerate(zip(challengers, champions, strict=True), 1):
        skills, trials = (dict(zip(names, one.tolist(), strict=True)) for one in (kept, tried))
        history.append(convergence.EpochRecord(number, QUALITY, skills, trials, passed=True))
        verdict = convergence.assess(history, chosen)
        if not idle and verdict.rules[0].holds:
            idle = number
        if verdict.stops:
            break
    return {"status": verdict.status if verdict else "", "epoch": len(history), "idle": idle}


def single_look(correlation: float, lines: int) -> float:
    """Return how often the bound of one look at 20 epochs is below the true gain."""
    rng = Streams(0, f"stopping/look/{correlation:g}").common("noise")
    noise = rng.normal(size=(lines, 20))
    for epoch in range(1, 20):
        noise[:, epoch] *= np.sqrt(1 - correlation**2)
        noise[:, epoch] += correlation * noise[:, epoch - 1]
    return float(np.mean([convergence.trend(row).bound < 0 for row in noise]))


def replayed(curve: Mapping[str, Any], chosen: Parameters) -> dict[str, Any]:
    """Return what the rules say of a real run, and when patience alone would have ended it."""
    end = outcome(np.array(curve["challengers"]), np.array(curve["champions"]), chosen)
    return {"seed": curve["seed"], "epochs": len(curve["challengers"]), **end}


def page(result: Mapping[str, Any]) -> str:
    """Return the page of the stopping rules, made of what :func:`measure` returned."""
    default = [row for row in result["rows"] if row["patience"] == result["patience"]]
    names = {level: name for name, level in LEVELS.items()}
    main_rows = [[row["shape"], names[row["level"]], *_cells(row, result)] for row in default]
    others = [
        [str(row["patience"]), row["shape"], *_cells(row, result)]
        for row in sorted(result["rows"], key=lambda one: one["patience"])
        if row["level"] == 1.0 and row["shape"] in COMPARED
    ]
    parts = {
        "head": HEAD, "rules": _table(["rule", "holds when"], list(RULES.items())),
        "meaning": MEANING, "shapes": _table(["curve", "true mean skill at epoch n"], _shapes()),
        "noise": NOISE, "noises": _table(NOISE_HEADINGS, _noise(result["noise"])), "read": READ,
        "rows": _table(["curve", "noise", *HEADINGS], main_rows), "others": OTHERS,
        "patiences": _table(["K", "curve", *HEADINGS], others), "looks": LOOKS_TEXT,
        "look_rows": _table(
            ["correlation of neighbouring epochs", "bound below the truth"],
            [[name, f"{100 * share:.1f} %"] for name, share in result["looks"].items()],
        ),
        "real": REAL, "real_rows": _table(REAL_HEADINGS, _reals(result["real"])),
    }  # fmt: skip
    return "\n".join(parts.values()).format(
        runs=result["runs"], threshold=f"{result['threshold']:g}", patience=result["patience"],
        most=result["max_epochs"],
        lines=f"{result['lines']:,}", curves=len(result["real"]), first=SETTLED + 1,
    )  # fmt: skip


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _shapes() -> list[list[str]]:
    return [[name, f"`{shape.words}`"] for name, shape in SHAPES.items()]


def _noise(noise: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [
        [
            one["model"], f"{one['size'] / 40:.4f}", f"{one['correlation']:.2f}",
            f"{one['margin']:.4f}",
        ]
        for one in noise
    ]  # fmt: skip


def _cells(row: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    """Return the cells that all tables of simulated runs share."""
    bound, alone = row["converged"], row["patience_alone"]
    share = 100 / result["runs"]
    return [
        "never" if row["settles"] is None else str(row["settles"]),
        f"{share * alone['early']:.0f} %", _pair(alone["late"]),
        f"{share * bound['early']:.1f} %", _pair(bound["late"]),
        f"{share * (bound['stopped'] - bound['early']):.0f} %",
        f"{share * row['plateaued']:.0f} %", f"{share * row['limited']:.0f} %",
    ]  # fmt: skip


def _pair(quantiles: Sequence[float] | None) -> str:
    return "–" if quantiles is None else " / ".join(f"{one:.0f}" for one in quantiles)


def _reals(runs: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    return [
        [
            str(run["seed"]), str(run["epochs"]), str(run["idle"] or "not yet"),
            "not yet" if run["status"] == "running" else f"{run['status']} after {run['epoch']}",
        ]
        for run in runs
    ]  # fmt: skip


HEADINGS: Final = [
    "settles at", "patience alone: too early", "too late", "converged: too early", "too late",
    "converged in time", "plateau", "epoch limit",
]  # fmt: skip
NOISE_HEADINGS: Final = [
    "model", "standard deviation at epoch 40", "correlation of neighbouring epochs",
    "gain that promotes",
]  # fmt: skip
REAL_HEADINGS: Final = ["seed", "epochs", "patience alone stops at", "the rules say"]

RULES: Final = {
    "model convergence": "in each of the last K epochs the champions' mean skill gained less than"
    " the threshold over the best so far",
    "improvement bound": "the upper 95 % bound of the challengers' gain per epoch over the last 2 K"
    " epochs, or the last 20 if that is more, is below the threshold",
    "quality stability": "over the last K epochs the variance of the quality score is below"
    " `quality_variance_max` and its mean at least `quality_threshold`",
    "plateau": "model convergence has held for K epochs more, and the challengers' gain per epoch"
    " over the last 2 K epochs, bound aside, is below the threshold",
    "epoch limit": "`max_epochs` epochs are done",
}

HEAD: Final = """\
# Stopping

When a run ends, why, and how often that is wrong. This page is made by `make bench-stopping` of
`benchmarks/results/stopping.json`.

## The rules

K is `improvement_patience`, the threshold is `convergence_threshold`. Mean skill is the mean over
the models, on the benchmark market.
"""
MEANING: Final = """\
**Converged** means that the first three hold, that no blocking gate refuses a champion of the last
K epochs, and that every model is better than its floor. Otherwise a plateau or the limit ends the
run under its own name, with what was missing; so do a blocking gate, a request and a failure. None
of them is ever called converged.

## The improvement bound

Champions change only on evidence, so their skill stands still for epochs on a curve that still
rises: patience alone is no proof. Every epoch's challenger is a fresh look at the curve, with
noise. Through the mean skills of the challengers of the last n epochs goes a least-squares line
with slope b; n is 2 K, or 20 if that is more, and from epoch 2 K on as many as there are will do.
With s the usual standard error of the slope and r the correlation of neighbouring residuals,

    bound = b + t s sqrt((1 + r) / (1 - r))

where t is the 95 % quantile of Student's distribution with n - 2 degrees of freedom. Fitting a line
takes about (2 + 4 r) / n of the correlation away; that is added again, and r is held between 0 and
0.9. The unit is skill per epoch, as that of the threshold: a run may converge while a hundred more
epochs would still gain something less than a hundred thresholds. On a curve that flattens, the
slope over the last n epochs is steeper than what comes next, so the bound is on the safe side; a
step that has not begun cannot be seen in any history.

## Simulated runs

{runs} runs of each curve, four models each, at most {most} epochs, threshold {threshold}, good and
steady quality:
"""
NOISE: Final = """\
Noise is that of {curves} default runs, measured from epoch {first} on around a cubic in the
logarithm of the epoch. It falls about as one over the epoch, because the pool grows:
"""
READ: Final = """\
*Settles at* is the truth: the first epoch after which the curve gains less than the threshold per
epoch over the next K epochs, for good. A run that ends before is *too early*. *Too late* is, for
the others, how many epochs after it: median / 90 % quantile. *Patience alone* is the first rule
without the bound; it is given for the same runs. Shares are of all runs.
"""
OTHERS: Final = """\
## Other patience

The same with noise as measured. A short patience leaves few epochs to tell noise from learning:
most runs then end on a plateau rather than converged. To let short runs converge, raise
`convergence_threshold` to a gain per epoch that their noise allows to tell.
"""
LOOKS_TEXT: Final = """\
## One look

The bound is judged after every epoch, and what counts is the whole run, as above. A single look at
20 epochs with normal noise of constant size is wrong so often, in {lines} lines (5 % is nominal):
"""
REAL: Final = """\
## Real runs

Default runs, judged epoch by epoch with K = {patience}; some were broken off after 40 epochs,
whatever the rules said:
"""

if __name__ == "__main__":
    main()
