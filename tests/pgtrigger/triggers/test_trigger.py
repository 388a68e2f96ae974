"""Declarations: names, what is refused where it is declared, and the verbs of one trigger."""

import pytest
from django.db import connection, transaction
from django.db import models as fields

import pgtrigger
from pgtrigger import compiler
from pgtrigger.triggers import registry
from project.models import User
from tests.pgtrigger import models

HOSTILE = ['quo"te', "a'b", "dol$$lar", "$pgtrigger$", "per%cent", "br{a}ce", "back\\slash", "🦉"]


def trigger(**options):
    defaults = {
        "name": "made",
        "when": pgtrigger.Before,
        "operation": pgtrigger.Update,
        "func": "RETURN NEW;",
    }
    return pgtrigger.Trigger(**{**defaults, **options})


class TestNames:
    def test_the_uri_and_the_name_in_the_database(self):
        protect = pgtrigger.Protect(name="Protect-It", operation=pgtrigger.Delete)
        assert protect.get_uri(models.Plain) == "pgtrigger_tests.Plain:Protect-It"
        assert protect.get_pgid(models.Plain).startswith("pgtrigger_protect-it_")
        assert len(protect.get_pgid(models.Plain)) == len("pgtrigger_protect-it_") + 5

    def test_the_longest_name_fits(self):
        longest = trigger(name="x" * 47)
        assert len(longest.get_pgid(models.Plain)) == 63
        assert len(longest.compile(models.Plain).sql.function_name) == 63

    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("x" * 48, "> 47"),
            ("🦉" * 16, "alphanumeric"),
            ("a b", "alphanumeric"),
            ("", "must have"),
            (None, "must have"),
            *((name, "alphanumeric") for name in HOSTILE),
        ],
    )
    def test_a_bad_name_is_refused(self, name, reason):
        with pytest.raises(ValueError, match=reason):
            trigger(name=name)

    def test_a_name_is_used_once_on_a_model(self):
        with pytest.raises(KeyError, match="already used"):
            pgtrigger.register(pgtrigger.Protect(name="no_delete", operation=pgtrigger.Insert))(
                models.Protected
            )

    def test_two_uris_whose_digits_collide_on_a_table_are_refused(self, monkeypatch):
        monkeypatch.setattr(pgtrigger.Trigger, "get_pgid", lambda self, model: "pgtrigger_same")
        first, second = trigger(name="first"), trigger(name="second")
        with first.register(models.Plain), pytest.raises(KeyError, match="already in use"):
            second.register(models.Plain)

    @pytest.mark.django_db
    def test_triggers_of_one_name_on_two_tables_have_functions_of_their_own(self, monkeypatch):
        monkeypatch.setattr(pgtrigger.Trigger, "get_pgid", lambda self, model: "pgtrigger_same")
        functions = {
            trigger().compile(model).sql.function_name for model in (models.Plain, models.Frozen)
        }
        assert len(functions) == 2


