"""Shapes: messages and changes of them as lines. Clients with the same capabilities share one, so each line is written once."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import chain, count
from typing import NamedTuple, TypeAlias

from lanchat.irc import multiline
from lanchat.irc.message import CONTROLS, END, MAX_LINE, cut
from lanchat.irc.multiline import Compositions, split_lines
from lanchat.irc.people import sender_mask
from lanchat.irc.request import tagged
from lanchat.model.session import Session
from lanchat.protocol.entry import ACTION, EDIT, NOTICE, REACT, WITHDRAW
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import EVERYONE, SERVER, ServerPacket
from lanchat.state.online import OnlineUsers

#: The recipient of what is said to everyone.
TO_ALL = "$*"
#: The `op` of tags without a text (docs/protocol.md, "Tags").
TAGS = "tags"
#: What is shown as lines that a shape writes: messages, and these.
OPS = frozenset({None, EDIT, WITHDRAW, REACT, TAGS})
#: The capabilities that lines differ by.
CAPS = frozenset({"message-tags", "server-time", "account-tag", "batch", multiline.CAP})
#: Characters of the tags of a client that are written on each line of a long text, and not only on the first one.
MAX_REPEATED = 60
#: The mode of users that are bots.
BOT_MODE = "B"
_NO_X = ServerX()
#: What emoji are made of besides others.
_JOINER, _SKIN_COLOURS = "\u200d", "\U0001f3fb\U0001f3fc\U0001f3fd\U0001f3fe\U0001f3ff"

#: A line: its tags, and what follows them.
Line: TypeAlias = tuple[dict[str, str], bytes]


class Piece(NamedTuple):
    """A piece of a text, which has a line of its own."""

    text: str
    #: The line, without its tags.
    rest: bytes
    #: Whether it goes on with the line of the text that was before it.
    goes_on: bool


class Shape:
    """Writes messages for clients with certain capabilities."""

    def __init__(self, server_name: str, online: OnlineUsers, compositions: Compositions, caps: frozenset[str]) -> None:
        self._server_name = server_name
        self._online = online
        self._compositions = compositions
        self._has_batches = {"batch", multiline.CAP} <= caps
        self._numbers = count(1)
        self._has_tags = "message-tags" in caps
        self._has_time = self._has_tags or "server-time" in caps
        self._has_account = "account-tag" in caps
        self._tagged = bool(caps - {"batch"})

    def __call__(self, packet: ServerPacket) -> bytes:
        """A packet as lines."""
        return self._written(packet) if self._tagged else self.all([packet])

    def _written(self, packet: ServerPacket) -> bytes:
        return b"".join([tagged(tags, rest) for tags, rest in self.lines(packet)])

    def all(self, packets: list[ServerPacket]) -> bytes:
        """The lines of messages that differ in their text and their ids only."""
        first = packets[0]
        ordinary = first.x is None or (first.x.op is None and first.x.kind is None)
        if self._tagged or not ordinary or first.to == EVERYONE or first.from_ == SERVER:
            return b"".join(map(self._written, packets))
        source = sender_mask(first.from_, self._online.find(first.from_.name))
        if len(packets) == 1 and first.msg.isprintable():
            line = f":{source} PRIVMSG {first.to} :{first.msg}{END}".encode()
            return line if len(line) <= MAX_LINE + len(END) else self._written(first)
        head, texts = f":{source} PRIVMSG {first.to} :", [packet.msg for packet in packets]
        lines = f"{head}{f'{END}{head}'.join(texts)}{END}".encode()
        fits = len(lines) <= MAX_LINE or len(head) + len(max(texts, key=len)) <= MAX_LINE
        if not fits or not lines.isascii() or len(lines) - len(lines.translate(None, CONTROLS)) > len(END) * len(texts):
            return b"".join(map(self._written, packets))
        return lines

    def lines(self, packet: ServerPacket) -> list[Line]:
        """The lines of a packet. A long text takes several; only the first has the message's id."""
        x, to = packet.x or _NO_X, packet.to
        session = None if packet.from_ == SERVER else self._online.find(packet.from_.name)
        source = f":{self._source(packet, session)}"
        tags = self._tags(packet, x, session)
        if x.op == WITHDRAW:
            return [(tags, cut(f"{source} REDACT {to} {x.id}{f' :{x.text}' if x.text else ''}\r\n".encode()))]
        if x.op in (REACT, TAGS):
            return [(tags | self._tags_of_client(packet, x), f"{source} TAGMSG {to}\r\n".encode())]
        command = "NOTICE" if x.kind == NOTICE or to == EVERYONE else "PRIVMSG"
        to = TO_ALL if to == EVERYONE else to
        pieces = self._pieces(packet, x, f"{source} {command} {to} :")
        first = tags | self._id(x) | self._tags_of_client(packet, x)
        if self._has_batches and len(pieces) > 1:
            return self._batch(first, pieces, source, to)
        written = [rest for text, rest, _ in pieces if text] or [f"{source} {command} {to} : \r\n".encode()]
        further = tags
        if self._has_tags and x.tags and sum(map(len, chain(*x.tags.items()))) <= MAX_REPEATED:
            further = tags | x.tags
        return [(further if number else first, rest) for number, rest in enumerate(written)]

    def _batch(self, tags: dict[str, str], pieces: list[Piece], source: str, to: str) -> list[Line]:
        """A message of several lines as a batch (IRCv3 draft "Multiline")."""
        name = f"m{next(self._numbers)}"
        inside = [({"batch": name} | ({multiline.CONCAT: ""} if goes_on else {}), rest) for _, rest, goes_on in pieces]
        begin, end = f"{source} BATCH +{name} {multiline.CAP} {to}\r\n", f":{self._server_name} BATCH -{name}\r\n"
        return [(tags, begin.encode()), *inside, ({}, end.encode())]

    def _pieces(self, packet: ServerPacket, x: ServerX, head: str) -> list[Piece]:
        """The lines of a text, without tags; `head` is what stands before the text."""
        before, text, after = "", packet.msg, ""
        if x.op == EDIT:
            text = f"(edited) {text}"
        elif x.kind == ACTION and packet.to == EVERYONE:
            text = f"* {packet.from_.name} {text}"
        elif x.kind == ACTION:
            before, after = "\x01ACTION ", "\x01"
        most = MAX_LINE - len(head.encode()) - len(before) - len(after)
        if len(text) * 4 <= most and text.isprintable():
            return [Piece(text or " ", f"{head}{before}{text}{after}\r\n".encode(), False)]
        cut = cut_lines(self._compositions.lines(packet.from_.name, text), most)
        return [Piece(piece, f"{head}{before}{piece}{after}\r\n".encode(), goes_on) for piece, goes_on in cut]

    def _source(self, packet: ServerPacket, session: Session | None) -> str:
        if packet.from_ == SERVER:
            return self._server_name
        return sender_mask(packet.from_, session)

    def _tags(self, packet: ServerPacket, x: ServerX, session: Session | None) -> dict[str, str]:
        """The tags that all lines of a message have."""
        tags = {}
        if self._has_time and x.ts is not None:
            tags["time"] = x.ts
        if self._has_account and (account := self._online.account(packet.from_.name)) is not None:
            tags["account"] = account.name.shown
        if self._has_tags and (x.bot or BOT_MODE in getattr(session and session.client, "umodes", "")):
            tags["bot"] = ""
        return tags

    def _id(self, x: ServerX) -> dict[str, str]:
        """The id of a message; that of a change is its own, and not that of the message that it changes."""
        if not self._has_tags or x.id is None:
            return {}
        return {"msgid": x.id if x.op in (None, TAGS) else f"{x.id.rpartition('.')[0]}.{x.seq}"}

    def _tags_of_client(self, packet: ServerPacket, x: ServerX) -> dict[str, str]:
        """The tags by which clients know a reply or a reaction, and those that the sender's client wrote."""
        if not self._has_tags:
            return {}
        about = x.id if x.op in (EDIT, REACT) else x.re
        tags = {} if about is None else {"+reply": about, "+draft/reply": about}
        if x.op == REACT:
            tags["+draft/react" if packet.msg else "+draft/unreact"] = packet.msg
            return self._id(x) | tags
        return (self._id(x) if x.op == TAGS else {}) | tags | (x.tags or {})


