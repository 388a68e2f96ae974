"""Tables for models that a test defines."""

import pytest
from django.db import connection
from django.test.utils import isolate_apps

from pgtrigger.triggers import registry


@pytest.fixture
def isolated(db):
    """Keep the models that a test defines in a separate registry of apps."""
    with isolate_apps("tests.compatibility") as apps:
        yield apps


@pytest.fixture
def create(isolated):
    """``create(Model, ...)``: the tables, with triggers, of models and their event models."""

    def create(*models):
        events = [event for model in models for event in _event_models(model)]
        with connection.schema_editor() as editor:
            for model in (*models, *events):
                editor.create_model(model)
        for model in (*models, *events):
            for trigger in registry.of_model(model):
                trigger.install(model)

    return create


def _event_models(model):
    return list(dict.fromkeys(getattr(model, "pgh_event_models", {}).values()))
