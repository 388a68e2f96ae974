"""The examples in the documentation of django-pghistory: trackers, options, settings, context."""

import asyncio
import uuid

import pytest
from django.contrib import admin
from django.core.serializers.json import DjangoJSONEncoder
from django.db import InternalError, models, transaction
from django.http import HttpResponse

import pghistory
import pghistory.admin
import pghistory.models
import pgtrigger
from pghistory import config
from pghistory.middleware import HistoryMiddleware
from tests.pghistory.models import Book, RowLevel


@pytest.fixture
def track(create):
    """``track(tracker, ..., option=value)``: a tracked model with its tables."""

    def track(*trackers, base=models.Model, **options):
        meta = type("Meta", (), {"app_label": "compatibility"})
        fields = {"name": models.TextField(), "n": models.IntegerField(default=0)}
        made = type("Made", (base,), {"__module__": __name__, "Meta": meta, **fields})
        pghistory.track(*trackers, **options)(made)
        create(made)
        return made

    return track


def labels(model, **where):
    events = model.pgh_event_model.objects.filter(**where).order_by("pgh_id")
    return list(events.values_list("pgh_label", "name"))


def columns(model):
    return {field.name for field in model.pgh_event_model._meta.fields}


def change(model):
    """Insert a row, update it and delete it."""
    row = model.objects.create(name="a")
    model.objects.update(name="b")
    row.delete()


class TestTrackers:
    def test_the_default_tracks_inserts_and_updates(self, track):
        model = track()
        change(model)
        assert labels(model) == [("insert", "a"), ("update", "b")]

    @pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement])
    def test_events_of_3(self, track, level):
        model = track(
            pghistory.InsertEvent("added"),
            pghistory.UpdateEvent("before", row=pghistory.Old),
            pghistory.UpdateEvent("after", row=pghistory.New, trigger_name="z_after"),
            pghistory.DeleteEvent("removed"),
            level=level,
        )
        change(model)
        assert sorted(labels(model)) == [
            ("added", "a"),
            ("after", "b"),
            ("before", "a"),
            ("removed", "b"),
        ]
        names = {trigger.name for trigger in model._meta.triggers}
        assert {"added_insert", "before_update", "z_after", "removed_delete"} <= names

    def test_a_row_event_of_several_operations(self, track):
        operation = pghistory.Insert | pghistory.Update
        model = track(pghistory.RowEvent("written", operation=operation, condition=None))
        change(model)
        assert labels(model) == [("written", "a"), ("written", "b")]

    def test_a_tracker_with_a_condition_writes_the_same_events(self, track):
        condition = pghistory.Q(old__n__lt=pghistory.F("new__n"))
        model = track(pghistory.UpdateEvent("raised", condition=condition))
        model.objects.create(name="a")
        model.objects.update(n=1)
        model.objects.update(n=0)
        assert labels(model) == [("raised", "a")]

    def test_events_of_2(self, track):
        model = track(
            pghistory.Snapshot("snapshot"),
            pghistory.AfterInsert("inserted"),
            pghistory.BeforeUpdate("before"),
            pghistory.AfterUpdate("after"),
            pghistory.AfterInsertOrUpdate("either"),
            pghistory.BeforeDelete("deleted"),
            pghistory.AfterDelete("gone"),
            pghistory.Event("manual"),
        )
        change(model)
        assert sorted(labels(model)) == [
            ("after", "b"),
            ("before", "a"),
            ("deleted", "b"),
            ("either", "a"),
            ("either", "b"),
            ("gone", "b"),
            ("inserted", "a"),
            ("snapshot", "a"),
            ("snapshot", "b"),
        ]

    def test_manual_events_are_the_same(self, track):
        model = track(pghistory.ManualEvent("user.login"))
        row = model.objects.create(name="a")
        event = pghistory.create_event(row, label="user.login", using="default")
        assert (event.pgh_label, event.pgh_obj, event.name) == ("user.login", row, "a")
        with pytest.raises(ValueError, match="logout"):
            pghistory.create_event(row, label="logout")

    def test_a_declared_event_model(self, create, isolated):
        class Tracked(models.Model):
            name = models.TextField()

            class Meta:
                app_label = "compatibility"

        class TrackedEvent(
            pghistory.create_event_model(Tracked, pghistory.InsertEvent(), fields=["name"])
        ):
            user = pghistory.ProxyField("pgh_context__metadata__user", models.IntegerField())

            class Meta:
                app_label = "compatibility"

        create(Tracked)
        with pghistory.context(user=5):
            row = Tracked.objects.create(name="a")
        assert TrackedEvent.objects.get(user=5).pgh_obj == row
        assert Tracked.pgh_event_model is TrackedEvent
        assert Tracked.pgh_event_models == {"insert": TrackedEvent}


