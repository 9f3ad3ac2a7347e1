"""Wire: one connection of a capable client, as bytes on a socket. It remembers nothing and decides nothing."""

from __future__ import annotations

import asyncio
import json
from typing import Any

Packet = dict[str, Any]

#: What these clients ask for.
CAPS = ["id", "ack", "token", "resume", "history", "room", "edit", "react"]
#: Seconds until a connection is there, after which it is given up; and so long without a packet, unless told.
SILENCE = 3.0


class LostConnection(Exception):
    """There is no connection any more."""


class Connection:
    """Packets out, packets in."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer
        #: Seconds without a packet after which the connection is given up.
        self.patience = SILENCE

    @classmethod
    async def open(cls, port: int, name: str, **hello: Any) -> Connection:
        """Connect, and send the name and a hello in one write. Raises `OSError` and `TimeoutError`."""
        opening = asyncio.open_connection("127.0.0.1", port, limit=2**20)
        connection = cls(*await asyncio.wait_for(opening, SILENCE))
        connection._writer.write(name.encode() + b"\n")
        connection.send("/hello", "faults", v=1, caps=CAPS, **hello)
        return connection

    def send(self, to: str, msg: str = "", **x: Any) -> None:
        """Send a packet."""
        packet: Packet = {"from": {"name": "", "ip": ""}, "to": to, "msg": msg}
        self._writer.write(json.dumps(packet | ({"x": x} if x else {})).encode() + b"\n")

    async def receive(self) -> Packet:
        """The next packet. Raises `LostConnection`; a line that was cut off is none."""
        try:
            line = await asyncio.wait_for(self._reader.readline(), self.patience)
        except (OSError, TimeoutError, asyncio.TimeoutError) as error:  # two until Python 3.11
            raise LostConnection from error
        if not line.endswith(b"\n"):
            raise LostConnection
        packet: Packet = json.loads(line)
        return packet

    async def ask(self, to: str, msg: str = "", **x: Any) -> Packet:
        """The `x` that answers a command; what comes before it is passed over."""
        self.send(to, msg, cid="ask", **x)
        while (answer := (await self.receive()).get("x", {})).get("cid") != "ask":
            continue
        return dict(answer)

    async def welcomed(self) -> Packet | None:
        """The `x` of the welcome; None when the server says that there is none."""
        while True:
            answer = (await self.receive()).get("x", {})
            if answer.get("op") in ("welcome", "fail", "bye"):
                return dict(answer) if answer["op"] == "welcome" else None

    def close(self) -> None:
        """Cut it off, whatever is under way."""
        self._writer.transport.abort()
