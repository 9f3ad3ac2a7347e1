"""Packet: the one unit on the wire, as a value, with its limits (docs/protocol.md is the specification).

This module turns bytes into packets and packets into bytes, and says how text is shown where people read it. It knows no
sockets, no sessions and no clock; the client imports it as well as the server.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from lanchat.protocol import unframed
from lanchat.protocol.errors import BadJson, BadPacket, TooBig
from lanchat.protocol.spelling import HARMLESS

#: Bytes in a packet, without its newline.
MAX_PACKET = 65536
#: Bytes in the text of a packet, as UTF-8.
MAX_MSG = 16384
#: Characters in a client's own id for a packet.
MAX_CID = 64
#: Bytes in what an unframed client reads with one `recv`, with the newline.
MAX_UNFRAMED = 1024

#: `to` of what is said to everyone.
EVERYONE = "Everyone"

_Id = Annotated[str, msgspec.Meta(max_length=MAX_CID)]


class Sender(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """Who a packet is from: a name, and the address of the connection."""

    name: str
    ip: str


class _Both(msgspec.Struct, omit_defaults=True, gc=False):
    """What a client may send in `x`, and the server too; a member that is not there is None."""

    cid: _Id | None = None
    re: _Id | None = None
    t: int | None = None
    v: int | None = None
    caps: list[Any] | None = None
    seq: int | None = None
    before: int | None = None
    after: int | None = None


class X(_Both, omit_defaults=True, gc=False):
    """Everything newer than the classic packet, as a client may send it.

    Unknown members are ignored, so that clients and servers of different ages understand each other.
    """

    # In a hello (docs/protocol.md, "Accounts").
    auth: dict[str, Any] | None = None
    dev: str | None = None
    resume: dict[str, Any] | None = None
    # The arguments of commands, for clients that would rather not write them into `msg`.
    command: str | None = None
    prefix: str | None = None
    user: str | None = None
    room: str | None = None
    text: str | None = None
    target: str | None = None
    password: str | None = None
    private: bool | None = None
    duration: str | None = None
    around: int | None = None
    limit: int | None = None


class ServerX(_Both, omit_defaults=True, rename={"self_": "self"}, gc=False):
    """The same as the server sends it."""

    op: str | None = None
    id: str | None = None
    ts: str | None = None
    conv: str | None = None
    self_: bool | None = None
    batch: str | None = None
    state: str | None = None
    n: int | None = None
    dup: bool | None = None
    code: str | None = None
    retry_ms: int | None = None
    why: str | None = None
    upto: int | None = None
    more: bool | None = None
    ev: str | None = None
    who: list[str] | None = None
    # In a welcome.
    limits: dict[str, int] | None = None
    lobby: str | None = None
    account: bool | None = None
    token: str | None = None
    epoch: str | None = None
    resumed: bool | None = None
    missed: int | None = None
    # What commands answer, beside the text for people.
    names: list[str] | None = None
    invited: list[str] | None = None
    time: str | None = None
    commands: list[dict[str, str]] | None = None
    rooms: list[dict[str, Any]] | None = None
    topic: str | None = None
    bans: list[dict[str, Any]] | None = None


class Packet(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename={"from_": "from"}, gc=False):
    """One JSON object: `{"from": {"name", "ip"}, "to", "msg"}` and at most `x`."""

    from_: Sender
    to: str
    msg: str
    x: X | None = None

    @property
    def is_hello(self) -> bool:
        """Whether this asks for more than the classic protocol (docs/protocol.md, "Hello")."""
        return self.to.lower() == "/hello" and self.x is not None and self.x.v is not None and self.x.v >= 1

    def check_size(self) -> None:
        """Raise `TooBig` if a text is over the limit, wherever in the packet it is."""
        for text in (self.msg, (self.x and self.x.text) or ""):
            # A character has four bytes at the most: texts that can't be too long are not measured.
            if len(text) * 4 > MAX_MSG and len(text.encode()) > MAX_MSG:
                raise TooBig(f"A text is at most {MAX_MSG} bytes; this one has {len(text.encode())}. Send it in parts.")

    @property
    def line(self) -> bytes:
        """The packet as a capable client or the server reads it, with its newline."""
        return _encode(self) + b"\n"


class ServerPacket(Packet):
    """A packet as the server sends it."""

    x: ServerX | None = None  # type: ignore[assignment]  # the other way there are other members

    @property
    def classic(self) -> bytes:
        """The packet without `x`, with its newline."""
        return self.line if self.x is None else Packet(self.from_, self.to, self.msg).line

    @property
    def unframed(self) -> tuple[bytes, ...]:
        """The packet for a client that reads with one `recv(1024)`: ASCII, in as many parts as it takes."""
        return unframed.written(self.from_.name, self.from_.ip, self.to, self.msg, MAX_UNFRAMED)

    def written(self, write: Callable[[ServerPacket], bytes]) -> bytes:
        """What `write` makes of the packet, for those who don't read JSON."""
        return write(self)


class _once:  # noqa: N801 (it is used as `property` is)
    """A property whose value is kept (as `functools.cached_property`, without the lock that it has in Python 3.11)."""

    def __init__(self, wrapped: Any) -> None:
        self._make = wrapped.fget

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, packet: Any, owner: type) -> Any:
        value = packet.__dict__[self._name] = self._make(packet)
        return value


