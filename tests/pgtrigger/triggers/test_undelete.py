"""``SoftDelete`` with a time, and ``undelete()``."""

import datetime

import pytest
from django.db import models, transaction
from django.db.models import ProtectedError

import pgtrigger
from pgtrigger import DeclarationError

LONG_AGO = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
pytestmark = pytest.mark.django_db(transaction=True, available_apps=["tests.pgtrigger"])


@pytest.fixture
def soft(make_model):
    def make(**fields):
        return make_model(
            deleted_at=models.DateTimeField(null=True),
            triggers=[pgtrigger.SoftDelete(name="soft", field="deleted_at")],
            **fields,
        )

    return make


@pytest.fixture
def family(soft, make_model):
    team = soft()
    member = soft(team=models.ForeignKey(team, models.CASCADE, null=True))
    card = soft(member=models.ForeignKey(member, models.CASCADE))
    return team, member, card


def is_deleted(model):
    return [
        at is not None for at in model.objects.order_by("pk").values_list("deleted_at", flat=True)
    ]


def test_the_row_and_what_was_deleted_with_it_are_restored(family):
    team, member, card = family
    teams = [team.objects.create() for _ in range(2)]
    members = [member.objects.create(team=teams[n]) for n in (0, 0, 1)]
    cards = [card.objects.create(member=each) for each in members]
    member.objects.get(pk=members[1].pk).delete()  # earlier, with its card
    for each in team.objects.all():
        each.delete()  # two transactions
    assert (is_deleted(team), is_deleted(member)) == ([True] * 2, [True] * 3)
    row = team.objects.first()
    assert pgtrigger.undelete(row) == {
        team._meta.label: 1, member._meta.label: 1, card._meta.label: 1
    }  # fmt: skip
    assert row.deleted_at is None
    assert is_deleted(team) == [False, True]
    assert is_deleted(member) == [False, True, True]
    assert is_deleted(card) == [False, True, True]
    assert len(cards) == 3


def test_a_second_deletion_keeps_the_first_time(family):
    team, member, _ = family
    team.objects.create(deleted_at=LONG_AGO)
    team.objects.all().delete()
    assert team.objects.get().deleted_at == LONG_AGO
    assert not member.objects.exists()


def test_a_restore_is_one_transaction(family):
    team, member, _ = family
    parent = team.objects.create()
    member.objects.create(team=parent)
    team.objects.get().delete()
    pgtrigger.Protect(name="no", operation=pgtrigger.Update).install(member)
    with pytest.raises(pgtrigger.ProtectedError):
        pgtrigger.undelete(team.objects.get())
    assert is_deleted(team) == [True]


def test_a_row_that_is_not_deleted_cannot_be_restored(family):
    team, _, _ = family
    with pytest.raises(ValueError, match="is not deleted"):
        pgtrigger.undelete(team.objects.create())


def test_a_model_without_the_rule_cannot_be_restored(make_model):
    model = make_model()
    with pytest.raises(LookupError, match="has no SoftDelete rule"):
        pgtrigger.undelete(model.objects.create())


def test_without_a_time_only_the_row_is_restored(make_model):
    def flagged(**fields):
        return make_model(
            is_active=models.BooleanField(default=True),
            triggers=[pgtrigger.SoftDelete(name="soft", field="is_active")],
            **fields,
        )

    team = flagged()
    member = flagged(team=models.ForeignKey(team, models.CASCADE))
    member.objects.create(team=team.objects.create())
    team.objects.get().delete()
    assert pgtrigger.undelete(team.objects.get()) == {team._meta.label: 1}
    assert member.objects.get().is_active is False


def test_set_null_forgets_the_parent_for_good(soft, make_model):
    team = soft()
    member = make_model(team=models.ForeignKey(team, models.SET_NULL, null=True))
    member.objects.create(team=team.objects.create())
    team.objects.get().delete()
    assert member.objects.get().team_id is None
    pgtrigger.undelete(team.objects.get())
    assert member.objects.get().team_id is None


def test_protect_counts_rows_that_are_deleted_too(soft):
    team = soft()
    member = soft(team=models.ForeignKey(team, models.PROTECT))
    member.objects.create(team=team.objects.create())
    member.objects.get().delete()
    with pytest.raises(ProtectedError), transaction.atomic():
        team.objects.get().delete()


def test_a_time_that_cannot_be_null_is_refused(make_model):
    with pytest.raises(DeclarationError, match="needs null=True"):
        make_model(
            deleted_at=models.DateTimeField(),
            triggers=[pgtrigger.SoftDelete(name="soft", field="deleted_at")],
            table=False,
        )
