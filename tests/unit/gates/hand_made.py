"""Small frames made by hand, and what a gate says of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import pandas as pd

from bondx_lib import gates, parameters
from bondx_lib.gates.base import DataGate, scalar

MANAGER = gates.QualityGateManager(parameters.default())
MANY = 1000
Row = Mapping[str, Any]


class Case(NamedTuple):
    """A rule about single rows.

    Attributes
    ----------
    gate
        Its name.
    row
        One that is right.
    bad, good, unjudged
        Changes that make it wrong, leave it right, or leave nothing to judge.
    """

    gate: str
    row: Row
    bad: tuple[Row, ...]
    good: tuple[Row, ...] = ()
    unjudged: tuple[Row, ...] = ()


def day(text: str) -> pd.Timestamp:
    """Return a date."""
    return pd.Timestamp(text)


def rows_of(row: Row, changes: Mapping[int, Row] | None = None, times: int = MANY) -> pd.DataFrame:
    """Return a row as often as asked, each of another bond and issuer, some of them changed."""
    own = [{"bond_id": f"XZ{k:05}", "issuer_id": f"SX-{k:05}"} for k in range(times)]
    return framed([{**own[k], **row, **(changes or {}).get(k, {})} for k in range(times)])


def framed(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return rows as a frame whose dates are dates."""
    frame = pd.DataFrame(rows)
    for name in ("date", "issue_date", "maturity_date"):
        if name in frame:
            frame[name] = pd.to_datetime(frame[name]).astype("datetime64[ns]")
    return frame


def months(first: str, number: int) -> list[pd.Timestamp]:
    """Return month ends, the first of them in a month given as 2020-01."""
    return list(pd.date_range(first, periods=number, freq="ME"))


def asked(name: str, rows: pd.DataFrame, **settings: Any) -> tuple[gates.Finding, ...]:
    """Return the findings of a gate, with other settings of the gates if there are any."""
    keys = {f"quality_gates.{key}": value for key, value in settings.items()}
    manager = gates.QualityGateManager(parameters.load(None, keys)) if keys else MANAGER
    part = gates.Part(rows)
    return manager.findings(gates.Extent.of(part), manager.count(part, [name]), names=[name])


def only(name: str, rows: pd.DataFrame, **settings: Any) -> gates.Finding:
    """Return the one finding of a gate."""
    (found,) = asked(name, rows, **settings)
    return found


def marked(name: str, rows: pd.DataFrame) -> tuple[tuple[int, ...], int]:
    """Return the positions of the bad rows, at most ten, and how many rows were judged."""
    gate = gates.get(name)
    assert isinstance(gate, DataGate)
    tally = gate.count(gates.Part(rows))
    return tally.examples, round(tally.slices["all rows"].rows) if tally.slices else 0


def check_threshold(case: Case) -> None:
    """Assert that as many bad rows as are allowed pass, and that one more fails."""
    limit = scalar(MANAGER.settings[case.gate].threshold)
    allowed = int(MANY * limit / 100)
    for change in case.bad:
        for count, verdict in ((0, "pass"), (allowed, "pass"), (allowed + 1, "fail")):
            places = [MANY - 1 - 7 * k for k in range(count)]
            found = only(case.gate, rows_of(case.row, dict.fromkeys(places, change)))
            assert (found.verdict, found.n) == (verdict, MANY), (change, found.message)
            assert abs(found.observed - 100 * count / MANY) < 1e-9
            assert abs(found.used - found.observed / limit) < 1e-9
            assert found.rows == tuple(sorted(places)[:10])


def check_exceptions(case: Case) -> None:
    """Assert that what is right counts among the rows judged, and what is unknown does not."""
    for change in case.good:
        assert marked(case.gate, rows_of(case.row, {2: change}, 6)) == ((), 6), change
    for change in case.unjudged:
        assert marked(case.gate, rows_of(case.row, {2: change}, 6)) == ((), 5), change
        nothing = only(case.gate, rows_of({**case.row, **change}, times=3))
        assert nothing.verdict == "not_applicable", change
