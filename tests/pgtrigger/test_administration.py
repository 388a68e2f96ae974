"""The declared triggers and a database: what is installed, found, and mended."""

import pytest
from django.core import checks
from django.db import connection, connections, transaction
from django.test.utils import CaptureQueriesContext

import pgtrigger
from pgtrigger import administration
from pgtrigger.database import catalog
from pgtrigger.triggers import registry
from tests.pgtrigger import models

pytestmark = pytest.mark.django_db

URI = "pgtrigger_tests.Protected:no_delete"


def installed(uri=URI):
    return administration.entries(uri)[0].installed


def ours():
    """The engine's own test tables; others' models may be without one."""
    return [e for e in administration.entries() if e.uri.startswith("pgtrigger_")]


def execute(statement):
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetchall() if cursor.description else None


def functions():
    return {
        name
        for (name,) in execute(
            "SELECT proname FROM pg_proc WHERE starts_with(proname, 'pgtrigger_')"
        )
    }


class TestStatus:
    def test_everything_declared_is_installed(self):
        assert {entry.status for entry in ours()} == {"INSTALLED"}

    def test_one_query_of_the_catalog_finds_all(self):
        with CaptureQueriesContext(
            connection,
        ) as queries:
            administration.survey()
        assert sum("pg_trigger" in query["sql"] for query in queries) == 1

    def test_a_function_changed_by_hand_is_outdated(self):
        execute(
            f"CREATE OR REPLACE FUNCTION {installed().function}() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
        )
        assert administration.entries(URI)[0].status == "OUTDATED"

    def test_a_function_made_definer_by_hand_is_outdated(self):
        execute(f"ALTER FUNCTION {installed().function}() SECURITY DEFINER")
        assert administration.entries(URI)[0].status == "OUTDATED"

    def test_a_definition_changed_by_hand_is_outdated(self):
        found = installed()
        execute(
            f"CREATE OR REPLACE TRIGGER {found.pgid} BEFORE DELETE ON {found.table}"
            f" FOR EACH ROW WHEN (false) EXECUTE FUNCTION {found.function}()"
        )
        assert administration.entries(URI)[0].status == "OUTDATED"

    def test_a_trigger_dropped_by_hand_is_uninstalled(self):
        found = installed()
        execute(f"DROP TRIGGER {found.pgid} ON {found.table}")
        assert administration.entries(URI)[0].status == "UNINSTALLED"

    def test_the_search_path_does_not_matter(self):
        execute("SET LOCAL search_path TO public, pg_catalog")
        assert {entry.status for entry in ours()} == {"INSTALLED"}
        assert execute("SHOW search_path") == [("public, pg_catalog",)]

    @pytest.mark.parametrize(
        ("action", "state", "enabled"),
        [
            ("DISABLE", "DISABLED", False),
            ("ENABLE ALWAYS", "ALWAYS", True),
            ("ENABLE REPLICA", "REPLICA", False),
        ],
    )
    def test_who_it_fires_for_is_shown(self, action, state, enabled):
        found = installed()
        execute(f"ALTER TABLE {found.table} {action} TRIGGER {found.pgid}")
        entry = administration.entries(URI)[0]
        assert (entry.status, entry.state, entry.enabled) == ("INSTALLED", state, enabled)

    def test_the_comment_names_the_declaration(self):
        assert installed().uri == URI


