"""Two people who edit one object at once are told in the form, also in the admin."""

import sys
from types import ModuleType

import pytest
from django import forms
from django.contrib.admin import TabularInline
from django.contrib.admin.sites import AdminSite
from django.db import models
from django.forms import BaseFormSet
from django.urls import path

import pgtrigger
from integrity.admin import RefusedWritesMixin
from pgtrigger import StaleError
from pgtrigger.admin import RuledAdmin, RuledInlineMixin
from pgtrigger.forms import CHANGED, RuledFormMixin

pytestmark = pytest.mark.django_db


@pytest.fixture
def document(make_model):
    return make_model(
        text=models.CharField(max_length=20, default="", blank=True),
        version=models.IntegerField(default=0),
        triggers=[pgtrigger.Version("version")],
    )


@pytest.fixture
def form_of(document):
    meta = type("Meta", (), {"model": document, "fields": ["text"]})
    return type("DocumentForm", (RuledFormMixin, forms.ModelForm), {"Meta": meta})


def shown(form):
    """The data that a browser sends back of a form that it was given."""
    return {bound.html_name: str(bound.value()) for bound in form}


def change(document, text="theirs"):
    other = document.objects.get()
    other.text = text
    other.save()


def test_the_form_has_the_version_in_a_hidden_field(document, form_of):
    change_ = document.objects.create()
    assert '<input type="hidden" name="version_when_read" value="0"' in str(
        form_of(instance=change_)
    )
    assert "version_when_read" not in str(form_of())


def test_a_form_that_was_shown_before_another_change_is_not_valid(document, form_of):
    data = shown(form_of(instance=document.objects.create())) | {"text": "mine"}
    change(document)
    form = form_of(data, instance=document.objects.get())
    assert not form.is_valid()
    [error] = form.non_field_errors().as_data()
    assert (str(error.message), error.code) == (str(CHANGED), "version")


def test_the_message_and_code_are_those_of_the_rule(make_model):
    model = make_model(
        text=models.CharField(max_length=20, default=""),
        version=models.IntegerField(default=0),
        triggers=[pgtrigger.Version("version", message="Too late.", code="late")],
    )
    form_class = forms.modelform_factory(model, form=forms.ModelForm, fields=["text"])
    form_class = type("Form", (RuledFormMixin, form_class), {})
    data = shown(form_class(instance=model.objects.create())) | {"text": "mine"}
    change(model)
    form = form_class(data, instance=model.objects.get())
    [error] = form.non_field_errors().as_data()
    assert (error.message, error.code) == ("Too late.", "late")


def test_a_form_that_is_up_to_date_saves_again_and_again(document, form_of):
    obj = document.objects.create()
    for text in ("one", "two"):
        data = shown(form_of(instance=obj)) | {"text": text}
        obj = form_of(data, instance=document.objects.get()).save()
    assert (obj.text, obj.version) == ("two", 2)


def test_a_form_without_changes_is_valid(document, form_of):
    obj = document.objects.create()
    change(document)
    changed = document.objects.get()
    data = shown(form_of(instance=changed)) | {"version_when_read": obj.version}
    assert form_of(data, instance=changed).is_valid()


def test_a_change_after_validation_is_refused_by_the_database(document, form_of):
    data = shown(form_of(instance=document.objects.create())) | {"text": "mine"}
    form = form_of(data, instance=document.objects.get())
    assert form.is_valid()
    change(document)
    with pytest.raises(StaleError):
        form.save()


def test_a_program_that_sends_no_version_is_not_asked_for_one(document, form_of):
    obj = document.objects.create()
    form = form_of({"text": "mine"}, instance=obj)
    assert form.is_valid()


def test_a_formset_refuses_the_row_that_somebody_else_has_changed(document, form_of):
    document.objects.bulk_create([document(text="a"), document(text="b")])
    rows = document.objects.order_by("pk")
    formset_class = forms.modelformset_factory(document, form=form_of, extra=0)
    page = formset_class(queryset=rows)
    data = shown(page.management_form)
    for form in page:
        data |= shown(form)
    data |= {"form-0-text": "mine", "form-1-text": "mine too"}
    second = rows[1]
    second.text = "theirs"
    second.save()
    formset = formset_class(data, queryset=rows)
    assert not formset.is_valid()
    assert [form.non_field_errors() for form in formset] == [[], [str(CHANGED)]]
    assert [row.text for row in rows.all()] == ["a", "theirs"]
    assert "mine too" in str(formset)