class SharedPacket(ServerPacket, dict=True, gc=True):
    """A packet for many, which is not changed any more: each form of it is made once, however many read it."""

    line = _once(ServerPacket.line)
    classic = _once(ServerPacket.classic)
    unframed = _once(ServerPacket.unframed)

    def written(self, write: Callable[[ServerPacket], bytes]) -> bytes:
        """What `write` makes of the packet: it is asked once, as whoever reads that reads the same."""
        kept: dict[Any, bytes] = self.__dict__
        if write not in kept:
            kept[write] = write(self)
        return kept[write]

    #: With its room in front of its text, for those who know no rooms.
    prefixed = _once(property(lambda packet: SharedPacket(packet.from_, packet.to, f"[{packet.to}] {packet.msg}", packet.x)))


#: What the server says is from this.
SERVER = Sender("SERVER", "0.0.0.0")  # noqa: S104 (the contract's address, not one to bind to)

#: What is shown as a space: a tab, and the category Zs.
_SPACES = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
#: Letters and symbols, for Unicode and for Python, of which nothing is seen but their room: the fillers of Hangul, the empty
#: pattern of Braille, a blank of Egyptian and half of one, the half blank of Chinese, and the note head that there is not.
BLANK_LETTERS = "\u115f\u1160\u2800\u303f\u3164\uffa0\U00013441\U00013442\U0001d159"
_BLANK_LETTER = re.compile(f"[{BLANK_LETTERS}]")

#: What to do instead of sending what is no JSON; if it is a command as people type it, somebody took this port for another.
_STANDARD = "Send /standard to see a packet."
_TYPED = "To type lines, use the client `lanchat`, or telnet on the port of --telnet."

_decode = msgspec.json.Decoder(Packet).decode
_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
#: The lines of many packets, as capable clients read them: all in one step.
encode_lines = _encoder.encode_lines


def parse_lines(block: bytes) -> list[Packet] | None:
    """Make packets of lines, each with its newline, at once: the fast way through `parse` when nothing is unusual.

    None if anything is, and each line must be looked at by itself.
    """
    if not block:
        return []
    if len(block) > MAX_MSG or not block.isascii():  # what decodes to a text is never shorter than the text
        return None
    try:
        return list(map(_decode, block[:-1].split(b"\n")))
    except (msgspec.MsgspecError, RecursionError):
        return None


def parse(data: bytes) -> Packet:
    """Make a packet of one JSON text, checked whole.

    Raises `TooBig`, `BadJson` or `BadPacket`, with the packet's `cid` where there is one.
    """
    if len(data) > MAX_PACKET:
        raise TooBig(f"A packet is at most {MAX_PACKET} bytes; this one has {len(data)}.")
    try:
        if not data.isascii():
            data.decode()  # members that are skipped would not be looked at otherwise
        packet = _decode(data)
    except msgspec.ValidationError as error:
        wrong = BadPacket(f"That is not a packet: {visible(str(error), 100)}. Send /standard to see one.")
        wrong.cid = _cid(data)
        raise wrong from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise BadJson(f"That is not JSON in UTF-8, so nothing was done. {_TYPED if data[:1] == b'/' else _STANDARD}") from None
    except RecursionError:
        raise BadPacket("That is nested too deeply for a packet. Send /standard to see one.") from None
    try:
        packet.check_size()
    except TooBig as long:
        long.cid = packet.x.cid if packet.x else None
        raise
    return packet


def visible(text: str, most: int | None = None) -> str:
    r"""A text as it may be shown on a terminal or in a log: one line, no control, escape or direction characters.

    What can't be shown is written as Python would (`\x1b`), and so is a letter that is blank: rows are not broken at it, as
    they are at a space, so it could be used to write at the beginning of a row what looks like another's message. `most`
    cuts what is shown after so many characters.
    """
    if most is not None:
        shown = visible(text[:most])
        return shown[:most] + "..." if len(text) > most or len(shown) > most else shown
    if text.isprintable():
        return text if text.isascii() else _BLANK_LETTER.sub(_escaped, text)
    # repr() writes out what can't be shown, in one step for the whole text. The rest of what it does is undone: it doubles
    # backslashes (NUL stands for them meanwhile, which it never gives), and writes out quotes and joiners.
    shown = repr('"' + _SPACES.sub(" ", text))[2:-1].replace(r"\\", "\0").replace(r"\'", "'")
    for joiner in HARMLESS:  # of Persian and of emoji
        shown = shown.replace(repr(joiner)[1:-1], joiner)
    return _BLANK_LETTER.sub(_escaped, shown.replace("\0", "\\"))


def is_visible(text: str) -> bool:
    """Whether a text can be shown as it is, in one line."""
    return visible(text) == text


def _escaped(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


class _OnlyX(msgspec.Struct):
    x: dict[str, Any] = {}


_decode_x = msgspec.json.Decoder(_OnlyX).decode


def _cid(data: bytes) -> str | None:
    """The `cid` of what is JSON but no packet, so that its sender can tell which one was refused."""
    try:
        cid = _decode_x(data).x.get("cid")
    except (msgspec.DecodeError, RecursionError):
        return None
    return cid if isinstance(cid, str) and len(cid) <= MAX_CID else None
