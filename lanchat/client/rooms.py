"""Rooms: those that a guest is in. The server forgets them with the connection, so they are entered again on the next one."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.client.interfaces import Face, Said
from lanchat.protocol.packet import ServerPacket, ServerX, is_visible, visible
from lanchat.protocol.spelling import key

#: Characters of a room's name that are remembered.
MAX_NAME = 64


class Rooms:
    """Where we are, as a guest; an account is kept where it belongs by the server."""

    def __init__(self, face: Face, join: Callable[[str], Said]) -> None:
        """`join` sends a /join, before anything else that waits."""
        self._face = face
        self._join = join
        self._names: dict[str, str] = {}  # by their keys
        self._joining: dict[Said, str] = {}
        self._back: list[str] = []

    def welcomed(self, again: bool, account: bool, answers: bool) -> None:
        """A connection begins: enter the rooms, and tell when that is done, which takes as many answers if it `answers`."""
        self._joining.clear()
        self._back.clear()
        if account:
            self._names.clear()
        names = list(self._names.values())
        for name in reversed(names):
            said = self._join(name)
            if answers:
                self._joining[said] = name
        if again and not self._joining:
            self._tell_back(names)

    def takes(self, packet: ServerPacket, answers: Said | None) -> bool:
        """Notice what is said of our rooms; whether this answers what was asked here, and is of no interest to others."""
        x = packet.x or ServerX()
        if answers is not None and answers in self._joining:
            self._rejoined(self._joining.pop(answers), packet, x.op == "ok")
            return True
        if x.op == "ok" and answers is not None:
            self._answered(answers, x)
        elif packet.from_.name == "SERVER" and (x.op is None or (x.op == "ok" and x.cid is None)):
            self._told(packet.msg)
        return False

    def written(self, said: Said) -> None:
        """A command is on its way to a server that gives no answers to it in particular."""
        if said.command in ("/join", "/create"):
            self._enter(said.msg.split(maxsplit=1)[0] if said.msg.strip() else "")
        elif said.command == "/leave":
            self._names.pop(_key(said.msg), None)

    def _answered(self, said: Said, x: ServerX) -> None:
        """A command of ours was obeyed."""
        if said.command in ("/join", "/create"):
            for room in x.rooms or ():
                self._enter(room.get("name"))
        elif said.command == "/leave":
            self._names.pop(_key(str(said.args.get("room") or said.msg)), None)

    def _told(self, text: str) -> None:
        """Who was taken out of a room does not come back uninvited."""
        for name in list(self._names.values()):
            ends = (f"You were taken out of {name} ", f"You are banned from {name} ", f"{name} is closed for good")
            if text.startswith(ends):
                del self._names[_key(name)]

    def _enter(self, name: object) -> None:
        if isinstance(name, str) and name and len(name) <= MAX_NAME and is_visible(name):
            self._names[_key(name)] = name

    def _rejoined(self, name: str, packet: ServerPacket, entered: bool) -> None:
        if entered:
            self._back.append(name)
        else:
            self._names.pop(_key(name), None)
            self._face.incomplete(f"You are not in {name} any more: {visible(packet.msg, 400)}")
        if not self._joining:
            self._tell_back(self._back)

    def _tell_back(self, names: list[str]) -> None:
        self._face.notice(f"You are back{', in ' if names else ''}{', '.join(sorted(names))}.")


def _key(name: str) -> str:
    return "#" + key(name.strip().removeprefix("#"))
