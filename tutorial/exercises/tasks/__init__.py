"""The exercise of each chapter, by the name of its scenario module."""

from tutorial.exercises.tasks import (
    change,
    history,
    integrity_errors,
    operating,
    protect,
    restrict,
)
from tutorial.scenarios import PARTS

_ALL = (
    protect.EXERCISES
    | change.EXERCISES
    | restrict.EXERCISES
    | history.EXERCISES
    | integrity_errors.EXERCISES
    | operating.EXERCISES
)
EXERCISES = {name: _ALL[name] for names in PARTS.values() for name in names}
