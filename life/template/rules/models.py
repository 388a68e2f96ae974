"""Rules and history for every model of the installed third-party apps."""

from django.apps import apps
from django.conf import settings

import pghistory
import pgtrigger


def _models():
    for label in settings.MIGRATION_MODULES:
        for model in list(apps.all_models[label].values()):
            options = model._meta
            is_ours = options.managed and not (
                options.proxy or options.auto_created or options.swapped
            )
            # A parent's table gets triggers too, in the migrations of the parent's app.
            parents = {parent._meta.app_label for parent in options.get_parent_list()}
            if is_ours and parents <= set(settings.MIGRATION_MODULES):
                yield model


for model in _models():
    pgtrigger.register(
        pgtrigger.ReadOnly(name="life_key", fields=[model._meta.pk.name]),
        pgtrigger.Protect(
            name="life_frozen", operation=pgtrigger.Update, condition=pgtrigger.AllChange()
        ),
    )(model)
    pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        pghistory.DeleteEvent(),
        app_label="rules",
        model_name=f"{model._meta.app_label.title()}{model.__name__}Event".replace("_", ""),
        obj_field=pghistory.ObjForeignKey(related_name="+"),
        # Long names of permissions would not fit into the columns of the first migrations.
        meta={"default_permissions": ()},
    )(model)
