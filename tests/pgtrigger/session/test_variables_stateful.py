"""Whatever the order of scopes, transactions, savepoints and errors: what the server has at any
statement inside a transaction is what Python wants."""

import contextlib
import itertools

import pytest
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from psycopg.pq import PipelineStatus

from pgtrigger.session import scopes
from pgtrigger.session.scopes import Scope
from pgtrigger.session.variables import Variable

variable = Variable("tests.stateful", lambda value, alias: value)
CURRENT = "SELECT current_setting('tests.stateful', true)"


class wanting(Scope):
    def __init__(self, value):
        self.value = value

    def values(self):
        return {variable: self.value}


class Boom(Exception):
    pass


class Transactions(RuleBasedStateMachine):
    """Blocks are entered in any order, and left in the reverse one, as ``with`` does.

    An error inside a pipeline is left out: Django's savepoints do not survive one.
    """

    options = {}

    def __init__(self):
        super().__init__()
        self.usual = connections[DEFAULT_DB_ALIAS]
        self.connection = connections[DEFAULT_DB_ALIAS] = self.usual.copy()
        self.connection.settings_dict["OPTIONS"].update(self.options)
        self._execute(
            "CREATE TEMP TABLE stateful"
            " (value text DEFAULT current_setting('tests.stateful', true), n integer)"
        )
        self.blocks = []
        self.savepoints = []
        self.names = (f"s{number}" for number in itertools.count())

    def teardown(self):
        try:
            while self.blocks:
                self.leave(failing=True)
        finally:
            self.connection.close()
            connections[DEFAULT_DB_ALIAS] = self.usual
        assert variable.get() is None

    # Blocks

    @precondition(lambda self: len(self.blocks) < 6)
    @rule(value=st.sampled_from(["a", "b", "a,b", None]))
    def enter_scope(self, value):
        self._enter(wanting(value))

    @precondition(lambda self: len(self.blocks) < 6 and not self.connection.needs_rollback)
    @rule(savepoint=st.booleans())
    def enter_atomic(self, savepoint):
        self._enter(transaction.atomic(savepoint=savepoint))

    @precondition(lambda self: len(self.blocks) < 6 and self._is_usable())
    @rule()
    def enter_pipeline(self):
        self._enter(self.connection.connection.pipeline())

    @precondition(lambda self: self.blocks)
    @rule(failing=st.booleans())
    def leave(self, failing):
        block, savepoints = self.blocks.pop()
        if isinstance(block, transaction.Atomic):
            self.savepoints = savepoints
        error = Boom() if failing else None
        block.__exit__(type(error) if error else None, error, None)

    # What happens inside them

    @precondition(lambda self: self._is_usable())
    @rule(value=st.sampled_from(["c", "d"]))
    def change_the_value(self, value):
        if any(isinstance(block, wanting) for block, _ in self.blocks):
            scopes.change(variable, value)

    @precondition(lambda self: self._is_usable())
    @rule()
    def make_a_savepoint(self):
        name = next(self.names)
        self._execute(f"SAVEPOINT {name}")
        self.savepoints = [*self.savepoints, name]

    @precondition(lambda self: self._is_usable() and self.savepoints)
    @rule(data=st.data(), spelling=st.sampled_from(["ROLLBACK TO {}", "/**/ rollback\nwork to {}"]))
    def roll_back_to_a_savepoint(self, data, spelling):
        name = data.draw(st.sampled_from(self.savepoints))
        self._execute(spelling.format(name))
        self.savepoints = self.savepoints[: self.savepoints.index(name) + 1]

    @precondition(lambda self: self._is_usable() and not self._is_in_pipeline())
    @rule()
    def fail(self):
        with contextlib.suppress(DatabaseError), transaction.atomic():
            self._execute("SELECT 1 / 0")

    @precondition(lambda self: self._is_usable() and not self._is_in_pipeline())
    @rule()
    def fail_without_a_savepoint(self):
        with contextlib.suppress(DatabaseError), transaction.atomic(savepoint=False):
            self._execute("SELECT 1 / 0")

    # What the server has

    @precondition(lambda self: self._is_usable())
    @rule(data=st.data())
    def look(self, data):
        look = data.draw(st.sampled_from(self.ways_to_look))
        assert (look(self) or "") == (variable.get() or "")

    @invariant()
    def the_server_has_what_python_wants(self):
        if self._is_usable() and not self._is_in_pipeline():
            assert (self.through_the_raw_driver() or "") == (variable.get() or "")

    @invariant()
    def a_write_outside_transactions_carries_the_value(self):
        if not self.connection.in_atomic_block:
            statement = "INSERT INTO stateful VALUES (current_setting('tests.stateful', true))"
            assert (self._execute(f"{statement} RETURNING value") or "") == (variable.get() or "")
            self._execute("TRUNCATE stateful")

    def through_djangos_cursor(self):
        return self._execute(CURRENT)

    def through_the_raw_driver(self):
        return self.connection.connection.execute(CURRENT).fetchone()[0]

    def through_callproc(self):
        with self.connection.cursor() as cursor:
            cursor.callproc("current_setting", ["tests.stateful", True])
            return cursor.fetchone()[0]

    def through_executemany(self):
        with self.connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO stateful SELECT current_setting(%s, true)", [["tests.stateful"]]
            )
        return self._execute("DELETE FROM stateful RETURNING value")

    def through_copy(self):
        if self._is_in_pipeline():
            return self._execute(CURRENT)
        with (
            self.connection.cursor() as cursor,
            cursor.copy("COPY stateful (n) FROM STDIN") as rows,
        ):
            rows.write_row(["1"])
        return self._execute("DELETE FROM stateful RETURNING value")

    ways_to_look = (
        through_djangos_cursor,
        through_the_raw_driver,
        through_callproc,
        through_executemany,
        through_copy,
    )

    def _enter(self, block):
        block.__enter__()
        self.blocks.append((block, self.savepoints))
        if isinstance(block, transaction.Atomic):
            self.savepoints = []  # to roll back beyond its own would be an error of the program

    def _is_in_pipeline(self):
        return self.connection.connection.pgconn.pipeline_status != PipelineStatus.OFF

    def _is_usable(self):
        return self.connection.in_atomic_block and not self.connection.needs_rollback

    def _execute(self, statement):
        with self.connection.cursor() as cursor:
            cursor.execute(statement)
            if "SELECT" in statement or "RETURNING" in statement:
                return cursor.fetchone()[0]


