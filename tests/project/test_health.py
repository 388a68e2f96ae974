"""/health/live and /health/ready, as a container's health check asks them."""

import asyncio
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.test import AsyncClient, Client

import pgtrigger
from pgtrigger import administration


@pytest.fixture
def client() -> Client:
    """A probe: by IP address and without HTTPS."""
    return Client(headers={"host": "10.1.2.3:8000"})


@pytest.fixture(autouse=True)
def deployed(settings: Any) -> None:
    """Settings that refuse or redirect every request of the probe but these two."""
    settings.SECURE_SSL_REDIRECT = True
    settings.ALLOWED_HOSTS = ["example.org"]


class TestLive:
    def test_answers_by_address_and_without_https(self, client: Client) -> None:
        answer = client.get("/health/live")
        assert (answer.status_code, answer.json()) == (200, {"status": "live"})

    def test_needs_neither_the_database_nor_a_session(self, client: Client) -> None:
        # Without the django_db mark a query raises.
        assert client.get("/health/live/").cookies == {}

    def test_answers_under_asgi(self) -> None:
        answer = asyncio.run(AsyncClient(headers={"host": "10.1.2.3"}).get("/health/live"))
        assert answer.status_code == 200

    def test_other_paths_are_still_redirected(self) -> None:
        answer = Client(headers={"host": "example.org"}).get("/admin/")
        assert (answer.status_code, answer["Location"]) == (301, "https://example.org/admin/")


@pytest.mark.django_db
class TestReady:
    @pytest.fixture(autouse=True)
    def installed(self, django_db_setup: None, db: None) -> Iterator[None]:
        """Leave out the triggers of models whose table only a test of the history creates."""
        with ExitStack() as stack:
            for entry in administration.survey()[0]:
                if entry.status == "UNINSTALLED":
                    ((model, trigger),) = pgtrigger.registered(entry.uri)
                    stack.enter_context(trigger.unregister(model))
            yield

    def test_is_ready_if_everything_is_installed(self, client: Client) -> None:
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})

    def test_is_not_ready_while_it_drains_but_serves(
        self, client: Client, settings: Any, tmp_path: Path
    ) -> None:
        settings.DRAIN_FILE = str(tmp_path / "drain")
        assert client.get("/health/ready").status_code == 200
        (tmp_path / "drain").touch()
        answer = client.get("/health/ready")
        assert (answer.status_code, answer.json()) == (503, {"status": "draining"})
        assert client.get("/health/live").status_code == 200

    def test_names_a_trigger_that_is_missing(self, client: Client) -> None:
        model, trigger = pgtrigger.registered()[0]
        trigger.uninstall(model)
        answer = client.get("/health/ready")
        assert answer.status_code == 503
        assert answer.json()["problems"] == [
            f"Triggers are not installed as declared: {trigger.get_uri(model)}."
        ]

    def test_once_ready_it_asks_only_whether_the_database_answers(self, client: Client) -> None:
        assert client.get("/health/ready").status_code == 200
        model, trigger = pgtrigger.registered()[0]
        trigger.uninstall(model)
        assert client.get("/health/ready").status_code == 200
        assert Client().get("/health/ready").status_code == 503

    def test_names_a_migration_that_is_not_applied(self, client: Client) -> None:
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM django_migrations WHERE app = 'sessions'")
        problems = client.get("/health/ready").json()["problems"]
        assert problems == ["Migrations are not applied: sessions.0001_initial."]


@pytest.mark.django_db(transaction=True)
def test_it_is_not_ready_if_the_database_does_not_answer(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection.close()
    monkeypatch.setitem(connection.settings_dict, "NAME", "nowhere")
    problems = client.get("/health/ready").json()["problems"]
    connection.close()
    assert problems == ["The database does not answer."]
