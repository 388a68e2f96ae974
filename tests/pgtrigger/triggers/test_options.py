"""Each option of each ready-made rule: it has an effect, or it is rejected with a reason."""

import itertools
import re

import pytest
from django.contrib.postgres.search import SearchVectorField
from django.db import connection, models
from django.db.models import Q

import pgtrigger
from pgtrigger import DeclarationError
from pgtrigger.database.installer import Installer
from pgtrigger.triggers import registry

pytestmark = pytest.mark.django_db
# A reason is more than the name of the rule.
REASON = re.compile(r"^\w+ '\w+': .{20,}|has no option|multiple values", re.DOTALL)

RULES = {
    "Protect": lambda **options: pgtrigger.Protect(
        **{"name": "rule", "operation": pgtrigger.Update} | options
    ),
    "ReadOnly": lambda **options: pgtrigger.ReadOnly(
        **{"name": "rule", "fields": ["number"]} | options
    ),
    "FSM": lambda **options: pgtrigger.FSM(
        **{
            "name": "rule",
            "field": "status",
            "transitions": [("draft", "paid"), ("*", "void")],
            "initial": ["draft"],
        }
        | options
    ),
    "Frozen": lambda **options: pgtrigger.Frozen(**{"when": Q(status="issued")} | options),
    "Version": lambda **options: pgtrigger.Version("number", **options),
    "Touch": lambda **options: pgtrigger.Touch("changed_at", **options),
    "Count": lambda **options: pgtrigger.Count("parent.total", **options),
    "Sum": lambda **options: pgtrigger.Sum("parent.total", of="number", **options),
    "AtMost": lambda **options: pgtrigger.AtMost(3, per="parent", **options),
    "NoCycle": lambda **options: pgtrigger.NoCycle("previous", **options),
    "Requires": lambda **options: pgtrigger.Requires("parent__status", "draft", **options),
    "ActiveParent": lambda **options: pgtrigger.ActiveParent("parent", **options),
    "SoftDelete": lambda **options: pgtrigger.SoftDelete(
        **{"name": "rule", "field": "is_active"} | options
    ),
    "UpdateSearchVector": lambda **options: pgtrigger.UpdateSearchVector(
        **{"name": "rule", "vector_field": "words", "document_fields": ["text"]} | options
    ),
}
OPTIONS = {
    "name": ["other"],
    "operation": [
        *(pgtrigger.Insert, pgtrigger.Update, pgtrigger.Delete, pgtrigger.Truncate),
        *(pgtrigger.UpdateOf("text"), pgtrigger.Insert | pgtrigger.Update),
        pgtrigger.Update | pgtrigger.Delete,
    ],
    "level": [pgtrigger.Row, pgtrigger.Statement],
    "when": [pgtrigger.Before, pgtrigger.After, pgtrigger.InsteadOf],
    "timing": [pgtrigger.Immediate, pgtrigger.Deferred],
    "condition": [pgtrigger.Q(old__number=1), pgtrigger.Q(new__number=1)],
    "referencing": [pgtrigger.Referencing(old="before", new="after")],
    "func": ["RETURN NULL;"],
    "declare": [[("number", "integer")]],
    "ignorable": [False],
    "security": ["DEFINER"],
    "search_path": [["public"]],
    "writes": [["number"]],
    "message": ["A message."],
    "field": ["text", "changed_at"],
    "code": ["code"],
    "mode": ["report"],
}
# A deferrable trigger fires AFTER, and only a function has variables or sets fields.
NEEDS = {
    "timing": {"when": pgtrigger.After},
    "declare": {"func": "RETURN NULL;"},
    "writes": {"func": "RETURN NULL;"},
    "referencing": {"level": pgtrigger.Statement, "when": pgtrigger.After},
}
# Those that are accepted; for every other option of the rule there is a reason why not.
EVERY = ("name", "ignorable", "security")
REFUSING = (*EVERY, "message", "code", "mode")
ACCEPTED = {
    "Protect": {
        *(*REFUSING, "field", "search_path", "func", "level", "when", "timing", "condition"),
        *("operation", "declare", "writes", "referencing"),
    },
    "ReadOnly": {
        *(*REFUSING, "field", "search_path", "func", "level", "when", "timing", "condition"),
        *("operation", "declare", "writes", "referencing"),
    },
    "FSM": {
        *(*REFUSING, "field", "search_path", "func", "level", "when", "timing", "condition"),
        *("operation", "declare", "writes", "referencing"),
    },
    "Frozen": {*REFUSING, "field", "search_path", "level"},
    "Version": {*REFUSING, "search_path"},
    "Touch": {*EVERY, "search_path"},
    "Count": {*EVERY, "search_path"},
    "Sum": {*EVERY, "search_path"},
    "AtMost": {*REFUSING, "field", "search_path"},
    "NoCycle": {*REFUSING, "field", "timing", "condition"},
    "Requires": {*REFUSING, "field", "operation"},
    "ActiveParent": {*REFUSING, "field", "timing"},
    "SoftDelete": {*EVERY, "search_path", "condition", "func", "declare", "field"},
    "UpdateSearchVector": {
        *(*EVERY, "search_path", "condition", "operation", "func", "declare", "writes"),
    },
}
MATRIX = list(itertools.product(RULES, OPTIONS))


