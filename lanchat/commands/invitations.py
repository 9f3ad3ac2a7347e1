"""Invitations to rooms. That of an account lasts until it enters; that of a guest also ends with the connection."""

from __future__ import annotations

from lanchat.commands.command import Command
from lanchat.commands.room_rights import CHANGE_COST, check_rank, quota_of, room_of
from lanchat.core.chat import Chat
from lanchat.model.room import MARK, Room
from lanchat.model.room_rules import Rank
from lanchat.model.session import Account, Session
from lanchat.protocol.errors import AuthRequired, Full, NoSuchTarget, Usage
from lanchat.protocol.events import INVITED
from lanchat.protocol.packet import Packet, visible
from lanchat.tables import rooms


async def _invite(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room, whom = _room_and_invited(chat, session, args)
    if room.rules.key or room.rules.limit:  # (which an invitation overrides)
        check_rank(session, room, Rank.OPERATOR)
    chat.sanctions.check_may_speak(session, room)
    chat.replies.charge_for(session, len(room.sessions))
    with chat.invites.take(quota_of(session), "You have sent too many invitations within the last hour."):
        if isinstance(whom, Account):
            await chat.store.write(rooms.Invite(room.id, whom.id, chat.limits["invitations"]))
        else:
            chat.charge(session, CHANGE_COST)
            _check_invitations(chat, room)
    if isinstance(whom, Account):
        _check_outside(room, whom)
        room.invited.add(whom.id)
    else:
        chat.rooms.invite_guest(whom, room)
    readers = _sessions(whom)
    for reader in readers:
        if not reader.has_cap("event"):
            chat.reply(reader, None, f"{session.name.shown} invites you to {room.name}. Send /join {room.name} to enter it.")
    chat.room_events.tell(room, INVITED, session, who=whom.name.shown, to=readers)
    chat.reply(session, packet, f"{whom.name.shown} may now enter {room.name}.")


async def _uninvite(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room, whom = _room_and_invited(chat, session, args)
    if not room.invites(whom):
        raise Usage(f"{whom.name.shown} is not invited to {room.name}. Send /members {room.name} to see who is.")
    if isinstance(whom, Account):
        await chat.store.write(rooms.Uninvite(room.id, whom.id))
        room.invited.discard(whom.id)
    else:
        chat.rooms.uninvite_guest(whom, room)
    for reader in _sessions(whom):
        chat.reply(reader, None, f"Your invitation to {room.name} was withdrawn.")
    chat.reply(session, packet, f"The invitation of {whom.name.shown} to {room.name} was withdrawn.")


def count_invited(room: Room) -> int:
    """How many are invited to a room."""
    return len(room.invited) + len(room.guests_invited)


def invited_names(chat: Chat, room: Room) -> list[str]:
    """The names of those who are invited to a room, sorted."""
    accounts = [account for number in room.invited if (account := chat.online.account_by_id(number)) is not None]
    names = [account.name.shown for account in accounts] + [guest.name.shown for guest in room.guests_invited]
    return sorted(names, key=str.lower)


def _room_and_invited(chat: Chat, session: Session, args: list[str]) -> tuple[Room, Account | Session]:
    """The room and the account or guest of an invitation, in either order. Raises `Usage` if they are in it already.

    Raises `AuthRequired` for a guest who may not invite: that takes an account, a rank, or a room that anybody may enter.
    """
    user, name = reversed(args) if args[0].startswith(MARK) else args
    room = room_of(chat, session, name)
    if session.account is None and not room.has_rank(session, Rank.OPERATOR) and (room.private or not room.rules.are_open):
        raise AuthRequired(f"To invite somebody to {room.name} you need an account. Send /register PASSWORD to make one.")
    name = user.strip().removeprefix("@")
    whom: Account | Session | None = chat.online.account(name) or chat.online.find(name)
    if whom is None:
        raise NoSuchTarget(f"There is no account {visible(name, 40) or '(no name)'}, and no guest of that name is online.")
    _check_outside(room, whom)
    return room, whom


def _check_outside(room: Room, whom: Account | Session) -> None:
    """Raise `Usage` if somebody is a member of a room, or in it as a guest."""
    if whom in room.sessions or (isinstance(whom, Account) and whom.id in room.members):
        raise Usage(f"{whom.name.shown} is already in {room.name}.")


def _check_invitations(chat: Chat, room: Room) -> None:
    """Raise `Full` if no other guest may be invited."""
    if count_invited(room) >= chat.limits["invitations"]:
        raise Full(rooms.ALL_INVITED, "invitations")


def _sessions(whom: Account | Session) -> tuple[Session, ...]:
    return tuple(whom.sessions) if isinstance(whom, Account) else (whom,)


COMMANDS = {
    "/invite": Command(_invite, ("user", "room"), 2, "invite somebody to a private room"),
    "/uninvite": Command(_uninvite, ("user", "room"), 2, "withdraw an invitation that was not accepted yet"),
}
