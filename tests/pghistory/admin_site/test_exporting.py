"""An object's timeline as a file."""

import csv
import io
import json

import pytest
from asgiref.sync import async_to_sync
from django.test import AsyncClient
from django.urls import reverse

import pghistory
from pghistory.admin import exporting
from tests.pghistory.models import RowLevel

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.pghistory.urls"),
]


@pytest.fixture
def url():
    with pghistory.context(user="=1+1", url="/x/"):
        row = RowLevel.objects.create(number=0, text="a, b\n“c”")
    for number in range(1, 5):
        RowLevel.objects.update(number=number)
    return reverse("admin:pghistory_export", args=["pghistory_tests.RowLevel", row.pk])


def read(response):
    assert response.status_code == 200
    return b"".join(response.streaming_content).decode()


@pytest.mark.parametrize("size", [500, 2])
def test_csv(admin_client, url, monkeypatch, size):
    monkeypatch.setattr(exporting, "PAGE", size)
    response = admin_client.get(url)
    assert response["Content-Type"] == "text/csv; charset=utf-8"
    assert response["Content-Disposition"].startswith("attachment")
    rows = list(csv.DictReader(io.StringIO(read(response), newline="")))
    assert [json.loads(row["data"])["number"] for row in rows] == [0, 1, 2, 3, 4]
    assert json.loads(rows[0]["data"])["text"] == "a, b\n“c”"
    assert json.loads(rows[1]["changes"]) == {"number": [0, 1]}
    assert rows[0]["time"][-6:] == "+00:00"
    assert json.loads(rows[0]["context"]) == {"url": "/x/"}


def test_a_cell_is_not_a_formula(admin_client, url):
    rows = list(csv.DictReader(io.StringIO(read(admin_client.get(url)), newline="")))
    assert rows[0]["user"] == "'=1+1"


def test_json_lines(admin_client, url):
    text = read(admin_client.get(url, {"format": "json"}))
    rows = [json.loads(line) for line in text.splitlines()]
    assert [row["label"] for row in rows] == ["insert"] + ["update"] * 4
    assert rows[0]["user"] == "=1+1"


def test_another_format_is_not_found(admin_client, url):
    assert admin_client.get(url, {"format": "xls"}).status_code == 404


def test_it_needs_permission(client, url):
    assert client.get(url).status_code == 302


def test_under_asgi(admin_user, url):
    async def parts():
        client = AsyncClient()
        await client.aforce_login(admin_user)
        response = await client.get(url, {"format": "json"})
        return [part.decode() async for part in response.streaming_content]

    assert len("".join(async_to_sync(parts)()).splitlines()) == 5
