"""The fields of an error that PostgreSQL reports.

https://www.postgresql.org/docs/current/protocol-error-fields.html
"""

import psycopg
from psycopg import errors


def reported(error: BaseException) -> psycopg.Error | None:
    """Return the server's error that ``error`` is or was raised from, at any depth of the chain.

    Its ``diag`` contains the fields of the report. None if the server has not reported one: for
    an error that Python raised, or a lost connection.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, psycopg.Error) and cause.sqlstate is not None:
            return cause
        cause = cause.__cause__
    return None


# Note [What is a refused write]
# The server refuses what a user wants to write when the data breaks a rule: a constraint, the range
# of a type, a policy, or a trigger. Everything else (a lost connection, a deadlock, a statement
# that is wrong) is not caused by the data, and does not belong in a form.
# https://www.postgresql.org/docs/current/errcodes-appendix.html
REFUSING_CLASSES = {
    "22",  # data exception: out of range, too long, not valid for its type
    "23",  # integrity constraint violation
    "27",  # triggered data change violation
    "44",  # WITH CHECK OPTION violation
    "P0",  # raised by a PL/pgSQL function
}


def is_refused_write(error: psycopg.Error) -> bool:
    """Return whether the server refused the data. See Note [What is a refused write]."""
    sqlstate = error.sqlstate or ""
    return (
        sqlstate[:2] in REFUSING_CLASSES
        or isinstance(error, errors.InsufficientPrivilege)  # a policy: CREATE POLICY … WITH CHECK
        or _is_made_up(sqlstate)
    )


def _is_made_up(sqlstate: str) -> bool:
    """Return whether the SQLSTATE is not one of PostgreSQL's; RAISE … USING ERRCODE accepts any."""
    try:
        errors.lookup(sqlstate)
    except KeyError:
        return True
    return False
