"""pg_dump and pg_restore of tables with rules and history: the same rows, and the same triggers.

https://www.postgresql.org/docs/current/app-pgrestore.html
"""

import shutil
import subprocess

import psycopg
import pytest
from django.db import connection, connections

from pghistory.models import Context
from pgtrigger import administration
from pgtrigger.triggers import registry
from project.operations import dumps
from tests.pghistory.models import (
    Animal,
    Author,
    Dog,
    Invoice,
    Ledger,
    RowLevel,
    Seat,
    StatementLevel,
    Ticket,
    TrackedAuthor,
    Vault,
)

TRACKED = [StatementLevel, RowLevel, Ledger, Vault, Seat, Invoice, Ticket, TrackedAuthor, Dog]
EVENTS = [each.pgh_event_model for each in TRACKED]
WITH_TABLES = [
    Context,
    Author,
    Animal,
    *(each for each in TRACKED if not each._meta.proxy),
    *EVENTS,
]
IGNORED = "-c pgtrigger.ignore=all -c pgtrigger.ignore_all_but={}"
ROWS = """
    SET pghistory.context_id = 'bf4f9b5c-4f4b-4c5e-8a55-0d6d6f4c4b1e';
    SET pghistory.context_metadata = '{"user": 1}';
    INSERT INTO pghistory_tests_statementlevel (number, text) VALUES (1, 'a'), (2, 'b');
    UPDATE pghistory_tests_statementlevel SET number = number + 1;
    INSERT INTO pghistory_tests_rowlevel (number) VALUES (5);
    DELETE FROM pghistory_tests_rowlevel;
    INSERT INTO pghistory_tests_ledger (amount) VALUES (1);
    INSERT INTO pghistory_tests_vault (amount) VALUES (1);
    UPDATE pghistory_tests_vault SET amount = 2;
    INSERT INTO pghistory_tests_seat (row, number, guest) VALUES ('A', 1, 'x');
    INSERT INTO pghistory_tests_invoice (net, tax) VALUES (1, 2);
    INSERT INTO pghistory_tests_ticket (key, title) VALUES ('1', 'x');
    INSERT INTO pghistory_tests_author (name) VALUES ('Ann');
    INSERT INTO pghistory_tests_animal (name) VALUES ('Rex');
    INSERT INTO pghistory_tests_dog (animal_ptr_id, tricks)
        SELECT id, 1 FROM pghistory_tests_animal;
"""


def program_for_server(name):
    """The program of the server's own version: an older server cannot load a newer dump."""
    if name == "psql":
        return shutil.which(name) or pytest.skip("psql is not installed")
    major = connection.pg_version // 10000
    path = dumps.program(name, major)
    said = subprocess.run([path, "--version"], capture_output=True, text=True).stdout
    if f" {major}." not in said:
        pytest.skip(f"{name} of the server's version is not installed")
    return path


class Databases:
    """``empty`` has tables and triggers, ``filled`` also rows, ``restored`` is a test's own."""

    def __init__(self):
        self.prefix = f"{connection.settings_dict['NAME']}_dumped"

    def name(self, which):
        return f"{self.prefix}_{which}"

    def create(self, which, template="template0"):
        with connections["default"].cursor() as cursor:
            quote = connection.ops.quote_name
            cursor.execute("SET statement_timeout = 0")  # a copy of a database takes its time
            try:
                cursor.execute(f"DROP DATABASE IF EXISTS {quote(self.name(which))} WITH (FORCE)")
                cursor.execute(
                    f"CREATE DATABASE {quote(self.name(which))} TEMPLATE {quote(template)}"
                )
            finally:
                cursor.execute("RESET statement_timeout")

    def drop(self):
        with connections["default"].cursor() as cursor:
            for which in ("empty", "filled", "restored"):
                quoted = connection.ops.quote_name(self.name(which))
                cursor.execute(f"DROP DATABASE IF EXISTS {quoted} WITH (FORCE)")

    def alias(self, which, **options):
        settings = connections.databases["default"]
        connections.databases[which] = {
            **settings,
            "NAME": self.name(which),
            "OPTIONS": {**settings.get("OPTIONS", {}), **options},
        }
        return connections[which]

    def forget(self, which):
        connections[which].close()
        del connections[which]
        del connections.databases[which]

    def content(self, which):
        found = {}
        with psycopg.connect(**{**self.parameters(), "dbname": self.name(which)}) as connected:
            for model in WITH_TABLES:
                rows = connected.execute(
                    f'SELECT to_jsonb(t)::text FROM "{model._meta.db_table}" t ORDER BY 1'
                )
                found[model._meta.label] = rows.fetchall()
        return found

    def parameters(self):
        known = ("host", "port", "user", "password")
        given = connection.get_connection_params()
        return {name: given[name] for name in known if given.get(name)}

    def run(self, program, *arguments, options=""):
        found = program_for_server(program)
        environment = dumps._environment(connection.get_connection_params())
        ended = subprocess.run(
            [found, *arguments],
            env={**environment, "PGOPTIONS": options},
            capture_output=True,
            text=True,
        )
        assert ended.returncode == 0, ended.stderr


