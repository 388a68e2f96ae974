"""The code on the pages of the documentation runs, and prints what the page says."""

import ast
import doctest
import io
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import DatabaseError, connection, models, transaction
from django.test.utils import isolate_apps

from pgtrigger.triggers import registry
from tests.project.documented import BEFORE, COMMON, NOT_RUN
from tests.project.test_docs import BLOCK, DOCS, WRITTEN

PAGES = [
    pytest.param(path, id=str(path.relative_to(DOCS).with_suffix("")))
    for path in WRITTEN
    if "```python" in path.read_text()
]


class Page:
    """A page, and the names that its code has defined so far."""

    def __init__(self, path: Path, module: ModuleType):
        self.name = str(path.relative_to(DOCS).with_suffix(""))
        self.blocks: list[tuple[str, str]] = BLOCK.findall(path.read_text())
        self.names = vars(module)
        self.created: list[type[models.Model]] = []

    def run(self) -> None:
        """Run every block of Python, and compare what it prints with the text that follows."""
        number, printed = 0, ""
        self.execute(COMMON)
        for language, code in self.blocks:
            if language == "text" and printed:
                assert printed == code
            printed = ""
            if language != "python":
                continue
            self.execute(BEFORE.get((self.name, number), ""))
            number += 1
            if (self.name, number) not in NOT_RUN:
                run = self.execute_prompts if ">>> " in code else self.execute
                printed = run(code)

    def execute(self, code: str) -> str:
        """Execute the code, create the tables of its models, and call its tests."""
        known = set(self.names)
        output = io.StringIO()
        with redirect_stdout(output):
            for statement in ast.parse(code).body:
                exec(compile(ast.Module([statement], []), self.name, "exec"), self.names)
                self.create_tables()
            for name in set(self.names) - known:
                if name.startswith("test_"):
                    with transaction.atomic():
                        self.names[name](*[None] * self.names[name].__code__.co_argcount)
                        transaction.set_rollback(True)
        return output.getvalue()

    def execute_prompts(self, code: str) -> str:
        """Execute what stands after prompts, and compare the last line of each traceback."""
        for prompt in doctest.DocTestParser().get_examples(code):
            statement, expected = prompt.source, prompt.want
            try:
                with transaction.atomic():
                    self.execute(statement)
                raised = ""
            except DatabaseError as error:
                name = f"{type(error).__module__}.{type(error).__qualname__}"
                raised = f"{name}: {str(error).splitlines()[0]}"
            assert raised == (expected.splitlines()[-1] if "Traceback" in expected else "")
        return ""

    def create_tables(self) -> None:
        defined = [
            value
            for value in self.names.values()
            if isinstance(value, type)
            and issubclass(value, models.Model)
            and value.__module__ == "shop.models"
            and not value._meta.proxy
            and not value._meta.auto_created
            and value not in self.created
        ]
        # A tracked model is decorated before its name is bound, so its events are defined first.
        defined.sort(key=lambda model: hasattr(model, "pgh_tracked_model"))
        with connection.schema_editor() as editor:
            for model in defined:
                editor.create_model(model)
        for model in defined:
            for trigger in registry.of_model(model):
                trigger.install(model)
        self.created += defined

    def drop_tables(self) -> None:
        with connection.schema_editor() as editor:
            for model in reversed(self.created):
                editor.delete_model(model)


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The module `shop.models` of an app that is not installed."""
    found = apps.get_containing_app_config

    def containing(name: str) -> Any:
        return SimpleNamespace(label="shop") if name == "shop.models" else found(name)

    module = ModuleType("shop.models")
    monkeypatch.setattr(apps, "get_containing_app_config", containing)
    monkeypatch.setitem(sys.modules, "shop", ModuleType("shop"))
    monkeypatch.setitem(sys.modules, "shop.models", module)
    registered = set(admin.site._registry)
    with isolate_apps():
        yield module
    admin.site.unregister(set(admin.site._registry) - registered)


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("path", PAGES)
def test_the_code_of_a_page_runs(path: Path, shop: ModuleType) -> None:
    page = Page(path, shop)
    try:
        page.run()
    finally:
        page.drop_tables()


def test_what_is_not_run_is_there() -> None:
    pages = {path.id: path.values[0].read_text() for path in PAGES}  # type: ignore[union-attr]
    for name, number in (*NOT_RUN, *BEFORE):
        assert number <= pages[str(name)].count("```python"), name
