"""Session: one login on one connection. It holds what the server knows of it, and sends nothing by itself."""

from __future__ import annotations

from lanchat.errors import BadJson, BadPacket, ChatError, LineTooBig, TooBig
from lanchat.interfaces import IClient
from lanchat.limits import Bucket
from lanchat.names import Name
from lanchat.packet import Sender, ServerPacket

#: Seconds within which bad packets are counted.
BAD_SECONDS = 10.0
#: So many lines over the limit in all, and the connection is closed.
MAX_LONG_LINES = 3


class Session:
    """One login on one connection."""

    __slots__ = (
        "_bad", "_long_lines", "caps", "client", "confirms", "gateway", "greeted", "heard", "name", "packets", "sender",
        "since",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self, name: Name, client: IClient, address: str, gateway: str, since: float, packets: Bucket, heard: float
    ) -> None:
        self.name = name
        self.client = client
        #: As it is stamped on every packet of this session.
        self.sender = Sender(name.shown, address)
        #: Which door it came through: "json" or "telnet".
        self.gateway = gateway
        #: When it opened, in seconds since the epoch.
        self.since = since
        #: When something last came from it, by the clock.
        self.heard = heard
        #: What is left of its packets per second.
        self.packets = packets
        #: What the hello was granted; None while the session is classic.
        self.caps: frozenset[str] | None = None
        #: Whether what a classic one says to everyone is confirmed with a count.
        self.confirms = True
        #: Whether it has been welcomed, with or without a hello.
        self.greeted = False
        self._bad: list[float] = []  # (a deque takes 600 bytes, and hardly anybody needs it)
        self._long_lines = 0

    def __repr__(self) -> str:
        return f"<Session {self.name.shown} {self.sender.ip} {self.gateway}>"

    def may(self, cap: str) -> bool:
        """Whether the hello was granted this capability."""
        return self.caps is not None and cap in self.caps

    def sees_x(self, packet: ServerPacket) -> bool:
        """Whether the client is shown the `x` of this packet: never a classic one, deliveries only with the cap `id`."""
        if self.caps is None or packet.x is None:
            return False
        return packet.x.op is not None or "id" in self.caps

    def offended(self, error: ChatError, now: float, most: float) -> str:
        """Note an error of this client's; why it was one too many, if it was."""
        if isinstance(error, LineTooBig):
            self._long_lines += 1
        if isinstance(error, (BadJson, BadPacket, TooBig)):
            self._bad.append(now)
        if self._long_lines == MAX_LONG_LINES:
            return f"{MAX_LONG_LINES} lines were over the limit"
        while self._bad and now - self._bad[0] > BAD_SECONDS:
            self._bad.pop(0)
        return f"{len(self._bad)} bad packets came within {BAD_SECONDS:.0f} seconds" if len(self._bad) >= most else ""
