"""Rules on single rows against plain calculations, and among connections at each level."""

import datetime
import random

import pytest
from django.db import models, transaction
from django.db.models import Q

import pgtrigger
from pgtrigger import TriggerError
from tests.pgtrigger.concurrent import at_every_level, race, with_connections

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True, available_apps=["tests.pgtrigger"])
both_levels = pytest.mark.parametrize("at", [pgtrigger.Row, pgtrigger.Statement], ids=str)
LONG_AGO = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
STATES = ["draft", "paid", "void"]


@pytest.fixture
def order(make_model):
    """``order(rule, …)``: a model with these rules."""

    def make(*rules):
        return make_model(
            status=models.CharField(max_length=9, default="draft"),
            amount=models.IntegerField(default=0),
            noted=models.IntegerField(default=0),
            changed_at=models.DateTimeField(null=True),
            deleted_at=models.DateTimeField(null=True),
            triggers=rules,
        )

    return make


def is_refused(write):
    try:
        with transaction.atomic():
            write()
    except TriggerError:
        return True
    return False


def some_rows(model, chance):
    """A few rows in random states: their queryset, and their states and amounts."""
    with pgtrigger.ignore():
        made = model.objects.bulk_create(
            model(status=chance.choice(STATES), amount=chance.randrange(3))
            for _ in range(chance.randrange(1, 4))
        )
    rows = model.objects.filter(pk__in=[row.pk for row in made])
    return rows, [(row.status, row.amount) for row in made]


class TestPlainCalculations:
    """120 random writes each, of one to three rows."""

    @both_levels
    def test_a_protected_row_is_neither_changed_nor_deleted(self, order, at):
        paid = pgtrigger.Q(old__status="paid")
        model = order(
            pgtrigger.Protect(name="u", operation=pgtrigger.Update, condition=paid, level=at),
            pgtrigger.Protect(name="d", operation=pgtrigger.Delete, condition=paid, level=at),
        )
        chance = random.Random(1)
        for _ in range(120):
            rows, before = some_rows(model, chance)
            write = chance.choice([rows.delete, lambda rows=rows: rows.update(amount=1)])
            assert is_refused(write) == any(status == "paid" for status, _ in before)

    @both_levels
    def test_a_read_only_field_is_not_changed(self, order, at):
        model = order(
            pgtrigger.ReadOnly(
                name="amount",
                fields=["amount"],
                condition=pgtrigger.Q(old__status="paid"),
                level=at,
            )
        )
        chance = random.Random(2)
        for _ in range(120):
            rows, before = some_rows(model, chance)
            amount = chance.randrange(3)
            refused = any(status == "paid" and amount != old for status, old in before)
            assert is_refused(lambda rows=rows, n=amount: rows.update(amount=n)) == refused

    @both_levels
    def test_a_state_begins_and_changes_as_listed(self, order, at):
        listed = [("draft", "paid"), ("*", "void")]
        model = order(
            pgtrigger.FSM(
                name="flow", field="status", initial=["draft"], transitions=listed, level=at
            )
        )
        chance = random.Random(3)
        for _ in range(120):
            first = chance.choice(STATES)
            assert is_refused(lambda s=first: model.objects.create(status=s)) == (first != "draft")
            rows, before = some_rows(model, chance)
            new = chance.choice(STATES)
            refused = any(
                new not in (old, "void") and (old, new) != ("draft", "paid") for old, _ in before
            )
            assert is_refused(lambda rows=rows, s=new: rows.update(status=s)) == refused

    def test_a_time_changes_with_its_row(self, order):
        model = order(pgtrigger.Touch("changed_at"))
        chance = random.Random(4)
        for _ in range(120):
            rows, before = some_rows(model, chance)
            with pgtrigger.ignore():
                rows.update(changed_at=LONG_AGO)
            amount = chance.randrange(3)
            rows.update(amount=amount)
            touched = [row.changed_at != LONG_AGO for row in rows.order_by("pk")]
            assert touched == [old != amount for _, old in before]

    def test_a_deletion_marks_rows_and_keeps_the_first_time(self, order):
        model = order(pgtrigger.SoftDelete(name="soft", field="deleted_at"))
        chance = random.Random(5)
        times = {}
        for _ in range(120):
            if chance.random() < 0.5 or not times:
                rows, _ = some_rows(model, chance)
                times |= dict.fromkeys(rows.values_list("pk", flat=True))
            some = chance.sample(sorted(times), min(len(times), 3))
            rows = model.objects.filter(pk__in=some)
            if chance.random() < 0.3:
                deleted = LONG_AGO + datetime.timedelta(days=chance.randrange(99))
                rows.update(deleted_at=deleted)
                times |= dict.fromkeys(some, deleted)
            else:
                rows.delete()
                now = model.objects.filter(deleted_at__gt=LONG_AGO + datetime.timedelta(days=99))
                present = now.values_list("deleted_at", flat=True).first()
                times |= {key: times[key] or present for key in some}
            assert dict(model.objects.values_list("pk", "deleted_at")) == times


