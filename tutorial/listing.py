"""A scenario's code line by line, with what each line printed and sent."""

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

    def line(number: int | None) -> Line:
        return lines[(number or chapter.first_line) - chapter.first_line]

    for number, text in play.printed:
        line(number).printed += text
    for statement in play.statements:
        line(statement.line).statements.append(statement)
    if play.error is not None:
        line(play.error_line).error = play.error_text
    return lines