@pytest.fixture
def declare(make_model):
    """``declare(rule, **options)``: a model with the rule, and the rule's triggers."""

    def declare(rule, *, table=False, **options):
        parent = make_model(
            status=models.CharField(max_length=9, default="draft"),
            total=models.IntegerField(default=0),
            is_active=models.BooleanField(default=True),
            triggers=[pgtrigger.SoftDelete(name="soft_delete", field="is_active")],
            table=table,
        )
        model = make_model(
            parent=models.ForeignKey(parent, models.CASCADE),
            previous=models.ForeignKey("self", models.CASCADE, null=True),
            status=models.CharField(max_length=9, default="draft"),
            number=models.IntegerField(default=0),
            text=models.TextField(default=""),
            is_active=models.BooleanField(default=True),
            changed_at=models.DateTimeField(null=True),
            words=SearchVectorField(null=True),
            triggers=[RULES[rule](**options)],
            table=table,
        )
        return model, registry.family(registry.of_model(model)[0].get_uri(model))

    return declare


def compiled(model, family):
    """SQL, codes and written fields of a rule, without the names of its models."""
    texts = []
    for owner, trigger in family:
        code = getattr(registry.declared(trigger.get_uri(owner)), "code", None)
        text = repr((trigger.compile(owner), code, trigger.writes)).replace(
            trigger.get_pgid(owner), "pgid"
        )
        for each in (model, model._meta.get_field("parent").related_model):
            for name in (each._meta.db_table, each._meta.object_name, each._meta.model_name):
                text = text.replace(name, "model")
        texts.append(re.sub(r"hash='\w+'", "", text))
    return texts


def rejection(declare, rule, options):
    """The reason why the options are rejected when the model is loaded, or None."""
    try:
        declare(rule, **options)
    except (DeclarationError, TypeError) as error:
        return str(error)
    return None


def test_the_same_declaration_compiles_to_the_same(declare):
    """Otherwise the tests below could not fail."""
    for rule in RULES:
        assert compiled(*declare(rule)) == compiled(*declare(rule))


@pytest.mark.parametrize(
    ("rule", "option"), [each for each in MATRIX if each[1] in ACCEPTED[each[0]]]
)
def test_an_option_that_a_rule_accepts_has_an_effect(declare, rule, option):
    needed = {
        name: value
        for name, value in NEEDS.get(option, {}).items()
        if name in ACCEPTED[rule] and not (option == "timing" and rule in ("NoCycle",))
    }
    usual = compiled(*declare(rule, **needed))
    effects = 0
    for value in OPTIONS[option]:
        options = needed | {option: value}
        reason = rejection(declare, rule, options)
        if reason is not None:
            assert REASON.search(reason), reason
            continue
        effects += compiled(*declare(rule, **options)) != usual
        for owner, trigger in declare(rule, table=True, **options)[1]:
            Installer(connection).install(trigger.compile(owner))
    assert effects