class TestConnections:
    """Two and eight connections, at three isolation levels; each rule's promise holds after it."""

    @committed
    @both_levels
    @with_connections
    @at_every_level
    def test_a_frozen_row_is_as_it_was_when_it_was_frozen(self, order, at, number, level):
        """The write that freezes a row notes its amount."""
        model = order(pgtrigger.Frozen(when=Q(status="paid"), level=at))
        keys = [row.pk for row in model.objects.bulk_create([model() for _ in range(6)])]
        table = model._meta.db_table

        def write(own, chance):
            key = chance.choice(keys)
            kind = chance.choice(["freeze", "change", "change", "delete"])
            if kind == "freeze":
                own.execute(
                    f"UPDATE {table} SET status = 'paid', noted = amount"
                    " WHERE id = %s AND status = 'draft'",
                    [key],
                )
            elif kind == "change":
                own.execute(f"UPDATE {table} SET amount = amount + 1 WHERE id = %s", [key])
            else:
                own.execute(f"DELETE FROM {table} WHERE id = %s", [key])

        race(number, level, 12, write)
        frozen = list(model.objects.filter(status="paid"))
        assert all(row.amount == row.noted for row in frozen)
        assert frozen

    @committed
    @both_levels
    @with_connections
    @at_every_level
    def test_no_protected_row_is_deleted(self, order, at, number, level):
        """A table without a rule has a row for each row that was paid."""
        model = order(
            pgtrigger.Protect(
                name="keep",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__status="paid"),
                level=at,
            )
        )
        log = order()
        keys = [row.pk for row in model.objects.bulk_create([model() for _ in range(20)])]
        table = model._meta.db_table

        def write(own, chance):
            key = chance.choice(keys)
            if chance.random() < 0.5:
                own.execute(f"DELETE FROM {table} WHERE id = %s", [key])
            else:
                own.execute(
                    f"WITH paid AS (UPDATE {table} SET status = 'paid' WHERE id = %s RETURNING id)"
                    f" INSERT INTO {log._meta.db_table} (status, amount, noted)"
                    " SELECT 'paid', id, 0 FROM paid",
                    [key],
                )

        race(number, level, 10, write)
        paid = set(log.objects.values_list("amount", flat=True))
        assert paid
        assert paid == set(model.objects.filter(status="paid").values_list("pk", flat=True))

    @committed
    @both_levels
    @with_connections
    @at_every_level
    def test_a_read_only_field_keeps_its_value(self, order, at, number, level):
        model = order(pgtrigger.ReadOnly(name="amount", fields=["amount"], level=at))
        rows = model.objects.bulk_create([model(amount=n) for n in range(4)])
        table = model._meta.db_table

        def write(own, chance):
            key, column = chance.choice(rows).pk, chance.choice(["amount", "noted"])
            own.execute(f"UPDATE {table} SET {column} = {column} + 1 WHERE id = %s", [key])

        refused = race(number, level, 10, write)
        assert set(model.objects.values_list("pk", "amount")) == {(r.pk, r.amount) for r in rows}
        noted = sum(model.objects.values_list("noted", flat=True))
        assert noted + len(refused) == number * 10

    @committed
    @with_connections
    @at_every_level
    def test_a_row_has_the_time_of_the_transaction_that_changed_it_last(self, order, number, level):
        """Each writer notes its own time in another field."""
        model = order(pgtrigger.Touch("changed_at"))
        keys = [row.pk for row in model.objects.bulk_create([model() for _ in range(3)])]
        table = model._meta.db_table

        def write(own, chance):
            key = chance.choice(keys)
            own.execute(
                f"UPDATE {table} SET deleted_at = now(), amount = amount + 1 WHERE id = %s", [key]
            )

        assert not race(number, level, 10, write)
        rows = list(model.objects.all())
        assert sum(row.amount for row in rows) == number * 10
        assert all(row.changed_at == row.deleted_at for row in rows if row.amount)

    @committed
    @with_connections
    @at_every_level
    def test_a_row_is_marked_once_and_stays(self, order, number, level):
        """After its deletion each connection reads the time: all read the same."""
        model = order(pgtrigger.SoftDelete(name="soft", field="deleted_at"))
        keys = [row.pk for row in model.objects.bulk_create([model() for _ in range(3)])]
        table, seen = model._meta.db_table, []

        def write(own, chance):
            key = chance.choice(keys)
            own.execute(f"DELETE FROM {table} WHERE id = %s", [key])
            read = own.execute(f"SELECT deleted_at FROM {table} WHERE id = %s", [key])
            seen.append((key, read.fetchone()[0]))

        assert not race(number, level, 10, write)
        stored = dict(model.objects.values_list("pk", "deleted_at"))
        assert set(stored) == set(keys)
        # A transaction that had to be repeated may have read a time that was not committed.
        if level == "READ COMMITTED":
            assert set(seen) == {(key, time) for key, time in stored.items() if time}
