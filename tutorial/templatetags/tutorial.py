"""Render prose, Python, SQL and values on a page."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, lru_cache
from typing import Any

from django import template
from django.urls import reverse
from django.utils.safestring import SafeString, mark_safe
from markdown_it import MarkdownIt
from pygments import highlight
from pygments.filter import Filter
from pygments.formatters import HtmlFormatter
from pygments.lexers import JsonLexer, PostgresLexer, PythonLexer
from pygments.token import Name

from tutorial.chapters import all_chapters
from tutorial.scenarios import PARTS

register = template.Library()

_MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable("table")
_INLINE = HtmlFormatter(nowrap=True)


class _Names(Filter):  # type: ignore[misc]  # Pygments has no types
    """Colour the names of classes, functions and keyword arguments."""

    def filter(self, lexer: Any, stream: Iterable[Any]) -> Iterator[Any]:
        tokens = list(stream)
        for place, (kind, text) in enumerate(tokens):
            after = tokens[place + 1][1] if place + 1 < len(tokens) else ""
            if kind is Name and text[:1].isupper():
                kind = Name.Class
            elif kind is Name and after.startswith("("):
                kind = Name.Function
            elif kind is Name and after == "=":
                kind = Name.Attribute
            yield kind, text


_PYTHON = PythonLexer(stripnl=False)
_PYTHON.add_filter(_Names())
_LEXERS = {
    "python": _PYTHON,
    "sql": PostgresLexer(stripnl=False),
    "json": JsonLexer(),
}


_NUMBER = re.compile(r"\d+")
_A_NUMBER = "8888888888"  # a placeholder; the HTML tags around it do not contain this number


@register.filter
@cache
def markdown(text: str) -> SafeString:
    return SafeString(_MARKDOWN.render(text))


@register.filter
def coloured(code: str, language: str) -> SafeString:
    """Return the code as HTML with a class for each token; `language` is python, sql or json."""
    if language != "sql":
        return _coloured(code, language)
    # The numbers of a statement differ in each run, so the cache has placeholders instead.
    numbers = iter(_NUMBER.findall(code))
    html = _coloured(_NUMBER.sub(_A_NUMBER, code), language)
    return mark_safe(re.sub(_A_NUMBER, lambda _: next(numbers), html))


def coloured_lines(code: str, language: str) -> list[tuple[SafeString, int]]:
    """Return each line of the code as HTML, with the number of its leading spaces."""
    html = coloured(code, language).split("\n")
    return [
        (mark_safe(each), len(line) - len(line.lstrip()))
        for each, line in zip(html, code.split("\n"), strict=False)
    ]


@lru_cache(maxsize=2048)
def _coloured(code: str, language: str) -> SafeString:
    return SafeString(highlight(code, _LEXERS[language], _INLINE).rstrip("\n"))


@register.filter
def as_json(text: str) -> SafeString | str:
    """Return a JSON object indented and coloured, and any other text as it is."""
    try:
        parsed = json.loads(text)
    except ValueError:
        return text
    return coloured(json.dumps(parsed, indent=2), "json") if isinstance(parsed, dict) else text


@register.filter
def first_line(text: str) -> str:
    return text.partition("\n")[0]


@register.filter
def cell(value: Any) -> str:
    """Return the text of a value in a table. None is NULL, and a list or dict is JSON."""
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if hasattr(value, "isoformat"):
        return str(value.isoformat(sep=" ", timespec="milliseconds"))[:23]
    return json.dumps(value) if isinstance(value, dict | list) else str(value)


@register.filter
def pairs(values: Mapping[str, Any]) -> str:
    """The values as `name=value`, separated by commas."""
    return ", ".join(f"{name}={cell(value)}" for name, value in values.items())


@register.simple_tag
def tutorial_models() -> dict[str, list[Any]]:
    """The chapters of each part of the tutorial, by the part's title."""
    return {part: [each for each in all_chapters() if each.part == part] for part in PARTS}


@register.simple_tag
def tutorial_apps(app_list: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The apps of the admin's index, without the models that are listed under a chapter."""
    listed = {model for chapter in all_chapters() for model in chapter.models}
    apps = [
        {**app, "models": [each for each in app["models"] if each["model"] not in listed]}
        for app in app_list
    ]
    return [app for app in apps if app["models"]]


@register.filter
def admin_list(model: Any) -> str:
    """The address of the model's list in the admin."""
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


@register.filter
def plural(model: Any) -> str:
    """The model's plural name."""
    return str(model._meta.verbose_name_plural)
