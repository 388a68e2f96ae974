"""The migration operation ``Partition``: an event table becomes a partitioned one, and back."""

import pytest
from django.db import DatabaseError, NotSupportedError, connection, transaction
from django.utils import timezone

import pghistory
import pgtrigger
from pghistory.keeping import partitions
from pghistory.operations import Partition
from pghistory.past import views
from tests.pgtrigger.throwaway import execute

pytestmark = pytest.mark.django_db(transaction=True)

SOURCE = """
import pghistory

@pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent(), append_only={rule}
)
class Order(models.Model):
    total = models.PositiveIntegerField()
    note = models.TextField(default="")
"""
APPEND_ONLY = SOURCE.format(rule=True)
REMARK = """
class Remark(models.Model):
    event = models.ForeignKey("OrderEvent", models.CASCADE)
"""
INDEX = """
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

class Migration(migrations.Migration):
    atomic = False
    dependencies = [("throwaway", "{before}")]
    operations = [
        AddIndexConcurrently("orderevent", models.Index(fields=["total"], name="by_total"))
    ]
"""
EVENTS = "throwaway_orderevent"


def migration(name="0002_partition", every=1000, before="0001_initial", atomic=False):
    return name, (
        "from django.db import migrations\n"
        "from pghistory.operations import Partition\n"
        "class Migration(migrations.Migration):\n"
        f"    atomic = {atomic}\n"
        f"    dependencies = [('throwaway', '{before}')]\n"
        f"    operations = [Partition('OrderEvent', every={every})]\n"
    )


@pytest.fixture
def orders(app):
    """A tracked model with a table of events that a migration will partition."""

    def declare(source=APPEND_ONLY, rows=3):
        app.declare(source)
        app.makemigrations()
        app.migrate()
        order = app.model("Order")
        for number in range(rows):
            order.objects.create(total=number)
        app.add_migration(*migration())
        return app

    yield declare
    app.migrate("zero")


def file_of(table):
    return execute("SELECT relfilenode FROM pg_class WHERE oid = %s::regclass", [table])


def shape(table):
    """Return the columns, indexes, constraints and triggers of a table in the catalog."""
    names = execute(
        "SELECT attname::text, format_type(atttypid, atttypmod), attnotnull FROM pg_attribute "
        "WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY 1",
        [table],
    )
    indexes = execute(
        "SELECT i.relname::text, x.indisprimary, x.indisvalid FROM pg_index x "
        "JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = %s::regclass ORDER BY 1",
        [table],
    )
    constraints = execute(
        "SELECT conname::text, pg_get_constraintdef(oid) FROM pg_constraint "
        "WHERE conrelid = %s::regclass AND contype <> 'n' ORDER BY 1",
        [table],
    )
    triggers = execute(
        "SELECT tgname::text, pg_get_triggerdef(oid) FROM pg_trigger "
        "WHERE tgrelid = %s::regclass AND NOT tgisinternal ORDER BY 1",
        [table],
    )
    return names, indexes, constraints, triggers


