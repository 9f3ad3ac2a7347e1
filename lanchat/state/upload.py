"""Upload: a file on its way. Whoever takes its bytes (`lanchat.files`) delivers it, or gives it up."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from typing import TypeAlias

from lanchat.protocol.entry import Entry
from lanchat.protocol.files import FileInfo
from lanchat.protocol.interfaces import DelayedCall
from lanchat.state.file_space import Owner

#: Says the message that a file goes with. Raises a `ChatError` if that is not possible any more.
Say: TypeAlias = Callable[[FileInfo], Awaitable[Entry]]


class Upload:
    """A file on its way. Its bytes, and its place among the files that are on their way, are reserved until it has ended."""

    def __init__(self, end: Callable[[Upload], None], say: Say, owner: Owner, name: str, sizes: tuple[int, int]) -> None:
        """`sizes` are those of the thumbnail (0: there is none) and of the file, in bytes."""
        self._end, self._say = end, say
        #: Whose it is, and what it counts as among the uploads of one address.
        self.owner = owner
        self.place: Hashable = owner
        #: The name of the file, without anything that can't be in names of files.
        self.name = name
        #: How many bytes come: first those of the thumbnail, then those of the file, which may be fewer for a webhook.
        self.thumb, self.size = sizes
        #: As in `FileInfo`.
        self.width = self.height = 0
        #: Whether it has ended: it was delivered or given up.
        self.ended = False
        #: Ends it when nobody has claimed it in time.
        self.timeout: DelayedCall | None = None
        #: Returns whether there still is somebody who sends it.
        self.is_wanted: Callable[[], bool] = lambda: True

    @property
    def most(self) -> int:
        """How many bytes are taken of it: the thumbnail and the file."""
        return self.thumb + self.size

    @property
    def address(self) -> str:
        """The address whose files are counted together with it; "" if it is an account's, or a webhook's."""
        return self.owner[1]

    async def deliver(self, file: FileInfo) -> Entry:
        """Say the message that the file goes with, and return it when it is stored and delivered.

        All bytes of the file have been synced to the disk. If the entry is a repeat (`Entry.dup`), its file is that of the
        first one, and this one is not needed. Raises `NotStored` if it could not be stored for now, and another `ChatError` if
        the sender has gone, or may not say anything there any more. In each case the upload has ended.
        """
        try:
            entry = await self._say(file)
        finally:
            self.abandon()
        return entry

    def abandon(self) -> None:
        """Give it up, unless it has ended."""
        if not self.ended:
            self.ended = True
            self._end(self)
