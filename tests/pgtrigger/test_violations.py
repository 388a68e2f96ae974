"""``manage.py pgtrigger violations`` and the admin's list of records."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.urls import reverse
from django.utils import timezone

import pghistory
import pgtrigger
from pgtrigger.models import Violation, ViolationCount

pytestmark = pytest.mark.django_db


@pytest.fixture
def order(make_model):
    model = make_model(
        status=models.CharField(max_length=9, default="draft"),
        amount=models.IntegerField(default=0),
        triggers=[
            pgtrigger.ReadOnly(name="kept", fields=["amount"], mode="report"),
            pgtrigger.FSM(
                name="flow", field="status", transitions=[("draft", "paid")], mode="report"
            ),
        ],
    )
    first, second = model.objects.bulk_create([model(), model()])
    for amount in (1, 2):
        first.amount = amount
        first.save()
    second.status = "sent"
    with pghistory.context(user=7):
        second.save()
    model.first, model.second = first, second
    return model


def run(*arguments):
    """Return the output of the command, and its exit code."""
    output = io.StringIO()
    code = 0
    try:
        call_command("pgtrigger", "violations", *arguments, stdout=output, no_color=True)
    except SystemExit as error:
        code = error.code
    return output.getvalue(), code


def uri(model, name):
    return f"{model._meta.label}:{name}"


def test_nothing_is_recorded():
    assert run() == ("No violation is recorded.\n", 0)
    assert run("--format", "json") == ("[]\n", 0)


def test_rules_with_most_violations_come_first(order):
    output, code = run()
    assert code == 1
    assert [line.split("  ")[:2] for line in output.splitlines()] == [
        [uri(order, "kept"), "2 violations"],
        [uri(order, "flow"), "1 violation"],
    ]


def test_what_is_only_counted_is_added(order):
    for name, number in (("kept", 5), ("gone", 3)):
        ViolationCount.objects.create(
            uri=uri(order, name), hour=timezone.now(), backend=1, number=number
        )
    rows = {row["uri"]: row for row in json.loads(run("--format", "json")[0])}
    assert [
        (rows[uri(order, name)]["violations"], rows[uri(order, name)]["recorded"])
        for name in ("kept", "gone", "flow")
    ] == [(7, 2), (3, 0), (1, 1)]


def test_keys(order):
    rows = json.loads(run(uri(order, "kept"), "--by", "key", "--format", "json")[0])
    assert [(row["key"], row["violations"]) for row in rows] == [({"id": order.first.pk}, 2)]
    assert f"id={order.first.pk}" in run("--by", "key")[0]


def test_sessions(order):
    record = Violation.objects.first()
    line = run("--by", "session")[0].splitlines()[0]
    assert f"  {record.database_role}  " in line


def test_records(order):
    output, _ = run("--by", "record", "--limit", "1")
    [line] = output.splitlines()
    assert uri(order, "flow") in line
    assert '"draft" to "sent"' in line
    assert "user=7" in line
    [row] = json.loads(run("--by", "record", "--limit", "1", "--format", "json")[0])
    assert (row["detail"]["old"], row["detail"]["new"]) == ("draft", "sent")
    assert row["context"] == {"user": 7}


def test_since_and_older_than(order):
    Violation.objects.filter(uri=uri(order, "kept")).update(
        created_at=timezone.now() - timedelta(days=8)
    )
    ViolationCount.objects.create(
        uri=uri(order, "kept"), hour=timezone.now() - timedelta(days=8), backend=1, number=5
    )
    assert len(run("--since", "7d")[0].splitlines()) == 1
    assert run("--delete", "--older-than", "9d")[0] == "0 records and 0 counters removed\n"
    planned = run("--delete", "--older-than", "7d", "--dry-run")[0]
    assert planned == "2 records and 1 counter would be removed\n"
    assert run("--delete", "--older-than", "7d")[0] == "2 records and 1 counter removed\n"
    output, code = run("--delete", "--format", "json")
    assert (json.loads(output), code) == ({"dry_run": False, "records": 1, "counters": 0}, 0)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["nonsense"], "must be in the format"),
        (["--older-than", "1d"], "belong to --delete"),
        (["--delete", "--since", "1d"], "write --older-than"),
        (["--since", "week"], "a number and d, h or m"),
    ],
)
def test_wrong_arguments_are_errors(arguments, reason):
    with pytest.raises(CommandError, match=reason):
        call_command("pgtrigger", "violations", *arguments)


def test_the_admin_lists_records_and_lets_nobody_change_them(order, admin_client):
    page = admin_client.get(reverse("admin:pgtrigger_violation_changelist"), {"q": "sent"})
    text = page.content.decode()
    assert uri(order, "flow") in text
    assert "1 violation" in text
    assert "Add violation" not in text
    record = Violation.objects.first()
    address = reverse("admin:pgtrigger_violation_change", args=[record.pk])
    page = admin_client.get(address)
    assert "&quot;user&quot;: 7" in page.content.decode()
    assert admin_client.post(address, {"uri": "x"}).status_code == 403
    deletion = reverse("admin:pgtrigger_violation_delete", args=[record.pk])
    assert admin_client.post(deletion, {"post": "yes"}).status_code == 403
