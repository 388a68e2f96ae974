"""384 checks by tasks that share connections or have their own, at random."""

import asyncio
import json
import random
from collections import Counter

import pytest
from asgiref.sync import sync_to_async
from django.db import connection, connections
from django.db.transaction import atomic

import pghistory
import pgtrigger
from tests.pgtrigger.models import Protected

TASKS, STEPS = 12, 32
SETTINGS = ("pgtrigger.ignore", "pghistory.context_metadata", "search_path")
QUERY = "SELECT " + ", ".join(f"coalesce(current_setting('{s}', true), '')" for s in SETTINGS)


def values():
    """Return the server's values in a transaction, and whether a protected row may be deleted."""
    with connection.cursor() as cursor, atomic():
        cursor.execute(QUERY)
        ignored, metadata, path = cursor.fetchone()
    return {
        "ignored": bool(ignored),
        "client": json.loads(metadata)["client"] if metadata else None,
        "path": path.replace('"', "").startswith("pg_catalog"),
    }


def delete():
    """Return whether the rule against deleting lets a row be deleted, in autocommit."""
    row = Protected.objects.create()
    try:
        Protected.objects.filter(pk=row.pk).delete()
    except pgtrigger.ProtectedError:
        return False
    return True


def alone(function):
    """The function in a thread with a connection for itself."""

    def call():
        try:
            return function()
        finally:
            connection.close()

    return sync_to_async(call, thread_sensitive=False)


async def step(task, chance, checks):
    """Open scopes in any order, let other tasks run, and check in the database."""
    wanted = {"ignored": False, "client": None, "path": False}
    scopes = []
    if chance.random() < 0.5:
        scopes.append(pgtrigger.ignore())
        wanted["ignored"] = True
    if chance.random() < 0.5:
        scopes.append(pghistory.context(client=task))
        wanted["client"] = task
    if chance.random() < 0.3:
        scopes.append(pgtrigger.schema("pg_catalog", "public"))
        wanted["path"] = True
    chance.shuffle(scopes)
    # In a thread with a connection for itself, or in the one that the tasks share.
    run = alone if chance.random() < 0.5 else sync_to_async
    for scope in scopes:
        scope.__enter__()
        await asyncio.sleep(0)
    try:
        if chance.random() < 0.3:
            checks[await run(delete)() == wanted["ignored"]] += 1
        else:
            checks[await run(values)() == wanted] += 1
    finally:
        for scope in reversed(scopes):
            await asyncio.sleep(0)
            scope.__exit__(None, None, None)


async def work(task, checks):
    chance = random.Random(task)
    for number in range(STEPS):
        if number == STEPS // 2:
            cancelled = asyncio.create_task(step(task, chance, Counter()))
            await asyncio.sleep(0)
            cancelled.cancel()
            await asyncio.gather(cancelled, return_exceptions=True)
        await step(task, chance, checks)


@pytest.mark.django_db(transaction=True, available_apps=["tests.pgtrigger"])
def test_every_task_has_its_values(record_property):
    checks = Counter()

    async def main():
        await asyncio.gather(*(work(task, checks) for task in range(TASKS)))
        await sync_to_async(connections.close_all)()

    try:
        asyncio.run(main())
    finally:
        with pgtrigger.ignore():
            Protected.objects.all().delete()
    record_property("asyncio checks", checks.total())
    assert checks == {True: TASKS * STEPS}
