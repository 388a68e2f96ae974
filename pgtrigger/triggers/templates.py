"""``Func``: a function's statements as a template, and what it may name.

https://docs.python.org/3/library/string.html#format-string-syntax
"""

from __future__ import annotations

from typing import Any


class Func:
    """A function's statements as a template over ``meta``, ``fields`` and ``columns``.

    ``{meta.db_table}`` is the table, ``{fields.name}`` a field, ``{columns.name}`` its column.
    A text that is not a Func is passed through as it is, braces included.
    """

    def __init__(self, func: str):
        self.func = func

    def render(self, **template_kwargs: Any) -> str:
        return self.func.format(**template_kwargs)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Func) and other.func == self.func

    def __hash__(self) -> int:
        return hash(self.func)


class AttrDict(dict[str, Any]):
    """A dictionary whose keys are attributes too, for templates such as ``{columns.name}``.

    A key comes before a method of the same name, so that ``{columns.items}`` is a column.
    """

    def __getattribute__(self, name: str) -> Any:
        return self[name] if name in self else super().__getattribute__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        self[name] = value
