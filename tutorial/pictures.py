"""The picture of each chapter whose point can be drawn, by the name of its scenario module.

A chapter with a state machine has a drawing of its states instead.
"""

from collections.abc import Mapping

from tutorial.drawing import Arrow, Box, Picture

PICTURES: Mapping[str, Picture] = {
    "protecting_deletions": Picture(
        "The ORM, the admin and psql send a DELETE; the table's trigger refuses all three.",
        [
            Box(0, 0, "ORM"),
            Box(0, 1, "admin"),
            Box(0, 2, "psql, other code"),
            Box(1, 1, "table with\nits trigger", "yes"),
        ],
        [Arrow(0, 3, "no"), Arrow(1, 3, "no"), Arrow(2, 3, "no")],
    ),
    "related_conditions": Picture(
        "A line of a draft is inserted; a line of an issued invoice is refused.",
        [
            Box(0, 0, "new line"),
            Box(1, 0, "invoice:\ndraft", "yes"),
            Box(0, 1, "new line"),
            Box(1, 1, "invoice:\nissued", "no"),
        ],
        [Arrow(0, 1), Arrow(2, 3, "no")],
    ),
    "soft_delete_cascades": Picture(
        "When a team is deleted, a member with a rule becomes inactive too, a badge without one"
        " is deleted, and a minute with DO_NOTHING stays.",
        [
            Box(0, 1, "team:\nis_active = false"),
            Box(1, 0, "member:\nis_active = false"),
            Box(1, 1, "badge:\ndeleted", "gone"),
            Box(1, 2, "minute:\nunchanged"),
        ],
        [Arrow(0, 1), Arrow(0, 2), Arrow(0, 3, "no")],
    ),
    "undelete": Picture(
        "Deleting a project marks its tasks with the same time; undelete() restores those.",
        [
            Box(0, 0, "project:\ndeleted at 9:00"),
            Box(1, 0, "task:\ndeleted at 9:00"),
            Box(0, 1, "undelete():\nrestored", "yes"),
            Box(1, 1, "task:\nrestored", "yes"),
            Box(1, 2, "deleted at 8:00:\nstays deleted", "gone"),
        ],
        [Arrow(0, 1), Arrow(0, 2), Arrow(2, 3), Arrow(2, 4, "no")],
    ),
    "active_parents": Picture(
        "Nobody is added to a deleted department, and a department with an active employee is not"
        " deleted.",
        [
            Box(0, 0, "new employee"),
            Box(1, 0, "department:\ndeleted", "gone"),
            Box(0, 1, "active employee", "yes"),
            Box(1, 1, "DELETE of the\ndepartment", "no"),
        ],
        [Arrow(0, 1, "no"), Arrow(3, 2, "no")],
    ),
    "optimistic_locking": Picture(
        "Two people read version 0. The first one saves version 1; the second one is refused.",
        [
            Box(0, 0, "Ada reads\nversion 0"),
            Box(1, 0, "Grace reads\nversion 0"),
            Box(0, 1, "Ada saves:\nversion 1", "yes"),
            Box(1, 2, "Grace saves:\nrefused", "no"),
        ],
        [Arrow(0, 2), Arrow(1, 3), Arrow(2, 3)],
    ),
    "totals": Picture(
        "Each insert and delete of a comment changes the number in its post.",
        [
            Box(0, 0, "comment added:\n+1"),
            Box(0, 1, "comment deleted:\n-1"),
            Box(0, 2, "not public:\nnot counted"),
            Box(1, 1, "post:\ncomment_count", "yes"),
        ],
        [Arrow(0, 3), Arrow(1, 3), Arrow(2, 3, "no")],
    ),
    "official_interface": Picture(
        "create() is refused; official_create() ignores the rule and inserts.",
        [
            Box(0, 0, "create()"),
            Box(0, 1, "official_create()"),
            Box(1, 0.5, "table"),
        ],
        [Arrow(0, 2, "no"), Arrow(1, 2)],
    ),
    "limits": Picture(
        "Two transactions want the last seat. The second one waits for the first one, counts again"
        " and is refused.",
        [
            Box(0, 0, "A: locks the\ncourse, counts 1"),
            Box(1, 0, "B: waits for\nthe course"),
            Box(0, 1, "A: inserts,\nCOMMIT", "yes"),
            Box(1, 2, "B: counts 2,\nis refused", "no"),
        ],
        [Arrow(0, 2), Arrow(1, 3), Arrow(2, 3)],
    ),
    "trees": Picture(
        "letters is in work, and work is in home. home cannot be put into letters.",
        [
            Box(0, 0, "home"),
            Box(1, 0, "work"),
            Box(1, 1, "letters"),
        ],
        [Arrow(1, 0), Arrow(2, 1), Arrow(0, 2, "no")],
    ),
    "background_context": Picture(
        "A request passes the user's key to a task. The task opens a context with it, and its"
        " changes carry the user.",
        [
            Box(0, 0, "request:\nuser 7"),
            Box(1, 0, "task(user=7):\ncontext(user=7)"),
            Box(1, 1, "event:\nuser 7", "yes"),
            Box(0, 1, "task without\ncontext"),
            Box(0, 2, "event:\nno user", "no"),
        ],
        [Arrow(0, 1), Arrow(1, 2), Arrow(3, 4)],
    ),
    "masked_fields": Picture(
        "With mask, the event says that the IBAN changed. With exclude, it says nothing of it."
        " Neither contains it.",
        [
            Box(0, 0.5, "payee:\niban = DE99 6666"),
            Box(1, 0, "mask:\niban changed", "yes"),
            Box(1, 1, "exclude:\n(nothing)", "gone"),
        ],
        [Arrow(0, 1), Arrow(0, 2)],
    ),
    "related_history": Picture(
        "The events of the items appear in the timeline of the order.",
        [
            Box(0, 0, "item added:\nItemEvent"),
            Box(0, 1, "item removed:\nItemEvent"),
            Box(0, 2, "order changed:\nOrderEvent"),
            Box(1, 1, "timeline of\nthe order", "yes"),
        ],
        [Arrow(0, 3), Arrow(1, 3), Arrow(2, 3)],
    ),
    "change_sets": Picture(
        "One request changed two tables. undo() takes both changes back.",
        [
            Box(0, 0.5, "one request"),
            Box(1, 0, "product:\nprice 4, now 0"),
            Box(1, 1, "sale:\ndeleted", "gone"),
            Box(0, 2, "undo()"),
            Box(1, 2, "price 4, and\nthe sale is back", "yes"),
        ],
        [Arrow(0, 1), Arrow(0, 2), Arrow(3, 4)],
    ),
    "as_of": Picture(
        "Inside as_of() with a time on Monday, queries read the price of Monday.",
        [
            Box(0, 0, "Monday:\nprice 4"),
            Box(1, 0, "as_of(Monday):\nreads 4", "yes"),
            Box(0, 1, "Tuesday:\nprice 9"),
            Box(1, 1, "now:\nreads 9"),
        ],
        [Arrow(0, 2), Arrow(0, 1), Arrow(2, 3)],
    ),
    "backfill": Picture(
        "Without a first event, an update has nothing to be compared with. backfill writes it.",
        [
            Box(0, 0, "old row:\nno event", "gone"),
            Box(0, 1, "update:\nno difference", "no"),
            Box(1, 0, "backfill:\nfirst event", "yes"),
            Box(1, 1, "update:\n4, then 9", "yes"),
        ],
        [Arrow(0, 1), Arrow(0, 2), Arrow(2, 3)],
    ),
    "retention": Picture(
        "prune removes events that are too old, except the last one of each object.",
        [
            Box(0, 0, "London, Paris:\n2 years old", "gone"),
            Box(0, 1, "Rome:\n2 years old", "yes"),
            Box(0, 2, "Oslo:\ntoday", "yes"),
            Box(1, 0, "removed", "gone"),
            Box(1, 1, "stays: the last\nold one"),
            Box(1, 2, "stays"),
        ],
        [Arrow(0, 3), Arrow(1, 4), Arrow(2, 5)],
    ),
    "erasure": Picture(
        "erase() empties the fields of one person in her events; the event of another stays.",
        [
            Box(0, 0, "Ada, London"),
            Box(1, 0, "(empty)", "gone"),
            Box(0, 1, "Ada, Paris"),
            Box(1, 1, "(empty)", "gone"),
            Box(0, 2, "Grace, Rome"),
            Box(1, 2, "Grace, Rome", "yes"),
        ],
        [Arrow(0, 1), Arrow(2, 3), Arrow(4, 5)],
    ),
    "deferred_constraints": Picture(
        "A deferred constraint refuses the COMMIT; an immediate one refuses the INSERT.",
        [
            Box(0, 0, "deferred"),
            Box(0, 1, "INSERT\npasses"),
            Box(0, 2, "COMMIT\nis refused", "no"),
            Box(1, 0, "immediate()"),
            Box(1, 1, "INSERT\nis refused", "no"),
        ],
        [Arrow(0, 1), Arrow(1, 2), Arrow(3, 4)],
    ),
    "deferred_rules": Picture(
        "After the first posting the transfer adds up to -100, which only COMMIT would refuse."
        " After the second one it adds up to 0.",
        [
            Box(0, 0, "cash: -100"),
            Box(1, 0, "sum: -100\n(not checked yet)"),
            Box(0, 1, "bank: +100"),
            Box(1, 1, "sum: 0"),
            Box(1, 2, "COMMIT\nchecks: 0", "yes"),
        ],
        [Arrow(0, 1), Arrow(0, 2), Arrow(2, 3), Arrow(3, 4)],
    ),
    "statement_triggers": Picture(
        "An UPDATE of 1,000 rows calls a row-level trigger 1,000 times, one at statement level"
        " once.",
        [
            Box(0, 0.5, "UPDATE of\n1,000 rows"),
            Box(1, 0, "row level:\n1,000 calls"),
            Box(1, 1, "statement level:\n1 call", "yes"),
        ],
        [Arrow(0, 1), Arrow(0, 2)],
    ),
    "third_party_models": Picture(
        "The proxy model Role declares the rule; it refuses what the other app's Group sends.",
        [
            Box(0, 0, "Role (yours):\ndeclares the rule"),
            Box(1, 0.5, "table auth_group\nwith the trigger", "yes"),
            Box(0, 1, "Group (Django's):\ndelete()"),
        ],
        [Arrow(0, 1), Arrow(2, 1, "no")],
    ),
    "rules_in_migrations": Picture(
        "The migration's UPDATE is refused, and passes inside ignore().",
        [
            Box(0, 0, "migration:\nUPDATE"),
            Box(0, 1, "inside ignore():\nUPDATE"),
            Box(1, 0.5, "table with\nits trigger"),
        ],
        [Arrow(0, 2, "no"), Arrow(1, 2)],
    ),
    "schemas": Picture(
        "A copy of a table has no trigger, until install() runs in its schema.",
        [
            Box(0, 0, "public.ticket:\nwith the rule", "yes"),
            Box(1, 0, "north.ticket:\nwithout it", "no"),
            Box(0, 1, "install() in\nschema north"),
            Box(1, 1, "north.ticket:\nwith the rule", "yes"),
        ],
        [Arrow(0, 1), Arrow(2, 3), Arrow(1, 3)],
    ),
    "drift": Picture(
        "The declaration and the installed function differ: OUTDATED. install() repairs it.",
        [
            Box(0, 0, "models.py:\nProtect"),
            Box(1, 0, "PostgreSQL:\nchanged by hand", "no"),
            Box(0, 1, "install()"),
            Box(1, 1, "PostgreSQL:\nas declared", "yes"),
        ],
        [Arrow(0, 1, "no"), Arrow(2, 3), Arrow(1, 3)],
    ),
    "report_mode": Picture(
        "A payment below 0 is written, and a record of it too, until the rule refuses.",
        [
            Box(0, 0, "amount = -5"),
            Box(1, 0, "report: written,\nwith a record", "yes"),
            Box(0, 1, "amount = -5"),
            Box(1, 1, "refuse: an error", "no"),
        ],
        [Arrow(0, 1), Arrow(2, 3, "no")],
    ),
}
