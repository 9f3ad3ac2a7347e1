"""The rooms that a guest is in. The server forgets them with the connection, so the client joins them again on the next one."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.client.interfaces import OutgoingMessage, UserInterface
from lanchat.protocol.events import BANNED, CLOSED, KICKED, RENAMED
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import ReceivedPacket, is_visible, visible
from lanchat.protocol.spelling import key
from lanchat.protocol.typed_lines import UnclearLine, parse_target

#: The longest room name, in characters, that is remembered.
MAX_NAME = 64


class JoinedRooms:
    """The rooms of a guest. Those of an account are remembered by the server."""

    def __init__(self, me: str, ui: UserInterface, join: Callable[[str], OutgoingMessage]) -> None:
        """`me` is the user's name; `join` sends a /join before anything else that is queued."""
        self.me = me
        self._ui = ui
        self._join = join
        self._names: dict[str, str] = {}  # by the key of each name
        self._joining: dict[OutgoingMessage, str] = {}
        self._rejoined_names: list[str] = []

    def welcomed(self, again: bool, account: bool, capable: bool) -> None:
        """Join the rooms again, and tell the user when that is done: with the answers of a `capable` server, else at once."""
        self._joining.clear()
        self._rejoined_names.clear()
        if account:
            self._names.clear()
        names = list(self._names.values())
        for name in reversed(names):
            message = self._join(name)
            if capable:
                self._joining[message] = name
        if again and not self._joining:
            self._report_back(names)

    def consume(self, packet: ReceivedPacket, request: OutgoingMessage | None) -> bool:
        """Note what a packet says about our rooms; whether it answers a /join of ours, which nobody else needs to see."""
        x = packet.x or AnswerX()
        if request is not None and request in self._joining:
            self._rejoined(self._joining.pop(request), packet, x.op == "ok")
            return True
        if x.op == "event" and x.batch is None:
            self._happened(x.ev or "", _key(x.conv or ""), x)
        elif x.op == "ok" and request is not None:
            self._answered(request, x)
        elif packet.from_.name == "SERVER" and (x.op is None or (x.op == "ok" and x.cid is None)):
            self._server_said(packet.msg)
        return False

    def message_written(self, message: OutgoingMessage) -> None:
        """Note a command for a server that does not answer commands one by one."""
        if message.command in ("/join", "/create"):
            self._enter(_room(message))
        elif message.command == "/leave":
            self._names.pop(_key(_room(message)), None)

    def _answered(self, message: OutgoingMessage, x: AnswerX) -> None:
        """Note that a /join, /create or /leave succeeded."""
        if message.command in ("/join", "/create"):
            for room in x.rooms or ():
                self._enter(room.get("name"))
        elif message.command == "/leave":
            self._names.pop(_key(str(message.args.get("room") or _room(message))), None)

    def _happened(self, event: str, room: str, x: AnswerX) -> None:
        """Forget a room that the user was removed from, and note a room's new name."""
        if room not in self._names:
            return
        if event == CLOSED or (event in (KICKED, BANNED) and key(self.me) in map(key, x.who or ())):
            del self._names[room]
        elif event == RENAMED:
            del self._names[room]
            self._enter(x.text)

    def _server_said(self, text: str) -> None:
        """As `_happened`, by the sentences of a server that sends no events."""
        for name in list(self._names.values()):
            ends = (f"You were taken out of {name} ", f"You are banned from {name} ", f"{name} is closed for good")
            if text.startswith(ends):
                del self._names[_key(name)]

    def _enter(self, name: object) -> None:
        if isinstance(name, str) and name and len(name) <= MAX_NAME and is_visible(name):
            self._names[_key(name)] = name

    def _rejoined(self, name: str, packet: ReceivedPacket, entered: bool) -> None:
        if entered:
            self._rejoined_names.append(name)
        else:
            self._names.pop(_key(name), None)
            self._ui.messages_missing(f"You are no longer in {name}: {visible(packet.msg, 400)}")
        if not self._joining:
            self._report_back(self._rejoined_names)

    def _report_back(self, names: list[str]) -> None:
        self._ui.notice(f"You are back{', in ' if names else ''}{', '.join(sorted(names))}.")


def _room(message: OutgoingMessage) -> str:
    """The room that a typed command begins with; "" if there is none."""
    return "".join(message.msg.split(maxsplit=1)[:1])


def valid_room(name: str | None) -> str:
    """A room's name as a server gave it; "" if it is not valid."""
    try:
        return parse_target(name) if name and name.startswith("#") and is_visible(name) and len(name) <= MAX_NAME else ""
    except UnclearLine:
        return ""


def _key(name: str) -> str:
    return "#" + key(name.strip().removeprefix("#"))
