"""Moderation: kick, ban and mute, and how they are undone; on the whole server, or in one room.

Each function does it, notes it in the log, tells those affected, and returns an answer that says what was done and what undoes
it. Nobody may decide about somebody with the same role or a higher one, except operators, and nobody about themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple, Protocol

from lanchat.core.chat import Chat
from lanchat.core.replies import DELIVERIES_A_PACKET
from lanchat.model import masks
from lanchat.model.room import Room
from lanchat.model.room_rules import Rank
from lanchat.model.sanction import BAN, MUTE, PROMPT, Sanction, state
from lanchat.model.session import Account, Role, Session
from lanchat.model.targets import Target, find_target
from lanchat.protocol.errors import Banned, Forbidden, NoSuchTarget
from lanchat.protocol.events import BANNED, KICKED
from lanchat.tables.accounts import SetAway
from lanchat.tables.rooms import RemoveMembers


class CommandStyle(Protocol):
    """How a command is written, for an answer that mentions it."""

    def __call__(self, command: str, room: Room | None, /, *rest: str) -> str:
        """The command as one would write it; `room` is None for the whole server."""


def written(command: str, room: Room | None, /, *rest: str) -> str:
    """A command as it is sent: `/ban #ops bob`, or without the room for the whole server."""
    return " ".join([f"/{command}", *([room.name] if room is not None else []), *rest])


class Actor(NamedTuple):
    """Who decides about a sanction or a kick: a session, or the operator at the manhole's prompt."""

    name: str
    role: Role
    #: The key of the name, and the address: nobody may decide about themselves. Both are "" at the operators' prompt.
    key: str = ""
    address: str = ""
    #: How commands are written where they decide.
    written: CommandStyle = written
    #: Their session; None at the operators' prompt.
    session: Session | None = None


#: An operator at the server's own prompt.
OPERATOR = Actor(PROMPT, Role.OPERATOR)


class ModerationRequest(NamedTuple):
    """What somebody wants to decide."""

    #: A name, a mask, an address or a network.
    whom: str
    #: For how many seconds; None is until lifted.
    seconds: int | None = None
    #: The reason, as it may be shown, or "".
    reason: str = ""
    #: The room; None is the whole server.
    room: Room | None = None


async def kick(chat: Chat, by: Actor, request: ModerationRequest) -> str:
    """Disconnect somebody, or take them out of a room; they may come back. Raises `NoSuchTarget` or `Forbidden`."""
    room, target, hit = _target(chat, by, request)
    _check_can_be_left(chat, room)
    accounts = _accounts(by, room, target, hit)
    invited = room is not None and (room.invited & accounts.keys() or any(map(target.hits, room.guests_invited)))
    if not hit and not invited and not (room is not None and room.members.keys() & accounts.keys()):
        raise NoSuchTarget(f"{target.shown} is not {f'in {room.name}' if room is not None else 'here'}.")
    if room is not None and not hit and not room.members.keys() & accounts.keys():
        return await _take_back(chat, by, room, target, accounts)
    what = f"by {by.name}{request.reason and f' ({request.reason})'}"
    if room is not None:
        what = f"taken out of {room.name} {what}"
        await chat.store.write(RemoveMembers(room.id, tuple(accounts)))
        _take_out(chat, by, request, target, accounts.values(), KICKED, f"You were {what}.")
        back = f"/invite {target.shown} {room.name} lets them in again." if room.private else "They may come back."
    else:
        ended, what, back = f"kicked {what}", f"disconnected {what}", "They may come back."
        for session in hit:
            chat.close(session, Forbidden.code, f"You were {what}.", why=what, quotes=True, ended=ended)
    chat.activity.decided(f"{target.shown} was {what}", by.role)
    return f"{target.shown} was {what}. {back} {by.written(BAN, room, target.shown)} keeps them out."


async def _take_back(chat: Chat, by: Actor, room: Room, target: Target, accounts: dict[int, Account]) -> str:
    """Take back the invitation of somebody who is to leave a room, and has not joined it yet."""
    if accounts:
        await chat.store.write(RemoveMembers(room.id, tuple(accounts)))
    guests = chat.rooms.uninvite_guests(room, target.hits)
    for account in accounts.values():
        chat.rooms.dismiss(account, room)
    for session in (*guests, *chain.from_iterable(account.sessions for account in accounts.values())):
        chat.reply(session, None, f"Your invitation to {room.name} was withdrawn.")
    chat.activity.decided(f"{target.shown} is not invited to {room.name} any more, says {by.name}", by.role)
    return (
        f"The invitation of {target.shown} to {room.name} was withdrawn. {by.written(BAN, room, target.shown)} keeps them out."
    )


