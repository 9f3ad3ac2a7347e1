"""Registry: who is here. Data only: it sends nothing, and nothing in it waits."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from lanchat.model.lookalikes import Lookalikes
from lanchat.model.session import Account, Session
from lanchat.protocol.errors import BadName, NameTaken
from lanchat.protocol.name_lists import SEPARATOR, fitting_names
from lanchat.protocol.names import Name, are_confusable, key, parse, suggestions


class OnlineUsers:
    """The sessions by name, and the names that are accounts'. One is shared by every gateway, through the router."""

    def __init__(self) -> None:
        self._sessions: dict[str, Session] = {}  # by key; of an account, the one that came last
        self._spelt: dict[str, Session] = {}  # by the registered spelling: the common case, found without folding
        self._others: dict[Session, None] = {}  # those of accounts that have more than one
        self._keys: list[str] = []  # sorted, and the names in the same order: a list is made by cutting a piece out
        self._names: list[str] = []
        self._accounts: dict[str, Account] = {}  # by key
        self._by_id: dict[int, Account] = {}
        self._odd: dict[str, Account] = {}  # by name: those whose key is not that of their name, as another has it
        #: What the names look like of those who are here, and of accounts.
        self.looks = Lookalikes()

    def __len__(self) -> int:
        return len(self._sessions)

    def __iter__(self) -> Iterator[Session]:
        return iter((*self._sessions.values(), *self._others))  # those who are told may leave while they are told

    def __contains__(self, session: object) -> bool:
        return isinstance(session, Session) and (self._sessions.get(session.name.key) is session or session in self._others)

    def find(self, name: str) -> Session | None:
        """The session of that name, in any spelling of it (one of them, where an account has several), or None."""
        return self._spelt.get(name) or self._sessions.get(key(name))

    def account(self, name: str) -> Account | None:
        """The account of that name, in any spelling of it, or None."""
        if name in self._odd:
            return self._odd[name]
        return self._accounts.get(key(name)) if self._accounts else None

    def account_by_id(self, number: int) -> Account | None:
        """The account with this number, or None."""
        return self._by_id.get(number)

    def count_accounts(self) -> int:
        """How many accounts there are."""
        return len(self._by_id)

    def reserve(self, account: Account) -> None:
        """This name is an account's from now on: nobody else is given it, or one that looks the same."""
        if account.name.key not in self._sessions:  # whoever makes their own name an account has its looks already
            self.looks.add(account.name)
        self._accounts[account.name.key] = self._by_id[account.id] = account
        if account.name.key != key(account.name.shown):
            self._odd[account.name.shown] = self._odd[account.name.key] = account

    def release(self, account: Account) -> None:
        """The name is no account's any more; its sessions have ended."""
        del self._accounts[account.name.key], self._by_id[account.id]
        for spelling in (account.name.shown, account.name.key):
            self._odd.pop(spelling, None)
        self.looks.discard(account.name)

    def accounts_alike(self, name: Name) -> list[Account]:
        """The accounts of other names that a person could take for this one."""
        if not self.looks.taken(name):
            return []
        return [
            account
            for account in self._accounts.values()
            if account.name.key != name.key and are_confusable(account.name, name)
        ]

    def guests_alike(self, name: Name) -> list[Session]:
        """The guests who have this name, or one that a person could take for it."""
        if self.looks.taken(name):
            return [
                session for session in self._sessions.values() if session.account is None and are_confusable(session.name, name)
            ]
        same = self._sessions.get(name.key)
        return [same] if same is not None and same.account is None else []

    def take(self, session: Session) -> None:
        """Give the session its name, in one step; raises `NameTaken`. One of an account has shown that the name is its."""
        name = session.name
        if session.account is not None:
            session.account.sessions.append(session)
        elif self._taken(name):
            free = next(filter(self._free, suggestions(name)), None)
            has_it = name.key in self._sessions or name.key in self._accounts
            why = "is already taken" if has_it else "looks like another that is taken"
            raise NameTaken(f"The name {name.shown} {why}{f'. Try {free}' if free else ''}.")
        else:
            self.looks.add(name)
        if (before := self._sessions.get(name.key)) is not None:
            self._others[before] = None
        else:
            at = bisect_left(self._keys, name.key)
            self._keys.insert(at, name.key)
            self._names.insert(at, name.shown)
        self._sessions[name.key] = self._spelt[name.shown] = session

    def free(self, session: Session) -> bool:
        """Take the session out; false when it was not here."""
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
            self.looks.discard(name)
        return True

    def listed(self, prefix: str, most: int) -> tuple[list[str], int]:
        """The names here that begin with `prefix`, in any case, in order: the first of them, and how many there are in all."""
        start = key(prefix)
        first, last = bisect_left(self._keys, start), bisect_left(self._keys, start + "\U0010ffff")
        return self._names[first : min(last, first + most)], last - first

    def others(self, asker: Session, prefix: str, room: int, after: int = 0) -> tuple[list[str], int, str]:
        """Who is here besides the asker, with such a name: as many as fit into so many bytes, how many in all; the prefix.

        The first of them are left out, if they were asked for before: those `after` so many are wanted.
        """
        names, total = self.listed(prefix, after + room // (1 + len(SEPARATOR)) + 2)
        total -= asker.name.key.startswith(key(prefix))
        if asker.name.shown in names:
            names.remove(asker.name.shown)
        return fitting_names(names[after:], room), total, prefix

    def _free(self, text: str) -> bool:
        try:
            return not self._taken(parse(text))
        except BadName:
            return False

    def _taken(self, name: Name) -> bool:
        return name.key in self._sessions or name.key in self._accounts or self.looks.taken(name)
