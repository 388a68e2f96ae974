"""The source of a model as it stands in the file, with its rules marked."""

import ast
import inspect
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from django.db.models import Model
from django.utils.safestring import SafeString

from tutorial.templatetags.tutorial import coloured_lines

RULES = ("triggers", "constraints")


@dataclass(frozen=True)
class SourceLine:
    """One line as HTML; `is_rule` if it belongs to a rule, tracker or `ignore()`."""

    code: SafeString
    indent: int
    is_rule: bool


@cache
def model_source(model: type[Model]) -> str:
    """Return the class, after its manager's if the manager is in the same module."""
    manager = type(model._default_manager)
    classes = [manager, model] if manager.__module__ == model.__module__ else [model]
    return "\n\n".join(inspect.getsource(each) for each in classes)


@cache
def source_lines(model: type[Model]) -> list[SourceLine]:
    """Return the source of the model line by line."""
    source = model_source(model)
    rules = {line for first, last in _rules(source) for line in range(first, last + 1)}
    return [
        SourceLine(code, indent, number in rules)
        for number, (code, indent) in enumerate(coloured_lines(source.rstrip(), "python"), start=1)
    ]


def _rules(source: str) -> Iterator[tuple[int, int]]:
    """Yield the first and last line of each rule, tracker and decorator."""
    for node in ast.walk(ast.parse(textwrap.dedent(source))):
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            for decorator in node.decorator_list:
                yield decorator.lineno, decorator.end_lineno or decorator.lineno
        if (
            isinstance(node, ast.Assign)
            and isinstance(node.value, ast.List)
            and any(isinstance(name, ast.Name) and name.id in RULES for name in node.targets)
        ):
            for rule in node.value.elts:
                yield rule.lineno, rule.end_lineno or rule.lineno
