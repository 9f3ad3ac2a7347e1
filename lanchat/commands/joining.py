"""Making, joining and leaving rooms."""

from __future__ import annotations

from hmac import compare_digest

from lanchat.commands.command import Command
from lanchat.commands.room_rights import CHANGE_COST, quota_of, room_of, row
from lanchat.core.chat import Chat
from lanchat.core.replies import NAMES_A_PACKET
from lanchat.model.names import Name
from lanchat.model.room import Room, parse_name
from lanchat.model.room_rules import ANYONE, OPERATORS, Rank, RoomRules
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.errors import ChatError, Forbidden, NameTaken, NotMember, Usage
from lanchat.protocol.events import JOINED, LEFT
from lanchat.protocol.packet import Packet, visible
from lanchat.state.rooms import unknown_room
from lanchat.tables import rooms

#: What creating a room costs besides the packet that asks for it, in packets, as the disk is written to.
CREATION_COST = 20
#: What it costs to enter a room that has a key, in packets: so it takes long to try many.
KEY_COST = 20
#: Characters of what somebody says who leaves a room; what is longer is cut.
MAX_LEAVING = 200


async def _create(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    name, private = chat.rooms.parse(args[0]), _is_private(args[1])
    if chat.rooms_by == OPERATORS and session.role < Role.OPERATOR:
        raise Forbidden("On this server only its operators make rooms. Send /rooms to see those there are.")
    room = await _make(chat, session, name, private, RoomRules(secret=private))
    chat.activity.note(f"{session.name.shown} made {room.name}{' (private)' if private else ''}")
    told = f"{room.name} is there, and you are in it. Write to it as to a user."
    chat.reply(session, packet, told, rooms=[row(room, session)])


async def _make(chat: Chat, session: Session, name: Name, private: bool, rules: RoomRules) -> Room:
    """Make a room with somebody as its owner and first member. Raises what `CreateRoom` raises, or `RateLimited`."""
    account, now, most, owned = session.account, int(chat.now()), chat.limits["rooms"], chat.limits["owned"]
    chat.sanctions.check_may_speak(session, None)  # the name is shown to everybody
    chat.reservations.check_joined(session)
    chat.charge(session, CREATION_COST)
    if chat.rooms.find(name.key) is None and chat.rooms.lookalikes.taken(name):
        raise NameTaken(f"There is already a room whose name looks like {name.shown}. Choose another.")
    with (
        chat.creations.take(quota_of(session), "You have made too many rooms within the last hour."),
        chat.reservations.kept(session, []),
        chat.rooms.lookalikes.held(name),
    ):
        command = rooms.CreateRoom(name, account.id if account is not None else None, private, now, most, owned, rules)
        room, since = await chat.store.write(command)
        chat.rooms.add(room)
    if account is not None:
        chat.rooms.admit(account, room, since)
    elif session in chat.online:
        chat.rooms.enter(session, room)
        room.guest_ranks[session] = Rank.OWNER
    chat.room_events.tell(room, JOINED, session, new=True)
    chat.departures.end_if_empty(room)
    return room


async def _join(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room = await _room_to_join(chat, session, args[0].strip())
    if session not in room.sessions:
        try:
            chat.reservations.check_joined(session)
            must_be_invited = _check_may_enter(chat, session, room, args[1])
        except ChatError:
            if chat.rooms.is_visible_to(room, session):
                raise
            raise unknown_room(args[0]) from None
        chat.replies.charge_for(session, len(room.sessions))
        if session.account is None:
            chat.rooms.enter(session, room)
        else:
            chat.charge(session, CHANGE_COST)
            await _admit(chat, session, session.account, room, must_be_invited)
        chat.room_events.tell(room, JOINED, session, to=(session,))
    about = f" Topic: {room.topic}" if room.topic else ""
    others = len(room.sessions) - 1
    told = f"You are in {room.name}, with {others} other{'s' * (others != 1)} online.{about}"
    chat.reply(session, packet, told, quotes=bool(about), rooms=[row(room, session)])
    chat.tell_mutes(session, room)
    await chat.stored.settled_if_full()


async def _room_to_join(chat: Chat, session: Session, name: str) -> Room:
    """The room of this name, which is made if anyone may do that. Raises `NoSuchTarget`, or as `_make` does."""
    if (room := chat.rooms.find(name)) is not None:
        return room
    if chat.rooms_by != ANYONE:
        raise unknown_room(name)
    try:
        room = await _make(chat, session, parse_name(name), False, RoomRules(temporary=True))
    except NameTaken:
        await chat.stored.settled()  # somebody else may just have made it
        if (room := chat.rooms.find(name)) is None:
            raise
    else:
        chat.activity.note(f"{session.name.shown} made {room.name} (temporary)")
    return room


def _check_may_enter(chat: Chat, session: Session, room: Room, key: str) -> bool:
    """Check that somebody may enter a room; `key` is the key that they gave, or "". Returns whether that takes an invitation.

    Raises `Banned`, `Forbidden`, or `Full` if as many are in it as its rules allow.
    """
    chat.sanctions.check_may_join(session, room)
    account, rules = session.account, room.rules
    if room.has_rank(session, Rank.OPERATOR) or (account is not None and account.id in room.members):
        return False
    if account is None and rules.accounts_only:
        raise Forbidden(f"Only users with an account may enter {room.name}. Send /register PASSWORD to make one.")
    if room.invites(session):
        return room.private and session not in room.guests_invited
    if room.private:
        raise Forbidden(f"{room.name} is private: a member must /invite you first.")
    if rules.key:
        chat.charge(session, KEY_COST)
        if not compare_digest(rules.key.encode(), key.strip().encode()):
            raise Forbidden(f"{room.name} has {'another' if key.strip() else 'a'} key: send /join {room.name} KEY.")
    if rules.limit:
        chat.charge(session, len(room.sessions) / NAMES_A_PACKET)  # all are counted
        chat.reservations.check_limit(room)
    return False


async def _admit(chat: Chat, session: Session, account: Account, room: Room, must_be_invited: bool) -> None:
    chat.reservations.check_members(room)
    try:
        with chat.reservations.kept(session, [room]):
            since = await chat.store.write(rooms.JoinRoom(room.id, account.id, must_be_invited))
            chat.rooms.admit(account, room, since)
    finally:
        chat.departures.end_if_empty(room)


async def _leave(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room, account = room_of(chat, session, args[0]), session.account
    if session not in room.sessions:
        raise NotMember(f"You are not in {room.name}.")
    if room is chat.rooms.lobby:
        raise Forbidden(f"Everyone is in {room.name}, so you can't leave it.")
    reason = said_on_leaving(chat, session, room, args[1])
    chat.replies.charge_for(session, len(room.sessions), reason)
    if account is None:
        chat.rooms.leave(session, room)
    else:
        chat.charge(session, CHANGE_COST)
        await chat.store.write(rooms.RemoveMembers(room.id, (account.id,)))
        chat.rooms.dismiss(account, room)
    own = [session] if account is None else tuple(account.sessions)
    chat.room_events.tell(room, LEFT, session, text=reason, to=own)
    chat.departures.end_if_empty(room)
    chat.reply(session, packet, f"You have left {room.name}.")
    await chat.stored.settled_if_full()


def said_on_leaving(chat: Chat, session: Session, room: Room, text: str) -> str:
    """What those in a room are told of what somebody says who leaves it; "" if they may not speak there."""
    return visible(text.strip(), MAX_LEAVING) if chat.sanctions.may_speak(session, room) else ""


def _is_private(text: str) -> bool:
    if text.strip().lower() not in ("", "private", "true", "false"):
        raise Usage("Usage: /create #NAME [private]")
    return text.strip().lower() in ("private", "true")


COMMANDS = {
    "/create": Command(_create, ("room", "private"), 1, "make a room; only invited users may enter a private one", Role.USER),
    "/join": Command(_join, ("room", "key"), 1, "enter a room, with its key if it has one"),
    "/leave": Command(_leave, ("room", "text"), 1, "leave a room, perhaps with a reason", called=("room", "reason")),
}
