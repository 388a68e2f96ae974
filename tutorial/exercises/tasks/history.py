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
        task="The event table has no copy of the `iban`. Record `iban_changed` if an update changes"
        " it, and `renamed` if an update changes the `name` and not the `iban`.",
        model=models.Payee,
        hint="A condition may read a field that is not recorded. Join two with `&`:"
        ' `pgtrigger.AnyChange("name")` and `~pgtrigger.AnyChange("iban")`.',
        solution="""trackers = [
    pghistory.UpdateEvent("iban_changed", condition=pgtrigger.AnyChange("iban")),
    pghistory.UpdateEvent(
        "renamed",
        condition=pgtrigger.AnyChange("name") & ~pgtrigger.AnyChange("iban"),
    ),
]
""",
        kind="trackers",
        writes=[
            Write("UPDATE", ["iban_changed"], {"name": "Ada", "iban": "A"}, {"iban": "B"}),
            Write("UPDATE", ["renamed"], {"name": "Ada", "iban": "A"}, {"name": "Eve"}),
            Write(
                "UPDATE",
                ["iban_changed"],
                {"name": "Ada", "iban": "A"},
                {"name": "Eve", "iban": "B"},
            ),
            Write("INSERT", [], after={"name": "Ada", "iban": "A"}),
        ],
    ),
    "retention": Exercise(
        task="Events that nobody needs are best not written. Record an update as `moved` if the"
        " `city` changes from one to another. The first `city` (it was empty), a new `name` and a"
        " new customer are not recorded.",
        model=models.Customer,
        hint='`pgtrigger.AnyChange("city")` and `~pgtrigger.Q(old__city="")`, joined with `&`.',
        solution="""trackers = [
    pghistory.UpdateEvent(
        "moved", condition=pgtrigger.AnyChange("city") & ~pgtrigger.Q(old__city="")
    ),
]
""",
        kind="trackers",
        writes=[
            Write("UPDATE", ["moved"], {"name": "Ada", "city": "London"}, {"city": "Rome"}),
            Write("UPDATE", [], {"name": "Ada", "city": ""}, {"city": "London"}),
            Write("UPDATE", [], {"name": "Ada", "city": "London"}, {"name": "Eve"}),
            Write("INSERT", [], after={"name": "Ada", "city": "London"}),
        ],
    ),
    "erasure": Exercise(
        task="Record a deletion as `left`, and an update as `anonymized` if the `name` becomes"
        " `(erased)`. Record nothing else, so that there is little to erase.",
        model=models.Customer,
        hint='`pgtrigger.Q(new__name="(erased)")`, and only if it `AnyChange("name")`.',
        solution="""trackers = [
    pghistory.DeleteEvent("left"),
    pghistory.UpdateEvent(
        "anonymized",
        condition=pgtrigger.AnyChange("name") & pgtrigger.Q(new__name="(erased)"),
    ),
]
""",
        kind="trackers",
        writes=[
            Write("DELETE", ["left"], {"name": "Ada", "city": "Rome"}),
            Write("UPDATE", ["anonymized"], {"name": "Ada", "city": "Rome"}, {"name": "(erased)"}),
            Write("UPDATE", [], {"name": "(erased)", "city": "Rome"}, {"city": "Oslo"}),
            Write("UPDATE", [], {"name": "Ada", "city": "Rome"}, {"name": "Eve"}),
        ],
    ),
}
