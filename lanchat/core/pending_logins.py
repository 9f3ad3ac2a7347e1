"""Doorstep: those who gave the name of an account and have not shown that it is theirs (docs/protocol.md, "Accounts")."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, Protocol, TypeVar

from lanchat.model.session import Account, Role, Session
from lanchat.net.addresses import is_loopback, limit_key
from lanchat.protocol.errors import AuthRequired, Full, RateLimited
from lanchat.protocol.interfaces import Clock, DelayedCall
from lanchat.protocol.limits import Buckets, Limits

#: Seconds in which one must have logged in, and how many from one address may be asked to at a time: programs say at once
#: who they are, and after a restart all of a house come back at the same moment.
SECONDS, MAX_WAITING = 30.0, 8
#: So many from one address may be making an account at a time: a password takes a while to be hashed.
MAX_MAKING = 4

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Attempt(Protocol[T_co]):
    """A login that is being looked at, or a password that is being hashed."""

    def __await__(self) -> Generator[Any, Any, T_co]:
        """The account, or what is to be kept of the password."""

    def cancel(self) -> None:
        """Nobody waits for it any more."""


class Identity(Protocol):
    """How people show who they are (lanchat/auth/identity.py)."""

    def check_way(self, address: str, gateway: str) -> None:
        """Raise `Forbidden` if a secret that came this way could be read by others."""

    def hash(self, password: str, newcomer: bool) -> Attempt[str]:
        """What to keep of a password; a `newcomer` has no account yet, and waits behind those who have one.

        Raises `Usage` or `RateLimited`, and like the others `Left` when it is cancelled.
        """

    def give_token(self, account: int) -> Awaitable[str]:
        """A new token for an account; raises `NotStored`."""

    def by_password(self, name: str, address: str, password: str) -> Attempt[Account]:
        """The account of that name, if this is its password; raises `AuthFailed`, after a while, or `RateLimited`."""

    def by_token(self, name: str, address: str, token: str) -> Attempt[Account]:
        """The account of that name, if this is a token of its."""


class PendingLogins:
    """The strangers, and the account that each wants to be."""

    def __init__(self, clock: Clock, limits: Limits) -> None:
        self._clock = clock
        self._logins = Buckets(limits, "logins")
        self._waiting: dict[Session, tuple[Account, DelayedCall]] = {}
        self._asked: dict[Session, str] = {}
        self._addresses: Counter[str] = Counter()
        self._attempts: dict[Session, Attempt[Any]] = {}

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
        if is_loopback(session.sender.ip):  # many people may come from there, as through a tunnel
            return
        address = limit_key(session.sender.ip)
        if self._addresses[address] >= MAX_WAITING:
            raise Full("Too many connections from your address are waiting to log in. Try again in half a minute.")
        self._addresses[address] += 1
        self._asked[session] = address

    async def tried(self, session: Session, attempt: Attempt[T]) -> T:
        """Wait for what takes a while, for a session that may go meanwhile: then nobody waits for it any more."""
        self._attempts[session] = attempt
        try:
            return await attempt
        finally:
            self._attempts.pop(session, None)

    def check_place(self, session: Session) -> None:
        """Raise `RateLimited` if as many as may be from there are making accounts already; `tried` takes the place."""
        if is_loopback(session.sender.ip):  # as above
            return
        address = limit_key(session.sender.ip)
        making = (other for other in self._attempts if other.account is None and other not in self._waiting)  # not logging in
        if sum(limit_key(other.sender.ip) == address for other in making) >= MAX_MAKING:
            raise RateLimited("Others at your address are making accounts. Try again in a second.", retry_ms=1000)

    def check_rate(self, account: Account) -> None:
        """Count a login to an account; raise `RateLimited` if there were too many lately.

        Each login costs the server a count of what was missed, and a page of it.
        """
        if wait := self._logins.try_take(account.id, self._clock.seconds()):
            told = f"There were too many logins to your account. Try again in {math.ceil(wait)} s."
            raise RateLimited(told, retry_ms=math.ceil(wait * 1000))

    def leave(self, session: Session) -> None:
        """It has logged in, or is gone."""
        if session in self._attempts:
            self._attempts.pop(session).cancel()
        if session not in self._waiting:
            return
        _, call = self._waiting.pop(session)
        if call.active():
            call.cancel()
        address = self._asked.pop(session, None)
        if address is not None:
            self._addresses[address] -= 1
            if not self._addresses[address]:
                del self._addresses[address]


def _log_in_first() -> None:
    raise AuthRequired("Log in first: send /login PASSWORD.")
