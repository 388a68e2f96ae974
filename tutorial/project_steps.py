"""The steps that bring a chapter's rule into a project: what is written, and what Django prints."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from django.apps import apps
from django.db import models
from django.db.migrations import Migration
from django.db.migrations.graph import MigrationGraph
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations import CreateModel, DeleteModel
from django.db.migrations.operations.base import Operation
from django.db.migrations.questioner import MigrationQuestioner
from django.db.migrations.state import ProjectState
from django.db.migrations.writer import MigrationWriter

from pgtrigger.management.commands.makemigrations import Autodetector
from pgtrigger.migrations import AddTrigger, RemoveTrigger
from tutorial.chapters import Chapter
from tutorial.timeline import event_models

# A test for each chapter, as it stands in a project's tests.
TESTS = {
    "protecting_deletions": """\
def test_nothing_is_deleted():
    row = CannotDelete.objects.create()
    with refuses(CannotDelete, "protect_deletes"):
        CannotDelete.objects.filter(pk=row.pk).delete()
""",
    "append_only": """\
def test_a_row_is_final():
    AppendOnly.objects.create(int_field=0)
    with refuses(AppendOnly, "append_only"):
        AppendOnly.objects.update(int_field=1)
    with refuses(AppendOnly, "append_only"):
        AppendOnly.objects.all().delete()
""",
    "read_only_field": """\
def test_only_created_at_is_final():
    ReadOnlyField.objects.create(int_field=0)
    ReadOnlyField.objects.update(int_field=1)
    with refuses(ReadOnlyField, "read_only"):
        ReadOnlyField.objects.update(created_at=timezone.now())
""",
    "read_only_fields": """\
def test_both_fields_are_final():
    ReadOnlyFields.objects.create(int_field=0)
    for change in ({"int_field": 1}, {"created_at": timezone.now()}):
        with refuses(ReadOnlyFields, "multiple_read_only"):
            ReadOnlyFields.objects.update(**change)
""",
    "soft_delete": """\
def test_a_deleted_row_stays():
    SoftDelete.objects.create()
    SoftDelete.objects.all().delete()
    assert SoftDelete.objects.get().is_active is False
""",
    "soft_delete_cascades": """\
def test_a_member_becomes_inactive_with_its_team():
    team = Team.objects.create(name="Blue")
    Member.objects.create(team=team, name="Ada")
    team.delete()
    assert Member.objects.get().is_active is False
""",
    "versioning": """\
def test_each_update_increments_the_version():
    Versioned.objects.create(char_field="hello")
    Versioned.objects.update(char_field="hi")
    assert Versioned.objects.get().version == 1
""",
    "official_interface": """\
def test_only_the_official_interface_creates():
    with refuses(OfficialInterface, "protect_inserts"):
        OfficialInterface.objects.create()
    assert OfficialInterface.objects.official_create().pk
""",
    "transitions": """\
def test_inactive_is_final():
    FSM.objects.create(status="inactive")
    with refuses(FSM, "validate_status_transitions", old="inactive", new="published"):
        FSM.objects.update(status="published")
""",
    "conditional_transitions": """\
@pytest.mark.parametrize("is_rehearsal", [True, False])
def test_a_decision_is_final_except_in_a_rehearsal(is_rehearsal):
    Review.objects.create(status="declined", is_rehearsal=is_rehearsal)
    if is_rehearsal:
        Review.objects.update(status="open")
    else:
        with refuses(Review, "final_decision"):
            Review.objects.update(status="open")
""",
    "tracking_history": """\
def test_an_update_is_an_event():
    tracked = Tracked.objects.create(int_field=1, char_field="hello")
    Tracked.objects.update(int_field=-1)
    labels = tracked.event.order_by("pgh_id").values_list("pgh_label", flat=True)
    assert list(labels) == ["create", "snapshot", "low_int", "snapshot"]
""",
    "tracking_users": """\
def test_a_change_has_its_user():
    with pghistory.context(user=7):
        page = Page.objects.create(title="News", text="We have begun.")
    assert page.event.get().pgh_context.metadata == {"user": 7}
""",
    "revert": """\
def test_a_page_can_be_reverted():
    page = Page.objects.create(title="News", text="We have begun.")
    Page.objects.update(text="Lorem ipsum")
    page.event.order_by("pgh_id").first().revert()
    assert Page.objects.get().text == "We have begun."
""",
    "deferred_constraints": """\
def test_the_insert_is_refused():
    name = constraints.foreign_key_constraint_name(Book, "author", using="default")
    with pytest.raises(IntegrityError), transaction.atomic():
        with constraints.immediate(names=(name,), using="default"):
            Book.objects.create(title="Unsigned", author_id=1)
""",
    "refined_errors": """\
def test_an_email_that_is_taken():
    class UserAlreadyExists(Exception): ...

    rules = [(conversion.Unique(model=User, fields=("email",)), UserAlreadyExists)]
    User.objects.create(email="ada@example.org")
    with pytest.raises(UserAlreadyExists), transaction.atomic():
        with conversion.refine_integrity_error(rules):
            User.objects.create(email="ada@example.org")
""",
    "refined_rules": """\
