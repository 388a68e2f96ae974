"""History in the admin: events, timelines, reverts."""

import uuid

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection, models
from django.http import Http404
from django.template.loader import render_to_string
from django.test.utils import CaptureQueriesContext, isolate_apps
from django.urls import reverse
from django.utils import timezone

import pghistory
from pghistory.admin import EventModelAdmin, EventsAdmin, options, presenting, urls
from pghistory.models import AggregateEvent, Context, Events, MiddlewareEvents
from tests.pghistory.admin import OwnEventsAdmin
from tests.pghistory.models import Author, Book, RowLevel, Seat, StatementLevel

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.pghistory.urls")]
SCRIPT = "<script>alert(1)</script>"


@pytest.fixture
def book():
    with pghistory.context(reason=SCRIPT):
        made = Book.objects.create(title="One", author=Author.objects.create(name="Ada"))
    made.title = SCRIPT
    made.save()
    return made


def timeline(obj, key=None):
    return reverse("admin:pghistory_timeline", args=[obj._meta.label, key or obj.pk])


def revert(event):
    return reverse("admin:pghistory_revert", args=[event._meta.label, event.pk])


def events_url(name="changelist", *args):
    return reverse(f"admin:pghistory_events_{name}", args=args)


def listed(model_admin, rf, user, **query):
    """Return the events in another admin's list."""
    request = rf.get("/", query)
    request.user = user
    return model_admin.changelist_view(request).context_data


def text(response):
    assert response.status_code == 200
    return response.rendered_content if hasattr(response, "rendered_content") else response.text


