"""Doorstep: those who gave the name of an account and have not shown that it is theirs (docs/protocol.md, "Accounts")."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, Protocol

from lanchat.errors import AuthRequired, Full
from lanchat.interfaces import Call, Clock
from lanchat.session import Account, Role, Session

#: Seconds in which one must have logged in, and how many from one address may be asked to at a time: programs say at once
#: who they are, and after a restart all of a house come back at the same moment.
SECONDS, MAX_WAITING = 30.0, 8


class Attempt(Protocol):
    """A login that is being looked at."""

    def __await__(self) -> Generator[Any, Any, Account]:
        """The account."""

    def cancel(self) -> None:
        """Nobody waits for it any more."""


class Identity(Protocol):
    """How people show who they are (lanchat/identity.py)."""

    def check_way(self, address: str, gateway: str) -> None:
        """Raise `Forbidden` if a secret that came this way could be read by others."""

    def hash(self, password: str) -> Awaitable[str]:
        """What to keep of a password; raises `Usage` or `RateLimited`."""

    def give_token(self, account: int) -> Awaitable[str]:
        """A new token for an account; raises `NotStored`."""

    def by_password(self, name: str, address: str, password: str) -> Attempt:
        """The account of that name, if this is its password; raises `AuthFailed`, after a while, or `RateLimited`."""

    def by_token(self, name: str, address: str, token: str) -> Attempt:
        """The account of that name, if this is a token of its."""


class Doorstep:
    """The strangers, and the account that each wants to be."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._waiting: dict[Session, tuple[Account, Call]] = {}
        self._asked: dict[Session, str] = {}
        self._addresses: Counter[str] = Counter()
        self._attempts: dict[Session, Attempt] = {}

    def __contains__(self, session: object) -> bool:
        return session in self._waiting

    def __iter__(self) -> Iterator[Session]:
        return iter(tuple(self._waiting))

    def of(self, account: Account) -> list[Session]:
        """Those who want to be this one."""
        return [session for session, (wanted, _) in self._waiting.items() if wanted is account]

    def wait(self, session: Session, account: Account, gave_up: Callable[[Session], None]) -> None:
        """Let a stranger wait for a login, for a while."""
        self._waiting[session] = (account, self._clock.callLater(SECONDS, gave_up, session))
        session.role, session.barred = Role.STRANGER, _log_in_first

    def ask(self, session: Session) -> None:
        """A stranger did not say at once who it is, and is asked; raises `Full` when as many from there are being asked."""
        address = session.sender.ip
        if self._addresses[address] >= MAX_WAITING:
            raise Full("Too many connections from your address are waiting to log in. Try again in half a minute.")
        self._addresses[address] += 1
        self._asked[session] = address

    async def tried(self, session: Session, attempt: Attempt) -> Account:
        """Wait for a login of a stranger, who may go while that takes."""
        self._attempts[session] = attempt
        try:
            return await attempt
        finally:
            self._attempts.pop(session, None)

    def leave(self, session: Session) -> None:
        """It has logged in, or is gone."""
        if session not in self._waiting:
            return
        _, call = self._waiting.pop(session)
        if call.active():
            call.cancel()
        if (attempt := self._attempts.pop(session, None)) is not None:
            attempt.cancel()
        address = self._asked.pop(session, None)
        if address is not None:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]


def _log_in_first() -> None:
    raise AuthRequired("Log in first: send /login PASSWORD.")
