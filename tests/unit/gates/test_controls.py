"""Negative controls of the gates on data: each gate notices damage of its own kind."""

from __future__ import annotations

from functools import cache

import numpy as np
import pandas as pd
import pytest

from bondx_lib import gates, market, parameters
from bondx_lib.gates.base import DataGate
from bondx_lib.gates.controls import CONTROLS, realism, sectors

CHOSEN = parameters.default()
MANAGER = gates.QualityGateManager(CHOSEN)
NAMES = [name for name in CONTROLS if isinstance(gates.get(name), DataGate)]
FEW, MANY = 150, 400
"""Bonds of an ordinary draw, and of one that holds half a dozen issuers of each sector."""

NEED_MANY = (*sectors.CONTROLS, "coupon_steps", "amount_steps")
"""Gates with little to judge in a small draw, and damage by whole bonds, of which one is much."""

OF_FILES = ("unreadable_cells",)
"""Gates on what a reader of files notes in a column of its own, which a draw has not."""

ROUGHLY = 0.02
"""Share of the most damage that counts as no change."""


@cache
def drawn(bonds: int, stream: str = "test/controls") -> pd.DataFrame:
    """Return an ordinary draw."""
    return market.simulate(CHOSEN, stream, bonds=bonds).panel


def clean(name: str) -> pd.DataFrame:
    """Return the draw that a gate is tried on; figures of calm months need one that has them."""
    if name in realism.CONTROLS:
        return drawn(MANY, "test/calm/5")
    return drawn(MANY if name in NEED_MANY else FEW)


def damaged(name: str, amount: float) -> pd.DataFrame:
    """Return the draw with damage of a gate's own kind."""
    return CONTROLS[name].damage(clean(name), amount, np.random.default_rng(5))


def asked(name: str, panel: pd.DataFrame) -> tuple[gates.Finding, ...]:
    """Return the findings of one gate."""
    part = gates.Part(panel)
    return MANAGER.findings(gates.Extent.of(part), MANAGER.count(part, [name]), names=[name])


def used(findings: tuple[gates.Finding, ...]) -> float:
    """Return the largest share of a tolerance that is used up."""
    return max(one.used for one in findings)


def verdicts(findings: tuple[gates.Finding, ...]) -> set[str]:
    """Return all verdicts of a gate."""
    return {one.verdict for one in findings}


@pytest.mark.parametrize("name", list(CONTROLS))
def test_a_control_says_what_it_does(name):
    """It belongs to a gate and tells of its damage, in half a dozen ascending amounts."""
    control = CONTROLS[name]
    assert name in gates.GATES
    assert control.what
    assert not control.what.endswith(".")
    assert list(control.amounts) == sorted(set(control.amounts))
    assert len(control.amounts) >= 5 or not isinstance(gates.get(name), DataGate)


@pytest.mark.parametrize("name", NAMES)
def test_a_gate_passes_before_and_fails_after(name):
    """The least damage is let pass, unless none is allowed; the most of it fails.

    More damage never uses up less of the tolerance; where a range is allowed, damage that leads to
    its other end uses up less until it has passed what is usual.
    """
    before = asked(name, clean(name))
    assert "fail" not in verdicts(before)
    assert "pass" in verdicts(before) or name in OF_FILES
    ladder = [asked(name, damaged(name, amount)) for amount in CONTROLS[name].amounts]
    assert "fail" not in verdicts(ladder[0]) or MANAGER.settings[name].threshold == 0
    assert "fail" in verdicts(ladder[-1])
    shares = np.array([used(before), *(used(found) for found in ladder)])
    if isinstance(MANAGER.settings[name].threshold, tuple) or name in realism.CONTROLS:
        shares = shares[shares.argmin() :]
    assert (np.diff(shares) >= -ROUGHLY * shares.max()).all(), shares


@pytest.mark.parametrize("name", NAMES)
def test_damage_leaves_its_argument_and_types_alone(name):
    """The draw stays as it was, the damaged one has its columns and types and differs."""
    before = clean(name).copy()
    for amount in (CONTROLS[name].amounts[0], CONTROLS[name].amounts[-1]):
        after = damaged(name, amount)
        assert after[before.columns].dtypes.to_dict() == before.dtypes.to_dict()
        assert list(after.columns) == list(before.columns) or name in OF_FILES
        assert isinstance(after.index, pd.RangeIndex)
        assert not after.equals(before)
    pd.testing.assert_frame_equal(clean(name), before)


@pytest.mark.parametrize("name", NAMES)
def test_damage_depends_on_its_random_numbers_alone(name):
    """The same generator does the same damage again."""
    amount = CONTROLS[name].amounts[-1]
    pd.testing.assert_frame_equal(damaged(name, amount), damaged(name, amount))
