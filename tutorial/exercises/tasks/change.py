"""The exercises of the part "Change what is written", by the name of the scenario module."""

from datetime import UTC, datetime

from tutorial import models
from tutorial.exercises.exercise import PASSES, REFUSED, Exercise, Sets, Write

YESTERDAY = datetime(2026, 1, 1, tzinfo=UTC)

EXERCISES = {
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
    "undelete": Exercise(
        task="A task that is deleted stays, with the time in `deleted_at`. While it is deleted, its"
        " `text` cannot change. To restore it, `deleted_at` may be set to NULL again.",
        model=models.Task,
        hint="`SoftDelete`, and `Protect` with a condition on `old__deleted_at__isnull` and the"
        " change of `text`.",
        solution="""triggers = [
    pgtrigger.SoftDelete(name="soft_delete", field="deleted_at"),
    pgtrigger.Protect(
        name="keep_text",
        operation=pgtrigger.Update,
        condition=pgtrigger.Q(old__deleted_at__isnull=False) & pgtrigger.AnyChange("text"),
    ),
]
""",
        rows=[(models.Project, {"pk": 1, "name": "Garden"})],
        writes=[
            Write("DELETE", Sets("deleted_at"), {"project_id": 1, "text": "dig"}),
            Write(
                "UPDATE",
                REFUSED,
                {"project_id": 1, "text": "dig", "deleted_at": YESTERDAY},
                {"text": "plant"},
            ),
            Write(
                "UPDATE",
                PASSES,
                {"project_id": 1, "text": "dig", "deleted_at": YESTERDAY},
                {"deleted_at": None},
            ),
            Write("UPDATE", PASSES, {"project_id": 1, "text": "dig"}, {"text": "plant"}),
        ],
    ),
    "active_parents": Exercise(
        task="A member that is deleted stays, with `is_active` False, and no active member belongs"
        " to an inactive team. In the tables, team 1 is active and team 2 is not.",
        model=models.Member,
        hint="Two rules: `SoftDelete`, and one that takes the name of the foreign key.",
        solution="""triggers = [
    pgtrigger.SoftDelete(name="soft_delete", field="is_active", value=False),
    pgtrigger.ActiveParent("team"),
]
""",
        rows=[
            (models.Team, {"pk": 1, "name": "Blue"}),
            (models.Team, {"pk": 2, "name": "Red", "is_active": False}),
        ],
        writes=[
            Write("INSERT", PASSES, after={"team_id": 1, "name": "Ada"}),
            Write("INSERT", REFUSED, after={"team_id": 2, "name": "Ada"}),
            Write("UPDATE", REFUSED, {"team_id": 1, "name": "Ada"}, {"team_id": 2}),
            Write(
                "UPDATE",
                REFUSED,
                {"team_id": 2, "name": "Ada", "is_active": False},
                {"is_active": True},
            ),
            Write(
                "UPDATE",
                PASSES,
                {"team_id": 2, "name": "Ada", "is_active": False},
                {"name": "Grace"},
            ),
            Write("DELETE", {"is_active": False}, {"team_id": 1, "name": "Ada"}),
        ],
    ),
    "optimistic_locking": Exercise(
        task="`version` counts the changes of a row. Nobody sets it by hand, and a row that was"
        " read before somebody else changed it cannot be saved.",
        model=models.Versioned,
        hint="One rule does all of it. It takes the name of the field.",
        solution="""triggers = [
    pgtrigger.Version("version"),
]
""",
        writes=[
            Write("UPDATE", {"version": 1}, {"char_field": "a"}, {"char_field": "b"}),
            Write("UPDATE", {"version": 0}, {"char_field": "a"}, {"char_field": "a"}),
            Write("UPDATE", REFUSED, {"char_field": "a"}, {"version": 7}),
            Write(
                "SAVE",
                "StaleError",
                {"char_field": "a"},
                {"char_field": "mine"},
                others={"char_field": "theirs"},
            ),
        ],
    ),
    "touch": Exercise(
        task="`updated_at` is the time at which a note was added or last changed, whatever a"
        " write says. A write that changes nothing leaves it. Nobody deletes a note.",
        model=models.Note,
        hint="Two rules: `pgtrigger.Touch(...)` with the name of the field, and `Protect`.",
        solution="""triggers = [
    pgtrigger.Touch("updated_at"),
    pgtrigger.Protect(name="keep_notes", operation=pgtrigger.Delete),
]
""",
        writes=[
            Write("INSERT", Sets("updated_at"), after={"text": "milk"}),
            Write(
                "UPDATE",
                Sets("updated_at"),
                {"text": "milk", "updated_at": YESTERDAY},
                {"text": "bread"},
            ),
            Write(
                "UPDATE",
                {"updated_at": YESTERDAY},
                {"text": "milk", "updated_at": YESTERDAY},
                {"text": "milk"},
            ),
            Write("DELETE", REFUSED, {"text": "milk"}),
        ],
    ),
    "totals": Exercise(
        task="`comment_count` of a post is the number of all its comments, and `likes` the sum of"
        " the likes of those that are public.",
        model=models.Comment,
        hint='`where=Q(is_public=True)` belongs to one of the two rules: `Count("post.…")` and'
        ' `Sum("post.…", of=...)`.',
        solution="""triggers = [
    pgtrigger.Count("post.comment_count"),
    pgtrigger.Sum("post.likes", of="likes", where=Q(is_public=True)),
]
""",
        rows=[
            (models.Post, {"pk": 1, "title": "A"}),
            (models.Post, {"pk": 2, "title": "B"}),
            (models.Post, {"pk": 3, "title": "C", "comment_count": 1, "likes": 2}),
            (models.Post, {"pk": 4, "title": "D", "comment_count": 1, "likes": 2}),
        ],
        writes=[
            Write(
                "INSERT",
                {"post__comment_count": 1, "post__likes": 3},
                after={"post_id": 1, "text": "yes", "likes": 3},
            ),
            Write(
                "INSERT",
                {"post__comment_count": 1, "post__likes": 0},
                after={"post_id": 2, "text": "yes", "likes": 3, "is_public": False},
            ),
            Write(
                "UPDATE",
                {"post__comment_count": 1, "post__likes": 5},
                {"post_id": 3, "text": "yes", "likes": 2},
                {"likes": 5},
            ),
            Write(
                "UPDATE",
                {"post__comment_count": 1, "post__likes": 0},
                {"post_id": 4, "text": "yes", "likes": 2},
                {"is_public": False},
            ),
        ],
    ),
    "search_vectors": Exercise(
        task="`words` holds the words of the `text` alone, as they are: use the configuration"
        " `pg_catalog.simple`. A value that somebody writes into `words` has no effect.",
        model=models.Article,
        hint="`pgtrigger.UpdateSearchVector(name=..., vector_field=..., document_fields=[...],"
        " config_name=...)`.",
        solution="""triggers = [
    pgtrigger.UpdateSearchVector(
        name="words",
        vector_field="words",
        document_fields=["text"],
        config_name="pg_catalog.simple",
    ),
]
""",
        writes=[
            Write(
                "INSERT",
                {"words": "'hens':2 'three':1"},
                after={"title": "Garden", "text": "Three hens"},
            ),
            Write(
                "UPDATE", {"words": "'the':1"}, {"title": "Garden", "text": "Hens"}, {"text": "The"}
            ),
            Write(
                "UPDATE", {"words": "'hens':1"}, {"title": "Garden", "text": "Hens"}, {"title": "A"}
            ),
            Write(
                "UPDATE", {"words": "'hens':1"}, {"title": "Garden", "text": "Hens"}, {"words": ""}
            ),
        ],
    ),
}
