"""Writes text above the prompt, and knows whether the terminal has taken it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from prompt_toolkit.application import get_app_session

from lanchat.terminal.formatting import Paragraph, columns

#: Seconds between two writes: each hides the prompt and draws it again.
WRITE_INTERVAL = 0.1
#: Rows of one message that are shown at a time, so that none clears the whole screen.
MAX_ROWS = 100
#: Paragraphs that are kept to be drawn again for another width: about as many as a tall window has rows.
MAX_RECENT = 200

#: Turn automatic wrapping off and on (DECAWM). Rows are broken by us; a terminal that counts a character wider than we do then
#: cuts the row off, and does not begin another.
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"


class Screen:
    """Writes paragraphs above the prompt, in the order in which they came."""

    def __init__(
        self,
        hide_prompt: Callable[[], AbstractAsyncContextManager[None]],
        failed: Callable[[OSError], None],
        plain: bool,
        folds: bool,
    ) -> None:
        """`hide_prompt` hides the prompt while something is written; a `plain` terminal gets no escape sequences.

        `folds`: rows are broken here. `failed` is called when the terminal was hung up or has gone.
        """
        self._hide_prompt = hide_prompt
        self._failed = failed
        self._folds = folds
        self._wrap_codes = (NO_WRAP, WRAP) if folds and not plain else ("", "")
        self._waiting: list[Paragraph] = []
        self._recent: deque[Paragraph] = deque(maxlen=MAX_RECENT)
        self._bell_waiting = False
        self._writing: asyncio.Future[None] | None = None
        #: Held while another program (the editor) has the terminal.
        self.terminal_lock = asyncio.Lock()
        #: Whether writing to the terminal has failed.
        self.broken = False

    @property
    def caught_up(self) -> bool:
        """Whether the terminal has taken everything."""
        return not self._waiting and not self.broken

    def rest(self, paragraph: Paragraph) -> Paragraph | None:
        """The part of a paragraph that is too long to be shown at once; None if there is none."""
        return paragraph.rest(columns(), MAX_ROWS) if self._folds else None

    def ring(self) -> None:
        """Ring the bell once with the next write."""
        self._bell_waiting = True

    def show(self, paragraph: Paragraph) -> None:
        """Show a paragraph with the next write."""
        self._waiting.append(paragraph)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    def flush(self) -> None:
        """Write what is waiting, at once. The prompt must be hidden."""
        if not self._waiting or self.broken:
            return
        output = get_app_session().output
        text = "\a" * self._bell_waiting + "".join(map(self._rendered, self._waiting))
        try:
            output.write_raw(text.join(self._wrap_codes))
            output.flush()
        except OSError as error:
            self.fail(error)
        else:
            self._recent.extend(self._waiting)
            self._waiting.clear()
            self._bell_waiting = False

    def redrawn(self, rows: int) -> str:
        """The last paragraphs, in at most so many rows, for the terminal's present width."""
        shown: list[str] = []
        for paragraph in reversed(self._recent):
            shown[:0] = self._rendered(paragraph).splitlines(keepends=True)
            if len(shown) >= rows:
                break
        return "".join(shown[-rows:]).join(self._wrap_codes)

    def fail(self, error: OSError) -> None:
        """Note that the terminal took no more, and report it once."""
        if not self.broken:
            self.broken = True
            self._failed(error)

    async def _write(self) -> None:
        while self._waiting and not self.broken:
            try:
                async with self.terminal_lock, self._hide_prompt():
                    self.flush()
            except OSError as error:  # the prompt could not be drawn
                self.fail(error)
            await asyncio.sleep(WRITE_INTERVAL)

    def _rendered(self, paragraph: Paragraph) -> str:
        return paragraph.rendered(columns(), MAX_ROWS) if self._folds else paragraph.rendered()
