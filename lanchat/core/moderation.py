"""Moderation: sending others away, shutting them out, and letting them not speak; on the whole server, or in one room.

Each act is done, noted in the log, told to those whom it hits, and answered in words: what was done, and what undoes it. About
equals and those above nobody decides; operators do, but not about themselves.
"""

from __future__ import annotations

from collections.abc import Iterable
from itertools import chain
from typing import NamedTuple, Protocol

from lanchat.core.chat import Chat
from lanchat.model.room import Room
from lanchat.model.sanction import BAN, MUTE, PROMPT, Sanction, state
from lanchat.model.session import Account, Role, Session
from lanchat.model.targets import Target, find_target
from lanchat.protocol.errors import Banned, Forbidden, NoSuchTarget
from lanchat.store.rooms import RemoveMembers


class CommandStyle(Protocol):
    """A command in words."""

    def __call__(self, command: str, room: Room | None, /, *rest: str) -> str:
        """About the whole server, or a room."""


def written(command: str, room: Room | None, /, *rest: str) -> str:
    """A command as it is sent, about the whole server or a room."""
    return " ".join([f"/{command}", *([room.name] if room is not None else []), *rest])


class Actor(NamedTuple):
    """Who decides."""

    name: str
    role: Role
    #: Of the name, and where they come from: nobody shall hit themselves.
    key: str = ""
    address: str = ""
    #: How they write a command that they are told of.
    written: CommandStyle = written


#: Whoever can enter the server's own prompt.
OPERATOR = Actor(PROMPT, Role.OPERATOR)


class ModerationRequest(NamedTuple):
    """What is decided."""

    #: A name, an address or a network.
    whom: str
    #: For how long; None is until it is undone.
    seconds: int | None = None
    #: Why, as it may be shown.
    reason: str = ""
    #: Where; None is the whole server.
    room: Room | None = None


async def kick(chat: Chat, by: Actor, order: ModerationRequest) -> str:
    """Send somebody away, who may come back. Raises `NoSuchTarget` or `Forbidden`."""
    room, target, hit = _target(chat, by, order)
    _check_can_be_left(chat, room)
    accounts = _accounts(room, target, hit)
    if not hit and not (room is not None and (room.members.keys() | room.invited) & accounts.keys()):
        raise NoSuchTarget(f"{target.shown} is not {f'in {room.name}' if room is not None else 'here'}.")
    if room is not None and not hit and not room.members.keys() & accounts.keys():
        return await _take_back(chat, by, room, target, accounts)
    what = f"by {by.name}{order.reason and f' ({order.reason})'}"
    if room is not None:
        what = f"taken out of {room.name} {what}"
        await chat.store.write(RemoveMembers(room.id, tuple(accounts)))
        _take_out(chat, room, target, accounts.values(), f"You were {what}.")
        back = f"/invite {target.shown} {room.name} lets them in again." if room.private else "They may come back."
    else:
        what, back = f"disconnected {what}", "They may come back."
        for session in hit:
            chat.close(session, Forbidden.code, f"You were {what}.", why=what, quotes=True)
    _note(chat, by, f"{target.shown} was {what}")
    return f"{target.shown} was {what}. {back} {by.written(BAN, room, target.shown)} keeps them out."


async def _take_back(chat: Chat, by: Actor, room: Room, target: Target, accounts: dict[int, Account]) -> str:
    """Whoever is to leave a room has not come yet: it is the invitation that is taken back."""
    await chat.store.write(RemoveMembers(room.id, tuple(accounts)))
    for account in accounts.values():
        chat.rooms.dismiss(account, room)
        for session in tuple(account.sessions):
            chat.reply(session, None, f"You are not invited to {room.name} any more.")
    _note(chat, by, f"{target.shown} is not invited to {room.name} any more, says {by.name}")
    return f"{target.shown} is not invited to {room.name} any more. {by.written(BAN, room, target.shown)} keeps them out."


async def ban(chat: Chat, by: Actor, order: ModerationRequest) -> str:
    """Shut somebody out; those here are sent away now. Raises `NoSuchTarget`, `Forbidden`, `Full` or `NotStored`."""
    room, target, hit = _target(chat, by, order)
    _check_can_be_left(chat, room)
    accounts = _accounts(room, target, hit)
    sanction = _sanction(chat, by, order, BAN, target)
    _watch(chat, room, hit)
    await chat.sanctions.impose(sanction, accounts)
    what = sanction.what(chat.now())
    _note(chat, by, f"{target.shown} is {what}")
    if room is not None:
        hit = _take_out(chat, room, target, accounts.values(), f"You are {what}.")
    else:
        for session in hit:
            chat.close(session, Banned.code, f"You are {what}.", why=what, quotes=True)
    return _answer(by, sanction, target, hit, what)


async def mute(chat: Chat, by: Actor, order: ModerationRequest) -> str:
    """Let somebody say nothing. Raises as `ban` does."""
    room, target, hit = _target(chat, by, order)
    sanction = _sanction(chat, by, order, MUTE, target)
    _watch(chat, room, hit)
    await chat.sanctions.impose(sanction)
    what = sanction.what(chat.now())
    _note(chat, by, f"{target.shown} is {what}")
    hit = [session for session in _hit(chat, room, target) if session.role is not Role.STRANGER]
    for session in hit:
        chat.reply(session, None, f"You are {what}.", quotes=True)
    return _answer(by, sanction, target, hit, what)


