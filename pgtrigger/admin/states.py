"""A drawing of the states and transitions of an FSM rule."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from pgtrigger.triggers import registry
from pgtrigger.triggers.fsm import FSM

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from django.db.models import Model

BOX_WIDTH, BOX_HEIGHT = 128, 40
COLUMN, ROW = 208, 88
MARGIN = 44


@dataclass(frozen=True)
class State:
    """A box with its upper left corner."""

    name: str
    x: int
    y: int
    is_current: bool
    width: int = BOX_WIDTH
    height: int = BOX_HEIGHT

    @property
    def centre(self) -> tuple[int, int]:
        """The box's centre."""
        return self.x + self.width // 2, self.y + self.height // 2


@dataclass(frozen=True)
class Arrow:
    """From one state to another along an SVG path. A refused one is crossed at ``middle``."""

    source: str
    target: str
    path: str
    middle: tuple[int, int]
    is_refused: bool


@dataclass(frozen=True)
class Diagram:
    """Boxes and arrows. Units are pixels."""

    states: tuple[State, ...]
    arrows: tuple[Arrow, ...]
    width: int
    height: int

    @property
    def sentences(self) -> list[str]:
        """The drawing in words, for its text alternative."""
        current = [f"Now {state.name}." for state in self.states if state.is_current]
        return current + [
            f"{arrow.source} to {arrow.target}{' is refused' if arrow.is_refused else ''}."
            for arrow in self.arrows
        ]


def diagram(
    transitions: Iterable[tuple[str, str]],
    *,
    current: str | None = None,
    refused: tuple[str, str] | None = None,
) -> Diagram:
    """Return the diagram. A state's column is the length of the longest way to it."""
    allowed = list(dict.fromkeys(transitions))
    every = allowed + ([refused] if refused and refused not in allowed else [])
    columns = _columns(allowed, [name for pair in every for name in pair])
    names = [name for column in columns for name in column]
    rows = max(len(column) for column in columns)
    states = {
        name: State(name, MARGIN // 2 + x * COLUMN, MARGIN + y * ROW, name == current)
        for x, column in enumerate(columns)
        for y, name in enumerate(column)
    }
    arrows = tuple(
        _arrow(states[source], states[target], is_refused=(source, target) == refused)
        for source, target in every
    )
    return Diagram(
        tuple(states[name] for name in names),
        arrows,
        width=MARGIN + (len(columns) - 1) * COLUMN + BOX_WIDTH,
        height=2 * MARGIN + (rows - 1) * ROW + BOX_HEIGHT,
    )


def _columns(transitions: Sequence[tuple[str, str]], names: Sequence[str]) -> list[list[str]]:
    """Return the states of each column. A cycle counts once."""
    depth = dict.fromkeys(names, 0)
    for _ in depth:
        for source, target in transitions:
            if names.index(source) < names.index(target):
                depth[target] = max(depth[target], depth[source] + 1)
    columns: list[list[str]] = [[] for _ in range(max(depth.values()) + 1)]
    for name, column in depth.items():
        columns[column].append(name)
    return columns


def _arrow(source: State, target: State, *, is_refused: bool) -> Arrow:
    (x1, y1), (x2, y2) = source.centre, target.centre
    half_width, half_height = BOX_WIDTH // 2, BOX_HEIGHT // 2
    if abs(x2 - x1) == COLUMN and x2 > x1:
        start, end = (x1 + half_width, y1), (x2 - half_width - 4, y2)
        bend = ((start[0] + end[0]) // 2, (y1 + y2) // 2)
    else:
        side = -1 if x2 > x1 else 1
        start, end = (x1, y1 + side * half_height), (x2, y2 + side * (half_height + 4))
        bend = ((x1 + x2) // 2, (y1 + y2) // 2 + side * (half_height + 48))
    middle = ((start[0] + 2 * bend[0] + end[0]) // 4, (start[1] + 2 * bend[1] + end[1]) // 4)
    path = f"M{start[0]} {start[1]} Q{bend[0]} {bend[1]} {end[0]} {end[1]}"
    return Arrow(source.name, target.name, path, middle, is_refused)


def diagrams(model: type[Model]) -> list[Diagram]:
    """Return one diagram for each FSM rule of the model."""
    return [diagram(rule.transitions or ()) for rule in machines(model)]


def machines(model: type[Model]) -> list[FSM]:
    """Return the model's FSM rules."""
    return [
        trigger
        for owner, trigger in registry.registered()
        if owner is model and isinstance(trigger, FSM)
    ]
