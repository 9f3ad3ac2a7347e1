"""Session: one login on one connection; Account: whose it is. They hold what is known, and send nothing by themselves."""

from __future__ import annotations

from collections.abc import Callable
from enum import IntEnum

from zope.interface import Interface, implementer

from lanchat.model.failed_writes import FailedWrites
from lanchat.model.receipts import Receipts
from lanchat.protocol.errors import BadJson, BadPacket, ChatError, LineTooBig, TooBig
from lanchat.protocol.interfaces import IClient
from lanchat.protocol.limits import Bucket
from lanchat.protocol.names import Name
from lanchat.protocol.packet import Sender, ServerPacket

#: Seconds within which bad packets are counted.
BAD_SECONDS = 10.0
#: So many lines over the limit in all, and the connection is closed.
MAX_LONG_LINES = 3
#: What is said while the log is read for a session, and is not read there again: so many messages.
MAX_HELD = 100
#: The device of those whose client names none: the classic ones'.
CLASSIC = ""


class Role(IntEnum):
    """What somebody may do: each may do what those before may."""

    #: Has given the name of an account, and not shown that it is theirs.
    STRANGER = -1
    GUEST = 0
    USER = 1
    MODERATOR = 2
    OPERATOR = 3


class IAccount(Interface):
    """What a login gives (twisted.cred)."""


@implementer(IAccount)
class Account:
    """A name that belongs to somebody."""

    __slots__ = ("conversations", "id", "name", "role", "sessions")

    def __init__(self, id: int, name: Name, role: Role) -> None:  # noqa: A002 (it is one)
        self.id = id
        self.name = name
        self.role = role
        #: Where it is logged in, in the order in which that was done.
        self.sessions: list[Session] = []
        #: What it may read, and after which place in the log it is owed what is said there.
        self.conversations: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Account {self.id} {self.name.shown} {self.role.name.lower()}>"


class Backlog:
    """How far a session is behind: what it was not sent, of what it would have been."""

    __slots__ = ("after", "asked", "held", "passed", "replays", "upto")

    def __init__(self, after: int, replays: bool = False) -> None:
        """With `replays` what it was not sent comes by itself; otherwise it is told of a gap, and fetches it."""
        self.after = after
        self.replays = replays
        #: Up to which place in the log the rest was asked for.
        self.asked = 0
        #: The newest of its own messages meanwhile: when all is sent, everything up to there is.
        self.passed = 0
        #: The newest that it was not sent; 0 while there is nothing.
        self.upto = 0
        #: The last of that, each with its place in the log, while somebody reads the rest there; None if it is too much.
        self.held: list[tuple[int, ServerPacket]] | None = None

    def add(self, seq: int, packet: ServerPacket) -> None:
        """It is not sent this either."""
        self.upto = seq
        if self.held is not None:
            self.held.append((seq, packet))
            if len(self.held) > MAX_HELD:
                self.held = None


class Session:
    """One login on one connection."""

    __slots__ = (
        "_bad",
        "_long_lines",
        "account",
        "backlog",
        "barred",
        "caps",
        "client",
        "confirms",
        "device",
        "framed",
        "gateway",
        "greeted",
        "heard",
        "name",
        "packets",
        "pending",
        "receipts",
        "refused",
        "role",
        "seen",
        "sender",
        "since",
        "skipped",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self, name: Name, client: IClient, address: str, gateway: str, since: float, packets: Bucket, heard: float
    ) -> None:
        self.name = name
        self.client = client
        #: As it is stamped on every packet of this session.
        self.sender = Sender(name.shown, address)
        #: Which door it came through: "json", "tls" or "telnet".
        self.gateway = gateway
        #: When it opened, in seconds since the epoch; and when something last came from it, by the clock.
        self.since, self.heard = since, heard
        #: Whether its packets are told apart by what ends them; the first clients' are not.
        self.framed = True
        #: What is left of its packets per second.
        self.packets = packets
        #: What the hello was granted; None while the session is classic.
        self.caps: frozenset[str] | None = None
        #: Whether what a classic one says to everyone is confirmed with a count.
        self.confirms = True
        #: Whether it has been welcomed, with or without a hello.
        self.greeted = False
        #: Whose it is, on which of their devices, and what it may do; the account is None while it is a guest's.
        self.account: Account | None = None
        self.device, self.role = CLASSIC, Role.GUEST
        #: Raises why it may say nothing now, if it may not.
        self.barred: Callable[[], None] | None = None
        #: Messages of its that the store has not given back yet.
        self.pending = 0
        #: Those that could not be stored, and of which its client may not have read yet.
        self.refused: FailedWrites | None = None
        #: The place in the log up to which it was sent, or told to fetch, everything that it is owed.
        self.seen = 0
        #: How far it is behind, while it is not sent what is new.
        self.backlog: Backlog | None = None
        #: How much of that was written, for a classic session of an account: it counts as read then.
        self.receipts: Receipts | None = None
        #: What follows this place in the log could not be read for it, and was not sent; None if all was.
        self.skipped: int | None = None
        self._bad: list[float] = []  # (a deque takes 600 bytes, and hardly anybody needs it)
        self._long_lines = 0

    def __repr__(self) -> str:
        return f"<Session {self.name.shown} {self.sender.ip} {self.gateway}>"

    def sent(self, seq: int) -> None:
        """It has been sent everything up to this place that it is owed."""
        self.seen = max(self.seen, seq)
        if self.receipts is not None:
            self.receipts.sent(self.seen)

    @property
    def place(self) -> int:
        """The place in the log up to which it has all that it is owed: what was sent; of a classic one, what was written."""
        place = self.seen if self.receipts is None else self.receipts.written
        return place if self.skipped is None else min(place, self.skipped)

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
