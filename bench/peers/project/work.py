"""The measured work, the same for both: each name has a preparation and the work itself."""

import io
from contextlib import nullcontext

from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from shop import models

import pghistory
import pgtrigger
from pghistory.models import Events

ROWS, SAVES, EVENTS = 20_000, 500, 1_000
URI = "shop.RowRuled:number_is_final"


def rows(model, count):
    """Leave so many rows in the table, and no events of them."""
    with connection.cursor() as cursor:
        for each in (model, *getattr(model, "pgh_event_models", {}).values()):
            cursor.execute(f'TRUNCATE "{each._meta.db_table}" CASCADE')
        cursor.execute(
            f"INSERT INTO {model._meta.db_table} (status, title, amount, number)"
            f" SELECT 'draft', 'A title', 1, 1 FROM generate_series(1, {count})"
        )
        cursor.execute(f"VACUUM ANALYZE {model._meta.db_table}")


def update(model):
    model.objects.update(amount=2)


def create(model):
    model.objects.bulk_create(model() for _ in range(ROWS))


def delete(model):
    model.objects.all()._raw_delete("default")


def saves(model, count=SAVES):
    saved = model.objects.first()
    for number in range(count):
        saved.amount = number + 2
        saved.save()


def in_transaction(model, scope=nullcontext, count=SAVES):
    with transaction.atomic(), scope():
        saves(model, count)


def autocommit(model, scope=nullcontext, count=SAVES // 5):
    with scope():
        saves(model, count)


def selects(scope=nullcontext):
    with scope():
        for _ in range(SAVES):
            models.RowRuled.objects.filter(pk=1).first()


def context():
    return pghistory.context(user=1, reason="measured")


def ignore():
    return pgtrigger.ignore(URI)


def entering():
    with transaction.atomic():
        for _ in range(SAVES):
            with ignore():
                models.RowRuled.objects.filter(pk=0).update(amount=1)


def command(*arguments, **options):
    call_command(*arguments, stdout=io.StringIO(), stderr=io.StringIO(), **options)


WRITES = {}
for _name, _model in {
    "row-level rules": models.RowRuled,
    "a statement-level rule": models.StatementRuled,
    "row-level history": models.RowTracked,
    "statement-level history": models.StatementTracked,
}.items():
    WRITES |= {
        f"update of {ROWS:,} rows, {_name}": (_model, ROWS, update),
        f"{SAVES} saves in a transaction, {_name}": (_model, 1, in_transaction),
        f"{SAVES // 5} saves in autocommit, {_name}": (_model, 1, autocommit),
        f"bulk_create of {ROWS:,} rows, {_name}": (_model, 0, create),
    }
    if "history" in _name:
        WRITES[f"deletion of {ROWS:,} rows, {_name}"] = (_model, ROWS, delete)

_row, _ruled = models.RowTracked, models.RowRuled
SCOPES = {
    "contexts": {
        f"{SAVES} saves in a transaction, in a context": lambda: in_transaction(_row, context),
        f"{SAVES // 5} saves in autocommit, in a context": lambda: autocommit(_row, context),
        f"{SAVES} SELECTs in a context": lambda: selects(context),
    },
    "ignore": {
        f"{SAVES} saves in a transaction, in ignore(uri)": lambda: in_transaction(_ruled, ignore),
        f"{SAVES // 5} saves in autocommit, in ignore(uri)": lambda: autocommit(_ruled, ignore),
        f"{SAVES} times ignore(uri) around an update": entering,
    },
}


def timeline_rows():
    rows(models.RowTracked, 1)
    saves(models.RowTracked, EVENTS)


def timeline():
    obj = models.RowTracked.objects.first()
    assert len(list(Events.objects.tracks(obj).order_by("pgh_id"))) >= EVENTS


_client = []


def page(path):
    if not _client:
        user, _ = User.objects.get_or_create(username="a", is_staff=True, is_superuser=True)
        _client.append(Client())
        _client[0].force_login(user)
    response = _client[0].get(path)
    assert response.status_code == 200, (path, response.status_code)
    return response.content


def event_page():
    page("/admin/pghistory/events/")


def nothing():
    pass


# area -> title -> (before, work)
AREAS = {
    "writes": {
        title: (lambda m=model, n=count: rows(m, n), lambda w=work, m=model: w(m))
        for title, (model, count, work) in WRITES.items()
    },
    "scopes": {
        title: (lambda: (rows(_row, 1), rows(_ruled, 1)), work)
        for works in SCOPES.values()
        for title, work in works.items()
    },
    "commands": {
        "pgtrigger ls": (nothing, lambda: command("pgtrigger", "ls")),
        "pgtrigger install, nothing to do": (nothing, lambda: command("pgtrigger", "install")),
        "pgtrigger install of everything": (
            lambda: command("pgtrigger", "uninstall"),
            lambda: command("pgtrigger", "install"),
        ),
        "makemigrations without changes": (
            nothing,
            lambda: command("makemigrations", dry_run=True, verbosity=0),
        ),
        "migrate of 50 tracked models": (
            lambda: command("migrate", "crowd", "zero", verbosity=0),
            lambda: command("migrate", "crowd", verbosity=0),
        ),
    },
    "reading": {
        f"timeline of an object with {EVENTS:,} events": (timeline_rows, timeline),
        f"the admin's page of events, with {EVENTS:,}": (timeline_rows, event_page),
    },
}