class TestInstall:
    def test_what_is_unchanged_is_not_touched(self):
        before = execute("SELECT oid, xmin FROM pg_trigger ORDER BY oid")
        pgtrigger.install()
        assert execute("SELECT oid, xmin FROM pg_trigger ORDER BY oid") == before

    def test_a_changed_body_replaces_the_function_alone(self):
        found = installed()
        before = execute(f"SELECT oid, xmin FROM pg_trigger WHERE tgname = '{found.pgid}'")
        execute(
            f"CREATE OR REPLACE FUNCTION {found.function}() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
        )
        pgtrigger.install(URI)
        assert installed().function_source != "BEGIN RETURN OLD; END"
        assert execute(f"SELECT oid, xmin FROM pg_trigger WHERE tgname = '{found.pgid}'") == before

    @pytest.mark.parametrize("action", ["DISABLE", "ENABLE ALWAYS", "ENABLE REPLICA"])
    def test_a_replaced_trigger_is_enabled_as_it_was(self, action):
        found = installed()
        execute(
            f"CREATE OR REPLACE TRIGGER {found.pgid} BEFORE DELETE ON {found.table}"
            f" FOR EACH ROW WHEN (false) EXECUTE FUNCTION {found.function}()"
        )
        execute(f"ALTER TABLE {found.table} {action} TRIGGER {found.pgid}")
        state = installed().state
        pgtrigger.install(URI)
        entry = administration.entries(URI)[0]
        assert (entry.status, entry.state) == ("INSTALLED", state)

    def test_a_constraint_trigger_is_made_anew(self):
        uri = "pgtrigger_tests.Deferred:late"
        found = installed(uri)
        execute(f"COMMENT ON TRIGGER {found.pgid} ON {found.table} IS 'old'")
        pgtrigger.install(uri)
        assert administration.entries(uri)[0].status == "INSTALLED"

    def test_uninstalling_leaves_no_function(self):
        found = installed()
        assert found.function in functions()
        with pgtrigger.uninstall(URI):
            assert found.function not in functions()
            assert installed() is None
        assert administration.entries(URI)[0].status == "INSTALLED"

    def test_a_function_that_another_trigger_calls_stays(self):
        found = installed()
        execute(
            f"CREATE TRIGGER mine BEFORE DELETE ON {models.Plain._meta.db_table}"
            f" FOR EACH ROW EXECUTE FUNCTION {found.function}()"
        )
        pgtrigger.uninstall(URI)
        assert found.function in functions()

    def test_triggers_can_be_disabled_and_enabled(self):
        with pgtrigger.disable(URI):
            assert administration.entries(URI)[0].state == "DISABLED"
        assert administration.entries(URI)[0].state == "ENABLED"

    @pytest.mark.parametrize("verb", [pgtrigger.enable, pgtrigger.disable])
    def test_what_is_not_installed_can_be_neither_enabled_nor_disabled(self, verb):
        other = "pgtrigger_tests.Frozen:kept"
        pgtrigger.uninstall(URI)
        states = administration.entries(other)[0].state
        with pytest.raises(LookupError, match=f'"{URI}" is not installed'):
            verb(other, URI)
        assert administration.entries(other)[0].state == states

    def test_waiting_for_a_table_is_limited_no_longer_than_the_install(self):
        before = execute("SHOW lock_timeout")
        pgtrigger.uninstall(URI)
        administration.install(URI, lock_timeout=123)
        assert execute("SHOW lock_timeout") == before != [("123ms",)]

    def test_pruning_waits_no_longer_either(self, settings):
        execute(
            "CREATE FUNCTION pgtrigger_left() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN END';"
            "CREATE TRIGGER pgtrigger_left AFTER INSERT ON pgtrigger_tests_protected"
            " FOR EACH ROW EXECUTE FUNCTION pgtrigger_left()"
        )
        with CaptureQueriesContext(connection) as queries:
            administration.install(lock_timeout=123)
        sent = [query["sql"] for query in queries]
        dropped = next(place for place, text in enumerate(sent) if "DROP TRIGGER" in text)
        assert any("'123ms'" in text for text in sent[dropped - 6 : dropped])

    def test_a_table_that_moved_to_another_schema_takes_its_function_along(self):
        execute("CREATE SCHEMA moved; ALTER TABLE pgtrigger_tests_protected SET SCHEMA moved")
        with pgtrigger.schema("moved", "public"):
            assert administration.entries(URI)[0].status == "OUTDATED"
            pgtrigger.install(URI)
            assert installed().function_schema == "moved"
            assert installed().function not in {
                name
                for (name,) in execute(
                    "SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace"
                )
            }

    def test_a_table_that_is_not_there_is_passed_over(self, make_model):
        model = make_model(
            table=False,
            meta={"managed": False},
            triggers=[pgtrigger.Protect(name="early", operation=pgtrigger.Delete)],
        )
        [trigger] = registry.of_model(model)
        pgtrigger.install()
        assert trigger.get_installation_status(model) == ("UNINSTALLED", None)

    def test_an_install_reports_its_progress(self):
        heard = []
        pgtrigger.uninstall(URI)
        administration.install(URI, progress=lambda *report: heard.append(report))
        assert heard == [(1, 1, URI)]


