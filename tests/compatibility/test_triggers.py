"""The examples in the documentation of django-pgtrigger: each rule, option and function."""

import pytest
from django.contrib.postgres.search import SearchQuery, SearchVectorField
from django.core.management import call_command
from django.db import InternalError, connection, models, transaction

import pgtrigger


@pytest.fixture
def make(create):
    """``make(trigger, name=Field(), ...)``: a model with a table and these triggers."""

    def make(*triggers, **fields):
        meta = type("Meta", (), {"app_label": "compatibility", "triggers": list(triggers)})
        made = type("Made", (models.Model,), {"__module__": __name__, "Meta": meta, **fields})
        create(made)
        return made

    return make


def refuses(text):
    return pytest.raises(InternalError, match=text)


def attempt(write, *args, **kwargs):
    with transaction.atomic():
        write(*args, **kwargs)


def test_protect_deletes(make):
    model = make(pgtrigger.Protect(name="protect_deletes", operation=pgtrigger.Delete))
    row = model.objects.create()
    with refuses("Cannot delete rows from compatibility_made table"):
        attempt(row.delete)


def test_append_only(make):
    operation = pgtrigger.Update | pgtrigger.Delete
    model = make(pgtrigger.Protect(name="append_only", operation=operation))
    row = model.objects.create()
    for write in (row.delete, lambda: model.objects.update(id=2)):
        with refuses("Cannot update or delete rows"):
            attempt(write)


@pytest.mark.parametrize("level", [pgtrigger.Row, pgtrigger.Statement])
@pytest.mark.parametrize("options", [{"fields": ["kept"]}, {"exclude": ["free"]}])
def test_read_only(make, level, options):
    rule = pgtrigger.ReadOnly(name="read_only", level=level, **options)
    model = make(rule, kept=models.IntegerField(), free=models.IntegerField(default=0))
    model.objects.create(kept=1)
    model.objects.update(free=1)
    with refuses("Cannot update rows"):
        attempt(model.objects.update, kept=2)


@pytest.mark.parametrize(
    "condition",
    [
        pgtrigger.Q(old__active=False),
        pgtrigger.Condition('OLD."active" = false'),
        pgtrigger.Q(old__active=False, new__active=False) | pgtrigger.Q(old__active=False),
        ~pgtrigger.Q(old__active=True),
        pgtrigger.Q(old__active__ndf=False),
        pgtrigger.Q(old__active=pgtrigger.F("new__active")) & pgtrigger.Q(old__active=False),
    ],
)
def test_conditional_protection(make, condition):
    operation = pgtrigger.Update
    model = make(
        pgtrigger.Protect(name="inactive", operation=operation, condition=condition),
        active=models.BooleanField(),
        n=models.IntegerField(default=0),
    )
    model.objects.create(active=True)
    model.objects.update(n=1)
    model.objects.all().delete()
    model.objects.create(active=False)
    with refuses("Cannot update rows"):
        attempt(model.objects.update, n=2)


@pytest.mark.parametrize(
    ("condition", "refused", "allowed"),
    [
        (pgtrigger.AnyChange("a", "b"), {"a": 1}, {"c": 1}),
        (pgtrigger.AnyChange(exclude=["c"]), {"a": 1}, {"c": 1}),
        (pgtrigger.AllChange("a", "b"), {"a": 1, "b": 1}, {"a": 1}),
        (pgtrigger.AnyDontChange("a", "b"), {"a": 1}, {"a": 1, "b": 1}),
        (pgtrigger.AllDontChange("a", "b"), {"c": 1}, {"a": 1}),
    ],
)
def test_conditions_on_changes(make, condition, refused, allowed):
    number = {name: models.IntegerField(default=0) for name in "abc"}
    rule = pgtrigger.Protect(name="changes", operation=pgtrigger.Update, condition=condition)
    model = make(rule, **number)
    model.objects.create()
    with refuses("Cannot update rows"):
        attempt(model.objects.update, **refused)
    model.objects.update(**allowed)


def test_fields_that_write_themselves_can_be_left_out(make):
    condition = pgtrigger.AnyChange(exclude_auto=True)
    rule = pgtrigger.Protect(name="auto", operation=pgtrigger.Update, condition=condition)
    model = make(rule, at=models.DateTimeField(auto_now=True), n=models.IntegerField(default=0))
    row = model.objects.create()
    row.save()
    with refuses("Cannot update rows"):
        attempt(model.objects.update, n=1)


def test_soft_delete(make):
    model = make(
        pgtrigger.SoftDelete(name="soft_delete", field="is_active"),
        is_active=models.BooleanField(default=True),
    )
    model.objects.create().delete()
    assert not model.objects.get().is_active


def test_soft_delete_with_a_value(make):
    model = make(
        pgtrigger.SoftDelete(name="soft_delete", field="status", value="gone"),
        status=models.TextField(default="here"),
    )
    model.objects.create().delete()
    assert model.objects.get().status == "gone"


