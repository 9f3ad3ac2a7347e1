"""The webhooks that there are, by name and by the digests of their secrets. Data only: it stores nothing, and tells nobody."""

from __future__ import annotations

from lanchat.model.hook import Hook, digest_of
from lanchat.model.names import key
from lanchat.model.room import Room
from lanchat.protocol.errors import NoSuchTarget
from lanchat.protocol.packet import visible


class HookTable:
    """All webhooks."""

    def __init__(self) -> None:
        self._by_key: dict[str, Hook] = {}
        self._by_secret: dict[bytes, Hook] = {}

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
        if self._by_key.get(hook.name.key) is not hook:
            return False
        del self._by_key[hook.name.key]
        self._by_secret.pop(hook.secret, None)
        return True


def unknown_hook(name: str) -> NoSuchTarget:
    """The error for a webhook that does not exist, or that the one who asks may not know of."""
    return NoSuchTarget(f"There is no webhook {visible(name.strip(), 40) or '(no name)'}. Send /hook list to see yours.")
