"""Identifiers look like the real ones and can equal none of them."""

from __future__ import annotations

import numpy as np
import pytest

from bondx_lib import market, parameters
from bondx_lib.market import bonds

MANY = 50_000
KEYS = np.arange(0, 3_000_000 * MANY, 3_000_000)


@pytest.fixture(scope="module")
def many():
    """The bond identifiers of one large draw."""
    return bonds.identifiers("test/identifiers", 42, KEYS, "bond").tolist()


@pytest.fixture(scope="module")
def panel():
    """The panel of a drawn market of several worlds."""
    return market.simulate(parameters.default(), "test/identifiers", bonds=60, worlds=2).panel


def test_bonds_have_the_form_of_an_isin(many):
    """Twelve characters, prefix XZ for private use, and the check digit of ISO 6166."""
    assert {len(name) for name in many} == {12}
    assert {name[:2] for name in many} == {"XZ"}
    assert all(name.isascii() and name.isalnum() and name == name.upper() for name in many)
    assert all(luhn(name) for name in many)


def luhn(isin: str) -> bool:
    """Say by the textbook whether an ISIN's digits, letters as two, sum to a multiple of ten."""
    digits = [int(digit) for sign in isin for digit in str(int(sign, 36))][::-1]
    doubled = [2 * digit for digit in digits[1::2]]
    return (sum(digits[::2]) + sum(sum(divmod(digit, 10)) for digit in doubled)) % 10 == 0


def test_the_check_digit_is_that_of_known_isins():
    """Published ISINs have it; with any other last digit they do not."""
    for known in ("US0378331005", "GB0002634946", "DE000BAY0017", "AU0000XVGZA3"):
        for digit in "0123456789":
            changed = known[:-1] + digit
            assert bonds.has_valid_check_digit(changed) == luhn(changed) == (changed == known)


@pytest.mark.parametrize("kind", ["bond", "issuer"])
def test_identifiers_are_unique_within_a_draw(kind):
    """Fifty thousand of one draw are all different."""
    assert len(set(bonds.identifiers("test/identifiers", 42, KEYS, kind))) == MANY


def test_another_draw_has_other_identifiers(many):
    """Another seed or another path shares not one of fifty thousand; the same shares all."""
    same = bonds.identifiers("test/identifiers", 42, KEYS, "bond").tolist()
    assert same == many
    for path, seed in (("test/identifiers", 43), ("test/identifiers/2", 42)):
        other = bonds.identifiers(path, seed, KEYS, "bond").tolist()
        assert not set(many) & set(other)


def test_everything_drawn_is_marked_synthetic(panel):
    """Flag, names and identifiers of a market say so, and no identifier is in two worlds."""
    assert panel["synthetic"].all()
    assert panel["issuer_name"].str.startswith("SX-").all()
    assert panel["issuer_id"].str.startswith("SX-").all()
    names = panel["bond_id"].unique()
    assert all(name.startswith("XZ") and luhn(name) for name in names)
    assert panel.groupby("bond_id")["world"].nunique().max() == 1
