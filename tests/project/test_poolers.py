"""Behind PgBouncer in transaction mode, and with Django's own pool: nothing leaks to others.

Both serve more clients than they have sessions of the server, so that each session serves many.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from project.database import locks
from project.database.embedded import Server
from tests.project.clusters import PGBOUNCER, ask, one_server, pgbouncer, run, start, url, wait_for
from tests.project.conftest import needs_the_wheel

pytestmark = needs_the_wheel
needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")
MIGRATE = "from django.core.management import call_command\ncall_command('migrate', verbosity=0)"
INSTALL = """
from django.core.management import call_command
call_command("pgtrigger", "uninstall")
call_command("pgtrigger", "install")
"""

# What a client can leave in a session: settings, locks, prepared statements, temporary tables,
# open transactions, listeners.
LEFT = """
import json
from django.db import connection

QUERIES = {
    "settings": "SELECT name, setting FROM pg_settings WHERE source = 'session'"
                " AND name NOT IN ('TimeZone', 'client_encoding', 'DateStyle', 'application_name',"
                " 'standard_conforming_strings')",
    "variables": "SELECT name FROM unnest(ARRAY['pgtrigger.ignore', 'pgtrigger.ignore_all_but',"
                 " 'pghistory.context_id', 'pghistory.context_metadata']) AS name"
                 " WHERE current_setting(name, true) <> ''",
    "locks": "SELECT locktype, pid FROM pg_locks WHERE locktype = 'advisory'",
    "prepared": "SELECT name FROM pg_prepared_statements",
    "temporary": "SELECT relname FROM pg_class WHERE relpersistence = 't'",
    "schemas": "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'play%%'",
    "listeners": "SELECT * FROM pg_listening_channels()",
    "open": "SELECT pid FROM pg_stat_activity WHERE state LIKE 'idle in transaction%%'"
            " AND pid <> pg_backend_pid()",
}

def left():
    found = {}
    with connection.cursor() as cursor:
        for name, query in QUERIES.items():
            cursor.execute(query)
            rows = cursor.fetchall()
            if rows:
                found[name] = rows
    return found
"""

TRANSACTIONS = (
    LEFT
    + """
import random, threading
import pghistory, pgtrigger
from django.db import DatabaseError, connections, transaction
from tutorial.models import CannotDelete, Tracked

EXPECTED = "SELECT coalesce(current_setting('pghistory.context_metadata', true), ''), " \\
           "coalesce(current_setting('pgtrigger.ignore_all_but', true), '')"

def values():
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid(), " + EXPECTED.removeprefix("SELECT "))
        backend, metadata, ignored = cursor.fetchone()
    backends.add(backend)
    return json.loads(metadata)["client"] if metadata else None, bool(ignored)

def expect(client, ignored):
    found = values()
    if found != (client, ignored):
        leaks.append((found, (client, ignored)))

def step(client, chance):
    kind = chance.randrange(8)
    if kind == 0:
        with transaction.atomic():
            expect(None, False)
            CannotDelete.objects.create()
    elif kind == 1:
        with pghistory.context(client=client), transaction.atomic():
            expect(client, False)
            Tracked.objects.create(int_field=client, char_field="a")
    elif kind == 2:
        with pghistory.context(client=client):
            Tracked.objects.create(int_field=client, char_field="autocommit")
    elif kind == 3:
        with pgtrigger.ignore(), transaction.atomic():
            expect(None, True)
            CannotDelete.objects.create().delete()
    elif kind == 4:
        row = CannotDelete.objects.create()
        with pgtrigger.ignore():
            row.delete()
    elif kind == 5:
        try:
            with pghistory.context(client=client), transaction.atomic():
                CannotDelete.objects.create().delete()
        except DatabaseError:
            expect(None, False)
        else:
            leaks.append("a rule was ignored")
    elif kind == 6:
        try:
            with pghistory.context(client=client), pgtrigger.ignore(), transaction.atomic():
                expect(client, True)
                raise ValueError
        except ValueError:
            expect(None, False)
    else:
        with transaction.atomic(), pgtrigger.schema("pg_catalog", "public"):
            Tracked.objects.filter(int_field=client).count()
        Tracked.objects.filter(int_field=client).first()

def work(client):
    chance = random.Random(client)
    for _ in range(STEPS):
        step(client, chance)
        done.append(1)
        connection.close()

