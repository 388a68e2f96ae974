"""Read a declaration that a visitor typed, without executing it.

The text is parsed with Python's `ast`. Only one assignment of a list is read, and in it literals,
`|`, `&`, `~`, the names below, and calls of these with the keyword arguments below. There is no
raw SQL among them. https://docs.python.org/3/library/ast.html
"""

import ast
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db import models

import pghistory
import pgtrigger
from integrity import conversion
from tutorial.exercises.calls import Erase, Track

MAX_CHARACTERS = 4_000
MAX_NODES = 500
MAX_DEPTH = 40
MAX_LITERAL = 200
MAX_NUMBER = 2**63

# PostgreSQL does not store these.
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")


class AnswerError(Exception):
    """The answer cannot be read or installed. The text says where and what to write instead."""


@dataclass(frozen=True)
class Callee:
    """A class that an answer may call, and the keyword arguments it may give."""

    call: Callable[..., Any]
    keywords: tuple[str, ...] = ()
    positional: bool = False
    any_lookup: bool = False
    """Whether every keyword is allowed that does not begin with an underscore."""


_LIMIT = ("name", "ignorable", "message")
_RULE = (
    *("name", "operation", "condition", "level", "when", "timing", "ignorable", "message"),
    "mode",
)

TRIGGERS: Mapping[str, Any] = {
    "pgtrigger.Protect": Callee(pgtrigger.Protect, _RULE),
    "pgtrigger.ReadOnly": Callee(pgtrigger.ReadOnly, (*_RULE, "fields", "exclude")),
    "pgtrigger.FSM": Callee(pgtrigger.FSM, (*_RULE, "field", "transitions", "separator")),
    "pgtrigger.SoftDelete": Callee(
        pgtrigger.SoftDelete, ("name", "condition", "field", "value", "ignorable")
    ),
    "pgtrigger.Frozen": Callee(
        pgtrigger.Frozen, ("name", "when", "allow", "level", "ignorable", "message")
    ),
    "pgtrigger.Requires": Callee(pgtrigger.Requires, ("operation", *_LIMIT), positional=True),
    "pgtrigger.AtMost": Callee(pgtrigger.AtMost, (*_LIMIT, "per", "where"), positional=True),
    "pgtrigger.NoCycle": Callee(pgtrigger.NoCycle, _LIMIT, positional=True),
    "pgtrigger.ActiveParent": Callee(pgtrigger.ActiveParent, _LIMIT, positional=True),
    "pgtrigger.Version": Callee(pgtrigger.Version, ("name", "ignorable", "message"), True),
    "pgtrigger.Touch": Callee(pgtrigger.Touch, ("name", "ignorable"), True),
    "pgtrigger.Count": Callee(pgtrigger.Count, ("name", "where", "ignorable"), True),
    "pgtrigger.Sum": Callee(pgtrigger.Sum, ("name", "of", "where", "ignorable"), True),
    "pgtrigger.UpdateSearchVector": Callee(
        pgtrigger.UpdateSearchVector,
        ("name", "vector_field", "document_fields", "config_name", "ignorable"),
    ),
    "Q": Callee(models.Q, positional=True, any_lookup=True),
    "pgtrigger.Q": Callee(pgtrigger.Q, positional=True, any_lookup=True),
    "pgtrigger.F": Callee(pgtrigger.F, positional=True),
    **{
        f"pgtrigger.{name}": Callee(
            getattr(pgtrigger, name), ("exclude", "exclude_auto"), positional=True
        )
        for name in ("AnyChange", "AllChange", "AnyDontChange", "AllDontChange")
    },
    "pgtrigger.UpdateOf": Callee(pgtrigger.UpdateOf, positional=True),
    **{
        f"pgtrigger.{name}": getattr(pgtrigger, name)
        for name in (
            *("Insert", "Update", "Delete", "Truncate"),
            *("Before", "After", "Row", "Statement", "Immediate", "Deferred"),
        )
    },
}
_CONDITIONS = ("Q", "F", "AnyChange", "AllChange", "AnyDontChange", "AllDontChange")
_EVENT = ("label", "condition", "row")
TRACKERS: Mapping[str, Any] = {
    **{name: TRIGGERS[name] for name in TRIGGERS if name.rpartition(".")[2] in _CONDITIONS},
    "pghistory.InsertEvent": Callee(pghistory.InsertEvent, _EVENT, positional=True),
    "pghistory.UpdateEvent": Callee(pghistory.UpdateEvent, _EVENT, positional=True),
    "pghistory.DeleteEvent": Callee(pghistory.DeleteEvent, _EVENT, positional=True),
    "pghistory.Old": pghistory.Old,
    "pghistory.New": pghistory.New,
}
HISTORIES: Mapping[str, Any] = {
    "pghistory.track": Callee(Track, ("exclude", "mask", "keep"), positional=True),
    "timedelta": Callee(timedelta, ("days", "weeks")),
    **TRACKERS,
}
ERASURES: Mapping[str, Any] = {
    "pghistory.erase": Callee(Erase, ("fields", "metadata", "dry_run"), positional=True),
}
REFINEMENTS: Mapping[str, Any] = {
    "conversion.Unique": Callee(conversion.Unique, ("model", "fields")),
    "conversion.NotNull": Callee(conversion.NotNull, ("model", "field")),
    "conversion.Named": Callee(conversion.Named, ("name",)),
    "conversion.Trigger": Callee(conversion.Trigger, ("model", "name")),
    "conversion.PrimaryKey": Callee(conversion.PrimaryKey, ("model",)),
}


