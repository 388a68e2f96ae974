"""Render a new model of a migration alone.

When a migration creates a model, Django renders every related model again, directly or through
others. Each event model refers to the context model, so these are all event models and all tracked
models: the time of ``migrate`` would grow with the square of their number. But no model can refer
to a model before it exists, and Django finds references by name in the registry of the state. So
the existing models may stay, if they belong to that registry.

https://docs.djangoproject.com/en/stable/topics/migrations/#historical-models
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from django.db.migrations.utils import resolve_relation

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from django.db.migrations.state import ModelState, ProjectState

    AddModel = Callable[[ProjectState, ModelState], None]


def rendering_alone(add_model: AddModel) -> AddModel:
    """Wrap ``ProjectState.add_model``, which renders only if the state has rendered models."""

    @functools.wraps(add_model)
    def add_model_alone(state: ProjectState, model_state: ModelState) -> None:
        rendered = vars(state).get("apps")
        if rendered is None or not _stay(rendered, model_state):
            add_model(state, model_state)
            return
        del vars(state)["apps"]
        try:
            add_model(state, model_state)
        finally:
            vars(state)["apps"] = rendered
        rendered.render_multiple([model_state])

    return add_model_alone


def _stay(rendered: Any, model_state: ModelState) -> bool:
    """Return whether the models that the new one refers to are rendered, for this registry.

    The clone of a state shares its models, which belong to the registry of the original.
    """
    own = model_state.app_label, model_state.name_lower

    def found(label: str, name: str) -> Any:
        return rendered.all_models.get(label, {}).get(name)

    targets = [found(*target) for target in _targets(model_state) if target != own]
    return not found(*own) and all(model and model._meta.apps is rendered for model in targets)


def _targets(model_state: ModelState) -> Iterator[tuple[str, str]]:
    for field in model_state.fields.values():
        if field.remote_field:
            target = field.remote_field.model
            yield resolve_relation(target, model_state.app_label, model_state.name_lower)
