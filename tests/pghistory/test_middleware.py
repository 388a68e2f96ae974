"""``HistoryMiddleware``: who made a request's changes."""

import pytest
from django.contrib.auth import get_user_model
from django.test import AsyncClient

from pghistory.models import Context
from tests.pghistory.models import RowLevel

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.pghistory.urls")]
committing = pytest.mark.django_db(
    transaction=True,
    available_apps=[
        "project",
        "pghistory",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.sessions",
        "django_guid",
        "tests.pghistory",
    ],
)


def said():
    event = RowLevel.pgh_event_model.objects.get()
    return event.pgh_context and event.pgh_context.metadata


@pytest.fixture
def user():
    return get_user_model().objects.create(username="ada")


def test_the_user_and_the_path(client, user):
    client.force_login(user)
    client.post("/write/")
    assert said() == {"user": user.pk, "url": "/write/"}


def test_nobody(client):
    client.get("/write/?page=1")
    assert said() == {"user": None, "url": "/write/"}


def test_a_path_that_json_has_not(client):
    assert client.get("/nowhere/a%00b/").status_code == 404


def test_a_user_that_the_view_sets_is_seen(client, user):
    client.post("/write/?user=ada")
    assert said() == {"user": user.pk, "url": "/write/"}


def test_a_logout_during_the_request_keeps_the_user(client, user):
    client.force_login(user)
    client.post("/write/?logout")
    assert said() == {"user": user.pk, "url": "/write/"}


def test_methods_are_a_setting(client, settings):
    settings.PGHISTORY_MIDDLEWARE_METHODS = ["POST"]
    client.get("/write/")
    assert said() is None


def test_get_context_may_say_something_else(client, settings):
    settings.MIDDLEWARE = ["tests.pghistory.test_middleware.Saying"]
    client.get("/write/", headers={"x-request-id": "7"})
    assert said() == {"request": "7"}


@committing
def test_asgi():
    from asgiref.sync import async_to_sync

    async_to_sync(AsyncClient().post)("/awrite/")
    assert said() == {"user": None, "url": "/awrite/"}
    assert Context.objects.count() == 1


def _saying():
    from pghistory.middleware import HistoryMiddleware

    class Saying(HistoryMiddleware):
        def get_context(self, request):
            return {"request": request.headers["x-request-id"]}

    return Saying


Saying = _saying()
