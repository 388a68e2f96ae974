"""Forms that respect rules."""

import pytest
from django.contrib.admin.sites import AdminSite
from django.contrib.messages.storage.cookie import CookieStorage
from django.test import RequestFactory

from pgtrigger.admin import RuledAdmin, SoftDeletedAdmin
from pgtrigger.admin.rules import soft_deletion
from tests.pgtrigger.models import Frozen, Plain, Soft

pytestmark = pytest.mark.django_db


@pytest.fixture
def request_(admin_user):
    request = RequestFactory().get("/")
    request.user = admin_user
    request._messages = CookieStorage(request)
    return request


def test_a_protected_field_is_read_only_for_an_object_that_exists(request_):
    admin = RuledAdmin(Frozen, AdminSite())
    assert admin.get_readonly_fields(request_, Frozen(pk=1)) == ["kept"]
    assert admin.get_readonly_fields(request_) == []


def test_declared_read_only_fields_stay(request_):
    class OwnAdmin(RuledAdmin):
        readonly_fields = ("id", "kept")

    admin = OwnAdmin(Frozen, AdminSite())
    assert admin.get_readonly_fields(request_, Frozen(pk=1)) == ["id", "kept"]


def test_a_model_without_rules_has_the_form_of_django(request_):
    admin = RuledAdmin(Plain, AdminSite())
    assert admin.get_readonly_fields(request_, Plain(pk=1)) == []
    assert soft_deletion(Plain) is None


def test_deleted_rows_are_undeleted(request_):
    gone = Soft.objects.create()
    pk = gone.pk
    gone.delete()
    admin = SoftDeletedAdmin(Soft, AdminSite())
    assert admin.get_list_filter(request_) == ["is_active"]
    admin.undelete(request_, Soft.objects.all())
    assert Soft.objects.get(pk=pk).is_active


def test_an_admin_for_soft_deletion_without_such_a_rule_is_refused(request_):
    admin = SoftDeletedAdmin(Plain, AdminSite())
    with pytest.raises(LookupError, match="has no SoftDelete rule: use RuledAdmin"):
        admin.get_list_filter(request_)
