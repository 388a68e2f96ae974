"""The code in a migration of the generated project: a write that a rule would refuse."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pgtrigger
from life.evolution import looking

if TYPE_CHECKING:
    from collections.abc import Callable


def writing(label: str, name: str, uri: str) -> Callable[[Any, Any], None]:
    return functools.partial(_write, label, name, uri)


def _write(label: str, name: str, uri: str, apps: Any, schema_editor: Any) -> None:
    """Insert a row, and delete it while the rule is ignored, and every other one."""
    model = apps.get_model(label, name)
    with pgtrigger.ignore(uri), pgtrigger.ignore():
        row = looking.new_row(model)
        for table in (model, *model._meta.get_parent_list()):
            table._base_manager.filter(pk=row.pk)._raw_delete(schema_editor.connection.alias)
        # A deferred rule would not be ignored at the end of the transaction.
        schema_editor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def migration(app: str, leaf: str, name: str, uri: str) -> str:
    """Return the text of a migration."""
    return f"""\
from django.db import migrations

from life.evolution.code import writing


class Migration(migrations.Migration):
    dependencies = [({app!r}, {leaf!r})]
    operations = [
        migrations.RunPython(
            writing({app!r}, {name!r}, {uri!r}), migrations.RunPython.noop, elidable=True
        )
    ]
"""
