"""A scenario's code line by line, with what each line printed and what PostgreSQL refused."""

import ast
from dataclasses import dataclass, field

from django.utils.safestring import SafeString

from tutorial.chapters import Chapter
from tutorial.recording import Statement
from tutorial.running import ChapterRun
from tutorial.templatetags.tutorial import coloured_lines


@dataclass(frozen=True)
class Answer:
    """A text that was printed, or a statement that was refused. `line` counts from 1."""

    line: int
    printed: str = ""
    refused: Statement | None = None


@dataclass
class Line:
    """One line of code as HTML; `indent` is the width of its leading spaces."""

    number: int
    code: SafeString
    indent: int
    answers: list[Answer] = field(default_factory=list)


def listing(chapter: Chapter, run: ChapterRun | None = None) -> list[Line]:
    """Return the chapter's code, with the answers if there was a run.

    The answers of a loop stand after the loop, in the order in which they came, so that a refusal
    and what the code printed about it are next to each other.
    """
    lines = [
        Line(number, code, indent)
        for number, (code, indent) in enumerate(coloured_lines(chapter.code, "python"), start=1)
    ]
    places = _places(chapter.code)
    for answer in _answers(run) if run else []:
        lines[places.get(answer.line, answer.line) - 1].answers.append(answer)
    return lines


def _answers(run: ChapterRun) -> list[Answer]:
    """Return what was printed and refused, in the order in which it came."""
    chapter = run.chapter
    ordered: list[tuple[float, Answer]] = []
    for place, statement in enumerate(run.statements):
        if statement.refusal:
            line = chapter.line_of_code(statement.line) or 1
            ordered.append((place, Answer(line, refused=statement)))
    for printed in run.printed:
        line = chapter.line_of_code(printed.line) or 1
        if printed.text.strip():
            ordered.append((printed.statements - 0.5, Answer(line, printed.text.rstrip("\n"))))
    answers = [answer for _, answer in sorted(ordered, key=lambda pair: pair[0])]
    if run.error is not None and not any(answer.refused for answer in answers):
        line = chapter.line_of_code(run.error_line) or 1
        answers.append(Answer(line, run.error_text))
    return answers


def _places(code: str) -> dict[int, int]:
    """Return, for each line, the line after which its answers stand.

    That is the last line of the outermost loop around it, or of its statement.
    """
    nodes = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.stmt)]
    simple = [node for node in nodes if not hasattr(node, "body")]
    loops = [node for node in nodes if isinstance(node, ast.For | ast.While)]
    return {
        line: node.end_lineno or line
        for node in (*simple, *reversed(loops))  # ast.walk visits outer loops first
        for line in range(node.lineno, (node.end_lineno or node.lineno) + 1)
    }
