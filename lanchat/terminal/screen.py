"""Screen: text above the prompt, and whether the terminal has taken it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from prompt_toolkit.application import get_app_session

from lanchat.terminal.formatting import Paragraph, columns

#: Seconds between two writes: each takes the prompt away and draws it anew.
PAUSE = 0.1
#: Rows of one message that are shown at a time: none should sweep a screen.
MAX_ROWS = 100
#: Paragraphs that are remembered, to be drawn anew for another width: as many as a high window has rows.
MAX_RECENT = 200

#: A terminal does not go on in the next row by itself, and does so again (DECAWM). Rows are broken by us: where a terminal
#: takes a character to be wider than we do, it shows less of the row, and does not begin another one.
NO_WRAP, WRAP = "\x1b[?7l", "\x1b[?7h"


class Screen:
    """Writes paragraphs above the prompt, in the order in which they came."""

    def __init__(
        self,
        above: Callable[[], AbstractAsyncContextManager[None]],
        failed: Callable[[OSError], None],
        plain: bool,
        folds: bool,
    ) -> None:
        """`above` takes the prompt away for as long as something is written; `plain` terminals get no escape sequences.

        `folds`: rows are broken here. `failed` is called when the terminal takes no more, as it was hung up or has gone.
        """
        self._above = above
        self._failed = failed
        self._folds = folds
        self._marks = (NO_WRAP, WRAP) if folds and not plain else ("", "")
        self._waiting: list[Paragraph] = []
        self._recent: deque[Paragraph] = deque(maxlen=MAX_RECENT)
        self._rings = False
        self._writing: asyncio.Future[None] | None = None
        #: Held while a program of the person's own has the terminal.
        self.taken = asyncio.Lock()
        #: Whether it takes no more.
        self.broken = False

    @property
    def caught_up(self) -> bool:
        """Whether the terminal has taken all."""
        return not self._waiting and not self.broken

    def rest(self, paragraph: Paragraph) -> Paragraph | None:
        """What of a paragraph is too much to be shown at once, if anything."""
        return paragraph.rest(columns(), MAX_ROWS) if self._folds else None

    def ring(self) -> None:
        """Ring the bell with what is written next, however much there is to ring for."""
        self._rings = True

    def show(self, paragraph: Paragraph) -> None:
        """Show this soon."""
        self._waiting.append(paragraph)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    def flush(self) -> None:
        """Write what waits. There must be no prompt."""
        if not self._waiting or self.broken:
            return
        output = get_app_session().output
        text = "\a" * self._rings + "".join(map(self._drawn, self._waiting))
        try:
            output.write_raw(text.join(self._marks))
            output.flush()
        except OSError as error:
            self.fail(error)
        else:
            self._recent.extend(self._waiting)
            self._waiting.clear()
            self._rings = False

    def redrawn(self, rows: int) -> str:
        """The last of what was shown, which fills at most so many rows, for a terminal that has another width now."""
        shown: list[str] = []
        for paragraph in reversed(self._recent):
            shown[:0] = self._drawn(paragraph).splitlines(keepends=True)
            if len(shown) >= rows:
                break
        return "".join(shown[-rows:]).join(self._marks)

    def fail(self, error: OSError) -> None:
        """The terminal took no more."""
        if not self.broken:
            self.broken = True
            self._failed(error)

    async def _write(self) -> None:
        while self._waiting and not self.broken:
            try:
                async with self.taken, self._above():
                    self.flush()
            except OSError as error:  # the prompt could not be drawn
                self.fail(error)
            await asyncio.sleep(PAUSE)

    def _drawn(self, paragraph: Paragraph) -> str:
        return paragraph.drawn(columns(), MAX_ROWS) if self._folds else paragraph.drawn()
