"""Several connections that write at the same time, at each isolation level; one of many tasks."""

import asyncio
import contextlib
import random
import threading

import psycopg
import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections

LEVELS = ("READ COMMITTED", "REPEATABLE READ", "SERIALIZABLE")
# What a client repeats: could not serialize, deadlock.
RETRIED = ("40001", "40P01")

at_every_level = pytest.mark.parametrize("level", LEVELS)
with_connections = pytest.mark.parametrize("number", [2, 8])


@contextlib.contextmanager
def shared_by_tasks(shared):
    """Give the connection to the thread in which ``sync_to_async`` runs the functions of all tasks.

    The thread lasts as long as the process, so that it would keep the connection.
    """

    def use():
        connections[shared.alias] = shared

    def leave():
        del connections[shared.alias]

    shared.inc_thread_sharing()
    asyncio.run(sync_to_async(use)())
    try:
        yield
    finally:
        asyncio.run(sync_to_async(leave)())
        shared.dec_thread_sharing()


def connect(level="READ COMMITTED"):
    """A new connection to the test database, in autocommit."""
    parameters = connection.get_connection_params()
    names = ("dbname", "user", "password", "host", "port")
    opened = psycopg.connect(
        **{name: parameters[name] for name in names if parameters.get(name)}, autocommit=True
    )
    opened.execute(f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {level}")
    opened.execute("SET lock_timeout = '30s'")
    _find_deadlocks_soon(opened)
    return opened


def _find_deadlocks_soon(opened):
    """PostgreSQL looks for a deadlock after a second. Only a superuser may change that."""
    if opened.execute("SHOW is_superuser").fetchone() == ("on",):
        opened.execute("SET deadlock_timeout = '20ms'")


def race(number, level, steps, write, also=()):
    """Let each of ``number`` connections call ``write(connection, random)`` ``steps`` times.

    ``write`` runs in a transaction, which is repeated if PostgreSQL asks for it. A refusal ends it,
    and so do the SQLSTATEs of ``also``. Returns the SQLSTATEs of refusals.
    """
    begin = threading.Barrier(number)
    refused, failed = [], []

    def work(seed):
        chance = random.Random(seed)
        try:
            with connect(level) as own:
                begin.wait()
                for _ in range(steps):
                    _repeat(own, write, chance, refused, also)
        except Exception as error:
            failed.append(error)
            raise

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    return refused


def _repeat(own, write, chance, refused, also):
    state = chance.getstate()
    for _ in range(200):
        chance.setstate(state)
        try:
            with own.transaction():
                return write(own, chance)
        except psycopg.Error as error:
            if error.sqlstate in RETRIED:
                continue
            known = error.sqlstate in also or (error.sqlstate or "")[:2] in ("23", "55")
            if not known:
                raise
            refused.append(error.sqlstate)
            return None
    raise AssertionError("200 attempts did not succeed")
