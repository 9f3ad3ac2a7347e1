"""Opening: from a new connection to the welcome: the name, the hello, and showing who one is where that is asked."""

from __future__ import annotations

from typing import Any, Protocol

from lanchat.client.interfaces import NOT_DELIVERED, Face, Wire
from lanchat.client.keyring import Keyring
from lanchat.client.reconnecting import PASSING, Reconnecting
from lanchat.client.timers import Timers
from lanchat.client.tokens import is_token
from lanchat.protocol.packet import Packet, Sender, ServerPacket, ServerX, X, visible

#: What is asked for in the hello.
CAPS = ["id", "ack", "ping", "presence", "token", "resume", "history", "room", "order"]
#: Seconds that a classic welcome is given to be followed by a capable one, before nothing more is expected.
SETTLE_SECONDS = 1.0
#: Seconds that a login may take: a server makes those wait who were wrong before.
LOGIN_SECONDS = 30.0
#: Passwords that are asked for before it is over.
MAX_PASSWORDS = 3

UNKNOWN = "is an account: log in at a terminal, or with --password-file"
OPEN_TO_ALL = "is an account, and the password is not sent where others could read it: use --tls, or --plaintext-passwords"


class Outcome(Protocol):
    """What may come of an opening."""

    def welcomed(self, x: ServerX | None) -> None:
        """The server takes us; None if it knows only the classic protocol."""

    def end(self, status: int, why: str = "") -> None:
        """There is no use in trying."""


