"""Tap: the live packets of one session in an operator's window, both ways, until it is stopped.

A session that is tapped has a stand-in for its client, which hears what goes out, and its connection one for the router, which
hears what comes in. They are put there with the first tap and taken away with the last, so nobody else pays for it.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, cast

import msgspec
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import directlyProvides, providedBy

from lanchat.commands import COMMANDS
from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.manhole.tables import Text
from lanchat.model.session import Session
from lanchat.protocol.errors import ChatError, NoSuchTarget
from lanchat.protocol.interfaces import IClient, IConnection
from lanchat.protocol.packet import Packet, ServerPacket, ServerX, X, visible
from lanchat.service.requests import format_count

#: Characters that are shown of a packet, and what is shown instead of a secret.
MAX_SHOWN, HIDDEN = 2000, "(hidden)"
#: What comes from the client, what goes to it.
CAME, WENT = ">", "<"
#: The commands that are followed by a password: an operator does not need to see those.
SECRET = {name for name, command in COMMANDS.items() if "password" in command.args}

_log = Logger("lanchat.manhole.tap")

Heard = Packet | ChatError
Hear = Callable[[str, Heard], None]


class Window(Protocol):
    """An operator's window, as a tap needs it."""

    #: Called when the operator wants no more of what goes on (Ctrl-C), and when the window closes.
    interruptions: list[Callable[[], object]]

    def show(self, text: str) -> None:
        """Show this, in between."""

    def behind(self) -> bool:
        """Whether it is not read as fast as it is written to."""

    def audit(self, what: str) -> None:
        """Note in the log what the operator does."""


