"""The exercises of the part "Protect", by the name of the chapter's scenario module."""

from tutorial import models
from tutorial.exercises.exercise import PASSES, REFUSED, Exercise, Write

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
    "immutable_rows": Exercise(
        task="Once a review is `accepted`, it can neither be changed nor deleted, except for"
        " `is_rehearsal`. Reviews that are `open` or `declined` are free.",
        model=models.Review,
        hint="`pgtrigger.Frozen(when=Q(...), allow=[...])`. The condition is on the stored row.",
        solution="""triggers = [
    pgtrigger.Frozen(when=Q(status="accepted"), allow=["is_rehearsal"]),
]
""",
        writes=[
            Write("UPDATE", REFUSED, {"status": "accepted"}, {"status": "open"}),
            Write("UPDATE", PASSES, {"status": "accepted"}, {"is_rehearsal": True}),
            Write("DELETE", REFUSED, {"status": "accepted"}),
            Write("UPDATE", PASSES, {"status": "open"}, {"status": "accepted"}),
            Write("DELETE", PASSES, {"status": "declined"}),
        ],
    ),
    "related_conditions": Exercise(
        task="A member can only be added to an active team. Members of an inactive team can still"
        " be changed and deleted. In the tables, team 1 is active and team 2 is not.",
        model=models.Member,
        hint="`operation=pgtrigger.Insert` limits the rule to new rows.",
        solution="""triggers = [
    pgtrigger.Requires("team__is_active", True, operation=pgtrigger.Insert),
]
""",
        rows=[
            (models.Team, {"pk": 1, "name": "Blue"}),
            (models.Team, {"pk": 2, "name": "Blue", "is_active": False}),
        ],
        writes=[
            Write("INSERT", PASSES, after={"team_id": 1, "name": "Ada"}),
            Write("INSERT", REFUSED, after={"team_id": 2, "name": "Ada"}),
            Write("UPDATE", PASSES, {"team_id": 2, "name": "Ada"}, {"name": "Grace"}),
            Write("DELETE", PASSES, {"team_id": 2, "name": "Ada"}),
        ],
    ),
}
