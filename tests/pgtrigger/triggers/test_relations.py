"""``AtMost``, ``NoCycle`` and ``Requires``: rules that read other rows."""

import random

import pytest
from django.db import models, transaction
from django.db.models import Q

import pgtrigger
from pgtrigger import CycleError, DeclarationError, LimitError, RequirementError
from pgtrigger.forms import forecast
from pgtrigger.testing import allows, refuses
from tests.pgtrigger.concurrent import at_every_level, connect, race, with_connections
from tests.pgtrigger.throwaway import execute

pytestmark = pytest.mark.django_db
committed = pytest.mark.django_db(transaction=True, available_apps=["tests.pgtrigger"])
LIMIT = 3


def is_refused(write, error_class):
    try:
        with transaction.atomic():
            write()
    except error_class:
        return True
    return False


@pytest.fixture
def teams(make_model):
    team = make_model(name=models.CharField(max_length=9, default=""))
    member = make_model(
        team=models.ForeignKey(team, models.CASCADE, null=True),
        is_active=models.BooleanField(default=True),
        triggers=[pgtrigger.AtMost(LIMIT, per="team", where=Q(is_active=True), message="Full.")],
    )
    return team, member


class TestAtMost:
    def test_a_write_is_refused_as_a_plain_calculation_says(self, teams):
        team, member = teams
        chance = random.Random(2)
        keys = [each.pk for each in team.objects.bulk_create([team(), team()])]
        rows = {}

        def would_be_over(after):
            def size(state, key):
                return sum(1 for row in state.values() if row == (key, True))

            return any(size(after, k) > max(LIMIT, size(rows, k)) for k in keys)

        for _ in range(150):
            key, active = chance.choice([*keys, None]), chance.random() < 0.8
            match chance.randrange(3):
                case 0:
                    number = chance.randrange(1, 3)
                    after = rows | {f"new {n}": (key, active) for n in range(number)}
                    new = [member(team_id=key, is_active=active) for _ in range(number)]

                    def write(new=new):
                        member.objects.bulk_create(new)
                case 1:
                    some = chance.sample(sorted(rows), min(len(rows), 2))
                    after = rows | dict.fromkeys(some, (key, active))

                    def write(some=some, key=key, active=active):
                        member.objects.filter(pk__in=some).update(team=key, is_active=active)
                case _:
                    some = chance.sample(sorted(rows), min(len(rows), 1))
                    after = {pk: row for pk, row in rows.items() if pk not in some}

                    def write(some=some):
                        member.objects.filter(pk__in=some).delete()

            assert is_refused(write, LimitError) == would_be_over(after)
            rows = {
                pk: (k, a) for pk, k, a in member.objects.values_list("pk", "team", "is_active")
            }

    def test_the_refusal_names_the_field_the_limit_and_the_parent(self, teams):
        team, member = teams
        full = team.objects.create()
        with pytest.raises(LimitError) as raised, transaction.atomic():
            member.objects.bulk_create([member(team=full) for _ in range(LIMIT + 1)])
        error = raised.value
        assert (error.message, error.field, error.code) == ("Full.", "team", "at_most")
        assert (error.detail["limit"], error.detail["parent"]) == (LIMIT, full.pk)

    def test_rows_that_were_too_many_before_the_rule_may_stay_and_shrink(self, teams):
        team, member = teams
        full = team.objects.create()
        with pgtrigger.ignore():
            member.objects.bulk_create([member(team=full) for _ in range(LIMIT + 3)])
        member.objects.first().delete()
        member.objects.update(team=full)
        assert is_refused(lambda: member.objects.create(team=full), LimitError)

    def test_rows_that_row_level_security_hides_are_counted_as_the_owner(self, make_model):
        """``docs/what-a-rule-does-not-stop.md`` recommends it."""
        team = make_model()
        member = make_model(
            team=models.ForeignKey(team, models.CASCADE),
            triggers=[pgtrigger.AtMost(LIMIT, per="team", security="DEFINER")],
        )
        full, table = team.objects.create(), member._meta.db_table
        execute(
            "CREATE ROLE pgtrigger_writer;"
            f"GRANT SELECT, INSERT ON {table}, {team._meta.db_table} TO pgtrigger_writer;"
            "GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO pgtrigger_writer;"
            f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY;"
            f"CREATE POLICY hidden ON {table} FOR INSERT WITH CHECK (true);"
            "SET LOCAL ROLE pgtrigger_writer"
        )
        insert = f"INSERT INTO {table} (team_id) VALUES ({full.pk})"
        for _ in range(LIMIT):
            execute(insert)
        assert not execute(f"SELECT 1 FROM {table}")
        assert is_refused(lambda: execute(insert), LimitError)

    @committed
    @with_connections
    @at_every_level
    def test_the_limit_is_kept_among_connections(self, teams, number, level):
        team, member = teams
        keys = [each.pk for each in team.objects.bulk_create([team(), team()])]
        table = member._meta.db_table

        def write(own, chance):
            own.execute(
                f"INSERT INTO {table} (team_id, is_active) VALUES (%s, true)", [chance.choice(keys)]
            )

        refused = race(number, level, 5, write)
        sizes = [member.objects.filter(team=key).count() for key in keys]
        assert max(sizes) <= LIMIT
        assert sum(sizes) + len(refused) == number * 5

    @committed
    def test_a_transaction_that_waited_does_not_add_to_a_full_team(self, teams):
        """At REPEATABLE READ a lock of the team alone would let this pass."""
        team, member = teams
        key = team.objects.create().pk
        insert = f"INSERT INTO {member._meta.db_table} (team_id, is_active) VALUES ({key}, true)"
        with connect("REPEATABLE READ") as first, connect("REPEATABLE READ") as second:
            second.execute("BEGIN")
            second.execute("SELECT 1 FROM pg_class LIMIT 1")
            for _ in range(LIMIT):
                first.execute(insert)
            with pytest.raises(Exception, match="could not serialize"):
                second.execute(insert)


