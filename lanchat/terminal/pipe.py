"""The user interface for scripts, cron and bots: stdin lines are sent, messages are printed, errors go to stderr."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from twisted.internet import fdesc
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from lanchat.client.connection import Client
from lanchat.client.interfaces import DONE, NOT_DELIVERED, Answered, ConnectionState, NotSent, OutgoingMessage
from lanchat.client.log_sync import RESUME_BATCH
from lanchat.client.session import GOODBYE, ClientSession
from lanchat.protocol.destination import Destination
from lanchat.protocol.packet import MAX_MSG, ReceivedPacket, visible
from lanchat.protocol.typed_lines import UnclearLine, check_no_secret
from lanchat.system.printing import STDIN, STDOUT, OutputError
from lanchat.system.private_files import without_bom
from lanchat.terminal.arrivals import is_news
from lanchat.terminal.formatting import Formatter, Paragraph, columns, is_notice, printable, write_error
from lanchat.terminal.input_lines import InputMode, LineSplitter, WholeInput, decoded
from lanchat.terminal.streams import StdinReader, StdoutWriter

if TYPE_CHECKING:
    from lanchat.transfers.requests import Requests

#: Messages that may be unacknowledged before reading from stdin pauses.
MAX_WAITING = 100
#: Errors that are printed one by one; the rest are counted.
MAX_SHOWN_ERRORS = 20
#: Seconds that a program which has read enough of stdout gets to end, before the last messages are acknowledged.
READER_SECONDS = 0.2


class Pipe:
    """Sends the lines of stdin, prints what comes, and ends when stdin has ended and everything is acknowledged."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        to: str,
        formatter: Formatter,
        as_json: bool,
        quiet: bool,
        timeout: float,
        lines: InputMode = InputMode.TYPED,
        block: bool = False,
    ) -> None:
        """`to` is the target of lines, `lines` what they may be; `block`: all are one message. `timeout` is in seconds."""
        self._failures = 0
        self._to = to
        self._destination = Destination(to)
        self._formatter = formatter
        self._json = as_json
        self._quiet = quiet
        self._timeout = timeout
        self._mode = lines
        self._block = block
        # One more byte than a message: the end of the line is included.
        self._lines: LineSplitter | WholeInput = WholeInput(MAX_MSG + 1) if block else LineSplitter(MAX_MSG + 1)
        self._line_number = 0
        self._stall_timer: Any = None
        self._reading = True
        self._broken = False
        self._client: Client
        self._session: ClientSession
        self._clock: Any
        self._input: StdinReader
        self._output: StdoutWriter

    def start(self, client: Client, requests: Callable[[], Requests]) -> None:
        """Take over stdin and stdout. While stdout is blocked, nothing is read from the server."""
        self._client = client
        self._session = client.session
        self._session.forgo("typing", "read")
        self._formatter.name = self._session.name
        self._clock = client.reactor
        self._output = StdoutWriter(client.reactor, self, STDOUT, self._session.log_sync.displayed)
        self._output.registerProducer(client.factory, True)
        self._input = StdinReader(client.reactor, self, STDIN)

    async def close(self) -> None:
        """Write what is still waiting, and restore stdin and stdout."""
        self._input.stopReading()
        try:
            await self._output.written()
            if self._output.is_pipe and self._session.log_sync.has_unacknowledged:
                await deferLater(self._clock, READER_SECONDS)
        finally:
            self._release()

    def _release(self) -> None:
        self._output.release()
        if self._output.waiting and not self._broken:
            self._fail("some messages could not be printed: nobody reads stdout.")
        if self._failures > MAX_SHOWN_ERRORS:
            write_error(f"... and {self._failures - MAX_SHOWN_ERRORS} more")
        for descriptor in (STDIN, STDOUT):
            fdesc.setBlocking(descriptor)  # other programs may share them: the shell, or the next command of a script

    @property
    def failed(self) -> bool:
        """Whether anything was not delivered, or not printed."""
        return self._failures > 0 or self._broken

    @property
    def caught_up(self) -> bool:
        """Whether everything was written to stdout and somebody still reads it; never true with --quiet."""
        return not self._quiet and not self._broken and self._output.flush()

    def ask(self, question: str, answered: Answered, hidden: bool = True) -> None:
        """Answer None: there is nobody to ask."""
        answered(None)

    # Called by stdin and stdout.

    def childDataReceived(self, name: str, data: bytes) -> None:
        """Send the lines that came on stdin."""
        self._send_lines(self._lines.feed(data))
        self._adjust_reading()

    def childConnectionLost(self, name: str, reason: Failure) -> None:
        """Stdin has ended, or stdout was closed."""
        if name == "write":
            self._stdout_closed()
        else:
            self._stdin_ended()

    def _stdin_ended(self) -> None:
        """Send the last line, and wait for acknowledgements."""
        if (error := self._input.error) is not None:
            self._fail(f"can't read stdin to its end: {error.strerror}")
        self._send_lines(self._lines.end())
        self._reading = False
        self._stall_timer = self._clock.callLater(self._timeout, self._timed_out)
        self.state_changed()

    def _stdout_closed(self) -> None:
        """End the session: what comes now can't be printed, and is shown another time. A closed pipe is no error to report."""
        self._broken = True
        if self._output.error is not None and (why := str(OutputError(self._output.error))):
            write_error(why)
        self._input.stopReading()
        self._session.end(NOT_DELIVERED)

    # Called by the session.

    def packet_received(self, packet: ReceivedPacket, request: OutgoingMessage | None, line: bytes) -> None:
        """Print a packet; a refusal goes to stderr."""
        failed = packet.x is not None and packet.x.op == "fail"
        if failed:
            self._fail(f"{_excerpt(request)}{visible(packet.msg, 400)}")
        is_answer = self._is_answer(packet)
        if self._quiet and not (failed or is_answer or request is not None or _is_history(packet)):
            return
        width = columns() if os.isatty(STDOUT) else None
        if self._json:
            self._print((line.strip() if width is None else printable(line).encode()) + b"\n")
        elif is_answer:
            self._print("".join(Paragraph("", "", "", text).rendered(width) for text in packet.msg.splitlines()).encode())
        elif packet.from_.name != "SERVER" or self._is_news(packet):
            self._print(self._formatter.packet(packet).rendered(width).encode())
        self._formatter.excerpts.recent.learn(packet, request, self._session.name)

    def not_acknowledged(self, message: OutgoingMessage, why: str) -> None:
        """Report a message that may not have arrived, and count it for the exit code."""
        self._fail(f"not acknowledged ({why}): {visible(message.to, 64)}: {visible(message.msg, 100)}")

    def messages_missing(self, why: str) -> None:
        """Report it, and count it for the exit code."""
        self._fail(why)

    def notice(self, text: str) -> None:
        """Write a text for people to stderr; programs that read stdout do not see it."""
        write_error(text)

    def state_changed(self) -> None:
        """Continue reading, or end if nothing is left to do."""
        if self._stall_timer is None:
            self._adjust_reading()
        elif not self._session.waiting:
            self._finish()
        elif self._stall_timer.active():
            self._stall_timer.reset(self._timeout)

    # From lines to messages.

    def _send_lines(self, lines: Iterable[bytes | None]) -> None:
        for line in lines:
            self._line_number += 1
            try:
                self._send_line(line)
            except (NotSent, UnclearLine) as error:
                what = "what is on stdin" if self._block else f"line {self._line_number}"
                self._fail(f"{what} was not sent: {error}")

    def _send_line(self, line: bytes | None) -> None:
        if line is None:
            raise NotSent(f"it is longer than {MAX_MSG} bytes.")
        if self._line_number == 1:
            line = without_bom(line)
        try:
            text = decoded(line)
        except NotSent:
            self._destination.failed(line.decode(errors="replace"))
            raise
        if not text.strip():
            return
        if self._mode is InputMode.TYPED:
            if (typed := self._destination.read(text)) is not None:
                self._session.send(*typed)
            return
        if self._mode is InputMode.TEXT:
            check_no_secret(text)
        self._session.send(self._to, text)

    def _adjust_reading(self) -> None:
        """Read from stdin no faster than messages are acknowledged."""
        wanted = self._session.waiting < MAX_WAITING
        if wanted is not self._reading and not self._broken:
            self._reading = wanted
            (self._input.startReading if wanted else self._input.stopReading)()

    def _finish(self) -> None:
        """Everything is acknowledged: end. A classic server gets a /quit, whose answer shows that it read everything."""
        if self._session.state is ConnectionState.CLASSIC and not self._session.quitting:
            self._session.send("/quit", "")
        elif self._session.state is ConnectionState.CAPABLE or (
            self._session.state is ConnectionState.OFFLINE and self._session.was_welcomed
        ):
            self._session.end(DONE)

    def _timed_out(self) -> None:
        """End the session if nothing has moved for too long. The first connection has its own time limit and error."""
        if self._session.paused or not self._session.was_welcomed:
            self._stall_timer = self._clock.callLater(self._timeout, self._timed_out)
        else:
            why = "the server did not send everything that it announced" if self._session.online else "there was no connection"
            self._session.end(NOT_DELIVERED, f"{why}, and nothing came for {self._timeout:.0f} s. Try again.")

    # Output.

    def _is_answer(self, packet: ReceivedPacket) -> bool:
        """Whether this answers a command. Welcomes, acknowledgements, arrivals and departures are not printed."""
        if packet.from_.name != "SERVER":
            return False
        classic = self._session.state is ConnectionState.CLASSIC  # commands have no id there, so neither have answers
        if packet.x is None:
            return classic and packet.msg != GOODBYE
        return packet.x.op in ("ok", "end") and (classic or packet.x.cid is not None)

    def _is_news(self, packet: ReceivedPacket) -> bool:
        """Whether this is a notice of the server's, or says what somebody did in a room, such as a new topic."""
        x = packet.x
        return is_notice(packet) or (x is not None and x.op == "event" and is_news(x, self._session.name))

    def _print(self, data: bytes) -> None:
        if not self._broken:
            self._output.write(data)

    def _fail(self, text: str) -> None:
        self._failures += 1
        if self._failures <= MAX_SHOWN_ERRORS:
            write_error(text)


def _is_history(packet: ReceivedPacket) -> bool:
    """Whether a message came because of /history or /search."""
    return packet.x is not None and packet.x.batch not in (None, RESUME_BATCH)


def _excerpt(message: OutgoingMessage | None) -> str:
    """What a refusal is about, in a few words; "" for a command."""
    if message is None or message.to.startswith("/"):
        return ""
    return f"not delivered: {visible(message.msg, 40)!r}: "