class ServerSideBinding(Transactions):
    options = {"server_side_binding": True}


class ManualTransactions(Transactions):
    """Autocommit is off: the program ends its transactions itself, and any statement begins one.

    What the raw driver begins has the values from the first statement of Django's on.
    """

    def __init__(self):
        super().__init__()
        self.connection.set_autocommit(False)

    @precondition(lambda self: not self.connection.in_atomic_block and not self._is_in_pipeline())
    @rule(
        end=st.sampled_from(["commit", "rollback", "COMMIT", "ROLLBACK"]),
        begin=st.sampled_from([None, "SELECT 1"]),
    )
    def end_the_transaction(self, end, begin):
        if self.connection.needs_rollback:
            self.connection.rollback()
            self.connection.needs_rollback = False  # Django's next atomic() would say so
        elif end.isupper():
            self._execute(end)
        else:
            getattr(self.connection, end)()
        self.savepoints = []
        if begin:
            self.connection.connection.execute(begin)

    @precondition(
        lambda self: (
            self._is_usable() and not self.connection.in_atomic_block and not self._is_in_pipeline()
        )
    )
    @rule()
    def turn_autocommit_on_and_off(self):
        self.connection.commit()
        self.savepoints = []
        self.connection.set_autocommit(True)
        self.connection.set_autocommit(False)

    @invariant()
    def the_server_has_what_python_wants(self):
        """It would begin a transaction, and so hide how others begin."""

    @invariant()
    def a_write_outside_transactions_carries_the_value(self):
        """There is no such thing here."""

    ways_to_look = (
        Transactions.through_djangos_cursor,
        Transactions.through_callproc,
        Transactions.through_executemany,
        Transactions.through_copy,
    )

    def _is_usable(self):
        return not self.connection.needs_rollback


@pytest.mark.django_db
@pytest.mark.parametrize("machine", [Transactions, ServerSideBinding, ManualTransactions])
def test_the_server_has_what_python_wants(machine):
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
