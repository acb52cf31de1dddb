"""Gates on paths through time: histories made by hand, and the rows that contradict them."""

from __future__ import annotations

import pandas as pd
import pytest

from bondx_lib import gates
from bondx_lib.gates import paths

from .hand_made import Row, framed, marked, months, only

NONE = float("nan")


def history(*values: Row, first: str = "2020-01", **fixed: object) -> pd.DataFrame:
    """Return one bond's rows, month after month."""
    own = {"bond_id": "XZ1", "issuer_id": "SX-1", **fixed}
    dates = months(first, len(values))
    return framed([{**own, "date": date, **row} for date, row in zip(dates, values, strict=True)])


def together(*frames: pd.DataFrame) -> pd.DataFrame:
    """Return several histories as one frame."""
    return pd.concat(frames, ignore_index=True)


def labelled(ratings: list[float], labels: list[float], **fixed: object) -> pd.DataFrame:
    """Return a history of ratings and downgrade labels."""
    pairs = zip(ratings, labels, strict=True)
    return history(*({"rating_number": r, "downgrade_12m": y} for r, y in pairs), **fixed)


class TestDowngradePath:
    """Labels of the next twelve months against the ratings that are seen in them."""

    def test_labels_of_a_stable_rating(self):
        """Zero is right and one is wrong as long as twelve months are seen; then none is due."""
        right = labelled([9.0] * 14, [0.0, 0.0] + [NONE] * 12)
        assert marked("downgrade_path", right) == ((), 2)
        wrong = labelled([9.0] * 14, [1.0, 0.0] + [NONE] * 12)
        assert marked("downgrade_path", wrong) == ((0,), 2)

    def test_labels_before_and_after_a_downgrade(self):
        """One in the twelve months before; in the month itself it has already happened."""
        ratings = [9.0] * 13 + [10.0] * 13
        labels = [0.0] + [1.0] * 12 + [0.0] + [NONE] * 12
        assert marked("downgrade_path", labelled(ratings, labels)) == ((), 14)
        turned = [1.0, 0.0] + [1.0] * 11 + [1.0] + [NONE] * 12
        assert marked("downgrade_path", labelled(ratings, turned)) == ((0, 1, 13), 14)

    def test_an_upgrade_is_no_downgrade(self):
        """A rating that improves asks for zero."""
        rows = labelled([9.0] * 5 + [8.0] * 9, [0.0, 1.0] + [NONE] * 12)
        assert marked("downgrade_path", rows) == ((1,), 2)

    def test_a_dip_that_recovers_is_a_downgrade(self):
        """What counts is that it worsens once, not where it ends."""
        rows = labelled([9.0] * 5 + [10.0] + [9.0] * 8, [1.0, 0.0] + [NONE] * 12)
        assert marked("downgrade_path", rows) == ((1,), 2)

    def test_an_issuer_that_is_no_longer_seen_may_have_defaulted(self):
        """Either label is right if a month is not seen; only a missing one is not."""
        other = labelled([5.0] * 20, [0.0] * 8 + [NONE] * 12, bond_id="XZ2", issuer_id="SX-2")
        gone = labelled([9.0] * 3, [1.0, 0.0, NONE])
        assert marked("downgrade_path", together(other, gone)) == ((22,), 8 + 3)

    def test_a_label_may_be_known_beyond_the_data(self):
        """It is judged then: a downgrade that is seen makes zero wrong."""
        rows = labelled([9.0] * 3 + [10.0], [0.0, 1.0, 1.0, 1.0])
        assert marked("downgrade_path", rows) == ((0,), 4)

    def test_bonds_of_an_issuer_share_its_rating(self):
        """The middle one of a month counts, so that one wrong row is no downgrade."""
        bonds = [labelled([9.0] * 14, [0.0, 0.0] + [NONE] * 12, bond_id=f"XZ{k}") for k in range(3)]
        bonds[1].loc[7, "rating_number"] = 15.0
        bonds[2].loc[3, "rating_number"] = NONE
        assert marked("downgrade_path", together(*bonds)) == ((), 6)

    def test_each_issuer_has_its_own_path(self):
        """The downgrade of the second is not that of the first or the third."""
        stable = [labelled([9.0] * 14, [0.0, 0.0] + [NONE] * 12, issuer_id=f"SX-{k}",
                           bond_id=f"XZ{k}") for k in (1, 3)]  # fmt: skip
        falls = labelled([9.0] * 5 + [10.0] * 9, [1.0, 1.0] + [NONE] * 12, issuer_id="SX-2",
                         bond_id="XZ2")  # fmt: skip
        rows = together(stable[0], falls, stable[1])
        assert marked("downgrade_path", rows) == ((), 6)
        rows.loc[[0, 15, 28], "downgrade_12m"] = [1.0, 0.0, 1.0]
        assert marked("downgrade_path", rows) == ((0, 15, 28), 6)

    def test_of_two_ratings_the_better_one_is_the_issuers(self):
        """An even number of rows has no middle one."""
        bonds = [labelled([9.0] * 14, [0.0, 0.0] + [NONE] * 12, bond_id=f"XZ{k}") for k in range(2)]
        bonds[1].loc[7, "rating_number"] = 15.0
        assert marked("downgrade_path", together(*bonds)) == ((), 4)
        bonds[1].loc[7, "rating_number"] = 3.0
        assert marked("downgrade_path", together(*bonds)) == ((0, 1, 14, 15), 4)

    def test_rows_without_a_world_are_a_world(self):
        """They end for themselves too."""
        rows = together(
            labelled([9.0] * 14, [NONE] * 14, world=0.0),
            labelled([9.0] * 4, [NONE] * 4, world=NONE),
        )
        assert marked("downgrade_path", rows) == ((0, 1), 2)

    def test_each_world_ends_for_itself(self):
        """A shorter world's labels may be missing where a longer one's may not."""
        rows = together(
            labelled([9.0] * 4, [NONE] * 4, world=0),
            labelled([9.0] * 14, [NONE] * 14, world=1),
        )
        assert marked("downgrade_path", rows) == ((4, 5), 2)

    def test_rows_without_a_date_are_not_judged(self):
        """They belong nowhere."""
        rows = labelled([9.0] * 14, [0.0, 1.0] + [NONE] * 12)
        rows.loc[1, "date"] = pd.NaT
        assert marked("downgrade_path", rows) == ((), 1)

    @pytest.mark.parametrize(("wrong", "verdict"), [(1, "pass"), (2, "fail")])
    def test_half_a_percent_is_allowed(self, wrong, verdict):
        """One of two hundred labels is at the threshold, two are past it, and block."""
        labels = [1.0] * wrong + [0.0] * (200 - wrong) + [NONE] * 12
        found = only("downgrade_path", labelled([9.0] * 212, labels))
        assert (found.verdict, found.n, found.observed) == (verdict, 200, wrong / 2)
        assert found.blocks == (verdict == "fail")


