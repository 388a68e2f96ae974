"""Forms do not offer what a rule would refuse."""

import pytest
from django import forms
from django.db import models

import pgtrigger
from pgtrigger.forms import RuledFormMixin, RuledFormSetMixin, forecast
from tests.pgtrigger.models import Machine, Plain, Protected

ISSUED = pgtrigger.Q(old__status="issued")


@pytest.fixture
def invoice(make_model):
    """A model of invoices with one rule, and two of them: a draft and an issued one."""

    def make(*triggers):
        made = make_model(
            status=models.CharField(max_length=9, default="draft"),
            amount=models.IntegerField(default=0),
            note=models.CharField(max_length=9, default=""),
            triggers=triggers,
        )
        return made.objects.create(), made.objects.create(status="issued")

    return make


def read_only(row):
    return sorted(forecast(type(row), row).read_only)


def test_a_model_without_rules_offers_everything(db):
    row = Plain.objects.create()
    assert forecast(Plain, row) == forecast(Plain)
    assert not forecast(Plain, row).read_only


def test_a_condition_on_the_stored_row_decides_which_fields_are_read_only(invoice):
    draft, issued = invoice(
        pgtrigger.ReadOnly(name="issued", exclude=["note", "id"], condition=ISSUED)
    )
    assert read_only(draft) == []
    assert read_only(issued) == ["amount", "status"]


def test_the_stored_row_counts_not_the_changed_instance(invoice):
    draft, issued = invoice(pgtrigger.ReadOnly(name="issued", fields=["amount"], condition=ISSUED))
    draft.status, issued.status = "issued", "draft"
    assert read_only(draft) == []
    assert read_only(issued) == ["amount"]


def test_a_protection_may_join_a_change_and_a_condition(invoice):
    changed = pgtrigger.AnyChange("amount")
    draft, issued = invoice(
        pgtrigger.Protect(name="issued", operation=pgtrigger.Update, condition=changed & ISSUED)
    )
    assert (read_only(draft), read_only(issued)) == ([], ["amount"])


def test_a_condition_with_a_percent_sign_is_evaluated_as_it_is(invoice):
    odd = pgtrigger.Q(old__note__contains="%s")
    draft, issued = invoice(pgtrigger.ReadOnly(name="odd", fields=["amount"], condition=odd))
    type(issued).objects.filter(pk=issued.pk).update(note="a%sb")
    assert (read_only(draft), read_only(issued)) == ([], ["amount"])


@pytest.mark.parametrize(
    "condition",
    [
        pgtrigger.Q(new__amount__lt=0),
        pgtrigger.Condition("OLD.status = 'issued'"),
        pgtrigger.AnyChange("amount") & pgtrigger.AnyChange("note"),
        pgtrigger.AllChange("amount", "note"),
    ],
    ids=["new row", "SQL", "two changes", "all change"],
)
def test_what_is_not_known_before_the_write_is_offered(invoice, condition):
    draft, issued = invoice(
        pgtrigger.Protect(name="rule", operation=pgtrigger.Update, condition=condition)
    )
    assert (read_only(draft), read_only(issued)) == ([], [])


def test_a_row_is_deletable_unless_a_rule_refuses(invoice):
    draft, issued = invoice(
        pgtrigger.Protect(name="keep", operation=pgtrigger.Delete, condition=ISSUED)
    )
    assert forecast(type(draft), draft).is_deletable
    assert not forecast(type(issued), issued).is_deletable
    assert forecast(type(issued)).is_deletable  # some rows are
    assert not forecast(Protected).is_deletable


def test_only_states_that_may_follow_are_offered(db):
    def states(step):
        return forecast(Machine, Machine.objects.create(step=step)).states["step"]

    assert states(1) == [1, 2]
    assert states(3) == [3, None]


def form_of(model, fields):
    return type(
        "Form",
        (RuledFormMixin, forms.ModelForm),
        {"Meta": type("Meta", (), {"model": model, "fields": fields})},
    )


def test_a_form_keeps_a_read_only_field_whatever_is_sent(invoice):
    _, issued = invoice(pgtrigger.ReadOnly(name="issued", fields=["amount"], condition=ISSUED))
    form = form_of(type(issued), ["amount", "note"])({"amount": 7, "note": "x"}, instance=issued)
    assert form.fields["amount"].disabled
    form.save()
    issued.refresh_from_db()
    assert (issued.amount, issued.note) == (0, "x")


def test_a_form_refuses_a_state_that_cannot_follow(make_model):
    model = make_model(
        state=models.CharField(max_length=9, choices=[(each, each) for each in "abc"]),
        triggers=[pgtrigger.FSM(name="state", field="state", transitions=[("a", "b"), ("b", "c")])],
    )
    row = model.objects.create(state="b")
    form = form_of(model, ["state"])({"state": "a"}, instance=row)
    assert [value for value, _ in form.fields["state"].choices] == ["b", "c"]
    assert not form.is_valid()
    assert form_of(model, ["state"])({"state": "c"}, instance=row).is_valid()


def test_a_formset_offers_no_deletion_of_a_kept_row(invoice):
    draft, _ = invoice(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete, condition=ISSUED))
    model = type(draft)
    base = type("FormSet", (RuledFormSetMixin, forms.BaseModelFormSet), {})
    formset = forms.modelformset_factory(
        model, form=form_of(model, ["note"]), formset=base, can_delete=True, extra=1
    )(queryset=model.objects.order_by("pk"))
    disabled = [form.fields["DELETE"].disabled for form in formset.forms if "DELETE" in form.fields]
    assert disabled == [False, True, False]
