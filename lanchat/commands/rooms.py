"""Rooms: creating, joining, leaving and closing them, their members, topics and invitations."""

from __future__ import annotations

from lanchat.commands.command import Command, is_emptied, list_argument
from lanchat.core.chat import Chat
from lanchat.core.replies import NAMES_A_PACKET
from lanchat.model.room import MARK, MAX_TOPIC, Room, parse_name
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.errors import Forbidden, NameTaken, NotMember, Usage
from lanchat.protocol.name_lists import NO_MORE, SEPARATOR, fitting_names, fitting_rows, more_line
from lanchat.protocol.packet import MAX_MSG, Packet, visible
from lanchat.tables import rooms

#: The word that removes a topic, as in some IRC clients.
NO_TOPIC = "-delete"
#: What creating a room costs besides the packet that asks for it, in packets, as the disk is written to.
CREATION_COST = 10


async def _create(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    name, private = parse_name(args[0]), _is_private(args[1])
    account, now, most, owned = _account(session), int(chat.now()), chat.limits["rooms"], chat.limits["owned"]
    chat.sanctions.check_may_speak(session, None)  # the name is shown to everybody
    chat.reservations.check_joined(session)
    chat.charge(session, CREATION_COST)
    if chat.rooms.find(name.key) is None and chat.rooms.lookalikes.taken(name):
        raise NameTaken(f"There is already a room whose name looks like {name.shown}. Choose another.")

    with (
        chat.creations.take(account.id, "You have made too many rooms within the last hour."),
        chat.reservations.kept(session, []),
        chat.rooms.lookalikes.held(name),
    ):
        room, since = await chat.store.write(rooms.CreateRoom(name, account.id, private, now, most, owned))
        chat.rooms.add(room)
        chat.rooms.admit(account, room, since)
    chat.activity.note(f"{session.name.shown} made {room.name}{' (private)' if private else ''}")
    chat.reply(session, packet, f"{room.name} is there, and you are in it. Write to it as to a user.", rooms=[_row(room)])


async def _join(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room, account = chat.rooms.get(args[0], session), session.account
    if session not in room.sessions:
        chat.sanctions.check_may_join(session, room)
        chat.reservations.check_joined(session)
        chat.replies.charge_for(session, len(room.sessions))
        if account is None:
            chat.rooms.enter(session, room)
        else:
            await _admit(chat, session, account, room)
        chat.presence.in_room(room, "joined", session)
    about = f" Topic: {room.topic}" if room.topic else ""
    others = len(room.sessions) - 1
    told = f"You are in {room.name}, with {others} other{'s' * (others != 1)} online.{about}"
    chat.reply(session, packet, told, quotes=bool(about), rooms=[_row(room)])
    chat.tell_mutes(session, room)


async def _admit(chat: Chat, session: Session, account: Account, room: Room) -> None:
    must_be_invited = (
        room.private and account.id not in room.members and account.id != room.owner and account.role < Role.MODERATOR
    )
    if must_be_invited and account.id not in room.invited:
        raise Forbidden(f"{room.name} is private: a member must /invite you first.")
    chat.reservations.check_members(room)
    with chat.reservations.kept(session, [room]):
        since = await chat.store.write(rooms.JoinRoom(room.id, account.id, must_be_invited))
        chat.rooms.admit(account, room, since)


async def _leave(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room = _room_of(chat, session, args[0])
    if session not in room.sessions:
        raise NotMember(f"You are not in {room.name}.")
    if room is chat.rooms.lobby:
        raise Forbidden(f"Everyone is in {room.name}, so you can't leave it.")
    chat.replies.charge_for(session, len(room.sessions))
    if session.account is None:
        chat.rooms.leave(session, room)
    else:
        await chat.store.write(rooms.RemoveMembers(room.id, (session.account.id,)))
        chat.rooms.dismiss(session.account, room)
    chat.presence.in_room(room, "left", session)
    chat.reply(session, packet, f"You have left {room.name}.")


def _rooms(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    prefix, after = list_argument(session, packet, args[0])
    found = chat.rooms.with_prefix(prefix)
    chat.charge(session, len(found) / NAMES_A_PACKET)
    listed = [room for room in found if chat.rooms.is_visible_to(room, session)]
    lines, rows = fitting_rows((_line(room), _row(room)) for room in listed[after:])
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
    room = _room_of(chat, session, name)
    chat.charge(session, (len(room.sessions) + len(room.members) + len(room.invited)) / NAMES_A_PACKET)
    here = {reader.name.shown for reader in room.sessions}
    away = {account.name.shown for account in room.members.values()} - here
    names = sorted(here, key=str.lower) + sorted(away, key=str.lower)
    total = len(names) + len(room.invited)
    fit = fitting_names([*names, *_invited(chat, room)][after:], MAX_MSG - 400)
    members = max(len(names) - after, 0)
    invited = fit[members:]
    told = [f"In {room.name} ({len(here)} online, {len(away)} away): {SEPARATOR.join(fit[:members])}".removesuffix(": ")]
    if invited:
        told.append(f"Invited ({len(room.invited)}): {SEPARATOR.join(invited)}")
    shown = after + len(fit)
    text = ". ".join(told) + " ".join(["", *more_line(total, shown, f"/members {room.name}")]) if fit else NO_MORE
    chat.reply(session, packet, text, names=fit[:members], n=len(names), invited=invited or None, more=shown < total or None)


def _invited(chat: Chat, room: Room) -> list[str]:
    """The names of the accounts that are invited to a room, sorted."""
    accounts = [account for number in room.invited if (account := chat.online.account_by_id(number)) is not None]
    return sorted((account.name.shown for account in accounts), key=str.lower)


async def _topic(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room, topic = _room_of(chat, session, args[0]), args[1].strip()
    topic = visible(topic) if len(topic) <= MAX_TOPIC else topic  # a longer one is refused
    removed = topic.lower() == NO_TOPIC or is_emptied(session, packet, "text")
    if not topic and not removed:
        chat.reply(session, packet, room.topic or f"{room.name} has no topic.", quotes=True, topic=room.topic)
        return
    check_owner(session, room)
    chat.sanctions.check_may_speak(session, room)
    topic = "" if removed else topic
    if len(topic) > MAX_TOPIC:
        raise Usage(f"A topic has at most {MAX_TOPIC} characters; this one has {len(topic)}.")
    await chat.store.write(rooms.SetTopic(room.id, topic))
    room.topic = topic
    chat.reply(
        session, packet, f"Topic of {room.name}: {topic}" if topic else f"The topic of {room.name} was removed.", topic=topic
    )


async def _invite(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room, guest = _room_and_account(chat, session, args)
    chat.sanctions.check_may_speak(session, room)
    told = "You have sent too many invitations within the last hour."
    with chat.invites.take(_account(session).id, told):
        await chat.store.write(rooms.Invite(room.id, guest.id, chat.limits["invitations"]))
    if guest.id in room.members:
        raise Usage(f"{guest.name.shown} is already in {room.name}.")
    room.invited.add(guest.id)
    for reader in tuple(guest.sessions):
        chat.reply(reader, None, f"{session.name.shown} invites you to {room.name}. Send /join {room.name} to enter it.")
    chat.reply(session, packet, f"{guest.name.shown} may now enter {room.name}.")


async def _uninvite(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room, guest = _room_and_account(chat, session, args)
    if guest.id not in room.invited:
        raise Usage(f"{guest.name.shown} is not invited to {room.name}. Send /members {room.name} to see who is.")
    await chat.store.write(rooms.Uninvite(room.id, guest.id))
    room.invited.discard(guest.id)
    for reader in tuple(guest.sessions):
        chat.reply(reader, None, f"Your invitation to {room.name} was withdrawn.")
    chat.reply(session, packet, f"The invitation of {guest.name.shown} to {room.name} was withdrawn.")


def _room_and_account(chat: Chat, session: Session, args: list[str]) -> tuple[Room, Account]:
    """The room and the account of an invitation, in either order. Raises `Usage` if the account is a member already."""
    user, name = reversed(args) if args[0].startswith(MARK) else args
    room, guest = _room_of(chat, session, name), chat.account_of(user)
    if guest.id in room.members:
        raise Usage(f"{guest.name.shown} is already in {room.name}.")
    return room, guest


async def _close(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room = _room_of(chat, session, args[0])
    check_owner(session, room)
    if room is chat.rooms.lobby:
        raise Forbidden(f"Everyone is in {room.name}; only the server's configuration can close it.")
    await chat.store.write(rooms.CloseRoom(room.id))
    for reader in tuple(room.sessions):
        if reader is not session:
            chat.reply(reader, None, f"{room.name} is closed for good, by {session.name.shown}.")
    chat.rooms.remove(room)
    chat.sanctions.forget(room)
    chat.activity.note(f"{session.name.shown} closed {room.name}")
    chat.reply(session, packet, f"{room.name} is closed.")


def _room_of(chat: Chat, session: Session, name: str) -> Room:
    """The room with this name. Raises `NotMember` unless the session is in it, or is a moderator's, and `NoSuchTarget`."""
    room = chat.rooms.get(name, session)
    if session not in room.sessions and session.role < Role.MODERATOR:
        raise NotMember(f"You are not in {room.name}. Send /join {room.name} to enter it.")
    return room


def check_owner(session: Session, room: Room) -> None:
    """Raise `Forbidden` unless the session is that of the room's owner, or of a moderator."""
    if not room.is_owned_by(session):
        raise Forbidden(f"Only the user who made {room.name}, or a moderator, may do that.")


def _account(session: Session) -> Account:
    assert session.account is not None  # noqa: S101 (the table lets nobody else ask)
    return session.account


def _is_private(text: str) -> bool:
    if text.strip().lower() not in ("", "private", "true", "false"):
        raise Usage("Usage: /create #NAME [private]")
    return text.strip().lower() in ("private", "true")


def _row(room: Room) -> dict[str, object]:
    return {"name": room.name, "topic": room.topic, "private": room.private, "online": len(room.sessions)}


COMMANDS = {
    "/create": Command(_create, ("room", "private"), 1, "make a room; only invited users may enter a private one", Role.USER),
    "/join": Command(_join, ("room",), 1, "enter a room"),
    "/leave": Command(_leave, ("room",), 1, "leave a room"),
    "/rooms": Command(
        _rooms, ("prefix",), 0, ("list the rooms; with PREFIX, only names that start with it (/help room: more about rooms)")
    ),
    "/members": Command(_members, ("room",), 1, "list the members of a room, online and away"),
    "/topic": Command(_topic, ("room", "text"), 1, "show or set the topic of a room; -delete removes it"),
    "/invite": Command(_invite, ("user", "room"), 2, "invite somebody to a private room", Role.USER),
    "/uninvite": Command(_uninvite, ("user", "room"), 2, "withdraw an invitation that was not accepted yet", Role.USER),
    "/close": Command(_close, ("room",), 1, "close a room that you made, for everyone", Role.USER),
}
