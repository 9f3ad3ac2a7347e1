"""A client's session with a server, whatever connection carries it and whatever user interface shows it.

It gives each message an id and queues messages while there is no connection. `Delivery` follows what was sent, `LogSync` what
came of the log, and `Handshake` begins each connection. The session knows no socket, no terminal and no reactor: connections
come and go below it, a `UserInterface` is above it.
"""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Callable
from functools import partial

import msgspec
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime

from lanchat.client.auto_replies import AutoReplies
from lanchat.client.credentials import Credentials
from lanchat.client.delivery import Delivery
from lanchat.client.handshake import Handshake
from lanchat.client.interfaces import (
    DONE,
    NOT_DELIVERED,
    Args,
    ConnectionState,
    NotSent,
    OutgoingMessage,
    ServerConnection,
    SessionEnd,
    UserInterface,
)
from lanchat.client.log_sync import LogSync
from lanchat.client.reconnecting import Reconnector
from lanchat.client.rooms import JoinedRooms
from lanchat.client.timers import Timers
from lanchat.client.tokens import without_token
from lanchat.protocol.extensions import AnswerX, X
from lanchat.protocol.packet import ReceivedPacket, is_visible, visible
from lanchat.protocol.typed_lines import SECRET_COMMANDS

#: Seconds that an acknowledgement, or a welcome, may take by default.
DEFAULT_TIMEOUT = 10.0
#: Seconds that the server may take to answer /quit.
QUIT_SECONDS = 3.0
#: The text with which a server without acknowledgements answers /quit.
GOODBYE = "Goodbye"
#: Capabilities that a server grants to an account if it stores a log for it.
LOG_CAPS = frozenset({"ack", "history"})

_decode = msgspec.json.Decoder(ReceivedPacket).decode


