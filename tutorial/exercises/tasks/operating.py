"""The exercises of the part "Errors, performance and drift", by scenario module."""

from tutorial import models
from tutorial.exercises.judging import PASSES, REFUSED, Exercise, Write

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
}
