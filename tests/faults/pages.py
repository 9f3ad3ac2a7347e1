"""Pages: a device reads history, page by page, and searches it, over the connection that it has."""

from __future__ import annotations

import asyncio

from tests.faults.wire import Connection, Packet

#: Seconds that a page may take, and messages on it.
PATIENCE, PAGE = 15.0, 100


class Pages:
    """What one device asks for."""

    def __init__(self) -> None:
        self.connection: Connection
        self._page: list[Packet] = []
        self._ended: asyncio.Future[Packet] | None = None
        self._asking = asyncio.Lock()

    async def read(self, conv: str, after: int) -> list[Packet] | None:
        """All that a conversation ("" for all) has after this seq, as fast as the server lets it; None if it can't be read."""
        found: list[Packet] = []
        async with self._asking:
            while True:
                end = await self._one("/history", conv, after=after, limit=PAGE)
                if end is not None and end.get("code") == "RATE_LIMITED":
                    await asyncio.sleep(end["retry_ms"] / 1000)
                    continue
                found += self._page
                if end is None or end["op"] == "fail":
                    return None
                if not end["more"]:
                    return found
                after = end["before"]

    async def search(self, word: str) -> list[Packet] | None:
        """What is found of a word that few messages have, as above."""
        async with self._asking:
            while True:
                end = await self._one("/search", word)
                if end is None or end["op"] == "end":
                    return self._page if end is not None else None
                if end.get("code") != "RATE_LIMITED":
                    return None
                await asyncio.sleep(end["retry_ms"] / 1000)

    def came(self, packet: Packet) -> None:
        """A message of the page came."""
        self._page.append(packet)

    def ended(self, x: Packet) -> bool:
        """The page is at its end, or was refused; False if that is about something else."""
        if x.get("cid") != "read" or self._ended is None:
            return False
        self._ended.set_result(x)
        return True

    async def _one(self, command: str, msg: str, **x: int) -> Packet | None:
        self._page = []
        self._ended = asyncio.get_running_loop().create_future()
        self.connection.send(command, msg, cid="read", **x)
        try:
            return await asyncio.wait_for(self._ended, PATIENCE)
        except asyncio.TimeoutError:
            self.connection.close()  # or what comes late would be taken for another page
            return None
        finally:
            self._ended = None
