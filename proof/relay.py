"""A relay between the application and the server, so that the network between them can be cut."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() sends RST and no data


class Relay:
    """Forwards TCP connections to a socket file, until it is told not to.

    Attributes:
        deaf: Answers of the server are dropped, while requests still reach it.
        down: New connections are refused.
    """

    def __init__(self, target: str) -> None:
        self.target = target
        self.deaf = self.down = False
        self.port = 0
        self._writers: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()

    async def serve(self) -> None:
        """Listen on a free port of 127.0.0.1."""
        listening = await asyncio.start_server(self._relay, "127.0.0.1", 0)
        self.port = listening.sockets[0].getsockname()[1]

    def cut(self) -> None:
        """Reset all connections, on both sides."""
        self._loop.call_soon_threadsafe(self._reset)

    def _reset(self) -> None:
        for writer in self._writers:
            with suppress(OSError):
                sock = writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.down:
            writer.transport.abort()
            return
        try:
            upstream, server = await asyncio.open_unix_connection(self.target)
        except OSError:
            writer.transport.abort()
            return
        self._writers |= {writer, server}
        try:
            await asyncio.gather(
                self._copy(reader, server, answers=False),
                self._copy(upstream, writer, answers=True),
            )
        finally:
            self._writers -= {writer, server}

    async def _copy(
        self, source: asyncio.StreamReader, target: asyncio.StreamWriter, answers: bool
    ) -> None:
        with suppress(OSError):
            while data := await source.read(65536):
                if answers and self.deaf:
                    continue
                target.write(data)
                await target.drain()
        with suppress(OSError):
            target.close()


@contextmanager
def relay(target: str) -> Iterator[Relay]:
    """Run a relay to the socket file in a thread."""
    made = Relay(target)
    loop = made._loop
    loop.run_until_complete(made.serve())
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        made.cut()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
