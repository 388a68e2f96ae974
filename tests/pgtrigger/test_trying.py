"""``manage.py pgtrigger try``: what a rule would say of stored rows and of past changes."""

import io
import json
from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import models
from django.utils import timezone

import pghistory
import pgtrigger
from pgtrigger import trying
from pgtrigger.triggers import registry
from pgtrigger.triggers.rule import Rule
from tests.pghistory.models import StatementLevel

pytestmark = pytest.mark.django_db


def run(*arguments):
    """Return the output of the command, and its exit code."""
    output = io.StringIO()
    code = 0
    try:
        call_command("pgtrigger", "try", *arguments, stdout=output, no_color=True)
    except SystemExit as error:
        code = error.code
    return output.getvalue(), code


@pytest.fixture
def order(make_model):
    """A model with rows, and a function that tries a rule on it that is not installed."""
    model = make_model(
        status=models.CharField(max_length=9, default="draft"),
        amount=models.IntegerField(default=0),
        parent=models.ForeignKey("self", models.CASCADE, null=True),
    )

    def try_(rule, *options):
        rule.register(model)
        uri = rule.get_uri(model)
        try:
            output, code = run(uri, *options)
        finally:
            rule.unregister(model)
        return output.replace(f"{model._meta.label}:", ""), code

    model.try_ = staticmethod(try_)
    return model


NO_NEGATIVE = pgtrigger.Protect(
    name="no_negative",
    operation=pgtrigger.Insert | pgtrigger.Update,
    condition=pgtrigger.Q(new__amount__lt=0),
)