class Handshake:
    """Comes to terms with the server, on one connection after another."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        name: str,
        device: str,
        keyring: Keyring,
        timers: Timers,
        face: Face,
        patience: float,
        outcome: Outcome,
        comeback: Reconnecting,
    ) -> None:
        #: Whether the server waits for a password.
        self.locked = False
        #: What is asked for, of `CAPS`.
        self.caps = list(CAPS)
        self.keyring = keyring
        self._name = name
        self._device = device
        self._timers = timers
        self._face = face
        self._patience = patience
        self._outcome = outcome
        self._comeback = comeback
        self._wire: Wire | None = None
        self._resume: dict[str, Any] | None = None
        #: Hellos that were sent and not answered yet.
        self._hellos = 0
        #: Whether the far end has shown that it takes packets. Before that it might be anybody, and no secret is written.
        self._known = False
        self._asking = False
        self._asked = 0
        self._why = ""

    def begin(self, wire: Wire, resume: dict[str, Any] | None) -> None:
        """A connection is there: the name and a hello without a secret go out in one write, for servers new and old."""
        self._wire, self._resume, self._hellos = wire, resume, 0
        self.locked = self._known = False
        wire.write(f"{self._name}\n".encode() + self._hello())

    def lost(self) -> None:
        """The connection is gone."""
        self._wire = None
        self._timers.stop(self._not_welcomed, self._settled, self._say_hello)

    def meets(self, packet: ServerPacket, opening: bool) -> bool:
        """Notice a welcome, or what stands in its way; whether the packet is of no interest to anybody else."""
        x = packet.x
        if x is not None and x.op == "welcome" and self._hellos:
            self._hellos = 0  # each hello has one welcome; others, of which there could be any number, begin nothing
            self._welcomed(x)
        elif opening and packet.from_.name == "SERVER":
            self._known = True
            return self._stopped(packet) if x is not None and x.op == "fail" else self._greeted(packet)
        return False

    def log_in(self, password: str) -> bool:
        """Use this password; whether the server waits for one."""
        self.keyring.learn(password)
        if self.locked and self._wire is not None:
            self._say_hello()
        return self.locked

    def proved(self, password: str, is_new: bool) -> None:
        """The server took this password; a new one makes the token that is kept worthless."""
        self.keyring.learn(password)
        if is_new and self._wire is not None:
            self._tell(self.keyring.forget(self._wire.proof))

    def granted(self, x: ServerX | None) -> frozenset[str]:
        """What a welcome grants of what was asked for."""
        caps = (x.caps if x else None) or ()
        return frozenset(cap for cap in self.caps if cap in caps)

    def _hello(self) -> bytes:
        """The first, which shows nothing; and, when that brought no welcome, others with what there is to show."""
        assert self._wire is not None  # noqa: S101 (there is a connection)
        self._hellos += 1
        auth = self.keyring.show(self._wire.proof if self._known else "")
        self._timers.start(max(self._patience, LOGIN_SECONDS if auth else 0), self._not_welcomed)
        # Each token that is given may push out that of another device: with one, no other is asked for.
        caps = [cap for cap in self.caps if cap != "token" or not self.keyring.by_token]
        x = X(v=1, caps=caps, dev=self._device or None, auth=auth, resume=self._resume)
        return Packet(Sender(self._name, ""), "/hello", "lanchat", x).line

    def _say_hello(self) -> None:
        assert self._wire is not None  # noqa: S101 (whoever calls has looked)
        self._wire.write(self._hello())

    def _greeted(self, packet: ServerPacket) -> bool:
        """A classic packet, from a server that may be a classic one."""
        text = packet.msg
        if packet.x is not None and packet.x.op is not None:
            return False
        if (
            not text.startswith("Welcome ")
            and "already" not in text.replace(self._name, "")
            and ("/login" in text or self.keyring.shown)
        ):
            self._told(text)
            return True
        if packet.to.lower() == "guest":
            self._comeback.refused(text)
        elif not self.locked:
            self._timers.stop(self._not_welcomed)
            self._timers.start(SETTLE_SECONDS, self._settled)
        return False

    def _told(self, text: str) -> None:
        """A server that grants no hello before the login says in words that one is needed, or that it failed."""
        if not self.keyring.shown:
            self._prove()
        elif "/login" not in text and not self._asking:
            self._wrong(text, certain=False)

    def _stopped(self, packet: ServerPacket) -> bool:
        """The hello was refused."""
        assert packet.x is not None  # noqa: S101 (it is a failure)
        self._hellos = max(self._hellos - 1, 0)
        code, seconds = packet.x.code, max(packet.x.retry_ms or 0, 0) / 1000
        if code == "AUTH_REQUIRED" and self._hellos:
            return True  # what was asked for is on its way already, as words had asked for it too
        if code == "AUTH_REQUIRED" or (code == "FULL" and not self.keyring.shown):  # FULL: many are being asked who they are
            self._prove()
        elif code == "AUTH_FAILED":
            self._wrong(packet.msg, certain=True)
        elif packet.x.retry_ms is None or code not in PASSING:
            self._comeback.refused(packet.msg, code)
        elif self._comeback.asked_to_wait(packet.msg, seconds):
            self._timers.stop(self._not_welcomed, self._settled)
            self._timers.start(seconds, self._say_hello)
        return True

    def _prove(self) -> None:
        """The name is an account's: show what there is to show, or ask for it."""
        assert self._wire is not None  # noqa: S101 (something came)
        if not self.keyring.shown and not self.locked and self.keyring.show(self._wire.proof):
            self._say_hello()
        else:
            self._lock(f"{visible(self._name)} {UNKNOWN}")

    def _lock(self, why: str, lead: str = "") -> None:
        """The name belongs to somebody: show that it is us. If nobody can, it is over, and this is why."""
        self._timers.stop(self._not_welcomed, self._settled)
        self.locked = True
        if self._wire is None or not self._wire.proof:
            self._outcome.end(NOT_DELIVERED, f"{visible(self._name)} {OPEN_TO_ALL}")
        elif not self._asking:
            self._tell(self.keyring.trouble)
            self._asking, self._why = True, why
            self._face.ask(f"{lead}Password for {visible(self._name)}: ", self._answered)

    def _wrong(self, why: str, certain: bool) -> None:
        """That was not it; the next thing to show, if there is one, or ask. A token is forgotten only if that is certain."""
        assert self._wire is not None  # noqa: S101 (something came)
        self._tell(self.keyring.refused(self._wire.proof, certain))
        if self._asked >= MAX_PASSWORDS:
            self._outcome.end(NOT_DELIVERED, self._not_let_in(why))
        elif self.keyring.show(self._wire.proof):
            self._say_hello()
        else:
            self._lock(self._not_let_in(why), f"{visible(why, 200)} ")

    def _not_let_in(self, why: str) -> str:
        return f"the server does not let {visible(self._name)} in: {visible(why, 400)}"

    def _answered(self, password: str | None) -> None:
        self._asking = False
        self._asked += 1
        if not password:
            self._outcome.end(NOT_DELIVERED, self._why)
        else:
            self.log_in(password)

    def _welcomed(self, x: ServerX) -> None:
        self._timers.stop(self._not_welcomed, self._settled)
        self.locked = False
        self._asked = 0
        if self.keyring.wanted and not x.account:
            self._no_account()
            return
        if x.token:
            self._offer_to_keep(x.token)
        self._outcome.welcomed(x)

    def _offer_to_keep(self, token: str) -> None:
        if not is_token(token):
            self._tell("What the server gave to log in with is no token, so it is not kept.")
            return
        self.keyring.given(token)
        if self.keyring.keep:
            self._keep("yes")
        elif not self.keyring.by_token:
            self._face.ask("Stay logged in on this machine, with a token in a file? [y/N] ", self._keep, hidden=False)

    def _keep(self, answer: str | None) -> None:
        if answer and answer.strip().lower() in ("y", "yes") and self._wire is not None:
            self.keyring.keep = True
            self._tell(self.keyring.write_down(self._wire.proof))

    def _tell(self, what: str) -> None:
        """What a person should know, if anything."""
        if what:
            self._face.notice(what)

    def _no_account(self) -> None:
        why = f"{visible(self._name)} is no account on this server: leave out --login, and make it one with /register"
        self._outcome.end(NOT_DELIVERED, why)

    def _settled(self) -> None:
        """A classic welcome, and no other after it: this is an old server."""
        if self.keyring.wanted:
            self._no_account()
            return
        self._outcome.welcomed(None)

    def _not_welcomed(self) -> None:
        self._comeback.unwelcome()
