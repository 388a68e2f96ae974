"""A scenario's code line by line, with what each line printed and sent."""

import ast
from dataclasses import dataclass, field

from django.utils.safestring import SafeString, mark_safe

from tutorial.chapters import Chapter
from tutorial.playback import Play
from tutorial.recording import Statement
from tutorial.templatetags.tutorial import coloured


@dataclass
class Line:
    """One line of the code, coloured; `number` counts from 1."""

    number: int
    code: SafeString
    printed: str = ""
    statements: list[Statement] = field(default_factory=list)
    error: str = ""

    @property
    def refusals(self) -> list[Statement]:
        return [statement for statement in self.statements if statement.refusal]


def listing(chapter: Chapter, play: Play | None = None) -> list[Line]:
    """The chapter's code; with what a play of it showed, where there is one."""
    coloured_lines = coloured(chapter.code, "python").split("\n")
    lines = [Line(number, mark_safe(code)) for number, code in enumerate(coloured_lines, start=1)]
    if play is None:
        return lines

    ends = _ends(chapter.code)

    def line(number: int | None) -> Line:
        place = (number or chapter.first_line) - chapter.first_line + 1
        return lines[ends.get(place, place) - 1]

    for number, text in play.printed:
        line(number).printed += text
    for statement in play.statements:
        line(statement.line).statements.append(statement)
    if play.error is not None:
        line(play.error_line).error = play.error_text
    return lines


def _ends(code: str) -> dict[int, int]:
    """The last line of the statement that each line is part of, for those of several lines."""
    statements = [
        node
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.stmt) and not hasattr(node, "body")
    ]
    return {
        line: node.end_lineno or line
        for node in statements
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
