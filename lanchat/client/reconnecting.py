"""Comeback: what ends the talk with a server, and what only interrupts it, so that the client comes back by itself.

What is about the connection, the moment or the load passes. What is about the user is the end: a ban, a wrong password.

FailedWrites, and goodbyes with the same code:

| what | before the first welcome | later |
|---|---|---|
| refused connection; `FULL`, `IDLE`, `INTERNAL`, `RELOAD`, `SLOW`; taken name | scripts wait, within `--timeout` | comes back |
| a login that shall wait: `RATE_LIMITED`, `NOT_STORED`, with `retry_ms` | asks again then, within `--timeout` | asks again |
| not logged in in time (`AUTH_REQUIRED`, while a password is asked for) | comes back | comes back |
| all else: `BANNED`, `AUTH_FAILED`, `FORBIDDEN`, a server that is none of ours | the end | the end |

What is refused of messages and commands for the moment is sent again by `delivery.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from lanchat.client.interfaces import NOT_DELIVERED, UNREACHABLE, Face
from lanchat.client.timers import Timers
from lanchat.protocol.packet import ServerPacket, visible

#: Codes of refusals and goodbyes that are about the moment (docs/protocol.md, "Codes").
PASSING = frozenset({"FULL", "IDLE", "INTERNAL", "NOT_STORED", "RATE_LIMITED", "RELOAD", "SLOW"})
# Who has no name yet is told in words alone.
_PASSES = re.compile(r"The name .* already taken|The server is full|There are too many connections|No name came")
_LASTS = re.compile(r"You are banned|Only those with an account|The name you asked for|Your certificate says")


class Ways(Protocol):
    """What may come of it, besides the next connection."""

    def end(self, status: int, why: str = "") -> None:
        """There is no use in trying."""

    def drop(self, notice: str) -> None:
        """Close this connection, and let the next one come; `notice` is for a person, "" for nothing."""


class Reconnecting:
    """When to connect again, and whether at all."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self, name: str, timers: Timers, face: Face, retry: Callable[[int], float], patience: float, insists: bool, ways: Ways
    ) -> None:
        """`retry` says how many seconds to pause after so many connections in a row that came to nothing.

        With `insists` it takes `patience` seconds of refusals until even the first connection is given up.
        """
        #: How often the server has welcomed us.
        self.welcomes = 0
        self._name = visible(name)
        self._timers = timers
        self._face = face
        self._retry = retry
        self._patience = patience
        self._insists = insists
        self._ways = ways
        self._failures = 0
        self._excuse = (0, "")

    def welcomed(self) -> None:
        """The server has welcomed us: all earlier failures are forgotten."""
        self.welcomes += 1
        self._failures = 0
        self._timers.stop(self._give_up)

    def pause(self) -> float:
        """How many seconds to wait before the next connection."""
        self._failures += 1
        return self._retry(self._failures)

    def unreachable(self, why: str, passes: bool = False) -> None:
        """There was no connection, or none that came to a welcome."""
        if not (passes and self._tries_again(UNREACHABLE, why)):
            self._ways.end(UNREACHABLE, why)

    def misplaced(self, what: str) -> None:
        """The far end is something else than a lanchat server for JSON clients."""
        if not self.welcomes:
            self._ways.end(UNREACHABLE, what)
        self._ways.drop(f"The lanchat server is not there: {what}")

    def unwelcome(self) -> None:
        """No welcome came in time."""
        if not self.welcomes:
            self.unreachable(f"no welcome came within {self._patience:.0f} s: is that a lanchat server?")
        self._ways.drop("")

    def refused(self, why: str, code: str | None = None) -> None:
        """The server does not take us: not yet, or not at all. Who has no name yet is told why in words, without a code."""
        text = f"the server refused the name {self._name}: {visible(why, 400)}"
        if self._passes(code, why) and self._tries_again(NOT_DELIVERED, text):
            self._ways.drop(self._not_yet(why))
        else:
            self._ways.end(NOT_DELIVERED, text)

    def asked_to_wait(self, why: str, seconds: float) -> bool:
        """The server wants to hear of us again in so many seconds; whether that is soon enough."""
        text = f"the server does not let {self._name} in: {visible(why, 400)}"
        if not self.welcomes and seconds > self._patience:
            self._ways.end(NOT_DELIVERED, text)
            return False
        self._tries_again(NOT_DELIVERED, text, anybody=True)
        if notice := self._not_yet(why):
            self._face.notice(notice)
        return True

    def dismissed(self, packet: ServerPacket, opening: bool) -> None:
        """The server closes the connection, and says why."""
        code, why = packet.x.code if packet.x else None, f"he server closed the connection: {visible(packet.msg, 400)}"
        locked_out = code == "AUTH_REQUIRED" and opening  # nobody typed a password in time
        if locked_out or (code in PASSING and self._tries_again(NOT_DELIVERED, f"t{why}")):
            self._ways.drop(f"T{why}")
        else:
            self._ways.end(NOT_DELIVERED, f"t{why}")

    def _passes(self, code: str | None, words: str) -> bool:
        """Whether a refusal is about the moment; words that are not known are, if we have been inside before."""
        if code is not None:
            return code in PASSING
        return not _LASTS.match(words) if self.welcomes else _PASSES.match(words) is not None

    def _tries_again(self, status: int, why: str, anybody: bool = False) -> bool:
        """Whether to try again after what passes. Before the first welcome only scripts do, unless `anybody` is to."""
        tries = self._insists or anybody or self.welcomes > 0
        if tries and not self.welcomes:
            self._excuse = (status, why)
            if self._give_up not in self._timers:
                self._timers.start(self._patience, self._give_up)
        return tries

    def _not_yet(self, why: str) -> str:
        """What to tell of a refusal that passes: to people, and of a server where we have been before."""
        return f"The server does not let us in yet: {visible(why, 400)}" if self.welcomes or not self._insists else ""

    def _give_up(self) -> None:
        self._ways.end(*self._excuse)
