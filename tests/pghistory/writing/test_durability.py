"""A write is committed with its event or not at all, though the server is killed."""

import os
import signal
import threading
import time
import uuid

import psycopg
import pytest
from django.db import connection

from pghistory.models import Context
from project.database import binaries
from project.database.embedded import Server
from project.errors import DatabaseUnavailable
from tests.pghistory.models import StatementLevel

WRITERS, KILLS, COMMITS, PATIENCE = 4, 4, 100, 60


def _reason_to_skip():
    try:
        return "" if binaries.folder().exists() else "the PostgreSQL binaries are not there"
    except DatabaseUnavailable as error:
        return str(error)


pytestmark = pytest.mark.skipif(bool(_reason_to_skip()), reason=_reason_to_skip())


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path / "killed")
    server.start()
    yield server
    server.stop()


def connect(server):
    return psycopg.connect(
        host=str(server.socket_folder()), user="postgres", dbname="postgres", autocommit=True
    )


def definitions():
    """The tracked table, its events and contexts, and the triggers, as SQL."""
    with connection.schema_editor(collect_sql=True) as editor:
        for model in (Context, StatementLevel, StatementLevel.pgh_event_model):
            editor.create_model(model)
    return editor.collected_sql


def kill(server):
    postmaster = int((server.data / "postmaster.pid").read_text().split()[0])
    os.kill(postmaster, signal.SIGKILL)


class Writer(threading.Thread):
    """Inserts one row a transaction, and keeps the numbers of those that were committed."""

    def __init__(self, server, first, ended):
        super().__init__()
        self.server, self.number, self.ended = server, first, ended
        self.committed = []

    def run(self):
        while not self.ended.is_set():
            try:
                with connect(self.server) as connection:
                    self.write(connection)
            except psycopg.Error:
                time.sleep(0.01)

    def write(self, connection):
        while not self.ended.is_set():
            self.number += 1
            with connection.transaction():
                connection.execute(
                    "SELECT set_config('pghistory.context_id', %s, true)", [str(uuid.uuid4())]
                )
                connection.execute(
                    "INSERT INTO pghistory_tests_statementlevel (number) VALUES (%s)", [self.number]
                )
            self.committed.append(self.number)


def wait_for_commits(writers):
    """Return when this number of further writes was committed, by all writers."""
    before = sum(len(writer.committed) for writer in writers)
    deadline = time.monotonic() + PATIENCE
    while sum(len(writer.committed) for writer in writers) < before + COMMITS:
        assert time.monotonic() < deadline, "the writers do not come back"
        time.sleep(0.01)


@pytest.mark.django_db
def test_a_killed_server_leaves_one_event_for_each_committed_write(server):
    with connect(server) as made:
        for statement in definitions():
            made.execute(statement)
    ended = threading.Event()
    writers = [Writer(server, number * 1_000_000, ended) for number in range(WRITERS)]
    for writer in writers:
        writer.start()
    try:
        for _ in range(KILLS):
            wait_for_commits(writers)
            kill(server)
            server.start()
        wait_for_commits(writers)
    finally:
        ended.set()
        for writer in writers:
            writer.join()

    with connect(server) as found:
        rows = sorted(found.execute("SELECT number FROM pghistory_tests_statementlevel"))
        events = sorted(
            found.execute(
                "SELECT number FROM pghistory_tests_statementlevelevent e "
                "JOIN pghistory_context c ON c.id = e.pgh_context_id"
            )
        )
        all_events = found.execute("SELECT count(*) FROM pghistory_tests_statementlevelevent")
        assert all_events.fetchone() == (len(rows),)
    assert events == rows
    committed = {number for writer in writers for number in writer.committed}
    assert committed <= {number for (number,) in rows}