class TestTimeline:
    def test_it_shows_changes_author_and_context(self, admin_client, admin_user, book):
        with pghistory.context(user=admin_user.pk):
            Book.objects.update(title="Two")
        shown = text(admin_client.get(timeline(book)))
        assert "<ins>Two</ins>" in shown
        assert admin_user.username in shown
        assert "reason" in shown

    def test_nothing_that_was_written_runs(self, admin_client, book):
        found = admin_client.get(timeline(book), {"back": "javascript:alert(1)"})
        assert SCRIPT not in text(found)
        assert "javascript:" not in text(found)

    def test_an_object_that_is_gone(self, admin_client, book):
        url = timeline(book)
        book.delete()
        assert "It has been deleted" in text(admin_client.get(url))

    @pytest.mark.parametrize("use_tz", [True, False])
    def test_pages_follow_one_another_by_key(self, admin_client, settings, use_tz):
        settings.USE_TZ = use_tz
        row = RowLevel.objects.create(number=0)
        for number in range(1, 60):
            RowLevel.objects.update(number=number)
        first = admin_client.get(timeline(row))
        second = admin_client.get(timeline(row), {"before": first.context_data["page"].next_key})
        numbers = [
            shown.event.pgh_data["number"]
            for page in (first, second)
            for shown in page.context_data["page"].events
        ]
        assert numbers == list(range(59, -1, -1))
        assert second.context_data["page"].next_key == ""

    def test_pages_follow_one_another_at_one_time_and_number(self, monkeypatch):
        monkeypatch.setattr(presenting, "PAGE_SIZE", 1)
        for model in (RowLevel, StatementLevel):
            model.objects.create(number=1)
            model.pgh_event_model.objects.update(pgh_id=7, pgh_created_at=timezone.now())
        same = RowLevel.pgh_event_model.objects.get().pgh_created_at
        StatementLevel.pgh_event_model.objects.update(pgh_created_at=same)
        first = presenting.page(Events.objects.all(), "")
        second = presenting.page(Events.objects.all(), first.next_key)
        labels = [page.events[0].event.pgh_obj_model for page in (first, second)]
        assert labels == ["pghistory_tests.StatementLevel", "pghistory_tests.RowLevel"]
        assert second.next_key == ""

    @pytest.mark.parametrize(
        ("order", "bound"), [("-pgh_created_at", "<="), ("pgh_created_at", ">=")]
    )
    def test_a_page_begins_in_the_index_of_the_times(self, order, bound):
        RowLevel.objects.create(number=1)
        events = Events.objects.across(RowLevel)
        key = f"{timezone.now().isoformat()}_pghistory_tests.RowLevelEvent:1"
        with CaptureQueriesContext(
            connection,
        ) as captured:
            presenting.page(events, key, [order])
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("EXPLAIN " + captured[0]["sql"])
            plan = "\n".join(line for (line,) in cursor.fetchall())
        assert f"Index Cond: (pgh_created_at {bound}" in plan

    def test_an_object_with_a_composite_key(self, admin_client):
        Seat.objects.create(row="A", number=1, guest="Ada")
        assert "insert" in text(admin_client.get(timeline(Seat, '["A", 1]')))

    @pytest.mark.parametrize(
        "user", ["nobody", "0a6f2b1e-8f0c-4c5e-9f43-3d1c2b7a9e55", 2**70, [1], None, {"a": 1}, ""]
    )
    def test_whatever_the_context_says_is_shown(self, admin_client, user):
        with pghistory.context(user=user):
            row = RowLevel.objects.create(number=1)
        assert text(admin_client.get(timeline(row)))

    @pytest.mark.parametrize(
        "before",
        [
            "x",
            "2024-01-01_1",
            "2024-01-01T00:00:00+00:00_x",
            "2024-01-01T00:00:00+00:00_a\0b:1",
            "_",
            "\0",
        ],
    )
    def test_a_key_that_is_none_is_the_first_page(self, admin_client, book, before):
        found = admin_client.get(timeline(book), {"before": before})
        assert len(found.context_data["page"].events) == 2

    @pytest.mark.parametrize("key", ["x", "9" * 30, "None", "[1]", "a\0b"])
    def test_an_object_that_never_was(self, admin_client, key):
        assert admin_client.get(timeline(RowLevel, key)).status_code in (200, 404)

    @pytest.mark.parametrize(
        "key",
        [
            '["A"]',
            '["A", "x"]',
            '["A", [1]]',
            '["A", null]',
            '["A\\u0000", 1]',
            '["\\ud800", 1]',
            '{"a": 1, "b": 2}',
            '"A1"',
            "1",
            "1e999",
            "[" * 3000,
        ],
    )
    def test_a_text_that_is_no_composite_key(self, admin_client, key):
        assert admin_client.get(timeline(Seat, key)).status_code == 404

    @isolate_apps("tests.pghistory")
    def test_a_composite_key_is_read_as_it_is_written(self):
        class Pair(models.Model):
            pk = models.CompositePrimaryKey("id", "at", "number")
            id = models.UUIDField()
            at = models.DateTimeField()
            number = models.IntegerField()

            class Meta:
                app_label = "pghistory_tests"

        key = (uuid.uuid4(), timezone.now().replace(microsecond=0), 2)
        assert urls.unsaved(Pair, urls.key_text(key)).pk == key
        with pytest.raises(Http404):
            urls.unsaved(Pair, "[1, 2, 3]")

    def test_a_model_that_is_not_tracked(self, admin_client):
        assert admin_client.get(timeline(Author, "1")).status_code == 404

    def test_the_objects_page_has_a_button(self, admin_client, book):
        page = admin_client.get(reverse("admin:pghistory_tests_book_change", args=[book.pk]))
        assert timeline(book) in text(page)


