"""Limits on login attempts: how often a secret may be tried, and over which connections (docs/protocol.md, "Accounts").

After a failure the next attempt waits, longer each time. Failures count for a name together with an address, and for an
address; never for a name alone, or anybody could lock out its owner.
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

from lanchat.model.names import key
from lanchat.model.session import Account, IAccount
from lanchat.net.addresses import is_loopback, limit_key
from lanchat.protocol.errors import AuthFailed, RateLimited
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.limits import MAX_REMEMBERED
from lanchat.protocol.packet import visible

#: The longest wait after a failure, and the time in which one failure is forgotten, in seconds. So somebody who goes on
#: guessing gets one attempt a minute.
MAX_SECONDS = FORGET_SECONDS = 60.0
#: How many failures of an address have no consequence: many people may share it, and all make typing mistakes.
FREE = 10
#: How many attempts of one address (on loopback: for one name) may be waiting or under way; further ones are refused.
MAX_TRIES = 8

_log = Logger("lanchat.login")


class Failures:
    """Counts failed logins by a key, such as an address, and tells how long the next attempt with that key must wait.

    Only the newest `MAX_REMEMBERED` keys are remembered: someone who fails with more keys than that does not wait for old ones.
    """

    def __init__(self, clock: Clock, free: int = 0) -> None:
        """The first `free` failures of a key have no consequence."""
        self._clock = clock
        self._free = free
        self._known: dict[Hashable, tuple[float, float]] = {}  # by key: how many failures, and the time of the last
        self._turns: WeakValueDictionary[Hashable, DeferredLock] = WeakValueDictionary()

    def turn(self, whose: Hashable) -> DeferredLock:
        """A lock that lets one attempt with this key be checked at a time."""
        return self._turns.setdefault(whose, DeferredLock())

    def wait(self, whose: Hashable) -> float:
        """For how many seconds the next attempt with this key must wait before it is checked."""
        count, last = self._known.get(whose, (0.0, 0.0))
        if count <= self._free:
            return 0.0
        return max(0.0, last + min(MAX_SECONDS, 2 ** (count - self._free - 1)) - self._clock.seconds())

    def add(self, whose: Hashable) -> None:
        """Count one more failure of this key."""
        now = self._clock.seconds()
        count, last = self._known.pop(whose, (0.0, now))
        self._known[whose] = (max(0.0, count - (now - last) / FORGET_SECONDS) + 1, now)  # (the dict has the newest last)
        if len(self._known) > MAX_REMEMBERED:
            del self._known[next(iter(self._known))]

    def forget(self, whose: Hashable) -> None:
        """Forget the failures of this key, after a login that succeeded."""
        self._known.pop(whose, None)


class Gate:
    """Logs users in to their accounts, and slows down those who try wrong secrets."""

    def __init__(self, portal: Portal, clock: Clock) -> None:
        """`portal` checks the secrets (`lanchat.auth.realm`)."""
        self._portal = portal
        self._clock = clock
        self._pairs = Failures(clock)
        self._addresses = Failures(clock, FREE)
        self._trying: Counter[Hashable] = Counter()

    async def login(self, name: str, address: str, credentials: Any) -> Account:
        """The account of this name, if these are its credentials. It may wait up to a minute before it checks that.

        Raises `AuthFailed`, equally for a wrong secret and for a name without an account; `RateLimited` if too many attempts
        wait; and what the checker raises if it can't find out. An attempt that is cancelled while it waits does not count; one
        that is cancelled later counts as failed.
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
        """The keys for which a failure counts.

        For loopback addresses only the name counts: many people may come from there through a tunnel or a proxy. So a program
        on this machine may try one password with many names, as fast as passwords are checked.
        """
        counted = limit_key(address)
        pair = (self._pairs, (key(name), counted))
        return [pair] if is_loopback(address) else [pair, (self._addresses, counted)]

    @contextmanager
    def _place(self, failures: Failures, whose: Hashable) -> Iterator[None]:
        """Count an attempt as under way; raises `RateLimited` if there are too many."""
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
            raise AuthFailed("Wrong name, password or token. Try again; each failure makes the next try wait longer.") from None
        self._pairs.forget((key(name), limit_key(address)))
        return account

    async def _avatar(self, name: str, credentials: Any) -> Account:
        _, account, _ = await self._portal.login(credentials, None, IAccount)
        if not isinstance(account, Account) or account.name.key not in (name, key(name)):
            raise LoginFailed("that opens another account")
        return account


def may_send_secret(address: str, encrypted: bool, plaintext_allowed: bool) -> bool:
    """Whether secrets are taken from an address: over TLS, on loopback, or because of `--plaintext-passwords`."""
    return encrypted or plaintext_allowed or is_loopback(address)
