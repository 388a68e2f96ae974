"""Uses every model once and prints what happened: the same with either packages."""

import json
import os
import uuid

os.environ["DJANGO_SETTINGS_MODULE"] = "settings"

import django

django.setup()

from django.contrib.auth.models import Group, User
from django.db import DatabaseError, connection, transaction
from people.models import Membership, MembershipEvent, Person
from shop import models as shop

import pghistory
import pgtrigger
from pghistory.models import Events

RUN = uuid.uuid4().hex[:8]
SEEN = {}


def observed(function):
    try:
        with transaction.atomic():
            SEEN[function.__name__] = function()
    except Exception as error:
        SEEN[function.__name__] = f"{type(error).__name__}: {str(error).splitlines()[0]}"


def refused(action):
    try:
        with transaction.atomic():
            action()
            with connection.cursor() as cursor:
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
    except DatabaseError as error:
        return str(error).splitlines()[0]
    return "allowed"


def labels(events):
    return list(events.order_by("pgh_id").values_list("pgh_label", flat=True))


@observed
def customer():
    with pghistory.context(reason="opening", user=None):
        one = shop.Customer.objects.create(name="A", email=f"{RUN}@example.org", is_vip=True)
        two = shop.Customer.objects.create(name="B", email=f"2{RUN}@example.org", invited_by=one)
        two.name = "C"
        two.save()
        two.save()
    contexts = [event.pgh_context.metadata["reason"] for event in two.events.all()]
    # In the PyPI package a context lasts until the end of the transaction.
    filtered = two.events.filter(pgh_context__metadata__reason="opening").count()
    vip = refused(one.delete)
    email = refused(lambda: shop.Customer.objects.filter(pk=two.pk).update(email="x@example.org"))
    demoted = refused(lambda: shop.Customer.objects.filter(pk=one.pk).update(is_vip=False))
    with pgtrigger.ignore("shop.Customer:keep_vips"):
        ignored = refused(lambda: shop.Customer.objects.filter(pk=one.pk).delete())
    return {
        "keep_vips": vip,
        "email_stays": email,
        "vips_stay": demoted,
        "ignored": ignored,
        "events": labels(two.events.all()),
        "names": list(two.events.order_by("pgh_id").values_list("name", flat=True)),
        "context": contexts,
        "filtered": filtered,
        "references": Events.objects.references(one).count(),
        "diffs": [
            event.pgh_diff and sorted(event.pgh_diff)
            for event in Events.objects.tracks(two).order_by("pgh_created_at", "pgh_id")
        ],
        "model": sorted(set(Events.objects.tracks(two).values_list("pgh_model", flat=True))),
    }


@observed
def vip():
    one = shop.Customer.objects.create(name="V", email=f"3{RUN}@example.org")
    shop.Customer.objects.filter(pk=one.pk).update(is_vip=True)
    return labels(shop.VipEvent.objects.filter(pgh_obj_id=one.pk))


@observed
def order():
    owner = shop.Customer.objects.create(name="O", email=f"4{RUN}@example.org")
    with pghistory.context(till=7):
        order = shop.Order.objects.create(customer=owner)
        order.status = "paid"
        order.save()
    backwards = refused(lambda: shop.Order.objects.filter(pk=order.pk).update(status="open"))
    pghistory.create_event(order, label="order.printed")
    with pgtrigger.ignore("shop.Order:order_created_insert"):
        silent = shop.Order.objects.create(customer=owner)
    return {
        "status_moves": backwards,
        "events": sorted(labels(order.events.all())),
        "silent": labels(silent.events.all()),
        "tills": sorted(str((event.pgh_context or {}).get("till")) for event in order.events.all()),
        "context ids": order.events.exclude(pgh_context_id=None).count(),
        "timeline": Events.objects.tracks(order).count(),
        "contexts": Events.objects.tracks(order).filter(pgh_context__till=7).count(),
    }


@observed
def article():
    article = shop.Article.objects.create(title="Heron", body="stands in water")
    tag = shop.Tag.objects.create(name=RUN)
    article.tags.add(tag)
    article.tags.clear()
    found = shop.Article.objects.filter(pk=article.pk, vector="water").count()
    shop.Article.objects.filter(pk=article.pk).delete()
    events = shop.ArticleTagEvent.objects.filter(tag_id=tag.pk)
    return {
        "search_vector": found,
        "soft_delete": shop.Article.objects.get(pk=article.pk).is_active,
        "tags": labels(events),
    }


