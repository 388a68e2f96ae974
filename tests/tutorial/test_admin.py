"""The admin: a broken rule is a message, and what a rule says beforehand is heeded beforehand."""

from html import unescape

import pytest
from django.apps import apps
from django.contrib import admin
from django.db import connection, models
from django.test import Client
from django.urls import reverse

from pgtrigger.forms import forecast
from tutorial.chapters import all_chapters
from tutorial.models import (
    FSM,
    AppendOnly,
    CannotDelete,
    OfficialInterface,
    Page,
    Passport,
    Reading,
    ReadOnlyField,
    ReadOnlyFields,
    Review,
    SoftDelete,
    Versioned,
)

pytestmark = pytest.mark.django_db

MODELS = [model for model in apps.get_app_config("tutorial").get_models() if model._meta.managed]
EVERY_MODEL = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.__name__)


def url(model: type[models.Model], page: str, *arguments: object) -> str:
    return reverse(f"admin:tutorial_{model._meta.model_name}_{page}", args=arguments)


def page(client: Client, *arguments: object, **data: object) -> str:
    response = client.post(*arguments, data, follow=True)
    assert response.status_code == 200
    return unescape(response.content.decode())


class TestEveryModel:
    @EVERY_MODEL
    def test_every_model_has_its_page(
        self, admin_client: Client, model: type[models.Model]
    ) -> None:
        assert admin.site.is_registered(model)
        assert admin_client.get(url(model, "changelist")).status_code == 200


class TestIndex:
    def test_it_lists_the_models_of_each_chapter_once(self, admin_client: Client) -> None:
        html = admin_client.get("/admin/").content.decode()
        for chapter in all_chapters():
            assert f'href="/{chapter.slug}/"' in html
            for model in chapter.models:
                assert f'href="{url(model, "changelist")}"' in html
        assert f'href="{url(apps.get_model("tutorial.PageEvent"), "changelist")}"' in html
        assert html.count(f'href="{url(Passport, "add")}"') == 0

    def test_it_has_its_own_header_and_correct_plurals(self, admin_client: Client) -> None:
        html = admin_client.get("/admin/").content.decode()
        assert "Django administration" not in html
        for wrong in ("Append onlys", "Batchs", "Fsms", "Read only fieldss", "Trackeds"):
            assert wrong.lower() not in html.lower()

    def test_a_list_leads_to_the_chapter_and_the_chapter_to_the_list(
        self, admin_client: Client
    ) -> None:
        assert (
            'href="/append-only/"'
            in admin_client.get(url(AppendOnly, "changelist")).content.decode()
        )
        assert url(AppendOnly, "changelist") in admin_client.get("/append-only/").content.decode()


class TestRefusedWrites:
    def test_a_deletion_is_not_offered(self, admin_client: Client) -> None:
        row = CannotDelete.objects.create()
        html = admin_client.get(url(CannotDelete, "change", row.pk)).content.decode()
        assert url(CannotDelete, "delete", row.pk) not in html
        assert admin_client.post(url(CannotDelete, "delete", row.pk)).status_code == 403
        listed = admin_client.get(url(CannotDelete, "changelist")).content.decode()
        assert "delete_selected" not in listed

    def test_a_change_is_an_error_of_the_form_as_it_was_filled_in(
        self, admin_client: Client
    ) -> None:
        row = Reading.objects.create(meter=1, value=100)
        html = page(admin_client, url(Reading, "change", row.pk), meter="1", value="42")
        assert "never_backwards" in html
        assert 'value="42"' in html
        row.refresh_from_db()
        assert row.value == 100

    def test_an_addition_is_an_error_of_the_form(self, admin_client: Client) -> None:
        html = page(admin_client, url(OfficialInterface, "add"))
        assert "protect_inserts" in html
        assert not OfficialInterface.objects.exists()


class TestReadOnlyFields:
    @pytest.mark.parametrize(
        ("model", "expected"),
        [
            (ReadOnlyField, ["created_at"]),
            (ReadOnlyFields, ["created_at", "int_field"]),
            (Versioned, ["version"]),
            (Passport, ["number"]),
            (AppendOnly, ["id", "int_field"]),
            (CannotDelete, []),
        ],
    )
    def test_they_are_read_from_the_declaration(
        self, model: type[models.Model], expected: list[str]
    ) -> None:
        assert sorted(forecast(model).read_only) == expected

    def test_one_is_shown_and_cannot_be_filled_in(self, admin_client: Client) -> None:
        row = Passport.objects.create(number="C01X", holder="Ada")
        html = admin_client.get(url(Passport, "change", row.pk)).content.decode()
        assert '<div class="readonly">C01X</div>' in html
        assert 'name="number"' not in html
        assert 'name="holder"' in html

    def test_a_new_row_takes_it(self, admin_client: Client) -> None:
        assert 'name="number"' in admin_client.get(url(Passport, "add")).content.decode()