class TestWhatPostgresDoesNotHave:
    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"level": "ROW"}, 'Invalid "level"'),
            ({"when": None}, 'Invalid "when"'),
            ({"when": "BEFORE"}, 'Invalid "when"'),
            ({"operation": None}, 'Invalid "operation"'),
            ({"security": True}, 'Invalid "security": found True'),
            ({"search_path": "public"}, "expected a list of schemas"),
            ({"operation": "UPDATE"}, 'Invalid "operation"'),
            ({"timing": "DEFERRED"}, 'Invalid "timing"'),
            ({"referencing": "old"}, 'Invalid "referencing"'),
            ({"security": "nobody"}, 'Invalid "security"'),
            ({"operation": pgtrigger.Truncate}, "needs level=pgtrigger.Statement"),
            (
                {"when": pgtrigger.InsteadOf, "level": pgtrigger.Statement},
                "InsteadOf needs level",
            ),
            ({"timing": pgtrigger.Deferred}, "deferrable trigger needs when=pgtrigger.After"),
            ({"referencing": pgtrigger.Referencing(old="o")}, "need when=pgtrigger.After"),
            (
                {
                    "when": pgtrigger.After,
                    "level": pgtrigger.Statement,
                    "operation": pgtrigger.UpdateOf("text"),
                    "referencing": pgtrigger.Referencing(old="o"),
                },
                "cannot be combined with UpdateOf",
            ),
            (
                {
                    "when": pgtrigger.After,
                    "level": pgtrigger.Statement,
                    "operation": pgtrigger.Update | pgtrigger.Delete,
                    "referencing": pgtrigger.Referencing(old="o"),
                },
                "exactly one of",
            ),
        ],
    )
    def test_it_is_refused_where_it_is_declared(self, options, reason):
        if options.get("when", ...) is None or options.get("operation", ...) is None:
            declare = lambda: pgtrigger.Trigger(  # noqa: E731
                **{"name": "made", "func": "", "when": pgtrigger.Before, **options}
            )
        else:
            declare = lambda: trigger(**options)  # noqa: E731
        with pytest.raises(ValueError, match=reason):
            declare()

    @pytest.mark.parametrize(
        ("options", "reason"),
        [
            ({"when": pgtrigger.InsteadOf}, "InsteadOf is for views"),
            (
                {"operation": pgtrigger.Insert, "condition": pgtrigger.Q(old__number=1)},
                "reads the old row, which an INSERT does not have",
            ),
            (
                {"operation": pgtrigger.Delete, "condition": pgtrigger.Q(new__number=1)},
                "reads the new row, which a DELETE does not have",
            ),
            (
                {"level": pgtrigger.Statement, "condition": pgtrigger.Q(new__number=1)},
                "a statement-level trigger does not have",
            ),
            ({"operation": pgtrigger.UpdateOf("nope")}, "not a field or column"),
            *(
                ({"func": pgtrigger.Func(text)}, "Trigger pgtrigger_tests.Plain:made.*filled in")
                for text in ("{nope}", "{", "{}", "{fields.nope}")
            ),
        ],
    )
    def test_it_is_refused_for_the_model(self, options, reason):
        with pytest.raises(pgtrigger.DeclarationError, match=reason) as caught:
            trigger(**options).compile(models.Plain)
        notes = getattr(caught.value, "__notes__", [])
        assert "'made'" in str(caught.value) or "in trigger pgtrigger_tests.Plain:made" in notes

    @pytest.mark.parametrize(
        "rule",
        [
            pgtrigger.ReadOnly(name="made", fields=["double"]),
            pgtrigger.FSM(name="made", field="double", transitions=[(0, 2)]),
            trigger(condition=pgtrigger.Q(new__double=1)),
            trigger(condition=pgtrigger.AllChange("double")),
        ],
    )
    def test_the_new_value_of_a_generated_column_is_not_there_before_the_write(self, rule):
        with pytest.raises(pgtrigger.DeclarationError, match='generated column "double"'):
            rule.compile(models.Generated)

    def test_it_is_there_after_the_write(self, db):
        rule = pgtrigger.ReadOnly(name="made", fields=["double"], when=pgtrigger.After)
        row = models.Generated.objects.create()
        with (
            rule.install(models.Generated),
            pytest.raises(pgtrigger.ReadOnlyError),
            transaction.atomic(),
        ):
            models.Generated.objects.filter(pk=row.pk).update(number=1)

    def test_a_model_with_a_bad_trigger_is_refused_when_it_is_loaded(self, make_model):
        with pytest.raises(pgtrigger.DeclarationError, match="no field named 'nope'"):
            make_model(
                table=False,
                triggers=[pgtrigger.ReadOnly(name="kept", fields=["nope"])],
            )

    def test_a_refused_trigger_is_not_declared(self, make_model):
        with pytest.raises(pgtrigger.DeclarationError):
            pgtrigger.register(pgtrigger.ReadOnly(name="refused", fields=["nope"]))(models.Plain)
        with pytest.raises(KeyError, match="not found"):
            pgtrigger.registered("pgtrigger_tests.Plain:refused")

    def test_an_option_that_is_none_is_refused(self):
        with pytest.raises(TypeError, match="has no option operations"):
            pgtrigger.Protect(name="x", operations=pgtrigger.Delete)