class TestEvents:
    @pytest.mark.parametrize("value", ["[" * 2000 + "]" * 2000, "9" * 5000], ids=["deep", "long"])
    def test_json_that_python_does_not_read_is_a_text(self, admin_client, book, value):
        """Any role that writes can write it, and one event must not hide the others."""
        with connection.cursor() as cursor:
            cursor.execute("UPDATE pghistory_context SET metadata = %s", [f'{{"user": {value}}}'])
            for data in (f'{{"a": {value}}}', "{}"):
                cursor.execute(f"UPDATE {Book._meta.db_table} SET data = %s", [data])
        for url in (events_url(), timeline(book)):
            assert value[:100] in text(admin_client.get(url))
        assert value[:100] in Context.objects.get().metadata
        assert set(MiddlewareEvents.objects.values_list("user", flat=True)) == {None}

    def test_the_page_lists_the_events_of_all_models(self, admin_client, book):
        shown = text(admin_client.get(events_url()))
        assert timeline(book) in shown
        assert SCRIPT not in shown

    def test_of_one_model_and_label(self, admin_client, book):
        RowLevel.objects.create(number=1)
        url = events_url()
        found = admin_client.get(url, {"model": "pghistory_tests.Book", "label": "update"})
        assert len(found.context_data["rows"]) == 1
        assert not admin_client.get(url, {"label": "a\0b"}).context_data["rows"]

    @pytest.mark.parametrize("ordering", ["pgh_created_at", ["-pgh_label"]])
    def test_their_order_is_a_setting(self, admin_client, settings, ordering):
        settings.PGHISTORY_ADMIN_ORDERING = ordering
        for number in range(60):
            RowLevel.objects.create(number=number)
        url = events_url()
        first = admin_client.get(url).context_data["page"]
        last = admin_client.get(url, {"before": first.next_key}).context_data["page"]
        numbers = [shown.event.pgh_data["number"] for shown in [*first.events, *last.events]]
        assert sorted(numbers) == list(range(60))
        assert (numbers == sorted(numbers)) == (ordering == "pgh_created_at")
        assert last.next_key == ""

    def test_their_order_may_be_by_several_fields(self, admin_client, settings):
        settings.PGHISTORY_ADMIN_ORDERING = ["pgh_label", "-pgh_obj_model", "pgh_id"]
        for model in (RowLevel, StatementLevel, RowLevel):
            model.objects.create(number=1).delete()
        page = admin_client.get(events_url()).context_data["page"]
        shown = [each.event for each in page.events]
        assert [each.pgh_label for each in shown] == ["delete"] * 3 + ["insert"] * 3
        models = ["StatementLevel", "RowLevel", "RowLevel"]
        assert [each.pgh_obj_model.partition(".")[2] for each in shown] == models * 2
        assert shown[1].pgh_id < shown[2].pgh_id

    def test_only_those_chosen_where_the_setting_says_so(self, admin_client, book, settings):
        settings.PGHISTORY_ADMIN_ALL_EVENTS = False
        found = admin_client.get(events_url())
        assert found.context_data["rows"] == []

    def test_an_events_own_page(self, admin_client, admin_user, book):
        with pghistory.context(user=admin_user.pk, url="/shop/1/"):
            Book.objects.update(title="Two")
        slug = f"pghistory_tests.BookEvent:{book.events.last().pk}"
        shown = text(admin_client.get(events_url("change", slug), follow=True))
        assert timeline(book) in shown
        assert f'<b class="pgh-author">{admin_user.username}</b>' in shown
        assert "/shop/1/" in shown
        assert "<ins>Two</ins>" in shown
        assert "Context object" not in shown
        found = admin_client.get(events_url("change", "nonsense"))
        assert found.status_code == 404

    @pytest.mark.parametrize("name", ["history", "delete", "change"])
    def test_no_address_of_an_event_fails(self, admin_client, name):
        assert admin_client.get(events_url(name, "a\0b")).status_code in (302, 403, 404)
        assert admin_client.get(events_url(name, "9" * 5000)).status_code in (302, 403, 404)

    def test_a_query_that_means_nothing(self, admin_client):
        assert admin_client.get(events_url(), {"x": "y"}).url == events_url()
        assert admin_client.get(events_url(), {"pgh_label": "a\0b"}).status_code == 200

    def test_an_event_about_no_object(self, admin_client):
        book = Book.objects.create(title="One")
        book.readers.add(Author.objects.create(name="Ada"))
        model = "pghistory_tests.Book_readers"
        of_model = f"{events_url()}?model={model}"
        event = Book.readers.through.pgh_event_model.objects.get()
        slug = f"{event._meta.label}:{event.pk}"
        assert of_model in text(admin_client.get(events_url("change", slug), follow=True))
        rows = admin_client.get(events_url(), {"model": model}).context_data["rows"]
        assert [url for url, _event, cells in rows] == [""]
        book.readers.clear()
        assert of_model in text(admin_client.get(revert(event)))
        assert admin_client.post(revert(event)).url == of_model
        assert book.readers.count() == 1

    def test_a_user_who_is_gone_is_shown_by_key(self, rf, admin_user, settings):
        settings.PGHISTORY_ADMIN_MODEL = "pghistory.MiddlewareEvents"
        for user in (admin_user.pk, 987654):
            with pghistory.context(user=user):
                RowLevel.objects.create(number=1)
        shown = listed(EventsAdmin(MiddlewareEvents, admin.site), rf, admin_user)
        assert [dict(cells)["user"] for *_, cells in shown["rows"]] == [987654, admin_user]

    def test_a_context_that_is_a_row_is_read_where_it_is_there(self, rf, admin_user):
        for reason in ("first", "second"):
            with pghistory.context(reason=reason, user=admin_user.pk):
                RowLevel.objects.create(number=1)
        Context.objects.filter(metadata__reason="first").delete()
        shown = listed(EventsAdmin(AggregateEvent, admin.site), rf, admin_user)
        assert [(each.author, each.context) for each in shown["page"].events] == [
            (admin_user.username, [("reason", "second")]),
            ("", []),
        ]

    def test_a_subclass_says_which_columns(self, rf, admin_user):
        RowLevel.objects.create(number=1)
        shown = listed(OwnEventsAdmin(Events, admin.site), rf, admin_user)
        assert shown["columns"] == ["Label", "Loudly", "Slug"]
        [(*_, cells)] = shown["rows"]
        assert cells[:2] == [("pgh_label", "insert"), ("shouted", "INSERT")]

    def test_a_subclass_says_which_order(self, rf, admin_user):
        row = RowLevel.objects.create(number=1)
        for number in (2, 3):
            RowLevel.objects.update(number=number)
        row.delete()
        shown = listed(OwnEventsAdmin(Events, admin.site), rf, admin_user)
        events = [each.event for each in shown["page"].events]
        assert [each.pgh_label for each in events] == ["delete", "insert", "update", "update"]
        assert events[2].pgh_id > events[3].pgh_id

    def test_a_subclass_says_which_filters(self, rf, admin_user, settings, monkeypatch):
        monkeypatch.setattr(presenting, "PAGE_SIZE", 1)
        settings.PGHISTORY_ADMIN_ALL_EVENTS = False
        RowLevel.objects.create(number=1)
        for number in (2, 3):
            RowLevel.objects.update(number=number)
        own = OwnEventsAdmin(Events, admin.site)
        assert listed(own, rf, admin_user)["rows"] == []
        shown = listed(own, rf, admin_user, pgh_label="update", before="0")
        assert [each.event.pgh_label for each in shown["page"].events] == ["update"]
        [labels] = shown["cl"].filter_specs
        links = [choice["query_string"] for choice in labels.choices(shown["cl"])]
        assert links == ["?", "?pgh_label=insert", "?pgh_label=update"]
        assert shown["more_url"] == "?before=1&pgh_label=update"
        assert "?pgh_label=insert" in render_to_string("pghistory/events.html", shown)


