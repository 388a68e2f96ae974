"""Python values that the database must see in the current transaction.

Note [Transaction variables]. ``ignore()``, ``schema()`` and history's ``context()`` are each a
Python value, in a ContextVar so that neither threads nor asyncio tasks see each other's. A
``Synchronizer`` on every PostgreSQL connection sends it with ``SET LOCAL``, as a separate
statement, only when the server's value differs: when a transaction starts, when the value changes,
and after a ROLLBACK TO SAVEPOINT, which also rolls back the setting. So

- the user's statement is never rewritten, so parameters, ``%``, executemany, server-side binding
  and pipelines are not affected;
- the setting ends with the transaction: nothing leaks through a connection pool;
- nothing is sent in an aborted transaction, so that the user's own error is never masked;
- statements that bypass execute wrappers (COPY, callproc, the raw driver) have it, and deferred
  triggers too: it is compared again before COMMIT, because asynchronous code that leaves a scope
  cannot reach the connection of another thread.

Outside a transaction, a statement that needs a variable is wrapped in its own transaction; any
other is sent as it is, so that VACUUM and CREATE INDEX CONCURRENTLY work and a plain SELECT costs
nothing. Every statement that can be wrapped needs ``search_path``; those that may write need the
others. A SELECT does not, although its functions may write. A procedure or DO block that commits
fails in a transaction, and is then executed again without the variables. A query of several
statements that ends a transaction before a statement that needs a variable is rejected, because
nothing can be sent between them.

With autocommit off, sending right after COMMIT would begin the next transaction, and autocommit
could not be turned on again. So the variables are sent before the first statement of a transaction.
COPY and callproc bypass execute wrappers; a cursor subclass covers them.

Statements of the raw driver are not seen: a transaction that begins with one has the variables from
the first statement of a Django cursor on. After a ROLLBACK TO SAVEPOINT of the raw driver, inside a
scope that was entered after the savepoint, they are missing.

https://www.postgresql.org/docs/current/sql-set.html
"""

from __future__ import annotations

from collections.abc import Container
from typing import TYPE_CHECKING, Any

from psycopg import sql

from pgtrigger.session import values
from pgtrigger.session.statements import WRITES

if TYPE_CHECKING:
    from collections.abc import Callable


class Variable:
    """A setting that follows a Python value.

    ``render(value, alias)`` gives the setting's value on that database as text, None for "as if
    never set". ``statements`` are the first words of what needs it even outside a transaction.
    """

    def __init__(
        self,
        setting: str,
        render: Callable[[Any, str], str | None],
        *,
        statements: Container[str] = WRITES,
    ):
        self.setting = setting
        self.render = render
        self.statements = statements

    def get(self) -> Any:
        """Return the present value; None if it is not set."""
        return values.current().get(self)

    def check(self, value: Any, alias: str, query: Any) -> None:
        """Raise if the query must not be executed while the variable has this value."""

    def set_local(self, text: str | None) -> sql.Composed:
        """Return the statement that gives the setting this value; None resets it to "never set"."""
        return self._assign(sql.Literal(text or ""))

    def _assign(self, value: sql.Composable) -> sql.Composed:
        name = sql.Identifier(*self.setting.split("."))
        return sql.SQL("SET LOCAL {} = {}").format(name, value)


class RestoredVariable(Variable):
    """A list setting of PostgreSQL's own, which gets back what it had before."""

    def set_local(self, text: str | None) -> sql.Composed:
        if not text or text == '""':  # which SHOW says of an empty list, and SET refuses
            return super().set_local("")
        return self._assign(sql.SQL(text))  # in quotes the list would be one element