def parse(text: str, variable: str, names: Mapping[str, Any]) -> list[Any]:
    """Return the list that the text assigns to the variable.

    Args:
        text: Python source such as `triggers = [pgtrigger.Protect(...)]`.
        variable: The name that must be assigned.
        names: What the text may refer to, by dotted name. A Callee may be called.

    Raises:
        AnswerError: If the text contains anything else, or an object cannot be built.
    """
    if len(text) > MAX_CHARACTERS:
        raise AnswerError(f"The answer is longer than {MAX_CHARACTERS} characters.")
    try:
        with warnings.catch_warnings():  # a visitor's "\d" is not the site's warning
            warnings.simplefilter("ignore")
            tree = ast.parse(text.replace("\r\n", "\n"))
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None)
        where = f"Line {line}: " if line else ""
        message = getattr(error, "msg", None) or str(error) or "nested too deeply"
        raise AnswerError(f"{where}this is not Python: {message}.") from None
    _check_size(tree)
    return _Reader(variable, names).read(tree)


def _check_size(tree: ast.AST) -> None:
    """Raise AnswerError if the tree is too large or too deep to be walked."""
    level, nodes, depth = [tree], 0, 0
    while level:
        nodes, depth = nodes + len(level), depth + 1
        if nodes > MAX_NODES or depth > MAX_DEPTH:
            raise AnswerError(
                f"The answer is too large: it may have {MAX_NODES} parts, nested {MAX_DEPTH} deep."
            )
        level = [child for node in level for child in ast.iter_child_nodes(node)]


