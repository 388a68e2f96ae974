"""Event models with fields that stand for a value elsewhere."""

import datetime

import pytest

import pghistory
from tests.pghistory.models import Account, AccountAudit, AccountEvent, Author, Remark

pytestmark = pytest.mark.django_db


@pytest.fixture
def account():
    with pghistory.context(amount=5, reason="gift"):
        return Account.objects.create()


class TestProxyField:
    @pytest.mark.parametrize(
        ("said", "amount", "cents"),
        [
            (1_500_000_000, 1_500_000_000, 1_500_000_000),
            (-(2**31), -(2**31), -(2**31)),
            (2**31, None, 2**31),
            (1234567890123456789, None, 1234567890123456789),
            (2**63, None, None),
            ("five", None, None),
            (None, None, None),
        ],
    )
    def test_a_number_is_there_where_the_field_has_room_for_it(self, said, amount, cents):
        with pghistory.context(amount=said):
            Account.objects.create()
        assert AccountAudit.objects.values_list("amount", "cents").get() == (amount, cents)

    def test_what_is_no_date_is_null(self):
        for day in ("2024-02-29", "2023-02-29", "some day"):
            with pghistory.context(day=day):
                Account.objects.create()
        found = AccountAudit.objects.order_by("pgh_id").values_list("day", flat=True)
        assert list(found) == [datetime.date(2024, 2, 29), None, None]

    def test_events_with_such_fields_are_written(self, account):
        made = [AccountEvent(pgh_obj=account, pgh_label="moved", id=account.id, balance=7)]
        AccountEvent.objects.bulk_create(made)
        event = account.events.get(pgh_label="moved")
        event.note = "seen"
        event.save()
        event.refresh_from_db()
        assert (event.balance, event.note, event.amount) == (7, "seen", None)

    def test_an_event_is_read_again(self, account):
        event = account.events.get()
        event.amount = None
        event.refresh_from_db()
        assert event.amount == 5
        assert account.events.defer("amount").get().amount == 5

    def test_an_event_is_reached_from_other_tables(self, account):
        remark = Remark.objects.create(event=account.events.get())
        assert Remark.objects.get().event.amount == 5
        assert Remark.objects.select_related("event").get().event.reason == "gift"
        assert Remark.objects.filter(event__amount=5).get() == remark
        assert Account.objects.filter(events__amount=5).get() == account
        assert not Account.objects.filter(events__amount=6).exists()
        assert list(Account.objects.values_list("events__reason", flat=True)) == ["gift"]

    def test_a_relation_is_joined(self):
        author = Author.objects.create(name="Ada")
        with pghistory.context(author=author.pk):
            Account.objects.create()
        assert (
            AccountAudit.objects.select_related("author").get(author__name="Ada").author == author
        )