class TestStates:
    def test_only_those_that_can_follow_are_offered(self, admin_client: Client) -> None:
        row = FSM.objects.create(status="published")
        html = admin_client.get(url(FSM, "change", row.pk)).content.decode()
        assert 'value="inactive"' in html
        assert 'value="unpublished"' not in html

    def test_a_new_row_may_begin_in_any(self, admin_client: Client) -> None:
        html = admin_client.get(url(FSM, "add")).content.decode()
        assert all(f'value="{state}"' in html for state in FSM.Status.values)

    def test_a_rule_with_a_condition_applies_to_the_rows_that_meet_it(self) -> None:
        final = Review.objects.create(status="declined")
        rehearsal = Review.objects.create(status="declined", is_rehearsal=True)
        assert forecast(Review, final).states == {"status": ["declined"]}
        assert forecast(Review, rehearsal).states == {}


class TestSoftDeletion:
    def test_a_deleted_row_is_marked_and_can_be_filtered(self, admin_client: Client) -> None:
        gone, kept = SoftDelete.objects.create(), SoftDelete.objects.create()
        gone_pk = gone.pk
        gone.delete()

        html = admin_client.get(url(SoftDelete, "changelist")).content.decode()
        assert f"<s>SoftDelete object ({gone_pk})</s> (deleted)" in html
        assert f"<s>SoftDelete object ({kept.pk})" not in html

        filtered = url(SoftDelete, "changelist") + "?is_active__exact=1"
        assert "(deleted)" not in admin_client.get(filtered).content.decode()

    def test_it_can_be_undeleted(self, admin_client: Client) -> None:
        gone = SoftDelete.objects.create()
        pk = gone.pk
        gone.delete()

        html = page(
            admin_client, url(SoftDelete, "changelist"), action="undelete", _selected_action=[pk]
        )

        assert "Undeleted 1." in html
        assert SoftDelete.objects.get(pk=pk).is_active

    def test_no_other_model_offers_that(self, admin_client: Client) -> None:
        CannotDelete.objects.create()
        html = admin_client.get(url(CannotDelete, "changelist")).content.decode()
        assert "undelete" not in html.lower()


class TestHistory:
    def test_a_tracked_row_leads_to_its_timeline(self, admin_client: Client) -> None:
        row = Page.objects.create(title="News", text="We have begun.")
        row.text = "Lorem ipsum"
        row.save()

        html = admin_client.get(url(Page, "change", row.pk)).content.decode()
        timeline = reverse("admin:pghistory_timeline", args=["tutorial.Page", row.pk])
        assert timeline in html
        assert "Lorem ipsum" in admin_client.get(timeline).content.decode()

    def test_a_change_in_the_admin_says_who_made_it(self, admin_client: Client) -> None:
        page(admin_client, url(Page, "add"), title="News", text="We have begun.")

        event = Page.objects.get().event.get()
        assert event.pgh_context.metadata["url"] == url(Page, "add")
        assert event.pgh_context.metadata["user"]

    @pytest.mark.parametrize("statement", ["DELETE FROM", "TRUNCATE"])
    def test_a_removed_row_leaves_an_event(self, statement: str) -> None:
        row = Page.objects.create(title="News", text="We have begun.")
        with connection.cursor() as cursor:
            cursor.execute(f"{statement} tutorial_page")
        events = apps.get_model("tutorial.PageEvent").objects.filter(pgh_obj_id=row.pk)
        assert [event.pgh_label for event in events.order_by("pgh_id")] == ["insert", "delete"]

    def test_an_event_is_there_to_look_at(self, admin_client: Client) -> None:
        Page.objects.create(title="News", text="We have begun.")
        event_model = apps.get_model("tutorial.PageEvent")
        assert "insert" in admin_client.get(url(event_model, "changelist")).content.decode()
        assert admin_client.get(url(event_model, "add")).status_code == 403
