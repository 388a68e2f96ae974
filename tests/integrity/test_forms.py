import pytest
from django import forms
from django.db import OperationalError, connection

from integrity.forms import refusals

from .conftest import add_rule
from .models import Child, Team

pytestmark = pytest.mark.django_db


class TeamForm(forms.ModelForm):
    class Meta:
        model = Team
        fields = ["name", "motto"]


class NameForm(forms.ModelForm):
    class Meta:
        model = Team
        fields = ["name"]


class ChildForm(forms.ModelForm):
    class Meta:
        model = Child
        fields = ["name", "toy"]


def saved(form: forms.ModelForm) -> forms.ModelForm:
    """The form after an attempt to save it."""
    assert form.is_valid()
    with refusals(form):
        form.save()
    return form


def test_the_error_is_on_the_field() -> None:
    add_rule("CHECK (motto <> 'b')")
    form = saved(TeamForm({"name": "a", "motto": "b"}))
    assert list(form.errors) == ["motto"]
    assert form.errors.as_data()["motto"][0].code == "23514"
    assert not Team.objects.exists()


def test_the_form_keeps_what_was_filled_in() -> None:
    add_rule("CHECK (motto <> 'b')")
    assert saved(TeamForm({"name": "a", "motto": "b"}))["name"].value() == "a"


def test_the_error_of_a_field_that_the_form_does_not_show_names_it() -> None:
    add_rule("CHECK (motto <> '')")
    (error,) = saved(NameForm({"name": "a"})).non_field_errors()
    assert error.startswith("Motto: Refused by the rule “by_hand”: ")


def test_the_error_of_an_inherited_field_is_on_it() -> None:
    add_rule("CHECK (name <> 'b')", "integrity_tests_parent")
    assert list(saved(ChildForm({"name": "b", "toy": "t"})).errors) == ["name"]


def test_a_new_instance_is_new_again() -> None:
    add_rule("UNIQUE (motto) DEFERRABLE INITIALLY DEFERRED")
    Team.objects.create(name="a", motto="b")
    form = saved(TeamForm({"name": "a", "motto": "b"}))
    assert list(form.errors) == ["motto"]
    assert form.instance.pk is None
    assert form.instance._state.adding


def test_a_changed_instance_keeps_its_key() -> None:
    team = Team.objects.create(name="a", motto="b")
    add_rule("CHECK (motto <> 'c')")
    form = saved(TeamForm({"name": "a", "motto": "c"}, instance=team))
    assert (form.instance.pk, form.instance._state.adding) == (team.pk, False)


def test_a_form_without_model_has_the_error_too() -> None:
    class PlainForm(forms.Form):
        name = forms.CharField()

    add_rule("CHECK (name <> 'b')")
    form = PlainForm({"name": "b"})
    assert form.is_valid()
    with refusals(form):
        Team.objects.create(name=form.cleaned_data["name"])
    assert list(form.errors) == ["name"]


def test_what_is_no_refusal_is_raised() -> None:
    form = TeamForm({"name": "a", "motto": "b"})
    assert form.is_valid()
    with (
        pytest.raises(OperationalError),
        refusals(form),
        connection.cursor() as cursor,
    ):
        cursor.execute("SET LOCAL statement_timeout = 1; SELECT pg_sleep(10)")
    assert not form.errors


def test_a_form_that_the_database_takes_is_saved() -> None:
    form = saved(TeamForm({"name": "a", "motto": "b"}))
    assert form.instance == Team.objects.get()
    assert not form.errors
