"""Triggers as an expert writes them by hand: what the engine's are measured against.

At row level WHEN holds the condition and the function only raises. At statement level the function
joins the transition tables by key; without LIMIT or EXISTS, which would make the planner choose a
nested loop, slow for many rows. (INTO takes the first row only.)
"""

from __future__ import annotations

from dataclasses import dataclass

from bench.declared import execute


@dataclass(frozen=True)
class Handwritten:
    """The body of a function, and the clauses of its trigger."""

    body: str
    fires: str

    def install(self, table: str) -> None:
        execute(
            f"CREATE FUNCTION {{function}}() RETURNS trigger LANGUAGE plpgsql AS $$ {self.body} $$",
            function=f"{table}_by_hand",
            table=table,
        )
        execute(
            f"CREATE TRIGGER by_hand {self.fires} EXECUTE FUNCTION {{function}}()",
            function=f"{table}_by_hand",
            table=table,
        )

    def drop(self, table: str) -> None:
        execute("DROP FUNCTION {function}() CASCADE", function=f"{table}_by_hand")


def _raising(message: str) -> str:
    return f"BEGIN RAISE EXCEPTION '{message}'; END"


def _searching(query: str, message: str) -> str:
    return f"""
        DECLARE found_id bigint;
        BEGIN
            {query};
            IF found_id IS NOT NULL THEN RAISE EXCEPTION '{message}: %', found_id; END IF;
            RETURN NULL;
        END"""


_BEFORE_ROW = "BEFORE UPDATE ON {table} FOR EACH ROW WHEN "
_AFTER_STATEMENT = (
    "AFTER UPDATE ON {table} REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows "
    "FOR EACH STATEMENT"
)
_JOINED = "SELECT o.id INTO found_id FROM old_rows o JOIN new_rows n USING (id) WHERE "
_LISTED = (
    "(OLD.status = 'draft' AND NEW.status = 'published') "
    "OR (OLD.status = 'published' AND NEW.status = 'draft') "
    "OR (OLD.status = 'published' AND NEW.status = 'withdrawn')"
)

FSM_ROW = Handwritten(
    _raising("invalid transition"),
    f"{_BEFORE_ROW} (OLD.status <> NEW.status AND NOT ({_LISTED}))",
)
FSM_STATEMENT = Handwritten(
    _searching(
        f"{_JOINED} o.status <> n.status AND NOT "
        f"({_LISTED.replace('OLD.', 'o.').replace('NEW.', 'n.')})",
        "invalid transition",
    ),
    _AFTER_STATEMENT,
)
READ_ONLY_ROW = Handwritten(
    _raising("title is read only"), f"{_BEFORE_ROW} (OLD.title IS DISTINCT FROM NEW.title)"
)
READ_ONLY_STATEMENT = Handwritten(
    _searching(f"{_JOINED} o.title IS DISTINCT FROM n.title", "title is read only"),
    _AFTER_STATEMENT,
)
PROTECT_ROW = Handwritten(_raising("protected"), f"{_BEFORE_ROW} (OLD.amount < 0)")
PROTECT_STATEMENT = Handwritten(
    _searching("SELECT id INTO found_id FROM old_rows WHERE amount < 0", "protected"),
    "AFTER UPDATE ON {table} REFERENCING OLD TABLE AS old_rows FOR EACH STATEMENT",
)
VERSION_ROW = Handwritten(
    "BEGIN NEW.version := NEW.version + 1; RETURN NEW; END",
    f"{_BEFORE_ROW} (OLD.amount IS DISTINCT FROM NEW.amount)",
)
VERSION_STATEMENT = Handwritten(
    """
        BEGIN
            UPDATE {table} stored SET version = stored.version + 1
            FROM new_rows WHERE stored.id = new_rows.id;
            RETURN NULL;
        END""",
    "AFTER UPDATE ON {table} REFERENCING NEW TABLE AS new_rows "
    "FOR EACH STATEMENT WHEN (pg_trigger_depth() = 0)",
)
