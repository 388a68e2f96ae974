"""The settings and the arguments of ``track()``, and the values they reject."""

import pytest
from django.contrib.auth.models import Group
from django.core.exceptions import ImproperlyConfigured
from django.core.management import call_command
from django.db import connection, models
from django.test.utils import isolate_apps

import pghistory
import pgtrigger
from pghistory import checks, config, legacy
from pghistory.models import Context
from pghistory.tracking import event_models
from pghistory.writing.event_trigger import Event, of_tracker
from pgtrigger.triggers import registry
from tests.pghistory.models import Author, Partial, RowLevel, StatementLevel, Tracked
from tests.pgtrigger.models import Plain


class TestSession:
    """PGHISTORY_RECORD_SESSION: the context of last resort."""

    @pytest.fixture(autouse=True, params=[RowLevel, StatementLevel], ids=["row", "statement"])
    def model(self, request, settings, db):
        settings.PGHISTORY_RECORD_SESSION = True
        for trigger in registry.of_model(request.param):
            trigger.install(request.param)
        return request.param

    def contexts(self, model):
        events = model.pgh_event_model.objects.order_by("pgh_id")
        return [event.pgh_context.metadata for event in events]

    def test_a_change_without_context_has_the_sessions(self, model):
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL application_name = 'psql'")
            cursor.execute("SELECT session_user, host(inet_client_addr())")
            role, address = cursor.fetchone()
            for number in (1, 2):
                cursor.execute(f"INSERT INTO {model._meta.db_table} (number) VALUES ({number})")
        said = {"database_role": role, "application_name": "psql", "client_address": address}
        assert self.contexts(model) == [said, said]
        assert Context.objects.count() == 1

    def test_a_change_in_a_context_has_that(self, model):
        with pghistory.context(user=1):
            model.objects.create(number=1)
        assert self.contexts(model) == [{"user": 1}]


class TestNames:
    def test_the_relation_to_events_has_a_default_name(self):
        assert Tracked._meta.get_field("events").related_model is Tracked.pgh_event_model

    def test_the_relation_to_events_has_the_name_of_the_setting(self, settings):
        settings.PGHISTORY_OBJ_FIELD = pghistory.ObjForeignKey(related_name="event")
        with isolate_apps("tests.pghistory"):

            class Kept(models.Model):
                class Meta:
                    app_label = "pghistory_tests"

            event_model = pghistory.create_event_model(Kept)
        assert event_model._meta.get_field("pgh_obj").remote_field.related_name == "event"

    def test_event_models_by_label(self):
        assert set(Tracked.pgh_event_models) == {"snapshot", "create", "low_int"}
        assert set(Partial.pgh_event_models) == {"raised", "seen", "insert", "update"}

    def test_indexes_of_many_event_models_have_names_of_their_own(self):
        """Django's names end in six hex digits, which are the same for these two tables."""
        named = set()
        with isolate_apps("tests.pghistory"):

            class Kept(models.Model):
                class Meta:
                    app_label = "pghistory_tests"

            for table in ["tracked_model15event", "tracked_model52event"]:
                event_model = pghistory.create_event_model(
                    Kept, model_name=table, abstract=False, meta={"db_table": table}
                )
                event_models._add_indexes(event_model)
                named.update(index.name for index in event_model._meta.indexes)
        assert len(named) == 6

    def test_an_event_model_declared_elsewhere_is_in_its_own_app(self):
        """The tracked model may be another package's, which has no room for migrations."""
        with isolate_apps("tests.pghistory", "django.contrib.auth", "django.contrib.contenttypes"):
            here = {"__module__": __name__}
            declared = type("GroupEvent", (pghistory.create_event_model(Group),), dict(here))
            base = pghistory.create_event_model(Group, app_label="auth", model_name="AuthEvent")
            placed = type("AuthEvent", (base,), dict(here))
        assert declared._meta.label == "pghistory_tests.GroupEvent"
        assert placed._meta.label == "auth.AuthEvent"

    def test_a_label_may_be_anything(self):
        with isolate_apps("tests.pghistory"):

            class Odd(models.Model):
                class Meta:
                    app_label = "pghistory_tests"

            label = "what happened, then? " * 5
            event_model = pghistory.create_event_model(Odd, pghistory.InsertEvent(label))

        ((_, trigger),) = of_tracker(pghistory.InsertEvent(label), event_model, None)
        assert trigger.label == label
        assert len(trigger.name) <= 47

    def test_update_of_is_captured_at_row_level(self):
        """PostgreSQL has no transition tables for a trigger with a list of columns."""
        tracker = pghistory.RowEvent("x", operation=pgtrigger.UpdateOf("number"), condition=None)
        with isolate_apps("tests.pghistory"):

            class Odd(models.Model):
                number = models.IntegerField()

                class Meta:
                    app_label = "pghistory_tests"

            event_model = pghistory.create_event_model(Odd, tracker)

        ((_, trigger),) = of_tracker(tracker, event_model, None)
        assert trigger.level == pgtrigger.Row

    def test_documented_paths_are_importable(self):
        import pghistory.core
        import pghistory.middleware
        import pghistory.models
        import pghistory.trigger
        import pghistory.utils

        assert pghistory.core.track is pghistory.track
        assert issubclass(pghistory.trigger.Event, pgtrigger.Trigger)
        assert pghistory.models.EventQuerySet
        assert pghistory.utils.JSONField
        assert pghistory.middleware.HistoryMiddleware


