"""Screen: text above the prompt, and whether the terminal has taken it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from prompt_toolkit.application import get_app_session, in_terminal

#: Seconds between two writes: each takes the prompt away and draws it anew.
PAUSE = 0.1


class Screen:
    """Writes text above the prompt, in the order in which it came."""

    def __init__(self, failed: Callable[[OSError], None]) -> None:
        """`failed` is called when the terminal takes no more, because it was hung up or has gone."""
        self._failed = failed
        self._waiting: list[str] = []
        self._writing: asyncio.Future[None] | None = None
        #: Whether it takes no more.
        self.broken = False

    @property
    def caught_up(self) -> bool:
        """Whether the terminal has taken all."""
        return not self._waiting and not self.broken

    def show(self, text: str) -> None:
        """Add a text, as it is to be written, to what the terminal is sent next, above the prompt if there is one."""
        self._waiting.append(text)
        if self._writing is None or self._writing.done():
            self._writing = asyncio.ensure_future(self._write())

    def flush(self) -> None:
        """Write what waits. There must be no prompt."""
        if not self._waiting or self.broken:
            return
        output = get_app_session().output
        try:
            output.enable_autowrap()
            output.write_raw("".join(self._waiting))
            output.flush()
        except OSError as error:
            self.fail(error)
        else:
            self._waiting.clear()

    async def _write(self) -> None:
        while self._waiting and not self.broken:
            try:
                async with in_terminal():
                    self.flush()
            except OSError as error:  # the prompt could not be drawn
                self.fail(error)
            await asyncio.sleep(PAUSE)

    def fail(self, error: OSError) -> None:
        """The terminal took no more."""
        if not self.broken:
            self.broken = True
            self._failed(error)
