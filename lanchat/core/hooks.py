"""Webhooks of rooms (`lanchat.model.hook`): how they are made and changed, and how what is posted to them is said.

A webhook that takes posts is a bot with an address, whose secret is all that a program needs to speak in the room. Its name is
nobody else's. What it says is stored with its number, negative, as the author, and a key of the program's as the `cid`: so a
post that is repeated, as its sender got no answer, is one message.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable, Mapping

from lanchat.core.bots import Bots, check_text
from lanchat.core.delayed_moves import DelayedMoves
from lanchat.core.delivery import Delivery
from lanchat.core.replies import Replies
from lanchat.model.hook import Hook, digest_of, new_secret
from lanchat.model.names import key, parse
from lanchat.model.room import Room
from lanchat.protocol.entry import Entry
from lanchat.protocol.errors import Forbidden, NoSuchTarget, NotStored, RateLimited
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.limits import Buckets
from lanchat.protocol.packet import MAX_MSG, SERVER, Sender, visible
from lanchat.state.hooks import HookTable
from lanchat.state.online import OnlineUsers
from lanchat.state.rooms import Rooms
from lanchat.tables.hooks import AddHook, ChangeHook, NoteHooksUsed, RemoveHook

#: Where programs post, before the secret.
PATH = "/hooks/"
#: Characters of the name that a program gives itself in a post, at most.
MAX_LABEL = 64
#: Seconds after which it is stored when a webhook was used last.
PAUSE = 10.0
#: What a program is told when nothing more can be stored now, and after how many milliseconds it should try again.
OVERFULL, OVERFULL_MS = "Nothing was said: too much waits to be stored. Try again in a moment.", 2000


class Hooks(HookTable):
    """All webhooks, and what is done with them."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self, online: OnlineUsers, rooms: Rooms, replies: Replies, delivery: Delivery, bots: Bots, clock: Clock
    ) -> None:
        super().__init__()
        self._online = online
        self._rooms = rooms
        self._replies = replies
        self._delivery = delivery
        self._bots = bots
        self._rates = Buckets(replies.limits, "hook-posts")
        # By the number of a webhook: when it was used last, in seconds since the epoch.
        self._used: DelayedMoves[int] = DelayedMoves(clock, delivery, _note_used)
        #: Hands to the store when webhooks were used last, without waiting.
        self.write = self._used.write
        #: Where people's programs reach the server over HTTP, such as `http://chat.lan:8080`; "" if they can't, or if it is
        #: not known where, as in a process that serves no port.
        self.base: Callable[[], str] = str

    def begin(self, hooks: Iterable[Hook]) -> None:
        """Take over what was read from the store when it was opened."""
        for hook in hooks:
            self._bots.keep(hook.name)
            self.add(hook)

    def room_of(self, hook: Hook) -> Room:
        """The room of a webhook. Raises `NoSuchTarget` if it has just been closed."""
        room = self._rooms.by_conv.get(f"r{hook.room}")
        if room is None:
            raise NoSuchTarget(f"The room of the webhook {hook.name.shown} was closed.")
        return room

    def address_of(self, secret: str) -> str:
        """The address to which a program posts; only its path, if it is not known where the server is reached."""
        return f"{self.base()}{PATH}{secret}"

    # Changes: each is made in memory when it is stored.

    async def make(self, text: str, room: Room, made_by: str, url: str = "") -> tuple[Hook, str]:
        """Make a webhook with this name for a room. Returns it with its secret, of which only a digest is kept.

        `url` is where it posts what is said in the room; "" for one that takes posts. (What that signs with is kept itself.)
        Raises `BadName`, `NameTaken`, `Full`, `NoSuchTarget` if the room was closed, or `NotStored`.
        """
        name, secret = parse(text, self._online.is_free), new_secret()
        self._online.check_free_for_bot(name)
        kept = secret.encode() if url else digest_of(secret)
        now, most = int(self._replies.now()), self._replies.limits["hooks"]
        self._bots.keep(name)  # (nobody may take the name while the disk is waited for)
        try:
            hook = await self._delivery.store.write(AddHook(name, room.id, kept, url, made_by, now, most))
        except BaseException:
            self._bots.drop(name)
            raise
        self.add(hook)
        if room.conv not in self._rooms.by_conv:
            self.forget(room)
        return hook, secret

    async def rotate(self, hook: Hook) -> str:
        """Give a webhook a new secret, which is returned; the old one is worth nothing any more. Raises `NotStored`."""
        secret = new_secret()
        kept = secret.encode() if hook.posts else digest_of(secret)
        await self._delivery.store.write(ChangeHook(hook.id, secret=kept))
        self.change_secret(hook, kept)
        return secret

    async def enable(self, hook: Hook, enabled: bool) -> None:
        """Let a webhook work, or not. Raises `NotStored`."""
        await self._delivery.store.write(ChangeHook(hook.id, enabled=enabled))
        hook.enabled = enabled

    async def unmake(self, hook: Hook) -> None:
        """Remove a webhook for good; what it said stays. Raises `NotStored`."""
        await self._delivery.store.write(RemoveHook(hook.id))
        self._forget(hook)

    def forget(self, room: Room) -> None:
        """Forget the webhooks of a room that was closed; the database has removed them with it."""
        for hook in self.of(room):
            self._forget(hook)

    def _forget(self, hook: Hook) -> None:
        if self.remove(hook):
            self._bots.drop(hook.name)

    # What is posted to them.

    def take(self, hook: Hook, count: int = 1) -> None:
        """Take so many messages from the rate of a webhook. Raises `RateLimited`."""
        if wait := self._rates.of(hook.id).try_take(count, self._replies.seconds()):
            told = f"Nothing was said: {hook.name.shown} posts too much at once. Try again in {math.ceil(wait)} s."
            raise RateLimited(told, retry_ms=math.ceil(wait * 1000))

    def say(
        self,
        hook: Hook,
        text: str,
        label: str = "",
        key: str | None = None,
        *,
        on_back: Callable[[Entry], object] | None = None,
    ) -> Entry:
        """Say something in the room of a webhook, without asking its rate (`take`).

        `label` is the name that the program gave itself, which stands before the text. `key` is what makes a repeat the same
        message. `on_back` is called when it was stored and delivered, or could not be stored, as in `Bots.hand_in`.

        Raises `Forbidden` if the webhook is disabled, or posts itself; `NoSuchTarget` if its room was closed; `Usage` or
        `TooBig` for a wrong text; `NotStored` if too much waits to be stored.
        """
        room = self.room_of(hook)
        if hook.posts or not hook.enabled:
            raise Forbidden(f"The webhook {hook.name.shown} takes nothing now.")
        if self._delivery.store.full:
            self._replies.limits.met["waiting"] += 1
            raise NotStored(OVERFULL, retry_ms=OVERFULL_MS)
        sender, text = Sender(hook.name.shown, SERVER.ip), _labelled(hook, text, label)
        check_text(sender, room, text)
        cid = None if key is None else hashlib.sha256(key.encode(errors="replace")).hexdigest()
        entry = self._bots.hand_in(sender, room, text, author=hook.author, cid=cid, on_back=on_back)
        hook.used = int(self._replies.now())
        self._used.move(hook.id, hook.used, PAUSE)
        return entry


def _labelled(hook: Hook, text: str, label: str) -> str:
    """A text after the name that its sender gave itself, unless that is the webhook's own name, or both would be too long."""
    shown = visible(label.strip(), MAX_LABEL)
    if not shown or key(shown) == hook.name.key:
        return text
    labelled = f"{shown}: {text}"
    return labelled if len(labelled.encode(errors="replace")) <= MAX_MSG else text


def _note_used(used: Mapping[int, int]) -> NoteHooksUsed:
    return NoteHooksUsed(tuple(used.items()))
