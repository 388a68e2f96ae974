"""The comments that an installation writes on a trigger and its function.

A comment names the declaration, and contains a hash of the declaration and a hash of the catalog's
rendering. Comparing both later tells a changed declaration from a change by hand.

https://www.postgresql.org/docs/current/sql-comment.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

from psycopg import sql

from pgtrigger.sql.function_body import Target, dollar_quote

# The hash of a function as stored in pg_proc (alias `p`). A dump and restore keeps it. For a
# SECURITY DEFINER function it includes whether PUBLIC may execute it: see `compiler`.
FUNCTION = sql.SQL(
    """pg_catalog.md5(pg_catalog.concat_ws(
        ' ', p.prosrc, p.prosecdef, p.proconfig,
        CASE WHEN p.prosecdef AND pg_catalog.has_function_privilege('public', p.oid, 'EXECUTE')
            THEN 'public' END
    ))"""
)
# The hash of a trigger as stored in pg_trigger (alias `t`). PostgreSQL qualifies names in it
# according to search_path, so that is pg_catalog when the hash is written and compared.
TRIGGER = sql.SQL("pg_catalog.md5(pg_catalog.pg_get_triggerdef(t.oid))")

_MARK = re.compile(r"(?P<label>.*) (?:definition|body)=(?P<declared>\w+) catalog=(?P<catalog>\w+)")


class Mark(NamedTuple):
    """The text of a comment: what was declared, and the hashes of declaration and catalog."""

    label: str
    declared: str
    catalog: str

    def fits(self, declared: str, catalog: str) -> bool:
        """Return whether the mark has these hashes, which means that nothing has changed."""
        return (self.declared, self.catalog) == (declared, catalog)


def read(comment: str) -> Mark | None:
    """Return the mark in a comment; None for any other text."""
    mark = _MARK.fullmatch(comment)
    return Mark(**mark.groupdict()) if mark else None


def comment_sql(pgid: str, target: Target, trigger_mark: str, function_mark: str = "") -> str:
    """Return SQL that writes the comments: each mark, with the hash of the catalog's rendering."""
    comments = [_COMMENT_ON_TRIGGER.format(declared=sql.Literal(trigger_mark), catalog=TRIGGER)]
    if function_mark:
        comments.append(
            _COMMENT_ON_FUNCTION.format(declared=sql.Literal(function_mark), catalog=FUNCTION)
        )
    block = _COMMENT_BLOCK.format(
        table=sql.Literal(target.identifier.as_string()),
        comments=sql.SQL(" ||\n").join(comments),
        pgid=sql.Literal(pgid),
    )
    return f"DO {dollar_quote(block.as_string())};"


_COMMENT_BLOCK = sql.SQL(
    """\
DECLARE
    path pg_catalog.text := pg_catalog.current_setting('search_path');
    target pg_catalog.regclass := {table}::pg_catalog.regclass;
BEGIN
    PERFORM pg_catalog.set_config('search_path', 'pg_catalog', true);
    EXECUTE (
        SELECT
{comments}
        FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_proc p ON p.oid = t.tgfoid
        WHERE t.tgrelid = target AND t.tgname = {pgid}
    );
    PERFORM pg_catalog.set_config('search_path', path, true);
END;"""
)

_COMMENT_ON_TRIGGER = sql.SQL(
    """\
            pg_catalog.format(
                'COMMENT ON TRIGGER %I ON %s IS %L;', t.tgname, target, {declared} || {catalog}
            )"""
)

_COMMENT_ON_FUNCTION = sql.SQL(
    """\
            pg_catalog.format(
                'COMMENT ON FUNCTION %s IS %L;',
                t.tgfoid::pg_catalog.regprocedure, {declared} || {catalog}
            )"""
)
