"""The serializer of ``docs/rules/messages.md``, as it stands there."""

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.db import models

import pgtrigger

pytestmark = pytest.mark.django_db

PAGE = Path(settings.BASE_DIR) / "docs" / "rules" / "messages.md"


@pytest.fixture
def mixin():
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [block] = [block for block in blocks if "class RuledSerializerMixin" in block]
    names = {}
    exec(block, names)
    return names["RuledSerializerMixin"]


def test_a_serializer_knows_rules_in_advance(mixin, make_model):
    states = [("draft", "Draft"), ("issued", "Issued"), ("paid", "Paid")]
    model = make_model(
        status=models.CharField(max_length=9, default="draft", choices=states),
        amount=models.IntegerField(default=0),
        triggers=[
            pgtrigger.ReadOnly(name="kept", fields=["amount"]),
            pgtrigger.FSM(name="flow", field="status", transitions=[("draft", "issued")]),
        ],
    )
    meta = type("Meta", (), {"model": model, "fields": ["status", "amount"]})
    serializer_class = type("Serializer", (mixin,), {"Meta": meta})
    row = model.objects.create(amount=5)
    serializer = serializer_class(row, data={"status": "issued", "amount": 7})
    assert serializer.is_valid()
    serializer.save()
    row.refresh_from_db()
    assert (row.status, row.amount) == ("issued", 5)
    refused = serializer_class(row, data={"status": "paid"})
    assert not refused.is_valid()
    assert set(refused.errors) == {"status"}
    assert serializer_class(data={"status": "draft", "amount": 3}).is_valid()
