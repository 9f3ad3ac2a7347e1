"""Passwords and tokens: how they are hashed, so that someone who steals the database has neither.

A password is stored as its argon2id hash (RFC 9106). That takes time and memory on purpose, so it is computed in a thread of
its own. Keyboards may write the same text with different characters, so passwords are normalized first, as RFC 8265 says
(OpaqueString); hashes from before that rule are of the bytes as they were sent, and are still accepted. A token is 256 random
bits, which nobody can guess: so its SHA-256 is stored, by which it can be looked up.
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

#: The parameters of a hash: 19 MiB (here in KiB), and one pass more than the minimum of OWASP's Password Storage Cheat Sheet
#: (19 MiB, two passes, one lane); it takes about 30 ms. Up to 32 MiB the allocator reuses the memory of the last hash; with
#: more, all pages are new each time, and a hash took twice as long.
COST = Parameters(type=Type.ID, version=19, salt_len=16, hash_len=32, time_cost=3, memory_cost=19_456, parallelism=1)
#: About how many milliseconds a hash takes; for telling clients when to try again.
HASH_MS = 30
#: The longest password, in bytes; the shortest new one, in characters (NIST SP 800-63B).
MAX_PASSWORD, MIN_PASSWORD = 1024, 8
#: How many passwords of accounts may wait to be checked (three seconds' worth), and how many new ones of people without an
#: account may wait after them. Further ones are refused for now.
MAX_WAITING, MAX_NEW = 100, 100
#: The number of threads that compute hashes: with one, the reactor has the other processor of a small machine to itself.
THREADS = 1

_opaque = get_profile("OpaqueString")


class _Task:
    """A hash that is to be computed, with the Deferred that fires with it."""

    def __init__(self, work: Callable[[], Any], cancel: Callable[[_Task], None]) -> None:
        self.work = work
        self.done: Deferred[Any] = Deferred(lambda _: cancel(self))


class Hasher(Service):
    """Hashes and checks passwords in a thread of its own, one after the other, while the service runs.

    There are two queues, so that users with an account don't wait for those who want to make one.
    """

    _pool: ThreadPoolExecutor

    def __init__(self, call_in_reactor: Callable[..., Any], cost: Parameters = COST) -> None:
        """`call_in_reactor` has a function called in the reactor's thread, in order, like `reactor.callFromThread`."""
        self._call_in_reactor = call_in_reactor
        self._argon2 = PasswordHasher.from_parameters(cost)
        self._nobodys = self._argon2.hash(make_token())
        self._first, self._second = deque[_Task](), deque[_Task]()
        self._computing = False

    def startService(self) -> None:
        """Start the thread that computes the hashes."""
        super().startService()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="passwords")

    def stopService(self) -> Deferred[None]:
        """End the thread after the hash that it computes; others that wait are refused. Fires when it has ended."""
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
        """How many passwords wait to be hashed or checked, including the one that is being computed."""
        return len(self._first) + len(self._second) + self._computing

    async def hash_new(self, password: str, newcomer: bool = False) -> str:
        """The hash of a password that somebody has just chosen. Raises as `hash` does, and `Usage` if it is too short."""
        if len(prepared(_bounded(password)).decode()) < MIN_PASSWORD:
            raise Usage(f"A new password needs at least {MIN_PASSWORD} characters. Choose a longer one, such as a few words.")
        return await self.hash(password, newcomer)

    async def hash(self, password: str | bytes, newcomer: bool = False) -> str:
        """The hash of a password; a `newcomer` has no account yet, and waits for those who have one.

        Raises `Usage` if it is too long or empty, `RateLimited` if too many wait.
        """
        queue, most = (self._second, MAX_NEW) if newcomer else (self._first, MAX_WAITING)
        result: str = await self._beside(partial(self._argon2.hash, prepared(_bounded(password))), queue, most)
        return result

    async def verify(self, kept: str | None, password: str | bytes) -> bytes | None:
        """The form of `password` that has the hash `kept`: the `prepared` one, or the bytes as they were sent.

        None if neither has. Raises as `hash` does. Only if the two forms differ, two hashes may have to be computed, one after
        the other. If `kept` is None, because there is no such account, it takes as long, so that nobody can find out by the
        time whether there is one. (A hash with another `COST` takes another time, until its owner has logged in.)
        """
        raw = _bounded(password)
        for form in dict.fromkeys((prepared(raw), raw)):
            if await self._beside(partial(self._verify, kept, form), self._first, MAX_WAITING):
                return form
        return None

    def needs_rehash(self, kept: str) -> bool:
        """Whether a hash was computed with other parameters than today's."""
        return self._argon2.check_needs_rehash(kept)

    def _verify(self, kept: str | None, password: bytes) -> bool:
        try:
            return self._matches(kept or self._nobodys, password) and bool(kept)
        except (ValueError, VerificationError):  # it is no hash; to find that out takes as long, too
            self._matches(self._nobodys, password)
            return False

    def _matches(self, kept: str, password: bytes) -> bool:
        try:
            return self._argon2.verify(kept, password)
        except VerifyMismatchError:
            return False

    def _beside(self, work: Callable[[], Any], queue: deque[_Task], most: int) -> Deferred[Any]:
        """Do this in the thread, in its turn. If it is cancelled before that, it is not done."""
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
    """Make a token: 256 random bits, as 43 ASCII letters, digits, `-` and `_`."""
    return secrets.token_urlsafe(32)


def token_hash(token: str) -> bytes:
    """The SHA-256 of a token, which is what is stored."""
    return hashlib.sha256(token.encode()).digest()


def prepared(password: bytes) -> bytes:
    """The normalized form of a password, which is hashed: each space an ASCII one, and NFC (RFC 8265, section 4.2.2).

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
        raise Usage(f"A password has at most {MAX_PASSWORD} bytes; this one has {len(whole)}.")
    return whole


def _stopped() -> RateLimited:
    return RateLimited("The server is shutting down. Log in when it is back.")
