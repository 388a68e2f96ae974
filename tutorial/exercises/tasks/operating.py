"""The exercises of the parts "Performance" and "In a larger project", and of typed errors."""

from tutorial import models
from tutorial.exercises.exercise import PASSES, REFUSED, REPORTED, Exercise, Write

EXERCISES = {
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
    "third_party_models": Exercise(
        task="Of Django's groups, the one with the `name` `Administrators` keeps its name. Others"
        " may be renamed and deleted, and no group is called `root`.",
        model=models.Role,
        hint="Two rules: one for UPDATE with `old__name` and `pgtrigger.AnyChange`, one for INSERT"
        " and UPDATE with `new__name`.",
        solution="""triggers = [
    pgtrigger.Protect(
        name="no_root",
        operation=pgtrigger.Insert | pgtrigger.Update,
        condition=pgtrigger.Q(new__name="root"),
    ),
    pgtrigger.Protect(
        name="keep_name",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__name="Administrators") & pgtrigger.AnyChange("name"),
    ),
]
""",
        writes=[
            Write("UPDATE", REFUSED, {"name": "Administrators"}, {"name": "Admins"}),
            Write("UPDATE", PASSES, {"name": "Writers"}, {"name": "Authors"}),
            Write("DELETE", PASSES, {"name": "Editors"}),
            Write("INSERT", PASSES, after={"name": "Readers"}),
            Write("INSERT", REFUSED, after={"name": "root"}),
            Write("UPDATE", REFUSED, {"name": "Guests"}, {"name": "root"}),
        ],
    ),
    "rules_in_migrations": Exercise(
        task="The `number` of a passport is final, except for a migration inside"
        " `pgtrigger.ignore()`. Nobody deletes a passport, not even inside `ignore()`.",
        model=models.Passport,
        hint="`ignorable=False` is for one of two rules.",
        solution="""triggers = [
    pgtrigger.ReadOnly(name="number_is_final", fields=["number"]),
    pgtrigger.Protect(name="keep_passports", operation=pgtrigger.Delete, ignorable=False),
]
""",
        writes=[
            Write("UPDATE", REFUSED, {"number": "C1", "holder": "Ada"}, {"number": "C9"}),
            Write(
                "UPDATE",
                PASSES,
                {"number": "C2", "holder": "Ada"},
                {"number": "C9"},
                is_ignoring=True,
            ),
            Write("DELETE", REFUSED, {"number": "C3", "holder": "Ada"}, is_ignoring=True),
            Write("DELETE", REFUSED, {"number": "C4", "holder": "Ada"}),
        ],
    ),
    "composer": Exercise(
        task="The `quantity` of an item is never less than 0, neither when it is added nor later."
        " Its name, `item`, is final. Both are checked once for each statement. Nobody empties the"
        " table with TRUNCATE; one item may be deleted.",
        model=models.Stock,
        hint="`level=pgtrigger.Statement` for each rule, and a rule for each operation: INSERT has"
        " only new rows, UPDATE has both, TRUNCATE has none.",
        solution="""triggers = [
    pgtrigger.Protect(
        name="never_added_below_0",
        level=pgtrigger.Statement,
        operation=pgtrigger.Insert,
        condition=pgtrigger.Q(new__quantity__lt=0),
    ),
    pgtrigger.Protect(
        name="never_below_0",
        level=pgtrigger.Statement,
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(new__quantity__lt=0),
    ),
    pgtrigger.ReadOnly(name="item_is_final", level=pgtrigger.Statement, fields=["item"]),
    pgtrigger.Protect(
        name="no_truncate", level=pgtrigger.Statement, operation=pgtrigger.Truncate
    ),
]
""",
        writes=[
            Write("UPDATE", REFUSED, {"item": "bolts", "quantity": 7}, {"quantity": -1}),
            Write("UPDATE", PASSES, {"item": "nuts", "quantity": 7}, {"quantity": 0}),
            Write("UPDATE", REFUSED, {"item": "screws", "quantity": 7}, {"item": "nails"}),
            Write("INSERT", REFUSED, after={"item": "nails", "quantity": -1}),
            Write("INSERT", PASSES, after={"item": "nails", "quantity": 1}),
            Write("DELETE", PASSES, {"item": "washers", "quantity": 7}),
            Write("TRUNCATE", REFUSED),
        ],
    ),
    "schemas": Exercise(
        task="In the schema of each tenant: a closed ticket is not deleted and keeps its `subject`."
        " It may be opened again. An open ticket may be deleted and changed.",
        model=models.Ticket,
        hint="Two rules with the condition `old__is_closed=True`. For the second, join it with"
        ' `pgtrigger.AnyChange("subject")`.',
        solution="""triggers = [
    pgtrigger.Protect(
        name="keep_closed",
        operation=pgtrigger.Delete,
        condition=pgtrigger.Q(old__is_closed=True),
    ),
    pgtrigger.Protect(
        name="subject_is_final",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__is_closed=True) & pgtrigger.AnyChange("subject"),
    ),
]
""",
        writes=[
            Write("DELETE", REFUSED, {"subject": "No heating", "is_closed": True}),
            Write("DELETE", PASSES, {"subject": "No water", "is_closed": False}),
            Write("UPDATE", REFUSED, {"subject": "No light", "is_closed": True}, {"subject": "x"}),
            Write("UPDATE", PASSES, {"subject": "No gas", "is_closed": True}, {"is_closed": False}),
            Write("UPDATE", PASSES, {"subject": "No key", "is_closed": False}, {"subject": "x"}),
        ],
    ),
    "report_mode": Exercise(
        task="A negative `amount` is refused from now on. One above 1000 is unusual: it passes, and"
        " is reported.",
        model=models.Payment,
        hint='Two rules on INSERT and UPDATE, one of them with `mode="report"`.',
        solution="""triggers = [
    pgtrigger.Protect(
        name="no_negative",
        operation=pgtrigger.Insert | pgtrigger.Update,
        condition=pgtrigger.Q(new__amount__lt=0),
    ),
    pgtrigger.Protect(
        name="large",
        operation=pgtrigger.Insert | pgtrigger.Update,
        condition=pgtrigger.Q(new__amount__gt=1000),
        mode="report",
    ),
]
""",
        writes=[
            Write("INSERT", PASSES, after={"amount": 10}),
            Write("INSERT", REPORTED, after={"amount": 5000}),
            Write("INSERT", REFUSED, after={"amount": -1}),
            Write("UPDATE", REPORTED, {"amount": 10}, {"amount": 5000}),
            Write("UPDATE", REFUSED, {"amount": 10}, {"amount": -1}),
            Write("DELETE", PASSES, {"amount": 10}),
        ],
    ),
}