async def undo(chat: Chat, by: Actor, order: ModerationRequest, kind: str) -> str:
    """Let a ban or a mute be over now. Raises `NoSuchTarget`, `Forbidden` or `NotStored`."""
    room, target, hit = _target(chat, by, order)
    what = state(kind, room)
    if not await chat.sanctions.lift(kind, room, target):
        raise NoSuchTarget(f"{target.shown} is not {what}. {by.written('bans', room)} lists who is.")
    _note(chat, by, f"{target.shown} is not {what} any more, says {by.name}")
    for session in hit if kind == MUTE else ():
        chat.reply(session, None, f"You are not {what} any more, says {by.name}.")
    return f"{target.shown} is not {what} any more."


def _note(chat: Chat, by: Actor, what: str) -> None:
    """In the log. Who decides in a room of their own may do so as often as they like, and does not fill it."""
    (chat.activity.decided if by.role >= Role.MODERATOR else chat.activity.note)(what)


# Whom it is about.


def _target(chat: Chat, by: Actor, order: ModerationRequest) -> tuple[Room | None, Target, list[Session]]:
    """Where, whom, and who of them is here, if `by` may decide that."""
    target = find_target(order.whom, chat.online.account)
    hit = _hit(chat, order.room, target)
    if target.is_machine:
        raise Forbidden(
            f"{target.shown} is this machine itself, and where its operator comes from. Nothing was done; give a name."
        )
    if by.address and target.covers(by.address):
        raise Forbidden(f"{target.shown} is where you are yourself. Nothing was done; give a name.")
    if by.key and by.key in {target.key, *(session.name.key for session in hit)}:
        raise Forbidden("That would be about yourself. Nothing was done.")
    for account in (target.account, *(session.account for session in hit)):
        if account is not None and not _is_above(by, account, order.room):
            raise Forbidden(f"You may not decide about {account.name.shown}. Nothing was done.")
    return order.room, target, hit


def _is_above(by: Actor, account: Account, room: Room | None) -> bool:
    """Whether somebody may decide about an account: in a room, its owner is as good as a moderator."""
    rank = by.role if room is None else max(by.role, Role.MODERATOR)
    return rank is Role.OPERATOR or account.role < rank


def _hit(chat: Chat, room: Room | None, target: Target) -> list[Session]:
    """Who is here, on the server or in a room, and is meant; strangers are not in rooms."""
    among = chain(chat.online, chat.pending_logins) if room is None else room.sessions
    return [session for session in among if target.hits(session)]


def _accounts(room: Room | None, target: Target, hit: Iterable[Session]) -> dict[int, Account]:
    """Those that leave a room, by their number."""
    if room is None:
        return {}
    meant = (target.account, *(session.account for session in hit))
    return {account.id: account for account in meant if account is not None}


def _take_out(chat: Chat, room: Room, target: Target, accounts: Iterable[Account], told: str) -> list[Session]:
    """Those who are meant are in a room no more; they are told, and who stays there too. Who it was."""
    hit = _hit(chat, room, target)
    for session in {session.name.key: session for session in hit}.values():
        chat.presence.in_room(room, "left", session)
    for account in accounts:
        chat.rooms.dismiss(account, room)
    for account in {session.account for session in hit if session.account and session.account.id in room.members}:
        # Its /join was under way when this was decided.
        chat.rooms.dismiss(account, room)
        chat.store.write_in_background(RemoveMembers(room.id, (account.id,)))
    for session in hit:
        chat.rooms.leave(session, room)
        chat.reply(session, None, told, quotes=True)
    return hit


# What is said.


def _watch(chat: Chat, room: Room | None, hit: Iterable[Session]) -> None:
    """Let those who are here say nothing from now on, already while it is written; in a room everybody is looked at anyway."""
    for session in hit if room is None else ():
        if session.role is not Role.STRANGER:  # (they say nothing yet)
            chat.sanctions.watch(session)


def _sanction(chat: Chat, by: Actor, order: ModerationRequest, kind: str, target: Target) -> Sanction:
    now = int(chat.now())
    until = None if order.seconds is None else now + order.seconds
    return Sanction(kind, order.room, target.kept, until, order.reason, by.name, now)


def _check_can_be_left(chat: Chat, room: Room | None) -> None:
    if room is not None and room is chat.rooms.lobby:
        raise Forbidden(f"Everybody is in {room.name}. There one can be muted, or banned from the whole server.")


def _answer(by: Actor, sanction: Sanction, target: Target, hit: list[Session], what: str) -> str:
    """What was done, to how many, how to undo it, and what it can't do."""
    done = "told" if sanction.kind == MUTE else "closed" if sanction.room is None else "taken out"
    here = f"{len(hit)} connection{'s were' if len(hit) > 1 else ' was'} {done}." if hit else "Nobody whom it hits is here."
    told = f"{target.shown} is {what}. {here} {by.written(f'un{sanction.kind}', sanction.room, target.shown)} undoes it."
    if target.network is not None or target.account is not None:
        return told
    told += f" {target.shown} has no account, and can come back under another name"
    ways = [session.sender.ip for session in hit if session.sender.ip != by.address]
    if ways and by.role >= Role.MODERATOR and not find_target(ways[0], lambda name: None).is_machine:
        told += f"; {by.written(sanction.kind, sanction.room, ways[0])} hits the address"
    return f"{told}."


def whom(chat: Chat, sanction: Sanction) -> str:
    """Whom a sanction is about, as people write it; nobody ("") if the account is gone."""
    if not sanction.target.startswith("@"):
        return sanction.target
    account = chat.online.account_by_id(int(sanction.target.removeprefix("@")))
    return account.name.shown if account is not None else ""
