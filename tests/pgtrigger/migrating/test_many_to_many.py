"""Rules of automatic many-to-many tables, and what becomes of them when the field changes."""

import django
import pytest
from django.contrib.auth.models import Group
from django.db import transaction

import pgtrigger
from tests.pgtrigger.throwaway import execute, shape

pytestmark = pytest.mark.django_db


class TestManyToMany:
    MODELS = """
class Tag(models.Model):
    pass

class {name}(models.Model):
    tags = models.ManyToManyField(Tag)

pgtrigger.register(
    pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)
)({name}.tags.through)
"""

    def test_an_automatic_table_has_its_triggers_after_migrate(self, app):
        app.declare(self.MODELS.format(name="Entry"))
        assert not [line for line in shape(app.makemigrations()) if "Trigger" in line]
        app.migrate()
        assert app.states() == {"Entry_tags:kept": "INSTALLED ENABLED"}

    def test_a_rule_that_is_no_longer_declared_goes(self, app):
        app.declare(self.MODELS.format(name="Entry"))
        app.makemigrations()
        app.migrate()
        app.declare(self.MODELS.format(name="Entry").partition("pgtrigger.register")[0])
        app.migrate()
        assert app.triggers("throwaway_entry_tags") == []
        assert app.leftovers() == []

    def test_renaming_its_model_leaves_one(self, app):
        app.declare(self.MODELS.format(name="Entry"))
        app.makemigrations()
        app.migrate()
        app.declare(self.MODELS.format(name="Record"))
        app.makemigrations()
        app.migrate()
        assert app.triggers("throwaway_record_tags") == ["kept"]
        assert app.states() == {"Record_tags:kept": "INSTALLED ENABLED"}
        assert app.leftovers() == []

    PROXY = """
class Item(models.Model):
    tags = models.ManyToManyField(Group)

class ATag(Item.tags.through):
    class Meta:
        proxy = True
        triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Delete)]
"""

    @pytest.mark.parametrize("is_new", [True, False], ids=["with its model", "later"])
    def test_a_proxy_of_an_automatic_table_comes_after_its_field(self, app, is_new):
        if not is_new:
            app.declare("class Item(models.Model):\n    pass")
            app.makemigrations()
        app.declare(self.PROXY)
        app.makemigrations()
        app.migrate()
        assert not app.has_changes()
        item = app.model("Item").objects.create()
        item.tags.add(Group.objects.create(name="one"))
        with pytest.raises(pgtrigger.ProtectedError), transaction.atomic():
            item.tags.clear()
        execute("SET CONSTRAINTS ALL IMMEDIATE")
        app.migrate("zero")
        assert app.leftovers() == []

    CHANGES = {
        "the field is renamed": [("tags", "labels")],
        "the target is renamed": [("Tag)", "Label)"), ("Tag(", "Label(")],
        "the model is renamed": [("Entry", "Record")],
        "both models are renamed": [("Tag)", "Label)"), ("Tag(", "Label("), ("Entry", "Record")],
        "the target is another model": [("ManyToManyField(Tag)", "ManyToManyField(Group)")],
        "the table is renamed": [("Field(Tag)", "Field(Tag, db_table='tagged')")],
        "the target's key has another type": [
            ("    pass", "    id = models.IntegerField(primary_key=True)")
        ],
        "it points to itself": [("Field(Tag)", "Field('self')")],
    }
    # Django 6.1 no longer drops a column that a foreign key refers to, with triggers or without.
    if django.VERSION < (6, 1):
        CHANGES["the target's key is renamed"] = [
            ("    pass", "    key = models.BigAutoField(primary_key=True)")
        ]

    @pytest.mark.parametrize("rule", ["Protect(name='kept', operation=pgtrigger.Delete)", ""])
    @pytest.mark.parametrize("change", CHANGES)
    def test_every_change_of_the_field_is_migrated_and_undone(self, app, change, rule):
        plain, _, register = self.MODELS.format(name="Entry").partition("pgtrigger.register(")
        ruled = f"{plain}pgtrigger.register({register}" if rule else plain
        app.declare(ruled)
        app.makemigrations()
        app.migrate()
        for old, new in self.CHANGES[change]:
            ruled = ruled.replace(old, new)
        app.declare(ruled)
        app.makemigrations()
        app.migrate()
        assert not app.has_changes()
        assert set(app.states().values()) <= {"INSTALLED ENABLED"}
        assert app.leftovers() == []
        app.migrate("0001")
        app.migrate()
        assert app.leftovers() == []

    def test_rules_of_both_models_and_of_both_foreign_keys(self, app):
        source = """
class Tag(models.Model):
    id = models.{tag}(primary_key=True)

    class Meta:
        triggers = [pgtrigger.ReadOnly(name="kept", fields=["id"])]

class Entry(models.Model):
    id = models.{entry}(primary_key=True)
    {name} = models.ManyToManyField({to}, related_name="+")

    class Meta:
        triggers = [pgtrigger.ReadOnly(name="kept", fields=["id"])]

pgtrigger.register(
    pgtrigger.Protect(
        name="kept",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__{first}__gt=pgtrigger.F("new__{second}")),
    )
)(Entry.{name}.through)
"""
        versions = [
            ("AutoField", "AutoField", "tags", "Tag", "entry", "tag"),
            ("AutoField", "BigAutoField", "tags", "Tag", "entry", "tag"),
            ("BigAutoField", "BigAutoField", "labels", "Tag", "entry", "tag"),
            ("BigAutoField", "BigAutoField", "labels", "'self'", "from_entry", "to_entry"),
            ("BigAutoField", "BigAutoField", "labels", "Group", "entry", "group"),
        ]
        names = ("tag", "entry", "name", "to", "first", "second")
        for version in versions:
            app.declare(source.format(**dict(zip(names, version, strict=True))))
            app.makemigrations()
            app.migrate()
            assert not app.has_changes()
            assert set(app.states().values()) == {"INSTALLED ENABLED"}
            assert app.leftovers() == []
        for target in ("0004", "0003", "0002", "0001", None):
            app.migrate(target)
        assert set(app.states().values()) == {"INSTALLED ENABLED"}

    def test_a_rule_that_no_longer_fits_an_automatic_table_is_replaced(self, app):
        source = """
class Tag(models.Model):
    id = models.{key}(primary_key=True)

class Entry(models.Model):
    tags = models.ManyToManyField(Tag)

pgtrigger.register(
    pgtrigger.Protect(
        name="kept", operation=pgtrigger.Update, condition=pgtrigger.Q(old__tag={value})
    )
)(Entry.tags.through)
"""
        app.declare(source.format(key="IntegerField", value=1))
        app.makemigrations()
        app.migrate()
        app.declare(source.format(key="TextField", value="'one'"))
        app.makemigrations()
        app.migrate()
        assert app.states() == {"Entry_tags:kept": "INSTALLED ENABLED"}
        assert app.leftovers() == []

    def test_a_through_model_in_place_of_the_automatic_table(self, app):
        """Change the field as Django documents it, and keep the table."""
        automatic = """
class Tag(models.Model):
    pass

class Entry(models.Model):
    tags = models.ManyToManyField(Tag)

pgtrigger.register(pgtrigger.Protect(name="kept", operation=pgtrigger.Delete))(Entry.tags.through)
"""
        explicit = """
class Tag(models.Model):
    pass

class Entry(models.Model):
    tags = models.ManyToManyField(Tag, through="EntryTag")

class EntryTag(models.Model):
    entry = models.ForeignKey(Entry, models.CASCADE)
    tag = models.ForeignKey(Tag, models.CASCADE)

    class Meta:
        db_table = "throwaway_entry_tags"
        triggers = [pgtrigger.Protect(name="kept", operation=pgtrigger.Update)]
"""
        app.declare(automatic)
        app.makemigrations()
        app.migrate()
        app.declare(explicit)
        app.write_migration(
            "0002_through",
            """
            migrations.SeparateDatabaseAndState(state_operations=[
                migrations.CreateModel("EntryTag", [
                    ("id", models.BigAutoField(primary_key=True)),
                    ("entry", models.ForeignKey("throwaway.entry", models.CASCADE)),
                    ("tag", models.ForeignKey("throwaway.tag", models.CASCADE)),
                ], options={"db_table": "throwaway_entry_tags"}),
                migrations.AlterField("entry", "tags", models.ManyToManyField(
                    "throwaway.tag", through="throwaway.EntryTag")),
            ]),
            """,
            [("throwaway", "0001_initial")],
        )
        app.makemigrations()
        app.migrate()
        assert app.states() == {"EntryTag:kept": "INSTALLED ENABLED"}
        assert app.leftovers() == []
        app.migrate("zero")
        assert app.leftovers() == []

    def test_a_plain_field_in_its_place(self, app):
        source = self.MODELS.format(name="Entry")
        plain = source.partition("pgtrigger.register")[0].replace(
            "models.ManyToManyField(Tag)", "models.IntegerField(default=0)"
        )
        for declared in (source, plain, source):
            app.declare(declared)
            app.makemigrations()
            app.migrate()
            assert not app.has_changes()
            assert app.leftovers() == []
        assert app.states() == {"Entry_tags:kept": "INSTALLED ENABLED"}

    @pytest.mark.parametrize("gone", ["field", "model"])
    def test_nothing_is_left_of_a_table_that_goes(self, app, gone):
        app.declare(self.MODELS.format(name="Entry"))
        app.makemigrations()
        app.migrate()
        app.declare("class Entry(models.Model):\n    pass" if gone == "field" else "")
        app.makemigrations()
        app.migrate()
        assert app.leftovers() == []
