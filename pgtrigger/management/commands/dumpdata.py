"""``dumpdata``, without models that show rows of other tables."""

from __future__ import annotations

from typing import Any

from django.apps import apps
from django.core.management.commands import dumpdata


class Command(dumpdata.Command):
    def handle(self, *app_labels: str, **options: Any) -> None:
        """Leave out models with ``in_fixtures = False``, unless they are named."""
        named = {label.lower() for label in app_labels}
        views = [
            model._meta.label
            for model in apps.get_models()
            if not getattr(model, "in_fixtures", True) and model._meta.label_lower not in named
        ]
        super().handle(*app_labels, **{**options, "exclude": [*options["exclude"], *views]})
