"""Every kind of rule and of history that the documentation of the PyPI packages shows."""

import uuid

from django.contrib.auth.models import User
from django.contrib.postgres.search import SearchVectorField
from django.db import models

import pghistory
import pgtrigger


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Customer(models.Model):
    """Protect with a condition, ReadOnly, and context by foreign key."""

    name = models.CharField(max_length=40)
    email = models.EmailField(unique=True)
    is_vip = models.BooleanField(default=False)
    invited_by = models.ForeignKey("self", models.SET_NULL, null=True, related_name="invited")

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="keep_vips",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__is_vip=True),
            ),
            pgtrigger.ReadOnly(name="email_stays", fields=["email"]),
        ]


@pghistory.track(pghistory.UpdateEvent("vip.changed"), fields=["is_vip"], model_name="VipEvent")
class Vip(Customer):
    """A proxy with history and its own rule."""

    class Meta:
        proxy = True
        triggers = [
            pgtrigger.Protect(
                name="vips_stay",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__is_vip=True, new__is_vip=False),
            )
        ]


@pghistory.track(
    pghistory.InsertEvent("order.created"),
    pghistory.UpdateEvent("order-changed"),
    pghistory.UpdateEvent(
        "order.paid",
        condition=pgtrigger.Q(old__status__df=pgtrigger.F("new__status"), new__status="paid"),
    ),
    pghistory.ManualEvent("order.printed"),
    context_field=pghistory.ContextJSONField(),
)
class Order(models.Model):
    """FSM, labels that are not identifiers, and context by JSON."""

    customer = models.ForeignKey(Customer, models.CASCADE)
    status = models.CharField(max_length=10, default="open")
    total = models.DecimalField(max_digits=8, decimal_places=2, default=0)

    class Meta:
        triggers = [
            pgtrigger.FSM(
                name="status_moves",
                field="status",
                transitions=[("open", "paid"), ("paid", "sent"), ("open", "cancelled")],
            )
        ]


class Tag(models.Model):
    name = models.CharField(max_length=20, unique=True)


class Article(models.Model):
    """SoftDelete, UpdateSearchVector and a tracked many-to-many table."""

    title = models.CharField(max_length=40)
    body = models.TextField(default="")
    is_active = models.BooleanField(default=True)
    vector = SearchVectorField(null=True)
    tags = models.ManyToManyField(Tag)

    class Meta:
        triggers = [
            pgtrigger.SoftDelete(name="soft_delete", field="is_active"),
            pgtrigger.UpdateSearchVector(
                name="search_vector", vector_field="vector", document_fields=["title", "body"]
            ),
        ]


@pghistory.track(
    pghistory.InsertEvent("tag.added"), pghistory.DeleteEvent("tag.removed"), obj_field=None
)
class ArticleTag(Article.tags.through):
    class Meta:
        proxy = True


class Account(models.Model):
    """A deferred trigger, statement-level ones and a Composer."""

    owner = models.CharField(max_length=20)
    balance = models.IntegerField(default=0)
    credit = models.IntegerField(default=0)

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="covered",
                when=pgtrigger.After,
                operation=pgtrigger.Insert | pgtrigger.Update,
                timing=pgtrigger.Deferred,
                condition=pgtrigger.Q(new__balance__lt=0),
            ),
            pgtrigger.Trigger(
                name="small_steps",
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                operation=pgtrigger.Update,
                referencing=pgtrigger.Referencing(old="old_values", new="new_values"),
                declare=[("moved", "bigint")],
                func=pgtrigger.Func(
                    """
                    SELECT sum(abs(n.{columns.balance} - o.{columns.balance})) INTO moved
                        FROM new_values n JOIN old_values o USING ({columns.id});
                    IF moved > 1000 THEN
                        RAISE EXCEPTION 'moved % in %', moved, '{meta.db_table}';
                    END IF;
                    RETURN NULL;
                    """
                ),
            ),
            pgtrigger.Trigger(
                name="keep_all",
                when=pgtrigger.Before,
                level=pgtrigger.Statement,
                operation=pgtrigger.Truncate,
                func="RAISE EXCEPTION 'no truncate of %', TG_TABLE_NAME;",
            ),
            pgtrigger.Composer(
                name="log_credit",
                when=pgtrigger.After,
                level=pgtrigger.Statement,
                operation=pgtrigger.Update,
                declare=[("val", "RECORD")],
                condition=pgtrigger.Q(new__credit__gt=4),
                func=pgtrigger.Func(
                    """
                    FOR val IN SELECT new_values.* FROM {cond_new_values}
                    LOOP
                        INSERT INTO shop_creditlog (account, credit)
                            VALUES (val.id, val.{columns.credit});
                    END LOOP;
                    RETURN NULL;
                    """
                ),
            ),
        ]


class CreditLog(models.Model):
    account = models.BigIntegerField()
    credit = models.IntegerField()


class Invoice(models.Model):
    """Event models that the project declares itself."""

    key = models.UUIDField(primary_key=True, default=uuid.uuid4)
    number = models.IntegerField()
    note = models.TextField(blank=True)


class InvoiceEvent(
    pghistory.create_event_model(
        Invoice,
        pghistory.InsertEvent(),
        pghistory.UpdateEvent("before", row=pghistory.Old),
        pghistory.UpdateEvent("after"),
    )
):
    """With a proxy field, an own index, and a column that the project adds."""

    user = pghistory.ProxyField(
        "pgh_context__metadata__user", models.ForeignKey(User, models.DO_NOTHING, null=True)
    )
    reviewed = models.BooleanField(null=True)

    class Meta:
        indexes = [models.Index(fields=["number"], name="invoice_event_number")]


class InvoiceNoteEvent(
    pghistory.create_event_model(
        Invoice,
        pghistory.UpdateEvent("note"),
        fields=["note"],
        obj_field=pghistory.ObjForeignKey(
            related_name="note_events", related_query_name="note_events_query"
        ),
        context_field=pghistory.ContextJSONField(),
        context_id_field=None,
    )
):
    pass


@pghistory.track(
    pghistory.InsertEvent(), pghistory.UpdateEvent(), context_field=None, append_only=True
)
class Counter(models.Model):
    """History without context."""

    value = models.IntegerField(default=0)


@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Place(models.Model):
    """Multi-table inheritance, both models tracked."""

    address = models.CharField(max_length=40)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    obj_field=pghistory.ObjForeignKey(related_name="restaurant_events"),
)
class Restaurant(Place):
    seats = models.IntegerField(default=0)

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="seats_needed",
                operation=pgtrigger.Insert,
                condition=pgtrigger.Q(new__seats__lt=0),
            )
        ]