@pytest.mark.parametrize("separator", [None, "|"])
def test_fsm(make, separator):
    transitions = [("unpublished", "published"), ("published", "inactive")]
    rule = pgtrigger.FSM(
        name="status", field="status", transitions=transitions, separator=separator
    )
    model = make(rule, status=models.CharField(max_length=32, default="unpublished"))
    model.objects.create()
    model.objects.update(status="published")
    with refuses('Invalid transition of field "status" from "published" to "unpublished" on table'):
        attempt(model.objects.update, status="unpublished")


def test_search_vector(make):
    rule = pgtrigger.UpdateSearchVector(
        name="vector",
        vector_field="vector",
        document_fields=["title"],
        config_name="pg_catalog.simple",
    )
    model = make(rule, title=models.TextField(), vector=SearchVectorField(null=True))
    model.objects.create(title="The houses")
    assert model.objects.filter(vector=SearchQuery("houses", config="simple")).exists()


def test_versioned(make):
    """The documented example of a trigger with a function, a condition and a rule."""
    model = make(
        pgtrigger.ReadOnly(name="a_read_only", fields=["version"]),
        pgtrigger.Trigger(
            name="b_versioning",
            operation=pgtrigger.Update,
            when=pgtrigger.Before,
            func="NEW.version = NEW.version + 1; RETURN NEW;",
            condition=pgtrigger.AnyChange(),
        ),
        version=models.IntegerField(default=0),
        text=models.TextField(),
    )
    model.objects.create(text="a")
    model.objects.update(text="b")
    assert model.objects.get().version == 1
    with refuses("Cannot update rows"):
        attempt(model.objects.update, version=7)


def test_variables_and_templates(make):
    trigger = pgtrigger.Trigger(
        name="template",
        operation=pgtrigger.Insert,
        when=pgtrigger.Before,
        declare=[("found", "INTEGER")],
        func=pgtrigger.Func(
            "SELECT count(*) FROM {meta.db_table} WHERE {columns.n} > 0 INTO found; "
            "NEW.{fields.n.column} = found; RETURN NEW;"
        ),
    )
    model = make(trigger, n=models.IntegerField(db_column="number"))
    for _ in range(2):
        model.objects.create(n=5)
    assert list(model.objects.order_by("pk").values_list("n", flat=True)) == [0, 0]
    assert pgtrigger.Func("{a.b}").render(a=pgtrigger.utils.AttrDict(b=1)) == "1"


def test_update_of(make):
    rule = pgtrigger.Protect(name="of", operation=pgtrigger.UpdateOf("a"))
    model = make(rule, a=models.IntegerField(default=0), b=models.IntegerField(default=0))
    model.objects.create()
    model.objects.update(b=1)
    with refuses("Cannot update rows"):
        attempt(model.objects.update, a=1)


def test_truncate(make):
    rule = pgtrigger.Protect(
        name="truncate", operation=pgtrigger.Truncate, level=pgtrigger.Statement
    )
    make(rule)
    with refuses("Cannot truncate rows"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE compatibility_made")


def test_transition_tables(make):
    trigger = pgtrigger.Trigger(
        name="statement",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        referencing=pgtrigger.Referencing(old="old_rows", new="new_rows"),
        func="""
            IF (SELECT sum(n) FROM new_rows) < (SELECT sum(n) FROM old_rows) THEN
                RAISE EXCEPTION 'less';
            END IF;
            RETURN NULL;
        """,
    )
    model = make(trigger, n=models.IntegerField())
    model.objects.create(n=1)
    model.objects.update(n=2)
    with refuses("less"):
        attempt(model.objects.update, n=1)


def test_composer_has_a_function_for_each_level(make):
    functions = {
        pgtrigger.Row: "RAISE EXCEPTION 'row';",
        pgtrigger.Statement: pgtrigger.Func(
            "IF EXISTS (SELECT new_values.* FROM {cond_new_values}) THEN "
            "RAISE EXCEPTION 'statement'; END IF; RETURN NULL;"
        ),
    }
    trigger = pgtrigger.Composer(
        name="composed",
        level=pgtrigger.Statement,
        when=pgtrigger.After,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(new__n__gt=0, old__n__lt=100),
        func=functions,
    )
    model = make(trigger, n=models.IntegerField())
    model.objects.create(n=100)
    model.objects.update(n=99)
    with refuses("statement"):
        attempt(model.objects.update, n=1)


def test_deferrable_triggers(make):
    rule = pgtrigger.Trigger(
        name="deferred",
        when=pgtrigger.After,
        operation=pgtrigger.Insert,
        timing=pgtrigger.Deferred,
        func="RAISE EXCEPTION 'checked';",
    )
    model = make(rule)
    with transaction.atomic():
        model.objects.create()
        transaction.set_rollback(True)
    with refuses("checked"), transaction.atomic():
        model.objects.create()
        pgtrigger.constraints(pgtrigger.Immediate, "compatibility.Made:deferred")
    with refuses("checked"), transaction.atomic():
        pgtrigger.constraints(pgtrigger.Immediate, "compatibility.Made:deferred", databases=None)
        model.objects.create()


def test_ignore(make):
    model = make(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete))
    uri = "compatibility.Made:keep"

    @pgtrigger.ignore(uri)
    def delete():
        assert pgtrigger.is_ignored(uri)
        model.objects.all().delete()

    for scope in (
        pgtrigger.ignore(uri),
        pgtrigger.ignore(),
        pgtrigger.ignore(uri, databases=["default"]),
    ):
        model.objects.create()
        with pgtrigger.ignore.session(), scope:
            model.objects.all().delete()
    model.objects.create()
    delete()
    assert not pgtrigger.is_ignored(uri)


