"""Querysets of events, and fields that stand for a value elsewhere (``ProxyField``).

A query over such a model has a subquery in place of its table. PostgreSQL flattens it, so that
filters and orderings use the indexes of the tables inside.

https://docs.djangoproject.com/en/stable/ref/models/querysets/
"""

from __future__ import annotations

import functools
from typing import Any, NoReturn

from django.db import models
from django.db.models.expressions import F, Func
from django.db.models.fields.json import KeyTextTransform, KeyTransform
from django.db.models.functions import Cast
from django.db.models.sql import Query
from django.db.models.sql.datastructures import BaseTable

from pghistory.reading import absent_columns
from pgtrigger.vocabulary.columns import postgres_connection


def quoted(compiler: Any, name: str) -> str:
    """Quote a name as the compiler does. Before Django 6.1 it leaves its own aliases unquoted."""
    quote = getattr(compiler, "quote_name", None) or compiler.quote_name_unless_alias
    return str(quote(name))


class DerivedTable(BaseTable):
    """A subquery that replaces a table, if the query has one."""

    def as_sql(self, compiler: Any, connection: Any) -> tuple[str, Any]:
        # The queries that Django derives for an UPDATE or DELETE are about the table itself.
        query = compiler.query
        table, params = query.table_sql(connection) if isinstance(query, EventQuery) else ("", ())
        if not table:
            return super().as_sql(compiler, connection)
        alias = quoted(compiler, self.table_alias or self.table_name)
        return f"({table}) {alias}", params


class EventQuery(Query):
    """A query over an event model, which may have proxy fields."""

    model: Any
    base_table_class = DerivedTable
    # Whether this is the subquery, in which a proxy field is the expression it stands for.
    is_inner = False

    def table_sql(self, connection: Any) -> tuple[str, Any]:
        """Return the subquery and its parameters; empty if the table itself is read."""
        if self.is_inner:
            return self.plain_table_sql(connection)
        proxies = getattr(self.model, "pgh_proxies", {})
        event_model = self.model._meta.concrete_model
        absent = absent_columns.find([event_model], connection) if self.has_own_table else {}
        if not proxies and not absent:
            return self.plain_table_sql(connection)
        inner = self.inside()
        table = inner.get_initial_alias()
        compiler = inner.get_compiler(connection=connection)
        quote = functools.partial(quoted, compiler)
        # By name: the table of a project that used the PyPI package has a column of a proxy's name.
        fields = absent.get(event_model, ())
        columns = [f"{quote(table)}.*"]
        if self.has_own_table:
            own = [each for each in event_model._meta.local_concrete_fields if each not in fields]
            columns = [f"{quote(table)}.{quote(each.column)}" for each in own]
        selected = [*columns, *(absent_columns.null(each).as_string() for each in fields)]
        params: list[Any] = []
        for name, path in proxies.items():
            field = self.model._meta.get_field(name)
            value = _proxied(self.model, path, field).resolve_expression(inner)
            text, value_params = compiler.compile(value)
            selected.append(f"{text} AS {quote(field.column)}")
            params += value_params
        tables, table_params = compiler.get_from_clause()
        return f"SELECT {', '.join(selected)} FROM {' '.join(tables)}", [*params, *table_params]

    @property
    def has_own_table(self) -> bool:
        """Return whether the model is one event model, not a list of several."""
        return getattr(self.model, "pgh_tracked_model", None) is not None

    def inside(self) -> EventQuery:
        """Return a query over the same table without any condition or order."""
        inner = type(self)(self.model)
        inner.is_inner = True
        inner.clear_ordering(force=True)
        return inner

    def plain_table_sql(self, connection: Any) -> tuple[str, Any]:
        """Return ``table_sql`` without proxy fields."""
        return "", ()


class EventQuerySet(models.QuerySet[Any]):
    """Events of one event model."""

    def __init__(self, model: Any = None, query: Any = None, **kwargs: Any):
        super().__init__(model, query or EventQuery(model), **kwargs)

    def update(self, **values: Any) -> int:
        return self._of_the_table().update(**values)

    def delete(self) -> tuple[int, dict[str, int]]:
        return self._of_the_table().delete()

    update.alters_data = delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _of_the_table(self) -> models.QuerySet[Any]:
        """Return the same events in a query without proxy fields, which may have selected them."""
        plain: models.QuerySet[Any] = models.QuerySet(self.model, using=self.db)
        if not self.query.has_filters() and not self.query.is_sliced:
            return plain
        return plain.filter(pk__in=self.order_by().values("pk"))


class ReadOnlyQuerySet(models.QuerySet[Any]):
    """A queryset over a subquery: there is no table that it could write to."""

    read_only_reason = ""

    @classmethod
    def reject(cls, model: Any) -> NoReturn:
        raise TypeError(cls.read_only_reason.format(model.__name__))

    def _reject(self, *args: Any, **kwargs: Any) -> Any:
        self.reject(self.model)

    create = bulk_create = bulk_update = update = delete = _raw_delete = _reject


class _Guarded(Func):
    """A text that is a value of the type that it is cast to, or NULL.

    https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-INFO-VALIDITY
    """

    def as_sql(self, compiler: Any, connection: Any, *args: Any, **extra: Any) -> Any:
        text, params = compiler.compile(self.source_expressions[0])
        db_type = self.extra["db_type"]
        if connection.pg_version >= 160000:
            test, test_params = f"pg_catalog.pg_input_is_valid({text}, %s)", [*params, db_type]
        else:
            template = _TESTS_BEFORE_16.get(db_type, "true")
            test, test_params = template.format(text), [*params] * template.count("{0}")
        return f"CASE WHEN {test} THEN {text} END", [*test_params, *params]


def _integer_test(bits: int) -> str:
    most = 2 ** (bits - 1)
    digits = "{0} ~ '^-?[0-9]{{1,19}}$'"
    return f"CASE WHEN {digits} THEN {{0}}::numeric BETWEEN {-most} AND {most - 1} END"


# For a type that is not listed, a malformed text is an error on these servers.
_TESTS_BEFORE_16 = {
    "smallint": _integer_test(16),
    "integer": _integer_test(32),
    "bigint": _integer_test(64),
    "uuid": "{0} ~ '^[0-9a-fA-F]{{8}}(-?[0-9a-fA-F]{{4}}){{3}}-?[0-9a-fA-F]{{12}}$'",
    "boolean": "{0} ~ '^(true|false)$'",
    "date": "pg_catalog.jsonb_path_exists(pg_catalog.to_jsonb({0}), "
    "'$.datetime(\"yyyy-mm-dd\")', silent => true)",
}


def _proxied(model: Any, path: str, field: Any) -> Any:
    """The expression that a path stands for, of the field's type."""
    name, *rest = path.split("__")
    related: Any = model
    found = [name]
    while rest and related._meta.get_field(name).is_relation:
        related = related._meta.get_field(name).related_model
        name, *rest = rest
        found.append(name)
    value: Any = F("__".join(found))
    if not rest:
        return value
    for key in rest[:-1]:
        value = KeyTransform(key, value)
    text = KeyTextTransform(rest[-1], value)
    return _cast(text, field.target_field if field.is_relation else field)


def _cast(text: Any, field: Any) -> Any:
    db_type = str(field.cast_db_type(postgres_connection()))
    if db_type in ("text", "varchar") or db_type.startswith("varchar"):
        return Cast(text, models.TextField())
    return Cast(_Guarded(text, db_type=db_type, output_field=models.TextField()), field)
