"""Forms: how an entry of another kind than an ordinary message is shown, to readers whose clients know it and to others.

A client without the cap for something reads a sentence in its place, or is not sent it at all.
"""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from lanchat.core.replies import SURE_TO_FIT, with_more
from lanchat.model.session import Session
from lanchat.protocol import events
from lanchat.protocol.entry import ACTION, BOT, EDIT, EVENT, NO_TEXT, NOTICE, REACT, WITHDRAW, Entry, Seq
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.files import FileInfo
from lanchat.protocol.packet import MAX_PACKET, SERVER, ServerPacket, SharedPacket
from lanchat.state.file_links import FileLinks

#: The cap with which a client is told of files in `x`.
FILE_CAP = "file"
#: The cap that a client needs for each kind of entry. Without it, it is sent no event, and sentences about changes.
CAPS = {EVENT: "event", EDIT: "edit", WITHDRAW: "edit", REACT: "react"}


class EventPacket(SharedPacket):
    """What happened in a room. It is told by the server, and repeats what users wrote; its sentence has the room's name."""

    @property
    def prefixed(self) -> SharedPacket:
        """The packet itself, as its sentence has the name of the room already."""
        return self


class Forms:
    """The packets for one entry."""

    __slots__ = ("cap", "known", "other")

    def __init__(self, known: ServerPacket, other: ServerPacket | None, cap: str = "") -> None:
        #: For clients that understand it.
        self.known = known
        #: For the others; None if they are not sent it.
        self.other = other
        #: The cap with which a client understands it; "" if every capable client does.
        self.cap = cap

    def shown_to(self, reader: Session) -> ServerPacket:
        """The packet for a reader of something that is shown to everybody."""
        return self.of(reader) or self.known

    def of(self, reader: Session) -> ServerPacket | None:
        """The packet for this reader; None if it is not sent the entry."""
        understood = reader.understands(self.cap) if self.cap else reader.understands("id")
        return self.known if understood else self.other


class FileForms(Forms):
    """The packets for a message with a file, in which the links depend on how a reader came to this server.

    Each is made once: so what many share is encoded once (`SharedPacket`).
    """

    __slots__ = ("_file", "_links", "_made", "_seq")

    def __init__(self, packet: ServerPacket, seq: Seq, file: FileInfo, links: FileLinks) -> None:
        """`packet` is the one that would show the text alone."""
        super().__init__(packet, packet, FILE_CAP)
        self._seq, self._file, self._links = seq, file, links
        self._made: dict[tuple[str, bool], ServerPacket] = {}

    def of(self, reader: Session) -> ServerPacket:
        """The packet for this reader: with what is known of the file in `x`, or with a sentence that says it."""
        which = self._links.base_for(reader.client), reader.understands(FILE_CAP)
        if (made := self._made.get(which)) is None:
            made = self._made[which] = self._with_file(*which)
        return made

    def _with_file(self, base: str, known: bool) -> ServerPacket:
        packet, links = self.known, self._links
        if known:
            return with_more(packet, file=links.facts(base, self._seq, self._file))
        longer = replace(packet, msg=with_file(packet.msg, self._file, links.sentence(base, self._seq, self._file)))
        return packet if len(longer.msg) > SURE_TO_FIT and len(longer.line) > MAX_PACKET + 1 else longer


def with_file(text: str, file: FileInfo, sentence: str, between: str = "\n") -> str:
    """What people read of a message with a file: its text, unless that is the file's name, and a sentence about the file."""
    return sentence if text == file.name else f"{text}{between}{sentence}"


def forms(entry: Entry, packet: ServerPacket, id_of: Callable[[Entry], str], excerpt: str = "") -> Forms:
    """The packets for an entry.

    `packet` is the one that would show it as a message; `id_of` makes the id of an entry. `excerpt` is the beginning of the
    message that it is a reaction to, where that is known.
    """
    x = packet.x or ServerX()
    if entry.about is None:
        return said(packet, entry.kind)
    if entry.kind == EVENT:
        return _event(entry, packet, x)
    if entry.kind not in CAPS:  # (of a newer version)
        return Forms(packet, None, entry.kind or "unknown")
    about = id_of(replace(entry, seq=entry.about))
    changed = replace(packet, x=replace(x, op=entry.kind, id=about, text=entry.why or None))
    told = replace(packet, msg=sentence(entry, excerpt), x=replace(x, re=about))
    return Forms(changed, told, CAPS[entry.kind])


def said(packet: ServerPacket, kind: str | None) -> Forms:
    """The packets for what somebody says: `packet` is that for an ordinary message, of which this is another `kind`."""
    if kind is None:
        return Forms(packet, packet)
    shown = replace(
        packet, x=replace(packet.x or ServerX(), kind=ACTION if kind == ACTION else NOTICE, bot=kind == BOT or None)
    )
    return Forms(shown, replace(shown, msg=f"* {packet.from_.name} {packet.msg}") if kind == ACTION else shown)


def _event(entry: Entry, packet: ServerPacket, x: ServerX) -> Forms:
    event = events.decode(entry.msg)
    told = replace(x, op="event", ev=event.ev, who=[event.who or entry.name], by=entry.name, self_=None)
    told.text, told.gone, told.was = event.text or None, event.gone or None, event.was or None
    told.absent = event.absent or None
    told.id, told.conv = x.id if entry.seq else None, entry.target if event.ev == events.RENAMED else x.conv
    sentence = event.sentence(entry.name, entry.target)
    return Forms(EventPacket(SERVER, told.conv or packet.to, sentence, told), None, CAPS[EVENT])


def sentence(entry: Entry, excerpt: str = "") -> str:
    """What is said of a change to somebody whose client does not know changes; `excerpt` as in `forms`."""
    if entry.kind == EDIT:
        return f"(edited) {entry.msg}"
    if entry.msg:
        return f"(reacted {entry.msg}{f' to: {excerpt}' if excerpt else ''})"
    return NO_TEXT[entry.kind or ""]
