"""Several processes that install at once, on one database."""

import json
import os
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection

from pgtrigger.database import installation

PROCESSES = 8
SCHEMA = "crowded"

SETTINGS = """
import json
import os

SECRET_KEY = "crowded"
DATABASES = {"default": json.loads(os.environ["CROWDED_DATABASE"])}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
INSTALLED_APPS = ["pgtrigger", "crowded"]
"""

MODELS = """
import os

import pgtrigger
from django.db import models

OPERATION = getattr(pgtrigger, os.environ["CROWDED_OPERATION"])


class Shared(models.Model):
    class Meta:
        abstract = True
        triggers = [
            pgtrigger.Protect(name="rule", operation=OPERATION),
            pgtrigger.Trigger(
                name="late",
                when=pgtrigger.After,
                timing=pgtrigger.Deferred,
                operation=OPERATION,
                func="RETURN NULL;",
            ),
        ]


for number in range(4):
    type(f"Table{number}", (Shared,), {"__module__": __name__})
"""

WORKER = """
import sys

import django
from django.core.management import call_command
from django.db import connection

django.setup()
connection.ensure_connection()
print("ready", flush=True)
sys.stdin.readline()
call_command(*sys.argv[1:], verbosity=0)
"""


class Crowd:
    """``run()`` starts a command in so many processes, and lets them go at once."""

    def __init__(self, folder, database):
        for name, source in [("settings", SETTINGS), ("models", MODELS), ("__init__", "")]:
            path = folder / "crowded" / f"{name}.py"
            path.parent.mkdir(exist_ok=True)
            path.write_text(source)
        self.environment = {
            **os.environ,
            "CROWDED_DATABASE": json.dumps(database),
            "DJANGO_SETTINGS_MODULE": "crowded.settings",
            "PYTHONPATH": os.pathsep.join([str(folder), *filter(None, sys.path)]),
        }

    def run(self, *command, processes=PROCESSES, operation="Delete"):
        """The error output of each process that failed."""
        workers = [
            subprocess.Popen(
                [sys.executable, "-c", textwrap.dedent(WORKER), *command],
                env={**self.environment, "CROWDED_OPERATION": operation},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for _ in range(processes)
        ]
        for worker in workers:
            worker.stdout.readline()
        for worker in workers:
            worker.stdin.write("\n")
            worker.stdin.flush()
        outputs = [worker.communicate() for worker in workers]
        return [
            errors
            for worker, (_, errors) in zip(workers, outputs, strict=True)
            if worker.returncode
        ]


@pytest.fixture(scope="module")
def server(django_db_setup):
    """A separate connection to the test database, which sees what others have committed."""
    parameters = connection.get_connection_params()
    names = ("host", "port", "user", "password", "dbname")
    given = {name: parameters[name] for name in names if parameters.get(name)}
    with psycopg.connect(**given, autocommit=True) as server:
        server.execute(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE; CREATE SCHEMA {SCHEMA}")
        yield server
        server.execute(f"DROP SCHEMA {SCHEMA} CASCADE")


@pytest.fixture(scope="module")
def crowd(server, tmp_path_factory):
    settings = connection.settings_dict
    database = {
        **{name: settings[name] for name in ("ENGINE", "HOST", "NAME", "PASSWORD", "PORT", "USER")},
        "OPTIONS": {"options": f"-c search_path={SCHEMA}"},
    }
    crowd = Crowd(tmp_path_factory.mktemp("crowd"), database)
    assert crowd.run("migrate", "--run-syncdb", processes=1) == []
    return crowd


def found(server):
    """Return the numbers of the engine's triggers and functions."""
    return server.execute(
        """
        SELECT count(*),
            (SELECT count(*) FROM pg_proc WHERE pronamespace = %(schema)s::regnamespace)
        FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
        WHERE c.relnamespace = %(schema)s::regnamespace AND NOT t.tgisinternal
        """,
        {"schema": SCHEMA},
    ).fetchone()


# The engine's own tables have two triggers, which its migration creates; each of four has two more.
OWN = 2
TRIGGERS = OWN + 8


def test_all_uninstall_and_all_install(crowd, server):
    assert crowd.run("pgtrigger", "uninstall") == []
    assert found(server) == (OWN, OWN)
    assert crowd.run("pgtrigger", "install") == []
    assert found(server) == (TRIGGERS, TRIGGERS)


def test_all_install_what_is_outdated(crowd, server):
    assert crowd.run("pgtrigger", "install", operation="Update") == []
    assert found(server) == (TRIGGERS, TRIGGERS)


def test_all_take_over_triggers_whose_functions_have_their_names(crowd, server):
    for table in range(4):
        for name, function in server.execute(
            "SELECT t.tgname, p.proname FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
            f" WHERE t.tgrelid = '{SCHEMA}.crowded_table{table}'::regclass"
        ).fetchall():
            server.execute(f"ALTER FUNCTION {SCHEMA}.{function}() RENAME TO {name}")
            server.execute(f"COMMENT ON TRIGGER {name} ON {SCHEMA}.crowded_table{table} IS 'a0b1'")
    assert crowd.run("pgtrigger", "install") == []
    assert found(server) == (TRIGGERS, TRIGGERS)


def test_all_prune_what_nothing_declares(crowd, server):
    for number in range(20):
        server.execute(
            f"CREATE FUNCTION {SCHEMA}.pgtrigger_left_{number}() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
        if number % 2:
            server.execute(
                f"CREATE TRIGGER pgtrigger_left_{number} BEFORE DELETE"
                f" ON {SCHEMA}.crowded_table0 FOR EACH ROW"
                f" EXECUTE FUNCTION {SCHEMA}.pgtrigger_left_{number}()"
            )
    assert crowd.run("pgtrigger", "prune") == []
    assert found(server) == (TRIGGERS, TRIGGERS)


def test_an_install_that_was_in_a_deadlock_is_tried_again(crowd, server):
    """The other holds the table and asks for the engine's lock, the install the other way round."""
    parameters = server.info.get_parameters() | {"password": server.info.password}
    with (
        ThreadPoolExecutor() as threads,
        psycopg.connect(**parameters) as other,
    ):
        other.execute("SET LOCAL deadlock_timeout = '1min'")  # so that it is not the victim
        other.execute(f"LOCK TABLE {SCHEMA}.crowded_table0")
        install = threads.submit(
            crowd.run,
            *["pgtrigger", "install", "--lock-timeout", "60000"],
            processes=1,
            operation="Insert",
        )
        while not server.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
            assert not install.done()
        other.execute("SELECT pg_advisory_xact_lock(%s)", [installation.ADVISORY_LOCK])
        other.commit()
        assert install.result() == []
    assert found(server) == (TRIGGERS, TRIGGERS)


def test_an_install_behind_a_lock_ends_with_advice_and_changes_nothing(crowd, server):
    before = found(server)
    parameters = server.info.get_parameters() | {"password": server.info.password}
    with psycopg.connect(**parameters) as other:
        other.execute(f"LOCK TABLE {SCHEMA}.crowded_table0")
        [output] = crowd.run(
            *["pgtrigger", "install", "--lock-timeout", "1"], processes=1, operation="Update"
        )
    assert "CommandError: A table is locked by another transaction" in output
    assert "--lock-timeout" in output
    assert found(server) == before
