"""Tables that Django's schema editor creates outside migrations have their triggers."""

import re

import pytest
from django.core.management import call_command
from django.db import ProgrammingError, connection, models, transaction
from django.test import TestCase
from django.test.utils import CaptureQueriesContext, isolate_apps

import pgtrigger
from tests.pgtrigger.throwaway import execute

pytestmark = pytest.mark.django_db

RULE = "pgtrigger.Protect(name='kept', operation=pgtrigger.Delete)"
MODELS = f"""
import pghistory

class Tag(models.Model):
    pass

@pghistory.track(pghistory.InsertEvent(), append_only=True)
class Entry(models.Model):
    number = models.IntegerField(default=0)
    tags = models.ManyToManyField(Tag)

    class Meta:
        triggers = [{RULE}]

class Proxied(Entry):
    class Meta:
        proxy = True
        triggers = [pgtrigger.ReadOnly(name="number", fields=["number"])]

pgtrigger.register({RULE})(Entry.tags.through)
"""


def create(app, *names):
    with connection.schema_editor() as editor:
        for name in names:
            editor.create_model(app.model(name))


def test_of_model_proxies_and_automatic_many_to_many_tables(app):
    app.declare(MODELS)
    create(app, "Tag", "Entry", "EntryEvent")
    assert set(app.states().values()) == {"INSTALLED ENABLED"}
    entry = app.model("Entry").objects.create()
    tag = entry.tags.create()
    assert entry.events.count() == 1
    with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
        entry.tags.remove(tag)
    with pytest.raises(pgtrigger.ReadOnlyError), transaction.atomic():
        app.model("Entry").objects.update(number=1)
    with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
        entry.events.all().delete()


def test_functions_name_the_tables_created_beside_theirs(app):
    """Not those of the same name that the rest of search_path has."""
    app.declare(MODELS)
    create(app, "Tag", "Entry", "EntryEvent")
    execute("CREATE SCHEMA beside")
    execute("SET LOCAL search_path TO beside, public")
    create(app, "Tag", "Entry", "EntryEvent")
    app.model("Entry").objects.create()
    assert execute("SELECT count(*) FROM beside.throwaway_entryevent") == [(1,)]
    assert execute("SELECT count(*) FROM public.throwaway_entryevent") == [(0,)]


def test_nothing_is_left_when_the_tables_are_deleted(app):
    app.declare(MODELS)
    create(app, "Tag", "Entry", "EntryEvent")
    with connection.schema_editor() as editor:
        for name in ("EntryEvent", "Entry", "Tag"):
            editor.delete_model(app.model(name))
    assert app.leftovers() == []


def test_a_table_that_is_deleted_or_renamed_at_once(app):
    app.declare(MODELS)
    entry = app.model("Entry")
    with connection.schema_editor() as editor:
        editor.create_model(app.model("Tag"))
        editor.create_model(entry)
        editor.delete_model(entry)
        editor.create_model(entry)
        editor.alter_db_table(entry, "throwaway_entry", "renamed")
    assert app.triggers("renamed") == ["insert_insert", "kept", "number"]


def test_a_trigger_that_cannot_be_installed_takes_the_table_along(app):
    app.declare(
        MODELS.replace(
            RULE,
            "pgtrigger.Trigger(name='kept', operation=pgtrigger.Update,"
            " when=pgtrigger.After, func='not sql')",
        )
    )
    with pytest.raises(ProgrammingError, match="syntax error"), transaction.atomic():
        create(app, "Tag", "Entry")
    assert execute("SELECT to_regclass('throwaway_entry')") == [(None,)]


def test_their_sql_is_collected(app):
    app.declare(MODELS)
    with connection.schema_editor(collect_sql=True) as editor:
        editor.create_model(app.model("Entry"))
    script = "\n".join(editor.collected_sql)
    assert script.index("CREATE TABLE") < script.index('TRIGGER "pgtrigger_kept')


def test_migrate_does_not_install_those_that_operations_install(app):
    app.declare(MODELS)
    app.makemigrations()
    created = re.findall('CREATE OR REPLACE TRIGGER "(.*?)"', app.sqlmigrate("0001"))
    assert len(created) == len({*created}) == 5
    app.migrate()
    assert set(app.states().values()) == {"INSTALLED ENABLED"}


def test_syncdb_installs_each_once(app):
    app.declare(MODELS)
    with CaptureQueriesContext(connection) as captured:
        call_command("migrate", run_syncdb=True, verbosity=0)
    created = re.findall(
        'CREATE OR REPLACE TRIGGER "(.*?)"', "\n".join(each["sql"] for each in captured)
    )
    assert len(created) == len({*created}) == 6


@isolate_apps("tests.pgtrigger")
def test_a_model_in_a_registry_of_its_own():
    class Alone(models.Model):
        class Meta:
            app_label = "pgtrigger_tests"
            triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]

    with connection.schema_editor() as editor:
        editor.create_model(Alone)
    with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
        Alone.objects.create().delete()


class TestOfTestCase(TestCase):
    @classmethod
    @isolate_apps("tests.pgtrigger")
    def setUpClass(cls):
        super().setUpClass()

        class Made(models.Model):
            class Meta:
                app_label = "pgtrigger_tests"
                triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]

        cls.model = Made
        with connection.schema_editor() as editor:
            editor.create_model(Made)

    def test_a_table_made_in_set_up_class_is_protected(self):
        made = self.model.objects.create()
        with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
            made.delete()
