"""Try a rule on what is stored: which rows break it, and which past changes it would have refused.

One query reads the table, or the recorded changes, with a cursor in a transaction: it sees one
state, locks no row, and its result is never in memory as a whole. For the progress, every so many
rows one is returned that is not a result.

https://www.postgresql.org/docs/current/sql-declare.html
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, transaction
from psycopg import sql

from pgtrigger.triggers import registry
from pgtrigger.triggers.rule import Rule
from pgtrigger.triggers.standing import key, table
from pgtrigger.vocabulary.columns import ROW_VARIABLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime

    from django.db.models import Model

    Progress = Callable[[int], None]

# The number of rows between two reports of progress, and of rows that are fetched at once: few, so
# that a report does not wait for results, or many, if every row is a result.
STEP, FEW, MANY = 10_000, 5, 2_000


class Changes(Protocol):
    """The recorded changes of a model, each as an old and a new row. See ``sources``."""

    @property
    def fields(self) -> frozenset[str]:
        """The names of the fields that both rows have."""

    def source(self, since: datetime | None) -> sql.Composable:
        """Return a FROM clause of the changes since a time, with the rows OLD, NEW and ``change``.

        ``change`` has the columns ``number``, which orders them, ``operation`` (INSERT, UPDATE,
        DELETE, or NULL if that is not known), ``made_at`` and ``context`` (JSON).
        """


# Each returns the recorded changes of a model on a database, or None if there are none.
sources: list[Callable[[type[Model], str], Changes | None]] = []


@dataclass(frozen=True)
class RefusedChange:
    """A past change that a rule would have refused."""

    key: dict[str, Any]
    operation: str
    time: datetime
    detail: dict[str, Any]
    context: dict[str, Any] | None


def find(*targets: str) -> list[tuple[type[Model], Rule]]:
    """Return the rules of these URIs and models, or all of the project, each with its model.

    Args:
        targets: URIs, each of which stands for the rules that belong to it, or labels of models.

    Raises:
        LookupError: a target is not known, or refuses nothing.
    """
    found: list[tuple[type[Model], Rule]] = []
    for target in targets:
        rules = _rules(registry.family(target) if ":" in target else _declared_on(target))
        if not rules:
            raise LookupError(f'"{target}" refuses nothing, so there is nothing to try.')
        found += rules
    return found if targets else _rules(registry.registered())


def _declared_on(label: str) -> list[tuple[type[Model], Any]]:
    model = apps.get_model(label)
    return [(model, trigger) for trigger in registry.of_model(model)]


def _rules(triggers: list[tuple[type[Model], Any]]) -> list[tuple[type[Model], Rule]]:
    return [(model, each) for model, each in triggers if isinstance(each, Rule)]


class Trial:
    """A rule on a model, tried on one database.

    Attributes:
        standing: what the rule says of stored rows, None if it says nothing.
        read: the number of rows or changes that the last query has read.
    """

    def __init__(self, model: type[Model], rule: Rule, database: str | None = None):
        self.model, self.rule = model, rule
        self.database = database or DEFAULT_DB_ALIAS
        self.standing = rule.standing(model)
        self.read = 0

    def estimate(self) -> int:
        """Return how many rows the table has, as PostgreSQL estimates; 0 if it does not know."""
        with connections[self.database].cursor() as cursor:
            cursor.execute(
                "SELECT reltuples::pg_catalog.int8 FROM pg_catalog.pg_class "
                "WHERE oid = pg_catalog.to_regclass(%s)",
                [table(self.model).as_string()],
            )
            [estimate] = cursor.fetchone() or (0,)
        return max(int(estimate), 0)

    def rows(self, progress: Progress | None = None) -> Iterator[dict[str, Any]]:
        """Yield the keys of the stored rows that break the rule, or that it keeps as they are.

        ``progress`` is called with the number of rows read.
        """
        standing = self.standing
        if standing is None:
            return
        if standing.query is not None:
            query: sql.Composable = sql.SQL("SELECT NULL, true, found.* FROM ({}) AS found").format(
                standing.query
            )
        else:
            alias = sql.SQL(str(standing.alias))
            source = sql.SQL("{} AS {}").format(table(self.model), alias)
            query = _judged(source, sql.SQL(standing.where), key(self.model, str(standing.alias)))
        for (found,) in self._stream(query, progress):
            yield found

    def changes(
        self, since: datetime | None = None, progress: Progress | None = None
    ) -> Iterator[RefusedChange]:
        """Yield the recorded changes that the rule would have refused, the first one first.

        Raises:
            LookupError: the model has no recorded changes, or they lack what the rule reads.
        """
        changes = self._changes()
        assert self.rule.operation is not None
        operations = [name for name in self.rule.operation.names if name != "TRUNCATE"]
        condition = self.rule.get_condition(self.model)
        detail = self.rule.declared_refusal(self.model).detail(ROW_VARIABLES)
        query = _judged(
            changes.source(since),
            sql.SQL("change.operation = ANY ({}) AND ({})").format(
                sql.Literal(operations),
                sql.SQL(condition.render(self.model, ROW_VARIABLES) if condition else "true"),
            ),
            sql.SQL("CASE change.operation WHEN 'INSERT' THEN {} ELSE {} END").format(
                key(self.model, ROW_VARIABLES.new), key(self.model, ROW_VARIABLES.old)
            ),
            sql.SQL("change.operation"),
            sql.SQL("change.made_at"),
            sql.SQL("({})::pg_catalog.json").format(detail.to_sql()),
            sql.SQL("change.context"),
            order=sql.SQL("ORDER BY change.number"),
        )
        for row in self._stream(query, progress):
            yield RefusedChange(*row)

    def _changes(self) -> Changes:
        uri = self.rule.get_uri(self.model)
        if not self.rule.is_decided_by_condition():
            raise LookupError(
                f"{uri} looks at more than the row that is written: "
                "recorded changes do not say what it would have refused."
            )
        candidates = (source(self.model, self.database) for source in sources)
        found = next(filter(None, candidates), None)
        if found is None:
            raise LookupError(
                f"No changes of {self.model._meta.label} are recorded. Track it with pghistory."
            )
        condition = self.rule.get_condition(self.model)
        read = {field.name for _, field in condition.columns(self.model)} if condition else set()
        missing = sorted(read - found.fields)
        if missing:
            raise LookupError(
                f"{uri} reads {', '.join(missing)}, which the recorded changes do not have."
            )
        return found

    def _stream(self, query: sql.Composable, progress: Progress | None) -> Iterator[list[Any]]:
        self.read = 0
        connection = connections[self.database]
        with transaction.atomic(using=self.database), connection.chunked_cursor() as cursor:
            cursor.execute(query.as_string())
            size = FEW
            while rows := cursor.fetchmany(size):
                for number, hit, *values in rows:
                    self.read = number or self.read + 1
                    if hit:
                        yield values
                size = min(2 * size, MANY) if all(hit for _, hit, *_ in rows) else FEW
                if progress:
                    progress(self.read)


def _judged(
    source: sql.Composable,
    where: sql.Composable,
    *values: sql.Composable,
    order: sql.Composable | None = None,
) -> sql.Composable:
    """The rows of which ``where`` is true with these values, and others to tell the progress by.

    Each begins with its number and whether the condition is true of it. The last row is there.
    """
    names = [sql.Identifier(f"value{position}") for position in range(len(values))]
    columns = [
        sql.SQL("CASE WHEN judged.hit THEN {} END AS {}").format(value, name)
        for value, name in zip(values, names, strict=True)
    ]
    return sql.SQL(
        "SELECT number, hit, {names} FROM (\n"
        "SELECT pg_catalog.row_number() OVER every AS number, judged.hit, {columns},\n"
        "pg_catalog.lead(true) OVER every IS NULL AS is_last\n"
        "FROM {source}, LATERAL (SELECT ({where}) IS TRUE AS hit) AS judged\n"
        "WINDOW every AS ({order})\n"
        ") AS seen WHERE hit OR number % {step} = 0 OR is_last"
    ).format(
        names=sql.SQL(", ").join(names),
        columns=sql.SQL(", ").join(columns),
        source=source,
        where=where,
        order=order or sql.SQL(""),
        step=sql.Literal(STEP),
    )
