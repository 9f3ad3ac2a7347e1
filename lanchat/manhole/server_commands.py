"""The operators' commands about the server itself: its state, its limits, and its end."""

from __future__ import annotations

import os
import resource
import sys
import threading
from collections import defaultdict
from collections.abc import Iterator
from datetime import timedelta
from types import FrameType
from typing import Any, NamedTuple

from lanchat.manhole.tables import Facts, Table, Text
from lanchat.protocol.errors import Usage
from lanchat.protocol.interfaces import IConnection
from lanchat.protocol.limits import LIMITS, format_value
from lanchat.service import process_stats
from lanchat.service.service import ChatService

#: Functions in which an idle thread waits for work; they say nothing to an operator.
_WAITING = ("wait", "get", "_wait_for_tstate_lock", "acquire")


class LimitRow(NamedTuple):
    """A limit: a row of `limits()`."""

    name: str
    value: float
    met: int
    unit: str
    consequence: str


class TaskRow(NamedTuple):
    """A running job, thread or queue: a row of `tasks()`."""

    kind: str
    name: str
    many: int
    what: str


class ServerCommands:
    """The commands about the server itself."""

    def __init__(self, service: ChatService) -> None:
        self._service = service
        self._chat = service.chat
        self._started = self._chat.clock.seconds()

    def stats(self) -> Facts:
        """Show users, memory and the log."""
        chat, counts = self._chat, self._chat.counts
        uptime = timedelta(seconds=int(chat.clock.seconds() - self._started))
        sessions = {f"  {gateway}": count for gateway, count in sorted(counts.sessions.items()) if count}
        return Facts(
            {
                "sessions": len(chat.online),
                **sessions,
                "ready": "yes" if self._service.ready else "no: new connections are refused",
                "relayed": counts.relayed,
                "delivered": counts.delivered,
                "not stored": counts.not_stored,
                "refused": counts.refused.total(),
                "uptime": str(uptime),
                "memory": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB at most so far",
                "files": f"{process_stats.open_files()} open of {process_stats.max_files():g}",
                "process": os.getpid(),
                "versions": process_stats.versions(),
            }
        )

    def limits(self) -> Table[LimitRow]:
        """Limits, and how often each was met.

        Also what each limits, and what happens at the limit.
        """
        now, met = self._chat.limits.values, self._chat.limits.met
        rows = [LimitRow(name, now[name], met[name], limit.unit, limit.consequence) for name, limit in LIMITS.items()]
        return Table(LimitRow._fields, rows)

    def limit(self, name: str, value: str | float) -> Text:
        """Change a limit for everyone.

        It applies at once, until reload() or a restart: limit('packets', 50). 'off' lifts it.
        """
        try:
            self._chat.limits.set(name, value)
        except ValueError as error:
            raise Usage(f"{error}. Nothing was changed; limits() lists them.") from None
        return Text(f"{name} is {format_value(self._chat.limits[name])} now.")

    def log(self, level: str, namespace: str = "") -> Text:
        """Set the log level.

        That is 'debug', 'info', 'warn', 'error' or 'critical'; with a namespace, for that one and those below it:
        log('debug', 'lanchat.tls'). What operators do is always logged.
        """
        if self._service.log is None:
            raise Usage("Nothing was changed: another program writes the log and sets its levels.")
        try:
            self._service.log.set_level(level, namespace)
        except ValueError as error:
            raise Usage(f"{error}. Nothing was changed.") from None
        return Text(f"{namespace or 'Everything'} is logged from {level} on.")

    async def reload(self) -> Text:
        """Read what is configured again.

        The certificates, the limits, the keys of operators, and the networks. When anything is wrong, nothing is changed.
        """
        return Text(await self._service.reload())

    async def drain(self, seconds: float | str) -> Text:
        """Shut down in this number of seconds.

        New connections are refused from now on, and everyone online is told. Another number changes the time, and
        drain('off') cancels it. drain(0) is now.
        """
        if seconds == "off":
            return Text(await self._service.cancel_drain())
        if isinstance(seconds, str):
            raise Usage("Write it as drain(60), in seconds, or drain('off').")
        return Text(await self._service.drain(seconds))

    def tasks(self) -> Table[TaskRow]:
        """Timers, threads and queues.

        Timers: how many of a kind, and when the next is due; threads: what they are doing; queues: how much waits.
        """
        return Table(TaskRow._fields, [*self._calls(), *_threads(), *self._queues()])

    def _calls(self) -> Iterator[TaskRow]:
        clock: Any = self._chat.clock
        due: dict[str, list[float]] = defaultdict(list)
        for call in clock.getDelayedCalls():
            due[_call_name(call.func)].append(call.getTime() - clock.seconds())
        for name, times in sorted(due.items(), key=lambda item: min(item[1])):
            yield TaskRow("call", name, len(times), f"in {max(0.0, min(times)):.1f} s")

    def _queues(self) -> Iterator[TaskRow]:
        service = self._service
        connections = [IConnection(session.client, None) for session in self._chat.online]
        queued = [connection.queued() for connection in connections if connection is not None]
        waiting = [size for size in queued if size]
        yield TaskRow("queue", "store", service.store.waiting, "messages and changes wait for the disk")
        yield TaskRow("queue", "passwords", service.hasher.waiting, "wait to be checked")
        yield TaskRow(
            "queue", "outboxes", len(waiting), f"clients wait for {sum(waiting)} bytes, one for {max(waiting, default=0)}"
        )


def _threads() -> Iterator[TaskRow]:
    frames = sys._current_frames()  # noqa: SLF001 (Python's interface for this)
    for thread in threading.enumerate():
        yield TaskRow("thread", thread.name, 1, _current_function(frames.get(thread.ident or 0)))


def _current_function(frame: FrameType | None) -> str:
    """What a thread is doing: the innermost function that is not Python's own waiting."""
    while frame is not None and frame.f_code.co_name in _WAITING and frame.f_back is not None:
        frame = frame.f_back
    return f"{frame.f_globals.get('__name__', '?')}.{frame.f_code.co_name}" if frame is not None else "ends"


def _call_name(call: Any) -> str:
    """The name of the function of a delayed call."""
    call = getattr(call, "func", call)  # of a `functools.partial`
    return f"{getattr(call, '__module__', '?')}.{getattr(call, '__qualname__', type(call).__name__)}"