class _Reader:
    def __init__(self, variable: str, names: Mapping[str, Any]):
        self.variable, self.names = variable, names

    def read(self, tree: ast.Module) -> list[Any]:
        expected = f"one assignment is expected: {self.variable} = [...]"
        statement = tree.body[0] if len(tree.body) == 1 else None
        if not isinstance(statement, ast.Assign):
            raise AnswerError(f"Exactly {expected}")
        (target, *others) = statement.targets
        if others or not isinstance(target, ast.Name) or target.id != self.variable:
            raise AnswerError(f"Line {statement.lineno}: {expected}")
        if not isinstance(statement.value, ast.List):
            raise AnswerError(f"Line {statement.lineno}: {self.variable} must be a list, [...].")
        read: list[Any] = self.value(statement.value)
        return read

    def value(self, node: ast.expr) -> Any:
        match node:
            case ast.Constant():
                return self.literal(node)
            case ast.List() | ast.Tuple():
                items = [self.value(item) for item in node.elts]
                return items if isinstance(node, ast.List) else tuple(items)
            case ast.UnaryOp(op=ast.USub(), operand=ast.Constant(value=int() | float() as number)):
                return -number
            case ast.UnaryOp(op=ast.Invert()):
                return self.built(node, lambda value: ~self.combinable(node, value), node.operand)
            case ast.BinOp(op=ast.BitOr()):
                left = self.combinable(node, self.value(node.left))
                return self.built(node, lambda right: left | right, node.right)
            case ast.BinOp(op=ast.BitAnd()):
                left = self.combinable(node, self.value(node.left))
                return self.built(node, lambda right: left & right, node.right)
            case ast.Name() | ast.Attribute():
                found = self.named(node)
                if isinstance(found, Callee):
                    raise AnswerError(f"{_at(node)}{_dotted(node)} must be called: add (...).")
                return found
            case ast.Call():
                return self.call(node)
        raise AnswerError(f"{_at(node)}`{_source(node)}` cannot be used here.")

    def literal(self, node: ast.Constant) -> Any:
        value = node.value
        if value is not None and not isinstance(value, str | bool | int | float):
            raise AnswerError(f"{_at(node)}`{_source(node)}` is not a text, number or truth value.")
        if isinstance(value, str) and len(value) > MAX_LITERAL:
            raise AnswerError(f"{_at(node)}a text may have {MAX_LITERAL} characters.")
        if isinstance(value, str) and _UNSTORABLE.search(value):
            raise AnswerError(
                f"{_at(node)}a text may not contain a NUL character or half of a surrogate pair."
            )
        if isinstance(value, int) and abs(value) >= MAX_NUMBER:
            raise AnswerError(f"{_at(node)}a number must fit into 64 bits.")
        return value

    def combinable(self, node: ast.expr, value: Any) -> Any:
        if value is None or isinstance(value, str | bool | int | float | list | tuple):
            raise AnswerError(f"{_at(node)}only operations and conditions combine with |, & and ~.")
        return value

    def named(self, node: ast.expr) -> Any:
        name = _dotted(node)
        if name not in self.names:
            known = ", ".join(self.names)
            raise AnswerError(f"{_at(node)}`{name}` is not available here. There are: {known}.")
        return self.names[name]

    def call(self, node: ast.Call) -> Any:
        callee = self.named(node.func)
        name = _dotted(node.func)
        if not isinstance(callee, Callee):
            raise AnswerError(f"{_at(node)}{name} is not called: leave out (...).")
        if node.args and not callee.positional:
            raise AnswerError(f"{_at(node)}{name} takes keyword arguments only.")
        keywords = {}
        for keyword in node.keywords:
            is_lookup = callee.any_lookup and not (keyword.arg or "_").startswith("_")
            if keyword.arg is None or not (keyword.arg in callee.keywords or is_lookup):
                allowed = ", ".join(callee.keywords) or "none"
                raise AnswerError(
                    f"{_at(node)}{name} has no argument `{keyword.arg or '**'}` here."
                    f" It takes: {allowed}."
                )
            if keyword.arg in keywords:
                raise AnswerError(f"{_at(node)}`{keyword.arg}` is given twice.")
            keywords[keyword.arg] = self.value(keyword.value)
        arguments = [self.value(argument) for argument in node.args]
        return self.built(node, lambda _: callee.call(*arguments, **keywords))

    def built(
        self, node: ast.expr, build: Callable[[Any], Any], operand: ast.expr | None = None
    ) -> Any:
        """Build an object, and report an error of its class as an error of the answer."""
        value = None if operand is None else self.value(operand)
        try:
            return build(value)
        except AnswerError:
            raise
        except Exception as error:
            raise AnswerError(f"{_at(node)}{describe(error)}") from None


def describe(error: Exception) -> str:
    """Return the error's text, without the quotes that a KeyError adds."""
    text = str(error.args[0]) if isinstance(error, KeyError) and error.args else str(error)
    return text or type(error).__name__


def _at(node: ast.expr) -> str:
    return f"Line {node.lineno}: "


def _dotted(node: ast.expr) -> str:
    if isinstance(node, ast.Attribute):
        return f"{_dotted(node.value)}.{node.attr}"
    return node.id if isinstance(node, ast.Name) else _source(node)


def _source(node: ast.expr) -> str:
    text = ast.unparse(node)
    return text if len(text) <= 60 else f"{text[:59]}…"
