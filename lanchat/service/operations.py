"""What administrators can do to a server's accounts and messages.

The running server does it (`lanchat.service.control`), or one that listens on no port (`lanchat.admin.offline`), in the same
way.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from typing import Any

from twisted.logger import Logger

from lanchat import __version__
from lanchat.core.chat import Chat
from lanchat.files.cleaning import Cleaning
from lanchat.model.names import key, parse, stored_name
from lanchat.model.session import Account, Role
from lanchat.protocol.durations import format_duration
from lanchat.protocol.entry import ERASED
from lanchat.protocol.errors import ChatError, Full, NameTaken, NoSuchTarget
from lanchat.protocol.files import format_size
from lanchat.protocol.packet import SERVER, visible
from lanchat.protocol.spelling import caseless
from lanchat.service import (
    file_operations,
    hook_operations,
    process_stats,
    room_operations,
    token_operations,
    undelivered,
)
from lanchat.service.requests import (
    Add,
    AddHook,
    ChangeHook,
    Done,
    Failed,
    ListHooks,
    MakeToken,
    Mend,
    Purge,
    Reload,
    Remove,
    ReportProgress,
    Request,
    Say,
    SetPassword,
    SetRank,
    SetRole,
    SetRule,
    Status,
    Undelivered,
    format_count,
)
from lanchat.service.traces import Traces
from lanchat.store.erasure import BeginErasure, EndErasure, EraseMessages, EraseTraces, Erasure
from lanchat.store.store import Store
from lanchat.system.private_files import FileError
from lanchat.tables import accounts
from lanchat.tables.registration import AddAccount

#: The roles with an article, for sentences.
TITLES = {"user": "a user", "moderator": "a moderator", "operator": "an operator"}
#: The reason in the log for sessions that are ended here.
BY_ADMINISTRATOR = "by the administrator"

_log = Logger("lanchat.operations")


def _ended(logins: int) -> str:
    return f"; {format_count(logins, 'login')} ended" if logins else ""


def _is_name_of(typed: str, account: Account) -> bool:
    """Whether a typed name is that of the account except for case and normal form; other spellings may be another account's."""
    return caseless(typed) == caseless(account.name.shown)


