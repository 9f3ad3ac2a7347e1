"""Proxy: the network between clients and server, which can be cut, held up, and end in the middle of a line."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
from collections.abc import Coroutine
from typing import Any

#: What the proxy takes at once, and the most that waits in each of its sockets: a slow reader is soon felt by the server.
CHUNK, BUFFER = 4096, 16384
#: Seconds until the server must have taken a connection; while it is down it refuses at once.
PATIENCE = 5.0


class Link:
    """A client's connection and the one behind it, to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.ends = client, server
        self.flowing = asyncio.Event()
        self.flowing.set()
        #: A part of what comes next is passed on, and then this link is cut.
        self.truncate = False

    def cut(self) -> None:
        """Reset both connections."""
        for end in self.ends:
            end.transport.abort()


class Proxy:
    """Passes on what comes, until it is told to harm it."""

    def __init__(self, port: int, dice: random.Random) -> None:
        """Make one for a server on this port of loopback."""
        self._server_port = port
        self._dice = dice
        self._links: set[Link] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    async def listen(self) -> int:
        """Begin; the port for clients."""
        self._server = await asyncio.start_server(self._accepted, "127.0.0.1", 0, limit=CHUNK)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Cut everybody off and listen no more."""
        self._server.close()
        self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def cut(self, share: float = 1.0) -> None:
        """Cut some of the connections."""
        for link in self._some(share):
            link.cut()

    def truncate(self, share: float = 1.0) -> None:
        """Pass on some bytes of what comes next on some of the connections, and cut them."""
        for link in self._some(share):
            link.truncate = True

    async def stall(self, seconds: float, share: float = 1.0) -> None:
        """Pass nothing on for some time. What waits in sockets waits, and then flows."""
        links = self._some(share)
        for link in links:
            link.flowing.clear()
        await asyncio.sleep(seconds)
        for link in links:
            link.flowing.set()

    def _some(self, share: float) -> list[Link]:
        links = list(self._links)
        return self._dice.sample(links, round(len(links) * share))

    async def _accepted(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server_reader, server_writer = await asyncio.wait_for(self._connect(), PATIENCE)
        except (OSError, asyncio.TimeoutError):
            writer.transport.abort()
            return
        link = Link(writer, server_writer)
        self._links.add(link)
        self._spawn(self._pass(link, reader, server_writer))
        self._spawn(self._pass(link, server_reader, writer))

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        near = socket.socket()
        near.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER)  # it counts only before the connection is made
        near.setblocking(False)
        try:
            await asyncio.get_running_loop().sock_connect(near, ("127.0.0.1", self._server_port))
            return await asyncio.open_connection(sock=near, limit=CHUNK)
        except BaseException:
            near.close()
            raise

    async def _pass(self, link: Link, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await link.flowing.wait()
                if link.truncate:
                    data = data[: self._dice.randrange(len(data))]
                writer.write(data)
                await writer.drain()
                if link.truncate:
                    break
        writer.close()  # what was passed on arrives, and then the end
        await asyncio.sleep(0.2)
        link.cut()
        self._links.discard(link)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