class TestForwards:
    def test_the_table_is_attached_and_not_copied(self, orders):
        app = orders()
        before, looks = file_of(EVENTS), shape(EVENTS)
        app.migrate()
        assert file_of(f"{EVENTS}_first") == before
        assert shape(EVENTS) == looks
        assert app.model("OrderEvent").objects.count() == 3

    def test_events_go_on_with_the_next_key(self, orders):
        app = orders()
        app.migrate()
        app.model("Order").objects.create(total=9)
        assert list(app.model("OrderEvent").objects.values_list("pgh_id", flat=True)) == [
            1,
            2,
            3,
            4,
        ]

    def test_ranges_and_a_default_partition(self, orders):
        orders(rows=0).migrate()
        found = partitions.read(EVENTS, "default")
        assert [(each.lower, each.upper) for each in found.ranges] == [(None, 1000), (1000, 2000)]
        assert found.every == 1000
        execute("SELECT setval(pg_get_serial_sequence(%s, 'pgh_id'), 5000)", [EVENTS])
        from django.apps import apps

        apps.get_model("throwaway.Order").objects.create(total=1)
        assert execute(f"SELECT pgh_id FROM {found.default.name}") == [(5001,)]

    def test_the_first_bound_has_room_for_what_is_written_meanwhile(self, orders):
        orders().migrate()
        assert partitions.read(EVENTS, "default").ranges[0].upper == 1_001_000

    def test_nothing_differs_from_the_declarations(self, orders):
        app = orders()
        app.migrate()
        assert not app.has_changes()
        assert app.leftovers() == []
        assert set(app.states().values()) == {"INSTALLED ENABLED"}

    @pytest.mark.parametrize("rule", [True, '"strict"'], ids=["append_only", "strict"])
    def test_rules_hold_in_each_partition(self, orders, rule):
        app = orders(SOURCE.format(rule=rule))
        app.migrate()
        first = f"{EVENTS}_first"
        for statement in (
            f"TRUNCATE {EVENTS}",
            f"TRUNCATE {first}",
            f"DELETE FROM {first}",
            f"UPDATE {EVENTS} SET total = 0",
        ):
            with pytest.raises(pgtrigger.ProtectedError):
                execute(statement)
        assert app.model("OrderEvent").objects.count() == 3

    def test_flush_empties_every_partition(self, orders):
        from django.core.management import call_command

        app = orders(SOURCE.format(rule='"strict"'))
        app.migrate()
        call_command("flush", interactive=False, verbosity=0)
        assert app.model("OrderEvent").objects.count() == 0
        app.model("Order").objects.create(total=1)
        with pytest.raises(pgtrigger.ProtectedError):
            execute(f"TRUNCATE {EVENTS}_first")

    def test_foreign_keys_that_point_to_events_are_made_again(self, orders):
        app = orders(SOURCE.format(rule=False) + REMARK)
        event = app.model("OrderEvent").objects.first()
        app.model("Remark").objects.create(event=event)
        app.migrate()
        assert execute(
            "SELECT convalidated, condeferred FROM pg_constraint WHERE contype = 'f' "
            "AND confrelid = %s::regclass AND conparentid = 0",
            [EVENTS],
        ) == [(True, True)]
        with pytest.raises(DatabaseError, match="foreign key"):
            app.model("Remark").objects.create(event_id=99)

    def test_privileges_stay_and_partitions_have_none(self, orders):
        app = orders()
        execute("CREATE ROLE partition_reader")
        try:
            execute(f"GRANT SELECT, INSERT ON {EVENTS} TO partition_reader")
            app.migrate()
            with transaction.atomic():
                execute("SET LOCAL ROLE partition_reader")
                execute(
                    f"INSERT INTO {EVENTS} (pgh_label, pgh_obj_id, id, total, note) "
                    "VALUES ('insert', 1, 1, 1, '')"
                )
                assert execute(f"SELECT count(*) FROM {EVENTS}") == [(4,)]
                with pytest.raises(DatabaseError, match="permission denied"):
                    execute(f"SELECT FROM {EVENTS}_first")
                transaction.set_rollback(True)
        finally:
            execute("DROP OWNED BY partition_reader")
            execute("DROP ROLE partition_reader")

    def test_the_past_is_read_from_all_partitions(self, orders):
        app = orders()
        then = timezone.now()
        app.migrate()
        app.model("Order").objects.update(total=100)
        with pghistory.as_of(then):
            totals = app.model("Order").objects.order_by("pk").values_list("total", flat=True)
            assert list(totals) == [0, 1, 2]

    def test_an_index_and_a_column_that_are_added_later(self, orders):
        app = orders()
        app.migrate()
        app.declare(SOURCE.format(rule=True) + "    paid = models.BooleanField(default=False)\n")
        app.makemigrations()
        app.add_migration("0004_index", INDEX.format(before=app.migration_names()[-1]))
        app.migrate()
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_total'::regclass"
        assert execute(valid) == [(True,)]
        assert execute(
            "SELECT count(*) FROM pg_inherits WHERE inhparent = 'by_total'::regclass"
        ) == [(3,)]
        app.model("Order").objects.create(total=5, paid=True)
        assert app.model("OrderEvent").objects.last().paid is True

    def test_a_migration_in_a_transaction_is_for_empty_tables(self, orders):
        app = orders()
        app.add_migration(*migration(atomic=True))
        with pytest.raises(NotSupportedError, match="atomic = False"):
            app.migrate()

    def test_what_cannot_follow_is_named(self, orders):
        app = orders()
        execute(f"CREATE VIEW totals AS SELECT total FROM {EVENTS}")
        try:
            with pytest.raises(ValueError, match="the view totals, which would not follow"):
                app.migrate()
        finally:
            execute("DROP VIEW totals")
        app.migrate()

    def test_a_32_bit_key_is_refused_with_the_way_to_change_it(self, orders):
        app = orders()
        views.set_aside("default")
        execute(f"ALTER TABLE {EVENTS} ALTER COLUMN pgh_id TYPE integer")
        with pytest.raises(ValueError, match=r"pghistory upgrade throwaway\.OrderEvent"):
            app.migrate()

    def test_what_was_interrupted_is_continued(self, orders, monkeypatch):
        from pghistory.keeping import partitioning

        app = orders(SOURCE.format(rule=False) + REMARK)
        for name in ("_convert", "validate"):
            with monkeypatch.context() as patch:
                patch.setattr(partitioning, name, _die)
                with pytest.raises(KeyboardInterrupt):
                    app.migrate()
        app.migrate()
        assert app.model("OrderEvent").objects.count() == 3