class TestAttributes:
    def test_they_may_be_set_on_a_subclass(self):
        class Deletion(pgtrigger.Protect):
            name = "no_deletion"
            operation = pgtrigger.Delete

        assert "BEFORE DELETE" in Deletion().compile(models.Plain).install_sql

    def test_they_may_change_after_construction(self):
        changed = trigger()
        changed.when = pgtrigger.After
        assert changed.compile(models.Plain).sql.when == "AFTER"

    def test_a_func_is_a_template(self):
        func = pgtrigger.Func("-- {meta.db_table} {columns.renamed} {fields.number.name}")
        assert "-- pgtrigger_tests_plain odd column {x} \\ 🦉 number" in str(
            trigger(func=func).compile(models.Plain).sql
        )

    @pytest.mark.parametrize("text", [*HOSTILE, "{meta}", "%s"])
    def test_a_text_is_passed_through_as_it_is(self, text, db):
        func = f"-- {text}\nRETURN NEW;"
        made = trigger(func=func)
        with made.install(models.Plain), connection.cursor() as cursor:
            cursor.execute(
                "SELECT p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
                " WHERE t.tgname = %s",
                [made.get_pgid(models.Plain)],
            )
            assert func in cursor.fetchone()[0]

    def test_an_iterator_is_as_good_as_a_list(self):
        rule = pgtrigger.ReadOnly(name="kept", fields=(name for name in ["number"]))
        declared = trigger(
            search_path=iter(["public"]), declare=(pair for pair in [("n", "integer")])
        )
        for _ in range(2):
            assert 'OLD."number"' in rule.compile(models.Plain).sql.condition
            assert "text" not in rule.compile(models.Plain).sql.condition
            assert declared.compile(models.Plain).sql.search_path == ("public",)
            assert declared.compile(models.Plain).sql.declare == "DECLARE n integer;"

    @pytest.mark.parametrize("clause", ["", "EXECUTE FUNCTION ", "execute procedure "])
    def test_its_function_can_be_executed_with_arguments(self, make_model, clause):
        class Stamp(pgtrigger.Trigger):
            when = pgtrigger.Before
            operation = pgtrigger.Insert
            func = "NEW.text = TG_ARGV[0]; RETURN NEW;"

            def render_execute(self, model):
                return f"{clause}{self.get_pgid(model)}('stamped')"

        model = make_model(text=fields.TextField(), triggers=[Stamp(name="stamp")])
        row = model.objects.create(text="")
        row.refresh_from_db()
        assert row.text == "stamped"

    @pytest.mark.parametrize("clause", ["", "EXECUTE FUNCTION ", "execute procedure "])
    def test_a_function_that_exists_can_be_executed(self, make_model, clause):
        class Existing(pgtrigger.Trigger):
            when = pgtrigger.Before
            operation = pgtrigger.Update

            def render_execute(self, model):
                return f"{clause}suppress_redundant_updates_trigger()"

        model = make_model(text=fields.TextField(), triggers=[Existing(name="suppress")])
        model.objects.create(text="a")
        assert model.objects.update(text="a") == 0
        assert model.objects.update(text="b") == 1

    def test_declarations_and_functions_can_be_asked_for_without_a_model(self):
        protect = pgtrigger.Protect(name="x", operation=pgtrigger.Delete)
        assert protect.render_declare(None) == ""
        assert protect.get_func(None) == ""
        assert trigger(declare=[("n", "integer")]).render_declare(None) == "DECLARE n integer;"

    def test_security_and_search_path_are_the_functions(self, db):
        made = trigger(security="definer", search_path=["pg_catalog", "public"])
        with made.install(models.Plain), connection.cursor() as cursor:
            cursor.execute(
                "SELECT prosecdef, proconfig FROM pg_proc WHERE proname = %s",
                [made.compile(models.Plain).sql.function_name],
            )
            assert cursor.fetchone() == (True, ["search_path=pg_catalog, public, pg_temp"])


class TestClauses:
    def test_operations_combine(self):
        both = pgtrigger.Update | pgtrigger.Delete
        assert str(both) == "UPDATE OR DELETE"
        assert both == pgtrigger.Delete | pgtrigger.Update
        assert hash(both) == hash(pgtrigger.Delete | pgtrigger.Update)
        assert pgtrigger.Update in both
        assert pgtrigger.Insert not in both

    def test_an_operation_is_equal_to_itself_alone(self):
        assert pgtrigger.Update == pgtrigger.Update | pgtrigger.Update
        assert hash(pgtrigger.Update) == hash(pgtrigger.Update | pgtrigger.Update)
        assert pgtrigger.UpdateOf("a") != pgtrigger.Update
        assert pgtrigger.UpdateOf("a", "b") == pgtrigger.UpdateOf("b", "a")

    def test_update_of_takes_fields_and_columns(self):
        operation = pgtrigger.UpdateOf("renamed", "parent", "text")
        assert operation.render(models.Plain) == (
            'UPDATE OF "odd column {x} \\ 🦉", "parent_id", "text"'
        )

    def test_update_of_needs_a_column(self):
        with pytest.raises(ValueError, match="at least one"):
            pgtrigger.UpdateOf()

    def test_referencing_needs_a_name(self):
        with pytest.raises(ValueError, match='"old"'):
            pgtrigger.Referencing()
        with pytest.raises(ValueError, match="two names"):
            pgtrigger.Referencing(old="rows", new="rows")
        assert str(pgtrigger.Referencing(old="o", new="n")) == (
            'REFERENCING OLD TABLE AS "o" NEW TABLE AS "n"'
        )


