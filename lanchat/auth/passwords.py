"""Passwords and tokens: how they are kept, so that whoever steals the database has neither.

A password is kept as its argon2id hash (RFC 9106), which takes time and memory on purpose, so it is computed beside the
reactor. Different keyboards write one text with different characters, so it is prepared first, as RFC 8265 says (OpaqueString);
what was kept before that rule was hashed as it came, and still opens its account. A token is 256 random bits: nobody can guess
those, so a plain SHA-256 of it is enough, and is found by lookup.
"""

from __future__ import annotations

import hashlib
import secrets
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import Any

from argon2 import Parameters, PasswordHasher, Type
from argon2.exceptions import VerificationError, VerifyMismatchError
from precis_i18n import get_profile
from twisted.application.service import Service
from twisted.internet.defer import Deferred

from lanchat.protocol.errors import RateLimited, Usage

#: What a hash costs: 19 MiB (here in KiB) and one pass more than the least that OWASP's Password Storage Cheat Sheet asks for
#: (19 MiB, two passes, one lane), which takes about 30 ms. Up to 32 MiB the allocator keeps the memory from hash to hash;
#: above, every page is new each time, and that took as long again.
COST = Parameters(type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=3, memory_cost=19_456, parallelism=1)
#: Milliseconds that a hash takes, about; for telling when to come again.
HASH_MS = 30
#: Bytes in a password, at the most; characters in a new one, at least (NIST SP 800-63B).
MAX_PASSWORD, MIN_PASSWORD = 1024, 8
#: Passwords of accounts that wait, three seconds' worth, and new passwords that wait behind them. Whoever comes on top is
#: told to come again.
MAX_WAITING, MAX_NEW = 100, 100
#: Threads that compute: with one, the reactor has the other processor of a small machine to itself.
THREADS = 1

_opaque = get_profile("OpaqueString")


class _Task:
    """A hash that is to be computed, and who waits for it."""

    def __init__(self, work: Callable[[], Any], cancel: Callable[[_Task], None]) -> None:
        self.work = work
        self.done: Deferred[Any] = Deferred(lambda _: cancel(self))


