"""The source of a model as it stands in the file, with its rules marked."""

import ast
import inspect
import re
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
    """Return the source of the model, after that of its manager if both are in one module."""
    manager = type(model._default_manager)
    classes = [manager, model] if manager.__module__ == model.__module__ else [model]
    return "\n\n".join(inspect.getsource(each) for each in classes)


@cache
def source_lines(model: type[Model], *, with_rules: bool = True) -> list[SourceLine]:
    """Return the source of the model line by line, without its rules if they are the answer."""
    source = exercise_source(model, with_rules=with_rules)
    rules = {line for first, last in _rules(source) for line in range(first, last + 1)}
    return [
        SourceLine(code, indent, number in rules)
        for number, (code, indent) in enumerate(coloured_lines(source.rstrip(), "python"), start=1)
    ]


def exercise_source(model: type[Model], *, with_rules: bool) -> str:
    """Return the source of the model, without its rules if they are the answer."""
    return model_source(model) if with_rules else _without_rules(model)


def _without_rules(model: type[Model]) -> str:
    """Return the class without decorators, docstring and Meta."""
    source = inspect.getsource(model)
    lines = source.splitlines()
    (declared,) = ast.parse(source).body
    assert isinstance(declared, ast.ClassDef)
    removed = [
        node
        for node in declared.body
        if (isinstance(node, ast.ClassDef) and node.name == "Meta")
        or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
    ]
    for node in removed:
        for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
            lines[number - 1] = ""
    body = "\n".join(lines[declared.lineno :])
    fields = re.sub(r"\n{2,}", "\n", body).strip("\n")
    return f"{lines[declared.lineno - 1]}\n{fields or '    pass'}\n"


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
