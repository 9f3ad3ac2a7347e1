"""The packet, the one unit on the wire: parsing, encoding, and its limits (docs/protocol.md is the specification).

It also makes text safe to show (`visible`). The server and the client both use this module.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import accumulate
from typing import Any

import msgspec

from lanchat.protocol import unframed
from lanchat.protocol.errors import BadJson, BadPacket, TooBig
from lanchat.protocol.extensions import MAX_CID, AnswerX, ServerX, X
from lanchat.protocol.spelling import HARMLESS

#: The longest packet in bytes, without its newline.
MAX_PACKET = 65536
#: The longest text of a packet, in bytes of UTF-8.
MAX_MSG = 16384
#: Bytes of lines that are parsed at once: a decoded text is never longer than its bytes, so none of these is over `MAX_MSG`.
MAX_BLOCK = MAX_MSG
#: The bytes that an unframed client reads with one `recv`; a packet for it has at most these, with its newline.
MAX_UNFRAMED = 1024
#: The recipient `to` of what is said to everyone.
EVERYONE = "Everyone"


class Sender(msgspec.Struct, frozen=True, forbid_unknown_fields=True, gc=False):
    """The sender of a packet: a name, and the IP address of the connection."""

    name: str
    ip: str


class Packet(msgspec.Struct, forbid_unknown_fields=True, omit_defaults=True, rename={"from_": "from"}, gc=False):
    """One JSON object: `{"from": {"name", "ip"}, "to", "msg"}` and at most `x`."""

    from_: Sender
    to: str
    msg: str
    x: X | None = None

    @property
    def is_hello(self) -> bool:
        """Whether this packet asks for the capable protocol (docs/protocol.md, "Hello")."""
        return self.to.lower() == "/hello" and self.x is not None and self.x.v is not None and self.x.v >= 1

    def check_size(self) -> None:
        """Raise `TooBig` if `msg` or `x.text` is longer than `MAX_MSG`."""
        for text in (self.msg, (self.x and self.x.text) or ""):
            # A character has at most four bytes, so short texts need not be encoded.
            if len(text) * 4 > MAX_MSG and len(text.encode()) > MAX_MSG:
                raise TooBig(f"A text is at most {MAX_MSG} bytes; this one has {len(text.encode())}. Send it in parts.")

    @property
    def line(self) -> bytes:
        """The packet as JSON with its newline, as capable clients and the server read it."""
        return _encode(self) + b"\n"


class ServerPacket(Packet):
    """A packet from the server."""

    x: ServerX | None = None  # type: ignore[assignment]  # the other way there are other members

    @property
    def classic(self) -> bytes:
        """The packet without `x`, with its newline."""
        return self.line if self.x is None else Packet(self.from_, self.to, self.msg).line

    @property
    def unframed(self) -> tuple[bytes, ...]:
        """The packet for a client that reads with one `recv(1024)`: ASCII, split into several packets if it is too long."""
        return unframed.encode(self.from_.name, self.from_.ip, self.to, self.msg, MAX_UNFRAMED)

    def encoded(self, encode: Callable[[ServerPacket], bytes]) -> bytes:
        """The packet in the form that `encode` makes, for dialects that are not JSON."""
        return encode(self)


class ReceivedPacket(ServerPacket):
    """A packet from the server as a client reads it."""

    x: AnswerX | None = None


class _cached_property:  # noqa: N801 (used as `property` is)
    """A cached property: `functools.cached_property` without the lock that it has in Python 3.11."""

    def __init__(self, wrapped: Any) -> None:
        self._make = wrapped.fget

    def __set_name__(self, owner: type, name: str) -> None:
        self._name = name

    def __get__(self, packet: Any, owner: type) -> Any:
        value = packet.__dict__[self._name] = self._make(packet)
        return value


class SharedPacket(ServerPacket, dict=True, gc=True):
    """A packet for several recipients. It must not be changed; each encoded form is made once and kept."""

    line = _cached_property(ServerPacket.line)
    classic = _cached_property(ServerPacket.classic)
    unframed = _cached_property(ServerPacket.unframed)

    def encoded(self, encode: Callable[[ServerPacket], bytes]) -> bytes:
        """The packet in the form that `encode` makes, kept for the next recipient with the same `encode`."""
        forms: dict[Any, bytes] = self.__dict__
        if encode not in forms:
            forms[encode] = encode(self)
        return forms[encode]

    #: The packet with the room's name before its text, for clients that know no rooms.
    prefixed = _cached_property(
        property(lambda packet: SharedPacket(packet.from_, packet.to, f"[{packet.to}] {packet.msg}", packet.x))
    )


class PacketRun:
    """Packets that follow one another, for several recipients. Each encoded form of all of them is made once and kept."""

    __slots__ = ("_forms", "later", "packets", "places")

    def __init__(self, packets: list[ServerPacket], later: frozenset[str] = frozenset()) -> None:
        """The packets are events (`x.ev`)."""
        self.packets = packets
        #: The names of those who did the same after them, of which the next runs tell.
        self.later = later
        #: The place of the packet about what somebody has done, by their name.
        self.places = {packet.x.by: place for place, packet in enumerate(packets) if packet.x is not None}
        # By how they are written: all of them, and where each one ends in that.
        self._forms: dict[Callable[[ServerPacket], bytes], tuple[bytes, list[int]]] = {}

    def without(self, place: int) -> PacketRun:
        """The same without the packet at this place."""
        return PacketRun(self.packets[:place] + self.packets[place + 1 :], self.later)

    def encoded(self, encode: Callable[[ServerPacket], bytes]) -> bytes:
        """All of them in the form that `encode` makes."""
        return self._form(encode)[0]

    def encoded_after(self, place: int, encode: Callable[[ServerPacket], bytes]) -> bytes:
        """Those that follow the one at this place, in the form that `encode` makes."""
        written, ends = self._form(encode)
        return written[ends[place] :]

    def _form(self, encode: Callable[[ServerPacket], bytes]) -> tuple[bytes, list[int]]:
        if encode not in self._forms:
            forms = [packet.encoded(encode) for packet in self.packets]
            self._forms[encode] = b"".join(forms), list(accumulate(map(len, forms)))
        return self._forms[encode]


#: The sender of the server's own packets.
SERVER = Sender("SERVER", "0.0.0.0")  # noqa: S104 (an address in the protocol, nothing is bound to it)

#: Characters that are shown as a space: the tab and the category Zs.
_SPACES = re.compile("[\t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]")
#: Characters that Unicode and Python take for printable letters or symbols, but that show nothing: fillers of Hangul, the empty
#: pattern of Braille, a blank and a half blank of Egyptian hieroglyphs, the ideographic half fill space, the null notehead.
BLANK_LETTERS = "\u115f\u1160\u2800\u303f\u3164\uffa0\U00013441\U00013442\U0001d159"
_BLANK_LETTER = re.compile(f"[{BLANK_LETTERS}]")

#: Hints for whoever sent something that is not JSON; if it looks like a typed command, a user is on the wrong port.
_STANDARD = "Send /standard to see a packet."
_TYPED = "To type lines, use the client `lanchat`, or telnet on the --telnet port."

_decode = msgspec.json.Decoder(Packet).decode
_encoder = msgspec.json.Encoder()
_encode = _encoder.encode
#: Encode many packets as JSON lines at once.
encode_lines = _encoder.encode_lines


def parse_lines(block: bytes) -> list[Packet] | None:
    """Parse a block of complete lines (each ends with a newline) at once: the fast way for input with nothing unusual.

    Returns None if anything is unusual or wrong; then each line must be parsed by `parse`.
    """
    if not block:
        return []
    if len(block) > MAX_BLOCK or not block.isascii():
        return None
    try:
        return list(map(_decode, block[:-1].split(b"\n")))
    except (msgspec.MsgspecError, RecursionError):
        return None


def parse(data: bytes) -> Packet:
    """Parse one JSON text and check it in full.

    Raises `TooBig`, `BadJson` or `BadPacket`, with the `cid` of the packet if it could be read.
    """
    if len(data) > MAX_PACKET:
        raise TooBig(f"A packet is at most {MAX_PACKET} bytes; this one has {len(data)}.")
    try:
        if not data.isascii():
            data.decode()  # msgspec does not check UTF-8 in members that it skips
        packet = _decode(data)
    except msgspec.ValidationError as error:
        bad = BadPacket(f"That is not a packet: {visible(str(error), 100)}. Send /standard to see one.")
        bad.cid = _cid(data)
        raise bad from None
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


def visible(text: str, max_chars: int | None = None) -> str:
    r"""A text made safe for a terminal or a log: one line, without control, escape or direction characters.

    Other characters that can't be shown are written as Python writes them (`\x1b`), and so are blank letters: rows are not
    broken at them as they are at spaces, so they could place text at the beginning of a row that looks like the message of
    another user. With `max_chars` the text is cut after so many characters, and "..." added.
    """
    if max_chars is not None:
        shown = visible(text[:max_chars])
        return shown[:max_chars] + "..." if len(text) > max_chars or len(shown) > max_chars else shown
    if text.isprintable():
        return text if text.isascii() else _BLANK_LETTER.sub(_escaped, text)
    # repr() escapes what can't be shown, for the whole text at once. What else it does is undone: it doubles backslashes (NUL
    # stands for them meanwhile, which repr() never gives), and escapes quotes and joiners.
    shown = repr('"' + _SPACES.sub(" ", text))[2:-1].replace(r"\\", "\0").replace(r"\'", "'")
    for joiner in HARMLESS:  # of Persian and of emoji
        shown = shown.replace(repr(joiner)[1:-1], joiner)
    return _BLANK_LETTER.sub(_escaped, shown.replace("\0", "\\"))


def is_visible(text: str) -> bool:
    """Whether a text is shown unchanged by `visible`."""
    return visible(text) == text


def _escaped(match: re.Match[str]) -> str:
    return ascii(match[0])[1:-1]


class _OnlyX(msgspec.Struct):
    x: dict[str, Any] = {}


_decode_x = msgspec.json.Decoder(_OnlyX).decode


def _cid(data: bytes) -> str | None:
    """The `cid` of JSON that is not a valid packet, so that the client learns which packet was refused; None without one."""
    try:
        cid = _decode_x(data).x.get("cid")
    except (msgspec.DecodeError, RecursionError):
        return None
    return cid if isinstance(cid, str) and len(cid) <= MAX_CID else None
