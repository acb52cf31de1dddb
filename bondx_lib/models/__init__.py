"""The four models, the law they obey, and how they are scored."""

from bondx_lib.models.base import Comparison, Model, Scores
from bondx_lib.models.evaluation import compare, evaluate
from bondx_lib.models.register import MODELS, get
from bondx_lib.models.split import HOLDOUT, TRAIN, UNUSED, split

__all__ = [
    "HOLDOUT", "MODELS", "TRAIN", "UNUSED", "Comparison", "Model", "Scores", "compare", "evaluate",
    "get", "split",
]  # fmt: skip
