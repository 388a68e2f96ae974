"""``refuses``, ``allows``, ``history_of``, and the reports of the pytest plugin."""

import subprocess
import sys
import textwrap

import pytest
from django.conf import settings
from django.db import connection, models

import pgtrigger
from pgtrigger.testing import allows, history_of, refuses
from tests.pghistory.models import StatementLevel
from tests.pgtrigger.models import Deferred, Machine, Plain, Protected

pytestmark = pytest.mark.django_db


class TestRefuses:
    def test_it_compares_what_the_error_says(self):
        row = Machine.objects.create(step=1)
        with refuses(Machine, "step", key=row.pk, old=1, new=3, field="step") as refused:
            row.step = 3
            row.save()
        assert refused.error.code == "transition"
        assert Machine.objects.get().step == 1

    def test_it_fails_if_nothing_is_refused_and_rolls_back(self):
        with (
            pytest.raises(AssertionError, match=r"did not refuse.* its condition was not true"),
            refuses(Protected, "no_negative"),
        ):
            Protected.objects.create()
        assert not Protected.objects.exists()

    def test_it_says_if_the_rule_is_ignored_or_disabled(self):
        row = Protected.objects.create()
        with (
            pytest.raises(AssertionError, match="It is ignored here"),
            pgtrigger.ignore("pgtrigger_tests.Protected:no_delete"),
            refuses(Protected, "no_delete"),
        ):
            row.delete()
        pgtrigger.disable("pgtrigger_tests.Protected:no_delete")
        row = Protected.objects.create()
        with (
            pytest.raises(AssertionError, match="is INSTALLED and DISABLED"),
            refuses(Protected, "no_delete"),
        ):
            row.delete()

    def test_it_says_which_other_rule_refused(self):
        row = Protected.objects.create()
        with (
            pytest.raises(AssertionError, match=r"but pgtrigger_tests\.Protected:no_delete did"),
            refuses(Protected, "no_negative"),
        ):
            row.delete()

    def test_it_says_if_postgresql_itself_refused(self):
        with (
            pytest.raises(AssertionError, match="but PostgreSQL did: null value"),
            refuses(Protected, "no_negative"),
        ):
            Protected.objects.create(number=None)

    def test_it_fails_if_the_error_says_something_else(self):
        row = Machine.objects.create(step=1)
        with (
            pytest.raises(AssertionError, match="its old is 1, not 2"),
            refuses(Machine, "step", old=2),
        ):
            Machine.objects.filter(pk=row.pk).update(step=3)

    def test_a_deferred_rule_fires_at_the_end_of_the_block(self):
        row = Deferred.objects.create()
        with refuses(Deferred, "late", key={"id": row.pk}):
            row.number = 5
            row.save()

    def test_a_companion_is_the_rule(self, make_model):
        model = make_model(
            status=models.CharField(max_length=9, default="issued"),
            triggers=[pgtrigger.Frozen(when=models.Q(status="issued"))],
        )
        row = model.objects.create()
        with refuses(model, "frozen"):
            row.delete()

    def test_an_unknown_rule_is_an_error(self):
        with pytest.raises(KeyError, match="not found"), refuses(Plain, "nothing"):
            pass


@pytest.fixture
def raising(make_model):
    """A model with a trigger whose own function raises, directly or in a function it calls."""
    return make_model(
        number=models.IntegerField(default=0),
        triggers=[
            pgtrigger.Trigger(
                name=name,
                operation=pgtrigger.Insert,
                when=pgtrigger.Before,
                condition=pgtrigger.Q(new__number=number),
                func=f"RAISE EXCEPTION 'no {name}'; RETURN NEW;",
            )
            for name, number in [("ones", 1), ("twos", 2)]
        ],
    )


