"""File space: how many bytes of files are kept for whom, how many are on their way, and whether there is room for more."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

from lanchat.protocol.entry import AccountId
from lanchat.protocol.errors import Full, TooBig
from lanchat.protocol.files import format_size
from lanchat.protocol.limits import Limits

#: Whose files are counted together: those of an account (or of a webhook, see `lanchat.protocol.entry.Entry.author`), with "";
#: or, with None, those of all who have no account and come from one address.
Owner: TypeAlias = "tuple[AccountId | None, str]"


class FileSpace:
    """The bytes of files that are kept, and those that are reserved for files on their way.

    A file counts as often as it was sent, although its bytes are kept once: so nobody can find out by this what others sent.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._kept: Counter[Owner] = Counter()
        self._reserved: Counter[Owner] = Counter()
        self._all_kept = self._all_reserved = 0
        #: How many files were kept since the start of the server, and how many bytes these have.
        self.received = self.received_bytes = 0
        #: Returns the bytes that are free on the disk on which files are kept.
        self.free: Callable[[], float] = lambda: math.inf

    def begin(self, kept: Mapping[Owner, int]) -> None:
        """Take over how many bytes are kept, as they were counted in the log."""
        self._kept = Counter(kept)
        self._all_kept = sum(self._kept.values())

    @property
    def kept(self) -> int:
        """How many bytes of files are kept for all."""
        return self._all_kept

    @property
    def coming(self) -> int:
        """How many bytes are on their way, or may soon be, for all."""
        return self._all_reserved

    def left(self, owner: Owner) -> float:
        """How many more bytes there is room for, for this owner."""
        return min(room for room, *_ in self._rooms(owner))

    def check(self, owner: Owner, size: int) -> None:
        """Raise `TooBig` or `Full` if there is no room for a file of this size."""
        if size > (most := self._limits["file"]):
            self._limits.met["file"] += 1
            raise TooBig(
                f"The file is too large: at most {format_size(int(most))} can be sent, and it has {format_size(size)}."
            )
        for room, limit, told in self._rooms(owner):
            if size > room:
                raise Full(told, limit)

    def _rooms(self, owner: Owner) -> tuple[tuple[float, str, str], ...]:
        """How many more bytes each limit allows, its name, and what is told to somebody who needs more."""
        own = self._limits["account-files"] - self._kept[owner] - self._reserved[owner]
        total = self._limits["files"] - self._all_kept - self._all_reserved
        free = (
            self.free() - self._limits["free-disk"] - self._all_reserved if self._limits["free-disk"] < math.inf else math.inf
        )
        return (
            (own, "account-files", "There is no room for more files of yours. Withdraw some that are not needed any more."),
            (total, "files", "The server has no room for more files. Tell the operator."),
            (free, "free-disk", "The server's disk is nearly full, so it takes no files. Tell the operator."),
        )

    def reserve(self, owner: Owner, size: int) -> None:
        """Note that so many bytes are on their way."""
        self._reserved[owner] += size
        self._all_reserved += size

    def release(self, owner: Owner, size: int) -> None:
        """Note that they are not on their way any more: they were kept, or given up."""
        self._reserved[owner] -= size
        self._all_reserved -= size
        if not self._reserved[owner]:
            del self._reserved[owner]

    def keep(self, owner: Owner, size: int) -> None:
        """Note that so many bytes more are kept."""
        self._kept[owner] += size
        self._all_kept += size
        self.received += 1
        self.received_bytes += size
