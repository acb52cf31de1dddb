"""The methods inside the models: interchangeable, one file each, under one law."""

from bondx_lib.models.learners.base import Learner, Lesson
from bondx_lib.models.learners.register import LEARNERS, get, register

__all__ = ["LEARNERS", "Learner", "Lesson", "get", "register"]