@pytest.fixture
def indexed():
    """A model whose fields have an index each."""
    with isolate_apps("tests.pghistory"):

        class Indexed(models.Model):
            number = models.IntegerField(db_index=True)
            slug = models.SlugField()
            plain = models.IntegerField()
            author = models.ForeignKey(Author, models.CASCADE)
            loose = models.ForeignKey(Author, models.CASCADE, db_index=False)

            class Meta:
                app_label = "pghistory_tests"

        yield Indexed


def arguments(model, argument):
    """Return the value of this argument for each field of the event model that has it."""
    event_model = pghistory.create_event_model(model)
    return {
        field.name: getattr(field, argument)
        for field in event_model._meta.local_fields
        if hasattr(field, argument)
    }


def test_a_partitioned_table_is_captured_row_by_row(app):
    # Rows written into a partition pass the row-level triggers alone. psqlextra marks its
    # partitioned models with this attribute.
    app.declare(
        """
import pghistory
from django.db import models

@pghistory.track(pghistory.InsertEvent())
class Plain(models.Model):
    number = models.IntegerField()

@pghistory.track(pghistory.InsertEvent())
class Partitioned(models.Model):
    number = models.IntegerField()
    _partitioning_meta = object()
"""
    )
    levels = {
        name: {trigger.level for trigger in app.model(name)._meta.triggers}
        for name in ("Plain", "Partitioned")
    }
    assert levels == {"Plain": {pgtrigger.Statement}, "Partitioned": {pgtrigger.Row}}


class TestFieldSettings:
    def test_a_copy_has_no_index_unless_it_is_a_foreign_key(self, indexed):
        found = arguments(indexed, "db_index")
        assert [name for name in found if found[name]] == ["author", "loose", "pgh_context"]

    def test_a_copy_keeps_the_index_that_the_tracked_field_has(self, indexed, settings):
        settings.PGHISTORY_FIELD = pghistory.Field(db_index=pghistory.DEFAULT)
        settings.PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(db_index=pghistory.DEFAULT)
        found = arguments(indexed, "db_index")
        assert [name for name in found if found[name]] == [
            *("number", "slug", "author", "pgh_context")
        ]

    def test_a_copy_keeps_what_deleting_its_target_does(self, indexed, settings):
        settings.PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(on_delete=pghistory.DEFAULT)
        copy = pghistory.create_event_model(indexed)._meta.get_field("author")
        assert copy.remote_field.on_delete is models.CASCADE

    def test_every_foreign_key_is_declared_as_the_setting_says(self, indexed, settings):
        settings.PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(
            db_index=False, db_constraint=True, on_delete=models.CASCADE, related_name="+"
        )
        constrained = arguments(indexed, "db_constraint")
        assert constrained == dict.fromkeys(["author", "loose", "pgh_obj", "pgh_context"], True)
        assert not any(arguments(indexed, "db_index").values())
        event_model = pghistory.create_event_model(
            indexed, obj_field=pghistory.ObjForeignKey(on_delete=models.DO_NOTHING)
        )
        options = {field.name: field.remote_field for field in event_model._meta.local_fields}
        assert options["pgh_context"].on_delete is models.CASCADE
        assert options["pgh_obj"].on_delete is models.DO_NOTHING
        assert options["pgh_obj"].related_name == "events"

    def test_a_change_without_context_is_written_whatever_foreign_keys_are(self, indexed, settings):
        settings.PGHISTORY_FOREIGN_KEY_FIELD = pghistory.ForeignKey(null=False)
        assert arguments(indexed, "null")["pgh_context"]

    def test_a_declaration_says_what_it_was_given(self):
        declared = pghistory.Field(null=True, db_index=pghistory.DEFAULT)
        assert repr(declared) == "Field(null=True, db_index=pghistory.DEFAULT)"


