"""Pending logins: sessions that gave a registered name and have not logged in yet (docs/protocol.md, "Accounts")."""

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

#: Seconds within which one must log in; and how many from one address may be asked to log in at a time. Programs that log in
#: at once are not asked, and do not count: after a restart all of them come back at the same moment.
SECONDS, MAX_WAITING = 30.0, 8
#: How many from one address may be registering at a time, as hashing a password takes a while.
MAX_MAKING = 4

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Attempt(Protocol[T_co]):
    """A login that is being checked, or a password that is being hashed."""

    def __await__(self) -> Generator[Any, Any, T_co]:
        """Wait for the account, or for the hash of the password."""

    def cancel(self) -> None:
        """Give it up, as nobody waits for it any more."""


class Identity(Protocol):
    """Checks passwords and tokens (lanchat/auth/identity.py)."""

    def check_way(self, address: str, gateway: str) -> None:
        """Raise `Forbidden` if others on the network could read a secret that comes from this address, through this gateway."""

    def hash(self, password: str, newcomer: bool) -> Attempt[str]:
        """Hash a password, to be stored. A `newcomer` has no account yet, and waits behind those who have one.

        Raises `Usage` or `RateLimited`, and like the other attempts `ClientGone` when it is cancelled.
        """

    def give_token(self, account: int) -> Awaitable[str]:
        """Make a token for an account, with which it can log in instead of a password. Raises `NotStored`."""

    def by_password(self, name: str, address: str, password: str) -> Attempt[Account]:
        """The account with this name, if this is its password. Raises `AuthFailed`, after a while, or `RateLimited`."""

    def by_token(self, name: str, address: str, token: str) -> Attempt[Account]:
        """The account with this name, if this is one of its tokens. Raises `AuthFailed` or `RateLimited`."""


class PendingLogins:
    """The sessions that must log in, each with its account and its deadline, and the checks of secrets that are under way."""

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
        """The sessions that want to log in to this account."""
        return [session for session, (wanted, _) in self._waiting.items() if wanted is account]

    def add(self, session: Session, account: Account, timed_out: Callable[[Session], None]) -> None:
        """Give a session 30 seconds to log in to this account; then `timed_out` is called with it."""
        self._waiting[session] = (account, self._clock.callLater(SECONDS, timed_out, session))
        session.role, session.speech_check = Role.PENDING, _log_in_first

    def count_asked(self, session: Session) -> None:
        """Count a session that is asked to log in, as it did not do so at once. Raises `Full` if its address has too many."""
        if is_loopback(session.sender.ip):  # (many users may share it, for example through a tunnel)
            return
        address = limit_key(session.sender.ip)
        if self._addresses[address] >= MAX_WAITING:
            raise Full("Too many connections from your address are waiting to log in. Try again in 30 s.")
        self._addresses[address] += 1
        self._asked[session] = address

    async def wait_for(self, session: Session, attempt: Attempt[T]) -> T:
        """Wait for a check or a hash for this session. It is cancelled when the session ends: raises `ClientGone` then."""
        self._attempts[session] = attempt
        try:
            return await attempt
        finally:
            self._attempts.pop(session, None)

    def check_registering(self, session: Session) -> None:
        """Raise `RateLimited` if too many from its address are registering, which are counted while `wait_for` waits."""
        if is_loopback(session.sender.ip):  # as above
            return
        address = limit_key(session.sender.ip)
        making = (other for other in self._attempts if other.account is None and other not in self._waiting)  # who registers
        if sum(limit_key(other.sender.ip) == address for other in making) >= MAX_MAKING:
            raise RateLimited("Other users at your address are registering right now. Try again in a second.", retry_ms=1000)

    def check_login_rate(self, account: Account) -> None:
        """Count a login to an account. Raises `RateLimited` if there were too many lately.

        After each login the server counts the messages that were missed, and reads a page of them.
        """
        if wait := self._logins.of(account.id).try_take(1, self._clock.seconds()):
            told = f"Too many logins to your account. Try again in {math.ceil(wait)} s."
            raise RateLimited(told, retry_ms=math.ceil(wait * 1000))

    def remove(self, session: Session) -> None:
        """Forget a session that has logged in, or has ended; what was under way for it is cancelled."""
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