def moved(*each: tuple[float, float, float]) -> pd.DataFrame:
    """Return a history of rating, last move and age of the rating."""
    names = ("rating_number", "last_rating_move", "months_since_rating_change")
    return history(*(dict(zip(names, one, strict=True)) for one in each))


class TestRatingMoves:
    """Age and last move of a rating against the month before."""

    def test_an_age_grows_by_a_month_and_starts_anew(self):
        """A downgrade, two months, an upgrade."""
        rows = moved((9, 0, 30), (10, 1, 0), (10, 1, 1), (10, 1, 2), (8, -1, 1), (8, -1, 2))
        assert marked("rating_moves", rows) == ((), 5)

    @pytest.mark.parametrize(
        ("second", "what"),
        [((9, 0, 33), "age leaps"), ((9, 0, 30), "age stands still"), ((9, 1, 31), "move changes"),
         ((10, 0, 0), "move not noted"), ((10, -1, 0), "wrong direction"),
         ((10, 1, 31), "age goes on"), ((8, -1, 2), "age is not fresh")],
    )  # fmt: skip
    def test_what_does_not_follow(self, second, what):
        """The second of two months is wrong."""
        assert marked("rating_moves", moved((9, 0, 30), second)) == ((1,), 1), what

    def test_old_ratings_are_not_told_apart(self):
        """At ten years the age stands still; a file may count on."""
        rows = moved((9, 0, 119), (9, 0, 120), (9, 0, 120), (9, 0, 121), (9, 0, 150))
        assert marked("rating_moves", rows) == ((), 4)

    def test_only_the_month_before_counts(self):
        """First months, months after a gap and missing figures are not judged."""
        rows = moved((9, 0, 30), (9, 0, 99), (9, 0, 100), (9, NONE, 101), (9, 0, 102))
        assert marked("rating_moves", rows.drop(index=1)) == ((), 0)
        assert marked("rating_moves", rows) == ((1,), 2)


