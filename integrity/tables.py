"""Find the table of a model in the database, and the model of a table."""

from dataclasses import dataclass

from django.apps import apps
from django.db.backends.utils import split_identifier
from django.db.models import Model

# NAMEDATALEN - 1: https://www.postgresql.org/docs/current/sql-syntax-lexical.html
LONGEST_NAME = 63


def truncated(name: str) -> str:
    """Return the name as PostgreSQL stores it: at most 63 bytes, of whole characters."""
    return name.encode()[:LONGEST_NAME].decode(errors="ignore")


def kept(name: str) -> str:
    """Return the stored form of a name after Django's quoting and PostgreSQL's truncation."""
    return truncated(_without_quotes(name).replace('""', '"'))


def _without_quotes(name: str) -> str:
    return name[1:-1] if len(name) > 1 and name[0] == name[-1] == '"' else name


# Note [The schema of a model]
# A model in another schema says so in its db_table, '"schema"."table"'. All others are found
# through search_path, which may change at run time (a schema per tenant), and cannot be asked for
# in a transaction that has failed. So a table that names no schema is taken for the model's in any
# schema, except where another model names that schema and table.


@dataclass(frozen=True)
class Table:
    """A table, and its schema if the model names one."""

    schema: str | None
    name: str

    def is_at(self, schema: str | None, name: str | None) -> bool:
        """Return whether the server's names mean this table. See Note [The schema of a model]."""
        if self.name != name:
            return False
        if self.schema is None:
            return Table(schema, name) not in _tables_that_name_their_schema()
        return self.schema == schema


def table_of(model: type[Model]) -> Table:
    schema, name = split_identifier(model._meta.db_table)
    return Table(kept(schema) or None, kept(name))


def _tables_that_name_their_schema() -> set[Table]:
    tables = map(table_of, apps.get_models(include_auto_created=True))
    return {table for table in tables if table.schema is not None}


def model_at(schema: str | None, name: str | None) -> type[Model] | None:
    """Return the model of a table; of several, the one that is not a proxy."""
    for model in apps.get_models(include_auto_created=True):
        if not model._meta.proxy and table_of(model).is_at(schema, name):
            return model
    return None
