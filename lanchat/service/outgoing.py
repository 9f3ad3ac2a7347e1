"""Webhooks that post: what people say in a room is posted to a URL, message by message, in the order of the log.

Everything comes from the log, and nothing is queued: `Hook.position` is the place up to which a hook has posted everything. A
post that fails is tried again with growing pauses, from the log, so a message that was withdrawn meanwhile is not posted. One
that is refused for good, or could not be posted for a day, is given up and noted (`lanchat.tables.hooks.Undelivered`). After a
crash the last ones may be posted again: the receiver knows them by their ids.
"""

from __future__ import annotations

import hashlib
import hmac
import math
from collections.abc import Callable, Iterator
from functools import partial
from sqlite3 import Connection
from typing import Any

import msgspec
from twisted.application.service import Service
from twisted.internet.defer import CancelledError, Deferred
from twisted.logger import Logger

from lanchat import __version__
from lanchat.core.chat import Chat
from lanchat.history import changes, pages
from lanchat.history.pages import Page
from lanchat.model.hook import Hook
from lanchat.model.room import Room
from lanchat.net.posting import PostFailed, parse_url, post
from lanchat.protocol.entry import ACTION, FILE, NOTICE, Entry, Seq
from lanchat.protocol.errors import ChatError
from lanchat.protocol.interfaces import DelayedCall
from lanchat.protocol.packet import visible
from lanchat.store.store import Store
from lanchat.tables.hooks import MoveHook, Undelivered

#: Seconds until a failed post is tried again: the first time, and at most; it doubles each time.
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 300.0
#: Milliseconds after which a message that can't be posted is given up.
GIVE_UP_MS = 86_400_000
#: Seconds between two looks for hooks that were made or changed, and until it is stored how far hooks have come.
LOOK_SECONDS = STORE_SECONDS = 1.0
#: Seconds for which it is waited for more when something was said, in whatever room, before the log is read.
GATHER_SECONDS = 0.05
#: Answers by which a receiver refuses a message for good (RFC 9110, 15.5; RFC 6585, 5); all others but 2xx are tried again.
FINAL = frozenset({400, 410, 413, 414, 415, 422, 431})
#: The kinds of what people say. What bots say is not posted: two hooks could otherwise answer each other for ever.
KINDS = frozenset({None, ACTION, NOTICE, FILE})

_log = Logger("lanchat.outgoing")


class OutgoingService(Service):
    """Has every hook that posts do so, while the server runs. As long as there is none, nothing is done."""

    def __init__(self, chat: Chat, store: Store, reactor: Any, is_allowed: Callable[[str], bool]) -> None:
        """`is_allowed` tells whether there may be posted to an IP address."""
        self._chat = chat
        self._store = store
        self._reactor = reactor
        self._is_allowed = is_allowed
        self._posting: dict[int, Poster] = {}
        self._looking: DelayedCall | None = None
        self._committed = store.committed

    def startService(self) -> None:
        """Begin to post."""
        super().startService()
        self._committed = self._store.committed
        self._look()

    async def _stop(self) -> None:
        for poster in self._posting.values():
            poster.stop()
        await self._store.settled()

    def stopService(self) -> Deferred[None]:
        """Stop posting, and store how far each hook has come."""
        super().stopService()
        if self._looking is not None and self._looking.active():
            self._looking.cancel()
        self._store.committed = self._committed
        stopped = Deferred.fromCoroutine(self._stop())
        stopped.addErrback(lambda failure: _log.info("how far webhooks have come is not stored: {why}", why=failure.value))
        return stopped

    def _look(self) -> None:
        """Begin to post for hooks that were made or enabled, and stop for those that were disabled or removed."""
        self._looking = self._reactor.callLater(LOOK_SECONDS, self._look)
        wanted = {hook.id: hook for hook in self._chat.hooks.all() if hook.posts and hook.enabled}
        for number in [number for number in self._posting if number not in wanted]:
            self._posting.pop(number).stop()
        for number in [number for number in wanted if number not in self._posting]:
            self._posting[number] = Poster(wanted[number], self._chat, self._store, self._reactor, self._is_allowed)
        self._store.committed = self._came_back if self._posting else self._committed

    def _came_back(self, entries: Iterator[Entry]) -> object:
        """Deliver what the store gives back, and have it posted."""
        more = self._committed(entries)
        for poster in self._posting.values():
            poster.wake()
        return more


