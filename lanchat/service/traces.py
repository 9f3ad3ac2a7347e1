"""Traces: what is left in the file of messages that were erased or withdrawn, and how it is removed."""

from __future__ import annotations

import sqlite3

from twisted.internet.defer import DeferredLock
from twisted.logger import Logger

from lanchat.maintenance import rewrite
from lanchat.protocol.packet import visible
from lanchat.service.requests import ReportProgress
from lanchat.store.changes import CountWithdrawn, NoteErased
from lanchat.store.store import Store
from lanchat.store.word_index import MergeIndex
from lanchat.system.private_files import FileError

#: How many pages (of 4 KiB) of the word index one step of its merge writes.
MERGE_PAGES = 250

_log = Logger("lanchat.operations")


class Traces:
    """Removes traces from the file of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._rewriting = DeferredLock()

    async def erase(self, report: ReportProgress = lambda done, what: None) -> None:
        """Remove what was erased or withdrawn from the search index and from unused parts of the file. Raises `FileError`."""
        withdrawn = await self._store.maintain(CountWithdrawn())
        report(0.7, "erasing words from the index")
        first = True
        while await self._store.maintain(MergeIndex(first, MERGE_PAGES)):
            first = False
        await self.rewrite(report)
        await self._store.maintain(NoteErased(withdrawn))

    async def rewrite(self, report: ReportProgress) -> None:
        """Write the database file anew, so that no trace is left; meanwhile messages wait. Only one runs at a time."""
        async with self._rewriting:
            report(0.8, "rewriting the file")
            await self._store.maintain(rewrite.SetWait(rewrite.LONG_WAIT))
            try:
                await rewrite.rewrite(self._store)
            except (FileError, OSError, sqlite3.Error) as error:
                raise FileError(str(error)) from None
            finally:
                self._store.maintain(rewrite.SetWait(rewrite.USUAL_WAIT)).addErrback(
                    lambda failure: _log.error("not stored: {why}", why=visible(str(failure.value)))
                )
