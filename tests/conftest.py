"""The database of all tests, or one sentence that says why there is none."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, connections
from django.db.backends.base.creation import TEST_DATABASE_PREFIX

from project.errors import CannotStart
from tests import emptying


def pytest_sessionstart() -> None:
    """Start the embedded server, or reach DATABASE_URL's, before a thousand tests fail at it."""
    try:
        connection.get_new_connection(connection.get_connection_params()).close()
    except CannotStart as error:
        pytest.exit(str(error), returncode=1)


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """A browser that was closed may have left a request behind, whose connection is open still."""
    with django_db_blocker.unblock():
        emptying.truncate_what_was_written()
    yield
    with django_db_blocker.unblock():
        for opened in connections.all(initialized_only=True):
            # An alias that no test asked for is still the project's own database.
            if not opened.settings_dict["NAME"].startswith(TEST_DATABASE_PREFIX):
                continue
            with opened.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )


@pytest.fixture(autouse=True)
def groups_keep_nothing_of_a_test():
    """Take off Django's Group what a test's models added to it: event models, accessors."""
    from django.contrib.auth.models import Group

    before = set(vars(Group))
    yield
    for name in set(vars(Group)) - before:
        delattr(Group, name)
