"""The admin's pages of change sets: what a transaction changed, and undoing it."""

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

import pghistory
from pghistory.admin import change_set_pages
from pghistory.changes import lacking_indexes
from pghistory.models import Context
from tests.pghistory.models import Author, Book, RowLevel, StatementLevel

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.pghistory.urls"),
]


def address(name, event):
    return reverse(f"admin:pghistory_{name}", args=[event._meta.label, event.pk])


def last(model):
    return model.pgh_event_model.objects.order_by("pgh_id").last()


@pytest.fixture
def changes():
    """An event of a transaction that changed a book and created a row."""
    book = Book.objects.create(title="Emma")
    with pghistory.context(reason="import"), transaction.atomic():
        Book.objects.filter(pk=book.pk).update(title="Persuasion")
        RowLevel.objects.create(number=1)
    return last(Book)


@pytest.fixture
def reader():
    """A member of staff with the permissions that a test gives, and nothing else."""

    def make(*codenames):
        user = get_user_model().objects.create(username="reader", is_staff=True)
        user.user_permissions.set(Permission.objects.filter(codename__in=codenames))
        client = Client()
        client.force_login(user)
        return client

    return make


class TestChangeSet:
    def test_it_shows_each_object_that_the_transaction_changed(self, admin_client, changes):
        page = admin_client.get(address("change_set", changes)).content.decode()
        assert "<ins>Persuasion</ins>" in page
        assert "pghistory_tests.RowLevel" in page
        assert "Created with:" in page
        assert "import" in page
        assert address("undo", changes) in page

    def test_the_timeline_leads_to_it(self, admin_client, changes):
        url = reverse("admin:pghistory_timeline", args=["pghistory_tests.Book", changes.pgh_obj_id])
        assert address("change_set", changes) in admin_client.get(url).content.decode()

    def test_a_context_is_a_change_set_too(self, admin_client, changes):
        key = Context.objects.get(metadata__reason="import").pk
        url = reverse("admin:pghistory_change_set_of_context", args=[key])
        assert "<ins>Persuasion</ins>" in admin_client.get(url).content.decode()
        undo = reverse("admin:pghistory_undo_of_context", args=[key])
        admin_client.post(undo)
        assert Book.objects.get().title == "Emma"

    def test_the_labels_of_one_write_are_one_entry_for_each_object(self, admin_client):
        with transaction.atomic():
            StatementLevel.objects.bulk_create(StatementLevel(number=n) for n in range(3))
        page = admin_client.get(address("change_set", last(StatementLevel)))
        assert [len(each["writes"]) for each in page.context_data["objects"]] == [1, 1, 1]

    def test_it_shows_no_more_than_a_page(self, admin_client, monkeypatch):
        monkeypatch.setattr(change_set_pages, "SHOWN", 2)
        RowLevel.objects.bulk_create(RowLevel(number=n) for n in range(3))
        page = admin_client.get(address("change_set", last(RowLevel)))
        assert len(page.context_data["objects"]) == 2
        assert "The first 2 events are shown" in page.content.decode()

    def test_models_that_the_user_may_not_view_are_counted(self, reader, changes):
        client = reader("view_events", "view_book", "change_book")
        page = client.get(address("change_set", changes)).content.decode()
        assert "<ins>Persuasion</ins>" in page
        assert "pghistory_tests.RowLevel" not in page
        assert "1 event is of a model that you may not view" in page
        assert "Undo" not in page

    def test_an_event_from_before_transactions_were_recorded(self, admin_client, changes):
        type(changes).objects.update(pgh_xact=None, pgh_xact_at=None)
        assert admin_client.get(address("change_set", changes)).status_code == 404

    def test_a_large_table_without_the_index_is_named_and_not_read(
        self, admin_client, changes, monkeypatch
    ):
        monkeypatch.setattr(lacking_indexes, "LARGE", 0)
        event_model = type(changes)
        [index] = [each for each in event_model._meta.indexes if each.fields == ["pgh_xact"]]
        url = address("change_set", changes)
        assert "Persuasion" in admin_client.get(url).content.decode()
        with connection.schema_editor() as editor:
            editor.remove_index(event_model, index)
        try:
            page = admin_client.get(url).content.decode()
            assert "Persuasion" not in page
            assert "manage.py pghistory upgrade" in page
            assert "pghistory_tests.BookEvent" in page
            assert admin_client.post(address("undo", changes)).url == url
            assert Book.objects.get().title == "Persuasion"
        finally:
            with connection.schema_editor() as editor:
                editor.add_index(event_model, index)


