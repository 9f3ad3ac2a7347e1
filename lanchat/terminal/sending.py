"""The user interface of `lanchat --send FILE`: it sends files, says what became of each, and ends."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from lanchat.client.connection import Client
from lanchat.client.interfaces import DONE, NOT_DELIVERED, Answered, ConnectionState, OutgoingMessage
from lanchat.client.session import ClientSession
from lanchat.protocol.packet import ReceivedPacket, visible
from lanchat.system.printing import STDERR, OutputError, print_text
from lanchat.terminal.formatting import printable, write_error
from lanchat.transfers.failed import Failed
from lanchat.transfers.progress import Progress
from lanchat.transfers.questions import Questions
from lanchat.transfers.requests import Requests
from lanchat.transfers.uploads import Sent, Uploads

#: Seconds between two texts about how far a file has been sent; and on a terminal that can't replace a line.
SHOWN_SECONDS, PLAIN_SECONDS = 0.2, 10.0
#: Returns to the begin of a line and erases it (ECMA-48).
ERASE = "\r\x1b[K"


class SendFiles:
    """Sends files to one room or user, one after another."""

    def __init__(self, to: str, paths: Sequence[Path], caption: str, as_json: bool, quiet: bool) -> None:
        self._to = to
        self._waiting = list(paths)
        self._caption = caption
        self._json = as_json
        self._quiet = quiet
        self._failures = 0
        self._begun = False
        self._session: ClientSession
        self._questions: Questions
        self._uploads: Uploads
        self._meter = Meter(STDERR)

    def start(self, client: Client, requests: Callable[[], Requests]) -> None:
        """Wait until the server has welcomed us. What others say meanwhile is left for another time."""
        self._session = client.session
        self._session.forgo("resume", "typing", "read")
        self._questions = Questions(client.session)
        self._uploads = Uploads(self._questions, requests())
        self._meter.now = client.reactor.seconds

    async def close(self) -> None:
        """Report the files that were not sent."""
        self._meter.clear()
        if self._session.was_welcomed:
            for path in self._waiting:
                self._fail(path, "the session has ended.")

    @property
    def failed(self) -> bool:
        """Whether a file was not sent."""
        return self._failures > 0 or bool(self._waiting)

    @property
    def caught_up(self) -> bool:
        """Never: messages are not shown here."""
        return False

    def ask(self, question: str, answered: Answered, hidden: bool = True) -> None:
        """Answer None: nobody is asked."""
        answered(None)

    # Called by the session.

    def packet_received(self, packet: ReceivedPacket, request: OutgoingMessage | None, line: bytes) -> None:
        """Take in what is about the files; nothing else is shown."""
        if not self._questions.take(packet, request):
            self._uploads.take(packet)

    def not_acknowledged(self, message: OutgoingMessage, why: str) -> None:
        """Take in that a command was not answered."""
        self._questions.not_acknowledged(message, why)

    def messages_missing(self, why: str) -> None:
        """Nothing: no messages are shown."""

    def notice(self, text: str) -> None:
        """Write a text for people to stderr."""
        self._meter.clear()
        write_error(text)

    def state_changed(self) -> None:
        """Begin, once there is a connection."""
        if self._session.online and not self._begun:
            self._begun = True
            Deferred.fromCoroutine(self._send_all()).addErrback(self._broken)

    async def _send_all(self) -> None:
        why = await self._enter()
        while self._waiting and self._session.state is not ConnectionState.ENDED:
            path = self._waiting[0]
            try:
                if why:
                    raise Failed(why)
                progress = Progress("sending", path.name, _size(path), self._meter.show)
                sent = await self._uploads.send(self._to, path, self._caption, progress.moved)
            except Failed as failed:
                self._meter.clear()
                self._fail(path, str(failed))
            else:
                self._meter.clear()
                self._tell(sent)
            del self._waiting[:1]
        self._session.end(DONE)

    async def _enter(self) -> str:
        """Enter the room, if it is one, as guests must; why that is impossible, or ""."""
        if not self._to.startswith("#") or self._session.log_sync.has_log or "file" not in self._session.caps:
            return ""
        try:
            await self._questions.ask("/join", self._to)
        except Failed as failed:
            return str(failed)
        return ""

    def _tell(self, sent: Sent) -> None:
        """Print what was sent. Raises `OutputError`."""
        if self._json:
            print_text(printable(json.dumps(sent.answer, ensure_ascii=False).encode()))
        elif not self._quiet:
            print_text(f"{sent.file.described} was sent to {visible(self._to, 64)}.")

    def _fail(self, path: Path, why: str) -> None:
        self._failures += 1
        write_error(f"{visible(str(path), 200)} was not sent: {why}")

    def _broken(self, failure: Failure) -> None:
        """End the session: stdout takes no more, or there is a bug, which is shown with its traceback."""
        self._failures += 1
        self._waiting.clear()
        self._session.end(NOT_DELIVERED, str(failure.value) if failure.check(OutputError) else failure.getTraceback())


class Meter:
    """Shows on a terminal how far a file has been sent; where there is no terminal, nothing."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._is_terminal = os.isatty(descriptor)
        self._plain = os.environ.get("TERM", "").lower() in ("", "dumb", "unknown")
        self._shown = False
        self._next: float | None = None
        #: Returns the time in seconds.
        self.now: Callable[[], float] = float

    def show(self, progress: Progress) -> None:
        """Show how far it is, unless that was shown just now."""
        now, pause = self.now(), PLAIN_SECONDS if self._plain else SHOWN_SECONDS
        if not self._is_terminal or (self._next is not None and now < self._next):
            return
        is_first, self._next = self._next is None, now + pause
        if self._plain:
            self._write("" if is_first else f"{progress}\n")
        else:
            self._write(f"{ERASE}{progress}")
            self._shown = True

    def clear(self) -> None:
        """Erase what is shown."""
        self._next = None
        if self._shown:
            self._shown = False
            self._write(ERASE)

    def _write(self, text: str) -> None:
        data: Any = text.encode(errors="replace")
        try:
            os.write(self._descriptor, data)
        except OSError:  # (nobody looks, so nobody misses it)
            self._is_terminal = False


def _size(path: Path) -> int:
    """The size of a file for the display; 0 if it can't be read, which is reported when it is opened."""
    try:
        return path.expanduser().stat().st_size
    except (OSError, RuntimeError, ValueError):
        return 0
