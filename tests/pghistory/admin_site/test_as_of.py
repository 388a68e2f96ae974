"""A ModelAdmin at a point in time: ``?as_of=``."""

import re

import pytest
from django.contrib import admin
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from pghistory.models import Maintenance
from pghistory.past import state
from tests.pghistory.models import Order, OrderLine, Tag

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.urls("tests.pghistory.urls"),
]


def changelist(model="order"):
    return reverse(f"admin:pghistory_tests_{model}_changelist")


def change(obj):
    return reverse(f"admin:pghistory_tests_{obj._meta.model_name}_change", args=[obj.pk])


@pytest.fixture
def order():
    """An order with a line and a tag, which changed and lost both; ``then`` is before that."""
    order = Order.objects.create(number=11)
    order.line = OrderLine.objects.create(order=order, text="two boxes")
    order.tags.add(Tag.objects.create(name="red"))
    order.then = timezone.now()
    Order.objects.update(number=22)
    OrderLine.objects.update(text="three boxes")
    return order


@pytest.fixture
def read(admin_client):
    def read(url, order, client=admin_client, **query):
        response = client.get(url, {"as_of": order.then.isoformat(), **query})
        assert response.status_code == 200
        return response.content.decode()

    return read


class TestList:
    def test_it_shows_the_rows_and_their_relations_as_they_were(self, read, order):
        page = read(changelist(), order)
        assert "two boxes" in page
        assert "three boxes" not in page
        assert ">11<" in page
        assert "read only" in page

    def test_it_shows_a_row_that_was_deleted(self, read, order):
        order.delete()
        assert "two boxes" in read(changelist(), order)

    def test_a_foreign_key_is_followed_at_the_same_time(self, read, order):
        assert "order number 11" in read(changelist("orderline"), order)

    def test_links_keep_the_time(self, read, order):
        page = read(changelist(), order)
        assert re.search(rf'{change(order)}\?[^"]*as_of=2', page)

    def test_filters_apply_to_the_past(self, read, order):
        assert "two boxes" in read(changelist(), order, number=11)
        assert "two boxes" not in read(changelist(), order, number=22)

    def test_nothing_can_be_changed(self, admin_client, order):
        url = f"{changelist()}?as_of={order.then:%Y-%m-%dT%H:%M:%S}"
        assert admin_client.post(url, {"action": "delete_selected"}).status_code == 405
        page = admin_client.get(changelist(), {"as_of": order.then.isoformat()}).content.decode()
        assert "delete_selected" not in page
        assert 'name="form-0-number"' not in page
        assert reverse("admin:pghistory_tests_order_add") not in page

    def test_without_the_parameter_it_is_as_usual(self, admin_client, order):
        page = admin_client.get(changelist()).content.decode()
        assert "three boxes" in page
        assert 'name="form-0-number"' in page
        assert 'name="as_of"' in page


class TestObject:
    def test_it_shows_the_object_its_inlines_and_its_relations(self, read, order):
        order.tags.clear()
        page = read(change(order), order)
        assert "two boxes" in page
        assert "three boxes" not in page
        assert ">11<" in page
        assert "Tag object" in page
        assert "Save" not in page

    def test_an_object_that_was_deleted_since(self, read, order):
        url = change(order)
        order.delete()
        assert "two boxes" in read(url, order)

    def test_an_object_that_did_not_exist_yet(self, admin_client, order):
        later = Order.objects.create()
        response = admin_client.get(change(later), {"as_of": order.then.isoformat()})
        assert response.status_code == 302


class TestRefusals:
    @pytest.mark.parametrize(
        "text", ["yesterday", "2024-13-01T00:00", "\0", "0", "9999-12-31T23:00:00-12:00"]
    )
    def test_what_is_not_a_time_is_said(self, admin_client, order, text):
        page = admin_client.get(changelist(), {"as_of": text}, follow=True).content.decode()
        assert "is not a time" in page
        assert "three boxes" in page

    def test_a_time_before_complete_tracking_is_said(self, admin_client, order):
        Maintenance.objects.filter(event_table="pghistory_tests_orderevent").update(
            complete_from=timezone.now()
        )
        query = {"as_of": order.then.isoformat()}
        page = admin_client.get(changelist(), query, follow=True).content.decode()
        assert "is complete from" in page
        assert "three boxes" in page

    def test_the_permissions_are_those_of_today(self, order, read):
        user = get_user_model().objects.create(username="reader", is_staff=True)
        client = Client()
        client.force_login(user)
        query = {"as_of": order.then.isoformat()}
        assert client.get(changelist(), query).status_code == 403
        order_and_line = Permission.objects.filter(
            codename__in=("view_order", "view_orderline"), content_type__app_label="pghistory_tests"
        )
        for permission in order_and_line:
            user.user_permissions.add(permission)
            assert client.get(changelist(), query).status_code == 403
        assert 'name="as_of"' not in client.get(changelist()).content.decode()
        user.user_permissions.add(Permission.objects.get(codename="view_events"))
        assert "two boxes" in read(changelist(), order, client)
        assert "two boxes" in read(change(order), order, client)
        user.user_permissions.remove(order_and_line.get(codename="view_orderline"))
        assert "two boxes" not in read(change(order), order, client)

    def test_an_object_that_may_not_be_viewed_today_is_not_shown_as_it_was(
        self, admin_client, order, monkeypatch
    ):
        def is_of_the_past(request, obj=None):
            return obj is None or obj.number == 11

        own = admin.site.get_model_admin(Order)
        monkeypatch.setattr(own, "has_view_or_change_permission", is_of_the_past)
        monkeypatch.setattr(own, "has_view_permission", is_of_the_past)
        monkeypatch.setattr(own, "to_field_allowed", lambda request, name: True)
        address = change(order)
        by_number = address.replace(f"/{order.pk}/", "/11/")
        for path, query in ((address, {}), (by_number, {"_to_field": "number"})):
            found = admin_client.get(path, {"as_of": order.then.isoformat(), **query})
            assert found.status_code == 403, path

    def test_sessions_and_users_are_never_read_in_the_past(self, admin_client, order):
        in_the_past = {True: [], False: []}

        def record(execute, sql, *args):
            in_the_past[state.current() is not None].append(str(sql))
            return execute(sql, *args)

        with connection.execute_wrapper(record):
            admin_client.get(changelist(), {"as_of": order.then.isoformat()})
        assert [each for each in in_the_past[True] if "pghistory_tests_order" in each]
        about = re.compile("session|_user|permission")
        assert [each for each in in_the_past[False] if about.search(each)]
        assert not [each for each in in_the_past[True] if about.search(each)]
