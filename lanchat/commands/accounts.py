"""Accounts: registering one's name, logging in with a password, and changing it."""

from __future__ import annotations

from typing import Any

from lanchat.commands.command import Command, account_of
from lanchat.core.chat import Chat
from lanchat.core.logins import check_connected, check_login, enter, most_devices
from lanchat.model.room import Room
from lanchat.model.session import Account, Role, Session
from lanchat.net.addresses import is_loopback, limit_key
from lanchat.protocol.errors import NotStored, Usage
from lanchat.protocol.packet import Packet
from lanchat.tables import accounts, rooms
from lanchat.tables.ranks import SetRank
from lanchat.tables.registration import AddAccount

#: What hashing a password costs the session that asks for it, in packets.
HASH_COST = 200
#: The answer when too many accounts were made from one address.
ACCOUNTS_MADE = "Too many accounts were registered from your address within the last hour."


async def _register(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    if session.account is not None:
        raise Usage(f"You already have the account {session.name.shown}. Send /password OLD NEW to change its password.")
    chat.identity.check_way(session.sender.ip, session.gateway)
    chat.charge(session, HASH_COST)
    chat.pending_logins.check_registering(session)
    chat.registrations.check(_counted(session), ACCOUNTS_MADE)
    kept = await chat.pending_logins.wait_for(session, chat.identity.hash(args[0].strip(), newcomer=True))
    check_connected(chat, session)
    device = session.device
    account, since, cursor = await _make_account(chat, session, kept, device)
    # Who was kicked out of a room meanwhile stays out. If the session has ended, the account is a member all the same.
    still = chat.rooms.of_guest(session) if session in chat.online else list(since)
    for room in since:
        if room in still:
            chat.rooms.admit(account, room, since[room])
            if rank := room.guest_ranks.get(session):
                room.ranks[account.id] = rank
                chat.store.write_in_background(SetRank(room.id, account.id, rank))
        else:
            chat.store.write_in_background(rooms.RemoveMembers(room.id, (account.id,)))
    if session.guest_away:
        account.away = session.guest_away
        chat.store.write_in_background(accounts.SetAway(account.id, account.away))
    check_connected(chat, session, account, cursor, device)
    chat.admit(session, account)
    for room in chat.rooms.of(session):
        chat.rooms.enter(session, room)
    chat.cursors.begin(session, device, max(cursor, session.seen))
    chat.presence.registered(session)
    told = f"{account.name.shown} is your account now: who comes with this name must know the password."
    if full := [room.name for room in still if room not in since]:
        told += f" You are no longer in {', '.join(full)}, which can have no more members."
    token = await give_token(chat, account) if session.has_cap("token") else None
    chat.delivery.advance(session, chat.store.last_seq)
    chat.reply(session, packet, told, token=token, **account_facts(chat))


async def _make_account(chat: Chat, session: Session, password: str, device: str) -> tuple[Account, dict[Room, int], int]:
    """Store an account for a guest's name. Returns it, its rooms with the numbers in the log from which on, and its cursor."""
    # (A guest may be in a room that has as many members as it can have.)
    was_in = [room for room in chat.rooms.of(session) if chat.reservations.has_room_for_member(room)]
    name, now, most = session.name, int(chat.now()), chat.limits["accounts"]
    ids = tuple(room.id for room in was_in)
    command = AddAccount(name, password, Role.USER, now, most, ids, device, most_devices(chat))
    with (
        chat.online.lookalikes.held(name),
        chat.reservations.kept(session, was_in, 0),
        chat.registrations.take(_counted(session), ACCOUNTS_MADE),
    ):
        made = await chat.store.write(command)
        chat.reserve_name(made.account, session)
        return made.account, {room: made.rooms[room.id] for room in was_in if room.id in made.rooms}, made.cursor


def _counted(session: Session) -> str | None:
    """The address whose new accounts are counted; None for loopback, which many users may share."""
    return None if is_loopback(session.sender.ip) else limit_key(session.sender.ip)


async def _login(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    if session.account is not None:
        raise Usage(f"You are already logged in as {session.name.shown}.")
    if session not in chat.pending_logins:
        raise Usage(f"{session.name.shown} is not registered. Send /register PASSWORD to make it yours.")
    account = await authenticate(chat, session, {"mech": "PLAIN", "password": args[0]})
    session.caps = None  # it may have sent a hello that was refused, and may send another
    cursor = await enter(chat, session, account)
    chat.welcome(session, packet)
    if cursor is None:
        chat.replay.tell_skipped(session)
    else:
        await chat.replay.newest(session, cursor)


async def _password(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    account = account_of(session)
    if len(packet.msg.split()) > 2:
        raise Usage(
            "Your password contains a space, so it is unclear where the old one ends. Change it in the lanchat client, "
            "or with x.password."
        )
    await authenticate(chat, session, {"mech": "PLAIN", "password": args[0]})
    chat.charge(session, HASH_COST)
    kept = await chat.pending_logins.wait_for(session, chat.identity.hash(args[1].strip(), newcomer=False))
    await chat.store.write(accounts.SetPassword(account.id, kept))
    chat.activity.note(f"{account.name.shown} changed their password")
    goodbye = "Your password was changed on another of your devices. Log in with the new one."
    count = chat.end_logins(account, goodbye, why="the password was changed", but=session)
    ended = f"; {count} other session{'s' * (count > 1)} ended" if count else ""
    chat.reply(session, packet, f"Your password is changed{ended}. Stored logins on all your devices are no longer valid.")


async def give_token(chat: Chat, account: Account) -> str | None:
    """A token for an account; None if it can't be stored now, as one may log in without getting a token."""
    try:
        return await chat.identity.give_token(account.id)
    except NotStored:
        return None


def account_facts(chat: Chat) -> dict[str, Any]:
    """What a client that has logged in is told of the log: its epoch, and the newest number in it."""
    return {"account": True, "epoch": chat.store.epoch, "seq": chat.store.last_seq}


async def authenticate(chat: Chat, session: Session, auth: dict[str, Any]) -> Account:
    """Check a password or a token, and return its account. Raises `AuthFailed` after a while, `Usage`, or `RateLimited`."""
    secret = auth.get({"PLAIN": "password", "TOKEN": "token"}.get(str(auth.get("mech")), ""))
    if not isinstance(secret, str):
        raise Usage('Log in with "auth": {"mech": "PLAIN", "password": "..."}, or {"mech": "TOKEN", "token": "..."}.')
    chat.identity.check_way(session.sender.ip, session.gateway)
    address = session.sender.ip
    authenticate = chat.identity.by_token if auth["mech"] == "TOKEN" else chat.identity.by_password
    account = await chat.pending_logins.wait_for(session, authenticate(session.name.key, address, secret.strip()))
    check_login(chat, session, account)
    return account


COMMANDS = {
    "/register": Command(_register, ("password",), 1, "make your name an account; the password has at least 8 characters"),
    "/login": Command(_login, ("password",), 1, "log in to the account with your name", Role.PENDING),
    "/password": Command(_password, ("password", "text"), 2, "change your password", Role.USER, called=("old", "new")),
}
