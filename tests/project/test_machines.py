"""More than one machine: a replica that is read, its promotion, and a connection pooler."""

import json
from collections.abc import Iterator

import pytest

from tests.project.clusters import PGBOUNCER, Pair, ask, pair, pgbouncer, run, start, url, wait_for
from tests.project.conftest import needs_the_wheel

pytestmark = needs_the_wheel
needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="pgbouncer is not installed")

MIGRATE = "from django.core.management import call_command; call_command('migrate', verbosity=0)"


@pytest.fixture(scope="module")
def servers() -> Iterator[Pair]:
    """A migrated primary and its replica."""
    with pair() as servers:
        run(MIGRATE, DATABASE_URL=url(servers.primary))
        wait_for(servers.caught_up)
        yield servers


READ_YOUR_WRITES = """
import json, sys, time
from django.conf import settings
from django.contrib.auth import get_user_model
from django.db import connections
from django.test import Client
from project.database import replica

settings.ALLOWED_HOSTS = ["*"]
asked = []
connections["replica"].execute_wrappers.append(
    lambda execute, sql, *rest: (asked.append(sql), execute(sql, *rest))[1]
)

def wait_for(condition):
    while not condition():
        time.sleep(0.05)

def replay(verb):
    with connections["replica"].cursor() as cursor:
        cursor.execute(f"SELECT pg_wal_replay_{verb}()")

def position():
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT pg_current_wal_lsn()::text")
        return cursor.fetchone()[0]

def names(client):
    asked.clear()
    page = client.get("/admin/project/user/").content.decode()
    reads = [sql for sql in asked if "project_user" in sql]
    return "written" in page, bool(reads)

users = get_user_model().objects
writer, reader = Client(), Client()
for client, name in ((writer, "first"), (reader, "second")):
    client.force_login(users.create_superuser(name, "a@example.com", "password"))
wait_for(lambda: replica.has_replayed(position()))
replay("pause")
data = {"username": "written", "password1": "pa55-word-x", "password2": "pa55-word-x",
        "usable_password": "true"}
answer = writer.post("/admin/project/user/add/", data)
found = {
    "posted": answer.status_code,
    "writer while the replica is behind": names(writer),
    "reader while the replica is behind": names(reader),
}
replay("resume")
wait_for(lambda: replica.has_replayed(position()))
found["writer when it has caught up"] = names(writer)
found["reader when it has caught up"] = names(reader)
print(json.dumps(found))
"""


def test_a_client_reads_its_own_writes_from_a_replica_that_is_behind(servers: Pair) -> None:
    output = run(
        READ_YOUR_WRITES,
        DATABASE_URL=url(servers.primary),
        REPLICA_DATABASE_URL=url(servers.replica),
    )
    # Whether the new user is on the page, and whether the replica was read.
    assert json.loads(output) == {
        "posted": 302,
        "writer while the replica is behind": [True, False],
        "reader while the replica is behind": [False, True],
        "writer when it has caught up": [True, True],
        "reader when it has caught up": [True, True],
    }


WITHOUT_THE_REPLICA = """
from django.conf import settings
from django.test import Client
settings.ALLOWED_HOSTS = ["*"]
print(Client().get("/admin/login/").status_code)
from project.database import replica
print(replica.has_replayed("0/0"))
"""


def test_a_replica_that_does_not_answer_is_not_read(servers: Pair) -> None:
    output = run(
        WITHOUT_THE_REPLICA,
        DATABASE_URL=url(servers.primary),
        REPLICA_DATABASE_URL="postgres://postgres@127.0.0.1:1/postgres",
    )
    assert output.split() == ["200", "False"]


def test_migrate_changes_only_the_primary(servers: Pair) -> None:
    variables = {"DATABASE_URL": url(servers.primary), "REPLICA_DATABASE_URL": url(servers.replica)}
    assert run(MIGRATE, **variables) == ""


