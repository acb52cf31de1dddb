"""Parts of the rows: order, who belongs to whom, the month before, and slices."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from bondx_lib.gates import Part
from bondx_lib.gates.base import Context, RowGate, Setting, ends_of, scalar

from .hand_made import framed, months

NONE = float("nan")


def rows() -> pd.DataFrame:
    """Return two bonds of one issuer and one of another, three months each, out of order."""
    own = {"A": "S", "B": "S", "C": "T"}
    found = [
        {"bond_id": bond, "issuer_id": issuer, "date": date, "rating": "BBB+", "sector": "Energy"}
        for date in months("2020-01", 3) for bond, issuer in reversed(own.items())
    ]  # fmt: skip
    return framed(found)


def alike(codes: np.ndarray) -> list[list[int]]:
    """Return the positions of each group of equal numbers."""
    return [np.flatnonzero(codes == code).tolist() for code in pd.unique(codes)]


def test_rows_stand_in_order_and_know_where_they_come_from():
    """By bond and date; positions are those of the source, or those that are given."""
    part = Part(rows())
    assert part.rows["bond_id"].tolist() == list("AAABBBCCC")
    assert part.positions.tolist() == [2, 5, 8, 1, 4, 7, 0, 3, 6]
    assert Part(rows(), np.arange(9) + 100).positions.tolist()[:3] == [102, 105, 108]
    assert len(part) == 9


def test_the_row_before_is_the_bonds_last_one_at_an_earlier_date():
    """First rows have none; a row that is there twice has the same one twice; no rows, none."""
    assert Part(rows()).previous.tolist() == [-1, 0, 1, -1, 3, 4, -1, 6, 7]
    twice = pd.concat([rows(), rows().iloc[[5]]])
    assert Part(twice).previous.tolist()[:4] == [-1, 0, 0, 2]
    assert Part(rows().iloc[:0]).previous.tolist() == []


def test_issuers_bonds_and_rows():
    """Whoever is named: issuers, else bonds, else each row for itself; the nameless alone."""
    assert alike(Part(rows()).issuer) == [[0, 1, 2, 3, 4, 5], [6, 7, 8]]
    assert alike(Part(rows().drop(columns="issuer_id")).issuer) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    assert alike(Part(rows()[["rating"]]).issuer) == [[k] for k in range(9)]
    nameless = rows().assign(
        issuer_id=lambda frame: frame["issuer_id"].where(frame["bond_id"] != "B")
    )
    assert alike(Part(nameless).issuer) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    without_bonds = nameless.drop(columns="bond_id").sort_values("date", kind="stable")
    assert [len(one) for one in alike(Part(without_bonds).issuer)] == [3, 1, 3, 1, 1]
    given = Part(rows(), issuers=np.arange(9) % 2)
    assert alike(given.issuer) == alike(np.arange(9)[given.positions] % 2)


def test_worlds_keep_bonds_and_issuers_apart():
    """The same names in another world are others."""
    both = pd.concat([rows().assign(world=0), rows().assign(world=1)])
    assert len(set(Part(both).bond)) == 6
    assert len(set(Part(both).issuer)) == 4
    assert (Part(both).previous < 0).sum() == 6


def test_letters_and_slices():
    """Unknown ratings have no letter; sectors that are there, and all letters."""
    part = Part(rows().assign(rating=["AA-", "CC", "Baa1", None, "D", "AAA", "B", "B+", "C"]))
    assert part.letters[np.argsort(part.positions)].tolist() == [
        "AA", "CCC", None, None, None, "AAA", "B", "B", "CCC",
    ]  # fmt: skip
    assert [name for name, _ in part.slices()] == ["all rows"]
    slices = dict(part.slices(("sector", "rating")))
    assert slices["sector=Energy"].all()
    assert slices["rating=CCC"].sum() == 2
    assert not slices["rating=BBB"].any()
    bare = Part(rows()[["bond_id", "date"]])
    assert [name for name, _ in bare.slices(("sector", "rating"))] == ["all rows"]
    some = Part(rows().assign(sector=None)).slices(("sector",))
    assert [name for name, _ in some] == ["all rows"]


def test_weights_and_numbers():
    """One each unless a column says otherwise; a missing weight is none, a missing number NaN."""
    assert Part(rows()).weight.tolist() == [1.0] * 9
    part = Part(rows().assign(weight=[NONE, 2.0] * 4 + [3.0]))
    assert part.weight[np.argsort(part.positions)].tolist() == [0.0, 2.0] * 4 + [3.0]
    flags = pd.array([True, None, False] * 3, dtype="boolean")
    numbers = Part(rows().assign(flag=flags).sort_values("bond_id")).numbers("flag")
    assert np.isnan(numbers).sum() == 3


def test_a_threshold_is_one_number_or_a_range():
    """A gate that is given the other kind says so."""
    assert (scalar(3), ends_of((1.0, 2.0))) == (3.0, (1.0, 2.0))
    with pytest.raises(TypeError, match="one threshold"):
        scalar((1.0, 2.0))
    with pytest.raises(TypeError, match="a range"):
        ends_of(3.0)


class Odd(RowGate):
    """Rows in odd months, but not of bond C, and nothing is said of A."""

    name = "odd"
    catches = "odd months"
    what = "are of an odd month"
    limit = 0.0
    columns = ("date", "bond_id")

    def bad(self, rows):
        """Mark odd months, without a mark for bond C."""
        odd = pd.Series(rows["date"].dt.month % 2 == 1, dtype="boolean")
        return odd.mask(rows["bond_id"] == "C")

    def judged(self, rows):
        """Leave out bond A."""
        return rows["bond_id"] != "A"


def test_a_rule_about_rows_of_ones_own():
    """What is not marked is not bad, what is not judged does not count; zero may be allowed."""
    gate = Odd()
    setting = Setting(0.0, "block")
    tally = gate.count(Part(rows()))
    (found,) = gate.evaluate(Context({"odd": setting}, tallies={"odd": tally}))
    assert (found.n, found.rows, found.verdict) == (6, (1, 7), "fail")
    assert found.used == 1 + found.observed
    plain = found.to_dict()
    assert (plain["rows"], plain["interval"]) == ([1, 7], list(found.interval))
    (none,) = gate.evaluate(Context({"odd": setting}))
    assert (none.gate, none.verdict) == ("odd", "not_applicable")
    assert none.message == "The data have no date, no bond_id."