class TestAdmin:
    @pytest.fixture
    def site(self, document, make_model, settings, monkeypatch):
        parent = make_model(name=models.CharField(max_length=9, default="x"))
        child = make_model(
            parent=models.ForeignKey(parent, models.CASCADE),
            text=models.CharField(max_length=20, default="", blank=True),
            version=models.IntegerField(default=0, editable=False),
            triggers=[pgtrigger.Version("version")],
        )
        inline = type("Inline", (RuledInlineMixin, TabularInline), {"model": child, "extra": 1})
        site = AdminSite()
        site.register(
            document, type("A", (RuledAdmin,), {"fieldsets": [("T", {"fields": ["text"]})]})
        )
        listed = make_model(
            text=models.CharField(max_length=20, default="", blank=True),
            version=models.IntegerField(default=0, editable=False),
            triggers=[pgtrigger.Version("version", message="Too late.")],
        )
        options = {"list_display": ["pk", "text"], "list_editable": ["text"], "ordering": ["pk"]}
        site.register(listed, type("C", (RefusedWritesMixin, RuledAdmin), options))
        site.register(parent, type("B", (RuledAdmin,), {"inlines": [inline]}))
        module = ModuleType("urls_of_this_test")
        module.urlpatterns = [path("admin/", site.urls)]
        monkeypatch.setitem(sys.modules, module.__name__, module)
        settings.ROOT_URLCONF = module.__name__
        self.parent, self.child, self.listed = parent, child, listed

    def address(self, obj):
        return f"/admin/{obj._meta.app_label}/{obj._meta.model_name}/{obj.pk}/change/"

    def test_the_page_of_an_object(self, site, document, admin_client):
        obj = document.objects.create()
        page = admin_client.get(self.address(obj)).content.decode()
        assert '<input type="hidden" name="version_when_read" value="0"' in page
        change(document)
        sent = {"text": "mine", "version_when_read": "0"}
        assert str(CHANGED) in admin_client.post(self.address(obj), sent).content.decode()
        assert document.objects.get().text == "theirs"
        sent["version_when_read"] = "1"
        assert admin_client.post(self.address(obj), sent).status_code == 302
        assert document.objects.get().text == "mine"

    def test_the_page_of_a_new_object(self, site, document, admin_client):
        address = f"/admin/{document._meta.app_label}/{document._meta.model_name}/add/"
        assert "version_when_read" not in admin_client.get(address).content.decode()
        assert admin_client.post(address, {"text": "new"}).status_code == 302
        assert document.objects.get().text == "new"

    def test_the_rows_of_a_list(self, site, admin_client):
        """Two people edit a list: the second is told at the row, and what they typed is kept."""
        _, second = self.listed.objects.bulk_create([self.listed(), self.listed()])
        address = f"/admin/pgtrigger_tests/{self.listed._meta.model_name}/"
        formset = admin_client.get(address).context["cl"].formset
        page = admin_client.get(address).content.decode()
        sent = shown(formset.management_form) | {"_save": "Save"}
        for number, form in enumerate(formset):
            name = f"form-{number}-version_when_read"
            assert page.count(f'name="{name}" value="0"') == 1
            sent |= shown(form) | {name: "0", f"form-{number}-text": f"mine {number}"}
        self.listed.objects.filter(pk=second.pk).update(text="theirs")

        response = admin_client.post(address, sent)
        forms_of_rows = response.context["cl"].formset.forms
        assert [form.non_field_errors() for form in forms_of_rows] == [[], ["Too late."]]
        assert "Too late." in response.content.decode()
        assert 'value="mine 1"' in response.content.decode()
        texts = self.listed.objects.order_by("pk").values_list("text", flat=True)
        assert list(texts) == ["", "theirs"]

        sent["form-1-version_when_read"] = "1"
        assert admin_client.post(address, sent).status_code == 302
        assert list(texts.all()) == ["mine 0", "mine 1"]

    def test_a_change_of_a_listed_row_after_the_validation(self, site, admin_client, monkeypatch):
        row = self.listed.objects.create()
        address = f"/admin/pgtrigger_tests/{self.listed._meta.model_name}/"
        sent = shown(admin_client.get(address).context["cl"].formset.management_form)
        sent |= {"form-0-id": row.pk, "form-0-text": "mine", "form-0-version_when_read": "0"}
        is_valid = BaseFormSet.is_valid

        def is_valid_and_then_late(formset):
            valid = is_valid(formset)
            change(self.listed)
            return valid

        monkeypatch.setattr(BaseFormSet, "is_valid", is_valid_and_then_late)
        page = admin_client.post(address, sent | {"_save": "Save"}, follow=True)
        assert "Too late." in page.content.decode()
        assert self.listed.objects.get().text == "theirs"

    def test_the_rows_of_an_inline(self, site, admin_client):
        parent = self.parent.objects.create()
        row = self.child.objects.create(parent=parent)
        page = admin_client.get(self.address(parent)).content.decode()
        prefix = f"{self.child._meta.model_name}_set"
        assert f'name="{prefix}-0-version_when_read" value="0"' in page
        change(self.child)
        sent = {
            "name": "x",
            f"{prefix}-TOTAL_FORMS": "1",
            f"{prefix}-INITIAL_FORMS": "1",
            f"{prefix}-0-id": row.pk,
            f"{prefix}-0-parent": parent.pk,
            f"{prefix}-0-text": "mine",
            f"{prefix}-0-version_when_read": "0",
        }
        assert str(CHANGED) in admin_client.post(self.address(parent), sent).content.decode()
        sent[f"{prefix}-0-version_when_read"] = "1"
        assert admin_client.post(self.address(parent), sent).status_code == 302
        assert self.child.objects.get().text == "mine"