class TestRegistry:
    def test_registered_finds_by_uri(self):
        [(model, found)] = pgtrigger.registered("pgtrigger_tests.Protected:no_delete")
        assert model is models.Protected
        assert found.name == "no_delete"
        assert (model, found) in pgtrigger.registered()

    @pytest.mark.parametrize("uri", ["x", "a.b", "a:b", "", "a.b:c:d"])
    def test_a_malformed_uri_is_an_error(self, uri):
        with pytest.raises(ValueError, match="must be in the format"):
            pgtrigger.registered(uri)

    def test_an_unknown_uri_is_an_error(self):
        with pytest.raises(KeyError, match="not found"):
            pgtrigger.registered("pgtrigger_tests.Protected:nope")

    def test_register_is_a_decorator_for_any_model(self, make_model):
        model = make_model(table=False)
        made = trigger()
        assert pgtrigger.register(made)(model) is model
        assert registry.of_model(model) == [made]

    def test_registering_can_be_for_a_while(self):
        made = trigger()
        with made.register(models.Plain):
            assert (models.Plain, made) in pgtrigger.registered()
        assert (models.Plain, made) not in pgtrigger.registered()
        with pytest.raises(KeyError, match="not found"):
            made.unregister(models.Plain)


@pytest.mark.django_db
class TestVerbs:
    def test_a_trigger_can_be_installed_and_uninstalled(self):
        made = pgtrigger.Protect(name="made", operation=pgtrigger.Delete)
        row = models.Document.objects.create()
        assert made.get_installation_status(models.Document) == ("UNINSTALLED", None)
        with made.install(models.Document):
            assert made.get_installation_status(models.Document) == ("INSTALLED", True)
            with made.disable(models.Document):
                assert made.get_installation_status(models.Document) == ("INSTALLED", False)
                row.delete()
            assert made.get_installation_status(models.Document) == ("INSTALLED", True)
        assert made.get_installation_status(models.Document) == ("UNINSTALLED", None)

    def test_a_trigger_of_a_model_that_is_elsewhere_is_left_alone(self, settings):
        settings.DATABASE_ROUTERS = ["tests.pgtrigger.routers.NothingAllowed"]
        made = trigger()
        made.install(models.Plain)
        assert made.get_installation_status(models.Plain) == ("UNALLOWED", None)

    def test_sql_can_be_run(self):
        assert trigger().exec_sql(" SELECT 1 ", models.Plain, fetchall=True) == [(1,)]
        assert trigger().format_sql(" SELECT 1 ; ") == "SELECT 1 ;"


@pytest.mark.django_db
class TestInsteadOf:
    def test_a_view_can_be_written_through(self, make_model):
        model = make_model(
            table=False,
            name=fields.TextField(),
            meta={"managed": False, "db_table": "users_view"},
            triggers=[
                pgtrigger.Trigger(
                    name="write",
                    when=pgtrigger.InsteadOf,
                    operation=pgtrigger.Insert,
                    func=f"INSERT INTO {models.Plain._meta.db_table}"
                    '(text, number, json, created_at, "odd column {x} \\ 🦉")'
                    " VALUES (NEW.name, 0, '{}', now(), 0); RETURN NEW;",
                )
            ],
        )
        with connection.cursor() as cursor:
            cursor.execute(
                "CREATE VIEW users_view AS SELECT id, text AS name FROM pgtrigger_tests_plain"
            )
        registry.of_model(model)[0].install(model)
        with connection.cursor() as cursor:
            cursor.execute("INSERT INTO users_view (name) VALUES ('x')")
        assert models.Plain.objects.get().text == "x"


def test_the_compiled_trigger_can_be_written_into_a_migration():
    from django.db.migrations.writer import MigrationWriter

    for model, declared in pgtrigger.registered():
        compiled = declared.compile(model)
        text, imports = MigrationWriter.serialize(compiled)
        scope: dict[str, object] = {}
        exec("\n".join(imports), scope)
        assert eval(text, scope) == compiled


def test_the_same_declaration_compiles_to_the_same():
    protect = pgtrigger.Protect(name="x", operation=pgtrigger.Delete)
    assert protect.compile(User) == protect.compile(User)
    assert protect.compile(User).hash == protect.compile(User).hash
    assert isinstance(protect.compile(User), compiler.Trigger)