@pytest.mark.parametrize(
    ("rule", "option"), [each for each in MATRIX if each[1] not in ACCEPTED[each[0]]]
)
def test_an_option_that_a_rule_decides_itself_is_rejected_with_a_reason(declare, rule, option):
    usual = getattr(getattr(pgtrigger, rule), option, None)
    for value in OPTIONS[option]:
        if value != usual or option == "operation":
            reason = rejection(declare, rule, {option: value})
            assert reason is not None
            assert REASON.search(reason), reason


def test_a_subclass_cannot_change_it_either(declare):
    class InsertOnly(pgtrigger.AtMost):
        operation = pgtrigger.Insert | pgtrigger.Update

    with pytest.raises(DeclarationError, match='takes no "operation": an INSERT and an UPDATE'):
        InsertOnly(3, per="parent")


def test_frozen_takes_its_own_words_for_conditions_and_fields():
    for option in ("condition", "fields", "exclude"):
        with pytest.raises(DeclarationError, match=f'instead of "{option}"'):
            pgtrigger.Frozen(when=Q(status="issued"), **{option: ["status"]})


WRONG = [
    ("Protect", {"condition": Q(status="x")}, r"which is Django's Q. Use pgtrigger.Q"),
    ("Protect", {"condition": "OLD.status = 'x'"}, "expected pgtrigger.Q or another condition"),
    ("Protect", {"message": 5}, "is a text, or a lazy translation of one: found 5"),
    ("Protect", {"code": ""}, '"code" is a short name for programs'),
    ("ReadOnly", {"fields": "number"}, "\"fields\" is a list of fields: found 'number'"),
    ("ReadOnly", {"fields": None, "exclude": "number"}, '"exclude" is a list of fields'),
    ("FSM", {"field": "number"}, "number cannot have the value 'draft': .*expected a number"),
    ("Frozen", {"when": pgtrigger.Q(old__status="x")}, '"when" is Django\'s Q, which names the'),
    ("Frozen", {"when": Q(number="x")}, "cannot be compiled: .*expected a number but got 'x'"),
    ("Frozen", {"when": Q(status__in="ab")}, r"takes a list of values: found 'ab'"),
    ("Count", {"where": pgtrigger.Q(new__number=1)}, "found .*which is pgtrigger.Q"),
    ("AtMost", {"where": "number"}, "\"where\" is a condition such as .*: found 'number'"),
    ("SoftDelete", {"field": "text"}, 'text is a TextField: give the "value" that marks'),
    ("SoftDelete", {"value": None}, "is a BooleanField without null=True"),
    ("SoftDelete", {"field": "number", "value": "x"}, "number cannot have the value 'x'"),
    ("SoftDelete", {"field": "changed_at", "value": True}, "changed_at cannot have the value True"),
]


@pytest.mark.parametrize(("rule", "options", "reason"), WRONG)
def test_a_value_that_makes_no_sense_is_rejected_with_a_reason(declare, rule, options, reason):
    with pytest.raises(DeclarationError, match=reason):
        declare(rule, **options)


@pytest.mark.parametrize(
    "make",
    [
        lambda: pgtrigger.Version(3),
        lambda: pgtrigger.Touch(["changed_at"]),
        lambda: pgtrigger.AtMost(3, per=["parent", "previous"]),
        lambda: pgtrigger.NoCycle(None),
        lambda: pgtrigger.ActiveParent(""),
        lambda: pgtrigger.Sum("parent.total", of=None),
    ],
)
def test_what_is_not_the_name_of_a_field_is_rejected_before_a_name_is_made_of_it(make):
    with pytest.raises(DeclarationError, match="is the name of a field: found"):
        make()


def test_an_unknown_option_is_answered_with_those_of_the_rule():
    with pytest.raises(TypeError, match=r"has no option mesage\. It has: message, field, code"):
        pgtrigger.Protect(name="keep", operation=pgtrigger.Delete, mesage="No.")
    with pytest.raises(TypeError, match=r"It has: where, name, ignorable, security, search_path\."):
        pgtrigger.Count("parent.total", mode="report")
