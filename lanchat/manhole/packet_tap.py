"""Taps: the live packets of one session, both ways, in an operator's window.

While a session is tapped, a proxy in place of its client sees what goes out, and a proxy in place of the connection's router
sees what comes in. They are installed by the first tap and removed with the last, so other sessions have no cost.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Protocol, TypeAlias, cast

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
from lanchat.protocol.extensions import AnswerX, ServerX, X
from lanchat.protocol.interfaces import IClient, IConnection
from lanchat.protocol.packet import Packet, PacketRun, ServerPacket, visible
from lanchat.service.requests import format_count

#: Characters that are shown of a packet, and the text in place of a secret.
MAX_SHOWN, HIDDEN = 2000, "(hidden)"
#: Marks for packets from the client, and to the client.
FROM_CLIENT, TO_CLIENT = ">", "<"
#: Commands that contain a password, which operators need not see.
SECRET = {name for name, command in COMMANDS.items() if "password" in command.args}

_log = Logger("lanchat.manhole.tap")

#: A packet on its way, or the error that a frame of the client was no packet.
TappedPacket: TypeAlias = Packet | ChatError
#: Called with the direction (`FROM_CLIENT` or `TO_CLIENT`) and the packet.
PacketHandler: TypeAlias = Callable[[str, TappedPacket], None]


class Window(Protocol):
    """What a tap needs of an operator's window."""

    #: Called at Ctrl-C, and when the window closes.
    interruptions: list[Callable[[], object]]

    def show(self, text: str) -> None:
        """Show a text above the line that is being typed."""

    def behind(self) -> bool:
        """Whether output waits because the operator's client reads too slowly."""

    def audit(self, what: str) -> None:
        """Write an action of the operator to the audit log."""