class TestRaise:
    """A trigger whose own function has a RAISE."""

    def test_it_is_the_refusal_of_that_trigger(self, raising):
        with refuses(raising, "ones", message="no ones") as refused:
            raising.objects.create(number=1)
        assert isinstance(refused.error, pgtrigger.RaisedError)

    def test_another_trigger_is_named(self, raising):
        uri = f"{raising._meta.label}:twos"
        with (
            pytest.raises(AssertionError, match=f"but {uri} raised: no twos"),
            refuses(raising, "ones"),
        ):
            raising.objects.create(number=2)

    def test_a_function_that_nothing_declares_is_said_to_be_one(self, raising):
        with (
            pytest.raises(AssertionError, match="a function that no trigger declares raised: mine"),
            refuses(raising, "ones"),
            connection.cursor() as cursor,
        ):
            cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'mine'; END $$")

    def test_allows_names_it(self, raising):
        with pytest.raises(AssertionError, match=":ones raised: no ones"), allows():
            raising.objects.create(number=1)


class TestAllows:
    def test_the_writes_stay(self):
        with allows():
            Protected.objects.create()
        assert Protected.objects.exists()

    def test_it_fails_if_a_rule_refuses_also_a_deferred_one(self):
        row = Deferred.objects.create()
        row.number = 1
        with pytest.raises(AssertionError, match=r"Deferred:late refused the write"), allows():
            row.save()


class TestHistoryOf:
    def test_the_events_of_an_object_are_in_order(self):
        row = StatementLevel.objects.create(number=0)
        StatementLevel.objects.create(number=0)
        row.number = 2
        row.save()
        assert [event.number for event in history_of(row)] == [0, 2]

    def test_a_model_that_is_not_tracked_is_an_error(self):
        with pytest.raises(LookupError, match="is not tracked"):
            history_of(Plain.objects.create())


SUITE = """
    import pytest
    import pgtrigger
    from pgtrigger.testing import refuses
    from tests.pgtrigger.models import Frozen, Machine, Protected

    pytestmark = pytest.mark.django_db

    def test_no_delete():
        row = Protected.objects.create()
        with refuses(Protected, "no_delete"):
            row.delete()

    def test_that_writes_and_looks_at_nothing():
        Frozen.objects.create()
        try:
            Frozen.objects.update(kept=1)
        except pgtrigger.TriggerError:
            pass

    def test_that_installs_the_rule_itself():
        pgtrigger.uninstall("pgtrigger_tests.Machine:step")
        pgtrigger.install("pgtrigger_tests.Machine:step")
        row = Machine.objects.create(step=1)
        with refuses(Machine, "step"):
            Machine.objects.filter(pk=row.pk).update(step=3)
"""


def test_the_reports_list_what_no_test_knows(tmp_path):
    """The suite runs as a user's would: in another process, on another database."""
    (tmp_path / "test_suite.py").write_text(textwrap.dedent(SUITE))
    (tmp_path / "suite_settings.py").write_text(
        "from tests.library_settings import *\n"
        "for _each in DATABASES.values():\n"
        "    _each['TEST'] = {'NAME': 'test_rules_of_a_suite'}\n"
        "DATABASES = {'default': DATABASES['default']}\n"
    )
    run = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", str(tmp_path), "--rootdir", str(tmp_path)),
            *("-c", "/dev/null", "-p", "pgtrigger.pytest_plugin", "-q", "-n", "0"),
            *("--ds", "suite_settings", "-o", f"pythonpath={settings.BASE_DIR} {tmp_path}"),
            *("--rules", "--rules-mutate", "--rules-of", "pgtrigger_tests."),
            *("-p", "no:cacheprovider"),
        ],
        cwd=settings.BASE_DIR,
        capture_output=True,
        text=True,
        timeout=300,
    )
    out = run.stdout
    assert "3 passed" in out, out + run.stderr
    assert "never seen to refuse: pgtrigger_tests.Protected:no_negative" in out
    assert "never seen to refuse: pgtrigger_tests.Protected:no_delete" not in out
    assert "never seen to refuse: pgtrigger_tests.Frozen:kept" not in out
    assert "missed by no test: pgtrigger_tests.Protected:no_delete" not in out
    assert "missed by no test: pgtrigger_tests.Protected:no_negative" in out
    assert "missed by no test: pgtrigger_tests.Frozen:kept" in out
    assert "missed by no test: pgtrigger_tests.Machine:step" not in out
    assert "missed by no test: pgtrigger_tests.Machine:state" in out
