"""The rules of an item, tested in the database that keeps them."""

import pytest
from django.contrib.auth import get_user_model
from django.test import Client
from django.urls import reverse
from shop.models import Item

import pgtrigger

pytestmark = pytest.mark.django_db


@pytest.fixture
def published() -> Item:
    return Item.objects.create(name="An item", status=Item.Status.PUBLISHED)


def test_a_draft_can_be_published() -> None:
    item = Item.objects.create(name="An item")
    item.status = Item.Status.PUBLISHED
    item.save()
    item.refresh_from_db()
    assert item.status == "published"


def test_a_published_item_is_never_a_draft_again(published: Item) -> None:
    published.status = Item.Status.DRAFT
    with pytest.raises(pgtrigger.InvalidTransitionError):
        published.save()


def test_a_published_item_cannot_be_deleted(published: Item) -> None:
    with pytest.raises(pgtrigger.ProtectedError):
        published.delete()


def test_every_change_is_an_event(published: Item) -> None:
    published.name = "Another name"
    published.save()
    events = published.events.order_by("pgh_id")
    assert [(event.pgh_label, event.name) for event in events] == [
        ("insert", "An item"),
        ("update", "Another name"),
    ]


def test_the_page_shows_published_items(client: Client, published: Item) -> None:
    Item.objects.create(name="A draft")
    page = client.get(reverse("shop:index")).content.decode()
    assert "An item" in page
    assert "A draft" not in page


def test_the_admin_does_not_delete_what_a_rule_keeps(client: Client, published: Item) -> None:
    user = get_user_model().objects.create_superuser("admin", "admin@example.com", "password")
    client.force_login(user)
    url = f"/admin/shop/item/{published.pk}/delete/"
    assert client.post(url, {"post": "yes"}).status_code == 403
    assert Item.objects.filter(pk=published.pk).exists()
