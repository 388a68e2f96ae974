"""History in the admin: events, timelines, reverts."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.urls import reverse

import pghistory
from tests.pghistory.models import Author, Book, RowLevel, Seat

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

    def test_pages_follow_one_another_by_key(self, admin_client):
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
        "before", ["x", "2024-01-01_1", "2024-01-01T00:00:00+00:00_x", "_", "\0"]
    )
    def test_a_key_that_is_none_is_the_first_page(self, admin_client, book, before):
        found = admin_client.get(timeline(book), {"before": before})
        assert len(found.context_data["page"].events) == 2

    @pytest.mark.parametrize("key", ["x", "9" * 30, "None", "[1]", "a\0b"])
    def test_an_object_that_never_was(self, admin_client, key):
        assert admin_client.get(timeline(RowLevel, key)).status_code in (200, 404)

    def test_a_model_that_is_not_tracked(self, admin_client):
        assert admin_client.get(timeline(Author, "1")).status_code == 404

    def test_the_objects_page_has_a_button(self, admin_client, book):
        page = admin_client.get(reverse("admin:pghistory_tests_book_change", args=[book.pk]))
        assert timeline(book) in text(page)


class TestEvents:
    def test_all_events(self, admin_client, book):
        shown = text(admin_client.get(reverse("admin:pghistory_events_changelist")))
        assert timeline(book) in shown
        assert SCRIPT not in shown

    def test_of_one_model_and_label(self, admin_client, book):
        RowLevel.objects.create(number=1)
        url = reverse("admin:pghistory_events_changelist")
        found = admin_client.get(url, {"model": "pghistory_tests.Book", "label": "update"})
        assert len(found.context_data["rows"]) == 1
        assert not admin_client.get(url, {"label": "a\0b"}).context_data["rows"]

    @pytest.mark.parametrize("ordering", ["pgh_created_at", ["-pgh_label"]])
    def test_their_order_is_a_setting(self, admin_client, settings, ordering):
        settings.PGHISTORY_ADMIN_ORDERING = ordering
        for number in range(60):
            RowLevel.objects.create(number=number)
        url = reverse("admin:pghistory_events_changelist")
        first = admin_client.get(url).context_data["page"]
        last = admin_client.get(url, {"before": first.next_key}).context_data["page"]
        numbers = [shown.event.pgh_data["number"] for shown in [*first.events, *last.events]]
        assert sorted(numbers) == list(range(60))
        assert (numbers == sorted(numbers)) == (ordering == "pgh_created_at")
        assert last.next_key == ""

    def test_only_those_chosen_where_the_setting_says_so(self, admin_client, book, settings):
        settings.PGHISTORY_ADMIN_ALL_EVENTS = False
        found = admin_client.get(reverse("admin:pghistory_events_changelist"))
        assert found.context_data["rows"] == []

    def test_an_events_own_page_is_its_objects(self, admin_client, book):
        slug = f"pghistory_tests.BookEvent:{book.event.first().pk}"
        found = admin_client.get(reverse("admin:pghistory_events_change", args=[slug]))
        assert found.url == timeline(book)
        found = admin_client.get(reverse("admin:pghistory_events_change", args=["nonsense"]))
        assert found.status_code == 404


class TestRevert:
    def test_the_plan_is_shown_and_nothing_is_written(self, admin_client, book):
        first = book.event.order_by("pgh_id").first()
        shown = text(admin_client.get(revert(first)))
        assert "<ins>One</ins>" in shown
        assert book.event.count() == 2

    def test_a_confirmed_revert(self, admin_client, book):
        first = book.event.order_by("pgh_id").first()
        assert admin_client.post(revert(first)).url == timeline(book)
        assert Book.objects.get().title == "One"

    def test_a_deleted_object_is_there_again(self, admin_client, book):
        book.delete()
        admin_client.post(revert(Book.pgh_event_model.objects.get(pgh_label="delete")))
        assert Book.objects.count() == 1

    def test_what_stands_in_the_way_is_said(self, admin_client, book):
        first = book.event.order_by("pgh_id").first()
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
        first = book.event.order_by("pgh_id").first()
        assert "Revert" not in text(client.get(timeline(book)))
        assert client.post(revert(first)).status_code == 403
        user.user_permissions.clear()
        assert client.get(timeline(book)).status_code == 403
        assert client.get(reverse("admin:pghistory_events_changelist")).status_code == 403