class TestRefusals:
    def test_a_field_that_is_not_there(self):
        with pytest.raises(ValueError, match=r"no column for 'nmae'.*name"):
            pghistory.create_event_model(Author, fields=["nmae"])

    def test_fields_together_with_exclude_is_an_error(self):
        with pytest.raises(ValueError, match="not both"):
            pghistory.create_event_model(Author, fields=["name"], exclude=["id"])

    def test_tracking_an_abstract_model_is_an_error(self):
        class Base(models.Model):
            class Meta:
                abstract = True
                app_label = "pghistory_tests"

        with pytest.raises(ValueError, match="abstract"):
            pghistory.track()(Base)

    @pytest.mark.parametrize(
        ("make", "reason"),
        [
            (lambda: pghistory.ManualEvent(), "label"),
            (lambda: pghistory.RowEvent("x"), "operation"),
            (lambda: pghistory.InsertEvent(row=pghistory.Old), "no old row"),
            (lambda: pghistory.DeleteEvent(row=pghistory.New), "no new row"),
            (lambda: pghistory.UpdateEvent(row="odd"), "expected pghistory.Old"),
            (lambda: pghistory.RowEvent("x", operation=pgtrigger.Truncate), "TRUNCATE"),
        ],
    )
    def test_a_tracker_that_cannot_be(self, make, reason):
        with pytest.raises(ValueError, match=reason):
            make()

    def test_an_argument_that_no_field_has(self):
        with pytest.raises(TypeError, match="has no argument 'nul'"):
            pghistory.ContextForeignKey(nul=True)

    def test_a_setting_of_another_kind(self, settings):
        settings.PGHISTORY_LEVEL = "row"
        with pytest.raises(ImproperlyConfigured, match=r"PGHISTORY_LEVEL: found 'row', expected"):
            assert config.settings.level


class TestInstalledPackages:
    """The migrations of triggers on another package's model."""

    @pytest.fixture
    def employee(self):
        """A model that inherits ``auth.Group``, whose table so has a trigger of its events."""
        with isolate_apps("tests.pghistory", "django.contrib.auth", "django.contrib.contenttypes"):

            class Employee(Group):
                number = models.IntegerField()

                class Meta:
                    app_label = "pghistory_tests"

            yield Employee

    @pytest.fixture
    def track(self, employee):
        added = []

        def track(**options):
            event_model = pghistory.create_event_model(employee, abstract=False, **options)
            for model, declared in of_tracker(pghistory.UpdateEvent(), event_model, None):
                if model is not employee:  # whose triggers were registered with its event model
                    registry.add(model, declared)
                    added.append((model, declared))

        yield track
        for model, declared in added:
            registry.remove(model, declared)

    def test_they_go_into_the_package(self, track):
        track()
        (warning,) = checks.check_installed()
        assert warning.id == "pghistory.W002"
        assert "pghistory_tests.EmployeeEvent has triggers on auth.Group" in warning.msg

    def test_they_go_into_the_project_where_a_setting_says_so(self, track, settings):
        track()
        settings.MIGRATION_MODULES = {"auth": "project.auth_migrations"}
        assert checks.check_installed() == []

    def test_there_are_none_for_the_childs_own_fields(self, track):
        track(fields=["number"])
        assert checks.check_installed() == []

    def test_the_projects_own_apps_may_track_each_other(self):
        declared = registry.of_model(Tracked)[0]
        elsewhere = Event(
            name="elsewhere",
            label="elsewhere",
            operation=pgtrigger.Insert,
            event_model=declared.event_model,
        )
        registry.add(Plain, elsewhere)
        try:
            assert checks.check_installed() == []
        finally:
            registry.remove(Plain, elsewhere)


@pytest.mark.django_db
class TestDatabase:
    def test_a_partitioned_table_captured_once_a_statement_is_an_error(self):
        with connection.cursor() as cursor:
            cursor.execute("DROP TABLE pghistory_tests_statementlevel CASCADE")
            cursor.execute(
                "CREATE TABLE pghistory_tests_statementlevel (id int, number int, text text) "
                "PARTITION BY LIST (id)"
            )
        (error,) = checks.check_partitioned(databases=["default"])
        assert error.id == "pghistory.E001"
        assert "pghistory_tests.StatementLevel is partitioned" in error.msg

    def test_no_migration_is_missing(self):
        call_command("makemigrations", "pghistory", check=True, dry_run=True, verbosity=0)

    def test_triggers_of_the_pypi_package_find_their_function(self):
        legacy.install(connection)
        with pghistory.context(user=1) as opened, connection.cursor() as cursor:
            cursor.execute("SELECT _pgh_attach_context()")
            assert cursor.fetchone() == (opened.id,)
        assert Context.objects.get().metadata == {"user": 1}