class TestPrune:
    def test_what_no_model_declares_is_found_and_dropped(self):
        made = pgtrigger.Protect(name="gone", operation=pgtrigger.Delete)
        made.install(models.Plain)
        pgid = made.get_pgid(models.Plain)
        assert pgtrigger.prunable() == [("pgtrigger_tests_plain", pgid, True, "default")]
        before = functions()
        pgtrigger.prune()
        assert pgtrigger.prunable() == []
        assert len(functions()) == len(before) - 1

    @pytest.mark.parametrize("setting", [True, False])
    def test_a_full_install_prunes_where_the_setting_says_so(self, settings, setting):
        settings.PGTRIGGER_PRUNE_ON_INSTALL = setting
        pgtrigger.Protect(name="gone", operation=pgtrigger.Delete).install(models.Plain)
        pgtrigger.install()
        assert bool(pgtrigger.prunable()) is not setting

    def test_functions_that_no_trigger_calls_are_dropped(self):
        execute(
            "CREATE FUNCTION pgtrigger_left_behind() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'"
        )
        pgtrigger.prune()
        assert "pgtrigger_left_behind" not in functions()

    def test_triggers_of_others_are_left_alone(self):
        execute(
            "CREATE FUNCTION others() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';"
            "CREATE TRIGGER others BEFORE INSERT ON pgtrigger_tests_plain"
            " FOR EACH ROW EXECUTE FUNCTION others()"
        )
        pgtrigger.prune()
        assert execute("SELECT 1 FROM pg_trigger WHERE tgname = 'others'")


class TestDiff:
    def test_it_shows_both_and_changes_nothing(self):
        execute(
            f"CREATE OR REPLACE FUNCTION {installed().function}() RETURNS trigger"
            " LANGUAGE plpgsql AS 'BEGIN RETURN OLD; END'"
        )
        lines = list(administration.diff(URI))
        assert any(line.startswith("-AS ") and "RETURN OLD; END" in line for line in lines)
        assert any(line.startswith("+") and "RAISE EXCEPTION" in line for line in lines)
        assert administration.entries(URI)[0].status == "OUTDATED"

    def test_a_disabled_trigger_differs(self):
        with pgtrigger.disable(URI):
            *_, before, after = administration.diff(URI)
        assert before.startswith("-ALTER TABLE")
        assert after == before.replace("-", "+", 1).replace("DISABLE", "ENABLE")

    def test_it_is_empty_where_nothing_differs(self):
        assert list(administration.diff(*(entry.uri for entry in ours()))) == []


class TestPartitions:
    @pytest.fixture
    def partitioned(self, make_model):
        from django.db import models as fields

        model = make_model(
            table=False,
            number=fields.IntegerField(),
            kept=fields.IntegerField(default=0),
            meta={"managed": False, "db_table": "partitioned"},
            triggers=[
                pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete),
                pgtrigger.ReadOnly(name="kept", fields=["kept"]),
            ],
        )
        execute(
            "CREATE TABLE partitioned (id bigint generated by default as identity,"
            " number int, kept int) PARTITION BY RANGE (number);"
            "CREATE TABLE part_low PARTITION OF partitioned FOR VALUES FROM (0) TO (10);"
            "CREATE TABLE part_high PARTITION OF partitioned FOR VALUES FROM (10) TO (20);"
        )
        for trigger in registry.of_model(model):
            trigger.install(model)
        return model

    def test_a_partition_is_protected_and_the_error_names_the_declared_table(self, partitioned):
        partitioned.objects.create(number=1)
        with pytest.raises(pgtrigger.ProtectedError) as caught, transaction.atomic():
            execute("DELETE FROM part_low")
        assert caught.value.table == "partitioned"

    def test_the_clones_are_not_listed(self, partitioned):
        statuses = [e.status for e in administration.entries() if "partitioned" in str(e.compiled)]
        assert statuses == ["INSTALLED", "INSTALLED"]
        assert pgtrigger.prunable() == []

    def test_uninstalling_takes_them_all(self, partitioned):
        for trigger in registry.of_model(partitioned):
            trigger.uninstall(partitioned)
        partitioned.objects.create(number=1)
        execute("DELETE FROM part_low")
        assert not partitioned.objects.exists()


