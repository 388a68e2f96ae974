"""Models with the basic rules, and models that are tracked."""

from django.db import models
from django.db.models.functions import Lower

import pghistory
import pgtrigger


class CannotDelete(models.Model):
    """This model cannot be deleted.

    The ``pgtrigger.Protect`` trigger protects the deletion operation
    from happening
    """

    class Meta:
        triggers = [pgtrigger.Protect(name="protect_deletes", operation=pgtrigger.Delete)]


class AppendOnly(models.Model):
    """This model can only be appended.

    The ``pgtrigger.Protect`` trigger protects the update or delete operations
    from happening, making this an "append-only" model.
    """

    int_field = models.IntegerField()

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="append_only",
                operation=pgtrigger.Update | pgtrigger.Delete,
            )
        ]


class ReadOnlyField(models.Model):
    """
    The "created_at" field cannot be updated (i.e. a read-only field).

    Updates to other fields will pass, but any updates to created_at will
    result in an error
    """

    created_at = models.DateTimeField(auto_now_add=True)
    int_field = models.IntegerField()

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="read_only",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__created_at__df=pgtrigger.F("new__created_at")),
            )
        ]


class ReadOnlyFields(models.Model):
    """Neither "created_at" nor "int_field" can be updated."""

    created_at = models.DateTimeField(auto_now_add=True)
    int_field = models.IntegerField()

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="multiple_read_only",
                operation=pgtrigger.Update,
                condition=(
                    pgtrigger.Q(old__created_at__df=pgtrigger.F("new__created_at"))
                    | pgtrigger.Q(old__int_field__df=pgtrigger.F("new__int_field"))
                ),
            )
        ]


class SoftDelete(models.Model):
    """
    This model cannot be deleted. When a user tries to delete it, the
    model will be "soft" deleted instead and have the ``is_active``
    boolean set to ``False``
    """

    is_active = models.BooleanField(default=True)

    class Meta:
        triggers = [pgtrigger.SoftDelete(name="soft_delete", field="is_active", value=False)]


class Versioned(models.Model):
    """
    This model is versioned. The "version" field is incremented on every
    update, and users cannot directly update the "version" field.
    """

    version = models.IntegerField(default=0)
    char_field = models.CharField(max_length=32)

    class Meta:
        triggers = [
            # Protect anyone editing the version field directly
            pgtrigger.Protect(
                name="protect_version_edits",
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(old__version__df=pgtrigger.F("new__version")),
            ),
            # Increment the version field on changes
            pgtrigger.Trigger(
                name="versioned",
                when=pgtrigger.Before,
                operation=pgtrigger.Update,
                func="NEW.version = NEW.version + 1; RETURN NEW;",
                # Don't increment version on redundant updates.
                condition=pgtrigger.Condition("OLD.* IS DISTINCT FROM NEW.*"),
            ),
        ]


class OfficialInterfaceManager(models.Manager):
    @pgtrigger.ignore("tutorial.OfficialInterface:protect_inserts")
    def official_create(self):
        return self.create()


class OfficialInterface(models.Model):
    """
    This model has inserts protected and can only be created by
    using OfficialInterface.objects.official_create()
    """

    objects = OfficialInterfaceManager()

    class Meta:
        triggers = [pgtrigger.Protect(name="protect_inserts", operation=pgtrigger.Insert)]


class FSM(models.Model):
    """The "status" field can only perform configured transitions during
    updates. Any invalid transitions will result in an error.
    """

    class Status(models.TextChoices):
        UNPUBLISHED = "unpublished"
        PUBLISHED = "published"
        INACTIVE = "inactive"

    status = models.CharField(choices=Status.choices, default=Status.UNPUBLISHED, max_length=16)

    class Meta:
        triggers = [
            pgtrigger.FSM(
                name="validate_status_transitions",
                field="status",
                transitions=(
                    ("unpublished", "published"),
                    ("unpublished", "inactive"),
                    ("published", "inactive"),
                ),
            )
        ]


