"""Hook: a webhook of a room. What is posted to it is said in the room, or what is said in the room is posted elsewhere."""

from __future__ import annotations

import hashlib
import secrets
import string

from lanchat.model.names import Name

#: What a secret is made of: letters and digits only, because some senders take nothing else in an address (apprise for
#: Rocket.Chat). So many of them are 190 random bits.
_SIGNS, SECRET_LENGTH = string.ascii_letters + string.digits, 32


class Hook:
    """A webhook of a room, and what is known of it while the server runs."""

    __slots__ = ("enabled", "id", "made", "made_by", "name", "position", "room", "secret", "url", "used")

    def __init__(  # noqa: PLR0913, PLR0917 (it is a row of a table)
        self,
        id: int,  # noqa: A002 (it is one)
        name: Name,
        room: int,
        secret: bytes,
        url: str,
        made_by: str,
        made: int,
        used: int = 0,
        enabled: bool = True,
        position: int = 0,
    ) -> None:
        self.id = id
        #: The name under which it speaks in the room.
        self.name = name
        #: The number of its room.
        self.room = room
        #: `digest_of` the secret in its URL; of one that posts, the key with which it signs.
        self.secret = secret
        #: Where it posts what is said in the room; "" for one that takes posts.
        self.url = url
        #: Who made it, and when; and when it was used last, in seconds since the epoch (0: never).
        self.made_by, self.made, self.used = made_by, made, used
        #: Whether it takes posts, or posts, at all.
        self.enabled = enabled
        #: Of one that posts, the place in the log up to which it has posted everything, or given it up.
        self.position = position

    def __repr__(self) -> str:
        return f"<Hook {self.id} {self.name.shown}>"

    @property
    def author(self) -> int:
        """What the log has in place of an account for what it says (`lanchat.protocol.entry.Entry.author`)."""
        return -self.id

    @property
    def posts(self) -> bool:
        """Whether it posts what is said, instead of saying what is posted."""
        return self.url != ""


def new_secret() -> str:
    """A new secret for a URL."""
    return "".join(secrets.choice(_SIGNS) for _ in range(SECRET_LENGTH))


def digest_of(secret: str) -> bytes:
    """What is kept of the secret of a hook that takes posts: a secret of so many random bits needs no slow hash."""
    return hashlib.sha256(secret.encode(errors="replace")).digest()
