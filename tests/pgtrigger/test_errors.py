"""The exceptions of broken rules, wherever PostgreSQL reports them."""

import asyncio
import json
import pickle

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import (
    DEFAULT_DB_ALIAS,
    IntegrityError,
    InternalError,
    ProgrammingError,
    connection,
    connections,
    models,
    transaction,
)
from django.test.utils import isolate_apps

import pgtrigger
from pgtrigger.errors import SQLSTATE
from tests.pgtrigger.concurrent import shared_by_tasks
from tests.pgtrigger.models import Deferred, Frozen, Machine, Protected, Raising

pytestmark = pytest.mark.django_db


def refusal(action):
    """Return the error that refuses the action, which runs in a savepoint."""
    with pytest.raises(pgtrigger.TriggerError) as caught, transaction.atomic():
        action()
    return caught.value


def raise_in_sql(detail, errcode=SQLSTATE, message="no"):
    statement = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = {}, MESSAGE = {}, DETAIL = {}; END $$"
    with connection.cursor() as cursor:
        cursor.execute(
            psycopg.sql.SQL(statement).format(*map(psycopg.sql.Literal, (errcode, message, detail)))
        )


class TestWhereItComesFrom:
    def test_a_statement_raises_the_rules_exception(self):
        row = Protected.objects.create()
        error = refusal(row.delete)
        assert type(error) is pgtrigger.ProtectedError
        assert isinstance(error, IntegrityError)
        assert isinstance(error, InternalError)
        assert isinstance(error.__cause__, psycopg.errors.IntegrityConstraintViolation)

    def test_executemany_raises_the_rules_exception(self):
        rows = [Protected.objects.create() for _ in range(2)]

        def delete():
            with connection.cursor() as cursor:
                cursor.executemany(
                    "DELETE FROM pgtrigger_tests_protected WHERE id = %s",
                    [[row.pk] for row in rows],
                )

        assert refusal(delete).key == {"id": rows[0].pk}

    def test_a_fetch_from_a_server_side_cursor(self):
        row = Protected.objects.create()
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE FUNCTION pg_temp.deleting() RETURNS SETOF bigint LANGUAGE sql VOLATILE"
                " AS 'DELETE FROM pgtrigger_tests_protected RETURNING id'"
            )

        def fetch():
            with connection.chunked_cursor() as cursor:
                cursor.execute("SELECT pg_temp.deleting()")
                cursor.fetchall()

        assert refusal(fetch).key == {"id": row.pk}

    def test_a_copy_whose_errors_are_django_s(self):
        """Django leaves it to the caller to have the driver's errors translated in a COPY."""

        def copy():
            copied = "COPY pgtrigger_tests_raising (id) FROM STDIN"
            with (
                connection.cursor() as cursor,
                connection.wrap_database_errors,
                cursor.copy(copied) as rows,
            ):
                rows.write_row([1])

        with pytest.raises(pgtrigger.RaisedError), transaction.atomic():
            copy()

    def test_a_constraint_set_immediate(self):
        row = Deferred.objects.create()

        def update_and_check():
            Deferred.objects.update(number=1)
            connection.check_constraints()

        error = refusal(update_and_check)
        assert (error.model, error.key) == (Deferred, {"id": row.pk})

    def test_a_commit_raises_the_rules_exception(self, committing):
        row = Deferred.objects.create()
        with pytest.raises(pgtrigger.ProtectedError) as caught, transaction.atomic():
            Deferred.objects.update(number=1)
        assert caught.value.key == {"id": row.pk}
        assert Deferred.objects.get().number == 0

    def test_a_write_in_autocommit_inside_a_scope(self, committing):
        Deferred.objects.create()
        with pgtrigger.ignore(Frozen), pytest.raises(pgtrigger.ProtectedError):
            Deferred.objects.update(number=1)
        assert Deferred.objects.get().number == 0

    def test_asynchronous_code_raises_the_rules_exception(self, committing):
        row = Protected.objects.create()
        with (
            shared_by_tasks(connections[DEFAULT_DB_ALIAS]),
            pytest.raises(pgtrigger.ProtectedError),
        ):
            asyncio.run(sync_to_async(row.delete)())