async def ban(chat: Chat, by: Actor, request: ModerationRequest) -> str:
    """Ban somebody; who is online now is disconnected. Raises `NoSuchTarget`, `Forbidden`, `Full` or `NotStored`."""
    room, target, hit = _target(chat, by, request)
    _check_can_be_left(chat, room)
    accounts = _accounts(by, room, target, hit)
    sanction = _sanction(chat, by, request, BAN, target)
    _watch(chat, room, hit)
    await chat.sanctions.impose(sanction, accounts)
    if room is None:
        _end_away(chat, target.account, ())
        if target.account is not None:
            chat.borrowed_rights.end_all(target.account)
    what = sanction.what(chat.now())
    chat.activity.decided(f"{target.shown} is {sanction.logged(chat.now())}", by.role)
    if room is not None:
        hit = _take_out(chat, by, request, target, accounts.values(), BANNED, f"You are {what}.")
    else:
        for session in hit:
            chat.close(session, Banned.code, f"You are {what}.", why=sanction.logged(chat.now()), quotes=True)
    return _answer(by, sanction, target, hit, what)


async def mute(chat: Chat, by: Actor, request: ModerationRequest) -> str:
    """Mute somebody. Raises as `ban` does."""
    room, target, hit = _target(chat, by, request)
    sanction = _sanction(chat, by, request, MUTE, target)
    _watch(chat, room, hit)
    await chat.sanctions.impose(sanction)
    what = sanction.what(chat.now())
    chat.activity.decided(f"{target.shown} is {sanction.logged(chat.now())}", by.role)
    hit = [session for session in _hit(chat, room, target) if session.role is not Role.PENDING]
    if room is None:
        _end_away(chat, target.account, hit)
    for session in hit:
        chat.reply(session, None, f"You are {what}.", quotes=True)
    return _answer(by, sanction, target, hit, what)


async def undo(chat: Chat, by: Actor, request: ModerationRequest, kind: str) -> str:
    """Undo a ban or a mute. Raises `NoSuchTarget`, `Forbidden` or `NotStored`."""
    room, target, hit = _target(chat, by, request)
    what = state(kind, room)
    if not await chat.sanctions.lift(kind, room, target):
        raise NoSuchTarget(f"{target.shown} is not {what}. {by.written('bans', room)} lists who is.")
    chat.activity.decided(f"{target.shown} is not {what} any more, says {by.name}", by.role)
    for session in hit if kind == MUTE else ():
        chat.reply(session, None, f"You are no longer {what}: lifted by {by.name}.")
    return f"{target.shown} is no longer {what}."


# The target.


def _target(chat: Chat, by: Actor, request: ModerationRequest) -> tuple[Room | None, Target, list[Session]]:
    """The room, the target and its sessions. Raises `Forbidden` if `by` may not decide that."""
    target = find_target(request.whom, chat.online.account)
    hit = _hit(chat, request.room, target)
    if target.is_machine:
        raise Forbidden(
            f"Nothing was done: {target.shown} is the server's own machine, from where its operator connects. Give "
            "a name instead."
        )
    if by.address and target.covers(by.address):
        raise Forbidden(f"Nothing was done: you are connected from {target.shown} yourself. Give a name instead.")
    mine = target.is_mask and by.session is not None and masks.hits(target.kept, by.session)
    mine = mine or (by.session is not None and by.session.oper is not None and by.session.oper is target.account)
    if mine or (by.key and by.key in {target.key, *(session.name.key for session in hit)}):
        raise Forbidden("Nothing was done: that would hit yourself.")
    for whom in (target.account, *hit):
        if whom is not None and not _is_above(by, whom, request.room, one=target.name is not None):
            raise Forbidden(f"Nothing was done: you may not kick, mute or ban {whom.name.shown}.")
    return request.room, target, hit


def _is_above(by: Actor, whom: Account | Session, room: Room | None, one: bool) -> bool:
    """Whether somebody may decide about somebody. In a room owners and operators may do so about whoever has a lower rank.

    In a temporary room owners may do so about each other, too, as there they are what IRC calls operators. `one` says whether
    that one is meant by name: what is decided about masks and addresses spares a room's operators.
    """
    if room is None or by.role >= Role.MODERATOR:
        return by.role is Role.OPERATOR or whom.role < by.role
    rank = room.rank_of(by.session) if by.session is not None else Rank.NONE
    is_equal = one and room.rules.temporary and rank is Rank.OWNER
    return (is_equal or room.rank_of(whom) < (rank if one else Rank.OPERATOR)) and whom.role < Role.MODERATOR


def _hit(chat: Chat, room: Room | None, target: Target) -> list[Session]:
    """The sessions that are meant: on the server, pending logins included, or in a room."""
    among = chain(chat.online, chat.pending_logins) if room is None else room.sessions
    return [session for session in among if target.hits(session)]