@pytest.fixture
def node(make_model):
    return make_model(
        parent=models.ForeignKey("self", models.CASCADE, null=True, db_column="the parent"),
        name=models.CharField(max_length=9, default=""),
        triggers=[pgtrigger.NoCycle("parent")],
    )


class TestNoCycle:
    def test_a_move_is_refused_as_a_plain_calculation_says(self, node):
        chance = random.Random(4)
        keys = [each.pk for each in node.objects.bulk_create([node() for _ in range(7)])]
        parents = dict.fromkeys(keys)

        def has_cycle(after):
            for start in after:
                current, steps = after[start], 0
                while current is not None and steps <= len(after):
                    current, steps = after[current], steps + 1
                if current is not None:
                    return True
            return False

        refusals = 0
        for _ in range(150):
            some = chance.sample(keys, chance.randrange(1, 3))
            target = chance.choice([*keys, None])
            after = parents | dict.fromkeys(some, target)
            rows = node.objects.filter(pk__in=some)
            refused = is_refused(lambda: rows.update(parent=target), CycleError)  # noqa: B023
            assert refused == has_cycle(after)
            refusals += refused
            parents = parents if refused else after
        assert 20 < refusals < 130

    def test_rows_inserted_together_do_not_refer_to_each_other_in_a_circle(self, node):
        assert is_refused(
            lambda: node.objects.bulk_create([node(pk=1, parent_id=2), node(pk=2, parent_id=1)]),
            CycleError,
        )
        assert is_refused(lambda: node.objects.create(pk=5, parent_id=5), CycleError)
        node.objects.bulk_create([node(pk=1), node(pk=2, parent_id=1)])

    def test_the_refusal_names_the_field(self, node):
        row = node.objects.create()
        row.parent = row
        with pytest.raises(CycleError) as raised:
            row.save()
        assert (raised.value.field, raised.value.key) == ("parent", {"id": row.pk})

    def test_a_cycle_from_before_the_rule_does_not_run_forever(self, node):
        a, b = node.objects.bulk_create([node(), node()])
        with pgtrigger.ignore():
            node.objects.filter(pk=a.pk).update(parent=b)
            node.objects.filter(pk=b.pk).update(parent=a)
        assert is_refused(lambda: node.objects.create(parent=a), CycleError)

    def test_a_deferred_rule_looks_at_the_tree_as_it_is_in_the_end(self, make_model):
        node = make_model(
            parent=models.ForeignKey("self", models.CASCADE, null=True),
            triggers=[pgtrigger.NoCycle("parent", timing=pgtrigger.Deferred)],
        )
        upper = node.objects.create()
        lower = node.objects.create(parent=upper)
        with allows():
            node.objects.filter(pk=upper.pk).update(parent=lower)
            node.objects.filter(pk=lower.pk).update(parent=None)
        with refuses(node, "no_cycle_parent", key=lower.pk):
            node.objects.filter(pk=lower.pk).update(parent=upper)

    @committed
    @with_connections
    @at_every_level
    def test_moves_form_no_cycle_together(self, node, number, level):
        keys = [each.pk for each in node.objects.bulk_create([node() for _ in range(5)])]
        table = node._meta.db_table

        def write(own, chance):
            row, target = chance.sample(keys, 2)
            own.execute(f'UPDATE {table} SET "the parent" = %s WHERE id = %s', [target, row])

        race(number, level, 8, write)
        parents = dict(node.objects.values_list("pk", "parent"))
        for start in parents:
            seen = set()
            while start is not None:
                assert start not in seen
                seen.add(start)
                start = parents[start]


@pytest.fixture
def invoices(make_model):
    invoice = make_model(status=models.CharField(max_length=9, default="draft"))
    line = make_model(
        invoice=models.ForeignKey(invoice, models.CASCADE, null=True),
        amount=models.IntegerField(default=0),
        triggers=[pgtrigger.Requires("invoice__status", "draft", message="It is issued.")],
    )
    return invoice, line


