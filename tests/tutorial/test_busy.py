"""Visitors at the same time, and while the database is migrated."""

import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import connection, connections

from pgtrigger.database import installation
from tutorial import private_tables
from tutorial.chapters import all_chapters, get_chapter
from tutorial.running import mask, run_chapter

pytestmark = pytest.mark.django_db
DRIFT = "drift"
INSTALLING = {DRIFT, "composer", "schemas"}  # their scenarios install triggers


@pytest.fixture
def lock_of_migrate(monkeypatch):
    """The engine's lock, held by another session, and little patience."""
    monkeypatch.setattr(private_tables, "LOCK_TIMEOUT", "50ms")
    parameters = connection.get_connection_params()
    address = {key: parameters[key] for key in ("dbname", "host", "port", "user")}
    with psycopg.connect(**address) as other:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [installation.ADVISORY_LOCK])
        yield


def schemas():
    with connection.cursor() as cursor:
        cursor.execute("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'play%%'")
        return cursor.fetchall()


class TestWhileTheDatabaseIsMigrated:
    def test_a_run_that_needs_the_lock_is_a_page(self, client, lock_of_migrate):
        response = client.post(f"/{DRIFT}/run/")
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert "The database is busy" in response.content.decode()
        assert schemas() == []

    def test_htmx_gets_a_sentence(self, client, lock_of_migrate):
        response = client.post(f"/{DRIFT}/run/", headers={"HX-Request": "true"})
        assert (response.status_code, response["HX-Reswap"]) == (200, "afterbegin")
        assert response.content.decode().startswith('<p role="alert">')

    def test_only_chapters_that_install_a_trigger_wait(self, client, lock_of_migrate):
        for chapter in all_chapters():
            expected = 503 if chapter.slug in INSTALLING else 200
            status = client.post(f"/{chapter.slug}/run/").status_code
            assert status == expected, chapter.slug

    def test_the_next_run_works(self, client, lock_of_migrate):
        assert client.post(f"/{DRIFT}/run/").status_code == 503
        assert client.post("/protecting-deletions/run/").status_code == 200


class TestARunThatTakesTooLong:
    @pytest.fixture(autouse=True)
    def no_time(self, monkeypatch):
        monkeypatch.setattr(private_tables, "RUN_TIMEOUT", -1)

    @pytest.mark.parametrize(
        ("action", "sent"),
        [
            ("run", {}),
            ("check", {"action": "solve"}),
            ("try", {"action": "add:CannotDelete"}),
        ],
    )
    def test_it_ends_with_a_page_and_leaves_nothing(self, client, action, sent):
        response = client.post(f"/protecting-deletions/{action}/", sent)
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert schemas() == []


class TestAtTheSameTime:
    @pytest.fixture
    def visitors(self):
        """Threads that close their connections."""
        with ThreadPoolExecutor(4) as pool:
            yield pool
            wait = threading.Barrier(4)
            list(pool.map(lambda _: (wait.wait(), connections.close_all()), range(4)))

    def test_each_run_keeps_its_own_output(self, visitors):
        slugs = [chapter.slug for chapter in all_chapters()] * 2
        runs = visitors.map(lambda slug: run_chapter(get_chapter(slug)), slugs)
        alone = {slug: run_chapter(get_chapter(slug)).output for slug in set(slugs)}
        for slug, found in zip(slugs, runs, strict=True):
            assert mask(found.output) == mask(alone[slug]), slug

    def test_a_run_does_not_wait_for_another(self, monkeypatch):
        """The first run cannot end before the second has ended."""
        first, second = get_chapter("protecting-deletions"), get_chapter("append-only")
        began, may_end, output = threading.Event(), threading.Event(), sys.stdout

        def run():
            print("first")
            began.set()
            assert may_end.wait(60)
            print("last")

        monkeypatch.setattr(first.module, "run", run)
        with ThreadPoolExecutor(1) as pool:
            slow = pool.submit(run_chapter, first)
            assert began.wait(60)
            assert run_chapter(second).printed
            may_end.set()
            assert [each.text for each in slow.result().printed] == ["first\n", "last\n"]
            pool.submit(connections.close_all).result()
        assert sys.stdout is output
