"""Models and tables that one test makes and takes away again."""

import itertools

import pytest
from django.apps import apps
from django.db import connection, models

from pgtrigger.triggers import registry
from tests.pgtrigger.throwaway import ThrowawayApp

_numbers = itertools.count(1)


@pytest.fixture
def make_model(db):
    """``make_model(name=Field(), …, triggers=[…], Meta options…)``: a model with its table."""
    made = []

    def make(*, triggers=(), table=True, bases=(models.Model,), meta=(), **fields):
        name = f"Made{next(_numbers)}"
        options = {"app_label": "pgtrigger_tests", "triggers": list(triggers), **dict(meta)}
        attributes = {"__module__": __name__, "Meta": type("Meta", (), options), **fields}
        try:
            model = type(name, bases, attributes)
        finally:
            made.append(apps.all_models["pgtrigger_tests"].get(name.lower()))
        if table:
            with connection.schema_editor() as editor:
                editor.create_model(model)
        return model

    yield make
    for model in filter(None, reversed(made)):
        if (
            not connection.in_atomic_block
            and model._meta.db_table in connection.introspection.table_names()
        ):
            with connection.schema_editor() as editor:
                editor.delete_model(model)
        registry.remove_all(model)
        del apps.all_models["pgtrigger_tests"][model._meta.model_name]
    apps.clear_cache()


@pytest.fixture
def app(db, tmp_path, settings, monkeypatch):
    """An app whose models the test writes."""
    monkeypatch.syspath_prepend(tmp_path)
    app = ThrowawayApp(tmp_path, settings, monkeypatch)
    app.forget_migrations()
    yield app
    app.forget()
