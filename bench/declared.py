"""Models made for one benchmark, with their tables and triggers, and gone after it."""

from __future__ import annotations

import itertools
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.apps import apps
from django.db import connection, models
from psycopg import sql

import pgtrigger
from pgtrigger.triggers import registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_numbers = itertools.count(1)


class Article(models.Model):
    """The columns of every table here."""

    status = models.CharField(max_length=32, default="draft")
    title = models.TextField(default="A title of ordinary length")
    amount = models.IntegerField(default=1)
    version = models.IntegerField(default=0)

    class Meta:
        abstract = True


def model(
    triggers: Sequence[pgtrigger.Trigger] = (), name: str = "", base: type = Article
) -> type[models.Model]:
    """A new model, registered with Django and its triggers with the engine, without a table."""
    meta = type("Meta", (), {"app_label": "bench", "triggers": list(triggers)})
    name = name or f"Benched{next(_numbers)}"
    return type(name, (base,), {"__module__": __name__, "Meta": meta})


def forget(models_: Sequence[type[models.Model]]) -> None:
    """Take the models out of Django, and their triggers out of the engine."""
    for forgotten in models_:
        registry.remove_all(forgotten)
        del apps.all_models["bench"][forgotten._meta.model_name]
    apps.clear_cache()


@contextmanager
def tables(*triggers: Sequence[pgtrigger.Trigger], rows: int) -> Iterator[list[type[models.Model]]]:
    """A table for each sequence of triggers, which are installed, all with the same rows."""
    made = [model(declared) for declared in triggers]
    try:
        with connection.schema_editor() as editor:
            for each in made:
                editor.create_model(each)
        for each in made:
            _settle(each)
            with pgtrigger.ignore():
                _fill(each, rows)
        yield made
    finally:
        with connection.schema_editor() as editor:
            for each in made:
                editor.delete_model(each)
        forget(made)


@contextmanager
def declared(triggers: int, each: int = 3) -> Iterator[list[type[models.Model]]]:
    """Models with so many triggers together, ``each`` on one, and neither tables nor functions."""
    made = [model(rules(each)) for _ in range(triggers // each)]
    try:
        yield made
    finally:
        forget(made)


def rules(count: int) -> list[pgtrigger.Trigger]:
    """Triggers called ``rule_1`` and on, which a model may have all at once."""
    return [
        pgtrigger.Protect(
            name=f"rule_{number}",
            operation=pgtrigger.Update,
            condition=pgtrigger.Q(old__amount__lt=-number),
        )
        for number in range(1, count + 1)
    ]


def execute(statement: str, **identifiers: str) -> None:
    """Run a statement, ``{name}`` in it replaced by the identifier of that name."""
    names = {key: sql.Identifier(name) for key, name in identifiers.items()}
    with connection.cursor() as cursor:
        cursor.execute(sql.SQL(statement).format(**names).as_string())


def vacuum(model: type[models.Model]) -> None:
    """Make room for the next update where the last one left its rows."""
    execute("VACUUM {table}", table=model._meta.db_table)


def _settle(model: type[models.Model]) -> None:
    """Nothing shall vacuum the table while it is measured."""
    execute("ALTER TABLE {table} SET (autovacuum_enabled = false)", table=model._meta.db_table)


def _fill(model: type[models.Model], rows: int) -> None:
    model.objects.bulk_create([model() for _ in range(rows)], batch_size=5000)
    execute("VACUUM ANALYZE {table}", table=model._meta.db_table)
