"""The pages of triggers in Django's admin."""

from html import unescape

import pytest
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Permission
from django.core.management import call_command
from django.db import connection
from django.urls import reverse

import pgtrigger
from pgtrigger.models import PgTrigger
from tests.pgtrigger.models import Machine, Plain, Protected

pytestmark = pytest.mark.django_db
LIST = "admin:pgtrigger_pgtrigger_changelist"


def page(client, name, *arguments, search=""):
    answer = client.get(reverse(name, args=arguments), {"q": search} if search else {})
    assert answer.status_code == 200
    return unescape(answer.content.decode())


def uri():
    return next(
        trigger.get_uri(model) for model, trigger in pgtrigger.registered() if model is Protected
    )


def installed():
    ((model, trigger),) = pgtrigger.registered(uri())
    return PgTrigger.objects.get(name=trigger.get_pgid(model))


def test_every_trigger_is_listed_with_its_status(admin_client):
    html = page(admin_client, LIST, search=uri())
    assert uri() in html
    assert '<span class="pgtrigger-status good">INSTALLED</span>' in html
    assert "1 trigger<" in html


def test_one_that_is_not_installed_is_listed_too(admin_client):
    pgtrigger.uninstall(uri())
    html = page(admin_client, LIST, search=uri())
    assert '<span class="pgtrigger-status bad">UNINSTALLED</span> it is not in the database' in html


def test_one_that_is_disabled_is_marked(admin_client):
    pgtrigger.disable(uri())
    html = page(admin_client, LIST, search=uri())
    assert '<span class="pgtrigger-status off">INSTALLED</span>' in html
    assert "DISABLED" in html


def test_one_that_was_changed_by_hand_says_what_differs(admin_client):
    found = installed()
    changed = found.function.replace("RAISE EXCEPTION", "RAISE WARNING")
    with connection.cursor() as cursor:
        cursor.execute(changed.replace("%", "%%"))
    html = page(admin_client, LIST, search=uri())
    assert "the function differs from the declaration" in html


def test_words_that_no_trigger_contains_find_nothing(admin_client):
    assert "No trigger contains these words." in page(admin_client, LIST, search="nowhere-at-all")


def test_a_trigger_is_shown_with_its_definition_and_function(admin_client):
    found = installed()
    html = page(admin_client, "admin:pgtrigger_pgtrigger_change", found.oid)
    assert f"CREATE TRIGGER {found.name}" in html
    assert "RETURNS trigger" in html


def test_nothing_can_be_added_changed_or_deleted(admin_client):
    found = installed()
    for address in (
        reverse("admin:pgtrigger_pgtrigger_add"),
        reverse("admin:pgtrigger_pgtrigger_change", args=[found.oid]),
        reverse("admin:pgtrigger_pgtrigger_delete", args=[found.oid]),
    ):
        assert admin_client.post(address).status_code == 403


def test_the_rules_of_a_model_are_drawn(admin_client):
    html = page(admin_client, "admin:pgtrigger_rules", Machine._meta.label)
    assert "Rules of pgtrigger_tests.Machine" in html
    assert html.count('<svg class="firing"') == 1
    assert html.count('<svg class="states"') == 2


def test_a_model_without_rules_has_no_page(admin_client):
    address = reverse("admin:pgtrigger_rules", args=[Plain._meta.label])
    assert admin_client.get(address).status_code == 404
    assert admin_client.get(reverse("admin:pgtrigger_rules", args=["no.Where"])).status_code == 404


def test_the_permission_to_view_is_needed_and_enough(client):
    user = get_user_model().objects.create_user("staff", is_staff=True)
    client.force_login(user)
    addresses = [reverse(LIST), reverse("admin:pgtrigger_rules", args=[Protected._meta.label])]
    assert [client.get(address).status_code for address in addresses] == [403, 403]
    user.user_permissions.add(Permission.objects.get(codename="view_pgtrigger"))
    assert [client.get(address).status_code for address in addresses] == [200, 200]


def test_no_migration_is_needed_for_the_catalogs_table():
    call_command("makemigrations", check=True, dry_run=True, verbosity=0)


def test_the_triggers_of_a_table_are_in_the_order_in_which_they_fire():
    names = [row.name for row in PgTrigger.objects.on(Machine)]
    assert names == sorted(names)
    assert len(names) == 2
