"""An operator: somebody who logged in to the manhole with a listed key. What an operator does is written to the audit log."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from twisted.conch.avatar import ConchUser
from twisted.conch.ssh.channel import SSHChannel
from twisted.logger import FilteringLogObserver, Logger, LogLevel, LogLevelFilterPredicate, globalLogPublisher

from lanchat.manhole.packet_tap import Window
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.packet import visible

#: Characters of what an operator types in one line of the log. What is longer takes several lines.
MAX_NOTE = 500
#: The kinds of channels that an operator may open, by the name that SSH has for each (RFC 4254, 6.1).
Channels: TypeAlias = Mapping[bytes, type[SSHChannel]]

#: The logger of all that is conch's: it logs each step it takes, and repeats what clients send as it came. Only faults of its
#: own are wanted.
quiet = Logger(
    "lanchat.manhole.shell", observer=FilteringLogObserver(globalLogPublisher, [LogLevelFilterPredicate(LogLevel.critical)])
)
_log = Logger("lanchat.manhole.login")

#: The names that the prompt in a window begins with.
Names = Callable[[Window], dict[str, Any]]


class Operator(ConchUser):
    """The avatar: somebody who got in with a listed key. What an operator does is in the log, whatever its level."""

    def __init__(self, key: str, names: Names, clock: Clock, channels: Channels) -> None:
        super().__init__()
        #: The fingerprint of the key.
        self.key = key
        self.names = names
        self.clock = clock
        self.address = ""
        #: Whether a prompt in a terminal is given.
        self.terminal = True
        #: Called at each key.
        self.typed: Callable[[], None] = lambda: None
        self.channelLookup.update(channels)

    def arrived(self, address: str, label: str) -> None:
        """Logged in, from this address and under this name."""
        self.address = address
        _log.info("manhole: {key} logged in from {ip} as {label}", key=self.key, ip=address, label=label, audit=True)

    def left(self) -> None:
        """Logged out, or gone."""
        _log.info("manhole: {key} from {ip} logged out", key=self.key, ip=self.address, audit=True)

    def note(self, statement: str) -> None:
        """What is run, whole. A backslash is written twice, so that what was typed can't be taken for a newline."""
        text = visible(statement.rstrip().replace("\\", "\\\\"))
        for at in range(0, len(text), MAX_NOTE):
            self.audit(f"{'goes on' if at else 'runs'}: {text[at : at + MAX_NOTE]}")

    def audit(self, what: str) -> None:
        """What else is done, as it may be shown."""
        _log.info("manhole: {key} from {ip} {what}", key=self.key, ip=self.address, what=what, audit=True)

    def gotGlobalRequest(self, request: bytes, data: bytes) -> int:
        """Nothing is asked of a connection as a whole: no port is forwarded."""
        return 0
