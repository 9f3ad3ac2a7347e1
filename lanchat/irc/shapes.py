"""Shapes: a message as lines of IRC. Clients with the same capabilities share them, so that each is written once."""

from __future__ import annotations

from lanchat.irc.message import CONTROLS, END, MAX_LINE, escape
from lanchat.irc.people import sender_mask
from lanchat.protocol.entry import ACTION, NOTICE
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import EVERYONE, ServerPacket
from lanchat.state.online import OnlineUsers

#: The recipient of what is said to everyone.
TO_ALL = "$*"
_NO_X = ServerX()


class Shape:
    """Writes messages for clients with certain capabilities."""

    def __init__(self, online: OnlineUsers, caps: frozenset[str]) -> None:
        self._online = online
        self._has_tags = "message-tags" in caps
        self._has_time = self._has_tags or "server-time" in caps
        self._has_account = "account-tag" in caps
        self._tagged = bool(caps)

    def __call__(self, packet: ServerPacket) -> bytes:
        """The lines of a message. A long text, or one of several lines, takes several; the first one has the message's id."""
        return self.lines(packet)

    def all(self, packets: list[ServerPacket]) -> bytes:
        """The lines of messages that differ in their text and their ids only."""
        first = packets[0]
        if self._tagged or (first.x is not None and first.x.kind) or first.to == EVERYONE:
            return b"".join(map(self, packets))
        head, texts = f":{sender_mask(self._online, first.from_)} PRIVMSG {first.to} :", [packet.msg for packet in packets]
        lines = f"{head}{f'{END}{head}'.join(texts)}{END}".encode()
        fits = len(lines) <= MAX_LINE or len(head) + len(max(texts, key=len)) <= MAX_LINE
        if not fits or not lines.isascii() or len(lines) - len(lines.translate(None, CONTROLS)) > len(END) * len(texts):
            return b"".join(map(self, packets))
        return lines

    def lines(self, packet: ServerPacket, target: str = "", **more: str) -> bytes:
        """The same, perhaps with more tags, and for another target than the packet's."""
        x, to = packet.x or _NO_X, target or packet.to
        command = "NOTICE" if x.kind == NOTICE or to == EVERYONE else "PRIVMSG"
        head = f":{sender_mask(self._online, packet.from_)} {command} {TO_ALL if to == EVERYONE else to} :"
        before, after = ("\x01ACTION ", "\x01") if x.kind == ACTION else ("", "")
        pieces = split_text(packet.msg, MAX_LINE - len(head.encode()) - len(before) - len(after))
        first = self._tags(packet, x, more)
        if len(pieces) == 1:
            return f"{first}{head}{before}{pieces[0]}{after}\r\n".encode()
        further = self._further_tags(packet, x, more)
        return "".join(
            f"{further if number else first}{head}{before}{piece}{after}\r\n" for number, piece in enumerate(pieces)
        ).encode()

    def _tags(self, packet: ServerPacket, x: ServerX, more: dict[str, str]) -> str:
        tags = self._common(packet, x, more)
        if self._has_tags:
            if x.id is not None:
                tags.append(f"msgid={x.id}")
            if x.re is not None:
                tags.append(f"+reply={escape(x.re)}")
        return f"@{';'.join(tags)} " if tags else ""

    def _further_tags(self, packet: ServerPacket, x: ServerX, more: dict[str, str]) -> str:
        tags = self._common(packet, x, {name: value for name, value in more.items() if name != "label"})
        return f"@{';'.join(tags)} " if tags else ""

    def _common(self, packet: ServerPacket, x: ServerX, more: dict[str, str]) -> list[str]:
        tags = [f"{name}={escape(value)}" for name, value in more.items()]
        if self._has_time and x.ts is not None:
            tags.append(f"time={x.ts}")
        if self._has_account and (account := self._online.account(packet.from_.name)) is not None:
            tags.append(f"account={account.name.shown}")
        return tags


def split_text(text: str, most: int) -> list[str]:
    """A text in pieces for one line each, of at most so many bytes, which end at characters, and if possible at a space."""
    if len(text) * 4 <= most and text.isprintable():
        return [text]
    pieces = []
    for part in text.replace("\0", " ").splitlines() or [""]:
        while len(data := part.encode()) > most:
            piece = data[:most].decode(errors="ignore")
            space = piece.rfind(" ")
            if space > len(piece) // 2:
                piece = piece[: space + 1]
            pieces.append(piece)
            part = part[len(piece) :]  # noqa: PLW2901 (what is left of it)
        pieces.append(part)
    return [piece for piece in pieces if piece] or [" "]
