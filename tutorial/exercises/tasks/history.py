"""The exercises of the part "History", by the name of the chapter's scenario module."""

from typing import Any

from tutorial import models
from tutorial.exercises.exercise import Event, Exercise, Keeps, Write


def _event(expected: dict[str, Any], pgh_obj_id: int = 1, **values: Any) -> Write:
    """Return an event with these values, and the values that it must have afterwards."""
    return Write("EVENT", expected, before={"pgh_obj_id": pgh_obj_id, **values})


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
    "change_sets": Exercise(
        task="Record every deletion of a sale as `removed`, and an update as `resized` if it makes"
        " the `quantity` smaller. Record nothing else.",
        model=models.Sale,
        hint='The condition is `pgtrigger.Q(new__quantity__lt=pgtrigger.F("old__quantity"))`.',
        solution="""trackers = [
    pghistory.DeleteEvent("removed"),
    pghistory.UpdateEvent(
        "resized", condition=pgtrigger.Q(new__quantity__lt=pgtrigger.F("old__quantity"))
    ),
]
""",
        kind="trackers",
        rows=[(models.Product, {"pk": 1, "name": "Tea", "price": 4})],
        writes=[
            Write("DELETE", ["removed"], {"product_id": 1, "quantity": 3}),
            Write("UPDATE", ["resized"], {"product_id": 1, "quantity": 3}, {"quantity": 2}),
            Write("UPDATE", [], {"product_id": 1, "quantity": 3}, {"quantity": 4}),
            Write("INSERT", [], after={"product_id": 1, "quantity": 3}),
        ],
    ),
    "as_of": Exercise(
        task="`as_of()` reads the table of products at any time. Record what it needs: each insert,"
        " each update that changes something, and each deletion, with the default labels.",
        model=models.Product,
        hint="Three trackers without arguments.",
        solution="""trackers = [
    pghistory.InsertEvent(),
    pghistory.UpdateEvent(),
    pghistory.DeleteEvent(),
]
""",
        kind="trackers",
        writes=[
            Write("INSERT", ["insert"], after={"name": "Tea", "price": 4}),
            Write("UPDATE", ["update"], {"name": "Tea", "price": 4}, {"price": 9}),
            Write("UPDATE", ["update"], {"name": "Tea", "price": 4}, {"name": "Green tea"}),
            Write("UPDATE", [], {"name": "Tea", "price": 4}, {"price": 4}),
            Write("DELETE", ["delete"], {"name": "Tea", "price": 4}),
        ],
    ),
    "backfill": Exercise(
        task="Record a new product as `first`, and an update of its `price` as `priced`. A new"
        " `name` alone is not recorded.",
        model=models.Product,
        hint='`pgtrigger.AnyChange("price")` is the condition of the second tracker.',
        solution="""trackers = [
    pghistory.InsertEvent("first"),
    pghistory.UpdateEvent("priced", condition=pgtrigger.AnyChange("price")),
]
""",
        kind="trackers",
        writes=[
            Write("INSERT", ["first"], after={"name": "Tea", "price": 4}),
            Write("UPDATE", ["priced"], {"name": "Tea", "price": 4}, {"price": 9}),
            Write("UPDATE", [], {"name": "Tea", "price": 4}, {"name": "Green tea"}),
            Write("UPDATE", [], {"name": "Tea", "price": 4}, {"price": 4}),
        ],
    ),
    "manual_events": Exercise(
        task="Record a new account as `created`. If the `email` changes from one to another, record"
        " `email_changed`. If an account gets an `email` for the first time (it was empty), record"
        " nothing, and a new `password` neither.",
        model=models.Account,
        hint='Join with `&`: `pgtrigger.AnyChange("email")` and `~pgtrigger.Q(old__email="")`.',
        solution="""trackers = [
    pghistory.InsertEvent("created"),
    pghistory.UpdateEvent(
        "email_changed",
        condition=pgtrigger.AnyChange("email") & ~pgtrigger.Q(old__email=""),
    ),
]
""",
        kind="trackers",
        writes=[
            Write("INSERT", ["created"], after={"email": "a@example.org", "password": "x"}),
            Write(
                "UPDATE",
                ["email_changed"],
                {"email": "a@example.org", "password": "x"},
                {"email": "b@example.org"},
            ),
            Write("UPDATE", [], {"email": "", "password": "x"}, {"email": "a@example.org"}),
            Write("UPDATE", [], {"email": "a@example.org", "password": "x"}, {"password": "y"}),
        ],
    ),
    "background_context": Exercise(
        task="A nightly task changes prices. Record `raised` if a price grows and `lowered` if it"
        " becomes smaller.",
        model=models.Product,
        hint="Two update trackers. `new__price__gt` and `new__price__lt` compare with"
        ' `pgtrigger.F("old__price")`.',
        solution="""trackers = [
    pghistory.UpdateEvent(
        "raised", condition=pgtrigger.Q(new__price__gt=pgtrigger.F("old__price"))
    ),
    pghistory.UpdateEvent(
        "lowered", condition=pgtrigger.Q(new__price__lt=pgtrigger.F("old__price"))
    ),
]
""",
        kind="trackers",
        writes=[
            Write("UPDATE", ["raised"], {"name": "Tea", "price": 4}, {"price": 9}),
            Write("UPDATE", ["lowered"], {"name": "Tea", "price": 4}, {"price": 3}),
            Write("UPDATE", [], {"name": "Tea", "price": 4}, {"name": "Green tea"}),
            Write("INSERT", [], after={"name": "Tea", "price": 4}),
        ],
    ),
    "related_history": Exercise(
        task="An item's arrival is recorded as `added` and its departure as `removed`. If it moves"
        " to another order, record `moved`. A new `text` alone is not recorded.",
        model=models.Item,
        hint='A move is a change of the foreign key: `pgtrigger.AnyChange("order")`.',
        solution="""trackers = [
    pghistory.InsertEvent("added"),
    pghistory.UpdateEvent("moved", condition=pgtrigger.AnyChange("order")),
    pghistory.DeleteEvent("removed"),
]
""",
        kind="trackers",
        rows=[(models.Order, {"pk": 1, "number": 7}), (models.Order, {"pk": 2, "number": 8})],
        writes=[
            Write("INSERT", ["added"], after={"order_id": 1, "text": "ink"}),
            Write("UPDATE", ["moved"], {"order_id": 1, "text": "ink"}, {"order_id": 2}),
            Write("UPDATE", [], {"order_id": 1, "text": "ink"}, {"text": "blue ink"}),
            Write("DELETE", ["removed"], {"order_id": 1, "text": "ink"}),
        ],
    ),
    "masked_fields": Exercise(
        task="Record each new account and each update. The history must not contain an `email`,"
        " only whether an update changed it. It must not contain the `password`, nor say that it"
        " was changed.",
        model=models.Account,
        hint="`track()` takes the trackers, and then `mask=[...]` and `exclude=[...]`. An update of"
        " excluded fields alone is not recorded.",
        solution="""histories = [
    pghistory.track(
        pghistory.InsertEvent(),
        pghistory.UpdateEvent(),
        mask=["email"],
        exclude=["password"],
    ),
]
""",
        kind="histories",
        writes=[
            Write(
                "INSERT",
                [Event("insert", {"pgh_email_changed": None})],
                after={"email": "a@example.org", "password": "x"},
            ),
            Write(
                "UPDATE",
                [Event("update", {"pgh_email_changed": True})],
                {"email": "a@example.org", "password": "x"},
                {"email": "b@example.org"},
            ),
            Write("UPDATE", [], {"email": "a@example.org", "password": "x"}, {"password": "y"}),
            Write("DELETE", [], {"email": "a@example.org", "password": "x"}),
        ],
    ),
    "retention": Exercise(
        task="Record each update of a customer, and nothing else. Keep its events for 90 days:"
        " `manage.py pghistory prune` then removes what is older.",
        model=models.Customer,
        hint="`track()` takes one tracker, and `keep=timedelta(days=...)`. You need not do anything"
        " for the last event of a customer before that time: it stays.",
        solution="""histories = [
    pghistory.track(pghistory.UpdateEvent(), keep=timedelta(days=90)),
]
""",
        kind="histories",
        writes=[
            Write(
                "UPDATE",
                [Event("update", {"name": "Ada", "city": "Rome"})],
                {"name": "Ada", "city": "London"},
                {"city": "Rome"},
            ),
            Write("INSERT", [], after={"name": "Ada", "city": "London"}),
            Write("PRUNE", Keeps([100, 10]), {"name": "Ada", "city": "Rome"}, days=[400, 100, 10]),
            Write("PRUNE", Keeps([88, 40]), {"name": "Ada", "city": "Rome"}, days=[88, 40]),
            Write("PRUNE", Keeps([400]), {"name": "Ada", "city": "Rome"}, days=[400]),
        ],
    ),
    "erasure": Exercise(
        task="Customer 1, Ada, asks you to delete what the history knows of her. Erase her `name`"
        " and `city` in her events, and `url` and `email` in their contexts. Nothing of other"
        " customers, and no other key, is erased.",
        model=models.Customer,
        hint="`pghistory.erase(Customer(pk=1), fields=[...], metadata=[...])`. Without `metadata`"
        " only `url` is erased in the contexts.",
        solution="""erasures = [
    pghistory.erase(Customer(pk=1), fields=["name", "city"], metadata=["url", "email"]),
]
""",
        kind="erasures",
        rows=[
            (models.Customer, {"pk": 1, "name": "Ada", "city": "Rome"}),
            (models.Customer, {"pk": 2, "name": "Grace", "city": "Oslo"}),
        ],
        writes=[
            _event(
                {"name": "", "city": "", "pgh_context__metadata": {"task": "import"}},
                name="Ada",
                city="London",
                pgh_context__metadata={"task": "import", "email": "ada@example.org"},
            ),
            _event(
                {"name": "", "city": "", "pgh_context__metadata": {"user": 7}},
                name="Ada",
                city="Rome",
                pgh_context__metadata={"user": 7, "url": "/customers/ada/"},
            ),
            _event(
                {
                    "name": "Grace",
                    "city": "Oslo",
                    "pgh_context__metadata": {"url": "/customers/grace/"},
                },
                pgh_obj_id=2,
                name="Grace",
                city="Oslo",
                pgh_context__metadata={"url": "/customers/grace/"},
            ),
        ],
    ),
}
