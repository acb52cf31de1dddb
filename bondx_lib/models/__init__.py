"""The models, the law they obey, and how they are scored."""

from bondx_lib.models.base import Comparison, Model, Panel, Scores, Task
from bondx_lib.models.evaluation import compare, evaluate
from bondx_lib.models.register import MODELS, get, known, register
from bondx_lib.models.splits import CALIBRATE, TRAIN, TUNE, UNUSED, split
from bondx_lib.models.supervised import Supervised

__all__ = [
    "CALIBRATE",
    "MODELS",
    "TRAIN",
    "TUNE",
    "UNUSED",
    "Comparison",
    "Model",
    "Panel",
    "Scores",
    "Supervised",
    "Task",
    "compare",
    "evaluate",
    "get",
    "known",
    "register",
    "split",
]
