"""A chapter prints what is documented, whatever anybody did before: admin, shell and sandbox."""

import random
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from io import StringIO
from typing import Any

import pytest
from django.apps import apps
from django.db import models
from django.test import Client
from django.urls import reverse

from tutorial import sandbox
from tutorial.chapters import Chapter, all_chapters
from tutorial.running import mask, run_chapter

ACTIONS = 100
SEED = 17
MODELS = [
    model
    for model in apps.get_app_config("tutorial").get_models()
    if model._meta.managed and not hasattr(model, "pgh_tracked_model")
]


class Somebody:
    """Someone who tries things, in an order that the seed decides."""

    def __init__(self, client: Client, seed: int):
        self.client, self.random = client, random.Random(seed)
        self.happened: dict[str, int] = {}

    def act(self) -> None:
        action: Callable[[], bool] = self.random.choice(
            [self.add_in_admin, self.change_in_admin, self.delete_in_admin, self.paste, self.try_it]
        )
        if action():
            self.happened[action.__name__] = self.happened.get(action.__name__, 0) + 1

    def add_in_admin(self) -> bool:
        model = self.random.choice(MODELS)
        return self.post(model, "add", data=self.form_data(model))

    def change_in_admin(self) -> bool:
        model, row = self.row()
        return row is not None and self.post(model, "change", row.pk, data=self.form_data(model))

    def delete_in_admin(self) -> bool:
        model, row = self.row()
        return row is not None and self.post(model, "delete", row.pk, data={"post": "yes"})

    def paste(self) -> bool:
        """Execute a chapter's code on the real tables, as in a shell."""
        chapter = self.random.choice(all_chapters())
        with suppress(Exception), redirect_stdout(StringIO()):
            exec(chapter.code, {model.__name__: model for model in chapter.models})
        return True

    def try_it(self) -> bool:
        """Make up to five steps in a chapter's sandbox."""
        chapter = self.random.choice(all_chapters())
        token = ""
        for _ in range(self.random.randint(1, 5)):
            model = self.random.choice(chapter.models)
            action = self.random.choice(["add", "save", "delete", "way"])
            data = {f"{model.__name__}-new-{name}": v for name, v in self.form_data(model).items()}
            data |= {"action": f"{action}:{model.__name__}:0:0", "journal": token}
            response = self.client.post(f"/{chapter.slug}/try/", data)
            assert response.status_code == 200
            token = self.token(chapter, response)
        return bool(token)

    def token(self, chapter: Chapter, response: Any) -> str:
        shown = response.context["sandbox"]
        assert sandbox.read_journal(shown.token, chapter.models) == shown.journal
        return str(shown.token)

    def row(self) -> tuple[type[models.Model], models.Model | None]:
        model = self.random.choice([m for m in MODELS if m._base_manager.exists()] or MODELS)
        return model, model._base_manager.order_by("?").first()

    def form_data(self, model: type[models.Model]) -> dict[str, Any]:
        return {
            column.attname if column.is_relation else column.name: self.value(column)
            for column in model._meta.concrete_fields
            if not column.primary_key
        } | {column.name: "1" for column in model._meta.concrete_fields if column.is_relation}

    def value(self, column: Any) -> Any:
        if column.choices:
            return self.random.choice([value for value, _ in column.choices])
        if isinstance(column, models.IntegerField):
            return self.random.randint(-2, 9)
        if isinstance(column, models.EmailField):
            return f"{self.random.randint(0, 9)}@example.org"
        return self.random.choice(["", "one", "Administrators"])

    def post(self, model: type[models.Model], page: str, *key: Any, data: dict[str, Any]) -> bool:
        address = reverse(f"admin:tutorial_{model._meta.model_name}_{page}", args=key)
        response = self.client.post(address, data)
        assert response.status_code in (200, 302, 403), (address, response.status_code)
        return response.status_code != 403


def check_after(actions: int, client: Client, seed: int) -> None:
    somebody = Somebody(client, seed)
    for _ in range(actions):
        somebody.act()
    assert len(somebody.happened) == 5, somebody.happened
    assert any(model._base_manager.exists() for model in MODELS)
    for chapter in all_chapters():
        assert mask(run_chapter(chapter).output) == chapter.expected, chapter.slug


@pytest.mark.long
@pytest.mark.django_db(transaction=True)
def test_after_a_hundred_random_actions_every_chapter_prints_what_is_documented(
    admin_client: Client,
) -> None:
    somebody = Somebody(admin_client, SEED)
    for _ in range(ACTIONS):
        somebody.act()
    assert len(somebody.happened) == 5, somebody.happened
    assert any(model._base_manager.exists() for model in MODELS)
    for chapter in all_chapters():
        assert mask(run_chapter(chapter).output) == chapter.expected, chapter.slug
