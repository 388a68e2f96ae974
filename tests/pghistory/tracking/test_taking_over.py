"""A project that used the packages on PyPI: its migrations, its event tables and its names.

``written/taken_over_3.9.2.txt`` is the output of ``makemigrations`` with django-pghistory 3.9.2
and django-pgtrigger 4.17.0 for the models below.
"""

import io
import re
from pathlib import Path

import pytest
from django.apps import apps
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import connection

import pghistory
from pghistory import postponing
from pghistory.models import Context, Events
from pghistory.reading import absent_columns
from pghistory.reading.revert import CannotRevert
from tests.pgtrigger.throwaway import execute, shape

pytestmark = pytest.mark.django_db

WRITTEN = Path(__file__).parent / "written" / "taken_over_3.9.2.txt"
GUIDE = Path(__file__).parents[3] / "docs" / "moving-from-pypi.md"

MODELS = """
import pghistory


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Place(models.Model):
    address = models.CharField(max_length=40)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    obj_field=pghistory.ObjForeignKey(related_name="restaurant_events"),
)
class Restaurant(Place):
    seats = models.IntegerField(default=0)


@pghistory.track(
    pghistory.InsertEvent("order.created"),
    pghistory.UpdateEvent("order-changed"),
    context_field=None,
)
class Order(models.Model):
    number = models.IntegerField(default=0)


class Invoice(models.Model):
    number = models.IntegerField(default=0)


class InvoiceEvent(pghistory.create_event_model(Invoice, pghistory.InsertEvent())):
    user = pghistory.ProxyField(
        "pgh_context__metadata__user", models.ForeignKey(User, models.DO_NOTHING, null=True)
    )
"""


@pytest.fixture
def taken_over(app):
    """The app, and its database as the PyPI packages left it."""
    app.add_migration("0001_initial", WRITTEN.read_text())
    app.declare(MODELS)
    app.migrate("0001")
    yield app
    for model in apps.get_app_config("throwaway").get_models():
        pghistory.tracking.event_models._event_models.pop(model._meta.label, None)


def key_type(table):
    return execute(
        "SELECT data_type FROM information_schema.columns"
        f" WHERE table_name = '{table}' AND column_name = 'pgh_id'"
    )[0][0]


class TestBeforeAnyMigration:
    def test_events_are_read_whose_columns_are_absent(self, taken_over):
        restaurant = taken_over.model("Restaurant").objects.create(address="A", seats=4)
        [event] = restaurant.restaurant_events.all()
        assert (event.seats, event.address, event.id) == (4, None, None)
        [listed] = Events.objects.tracks(restaurant).filter(pgh_model__endswith="RestaurantEvent")
        assert listed.pgh_data["seats"] == 4

    def test_differences_are_shown(self, taken_over):
        restaurant = taken_over.model("Restaurant").objects.create(address="A", seats=4)
        restaurant.seats = 5
        restaurant.save()
        events = Events.objects.tracks(restaurant).filter(pgh_model__endswith="RestaurantEvent")
        assert [each.pgh_diff for each in events.order_by("pgh_id")] == [None, {"seats": [4, 5]}]

    def test_an_event_is_written_from_python(self, taken_over):
        restaurant = taken_over.model("Restaurant").objects.create(address="A", seats=4)
        pghistory.create_event(restaurant, label="insert")
        assert restaurant.restaurant_events.count() == 2

    def test_a_parent_is_updated(self, taken_over):
        restaurant = taken_over.model("Restaurant").objects.create(address="A", seats=4)
        taken_over.model("Place").objects.update(address="B")
        assert restaurant.place_ptr.events.count() == 2

    def test_a_proxy_field_beside_a_column_of_its_name(self, taken_over, django_user_model):
        user = django_user_model.objects.create(username="u")
        with pghistory.context(user=user.pk):
            taken_over.model("Invoice").objects.create()
        [event] = taken_over.model("InvoiceEvent").objects.filter(user=user)
        assert event.user == user

    def test_a_context_is_read_whose_column_is_absent(self, taken_over):
        execute("ALTER TABLE pghistory_context DROP COLUMN database_role")
        absent_columns.forget()
        with pghistory.context(user=None, reason="x"):
            taken_over.model("Invoice").objects.create()
        event = taken_over.model("InvoiceEvent").objects.get()
        assert event.pgh_context.metadata["reason"] == "x"
        [event] = taken_over.model("InvoiceEvent").objects.select_related("pgh_context")
        assert event.pgh_context.database_role is None
        assert not Context.objects.filter(database_role="postgres").exists()

    def test_a_model_without_context(self, taken_over):
        order = taken_over.model("Order").objects.create()
        with pghistory.context(reason="x"):
            order.number = 1
            order.save()
        assert [each.number for each in order.events.order_by("pgh_id")] == [0, 1]
        assert Events.objects.tracks(order).count() == 2

    def test_what_is_complete_is_asked_once(self, taken_over, django_assert_num_queries):
        taken_over.makemigrations()
        taken_over.migrate()
        restaurant = taken_over.model("Restaurant").objects.create(address="A", seats=4)
        assert restaurant.restaurant_events.get().address == "A"
        with django_assert_num_queries(1):
            list(restaurant.restaurant_events.all())


