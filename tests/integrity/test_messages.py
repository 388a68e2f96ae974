"""One refusal with its declared message, as each reader gets it, in two languages."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from django import forms
from django.db import connection
from django.test import Client
from django.utils import translation
from rest_framework import serializers

import pgtrigger
from integrity.forms import refusals
from integrity.rest import RefusedWritesMixin

from .models import Bill, BillLine

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.integrity.urls")]

IN = {"en": "Enter a whole number.", "de": "Bitte eine ganze Zahl eingeben."}
LANGUAGES = pytest.mark.parametrize("language", IN)

PAGE = (Path(__file__).parents[2] / "docs/rules/messages.md").read_text()

LineForm = forms.modelform_factory(BillLine, fields=["bill", "amount", "note"])
LineFormSet = forms.inlineformset_factory(Bill, BillLine, fields=["amount", "note"], extra=2)


class LineSerializer(RefusedWritesMixin, serializers.ModelSerializer):
    class Meta:
        model = BillLine
        fields = ["bill", "amount"]


@pytest.fixture
def bill() -> Bill:
    return Bill.objects.create()


def data(*amounts: Any, lines: Any = (), prefix: str = "billline_set") -> dict[str, Any]:
    """An inline's form data: these amounts, the first of them for lines that exist."""
    filled = {
        f"{prefix}-TOTAL_FORMS": len(amounts),
        f"{prefix}-INITIAL_FORMS": len(lines),
        f"{prefix}-MIN_NUM_FORMS": 0,
        f"{prefix}-MAX_NUM_FORMS": 9,
    }
    for number, amount in enumerate(amounts):
        filled[f"{prefix}-{number}-amount"] = amount
        if number < len(lines):
            filled[f"{prefix}-{number}-id"] = lines[number].pk
    return filled


def is_documented(shown: Any) -> bool:
    return f"`{shown!r}`" in PAGE


def test_every_client_of_the_database_has_it_untranslated(bill: Bill) -> None:
    with translation.override("de"), pytest.raises(pgtrigger.ProtectedError) as raised:
        BillLine.objects.create(bill=bill, amount=-1)
    diagnosis = raised.value.__cause__.diag  # type: ignore[union-attr]
    assert diagnosis.message_primary == IN["en"]
    assert diagnosis.column_name == "amount"


@pytest.mark.skipif(not shutil.which("psql"), reason="there is no psql")
def test_psql_prints_it() -> None:
    parameters = connection.get_connection_params()
    where = " ".join(
        f"{name}={parameters[name]}"
        for name in ("host", "port", "user", "dbname")
        if parameters.get(name)
    )
    write = (
        "BEGIN; INSERT INTO integrity_tests_bill (id, title) VALUES (-1, '');"
        " INSERT INTO integrity_tests_billline (bill_id, amount, note) VALUES (-1, -1, '');"
    )
    environment = {**os.environ, "PGPASSWORD": parameters.get("password") or ""}
    run = subprocess.run(
        ["psql", "-X", "-q", where],
        input=write,
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    error, detail, hint, *_ = run.stderr.splitlines()
    assert error == f"ERROR:  {IN['en']}"
    assert f"| psql | `{error}` | the same |" in PAGE
    assert '"uri" : "integrity_tests.BillLine:positive"' in detail
    assert hint.startswith("HINT:")


@LANGUAGES
def test_a_form_has_it_at_the_field(bill: Bill, language: str) -> None:
    with translation.override(language):
        form = LineForm({"bill": bill.pk, "amount": -1})
        with refusals(form):
            form.save()
        assert form.errors == {"amount": [IN[language]]}
    assert form.errors.as_data()["amount"][0].code == "negative"
    assert is_documented(dict(form.errors))


def test_a_form_has_it_at_each_field_that_was_refused(bill: Bill) -> None:
    line = BillLine.objects.create(bill=bill)
    form = LineForm({"bill": Bill.objects.create().pk, "amount": 1, "note": "new"}, instance=line)
    with refusals(form):
        form.save()
    assert form.errors == {"bill": ["This is kept."], "note": ["This is kept."]}


def test_a_form_that_does_not_show_the_field_names_it(bill: Bill) -> None:
    line = BillLine.objects.create(bill=bill)
    form = forms.modelform_factory(BillLine, fields=["amount"])({"amount": 1}, instance=line)
    line.note = "new"
    with refusals(form):
        form.save()
    assert form.non_field_errors() == ["Note: This is kept."]


@LANGUAGES
def test_a_formset_has_it_on_the_form_of_the_refused_row(bill: Bill, language: str) -> None:
    lines = [BillLine.objects.create(bill=bill, amount=5) for _ in range(3)]
    with translation.override(language):
        formset = LineFormSet(data(6, -1, 7, lines=lines), instance=bill)
        with refusals(formset):
            formset.save()
        assert formset.errors == [{}, {"amount": [IN[language]]}, {}]
    assert [line.amount for line in BillLine.objects.order_by("pk")] == [5, 5, 5]


def test_a_formset_has_it_if_the_refused_row_is_one_of_two_new_ones(bill: Bill) -> None:
    formset = LineFormSet(data(1, -1), instance=bill)
    assert formset.is_valid()
    with refusals(formset):
        formset.save()
    assert not any(formset.errors)
    assert formset.non_form_errors() == [f"Amount: {IN['en']}"]


@LANGUAGES
def test_a_page_of_the_admin_has_it_at_the_field(
    admin_client: Client, bill: Bill, language: str
) -> None:
    with translation.override(language):
        response = admin_client.post(
            "/admin/integrity_tests/billline/add/", {"bill": bill.pk, "amount": -1, "note": ""}
        )
    assert response.context["adminform"].form.errors == {"amount": [IN[language]]}


@LANGUAGES
def test_a_list_of_the_admin_has_it_on_the_row(
    admin_client: Client, bill: Bill, language: str
) -> None:
    line = BillLine.objects.create(bill=bill, amount=5)
    sent = data(-1, lines=[line], prefix="form") | {"_save": "Save"}
    with translation.override(language):
        response = admin_client.post("/admin/integrity_tests/billline/", sent)
    assert response.context["cl"].formset.errors == [{"amount": [IN[language]]}]


@LANGUAGES
def test_an_inline_of_the_admin_has_it_at_the_field(
    admin_client: Client, bill: Bill, language: str
) -> None:
    lines = [BillLine.objects.create(bill=bill, amount=5) for _ in range(2)]
    with translation.override(language):
        response = admin_client.post(
            f"/admin/integrity_tests/bill/{bill.pk}/change/",
            {"title": "t", **data(6, -1, lines=lines)},
        )
    (formset,) = response.context["inline_admin_formsets"]
    assert formset.formset.errors == [{}, {"amount": [IN[language]]}]
    assert IN[language] in response.content.decode()
    assert is_documented([dict(errors) for errors in formset.formset.errors])


@LANGUAGES
def test_a_serializer_has_it_with_its_code(bill: Bill, language: str) -> None:
    with translation.override(language):
        serializer = LineSerializer(data={"bill": bill.pk, "amount": -1})
        assert serializer.is_valid()
        with pytest.raises(serializers.ValidationError) as raised:
            serializer.save()
    (detail,) = raised.value.detail["amount"]
    assert (str(detail), detail.code) == (IN[language], "negative")
    assert is_documented(dict(raised.value.detail))