class TestShockLabel:
    """The label of a month against the shock of the next."""

    def test_the_label_is_next_months_shock(self):
        """The last month has no next one; a missing label where there is one is wrong."""
        shocks, labels = [0, 1, 0, 0], [1.0, 0.0, 1.0, NONE]
        rows = history(
            *({"liquidity_shock": bool(s), "liquidity_shock_1m": y}
              for s, y in zip(shocks, labels, strict=True))
        )  # fmt: skip
        assert marked("shock_label", rows) == ((2,), 3)
        rows.loc[0, "liquidity_shock_1m"] = NONE
        assert marked("shock_label", rows) == ((0, 2), 3)

    def test_the_order_of_rows_does_not_matter(self):
        """The next month may stand before, even at the top."""
        rows = history(*({"liquidity_shock": s, "liquidity_shock_1m": 1.0} for s in (0.0, 1.0)))
        assert marked("shock_label", rows) == ((), 1)
        rows = rows.iloc[::-1].reset_index(drop=True)
        assert marked("shock_label", rows) == ((), 1)
        rows.loc[1, "liquidity_shock_1m"] = 0.0
        assert marked("shock_label", rows) == ((1,), 1)

    def test_a_gap_is_not_judged(self):
        """Nor is a next month whose shock is not known."""
        rows = history(*({"liquidity_shock": s, "liquidity_shock_1m": 1.0} for s in (0.0,) * 4))
        assert marked("shock_label", rows.drop(index=1).reset_index(drop=True)) == ((1,), 1)
        rows.loc[2, "liquidity_shock"] = NONE
        assert marked("shock_label", rows) == ((0, 2), 2)


class TestAccountsQuarterly:
    """A leverage that moves in two months running."""

    def test_quarterly_changes_are_right_and_monthly_ones_are_not(self):
        """From the third month on, a change after a change counts."""
        quarterly = [0.4, 0.4, 0.4, 0.5, 0.5, 0.5, 0.45]
        assert marked("accounts_quarterly", leveraged(quarterly)) == ((), 5)
        monthly = [0.4, 0.41, 0.42, 0.42, 0.43, 0.44]
        assert marked("accounts_quarterly", leveraged(monthly)) == ((2, 5), 4)

    def test_the_last_digit_is_no_change(self):
        """Two figures are one if they differ by a millionth."""
        assert marked("accounts_quarterly", leveraged([0.4, 0.4 + 3e-7, 0.4])) == ((), 1)

    def test_missing_months_and_figures_are_not_judged(self):
        """Nor are the first two months."""
        rows = leveraged([0.1, 0.2, 0.3, 0.4, NONE, 0.5, 0.6])
        assert marked("accounts_quarterly", rows) == ((2, 3), 2)
        assert marked("accounts_quarterly", rows.drop(index=1)) == ((), 0)


def leveraged(values: list[float]) -> pd.DataFrame:
    """Return a history of the leverage."""
    return history(*({"leverage": one} for one in values))


