"""A variable of the tests, the scope that sets it, and connections that lose it."""

import pytest

from pgtrigger.session.scopes import Scope
from pgtrigger.session.variables import Variable

INSERT = "INSERT INTO seen VALUES (current_setting('tests.value', true)) RETURNING value"

variable = Variable("tests.value", lambda value, alias: value)


class wanting(Scope):
    """A scope in which the server is to have this value."""

    def __init__(self, value):
        self.value = value

    def values(self):
        return {variable: self.value}


counting = pytest.mark.parametrize("connection", [{}], indirect=True)  # no round trip to prepare


def skip_where_prepared(connection):
    if "prepare_threshold" in connection.settings_dict["OPTIONS"]:
        pytest.skip("PostgreSQL prepares no string of several statements")


definition = Variable("tests.definition", lambda v, alias: v, statements=frozenset({"create"}))


class defining(wanting):
    def values(self):
        return {definition: self.value}


def lose(connection):
    """End the connection's server process; the client notices when it sends again."""
    other = connection.copy()
    with other.cursor() as cursor:
        pid = connection.connection.info.backend_pid
        cursor.execute("SELECT pg_terminate_backend(%s, 5000)", [pid])
    other.close()