class TappedSessions:
    """The sessions that any operator taps."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._sessions: dict[Session, TappedSession] = {}

    def add(self, session: Session, tap: Tap) -> None:
        """Add a tap to a session; raises `NoSuchTarget` if it has no connection that can be tapped."""
        tapped = self._sessions.get(session)
        if tapped is None:
            tapped = self._sessions[session] = TappedSession(self._router, session)
        tapped.taps.append(tap)

    def stop(self, session: Session, tap: Tap) -> None:
        """Remove a tap from a session."""
        tapped = self._sessions[session]
        tapped.taps.remove(tap)
        if not tapped.taps:
            del self._sessions[session]
            tapped.remove()


class TappedSession:
    """One session with its taps."""

    def __init__(self, router: Router, session: Session) -> None:
        connection = IConnection(session.client, None)
        if connection is None:
            raise NoSuchTarget(f"{visible(session.name.shown)} has no connection that can be tapped.")
        self.taps: list[Tap] = []
        self._router, self._session, self._connection = router, session, connection
        session.client = cast("IClient", _TappedClient(connection, self._handle_packet, self._ended))
        connection.serve_with(_TappedRouter(router, self._handle_packet, self._ended))

    def remove(self) -> None:
        """Take the proxies away that show the packets: the session and its connection know each other and the router again."""
        self._session.client = self._connection
        self._connection.serve_with(self._router)

    def _handle_packet(self, direction: str, packet: TappedPacket) -> None:
        for tap in tuple(self.taps):
            try:
                tap.handle_packet(direction, packet)
            except Exception:  # noqa: BLE001, PERF203 (an error in showing a packet must not stop the packet)
                _log.failure("manhole: a tap could not show a packet")
                tap.end("it failed")

    def _ended(self) -> None:
        for tap in tuple(self.taps):
            tap.end("it has left")


class _TappedClient:
    """A proxy for the client of a tapped session."""

    def __init__(self, client: Any, handle_packet: PacketHandler, ended: Callable[[], None]) -> None:
        self._client, self._handle_packet, self._ended = client, handle_packet, ended
        directlyProvides(self, providedBy(client))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def deliver(self, packet: ServerPacket) -> None:
        """Show the packet to the operator, and deliver it."""
        self._handle_packet(TO_CLIENT, packet)
        self._client.deliver(packet)

    def deliver_all(self, packets: list[ServerPacket]) -> None:
        """Deliver packets one by one."""
        for packet in packets:
            self.deliver(packet)

    def deliver_events(self, run: PacketRun) -> None:
        """Deliver events one by one."""
        self.deliver_all(run.packets)

    def disconnect(self, code: str = "", reason: str = "") -> None:
        """Disconnect, and end the taps."""
        self._client.disconnect(code, reason)
        self._ended()


class _TappedRouter:
    """A proxy for the router, for the connection of a tapped session."""

    def __init__(self, router: Router, handle_packet: PacketHandler, ended: Callable[[], None]) -> None:
        self._router, self._handle_packet = router, handle_packet
        self.chat = _TappedChat(router.chat, ended)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._router, name)

    def receive(self, session: Session, packet: TappedPacket) -> None:
        """Show the packet to the operator, and pass it on."""
        self._handle_packet(FROM_CLIENT, packet)
        self._router.receive(session, packet)

    def receive_all(self, session: Session, packets: list[Packet]) -> int:
        """Pass packets on one by one, so that the operator is shown each; returns how many."""
        taken = 0
        for packet in packets:
            if session.client.halted:
                break
            self.receive(session, packet)
            taken += 1
        return taken


class _TappedChat:
    """A proxy for the chat, for the connection of a tapped session."""

    def __init__(self, chat: Chat, ended: Callable[[], None]) -> None:
        self._chat, self._ended = chat, ended

    def __getattr__(self, name: str) -> Any:
        return getattr(self._chat, name)

    def leave(self, session: Session, *how: Any, **more: Any) -> None:
        """Pass it on, and end the taps."""
        self._chat.leave(session, *how, **more)
        self._ended()


class Tap:
    """One operator's tap of one session."""

    def __init__(self, tapped: TappedSessions, session: Session, window: Window, now: Callable[[], float]) -> None:
        """Start the tap; raises `NoSuchTarget`."""
        self._sessions, self._session, self._window, self._now = tapped, session, window, now
        self._name = visible(session.name.shown)
        self._count = self._dropped = self._unreported = 0
        #: Fires with a summary when it ends.
        self.done: Deferred[Text] = Deferred()
        tapped.add(session, self)
        window.audit(f"tap of {self._name} ({visible(session.sender.ip)}) begins")

    def handle_packet(self, direction: str, packet: TappedPacket) -> None:
        """Show a packet, or count it as dropped while the operator's window is too slow."""
        self._count += 1
        if self._window.behind():
            self._dropped += 1
            self._unreported += 1
            return
        if self._unreported:
            self._window.show(f"(not shown, because this window is too slow: {format_count(self._unreported, 'packet')})\n")
            self._unreported = 0
        time = datetime.fromtimestamp(self._now()).astimezone().strftime("%H:%M:%S")
        self._window.show(f"{time} {self._name} {direction} {render(packet)}\n")

    def end(self, why: str) -> None:
        """End the tap, tell the operator, and log it."""
        if self.done.called:
            return
        self._sessions.stop(self._session, self)
        lost = f", {self._dropped} of them not shown" if self._dropped else ""
        told = f"tap of {self._name} ends ({why}): {format_count(self._count, 'packet')}{lost}"
        self._window.audit(told)
        self.done.callback(Text(f"The {told}."))


class Taps:
    """The taps of one window."""

    def __init__(self, tapped: TappedSessions, window: Window, now: Callable[[], float]) -> None:
        self._sessions, self._window, self._now = tapped, window, now
        self._taps: list[Tap] = []
        window.interruptions.append(self.stop)

    def begin(self, session: Session) -> Deferred[Text]:
        """Tap a session; fires when that ends. Raises `NoSuchTarget`."""
        tap = Tap(self._sessions, session, self._window, self._now)
        self._taps.append(tap)
        return tap.done

    def stop(self) -> int:
        """End all taps; returns how many there were."""
        taps, self._taps = [tap for tap in self._taps if not tap.done.called], []
        for tap in taps:
            tap.end("stopped")
        return len(taps)


def render(packet: TappedPacket) -> str:
    """A packet on one line, safe for a terminal and without secrets."""
    if isinstance(packet, ChatError):
        return f"(no packet: {packet.code} {visible(str(packet), MAX_SHOWN)})"
    return visible(_without_secrets(packet).line.decode("utf-8", "replace").rstrip("\n"), MAX_SHOWN)


def _without_secrets(packet: Packet) -> Packet:
    replace = msgspec.structs.replace
    if packet.to.strip().lower() in SECRET:
        return replace(packet, msg=HIDDEN, x=None)
    x: X | ServerX | None = packet.x
    if isinstance(x, AnswerX) and x.token is not None:
        return replace(packet, x=replace(x, token=HIDDEN))
    if isinstance(x, X) and x.auth is not None:
        return replace(packet, x=replace(x, auth={HIDDEN: True}))
    return packet