class Hasher(Service):
    """Hashes and checks passwords, one after the other in a thread of its own, while the service runs.

    There are two queues: whoever has an account does not wait for those who want one.
    """

    _pool: ThreadPoolExecutor

    def __init__(self, call_in_reactor: Callable[..., Any], cost: Parameters = COST) -> None:
        """`call_in_reactor` is `reactor.callFromThread`, or like it: it calls in the reactor's thread, in order."""
        self._call_in_reactor = call_in_reactor
        self._argon2 = PasswordHasher.from_parameters(cost)
        self._nobodys = self._argon2.hash(make_token())
        self._first, self._second = deque[_Task](), deque[_Task]()
        self._computing = False

    def startService(self) -> None:
        """From now on there is somebody to do it."""
        super().startService()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")

    def stopService(self) -> Deferred[None]:
        """End the thread: it finishes the hash it is at, and whoever waits for another is refused. Fires after that."""
        super().stopService()
        self._pool.shutdown()
        for queue in (self._first, self._second):
            while queue:
                queue.popleft().done.errback(_stopped())
        stopped: Deferred[None] = Deferred()
        self._call_in_reactor(stopped.callback, None)
        return stopped

    @property
    def waiting(self) -> int:
        """How many passwords wait to be checked or kept, with the one that is at work."""
        return len(self._first) + len(self._second) + self._computing

    async def hash_new(self, password: str, newcomer: bool = False) -> str:
        """What to keep of a password that somebody has just chosen; raises as `hash` does, and `Usage` if it is too short."""
        if len(prepared(_bounded(password)).decode()) < MIN_PASSWORD:
            raise Usage(f"A new password has at least {MIN_PASSWORD} characters. Choose a longer one; a few words are good.")
        return await self.hash(password, newcomer)

    async def hash(self, password: str | bytes, newcomer: bool = False) -> str:
        """What to keep of a password; a `newcomer` has no account yet, and waits behind those who have one.

        Raises `Usage` if it is too long or empty, `RateLimited` when too many wait.
        """
        queue, most = (self._second, MAX_NEW) if newcomer else (self._first, MAX_WAITING)
        result: str = await self._beside(partial(self._argon2.hash, prepared(_bounded(password))), queue, most)
        return result

    async def verify(self, kept: str | None, password: str | bytes) -> bytes | None:
        """The form of that password of which this was kept: the one that is `prepared`, or the bytes as they came.

        None if it was kept of another; raises as `hash` does. Only where the two forms differ may it take two hashes, one
        after the other in the queue. For None, what is kept of nobody, it takes as long: whether there is such an account
        can't be told by the clock. (What was kept at another `COST` takes longer or shorter, until its owner has logged in.)
        """
        raw = _bounded(password)
        for form in dict.fromkeys((prepared(raw), raw)):
            if await self._beside(partial(self._verify, kept, form), self._first, MAX_WAITING):
                return form
        return None

    def needs_rehash(self, kept: str) -> bool:
        """Whether this was computed at another cost than is asked for now."""
        return self._argon2.check_needs_rehash(kept)

    def _verify(self, kept: str | None, password: bytes) -> bool:
        try:
            return self._matches(kept or self._nobodys, password) and bool(kept)
        except (ValueError, VerificationError):  # that is no hash: no password opens it, and that takes as long too
            self._matches(self._nobodys, password)
            return False

    def _matches(self, kept: str, password: bytes) -> bool:
        try:
            return self._argon2.verify(kept, password)
        except VerifyMismatchError:
            return False

    def _beside(self, work: Callable[[], Any], queue: deque[_Task], most: int) -> Deferred[Any]:
        """Do this in the thread, in its turn. What is cancelled before it was begun is not done."""
        if not self.running:
            raise _stopped()
        if len(queue) + self._computing >= most:
            raise RateLimited(
                "Too many passwords are waiting to be checked. Try again in a few seconds.", retry_ms=self.waiting * HASH_MS
            )
        task = _Task(work, self._cancel)
        queue.append(task)
        self._compute_next()
        return task.done

    def _compute_next(self) -> None:
        queue = self._first or self._second
        if queue and not self._computing and self.running:
            self._computing = True
            task = queue.popleft()
            future = self._pool.submit(task.work)
            future.add_done_callback(partial(self._call_in_reactor, self._computed, task))

    def _cancel(self, task: _Task) -> None:
        for queue in (self._first, self._second):
            if task in queue:
                queue.remove(task)

    def _computed(self, task: _Task, future: Future[Any]) -> None:
        self._computing = False
        self._compute_next()
        if task.done.called:  # it was cancelled
            return
        if error := future.exception():
            task.done.errback(error)
        else:
            task.done.callback(future.result())


def make_token() -> str:
    """A new secret of 256 bits, as 43 characters that are safe anywhere."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """What is kept of a token: its SHA-256."""
    return hashlib.sha256(token.encode()).digest()


def prepared(password: bytes) -> bytes:
    """The form in which a password is kept: each space an ASCII one, and NFC (RFC 8265, section 4.2.2).

    Nothing is refused: who has chosen control characters, or what is no text in UTF-8, gets in as before.
    """
    if password.isascii():
        return password
    try:
        return str(_opaque.apply_five_rules(password.decode())).encode()
    except UnicodeDecodeError:
        return password


def _bounded(password: str | bytes) -> bytes:
    whole = password.encode() if isinstance(password, str) else password
    if not whole:
        raise Usage("The password is missing.")
    if len(whole) > MAX_PASSWORD:
        raise Usage(f"A password is at most {MAX_PASSWORD} bytes; this one has {len(whole)}.")
    return whole


def _stopped() -> RateLimited:
    return RateLimited("The server is stopping. Log in when it is back.")