@pytest.fixture(scope="module")
def databases(django_db_setup, django_db_blocker):
    """Tables, triggers and rows in separate databases."""
    databases = Databases()
    with django_db_blocker.unblock():
        databases.create("empty")
        empty = databases.alias("empty")
        with empty.schema_editor() as editor:
            for model in WITH_TABLES:
                editor.create_model(model)
        for model in [*TRACKED, *EVENTS, Animal]:
            for trigger in registry.of_model(model):
                trigger.install(model, "empty")
        assert statuses("empty") == {"INSTALLED ENABLED"}
        databases.forget("empty")
        databases.create("filled", databases.name("empty"))
        filled = databases.alias("filled")
        with filled.cursor() as cursor:
            cursor.execute(ROWS)
        databases.forget("filled")
        yield databases
        databases.drop()


def statuses(alias):
    tables = {model._meta.db_table for model in WITH_TABLES}
    return {
        f"{entry.status} {entry.state}"
        for entry in administration.entries(database=alias)
        if entry.compiled.table in tables
    }


@pytest.fixture
def restored(databases, django_db_blocker):
    """The alias of the database that a test restores."""
    with django_db_blocker.unblock():
        yield lambda **options: databases.alias("restored", **options).alias
        if "restored" in connections.databases:
            databases.forget("restored")


def uris():
    tables = {model._meta.db_table for model in WITH_TABLES}
    return [each.uri for each in administration.entries() if each.compiled.table in tables]


@pytest.mark.parametrize("form", ["custom", "plain"])
@pytest.mark.parametrize("comments", [(), ("--no-comments",)], ids=["", "no comments"])
def test_a_whole_dump(databases, restored, tmp_path, form, comments):
    file = str(tmp_path / "dump")
    source = databases.name("filled")
    databases.run("pg_dump", f"--format={form}", *comments, f"--file={file}", source)
    databases.create("restored")
    target = f"--dbname={databases.name('restored')}"
    if form == "custom":
        databases.run("pg_restore", "--exit-on-error", target, file)
    else:
        databases.run("psql", "-q", "-v", "ON_ERROR_STOP=1", target, "-f", file)
    assert databases.content("restored") == databases.content("filled")
    alias = restored()
    if comments:
        assert statuses(alias) == {"OUTDATED ENABLED"}
        administration.install(*uris(), database=alias)
    assert statuses(alias) == {"INSTALLED ENABLED"}


@pytest.mark.parametrize(
    ("arguments", "options"), [(["--disable-triggers"], ""), ([], IGNORED)], ids=["disabled", "set"]
)
def test_rows_alone(databases, restored, tmp_path, arguments, options):
    file = str(tmp_path / "dump")
    databases.run("pg_dump", "--format=custom", f"--file={file}", databases.name("filled"))
    databases.create("restored", databases.name("empty"))
    target = f"--dbname={databases.name('restored')}"
    databases.run("pg_restore", "--data-only", *arguments, target, file, options=options)
    assert databases.content("restored") == databases.content("filled")
    assert statuses(restored()) == {"INSTALLED ENABLED"}


def test_a_renamed_schema_needs_an_install(databases, restored):
    databases.create("restored", databases.name("filled"))
    alias = restored(options="-c search_path=moved")
    with connections[alias].cursor() as cursor:
        cursor.execute("ALTER SCHEMA public RENAME TO moved")
    assert statuses(alias) == {"OUTDATED ENABLED"}
    administration.install(*uris(), database=alias)
    assert statuses(alias) == {"INSTALLED ENABLED"}
    for model in (StatementLevel, RowLevel):
        row = model.objects.using(alias).create(number=9)
        model.objects.using(alias).update(number=10)
        assert row.events.using(alias).count() == 2
