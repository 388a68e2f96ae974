"""The exercises of the part "Restrict", by the name of the chapter's scenario module."""

from tutorial import models
from tutorial.exercises.exercise import PASSES, REFUSED, Exercise, Write

EXERCISES = {
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
    "limits": Exercise(
        task="A team has at most two badges with a `label`. Badges without one (an empty text) are"
        " not counted. In the tables, team 1 has one such badge and team 2 has two.",
        model=models.Badge,
        hint='`pgtrigger.AtMost(2, per=..., where=...)`. "Not" is `~Q(...)`.',
        solution="""triggers = [
    pgtrigger.AtMost(2, per="team", where=~Q(label="")),
]
""",
        rows=[
            *((models.Team, {"pk": pk, "name": "Blue"}) for pk in (1, 2, 3)),
            *((models.Badge, {"team_id": pk, "label": "Founders"}) for pk in (1, 2)),
        ],
        writes=[
            Write("INSERT", PASSES, after={"team_id": 1, "label": "Winners"}),
            Write("INSERT", REFUSED, after={"team_id": 2, "label": "Winners"}),
            Write("INSERT", PASSES, after={"team_id": 2, "label": ""}),
            Write("UPDATE", REFUSED, {"team_id": 3, "label": "Hosts"}, {"team_id": 2}),
            Write("UPDATE", PASSES, {"team_id": 2, "label": "Hosts"}, {"label": "Guests"}),
        ],
    ),
    "trees": Exercise(
        task="A folder can move anywhere, but not into itself or into a folder below it. Nobody"
        " deletes a folder.",
        model=models.Folder,
        hint="Two rules: one for the tree, and `Protect`.",
        solution="""triggers = [
    pgtrigger.NoCycle("parent"),
    pgtrigger.Protect(name="keep_folders", operation=pgtrigger.Delete),
]
""",
        rows=[
            (models.Folder, {"pk": 101, "name": "home"}),
            (models.Folder, {"pk": 102, "name": "below 111", "parent_id": 111}),
        ],
        writes=[
            Write("UPDATE", REFUSED, {"pk": 110, "name": "a"}, {"parent_id": 110}),
            Write("UPDATE", REFUSED, {"pk": 111, "name": "b"}, {"parent_id": 102}),
            Write("UPDATE", PASSES, {"pk": 112, "name": "c"}, {"parent_id": 101}),
            Write("INSERT", PASSES, after={"name": "d", "parent_id": 101}),
            Write("DELETE", REFUSED, {"pk": 113, "name": "e"}),
        ],
    ),
}
