"""What all tests share: a database, or one sentence that says why there is none."""

import pytest
from django.db import connection

from project.errors import CannotStart


def pytest_sessionstart() -> None:
    """Start the embedded server, or reach DATABASE_URL's, before a thousand tests fail at it."""
    try:
        connection.get_new_connection(connection.get_connection_params()).close()
    except CannotStart as error:
        pytest.exit(str(error), returncode=1)
