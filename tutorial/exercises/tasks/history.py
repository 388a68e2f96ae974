"""The exercises of the part "History", by the name of the chapter's scenario module."""

from tutorial import models
from tutorial.exercises.judging import Exercise, Write

EXERCISES = {
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
}
