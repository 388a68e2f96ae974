"""The tables of both levels, by their level."""

from life.model.tables import make

TABLES = {level: make(level) for level in ("row", "statement")}
