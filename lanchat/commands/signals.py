"""Signals: what programs tell those who are online now, in a room or at a user: who is typing, and tags. It is kept nowhere."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from itertools import chain
from typing import NamedTuple

from lanchat.commands.command import Command
from lanchat.core.chat import Chat
from lanchat.model.room import MARK
from lanchat.model.session import Session
from lanchat.protocol.errors import Usage
from lanchat.protocol.events import TYPING
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import SERVER, Packet, ServerPacket, SharedPacket
from lanchat.protocol.tags import check_tags
from lanchat.state.online import unknown_user
from lanchat.state.rooms import not_in

#: The tags that say what `/typing` does.
_TYPING_TAGS = {"+typing": "active", "+draft/typing": "active"}.items()


class _Place(NamedTuple):
    """A room or a user, for whom a signal is."""

    #: The name of the room or of the user, and that of the conversation for those there.
    name: str
    conv: str
    #: Those who are there, and the sessions of the user who signals; none for a signal to oneself.
    sessions: Collection[Session]
    own: Collection[Session]

    def others(self, cap: str) -> list[Session]:
        """The sessions of others there that have a cap."""
        return [other for other in self.sessions if other.has_cap(cap) and other not in self.own]


def _find(chat: Chat, session: Session, text: str) -> _Place:
    """Find where a session may say something. Raises `NoSuchTarget`, `NotMember` or `Muted`."""
    name = text.strip()
    room = chat.rooms.get(name, session) if name.startswith(MARK) else None
    if room is not None and session not in room.sessions:
        raise not_in(room)
    chat.sanctions.check_may_speak(session, room)
    own = [session] if session.account is None else session.account.sessions
    if room is not None:
        return _Place(room.name, room.name, room.sessions, own)
    name, conv = name.removeprefix("@"), f"@{session.name.shown}"
    if (account := chat.online.account(name)) is not None:
        return _Place(account.name.shown, conv, account.sessions, [] if account is session.account else own)
    if (guest := chat.online.find(name)) is not None:
        return _Place(guest.name.shown, conv, [guest], [] if guest is session else own)
    raise unknown_user(name)


def _typing(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    """Tell others in a conversation that somebody writes something, if they want to know."""
    place = _find(chat, session, args[0])
    if chat.typing_notices.may_tell(session, place.name):  # (before everybody there is looked at)
        _tell_typing(chat, session, place, place.others("typing"))


def _tell_typing(chat: Chat, session: Session, place: _Place, readers: list[Session]) -> None:
    if not place.own:  # (nobody is told that they are typing themselves)
        return
    chat.replies.charge_for(session, len(readers))
    who = session.name.shown
    x = ServerX(op="event", ev=TYPING, conv=place.conv, who=[who], ts=chat.timestamp())
    _deliver(ServerPacket(SERVER, place.name, f"{who} is typing", x), readers)


def _tags(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    """Pass tags on to those whose clients want them. Tags that say what `/typing` does tell it to the others, too."""
    tags = packet.x.tags if packet.x is not None and session.caps is not None else None
    if not tags:
        raise Usage("Usage: /tags TARGET (for programs, with the tags as x.tags)")
    check_tags(tags)
    place = _find(chat, session, args[0])
    readers = place.others("tags")
    chat.replies.charge_for(session, len(readers) + len(place.own), "".join(chain(*tags.items())))
    x = _pass_on(chat, session, place, readers, tags)
    if _TYPING_TAGS & tags.items() and chat.typing_notices.may_tell(session, place.name):
        others = [other for other in place.others("typing") if not other.has_cap("tags")]
        _tell_typing(chat, session, place, others)
    chat.replies.acknowledge_relayed(session, packet, x)


def _pass_on(chat: Chat, session: Session, place: _Place, readers: list[Session], tags: Mapping[str, str]) -> ServerX:
    """Deliver tags to others, and to the other devices of the sender; returns the `x` that others see."""
    x = ServerX(op="tags", id=chat.new_id(), ts=chat.timestamp(), conv=place.conv, tags=dict(tags))
    _deliver(SharedPacket(session.sender, place.name, "", x), readers)
    conv = place.name if place.name.startswith(MARK) else f"@{place.name}"
    copy = ServerX(op="tags", id=x.id, ts=x.ts, conv=conv, self_=True, tags=x.tags)
    own = [device for device in place.own if device is not session and device.has_cap("tags")]
    _deliver(SharedPacket(session.sender, place.name, "", copy), own)
    return x


def _deliver(packet: ServerPacket, readers: Iterable[Session]) -> None:
    """Deliver a packet to those who read what they are sent; who reads too slowly is spared it."""
    for reader in readers:
        if not reader.client.behind():
            reader.client.deliver(packet)


PROGRAMS = {
    "/typing": Command(_typing, ("target",), 1, "for programs: tell the others there that you are typing"),
    "/tags": Command(_tags, ("target",), 1, "for programs: pass tags on to programs there, without a text"),
}
