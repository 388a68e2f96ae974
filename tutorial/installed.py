"""The triggers that are in the database now, as it holds them.

https://www.postgresql.org/docs/current/catalog-pg-trigger.html
"""

from dataclasses import dataclass

from django.db import DEFAULT_DB_ALIAS, connections
from django.db.models import Model

_OF_TABLE = """
    SELECT tgname, tgenabled, pg_get_triggerdef(oid, true), pg_get_functiondef(tgfoid)
    FROM pg_trigger
    WHERE tgrelid = to_regclass(%s) AND NOT tgisinternal
    ORDER BY tgname
"""


@dataclass(frozen=True)
class InstalledTrigger:
    """`enabled` is Postgres' letter: O in origin, D disabled, R in replica, A always."""

    name: str
    enabled: str
    definition: str
    function: str


def installed_triggers(model: type[Model], using: str = DEFAULT_DB_ALIAS) -> list[InstalledTrigger]:
    """The triggers on the model's table, in the order in which Postgres fires them."""
    connection = connections[using]
    with connection.cursor() as cursor:
        cursor.execute(_OF_TABLE, [connection.ops.quote_name(model._meta.db_table)])
        return [InstalledTrigger(*row) for row in cursor.fetchall()]