CONTEXTS = """
import json, threading
import pghistory
from django.contrib.auth import get_user_model
from django.db import connection, transaction

def work(number):
    for step in range(25):
        with pghistory.context(worker=number), transaction.atomic():
            get_user_model().objects.create(username=f"{number}-{step}")
            with connection.cursor() as cursor:
                cursor.execute(
                    "SELECT pg_backend_pid(), current_setting('pghistory.context_metadata', true)"
                )
                backend, metadata = cursor.fetchone()
                backends.add(backend)
                workers.append((number, json.loads(metadata)["worker"]))

backends, workers = set(), []
threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
with connection.cursor() as cursor:
    cursor.execute("SELECT current_setting('pghistory.context_metadata', true)")
    left = cursor.fetchone()[0]
print(json.dumps([len(backends), workers, left]))
"""


@needs_pgbouncer
def test_a_transaction_variable_does_not_reach_another_client_of_the_pooler(servers: Pair) -> None:
    with pgbouncer(servers.primary, size=2) as pooled:
        backends, workers, left = json.loads(run(CONTEXTS, DATABASE_URL=pooled))
    assert backends <= 2
    assert len(workers) == 8 * 25
    assert [pair for pair in workers if pair[0] != pair[1]] == []
    assert not left


@needs_pgbouncer
def test_migrate_goes_past_the_pooler(servers: Pair) -> None:
    code = "from django.core.management import call_command\ncall_command('migrate', plan=True)"
    with pgbouncer(servers.primary, size=1) as pooled:
        output = run(code, DATABASE_URL=pooled, DIRECT_DATABASE_URL=url(servers.primary))
    assert "No planned migration operations" in output


ITERATED = """
import threading
from django.contrib.auth import get_user_model
from django.db import connection, transaction

def take_the_session():
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        taken.set()
        read.wait()

users = get_user_model().objects
users.bulk_create(users.model(username=f"iterated {number}") for number in range(5))
taken, read = threading.Event(), threading.Event()
rows = users.filter(username__startswith="iterated").iterator(chunk_size=1)
first = next(rows)
thread = threading.Thread(target=take_the_session)
thread.start()
taken.wait()
try:
    print(len([first, *rows]))
finally:
    read.set()
    thread.join()
"""


@needs_pgbouncer
def test_a_queryset_is_iterated_while_another_client_has_the_session(servers: Pair) -> None:
    with pgbouncer(servers.primary, size=2) as pooled:
        output = run(ITERATED, DATABASE_URL=pooled, DIRECT_DATABASE_URL=url(servers.primary))
    assert output == "5\n"


WRITER = """
import sys, time
import psycopg
address = sys.argv[1]
INSERT = "INSERT INTO written VALUES (%s) ON CONFLICT DO NOTHING"
number = 0
while number < 400:
    try:
        with psycopg.connect(address, connect_timeout=2, autocommit=True) as connection:
            while number < 400:
                connection.execute(INSERT, [number])
                number += 1
                time.sleep(0.005)
                if number == 100:
                    print("half", flush=True)
    except psycopg.OperationalError as error:
        time.sleep(0.05)
print(number)
"""


def test_a_promoted_replica_has_every_write_that_was_confirmed() -> None:
    """With synchronous replication. The writer's URL has both hosts and asks for a primary."""
    with pair() as servers:
        ask(url(servers.primary), "CREATE TABLE written (number int PRIMARY KEY)")
        ask(url(servers.primary), "ALTER SYSTEM SET synchronous_standby_names = 'replica'")
        ask(url(servers.primary), "SELECT pg_reload_conf()")
        wait_for(servers.caught_up)
        hosts = f"{servers.primary.socket_folder()},{servers.replica.socket_folder()}"
        address = f"host={hosts} user=postgres dbname=postgres target_session_attrs=read-write"
        writer = start(WRITER.replace("sys.argv[1]", repr(address)))
        assert writer.stdout
        assert writer.stdout.readline() == "half\n"
        servers.primary.stop()
        servers.promote()
        output, errors = writer.communicate()
        assert writer.returncode == 0, errors
        assert output == "400\n"
        assert ask(url(servers.replica), "SELECT count(*) FROM written") == 400
