"""Webhooks of rooms (`lanchat.model.hook`): how what is posted to them is said. How they are made: `lanchat.state.hooks`.

A webhook that takes posts is a bot with an address, whose secret is all that a program needs to speak in the room. Its name is
nobody else's. What it says is stored with its number, negative, as the author, and a key of the program's as the `cid`: so a
post that is repeated, as its sender got no answer, is one message.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping

from lanchat.core.bots import Bots, check_text
from lanchat.core.delayed_moves import DelayedMoves
from lanchat.core.delivery import Delivery
from lanchat.core.replies import Replies
from lanchat.core.uploads import EPHEMERAL
from lanchat.model.hook import Hook
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import Forbidden, NotStored, RateLimited
from lanchat.protocol.files import FileInfo
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.limits import Buckets
from lanchat.protocol.packet import SERVER, Sender
from lanchat.state.hooks import HookTable, labelled
from lanchat.state.online import OnlineUsers
from lanchat.state.rooms import Rooms
from lanchat.tables.hooks import NoteHooksUsed

#: Seconds after which it is stored when a webhook was used last.
PAUSE = 10.0
#: What a program is told when nothing more can be stored now, and after how many milliseconds it should try again.
OVERFULL, OVERFULL_MS = "Nothing was said: too much waits to be stored. Try again in a moment.", 2000


class Hooks(HookTable):
    """All webhooks, and what is done with them."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self, online: OnlineUsers, rooms: Rooms, replies: Replies, delivery: Delivery, bots: Bots, clock: Clock
    ) -> None:
        super().__init__(online, rooms, replies.limits, replies.now, lambda: delivery.store)
        self.keep_name, self.free_name = bots.keep, bots.drop
        self._replies = replies
        self._delivery = delivery
        self._bots = bots
        self._rates = Buckets(replies.limits, "hook-posts")
        # By the number of a webhook: when it was used last, in seconds since the epoch.
        self._used: DelayedMoves[int] = DelayedMoves(clock, delivery, _note_used)
        #: Hands to the store when webhooks were used last, without waiting.
        self.write = self._used.write

    def take(self, hook: Hook, count: int = 1) -> None:
        """Take so many messages from the rate of a webhook. Raises `RateLimited`."""
        if wait := self._rates.of(hook.id).try_take(count, self._replies.seconds()):
            told = f"Nothing was said: {hook.name.shown} posts too much at once. Try again in {math.ceil(wait)} s."
            raise RateLimited(told, retry_ms=math.ceil(wait * 1000))

    def check_takes_file(self, hook: Hook) -> None:
        """Raise a `ChatError` if no file can be said in the room of a webhook now."""
        self.room_of(hook)
        if not self._delivery.store.stores_messages:
            raise Forbidden(EPHEMERAL)

    def say(  # noqa: PLR0913 (who says what)
        self,
        hook: Hook,
        text: str,
        label: str = "",
        key: str | None = None,
        *,
        file: FileInfo | None = None,
        on_back: Callable[[Entry], object] | None = None,
    ) -> Entry:
        """Say something in the room of a webhook, without asking its rate (`take`).

        `label` is the name that the program gave itself, which stands before the text. `key` is what makes a repeat the same
        message. `file` is the file that goes with it, of which all bytes are on the disk. `on_back` is called when it was
        stored and delivered, or could not be stored, as in `Bots.hand_in`.

        Raises `Forbidden` if the webhook is disabled or was removed, or posts itself; `NoSuchTarget` if its room was closed;
        `Usage` or `TooBig` for a wrong text; `NotStored` if too much waits to be stored.
        """
        room = self.room_of(hook)
        if hook.posts or not hook.enabled or not self.has(hook):
            raise Forbidden(f"The webhook {hook.name.shown} takes nothing now.")
        if self._delivery.store.full:
            self._replies.limits.met["waiting"] += 1
            raise NotStored(OVERFULL, retry_ms=OVERFULL_MS)
        sender, text = Sender(hook.name.shown, SERVER.ip), labelled(hook, text, label)
        check_text(sender, room, text)
        cid = None if key is None else hashlib.sha256(key.encode(errors="replace")).hexdigest()
        entry = self._bots.hand_in(sender, room, text, author=hook.author, cid=cid, file=file, on_back=on_back)
        hook.used = int(self._replies.now())
        self._used.move(hook.id, hook.used, PAUSE)
        return entry


def _note_used(used: Mapping[int, int]) -> NoteHooksUsed:
    return NoteHooksUsed(tuple(used.items()))