@observed
def account():
    one = shop.Account.objects.create(owner=RUN)
    deferred = refused(lambda: shop.Account.objects.filter(pk=one.pk).update(balance=-1))
    big = refused(lambda: shop.Account.objects.filter(pk=one.pk).update(balance=2000))
    small = refused(lambda: shop.Account.objects.filter(pk=one.pk).update(balance=20))
    shop.Account.objects.filter(pk=one.pk).update(credit=5)
    shop.Account.objects.filter(pk=one.pk).update(credit=3)

    def truncate():
        with connection.cursor() as cursor:
            cursor.execute("TRUNCATE shop_account")

    return {
        "covered": deferred,
        "small_steps": [big, small],
        "keep_all": refused(truncate),
        "log_credit": list(
            shop.CreditLog.objects.filter(account=one.pk).values_list("credit", flat=True)
        ),
    }


@observed
def invoice():
    user = User.objects.create(username=f"u{RUN}")
    with pghistory.context(user=user.pk):
        one = shop.Invoice.objects.create(number=1, note="a")
        shop.Invoice.objects.filter(pk=one.pk).update(number=2, note="b")
    # Of a declared event model with a proxy field, the PyPI package can only count.
    events = shop.InvoiceEvent.objects.filter(key=one.pk)
    return {
        "events": {
            label: events.filter(pgh_label=label).count() for label in ("insert", "before", "after")
        },
        "numbers": [events.filter(number=number).count() for number in (1, 2)],
        "by user": events.filter(user=user).count(),
        "reviewed": events.filter(reviewed=None).count(),
        "notes": list(one.note_events.values_list("note", flat=True)),
        "timeline": sorted(set(Events.objects.tracks(one).values_list("pgh_model", flat=True))),
    }


@observed
def counter():
    one = shop.Counter.objects.create()
    one.value = 1
    one.save()
    return {
        "append_only": refused(lambda: one.events.update(value=9)),
        "events": list(one.events.order_by("pgh_id").values_list("value", flat=True)),
        # The columns of transactions are these libraries' own.
        "fields": sorted(
            field.column
            for field in shop.CounterEvent._meta.concrete_fields
            if not field.column.startswith("pgh_xact")
        ),
        "timeline": Events.objects.tracks(one).count(),
    }


@observed
def restaurant():
    one = shop.Restaurant.objects.create(address="Street 1", seats=4)
    one.seats = 5
    one.save()
    refusal = refused(lambda: shop.Restaurant.objects.create(address="x", seats=-1))
    place = shop.Place.objects.get(pk=one.pk)
    events = {
        "restaurant": labels(one.restaurant_events.all()),
        "seats": list(one.restaurant_events.order_by("pgh_id").values_list("seats", flat=True)),
        "place": labels(place.events.all()),
        "timeline": Events.objects.tracks(one).filter(pgh_model="shop.RestaurantEvent").count(),
        "seats_needed": refusal,
    }
    place.address = "Street 2"
    place.save()
    events["place, moved"] = labels(place.events.all())
    return events


@observed
def people():
    user = User.objects.create(username=f"p{RUN}", email="p@example.org")
    User.objects.filter(pk=user.pk).update(email="q@example.org")
    User.objects.filter(pk=user.pk).update(first_name="Q")
    group = Group.objects.create(name=RUN)
    user.groups.add(group)
    user.groups.remove(group)
    person = Person.objects.get(pk=user.pk)
    return {
        "keep_people": refused(User.objects.filter(pk=user.pk).delete),
        "events": labels(person.username_email_events.all()),
        "membership": labels(MembershipEvent.objects.filter(group_id=group.pk)),
        "proxy": Membership.objects.filter(group_id=group.pk).count(),
    }


@observed
def old_events():
    """Events that were written before: all can still be read."""
    return {
        "data": {
            event_model.__name__: all(
                isinstance(event.pgh_data, dict)
                for event in Events.objects.across(event_model).order_by("pgh_created_at")[:50]
            )
            for event_model in (
                shop.CustomerEvent,
                shop.OrderEvent,
                shop.InvoiceEvent,
                shop.InvoiceNoteEvent,
                shop.CounterEvent,
                shop.PlaceEvent,
                shop.RestaurantEvent,
            )
        },
        "instances": {
            event_model.__name__: [bool(event.pk) for event in event_model.objects.all()[:3]][:1]
            for event_model in (shop.RestaurantEvent, shop.CounterEvent, shop.PlaceEvent)
        },
    }


print("RESULT " + json.dumps(SEEN, default=str, indent=1, sort_keys=True))