class TestWhatItSays:
    def test_the_exception_of_a_protected_row_names_its_key(self):
        row = Protected.objects.create()
        error = refusal(row.delete)
        assert error.uri == "pgtrigger_tests.Protected:no_delete"
        assert (error.trigger, error.model) == ("no_delete", Protected)
        assert (error.table, error.operation) == ("pgtrigger_tests_protected", "DELETE")
        assert error.key == {"id": row.pk}

    def test_a_read_only_field(self):
        Frozen.objects.create()
        error = refusal(lambda: Frozen.objects.update(kept=1))
        assert type(error) is pgtrigger.ReadOnlyError
        assert error.fields == ["kept"]

    def test_the_exception_of_a_transition_has_both_states(self):
        Machine.objects.create(step=1)
        error = refusal(lambda: Machine.objects.update(step=3))
        assert type(error) is pgtrigger.InvalidTransitionError
        assert (error.field, error.old, error.new) == ("step", 1, 3)

    def test_a_rule_of_an_unknown_name(self):
        detail = {"rule": "quota", "uri": "shop.Order:few"}
        error = refusal(lambda: raise_in_sql(json.dumps(detail)))
        assert type(error) is pgtrigger.TriggerError
        assert (error.trigger, error.operation, error.key, error.table) == ("few", "", None, "")

    @pytest.mark.parametrize("uri", ["shop.Order:few", "pgtrigger_tests.Gone:few", "few", ""])
    def test_a_model_that_the_project_does_not_have(self, uri):
        assert refusal(lambda: raise_in_sql(json.dumps({"uri": uri}))).model is None

    @pytest.mark.parametrize("detail", ["", "no JSON", "[]", "1", '{"key": 1}'])
    def test_an_error_of_the_same_code_that_is_no_rules(self, detail):
        with pytest.raises(IntegrityError) as caught, transaction.atomic():
            raise_in_sql(detail)
        assert type(caught.value) is IntegrityError

    def test_a_plain_raise_is_two_kinds_of_exception(self):
        expected = pytest.raises(pgtrigger.RaisedError, match=r"^100% \{no\}")
        with expected as caught, transaction.atomic():
            Raising.objects.create()
        assert isinstance(caught.value, InternalError)
        assert isinstance(caught.value, ProgrammingError)

    def test_a_row_of_a_partition_names_the_declared_table(self):
        with isolate_apps("tests.pgtrigger"):

            class Parted(models.Model):
                class Meta:
                    app_label = "pgtrigger_tests"
                    managed = False

        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE pgtrigger_tests_parted (id bigint PRIMARY KEY) PARTITION BY LIST (id)"
            )
            cursor.execute(
                "CREATE TABLE a_partition PARTITION OF pgtrigger_tests_parted FOR VALUES IN (1)"
            )
        pgtrigger.Protect(name="kept", operation=pgtrigger.Delete).install(Parted)
        Parted.objects.create(pk=1)

        def delete_from_the_partition():
            with connection.cursor() as cursor:
                cursor.execute("DELETE FROM a_partition")

        for delete in (Parted.objects.all().delete, delete_from_the_partition):
            error = refusal(delete)
            assert (error.table, error.key) == ("pgtrigger_tests_parted", {"id": 1})
            assert error.uri == "pgtrigger_tests.Parted:kept"


class TestTheException:
    def test_it_is_pickled_whole(self):
        row = Protected.objects.create()
        error = refusal(row.delete)
        copied = pickle.loads(pickle.dumps(error))
        assert type(copied) is pgtrigger.ProtectedError
        assert (copied.args, copied.table, copied.detail) == (error.args, error.table, error.detail)
        assert (copied.model, copied.key) == (Protected, {"id": row.pk})

    def test_the_connection_is_not_suspected(self):
        Protected.objects.create()
        connection.errors_occurred = False
        refusal(Protected.objects.all().delete)
        with pytest.raises(pgtrigger.RaisedError), transaction.atomic():
            Raising.objects.create()
        assert connection.errors_occurred is False

    def test_other_errors_are_djangos(self):
        with pytest.raises(ProgrammingError) as caught, transaction.atomic():
            connection.cursor().execute("SELECT nothing")
        assert type(caught.value) is ProgrammingError
        assert connection.errors_occurred

    def test_a_connection_opened_again_has_them_too(self, committing):
        row = Protected.objects.create()
        connection.close()
        with pytest.raises(pgtrigger.ProtectedError):
            row.delete()


@pytest.fixture
def committing(db):
    """A connection whose transactions are real, and tables as empty after the test as before."""
    usual = connections[DEFAULT_DB_ALIAS]
    own = connections[DEFAULT_DB_ALIAS] = usual.copy()
    try:
        yield
        with pgtrigger.ignore(), transaction.atomic():
            for model in (Deferred, Protected):
                model.objects.all().delete()
    finally:
        own.close()
        connections[DEFAULT_DB_ALIAS] = usual
