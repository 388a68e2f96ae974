"""Rows of the tutorial's models, for pages that show some."""

import pghistory
import pgtrigger
from tutorial import models

KEY = 1


@pgtrigger.ignore("tutorial.OfficialInterface:protect_inserts")
def create_rows() -> None:
    """Create a row of each model, with the key ``KEY``. The tracked ones have several events."""
    plain = (models.CannotDelete, models.SoftDelete, models.OfficialInterface, models.FSM)
    numbered = (models.AppendOnly, models.ReadOnlyField, models.ReadOnlyFields)
    for model in (*plain, models.Review):
        model.objects.create(pk=KEY)
    for model in numbered:
        model.objects.create(pk=KEY, int_field=1)
    team = models.Team.objects.create(pk=KEY, name="Team")
    models.Member.objects.create(pk=KEY, team=team, name="Member")
    models.Badge.objects.create(pk=KEY, team=team, label="Badge")
    models.Minute.objects.create(pk=KEY, team=team, text="Minute")
    models.Book.objects.create(
        pk=KEY, title="Book", author=models.Author.objects.create(pk=KEY, name="Author")
    )
    models.Versioned.objects.create(pk=KEY, char_field="Version")
    models.User.objects.create(pk=KEY, email="user@example.org")
    models.Passport.objects.create(pk=KEY, number="P1", holder="Holder")
    models.Reading.objects.create(pk=KEY, meter=1, value=1)
    create_more_rows()
    with pghistory.context(reason="rows"):
        tracked = models.Tracked.objects.create(pk=KEY, int_field=1, char_field="one")
        page = models.Page.objects.create(pk=KEY, title="Page", text="one")
        tracked.int_field, page.text = -1, "two"
        tracked.save()
        page.save()


def create_more_rows() -> None:
    """Create a row of each model outside `tutorial.models.basics`."""
    invoice = models.Invoice.objects.create(pk=KEY, amount=1)
    models.Line.objects.create(pk=KEY, invoice=invoice, text="Line")
    project = models.Project.objects.create(pk=KEY, name="Project")
    models.Task.objects.create(pk=KEY, project=project, text="Task")
    department = models.Department.objects.create(pk=KEY, name="Department")
    models.Employee.objects.create(pk=KEY, department=department, name="Employee")
    models.Payment.objects.create(pk=KEY, amount=1)
    models.Document.objects.create(pk=KEY, text="Document")
    models.Note.objects.create(pk=KEY, text="Note")
    post = models.Post.objects.create(pk=KEY, title="Post")
    models.Comment.objects.create(pk=KEY, post=post, text="Comment")
    course = models.Course.objects.create(pk=KEY, name="Course")
    models.Seat.objects.create(pk=KEY, course=course, student="Ada")
    models.Folder.objects.create(pk=KEY, name="Folder")
    models.Posting.objects.bulk_create(
        models.Posting(pk=key, transfer=1, account="cash", amount=amount)
        for key, amount in [(KEY, 1), (KEY + 1, -1)]
    )
    models.Article.objects.create(pk=KEY, title="Article", text="Text")
    models.Role.objects.create(pk=KEY, name="Role")
    product = models.Product.objects.create(pk=KEY, name="Tea", price=4)
    models.Sale.objects.create(pk=KEY, product=product, quantity=1)
    models.Account.objects.create(pk=KEY, email="a@example.org", password="secret")
