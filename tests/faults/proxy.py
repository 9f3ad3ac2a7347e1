"""Proxy: the network between clients and server, which can be cut, held up, and end in the middle of a line."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import struct
from collections.abc import Coroutine
from typing import Any

#: What the proxy takes at once, and the most that waits in each of its sockets: a slow reader is soon felt by the server.
CHUNK, BUFFER = 4096, 16384
#: Seconds until the server must have taken a connection; while it is down it refuses at once.
PATIENCE = 5.0
#: With this a connection that is closed is reset.
NO_GOODBYE = struct.pack("ii", 1, 0)


class Way:
    """One direction of a connection."""

    def __init__(self) -> None:
        self.flowing = asyncio.Event()
        self.flowing.set()
        #: A part of what comes next is passed on, and then the connection is cut.
        self.truncate = False
        #: Bytes a second that are passed on; 0 is as many as come.
        self.rate = 0.0


class Link:
    """A client's connection and the one behind it, to the server."""

    def __init__(self, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self._ends = client, server
        self.up, self.down = Way(), Way()

    def cut(self) -> None:
        """Reset both connections."""
        for end in self._ends:
            if not end.is_closing():
                end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_GOODBYE)
            end.transport.abort()
        for way in (self.up, self.down):
            way.flowing.set()  # into nothing: what waited here is lost


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
        await self.cut()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def cut(self, share: float = 1.0, under_way: float = 0.0) -> None:
        """Cut some of the connections. What the server answered in the last `under_way` seconds is lost with them."""
        links = self._some(share)
        for link in links:
            link.down.flowing.clear()
        await asyncio.sleep(under_way)
        for link in links:
            link.cut()

    def truncate(self, share: float = 1.0) -> None:
        """Pass on some bytes of what comes next on some of the connections, one way or the other, and cut them."""
        for link in self._some(share):
            self._dice.choice([link.up, link.down]).truncate = True

    async def stall(self, seconds: float, share: float = 1.0) -> None:
        """Pass nothing on for some time, or nothing that the server says. What waits in sockets waits, and then flows."""
        both = self._dice.random() < 0.5
        ways = [way for link in self._some(share) for way in (link.down, link.up)[: 1 + both]]
        for way in ways:
            way.flowing.clear()
        await asyncio.sleep(seconds)
        for way in ways:
            way.flowing.set()

    async def slow(self, rate: float, seconds: float, share: float = 1.0, breaks: bool = True) -> None:
        """Pass on only so many bytes a second of what the server says, for some time; then they are cut, or fast."""
        links = self._some(share)
        for link in links:
            link.down.rate = rate
        await asyncio.sleep(seconds)
        for link in links:
            link.down.rate = 0.0
            if breaks:
                link.cut()

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
        self._spawn(self._pass(link, link.up, reader, server_writer))
        self._spawn(self._pass(link, link.down, server_reader, writer))

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

    async def _pass(self, link: Link, way: Way, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(CHUNK):
                await way.flowing.wait()
                if way.rate:
                    await asyncio.sleep(len(data) / way.rate)
                if way.truncate:
                    data = data[: self._dice.randrange(len(data))]
                writer.write(data)
                await writer.drain()
                if way.truncate:
                    break
        writer.close()  # what was passed on arrives, and then the end
        await asyncio.sleep(0.2)
        link.cut()
        self._links.discard(link)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
