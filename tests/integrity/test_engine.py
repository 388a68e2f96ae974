"""The rules of the trigger engine, which integrity knows only by what PostgreSQL reports."""

import pytest
from django import forms
from django.db import InternalError

from integrity.conversion import RuleCannotMatch, Trigger, refine_integrity_error
from integrity.forms import refusals

from .models import Guarded, Team

pytestmark = pytest.mark.django_db


class Kept(Exception):
    pass


def test_a_broken_rule_is_refined() -> None:
    row = Guarded.objects.create()
    rules = [(Trigger(Guarded, "publish"), KeyError), (Trigger(Guarded, "keep"), Kept)]
    with pytest.raises(Kept) as raised, refine_integrity_error(rules):
        row.delete()
    assert isinstance(raised.value.__cause__, InternalError)


def test_a_rule_that_the_model_does_not_have_is_refused_with_those_it_has() -> None:
    row = Guarded.objects.create()
    rules = [(Trigger(Guarded, "kep"), Kept)]
    with (
        pytest.raises(RuleCannotMatch, match=r"Guarded:keep, integrity_tests\.Guarded:publish"),
        refine_integrity_error(rules),
    ):
        row.delete()


def test_a_rule_of_another_model_does_not_match() -> None:
    row = Guarded.objects.create()
    with (
        pytest.raises(InternalError),
        refine_integrity_error([(Trigger(Team, "keep"), Kept)]),
    ):
        row.delete()


def test_a_transition_that_is_refused_is_an_error_of_its_field() -> None:
    class GuardedForm(forms.ModelForm):
        class Meta:
            model = Guarded
            fields = ["status"]

    row = Guarded.objects.create(status="published")
    form = GuardedForm({"status": "draft"}, instance=row)
    with refusals(form):
        form.save()
    (message,) = form.errors["status"]
    assert message.startswith("Refused by the rule “publish”: pgtrigger: Invalid transition")
