"""The models, the law they obey, and how they are scored."""

from bondx_lib.models.base import Comparison, Model, Panel, Scores, Task
from bondx_lib.models.card import CARD_TEXT_NAME, card_text
from bondx_lib.models.evaluation import compare, evaluate, gain
from bondx_lib.models.examination import examine, examine_closely
from bondx_lib.models.register import MODELS, get, known, register
from bondx_lib.models.splits import CALIBRATE, TRAIN, TUNE, UNUSED, split
from bondx_lib.models.supervised import Supervised

__all__ = [
    "CALIBRATE",
    "CARD_TEXT_NAME",
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
    "card_text",
    "compare",
    "evaluate",
    "examine",
    "examine_closely",
    "gain",
    "get",
    "known",
    "register",
    "split",
]