class Poster:
    """Posts for one hook."""

    def __init__(self, hook: Hook, chat: Chat, store: Store, reactor: Any, is_allowed: Callable[[str], bool]) -> None:
        self._hook = hook
        self._chat = chat
        self._store = store
        self._reactor = reactor
        self._is_allowed = is_allowed
        self._pause = FIRST_PAUSE
        self._failing = self._moved = False
        self._idle: Deferred[None] | None = None
        self._storing: DelayedCall | None = None
        self._task = Deferred.fromCoroutine(self._run())
        self._task.addErrback(self._ended)

    def wake(self) -> None:
        """Note that there may be something to post."""
        idle, self._idle = self._idle, None
        if idle is not None:
            self._reactor.callLater(0, idle.callback, None)

    def stop(self) -> None:
        """Post nothing more, and store how far it has come."""
        self._task.cancel()
        if self._storing is not None and self._storing.active():
            self._storing.cancel()
        self._store_position()

    def _ended(self, failure: Any) -> None:
        if failure.check(CancelledError) is None:
            _log.failure("webhook {name} posts nothing more", failure, name=self._hook.name.shown)

    async def _run(self) -> None:
        while True:
            try:
                seconds = await self._step()
            except (ChatError, OSError) as error:
                _log.info("webhook {name} waits, as the log can't be read: {why}", name=self._hook.name.shown, why=str(error))
                seconds = FIRST_PAUSE
            if seconds:
                await self._sleep(seconds)
            elif self._store.last_seq <= self._hook.position:
                self._idle = Deferred()
                await self._idle
                await self._sleep(GATHER_SECONDS)

    def _sleep(self, seconds: float) -> Deferred[None]:
        slept: Deferred[None] = Deferred(lambda _: call.cancel())
        call = self._reactor.callLater(seconds, slept.callback, None)
        return slept

    async def _step(self) -> float:
        """Post a page of messages, up to the first that fails; the seconds to wait before it is tried again, or 0."""
        hook, upto = self._hook, self._store.last_seq
        room = self._chat.rooms.by_conv.get(f"r{hook.room}")
        if room is None or upto <= hook.position:
            return 0.0 if room is not None else LONGEST_PAUSE
        page: Page = await self._store.read(partial(_messages, conv=room.conv, after=hook.position, upto=upto))
        for entry in page.entries:
            if not hook.enabled or hook not in self._chat.hooks.all():
                return FIRST_PAUSE  # (it is stopped within a second, or enabled again)
            if _is_posted(entry):
                status, why = await self._post(room, entry)
                if why and status not in FINAL:
                    return self._failed(why, page)
                if why:
                    self._give_up([entry], why)
                else:
                    self._worked()
            self._move(entry.seq)
        self._move(page.edge if page.more else upto)
        return 0.0

    async def _post(self, room: Room, entry: Entry) -> tuple[int, str]:
        """Post a message: the status of the answer (0: there was none), and why that is a failure; "" if it is none."""
        body = msgspec.json.encode(self._posted(room, entry))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": f"lanchat/{__version__}",
            "Idempotency-Key": f"{self._store.epoch}.{entry.seq}",
            "X-Lanchat-Signature": f"sha256={hmac.new(self._hook.secret, body, hashlib.sha256).hexdigest()}",
        }
        try:
            status = await post(self._reactor, parse_url(self._hook.url), body, headers, self._is_allowed)
        except (PostFailed, ValueError) as error:
            return 0, str(error)
        ok = 200 <= status < 300
        return status, "" if ok else f"it was answered {status}{', which is not followed' if 300 <= status < 400 else ''}"

    def _posted(self, room: Room, entry: Entry) -> dict[str, Any]:
        """What is posted for a message (docs/automation.md); `text` and `username` are what receivers of Slack's shape read."""
        told: dict[str, Any] = {
            "id": f"{self._store.epoch}.{entry.seq}",
            "seq": entry.seq,
            "ts": self._chat.timestamp(entry.ts),
            "hook": self._hook.name.shown,
            "room": room.name,
            "from": entry.name,
            "guest": entry.author is None,
            "username": entry.name,
            "kind": entry.kind or "message",
            "text": entry.msg,
        }
        if entry.re is not None:
            told["re"] = entry.re
        if entry.file is not None:
            told["file"] = {"name": entry.file.name, "type": entry.file.type, "size": entry.file.size}
        return told

    def _worked(self) -> None:
        self._pause, failing, self._failing = FIRST_PAUSE, self._failing, False
        if failing:
            _log.info("webhook {name} posts again", name=self._hook.name.shown)

    def _failed(self, why: str, page: Page) -> float:
        """Note that a post failed; messages that are too old are given up. Returns the seconds until the next attempt."""
        if not self._failing:
            self._failing = True
            told = "webhook {name} can't post, which is tried again: {why}"
            _log.warn(told, name=self._hook.name.shown, why=visible(why, 300))
        oldest = self._chat.now() * 1000 - GIVE_UP_MS
        late = [entry for entry in page.entries if entry.seq > self._hook.position and entry.ts < oldest]
        if late:
            self._give_up([entry for entry in late if _is_posted(entry)], why)
            self._move(late[-1].seq)
        pause, self._pause = self._pause, min(2 * self._pause, LONGEST_PAUSE)
        return pause

    def _give_up(self, entries: list[Entry], why: str) -> None:
        """Note messages as undelivered."""
        if not entries:
            return
        told = "webhook {name} gave up posting {n} messages: {why}"
        _log.warn(told, name=self._hook.name.shown, n=len(entries), why=visible(why, 300))
        at = math.floor(self._chat.now())
        given_up = tuple(Undelivered(self._hook.id, entry.seq, at, visible(why, 300)) for entry in entries)
        self._hook.position = entries[-1].seq
        self._store.write_in_background(MoveHook(self._hook.id, self._hook.position, given_up))

    def _move(self, seq: Seq) -> None:
        """Note that it has come so far, which is stored a moment later."""
        if seq <= self._hook.position:
            return
        self._hook.position, self._moved = seq, True
        if self._storing is None:
            self._storing = self._reactor.callLater(STORE_SECONDS, self._store_position)

    def _store_position(self) -> None:
        self._storing = None
        if self._moved:
            self._moved = False
            self._store.write_in_background(MoveHook(self._hook.id, self._hook.position))


def _messages(connection: Connection, conv: str, after: Seq, upto: Seq) -> Page:
    """A page of what was said in a conversation, with the newest texts."""
    page = pages.page(connection, [conv], after=after, before=upto + 1, limit=pages.MAX_PAGE)
    changes.fold_page(connection, page, forward=True)
    return page


def _is_posted(entry: Entry) -> bool:
    """Whether a message is posted: what people say, and not what bots say."""
    return entry.kind in KINDS and (entry.author is None or entry.author > 0)
