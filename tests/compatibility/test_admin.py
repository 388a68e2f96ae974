"""The addresses of the events' page, and the Events buttons, as documented."""

import pytest
from django.urls import reverse
from django.utils.http import urlencode

from tests.pghistory.models import Author, Book, RowLevel

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.pghistory.urls")]


@pytest.fixture
def book():
    author = Author.objects.create(name="Ada")
    Book.objects.create(title="Another")
    RowLevel.objects.create(number=1)
    made = Book.objects.create(title="One", author=author)
    made.title = "Two"
    made.save()
    return made


def page(**query):
    return f"{reverse('admin:pghistory_events_changelist')}?{urlencode(query)}"


def shown(admin_client, **query):
    """``Model:label`` of the events that the page lists, the newest first."""
    response = admin_client.get(page(**query))
    assert response.status_code == 200
    assert "No event." in response.text or 'id="result_list"' in response.text
    rows = response.context_data["page"].events
    return [f"{each.event.pgh_obj_model.split('.')[1]}:{each.event.pgh_label}" for each in rows]


ONE = ["Book:update", "Book:insert"]
BOOKS = [*ONE, "Book:insert"]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"event_model": "pghistory_tests.BookEvent"}, BOOKS),
        ({"event_model": "pghistory_tests.bookevent"}, BOOKS),
        ({"model": "pghistory_tests.Book"}, BOOKS),
        ({"model": "pghistory_tests.book"}, BOOKS),
        ({"event_model": "pghistory_tests.BookEvent", "label": "update"}, ["Book:update"]),
        ({"method": "tracks", "obj": "pghistory_tests.Book:{book.pk}"}, ONE),
        ({"method": "tracks", "obj": "pghistory_tests.book:{book.pk}"}, ONE),
        (
            {"method": "references", "obj": "pghistory_tests.Author:{book.author_id}"},
            [*ONE, "TrackedAuthor:insert"],
        ),
        ({"method": "tracks", "obj": "pghistory_tests.Book:0"}, []),
    ],
)
def test_the_page_is_filtered_by_its_address(admin_client, book, query, expected):
    assert shown(admin_client, **{k: v.format(book=book) for k, v in query.items()}) == expected


def test_a_deleted_object_has_its_page(admin_client, book):
    key = book.pk
    book.delete()
    query = {"method": "tracks", "obj": f"pghistory_tests.Book:{key}"}
    assert shown(admin_client, **query) == ["Book:delete", *ONE]


@pytest.mark.parametrize(
    "query",
    [
        {"event_model": "pghistory_tests.Nix"},
        {"model": "pghistory_tests.Book", "event_model": "pghistory_tests.RowLevelEvent"},
        {"method": "tracks", "obj": "nonsense"},
        {"method": "tracks", "obj": "nix.Nix:1"},
        {"method": "tracks", "obj": "pghistory_tests.Book:x"},
        {"method": "tracks", "obj": "pghistory_tests.Book:\0"},
    ],
)
def test_what_does_not_exist_is_not_found(admin_client, book, query):
    assert admin_client.get(page(**query)).status_code == 404


@pytest.mark.parametrize(
    ("address", "is_shown"),
    [("/admin/", True), ("https://evil.example/", False), ("javascript:alert(1)", False)],
)
def test_it_links_back_to_a_page_of_this_site(admin_client, address, is_shown):
    assert (
        f'<a href="{address}">Back</a>' in admin_client.get(page(back=address)).text
    ) is is_shown


def test_a_changelist_has_a_button_to_the_events_of_its_model(admin_client, book):
    changelist = admin_client.get(reverse("admin:pghistory_tests_book_changelist")).text
    address = page(model="pghistory_tests.Book")
    assert changelist.count(f'<a href="{address}" class="historylink">Events</a>') == 1
    assert 'class="addlink"' in changelist
    users = admin_client.get(reverse("admin:project_user_changelist")).text
    assert "Events</a></li>" not in users


def test_the_button_is_for_users_who_may_view_events(client, django_user_model, book):
    from django.contrib.auth.models import Permission

    user = django_user_model.objects.create_user("staff", password="x", is_staff=True)
    user.user_permissions.add(
        Permission.objects.get(codename="view_book", content_type__app_label="pghistory_tests")
    )
    client.force_login(user)
    changelist = client.get(reverse("admin:pghistory_tests_book_changelist")).text
    assert "Events</a></li>" not in changelist
