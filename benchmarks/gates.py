"""Measure the gates: false alarms on clean variations, and the least damage each notices.

Writes a result and the page ``docs/gates.md``, which is made of the register, that result, and that
of ``benchmarks/model_gates.py``.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from bondx_lib import artefacts, gates, parameters
from bondx_lib.gates import trials
from bondx_lib.gates.base import FAMILIES, Gate
from bondx_lib.gates.controls import CONTROLS

ROOT: Final = Path(__file__).parents[1]
RESULT: Final = ROOT / "benchmarks" / "results" / "gates.json"
MODELS: Final = ROOT / "benchmarks" / "results" / "model_gates.json"
PAGE: Final = ROOT / "docs" / "gates.md"
CLEAN, DAMAGED = 300, 20
SMALL: Final = (2, 1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, or show what was measured, and write result and page."""
    parser = argparse.ArgumentParser(description="Measure the gates.")
    parser.add_argument("--small", action="store_true", help="seconds, to see that it runs")
    parser.add_argument("--output", type=Path, help="where the result goes; --small writes none")
    parser.add_argument("--page", type=Path, help="where its page goes; --small writes none")
    parser.add_argument("--from", type=Path, dest="source", help="show this result, measure none")
    parser.add_argument("--workers", type=int, default=2, help="processes; changes no result")
    options = parser.parse_args(arguments)
    if options.source:
        print(page(artefacts.read_json(options.source), artefacts.read_json(MODELS)), end="")
        return
    clean, damaged = SMALL if options.small else (CLEAN, DAMAGED)
    result = measure(clean, damaged, options.workers)
    text = page(result, artefacts.read_json(MODELS))
    print(text, end="")
    for target, write, made in (
        (options.output or (None if options.small else RESULT), artefacts.write_json, result),
        (options.page or (None if options.small else PAGE), artefacts.write_text, text),
    ):
        if target is not None:
            write(target, made)


def measure(clean: int, damaged: int, workers: int) -> dict[str, Any]:
    """Return false alarms and keenness of every gate on data at the default size."""
    chosen = parameters.default()
    judged = trials.clean(chosen, clean, workers)
    keen = {one.gate: one for one in trials.keenness(chosen, damaged, workers=workers)}
    table = gates.QualityGateManager(chosen).table()
    failed = Counter(name for one in judged for name in one.failed)
    unsure = Counter(name for one in judged for name in one.inconclusive)
    rows = {
        name: {
            "failed": failed[name],
            "inconclusive": unsure[name],
            "used_mean": float(np.mean([one.used.get(name, 0.0) for one in judged])),
            "used_high": float(np.quantile([one.used.get(name, 0.0) for one in judged], 0.95)),
            "noticed": {f"{amount:g}": share for amount, share in keen[name].noticed.items()},
            "least": keen[name].least,
        }
        for name in keen
    }  # fmt: skip
    return {
        "bonds": chosen.dataset_size, "months": chosen.history_months, "clean": clean,
        "damaged": damaged, "blocked": sum(one.blocked for one in judged),
        "quality_mean": float(np.mean([one.quality for one in judged])),
        "quality_low": float(np.quantile([one.quality for one in judged], 0.05)),
        "thresholds": {name: table[name]["threshold"] for name in keen},
        "reference": table["reference"],
        "gates": rows,
    }  # fmt: skip


def page(result: Mapping[str, Any], taught: Mapping[str, Any]) -> str:
    """Return the page of the gates.

    Parameters
    ----------
    result
        What :func:`measure` returned.
    taught
        The result on gates on models.
    """
    parts = [
        HEAD.format(
            count=len(gates.GATES), bonds=result["bonds"], months=result["months"],
            clean=result["clean"], damaged=result["damaged"], blocked=result["blocked"],
            rate=_rate(result["blocked"], result["clean"]), mean=result["quality_mean"],
            least=result["quality_low"], pools=taught["pools"], variations=taught["variations"],
            refused=taught["refused"], closely=taught["closely"],
            refusals=_rate(taught["refused"], taught["pools"]),
        )
    ]  # fmt: skip
    for family, question in FAMILIES.items():
        members = [gate for gate in gates.GATES.values() if gate.family == family]
        if members:
            parts.append(f"\n### {family.capitalize()}: {question}\n\n")
            parts.append(_table(members, result, taught))
    return "".join(parts) + TAIL


def _rate(hits: int, trials_: int) -> str:
    share, low, high = (100 * end for end in trials.rate(hits, trials_))
    return f"{share:.1f} % ({low:.1f} to {high:.1f})"


def _table(members: Sequence[Gate], result: Mapping[str, Any], taught: Mapping[str, Any]) -> str:
    rows = [HEADINGS[:4]]
    if members[0].name in result["gates"]:
        rows = [HEADINGS]
    elif members[0].name in taught["gates"]:
        rows = [MODEL_HEADINGS]
    for gate in members:
        cells = [f"`{gate.name}`", gate.catches, _limit(gate), gate.severity]
        if gate.name in result["gates"]:
            cells += _measures(gate, result)
        elif gate.name in taught["gates"]:
            own = taught["gates"][gate.name]
            cells += [_rate(own["fail"], own["judged"]), f"{own['judged']:,}"]
        rows.append(cells)
    rule = ["---"] * len(rows[0])
    return "".join(f"| {' | '.join(row)} |\n" for row in [rows[0], rule, *rows[1:]])


