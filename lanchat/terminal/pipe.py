"""Pipe: the face for scripts, cron and bots: lines on stdin go out, what comes in is printed, errors go to stderr."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from typing import Any

from twisted.internet import fdesc
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from lanchat.client.connection import Client
from lanchat.client.interfaces import DONE, NOT_DELIVERED, Link, NotSent, Said
from lanchat.client.log_sync import MISSED
from lanchat.client.session import GOODBYE, ClientSession
from lanchat.protocol.destination import Destination
from lanchat.protocol.packet import MAX_MSG, ServerPacket, visible
from lanchat.protocol.typed_lines import UnclearLine, check_no_secret
from lanchat.system.printing import STDIN, STDOUT, OutputError
from lanchat.system.private_files import without_bom
from lanchat.terminal.formatting import Painter, Paragraph, columns, complain, harmless
from lanchat.terminal.input_lines import Block, Lines, LinesAre, decoded
from lanchat.terminal.streams import Input, Output

#: So much said and not acknowledged, and no more is read from stdin for now.
MAX_WAITING = 100
#: Failures that are told one by one.
MAX_COMPLAINTS = 20
#: Seconds in which a program that reads stdout, and has enough, ends. Only then is what it was given at last acknowledged.
READER_SECONDS = 0.2


class Pipe:
    """Says what is on stdin, prints what comes in, and ends when stdin has and all is acknowledged."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        to: str,
        painter: Painter,
        as_json: bool,
        quiet: bool,
        patience: float,
        lines: LinesAre = LinesAre.TYPED,
        block: bool = False,
    ) -> None:
        """`to` is whom lines are said to, `lines` what they may be; `block`: all are one. `patience` is in seconds."""
        self._failures = 0
        self._to = to
        self._destination = Destination(to)
        self._painter = painter
        self._json = as_json
        self._quiet = quiet
        self._patience = patience
        self._kind = lines
        self._whole = block
        # The end of a line may be on it yet.
        self._lines: Lines | Block = Block(MAX_MSG + 1) if block else Lines(MAX_MSG + 1)
        self._count = 0
        self._stalled: Any = None
        self._reading = True
        self._broken = False
        self._client: Client
        self._conversation: ClientSession
        self._clock: Any
        self._input: Input
        self._output: Output

    def start(self, client: Client) -> None:
        """Take over stdin and stdout; while stdout takes no more, nothing is read from the server."""
        self._client = client
        self._conversation = client.conversation
        self._clock = client.reactor
        self._output = Output(client.reactor, self, STDOUT, self._conversation.reading.shown)
        self._output.registerProducer(client.factory, True)
        self._input = Input(client.reactor, self, STDIN)

    async def close(self) -> None:
        """Write out what is still to be printed, and give back stdin and stdout as they were."""
        self._input.stopReading()
        try:
            await self._output.written()
            if self._output.is_pipe and self._conversation.reading.owes:
                await deferLater(self._clock, READER_SECONDS)
        finally:
            self._leave()

    def _leave(self) -> None:
        self._output.leave()
        if self._output.waiting and not self._broken:
            self._fail("not all that came could be printed: nobody reads stdout.")
        if self._failures > MAX_COMPLAINTS:
            complain(f"... and {self._failures - MAX_COMPLAINTS} more")
        for descriptor in (STDIN, STDOUT):
            fdesc.setBlocking(descriptor)  # others may share them: the shell, or what runs next in a script

    @property
    def failed(self) -> bool:
        """Whether anything was not delivered, or not printed."""
        return self._failures > 0 or self._broken

    @property
    def caught_up(self) -> bool:
        """Whether all that came is written to stdout, which somebody reads yet; it never is if it is not printed at all."""
        return not self._quiet and not self._broken and self._output.flush()

    def ask(self, question: str, answered: Callable[[str | None], None], hidden: bool = True) -> None:
        """There is nobody."""
        answered(None)

    # What stdin and stdout tell.

    def childDataReceived(self, name: str, data: bytes) -> None:
        """Lines to say."""
        self._say_all(self._lines.feed(data))
        self._match_reading()

    def childConnectionLost(self, name: str, reason: Failure) -> None:
        """Stdin is at its end, or stdout takes no more."""
        if name == "write":
            self._unprinted()
        else:
            self._all_read()

    def _all_read(self) -> None:
        """What is on its way is waited for."""
        if (error := self._input.error) is not None:
            self._fail(f"can't read stdin to its end: {error.strerror}")
        self._say_all(self._lines.end())
        self._reading = False
        self._stalled = self._clock.callLater(self._patience, self._stall)
        self.changed()

    def _unprinted(self) -> None:
        """Whatever else comes can't be printed, so it shall come another time. Of a reader who has gone nobody needs a word."""
        self._broken = True
        if self._output.error is not None and (why := str(OutputError(self._output.error))):
            complain(why)
        self._input.stopReading()
        self._conversation.end(NOT_DELIVERED)

    # What the conversation tells.

    def came(self, packet: ServerPacket, answers: Said | None, line: bytes) -> None:
        """Print a packet; what was refused goes to stderr."""
        failed = packet.x is not None and packet.x.op == "fail"
        if failed:
            self._fail(f"{_shortly(answers)}{visible(packet.msg, 400)}")
        is_answer = self._is_answer(packet)
        if self._quiet and not (failed or is_answer or answers is not None or _is_asked_for(packet)):
            return
        width = columns() if os.isatty(STDOUT) else None
        if self._json:
            self._print((line.strip() if width is None else harmless(line).encode()) + b"\n")
        elif is_answer:
            self._print("".join(Paragraph("", "", "", text).drawn(width) for text in packet.msg.splitlines()).encode())
        elif packet.from_.name != "SERVER":
            self._print(self._painter.packet(packet).drawn(width).encode())

    def unanswered(self, said: Said, why: str) -> None:
        """Say what may not have arrived, and remember it for the exit code."""
        self._fail(f"not acknowledged ({why}): {visible(said.to, 64)}: {visible(said.msg, 100)}")

    def incomplete(self, why: str) -> None:
        """Tell it, and remember it for the exit code."""
        self._fail(why)

    def notice(self, text: str) -> None:
        """Tell a person who looks; a program that reads stdout is not concerned."""
        complain(text)

    def changed(self) -> None:
        """Go on reading, or end if there is nothing more to do."""
        if self._stalled is None:
            self._match_reading()
        elif not self._conversation.waiting:
            self._finish()
        elif self._stalled.active():
            self._stalled.reset(self._patience)

    # How lines become messages.

    def _say_all(self, lines: Iterable[bytes | None]) -> None:
        for line in lines:
            self._count += 1
            try:
                self._say(line)
            except (NotSent, UnclearLine) as error:
                what = "what is on stdin" if self._whole else f"line {self._count}"
                self._fail(f"{what} was not sent: {error}")

    def _say(self, line: bytes | None) -> None:
        if line is None:
            raise NotSent(f"it is longer than {MAX_MSG} bytes.")
        if self._count == 1:
            line = without_bom(line)
        try:
            text = decoded(line)
        except NotSent:
            self._destination.failed(line.decode(errors="replace"))
            raise
        if not text.strip():
            return
        if self._kind is LinesAre.TYPED:
            if (typed := self._destination.read(text)) is not None:
                self._conversation.say(*typed)
            return
        if self._kind is LinesAre.TEXT:
            check_no_secret(text)
        self._conversation.say(self._to, text)

    def _match_reading(self) -> None:
        """Read no faster than messages are acknowledged."""
        wanted = self._conversation.waiting < MAX_WAITING
        if wanted is not self._reading and not self._broken:
            self._reading = wanted
            (self._input.startReading if wanted else self._input.stopReading)()

    def _finish(self) -> None:
        """All is acknowledged. A server without acknowledgements answers a goodbye when it has read all before it."""
        if self._conversation.link is Link.CLASSIC and not self._conversation.quitting:
            self._conversation.say("/quit", "")
        elif self._conversation.link is Link.CAPABLE or (self._conversation.link is Link.OFFLINE and self._conversation.begun):
            self._conversation.end(DONE)

    def _stall(self) -> None:
        """Nothing has moved for too long. The first connection and its welcome have their own time, and words."""
        if self._conversation.resting or not self._conversation.begun:
            self._stalled = self._clock.callLater(self._patience, self._stall)
        else:
            why = "the server did not send all that it announced" if self._conversation.up else "there was no connection"
            self._conversation.end(NOT_DELIVERED, f"{why}, and nothing came for {self._patience:.0f} s. Try again.")

    # What is printed.

    def _is_answer(self, packet: ServerPacket) -> bool:
        """Whether this answers a command: welcomes, acknowledgements, comings and goings are not printed."""
        if packet.from_.name != "SERVER":
            return False
        classic = self._conversation.link is Link.CLASSIC  # commands had no id there, and neither have answers
        if packet.x is None:
            return classic and packet.msg != GOODBYE
        return packet.x.op in ("ok", "end") and (classic or packet.x.cid is not None)

    def _print(self, data: bytes) -> None:
        if not self._broken:
            self._output.write(data)

    def _fail(self, text: str) -> None:
        self._failures += 1
        if self._failures <= MAX_COMPLAINTS:
            complain(text)


def _is_asked_for(packet: ServerPacket) -> bool:
    """Whether a message came because of a /history or a /search."""
    return packet.x is not None and packet.x.batch not in (None, MISSED)


def _shortly(said: Said | None) -> str:
    """What a refusal is about, in few words."""
    if said is None or said.to.startswith("/"):
        return ""
    return f"not delivered: {visible(said.msg, 40)!r}: "
