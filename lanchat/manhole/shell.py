"""The shell in one channel of an SSH connection: a prompt on a terminal, one command, or a script on standard input.

Conch's own `SSHSession` and `TerminalSession` are not used: they raise at the end of input and when a window changes, refuse
commands, need a terminal, and clear the operator's screen.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any, ClassVar, Protocol

from twisted.conch.ssh.channel import SSHChannel
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.connection import EXTENDED_DATA_STDERR
from twisted.conch.ssh.session import parseRequest_pty_req, parseRequest_window_change

from lanchat.manhole.console import MAX_SOURCE, Console
from lanchat.manhole.editor import Editor
from lanchat.manhole.operator import Operator, conch_log
from lanchat.system.columns import fold

#: Columns of a time and the blank after it.
TIME_WIDTH = 9
GREETING = "A Python prompt inside the running server: help() lists the commands, Ctrl-D leaves.\n"


class Transport(Protocol):
    """What a channel needs of the connection that it is in."""

    #: Whether more was written than the network takes for now.
    behind: bool


class Connection(Protocol):
    """What a channel needs of the SSH connection protocol (`lanchat.manhole.ssh.SessionChannels`)."""

    @property
    def transport(self) -> Transport:
        """The transport of SSH (RFC 4253), which encrypts all channels of this connection."""

    def sendClose(self, channel: SSHChannel) -> None:
        """Tell the client that a channel is closed on our side (RFC 4254, 5.3)."""

    def sendRequest(self, channel: SSHChannel, requestType: bytes, data: bytes) -> object:  # noqa: N803 (its name in conch)
        """Send a request about a channel to the client."""


class Shell(SSHChannel):
    """A session channel (RFC 4254, 6)."""

    name = b"session"
    _log = conch_log

    conn: Connection  # type: ignore[assignment]  # no more of it than is asked for here

    def __init__(self, *, avatar: Operator, **opened: Any) -> None:
        super().__init__(avatar=avatar, **opened)
        self._operator = avatar
        self._columns = 0  # 0 without a terminal
        self._editor: Editor | None = None
        self._script: bytearray | None = None
        self._started = self._running = False
        #: Called at Ctrl-C, and when the channel closes (`packet_tap.Window`).
        self.interruptions: list[Callable[[], object]] = []
        self._console = Console(avatar.names(self), self._out, self._err, avatar.log_statement)

    # Called by the SSH connection.

    def requestReceived(self, request: bytes, data: bytes) -> bool:
        """Carry out a request of the client; false for unsupported ones (agents, subsystems, environment variables)."""
        do = self.REQUESTS.get(request)
        return do is not None and do(self, data)

    def dataReceived(self, data: bytes) -> None:
        """Handle keys, or a part of a script."""
        self._operator.key_pressed()
        if self.closing:
            return
        if self._editor is not None:
            self._editor.feed(data)
        elif self._script is not None:
            self._script += data
            if len(self._script) > MAX_SOURCE:
                self._err(f"Nothing was run: a script has at most {MAX_SOURCE} bytes.\n")
                self._finish(1)

    def eofReceived(self) -> None:
        """Handle the end of input: a script is complete, and a prompt ends."""
        if self.closing:
            return
        if self._editor is not None:
            self._finish(0)
        elif self._script is not None:
            self._run(bytes(self._script).decode("utf-8", "replace"))

    def closeReceived(self) -> None:
        """Close the channel, as the client did; what waits for it is dropped."""
        self.closing = 1
        self._interrupt()
        self.conn.sendClose(self)

    def closed(self) -> None:
        """Note that the channel is closed: later results (of a Deferred) are not shown."""
        self.closing = 1
        self._interrupt()

    # Called by the idle timer and the taps.

    def is_busy(self) -> bool:
        """Whether it works for the operator, who then need not type."""
        return not self.closing and (self._running or self._console.is_waiting)

    def warn(self, text: str) -> None:
        """Show a text at the prompt, if there is one."""
        if self._editor is not None:
            self._out(text)

    def show(self, text: str) -> None:
        """Show a text in lines that begin with a time, folded so that no row looks like another line."""
        if self._columns:
            rows = (row for line in text.splitlines() for row in fold(line, self._columns - 1, TIME_WIDTH))
            text = "".join(f"{row}\n" for row in rows)
        self._out(text)

    def behind(self) -> bool:
        """Whether output waits because the operator's client reads too slowly."""
        return bool(self.buf) or self.conn.transport.behind

    def audit(self, what: str) -> None:
        """Write an action of the operator to the audit log."""
        self._operator.audit(what)

    # The kinds of shells.

    def _terminal(self, data: bytes) -> bool:
        if not self._operator.terminal:
            return False
        columns = parseRequest_pty_req(data)[1][1]
        self._columns = self._console.columns = columns or 80
        return True

    def _window_change(self, data: bytes) -> bool:
        rows, columns = parseRequest_window_change(data)[:2]
        self._columns = self._console.columns = columns or 80
        if self._editor is not None:
            self._editor.resize(self._columns, rows or 24)
        return True

    def _shell(self, data: bytes) -> bool:
        if self._started:
            return False
        self._started = True
        if not self._columns:
            self._script = bytearray()
            return True
        self._editor = Editor(self._write, self._entered, self._columns)
        self._editor.interrupted, self._editor.ended = self._interrupted, self._ended
        self._out(GREETING)
        self._editor.ask(">>> ")
        return True

    def _exec(self, data: bytes) -> bool:
        if self._started:
            return False
        self._started = True
        # The client must get the answer to its request before any output.
        self._operator.clock.callLater(0, self._run, getNS(data)[0].decode("utf-8", "replace"))
        return True

    def _run(self, source: str) -> None:
        """Run a command or a script; the channel closes when nothing is waited for."""
        self._running = True
        try:
            went_well = self._console.run(source)
        except SystemExit as end:
            self._finish(self._status(end))
        else:
            self._console.when_done(lambda: self._finish(0 if went_well and not self._console.failed else 1))

    def _entered(self, line: str) -> None:
        try:
            more = self._console.push(line)
        except SystemExit as end:
            self._finish(self._status(end))
        else:
            self._ask("... " if more else ">>> ")

    def _interrupted(self) -> None:
        self._interrupt()
        self._console.discard_statement()
        self._ask(">>> ")

    def _interrupt(self) -> None:
        for call in tuple(self.interruptions):
            call()

    def _ended(self) -> None:
        self._out("\n")
        self._finish(0)

    def _ask(self, prompt: str) -> None:
        if self._editor is not None and not self.closing:
            self._editor.ask(prompt)

    # Output.

    def _status(self, end: SystemExit) -> int:
        """The exit status for the operator's shell, from the argument of `exit()`."""
        if end.code is None or isinstance(end.code, int):
            return (end.code or 0) & 0xFF
        self._err(f"{end.code}\n")
        return 1

    def _finish(self, status: int) -> None:
        if not self.closing:
            self._interrupt()
            self.conn.sendRequest(self, b"exit-status", struct.pack(">L", status))
            self.loseConnection()

    def _out(self, text: str) -> None:
        if self._editor is not None:
            self._editor.show(text)
        else:
            self._write(text)

    def _err(self, text: str) -> None:
        if self._columns:
            self._out(text)
        elif not self.closing:
            self.writeExtended(EXTENDED_DATA_STDERR, _encoded(text))

    def _write(self, text: str) -> None:
        if not self.closing:
            self.write(_encoded(text.replace("\n", "\r\n") if self._columns else text))

    #: The requests that are supported.
    REQUESTS: ClassVar[dict[bytes, Callable[[Shell, bytes], bool]]] = {
        b"pty-req": _terminal,
        b"window-change": _window_change,
        b"shell": _shell,
        b"exec": _exec,
    }


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")