class TestRows:
    def test_rows_that_break_a_rule_on_every_new_row(self, order):
        order.objects.bulk_create(order(amount=amount) for amount in (-1, 0, 5, -7))
        bad = list(order.objects.filter(amount__lt=0).values_list("pk", flat=True))
        output, code = order.try_(NO_NEGATIVE, "--rows")
        assert (output.splitlines(), code) == (
            [*(f"  id={key}" for key in bad), "no_negative: 2 of 4 rows break the rule"],
            1,
        )

    def test_none(self, order):
        assert order.try_(NO_NEGATIVE) == ("no_negative: 0 of 0 rows break the rule\n", 0)
        order.objects.create()
        assert order.try_(NO_NEGATIVE) == ("no_negative: 0 of 1 rows break the rule\n", 0)

    def test_a_condition_in_sql(self, order):
        order.objects.create(amount=-1)
        rule = pgtrigger.Protect(
            name="sql",
            operation=pgtrigger.Insert | pgtrigger.Update,
            condition=pgtrigger.Condition("NEW.amount < 0"),
        )
        assert order.try_(rule) == ("sql: 1 of 1 rows break the rule\n", 1)

    def test_rows_that_a_rule_keeps(self, order):
        order.objects.bulk_create([order(status="issued"), order(), order(status="issued")])
        rule = pgtrigger.Frozen(when=models.Q(status="issued"))
        words = "2 of 3 rows could not be changed or deleted as they are"
        assert order.try_(rule) == (f"frozen: {words}\nfrozen_delete: {words}\n", 0)

    def test_a_rule_on_changes_says_nothing_of_rows(self, order):
        rule = pgtrigger.FSM(name="flow", field="status", transitions=[("draft", "paid")])
        assert order.try_(rule) == ("flow: no stored row can break it.\n", 0)

    def test_parents_with_too_many_rows(self, order):
        root, other = order.objects.create(), order.objects.create()
        order.objects.bulk_create(order(parent=root) for _ in range(3))
        order.objects.bulk_create(order(parent=other) for _ in range(2))
        output, code = order.try_(pgtrigger.AtMost(2, per="parent"), "--rows")
        assert output.splitlines()[:2] == [
            f"  parent_id={root.pk} rows=3",
            "at_most_2_per_parent: 1 values of parent break the rule",
        ]
        assert code == 1

    def test_active_rows_of_a_deleted_parent(self, make_model):
        team = make_model(
            is_active=models.BooleanField(default=True),
            triggers=[pgtrigger.SoftDelete(name="soft", field="is_active")],
        )
        member = make_model(
            team=models.ForeignKey(team, models.CASCADE, null=True),
            is_active=models.BooleanField(default=True),
            triggers=[
                pgtrigger.SoftDelete(name="soft", field="is_active"),
                pgtrigger.ActiveParent("team"),
            ],
        )
        there, gone = team.objects.create(), team.objects.create(is_active=False)
        with pgtrigger.ignore(f"{member._meta.label}:active_team_insert"):
            for parent in (there, gone, None):
                for is_active in (True, False):
                    member.objects.create(team=parent, is_active=is_active)
        output, code = run(f"{member._meta.label}:active_team", "--rows")
        [broken] = member.objects.filter(team=gone, is_active=True)
        assert output.splitlines() == [
            f"  id={broken.pk}",
            f"{member._meta.label}:active_team: 1 of 6 rows break the rule",
        ]
        assert code == 1

    def test_rows_of_a_cycle(self, order):
        root = order.objects.create()
        order.objects.create(parent=root)
        first = order.objects.create()
        second = order.objects.create(parent=first)
        order.objects.filter(pk=first.pk).update(parent=second)
        output, code = order.try_(pgtrigger.NoCycle("parent"), "--rows")
        assert {f"  id={first.pk}", f"  id={second.pk}"} < set(output.splitlines())
        assert "2 rows in or below a cycle break the rule" in output
        assert code == 1

    def test_rows_whose_parent_is_not_as_required(self, order):
        paid = order.objects.create(status="paid")
        order.objects.bulk_create([order(parent=paid), order(parent=order.objects.create())])
        output, _ = order.try_(pgtrigger.Requires("parent__status", "draft"))
        assert ": 1 of 4 rows could not be changed" in output

    def test_progress_and_results_come_while_it_reads(self, order, monkeypatch):
        monkeypatch.setattr(trying, "STEP", 10)
        order.objects.bulk_create(order(amount=-(number % 50 == 0)) for number in range(201))
        NO_NEGATIVE.register(order)
        try:
            trial = trying.Trial(order, NO_NEGATIVE)
            seen = []
            assert len(list(trial.rows(seen.append))) == 4 - 1 + 2
        finally:
            NO_NEGATIVE.unregister(order)
        assert seen[-1] == trial.read == 201
        assert len(seen) > 3
        assert seen == sorted(seen)

    def test_what_is_no_rule_is_an_error(self, order):
        with pytest.raises(CommandError, match="refuses nothing"):
            order.try_(pgtrigger.SoftDelete(name="soft", field="amount", value=1))

    def test_json_is_an_object_a_line(self, order):
        row = order.objects.create(amount=-1)
        output, _ = order.try_(NO_NEGATIVE, "--rows", "--format", "json")
        assert [json.loads(line) for line in output.splitlines()] == [
            {"uri": "no_negative", "key": {"id": row.pk}},
            {"uri": "no_negative", "rows": 1, "meaning": "break the rule"},
        ]


