"""Login: how often a secret may be tried, and over which connections (docs/protocol.md, "Accounts").

Who fails must wait, longer each time. Failures count for a name from one address, and for an address; never for a name alone,
or anybody could lock its owner out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterator
from contextlib import AsyncExitStack, contextmanager
from typing import Any
from weakref import WeakValueDictionary

from twisted.cred.error import LoginFailed
from twisted.cred.portal import Portal
from twisted.internet.defer import CancelledError, Deferred, DeferredLock
from twisted.logger import Logger

from lanchat.model.session import Account, IAccount
from lanchat.net.addresses import is_loopback, limit_key
from lanchat.protocol.errors import AuthFailed, RateLimited
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.limits import MAX_REMEMBERED
from lanchat.protocol.names import key
from lanchat.protocol.packet import visible

#: Seconds that one waits at the most after a failure, and in which one failure is forgotten. So whoever goes on guessing gets
#: one try a minute.
MAX_SECONDS = FORGET_SECONDS = 60.0
#: Failures of an address that cost it nothing: many people may be behind it, and each mistypes.
FREE = 10
#: Tries of one address (on loopback: for one name) that may wait or be looked at; one more is told to come again.
MAX_TRIES = 8

_log = Logger("lanchat.login")


class Failures:
    """How often logins failed, by whatever it is counted for, and how long each must wait for that.

    The newest `MAX_REMEMBERED` are remembered: who can fail for more than that gets tries at once that others would wait for.
    """

    def __init__(self, clock: Clock, free: int = 0) -> None:
        """So many as are `free` have no consequence."""
        self._clock = clock
        self._free = free
        self._known: dict[Hashable, tuple[float, float]] = {}  # how many, and when the last was
        self._turns: WeakValueDictionary[Hashable, DeferredLock] = WeakValueDictionary()

    def turn(self, whose: Hashable) -> DeferredLock:
        """Who has this is the only one that tries."""
        return self._turns.setdefault(whose, DeferredLock())

    def wait(self, whose: Hashable) -> float:
        """Seconds until the next try may be looked at."""
        count, last = self._known.get(whose, (0.0, 0.0))
        if count <= self._free:
            return 0.0
        return max(0.0, last + min(MAX_SECONDS, 2 ** (count - self._free - 1)) - self._clock.seconds())

    def add(self, whose: Hashable) -> None:
        """Count one more failure."""
        now = self._clock.seconds()
        count, last = self._known.pop(whose, (0.0, now))
        self._known[whose] = (max(0.0, count - (now - last) / FORGET_SECONDS) + 1, now)  # the newest is the last
        if len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]

    def forget(self, whose: Hashable) -> None:
        """It was somebody who knows the secret."""
        self._known.pop(whose, None)


class Gate:
    """Lets into an account whoever knows its secret, and slows down whoever does not."""

    def __init__(self, portal: Portal, clock: Clock) -> None:
        """`portal` knows the secrets (lanchat/auth/realm.py)."""
        self._portal = portal
        self._clock = clock
        self._pairs = Failures(clock)
        self._addresses = Failures(clock, FREE)
        self._trying: Counter[Hashable] = Counter()

    async def login(self, name: str, address: str, credentials: Any) -> Account:
        """The account of that name, to whoever has its secret; it may take a minute until that is looked at.

        Raises `AuthFailed`, the same for a wrong secret and a name without account; `RateLimited` when too many tries wait, and
        whatever the checker raises when it can't tell. Cancelled while it waits, it never was; later, it has failed.
        """
        counted = self._counted(name, address)
        with self._place(*counted[-1]):
            async with AsyncExitStack() as turns:
                for failures, whose in counted:
                    await turns.enter_async_context(failures.turn(whose))  # type: ignore[arg-type]  # its methods give Deferreds
                    if seconds := failures.wait(whose):
                        await self._sleep(seconds)
                return await self._try(name, address, credentials)

    def _counted(self, name: str, address: str) -> list[tuple[Failures, Hashable]]:
        """What a failure counts for.

        Loopback as a whole is not slowed down: a tunnel, or a gateway to elsewhere, brings many people from there. So a program
        on this machine may try one password on many names, as fast as passwords are looked at.
        """
        counted = limit_key(address)
        pair = (self._pairs, (key(name), counted))
        return [pair] if is_loopback(address) else [pair, (self._addresses, counted)]

    @contextmanager
    def _place(self, failures: Failures, whose: Hashable) -> Iterator[None]:
        """One of the places for tries that are not over; raises `RateLimited` if there is none."""
        if self._trying[whose] >= MAX_TRIES:
            seconds = round(failures.wait(whose)) + 1
            raise RateLimited(f"Too many logins from your address are waiting. Try again in {seconds} s.", seconds * 1000)
        self._trying[whose] += 1
        try:
            yield
        finally:
            self._trying[whose] -= 1
            if not self._trying[whose]:
                del self._trying[whose]

    def _sleep(self, seconds: float) -> Deferred[None]:
        slept: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self._clock.callLater(seconds, slept.callback, None)
        return slept

    async def _try(self, name: str, address: str, credentials: Any) -> Account:
        try:
            account = await self._avatar(name, credentials)
        except (LoginFailed, CancelledError) as error:
            for failures, whose in self._counted(name, address):
                failures.add(whose)
            _log.warn("login as {name} from {ip} failed", name=visible(name, 60), ip=visible(address, 60))
            if isinstance(error, CancelledError):
                raise
            raise AuthFailed(
                "The name or its secret is wrong. Try again; each failure makes the next try wait longer."
            ) from None
        self._pairs.forget((key(name), limit_key(address)))
        return account

    async def _avatar(self, name: str, credentials: Any) -> Account:
        _, account, _ = await self._portal.login(credentials, None, IAccount)
        if not isinstance(account, Account) or account.name.key not in (name, key(name)):
            raise LoginFailed("that opens another account")
        return account


def may_send_secret(address: str, encrypted: bool, plaintext_allowed: bool) -> bool:
    """Whether a password or token may be taken from there: over TLS, on loopback, or because of `--plaintext-passwords`."""
    return encrypted or plaintext_allowed or is_loopback(address)
