"""``flush``, which empties every table, those of append-only events too.

TransactionTestCase ends with it. What guards an event table from TRUNCATE, and what would write an
event for each row that TRUNCATE takes, stands aside for it.
"""

from __future__ import annotations

import contextlib
from typing import Any

from django.core.management.commands import flush
from django.db import connections, transaction

import pgtrigger
from pghistory.tracking import event_models
from pghistory.writing import event_trigger


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        database = options["database"]
        declared = _truncate_triggers()
        with contextlib.ExitStack() as stack:
            ignorable = [rule.get_uri(model) for model, rule in declared if rule.ignorable]
            if ignorable:
                stack.enter_context(pgtrigger.ignore(*ignorable, databases=[database]))
            strict = [(model, rule) for model, rule in declared if not rule.ignorable]
            if strict:
                stack.enter_context(transaction.atomic(using=database))
            existing = set(connections[database].introspection.table_names()) if strict else set()
            for model, rule in strict:
                if model._meta.db_table in existing:
                    stack.enter_context(rule.disable(model, database))
            super().handle(**options)


def _truncate_triggers() -> list[tuple[Any, pgtrigger.Trigger]]:
    """The history's own triggers on TRUNCATE, each with its model."""
    of_events = set(event_models.all_event_models())
    return [
        (model, declared)
        for model, declared in pgtrigger.registered()
        if declared.operation == pgtrigger.Truncate
        and (isinstance(declared, event_trigger.Event) or model in of_events)
    ]