class TestEventModelAdmin:
    @pytest.mark.parametrize("model", [Book, Seat, Book.readers.through])
    def test_any_event_model_may_be_registered(self, rf, admin_user, model):
        own = EventModelAdmin(model.pgh_event_model, admin.site)
        assert own.check() == []

    def test_the_key_of_the_object(self, book):
        own = EventModelAdmin(Book.pgh_event_model, admin.site)
        assert own.pgh_obj_id(book.events.first()) == str(book.pk)
        Seat.objects.create(row="A", number=1)
        assert own.pgh_obj_id(Seat.pgh_event_model.objects.get()) == '["A", 1]'

    def test_its_page_shows_user_and_url_in_place_of_the_contexts_key(
        self, admin_client, admin_user
    ):
        with pghistory.context(user=admin_user.pk, url=SCRIPT):
            RowLevel.objects.create(number=1)
        event = RowLevel.pgh_event_model.objects.get()
        url = reverse("admin:pghistory_tests_rowlevelevent_change", args=[event.pk])
        page = text(admin_client.get(url))
        assert admin_user.username in page
        assert "&lt;script&gt;" in page
        assert SCRIPT not in page
        assert "Context object" not in page
        assert f"{event.pgh_created_at:%Y-%m-%d %H:%M:%S UTC}" in page

    def test_a_large_table_is_neither_counted_nor_searched_for_labels(
        self, rf, admin_user, monkeypatch
    ):
        monkeypatch.setattr(options.EventPaginator, "most", 2)
        for number in range(4):
            RowLevel.objects.create(number=number)
        request = rf.get("/", {"pgh_label": "insert"})
        request.user = admin_user
        own = EventModelAdmin(RowLevel.pgh_event_model, admin.site)
        with CaptureQueriesContext(connection) as captured:
            found = own.get_changelist_instance(request)
        assert found.result_count == 2
        assert not [each for each in captured if "DISTINCT" in each["sql"]]
        [labels] = found.filter_specs
        assert labels.lookup_choices == [(label, label) for label in ("insert", "update", "delete")]
        request = rf.get("/", {"pgh_label": "a\0b"})
        request.user = admin_user
        assert own.get_changelist_instance(request).result_count == 0


