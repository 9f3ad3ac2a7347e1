"""Operations: what an administrator can have done to what a server keeps, and what the server then has to know.

They are done by the server that runs (`lanchat.service.control`), or by one without doors (`lanchat.admin.offline`): the same
way.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Awaitable, Callable
from functools import partial
from sqlite3 import Connection

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from lanchat import __version__
from lanchat.core.router import Router
from lanchat.maintenance import erasure
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
    Request,
    SetPassword,
    SetRole,
    Status,
    Tell,
    counted,
)
from lanchat.store import accounts, rooms
from lanchat.store.store import Store
from lanchat.system.private_files import FileError

#: The roles, as a sentence has them.
TITLES = {"user": "a user", "moderator": "a moderator", "operator": "an operator"}
#: Why sessions end, as the log has it.
BY_ADMINISTRATOR = "by the administrator"

_log = Logger("lanchat.operations")


def _ended(logins: int) -> str:
    return f"; {counted(logins, 'login')} ended" if logins else ""


def _means(typed: str, account: Account) -> bool:
    """Whether a typed name is the account's, but for case and normal form: another spelling may be that of another account."""
    return caseless(typed) == caseless(account.name.shown)


class Operations:
    """What can be done with what one router and its store know."""

    def __init__(
        self,
        router: Router,
        store: Store,
        hash_password: Callable[[str], Awaitable[str]],
        read_again: Callable[[str], Done | Failed] | None = None,
        ports: Callable[[], list[str]] = list,
    ) -> None:
        """`read_again` is told who asks for it; a server without doors has none. `ports` says where the server listens."""
        self._read_again = read_again
        self._ports = ports
        self._began = router.clock.seconds()
        self._router = router
        self._store = store
        self._hash = hash_password
        self._rewriting = DeferredLock()

    async def do(self, request: Request, who: str, tell: Tell) -> Done | Failed:
        """Do it for `who`, which is noted in the log; it raises nothing."""
        try:
            if isinstance(request, Reload) and self._read_again is not None:
                return self._read_again(f"administrator, {who}")
            if isinstance(request, Status):
                return self._status()
            done = await self._do(request, tell)
        except (ChatError, FileError) as error:
            if isinstance(error, Full) and error.limit:
                self._router.limits.met[error.limit] += 1
            return Failed(str(error), getattr(error, "code", "REFUSED"))
        except Exception:  # noqa: BLE001 (a fault of ours costs this request only)
            _log.failure("{who}: an operation went wrong", who=who)
            return Failed("The server made a mistake; its log tells more. Look there before you try again.", "INTERNAL")
        _log.info("administrator ({who}): {text}", who=who, text=visible(done.text), audit=True)
        return done

    async def _do(self, request: Request, tell: Tell) -> Done:
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
        router, ports = self._router, self._ports()
        ran = router.clock.seconds() - self._began
        users, accounts, rooms = len(router.online), router.online.count_accounts(), len(router.rooms)
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
        router, role = self._router, Role[asked.role.upper()]
        name, kept = parse(asked.name), await self._hash(asked.password)
        if (others := router.online.accounts_alike(name)) and not asked.force:
            raise NameTaken(
                f"{name.shown} looks like the account {others[0].name.shown}, and nobody could tell them apart. "
                "Nothing was done. Choose another name, or say --force if that is meant."
            )
        now, most, lobby = int(router.now()), router.limits["accounts"], router.rooms.lobby

        def make(connection: Connection) -> tuple[Account, int]:
            """All in one step: there is no account that is not in the lobby."""
            account = accounts.add(connection, name=name, password=kept, role=role, now=now, most=most)
            return account, 0 if lobby is None else rooms.admit(connection, lobby.id, account.id)

        with router.online.looks.held(name):
            account, since = await self._store.write(make)
            router.own(account)
            if lobby is not None:
                router.rooms.admit(account, lobby, since)
        return Done(f"{name.shown} is an account now, as {TITLES[asked.role]}.", {"name": name.shown, "role": asked.role})

    def _account(self, typed: str) -> Account:
        """The account that is to be changed; raises `NoSuchTarget`, also if it is found only by another spelling."""
        account = self._router.account_of(typed)
        if not _means(typed.strip().removeprefix("@"), account):
            shown = account.name.shown
            raise NoSuchTarget(f"{visible(typed, 40)} is no account; the account of that name is {shown}: name that one.")
        return account

    async def _set_password(self, asked: SetPassword) -> Done:
        account, kept = self._account(asked.name), await self._hash(asked.password)
        await self._store.write(partial(accounts.set_password, account=account.id, password=kept))
        goodbye = "Your password was changed by the administrator. Log in with the new one."
        count = self._router.end_logins(account, goodbye, why=BY_ADMINISTRATOR)
        text = f"The password of {account.name.shown} is changed, and the old tokens are worth nothing{_ended(count)}."
        return Done(text, {"name": account.name.shown, "ended": count})

    async def _set_role(self, asked: SetRole) -> Done:
        account, role = self._account(asked.name), Role[asked.role.upper()]
        await self._store.write(partial(accounts.set_role, account=account.id, role=role))
        account.role = role
        for session in account.sessions:
            session.role = role
            self._router.reply(session, None, f"The administrator made you {TITLES[asked.role]}.")
        return Done(f"{account.name.shown} is {TITLES[asked.role]} now.", {"name": account.name.shown, "role": asked.role})

    async def _remove(self, asked: Remove) -> Done:
        account = self._account(asked.name)
        await self._store.write(partial(accounts.remove, account=account.id))
        count = self._forget(account)
        name = account.name.shown
        text = f"The account {name} is removed{_ended(count)}. What was said with it stays, until lanchat-admin purge {name}."
        return Done(text, {"name": name, "ended": count})

    async def _purge(self, typed: str, tell: Tell) -> Done:
        write = self._store.write
        alike = self._router.online.account(typed)
        account = alike if alike is not None and _means(typed, alike) else None
        name = account.name if account is not None else stored_name(typed, key(typed) if alike is None else caseless(typed))
        begun = await write(partial(erasure.begin, name=name))
        if account is not None:
            self._forget(account)
            begun = await write(partial(erasure.take_rest, erasure=begun))  # they may have gone on meanwhile
        self._reflect(begun)
        known = begun.found
        while begun.after < begun.upto:
            begun = await write(partial(erasure.step, erasure=begun))
            tell(begun.done * 0.7, "erasing what was said")
        if begun.found and not known:
            begun = await write(partial(erasure.take_rest, erasure=begun))
            self._reflect(begun)
        if begun.found:
            await self._leave_no_trace(tell)
        await write(partial(erasure.finish, name=name))
        if not begun.found:
            if alike is not account:
                self._account(typed)  # raises
            shown = visible(typed.strip(), 40) or "(no name)"
            raise NoSuchTarget(f"There is no account {shown}, and nothing is left of a removed one, so nothing was erased.")
        words, said_to = counted(begun.messages, "message"), counted(begun.addressed, "message")
        text = f"All that was said with accounts of that name is erased: {words}, and the name in {said_to} to them."
        if begun.topics:
            text += f" Topics that may have been theirs are gone, of {counted(len(begun.topics), 'room')}."
        facts = {"messages": begun.messages, "addressed": begun.addressed, "topics": len(begun.topics)}
        return Done(text, {"name": name.shown} | facts)

    def _reflect(self, begun: erasure.Erasure) -> None:
        """What is erased beside the log is not shown any more."""
        self._router.rooms.clear_topics(begun.topics)
        self._router.sanctions.erase(begun.about, begun.is_theirs, ERASED)

    async def _leave_no_trace(self, tell: Tell) -> None:
        """What is erased goes from the index, and from the free parts of the file."""
        tell(0.7, "erasing words from the index")
        first = True
        while await self._store.write(partial(erasure.merge, first=first)):
            first = False
        await self._rewrite(tell)

    async def _rewrite(self, tell: Tell) -> None:
        """See that no trace is left in the file; meanwhile what is said waits. One at a time: the first must not end that."""
        async with self._rewriting:
            tell(0.8, "rewriting the file")
            await self._store.write(erasure.wait_long)
            try:
                await erasure.rewrite(self._store)
            except (FileError, OSError, sqlite3.Error) as error:
                raise FileError(
                    f"All is erased, but traces may be left in the file: {error}. See to that, and purge the same name again."
                ) from None
            finally:
                self._store.write_in_background(erasure.wait_as_usual)

    def _forget(self, account: Account) -> int:
        """An account is no more; how many logins of its ended."""
        count = self._router.end_logins(account, "Your account was removed by the administrator.", why=BY_ADMINISTRATOR)
        self._router.rooms.forget(account)
        if self._router.online.account_by_id(account.id) is account:
            self._router.online.release(account)
        return count