class TestOptions:
    @pytest.mark.parametrize("options", [{"fields": ["name"]}, {"exclude": ["n", "id"]}])
    def test_the_tracked_fields_are_the_same(self, track, options):
        model = track(**options)
        of_events = {"pgh_id", "pgh_created_at", "pgh_label", "pgh_obj", "pgh_context"}
        assert columns(model) >= of_events | {"name"}
        assert not columns(model) & {"n", "id"}

    def test_the_options_of_pgh_obj_are_the_same(self, track):
        field = pghistory.ObjForeignKey(related_name="history_of", related_query_name="event")
        model = track(obj_field=field)
        row = model.objects.create(name="a")
        assert row.history_of.get().name == "a"
        assert model.objects.filter(event__pgh_label="insert").exists()

    def test_an_event_model_may_have_no_pgh_obj(self, track):
        model = track(obj_field=None)
        change(model)
        assert "pgh_obj" not in columns(model)

    def test_a_context_can_be_copied_as_json(self, track):
        model = track(
            context_field=pghistory.ContextJSONField(),
            context_id_field=pghistory.ContextUUIDField(),
        )
        with pghistory.context(user=1) as opened:
            model.objects.create(name="a")
        event = model.pgh_event_model.objects.get()
        assert (event.pgh_context, event.pgh_context_id) == ({"user": 1}, opened.id)
        assert isinstance(event.pgh_context_id, uuid.UUID)

    def test_context_as_a_foreign_key(self, track):
        model = track(context_field=pghistory.ContextForeignKey(null=True))
        with pghistory.context(user=1):
            model.objects.create(name="a")
        assert model.pgh_event_model.objects.get().pgh_context.metadata == {"user": 1}

    def test_an_event_model_may_have_no_context(self, track):
        model = track(context_field=None, context_id_field=None)
        with pghistory.context(user=1):
            model.objects.create(name="a")
        assert labels(model) == [("insert", "a")]
        assert not {"pgh_context", "pgh_context_id"} & columns(model)

    def test_append_only_events_are_protected(self, track):
        model = track(append_only=True)
        model.objects.create(name="a")
        with pytest.raises(InternalError, match="Cannot update or delete"), transaction.atomic():
            model.pgh_event_model.objects.all().delete()

    def test_names_of_the_event_model(self, track):
        model = track(model_name="MyEvent", attrs={"note": models.TextField(null=True)})
        assert model.pgh_event_model.__name__ == "MyEvent"
        assert model.pgh_event_model._meta.app_label == "compatibility"
        assert model.pgh_event_model._meta.get_field("note").null

    def test_base_model_and_meta(self, track):
        class Base(pghistory.models.Event):
            class Meta:
                abstract = True

            def loud(self):
                return self.pgh_label.upper()

        model = track(base_model=Base, meta={"ordering": ["-pgh_id"]})
        change(model)
        assert model.pgh_event_model.objects.first().loud() == "UPDATE"
        assert model.pgh_event_model._meta.ordering == ["-pgh_id"]