class TestRevert:
    def test_the_plan_is_shown_and_nothing_is_written(self, admin_client, book):
        first = book.events.order_by("pgh_id").first()
        shown = text(admin_client.get(revert(first)))
        assert "<ins>One</ins>" in shown
        assert book.events.count() == 2

    def test_a_confirmed_revert_restores_the_row(self, admin_client, book):
        first = book.events.order_by("pgh_id").first()
        assert admin_client.post(revert(first)).url == timeline(book)
        assert Book.objects.get().title == "One"

    def test_a_deleted_object_is_there_again(self, admin_client, book):
        book.delete()
        admin_client.post(revert(Book.pgh_event_model.objects.get(pgh_label="delete")))
        assert Book.objects.count() == 1

    def test_what_stands_in_the_way_is_said(self, admin_client, book):
        first = book.events.order_by("pgh_id").first()
        Book.objects.update(author=None)
        Author.objects.all().delete()
        assert "author: there is no" in text(admin_client.get(revert(first)))
        followed = admin_client.post(revert(first), follow=True)
        assert "author: there is no" in text(followed)

    def test_an_event_that_is_not_there(self, admin_client):
        url = reverse("admin:pghistory_revert", args=["pghistory_tests.BookEvent", 10**18])
        assert admin_client.get(url).status_code == 404

    def test_whoever_may_only_look_may_not_revert(self, client, book):
        user = get_user_model().objects.create(username="reader", is_staff=True)
        user.user_permissions.set(
            Permission.objects.filter(codename__in=["view_events", "view_book"])
        )
        client.force_login(user)
        first = book.events.order_by("pgh_id").first()
        assert "Revert" not in text(client.get(timeline(book)))
        assert client.post(revert(first)).status_code == 403
        user.user_permissions.clear()
        assert client.get(timeline(book)).status_code == 403
        assert client.get(events_url()).status_code == 403

    def test_the_models_own_admin_has_the_last_word(self, admin_client, book, monkeypatch):
        first = book.events.order_by("pgh_id").first()
        own = admin.site.get_model_admin(Book)
        asked = []

        def refuse(request, obj=None):
            asked.append(obj)
            return False

        monkeypatch.setattr(own, "has_change_permission", refuse)
        assert admin_client.post(revert(first)).status_code == 403
        assert asked[-1] == book
        assert Book.objects.get().title == SCRIPT
        monkeypatch.setattr(own, "has_add_permission", lambda request: False)
        assert "Revert" not in text(admin_client.get(timeline(book)))
        book.delete()
        assert admin_client.post(revert(first)).status_code == 403
        monkeypatch.setattr(own, "has_view_permission", refuse)
        assert admin_client.get(timeline(Book, first.pgh_obj_id)).status_code == 403