class Wires:
    """The sessions that are tapped, by whomever."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._wires: dict[Session, Wire] = {}

    def listen(self, session: Session, tap: Tap) -> None:
        """Let this tap hear; raises `NoSuchTarget` if there is no connection that could be listened to."""
        wire = self._wires.get(session)
        if wire is None:
            wire = self._wires[session] = Wire(self._router, session)
        wire.taps.append(tap)

    def stop(self, session: Session, tap: Tap) -> None:
        """Let it hear no more."""
        wire = self._wires[session]
        wire.taps.remove(tap)
        if not wire.taps:
            del self._wires[session]
            wire.remove()


class Wire:
    """One session that is listened to."""

    def __init__(self, router: Router, session: Session) -> None:
        connection = IConnection(session.client, None)
        if connection is None:
            raise NoSuchTarget(f"{visible(session.name.shown)} has no connection that can be tapped.")
        self.taps: list[Tap] = []
        self._router, self._session, self._connection = router, session, connection
        session.client = cast("IClient", _Client(connection, self._hear, self._ended))
        connection.serve_with(_Router(router, self._hear, self._ended))

    def remove(self) -> None:
        """All is as it was."""
        self._session.client = self._connection
        self._connection.serve_with(self._router)

    def _hear(self, way: str, heard: Heard) -> None:
        for tap in tuple(self.taps):
            try:
                tap.hear(way, heard)
            except Exception:  # noqa: BLE001, PERF203 (what is shown of a packet must not keep it from where it goes)
                _log.failure("manhole: a tap could not show a packet")
                tap.end("it failed")

    def _ended(self) -> None:
        for tap in tuple(self.taps):
            tap.end("it has left")


class _Client:
    """A client that is listened to."""

    def __init__(self, client: Any, hear: Hear, ended: Callable[[], None]) -> None:
        self._client, self._hear, self._ended = client, hear, ended
        directlyProvides(self, providedBy(client))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def deliver(self, packet: ServerPacket) -> None:
        """Show it to the operator too."""
        self._hear(WENT, packet)
        self._client.deliver(packet)

    def deliver_all(self, packets: list[ServerPacket]) -> None:
        """Show each."""
        for packet in packets:
            self.deliver(packet)

    def disconnect(self) -> None:
        """Nothing more comes after this."""
        self._client.disconnect()
        self._ended()


class _Router:
    """The router, as a connection sees it that is listened to."""

    def __init__(self, router: Router, hear: Hear, ended: Callable[[], None]) -> None:
        self._router, self._hear = router, hear
        self.chat = _Chat(router.chat, ended)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)

    def receive(self, session: Session, packet: Heard) -> None:
        """Show it to the operator too."""
        self._hear(CAME, packet)
        self._router.receive(session, packet)

    def receive_all(self, session: Session, packets: list[Packet]) -> int:
        """Take them one by one, so that the operator is shown each."""
        taken = 0
        for packet in packets:
            if session.client.halted:
                break
            self.receive(session, packet)
            taken += 1
        return taken


class _Chat:
    """The chat, as that connection sees it."""

    def __init__(self, chat: Chat, ended: Callable[[], None]) -> None:
        self._chat, self._ended = chat, ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chat, name)

    def leave(self, session: Session, *how: Any, **more: Any) -> None:
        """The client is gone."""
        self._chat.leave(session, *how, **more)
        self._ended()


class Tap:
    """One operator who listens to one session."""

    def __init__(self, wires: Wires, session: Session, window: Window, now: Callable[[], float]) -> None:
        """It begins; raises `NoSuchTarget`."""
        self._wires, self._session, self._window, self._now = wires, session, window, now
        self._name = visible(session.name.shown)
        self._heard = self._lost = self._untold = 0
        #: Fires when it ends, with what became of it.
        self.done: Deferred[Text] = Deferred()
        wires.listen(session, self)
        window.audit(f"tap of {self._name} ({visible(session.sender.ip)}) begins")

    def hear(self, way: str, heard: Heard) -> None:
        """A packet: it is shown, or lost and counted while the operator's window does not keep up."""
        self._heard += 1
        if self._window.behind():
            self._lost += 1
            self._untold += 1
            return
        if self._untold:
            self._window.show(f"(not shown, as this window did not keep up: {format_count(self._untold, 'packet')})\n")
            self._untold = 0
        time = datetime.fromtimestamp(self._now()).astimezone().strftime("%H:%M:%S")
        self._window.show(f"{time} {self._name} {way} {written(heard)}\n")

    def end(self, why: str) -> None:
        """Stop listening; the operator is told, and the log."""
        if self.done.called:
            return
        self._wires.stop(self._session, self)
        lost = f", {self._lost} of them not shown" if self._lost else ""
        told = f"tap of {self._name} ends ({why}): {format_count(self._heard, 'packet')}{lost}"
        self._window.audit(told)
        self.done.callback(Text(f"The {told}."))


class Taps:
    """The taps of one window."""

    def __init__(self, wires: Wires, window: Window, now: Callable[[], float]) -> None:
        self._wires, self._window, self._now = wires, window, now
        self._taps: list[Tap] = []
        window.interruptions.append(self.stop)

    def begin(self, session: Session) -> Deferred[Text]:
        """Listen to a session; fires when that ends. Raises `NoSuchTarget`."""
        tap = Tap(self._wires, session, self._window, self._now)
        self._taps.append(tap)
        return tap.done

    def stop(self) -> int:
        """End all of them; how many there were."""
        taps, self._taps = [tap for tap in self._taps if not tap.done.called], []
        for tap in taps:
            tap.end("stopped")
        return len(taps)


def written(heard: Heard) -> str:
    """A packet on one line, without what could harm a terminal, and without secrets."""
    if isinstance(heard, ChatError):
        return f"(no packet: {heard.code} {visible(str(heard), MAX_SHOWN)})"
    return visible(_without_secrets(heard).line.decode("utf-8", "replace").rstrip("\n"), MAX_SHOWN)


def _without_secrets(packet: Packet) -> Packet:
    replace = msgspec.structs.replace
    if packet.to.strip().lower() in SECRET:
        return replace(packet, msg=HIDDEN, x=None)
    x: X | ServerX | None = packet.x
    if isinstance(x, ServerX) and x.token is not None:
        return replace(packet, x=replace(x, token=HIDDEN))
    if isinstance(x, X) and x.auth is not None:
        return replace(packet, x=replace(x, auth={HIDDEN: True}))
    return packet
