"""Decides what ends a session with a server, and what only interrupts it, so that the client reconnects by itself.

A problem of the connection, the moment or the load is temporary. One that is about the user is final: a ban, a wrong password.

Refusals, and goodbyes with the same code:

| what | before the first welcome | later |
|---|---|---|
| refused connection; `FULL`, `IDLE`, `INTERNAL`, `RELOAD`, `SLOW`; taken name | scripts wait, within `--timeout` | reconnects |
| a login to be repeated: `RATE_LIMITED`, `NOT_STORED`, with `retry_ms` | repeats it then, within `--timeout` | repeats it |
| not logged in in time (`AUTH_REQUIRED`, while a password is asked for) | reconnects | reconnects |
| all else: `BANNED`, `AUTH_FAILED`, `FORBIDDEN`, another kind of server | ends | ends |

Messages and commands that are refused temporarily are sent again by `delivery.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Protocol

from lanchat.client.interfaces import NOT_DELIVERED, UNREACHABLE, UserInterface
from lanchat.client.timers import Timers
from lanchat.protocol.packet import ReceivedPacket, visible

#: Codes of temporary refusals and goodbyes (docs/protocol.md, "Codes").
TEMPORARY = frozenset({"FULL", "IDLE", "INTERNAL", "NOT_STORED", "RATE_LIMITED", "RELOAD", "SLOW"})
# A client without a name gets no code, only these texts.
_TEMPORARY_TEXTS = re.compile(r"The name .* already taken|The server is full|There are too many connections|No name came")
_FINAL_TEXTS = re.compile(r"You are banned|Only those with an account|The name you asked for|Your certificate says")


class ReconnectHandler(Protocol):
    """What `Reconnector` does with the session, besides connecting again."""

    def end(self, status: int, why: str = "") -> None:
        """End the session: trying again is useless."""

    def drop_connection(self, notice: str) -> None:
        """Close this connection so that the next one can be made; `notice` is for the user, "" for none."""


class Reconnector:
    """Decides whether to connect again, and when."""

    def __init__(  # noqa: PLR0913, PLR0917 (it is made in one place)
        self,
        name: str,
        timers: Timers,
        ui: UserInterface,
        retry: Callable[[int], float],
        timeout: float,
        wait_for_server: bool,
        handler: ReconnectHandler,
    ) -> None:
        """`retry` returns the seconds to wait after so many failed connections in a row.

        With `wait_for_server` even the first connection is tried again, until `timeout` seconds have passed.
        """
        #: How often the server has welcomed us.
        self.welcomes = 0
        #: The user's name, as it is shown.
        self.name = visible(name)
        self._timers = timers
        self._ui = ui
        self._retry = retry
        self._timeout = timeout
        self._wait_for_server = wait_for_server
        self._handler = handler
        self._failures = 0
        self._last_error = (0, "")

    def welcomed(self) -> None:
        """Note a welcome: earlier failures no longer count."""
        self.welcomes += 1
        self._failures = 0
        self._timers.stop(self._give_up)

    def retry_delay(self) -> float:
        """Seconds to wait before the next connection."""
        self._failures += 1
        return self._retry(self._failures)

    def unreachable(self, why: str, temporary: bool = False) -> None:
        """No connection could be made, or it ended before the welcome."""
        if not (temporary and self._try_again(UNREACHABLE, why)):
            self._handler.end(UNREACHABLE, why)

    def wrong_server(self, what: str) -> None:
        """The server is not a lanchat server for JSON clients; `what` describes it."""
        if not self.welcomes:
            self._handler.end(UNREACHABLE, what)
        self._handler.drop_connection(f"Can't reach the lanchat server: {what}")

    def no_welcome(self) -> None:
        """No welcome came in time."""
        if not self.welcomes:
            self.unreachable(f"no welcome came within {self._timeout:.0f} s: is that a lanchat server?")
        self._handler.drop_connection("")

    def refused(self, why: str, code: str | None = None) -> None:
        """The server refused us. A client without a name is told why in words only, without a `code`."""
        text = f"the server refused the name {self.name}: {visible(why, 400)}"
        if self._is_temporary(code, why) and self._try_again(NOT_DELIVERED, text):
            self._handler.drop_connection(self._retry_notice(why))
        else:
            self._handler.end(NOT_DELIVERED, text)

    def asked_to_wait(self, why: str, seconds: float) -> bool:
        """The server asks us to try again in `seconds`; whether that is within the time limit."""
        text = f"the server does not let {self.name} in: {visible(why, 400)}"
        if not self.welcomes and seconds > self._timeout:
            self._handler.end(NOT_DELIVERED, text)
            return False
        self._try_again(NOT_DELIVERED, text, always=True)
        if notice := self._retry_notice(why):
            self._ui.notice(notice)
        return True

    def closed_by_server(self, packet: ReceivedPacket, in_handshake: bool) -> None:
        """The server closes the connection, and says why."""
        code, why = packet.x.code if packet.x else None, f"he server closed the connection: {visible(packet.msg, 400)}"
        locked_out = code == "AUTH_REQUIRED" and in_handshake  # no password was typed in time
        if locked_out or (code in TEMPORARY and self._try_again(NOT_DELIVERED, f"t{why}")):
            self._handler.drop_connection(f"T{why}")
        else:
            self._handler.end(NOT_DELIVERED, f"t{why}")

    def _is_temporary(self, code: str | None, words: str) -> bool:
        """Whether a refusal is temporary. An unknown text counts as temporary only after a first welcome."""
        if code is not None:
            return code in TEMPORARY
        return not _FINAL_TEXTS.match(words) if self.welcomes else _TEMPORARY_TEXTS.match(words) is not None

    def _try_again(self, status: int, why: str, always: bool = False) -> bool:
        """Whether to try again. Before the first welcome only scripts do, or everyone if `always`."""
        retries = self._wait_for_server or always or self.welcomes > 0
        if retries and not self.welcomes:
            self._last_error = (status, why)
            if self._give_up not in self._timers:
                self._timers.start(self._timeout, self._give_up)
        return retries

    def _retry_notice(self, why: str) -> str:
        """The text for the user about a temporary refusal; "" in a script before the first welcome."""
        return f"The server does not let us in yet: {visible(why, 400)}" if self.welcomes or not self._wait_for_server else ""

    def _give_up(self) -> None:
        self._handler.end(*self._last_error)