class Operations:
    """Carries out requests of administrators."""

    def __init__(
        self,
        chat: Chat,
        store: Store,
        hash_password: Callable[[str], Awaitable[str]],
        reload: Callable[[str], Done | Failed] | None = None,
        ports: Callable[[], list[str]] = list,
    ) -> None:
        """`reload` reloads the configuration (None: not possible), and is told who asked. `ports`: a line for each port."""
        self._reload = reload
        self._ports = ports
        self._started_at = chat.clock.seconds()
        self._chat = chat
        self._store = store
        self._hash = hash_password
        #: What unlinks the files of erased messages; None where there are no files.
        self.cleaning: Cleaning | None = None
        #: Removes what is left of everything that was removed from the log. Raises `FileError`.
        self.erase_traces = Traces(store).erase

    async def do(self, request: Request, who: str, report: ReportProgress) -> Done | Failed:
        """Carry out a request of `who`; it is logged. It raises nothing."""
        try:
            if isinstance(request, Reload) and self._reload is not None:
                return self._reload(f"administrator, {who}")
            if isinstance(request, Status):
                return self._status()
            if isinstance(request, ListHooks):
                return hook_operations.list_hooks(self._chat, request)
            done = await self._do(request, report)
        except (ChatError, FileError) as error:
            if isinstance(error, Full) and error.limit:
                self._chat.limits.met[error.limit] += 1
            return Failed(str(error), getattr(error, "code", "REFUSED"))
        except Exception:  # noqa: BLE001 (a bug costs this request only)
            _log.failure("{who}: an operation went wrong", who=who)
            return Failed("Internal server error. See the server's log before you try again.", "INTERNAL")
        _log.info("administrator ({who}): {text}", who=who, text=visible(done.text), audit=True)
        return done

    async def _do(self, request: Request, report: ReportProgress) -> Done:
        if isinstance(request, Purge):
            return await self._purge(request.name.strip(), report)
        if isinstance(request, Mend) and self.cleaning is not None:
            return await file_operations.mend(self._store, self.cleaning)
        ways: dict[type[Request], Callable[[Any], Awaitable[Done]]] = {
            Add: self._add,
            SetPassword: self._set_password,
            Undelivered: lambda request: undelivered.list_or_forget(self._chat, request),
            SetRole: self._set_role,
            MakeToken: lambda request: token_operations.make_or_end(self._chat, request, self._account(request.name)),
            Remove: self._remove,
            Say: self._say,
            SetRank: lambda request: room_operations.set_rank(self._chat, request, self._account(request.account)),
            SetRule: lambda request: room_operations.set_rule(self._chat, request),
            AddHook: lambda request: hook_operations.add_hook(self._chat, request),
            ChangeHook: lambda request: hook_operations.change_hook(self._chat, request),
        }
        way = ways.get(type(request))
        return Done(request.name, {}) if way is None else await way(request)

    def _status(self) -> Done:
        chat, ports = self._chat, self._ports()
        ran = chat.clock.seconds() - self._started_at
        users, accounts, rooms = len(chat.online), chat.online.count_accounts(), len(chat.rooms)
        kept = chat.uploads.space.kept
        lines = [
            f"{process_stats.versions()} has been running for {format_duration(ran)} as process {os.getpid()}.",
            *(f"Listening for {port}." for port in ports),
            f"Data directory: {self._store.directory}.",
            f"Users online: {users:,}. Accounts: {accounts:,}. Rooms: {rooms:,}. Files: {format_size(kept)}.",
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
            "file_bytes": kept,
        }
        return Done("\n".join(lines), facts)

    async def _add(self, request: Add) -> Done:
        chat, role = self._chat, Role[request.role.upper()]
        name, hashed = parse(request.name, chat.online.is_free), await self._hash(request.password)
        chat.online.check_no_bot(name)
        if (others := chat.online.accounts_alike(name)) and not request.force:
            raise NameTaken(
                f"Nothing was done: {name.shown} looks like the account {others[0].name.shown}, and users could "
                "confuse them. Choose another name, or add --force."
            )
        now, most, lobby = int(chat.now()), chat.limits["accounts"], chat.rooms.lobby
        belongs_to = () if lobby is None else (lobby.id,)
        with chat.online.lookalikes.held(name):
            made = await self._store.write(AddAccount(name, hashed, role, now, most, belongs_to))
            chat.reserve_name(made.account)
            if lobby is not None and lobby.id in made.rooms:
                chat.rooms.admit(made.account, lobby, made.rooms[lobby.id])
        return Done(f"{name.shown} is an account now, as {TITLES[request.role]}.", {"name": name.shown, "role": request.role})

    def _account(self, typed: str) -> Account:
        """The account of this name; raises `NoSuchTarget` if there is none, or only one with another spelling."""
        account = self._chat.account_of(typed)
        if not _is_name_of(typed.strip().removeprefix("@"), account):
            shown = account.name.shown
            raise NoSuchTarget(f"There is no account spelled {visible(typed, 40)}; it is spelled {shown}: use that.")
        return account

    async def _set_password(self, request: SetPassword) -> Done:
        account, hashed = self._account(request.name), await self._hash(request.password)
        await self._store.write(accounts.SetPassword(account.id, hashed))
        goodbye = "Your password was changed by the administrator. Log in with the new one."
        count = self._chat.end_logins(account, goodbye, why=BY_ADMINISTRATOR)
        text = f"The password of {account.name.shown} is changed, and its tokens are no longer valid{_ended(count)}."
        return Done(text, {"name": account.name.shown, "ended": count})

    async def _set_role(self, request: SetRole) -> Done:
        account, role = self._account(request.name), Role[request.role.upper()]
        await self._store.write(accounts.SetRole(account.id, role))
        account.role = role
        self._chat.borrowed_rights.role_changed(account)
        for session in account.sessions:
            self._chat.reply(session, None, f"The administrator made you {TITLES[request.role]}.")
        return Done(f"{account.name.shown} is {TITLES[request.role]} now.", {"name": account.name.shown, "role": request.role})

    async def _remove(self, request: Remove) -> Done:
        account = self._account(request.name)
        await self._store.write(accounts.RemoveAccount(account.id))
        ownerless = room_operations.left_without_owner(self._chat, account)
        count = self._forget(account)
        name = account.name.shown
        rest = f"Its messages stay; to erase them: lanchat-admin purge {name}"
        return Done(f"The account {name} is removed{_ended(count)}.{ownerless} {rest}", {"name": name, "ended": count})

    async def _say(self, request: Say) -> Done:
        room = self._chat.rooms.named(request.name)
        seq = await self._chat.bots.say(SERVER, room, request.text)
        return Done(f"Said in {room.name}: {visible(request.text, 200)}", {"room": room.name, "seq": seq})

    async def _purge(self, typed: str, report: ReportProgress) -> Done:
        write = self._store.write
        alike = self._chat.online.account(typed)
        account = alike if alike is not None and _is_name_of(typed, alike) else None
        name = account.name if account is not None else stored_name(typed, key(typed) if alike is None else caseless(typed))
        erasure, ownerless = await write(BeginErasure(name)), ""
        if account is not None:
            ownerless = room_operations.left_without_owner(self._chat, account)
            self._forget(account)
            erasure = await write(EraseTraces(erasure))  # its sessions may have sent more meanwhile
        self._forget_erased(erasure)
        known = erasure.found
        while erasure.after < erasure.upto:
            erasure = await write(EraseMessages(erasure))
            report(erasure.done * 0.7, "erasing what was said")
        if erasure.found and not known:
            erasure = await write(EraseTraces(erasure))
            self._forget_erased(erasure)
        if erasure.found:
            try:
                if self.cleaning is not None:
                    await self.cleaning.clean()
                await self.erase_traces(report)
            except FileError as error:
                text = f"Erased, but traces may remain on the disk: {error}. Fix that, and purge the same name again."
                raise FileError(text) from None
        await write(EndErasure(name))
        if not erasure.found:
            if alike is not account:
                self._account(typed)  # raises
            shown = visible(typed.strip(), 40) or "(no name)"
            raise NoSuchTarget(f"Nothing was erased: there is no account {shown}, and nothing left of a removed one.")
        words, said_to = format_count(erasure.messages, "message"), format_count(erasure.addressed, "message")
        text = f"Erased what accounts of that name sent: {words}, and the name in {said_to} to them."
        if erasure.topics:
            text += f" Topics that they may have set were removed from {format_count(len(erasure.topics), 'room')}."
        facts = {"messages": erasure.messages, "addressed": erasure.addressed, "topics": len(erasure.topics)}
        return Done(text + ownerless, {"name": name.shown} | facts)

    def _forget_erased(self, erasure: Erasure) -> None:
        """Remove erased texts and names from topics and sanctions in memory."""
        self._chat.rooms.clear_topics(erasure.topics)
        self._chat.sanctions.erase(erasure.about, erasure.is_theirs, ERASED)

    def _forget(self, account: Account) -> int:
        """Remove an account from memory; returns the number of its sessions that were ended."""
        count = self._chat.end_logins(account, "Your account was removed by the administrator.", why=BY_ADMINISTRATOR)
        rooms = self._chat.rooms.of_person(account)
        self._chat.rooms.forget(account)
        for room in rooms:
            self._chat.departures.end_if_empty(room)
        if self._chat.online.account_by_id(account.id) is account:
            self._chat.online.release(account)
        return count