def test_schema(make):
    with connection.cursor() as cursor:
        cursor.execute("CREATE SCHEMA compatibility_schema")
        with pgtrigger.schema("compatibility_schema", databases=["default"]):
            cursor.execute("SELECT current_schema()")
            assert cursor.fetchone() == ("compatibility_schema",)
        with pgtrigger.schema.session(databases=["default"]):
            cursor.execute("SELECT current_schema()")
            assert cursor.fetchone() == ("public",)


def test_a_trigger_can_be_registered_and_installed_by_itself(make):
    model = make()
    trigger = pgtrigger.Protect(name="keep", operation=pgtrigger.Delete)
    with trigger.register(model), trigger.install(model):
        assert trigger.get_uri(model) == "compatibility.Made:keep"
        assert trigger.get_pgid(model).startswith("pgtrigger_keep_")
        assert trigger.get_installation_status(model) == ("INSTALLED", True)
        with trigger.disable(model):
            assert trigger.get_installation_status(model) == ("INSTALLED", False)
        assert trigger.get_installation_status(model) == ("INSTALLED", True)
        assert trigger.exec_sql("SELECT 1", model, fetchall=True) == [(1,)]
    assert trigger.get_installation_status(model) == ("UNINSTALLED", None)


OVERRIDES = """
    get_pgid get_uri get_condition get_declare get_func get_func_template_kwargs render_condition
    render_declare render_execute render_func compile validate_name allow_migrate format_sql
    exec_sql
"""


@pytest.mark.parametrize("name", OVERRIDES.split())
def test_a_method_that_subclasses_override_is_called(make, name):
    called = []
    original = getattr(pgtrigger.Trigger, name)

    def override(self, *args, **kwargs):
        called.append(name)
        return original(self, *args, **kwargs)

    own = type("Own", (pgtrigger.Trigger,), {name: override})
    trigger = own(
        name="own",
        when=pgtrigger.Before,
        operation=pgtrigger.Update,
        declare=[("n", "integer")],
        func=pgtrigger.Func("RETURN NEW; -- {meta.db_table}"),
        condition=pgtrigger.AnyChange(),
    )
    model = make(trigger)
    trigger.exec_sql("SELECT 1", model)
    assert called


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", "attributes"),
        ("level", pgtrigger.Row),
        ("when", pgtrigger.Before),
        ("operation", pgtrigger.Insert),
        ("condition", pgtrigger.Q(new__id__gt=0)),
        ("func", "RETURN NEW;"),
        ("declare", [("n", "integer")]),
    ],
)
def test_an_option_may_be_an_attribute_of_the_class(make, option, value):
    options = {"name": "own", "when": pgtrigger.Before, "operation": pgtrigger.Insert}
    options |= {"func": "RETURN NEW;"}
    own = type("Own", (pgtrigger.Trigger,), {option: value})
    given = {name: each for name, each in options.items() if name != option}
    model = make(own(**given))
    model.objects.create()
    [trigger] = model._meta.triggers
    assert getattr(trigger, option) == value


@pytest.mark.django_db
@pytest.mark.parametrize(
    "arguments",
    [
        ["ls"],
        ["ls", "pgtrigger_tests.Protected:no_delete", "--database", "default"],
        ["ls", "-d", "default", "-s", "public"],
        ["install", "pgtrigger_tests.Protected:no_delete"],
        ["uninstall", "pgtrigger_tests.Protected:no_delete", "-d", "default"],
        ["enable", "pgtrigger_tests.Protected:no_delete", "--schema", "public"],
        ["disable", "pgtrigger_tests.Protected:no_delete"],
        ["prune", "-d", "default", "-s", "public"],
    ],
)
def test_the_command(arguments, capsys):
    call_command("pgtrigger", *arguments)
    assert arguments[0] != "ls" or "no_delete" in capsys.readouterr().out
