"""``makemigrations`` and the triggers that models declare."""

import pytest
from django.db.migrations.autodetector import MigrationAutodetector
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ModelState, ProjectState

from pgtrigger.migrations import MigrationAutodetectorMixin
from tests.pgtrigger.throwaway import execute, shape

pytestmark = pytest.mark.django_db

ENTRY = """
class Entry(models.Model):
    number = models.IntegerField(default=0)

    class Meta:
        triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.{operation})]
"""
DELETE = ENTRY.format(operation="Delete")
UPDATE = ENTRY.format(operation="Update")
WITHOUT = """
class Entry(models.Model):
    number = models.IntegerField(default=0)
"""


class TestWhatIsWritten:
    def test_a_new_model_is_created_before_its_trigger(self, app):
        app.declare(DELETE)
        assert shape(app.makemigrations()) == ["CreateModel entry", "AddTrigger entry:kept"]

    def test_nothing_more_is_found_afterwards(self, app):
        app.declare(DELETE)
        assert app.has_changes()
        app.makemigrations()
        assert not app.has_changes()

    def test_a_changed_trigger_is_one_operation_that_replaces(self, app):
        app.declare(DELETE)
        app.makemigrations()
        app.declare(UPDATE)
        [operation] = app.makemigrations()
        assert shape([operation]) == ["AddTrigger entry:kept"]
        assert operation.replaces
        assert not app.has_changes()

    def test_migrations_are_named_after_what_they_do(self, app):
        for source in (DELETE, UPDATE, WITHOUT, DELETE):
            app.declare(source)
            app.makemigrations()
        assert app.migration_names() == [
            "0001_initial",
            "0002_alter_entry_kept",
            "0003_remove_entry_kept",
            "0004_entry_kept",
        ]

    def test_a_removed_trigger_is_removed(self, app):
        app.declare(DELETE)
        app.makemigrations()
        app.declare(WITHOUT)
        assert shape(app.makemigrations()) == ["RemoveTrigger entry:kept"]
        assert not app.has_changes()

    def test_the_triggers_of_a_deleted_model_are_removed_first(self, app):
        app.declare(DELETE)
        app.makemigrations()
        app.declare("")
        written = ["RemoveTrigger entry:kept", "DeleteModel entry"]
        assert shape(app.makemigrations()) == written

    def test_a_trigger_registered_from_outside(self, app):
        app.declare(
            f"{WITHOUT}\n"
            "pgtrigger.register(pgtrigger.Protect(name='kept', operation=pgtrigger.Delete))(Entry)"
        )
        assert shape(app.makemigrations()) == ["CreateModel entry", "AddTrigger entry:kept"]

    def test_a_trigger_waits_for_the_fields_that_it_names(self, app):
        app.declare(WITHOUT)
        app.makemigrations()
        app.declare(
            """
            class Owner(models.Model):
                pass

            class Entry(models.Model):
                number = models.IntegerField(default=0)
                owner = models.ForeignKey(Owner, models.CASCADE, null=True)

                class Meta:
                    triggers = [pgtrigger.ReadOnly(name="kept", fields=["owner"])]
            """
        )
        assert shape(app.makemigrations())[-1] == "AddTrigger entry:kept"

    def test_a_trigger_waits_for_the_tables_that_its_function_names(self, app):
        app.declare(
            """
            class Child(models.Model):
                entry = models.ForeignKey("Entry", models.CASCADE)
                is_active = models.BooleanField(default=True)

                class Meta:
                    triggers = [pgtrigger.SoftDelete(name="soft", field="is_active")]

            class Entry(models.Model):
                pass
            """
        )
        assert shape(app.makemigrations())[-1] == "AddTrigger child:soft"

    def test_a_column_that_stays_what_it_is_needs_no_removal(self, app):
        model = """
        class Entry(models.Model):
            text = models.CharField({options})

            class Meta:
                triggers = [
                    pgtrigger.Protect(
                        name="kept",
                        operation=pgtrigger.Delete,
                        condition=pgtrigger.Q(old__text="{value}"),
                    )
                ]
        """
        app.declare(model.format(options="max_length=9", value="x"))
        app.makemigrations()
        app.declare(model.format(options="max_length=10, choices=[('y', 'Y')]", value="y"))
        assert shape(app.makemigrations()) == ["AlterField entry text", "AddTrigger entry:kept"]

    def test_a_column_of_another_model_needs_no_removal(self, app):
        models = """
        class Entry(models.Model):
            class Meta:
                triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.{operation})]

        class Other(models.Model):
            note = models.{field}()
        """
        app.declare(models.format(operation="Delete", field="IntegerField"))
        app.makemigrations()
        app.declare(models.format(operation="Update", field="BigIntegerField"))
        assert shape(app.makemigrations()) == ["AlterField other note", "AddTrigger entry:kept"]