class Team(models.Model):
    """A team is soft-deleted. What becomes of the rows that refer to it, each model says itself."""

    name = models.CharField(max_length=32)
    is_active = models.BooleanField(default=True)

    class Meta:
        triggers = [pgtrigger.SoftDelete(name="soft_delete", field="is_active")]


class Member(models.Model):
    """Soft-deleted together with its team."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    name = models.CharField(max_length=32)
    is_active = models.BooleanField(default=True)

    class Meta:
        triggers = [pgtrigger.SoftDelete(name="soft_delete", field="is_active")]


class Badge(models.Model):
    """Deleted for good when its team is soft-deleted."""

    team = models.ForeignKey(Team, on_delete=models.CASCADE)
    label = models.CharField(max_length=32)


class Minute(models.Model):
    """Left as it is when its team is soft-deleted."""

    team = models.ForeignKey(Team, on_delete=models.DO_NOTHING)
    text = models.CharField(max_length=64)


class Review(models.Model):
    """The "status" field can only perform configured transitions, unless the review is a
    rehearsal.
    """

    class Status(models.TextChoices):
        OPEN = "open"
        ACCEPTED = "accepted"
        DECLINED = "declined"

    status = models.CharField(choices=Status.choices, default=Status.OPEN, max_length=16)
    is_rehearsal = models.BooleanField(default=False)

    class Meta:
        triggers = [
            pgtrigger.FSM(
                name="final_decision",
                field="status",
                transitions=(("open", "accepted"), ("open", "declined")),
                condition=pgtrigger.Q(old__is_rehearsal=False),
            )
        ]


class Author(models.Model):
    name = models.CharField(max_length=32)


class Book(models.Model):
    """Its foreign key is DEFERRABLE INITIALLY DEFERRED, as Django makes every one."""

    title = models.CharField(max_length=64)
    author = models.ForeignKey(Author, on_delete=models.CASCADE)


class User(models.Model):
    """A user with a unique email, in lower case."""

    email = models.EmailField(unique=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(email=Lower("email")), name="constraint_islowercase"
            )
        ]


class Passport(models.Model):
    """A passport keeps its number; its holder may change their name."""

    number = models.CharField(max_length=16)
    holder = models.CharField(max_length=64)

    class Meta:
        triggers = [pgtrigger.ReadOnly(name="number_is_final", fields=["number"])]


class Batch(models.Model):
    """The number of readings that one statement added."""

    rows = models.IntegerField()


class Reading(models.Model):
    """A meter's reading, which never runs backwards."""

    meter = models.IntegerField()
    value = models.IntegerField()

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="never_backwards",
                level=pgtrigger.Statement,
                operation=pgtrigger.Update,
                condition=pgtrigger.Q(new__value__lt=pgtrigger.F("old__value")),
            ),
            pgtrigger.Trigger(
                name="log_batch",
                level=pgtrigger.Statement,
                when=pgtrigger.After,
                operation=pgtrigger.Insert,
                referencing=pgtrigger.Referencing(new="new_values"),
                func=(
                    "INSERT INTO tutorial_batch (rows) SELECT count(*) FROM new_values;"
                    " RETURN NULL;"
                ),
            ),
        ]


@pghistory.track(
    # Create a "snapshot" event on every insert/update
    pghistory.Snapshot("snapshot"),
    # Create a "create" event whenever a model is created
    pghistory.AfterInsert("create"),
    # Create a "low_int" event on every update where int_field < 0
    pghistory.AfterUpdate("low_int", condition=pgtrigger.Q(new__int_field__lt=0)),
    obj_field=pghistory.ObjForeignKey(related_name="event"),
)
class Tracked(models.Model):
    """
    This model uses django-pghistory to track and snapshot field
    changes and events on this model. django-pghistory is a library on
    top of django-pgtrigger that helps make history tracking on Django
    models easy
    """

    int_field = models.IntegerField()
    char_field = models.CharField(max_length=64)


@pghistory.track(
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
    obj_field=pghistory.ObjForeignKey(related_name="event"),
)
class Page(models.Model):
    """Every insert, update and deletion becomes an event that holds the whole row."""

    title = models.CharField(max_length=64)
    text = models.TextField()
