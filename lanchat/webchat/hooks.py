"""The door of webhooks: requests with the secret of one, wherever senders put it, and the answers that they take for a yes.

A sender is answered when what it posted is stored. What it may try again with success (too much at once, a full disk, a server
that stops) is answered with 503 and Retry-After, and never with 429, as Alertmanager gives up at that.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from lanchat.core.hooks import Hooks
from lanchat.core.uploads import MAX_CAPTION
from lanchat.hooks.files import PostedFile, read_file
from lanchat.hooks.posted import Posted, Reading, Unreadable
from lanchat.model.failed_writes import RETRY_MS
from lanchat.model.hook import Hook
from lanchat.net.http import Body, GatheredBody, Refusal
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import ChatError, NotStored, RateLimited
from lanchat.protocol.interfaces import Clock
from lanchat.state.hooks import PATH
from lanchat.webchat.files import COMMON_HEADERS
from lanchat.webchat.hook_files import HookFileBody, HookFiles
from lanchat.webchat.hook_secrets import BEFORE_SECRET, secrets_in

#: The most bytes of one body, and of all that are being gathered at the same time.
MAX_BODY, MAX_GATHERED = 1_000_000, 64_000_000
#: Seconds without a byte of a body after which its connection is closed, and seconds that a body may take in all.
IDLE_SECONDS, BODY_SECONDS = 30.0, 60.0
#: Seconds that the end of the server waits for what was posted to be stored.
DRAIN_SECONDS = 3.0
#: What senders are told; those that speak Slack's dialect know these words, and compare them byte by byte.
UNKNOWN, DISABLED, WRONG = "channel_not_found", "action_prohibited", "invalid_payload"
#: What people are told who sent no secret to an address that has none in it.
NO_SECRET = "Send the secret of a webhook, such as with the header Authorization: Bearer SECRET."  # noqa: S105 (it is none)
DRAINING = "The server is being stopped. Try again in a moment."
#: A path without a secret: ntfy's topics and Gotify's `/message`.
_TOPIC = re.compile(rb"/[A-Za-z0-9_-]{0,64}")
_TEXT = {**COMMON_HEADERS, "Content-Type": "text/plain", "Cache-Control": "no-store"}

_log = Logger("lanchat.hooks")


class _Found(NamedTuple):
    """What a request says of whom it is for."""

    #: The webhook whose secret is in it; None if there is none.
    hook: Hook | None
    #: Its path without the secret.
    path: str
    #: Whether the secret was in the path.
    below: bool
    #: Whether there is anything in it that could be a secret.
    tried: bool


class HookBody(GatheredBody):
    """The body of a post, or what is sent in place of one with a wrong secret, of which nothing is kept."""

    idle_seconds = IDLE_SECONDS

    def __init__(self, door: HookDoor, length: int | None, kept: bool) -> None:
        """`length` is how many bytes it will have; None if that is not known. Raises `Refusal` if it is too long."""
        super().__init__(MAX_BODY)
        if (length or 0) > MAX_BODY:
            raise Refusal(413, f"That is too long: a webhook takes at most {MAX_BODY:,} bytes.")
        #: The most bytes that may come.
        self.most = MAX_BODY if length is None else length
        self._door, self._kept = door, kept
        self._until = door.clock.seconds() + BODY_SECONDS
        self._reserved = self.most if kept else 0
        if door.gathered + self._reserved > MAX_GATHERED:
            raise Refusal(503, "Too much is being posted. Try again in a moment.", retry_after="1")
        door.gathered += self._reserved

    def write(self, data: bytes) -> None:
        """Keep a piece. Raises `Refusal` if there are too many bytes, or they take too long."""
        if self._door.clock.seconds() > self._until:
            raise Refusal(408, f"That takes too long: send it within {BODY_SECONDS:.0f} s.")
        super().write(data)
        if not self._kept:
            self._pieces.clear()

    def abandon(self) -> None:
        """Forget the pieces."""
        super().abandon()
        self._door.gathered -= self._reserved
        self._reserved = 0


class HookDoor:
    """Answers requests to webhooks (`lanchat.webchat.resources.Resource`)."""

    #: Who has the secret may use any name of the server, such as one that only its proxy or its container knows.
    own_names_only = False

    def __init__(self, hooks: Hooks, clock: Clock, read: Callable[[Posted], Reading], files: HookFiles) -> None:
        """`read` reads what was posted: `lanchat.hooks.reading.read`. `files` takes files."""
        self.hooks = hooks
        self.clock = clock
        #: The bytes of bodies that are being gathered, or may still come.
        self.gathered = 0
        self._read, self._files = read, files
        self._pending = 0
        self._draining = False
        self._settled: list[Deferred[None]] = []

    def serves(self, method: bytes, path: bytes) -> bool:
        """Whether a request is for a webhook: all where the path has a secret, and posts where it is elsewhere."""
        if path.startswith(tuple(before.encode() for before in BEFORE_SECRET)):
            return True
        return method in (b"POST", b"PUT") and _TOPIC.fullmatch(path) is not None

    def take_body(self, request: Any, length: int | None) -> Body:
        """What takes a file, or gathers a post. Raises `Refusal`.

        The post of a request with a wrong secret is read and forgotten, so that its sender reads why; a file is refused.
        """
        found = self._find(request)
        if request.method in (b"POST", b"PUT") and (file := _named_file(request, found)) is not None:
            refusal = self._refusal(request, found)
            if refusal is not None or found.hook is None:
                raise refusal or Refusal(404, UNKNOWN)
            return self._files.take_body(request, found.hook, file, length)
        return HookBody(self, length, kept=found.hook is not None and found.hook.enabled)

    def answer(self, request: Any) -> None:
        """Say what was posted, and answer when it is stored."""
        if request.body is None and request.method in (b"POST", b"PUT"):  # (it is empty)
            request.body = self.take_body(request, 0)
        if isinstance(request.body, HookFileBody):
            self.began()
            Deferred.fromCoroutine(self._files.deliver(request, request.body)).addBoth(lambda _: self._ended())
            return
        body = request.body.content if request.body is not None else b""
        if request.body is not None:
            request.body.abandon()
        if request.method not in (b"POST", b"PUT"):
            raise Refusal(405, "This is the address of a webhook: post to it.", allow="POST, PUT")
        found = self._find(request)
        try:
            self._say(request, found, body)
        except Unreadable as wrong:
            self._tell(request, 400, wrong.code, **{"X-Lanchat-Error": str(wrong)})
        except (RateLimited, NotStored) as later:
            self._tell_later(request, str(later), later.retry_ms)
        except ChatError as wrong:
            self._tell(request, 400, WRONG, **{"X-Lanchat-Error": str(wrong)})
        except Refusal as refusal:
            end = "" if refusal.code in (403, 404) else "\n"  # (senders compare these words)
            self._tell(request, refusal.code, f"{refusal}{end}", **refusal.headers)
        except Exception:  # noqa: BLE001 (a fault of ours costs this post, and its sender tries again)
            _log.failure("what was posted to the webhook {hook} could not be read", hook=found.hook and found.hook.name.shown)
            self._tell(request, 500, "internal_error")

    async def drain(self) -> None:
        """Take nothing more, and wait until what was posted is stored and answered; not longer than `DRAIN_SECONDS`."""
        self._draining = True
        if self._pending:
            settled: Deferred[None] = Deferred()
            self._settled.append(settled)
            enough = self.clock.callLater(DRAIN_SECONDS, self._tell_settled)
            await settled
            if enough.active():
                enough.cancel()

    def _say(self, request: Any, found: _Found, body: bytes) -> None:
        """Say what was posted. Raises `Unreadable`, a `ChatError` or `Refusal` if nothing of it can be said."""
        hook, refusal = found.hook, self._refusal(request, found)
        if refusal is not None or hook is None:
            raise refusal or Refusal(404, UNKNOWN)
        reading = self._read(_posted(request, found.path, body))
        self.hooks.take(hook, len(reading.posts))
        _Posts(self, request, reading).say(hook)

    def _refusal(self, request: Any, found: _Found) -> Refusal | None:
        """Why nothing is taken for now from who sent a request; None if something is."""
        if found.hook is None and not found.tried and not request.path.startswith(PATH.encode()):
            return Refusal(401, NO_SECRET, www_authenticate="Bearer")
        if found.hook is None:
            return Refusal(404, UNKNOWN)
        if not found.hook.enabled:
            return Refusal(403, DISABLED)
        return Refusal(503, DRAINING, retry_after=str(math.ceil(RETRY_MS / 1000))) if self._draining else None

    def _find(self, request: Any) -> _Found:
        """Find the secret in a request: in its path (also in two parts), in its headers, or behind the `?`."""
        path = unquote(request.path.decode("latin-1"), errors="replace")
        tried = False
        for secret, rest in secrets_in(request, path):
            tried = True
            hook = self.hooks.by_secret(secret)
            if hook is not None:
                return _Found(hook, rest, rest != path, tried)
        return _Found(None, path, path.startswith(BEFORE_SECRET), tried)

    def _tell(self, request: Any, code: int, text: str, **headers: str) -> None:
        """Answer with exactly this text, as senders compare it."""
        request.respond(code, text.encode(), {**_TEXT, **headers})

    def _tell_later(self, request: Any, text: str, retry_ms: int | None) -> None:
        """Answer that it is worth trying again, and when."""
        self._tell(request, 503, f"{text}\n", **{"Retry-After": str(math.ceil((retry_ms or RETRY_MS) / 1000))})

    def _tell_settled(self) -> None:
        settled, self._settled = self._settled, []
        for waiting in settled:
            waiting.callback(None)

    def began(self) -> None:
        """Count a request that waits for the store."""
        self._pending += 1

    def came_back(self, request: Any, reading: Reading, last: Entry | None) -> None:
        """Answer a request whose messages have come back from the store. `last` is the last one; None if one was not stored."""
        if last is None:
            self._tell_later(request, NotStored.NOTHING_DONE, RETRY_MS)
        else:
            kind, body = reading.answer(last.seq, last.ts // 1000)
            request.respond(200, body, {**_TEXT, "Content-Type": kind})
        self._ended()

    def _ended(self) -> None:
        """Note that a request has been answered for which the store was waited for."""
        self._pending -= 1
        if not self._pending:
            self._tell_settled()


class _Posts:
    """The messages of one request, from when they are handed to the store until all have come back."""

    def __init__(self, door: HookDoor, request: Any, reading: Reading) -> None:
        self._door = door
        self._request = request
        self._reading = reading
        self._waiting = 1  # (so that it does not end before all are handed in)
        self._last: Entry | None = None
        self._failed = False

    def say(self, hook: Hook) -> None:
        """Hand all to the store, in order. Raises what `Hooks.say` raises if none of them can be said."""
        wrong: ChatError | None = None
        for post in self._reading.posts:
            try:
                self._waiting += 1
                self._door.hooks.say(hook, post.text, post.label, post.key, on_back=self._back)
            except NotStored as error:  # noqa: PERF203 (there are few)
                # (Those before it may be stored. With keys, they are recognised when all come again.)
                self._waiting -= 1
                wrong, self._failed = error, True
                break
            except ChatError as error:
                self._waiting -= 1
                wrong = error
        if self._waiting == 1 and self._last is None and wrong is not None:
            raise wrong
        self._door.began()
        self._settle()

    def _back(self, entry: Entry) -> None:
        self._last = entry
        self._failed = self._failed or not entry.state
        self._settle()

    def _settle(self) -> None:
        self._waiting -= 1
        if not self._waiting:
            self._door.came_back(self._request, self._reading, None if self._failed else self._last)


def _posted(request: Any, path: str, body: bytes = b"") -> Posted:
    """What was posted, for those who read it; `path` is that without the secret."""
    headers = {
        name.decode("latin-1").lower(): ", ".join(value.decode("latin-1") for value in values)
        for name, values in request.requestHeaders.getAllRawHeaders()
    }
    return Posted(path, request.query(), headers, body)


def _named_file(request: Any, found: _Found) -> PostedFile | None:
    """What a request, of which only the headers need be there, says of the file that it carries; None if it carries none."""
    return read_file(_posted(request, found.path), below=found.below, put=request.method == b"PUT", most=MAX_CAPTION)
