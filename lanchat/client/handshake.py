"""The handshake of the client, from a new connection to the welcome: name, hello, and login where the name needs one."""

from __future__ import annotations

from typing import Protocol

from lanchat.client.credentials import Credentials
from lanchat.client.cursor import ResumePoint
from lanchat.client.interfaces import NOT_DELIVERED, ServerConnection, UserInterface
from lanchat.client.reconnecting import TEMPORARY, Reconnector
from lanchat.client.timers import Timers
from lanchat.client.tokens import is_token
from lanchat.protocol.extensions import AnswerX, X
from lanchat.protocol.packet import Packet, ReceivedPacket, Sender, visible

#: The capabilities that the hello asks for (docs/protocol.md, "Hello").
CAPS = ["id", "ack", "ping", "presence", "token", "resume", "history", "room", "order"]
CAPS += ["read", "event", "edit", "react", "typing", "file"]
#: Seconds after a classic welcome in which a capable one may follow; without one the server is a classic one.
CLASSIC_WELCOME_SECONDS = 1.0
#: Seconds that a login may take: a server delays those who gave a wrong password before.
LOGIN_SECONDS = 30.0
#: How often the user is asked for a password before the client gives up.
MAX_PASSWORDS = 3

LOGIN_NEEDED = "is an account: log in with --login at a terminal, or with --password-file"
NOT_PRIVATE = "is an account, and the password is not sent where others could read it: use --tls, or --plaintext-passwords"


class HandshakeHandler(Protocol):
    """What a handshake may lead to (`ClientSession`)."""

    def welcomed(self, x: AnswerX | None) -> None:
        """The server has accepted us; `x` is None if it speaks only the classic protocol."""

    def end(self, status: int, why: str = "") -> None:
        """End the session: trying again is useless."""


