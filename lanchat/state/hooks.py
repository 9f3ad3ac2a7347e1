"""The webhooks that there are, by name and by the digests of their secrets, and how they are made and changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from lanchat.model.hook import Hook, digest_of, new_secret
from lanchat.model.names import Name, key, parse
from lanchat.model.room import Room
from lanchat.protocol.errors import NoSuchTarget
from lanchat.protocol.limits import Limits
from lanchat.protocol.packet import MAX_MSG, visible
from lanchat.state.interfaces import Store
from lanchat.state.online import OnlineUsers
from lanchat.state.rooms import Rooms
from lanchat.tables.hooks import AddHook, ChangeHook, RemoveHook

#: Where programs post, before the secret.
PATH = "/hooks/"
#: Characters of the name that a program gives itself in a post, at most.
MAX_LABEL = 64


class HookTable:
    """All webhooks. Nobody is told of a change here."""

    def __init__(
        self,
        online: OnlineUsers,
        rooms: Rooms,
        limits: Limits,
        now: Callable[[], float],
        store: Callable[[], Store],
    ) -> None:
        """`now` returns the time of day in seconds since the epoch; `store` returns where webhooks are stored."""
        self._online, self._rooms, self._limits, self._now, self._store = online, rooms, limits, now, store
        #: Called with a name that is a webhook's from now on, or is not any more.
        self.keep_name: Callable[[Name], object]
        self.free_name: Callable[[Name], object]
        #: Where people's programs reach the server over HTTP, such as `http://chat.lan:8080`; "" if they can't, or if it is
        #: not known where, as in a process that serves no port.
        self.base: Callable[[], str] = str
        self._by_key: dict[str, Hook] = {}
        self._by_secret: dict[bytes, Hook] = {}

    def begin(self, hooks: Iterable[Hook]) -> None:
        """Take over what was read from the store when it was opened."""
        for hook in hooks:
            self.keep_name(hook.name)
            self.add(hook)

    def all(self) -> list[Hook]:
        """All webhooks, sorted by name."""
        return [self._by_key[name] for name in sorted(self._by_key)]

    def of(self, room: Room) -> list[Hook]:
        """The webhooks of a room, sorted by name."""
        return [hook for hook in self.all() if hook.room == room.id]

    def named(self, name: str) -> Hook:
        """The webhook with this name in any spelling. Raises `NoSuchTarget`."""
        hook = self._by_key.get(key(name.strip()))
        if hook is None:
            raise unknown_hook(name)
        return hook

    def has(self, hook: Hook) -> bool:
        """Whether a webhook has not been removed."""
        return self._by_key.get(hook.name.key) is hook

    def by_secret(self, secret: str) -> Hook | None:
        """The webhook that takes posts for this secret, enabled or not; None if there is none.

        It is looked up by its digest, so how long that takes tells nothing about the secrets that there are.
        """
        return self._by_secret.get(digest_of(secret))

    def add(self, hook: Hook) -> None:
        """Add a webhook."""
        self._by_key[hook.name.key] = hook
        if not hook.posts:
            self._by_secret[hook.secret] = hook

    def change_secret(self, hook: Hook, secret: bytes) -> None:
        """Let a webhook have another secret (`Hook.secret`); nobody finds it by the old one any more."""
        if self._by_secret.get(hook.secret) is hook:
            del self._by_secret[hook.secret]
            self._by_secret[secret] = hook
        hook.secret = secret

    def remove(self, hook: Hook) -> bool:
        """Remove a webhook; returns False if it was removed before."""
        if not self.has(hook):
            return False
        del self._by_key[hook.name.key]
        self._by_secret.pop(hook.secret, None)
        return True

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
        now, most = int(self._now()), self._limits["hooks"]
        self.keep_name(name)  # (nobody may take the name while the disk is waited for)
        try:
            hook = await self._store().write(AddHook(name, room.id, kept, url, made_by, now, most))
        except BaseException:
            self.free_name(name)
            raise
        self.add(hook)
        if room.conv not in self._rooms.by_conv:
            self.forget(room)
        return hook, secret

    async def rotate(self, hook: Hook) -> str:
        """Give a webhook a new secret, which is returned; the old one is worth nothing any more. Raises `NotStored`."""
        secret = new_secret()
        kept = secret.encode() if hook.posts else digest_of(secret)
        await self._store().write(ChangeHook(hook.id, secret=kept))
        self.change_secret(hook, kept)
        return secret

    async def enable(self, hook: Hook, enabled: bool) -> None:
        """Let a webhook work, or not. Raises `NotStored`."""
        await self._store().write(ChangeHook(hook.id, enabled=enabled))
        hook.enabled = enabled

    async def unmake(self, hook: Hook) -> None:
        """Remove a webhook for good; what it said stays. Raises `NotStored`."""
        await self._store().write(RemoveHook(hook.id))
        self._forget(hook)

    def forget(self, room: Room) -> None:
        """Forget the webhooks of a room that was closed; the database has removed them with it."""
        for hook in self.of(room):
            self._forget(hook)

    def _forget(self, hook: Hook) -> None:
        if self.remove(hook):
            self.free_name(hook.name)


def unknown_hook(name: str) -> NoSuchTarget:
    """The error for a webhook that does not exist, or that the one who asks may not know of."""
    return NoSuchTarget(f"There is no webhook {visible(name.strip(), 40) or '(no name)'}. Send /hook list to see yours.")


def labelled(hook: Hook, text: str, label: str) -> str:
    """A text after the name that its sender gave itself, unless that is the webhook's own name, or both would be too long."""
    shown = visible(label.strip(), MAX_LABEL)
    if not shown or key(shown) == hook.name.key:
        return text
    labelled = f"{shown}: {text}"
    return labelled if len(labelled.encode(errors="replace")) <= MAX_MSG else text