class TestRequires:
    def test_a_write_is_refused_as_a_plain_calculation_says(self, invoices):
        invoice, line = invoices
        chance = random.Random(6)
        status = {}
        for _ in range(3):
            status[invoice.objects.create().pk] = "draft"
        for _ in range(150):
            key = chance.choice(list(status))
            status[key] = chance.choice(["draft", "issued"])
            invoice.objects.filter(pk=key).update(status=status[key])
            target = chance.choice([*status, None])
            row = line.objects.order_by("?").first()
            old = row.invoice_id if row else None
            is_open = {None: True} | {pk: value == "draft" for pk, value in status.items()}
            kind = chance.randrange(4) if row else 0
            rows = line.objects.filter(pk=row.pk if row else 0)
            writes = [
                (lambda: line.objects.create(invoice_id=target), is_open[target]),  # noqa: B023
                (lambda: rows.update(amount=9, invoice=target), is_open[old] and is_open[target]),  # noqa: B023
                (lambda: rows.delete(), is_open[old]),  # noqa: B023
                (lambda: row.save(), True),  # noqa: B023
            ]
            write, allowed = writes[kind]
            unchanged = kind == 1 and (row.amount, old) == (9, target)
            assert is_refused(write, RequirementError) != (allowed or unchanged)

    def test_the_refusal_names_the_field_and_the_condition(self, invoices):
        invoice, line = invoices
        issued = invoice.objects.create(status="issued")
        with pytest.raises(RequirementError) as raised, transaction.atomic():
            line.objects.create(invoice=issued)
        error = raised.value
        assert (error.message, error.field) == ("It is issued.", "invoice")
        assert error.__cause__.diag.message_hint == (
            "This is allowed only while the status is 'draft' "
            "in the invoice that the row refers to."
        )

    def test_forms_know_what_a_row_requires(self, invoices):
        invoice, line = invoices
        parent = invoice.objects.create()
        row = line.objects.create(invoice=parent)
        assert forecast(line, row).is_deletable
        invoice.objects.update(status="issued")
        known = forecast(line, row)
        assert (known.is_deletable, known.read_only) == (False, {"id", "invoice", "amount"})

    def test_a_list_of_values_is_a_lookup(self, make_model):
        invoice = make_model(status=models.CharField(max_length=9, default="draft"))
        line = make_model(
            invoice=models.ForeignKey(invoice, models.CASCADE),
            triggers=[pgtrigger.Requires("invoice__status__in", ["draft", "open"])],
        )
        line.objects.create(invoice=invoice.objects.create(status="open"))
        paid = invoice.objects.create(status="paid")
        assert is_refused(lambda: line.objects.create(invoice=paid), RequirementError)

    def test_a_row_that_is_not_there_allows_nothing(self, invoices):
        _, line = invoices
        assert is_refused(lambda: line.objects.create(invoice_id=77), RequirementError)

    @committed
    @with_connections
    @at_every_level
    def test_no_line_is_added_after_its_invoice_was_issued(self, invoices, number, level):
        """Each issue notes how many lines there are: none is added after that."""
        invoice, line = invoices
        execute(f"ALTER TABLE {invoice._meta.db_table} ADD noted int")
        keys = [each.pk for each in invoice.objects.bulk_create([invoice() for _ in range(4)])]

        def write(own, chance):
            key = chance.choice(keys)
            if chance.random() < 0.3:
                own.execute(
                    f"UPDATE {invoice._meta.db_table} SET status = 'issued' WHERE id = %s", [key]
                )
                if level == "READ COMMITTED":  # others count with the snapshot from before
                    own.execute(
                        f"UPDATE {invoice._meta.db_table} SET noted = (SELECT count(*) FROM"
                        f" {line._meta.db_table} WHERE invoice_id = %s) WHERE id = %s",
                        [key, key],
                    )
            else:
                own.execute(
                    f"INSERT INTO {line._meta.db_table} (invoice_id, amount) VALUES (%s, 1)", [key]
                )

        refused = race(number, level, 10, write)
        assert refused
        for noted, counted in execute(
            f"SELECT noted, (SELECT count(*) FROM {line._meta.db_table} WHERE invoice_id = i.id)"
            f" FROM {invoice._meta.db_table} i WHERE noted IS NOT NULL"
        ):
            assert noted == counted


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda: pgtrigger.AtMost(0, per="team"), "expected an integer of at least 1"),
        (lambda: pgtrigger.AtMost(2, per="number"), "is not a foreign key"),
        (lambda: pgtrigger.AtMost(2, per="nothing"), "no field named 'nothing'"),
        (lambda: pgtrigger.NoCycle("number"), "is not a foreign key"),
        (lambda: pgtrigger.NoCycle("team"), "expected a foreign key to its own table"),
        (lambda: pgtrigger.Requires("team", 1), "expected a foreign key and a field"),
        (lambda: pgtrigger.Requires("number__x", 1), "is not a foreign key"),
        (lambda: pgtrigger.Requires("team__nothing", 1), "no field named 'nothing'"),
    ],
)
def test_what_cannot_make_sense_is_refused_at_load(make_model, make, reason):
    team = make_model(table=False)
    with pytest.raises(DeclarationError, match=reason):
        make_model(
            team=models.ForeignKey(team, models.CASCADE),
            number=models.IntegerField(),
            triggers=[make()],
            table=False,
        )
