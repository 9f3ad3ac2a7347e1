"""What administrators can do to a server's accounts and messages.

The running server does it (`lanchat.service.control`), or one that listens on no port (`lanchat.admin.offline`), in the same
way.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Awaitable, Callable

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from lanchat import __version__
from lanchat.core.chat import Chat
from lanchat.maintenance import rewrite
from lanchat.model.session import Account, Role
from lanchat.protocol.durations import format_duration
from lanchat.protocol.entry import ERASED
from lanchat.protocol.errors import ChatError, Full, NameTaken, NoSuchTarget
from lanchat.protocol.names import key, parse, stored_name
from lanchat.protocol.packet import visible
from lanchat.protocol.spelling import caseless
from lanchat.service import process_stats
from lanchat.service.requests import (
    Add,
    Done,
    Failed,
    Purge,
    Reload,
    Remove,
    ReportProgress,
    Request,
    SetPassword,
    SetRole,
    Status,
    format_count,
)
from lanchat.store import accounts
from lanchat.store.erasure import BeginErasure, EndErasure, EraseMessages, EraseTraces, Erasure
from lanchat.store.registration import AddAccount
from lanchat.store.store import Store
from lanchat.store.word_index import MergeIndex
from lanchat.system.private_files import FileError

#: The roles with an article, for sentences.
TITLES = {"user": "a user", "moderator": "a moderator", "operator": "an operator"}
#: How many pages (of 4 KiB) of the word index one step of its merge writes.
PAGES = 250
#: The reason in the log for sessions that are ended here.
BY_ADMINISTRATOR = "by the administrator"

_log = Logger("lanchat.operations")


def _ended(logins: int) -> str:
    return f"; {format_count(logins, 'login')} ended" if logins else ""


def _means(typed: str, account: Account) -> bool:
    """Whether a typed name is that of the account except for case and normal form; other spellings may be another account's."""
    return caseless(typed) == caseless(account.name.shown)


