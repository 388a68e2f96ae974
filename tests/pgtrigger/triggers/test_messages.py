"""``message``, ``field`` and ``code`` of a rule."""

import pickle

import pytest
from django.db import connection, models, transaction
from django.utils import translation
from django.utils.translation import gettext_lazy as _

import pgtrigger
from pgtrigger import (
    DeclarationError,
    InvalidTransitionError,
    ProtectedError,
    ReadOnlyError,
    TriggerError,
)

# A text that Django itself translates.
LAZY = _("This field is required.")
GERMAN = "Dieses Feld ist zwingend erforderlich."


@pytest.fixture
def refused(make_model):
    """``refused(*triggers)``: the error of an update that changes everything."""

    def refuse(*triggers, **values):
        model = make_model(
            status=models.CharField(max_length=9, default="a"),
            amount=models.IntegerField(default=0, db_column="the amount"),
            triggers=triggers,
        )
        row = model.objects.create()
        changes = values or {"status": "b", "amount": 1}
        with pytest.raises(TriggerError) as raised, transaction.atomic():
            model.objects.filter(pk=row.pk).update(**changes)
        return raised.value

    return refuse


KINDS = pytest.mark.parametrize(
    "make",
    [
        lambda **own: pgtrigger.Protect(name="rule", operation=pgtrigger.Update, **own),
        lambda **own: pgtrigger.Protect(
            name="rule", operation=pgtrigger.Update, level=pgtrigger.Statement, **own
        ),
        lambda **own: pgtrigger.ReadOnly(name="rule", fields=["amount"], **own),
        lambda **own: pgtrigger.ReadOnly(
            name="rule", fields=["amount"], level=pgtrigger.Statement, **own
        ),
    ],
    ids=["Protect", "Protect at statement level", "ReadOnly", "ReadOnly at statement level"],
)


@KINDS
def test_postgresql_has_the_message_without_translation(refused, make):
    with translation.override("de"):
        error = refused(make(message=LAZY, field="amount", code="own"))
    assert error.__cause__.diag.message_primary == "This field is required."
    assert error.__cause__.diag.column_name == "the amount"


@KINDS
def test_python_has_it_in_the_language_of_the_reader(refused, make):
    error = refused(make(message=LAZY, field="amount", code="own"))
    with translation.override("de"):
        assert error.message == GERMAN
    assert error.message == "This field is required."
    assert (error.field, error.fields, error.code) == ("amount", ["amount"], "own")


def test_the_compiled_trigger_does_not_depend_on_the_language():
    from tests.pgtrigger.models import Plain

    rule = pgtrigger.Protect(name="rule", operation=pgtrigger.Update, message=LAZY)
    english = rule.compile(Plain)
    with translation.override("de"):
        assert rule.compile(Plain) == english
        assert translation.get_language() == "de"


def test_a_message_is_not_a_template(refused):
    text = """100 % of {these} "quotes" '%s' stay"""
    error = refused(pgtrigger.Protect(name="rule", operation=pgtrigger.Update, message=text))
    assert error.message == text
    assert error.__cause__.diag.message_primary == text


def test_a_rule_without_its_own_has_none_and_a_code_of_its_kind(refused):
    error = refused(pgtrigger.Protect(name="rule", operation=pgtrigger.Update))
    assert isinstance(error, ProtectedError)
    assert (error.message, error.field, error.fields, error.code) == (None, "", [], "protect")


def test_a_state_machine_reports_its_field(refused):
    error = refused(
        pgtrigger.FSM(name="rule", field="status", transitions=[("a", "c")], message=LAZY)
    )
    assert isinstance(error, InvalidTransitionError)
    assert (error.field, error.code, error.old, error.new) == ("status", "transition", "a", "b")


@pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement])
def test_read_only_reports_the_fields_that_were_changed(refused, level):
    rule = pgtrigger.ReadOnly(name="rule", fields=["amount", "status"], level=level)
    error = refused(rule, status="b")
    assert isinstance(error, ReadOnlyError)
    assert (error.field, error.fields) == ("status", ["status"])
    assert error.__cause__.diag.column_name == "status"


def test_read_only_reports_all_of_them(refused):
    error = refused(pgtrigger.ReadOnly(name="rule"))
    assert (error.field, error.fields) == ("status", ["status", "amount"])
    assert error.__cause__.diag.column_name == "status"


def test_read_only_mentions_its_condition(refused):
    rule = pgtrigger.ReadOnly(
        name="rule", exclude=["id", "status"], condition=pgtrigger.Q(old__status="a")
    )
    hint = refused(rule, amount=1).__cause__.diag.message_hint
    assert hint == "These fields cannot be changed if the old status is 'a': amount."


def test_a_state_machine_mentions_its_condition(refused):
    rule = pgtrigger.FSM(
        name="rule",
        field="status",
        transitions=[("a", "c")],
        condition=pgtrigger.Q(old__amount__lt=5) | pgtrigger.Q(new__amount=None),
    )
    assert refused(rule, status="b").__cause__.diag.message_hint == (
        "Transitions allowed if the old amount is less than 5 or the new amount is NULL: a to c."
    )


def test_a_condition_that_has_no_words_is_shown_as_sql(refused):
    condition = pgtrigger.Condition("OLD.status = 'a'")
    rule = pgtrigger.ReadOnly(name="rule", fields=["amount"], condition=condition)
    hint = refused(rule, amount=1).__cause__.diag.message_hint
    assert hint == "These fields cannot be changed if OLD.status = 'a': amount."


def test_the_error_keeps_its_declaration_in_a_pickle(refused):
    error = refused(
        pgtrigger.Protect(
            name="rule", operation=pgtrigger.Update, message=LAZY, field="amount", code="own"
        )
    )
    copy = pickle.loads(pickle.dumps(error))
    with translation.override("de"):
        assert (copy.message, copy.field, copy.code) == (GERMAN, "amount", "own")


def test_a_field_that_the_model_does_not_have_is_refused_at_load(make_model):
    rule = pgtrigger.Protect(name="rule", operation=pgtrigger.Update, field="nothing")
    with pytest.raises(DeclarationError, match="has no field named 'nothing'"):
        make_model(triggers=[rule])


def test_a_deferred_rule_has_its_message_too(make_model):
    model = make_model(
        amount=models.IntegerField(default=0),
        triggers=[
            pgtrigger.Protect(
                name="late",
                when=pgtrigger.After,
                operation=pgtrigger.Update,
                timing=pgtrigger.Deferred,
                message="Not later either.",
            )
        ],
    )
    row = model.objects.create()
    row.save()
    with pytest.raises(ProtectedError) as raised, connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    assert raised.value.message == "Not later either."
