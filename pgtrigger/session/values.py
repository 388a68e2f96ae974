"""The present values of the variables: those of the open scopes.

They are in a ContextVar, so that threads and tasks do not see each other's. See Note [Generators].
"""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from pgtrigger.session import generators

if TYPE_CHECKING:
    from collections.abc import Iterable
    from types import FrameType

Values = Mapping[Any, Any]  # by Variable
NOTHING: Values = MappingProxyType({})


@dataclass(frozen=True, eq=False)
class _Opened:
    """An open scope, and the generator that it belongs to.

    ``interrupts`` are the keys of the scopes that were suspended when it was opened.
    """

    scope: object
    values: Values
    generator: weakref.ref[generators.Generator] | None
    interrupts: frozenset[object]
    key: object = field(default_factory=object)

    @property
    def is_active(self) -> bool:
        if self.generator is None:
            return True
        generator = self.generator()
        return generator is not None and generators.is_running(generator)

    @property
    def can_go_on(self) -> bool:
        return self.generator is None or self.generator() is not None

    def is_in(self, frame: FrameType | None) -> bool:
        """Return whether it belongs to the generator of this frame; of None, to no generator."""
        if self.generator is None or frame is None:
            return self.generator is None and frame is None
        generator = self.generator()
        return generator is not None and generators.frame_of(generator) is frame


def _merge(opened: Iterable[_Opened]) -> Values:
    merged: dict[Any, Any] = {}
    for each in opened:
        merged.update(each.values)
    found = {variable: value for variable, value in merged.items() if value is not None}
    return found or NOTHING


class _State:
    """All open scopes of one context, the innermost last. Immutable."""

    def __init__(self, opened: tuple[_Opened, ...] = ()):
        self.opened = opened
        self._merged: dict[tuple[_Opened, ...], Values] = {}
        self._all = None if any(each.generator for each in opened) else _merge(opened)

    @property
    def values(self) -> Values:
        if self._all is not None:
            return self._all
        active = self.active()
        if active not in self._merged:
            self._merged[active] = _merge(active)
        return self._merged[active]

    def active(self) -> tuple[_Opened, ...]:
        """Return the scopes that have an effect now, the innermost last.

        If a generator is resumed inside scopes that were opened later, those are outside its own.
        """

        def position(number: int) -> tuple[int, int]:
            key = self.opened[number].key
            inside = [n for n, other in enumerate(self.opened) if key in other.interrupts]
            return max([number, *inside]), bool(inside)

        order = sorted(range(len(self.opened)), key=position)
        return tuple(self.opened[number] for number in order if self.opened[number].is_active)


_state: ContextVar[_State] = ContextVar("state", default=_State())  # noqa: B039


def current() -> Values:
    """Return the value that each variable should have. One that is missing should be unset."""
    return _state.get().values


def enter(scope: object, values: Values, frame: FrameType | None) -> None:
    """Open the scope, in the generator of this frame, if it belongs to one."""
    generator = None if frame is None else weakref.ref(generators.of(frame))
    opened = tuple(each for each in _state.get().opened if each.can_go_on)
    suspended = frozenset(each.key for each in opened if not each.is_active)
    _state.set(_State((*opened, _Opened(scope, values, generator, suspended))))


def leave(scope: object, frame: FrameType | None) -> None:
    """Close the scope.

    It is not open here if its generator is closed in another context, by the garbage collector.
    """
    opened = _state.get().opened
    of_scope = [each for each in reversed(opened) if each.scope is scope]
    closed = next((each for each in of_scope if each.is_in(frame)), None) or next(
        (each for each in of_scope if each.is_in(None)), None
    )
    _state.set(_State(tuple(each for each in opened if each is not closed)))


def change(variable: object, value: Any) -> None:
    """Change the value of a variable until the scope ends that set it."""
    state = _state.get()
    setter = next(each for each in reversed(state.active()) if variable in each.values)
    changed = replace(setter, values={**setter.values, variable: value})
    _state.set(_State(tuple(changed if each is setter else each for each in state.opened)))