SETTINGS = [
    ("DEFAULT_TRACKERS", [pghistory.DeleteEvent("gone")]),
    ("APPEND_ONLY", True),
    ("BASE_MODEL", "tests.compatibility.test_history.LoudEvent"),
    ("FIELD", pghistory.Field(null=True)),
    ("RELATED_FIELD", pghistory.RelatedField(related_name="+")),
    ("FOREIGN_KEY_FIELD", pghistory.ForeignKey(db_index=False)),
    ("CONTEXT_FIELD", pghistory.ContextJSONField()),
    ("CONTEXT_ID_FIELD", pghistory.ContextUUIDField(db_index=True)),
    ("OBJ_FIELD", pghistory.ObjForeignKey(related_name="event")),
    ("EXCLUDE_FIELD_KWARGS", {models.IntegerField: ["default"]}),
    ("CREATED_AT_FUNCTION", "'2000-01-01 00:00Z'::timestamptz"),
    ("LEVEL", pgtrigger.Row),
    ("MIDDLEWARE_METHODS", ("POST",)),
    ("JSON_ENCODER", "tests.compatibility.test_history.LoudEncoder"),
    ("INSTALL_CONTEXT_FUNC_ON_MIGRATE", True),
    ("ADMIN_ORDERING", "pgh_created_at"),
    ("ADMIN_MODEL", "pghistory.MiddlewareEvents"),
    ("ADMIN_QUERYSET", "tests.compatibility"),
    ("ADMIN_CLASS", "tests.pghistory.admin.OwnEventsAdmin"),
    ("ADMIN_ALL_EVENTS", False),
    ("ADMIN_LIST_DISPLAY", ["pgh_label"]),
]


class LoudEvent(pghistory.models.Event):
    class Meta:
        abstract = True


class LoudEncoder(DjangoJSONEncoder):
    def default(self, value):
        return "loud" if isinstance(value, set) else super().default(value)


class TestSettings:
    @pytest.mark.parametrize(("name", "value"), SETTINGS)
    def test_a_setting_is_read(self, settings, name, value):
        default = getattr(config, name.lower())()
        setattr(settings, f"PGHISTORY_{name}", value)
        assert getattr(config, name.lower())() != default

    def test_what_they_do_to_event_models(self, settings, track):
        for name, value in SETTINGS:
            setattr(settings, f"PGHISTORY_{name}", value)
        model = track()
        event_model = model.pgh_event_model
        with pghistory.context(user={1}):
            change(model)
        row = event_model.objects.get()
        assert isinstance(row, LoudEvent)
        assert (row.pgh_label, row.pgh_created_at.year) == ("gone", 2000)
        assert row.pgh_context == {"user": "loud"}
        fields = {field.name: field for field in event_model._meta.fields}
        assert fields["pgh_context_id"].db_index
        assert fields["name"].null
        assert fields["n"].default is models.NOT_PROVIDED
        assert not fields["pgh_obj"].db_index
        assert model.event.rel.related_model is event_model
        assert {trigger.name for trigger in event_model._meta.triggers} >= {"append_only"}
        [delete] = [each for each in model._meta.triggers if each.name == "gone_delete"]
        assert delete.level == pgtrigger.Row


