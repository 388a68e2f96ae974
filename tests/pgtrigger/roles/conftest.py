"""A role of the application, with the privileges that ``manage.py pgtrigger roles`` gives."""

import uuid

import pytest
from django.db import connection

import pgtrigger
from pgtrigger.roles import privileges


def execute(statement, params=None):
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        return cursor.fetchall() if cursor.description else None


@pytest.fixture
def application(db, settings):
    """The name of a role. Roles are of the whole server, so each test has its own."""
    settings.PGHISTORY_DEFINER = True
    pgtrigger.install()
    role = f"app_{uuid.uuid4().hex[:12]}"
    privileges.apply(privileges.Roles(app=role))
    return role
