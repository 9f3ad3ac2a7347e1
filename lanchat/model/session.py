"""Session: one user on one connection; and Account: a registered name. They are data, and send nothing by themselves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import IntEnum
from typing import TypeAlias

from zope.interface import Interface, implementer

from lanchat.model.failed_writes import FailedWrites
from lanchat.model.names import Name, key
from lanchat.model.receipts import Receipts
from lanchat.protocol.errors import BadJson, BadPacket, ChatError, LineTooBig, TooBig
from lanchat.protocol.interfaces import IClient
from lanchat.protocol.limits import Bucket
from lanchat.protocol.packet import Packet, Sender, ServerPacket

#: The seconds for which bad packets are counted.
BAD_SECONDS = 10.0
#: The number of lines over the limit at which the connection is closed.
MAX_LONG_LINES = 3
#: How many messages are held for a session while the log is read for it; if there are more, the log is read again.
MAX_HELD = 100
#: The gateway for people who type lines.
TELNET = "telnet"
#: The name of the device of classic clients, which name none.
CLASSIC = ""

#: A message, with its number in the log.
Numbered: TypeAlias = tuple[int, ServerPacket]


class Role(IntEnum):
    """The rights of a session. Each role may do what those before it may."""

    #: Has given a registered name, and not logged in yet.
    PENDING = -1
    GUEST = 0
    USER = 1
    MODERATOR = 2
    OPERATOR = 3


class IAccount(Interface):
    """The interface of the avatars of twisted.cred: a login gives an account."""


@implementer(IAccount)
class Account:
    """A registered name, and what is known of it while the server runs."""

    __slots__ = ("away", "conversations", "id", "name", "role", "sessions")

    def __init__(self, id: int, name: Name, role: Role) -> None:  # noqa: A002 (it is one)
        self.id = id
        self.name = name
        self.role = role
        #: What its user says while they are away; "" if they are here.
        self.away = ""
        #: Its sessions, in the order in which they logged in.
        self.sessions: list[Session] = []
        #: The conversations that it may read, each with the number in the log after which their messages are for it.
        self.conversations: dict[str, int] = {}

    def __repr__(self) -> str:
        return f"<Account {self.id} {self.name.shown} {self.role.name.lower()}>"


class Backlog:
    """Messages that a session should have been sent, and was not, as it is behind."""

    __slots__ = ("after", "asked", "convs", "held", "passed", "replays", "upto")

    def __init__(self, after: int, replays: bool = False) -> None:
        """`after` is the number of the last message that it was sent.

        With `replays` the others are sent later; otherwise it is told of a gap, and fetches them.
        """
        self.after = after
        self.replays = replays
        #: The number in the log up to which the replay reads.
        self.asked = 0
        #: The conversations that the replay reads, each with the number after which its messages count; None: all that it may.
        self.convs: Mapping[str, int] | None = None
        #: The number of the newest message that the session itself said meanwhile: up to there it has all once this is sent.
        self.passed = 0
        #: The number of the newest message that it was not sent; 0 if there is none.
        self.upto = 0
        #: The newest ones, with their numbers, while the log is read for the others; None if they are too many.
        self.held: list[Numbered] | None = None

    def add(self, seq: int, packet: ServerPacket) -> None:
        """Add a message that the session is not sent."""
        self.upto = seq
        if self.held is not None:
            self.held.append((seq, packet))
            if len(self.held) > MAX_HELD:
                self.held = None


class Session:
    """One user on one connection, from the name to the end."""

    __slots__ = (
        "_bad",
        "_long_lines",
        "account",
        "backlog",
        "caps",
        "client",
        "confirms",
        "device",
        "failed_writes",
        "framed",
        "gateway",
        "greeted",
        "guest_away",
        "heard",
        "name",
        "named",
        "oper",
        "packets",
        "pending",
        "receipts",
        "role",
        "seen",
        "sender",
        "since",
        "skipped",
        "speech_check",
        "spoke",
    )  # fmt: skip

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self, name: Name, client: IClient, address: str, gateway: str, since: float, packets: Bucket, heard: float
    ) -> None:
        self.name, self.client = name, client
        #: The sender in all packets from this session: its name and address.
        self.sender = Sender(name.shown, address)
        #: The gateway of its connection: "json", "tls" or "telnet".
        self.gateway = gateway
        #: When it began, and since when it has its name, in seconds since 1970; and, by the clock that only goes forward, when
        #: something last came from it, and when its user last did something of their own (not what a program sends by itself).
        self.since, self.named, self.heard, self.spoke = since, since, heard, heard
        #: Whether its client sends lines; the first clients send packets without newlines.
        self.framed = True
        #: Its rate of packets.
        self.packets = packets
        #: The caps that the hello was granted; None while the client is classic.
        self.caps: frozenset[str] | None = None
        #: Whether it was welcomed; whether a classic client's message to everyone is answered with the number of its readers.
        self.greeted, self.confirms = False, True
        #: Its account (None: a guest), the name of its device, its role, and what it says as a guest who is away ("" if here).
        self.account: Account | None = None
        self.device, self.role, self.guest_away = CLASSIC, Role.GUEST, ""
        #: The account whose rights it has besides its own, as its user gave that one's password (`BorrowedRights`).
        self.oper: Account | None = None
        #: Called before each message, if it may be muted: raises the reason why it may not speak.
        self.speech_check: Callable[[], None] | None = None
        #: How many of its messages the store has not given back yet.
        self.pending = 0
        #: Its messages that could not be stored, and that its client may send again; None if there are none.
        self.failed_writes: FailedWrites | None = None
        #: The number in the log up to which it was sent all its messages, or told to fetch them.
        self.seen = 0
        #: What it was not sent, while it is behind or a replay runs; otherwise None.
        self.backlog: Backlog | None = None
        #: What of that was written, for a classic client with an account, as it counts as read then.
        self.receipts: Receipts | None = None
        #: The number in the log after which messages could not be read for it, and were not sent; None if all were.
        self.skipped: int | None = None
        self._bad: list[float] = []  # (not a deque, which takes 600 bytes that hardly anybody needs)
        self._long_lines = 0

    def __repr__(self) -> str:
        return f"<Session {self.name.shown} {self.sender.ip} {self.gateway}>"

    @property
    def away(self) -> str:
        """What its user says while they are away, on all devices of an account; "" if they are here."""
        return self.guest_away if self.account is None else self.account.away

    @property
    def is_guest(self) -> bool:
        """Whether its user has no account, and wants to log in to none."""
        return self.account is None and self.role is not Role.PENDING

    @property
    def decider(self) -> str:
        """The name of who decides what this session decides: of the account whose rights it uses, or its own."""
        return self.name.shown if self.oper is None else self.oper.name.shown

    def update_role(self) -> None:
        """Note that its account, or the one whose rights it has, is another one or has another role."""
        own = Role.GUEST if self.account is None else self.account.role
        self.role = own if self.oper is None else max(own, self.oper.role)

    def sent(self, seq: int) -> None:
        """Note that it was sent all its messages up to this number in the log."""
        self.seen = max(self.seen, seq)
        if self.receipts is not None:
            self.receipts.sent(self.seen)

    @property
    def received(self) -> int:
        """The number in the log up to which it has all its messages: those sent, or those written to a classic client."""
        place = self.seen if self.receipts is None else self.receipts.written
        return place if self.skipped is None else min(place, self.skipped)

    def has_cap(self, cap: str) -> bool:
        """Whether its hello was granted this cap."""
        return self.caps is not None and cap in self.caps

    def understands(self, cap: str) -> bool:
        """Whether it is sent what only clients with this cap are sent; so is the telnet gateway, which writes it as text."""
        return self.has_cap(cap) or self.gateway == TELNET

    def sees_x(self, packet: ServerPacket) -> bool:
        """Whether its client sees the `x` of this packet: a classic one never does, and that of messages takes the cap `id`."""
        if self.caps is None or packet.x is None:
            return False
        return packet.x.op is not None or "id" in self.caps

    def is_spoofed(self, packet: Packet) -> bool:
        """Whether a packet of its client's claims another sender. What a classic client writes there is ignored."""
        return self.caps is not None and bool(packet.from_.name) and key(packet.from_.name) != self.name.key

    def is_special(self, packet: Packet) -> bool:
        """Whether a packet of its client's has to be looked at by itself: it claims another sender, or has a kind or tags.

        (It is called for each packet, so it does what `is_spoofed` does, without calling that.)
        """
        if self.caps is None:
            return False
        if packet.x is not None and (packet.x.kind is not None or packet.x.tags is not None):
            return True
        return bool(packet.from_.name) and key(packet.from_.name) != self.name.key

    def count_error(self, error: ChatError, now: float, most: float) -> str:
        """Count an error of the client's; returns why it is to be closed, or "". `most` is the limit of bad packets."""
        if isinstance(error, LineTooBig):
            self._long_lines += 1
        if isinstance(error, (BadJson, BadPacket, TooBig)):
            self._bad.append(now)
        if self._long_lines == MAX_LONG_LINES:
            return f"{MAX_LONG_LINES} lines were over the limit"
        while self._bad and now - self._bad[0] > BAD_SECONDS:
            self._bad.pop(0)
        return f"{len(self._bad)} bad packets came within {BAD_SECONDS:.0f} seconds" if len(self._bad) >= most else ""
