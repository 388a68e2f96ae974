from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import AppConfig, apps
from django.db import connections
from django.db.models.signals import post_migrate, pre_migrate

from pghistory import checks, hooks, legacy, postponing
from pghistory.config import settings
from pghistory.keeping import partitions
from pghistory.past import migrating as past
from pghistory.past import views
from pghistory.reading import recorded
from pghistory.tracking import event_models
from pgtrigger import trying
from pgtrigger.roles import objects

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from django.db.models import Model


class PGHistoryConfig(AppConfig):
    name = "pghistory"
    verbose_name = "History"
    default_auto_field = "django.db.models.BigAutoField"

    def __init__(self, app_name: str, app_module: ModuleType):
        super().__init__(app_name, app_module)
        hooks.before_models_load()

    def ready(self) -> None:
        hooks.extend_schema_editors()
        hooks.render_new_models_alone()
        checks.register()
        objects.write_only_by_triggers(_models_of_history)
        objects.read_only(views.schemas)
        if recorded.of_model not in trying.sources:
            trying.sources.append(recorded.of_model)
        postponing.register()
        post_migrate.connect(
            legacy.install_on_migrate, sender=self, dispatch_uid="pghistory.legacy"
        )
        post_migrate.connect(past.after_migrate, sender=self, dispatch_uid="pghistory.past")
        post_migrate.connect(_complete_partitions, sender=self, dispatch_uid="pghistory.partitions")
        pre_migrate.connect(past.before_migrate, sender=self, dispatch_uid="pghistory.past")
        register_admin()


def _complete_partitions(using: str, **kwargs: Any) -> None:
    """Install rules on TRUNCATE of event tables, which may be new, on each of their partitions."""
    if connections[using].vendor == "postgresql":
        for event_model in event_models.all_event_models():
            if event_model.pgh_append_only:
                partitions.copy_triggers(event_model._meta.db_table, using)


def _models_of_history() -> Iterator[type[Model]]:
    """Contexts, and the event models whose rows are written by triggers only.

    Records of maintenance too: only the owner's commands write them.
    """
    yield apps.get_model("pghistory.Context")
    yield apps.get_model("pghistory.Maintenance")
    for model in apps.get_models():
        if getattr(model, "pgh_tracked_model", None) is not None and model._meta.managed:
            yield model


def register_admin() -> None:
    """Register the page of events in the admin, once all apps are loaded.

    Importing ``pghistory.admin`` does not register it: a project's ADMIN_CLASS imports that.
    """
    if not apps.is_installed("django.contrib.admin"):
        return
    from django.contrib import admin

    if not admin.site.is_registered(settings.admin_model):
        admin.site.register(settings.admin_model, settings.admin_class)
