"""The generator that a ``with`` block is in.

Note [Generators]. A generator shares the context of the code that iterates over it: a ContextVar
that it sets stays set while it is suspended, so that code would be in its scope, too. A scope that
is entered in a generator therefore belongs to that generator, and has an effect only while it runs.

A generator that is a context manager (of contextlib, or a fixture of pytest) is suspended so that
other code runs inside the scope. Its scope belongs to the code that entered the context manager.

https://peps.python.org/pep-0568/
"""

from __future__ import annotations

import gc
import inspect
from types import AsyncGeneratorType, FrameType, GeneratorType
from typing import TYPE_CHECKING, Any, TypeAlias, cast

if TYPE_CHECKING:
    Generator: TypeAlias = GeneratorType[Any, Any, Any] | AsyncGeneratorType[Any, Any]

_ENTER_OR_EXIT = frozenset({"__enter__", "__exit__", "__aenter__", "__aexit__"})
_FIXTURES = ("_pytest", "pluggy", "pytest_asyncio", "anyio")


def owner(frame: FrameType | None) -> FrameType | None:
    """Return the frame of the generator that owns a scope entered or left in this frame, or None.

    See Note [Generators].
    """
    while frame is not None:
        if not _is_part_of_a_context_manager(frame):
            if not _is_generator(frame):
                return None
            caller = frame.f_back
            if caller is None or not _is_part_of_a_context_manager(caller):
                is_fixture = caller is not None and _module(caller).startswith(_FIXTURES)
                return None if is_fixture else frame
        frame = frame.f_back
    return None


def of(frame: FrameType) -> Generator:
    """The generator that runs in the frame."""
    if hasattr(frame, "f_generator"):  # since Python 3.14
        return cast("Generator", frame.f_generator)
    # A frame does not know its generator, but the garbage collector knows all, new ones first.
    for generation in (0, 1, 2):
        for found in gc.get_objects(generation):
            if isinstance(found, GeneratorType | AsyncGeneratorType) and frame_of(found) is frame:
                return found
    raise RuntimeError(
        f"The generator {frame.f_code.co_qualname}() was not found: decorate its function with the"
        " scope instead of entering the scope inside."
    )


def frame_of(generator: Generator) -> FrameType | None:
    """Return the generator's frame; None if it has ended."""
    return generator.gi_frame if isinstance(generator, GeneratorType) else generator.ag_frame


def is_running(generator: Generator) -> bool:
    """Return whether it is not suspended at a ``yield``. One that awaits something is running."""
    if isinstance(generator, GeneratorType):
        return generator.gi_running
    return generator.ag_running


def _is_generator(frame: FrameType) -> bool:
    flags = frame.f_code.co_flags
    return bool(flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR)) and not (
        flags & inspect.CO_ITERABLE_COROUTINE
    )


def _is_part_of_a_context_manager(frame: FrameType) -> bool:
    return frame.f_code.co_name in _ENTER_OR_EXIT or _module(frame) == "contextlib"


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", ""))
