"""An operator: somebody who logged in to the manhole with a listed key. What operators do is written to the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from twisted.conch.avatar import ConchUser
from twisted.conch.ssh.channel import SSHChannel
from twisted.logger import FilteringLogObserver, Logger, LogLevel, LogLevelFilterPredicate, globalLogPublisher

from lanchat.manhole.console import Names
from lanchat.manhole.packet_tap import Window
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.packet import visible

#: Characters of a statement in one line of the log; a longer one takes several lines.
MAX_NOTE = 500
#: The types of channels that an operator may open, by their names in SSH (RFC 4254, 6.1).
ChannelTypes: TypeAlias = Mapping[bytes, type[SSHChannel]]

#: The logger for conch, which logs every step, and text of clients unescaped: only critical errors are kept.
conch_log = Logger(
    "lanchat.manhole.shell", observer=FilteringLogObserver(globalLogPublisher, [LogLevelFilterPredicate(LogLevel.critical)])
)
_log = Logger("lanchat.manhole.login")

#: Returns the Python names that the prompt in a window starts with.
MakeNames: TypeAlias = Callable[[Window], Names]


class Operator(ConchUser):
    """The avatar of an operator. What an operator does is always logged, whatever the log level."""

    def __init__(self, key: str, names: MakeNames, clock: Clock, channels: ChannelTypes) -> None:
        super().__init__()
        #: The fingerprint of the key.
        self.key = key
        self.names = names
        self.clock = clock
        self.address = ""
        #: Whether a prompt in a terminal is allowed.
        self.terminal = True
        #: Called at each key.
        self.key_pressed: Callable[[], None] = lambda: None
        self.channelLookup.update(channels)

    def logged_in(self, address: str, label: str) -> None:
        """Log the login from this address under this user name."""
        self.address = address
        _log.info("manhole: {key} logged in from {ip} as {label}", key=self.key, ip=address, label=label, audit=True)

    def logged_out(self) -> None:
        """Log that the operator has logged out, or the connection has ended."""
        _log.info("manhole: {key} from {ip} logged out", key=self.key, ip=self.address, audit=True)

    def log_statement(self, statement: str) -> None:
        """Log a statement completely. Backslashes are doubled, so that they can't be mistaken for escaped characters."""
        text = visible(statement.rstrip().replace("\\", "\\\\"))
        for at in range(0, len(text), MAX_NOTE):
            self.audit(f"{'goes on' if at else 'runs'}: {text[at : at + MAX_NOTE]}")

    def audit(self, what: str) -> None:
        """Log another action; the text must be safe to show."""
        _log.info("manhole: {key} from {ip} {what}", key=self.key, ip=self.address, what=what, audit=True)

    def gotGlobalRequest(self, request: bytes, data: bytes) -> int:
        """Refuse requests about the whole connection: no port is forwarded."""
        return 0
