"""The forms that most gates have: known answers of what a finding holds, to its last word."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from bondx_lib import gates
from bondx_lib.gates import Finding, Setting
from bondx_lib.gates.agreement import Agreement
from bondx_lib.gates.base import Context, Extent, at_most, nothing, within
from bondx_lib.gates.part import Part
from bondx_lib.gates.tallies import Shares

FIVE = Shares.of(np.array([[2.0], [1.0], [0.0], [0.0], [0.0]]), np.full(5, 2.0))
"""Three bad rows of ten, of five issuers."""
NONE = Shares.of(np.zeros((5, 1)), np.full(5, 2.0))


def setting(threshold: Any, severity: Any = "block") -> Setting:
    """Return the setting of a gate that is on."""
    return Setting(threshold, severity, on=True)


@pytest.mark.parametrize(
    ("shares", "limit", "basis", "expected"),
    [
        (FIVE, 30.0, "census", (30.0, "pass", 1.0, "3 of 10 rows (30 %) are so; at most 30 % are "
                                "allowed.")),
        (FIVE, 20.0, "census", (30.0, "fail", 1.5, "3 of 10 rows (30 %) are so; at most 20 % would "
                                "be allowed.")),
        (FIVE, 20.0, "sample", (30.0, "inconclusive", 1.5, "3 of 10 rows (30 %) are so; at most "
                                "20 % would be allowed, but so few issuers cannot tell.")),
        (FIVE, 0.0, "census", (30.0, "fail", 31.0, "3 of 10 rows (30 %) are so; at most 0 % would "
                               "be allowed.")),
        (NONE, 0.0, "census", (0.0, "pass", 0.0, "0 of 10 rows (0 %) are so; at most 0 % are "
                               "allowed.")),
    ],
)  # fmt: skip
def test_a_share_against_a_limit(shares, limit, basis, expected):
    """Value, interval, verdict, used tolerance, words; rows to look at only where one is bad."""
    found = at_most("g", "s", shares, setting(limit), "are so", basis, (4, 7))
    observed, verdict, used, message = expected
    low, high = (100 * end for end in shares.interval())
    assert found == Finding(
        "g", "s", observed, (low, high), limit, 10, "block", verdict, message, pytest.approx(used),
        (4, 7) if shares is FIVE else (),
    )  # fmt: skip


@pytest.mark.parametrize(("value", "used"), [(0.5, 1.0), (0.75, 1.25), (0.25, 1.25)])
def test_a_range_of_one_value_has_no_tolerance(value, used):
    """On it all is used up, beside it more."""
    verdict, found = within(value, None, (0.5, 0.5), "census")
    assert found == pytest.approx(used)
    assert verdict == ("pass" if value == 0.5 else "fail")


def test_nothing_to_judge_is_no_pass():
    """The finding names gate, limit and severity, and why there is none."""
    assert nothing("g", setting(5.0, "warn"), "Why.", "s") == Finding(
        "g", "s", None, None, 5.0, 0, "warn", "not_applicable", "Why."
    )
    assert nothing("g", setting(5.0)).message == "There is nothing to judge."


class Cheap(gates.RowGate):
    """Bonds below half of face are rare, in each sector too."""

    name = "cheap"
    catches = "prices far below face"
    what = "cost less than half of face"
    columns = ("clean_price", "sector")
    by = ("sector",)
    limit = 25.0

    def bad(self, rows: pd.DataFrame) -> Any:
        """Mark cheap rows."""
        return rows["clean_price"] < 50


class Apart(Agreement):
    """Two prices are within one of one another."""

    name = "apart"
    catches = "prices that do not agree"
    what = "have prices more than 1 apart"
    columns = ("clean_price", "dirty_price")
    basis = "sample"
    limit = 10.0

    def excess(self, part: Part) -> Any:
        """Return by how much they are apart beyond 1."""
        return np.abs(part.numbers("clean_price") - part.numbers("dirty_price")) - 1


def rows(**columns: Any) -> pd.DataFrame:
    """Return eight rows of four issuers, one bond each."""
    frame = {
        "world": 0, "issuer_id": [f"I{n // 2}" for n in range(8)],
        "bond_id": [f"B{n // 2}" for n in range(8)],
        "date": pd.to_datetime(["2020-01-31", "2020-02-29"] * 4), "sector": ["Energy"] * 4 +
        ["Utilities"] * 4, "clean_price": [100.0] * 8, "dirty_price": [100.5] * 8,
    }  # fmt: skip
    return pd.DataFrame({**frame, **columns})


def found_by(gate: gates.Gate, frame: pd.DataFrame, severity: str) -> tuple[Finding, ...]:
    """Return what a gate finds in all rows at once."""
    part = Part(frame)
    tallies = {gate.name: gate.count(part)}
    settings = {gate.name: setting(gate.limit, severity)}
    return gate.evaluate(Context(settings, Extent.of(part), tallies))


@pytest.mark.parametrize(("severity", "of_slices"), [("block", "warn"), ("warn", "warn"),
                                                     ("info", "info")])  # fmt: skip
def test_a_slice_weighs_no_more_than_its_gate(severity, of_slices):
    """All rows, then each sector, softer; the rows to look at stand once."""
    frame = rows(clean_price=[40.0, 40.0] + [100.0] * 6)
    whole, energy, utilities = found_by(Cheap(), frame, severity)
    assert [one.slice for one in (whole, energy, utilities)] == [
        "all rows", "sector=Energy", "sector=Utilities"
    ]  # fmt: skip
    assert [one.severity for one in (whole, energy, utilities)] == [severity, of_slices, of_slices]
    assert [one.observed for one in (whole, energy, utilities)] == [25.0, 50.0, 0.0]
    assert [one.verdict for one in (whole, energy, utilities)] == ["pass", "fail", "pass"]
    assert [one.rows for one in (whole, energy, utilities)] == [(0, 1), (), ()]
    assert "cost less than half of face" in energy.message


def test_figures_that_do_not_agree_are_counted_by_weight():
    """Past the tolerance of one, of the rows that can be judged, by what each stands for."""
    frame = rows(
        dirty_price=[101.5, 100.0, np.nan, 101.0, 98.0, 100.0, 100.0, 100.0],
        weight=[0.5, 1.5, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
    )  # fmt: skip
    (found,) = found_by(Apart(), frame, "block")
    assert (found.gate, found.slice, found.n) == ("apart", "all rows", 7)
    assert found.observed == pytest.approx(100 * 1.5 / 7)
    assert found.rows == (0, 4)
    assert found.verdict == "inconclusive"
    assert found.message == (
        "1.5 of 7 rows (21.4 %) have prices more than 1 apart; at most 10 % would be allowed, but "
        "so few issuers cannot tell."
    )
