"""The ready-made rules through the real commands: makemigrations, migrate, and back."""

import pytest

pytestmark = pytest.mark.django_db(transaction=True, available_apps=["tests.pgtrigger"])

SHOP = """
    from django.db.models import Q

    class Invoice(models.Model):
        status = models.CharField(max_length=16, default="draft")
        total = models.IntegerField(default=0)
        line_count = models.IntegerField(default=0)
        version = models.IntegerField(default=0)
        updated_at = models.DateTimeField(null=True)
        deleted_at = models.DateTimeField(null=True)

        class Meta:
            triggers = [
                pgtrigger.Frozen(when=Q(status="issued"), message="Too late."),
                pgtrigger.Version("version"),
                pgtrigger.Touch("updated_at"),
                pgtrigger.FSM(
                    name="flow",
                    field="status",
                    initial=["draft"],
                    transitions=[("draft", "issued"), ("*", "void")],
                ),
                pgtrigger.SoftDelete(name="soft", field="deleted_at"),
            ]

    class Line(models.Model):
        invoice = models.ForeignKey(Invoice, models.CASCADE)
        parent = models.ForeignKey("self", models.CASCADE, null=True)
        amount = models.IntegerField(default=1)

        class Meta:
            triggers = [
                pgtrigger.Count("invoice.line_count"),
                pgtrigger.Sum("invoice.total", of="amount", where=Q(amount__gt=0)),
                pgtrigger.AtMost(3, per="invoice"),
                pgtrigger.NoCycle("parent"),
                pgtrigger.Requires("invoice__status", "draft"),
                pgtrigger.ActiveParent("invoice"),
            ]
"""


def test_they_are_migrated_forth_and_back(app):
    app.declare(SHOP)
    app.makemigrations()
    app.migrate()
    assert not app.has_changes()
    assert set(app.states().values()) == {"INSTALLED ENABLED"}
    assert {
        "Invoice:frozen_delete",
        "Line:invoice_total_truncate",
        "Invoice:active_invoice_of_line",
    } <= set(app.states())
    invoice = app.model("Invoice").objects.create()
    app.model("Line").objects.create(invoice=invoice, amount=5)
    invoice.refresh_from_db()
    assert (invoice.total, invoice.line_count, invoice.version) == (5, 1, 2)
    app.migrate("zero")
    assert not [each for each in app.leftovers() if "throwaway" in str(each)]


def test_a_rule_that_is_removed_takes_its_companions_along(app):
    app.declare(SHOP)
    app.makemigrations()
    app.migrate()
    app.declare(SHOP.replace('pgtrigger.Count("invoice.line_count"),', ""))
    app.makemigrations()
    app.migrate()
    assert not [name for name in app.triggers("throwaway_line") if "line_count" in name]
    assert "invoice_total_update" in app.triggers("throwaway_line")
    app.migrate("zero")


def test_a_rule_that_is_removed_takes_its_part_on_another_table_along(app):
    app.declare(SHOP)
    app.makemigrations()
    app.migrate()
    assert "active_invoice_of_line" in app.triggers("throwaway_invoice")
    app.declare(SHOP.replace('pgtrigger.ActiveParent("invoice"),', ""))
    app.makemigrations()
    app.migrate()
    assert not [name for name in app.triggers("throwaway_invoice") if "active" in name]
    assert not [name for name in app.triggers("throwaway_line") if "active" in name]
    app.migrate("0001")
    assert "active_invoice_of_line" in app.triggers("throwaway_invoice")
    app.migrate("zero")
    assert not [each for each in app.leftovers() if "throwaway" in str(each)]
