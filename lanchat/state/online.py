"""Online users: who is online, by name, and which names are registered. Data only: it sends nothing."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Mapping

from lanchat.model.lookalikes import Lookalikes
from lanchat.model.names import Name, are_confusable, check_guest, key, parse, suggestions
from lanchat.model.session import Account, Session
from lanchat.protocol.errors import BadName, NameTaken, NoSuchTarget
from lanchat.protocol.name_lists import SEPARATOR, fitting_names
from lanchat.protocol.packet import Sender, visible


class OnlineUsers:
    """The sessions and the accounts, by name. A name is an account's or one guest's; an account may have several sessions."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}  # by key; of an account's sessions the latest
        self._spelt: dict[str, Session] = {}  # by the name as it is shown: the common case, found without folding
        self._others: dict[Session, None] = {}  # the other sessions of accounts that have several
        self._keys: list[str] = []  # sorted; `_names` is in the same order, so a list of names is a slice of it
        self._names: list[str] = []
        self._accounts: dict[str, Account] = {}  # by key
        self._by_id: dict[int, Account] = {}
        self._odd: dict[str, Account] = {}  # by name: accounts whose key is not that of their name, as another has it
        self._bots: dict[str, Name] = {}  # by key: names that only bots have
        #: What the names of online users, accounts and bots look like.
        self.lookalikes = Lookalikes()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter((*self._sessions.values(), *self._others))  # a copy, as sessions may end during the loop

    def __contains__(self, session: object) -> bool:
        return isinstance(session, Session) and (self._sessions.get(session.name.key) is session or session in self._others)

    def find(self, name: str) -> Session | None:
        """The session with this name in any spelling, or None; of an account's sessions the latest."""
        return self._spelt.get(name) or self._sessions.get(key(name))

    def account(self, name: str) -> Account | None:
        """The account with this name in any spelling, or None."""
        if name in self._odd:
            return self._odd[name]
        return self._accounts.get(key(name)) if self._accounts else None

    @property
    def accounts_by_key(self) -> Mapping[str, Account]:
        """All accounts, by the keys of their names."""
        return self._accounts

    def account_by_id(self, number: int) -> Account | None:
        """The account with this number, or None."""
        return self._by_id.get(number)

    def count_accounts(self) -> int:
        """How many accounts there are."""
        return len(self._by_id)

    def reserve(self, account: Account) -> None:
        """Let the name belong to this account, so that nobody else is given it, or one that looks the same."""
        if account.name.key not in self._sessions:  # (a guest who registers their own name has added it already)
            self.lookalikes.add(account.name)
        self._accounts[account.name.key] = self._by_id[account.id] = account
        if account.name.key != key(account.name.shown):
            self._odd[account.name.shown] = self._odd[account.name.key] = account

    def check_free_for_bot(self, name: Name) -> None:
        """Raise `NameTaken` if a bot can't be given a name, as somebody has it, or one that looks the same."""
        if self._taken(name):
            raise NameTaken(f"The name {name.shown}, or one that looks like it, is taken.")

    def reserve_for_bot(self, name: Name) -> None:
        """Let a name belong to a bot (`lanchat.core.bots`), so that nobody else is given it."""
        self._bots[name.key] = name
        self.lookalikes.add(name)

    def release_bot(self, name: Name) -> None:
        """Free the name of a bot that is no more."""
        del self._bots[name.key]
        self.lookalikes.discard(name)

    def check_no_bot(self, name: Name) -> None:
        """Raise `NameTaken` if a name is a bot's, or looks like one."""
        if any(are_confusable(name, bot) for bot in self._bots.values()):
            raise NameTaken(f"The name {name.shown} is a bot's, or looks like one. Choose another.")

    def release(self, account: Account) -> None:
        """Free the name of a removed account, whose sessions have ended."""
        del self._accounts[account.name.key], self._by_id[account.id]
        for spelling in (account.name.shown, account.name.key):
            self._odd.pop(spelling, None)
        self.lookalikes.discard(account.name)

    def accounts_alike(self, name: Name) -> list[Account]:
        """The accounts whose names differ from this one and look the same to a person."""
        if not self.lookalikes.taken(name):
            return []
        return [
            account
            for account in self._accounts.values()
            if account.name.key != name.key and are_confusable(account.name, name)
        ]

    def guests_alike(self, name: Name) -> list[Session]:
        """The guests with this name, or one that looks the same to a person."""
        if self.lookalikes.taken(name):
            return [
                session for session in self._sessions.values() if session.account is None and are_confusable(session.name, name)
            ]
        same = self._sessions.get(name.key)
        return [same] if same is not None and same.account is None else []

    def take(self, session: Session) -> None:
        """Let a session be online under its name. Raises `NameTaken` for a guest; a session with an account has logged in."""
        name = session.name
        if session.account is not None:
            session.account.sessions.append(session)
        elif self._taken(name):
            free = next(filter(self.is_free, suggestions(name)), None)
            has_it = name.key in self._sessions or name.key in self._accounts or name.key in self._bots
            why = "is already taken" if has_it else "looks like another that is taken"
            raise NameTaken(f"The name {name.shown} {why}{f'. Try {free}' if free else ''}.")
        else:
            self.lookalikes.add(name)
        if (before := self._sessions.get(name.key)) is not None:
            self._others[before] = None
        else:
            at = bisect_left(self._keys, name.key)
            self._keys.insert(at, name.key)
            self._names.insert(at, name.shown)
        self._sessions[name.key] = self._spelt[name.shown] = session

    def rename(self, session: Session, name: Name) -> None:
        """Let a guest be online under another name. Raises `NameTaken`; then it has its old name still."""
        old = session.name
        self.free(session)
        self._name(session, name)
        try:
            self.take(session)
        except NameTaken:
            self._name(session, old)
            self.take(session)
            raise

    def free(self, session: Session) -> bool:
        """Remove a session, and free its name if it was the last with it; returns False if it was not online."""
        if session not in self:
            return False
        name, account = session.name, session.account
        if account is not None:
            account.sessions.remove(session)
        if account is not None and account.sessions:
            self._others.pop(session, None)
            last = account.sessions[-1]
            self._others.pop(last, None)
            self._sessions[name.key] = self._spelt[name.shown] = last
            return True
        del self._sessions[name.key], self._spelt[name.shown]
        at = bisect_left(self._keys, name.key)
        del self._keys[at], self._names[at]
        if account is None:
            self.lookalikes.discard(name)
        return True

    def listed(self, prefix: str, most: int) -> tuple[list[str], int]:
        """The online names that begin with `prefix`, in any case, sorted: the first `most`, and how many there are in all."""
        start = key(prefix)
        first, last = bisect_left(self._keys, start), bisect_left(self._keys, start + "\U0010ffff")
        return self._names[first : min(last, first + most)], last - first

    def others(self, asker: Session, prefix: str, room: int, after: int = 0) -> tuple[list[str], int, str]:
        """The names besides the asker's that begin with `prefix`: as many as fit into `room` bytes, how many in all, `prefix`.

        The first `after` names are left out, as they were listed before.
        """
        names, total = self.listed(prefix, after + room // (1 + len(SEPARATOR)) + 2)
        total -= asker.name.key.startswith(key(prefix))
        if asker.name.shown in names:
            names.remove(asker.name.shown)
        return fitting_names(names[after:], room), total, prefix

    def _name(self, session: Session, name: Name) -> None:
        session.name, session.sender = name, Sender(name.shown, session.sender.ip)

    def is_free(self, text: str) -> bool:
        """Whether a guest could have this name now; for `names.parse`, which then proposes only such a one."""
        try:
            check_guest(name := parse(text))
            return not self._taken(name)
        except BadName:
            return False

    def _taken(self, name: Name) -> bool:
        taken = name.key in self._sessions or name.key in self._accounts or name.key in self._bots
        return taken or self.lookalikes.taken(name)


def unknown_user(name: str) -> NoSuchTarget:
    """The error for a name that no user online and no account has."""
    return NoSuchTarget(f"The user {visible(name, 40) or '(no name)'} is not available. Send /list to see who is.")