def _accounts(by: Actor, room: Room | None, target: Target, hit: Iterable[Session]) -> dict[int, Account]:
    """The accounts that have to leave a room, by their numbers; none for the whole server."""
    if room is None:
        return {}
    meant = [target.account, *(session.account for session in hit)]
    if target.is_mask:  # members who are away, too, but not those whom it spares
        named = (member for member in room.members.values() if masks.matches(target.kept, member.name.key, has_account=True))
        meant += [member for member in named if _is_above(by, member, room, one=False)]
    return {account.id: account for account in meant if account is not None}


def _take_out(  # noqa: PLR0913, PLR0917 (what was decided, and how it is told)
    chat: Chat,
    by: Actor,
    request: ModerationRequest,
    target: Target,
    accounts: Iterable[Account],
    ev: str,
    told: str,
) -> list[Session]:
    """Take those who are meant out of a room, and tell them and the others in it of the event `ev`; returns their sessions."""
    room = request.room
    assert room is not None  # noqa: S101 (nobody asks for the whole server)
    hit = _hit(chat, room, target)
    chat.rooms.uninvite_guests(room, target.hits)
    members = [account for account in accounts if account.id in room.members]
    names = list(dict.fromkeys([*(session.name.shown for session in hit), *(account.name.shown for account in members)]))
    for account in accounts:
        chat.rooms.dismiss(account, room)
    for account in {session.account for session in hit if session.account and session.account.id in room.members}:
        # It joined while this was being stored.
        chat.rooms.dismiss(account, room)
        chat.store.write_in_background(RemoveMembers(room.id, (account.id,)))
    for session in hit:
        chat.rooms.leave(session, room)
        if not session.has_cap("event"):
            chat.reply(session, None, told, quotes=True)
    for name in names or ([target.shown] if ev == BANNED else []):
        own = [session for session in hit if session.name.shown == name]
        chat.room_events.tell(room, ev, by.session, who=name, text=request.reason, absent=not names, to=own)
    if by.session is not None:  # (they are told in any case, and the next decision waits)
        by.session.packets.take(len(names) * len(room.sessions) / DELIVERIES_A_PACKET, chat.clock.seconds())
    chat.departures.end_if_empty(room)
    return hit


def _end_away(chat: Chat, account: Account | None, sessions: Iterable[Session]) -> None:
    """Remove what those say who are away, as they may say nothing any more: an account, or the guests of these sessions."""
    if account is not None and account.away:
        account.away = ""
        chat.store.write_in_background(SetAway(account.id, ""))
    for session in sessions:
        session.guest_away = ""


# Answers.


def _watch(chat: Chat, room: Room | None, hit: Iterable[Session]) -> None:
    """Let these sessions not speak while the decision is being stored; in a room every message is checked anyway."""
    for session in hit if room is None else ():
        if session.role is not Role.PENDING:  # (who has not logged in can't speak)
            chat.sanctions.watch_messages(session)


def _sanction(chat: Chat, by: Actor, request: ModerationRequest, kind: str, target: Target) -> Sanction:
    now = int(chat.now())
    until = None if request.seconds is None else now + request.seconds
    return Sanction(kind, request.room, target.kept, until, request.reason, by.name, now)


def _check_can_be_left(chat: Chat, room: Room | None) -> None:
    if room is not None and room is chat.rooms.lobby:
        raise Forbidden(
            f"Everyone is in {room.name}, so nobody can be removed from it. Mute them there, or ban them from the whole server."
        )


def _answer(by: Actor, sanction: Sanction, target: Target, hit: list[Session], what: str) -> str:
    """The answer: what was done, to how many connections, how to undo it, and how it can be evaded."""
    done = "told" if sanction.kind == MUTE else "closed" if sanction.room is None else "taken out"
    here = f"{len(hit)} connection{'s were' if len(hit) > 1 else ' was'} {done}." if hit else "Nobody affected is online."
    told = f"{target.shown} is {what}. {here} {by.written(f'un{sanction.kind}', sanction.room, target.shown)} undoes it."
    if target.network is not None or target.account is not None or target.is_mask:
        return told
    told += f" {target.shown} has no account and can come back under another name"
    ways = [session.sender.ip for session in hit if session.sender.ip != by.address]
    if ways and by.role >= Role.MODERATOR and not find_target(ways[0], lambda name: None).is_machine:
        told += f"; {by.written(sanction.kind, sanction.room, ways[0])} hits the address"
    return f"{told}."


def whom(chat: Chat, sanction: Sanction) -> str:
    """The target of a sanction, as people write it; "" if its account was removed."""
    if not sanction.is_about_an_account:
        return sanction.target
    account = chat.online.account_by_id(int(sanction.target.removeprefix("@")))
    return account.name.shown if account is not None else ""
