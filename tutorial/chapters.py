"""The chapters: scenario modules, divided into the parts that pages, commands and tests show."""

import inspect
import textwrap
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from types import ModuleType

from django.apps import apps
from django.db import models

from tutorial.scenarios import PARTS


@dataclass(frozen=True)
class Chapter:
    """One scenario module. `number` counts from 1 in the order of the tutorial."""

    number: int
    part: str
    module: ModuleType

    @cached_property
    def module_name(self) -> str:
        """The name of the module without its package."""
        return self.module.__name__.rpartition(".")[2]

    @property
    def slug(self) -> str:
        return self.module_name.replace("_", "-")

    @property
    def title(self) -> str:
        return self._docstring.partition("\n")[0]

    @cached_property
    def prose(self) -> str:
        """The text in Markdown, without the title."""
        return self._docstring.partition("\n")[2].strip()

    @property
    def problem(self) -> str:
        """The first paragraph of the prose."""
        return self.prose.partition("\n\n")[0]

    @property
    def explanation(self) -> str:
        """The prose after its first paragraph."""
        return self.prose.partition("\n\n")[2].strip()

    @property
    def run(self) -> Callable[[], None]:
        run: Callable[[], None] = self.module.run
        return run

    @cached_property
    def code(self) -> str:
        """The body of `run()`, as a reader types it."""
        return textwrap.dedent("".join(self._run_source[0][1:]))

    @cached_property
    def first_line(self) -> int:
        """The number, in the module, of the first line of `code`."""
        return self._run_source[1] + 1

    def line_of_code(self, line: int | None) -> int | None:
        """Return the line of `code`, from 1, that is this line of the module."""
        return None if line is None else line - self.first_line + 1

    @property
    def shell_line(self) -> str:
        """The command that runs `code`, ready for a terminal."""
        return f'python manage.py shell_plus --quiet-load -c "\n{self.code}"'

    @cached_property
    def models(self) -> list[type[models.Model]]:
        """The models that the module imports, in the order in which they are declared."""
        imported = [
            value
            for value in vars(self.module).values()
            if isinstance(value, type) and issubclass(value, models.Model)
        ]
        return sorted(imported, key=list(apps.get_models()).index)

    @property
    def model_names(self) -> list[str]:
        return [model.__name__ for model in self.models]

    @property
    def expected_output(self) -> Path:
        return Path(inspect.getfile(self.module)).with_suffix(".out")

    @property
    def expected(self) -> str:
        """Return the expected output, with ids masked; "" before its file is written."""
        path = self.expected_output
        return path.read_text(encoding="utf-8") if path.exists() else ""

    @cached_property
    def _docstring(self) -> str:
        return inspect.getdoc(self.module) or self.slug

    @cached_property
    def _run_source(self) -> tuple[list[str], int]:
        return inspect.getsourcelines(self.run)


@cache
def all_chapters() -> tuple[Chapter, ...]:
    """Every chapter, in the order in which they are meant to be read."""
    names = [(part, name) for part, names in PARTS.items() for name in names]
    return tuple(
        Chapter(number, part, import_module(f"tutorial.scenarios.{name}"))
        for number, (part, name) in enumerate(names, start=1)
    )


def get_chapter(slug: str) -> Chapter:
    """The chapter of that slug; LookupError says which there are."""
    for chapter in all_chapters():
        if chapter.slug == slug:
            return chapter
    slugs = ", ".join(chapter.slug for chapter in all_chapters())
    raise LookupError(f'There is no chapter "{slug}". The chapters are: {slugs}.')
