"""``ignore()``: which rules it ignores, and where."""

import asyncio
import contextlib

import pytest
from django.db import connection
from django.db.models import IntegerField
from django.db.transaction import atomic

import pgtrigger
from pgtrigger.triggers import registry
from tests.pgtrigger.models import Frozen, Guarded, Plain, Protected
from tests.pgtrigger.session.ignored import current, is_deleted, is_negated
from tests.pgtrigger.session.wire import traffic

pytestmark = pytest.mark.django_db

NO_DELETE = "pgtrigger_tests.Protected:no_delete"
NO_NEGATIVE = "pgtrigger_tests.Protected:no_negative"


class TestWhatIsIgnored:
    def test_without_arguments_every_rule_is_ignored(self):
        with pgtrigger.ignore():
            assert is_deleted()
            assert is_negated()
        assert not is_deleted()

    def test_only_the_rule_of_the_uri_is_ignored(self):
        with pgtrigger.ignore(NO_DELETE):
            assert is_deleted()
            assert not is_negated()

    def test_the_rules_of_several_uris_are_ignored(self):
        with pgtrigger.ignore(NO_DELETE, NO_NEGATIVE):
            assert is_deleted()
            assert is_negated()

    def test_all_rules_of_a_model_are_ignored(self):
        with pgtrigger.ignore(Protected):
            assert is_deleted()
            assert is_negated()
        with pgtrigger.ignore(Frozen):
            assert not is_deleted()

    def test_the_rules_of_a_models_proxies_are_ignored_with_it(self, make_model):
        rule = pgtrigger.Protect(name="rule", operation=pgtrigger.Delete)
        base = make_model()
        proxy = make_model(bases=(base,), meta={"proxy": True}, table=False, triggers=[rule])
        rule.install(proxy)
        for named in (base, proxy):
            base.objects.create()
            with pgtrigger.ignore(named):
                base.objects.all().delete()
        base.objects.create()
        with pytest.raises(pgtrigger.ProtectedError), pgtrigger.ignore.others(base), atomic():
            base.objects.all().delete()

    def test_a_trigger_object_is_ignored(self):
        _, trigger = registry.find(NO_NEGATIVE)
        with pgtrigger.ignore(trigger):
            assert is_negated()
            assert not is_deleted()

    def test_all_rules_but_the_named_ones_are_ignored(self):
        with pgtrigger.ignore.others(NO_DELETE):
            assert is_negated()
            assert not is_deleted()
        with pgtrigger.ignore.others(Protected):
            assert not is_negated()

    def test_a_scope_may_be_entered_again(self):
        with pgtrigger.ignore(NO_DELETE), pgtrigger.ignore(NO_DELETE):
            assert is_deleted()


def test_an_ignored_rule_on_update_and_delete_lets_both_happen(make_model):
    # A row-level BEFORE trigger cancels a DELETE if it returns NEW, which is NULL there.
    model = make_model(
        number=IntegerField(),
        triggers=[
            pgtrigger.Protect(name="keep", operation=pgtrigger.Update | pgtrigger.Delete),
        ],
    )
    model.objects.create(number=1)
    with pgtrigger.ignore():
        assert model.objects.update(number=2) == 1
        assert model.objects.get().number == 2
        assert model.objects.all().delete()[0] == 1
    assert not model.objects.exists()


def test_an_ignored_rule_on_delete_lets_the_deletion_happen():
    # A row-level BEFORE trigger cancels a DELETE if it returns NEW, which is NULL there.
    Protected.objects.create()
    with pgtrigger.ignore(NO_DELETE):
        assert Protected.objects.all().delete()[0] == 1
    assert not Protected.objects.exists()


class TestNesting:
    """A trigger that is ignored outside stays ignored inside."""

    def test_a_uri_inside_a_uri_adds_to_it(self):
        with pgtrigger.ignore(NO_DELETE):
            with pgtrigger.ignore(NO_NEGATIVE):
                assert is_deleted()
                assert is_negated()
            assert not is_negated()

    def test_a_uri_inside_everything_changes_nothing(self):
        with pgtrigger.ignore(), pgtrigger.ignore(NO_DELETE):
            assert is_negated()

    def test_everything_inside_a_uri_ends_with_its_scope(self):
        with pgtrigger.ignore(NO_DELETE):
            with pgtrigger.ignore():
                assert is_negated()
            assert not is_negated()
            assert is_deleted()

    def test_all_others_inside_a_uri_adds_to_it(self):
        with pgtrigger.ignore(NO_DELETE), pgtrigger.ignore.others(NO_DELETE):
            assert is_deleted()
            assert is_negated()

    def test_a_uri_inside_all_others_is_ignored_too(self):
        with pgtrigger.ignore.others(Protected), pgtrigger.ignore(NO_DELETE):
            assert is_deleted()
            assert not is_negated()

    def test_all_others_inside_all_others_keeps_the_rules_that_both_keep(self):
        with pgtrigger.ignore.others(NO_DELETE), pgtrigger.ignore.others(NO_NEGATIVE):
            assert is_deleted()
            assert is_negated()

    def test_a_session_inside_changes_nothing(self):
        with pgtrigger.ignore.session(), pgtrigger.ignore(NO_DELETE):
            assert is_deleted()
        with pgtrigger.ignore.session(databases=["default"]):
            assert not is_deleted()