def _die(*args, **options):
    raise KeyboardInterrupt


class TestBackwards:
    def test_it_is_a_plain_table_again_with_all_events(self, orders):
        app = orders(SOURCE.format(rule=True) + REMARK)
        looks = shape(EVENTS)
        app.migrate()
        execute("SELECT setval(pg_get_serial_sequence(%s, 'pgh_id'), 2000000)", [EVENTS])
        app.model("Order").objects.create(total=9)
        app.migrate("0001")
        assert partitions.read(EVENTS, "default") is None
        assert shape(EVENTS) == looks
        app.model("Order").objects.create(total=10)
        keys = app.model("OrderEvent").objects.values_list("pgh_id", flat=True)
        assert sorted(keys) == [1, 2, 3, 2000001, 2000002]
        assert app.leftovers() == []
        app.migrate()
        assert app.model("OrderEvent").objects.count() == 5

    def test_a_squashed_migration_makes_the_same_table(self, orders):
        app = orders(rows=0)
        app.squash("0002")
        app.migrate("zero")
        app.migrate()
        app.model("Order").objects.create(total=1)
        assert app.model("OrderEvent").objects.count() == 1
        assert len(partitions.read(EVENTS, "default").ranges) == 2
        assert not app.has_changes()


class TestDeclaration:
    def test_it_is_written_as_it_is_declared(self):
        operation = Partition("OrderEvent", every=5_000_000)
        assert operation.deconstruct() == (
            "Partition",
            [],
            {"model_name": "OrderEvent", "every": 5_000_000},
        )

    @pytest.mark.parametrize("every", [0, -1, "many", None])
    def test_it_needs_a_number_of_events(self, every):
        with pytest.raises(ValueError, match="expected a number of events"):
            Partition("OrderEvent", every=every)

    def test_a_model_without_events_is_an_error(self, orders):
        app = orders()
        name, source = migration()
        app.add_migration(name, source.replace("OrderEvent", "Order"))
        with pytest.raises(ValueError, match="expected an event model, such as OrderEvent"):
            app.migrate()


def test_a_long_name_is_cut_and_stays_unique():
    table = "a" * 60
    assert partitions.name("short", 5) == "short_5"
    names = {partitions.name(f"{table}{end}", 5) for end in "xyz"}
    assert len(names) == 3
    assert all(len(name) <= 63 for name in names)
    assert connection.vendor == "postgresql"