def split_text(text: str, most: int) -> list[str]:
    """A text, without formatting, in pieces of at most so many bytes, one for each line.

    They end at ends of lines, at spaces if possible, and otherwise between characters; marks stay with their letter.
    """
    return [piece for piece, _ in cut_lines(([line] for line in split_lines(text)), most) if piece] or [" "]


def cut_lines(lines: Iterable[Iterable[str]], most: int) -> Iterator[tuple[str, bool]]:
    """Lines, each of some pieces, in pieces of at most so many bytes; and whether each one goes on with the line before it."""
    for line in lines:
        goes_on = False
        for given in line:
            piece = given
            while len(data := piece.encode()) > most:
                first = _first(data[:most].decode(errors="ignore"), piece)
                yield first, goes_on
                piece, goes_on = piece[len(first) :], True
            yield piece, goes_on
            goes_on = True


def _first(fitting: str, part: str) -> str:
    """Where to end the first piece of a text: `fitting` is as much of it as fits."""
    space = fitting.rfind(" ")
    if space > len(fitting) // 2:
        return fitting[: space + 1]
    for end in range(len(fitting), len(fitting) // 2, -1):
        if not _goes_on(part[end]) and part[end - 1] != _JOINER:
            return fitting[:end]
    return fitting


def _goes_on(char: str) -> bool:
    """Whether a character belongs to the one before it: a mark on a letter, or a part of an emoji."""
    return unicodedata.category(char)[0] == "M" or char == _JOINER or char in _SKIN_COLOURS
