"""``Events`` and ``AggregateEvent``: the events of several tables in one list."""

import pytest
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connection, models
from django.test.utils import CaptureQueriesContext, isolate_apps

import pghistory
from pghistory.models import AggregateEvent, Events, MiddlewareEvents
from tests.pghistory.models import (
    Account,
    Author,
    Book,
    Denormalized,
    Dog,
    OldRows,
    Partial,
    RowLevel,
    Seat,
    StatementLevel,
    Ticket,
    TicketLine,
    Tracked,
)

pytestmark = pytest.mark.django_db


def diffs(obj, model=Events):
    return list(model.objects.tracks(obj).order_by("pgh_id").values_list("pgh_label", "pgh_diff"))


class TestChoosing:
    def test_tracks_gives_an_objects_own_events(self):
        one, other = RowLevel.objects.create(number=1), RowLevel.objects.create(number=2)
        event = Events.objects.tracks(one).get()
        assert event.pgh_slug == f"pghistory_tests.RowLevelEvent:{event.pgh_id}"
        assert (event.pgh_obj_model, event.pgh_obj_id) == ("pghistory_tests.RowLevel", str(one.pk))
        assert event.pgh_data == {"id": one.pk, "number": 1, "text": None}
        assert Events.objects.tracks(one, other).count() == 2
        assert Events.objects.tracks(RowLevel.objects.all()).count() == 2

    def test_a_key_is_looked_up_by_its_value_in_the_database(self):
        ticket = Ticket.objects.create(key="ticket_1", title="one")
        TicketLine.objects.create(ticket=ticket)
        assert Events.objects.tracks(ticket).count() == ticket.events.count() == 1
        assert AggregateEvent.objects.target(ticket).count() == 2
        assert Events.objects.references(ticket).count() == 2

    def test_tracks_of_nothing_is_empty(self):
        RowLevel.objects.create(number=1)
        assert not Events.objects.tracks([]).exists()
        assert Events.objects.tracks(RowLevel.objects.none()).count() == 0
        assert not Events.objects.references([]).exists()
        assert not Events.objects.across().exists()

    def test_tracks_refuses_objects_of_several_models(self):
        with pytest.raises(ValueError, match="one model"):
            Events.objects.tracks(
                RowLevel.objects.create(number=1), StatementLevel.objects.create(number=1)
            )

    def test_references_gives_events_that_point_to_an_object(self):
        author = Author.objects.create(name="Ada")
        Book.objects.create(title="Hers", author=author)
        Book.objects.create(title="Nobody's")
        found = Events.objects.references(author).order_by("pgh_id")
        assert {event.pgh_obj_model for event in found} == {
            "pghistory_tests.TrackedAuthor",
            "pghistory_tests.Book",
        }
        assert [event.pgh_data["title"] for event in found.across(Book)] == ["Hers"]

    def test_across_gives_events_of_the_models_named(self):
        RowLevel.objects.create(number=1)
        StatementLevel.objects.create(number=1)
        for named in (RowLevel, "pghistory_tests.RowLevel", RowLevel.pgh_event_model):
            assert Events.objects.across(named).get().pgh_obj_model == "pghistory_tests.RowLevel"
        assert Events.objects.across(RowLevel, StatementLevel).count() == 2

    def test_choices_and_filters_combine(self):
        row = RowLevel.objects.create(number=1)
        row.number = 2
        row.save()
        found = Events.objects.across(RowLevel).tracks(row).filter(pgh_label="update")
        assert found.get().pgh_diff == {"number": [1, 2]}
        assert not Events.objects.across(StatementLevel).tracks(row).exists()

    def test_an_object_with_a_composite_key(self):
        seat = Seat.objects.create(row="A", number=1)
        Seat.objects.create(row="A", number=2)
        event = Events.objects.tracks(seat).get()
        assert event.pgh_obj_id == '["A", 1]'

    def test_every_table_at_once(self):
        for model in (RowLevel, StatementLevel, Denormalized):
            model.objects.create(number=1)
        Account.objects.create()
        assert Events.objects.count() == 4

    def test_a_timeline_cannot_be_written(self):
        RowLevel.objects.create(number=1)
        event = Events.objects.get()
        for write in (Events.objects.all().delete, event.save, event.delete):
            with pytest.raises(TypeError, match="view of event tables"):
                write()

    def test_an_event_is_read_again(self):
        row = RowLevel.objects.create(number=1)
        RowLevel.objects.update(number=2)
        for model in (Events, MiddlewareEvents, AggregateEvent):
            event = model.objects.tracks(row).defer("pgh_diff", "pgh_data").latest("pgh_id")
            assert event.pgh_data["number"] == 2
            event.pgh_label = ""
            event.refresh_from_db()
            assert event.pgh_label == "update"
        assert Events.objects.tracks(row).defer("pgh_diff").latest("pgh_id").pgh_diff == {
            "number": [1, 2]
        }

    def test_a_fixture_of_everything_is_loaded(self, tmp_path):
        with pghistory.context(reason="import"):
            RowLevel.objects.create(number=1)
        fixture = tmp_path / "all.json"
        apps = ["pghistory", "pghistory_tests.RowLevelEvent"]
        call_command("dumpdata", *apps, output=fixture)
        RowLevel.pgh_event_model.objects.all().delete()
        call_command("loaddata", fixture, verbosity=0)
        assert RowLevel.pgh_event_model.objects.get().pgh_context.metadata == {"reason": "import"}
        assert Events.objects.count() == 1

    @isolate_apps("tests.pghistory")
    def test_an_event_model_with_another_kind_of_key_is_refused(self):
        class Isolated(models.Model):
            class Meta:
                app_label = "pghistory_tests"

        attrs = {"pgh_id": models.UUIDField(primary_key=True)}
        event_model = pghistory.create_event_model(
            Isolated, abstract=False, model_name="Odd", attrs=attrs
        )
        assert "pghistory.E002" in [error.id for error in event_model.check()]
        assert not RowLevel.pgh_event_model.check()