class Handshake:
    """Runs the handshake on one connection after another."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        name: str,
        device: str,
        credentials: Credentials,
        timers: Timers,
        ui: UserInterface,
        timeout: float,
        handler: HandshakeHandler,
        reconnector: Reconnector,
    ) -> None:
        #: Whether the server waits for a password.
        self.awaits_password = False
        #: The capabilities to ask for; a part of `CAPS`.
        self.caps = list(CAPS)
        self.credentials = credentials
        #: The name under which connections are opened.
        self.name = name
        self._device = device
        self._timers = timers
        self._ui = ui
        self._timeout = timeout
        self._handler = handler
        self._reconnector = reconnector
        self._connection: ServerConnection | None = None
        self._resume: ResumePoint | None = None
        #: How many hellos were sent and not answered yet.
        self._hellos = 0
        #: Whether the server has sent a packet. Before that it might be any program, and no secret is written to it.
        self._packet_seen = False
        self._asking = False
        self._passwords_asked = 0
        self._end_reason = ""

    def begin(self, connection: ServerConnection, resume: ResumePoint | None) -> None:
        """Start on a new connection: name and hello, without a secret, go out in one write, for classic servers too."""
        self._connection, self._resume, self._hellos = connection, resume, 0
        self.awaits_password = self._packet_seen = False
        connection.write(f"{self.name}\n".encode() + self._hello())

    def disconnected(self) -> None:
        """Stop the timers: the connection has ended."""
        self._connection = None
        self._timers.stop(self._not_welcomed, self._classic_welcome_alone, self._send_hello)

    def handle(self, packet: ReceivedPacket, in_handshake: bool) -> bool:
        """Handle a packet that is about the handshake; whether nothing else needs to see it."""
        x = packet.x
        if x is not None and x.op == "welcome" and self._hellos:
            self._hellos = 0  # each hello has one welcome; others, of which there could be any number, are ignored
            self._welcomed(x)
        elif in_handshake and packet.from_.name == "SERVER":
            self._packet_seen = True
            return self._hello_refused(packet) if x is not None and x.op == "fail" else self._classic_packet(packet)
        return False

    def log_in(self, password: str) -> bool:
        """Use this password from now on; whether the server was waiting for one."""
        self.credentials.set_password(password)
        if self.awaits_password and self._connection is not None:
            self._send_hello()
        return self.awaits_password

    def password_accepted(self, password: str, is_new: bool) -> None:
        """Note a password that the server took; if it `is_new`, the saved token is invalid and removed."""
        self.credentials.set_password(password)
        if is_new and self._connection is not None:
            self._notice(self.credentials.forget_token(self._connection.identity))

    def granted(self, x: AnswerX | None) -> frozenset[str]:
        """The capabilities that a welcome grants, of those that were asked for."""
        caps = (x.caps if x else None) or ()
        return frozenset(cap for cap in self.caps if cap in caps)

    def _hello(self) -> bytes:
        """The next hello, as a line. The first shows no secret; if it brings no welcome, others show what we have."""
        assert self._connection is not None  # noqa: S101 (there is a connection)
        self._hellos += 1
        auth = self.credentials.auth(self._connection.identity if self._packet_seen else "")
        self._timers.start(max(self._timeout, LOGIN_SECONDS if auth else 0), self._not_welcomed)
        # A new token may push out that of another device, so a client that logs in with one asks for no other.
        caps = [cap for cap in self.caps if cap != "token" or not self.credentials.sent_token]
        x = X(v=1, caps=caps, dev=self._device or None, auth=auth, resume=self._resume)
        return Packet(Sender(self.name, ""), "/hello", "lanchat", x).line

    def _send_hello(self) -> None:
        assert self._connection is not None  # noqa: S101 (the callers check it)
        self._connection.write(self._hello())

    def _classic_packet(self, packet: ReceivedPacket) -> bool:
        """Handle a packet without `op`, before the welcome; whether nothing else needs to see it."""
        text = packet.msg
        if packet.x is not None and packet.x.op is not None:
            return False
        if (
            not text.startswith("Welcome ")
            and "already" not in text.replace(self.name, "")
            and ("/login" in text or self.credentials.sent_auth)
        ):
            self._server_said(text)
            return True
        if packet.to.lower() == "guest":
            self._reconnector.refused(text)
        elif not self.awaits_password:
            self._timers.stop(self._not_welcomed)
            self._timers.start(CLASSIC_WELCOME_SECONDS, self._classic_welcome_alone)
        return False

    def _server_said(self, text: str) -> None:
        """Handle a text from a server that grants no hello before the login: a login is needed, or it failed."""
        if not self.credentials.sent_auth:
            self._authenticate()
        elif "/login" not in text and not self._asking:
            self._rejected(text, certain=False)

    def _hello_refused(self, packet: ReceivedPacket) -> bool:
        """Handle a refused hello. Nothing else needs to see it."""
        assert packet.x is not None  # noqa: S101 (a failure has `x`)
        self._hellos = max(self._hellos - 1, 0)
        code, seconds = packet.x.code, max(packet.x.retry_ms or 0, 0) / 1000
        if code == "AUTH_REQUIRED" and self._hellos:
            return True  # another hello is on its way already, because a text had asked for a login too
        # FULL, before anything was shown: too many connections are waiting for a password.
        if code == "AUTH_REQUIRED" or (code == "FULL" and not self.credentials.sent_auth):
            self._authenticate()
        elif code == "AUTH_FAILED":
            self._rejected(packet.msg, certain=True)
        elif packet.x.retry_ms is None or code not in TEMPORARY:
            self._reconnector.refused(packet.msg, code)
        elif self._reconnector.asked_to_wait(packet.msg, seconds):
            self._timers.stop(self._not_welcomed, self._classic_welcome_alone)
            self._timers.start(seconds, self._send_hello)
        return True

    def _authenticate(self) -> None:
        """The name is registered: send what we have to log in, or ask the user for the password."""
        assert self._connection is not None  # noqa: S101 (a packet came, so there is a connection)
        if not self.credentials.sent_auth and not self.awaits_password and self.credentials.auth(self._connection.identity):
            self._send_hello()
        else:
            self._ask_password(f"{visible(self.name)} {LOGIN_NEEDED}")

    def _ask_password(self, why: str, prefix: str = "") -> None:
        """Ask the user for the password. Where nobody can be asked, the session ends with `why`."""
        self._timers.stop(self._not_welcomed, self._classic_welcome_alone)
        self.awaits_password = True
        if self._connection is None or not self._connection.identity:
            self._handler.end(NOT_DELIVERED, f"{visible(self.name)} {NOT_PRIVATE}")
        elif not self._asking:
            self._notice(self.credentials.problem)
            self._asking, self._end_reason = True, why
            self._ui.ask(f"{prefix}Password for {visible(self.name)}: ", self._answered)

    def _rejected(self, why: str, certain: bool) -> None:
        """The password or token was wrong: try the next, or ask. A token is removed from the file only if that is `certain`."""
        assert self._connection is not None  # noqa: S101 (a packet came, so there is a connection)
        self._notice(self.credentials.rejected(self._connection.identity, certain))
        if self._passwords_asked >= MAX_PASSWORDS:
            self._handler.end(NOT_DELIVERED, self._not_let_in(why))
        elif self.credentials.auth(self._connection.identity):
            self._send_hello()
        else:
            self._ask_password(self._not_let_in(why), f"{visible(why, 200)} ")

    def _not_let_in(self, why: str) -> str:
        return f"the server does not let {visible(self.name)} in: {visible(why, 400)}"

    def _answered(self, password: str | None) -> None:
        self._asking = False
        self._passwords_asked += 1
        if not password:
            self._handler.end(NOT_DELIVERED, self._end_reason)
        else:
            self.log_in(password)

    def _welcomed(self, x: AnswerX) -> None:
        self._timers.stop(self._not_welcomed, self._classic_welcome_alone)
        self.awaits_password = False
        self._passwords_asked = 0
        if self.credentials.account_required and not x.account:
            self._end_without_account()
            return
        if x.token:
            self._offer_to_keep(x.token)
        self._handler.welcomed(x)

    def _offer_to_keep(self, token: str) -> None:
        if not is_token(token):
            self._notice("The server sent an invalid token, so it is not stored.")
            return
        self.credentials.set_token(token)
        if self.credentials.save_tokens:
            self._keep("yes")
        elif not self.credentials.sent_token:
            self._ui.ask("Stay logged in on this machine, with a token in a file? [y/N] ", self._keep, hidden=False)

    def _keep(self, answer: str | None) -> None:
        if answer and answer.strip().lower() in ("y", "yes") and self._connection is not None:
            self.credentials.save_tokens = True
            self._notice(self.credentials.save_token(self._connection.identity))

    def _notice(self, what: str) -> None:
        """Tell the user, unless the text is empty."""
        if what:
            self._ui.notice(what)

    def _end_without_account(self) -> None:
        why = f"{visible(self.name)} is not registered on this server: leave out --login, and register it with /register"
        self._handler.end(NOT_DELIVERED, why)

    def _classic_welcome_alone(self) -> None:
        """A classic welcome came, and no capable one after it: this is a classic server."""
        if self.credentials.account_required:
            self._end_without_account()
            return
        self._handler.welcomed(None)

    def _not_welcomed(self) -> None:
        self._reconnector.no_welcome()
