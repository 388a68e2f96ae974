"""Report mode: a rule records what it would refuse, and the write passes.

See Note [Records without waiting] in ``pgtrigger.database.recording``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import sql

from pgtrigger import naming
from pgtrigger.sql.function_body import Body, Quoted, Relation

if TYPE_CHECKING:
    from django.db.models import Model

REFUSE, REPORT = "refuse", "report"
MODES = (REFUSE, REPORT)

PASS = """
IF TG_OP OPERATOR(pg_catalog.=) 'DELETE' THEN
    RETURN OLD;
END IF;
RETURN NEW;"""


def record(model: type[Model], message: sql.Composable, detail: sql.Composable) -> Body:
    """The statement that records one refusal."""
    return Body(
        _insert(model),
        "\nVALUES (",
        _table(model),
        sql.SQL(", {}, ({})::pg_catalog.jsonb);").format(message, detail),
    )


def record_each(
    model: type[Model],
    message: sql.Composable,
    detail: sql.Composable,
    source: sql.Composable,
    where: sql.Composable,
) -> Body:
    """The statement, without its semicolon, that records a refusal for each row of ``source``."""
    return Body(
        _insert(model),
        "\nSELECT ",
        _table(model),
        sql.SQL(", {}, ({})::pg_catalog.jsonb\nFROM {} WHERE {}").format(
            message, detail, source, where
        ),
    )


def _insert(model: type[Model]) -> Body:
    return Body("INSERT INTO ", Relation(naming.VIOLATIONS), " (table_name, message, detail)")


def _table(model: type[Model]) -> Quoted:
    """The table with its schema, as a literal."""
    return Quoted(Body(Relation(model._meta.db_table)))
