"""Small pictures of boxes and arrows, laid out on a grid that fits on a phone."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

BOX = (140, 48)
PITCH = (214, 72)
MARGIN = 3
LINE_HEIGHT = 17


@dataclass(frozen=True)
class Box:
    """A text of one or two lines at a column and row; `kind` is "", yes, no or gone."""

    column: int
    row: float
    text: str
    kind: str = ""

    @property
    def x(self) -> float:
        return MARGIN + self.column * PITCH[0]

    @property
    def y(self) -> float:
        return MARGIN + self.row * PITCH[1]

    @property
    def lines(self) -> list[tuple[float, float, str]]:
        """Return each line of the text with its place."""
        texts = self.text.split("\n")
        top = self.y + BOX[1] / 2 - (len(texts) - 1) * LINE_HEIGHT / 2 + 5
        middle = self.x + BOX[0] / 2
        return [(middle, top + number * LINE_HEIGHT, text) for number, text in enumerate(texts)]


@dataclass(frozen=True)
class Arrow:
    """An arrow between two boxes, by their numbers; `kind` is "" or no (crossed out)."""

    start: int
    end: int
    kind: str = ""


@dataclass(frozen=True)
class DrawnArrow:
    """The ends of an arrow."""

    x1: float
    y1: float
    x2: float
    y2: float
    kind: str

    @property
    def middle(self) -> tuple[float, float]:
        return (self.x1 + self.x2) / 2, (self.y1 + self.y2) / 2


@dataclass(frozen=True)
class Picture:
    """Boxes and arrows. `sentence` says the same in words."""

    sentence: str
    boxes: Sequence[Box]
    arrows: Sequence[Arrow] = ()

    width, box_width, box_height = PITCH[0] + BOX[0] + 2 * MARGIN, *BOX

    @property
    def height(self) -> float:
        return max(box.y for box in self.boxes) + BOX[1] + MARGIN

    @cached_property
    def drawn(self) -> list[DrawnArrow]:
        """Return the arrows, each from the edge of one box to the edge of the other."""
        return [self._drawn(arrow) for arrow in self.arrows]

    def _drawn(self, arrow: Arrow) -> DrawnArrow:
        start, end = self.boxes[arrow.start], self.boxes[arrow.end]
        if start.column == end.column:
            middle = start.x + BOX[0] / 2
            if start.row < end.row:
                return DrawnArrow(middle, start.y + BOX[1], middle, end.y - 2, arrow.kind)
            return DrawnArrow(middle, start.y, middle, end.y + BOX[1] + 2, arrow.kind)
        start_y, end_y = start.y + BOX[1] / 2, end.y + BOX[1] / 2
        # The heads of arrows from several rows do not lie on each other.
        end_y += BOX[1] / 4 * ((start.row > end.row) - (start.row < end.row))
        if start.column < end.column:
            return DrawnArrow(start.x + BOX[0], start_y, end.x - 2, end_y, arrow.kind)
        return DrawnArrow(start.x, start_y, end.x + BOX[0] + 2, end_y, arrow.kind)
