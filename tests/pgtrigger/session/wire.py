"""The messages between the driver and the server, as libpq traces them.

https://www.postgresql.org/docs/current/libpq-control.html#LIBPQ-PQTRACE
"""

import contextlib
import tempfile

from psycopg.pq import Trace


class Traffic:
    def __init__(self):
        self.messages = []

    @property
    def round_trips(self):
        """Return how often the client (F) waited for an answer of the server (B)."""
        return "".join(message[0] for message in self.messages).count("FB")

    def sent(self, text):
        """Return how many of the client's messages contain this text."""
        return sum(message[0] == "F" and text in message for message in self.messages)


@contextlib.contextmanager
def traffic(connection):
    """Return the messages of the block; read them after its end."""
    pgconn, found = connection.connection.pgconn, Traffic()
    with tempfile.TemporaryFile("w+") as file:
        pgconn.trace(file.fileno())
        pgconn.set_trace_flags(Trace.SUPPRESS_TIMESTAMPS)
        try:
            yield found
        finally:
            pgconn.untrace()
            file.seek(0)
            found.messages = file.read().splitlines()
