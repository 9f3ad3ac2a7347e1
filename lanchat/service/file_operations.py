"""What administrators can do about the files of messages."""

from __future__ import annotations

from lanchat.files.cleaning import Cleaning
from lanchat.service.requests import Done, format_count
from lanchat.store.store import Store
from lanchat.tables import files


async def mend(store: Store, cleaning: Cleaning) -> Done:
    """Forget files whose message is not there, and unlink those that no message needs. Raises `FileError` or a `ChatError`."""
    strays = await store.read(files.strays, slow=True)
    forgotten, unlinked = await cleaning.mend(strays)
    removed, rows = format_count(unlinked, "file"), format_count(forgotten, "row")
    text = f"Mended: {removed} that no message has were removed, and {rows} of files without a message."
    return Done(text, {"unlinked": unlinked, "forgotten": forgotten})
