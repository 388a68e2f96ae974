"""A database in which the tutorial's writes commit, and that is empty again afterwards."""

from collections.abc import Iterator

import pytest
from django.apps import apps
from django.db import connection
from psycopg import sql
from pytest_django.plugin import DjangoDbBlocker


@pytest.fixture
def committed_db(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Like `transactional_db`, which truncates every table of every app, and takes its time."""
    with django_db_blocker.unblock():
        yield
        models = apps.get_app_config("tutorial").get_models(include_auto_created=True)
        tables = {model._meta.db_table for model in models if model._meta.managed}
        tables |= {"auth_user", "django_session", "django_admin_log", "pghistory_context"}
        truncate = sql.SQL("TRUNCATE {} CASCADE").format(
            sql.SQL(", ").join(map(sql.Identifier, sorted(tables)))
        )
        with connection.cursor() as cursor:
            cursor.execute(truncate)
        connection.close()