class TestOldEvents:
    def test_an_event_without_its_parents_columns_is_not_reverted_to(self, taken_over):
        restaurant = taken_over.model("Restaurant").objects.create(address="A", seats=4)
        taken_over.makemigrations()
        taken_over.migrate()
        event = restaurant.restaurant_events.get()
        with pytest.raises(CannotRevert, match="older than its column"):
            event.revert()

    def test_a_newer_one_is(self, taken_over):
        taken_over.makemigrations()
        taken_over.migrate()
        restaurant = taken_over.model("Restaurant").objects.create(address="A", seats=4)
        taken_over.model("Place").objects.update(address="B")
        assert restaurant.restaurant_events.first().revert().address == "A"


class TestMigrations:
    def test_one_brings_everything_up_to_date(self, taken_over):
        operations = shape(taken_over.makemigrations("--noinput"))
        assert not taken_over.has_changes()
        assert not [each for each in operations if each.startswith("RemoveTrigger")]
        taken_over.migrate()
        assert set(taken_over.states().values()) == {"INSTALLED ENABLED"}
        assert taken_over.leftovers() == []

    def test_labels_that_are_not_identifiers_keep_their_triggers(self, taken_over):
        names = {name for name in taken_over.states() if name.startswith("Order:")}
        assert names == {"Order:order_created_insert", "Order:order_changed_update"}

    def test_labels_that_give_the_same_name(self, app):
        app.declare(
            """
            import pghistory

            @pghistory.track(pghistory.InsertEvent("a.b"), pghistory.InsertEvent("a-b"))
            class Entry(models.Model):
                pass
            """
        )
        app.makemigrations()
        app.migrate()
        assert len(app.states()) == 2
        entry = app.model("Entry").objects.create()
        assert {each.pgh_label for each in entry.events.all()} == {"a.b", "a-b"}

    def test_no_table_is_rewritten(self, taken_over):
        before = _files(taken_over)
        taken_over.makemigrations()
        taken_over.migrate()
        # The index goes with the column that the PyPI package makes for a proxy field.
        gone = {name for name in before if "invoiceevent_user" in name}
        assert _files(taken_over) == {name: before[name] for name in {*before} - gone}
        assert key_type("throwaway_orderevent") == "integer"

    def test_the_migrations_can_be_undone(self, taken_over):
        taken_over.makemigrations()
        taken_over.migrate()
        taken_over.migrate("0001")
        taken_over.model("Order").objects.create()
        assert execute("SELECT count(*) FROM throwaway_orderevent") == [(1,)]

    def test_a_renamed_model_keeps_its_events(self, taken_over):
        taken_over.makemigrations()
        taken_over.migrate()
        taken_over.model("Order").objects.create()
        taken_over.declare(MODELS.replace("class Order(", "class Purchase("))
        operations = shape(taken_over.makemigrations())
        assert "RenameModel orderevent purchaseevent" in operations
        taken_over.migrate()
        assert not taken_over.has_changes()
        assert execute("SELECT count(*) FROM throwaway_purchaseevent") == [(1,)]

    def test_without_a_context_field_there_are_no_columns_for_one(self, taken_over):
        columns = {field.column for field in taken_over.model("OrderEvent")._meta.concrete_fields}
        assert not columns & {"pgh_context", "pgh_context_id"}


