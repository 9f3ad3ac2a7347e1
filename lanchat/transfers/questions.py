"""Commands of which one part of the client waits for the answer, which nobody else needs to see."""

from __future__ import annotations

from twisted.internet.defer import Deferred

from lanchat.client.interfaces import Args, NotSent, OutgoingMessage
from lanchat.client.session import ClientSession
from lanchat.protocol.packet import ReceivedPacket, visible
from lanchat.transfers.failed import Failed

#: What errors of the server may begin with, where the client says so itself.
NOTHING_SENT = "Nothing was sent: "


class Questions:
    """The questions of one session."""

    def __init__(self, session: ClientSession) -> None:
        self.session = session
        self._asked: dict[OutgoingMessage, Deferred[ReceivedPacket]] = {}

    async def ask(self, command: str, msg: str, args: Args | None = None) -> tuple[OutgoingMessage, ReceivedPacket]:
        """Send a command; what was sent, and the answer. Raises `Failed` if the server refuses, or does not answer."""
        try:
            message = self.session.send(command, msg, args=args)
        except NotSent as error:
            raise Failed(str(error)) from None
        asked = self._asked[message] = Deferred()
        packet = await asked
        if packet.x is not None and packet.x.op == "fail":
            raise Failed(visible(packet.msg.removeprefix(NOTHING_SENT), 400))
        return message, packet

    def take(self, packet: ReceivedPacket, request: OutgoingMessage | None) -> bool:
        """Take in a packet; whether it answers a question."""
        asked = self._asked.pop(request, None) if request is not None else None
        if asked is not None:
            asked.callback(packet)
        return asked is not None

    def not_acknowledged(self, message: OutgoingMessage, why: str) -> bool:
        """Take in that a message was not answered; whether it was a question."""
        asked = self._asked.pop(message, None)
        if asked is not None:
            asked.errback(Failed(f"{why}."))
        return asked is not None