class Operations:
    """Carries out requests of administrators."""

    def __init__(
        self,
        chat: Chat,
        store: Store,
        hash_password: Callable[[str], Awaitable[str]],
        read_again: Callable[[str], Done | Failed] | None = None,
        ports: Callable[[], list[str]] = list,
    ) -> None:
        """`read_again` reloads the configuration (None: not possible), and is told who asked. `ports`: a line for each port."""
        self._read_again = read_again
        self._ports = ports
        self._began = chat.clock.seconds()
        self._chat = chat
        self._store = store
        self._hash = hash_password
        self._rewriting = DeferredLock()

    async def do(self, request: Request, who: str, tell: ReportProgress) -> Done | Failed:
        """Carry out a request of `who`; it is logged. It raises nothing."""
        try:
            if isinstance(request, Reload) and self._read_again is not None:
                return self._read_again(f"administrator, {who}")
            if isinstance(request, Status):
                return self._status()
            done = await self._do(request, tell)
        except (ChatError, FileError) as error:
            if isinstance(error, Full) and error.limit:
                self._chat.limits.met[error.limit] += 1
            return Failed(str(error), getattr(error, "code", "REFUSED"))
        except Exception:  # noqa: BLE001 (a bug costs this request only)
            _log.failure("{who}: an operation went wrong", who=who)
            return Failed("The server made a mistake; its log tells more. Look there before you try again.", "INTERNAL")
        _log.info("administrator ({who}): {text}", who=who, text=visible(done.text), audit=True)
        return done

    async def _do(self, request: Request, tell: ReportProgress) -> Done:
        if isinstance(request, Add):
            return await self._add(request)
        if isinstance(request, SetPassword):
            return await self._set_password(request)
        if isinstance(request, SetRole):
            return await self._set_role(request)
        if isinstance(request, Remove):
            return await self._remove(request)
        if isinstance(request, Purge):
            return await self._purge(request.name.strip(), tell)
        return Done(request.name, {})

    def _status(self) -> Done:
        chat, ports = self._chat, self._ports()
        ran = chat.clock.seconds() - self._began
        users, accounts, rooms = len(chat.online), chat.online.count_accounts(), len(chat.rooms)
        lines = [
            f"{process_stats.versions()} has run for {format_duration(ran)} as process {os.getpid()}.",
            *(f"It listens for {port}." for port in ports),
            f"It keeps all in {self._store.directory}.",
            f"Users online: {users:,}. Accounts: {accounts:,}. Rooms: {rooms:,}.",
        ]
        facts = {
            "version": __version__,
            "pid": os.getpid(),
            "seconds": round(ran),
            "data": str(self._store.directory),
            "ports": ports,
            "users": users,
            "accounts": accounts,
            "rooms": rooms,
        }
        return Done("\n".join(lines), facts)

    async def _add(self, asked: Add) -> Done:
        chat, role = self._chat, Role[asked.role.upper()]
        name, kept = parse(asked.name), await self._hash(asked.password)
        if (others := chat.online.accounts_alike(name)) and not asked.force:
            raise NameTaken(
                f"{name.shown} looks like the account {others[0].name.shown}, and nobody could tell them apart. "
                "Nothing was done. Choose another name, or say --force if that is meant."
            )
        now, most, lobby = int(chat.now()), chat.limits["accounts"], chat.rooms.lobby
        belongs_to = () if lobby is None else (lobby.id,)
        with chat.online.looks.held(name):
            made = await self._store.write(AddAccount(name, kept, role, now, most, belongs_to))
            chat.own(made.account)
            if lobby is not None:
                chat.rooms.admit(made.account, lobby, made.rooms[lobby.id])
        return Done(f"{name.shown} is an account now, as {TITLES[asked.role]}.", {"name": name.shown, "role": asked.role})

    def _account(self, typed: str) -> Account:
        """The account of this name; raises `NoSuchTarget` if there is none, or only one with another spelling."""
        account = self._chat.account_of(typed)
        if not _means(typed.strip().removeprefix("@"), account):
            shown = account.name.shown
            raise NoSuchTarget(f"{visible(typed, 40)} is no account; the account of that name is {shown}: name that one.")
        return account

    async def _set_password(self, asked: SetPassword) -> Done:
        account, kept = self._account(asked.name), await self._hash(asked.password)
        await self._store.write(accounts.SetPassword(account.id, kept))
        goodbye = "Your password was changed by the administrator. Log in with the new one."
        count = self._chat.end_logins(account, goodbye, why=BY_ADMINISTRATOR)
        text = f"The password of {account.name.shown} is changed, and the old tokens are worth nothing{_ended(count)}."
        return Done(text, {"name": account.name.shown, "ended": count})

    async def _set_role(self, asked: SetRole) -> Done:
        account, role = self._account(asked.name), Role[asked.role.upper()]
        await self._store.write(accounts.SetRole(account.id, role))
        account.role = role
        for session in account.sessions:
            session.role = role
            self._chat.reply(session, None, f"The administrator made you {TITLES[asked.role]}.")
        return Done(f"{account.name.shown} is {TITLES[asked.role]} now.", {"name": account.name.shown, "role": asked.role})

    async def _remove(self, asked: Remove) -> Done:
        account = self._account(asked.name)
        await self._store.write(accounts.RemoveAccount(account.id))
        count = self._forget(account)
        name = account.name.shown
        text = f"The account {name} is removed{_ended(count)}. What was said with it stays, until lanchat-admin purge {name}."
        return Done(text, {"name": name, "ended": count})

    async def _purge(self, typed: str, tell: ReportProgress) -> Done:
        write = self._store.write
        alike = self._chat.online.account(typed)
        account = alike if alike is not None and _means(typed, alike) else None
        name = account.name if account is not None else stored_name(typed, key(typed) if alike is None else caseless(typed))
        begun = await write(BeginErasure(name))
        if account is not None:
            self._forget(account)
            begun = await write(EraseTraces(begun))  # its sessions may have sent more meanwhile
        self._reflect(begun)
        known = begun.found
        while begun.after < begun.upto:
            begun = await write(EraseMessages(begun))
            tell(begun.done * 0.7, "erasing what was said")
        if begun.found and not known:
            begun = await write(EraseTraces(begun))
            self._reflect(begun)
        if begun.found:
            await self._leave_no_trace(tell)
        await write(EndErasure(name))
        if not begun.found:
            if alike is not account:
                self._account(typed)  # raises
            shown = visible(typed.strip(), 40) or "(no name)"
            raise NoSuchTarget(f"There is no account {shown}, and nothing is left of a removed one, so nothing was erased.")
        words, said_to = format_count(begun.messages, "message"), format_count(begun.addressed, "message")
        text = f"All that was said with accounts of that name is erased: {words}, and the name in {said_to} to them."
        if begun.topics:
            text += f" Topics that may have been theirs are gone, of {format_count(len(begun.topics), 'room')}."
        facts = {"messages": begun.messages, "addressed": begun.addressed, "topics": len(begun.topics)}
        return Done(text, {"name": name.shown} | facts)

    def _reflect(self, begun: Erasure) -> None:
        """Remove erased texts and names from topics and sanctions in memory."""
        self._chat.rooms.clear_topics(begun.topics)
        self._chat.sanctions.erase(begun.about, begun.is_theirs, ERASED)

    async def _leave_no_trace(self, tell: ReportProgress) -> None:
        """Remove what was erased from the search index and from unused parts of the file."""
        tell(0.7, "erasing words from the index")
        first = True
        while await self._store.maintain(MergeIndex(first, PAGES)):
            first = False
        await self._rewrite(tell)

    async def _rewrite(self, tell: ReportProgress) -> None:
        """Write the database file anew, so that no trace is left; meanwhile messages wait. Only one runs at a time."""
        async with self._rewriting:
            tell(0.8, "rewriting the file")
            await self._store.maintain(rewrite.SetWait(rewrite.LONG_WAIT))
            try:
                await rewrite.rewrite(self._store)
            except (FileError, OSError, sqlite3.Error) as error:
                raise FileError(
                    f"All is erased, but traces may be left in the file: {error}. See to that, and purge the same name again."
                ) from None
            finally:
                self._store.maintain(rewrite.SetWait(rewrite.USUAL_WAIT)).addErrback(
                    lambda failure: _log.error("not stored: {why}", why=visible(str(failure.value)))
                )

    def _forget(self, account: Account) -> int:
        """Remove an account from memory; returns the number of its sessions that were ended."""
        count = self._chat.end_logins(account, "Your account was removed by the administrator.", why=BY_ADMINISTRATOR)
        self._chat.rooms.forget(account)
        if self._chat.online.account_by_id(account.id) is account:
            self._chat.online.release(account)
        return count