class TestUpgrade:
    def test_makemigrations_names_what_waits_and_its_size(self, taken_over):
        out = io.StringIO()
        call_command("makemigrations", "throwaway", stdout=out)
        line = r"throwaway.OrderEvent keeps its 32-bit key and its indexes \(\d+ .B.*\)"
        assert re.search(line, out.getvalue())

    def test_what_is_asked_for_is_upgraded(self, taken_over):
        taken_over.makemigrations()
        call_command("pghistory", "upgrade", "throwaway.OrderEvent", stdout=io.StringIO())
        taken_over.migrate()
        assert key_type("throwaway_orderevent") == "bigint"
        assert key_type("throwaway_placeevent") == "integer"
        assert not taken_over.has_changes()
        assert "throwaway.OrderEvent" not in {each.label for each in postponing.postponed()}

    def test_another_label_is_refused(self, taken_over):
        with pytest.raises(CommandError, match="is not an event model"):
            call_command("pghistory", "upgrade", "throwaway.Order")

    def test_a_new_event_model_has_everything_at_once(self, taken_over):
        taken_over.makemigrations()
        taken_over.migrate()
        taken_over.declare(
            MODELS + "\n\n@pghistory.track()\nclass Later(models.Model):\n    pass\n"
        )
        taken_over.makemigrations()
        taken_over.migrate()
        assert key_type("throwaway_laterevent") == "bigint"


def _files(app):
    """The file of each table and index, which changes if it is rewritten."""
    return dict(
        execute(
            "SELECT relname, pg_relation_filenode(oid) FROM pg_class"
            f" WHERE relname LIKE '{app.label}_%' AND relkind IN ('r', 'i')"
        )
    )


@pytest.mark.django_db(transaction=True)
class TestOnline:
    def test_the_documented_statements_upgrade_a_table(self, django_db_blocker):
        statements = _statements()
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE TABLE shop_orderevent (pgh_id integer GENERATED BY DEFAULT AS IDENTITY,"
                " pgh_created_at timestamptz, pgh_obj_id bigint,"
                " CONSTRAINT shop_orderevent_pkey PRIMARY KEY (pgh_id))"
            )
            try:
                cursor.execute(
                    "INSERT INTO shop_orderevent (pgh_obj_id) SELECT generate_series(1, 50)"
                )
                for statement in statements:
                    cursor.execute(statement)
                cursor.execute(
                    "INSERT INTO shop_orderevent (pgh_obj_id) VALUES (51) RETURNING pgh_id,"
                    " pg_typeof(pgh_id)::text"
                )
                assert cursor.fetchone() == (51, "bigint")
                cursor.execute("SELECT count(DISTINCT pgh_id), max(pgh_id) FROM shop_orderevent")
                assert cursor.fetchone() == (51, 51)
            finally:
                cursor.execute("DROP TABLE shop_orderevent")


def _statements():
    """The statements of the page; what is between BEGIN and COMMIT is one."""
    section = GUIDE.read_text().partition("## Upgrade a large event table online")[2]
    found = []
    for block in re.findall(r"```(?:sql|postgres)\n(.*?)```", section, re.DOTALL):
        is_transaction = block.startswith("BEGIN;")
        found += [block] if is_transaction else re.findall(r"(?:\$\$.*?\$\$|[^;$])+;", block)
    return found
