"""The source of a model as it stands in the file."""

import inspect
from functools import cache

from django.db.models import Model


@cache
def model_source(model: type[Model]) -> str:
    """The class, after the manager's where the model has one of its own."""
    manager = type(model._default_manager)
    classes = [manager, model] if manager.__module__ == model.__module__ else [model]
    return "\n\n".join(inspect.getsource(found) for found in classes)
