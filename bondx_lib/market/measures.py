"""What a market shows of each published figure: one statistic per fact, computed alike.

Statistics read undamaged rows and the paths of ratings of one large market, and are computed as
the source does, as far as its text says. Their names are the ids of the facts.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from sklearn.metrics import roc_auc_score

from bondx_lib import parameters as parameter_files
from bondx_lib.market import constants, macro, ratings, rows, simulation
from bondx_lib.market.issuers import BURN_IN, Issuers
from bondx_lib.schema import FIRST_SPECULATIVE, LETTERS, RATINGS, letter

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Measured = dict[str, float]

MONTHS: Final = 300
BLOCKS: Final = 4
TOP: Final = 2
"""How many letters are measured in the block of the best issuers."""
TOP_MIX: Final = (40.0, 60.0, 1e-9, 1e-9, 1e-9, 1e-9, 1e-9)

LETTER_OF: Final = np.array([0, *(LETTERS.index(letter(rating)) for rating in RATINGS)])
GONE: Final = (ratings.WITHDRAWN, ratings.DEFAULTED)
NEEDED: Final = (
    "month", "rating_number", "sector", "seniority", "callable", "coupon_pct", "maturity_years",
    "age_years", "amount_outstanding_usd", "clean_price", "accrued_interest", "yield_pct",
    "spread_bps", "duration_years", "bid_ask_bps", "volume_usd", "zero_trading_days_pct",
    "leverage", "operating_margin_pct", "current_ratio", "equity_volatility", "esg_rater_a",
    "esg_rater_b", "esg_rater_c", "esg_score", "news_sentiment", "size_log_assets",
    "downgrade_12m",
)  # fmt: skip


@dataclass(frozen=True)
class Sample:
    """A large market of one seed.

    Attributes
    ----------
    frame
        One row per bond and month, undamaged, with ``bond`` and ``issuer`` as numbers, ``letter``
        and ``regime`` as places in their lists, ``speculative``, and the ``liquidity`` premium.
    top
        The same of a block with AAA and AA issuers only, of which the market holds few: a letter's
        own figures do not depend on how many others there are.
    issuers, top_issuers
        Blocks of seats, for the paths of ratings.
    economy
        From the first observation on.
    """

    frame: pd.DataFrame
    top: pd.DataFrame
    issuers: tuple[Issuers, ...]
    top_issuers: tuple[Issuers, ...]
    economy: macro.State


def draw(seed: int, months: int = MONTHS, blocks: int = BLOCKS) -> Sample:
    """Draw the market of one seed."""
    chosen = parameter_files.load(None, {"random_seed": seed, "history_months": months})
    world = simulation.world_of(chosen, "realism")
    frame, firms = _blocks(world, range(blocks))
    with constants.using({"issuers.entrant_pct": np.array(TOP_MIX)}):
        top, top_firms = _blocks(world, range(blocks, blocks + 1))
    now = macro.since(world.economy, simulation.MACRO_BURN_IN)
    return Sample(frame, top, firms, top_firms, now)


def of_seed(seed: int, months: int = MONTHS, blocks: int = BLOCKS) -> Measured:
    """Draw the market of one seed and return every statistic."""
    return measure(draw(seed, months, blocks))


def measure(sample: Sample) -> Measured:
    """Return every statistic of one market by the id of its fact."""
    measured: Measured = {}
    for statistic in STATISTICS:
        measured |= statistic(sample)
    return measured


def _blocks(world: simulation.World, numbers: range) -> tuple[pd.DataFrame, tuple[Issuers, ...]]:
    frames, firms = [], []
    for number in numbers:
        seats = world.issuers(number)
        frames.append(_frame(world.block(seats, world.bonds(seats)), number))
        firms.append(seats)
    return pd.concat(frames, ignore_index=True), tuple(firms)


def _frame(block: rows.Block, number: int) -> pd.DataFrame:
    everything = np.ones(block.bonds.count, bool)
    unknown = np.full((block.months, len(block.issuers.sector)), np.nan)
    seen, true = rows.columns(block, everything, 0, unknown)
    good = ~true["corrupted"]
    picked = {
        name: (values.codes if isinstance(values := seen[name], rows.Words) else values)[good]
        for name in NEEDED
    }
    frame = pd.DataFrame(picked)
    frame["bond"] = seen["bond_id"].codes[good] + 1_000_000 * number
    frame["issuer"] = seen["issuer_id"].codes[good] + 1_000_000 * number
    frame["letter"] = LETTER_OF[frame["rating_number"]]
    frame["speculative"] = frame["rating_number"] >= FIRST_SPECULATIVE
    frame["regime"] = true["regime"].codes[good]
    frame["liquidity"] = true["liquidity_premium"][good]
    frame["log_spread"] = np.log(frame["spread_bps"])
    return frame


def _fates(firms: Issuers, horizon: int) -> tuple[Ints, Ints]:
    """Return letters now and what became of them so many months later.

    A letter's place in the list, 7 for default, 8 for a withdrawn rating.
    """
    rating, generation = firms.rating[BURN_IN:], firms.generation[BURN_IN:]
    end = np.full(firms.habits.rating.shape, 8)
    month, seat = np.nonzero(firms.rating == ratings.DEFAULTED)
    end[firms.generation[month, seat], seat] = 7
    alive = ~np.isin(rating[:-horizon], GONE)
    same = (generation[horizon:] == generation[:-horizon]) & ~np.isin(rating[horizon:], GONE)
    last = end[generation[:-horizon], np.arange(rating.shape[1])]
    later = np.where(same, LETTER_OF[np.clip(rating[horizon:], 1, 21)], last)
    return LETTER_OF[rating[:-horizon][alive]], later[alive]


def _transitions(sample: Sample) -> Measured:
    counts = _counts(sample.issuers)
    counts[:TOP] = _counts(sample.top_issuers)[:TOP]
    with np.errstate(invalid="ignore"):
        share = 100 * counts / counts.sum(axis=1, keepdims=True)
    ends = (*LETTERS, "D", "NR")
    return {
        f"transition_1y.{a}.{b}": float(share[i, j])
        for i, a in enumerate(LETTERS) for j, b in enumerate(ends)
    }  # fmt: skip


def _counts(blocks: Sequence[Issuers]) -> Floats:
    """Count yearly moves from letter to letter, default or withdrawal."""
    counts = np.zeros((7, 9))
    for firms in blocks:
        now, later = _fates(firms, 12)
        counts += np.bincount(now * 9 + later, minlength=63).reshape(7, 9)
    return counts


def _defaults(sample: Sample) -> Measured:
    """Cumulate conditional default rates, so that withdrawn ratings are taken out, not counted."""
    measured: Measured = {}
    years = (3, 5, 10)
    survival, cumulated = np.ones(7), np.zeros(7)
    pools = [_yearly_fates(firms, max(years)) for firms in sample.issuers]
    best = [_yearly_fates(firms, max(years)) for firms in sample.top_issuers]
    for year in range(max(years)):
        at_risk, lost = (np.sum([pool[part][year] for pool in pools], axis=0) for part in (0, 1))
        for part, counts in enumerate((at_risk, lost)):
            counts[:TOP] = np.sum([pool[part][year] for pool in best], axis=0)[:TOP]
        hazard = np.divide(lost, at_risk, out=np.zeros(7), where=at_risk > 0)
        cumulated = cumulated + survival * hazard
        survival = survival * (1 - hazard)
        if year + 1 in years:
            measured |= {
                f"default_{year + 1}y.{name}": float(100 * cumulated[place])
                for place, name in enumerate(LETTERS)
            }
    return measured


def _yearly_fates(firms: Issuers, years: int) -> tuple[Floats, Floats]:
    """Return for each year after and each letter how many were still rated, and defaulted in it."""
    rating, generation = firms.rating[BURN_IN:], firms.generation[BURN_IN:]
    risk, lost = np.zeros((years, 7)), np.zeros((years, 7))
    for start in range(0, len(rating) - 12 * years, 12):
        alive = ~np.isin(rating[start], GONE)
        here = np.where(alive, LETTER_OF[np.clip(rating[start], 1, 21)], 0)
        for year in range(years):
            risk[year] += np.bincount(here[alive], minlength=7)
            window = slice(start + 12 * year + 1, start + 12 * year + 13)
            mine = generation[window] == generation[start]
            hit = alive & (mine & (rating[window] == ratings.DEFAULTED)).any(axis=0)
            lost[year] += np.bincount(here[hit], minlength=7)
            after = start + 12 * year + 12
            alive &= (generation[after] == generation[start]) & ~np.isin(rating[after], GONE)
    return risk, lost


def _moves(sample: Sample) -> Measured:
    """Momentum within letters, and the shares moved in calm and in stressed years."""
    firms = sample.issuers
    rating = np.hstack([one.rating[BURN_IN:] for one in firms])
    generation = np.hstack([one.generation[BURN_IN:] for one in firms])
    age = np.hstack([one.rating_age[BURN_IN:] for one in firms])[:-1]
    last = np.hstack([one.last_move[BURN_IN:] for one in firms])[:-1]
    alive = ~np.isin(rating, GONE)
    both = alive[:-1] & alive[1:] & (generation[:-1] == generation[1:])
    change = np.where(both, np.sign(rating[1:] - rating[:-1]), 0)
    down = (change > 0) | np.hstack([one.downgraded[BURN_IN + 1 :] for one in firms])
    letters = LETTER_OF[np.clip(rating[:-1], 1, 21)]
    measured: Measured = {}
    for name, moved, sign in (("downgrade", down, 1), ("upgrade", change < 0, -1)):
        recent = alive[:-1] & (last == sign) & (age < 12)
        quiet = alive[:-1] & (age >= 12)
        ratio, weight = 0.0, 0.0
        for place in range(1, 6):
            a, b = recent & (letters == place), quiet & (letters == place)
            if a.sum() and moved[b].sum():
                ratio += a.sum() * moved[a].mean() / moved[b].mean()
                weight += a.sum()
        measured[f"momentum.{name}_hazard"] = ratio / weight
    measured["recession_share"] = float(100 * (sample.economy.regime == macro.STRESS).mean())
    return measured | _yearly_moves(alive, down, change < 0, sample.economy.regime)


def _yearly_moves(alive: Any, down: Any, up: Any, regime: Ints) -> Measured:
    years = [slice(start, start + 12) for start in range(0, len(down) - 11, 12)]
    stressed = np.array([(regime[year] == macro.STRESS).mean() for year in years])
    shares = {
        kind: np.array([100 * moved[y][:, alive[y.start]].any(axis=0).mean() for y in years])
        for kind, moved in (("downgrades", down), ("upgrades", up))
    }
    measured: Measured = {}
    for kind, share in shares.items():
        if (stressed == 0).any():
            calm = float(np.median(share[stressed == 0]))
            measured |= {f"{kind}.year.{year}": calm for year in (2021, 2022, 2024)}
        if (stressed >= 0.75).any():
            measured[f"{kind}.stress"] = float(share[stressed >= 0.75].mean())
    return measured


def _index(frame: pd.DataFrame, months: int, group: Any, size: int, where: Any = None) -> Floats:
    """Return value-weighted mean spreads by month and group; NaN where a group is empty."""
    keep = (frame["maturity_years"] >= 1).to_numpy() & (group >= 0)
    if where is not None:
        keep &= where
    cell = frame["month"].to_numpy()[keep] * size + group[keep]
    weight = frame["amount_outstanding_usd"].to_numpy()[keep]
    spread = frame["spread_bps"].to_numpy()[keep]
    total, amount = (np.bincount(cell, w, months * size) for w in (weight * spread, weight))
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((total / amount).reshape(months, size))


def _indices(sample: Sample) -> Measured:
    months = len(sample.economy.regime)
    level = _index(sample.frame, months, sample.frame["letter"].to_numpy(), 7)
    level[:, :TOP] = _index(sample.top, months, sample.top["letter"].to_numpy(), 7)[:, :TOP]
    by_class = _index(sample.frame, months, sample.frame["speculative"].to_numpy().astype(int), 2)
    measured: Measured = {}
    logs = np.log(level)
    for place, name in enumerate(LETTERS):
        series = level[:, place]
        series = series[np.isfinite(series)]
        if len(series) < 120:
            continue
        measured[f"oas_level.{name}.mean"] = float(series.mean())
        for part in (5, 25, 50, 75, 95):
            measured[f"oas_level.{name}.p{part:02d}"] = float(np.percentile(series, part))
        for part in (10, 50, 90):
            measured[f"oas_ratio.{name}.p{part}"] = float(
                np.nanpercentile(level[:, place] / level[:, 3], part)
            )
        measured[f"oas_ar1.{name}"] = _autocorrelation(logs[:, place])
        measured[f"crisis_peak.{name}"] = float(series.max())
        changes = np.diff(logs[:, place])
        measured[f"oas_change.sd_ratio.{name}"] = float(
            np.nanstd(changes) / np.nanstd(np.diff(logs[:, 3]))
        )
    measured["oas_ar1.IG"], measured["oas_ar1.HY"] = (
        _autocorrelation(np.log(by_class[:, place])) for place in (0, 1)
    )
    changes = np.diff(logs, axis=0)
    bbb = changes[:, 3]
    measured["oas_change.sd.BBB"] = float(bbb.std(ddof=1))
    measured["oas_change.skew"] = float(stats.skew(bbb))
    measured["oas_change.kurtosis"] = float(stats.kurtosis(bbb))
    whole = changes[:, np.isfinite(changes).all(axis=0)]
    values = np.linalg.eigvalsh(np.cov(((whole - whole.mean(0)) / whole.std(0)).T))
    measured["oas_change.common"] = float(values[-1] / values.sum())
    equity = np.mean([one.equity_return[BURN_IN:].mean(axis=1) for one in sample.issuers], axis=0)
    measured["return.equity_correlation"] = float(np.corrcoef(bbb, equity[1:])[0, 1])
    return measured


def _autocorrelation(series: Floats) -> float:
    first, second = series[:-1], series[1:]
    good = np.isfinite(first) & np.isfinite(second)
    return float(np.corrcoef(first[good], second[good])[0, 1])


BUCKETS: Final = {"1_3y": (1, 3), "3_5y": (3, 5), "5_7y": (5, 7), "7_10y": (7, 10),
                  "10_15y": (10, 15), "15y_plus": (15, 99)}  # fmt: skip


def _curve(sample: Sample) -> Measured:
    """Index spreads of investment grade by remaining maturity, usually and in crisis."""
    frame = sample.frame
    edges = [low for low, _ in BUCKETS.values()]
    group = np.searchsorted(edges, frame["maturity_years"].to_numpy(), side="right") - 1
    months = len(sample.economy.regime)
    index = _index(frame, months, group, len(BUCKETS), ~frame["speculative"].to_numpy())
    measured = {
        f"oas_maturity.{name}": float(np.nanmedian(index[:, place]))
        for place, name in enumerate(BUCKETS)
    }
    dear = sample.economy.premium >= np.quantile(sample.economy.premium, 0.98)
    measured["crisis.curve_ratio"] = float(np.median(index[dear, 0] / index[dear, 3]))
    return measured


def _cross_section(sample: Sample) -> Measured:
    """Shares of variance and slopes among investment-grade bonds of one month.

    The figures come from an index of early 2026: compared are months with tight spreads.
    """
    frame = sample.frame
    tight = sample.economy.premium < np.median(sample.economy.premium)
    pick = ~frame["speculative"] & tight[frame["month"]]
    grade = frame[pick & (frame["month"] % 12 == 0) & (frame["maturity_years"] >= 1)]
    spread = grade["log_spread"] - grade.groupby("month")["log_spread"].transform("mean")
    total = float((spread**2).sum())
    keys = {"issuer": "issuer", "sector": "sector"}
    measured = {}
    for name, key in keys.items():
        cells = spread.groupby([grade["month"], grade[key]])
        means, sizes = cells.transform("mean"), cells.transform("size")
        more = sizes > 1
        explained = 1 - float(((spread - means)[more] ** 2 * (sizes / (sizes - 1))[more]).sum()) / (
            float((spread[more] ** 2).sum())
        )
        measured[f"cross_section.{name}"] = explained
    years = np.log(grade["maturity_years"])
    years = years - years.groupby(grade["month"]).transform("mean")
    measured["cross_section.maturity"] = float((spread * years).sum()) ** 2 / (
        float((years**2).sum()) * total
    )
    both = [grade["month"], grade["issuer"]]
    own, long = (v - v.groupby(both).transform("mean") for v in (spread, years))
    measured["cross_section.slope"] = float((own * long).sum() / (long**2).sum())
    ordered = grade.sort_values(["month", "issuer", "maturity_years"], kind="stable")
    same = (ordered["issuer"].diff() == 0) & (ordered["month"].diff() == 0)
    measured["cross_section.same_issuer"] = float(ordered["spread_bps"].diff().abs()[same].median())
    return measured


def _universe(sample: Sample) -> Measured:
    """Quantiles of liquid investment-grade bonds, mixes, terms, bonds per issuer.

    The quantiles come from an index of early 2026, when spreads were tight: they are compared with
    the months whose risk premium lies below its median, month by month.
    """
    frame = sample.frame
    measured: Measured = {}
    tight = sample.economy.premium < np.median(sample.economy.premium)
    liquid = frame[
        tight[frame["month"]] & (frame["month"] % 6 == 0)
        & ~frame["speculative"] & (frame["maturity_years"] >= 3)
        & (frame["amount_outstanding_usd"] >= 3e8)
    ]  # fmt: skip
    columns = {"price": "clean_price", "duration": "duration_years", "yield": "yield_pct",
               "coupon": "coupon_pct", "maturity": "maturity_years"}  # fmt: skip
    for name, column in columns.items():
        monthly = liquid.groupby("month")[column].quantile(np.array([0.05, 0.25, 0.50, 0.75, 0.95]))
        values = monthly.unstack().mean()
        measured |= {
            f"ig_bond.{name}.p{part:02d}": float(value)
            for part, value in zip((5, 25, 50, 75, 95), values, strict=True)
        }
    issuers = frame.drop_duplicates(["month", "issuer"])
    mix = np.bincount(issuers["letter"], minlength=7)
    measured |= _shares("issuer_mix", mix[1:], LETTERS[1:])
    value = np.bincount(frame["letter"], frame["amount_outstanding_usd"], 7)
    measured |= _shares("value_mix_ig", value[:4], LETTERS[:4])
    measured |= _shares("value_mix_hy", value[4:], LETTERS[4:])
    grade = frame[~frame["speculative"] & (frame["month"] % 12 == 0)]
    each = grade.groupby(["month", "issuer"]).size()
    measured["bonds_per_issuer.mean"] = float(each.mean())
    for part in (50, 75, 90):
        measured[f"bonds_per_issuer.p{part}"] = float(np.percentile(each, part))
    measured["one_bond_issuers"] = float(100 * (each == 1).mean())
    bonds = frame.drop_duplicates("bond")
    coupon = np.round(bonds.loc[~bonds["speculative"], "coupon_pct"] * 1000).astype(int)
    measured["coupon_step.twentieth"] = float(100 * (coupon % 50 == 0).mean())
    measured["coupon_step.eighth"] = float(100 * (coupon % 125 == 0).mean())
    for name, kind in (("IG", False), ("HY", True)):
        here = bonds["speculative"] == kind
        measured[f"callable.{name}"] = float(100 * bonds.loc[here, "callable"].mean())
    ranks = np.bincount(frame["seniority"], frame["amount_outstanding_usd"], 3)
    measured |= _shares("seniority", ranks, ("senior_secured", "senior_unsecured", "subordinated"))
    measured["issue_size.p50"] = float(bonds["amount_outstanding_usd"].median() / 1e6)
    return measured


def _shares(name: str, values: NDArray[Any], slices: Sequence[str]) -> Measured:
    return {
        f"{name}.{part}": float(100 * value / values.sum())
        for part, value in zip(slices, values, strict=True)
    }


def _accounts(sample: Sample) -> Measured:
    issuers = sample.frame.drop_duplicates(["month", "issuer"])
    names = {"leverage": "long_term_debt_capital", "operating_margin_pct": "operating_margin",
             "current_ratio": "current_ratio"}  # fmt: skip
    best = sample.top.drop_duplicates(["month", "issuer"])
    measured: Measured = {}
    for column, fact in names.items():
        medians = issuers.groupby("letter")[column].median()
        medians.update(best[best["letter"] < TOP].groupby("letter")[column].median())
        measured |= {
            f"ratio.{fact}.{LETTERS[place]}": float(value)
            for place, value in zip(medians.index, medians.to_numpy(float), strict=True)
        }
    measured["equity.volatility.p50"] = float(issuers["equity_volatility"].median())
    return measured


def _liquidity(sample: Sample) -> Measured:
    frame = sample.frame
    calm, crisis = (frame[frame["regime"] == kind] for kind in (macro.EXPANSION, macro.STRESS))
    half = calm.groupby("letter")["bid_ask_bps"].median() / 2
    measured: Measured = {f"half_spread.{LETTERS[p]}": float(half[p]) for p in half.index}
    top_calm, top_crisis = (
        sample.top[sample.top["regime"] == kind] for kind in (macro.EXPANSION, macro.STRESS)
    )
    measured["half_spread.AAA_AA"] = float(
        top_calm.loc[top_calm["letter"] < TOP, "bid_ask_bps"].median() / 2
    )
    measured["bid_ask.weekly_median"] = float(calm["bid_ask_bps"].median())
    logs = np.log(frame["bid_ask_bps"])
    spread = logs - logs.groupby(frame["month"]).transform("mean")
    measured["liquidity.bid_ask_dispersion"] = float(spread.std())
    measured["zero_trading_days"] = float(frame["zero_trading_days_pct"].median())
    turnover = 100 * frame["volume_usd"] / frame["amount_outstanding_usd"]
    measured["turnover.quarter"] = float(3 * turnover.median())
    large = frame["amount_outstanding_usd"] >= 5e8
    measured["turnover.week"] = float(12 / 52 * turnover[large].median())
    traded = frame[frame["volume_usd"] > 0]
    volume, amount = (np.log(traded[name]) for name in ("volume_usd", "amount_outstanding_usd"))
    measured["liquidity.volume_by_size"] = float(np.polyfit(amount, volume, 1)[0])
    measured["liquidity.volume_by_age"] = float(
        np.corrcoef(np.log1p(traded["age_years"]), volume - amount)[0, 1]
    )
    for name, part, best in (("calm", calm, top_calm), ("crisis", crisis, top_crisis)):
        for slice_, rows_ in _liquidity_slices(part, best):
            if len(rows_) > 500:
                premium = rows_["liquidity"]
                gap = premium.median() - premium.quantile(0.05)
                measured[f"liquidity_share.{name}.{slice_}"] = float(-100 * np.expm1(-gap))
    if len(crisis) > 500:
        measured["crisis.bid_ask_ratio"] = float(
            crisis["bid_ask_bps"].median() / calm["bid_ask_bps"].median()
        )
    return measured


def _liquidity_slices(part: pd.DataFrame, best: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    for place, name in enumerate(LETTERS[:4]):
        source = best if place < TOP else part
        yield name, source[source["letter"] == place]
    yield "Spec", part[part["speculative"]]


def _disclosure(sample: Sample) -> Measured:
    frame = sample.frame
    once = frame[frame["month"] % 12 == 0]
    issuers = once.drop_duplicates(["month", "issuer"])
    raters = issuers[["esg_rater_a", "esg_rater_b", "esg_rater_c"]].corr().to_numpy()
    measured: Measured = {"esg.rater_correlation": float(raters[np.triu_indices(3, 1)].mean())}
    for name, kind in (("IG", False), ("HY", True)):
        part = once[once["speculative"] == kind]
        weight = part["amount_outstanding_usd"]
        covered = part["esg_score"].notna()
        measured[f"esg.coverage.{name}"] = float(100 * (weight * covered).sum() / weight.sum())
    scored = issuers[issuers["esg_score"].notna()]
    measured["esg.rating_rank_correlation"] = float(
        stats.spearmanr(scored["esg_score"], -scored["rating_number"]).statistic
    )
    grade = once[~once["speculative"] & once["esg_score"].notna()]
    score = (grade["esg_score"] - grade["esg_score"].mean()) / grade["esg_score"].std()
    excess = grade["spread_bps"] - grade.groupby("month")["spread_bps"].transform("mean")
    measured["esg.spread_effect"] = float((score * excess).sum() / (score**2).sum())
    told = issuers[issuers["news_sentiment"].notna() & issuers["downgrade_12m"].notna()]
    measured["news.sentiment_auc"] = float(
        roc_auc_score(told["downgrade_12m"], -told["news_sentiment"])
    )
    fifth = np.quantile(issuers["size_log_assets"], (0.2, 0.8))
    silent = issuers["news_sentiment"].isna()
    small, big = issuers["size_log_assets"] < fifth[0], issuers["size_log_assets"] > fifth[1]
    measured["news.coverage_by_size"] = float(silent[small].mean() / max(silent[big].mean(), 1e-3))
    return measured


def _returns(sample: Sample) -> Measured:
    """Standard deviations of value-weighted monthly total returns."""
    frame = sample.frame.sort_values(["bond", "month"], kind="stable")
    follows = (frame["bond"].diff() == 0) & (frame["month"].diff() == 1)
    dirty = frame["clean_price"] + frame["accrued_interest"]
    paid = np.where(frame["accrued_interest"].diff() < 0, frame["coupon_pct"] / 2, 0)
    gain = 100 * ((dirty + paid) / dirty.shift(1) - 1)
    measured = {}
    for name, kind in (("IG", False), ("HY", True)):
        here = follows & (frame["speculative"].shift(1) == kind)
        weight = frame["amount_outstanding_usd"][here]
        month = frame["month"][here]
        index = np.bincount(month, weight * gain[here]) / np.bincount(month, weight).clip(1)
        measured[f"return.sd.{name}"] = float(index[1:].std(ddof=1))
    return measured


STATISTICS: Final[tuple[Callable[[Sample], Measured], ...]] = (
    _transitions, _defaults, _moves, _indices, _curve, _cross_section, _universe, _accounts,
    _liquidity, _disclosure, _returns,
)  # fmt: skip
