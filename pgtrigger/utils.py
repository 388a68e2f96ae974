"""A public path: what triggers of a project's own import to render SQL."""

from psycopg import sql

from pgtrigger.triggers.templates import AttrDict

__all__ = ["AttrDict", "quote"]


def quote(label: str) -> str:
    """Return a name as SQL: in double quotes, unless it is quoted already."""
    if len(label) > 1 and label.startswith('"') and label.endswith('"'):
        return label
    return sql.Identifier(label).as_string()