HEADINGS: Final = [
    "gate", "catches", "threshold", "severity", "false alarms", "nominal", "least noticed",
]  # fmt: skip
MODEL_HEADINGS: Final = [*HEADINGS[:4], "failed", "of models"]


def _measures(gate: Gate, result: Mapping[str, Any]) -> list[str]:
    row, control = result["gates"][gate.name], CONTROLS[gate.name]
    amount, share = row["least"], ""
    if amount is None:
        amount = control.amounts[-1]
        share = f" (in {100 * row['noticed'][f'{amount:g}']:.0f} %)"
    return [
        _rate(row["failed"], result["clean"]),
        f"{100 * gate.false_alarm:g} %",
        f"{amount:g} {control.unit}{share}: {control.what}",
    ]


def _limit(gate: Gate) -> str:
    if gate.parameter:
        limit = float(getattr(parameters.default().quality_gates, gate.parameter))
    else:
        limit = gate.limit
    text = " to ".join(f"{end:g}" for end in limit) if isinstance(limit, tuple) else f"{limit:g}"
    return f"{text} {gate.unit}".strip()


HEAD: Final = """\
# Gates

A gate is a named rule that returns findings. {count} gates look at the data of every epoch, at the
models trained on them, and at the champions at the end. This page is made of the register and of
`benchmarks/results/gates.json` by `make bench-gates`.

## What a finding says

Gate, slice, observed value, 95 % interval between issuers, threshold, number of rows, severity,
verdict, a sentence, and the first offending rows.

| verdict | means |
|---|---|
| pass | within the threshold |
| fail | past it: for a *census* rule the observed value, for a *sample* rule the whole interval |
| inconclusive | past the threshold, but so few issuers cannot tell |
| not applicable | nothing to judge; never a pass |

| severity | a failure |
|---|---|
| block | refuses: data are drawn again, a challenger is not promoted |
| warn | counts in the quality score, stands among the open findings, steers the next draw |
| info | is shown |

Rules about a row (an impossible date, a price that does not follow from its yield) judge all rows
as they are: a census. Rules about the market behind the rows (a median, a correlation, a
distribution) judge a sample of issuers.

## Setting them

```yaml
quality_gates:
  profile: strict            # exploratory: one step milder, strict: one step harder
  coverage_min: 95           # the five promised thresholds have keys of their own
  thresholds: {{untraded: 30, correlation_rating_spread: [0.5, 0.98]}}
  severities: {{untraded: block}}
  disabled: [month_ends]
```

`bondx gates` lists every gate with the threshold and severity in force. An unknown name is an error
that names the nearest. Thresholds and severities stand in the first event of a run with their
digest, so they are fixed before anything is drawn. In the exploratory profile only what makes data
unusable still blocks.

## The quality score

A finding that uses up the share *u* of its tolerance (0 is perfect, 1 stands at the threshold)
scores 1 − 0.2 *u*² up to the threshold and 0.8 / *u*² beyond. A gate scores what its worst finding
does; the quality score is the mean over the gates on data, without findings for information and
those that are not applicable, and is held at 0.79 when a blocking gate fails. Bands: excellent from
0.95, good from 0.90, acceptable from 0.80. It never rises when a gate gets worse
([decision 5](decisions/0005-quality-score.md)).

## How keen, and how often a false alarm

Measured on variations of {bonds} bonds and {months} months, drawn as any epoch draws them: with
the damage that the market injects. Of {clean} clean variations the whole set refused {blocked}:
{rate}, with the exact 95 % interval. Their mean quality score is {mean:.3f}, and 5 % of them score
below {least:.3f}. *False alarms*: share of the clean variations in which the gate failed,
with its exact 95 % interval, beside the nominal rate. *Least noticed*: the smallest amount of
damage of the gate's own kind from which on it failed in 80 % of {damaged} damaged variations; where
no amount did, the largest that was tried, and the share in which it failed.

Gates on models judged all models that {pools} separate pools of {variations} variations taught; of
{closely} pools also closely, as champions at the end of a run. *Failed* is their share, with its
interval. Not all of it is false: some of these models are poor. Blocking gates refused a model of
{refused} pools: {refusals}.
"""

TAIL: Final = """
## A gate of your own

Ten lines in a notebook or a module:

```python
from bondx_lib import gates


class DearBonds(gates.RowGate):
    \"\"\"Bonds at more than twice their face are rare.\"\"\"

    name, catches, what = "dear_bonds", "prices far above face", "cost more than 200 % of face"
    columns, limit, severity = ("clean_price",), 0.5, "block"

    def bad(self, rows):
        return rows["clean_price"] > 200


gates.register(DearBonds)
```

It is asked from then on in this process, set by the parameters like any other, and part of the
digest. The kernel of an epoch is another process: a gate for runs comes from a package, by an entry
point of the group `bondx.gates` whose name is the gate's:

```toml
[project.entry-points."bondx.gates"]
dear_bonds = "my_package.gates:DearBonds"
```

A gate that counts more than bad rows is a `DataGate`: `count(part)` returns sums over the issuers
of a part of the rows, `judge(tally, setting, extent)` turns their total into findings, so the same
gate judges a frame in memory and a file of ten million rows.
"""

if __name__ == "__main__":
    main()
