"""URIs, and the names of triggers, functions and tables in the database.

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
# The tables that rules in report mode write to, and the prefix of the sequences of these rules.
VIOLATIONS = f"{PREFIX}violation"
VIOLATION_COUNTS = f"{PREFIX}violationcount"
REPORTS = f"{PREFIX}reports_"
MAX_NAME_LENGTH = 47
MAX_IDENTIFIER_BYTES = 63

_NAME = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)
_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_$]*", re.ASCII)
_URI = re.compile(r"[^.:]+\.[^.:]+:[^.:]+")


def validate_trigger_name(name: object) -> str:
    """Return the name; raise ValueError if it is missing, too long or malformed."""
    if not isinstance(name, str) or not name:
        raise ValueError(f'A trigger must have a "name": found {name!r}, expected a string.')
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
    """Return the trigger's name in the database: ``pgtrigger_<name>_<hash>``.

    The hash is the first 5 hex digits of the SHA-1 of the URI.

    Raises:
        ValueError: If PostgreSQL would truncate it. Only a declaration that overrides
            ``validate_name()`` can have so long a name.
    """
    identifier = f"{PREFIX}{name}_{_digest(uri)[:5]}".lower()
    length = len(identifier.encode())
    if length > MAX_IDENTIFIER_BYTES:
        raise ValueError(
            f'Trigger identifier "{identifier}" of {uri} has {length} bytes, which is greater than '
            f"{MAX_IDENTIFIER_BYTES}: PostgreSQL would truncate it. Choose a shorter name."
        )
    return identifier


def sql_name(name: str) -> sql.Identifier:
    """Return the name as an SQL identifier: in lower case, unless it is in double quotes.

    PostgreSQL reads names in SQL in the same way. So the body of a function can contain the name of
    a transition table exactly as it is written in ``referencing``.

    https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
    """
    if len(name) > 2 and name[0] == name[-1] == '"':
        return sql.Identifier(name[1:-1].replace('""', '"'))
    return sql.Identifier(name.lower() if _PLAIN.fullmatch(name) else name)


def function_identifier(pgid: str, table: str) -> str:
    """Return the name of a trigger's function, which is in the schema of the trigger's table.

    ``pgid`` is the trigger's name in the database: see ``trigger_identifier()``. Functions of the
    same name would overwrite each other, and the five digits at the end of a trigger's name are too
    few to prevent that. So the name of a function ends with twenty hex digits of a hash of the
    trigger's name and table.
    """
    return f"{pgid[:42]}_{_digest(f'{table}:{pgid}')[:20]}"


def report_sequence(uri: str) -> str:
    """Return the name of the sequence that numbers a rule's records in report mode."""
    return f"{REPORTS}{hashlib.md5(uri.encode(), usedforsecurity=False).hexdigest()}"


def ignore_key(table: str, pgid: str) -> str:
    """Return the text that identifies a trigger in the setting ``pgtrigger.ignore``."""
    return f"{table}:{pgid}"


def split_table(db_table: str) -> tuple[str | None, str]:
    """Return the schema and the name of a ``Meta.db_table``.

    The schema is None if the name does not contain one: PostgreSQL then searches ``search_path``.
    A table in a schema is written as two quoted identifiers: ``'"archive"."entry"'``.
    """
    schema, name = split_identifier(db_table)
    return schema or None, name


def table_identifier(db_table: str, schema: str | None = None) -> sql.Identifier:
    """Return the table as SQL; ``schema`` is added if ``db_table`` does not contain a schema."""
    own_schema, name = split_table(db_table)
    found = own_schema or schema
    return sql.Identifier(found, name) if found else sql.Identifier(name)


def bind(text: str, params: Sequence[Any]) -> str:
    """Return compiled SQL with its parameters as literals, because DDL does not take parameters.

    As in the driver's client-side binding, ``%s`` is a parameter and ``%%`` stands for one ``%``.
    """
    return text % tuple(_literal(param).as_string() for param in params)


def _literal(param: Any) -> sql.Composable:
    """Return a literal whose meaning does not depend on settings of a role, such as IntervalStyle.

    https://www.postgresql.org/docs/current/datatype-datetime.html#DATATYPE-INTERVAL-INPUT
    """
    value = param.value if isinstance(param, enum.Enum) else param
    if isinstance(value, timedelta):
        parts = f"{value.days:+} days {value.seconds:+} seconds {value.microseconds:+} microseconds"
        return sql.SQL("{}::interval").format(sql.Literal(parts))
    return sql.Literal(value)


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
