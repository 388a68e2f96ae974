"""``SoftDelete`` and ``UpdateSearchVector``."""

import datetime

import pytest
from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.db import models as fields

import pgtrigger
from tests.pgtrigger import models

pytestmark = pytest.mark.django_db


class TestSoftDelete:
    def test_the_row_stays_and_is_marked(self):
        row = models.Soft.objects.create()
        pk = row.pk
        row.delete()
        assert models.Soft.objects.get(pk=pk).is_active is False

    def test_the_mark_may_be_an_expression(self):
        models.SoftWhen.objects.create()
        models.SoftWhen.objects.all().delete()
        assert isinstance(models.SoftWhen.objects.get().deleted_at, datetime.datetime)

    def test_only_the_row_of_a_composite_key_is_marked(self):
        models.Keyed.objects.create(tenant=1, number=1)
        models.Keyed.objects.create(tenant=1, number=2)
        models.Keyed.objects.filter(number=2).delete()
        assert list(
            models.Keyed.objects.order_by("number").values_list("is_active", flat=True)
        ) == [
            True,
            False,
        ]


class TestUpdateSearchVector:
    @pytest.fixture
    def document(self, make_model):
        return make_model(
            title=fields.TextField(),
            body=fields.TextField(null=True),
            other=fields.IntegerField(default=0),
            vector=SearchVectorField(null=True),
            triggers=[
                pgtrigger.UpdateSearchVector(
                    name="vector",
                    vector_field="vector",
                    document_fields=(name for name in ["title", "body"]),
                )
            ],
        )

    def test_it_follows_the_documents(self, document):
        row = document.objects.create(title="The foxes", body=None)
        assert document.objects.filter(vector=SearchQuery("fox")).exists()
        row.body = "Owls"
        row.save()
        assert document.objects.filter(vector=SearchQuery("owl & fox", search_type="raw")).exists()

    def test_the_vector_that_an_instance_was_made_with_does_not_overwrite_it(self, document):
        row = document.objects.create(title="The foxes")
        row.other = 1
        row.save()
        assert document.objects.filter(vector=SearchQuery("fox")).exists()

    def test_rows_from_before_the_trigger_get_theirs_by_any_update(self, document):
        with pgtrigger.ignore(document):
            document.objects.create(title="foxes")
        document.objects.update(title=fields.F("title"))
        assert document.objects.filter(vector=SearchQuery("fox")).exists()

    def test_a_generated_document_is_refused(self):
        trigger = pgtrigger.UpdateSearchVector(
            name="v", vector_field="number", document_fields=["double"]
        )
        with pytest.raises(pgtrigger.DeclarationError, match='generated column "double"'):
            trigger.compile(models.Generated)

    def test_it_can_be_ignored(self, document):
        with pgtrigger.ignore(document):
            document.objects.create(title="foxes")
        assert document.objects.get().vector is None

    @pytest.mark.parametrize("missing", ["vector_field", "document_fields"])
    def test_it_needs_its_fields(self, missing):
        options = {"vector_field": "v", "document_fields": ["d"], missing: None}
        with pytest.raises(pgtrigger.DeclarationError, match=missing):
            pgtrigger.UpdateSearchVector(name="x", **options)