class TestContext:
    @pytest.fixture
    def model(self, track):
        return track()

    def said(self, model):
        return [event.pgh_context.metadata for event in model.pgh_event_model.objects.all()]

    def test_as_a_context_manager_that_code_inside_adds_to(self, model):
        with pghistory.context(user=1) as opened:
            pghistory.context(reason="import")
            with pghistory.context(inner=True):
                model.objects.create(name="a")
            assert opened.metadata == {"user": 1, "reason": "import", "inner": True}
        assert self.said(model) == [{"user": 1, "reason": "import", "inner": True}]

    def test_context_decorates_a_function(self, model):
        @pghistory.context(user=1)
        def create():
            model.objects.create(name="a")

        create()
        assert self.said(model) == [{"user": 1}]

    def test_context_works_in_asynchronous_code(self):
        @pghistory.context(user=1)
        async def inside():
            async with pghistory.context(key=2) as opened:
                return dict(opened.metadata)

        assert asyncio.run(inside()) == {"user": 1, "key": 2}

    def test_a_bare_call_outside_does_nothing(self, model):
        pghistory.context(user=1)
        model.objects.create(name="a")
        assert model.pgh_event_model.objects.get().pgh_context is None

    def test_the_middleware_opens_a_context(self, rf, admin_user, model):
        class Own(HistoryMiddleware):
            def get_context(self, request):
                return super().get_context(request) | {"agent": "test"}

        def view(request):
            model.objects.create(name="a")
            return HttpResponse()

        request = rf.post("/page/?q=1")
        request.user = admin_user
        Own(view)(request)
        assert self.said(model) == [{"user": admin_user.pk, "url": "/page/", "agent": "test"}]


@pytest.mark.django_db
class TestTimelines:
    @pytest.fixture
    def row(self):
        with pghistory.context(user=1, url="/here/"):
            row = RowLevel.objects.create(number=1)
        RowLevel.objects.update(number=2)
        return row

    def test_the_fields_of_events(self, row):
        events = pghistory.models.Events.objects.tracks(row).order_by("pgh_id")
        first, second = events.values()
        label = RowLevel.pgh_event_model._meta.label
        assert first["pgh_slug"] == f"{label}:{first['pgh_id']}"
        assert (first["pgh_model"], first["pgh_label"]) == (label, "insert")
        assert first["pgh_data"] == {"id": row.pk, "number": 1, "text": None}
        assert first["pgh_context"] == {"user": 1, "url": "/here/"}
        assert first["pgh_context_id"]
        assert (first["pgh_obj_model"], first["pgh_obj_id"]) == (RowLevel._meta.label, str(row.pk))
        assert (first["pgh_diff"], second["pgh_diff"]) == (None, {"number": [1, 2]})
        assert first["pgh_created_at"] <= second["pgh_created_at"]

    @pytest.mark.parametrize(
        "choose",
        [
            lambda row: pghistory.models.Events.objects.across(RowLevel),
            lambda row: pghistory.models.Events.objects.across("pghistory_tests.RowLevel"),
            lambda row: pghistory.models.Events.objects.tracks(row),
            lambda row: pghistory.models.Events.objects.tracks([row]),
            lambda row: pghistory.models.Events.objects.references(row),
            lambda row: pghistory.models.AggregateEvent.objects.target(row),
            lambda row: pghistory.models.MiddlewareEvents.objects.tracks(row),
        ],
    )
    def test_the_querysets_of_timelines_are_the_same(self, row, choose):
        assert choose(row).count() == 2

    def test_middleware_events_have_user_and_url(self, row):
        event = pghistory.models.MiddlewareEvents.objects.tracks(row).order_by("pgh_id")[0]
        assert (event.user_id, event.url) == (1, "/here/")

    def test_an_event_can_be_reverted(self, row):
        event = RowLevel.pgh_event_model.objects.get(pgh_label="insert")
        assert event.can_revert
        assert event.revert().number == 1

    def test_the_context_of_an_event(self, row):
        context = pghistory.models.Context.objects.get()
        assert context.metadata == {"user": 1, "url": "/here/"}
        assert isinstance(context.id, uuid.UUID)
        assert context.created_at <= context.updated_at


@pytest.mark.django_db
@pytest.mark.urls("tests.pghistory.urls")
def test_the_admin_of_event_models(admin_client):
    assert issubclass(pghistory.admin.EventsAdmin, admin.ModelAdmin)
    own = pghistory.admin.EventModelAdmin(Book.pgh_event_model, admin.site)
    assert "pgh_label" in own.list_display
