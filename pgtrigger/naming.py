"""What things are called: URIs, triggers, functions and tables.

PostgreSQL cuts identifiers at 63 bytes
(https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS), so every
name made here fits.
"""

import enum
import hashlib
import re
from collections.abc import Sequence
from typing import Any

from django.db.backends.utils import split_identifier
from psycopg import sql

PREFIX = "pgtrigger_"
MAX_NAME_LENGTH = 47
MAX_IDENTIFIER_BYTES = 63

_NAME = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)
_PLAIN = re.compile(r"[a-zA-Z_][a-zA-Z0-9_$]*", re.ASCII)
_URI = re.compile(r"[^.:]+\.[^.:]+:[^.:]+")


def validate_trigger_name(name: object) -> str:
    """The name, or a ValueError that says which of its rules is broken."""
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
    """The URI, or a ValueError that says what one looks like."""
    if not isinstance(uri, str) or not _URI.fullmatch(uri):
        raise ValueError(
            f'Trigger URI {uri!r} must be in the format "app_label.ModelName:trigger_name".'
        )
    return uri


def trigger_identifier(name: str, uri: str) -> str:
    """``pgtrigger_<name>_<5 hex digits of the URI>``: the trigger's name in the database.

    Raises:
        ValueError: if PostgreSQL would cut it, which a declaration that overrides
            ``validate_name()`` does not prevent.
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
    """A name as SQL without quotes has it: a plain one is in lower case.

    A function that reads a transition table may spell it as the declaration does. In double quotes,
    a name is as it is written.

    https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-IDENTIFIERS
    """
    if len(name) > 2 and name[0] == name[-1] == '"':
        return sql.Identifier(name[1:-1].replace('""', '"'))
    return sql.Identifier(name.lower() if _PLAIN.fullmatch(name) else name)


def function_identifier(pgid: str, table: str) -> str:
    """The name of a trigger's function, in the schema of its table.

    Five digits collide, and functions of one name would overwrite each other silently, so a
    function's name carries twenty, of what makes a trigger one: its name and its table.
    """
    return f"{pgid[:42]}_{_digest(f'{table}:{pgid}')[:20]}"


def ignore_key(table: str, pgid: str) -> str:
    """How a trigger is named in the setting ``pgtrigger.ignore``."""
    return f"{table}:{pgid}"


def split_table(db_table: str) -> tuple[str | None, str]:
    """The schema (None for whichever ``search_path`` finds) and name of a ``Meta.db_table``.

    ``'"archive"."entry"'``, the way to name a schema in Django, is two identifiers.
    """
    schema, name = split_identifier(db_table)
    return schema or None, name


def table_identifier(db_table: str, schema: str | None = None) -> sql.Identifier:
    """The table as SQL, in ``schema`` where the table's own name does not say another."""
    own_schema, name = split_table(db_table)
    found = own_schema or schema
    return sql.Identifier(found, name) if found else sql.Identifier(name)


def as_text(composed: sql.Composable) -> str:
    """Composed SQL as text, rendered without a connection."""
    return composed.as_string(None)


def bind(text: str, params: Sequence[Any]) -> str:
    """Compiled SQL with its parameters as literals.

    DDL takes no parameters, so they are put in the way the driver's client-side binding does it:
    the text's ``%s`` are Django's own, its ``%%`` stand for one ``%``.
    """
    return text % tuple(as_text(sql.Literal(_plain(param))) for param in params)


def _plain(param: Any) -> Any:
    return param.value if isinstance(param, enum.Enum) else param


def _digest(text: str) -> str:
    return hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest()