class TestDiffs:
    def test_from_the_objects_event_before(self):
        row = RowLevel.objects.create(number=1)
        row.number, row.text = 2, "a"
        row.save()
        row.text = None
        row.save()
        assert diffs(row) == [
            ("insert", None),
            ("update", {"number": [1, 2], "text": [None, "a"]}),
            ("update", {"text": ["a", None]}),
        ]

    def test_a_filter_does_not_change_them(self):
        row = RowLevel.objects.create(number=1)
        for number in (2, 3):
            row.number = number
            row.save()
        last = Events.objects.tracks(row).order_by("-pgh_id")[:1]
        assert [event.pgh_diff for event in last] == [{"number": [2, 3]}]

    def test_they_can_be_filtered_by(self):
        row = RowLevel.objects.create(number=1)
        row.text = "a"
        row.save()
        found = Events.objects.tracks(row)
        assert found.filter(pgh_diff__has_key="text").count() == 1
        assert found.filter(pgh_diff__isnull=True).get().pgh_label == "insert"

    def test_events_of_old_rows_say_what_the_update_changed(self):
        row = OldRows.objects.create(number=1)
        for number in (2, 3):
            row.number = number
            row.save()
        assert diffs(row) == [("before", {"number": [1, 2]}), ("before", {"number": [2, 3]})]
        OldRows.objects.filter(pk=row.pk).update(number=4)
        key = row.pk
        row.delete()
        found = Events.objects.across(OldRows).filter(pgh_obj_id=str(key)).order_by("pgh_id")
        assert [event.pgh_diff for event in found][2:] == [{"number": [3, 4]}, None]

    def test_a_childs_old_and_new_fields(self):
        dog = Dog.objects.create(name="Rex")
        Dog.objects.filter(pk=dog.pk).update(name="Max")
        assert diffs(dog)[1:] == [("update", {"name": ["Rex", "Max"]})]

    def test_aggregate_events_compare_within_a_label(self):
        tracked = Tracked.objects.create(int_field=1, char_field="a")
        tracked.int_field = -1
        tracked.save()
        tracked.int_field = -2
        tracked.save()
        found = AggregateEvent.objects.target(tracked).filter(pgh_label="low_int")
        assert [event.pgh_diff for event in found.order_by("pgh_id")] == [
            None,
            {"int_field": [-1, -2]},
        ]

    def test_a_page_costs_one_query(self):
        for number in range(3):
            RowLevel.objects.create(number=number)
        with CaptureQueriesContext(connection) as queries:
            list(Events.objects.order_by("-pgh_created_at")[:2])
        assert len(queries) == 1

    def test_differences_are_computed_for_the_page_only(self):
        for _ in range(200):
            row = RowLevel.objects.create(number=0)
        RowLevel.objects.update(number=1)
        page = Events.objects.across(RowLevel).order_by("-pgh_created_at")[:5]
        plan = page.explain(analyze=True, timing=False, costs=False, format="text")
        loops = [line for line in plan.splitlines() if "actual rows" in line and "loops=" in line]
        most = max(int(line.rsplit("loops=", 1)[1].rstrip(") ")) for line in loops)
        assert most <= 20, plan
        assert row.events.count() == 2


class TestContext:
    def test_events_have_the_metadata(self):
        with pghistory.context(user="x") as opened:
            RowLevel.objects.create(number=1)
            Denormalized.objects.create(number=1)
        found = Events.objects.order_by("pgh_model")
        assert [event.pgh_context for event in found] == [{"user": "x"}] * 2
        assert {event.pgh_context_id for event in found} == {opened.id}
        assert Events.objects.filter(pgh_context__user="x").count() == 2

    def test_middleware_events_join_the_user(self):
        user = get_user_model().objects.create(username="ada")
        with pghistory.context(user=user.pk, url="/books/"):
            RowLevel.objects.create(number=1)
        with pghistory.context(user="no key"):
            RowLevel.objects.create(number=2)
        found = MiddlewareEvents.objects.select_related("user").filter(user__username="ada").get()
        assert (found.user, found.url, found.pgh_data["number"]) == (user, "/books/", 1)
        assert MiddlewareEvents.objects.filter(user=None).count() == 1
        assert list(MiddlewareEvents.objects.values_list("user", flat=True).order_by("user")) == [
            user.pk,
            None,
        ]

    def test_a_manual_event_is_in_the_timeline(self):
        obj = Partial.objects.create()
        pghistory.create_event(obj, label="seen")
        assert Events.objects.tracks(obj).filter(pgh_label="seen").count() == 1