backends, leaks, done = set(), [], []
threads = [threading.Thread(target=work, args=(client,)) for client in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
wrong = Tracked.event.rel.related_model.objects.exclude(pgh_context=None).exclude(
    pgh_context__metadata__client__isnull=False
).count()
print(json.dumps({"sessions": len(backends), "steps": len(done), "leaks": leaks[:5],
                  "wrong contexts": wrong, "left": [left() for _ in range(8)]}))
"""
)

WALKTHROUGH = """
from django.core.management import call_command
call_command("walkthrough", check=True)
"""
PAGES = (
    LEFT
    + """
import threading
from django.conf import settings
from django.db import connection
from django.test import Client
from tutorial.chapters import all_chapters

settings.ALLOWED_HOSTS = ["*"]
statuses = []

def visit(slugs):
    for slug in slugs:
        statuses.append(Client().post(f"/{slug}/run/").status_code)
    connection.close()

slugs = [chapter.slug for chapter in all_chapters()]
threads = [threading.Thread(target=visit, args=(slugs[part::3],)) for part in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
print(json.dumps([sorted(set(statuses)), len(statuses) == len(slugs), left()]))
"""
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A server that was migrated through PgBouncer, if there is one."""
    with one_server() as server:
        if PGBOUNCER is None:
            run(MIGRATE, DATABASE_URL=url(server))
        else:
            with pgbouncer(server, size=3) as pooled:
                run(MIGRATE, DATABASE_URL=pooled)
        yield server


@pytest.fixture(params=["pgbouncer", "django"])
def pooled(request: pytest.FixtureRequest, server: Server) -> Iterator[dict[str, str]]:
    """The variables of a project that shares four sessions between its clients."""
    if request.param == "django":
        yield {"DATABASE_URL": url(server), "DATABASE_POOL_SIZE": "4"}
        return
    if PGBOUNCER is None:
        pytest.skip("pgbouncer is not installed")
    with pgbouncer(server, size=4) as address:
        yield {"DATABASE_URL": address}


def check_transactions(variables: dict[str, str], steps: int) -> None:
    found = json.loads(run(f"STEPS = {steps}\n{TRANSACTIONS}", **variables))
    # A pooler replaces a session now and then, but each one serves many transactions.
    assert found["steps"] >= 20 * found["sessions"]
    assert found["steps"] == 8 * steps
    assert found["leaks"] == []
    assert found["wrong contexts"] == 0
    assert [left for left in found["left"] if left] == []


def test_transactions_leave_nothing(pooled: dict[str, str]) -> None:
    check_transactions(pooled, 40)


@pytest.mark.long
def test_ten_thousand_transactions_leave_nothing(
    pooled: dict[str, str], record_property: Any
) -> None:
    check_transactions(pooled, 1250)
    record_property("steps through a pooler", 8 * 1250)


def test_chapters_that_run_at_once_leave_nothing(pooled: dict[str, str]) -> None:
    assert json.loads(run(PAGES, **pooled)) == [[200], True, {}]


@needs_pgbouncer
class TestCommandsThroughPgBouncer:
    @pytest.fixture
    def pooled(self, server: Server) -> Iterator[str]:
        with pgbouncer(server, size=2) as address:
            yield address

    def test_migrate_again_leaves_nothing(self, pooled: str) -> None:
        left = f"{LEFT}\nprint(json.dumps(left()))"
        assert json.loads(run(f"{MIGRATE}\n{MIGRATE}\n{left}", DATABASE_URL=pooled)) == {}

    def test_install_leaves_nothing(self, pooled: str) -> None:
        printed = run(f"{INSTALL}{LEFT}\nprint(json.dumps(left()))", DATABASE_URL=pooled)
        assert json.loads(printed.splitlines()[-1]) == {}

    def test_the_whole_tutorial_prints_what_it_should(self, pooled: str) -> None:
        printed = run(f"{WALKTHROUGH}{LEFT}\nprint(json.dumps(left()))", DATABASE_URL=pooled)
        assert json.loads(printed.splitlines()[-1]) == {}

    def test_a_second_migrate_waits_for_the_first(self, server: Server, pooled: str) -> None:
        waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        holding = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
        hold = (
            "from project.database import locks\n"
            "from project.management.commands.migrate import LOCK\n"
            "import time\n"
            "with locks.held('default', LOCK): time.sleep(600)"
        )
        first = start(hold, DATABASE_URL=pooled, DATABASE_IDLE_TRANSACTION_TIMEOUT="1s")
        try:
            wait_for(lambda: ask(url(server), holding))
            second = start(MIGRATE, DATABASE_URL=url(server))
            wait_for(lambda: ask(url(server), waiting))
            assert second.poll() is None
        finally:
            first.kill()
            first.communicate()
        output, errors = second.communicate()
        assert (second.returncode, output + errors) == (0, "")


def test_the_limits_are_settings_of_postgresql(server: Server) -> None:
    known = set(ask(url(server), "SELECT array_agg(name) FROM pg_settings"))
    assert known >= set(locks.LIMITS)