class TestSchemas:
    @pytest.fixture
    def tenants(self):
        for schema in ("tenant1", "tenant2"):
            execute(
                f"CREATE SCHEMA {schema};"
                f"CREATE TABLE {schema}.pgtrigger_tests_soft"
                " (id bigint generated by default as identity primary key, is_active boolean)"
            )
            with pgtrigger.schema(schema):
                pgtrigger.install("pgtrigger_tests.Soft:soft")

    def test_each_schema_has_its_own(self, tenants):
        for schema in ("tenant1", "tenant2"):
            with pgtrigger.schema(schema):
                found = administration.entries("pgtrigger_tests.Soft:soft")[0]
                assert found.status == "INSTALLED"
                assert (found.installed.schema, found.installed.function_schema) == (schema, schema)

    def test_a_function_writes_into_its_own_schema_whatever_the_search_path(self, tenants):
        with pgtrigger.schema("tenant1"):
            execute("INSERT INTO tenant2.pgtrigger_tests_soft (is_active) VALUES (true)")
            execute("DELETE FROM tenant2.pgtrigger_tests_soft")
        assert execute("SELECT is_active FROM tenant2.pgtrigger_tests_soft") == [(False,)]

    def test_a_table_can_name_its_schema(self, tenants, make_model):
        from django.db import models as fields

        model = make_model(
            table=False,
            is_active=fields.BooleanField(),
            meta={"managed": False, "db_table": '"tenant2"."pgtrigger_tests_soft"'},
            triggers=[pgtrigger.Protect(name="no_delete", operation=pgtrigger.Delete)],
        )
        [trigger] = registry.of_model(model)
        trigger.install(model)
        assert trigger.get_installation_status(model) == ("INSTALLED", True)
        assert administration.entries(trigger.get_uri(model))[0].installed.schema == "tenant2"


@pytest.mark.django_db(databases=["default", "other"])
class TestSeveralDatabases:
    def test_each_has_its_own(self):
        with pgtrigger.uninstall(URI, database="other"):
            assert administration.entries(URI, database="other")[0].status == "UNINSTALLED"
            assert administration.entries(URI)[0].status == "INSTALLED"

    def test_routers_decide_where_triggers_are_installed(self, settings):
        settings.DATABASE_ROUTERS = ["tests.pgtrigger.routers.FrozenOnOther"]
        uri = "pgtrigger_tests.Frozen:kept"
        assert administration.entries(uri)[0].status == "UNALLOWED"
        assert administration.entries(uri, database="other")[0].status == "INSTALLED"
        models.Frozen.objects.create(kept=1)
        with (
            pytest.raises(pgtrigger.ReadOnlyError),
            transaction.atomic(using="other"),
            connections["other"].cursor() as cursor,
        ):
            cursor.execute("UPDATE pgtrigger_tests_frozen SET kept = 2")


class TestSystemChecks:
    def ids(self):
        messages = checks.run_checks(tags=["database"], databases=["default"])
        return [message.id for message in messages if "pgtrigger_" in message.msg]

    def test_it_is_silent_where_all_fits(self):
        assert self.ids() == []

    def test_it_warns_of_what_is_not_there(self):
        pgtrigger.uninstall(URI)
        assert self.ids() == ["pgtrigger.W001"]

    def test_it_warns_of_a_disabled_rule(self):
        pgtrigger.disable(URI)
        assert self.ids() == ["pgtrigger.W003"]
        pgtrigger.enable(URI)
        assert self.ids() == []

    def test_it_warns_of_what_no_model_declares(self):
        pgtrigger.Protect(name="gone", operation=pgtrigger.Delete).install(models.Plain)
        assert self.ids() == ["pgtrigger.W002"]


def test_the_table_that_the_search_path_finds_first_is_the_one_looked_at():
    pgid = installed().pgid
    execute("CREATE SCHEMA nearer; CREATE TABLE nearer.pgtrigger_tests_protected (id int)")
    with pgtrigger.schema("nearer", "public"):
        assert catalog.read(connection).find("pgtrigger_tests_protected", pgid) is None
        assert administration.entries(URI)[0].status == "UNINSTALLED"
        pgtrigger.install(URI)
        assert administration.entries(URI)[0].installed.schema == "nearer"