def test_a_forbidden_transition():
    class AlreadyInactive(Exception): ...

    rule = conversion.Trigger(model=FSM, name="validate_status_transitions")
    FSM.objects.create(status="inactive")
    with pytest.raises(AlreadyInactive), transaction.atomic():
        with conversion.refine_integrity_error([(rule, AlreadyInactive)]):
            FSM.objects.update(status="published")
""",
    "typed_errors": """\
def test_the_error_names_the_field():
    Passport.objects.create(number="C01X", holder="Ada")
    with refuses(Passport, "number_is_final", fields=["number"]):
        Passport.objects.update(number="C02Y")
""",
    "statement_triggers": """\
def test_one_row_refuses_the_statement():
    Reading.objects.bulk_create(Reading(meter=meter, value=100) for meter in range(3))
    with refuses(Reading, "never_backwards"):
        Reading.objects.update(value=F("value") + 1 - F("meter"))
    assert set(Reading.objects.values_list("value", flat=True)) == {100}
""",
    "drift": """\
def test_no_trigger_was_changed():
    call_command("pgtrigger", "check", "tutorial.CannotDelete:protect_deletes")
""",
}
IMPORTS = {
    "pytest": "import pytest",
    "refuses(": "from pgtrigger.testing import refuses",
    "pgtrigger": "import pgtrigger",
    "pghistory": "import pghistory",
    "constraints": "from integrity import constraints",
    "conversion": "from integrity import conversion",
    "transaction": "from django.db import transaction",
    "IntegrityError": "from django.db import IntegrityError",
    "F(": "from django.db.models import F",
    "timezone": "from django.utils import timezone",
    "call_command": "from django.core.management import call_command",
}


@dataclass(frozen=True)
class ProjectSteps:
    """What a chapter's rule needs in a project. Without a migration, three texts are empty."""

    imports: str
    makemigrations: str
    migration: str
    removal: str
    test: str


@cache
def project_steps(chapter: Chapter) -> ProjectSteps:
    """Return the steps. The output is what Django's autodetector finds for these models."""
    ruled = [model for model in chapter.models if _trigger_names(model)]
    migration = _migration(ruled) if ruled else None
    operations = migration.operations if migration else []
    return ProjectSteps(
        imports=_imports(chapter, ruled),
        makemigrations=_printed(migration, operations) if migration else "",
        migration=MigrationWriter(migration, include_header=False).as_string() if migration else "",
        removal="\n".join(_line(removed) for each in operations for removed in _undone(each)),
        test=_test(chapter),
    )


def _undone(operation: Operation) -> list[Operation]:
    """Return the operation that is written when the declaration is deleted."""
    if isinstance(operation, AddTrigger):
        return [RemoveTrigger(operation.model_name, operation.trigger.name)]
    return [DeleteModel(operation.name)] if isinstance(operation, CreateModel) else []


def _imports(chapter: Chapter, ruled: Sequence[type[models.Model]]) -> str:
    if any(event_models(model) for model in ruled):
        return "import pghistory\nimport pgtrigger"
    if ruled:
        return "import pgtrigger"
    return "from integrity import constraints, conversion"


def _test(chapter: Chapter) -> str:
    body = TESTS[chapter.module_name]
    imports = [line for name, line in IMPORTS.items() if name in f"pytest {body}"]
    names = ", ".join(name for name in chapter.model_names if name in body)
    if names:
        imports.append(f"from tutorial.models import {names}")
    return "\n".join(imports) + f"\n\npytestmark = pytest.mark.django_db\n\n\n{body}"


def _trigger_names(model: type[models.Model]) -> set[str]:
    state = _migrated_state().models.get((model._meta.app_label, model._meta.model_name))
    return {trigger.name for trigger in state.options.get("triggers", ())} if state else set()


@cache
def _migrated_state() -> ProjectState:
    return MigrationLoader(None, ignore_no_migrations=True).project_state()


def _migration(ruled: Sequence[type[models.Model]]) -> Migration | None:
    """Return the migration that would be written if these models had no rules yet."""
    before = _migrated_state().clone()
    keys = set()
    for model in ruled:
        key = (model._meta.app_label, model._meta.model_name)
        state = before.models[key] = before.models[key].clone()
        state.options = {name: value for name, value in state.options.items() if name != "triggers"}
        keys.add(key[1])
        for event_model in event_models(model):
            del before.models[event_model._meta.app_label, event_model._meta.model_name]
            keys.add(event_model._meta.model_name)
    detector = Autodetector(
        before, ProjectState.from_apps(apps), MigrationQuestioner(specified_apps={"tutorial"})
    )
    changes = detector.changes(MigrationGraph(), trim_to_apps={"tutorial"})
    for migration in changes.get("tutorial", ()):
        migration.operations = [
            operation
            for operation in migration.operations
            if getattr(operation, "model_name", getattr(operation, "name", "")).lower() in keys
        ]
        migration.dependencies = [("tutorial", "0001_initial")]
        migration.name = f"0002_{migration.suggest_name()}"
        return migration
    return None


def _printed(migration: Migration, operations: Sequence[Operation]) -> str:
    lines = ["Migrations for 'tutorial':", f"  tutorial/migrations/{migration.name}.py"]
    return "\n".join([*lines, *(_line(operation) for operation in operations)])


def _line(operation: Operation) -> str:
    describe = getattr(operation, "formatted_description", None)
    return f"    {describe() if describe else operation.describe()}"
