"""The names that the code on a page of the documentation takes for granted.

Each text is executed before the page's first block. The models are in a separate app, `shop`.
"""

COMMON = """
from datetime import timedelta

from django import forms
from django.db import models
from django.db.models import F, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

import pghistory
import pgtrigger
"""

ORDER = """
@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent(), pghistory.DeleteEvent())
class Order(models.Model):
    number = models.CharField(max_length=16)
    status = models.CharField(max_length=16, default="draft")
    amount = models.IntegerField(default=0)
"""

# By page, and after how many blocks of Python.
BEFORE = {
    ("admin", 0): ORDER
    + """
class Line(models.Model):
    order = models.ForeignKey(Order, models.CASCADE)
""",
    ("admin", 1): "from pgtrigger.admin import RuledInlineMixin\nfrom django.contrib import admin",
    ("admin", 2): "admin.site.unregister(Order)",
    ("history/relations", 0): """
class Tag(models.Model):
    name = models.CharField(max_length=16)
""",
    ("history/change-sets", 0): """
from tutorial.models import Product
with pghistory.context(reason="audit") as opened:
    order = Product.objects.create(name="Tea", price=4)
event, context_id = order.events.get(), opened.id
""",
    ("history/leaving", 1): "from django.db import migrations",
    ("how-to/context-in-tasks", 0): """
class app:
    task = staticmethod(lambda function: function)
def close_orders(): ...
""",
    ("how-to/third-party-model", 0): """
class Order(models.Model):
    number = models.CharField(max_length=16)
""",
    ("rules/messages", 1): """
invoice = Invoice.objects.create(pk=1, status="issued", amount=1)
invoice.amount = 2
""",
    ("rules/messages", 2): """
class PlainForm(forms.ModelForm):
    class Meta:
        model = Invoice
        fields = ["status", "amount", "note"]
form = PlainForm({"status": "issued", "amount": "2"}, instance=Invoice.objects.get())
""",
    ("rules/ready-made", 2): 'Document.objects.create(pk=1, text="begun")',
    ("rules/testing", 0): """
@pghistory.track(pghistory.InsertEvent(), pghistory.UpdateEvent())
class Order(models.Model):
    status = models.CharField(max_length=16, default="draft")
    class Meta:
        triggers = [
            pgtrigger.FSM(name="flow", field="status", transitions=[("draft", "paid")])
        ]
""",
    ("topics/errors", 0): """
class Invoice(models.Model):
    class Meta:
        triggers = [pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)]
invoice = Invoice.objects.create()
""",
    ("topics/ignoring-rules", 0): """
class Invoice(models.Model):
    status = models.CharField(max_length=16, default="draft")
    class Meta:
        triggers = [
            pgtrigger.Protect(
                name="sent_is_final",
                operation=pgtrigger.Delete,
                condition=pgtrigger.Q(old__status="sent"),
            )
        ]
invoice = Invoice.objects.create(status="sent")
""",
    ("topics/integrity-errors", 0): """
from tutorial.models import User
class UserAlreadyExists(Exception): ...
class EmailMustBeLowerCase(Exception): ...
email = "ada@example.org"
""",
    ("topics/migrations", 2): "from django.db import migrations\nimport pgtrigger.migrations",
    ("topics/timelines", 0): ORDER
    + """
from project.models import User
user = User.objects.create(username="ada")
with pghistory.context(user=user.pk):
    order = Order.objects.create(number="1")
event, time = order.events.get(), timezone.now()
""",
}

# Blocks that are not run, with the reason.
NOT_RUN = {
    ("rules/messages", 3): "looks for the model among installed apps: see tests/integrity",
    ("topics/migrations", 2): "declares a model of the page for a second app",
    ("how-to/schemas-and-databases", 2): "writes to a second database: see tests/pgtrigger/session",
    ("history/as-of", 1): "reads views that migrate makes: see tests/pghistory/past",
    ("history/change-sets", 2): "prints the rows of an example: see tests/pghistory/changes",
    ("history/masking", 2): "prints the rows of an example: see tests/pghistory/tracking",
    ("history/relations", 2): "prints the rows of an example: see tests/pghistory/reading",
    ("history/relations", 3): "prints the rows of an example: see tests/pghistory/reading",
    ("history/erasure", 1): "prints the rows of an example: see tests/pghistory/keeping",
}