class ClientSession:
    """A session with one server under one name, over one connection after another."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        name: str,
        clock: IReactorTime,
        ui: UserInterface,
        retry: Callable[[int], float],
        timeout: float = DEFAULT_TIMEOUT,
        credentials: Credentials | None = None,
        device: str = "",
        wait_for_server: bool = False,
    ) -> None:
        """`timeout` is in seconds; `retry` and `wait_for_server` are as for `Reconnector`."""
        self.state = ConnectionState.OFFLINE
        #: Fires with the `SessionEnd`.
        self.ended: Deferred[SessionEnd] = Deferred()
        #: Whether /quit was sent.
        self.quitting = False
        #: The user's name, and the one that packets claim: none after a `/name`, until the next connection.
        self.name = self._claimed = name
        self.credentials = credentials or Credentials()
        self._ui = ui
        self._timeout = timeout
        self._connection: ServerConnection | None = None
        self._run, self._numbers = secrets.token_hex(4), itertools.count(1)
        self._timers = Timers(clock)
        self.reconnector = Reconnector(name, self._timers, ui, retry, timeout, wait_for_server, self)
        self._rooms = JoinedRooms(name, ui, self._join)
        self.handshake = Handshake(name, device, self.credentials, self._timers, ui, timeout, self, self.reconnector)
        self._auto_replies = AutoReplies()
        self._delivery = Delivery(self._timers, ui, timeout, self.flush, wait_for_server)
        #: The position in the server's log, and what the server knows of it.
        ask = partial(self.send, "/history", "", True)
        self.log_sync = LogSync(
            self._timers, ui, self._delivery.batch_progressed, lambda after: ask({"after": after}), self._acknowledge
        )
        self.caps: frozenset[str] = frozenset()  # what the server has granted
        self._all_read = False  # (with acknowledgements, `Delivery` knows what was not)

    @property
    def waiting(self) -> int:
        """How many messages are not acknowledged yet, plus one while missed messages are still coming."""
        return self._delivery.waiting + self.log_sync.cursor.replaying

    @property
    def paused(self) -> bool:
        """Whether nothing is sent for now, because the server asked to wait."""
        return self._delivery.paused

    @property
    def was_welcomed(self) -> bool:
        """Whether the server has welcomed us at least once."""
        return self.reconnector.welcomes > 0

    @property
    def online(self) -> bool:
        """Whether there is a connection on which the server has welcomed us."""
        return self.state in (ConnectionState.CLASSIC, ConnectionState.CAPABLE)

    # Called by the user interface.

    def send(self, to: str, msg: str, internal: bool = False, args: Args | None = None) -> OutgoingMessage:
        """Send a message or command, now or when there is a connection. Raises `NotSent` if that is impossible."""
        number = next(self._numbers)
        text = msg.encode("utf-8", "replace").decode()  # half a surrogate pair can't be encoded
        message = OutgoingMessage(
            to.encode("utf-8", "replace").decode(), text, number, f"{self._run}.{number}", internal, args or {}
        )
        message.check_size(self.name)
        if message.command in SECRET_COMMANDS:
            self._check_private()
        self._delivery.add(message)
        self.flush()
        return message

    def log_in(self, password: str) -> None:
        """Log in with this password: in the handshake if the server waits for one, else with /login."""
        if not self.handshake.log_in(password):
            self.send("/login", password)

    def forgo(self, *caps: str) -> None:
        """Do not ask for these caps. Without `resume`, missed messages that come anyway are not acknowledged."""
        self.handshake.caps = [cap for cap in self.handshake.caps if cap not in caps]

    def end(self, status: int, why: str = "") -> None:
        """End the session. Messages that were not acknowledged are reported, unless no server was ever reached."""
        if self.state is ConnectionState.ENDED:
            return
        self.state = ConnectionState.ENDED
        self._timers.stop_all()
        self.log_sync.end()
        lost = self._delivery.end(self.was_welcomed or status == DONE)
        self.ended.callback(SessionEnd(status or (NOT_DELIVERED if lost else DONE), why))

    # Called by the connection.

    def connected(self, connection: ServerConnection) -> None:
        """A connection was made: begin the handshake."""
        if self.state is ConnectionState.ENDED:
            connection.abort()
            return
        self._connection, self.state, self._claimed = connection, ConnectionState.HANDSHAKE, self.name
        self.handshake.begin(connection, self.log_sync.cursor.resume)

    def line_received(self, line: bytes) -> None:
        """Handle a line from the server."""
        if self.state is ConnectionState.ENDED or not line.strip():
            return
        try:
            packet = _decode(line)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
            text = visible(line.decode(errors="replace"), 200)
            self._ui.notice(f"The server sent something that is not a packet: {text}")
            return
        if packet.x is not None and packet.x.op == "ping" and self._connection is not None:
            self._auto_replies.queue("/pong", X(t=packet.x.t))
        elif not self.handshake.handle(packet, self.state is ConnectionState.HANDSHAKE):
            self._take(packet, line)
        self.flush()

    def _join(self, room: str) -> OutgoingMessage:
        """Join a room again, before any queued message is sent to it."""
        message = OutgoingMessage("/join", room, 0, f"{self._run}.{next(self._numbers)}", internal=True)
        self._delivery.add(message, first=True)
        return message

    def flush(self) -> None:
        """Write what is queued, until the connection's buffer is full."""
        self._auto_replies.write(self._connection)
        while self.online and self._connection is not None and not self._connection.full and (message := self._delivery.next()):
            self._write(message)
        self._ui.state_changed()

    def disconnected(self, why: str) -> None:
        """The connection has ended; `why` is a text for the user."""
        before, self._connection = self.state, None
        asking = self.handshake.awaits_password
        self._auto_replies.disconnected()
        self.handshake.disconnected()
        self.log_sync.disconnected()
        if before is ConnectionState.ENDED:
            return
        self.state = ConnectionState.OFFLINE
        self._delivery.disconnected(self.log_sync.has_log and not self.quitting)
        if self.quitting:
            self._left()
        elif before is ConnectionState.HANDSHAKE and not self.was_welcomed and not asking:
            self.reconnector.unreachable(
                "closed without a welcome: is that a lanchat server, does it want --tls, and may you connect?"
            )
        self._ui.state_changed()
        if before in (ConnectionState.CLASSIC, ConnectionState.CAPABLE) and self.state is ConnectionState.OFFLINE:
            self._ui.notice(f"The connection was lost: {why}")

    def retry_delay(self, attempt: int) -> float:
        """Seconds to wait before the next connection, as a retry policy of `ClientService`; `attempt` is not used."""
        seconds = self.reconnector.retry_delay()
        if self.was_welcomed and self.state is ConnectionState.OFFLINE:
            self._ui.notice(f"No connection; trying again in {seconds:.0f} s.")
        return seconds

    def welcomed(self, x: AnswerX | None) -> None:
        """The server has accepted us; `x` is None if it speaks only the classic protocol."""
        self.caps = caps = self.handshake.granted(x)
        self.state = ConnectionState.CAPABLE if "ack" in caps else ConnectionState.CLASSIC
        self.reconnector.welcomed()
        has_log = x is not None and bool(x.account) and caps >= LOG_CAPS
        self._delivery.welcomed(has_log)
        self.log_sync.welcomed(x or AnswerX(), has_log, replays=caps >= {"id", "resume"}, ordered="order" in caps)
        if x is None:
            self._ui.notice("This server sends no acknowledgements: lost messages will not be noticed.")
        again = self.reconnector.welcomes > 1
        self._rooms.welcomed(again, x is not None and bool(x.account), capable=self.state is ConnectionState.CAPABLE)
        self.flush()

    def drop_connection(self, notice: str) -> None:
        """Close this connection so that the next one can be made; `notice` is for the user, "" for none."""
        if self.state is not ConnectionState.ENDED:
            self.state = ConnectionState.OFFLINE
            if notice:
                self._ui.notice(notice)
        if self._connection is not None:
            self._connection.abort()

    def _take(self, packet: ReceivedPacket, line: bytes) -> None:
        """Handle a packet after the handshake, and show it if it is new."""
        x = packet.x or AnswerX()
        if not self.log_sync.is_new(x):
            return
        self._all_read = self._all_read or (packet.x is None and packet.from_.name == "SERVER" and packet.msg == GOODBYE)
        request = self._delivery.answered(packet)
        if request is not None and self._delivery.retry(request, packet):
            return
        if self.log_sync.consume(x, request, packet.msg) or self._rooms.consume(packet, request):
            return
        self._ui.packet_received(packet, request, without_token(line) if x.token else line)
        if x.op == "ok" and request is not None and request.command in SECRET_COMMANDS:
            self.handshake.password_accepted(request.new_password, is_new=request.command != "/login")
            if x.account and self.caps >= LOG_CAPS:
                self.log_sync.registered(x)
        self.log_sync.apply(x)
        if x.op == "ok" and request is not None and request.command == "/name" and x.names and is_visible(x.names[0]):
            self.name = self.handshake.name = self._rooms.me = x.names[0]
            self.reconnector.name = visible(self.name)
        if x.op == "bye" and self.quitting:
            self.end(DONE)
        elif x.op == "bye":
            self.reconnector.closed_by_server(packet, self.state is ConnectionState.HANDSHAKE)

    def _write(self, message: OutgoingMessage) -> None:
        assert self._connection is not None  # noqa: S101 (`flush` has checked it)
        if message.command in SECRET_COMMANDS and not self._connection.identity:
            self._ui.not_acknowledged(message, "it was not sent, because others could read the password")
            return
        if message.is_quit:
            self.log_sync.acknowledge()
            self.quitting = True
            self._all_read = self._all_read or self.state is ConnectionState.CAPABLE
            self._timers.start(QUIT_SECONDS, self._left)
        (self._delivery if self.state is ConnectionState.CAPABLE else self._rooms).message_written(message)
        self._claimed = "" if message.command == "/name" else self._claimed
        self._connection.write(message.encode(self._claimed, capable=self.state is ConnectionState.CAPABLE))

    def _acknowledge(self, seq: int) -> None:
        self._auto_replies.queue("/ack", X(seq=seq))
        self._auto_replies.write(self._connection)

    def _check_private(self) -> None:
        """Raise `NotSent` for a password that others could read, or that would wait for anything but the first welcome."""
        if self._connection is not None and not self._connection.identity:
            raise NotSent("others could read the password. Use --tls, or --plaintext-passwords.")
        if self.was_welcomed and not self.online:
            raise NotSent("there is no connection, and passwords are not stored for later.")

    def _left(self) -> None:
        """The connection ended after /quit, or no answer came, which without acknowledgements means that much may be unread."""
        if self._all_read:
            self.end(DONE)
        else:
            self.end(NOT_DELIVERED, "the server did not answer our goodbye: the last messages may not have arrived")