class TestHistory:
    """On a model whose events hold each insert and update."""

    @pytest.fixture
    def try_(self):
        def try_(rule, *options):
            rule.register(StatementLevel)
            try:
                output, code = run(rule.get_uri(StatementLevel), "--history", *options)
            finally:
                rule.unregister(StatementLevel)
            return [
                line
                for line in output.replace(f"{StatementLevel._meta.label}:", "").splitlines()
                if "row" not in line
            ], code

        return try_

    def test_the_changes_that_a_rule_would_have_refused(self, try_):
        row, other = (
            StatementLevel.objects.create(number=1),
            StatementLevel.objects.create(number=0),
        )
        for number in (2, 1, 5):
            row.number = number
            with pghistory.context(step=number):
                row.save()
        other.number = -1
        other.save()
        rule = pgtrigger.Protect(
            name="climbs",
            operation=pgtrigger.Update,
            condition=pgtrigger.Q(new__number__lt=pgtrigger.F("old__number")),
        )
        lines, code = try_(rule)
        assert code == 1
        assert lines[-1].startswith("climbs: 2 of ")
        assert [line.split("  ")[2:] for line in lines[:-1]] == [
            ["UPDATE", f"id={row.pk}", "step=1"],
            ["UPDATE", f"id={other.pk}"],
        ]

    def test_since(self, try_):
        StatementLevel.objects.create(number=-1)
        events = StatementLevel.pgh_event_model.objects
        with pgtrigger.ignore():
            events.update(pgh_created_at=timezone.now() - timedelta(days=8))
        StatementLevel.objects.create(number=-2)
        rule = pgtrigger.Protect(
            name="positive", operation=pgtrigger.Insert, condition=pgtrigger.Q(new__number__lt=0)
        )
        assert try_(rule)[0][-1].startswith("positive: 2 of ")
        assert try_(rule, "--since", "7d")[0][-1].startswith("positive: 1 of 1 ")

    def test_deletions_and_changed_fields(self, try_):
        row = StatementLevel.objects.create(number=1)
        row.number = 2
        row.save()
        key = row.pk
        row.delete()
        lines, _ = try_(pgtrigger.Protect(name="keep", operation=pgtrigger.Delete))
        assert [line.split("  ")[2:] for line in lines[:-1]] == [["DELETE", f"id={key}"]]
        lines, _ = try_(pgtrigger.ReadOnly(name="kept", fields=["number"]))
        assert [line.split("  ")[2:] for line in lines[:-1]] == [
            ["UPDATE", f"id={key}", "fields=['number']"]
        ]

    def test_json(self, try_):
        row = StatementLevel.objects.create(number=1)
        row.number = 2
        row.save()
        lines, _ = try_(pgtrigger.ReadOnly(name="kept", fields=["number"]), "--format", "json")
        found = [json.loads(line) for line in lines]
        assert found[0]["key"] == {"id": row.pk}
        assert found[0]["detail"] == {"fields": ["number"]}
        assert found[-1]["changes"] == 1

    def test_a_rule_that_looks_at_other_rows_is_an_error(self, order):
        with pytest.raises(CommandError, match="looks at more than the row"):
            order.try_(pgtrigger.AtMost(2, per="parent"), "--history")

    def test_a_model_that_is_not_tracked_is_an_error(self, order):
        with pytest.raises(CommandError, match="Track it with pghistory"):
            order.try_(NO_NEGATIVE, "--history")


OF_THIS_MODULE = NO_NEGATIVE


class TestTargets:
    """Several rules, and rules that no model declares."""

    def test_without_arguments_every_rule_is_tried(self):
        output, _ = run()
        tried = {line.partition(": ")[0] for line in output.splitlines()}
        rules = {
            trigger.get_uri(model)
            for model, trigger in registry.registered()
            if isinstance(trigger, Rule)
        } - registry.companion_uris()
        assert rules <= tried

    def test_a_model_stands_for_its_rules(self):
        output, _ = run("pgtrigger_tests.Machine")
        assert {line.partition(": ")[0] for line in output.splitlines()} == {
            "pgtrigger_tests.Machine:step",
            "pgtrigger_tests.Machine:state",
        }

    @pytest.mark.parametrize(
        "text",
        [
            "tests.pgtrigger.test_trying.OF_THIS_MODULE",
            'pgtrigger.Protect(name="no_negative", operation=pgtrigger.Insert | pgtrigger.Update,'
            " condition=pgtrigger.Q(new__amount__lt=0))",
        ],
        ids=["path", "expression"],
    )
    def test_a_rule_that_is_not_declared(self, order, text):
        order.objects.bulk_create([order(amount=-1), order()])
        output, code = run(order._meta.label, "--rule", text)
        assert output.endswith(":no_negative: 1 of 2 rows break the rule\n")
        assert code == 1

    @pytest.mark.parametrize(
        ("targets", "text", "reason"),
        [
            (["pgtrigger_tests.Machine:step"], "x.y", "is tried on one model"),
            ([], "x.y", "is tried on one model"),
            (["pgtrigger_tests.Machine"], "nothing.at.all", "cannot be read: No module"),
            (["pgtrigger_tests.Machine"], "pgtrigger.Froze()", "cannot be read: module"),
            (["pgtrigger_tests.Machine"], "pgtrigger.Insert", "expects a rule"),
            (["pgtrigger_tests.Machine"], 'pgtrigger.AtMost(1, per="x")', "no field named 'x'"),
        ],
    )
    def test_what_cannot_be_tried_is_an_error(self, targets, text, reason):
        with pytest.raises(CommandError, match=reason):
            run(*targets, "--rule", text)