class TestIsIgnored:
    def test_is_ignored_knows_each_way_to_ignore(self):
        assert not pgtrigger.is_ignored(NO_DELETE)
        for scope in (
            pgtrigger.ignore(),
            pgtrigger.ignore(NO_DELETE),
            pgtrigger.ignore(Protected),
            pgtrigger.ignore.others(NO_NEGATIVE),
        ):
            with scope:
                assert pgtrigger.is_ignored(NO_DELETE)
        with pgtrigger.ignore.others(NO_DELETE):
            assert not pgtrigger.is_ignored(NO_DELETE)

    def test_is_ignored_answers_for_a_database(self):
        with pgtrigger.ignore(NO_DELETE, databases=["other"]):
            assert pgtrigger.is_ignored(NO_DELETE)
            assert pgtrigger.is_ignored(NO_DELETE, "other")
            assert not pgtrigger.is_ignored(NO_DELETE, "default")

    def test_is_ignored_is_false_for_a_rule_that_cannot_be_ignored(self):
        with pgtrigger.ignore():
            assert not pgtrigger.is_ignored("pgtrigger_tests.Guarded:always")


class TestDatabases:
    def test_a_rule_is_ignored_on_the_named_database_only(self):
        with pgtrigger.ignore(NO_DELETE, databases=["default"]):
            assert is_deleted()
        with pgtrigger.ignore(NO_DELETE, databases=["other"]):
            assert not is_deleted()

    def test_nothing_is_sent_to_a_database_that_is_not_named(self):
        with traffic(connection) as seen, pgtrigger.ignore(databases=["other"]):
            pass
        assert seen.round_trips == 0

    def test_each_database_has_the_rules_that_are_ignored_there(self):
        with pgtrigger.ignore(NO_DELETE), pgtrigger.ignore(NO_NEGATIVE, databases=["other"]):
            assert is_deleted()
            assert not is_negated()
            assert pgtrigger.is_ignored(NO_DELETE, "other")
            assert pgtrigger.is_ignored(NO_NEGATIVE, "other")

    @pytest.mark.django_db(databases=["default", "other"])
    def test_a_rule_is_ignored_on_all_databases_by_default(self):
        with pgtrigger.ignore(NO_DELETE), atomic(using="other"):
            assert "pgtrigger_tests_protected" in current("pgtrigger.ignore", using="other")

    def test_an_unknown_database_is_rejected(self):
        with pytest.raises(Exception, match="nowhere"):
            pgtrigger.ignore(databases=["nowhere"])

    def test_a_text_instead_of_a_list_of_databases_is_rejected(self):
        with pytest.raises(TypeError, match="databases takes a list of aliases: found 'default'"):
            pgtrigger.ignore(databases="default")


class TestBadInput:
    @pytest.mark.parametrize("uri", ["no_delete", "pgtrigger_tests.Protected", "a:b:c", ""])
    def test_a_malformed_uri_is_rejected_at_once(self, uri):
        with pytest.raises(ValueError, match="must be in the format"):
            pgtrigger.ignore(uri)

    def test_an_unknown_uri_is_rejected_on_entry(self):
        """It is a decorator in class bodies, where the model is not there yet."""
        scope = pgtrigger.ignore("pgtrigger_tests.Protected:unknown")
        with pytest.raises(KeyError, match="not found"), scope:
            pass

    def test_a_model_without_triggers_is_rejected(self):
        with pytest.raises(KeyError, match=r"does not declare one"), pgtrigger.ignore(Plain):
            pass

    @pytest.mark.parametrize("named", [1, None, object, ["a.B:c"]])
    def test_any_other_argument_is_rejected_at_once(self, named):
        with pytest.raises(TypeError, match="takes URIs, models and triggers"):
            pgtrigger.ignore(named)

    def test_naming_a_rule_that_cannot_be_ignored_is_rejected(self):
        with (
            pytest.raises(ValueError, match="declared with ignorable=False"),
            pgtrigger.ignore("pgtrigger_tests.Guarded:always"),
        ):
            pass

    def test_a_rejected_scope_leaves_nothing_behind(self):
        with (
            contextlib.suppress(KeyError),
            pgtrigger.ignore(NO_DELETE),
            pgtrigger.ignore("pgtrigger_tests.Protected:unknown"),
        ):
            pass
        assert not pgtrigger.is_ignored(NO_DELETE)


class TestWhatCannotBeIgnored:
    @pytest.mark.parametrize("scope", [pgtrigger.ignore(), pgtrigger.ignore(Guarded)])
    def test_a_rule_that_cannot_be_ignored_holds_inside(self, scope):
        row = Guarded.objects.create()
        with pytest.raises(pgtrigger.ProtectedError), scope, atomic():
            row.delete()


class TestDecorator:
    def test_a_decorated_function_runs_inside(self):
        @pgtrigger.ignore(NO_DELETE)
        def inside():
            return is_deleted()

        assert inside()
        assert inside()
        assert not is_deleted()

    def test_a_method_may_be_decorated_before_the_model_exists(self):
        class Service:
            @pgtrigger.ignore("pgtrigger_tests.NotYet:rule")
            def run(self):
                return 1

        with pytest.raises(KeyError, match="not found"):
            Service().run()

    def test_a_decorated_coroutine_function_runs_inside(self):
        @pgtrigger.ignore(NO_DELETE)
        async def inside():
            await asyncio.sleep(0)
            return pgtrigger.is_ignored(NO_DELETE)

        assert asyncio.run(inside())
        assert not pgtrigger.is_ignored(NO_DELETE)
