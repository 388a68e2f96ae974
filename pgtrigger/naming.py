"""The names of things: URIs, triggers, functions and tables.

PostgreSQL truncates identifiers to 63 bytes, so every name that is generated here is shorter.
https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
"""

import enum
import hashlib
import re
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from django.db.backends.utils import split_identifier
from psycopg import sql

PREFIX = "pgtrigger_"
# The tables that rules in report mode write, and the names of their sequences.
VIOLATIONS = f"{PREFIX}violation"
VIOLATION_COUNTS = f"{PREFIX}violationcount"
REPORTS = f"{PREFIX}reports_"
MAX_NAME_LENGTH = 47
MAX_IDENTIFIER_BYTES = 63

_NAME = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)
_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_$]*", re.ASCII)
_URI = re.compile(r"[^.:]+\.[^.:]+:[^.:]+")


def validate_trigger_name(name: object) -> str:
    """Return the name; raise ValueError if it is missing, too long, or has other characters."""
    if not isinstance(name, str) or not name:
        raise ValueError(f'A trigger must have a "name": found {name!r}, expected a text.')
    if len(name) > MAX_NAME_LENGTH:
        raise ValueError(
            f'Trigger name "{name}" > {MAX_NAME_LENGTH} characters: '
            f"it has {len(name)}. Choose a shorter one."
        )
    if not _NAME.fullmatch(name):
        raise ValueError(
            f'Trigger name "{name}" must contain only alphanumeric characters, '
            "hyphens and underscores (a-z, A-Z, 0-9, - and _)."
        )
    return name


def validate_uri(uri: str) -> str:
    """Return the URI; raise ValueError if it is malformed."""
    if not isinstance(uri, str) or not _URI.fullmatch(uri):
        raise ValueError(
            f'Trigger URI {uri!r} must be in the format "app_label.ModelName:trigger_name".'
        )
    return uri


def trigger_identifier(name: str, uri: str) -> str:
    """Return the trigger's name in the database: ``pgtrigger_<name>_<5 hex digits of the URI>``.

    Raises:
        ValueError: PostgreSQL would truncate it, because a declaration overrides
            ``validate_name()``.
    """
    identifier = f"{PREFIX}{name}_{_digest(uri)[:5]}".lower()
    length = len(identifier.encode())
    if length > MAX_IDENTIFIER_BYTES:
        raise ValueError(
            f'Trigger identifier "{identifier}" of {uri} has {length} bytes, which is greater than '
            f"{MAX_IDENTIFIER_BYTES}: PostgreSQL would cut it. Choose a shorter name."
        )
    return identifier


def sql_name(name: str) -> sql.Identifier:
    """Return the identifier that a name means in SQL: in lower case, unless it is in double quotes.

    So a function may spell the name of a transition table as the declaration does.

    https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
    """
    if len(name) > 2 and name[0] == name[-1] == '"':
        return sql.Identifier(name[1:-1].replace('""', '"'))
    return sql.Identifier(name.lower() if _PLAIN.fullmatch(name) else name)


def function_identifier(pgid: str, table: str) -> str:
    """Return the name of a trigger's function, which is in the schema of its table.

    Functions of the same name would overwrite each other, and five digits are not enough to prevent
    that. So the name ends with twenty digits of the trigger's name and table.
    """
    return f"{pgid[:42]}_{_digest(f'{table}:{pgid}')[:20]}"


def report_sequence(uri: str) -> str:
    """The sequence that numbers the records of a rule in report mode, beside its table."""
    return f"{REPORTS}{hashlib.md5(uri.encode(), usedforsecurity=False).hexdigest()}"


def ignore_key(table: str, pgid: str) -> str:
    """Return the name of a trigger in the setting ``pgtrigger.ignore``."""
    return f"{table}:{pgid}"


def split_table(db_table: str) -> tuple[str | None, str]:
    """Return the schema and the name of a ``Meta.db_table``; None is the schema in ``search_path``.

    ``'"archive"."entry"'``, which is how Django names a schema, is two identifiers.
    """
    schema, name = split_identifier(db_table)
    return schema or None, name


def table_identifier(db_table: str, schema: str | None = None) -> sql.Identifier:
    """Return the table as SQL, in its own schema or, if it does not name one, in ``schema``."""
    own_schema, name = split_table(db_table)
    found = own_schema or schema
    return sql.Identifier(found, name) if found else sql.Identifier(name)


def bind(text: str, params: Sequence[Any]) -> str:
    """Return compiled SQL with its parameters as literals, because DDL does not take parameters.

    As in the driver's client-side binding, ``%s`` is a parameter and ``%%`` stands for one ``%``.
    """
    return text % tuple(_literal(param).as_string() for param in params)


def _literal(param: Any) -> sql.Composable:
    """A literal that means the same whatever a role sets, such as IntervalStyle.

    https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-INTERVAL-INPUT
    """
    value = param.value if isinstance(param, enum.Enum) else param
    if isinstance(value, timedelta):
        parts = f"{value.days:+} days {value.seconds:+} seconds {value.microseconds:+} microseconds"
        return sql.SQL("{}::interval").format(sql.Literal(parts))
    return sql.Literal(value)


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
