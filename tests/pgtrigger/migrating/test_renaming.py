"""Squashing a renamed model that others refer to."""

import pytest
from django.db import migrations, models
from django.db.migrations.optimizer import MigrationOptimizer

from tests.pgtrigger.throwaway import shape

KEY = ("id", models.BigAutoField(primary_key=True))
RENAME = migrations.RenameModel("Entry", "Record")


def foreign_key(to="throwaway.entry"):
    return models.ForeignKey(to, models.CASCADE, null=True)


CREATE = migrations.CreateModel("Entry", [KEY])


@pytest.mark.parametrize(
    "referring",
    [
        [migrations.CreateModel("Other", [KEY, ("entry", foreign_key())])],
        [
            migrations.CreateModel("Other", [KEY]),
            migrations.AddField("other", "entry", foreign_key()),
        ],
        [
            migrations.CreateModel("Other", [KEY, ("entry", foreign_key())]),
            migrations.AlterField("other", "entry", foreign_key("throwaway.Entry")),
        ],
    ],
    ids=["new model", "new field", "altered field"],
)
def test_relations_follow_the_new_name(referring):
    operations = MigrationOptimizer().optimize([CREATE, *referring, RENAME], "throwaway")
    assert shape(operations) == ["CreateModel record", "CreateModel other"]
    assert dict(operations[1].fields)["entry"].remote_field.model == "throwaway.record"


def test_bases_follow_the_new_name():
    child = migrations.CreateModel("Other", [], bases=("throwaway.entry",))
    operations = MigrationOptimizer().optimize([CREATE, child, RENAME], "throwaway")
    assert shape(operations) == ["CreateModel record", "CreateModel other"]
    assert operations[1].bases == ("throwaway.record",)


def test_other_relations_stay():
    other = migrations.CreateModel("Other", [KEY, ("user", foreign_key("auth.user"))])
    operations = MigrationOptimizer().optimize([CREATE, other, RENAME], "throwaway")
    [other] = [each for each in operations if each.name == "Other"]
    assert dict(other.fields)["user"].remote_field.model == "auth.user"


@pytest.mark.django_db
def test_a_tracked_model_is_renamed_and_squashed(app):
    source = """
import pghistory

@pghistory.track()
class {name}(models.Model):
    number = models.IntegerField(default=0)
"""
    for name in ("Entry", "Record"):
        app.declare(source.format(name=name))
        app.makemigrations()
    written = shape(app.squash(app.migration_names()[-1]))
    assert written == [
        "CreateModel record",
        "CreateModel recordevent",
        "AddTrigger record:insert_insert",
        "AddTrigger record:update_update",
    ]
    app.migrate()
    assert not app.has_changes()
    assert app.model("Record").objects.create().events.count() == 1
