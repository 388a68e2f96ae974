"""The states and transitions of an FSM: a drawing of its declaration."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db.models import Model

import pgtrigger
from tutorial.playback import Play
from tutorial.tables import newest_tables

BOX_WIDTH, BOX_HEIGHT = 128, 40
COLUMN, ROW = 208, 88
MARGIN = 44


@dataclass(frozen=True)
class State:
    name: str
    x: int
    y: int
    is_current: bool
    width: int = BOX_WIDTH
    height: int = BOX_HEIGHT

    @property
    def centre(self) -> tuple[int, int]:
        return self.x + self.width // 2, self.y + self.height // 2


@dataclass(frozen=True)
class Arrow:
    """From one state to another along an SVG path; `middle` is where a refused one is crossed."""

    source: str
    target: str
    path: str
    middle: tuple[int, int]
    is_refused: bool


@dataclass(frozen=True)
class Diagram:
    states: tuple[State, ...]
    arrows: tuple[Arrow, ...]
    width: int
    height: int

    @property
    def sentences(self) -> list[str]:
        """What is drawn, in words."""
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
    """States from left to right, as far right as the longest way to them is long."""
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
    """The states by the length of the longest way to each; a way round counts once."""
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


def diagrams(model: type[Model], play: Play | None = None) -> list[Diagram]:
    """One for each FSM on the model; after a play, where it ended and what it was refused."""
    return [
        diagram(
            trigger.transitions,
            current=_current(model, trigger.field, play),
            refused=_refused(trigger.field, play),
        )
        for owner, trigger in pgtrigger.registered()
        if owner is model and isinstance(trigger, pgtrigger.FSM)
    ]


def _current(model: type[Model], field: str, play: Play | None) -> str | None:
    table = newest_tables(play.frames).get(model) if play else None
    return table.values(field)[-1] if table and table.rows else None


def _refused(field: str, play: Play | None) -> tuple[str, str] | None:
    for statement in reversed(play.statements if play else []):
        detail = statement.detail
        if detail.get("field") == field and "old" in detail:
            return detail["old"], detail["new"]
    return None
