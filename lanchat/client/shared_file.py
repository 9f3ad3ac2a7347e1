"""What the server tells of a file that goes with a message. It is checked here, as it comes from another machine."""

from __future__ import annotations

from typing import NamedTuple

from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.files import clean_name, format_size

#: The longest link in characters, and the largest size of a file in bytes, that are believed.
MAX_URL, MAX_SIZE = 2048, 2**50


class SharedFile(NamedTuple):
    """A file that goes with a message."""

    #: Its name, which is safe to show, and has no directories.
    name: str
    #: Its size in bytes.
    size: int
    #: Where it can be fetched; "" if the server does not say.
    url: str

    @property
    def described(self) -> str:
        """The name and size, as people read them: `plan.pdf (2.1 MB)`."""
        return f"{self.name} ({format_size(self.size)})"


def shared_file(x: AnswerX | None) -> SharedFile | None:
    """The file that `x` tells of; None if there is none, or if what is told makes no sense."""
    told = x.file if x is not None else None
    if told is None:
        return None
    name, size, url = told.get("name"), told.get("size"), told.get("url", "")
    if not isinstance(name, str) or not isinstance(url, str) or type(size) is not int or not 0 <= size <= MAX_SIZE:
        return None
    is_url = url.isascii() and url.isprintable() and " " not in url and len(url) <= MAX_URL
    return SharedFile(clean_name(name[:MAX_URL]), size, url if is_url else "")