class TestSharedFigures:
    """Figures that are one for all rows of an issuer, or of the market, in a month."""

    def test_the_less_common_figure_is_wrong(self):
        """Within an issuer and month; another month or issuer may have another."""
        first, second, third = (
            history({"leverage": 0.4}, {"leverage": 0.5}, bond_id=f"XZ{k}") for k in range(3)
        )
        other = history({"leverage": 0.9}, {"leverage": NONE}, bond_id="XZ9", issuer_id="SX-9")
        rows = together(first, second, third, other)
        assert marked("issuer_figures", rows) == ((), 8)
        rows.loc[3, "leverage"] = 0.51
        assert marked("issuer_figures", rows) == ((3,), 8)

    def test_a_row_counts_once_and_missing_figures_do_not(self):
        """Two wrong figures are one wrong row; of two rows the first is taken for right."""
        rows = together(*(
            history({"leverage": 0.4, "esg_score": 50.0}, bond_id=f"XZ{k}") for k in range(2)
        ))  # fmt: skip
        rows.loc[1, ["leverage", "esg_score"]] = 0.7, 60.0
        assert marked("issuer_figures", rows) == ((1,), 2)
        rows.loc[1, ["leverage", "esg_score"]] = NONE
        assert marked("issuer_figures", rows) == ((), 2)

    def test_any_wrong_figure_counts(self):
        """Whichever of the figures it is, and whatever the others say."""
        rows = together(*(
            history({"leverage": 0.4, "esg_score": 50.0}, bond_id=f"XZ{k}") for k in range(3)
        ))  # fmt: skip
        for name in ("leverage", "esg_score"):
            wrong = rows.assign(**{name: [*rows[name][:2], 0.9]})
            assert marked("issuer_figures", wrong) == ((2,), 3), name

    def test_rows_without_a_world_share_their_own_market(self):
        """They are held against one another."""
        rows = together(*(
            history({"market_spread_bps": 150.0 + 50 * (world == 1)}, world=world,
                    bond_id=f"XZ{k}", issuer_id=f"SX-{k}")
            for k, world in enumerate((NONE, NONE, NONE, 1.0, 1.0, 1.0))
        ))  # fmt: skip
        assert marked("market_figures", rows) == ((), 6)
        rows.loc[1, "market_spread_bps"] = 151.0
        assert marked("market_figures", rows) == ((1,), 6)

    def test_figures_of_the_market_are_one_for_all_issuers_of_a_world(self):
        """The worlds have markets of their own."""
        rows = together(*(
            history({"market_spread_bps": 150.0 + 50 * world}, world=world, bond_id=f"XZ{k}",
                    issuer_id=f"SX-{k}")
            for k, world in enumerate((0, 0, 0, 1, 1))
        ))  # fmt: skip
        assert marked("market_figures", rows) == ((), 5)
        assert marked("market_figures", rows.drop(columns="world")) == ((3, 4), 5)
        rows.loc[0, "market_spread_bps"] *= 1 + 1e-7
        rows.loc[2, "market_spread_bps"] = 151.0
        assert marked("market_figures", rows) == ((2,), 5)

    def test_other_digits_and_infinite_figures(self):
        """The last digits do not tell two figures apart; infinity is another figure."""
        rows = together(*(history({"leverage": 0.4}, bond_id=f"XZ{k}") for k in range(5)))
        rows["leverage"] = [0.4, 0.4 + 1e-7, 0.4 - 1e-7, 0.5, float("inf")]
        assert marked("issuer_figures", rows) == ((3, 4), 5)
        assert marked("issuer_figures", rows.assign(leverage=float("inf"))) == ((), 5)

    @pytest.mark.parametrize("name", ["issuer_figures", "market_figures"])
    def test_nothing_to_judge_without_figures_or_dates(self, name):
        """A file without any of these columns is not judged, nor are rows without a date."""
        rows = together(*(history({"spread_bps": 1.0}, bond_id=f"XZ{k}") for k in range(2)))
        assert only(name, rows).verdict == "not_applicable"
        figures = rows.assign(leverage=[0.4, 0.5], market_spread_bps=[100.0, 200.0], date=pd.NaT)
        assert marked(name, figures.astype({"date": "datetime64[ns]"})) == ((), 0)

    def test_whom_figures_are_shared_with_must_be_said(self):
        """The form of these gates leaves it open."""

        class Other(paths._Shared):
            name = "other"

        with pytest.raises(NotImplementedError):
            Other().groups(gates.Part(leveraged([0.4])))
