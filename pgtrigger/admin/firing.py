"""A drawing of when a model's triggers fire.

https://www.postgresql.org/docs/current/trigger-definition.html
"""

from __future__ import annotations

import textwrap
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from pgtrigger.triggers import registry
from pgtrigger.vocabulary.clauses import Before, Deferred, Statement

if TYPE_CHECKING:
    from django.db.models import Model

    from pgtrigger.triggers.trigger import Trigger

WIDTH = 660
LABEL_WIDTH = 196
LINE_HEIGHT = 19
CARD_PADDING = 12
GAP = 14
CHARACTERS = 52

THE_WRITE = "the row is written"
STATIONS = (
    "before the statement",
    "before each row",
    THE_WRITE,
    "after each row",
    "after the statement",
    "at COMMIT",
)


@dataclass(frozen=True)
class Card:
    """A trigger in the drawing: its position, and each line of its condition with its baseline."""

    top: int
    height: int
    name: str
    operations: str
    condition: tuple[tuple[int, str], ...]

    @property
    def baseline(self) -> int:
        """The baseline of the name."""
        return self.top + CARD_PADDING + 12


@dataclass(frozen=True)
class Station:
    """A moment of a write, with the triggers that fire at it."""

    label: str
    y: int
    cards: tuple[Card, ...]

    @property
    def is_write(self) -> bool:
        """Return whether this step is the write itself."""
        return self.label == THE_WRITE


@dataclass(frozen=True)
class Firing:
    """The drawing: the moments of a write, from first to last. Lengths are in pixels."""

    name: str
    stations: tuple[Station, ...]
    height: int
    width: int = WIDTH
    label_width: int = LABEL_WIDTH
    card_width: int = WIDTH - LABEL_WIDTH - 20

    @property
    def sentences(self) -> list[str]:
        """The drawing in words, for its text alternative."""
        return [
            f"{card.name}: {station.label}, on {card.operations}"
            + (f", {' '.join(text for _, text in card.condition)}" if card.condition else "")
            for station in self.stations
            for card in station.cards
        ]


@cache
def firing(model: type[Model]) -> Firing:
    """Return the drawing of every trigger that is declared on the model."""
    declared = [trigger for owner, trigger in registry.registered() if owner is model]
    y, stations = 24, []
    for label in STATIONS:
        cards, top = [], y - 16
        for trigger in declared:
            if station_of(trigger) == label:
                cards.append(_card(model, trigger, top))
                top += cards[-1].height + GAP
        stations.append(Station(label, y, tuple(cards)))
        y = max(y + 34, top + 22)
    return Firing(model.__name__, tuple(stations), height=y - 10)


def station_of(trigger: Trigger) -> str:
    """Return the moment at which the trigger fires, one of STATIONS."""
    if trigger.timing == Deferred:
        return "at COMMIT"
    when = "before" if trigger.when == Before else "after"
    level = "the statement" if trigger.level == Statement else "each row"
    return f"{when} {level}"


def _card(model: type[Model], trigger: Trigger, top: int) -> Card:
    condition = trigger.get_condition(model)
    text = f"when {condition.resolve(model)}" if condition else ""
    wrapped = textwrap.wrap(text, CHARACTERS)
    first = top + CARD_PADDING + 12 + LINE_HEIGHT
    lines = tuple((first + number * LINE_HEIGHT, line) for number, line in enumerate(wrapped))
    return Card(
        top=top,
        height=2 * CARD_PADDING + LINE_HEIGHT * (1 + len(lines)) - 4,
        name=trigger.name or "",
        operations=str(trigger.operation),
        condition=lines,
    )
