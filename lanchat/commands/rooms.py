"""Rooms: lists of them and of their members, topics, their names, and closing them."""

from __future__ import annotations

from lanchat.commands.command import Command, is_emptied, list_argument
from lanchat.commands.invitations import count_invited, invited_names
from lanchat.commands.room_rights import CHANGE_COST, OWNERS_ONLY, check_guest, check_rank, quota_of, ranks, room_of, row
from lanchat.core.chat import Chat
from lanchat.core.replies import NAMES_A_PACKET
from lanchat.model.names import Name
from lanchat.model.room import MAX_TOPIC, Room
from lanchat.model.room_rules import Rank
from lanchat.model.session import Session
from lanchat.protocol.dates import local_minute
from lanchat.protocol.errors import Forbidden, NameTaken, Usage
from lanchat.protocol.events import CLOSED, RENAMED, TOPIC
from lanchat.protocol.name_lists import NO_MORE, SEPARATOR, fitting_names, fitting_rows, more_line
from lanchat.protocol.packet import MAX_MSG, Packet, visible
from lanchat.tables import rooms

#: The word that removes a topic, as in some IRC clients.
NO_TOPIC = "-delete"


def _rooms(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    prefix, after = list_argument(session, packet, args[0])
    found = chat.rooms.with_prefix(prefix)
    chat.charge(session, len(found) / NAMES_A_PACKET)
    listed = [room for room in found if chat.rooms.is_visible_to(room, session)]
    lines, rows = fitting_rows((_line(room), row(room, session)) for room in listed[after:])
    shown = after + len(rows)
    told = [f"Rooms ({len(listed)}):", *lines, *more_line(len(listed), shown, f"/rooms {visible(prefix, 64)}".rstrip())]
    text = "\n".join(told) if rows else NO_MORE if listed else "There are no rooms. Send /create #NAME to make one."
    chat.reply(session, packet, text, quotes=True, rooms=rows, n=len(listed), more=shown < len(listed) or None)


def _line(room: Room) -> str:
    """The line of a room in a list."""
    return f"{room.name} ({len(room.sessions)} online{', private' if room.private else ''}) {room.topic}".rstrip()


def _members(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    """List the members who are online, those who are away, and the invited: one list, which may be asked for in parts."""
    name, after = list_argument(session, packet, args[0])
    room = room_of(chat, session, name)
    chat.charge(session, (len(room.sessions) + len(room.members) + count_invited(room)) / NAMES_A_PACKET)
    here = {reader.name.shown for reader in room.sessions}
    away = {account.name.shown for account in room.members.values()} - here
    names = sorted(here, key=str.lower) + sorted(away, key=str.lower)
    total = len(names) + count_invited(room)
    by_name = ranks(room, chat.online.account_by_id) if session.understands("event") else {}
    titled = [f"{name} ({by_name[name].word})" if name in by_name else name for name in names]
    fit = fitting_names([*titled, *invited_names(chat, room)][after:], MAX_MSG - 400)
    members = max(len(names) - after, 0)
    invited, listed = fit[members:], names[after : after + len(fit)]
    told = [f"In {room.name} ({len(here)} online, {len(away)} away): {SEPARATOR.join(fit[:members])}".removesuffix(": ")]
    if invited:
        told.append(f"Invited ({count_invited(room)}): {SEPARATOR.join(invited)}")
    shown = after + len(fit)
    text = ". ".join(told) + " ".join(["", *more_line(total, shown, f"/members {room.name}")]) if fit else NO_MORE
    shown_ranks = {name: by_name[name].word for name in listed if name in by_name} or None
    more = shown < total or None
    chat.reply(session, packet, text, names=listed, n=len(names), ranks=shown_ranks, invited=invited or None, more=more)


async def _topic(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room, topic = room_of(chat, session, args[0]), args[1].strip()
    topic = visible(topic) if len(topic) <= MAX_TOPIC else topic  # a longer one is refused
    removed = topic.lower() == NO_TOPIC or is_emptied(session, packet, "text")
    if not topic and not removed:
        _show_topic(chat, session, packet, room)
        return
    if room.rules.topic_by_operators:
        check_rank(session, room, Rank.OPERATOR)
    chat.sanctions.check_may_speak(session, room)
    topic = "" if removed else topic
    if len(topic) > MAX_TOPIC:
        raise Usage(f"A topic has at most {MAX_TOPIC} characters; this one has {len(topic)}.")
    chat.charge(session, CHANGE_COST)
    chat.replies.charge_for(session, len(room.sessions), topic)
    by, at = (session.name.shown, int(chat.now())) if topic else ("", 0)
    await chat.store.write(rooms.SetTopic(room.id, topic, by, at))
    room.topic, room.topic_by, room.topic_at = topic, by, at
    chat.room_events.tell(room, TOPIC, session, text=topic)
    chat.reply(
        session, packet, f"Topic of {room.name}: {topic}" if topic else f"The topic of {room.name} was removed.", topic=topic
    )


def _show_topic(chat: Chat, session: Session, packet: Packet, room: Room) -> None:
    """Answer with the topic; clients that follow events also read who set it, and when."""
    told, known = room.topic or f"{room.name} has no topic.", {}
    if room.topic and room.topic_by:
        known = {"by": room.topic_by, "ts": chat.timestamp(room.topic_at * 1000)}
        if session.understands("event"):
            told += f" (set by {room.topic_by}, {local_minute(room.topic_at)})"
    chat.reply(session, packet, told, quotes=True, topic=room.topic, **known)


async def _rename(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    check_guest(chat, session, args[0], Rank.OWNER, OWNERS_ONLY)
    room, name = room_of(chat, session, args[0]), chat.rooms.parse(args[1])
    check_rank(session, room, Rank.OWNER)
    chat.sanctions.check_may_speak(session, room)  # the name is shown to everybody
    chat.charge(session, CHANGE_COST)
    chat.replies.charge_for(session, len(room.sessions))
    with chat.creations.take(quota_of(session), "You have named too many rooms within the last hour."):
        told = await rename(chat, room, name, session)
    chat.activity.decided(f"{told}, says {session.decider}", session.role)
    chat.reply(session, packet, f"{told}.", rooms=[row(room, session)])


async def rename(chat: Chat, room: Room, name: Name, by: Session | None = None) -> str:
    """Give a room another name, and tell those in it. Returns what is so now.

    `by` is who decides; None is the server's operator. Raises `Usage` if it is called exactly that, `NameTaken`,
    `NoSuchTarget`, or `Forbidden` for the lobby.
    """
    if room is chat.rooms.lobby:
        raise Forbidden(f"Everyone is in {room.name}; only the server's configuration can name it.")
    old = room.name
    if name.shown == old:
        raise Usage(f"{old} is called that already.")
    chat.rooms.lookalikes.discard(room.parsed_name)  # (it may be given a name that looks like its own)
    looks_taken = chat.rooms.find(name.key) is None and chat.rooms.lookalikes.taken(name)
    chat.rooms.lookalikes.add(room.parsed_name)
    if looks_taken:
        raise NameTaken(f"There is already a room whose name looks like {name.shown}. Choose another.")
    with chat.rooms.lookalikes.held(name):
        await chat.store.write(rooms.RenameRoom(room.id, name))
    chat.room_events.tell(room, RENAMED, by, text=name.shown)
    chat.rooms.rename(room, name)
    return f"{old} is called {room.name} now"


async def _close(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    check_guest(chat, session, args[0], Rank.OWNER, OWNERS_ONLY)
    room = room_of(chat, session, args[0])
    check_rank(session, room, Rank.OWNER)
    if room is chat.rooms.lobby:
        raise Forbidden(f"Everyone is in {room.name}; only the server's configuration can close it.")
    await chat.store.write(rooms.CloseRoom(room.id))
    here = tuple(room.sessions)
    for reader in here:
        if reader is not session and not reader.has_cap("event"):
            chat.reply(reader, None, f"{room.name} is closed for good, by {session.name.shown}.")
    chat.rooms.remove(room)
    chat.room_events.tell(room, CLOSED, session, to=here)
    chat.sanctions.forget(room)
    chat.hooks.forget(room)
    chat.activity.decided(f"{session.decider} closed {room.name}", session.role)
    chat.reply(session, packet, f"{room.name} is closed.")


COMMANDS = {
    "/rooms": Command(
        _rooms, ("prefix",), 0, ("list the rooms; with PREFIX, only names that start with it (/help room: more about rooms)")
    ),
    "/members": Command(_members, ("room",), 1, "list the members of a room, online and away"),
    "/topic": Command(_topic, ("room", "text"), 1, "show or set the topic of a room; -delete removes it"),
    "/rename": Command(_rename, ("room", "text"), 2, "give a room that you own another name", called=("room", "new")),
    "/close": Command(_close, ("room",), 1, "close a room that you own, for everyone"),
}
