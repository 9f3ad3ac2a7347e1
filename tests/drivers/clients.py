"""What the clients of the server driver share, and the real client: its session, with a user interface that remembers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from twisted.internet.error import ConnectionLost
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from lanchat.client.connection import ChatFactory
from lanchat.client.credentials import PLAIN, Credentials
from lanchat.client.delivery import RETRYABLE
from lanchat.client.interfaces import NotSent, OutgoingMessage, SessionEnd
from lanchat.client.session import ClientSession
from lanchat.protocol.packet import ServerPacket
from tests.drivers.books import Books, Message
from tests.drivers.core import Core, Time
from tests.drivers.line import Line
from tests.drivers.wrong import Wrong, check
from tests.fakes import PASSWORD

#: Endings that are right: it read too slowly, it answered no ping, or its very first line broke.
FORGIVEN = ("you were reading too slowly", "you did not answer a ping", "without a welcome", "no welcome came")
#: Seconds after which something that the server told counts as read late.
LATE = 2.0


class Client:
    """A name, and a line that comes and goes."""

    def __init__(self, name: str, books: Books, time: Time) -> None:
        self.name, self.books, self.time = name, books, time
        self.line: Line | None = None
        #: When the line was made, or ended, in the driver's seconds.
        self.since = 0.0
        #: How many connections there have been.
        self.connections = 0

    @property
    def connected(self) -> bool:
        """Whether there is a line."""
        return self.line is not None and self.line.open

    @property
    def late(self) -> bool:
        """Whether it may not have read for seconds what the server told it: a refusal holds up others for three."""
        return self.line is not None and self.time.seconds - self.line.empty_at > LATE

    @property
    def up(self) -> bool:
        """Whether the server has welcomed it on this line."""
        return self.connected

    @property
    def settled(self) -> bool:
        """Whether it waits for nothing."""
        return self.up

    def connect(self, core: Core, slow: bool) -> None:
        """Connect."""
        self.line = Line(core, self, slow)
        self.since = self.time.seconds
        self.connections += 1
        self.begin(self.line)

    def begin(self, line: Line) -> None:
        """Say who it is."""

    def came(self, data: bytes) -> None:
        """Bytes came."""

    def lost(self) -> None:
        """The line is gone."""
        self.since = self.time.seconds

    def tick(self) -> None:
        """Time went by."""


class Screen:
    """The user interface of a real client: it passes on what comes."""

    def __init__(self, client: RealClient) -> None:
        self._client = client
        #: Whether what came counts as shown.
        self.caught_up = True

    def packet_received(self, packet: ServerPacket, request: OutgoingMessage | None, line: bytes) -> None:
        """Pass on a packet that the server sent."""
        self._client.packet(packet, request)

    def not_acknowledged(self, said: OutgoingMessage, why: str) -> None:
        """Its sender does not know what became of it."""

    def messages_missing(self, why: str) -> None:
        """Something could not be had; what is missing at the end is looked at then."""

    def notice(self, text: str) -> None:
        """Nobody reads it."""

    def state_changed(self) -> None:
        """Nobody looks."""

    def ask(self, question: str, answered: Callable[[str | None], None], hidden: bool = True) -> None:
        """There is nobody, but to keep no token."""
        answered(None)


class Up(StringTransport):
    """What the client writes to."""

    def __init__(self, line: Line) -> None:
        super().__init__(lenient=True)
        self._line = line

    def write(self, data: bytes) -> None:
        """Let it wait to be carried."""
        self._line.up += data

    def abortConnection(self) -> None:
        """Hang up in the next turn, as a reactor does it."""
        self._line.hanging_up = True


class RealClient(Client):
    """The client of lanchat: an account on a device of its own, or a guest."""

    def __init__(self, name: str, books: Books, time: Time, device: str = "", account: bool = True) -> None:
        super().__init__(name, books, time)
        self.device, self.account = device, account
        #: The tokens of messages that were shown here at any time, and those that the program of now has shown.
        self.ever: set[str] = set()
        self.shown: dict[str, int] = {}
        #: The places that it acknowledged, each with when the server had read of it.
        self.acknowledged: list[tuple[int, float]] = []
        #: Devices of this account that came since this one went.
        self.visits = 0
        #: Whether the server may have forgotten the device, as others of the account came; and what it need not be shown.
        self.forgotten = False
        self.before: set[str] = set()
        #: The place up to which nothing may be shown again by the next program: the server has it on its disk for certain.
        self.safe_floor = 0
        #: What came of commands: (command, op).
        self.answers: list[tuple[str, str]] = []
        self.start()

    def start(self) -> None:
        """Start the program. It remembers nothing; an account's has the password."""
        self.shown = {}
        self._floor = self.safe_floor
        self._messages: dict[OutgoingMessage, Message] = {}
        self.ended: SessionEnd | None = None
        self.screen = Screen(self)
        clock: Any = self.time.clock
        credentials = Credentials(password=PASSWORD if self.account else "")
        self.session = ClientSession(self.name, clock, self.screen, float, credentials=credentials, device=self.device)
        self._factory = ChatFactory(self.session, lambda address: PLAIN)
        self.session.ended.addCallback(self._over)

    def kill(self) -> None:
        """End the program: it says nothing more, and nobody hears from it."""
        if self.line is not None and self.line.open:
            self.line.cut()
        self.session.end(0)
        self.ended = None

    def _over(self, ending: SessionEnd) -> None:
        self.ended = ending

    @property
    def up(self) -> bool:
        """Whether the server has welcomed it on this line."""
        return self.connected and self.session.online

    @property
    def settled(self) -> bool:
        """Whether nothing is on its way, as far as the program knows."""
        return self.up and not self.session.waiting

    def begin(self, line: Line) -> None:
        """Let the session begin."""
        self._connection = self._factory.buildProtocol(None)
        self._connection.makeConnection(Up(line))

    def came(self, data: bytes) -> None:
        """Pass the bytes to the session."""
        self._connection.dataReceived(data)

    def lost(self) -> None:
        """The line is gone."""
        super().lost()
        self.visits = 0
        self._connection.connectionLost(Failure(ConnectionLost()))

    def tick(self) -> None:
        """Note what the server has read, and see that the program has not ended by itself."""
        if self.line is not None:
            self.acknowledged += [(seq, self.time.seconds) for seq in self.line.acknowledged]
            self.line.acknowledged.clear()
        if self.ended is not None and not any(words in self.ended.why for words in FORGIVEN):
            raise Wrong("the client gives up", f"{self.name} {self.device}: {self.ended}")

    # What the driver has it do.

    def say(self, target: str) -> None:
        """Say something new."""
        message = self.books.say(f"{self.name} {self.device}", self.name, target, self.late)
        try:
            self._messages[self.session.send(target, message.text)] = message
        except NotSent as error:
            raise Wrong("the client can't send", f"{message}: {error}") from None

    def edit(self, original: Message) -> None:
        """Give a message of its own another text."""
        message = self.books.edit(f"{self.name} {self.device}", original, self.late)
        try:
            self._messages[self.session.send("/edit", f"{original.seq} {message.text}")] = message
        except NotSent as error:
            raise Wrong("the client can't send", f"{message}: {error}") from None

    def command(self, command: str, text: str, args: Mapping[str, Any] | None = None) -> None:
        """Ask something of the server."""
        self.session.send(command, text, args=args)

    # What comes.

    def packet(self, packet: ServerPacket, answers: OutgoingMessage | None) -> None:
        """The program shows this."""
        x = packet.x
        if answers is not None and answers in self._messages:
            message = self._messages[answers]
            if x is not None and x.op == "fail" and x.code not in RETRYABLE:  # (or it may have been stored before)
                self.books.refused(message, x.code or "?")
            elif x is not None and x.op == "ack" and x.state == "stored":
                self.books.stored(message, x.seq or 0)
        elif answers is not None:
            self.answers.append((answers.to, (x and x.op) or ""))
            if answers.to == "/register" and x is not None and x.op == "ok":
                self.account = True
        elif (op := x and x.op) in (None, "edit") and (token := self.books.seen(packet.msg, op == "edit")):
            self._show(token, (x and x.seq) or 0)

    def _show(self, token: str, seq: int) -> None:
        check(token not in self.shown, "shown twice", f"{token} at {seq} by one program of {self.name} {self.device}")
        told = f"{token} at {seq} by {self.name} {self.device}, which acknowledged {self._floor}"
        own = self.books.messages[token].sender == f"{self.name} {self.device}"  # of its own a device knows by other means
        check(not seq or seq > self._floor or own, "shown again after it was acknowledged", told)
        self.shown[token] = seq
        self.ever.add(token)