class TestRenamedModels:
    def test_the_trigger_is_replaced_once_the_model_has_its_new_name(self, app):
        app.declare(DELETE)
        app.makemigrations()
        app.declare(DELETE.replace("Entry", "Record"))
        assert shape(app.makemigrations()) == ["RenameModel entry record", "AddTrigger record:kept"]
        assert not app.has_changes()

    def test_a_renamed_table_too(self, app):
        app.declare(DELETE)
        app.makemigrations()
        app.declare(DELETE.replace("class Meta:", "class Meta:\n        db_table = 'x'"))
        assert shape(app.makemigrations()) == ["AlterModelTable entry", "AddTrigger entry:kept"]


class TestRenamedAndAltered:
    MODEL = """
import pghistory

@pghistory.track(level=pgtrigger.{level})
class {name}(models.Model):
    {field} = models.{type}

    class Meta:
        triggers = [
            pgtrigger.ReadOnly(name="kept", fields=["{field}"]),
            pgtrigger.Protect(name="of", operation=pgtrigger.UpdateOf("{field}")),
        ]
"""

    @pytest.mark.parametrize("level", ["Row", "Statement"])
    @pytest.mark.parametrize(
        ("name", "field", "type"),
        [
            ("Record", "number", "BigIntegerField(default=0)"),
            ("Entry", "amount", "BigIntegerField(default=0)"),
            ("Entry", "amount", "BigIntegerField(null=True, db_column='x y')"),
            ("Record", "amount", "CharField(max_length=20, default='')"),
        ],
    )
    def test_in_one_migration(self, app, name, field, type, level):
        declared = {"name": "Entry", "field": "number", "type": "IntegerField(default=0)"}
        app.declare(self.MODEL.format(**declared, level=level))
        app.makemigrations()
        app.migrate()
        app.declare(self.MODEL.format(name=name, field=field, type=type, level=level))
        app.makemigrations()
        app.migrate()
        assert not app.has_changes()
        assert {*app.states().values()} == {"INSTALLED ENABLED"}
        assert app.leftovers() == []
        app.migrate("0001")
        app.migrate("zero")
        assert app.leftovers() == []


class TestProxies:
    def test_of_another_apps_model(self, app):
        app.declare(
            """
            class Person(User):
                class Meta:
                    proxy = True
                    triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]
            """
        )
        assert shape(app.makemigrations()) == ["CreateModel person", "AddTrigger person:kept"]
        app.migrate()
        assert app.states() == {"Person:kept": "INSTALLED ENABLED"}
        assert app.triggers("project_user").count("kept") == 1
        app.migrate("zero")
        assert app.triggers("project_user").count("kept") == 0

    def test_of_an_automatic_many_to_many_table(self, app):
        app.declare(
            """
            class Membership(User.groups.through):
                class Meta:
                    proxy = True
                    triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]
            """
        )
        written = ["CreateModel membership", "AddTrigger membership:kept"]
        assert shape(app.makemigrations()) == written
        app.migrate()
        assert app.states() == {"Membership:kept": "INSTALLED ENABLED"}

    def test_a_proxy_that_becomes_a_table_takes_its_trigger_along(self, app):
        rule = """
            class Meta:
                proxy = {proxy}
                triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]
        """
        base = "class Base(models.Model):\n    pass\n\nclass Entry(Base):"
        app.declare(base + rule.format(proxy=True))
        app.makemigrations()
        app.migrate()
        app.declare(base + rule.format(proxy=False))
        app.makemigrations()
        app.migrate()
        assert app.triggers("throwaway_base") == []
        assert app.triggers("throwaway_entry") == ["kept"]
        assert app.leftovers() == []
        app.migrate("0001")
        assert app.triggers("throwaway_base") == ["kept"]


class TestUnmanagedModels:
    MODEL = """
    class Entry(models.Model):
        class Meta:
            managed = False
            db_table = "unmanaged"
            triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]
    """

    def test_a_trigger_goes_on_the_table_that_is_there(self, app):
        execute("CREATE TABLE unmanaged (id bigint)")
        app.declare(self.MODEL)
        assert shape(app.makemigrations()) == ["CreateModel entry", "AddTrigger entry:kept"]
        app.migrate()
        assert app.triggers("unmanaged") == ["kept"]
        app.migrate("zero")
        assert app.triggers("unmanaged") == []

    def test_without_the_table_there_is_nothing_to_do(self, app):
        app.declare(self.MODEL)
        app.makemigrations()
        app.migrate()
        assert app.states() == {"Entry:kept": "UNINSTALLED N/A"}
        app.migrate("zero")


