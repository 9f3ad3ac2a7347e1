"""Presence: being away and back, and another name for a guest. Those who share a room with somebody are told at once.

That is told to clients with the cap `event` and on the telnet port, and is not kept in the log.
"""

from __future__ import annotations

from lanchat.commands.command import Command
from lanchat.core.chat import Chat
from lanchat.core.replies import NAMES_A_PACKET, Quoting
from lanchat.model.names import check_guest, parse
from lanchat.model.room import Room
from lanchat.model.sanction import BAN, Sanction
from lanchat.model.session import Session
from lanchat.protocol.errors import AuthRequired, Banned, ChatError, Forbidden, Usage
from lanchat.protocol.events import AWAY, NAME, RoomEvent
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import SERVER, Packet, visible
from lanchat.tables.accounts import SetAway

#: Characters of what somebody says who is away, at most; and what those say who give no text.
MAX_AWAY, LATER = 200, "back later"
#: What this costs besides the packet that asks for it, in packets: a change of an account, as the disk is written to, and
#: another name, as it is compared with all others.
CHANGE_COST, NAME_COST = 10, 5


async def _away(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    text = args[0].strip()
    text = visible(text) if len(text) <= MAX_AWAY else text  # a longer one is refused
    if len(text) > MAX_AWAY:
        raise Usage(f"What you say while you are away has at most {MAX_AWAY} characters; this has {len(text)}.")
    await _set_away(chat, session, text or LATER)
    chat.reply(session, packet, f"You are away: {text or LATER}. Send /back when you are here.", quotes=True)


async def _back(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    if not session.away:
        raise Usage("You are not away.")
    await _set_away(chat, session, "")
    chat.reply(session, packet, "You are back.")


async def _set_away(chat: Chat, session: Session, text: str) -> None:
    """Note that somebody is away, with a text for others; with "" that they are back. Raises `Muted` or `NotStored`.

    In rooms in which they may not speak, nobody is sent the text.
    """
    rooms, account = chat.rooms.of(session), session.account
    if text:
        chat.sanctions.check_may_speak(session, None)
        rooms = [room for room in rooms if chat.sanctions.may_speak(session, room)]
    _charge(chat, session, rooms, text)
    if account is None:
        session.guest_away = text
    else:
        chat.charge(session, CHANGE_COST)
        await chat.store.write(SetAway(account.id, text))
        account.away = text
    _tell(chat, session, rooms, RoomEvent(AWAY, text=text), session.name.shown)
    chat.presence.away_changed(session)


def _name(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    _rename(chat, session, args[0])
    name = session.name.shown
    chat.reply(session, packet, f"You are called {name} now.", names=[name])
    chat.tell_mutes(session, None, *chat.rooms.of(session))


def _rename(chat: Chat, session: Session, text: str) -> None:
    """Give a guest another name, with the same checks as when one connects.

    Raises `Forbidden` for an account, or if there is a mute or a ban that would no longer hold; `BadName`, `NameTaken`,
    `AuthRequired`, `Banned`, `Muted` or `RateLimited`. Then the old name is kept.
    """
    if session.account is not None:
        raise Forbidden("An account keeps its name. To use another name, connect again with that one.")
    chat.charge(session, NAME_COST)
    name, old = parse(text, chat.online.is_free), session.name
    if name.shown == old.shown:
        raise Usage(f"You are called {old.shown} already.")
    check_guest(name)
    if (account := chat.online.account(name.shown)) is not None:
        raise AuthRequired(f"The name {account.name.shown} is an account's. If it is yours, connect again with it and log in.")
    chat.sanctions.check_may_speak(session, None)  # the name is shown to others
    rooms = chat.rooms.of(session)
    _charge(chat, session, rooms)
    chat.charge(session, len(chat.sanctions.by_room) / NAMES_A_PACKET)
    with chat.renames.take((session.sender.ip, session.since), "You have changed your name too often within the last hour."):
        before = chat.sanctions.on(session)
        chat.online.rename(session, name)
        try:
            _check_sanctions(chat, session, before)
        except ChatError:
            chat.online.rename(session, old)
            raise
    session.named = chat.now()
    chat.activity.note(f"{old.shown} is called {name.shown} now")
    chat.presence.renamed(session, old.shown)
    for room in rooms:
        if room is chat.rooms.lobby:  # (where those who come and go are not told of one by one)
            continue
        chat.presence.in_room(room, "left", old.shown)
        chat.presence.in_room(room, "joined", name.shown)
    _tell(chat, session, rooms, RoomEvent(NAME, text=name.shown), old.shown)


def _check_sanctions(chat: Chat, session: Session, before: set[Sanction]) -> None:
    """Check a guest who has another name now: what held before still does, and the name is not banned here."""
    now = chat.sanctions.on(session)
    if before - now:
        raise Forbidden("You are muted or banned under the name that you have, so you can't change it.")
    for sanction in now - before:
        if sanction.kind == BAN and (sanction.room is None or session in sanction.room.sessions):
            where = "here" if sanction.room is None else f"from {sanction.room.name}"
            raise Banned(f"The name {session.name.shown} is banned {where}. Choose another.")
    chat.sanctions.update_mute(session, None)


def _charge(chat: Chat, session: Session, rooms: list[Room], text: str = "") -> None:
    """Charge a session for what everybody in these rooms may be told. Raises `RateLimited`."""
    chat.replies.charge_for(session, sum(len(room.sessions) for room in rooms), text)


def _tell(chat: Chat, session: Session, rooms: list[Room], event: RoomEvent, by: str) -> None:
    """Tell all who share one of these rooms with somebody, and their own other devices. `by` is the name that they had."""
    readers = {reader: None for room in rooms for reader in room.sessions}
    readers |= dict.fromkeys(session.account.sessions if session.account is not None else ())
    readers.pop(session, None)
    told = event.sentence(by, "")
    x = ServerX(op="event", ev=event.ev, who=[by], by=by, text=event.text or None, ts=chat.timestamp())
    for reader in readers:
        if reader.understands("event") and not reader.client.behind():
            reader.client.deliver(Quoting(SERVER, reader.name.shown, told, x))


COMMANDS = {
    "/away": Command(_away, ("text",), 0, "tell others that you are away, and why"),
    "/back": Command(_back, (), 0, "tell others that you are back", textless=True),
    "/name": Command(_name, ("user",), 1, "change your name, as a guest", called=("name",)),
}
