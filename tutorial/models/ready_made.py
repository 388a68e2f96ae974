"""Models with rules that compare, count, limit and lock."""

from django.db import models
from django.db.models import Q

import pgtrigger


class Invoice(models.Model):
    """Once it is issued, only its note can change."""

    class Status(models.TextChoices):
        DRAFT = "draft"
        ISSUED = "issued"

    status = models.CharField(choices=Status.choices, default=Status.DRAFT, max_length=16)
    amount = models.IntegerField(default=0)
    note = models.CharField(max_length=64, blank=True)

    class Meta:
        triggers = [
            pgtrigger.Frozen(
                when=Q(status="issued"),
                allow=["note"],
                message="An issued invoice cannot be changed.",
            )
        ]


class Line(models.Model):
    """A line of an invoice. It can be written as long as the invoice is a draft."""

    invoice = models.ForeignKey(Invoice, on_delete=models.CASCADE)
    text = models.CharField(max_length=64)

    class Meta:
        triggers = [
            pgtrigger.Requires("invoice__status", "draft", message="The invoice is issued.")
        ]


class Project(models.Model):
    """Marked with the time of its deletion, and so are its tasks."""

    name = models.CharField(max_length=64)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [pgtrigger.SoftDelete(name="soft_delete", field="deleted_at")]


class Task(models.Model):
    """Restored with its project, if it was deleted with it."""

    project = models.ForeignKey(Project, on_delete=models.CASCADE)
    text = models.CharField(max_length=64)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [pgtrigger.SoftDelete(name="soft_delete", field="deleted_at")]


class Department(models.Model):
    """Marked with the time of its deletion, unless somebody active works in it."""

    name = models.CharField(max_length=64)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [pgtrigger.SoftDelete(name="soft_delete", field="deleted_at")]


class Employee(models.Model):
    """Never active in a deleted department."""

    department = models.ForeignKey(Department, on_delete=models.CASCADE)
    name = models.CharField(max_length=64)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [
            pgtrigger.SoftDelete(name="soft_delete", field="deleted_at"),
            pgtrigger.ActiveParent("department", message="The department is deleted."),
        ]


class Document(models.Model):
    """Nobody overwrites a version that they have not read."""

    text = models.TextField()
    version = models.IntegerField(default=0)

    class Meta:
        triggers = [pgtrigger.Version("version")]


class Note(models.Model):
    """The time of its last change is always right."""

    text = models.CharField(max_length=64)
    updated_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        triggers = [pgtrigger.Touch("updated_at")]


class Post(models.Model):
    """The triggers of Comment keep its two numbers."""

    title = models.CharField(max_length=64)
    comment_count = models.IntegerField(default=0)
    likes = models.IntegerField(default=0)


class Comment(models.Model):
    """Counted in its post if it is public."""

    post = models.ForeignKey(Post, on_delete=models.CASCADE)
    text = models.CharField(max_length=64)
    likes = models.IntegerField(default=0)
    is_public = models.BooleanField(default=True)

    class Meta:
        triggers = [
            pgtrigger.Count("post.comment_count", where=Q(is_public=True)),
            pgtrigger.Sum("post.likes", of="likes"),
        ]


class Course(models.Model):
    """A course has two seats."""

    name = models.CharField(max_length=64)


class Seat(models.Model):
    """A cancelled seat is free again."""

    course = models.ForeignKey(Course, on_delete=models.CASCADE)
    student = models.CharField(max_length=64)
    is_cancelled = models.BooleanField(default=False)

    class Meta:
        triggers = [
            pgtrigger.AtMost(
                2,
                per="course",
                where=Q(is_cancelled=False),
                message="The course is full.",
            )
        ]


class Folder(models.Model):
    """A folder is never inside itself."""

    name = models.CharField(max_length=64)
    parent = models.ForeignKey("self", null=True, blank=True, on_delete=models.CASCADE)

    class Meta:
        triggers = [pgtrigger.NoCycle("parent")]


class Payment(models.Model):
    """A negative amount is recorded, and not refused yet."""

    amount = models.IntegerField()

    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="no_negative",
                operation=pgtrigger.Insert | pgtrigger.Update,
                condition=pgtrigger.Q(new__amount__lt=0),
                message="An amount is not negative.",
                mode="report",
            )
        ]
