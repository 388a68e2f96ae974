"""The exercise of each chapter, by the name of its scenario module."""

from tutorial import models
from tutorial.exercises.judging import AT_COMMIT, PASSES, REFUSED, Exercise, Write

EXERCISES = {
    "protecting_deletions": Exercise(
        task="Nobody may delete a passport. Passports may still be added and changed.",
        model=models.Passport,
        hint="`pgtrigger.Protect(name=..., operation=...)`. The operation is `pgtrigger.Delete`.",
        solution="""triggers = [
    pgtrigger.Protect(name="keep_passports", operation=pgtrigger.Delete),
]
""",
        writes=[
            Write("DELETE", REFUSED, before={"number": "C01X", "holder": "Ada"}),
            Write("UPDATE", PASSES, {"number": "C02X", "holder": "Ada"}, {"holder": "Grace"}),
            Write("INSERT", PASSES, after={"number": "C03X", "holder": "Edsger"}),
        ],
    ),
    "append_only": Exercise(
        task="A batch may be added, but neither changed nor deleted.",
        model=models.Batch,
        hint="Operations combine: `pgtrigger.Update | pgtrigger.Delete`.",
        solution="""triggers = [
    pgtrigger.Protect(name="append_only", operation=pgtrigger.Update | pgtrigger.Delete),
]
""",
        writes=[
            Write("INSERT", PASSES, after={"rows": 3}),
            Write("UPDATE", REFUSED, {"rows": 1}, {"rows": 2}),
            Write("UPDATE", REFUSED, {"rows": 1}, {"rows": 1}),
            Write("DELETE", REFUSED, {"rows": 1}),
        ],
    ),
    "read_only_field": Exercise(
        task="The `number` of a passport may not change. Its `holder` may, and a passport may be"
        " deleted.",
        model=models.Passport,
        hint="The condition compares both rows: `pgtrigger.Q(old__number__df="
        'pgtrigger.F("new__number"))`.',
        solution="""triggers = [
    pgtrigger.Protect(
        name="number_is_final",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__number__df=pgtrigger.F("new__number")),
    ),
]
""",
        writes=[
            Write("UPDATE", REFUSED, {"number": "C1", "holder": "Ada"}, {"number": "C9"}),
            Write("UPDATE", PASSES, {"number": "C2", "holder": "Ada"}, {"holder": "Grace"}),
            Write("UPDATE", PASSES, {"number": "C3", "holder": "Ada"}, {"number": "C3"}),
            Write("DELETE", PASSES, {"number": "C4", "holder": "Ada"}),
        ],
    ),
    "read_only_fields": Exercise(
        task="Once `version` is above 0, neither `version` nor `char_field` may change. A row with"
        " `version` 0 is a draft, and everything in it may change.",
        model=models.Versioned,
        hint="Join two conditions with `&`: one for `old__version__gt`, and"
        " `pgtrigger.AnyChange(...)` with both fields.",
        solution="""triggers = [
    pgtrigger.Protect(
        name="final_version",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__version__gt=0) & pgtrigger.AnyChange("version", "char_field"),
    ),
]
""",
        writes=[
            Write("UPDATE", PASSES, {"version": 0, "char_field": "a"}, {"char_field": "b"}),
            Write("UPDATE", PASSES, {"version": 0, "char_field": "a"}, {"version": 1}),
            Write("UPDATE", REFUSED, {"version": 1, "char_field": "a"}, {"char_field": "b"}),
            Write("UPDATE", REFUSED, {"version": 1, "char_field": "a"}, {"version": 0}),
            Write("UPDATE", PASSES, {"version": 1, "char_field": "a"}, {"char_field": "a"}),
        ],
    ),
    "soft_delete": Exercise(
        task="A review that is deleted stays, with the `status` `declined`.",
        model=models.Review,
        hint="`pgtrigger.SoftDelete` takes `field` and `value`; the value may be a text.",
        solution="""triggers = [
    pgtrigger.SoftDelete(name="decline", field="status", value="declined"),
]
""",
        writes=[
            Write("DELETE", {"status": "declined"}, {"status": "open"}),
            Write("DELETE", {"status": "declined"}, {"status": "accepted", "is_rehearsal": True}),
            Write("UPDATE", {"status": "accepted"}, {"status": "open"}, {"status": "accepted"}),
        ],
    ),
    "soft_delete_cascades": Exercise(
        task="A team that is deleted becomes inactive (`is_active` is False). An inactive team may"
        " not get another `name`.",
        model=models.Team,
        hint="Two rules: `SoftDelete`, and `Protect` with a condition on `old__is_active` and the"
        " change of `name`.",
        solution="""triggers = [
    pgtrigger.SoftDelete(name="soft_delete", field="is_active", value=False),
    pgtrigger.Protect(
        name="keep_name",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__is_active=False) & pgtrigger.AnyChange("name"),
    ),
]
""",
        writes=[
            Write("DELETE", {"is_active": False}, {"name": "Blue"}),
            Write("UPDATE", REFUSED, {"name": "Red", "is_active": False}, {"name": "Pink"}),
            Write("UPDATE", PASSES, {"name": "Green"}, {"name": "Lime"}),
            Write("UPDATE", PASSES, {"name": "Grey", "is_active": False}, {"is_active": True}),
        ],
    ),
    "versioning": Exercise(
        task="The `version` of a row may never become smaller. It may stay or grow.",
        model=models.Versioned,
        hint='Compare with the other row: `new__version__lt=pgtrigger.F("old__version")`.',
        solution="""triggers = [
    pgtrigger.Protect(
        name="never_back",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(new__version__lt=pgtrigger.F("old__version")),
    ),
]
""",
        writes=[
            Write("UPDATE", REFUSED, {"version": 2, "char_field": "a"}, {"version": 1}),
            Write("UPDATE", PASSES, {"version": 2, "char_field": "a"}, {"version": 3}),
            Write("UPDATE", PASSES, {"version": 2, "char_field": "a"}, {"char_field": "b"}),
            Write("INSERT", PASSES, after={"version": 0, "char_field": "a"}),
        ],
    ),
    "official_interface": Exercise(
        task="A review must begin as `open`: an INSERT with any other `status` is refused. Later"
        " changes are free, and `pgtrigger.ignore()` still lets an import insert old reviews.",
        model=models.Review,
        hint='`~pgtrigger.Q(new__status="open")` is the condition of an INSERT that is refused.',
        solution="""triggers = [
    pgtrigger.Protect(
        name="begin_open",
        operation=pgtrigger.Insert,
        condition=~pgtrigger.Q(new__status="open"),
    ),
]
""",
        writes=[
            Write("INSERT", PASSES, after={"status": "open"}),
            Write("INSERT", REFUSED, after={"status": "accepted"}),
            Write("UPDATE", PASSES, {"status": "open"}, {"status": "accepted"}),
            Write("INSERT", PASSES, after={"status": "declined"}, is_ignoring=True),
        ],
    ),
    "transitions": Exercise(
        task="Allow `unpublished` → `published`, `published` → `inactive` and, unlike the chapter,"
        " `inactive` → `published`. Nothing else.",
        model=models.FSM,
        hint="`transitions` is a list of pairs: from, to.",
        solution="""triggers = [
    pgtrigger.FSM(
        name="status_flow",
        field="status",
        transitions=[
            ("unpublished", "published"),
            ("published", "inactive"),
            ("inactive", "published"),
        ],
    ),
]
""",
        writes=[
            Write("UPDATE", PASSES, {"status": "unpublished"}, {"status": "published"}),
            Write("UPDATE", PASSES, {"status": "published"}, {"status": "inactive"}),
            Write("UPDATE", PASSES, {"status": "inactive"}, {"status": "published"}),
            Write("UPDATE", REFUSED, {"status": "unpublished"}, {"status": "inactive"}),
            Write("UPDATE", REFUSED, {"status": "inactive"}, {"status": "unpublished"}),
            Write("UPDATE", REFUSED, {"status": "published"}, {"status": "unpublished"}),
        ],
    ),
    "conditional_transitions": Exercise(
        task="A review goes from `open` to `accepted` or `declined`, and nowhere else, unless it is"
        " a rehearsal. `is_rehearsal` itself may never change.",
        model=models.Review,
        hint="The chapter's rule, and `pgtrigger.ReadOnly(name=..., fields=[...])`.",
        solution="""triggers = [
    pgtrigger.FSM(
        name="final_decision",
        field="status",
        transitions=[("open", "accepted"), ("open", "declined")],
        condition=pgtrigger.Q(old__is_rehearsal=False),
    ),
    pgtrigger.ReadOnly(name="kind_is_final", fields=["is_rehearsal"]),
]
""",
        writes=[
            Write("UPDATE", PASSES, {"status": "open"}, {"status": "accepted"}),
            Write("UPDATE", REFUSED, {"status": "accepted"}, {"status": "open"}),
            Write(
                "UPDATE", PASSES, {"status": "accepted", "is_rehearsal": True}, {"status": "open"}
            ),
            Write("UPDATE", REFUSED, {"status": "open"}, {"is_rehearsal": True}),
            Write(
                "UPDATE", REFUSED, {"status": "open", "is_rehearsal": True}, {"is_rehearsal": False}
            ),
        ],
    ),
    "tracking_history": Exercise(
        task="Write one event, with the label `retitled`, if the `title` of a page changes, and no"
        " other event.",
        model=models.Page,
        hint="A tracker takes a label and a condition: `pghistory.UpdateEvent(label,"
        " condition=...)`.",
        solution="""trackers = [
    pghistory.UpdateEvent("retitled", condition=pgtrigger.AnyChange("title")),
]
""",
        kind="trackers",
        writes=[
            Write("UPDATE", ["retitled"], {"title": "News", "text": "a"}, {"title": "Olds"}),
            Write("UPDATE", [], {"title": "News", "text": "a"}, {"text": "b"}),
            Write("INSERT", [], after={"title": "News", "text": "a"}),
            Write("DELETE", [], {"title": "News", "text": "a"}),
        ],
    ),
    "tracking_users": Exercise(
        task="Record who adds and who deletes a page: events with the labels `insert` and `delete`."
        " Updates are not recorded.",
        model=models.Page,
        hint="A tracker without a label has the name of its operation.",
        solution="""trackers = [
    pghistory.InsertEvent(),
    pghistory.DeleteEvent(),
]
""",
        kind="trackers",
        writes=[
            Write("INSERT", ["insert"], after={"title": "News", "text": "a"}),
            Write("DELETE", ["delete"], {"title": "News", "text": "a"}),
            Write("UPDATE", [], {"title": "News", "text": "a"}, {"text": "b"}),
        ],
    ),
    "revert": Exercise(
        task="`as_of()` and `revert()` need to know what each row was. Record every insert, every"
        " update that changes something and every deletion, with the labels `added`, `changed` and"
        " `removed`.",
        model=models.Page,
        hint="Three trackers, each with its label as the first argument.",
        solution="""trackers = [
    pghistory.InsertEvent("added"),
    pghistory.UpdateEvent("changed"),
    pghistory.DeleteEvent("removed"),
]
""",
        kind="trackers",
        writes=[
            Write("INSERT", ["added"], after={"title": "News", "text": "a"}),
            Write("UPDATE", ["changed"], {"title": "News", "text": "a"}, {"text": "b"}),
            Write("UPDATE", [], {"title": "News", "text": "a"}, {"text": "a"}),
            Write("DELETE", ["removed"], {"title": "News", "text": "a"}),
        ],
    ),
    "deferred_constraints": Exercise(
        task="An author without a `name` (an empty text) is refused, on INSERT and on UPDATE, but"
        " only when the transaction commits.",
        model=models.Author,
        hint="`timing=pgtrigger.Deferred` makes a trigger deferrable. It needs"
        " `when=pgtrigger.After`.",
        solution="""triggers = [
    pgtrigger.Protect(
        name="has_name",
        operation=pgtrigger.Insert | pgtrigger.Update,
        when=pgtrigger.After,
        timing=pgtrigger.Deferred,
        condition=pgtrigger.Q(new__name=""),
    ),
]
""",
        writes=[
            Write("INSERT", AT_COMMIT, after={"name": ""}),
            Write("INSERT", PASSES, after={"name": "Ada"}),
            Write("UPDATE", AT_COMMIT, {"name": "Ada"}, {"name": ""}),
            Write("UPDATE", PASSES, {"name": "Ada"}, {"name": "Grace"}),
        ],
    ),
    "refined_errors": Exercise(
        task="Raise `EmailTaken` for an email that exists already and `EmailMissing` for none. Any"
        " other error comes through as an `IntegrityError`.",
        model=models.User,
        hint="Each rule is a pair, such as `(conversion.NotNull(model=User, field=...),"
        " EmailMissing)`.",
        solution="""rules = [
    (conversion.Unique(model=User, fields=("email",)), EmailTaken),
    (conversion.NotNull(model=User, field="email"), EmailMissing),
]
""",
        kind="rules",
        exceptions=("EmailTaken", "EmailMissing"),
        writes=[
            Write(
                "INSERT", "EmailTaken", {"email": "ada@example.org"}, {"email": "ada@example.org"}
            ),
            Write("INSERT", "EmailMissing", after={"email": None}),
            Write("INSERT", "IntegrityError", after={"email": "Grace@example.org"}),
            Write("INSERT", PASSES, after={"email": "grace@example.org"}),
        ],
    ),
    "refined_rules": Exercise(
        task="Raise `NumberIsFinal` if a write breaks the rule `number_is_final` of `Passport`.",
        model=models.Passport,
        hint="`conversion.Trigger` takes `model` and the `name` of the rule.",
        solution="""rules = [
    (conversion.Trigger(model=Passport, name="number_is_final"), NumberIsFinal),
]
""",
        kind="rules",
        exceptions=("NumberIsFinal",),
        writes=[
            Write("UPDATE", "NumberIsFinal", {"number": "C1", "holder": "Ada"}, {"number": "C9"}),
            Write("UPDATE", PASSES, {"number": "C2", "holder": "Ada"}, {"holder": "Grace"}),
            Write("INSERT", "IntegrityError", after={"number": None, "holder": "Ada"}),
        ],
    ),
    "typed_errors": Exercise(
        task="A change of a passport's `number` raises `ReadOnlyError`, and its deletion"
        " `ProtectedError`. The `holder` may change.",
        model=models.Passport,
        hint="Each ready-made rule raises an error of its own type: `ReadOnly` and `Protect`.",
        solution="""triggers = [
    pgtrigger.ReadOnly(name="number_is_final", fields=["number"]),
    pgtrigger.Protect(name="keep_passports", operation=pgtrigger.Delete),
]
""",
        writes=[
            Write("UPDATE", "ReadOnlyError", {"number": "C1", "holder": "Ada"}, {"number": "C9"}),
            Write("DELETE", "ProtectedError", {"number": "C2", "holder": "Ada"}),
            Write("UPDATE", PASSES, {"number": "C3", "holder": "Ada"}, {"holder": "Grace"}),
        ],
    ),
    "statement_triggers": Exercise(
        task="Nobody may empty the table of readings with TRUNCATE. One reading may be deleted.",
        model=models.Reading,
        hint="TRUNCATE has no rows, so PostgreSQL allows it at statement level only:"
        " `level=pgtrigger.Statement`.",
        solution="""triggers = [
    pgtrigger.Protect(
        name="no_truncate",
        level=pgtrigger.Statement,
        operation=pgtrigger.Truncate,
    ),
]
""",
        writes=[
            Write("DELETE", PASSES, {"meter": 1, "value": 1}),
            Write("UPDATE", PASSES, {"meter": 2, "value": 1}, {"value": 2}),
            Write("TRUNCATE", REFUSED),
        ],
    ),
    "drift": Exercise(
        task="Nobody may delete a row, not even inside `pgtrigger.ignore()`.",
        model=models.CannotDelete,
        hint="`ignorable=False` makes a rule that `pgtrigger.ignore()` does not affect.",
        solution="""triggers = [
    pgtrigger.Protect(name="protect_deletes", operation=pgtrigger.Delete, ignorable=False),
]
""",
        writes=[
            Write("DELETE", REFUSED, {"pk": 1001}),
            Write("DELETE", REFUSED, {"pk": 1002}, is_ignoring=True),
            Write("INSERT", PASSES),
        ],
    ),
}