class TestUndo:
    def test_the_plan_is_shown_and_nothing_is_written(self, admin_client, changes):
        page = admin_client.get(address("undo", changes)).content.decode()
        assert "Delete" in page
        assert "<ins>Emma</ins>" in page
        assert Book.objects.get().title == "Persuasion"
        assert RowLevel.objects.count() == 1

    def test_a_confirmed_undo_restores_the_rows(self, admin_client, admin_user, changes):
        followed = admin_client.post(address("undo", changes), follow=True)
        assert "2 changes were undone" in followed.content.decode()
        assert (Book.objects.get().title, RowLevel.objects.count()) == ("Emma", 0)
        said = last(Book).pgh_context.metadata
        assert said["undoes"] == f"pghistory_tests.BookEvent:{changes.pk}"
        assert said["user"] == admin_user.pk

    def test_a_conflict_names_the_event_that_changed_the_row_since(self, admin_client, changes):
        Book.objects.update(title="Mansfield Park")
        since = last(Book)
        page = admin_client.get(address("undo", changes)).content.decode()
        assert "was changed since" in page
        assert address("event", since) in page
        assert 'type="submit" value="Undo"' not in page
        followed = admin_client.post(address("undo", changes), follow=True)
        assert "was changed since" in followed.content.decode()
        assert (Book.objects.get().title, RowLevel.objects.count()) == ("Mansfield Park", 1)

    def test_a_large_change_set_is_left_to_a_command(self, admin_client, changes, monkeypatch):
        monkeypatch.setattr(change_set_pages, "UNDONE", 1)
        page = admin_client.post(address("undo", changes)).content.decode()
        assert "more than 1 events" in page
        assert Book.objects.get().title == "Persuasion"

    @pytest.mark.parametrize(
        "missing", ["view_events", "change_book", "view_rowlevel", "delete_rowlevel"]
    )
    def test_each_row_needs_a_permission(self, reader, changes, missing):
        needed = {"view_events", "view_book", "change_book", "view_rowlevel", "delete_rowlevel"}
        client = reader(*needed - {missing})
        for send in (client.get, client.post):
            assert send(address("undo", changes)).status_code == 403
        assert Book.objects.get().title == "Persuasion"

    def test_these_permissions_are_enough(self, reader, changes):
        client = reader(
            "view_events", "view_book", "change_book", "view_rowlevel", "delete_rowlevel"
        )
        client.post(address("undo", changes))
        assert Book.objects.get().title == "Emma"

    def test_a_forged_request_is_refused(self, admin_user, changes):
        client = Client(enforce_csrf_checks=True)
        client.force_login(admin_user)
        assert client.post(address("undo", changes)).status_code == 403
        assert Book.objects.get().title == "Persuasion"


class TestDeleted:
    def page(self, client, model="Book"):
        url = reverse("admin:pghistory_deleted", args=[f"pghistory_tests.{model}"])
        return client.get(url)

    def test_it_lists_objects_that_are_gone(self, admin_client):
        kept, gone, again = (Book.objects.create(title=title) for title in ("a", "b", "c"))
        for book in (gone, again):
            Book.objects.filter(pk=book.pk).delete()
        admin_client.post(address("revert", last(Book)))
        assert Book.objects.filter(title="c").exists()
        rows = self.page(admin_client).context_data["rows"]
        assert [row["shown"].event.pgh_obj_id for row in rows] == [str(gone.pk)]
        admin_client.post(rows[0]["restore_url"])
        assert set(Book.objects.values_list("title", flat=True)) == {"a", "b", "c"}
        assert not self.page(admin_client).context_data["rows"]
        assert kept

    def test_what_was_deleted_together_comes_back_together(self, admin_client):
        with transaction.atomic():
            RowLevel.objects.create(number=1)
            Book.objects.create(title="Emma")
        with transaction.atomic():
            Book.objects.all().delete()
            RowLevel.objects.all().delete()
        [row] = self.page(admin_client).context_data["rows"]
        admin_client.post(row["undo_url"])
        assert (Book.objects.count(), RowLevel.objects.count()) == (1, 1)

    def test_a_page_searches_a_number_of_events(self, admin_client, monkeypatch):
        monkeypatch.setattr("pghistory.admin.restoring_pages.SEARCHED", 3)
        for number in range(3):
            RowLevel.objects.create(number=number)
        RowLevel.objects.all().delete()
        first = self.page(admin_client, "RowLevel")
        assert len(first.context_data["rows"]) == 3
        url = reverse("admin:pghistory_deleted", args=["pghistory_tests.RowLevel"])
        older = admin_client.get(url + first.context_data["older_url"])
        assert older.context_data["rows"] == []

    @pytest.mark.parametrize("before", ["x", "-1", "9" * 5000, "\0", "0"])
    def test_a_key_that_is_not_one(self, admin_client, before):
        url = reverse("admin:pghistory_deleted", args=["pghistory_tests.RowLevel"])
        assert admin_client.get(url, {"before": before}).status_code == 200

    def test_a_list_has_a_button_to_it(self, admin_client):
        page = admin_client.get(reverse("admin:pghistory_tests_book_changelist"))
        assert (
            reverse("admin:pghistory_deleted", args=["pghistory_tests.Book"])
            in page.content.decode()
        )

    def test_a_model_whose_events_do_not_say_it(self, admin_client):
        assert self.page(admin_client, "OldRows").status_code == 404
        assert self.page(admin_client, "Invoice").context_data["is_tracked"] is False

    def test_the_page_of_deleted_objects_needs_permission(self, reader):
        Author.objects.create(name="Ada")
        assert self.page(reader("view_events")).status_code == 403
