"""Logins: what follows once somebody has proven that an account is theirs, whatever the dialect.

A gateway opens a session with the name of the account (`Chat.open`), which is a pending login then, and calls `log_in`. It
sends its welcome, and then what the device missed (`lanchat.core.replay`), or, if its cursor is None, `Replay.tell_skipped`.
"""

from __future__ import annotations

import sqlite3
from functools import partial

from twisted.logger import Logger

from lanchat.core.chat import Chat
from lanchat.model.sanction import BAN
from lanchat.model.session import CLASSIC, Account, Role, Session
from lanchat.protocol.errors import ChatError, ClientGone, Forbidden, NotStored
from lanchat.tables import accounts

_log = Logger("lanchat.commands.accounts")

#: How many devices of an account are kept at most, even where the limit `devices` is off.
MAX_DEVICES = 10_000


async def log_in(chat: Chat, session: Session, account: Account, device: str = CLASSIC) -> int | None:
    """Let a pending login go online, whose account was proven to be theirs. Returns the cursor of its device (`enter_device`).

    Raises `Banned`; `RateLimited` after too many logins; and `ClientGone` if the session ends meanwhile.
    """
    check_login(chat, session, account)
    return await enter(chat, session, account, device)


def check_login(chat: Chat, session: Session, account: Account) -> None:
    """Check that somebody may log in to their account now. Raises `Banned` or `RateLimited`."""
    chat.sanctions.check_entry(session, account)
    if session.account is None:
        chat.pending_logins.check_login_rate(account)


async def enter(chat: Chat, session: Session, account: Account, device: str = CLASSIC) -> int | None:
    """The rest of `log_in`, after `check_login`."""
    cursor = await enter_device(chat, account, device)
    check_connected(chat, session, account, cursor or 0, device)
    chat.admit(session, account)
    chat.cursors.begin(session, device, cursor or 0)
    return cursor


def take_rights(chat: Chat, session: Session, account: Account) -> None:
    """Give a session the rights of a moderator's or operator's account, whose password its user has just given.

    Raises `Forbidden` if the account has no such rights, and `Banned`.
    """
    if account.role < Role.MODERATOR:
        raise Forbidden(f"{account.name.shown} is no moderator's or operator's account.")
    if (ban := chat.sanctions.find(BAN, None, session, account)) is not None:
        raise ban.error(chat.now())
    chat.borrowed_rights.begin(session, account)
    told = f"{session.name.shown} ({session.sender.ip}) has the rights of {account.name.shown} now"
    chat.activity.decided(told, account.role)


def most_devices(chat: Chat) -> int:
    """How many devices of an account are kept."""
    return int(min(chat.limits["devices"], MAX_DEVICES))


async def enter_device(chat: Chat, account: Account, device: str) -> int | None:
    """Note that a device logs in, and return its cursor: the number in the log up to which it has all; None if unknown."""
    most, now = most_devices(chat), int(chat.now())
    online = frozenset(session.device for session in account.sessions)
    chat.cursors.write()
    command = accounts.EnterDevice(account.id, device, now, most, online)
    try:
        cursor, forgotten = await chat.store.write(command)
        chat.limits.met["devices"] += forgotten
    except NotStored:  # (one may log in while the disk is full)
        chat.cursors.came(account, device)
        try:
            cursor = await chat.store.read(partial(accounts.cursor_of, account=account.id, device=device))
        except (ChatError, sqlite3.Error) as error:
            _log.info("where {name} is in the log could not be read: {why}", name=account.name.shown, why=str(error))
            return None
    # What another classic session of this account was just sent is not shown twice.
    sent = [session.received for session in account.sessions if session.device == device == CLASSIC]
    return max([cursor, chat.cursors.pending(account, device), *sent])


def check_connected(
    chat: Chat, session: Session, account: Account | None = None, cursor: int = 0, device: str = CLASSIC
) -> None:
    """Raise `ClientGone` if the session has ended while its command waited; then its device is not connected after all."""
    if session not in chat.online and session not in chat.pending_logins:
        if account is not None:
            chat.cursors.leave(account, device, cursor)
        raise ClientGone