class TestSwappedModels:
    MODEL = """
    class Account(models.Model):
        class Meta:
            swappable = "THROWAWAY_ACCOUNT_MODEL"
            triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]
    """

    def test_a_swapped_model_has_no_triggers(self, app, settings):
        settings.THROWAWAY_ACCOUNT_MODEL = "project.User"
        app.declare(self.MODEL)
        assert shape(app.makemigrations()) == ["CreateModel account"]
        app.migrate()
        assert app.states() == {}

    def test_a_model_that_is_not_swapped_has(self, app, settings):
        settings.THROWAWAY_ACCOUNT_MODEL = "throwaway.Account"
        app.declare(self.MODEL)
        assert shape(app.makemigrations()) == ["CreateModel account", "AddTrigger account:kept"]
        app.migrate()
        assert app.states() == {"Account:kept": "INSTALLED ENABLED"}

    def test_migrations_of_a_model_swapped_later_pass_it_by(self, app, settings):
        settings.THROWAWAY_ACCOUNT_MODEL = "throwaway.Account"
        app.declare(self.MODEL)
        app.makemigrations()
        settings.THROWAWAY_ACCOUNT_MODEL = "project.User"
        app.declare(self.MODEL)
        app.migrate()
        assert "kept" not in app.triggers("project_user")


class TestSettings:
    def test_without_migrations_none_are_written(self, app, settings):
        settings.PGTRIGGER_MIGRATIONS = False
        app.declare(DELETE)
        assert shape(app.makemigrations()) == ["CreateModel entry"]
        app.migrate()
        assert app.states() == {"Entry:kept": "UNINSTALLED N/A"}

    def test_install_on_migrate_brings_the_database_up_to_date(self, app, settings):
        settings.PGTRIGGER_MIGRATIONS = False
        settings.PGTRIGGER_INSTALL_ON_MIGRATE = True
        app.declare(DELETE)
        app.makemigrations()
        app.migrate()
        assert app.states() == {"Entry:kept": "INSTALLED ENABLED"}
        app.declare(WITHOUT)
        app.migrate()
        assert app.triggers("throwaway_entry") == []
        assert app.leftovers() == []

    def test_install_on_migrate_with_a_column_that_goes(self, app, settings):
        settings.PGTRIGGER_MIGRATIONS = False
        settings.PGTRIGGER_INSTALL_ON_MIGRATE = True
        model = """
        class Entry(models.Model):
            {field} = models.IntegerField(default=0)

            class Meta:
                triggers = [pgtrigger.ReadOnly(name="kept", fields=["{field}"])]
        """
        app.declare(model.format(field="one"))
        app.makemigrations()
        app.migrate()
        app.declare(model.format(field="two"))
        app.makemigrations(answer="n")
        app.migrate()
        assert app.states() == {"Entry:kept": "INSTALLED ENABLED"}
        assert app.leftovers() == []

    def test_without_triggers_in_meta_migrations_have_them_all_the_same(self, app, settings):
        app.declare(DELETE)
        app.makemigrations()
        settings.PGTRIGGER_MODEL_META = False
        app.declare(
            f"{WITHOUT}\n"
            "pgtrigger.register(pgtrigger.Protect(name='kept', operation=pgtrigger.Delete))(Entry)"
        )
        app.migrate()
        assert not app.has_changes()
        assert app.states() == {"Entry:kept": "INSTALLED ENABLED"}

    def test_triggers_in_meta_are_refused_where_the_setting_says_so(self, app, settings):
        settings.PGTRIGGER_MODEL_META = False
        with pytest.raises(TypeError, match="PGTRIGGER_MODEL_META"):
            app.declare(DELETE)
        settings.PGTRIGGER_MODEL_META = True
        app.declare("")


def test_the_mixin_serves_an_autodetector_of_ones_own(app):
    class Detector(MigrationAutodetectorMixin, MigrationAutodetector):
        pass

    app.declare(DELETE)
    questioner = MigrationQuestioner({"ask_initial": True})
    state = ProjectState()
    state.add_model(ModelState.from_model(app.model("Entry")))
    changes = Detector(ProjectState(), state, questioner).changes(MigrationGraph())
    assert shape(changes["throwaway"][0].operations) == [
        "CreateModel entry",
        "AddTrigger entry:kept",
    ]
