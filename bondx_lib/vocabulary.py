"""The words of the field that everything else is said in: ratings, sectors, models, verdicts.

Whoever needs the words alone, as parameters and the log do, need not load what checks tables.
"""

from __future__ import annotations

from typing import Final, Literal, get_args

SCHEMA_VERSION: Final = 1

LETTERS: Final = ("AAA", "AA", "A", "BBB", "BB", "B", "CCC")
RATINGS: Final = (
    "AAA", "AA+", "AA", "AA-", "A+", "A", "A-", "BBB+", "BBB", "BBB-", "BB+", "BB", "BB-",
    "B+", "B", "B-", "CCC+", "CCC", "CCC-", "CC", "C",
)  # fmt: skip
DEFAULT: Final = "D"
RATING_NUMBER: Final = {rating: number for number, rating in enumerate(RATINGS, start=1)}
FIRST_SPECULATIVE: Final = RATING_NUMBER["BB+"]

SECTORS: Final = (
    "Technology", "Finance", "Energy", "Industrial", "Consumer Goods", "Healthcare",
)  # fmt: skip
REGIMES: Final = ("expansion", "slowdown", "stress")
SENIORITIES: Final = ("senior_secured", "senior_unsecured", "subordinated")
SCENARIOS: Final = (
    "baseline", "recession", "liquidity_freeze", "downgrade_cascade", "rate_shock",
    "sector_crisis",
)  # fmt: skip
CORRUPTION_KINDS: Final = (
    "decimal_slip", "sign_flip", "stale_quote", "swapped_bid_ask", "wrong_maturity",
    "duplicated_row", "volume_unit",
)  # fmt: skip
MODELS: Final = ("spread", "downgrade", "liquidity_shock", "anomaly")

Severity = Literal["block", "warn", "info"]
SEVERITIES: Final[tuple[Severity, ...]] = get_args(Severity)
"""How much a gate's failure matters, the most first."""
Verdict = Literal["pass", "fail", "inconclusive", "not_applicable"]
VERDICTS: Final[tuple[Verdict, ...]] = get_args(Verdict)

KEYS: Final = ("world", "bond_id", "date")
LABELS: Final = ("downgrade_12m", "liquidity_shock_1m")
LABEL_HORIZON_MONTHS: Final = {"downgrade_12m": 12, "liquidity_shock_1m": 1}


def title(model: str) -> str:
    """Return what a reader calls a model.

    >>> title("liquidity_shock")
    'Liquidity shock'
    """
    return model.replace("_", " ").capitalize()


def letter(rating: str) -> str:
    """Return the letter grade of a notch; CC and C count as CCC, as rating agencies report.

    >>> letter("BBB-"), letter("C"), letter("D")
    ('BBB', 'CCC', 'D')
    """
    stripped = rating.rstrip("+-")
    return "CCC" if stripped in ("CC", "C") else stripped
