"""Verbs: what an operator can say at the prompt. Each is a method, so `help()` and the documents come from the docstrings."""

from __future__ import annotations

import os
import platform
import pydoc
import resource
from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import lanchat
import twisted
from lanchat.limits import LIMITS
from lanchat.manhole.editor import width
from lanchat.packet import EVERYONE, MAX_MSG, SERVER, SharedPacket, visible
from lanchat.router import Router
from lanchat.session import Session

#: What can be said, in the order in which help shows it.
VERBS = ("who", "find", "kick", "shout", "stats", "limits", "limit", "help")


class Here(NamedTuple):
    """Somebody who is here: a row of `who()`."""

    name: str
    address: str
    gateway: str
    since: str


class Table:
    """Rows that print as a table."""

    def __init__(self, head: tuple[str, ...], rows: list[Here]) -> None:
        self._head = head
        self._rows = rows

    def __iter__(self) -> Iterator[Here]:
        return iter(self._rows)

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, index: int) -> Here:
        return self._rows[index]

    def __repr__(self) -> str:
        return _aligned([self._head, *self._rows]) if self._rows else "(nobody)"


class Facts(dict[str, Any]):
    """A dict that prints a line for each entry."""

    def __repr__(self) -> str:
        return _aligned([(name, str(value)) for name, value in self.items()])


class Text(str):
    """A text that prints as it is, without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Verbs:
    """What can be said, about one running server."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self._started = router.clock.seconds()

    def names(self) -> dict[str, Any]:
        """The names that a prompt starts with."""
        names = {name: getattr(self, name) for name in VERBS}
        return names | {"router": self._router, "registry": self._router.registry}

    def who(self) -> Table:
        """Who is here, sorted by name: a table, whose rows have name, address, gateway and since."""
        rows = [
            Here(visible(s.name.shown), visible(s.sender.ip), s.gateway, _clock_time(s.since))
            for s in sorted(self._router.registry, key=lambda session: session.name.key)
        ]
        return Table(Here._fields, rows)

    def find(self, name: str) -> Session | None:
        """The session of that name, in any spelling of it, or None."""
        return self._router.registry.find(name)

    def kick(self, name: str, why: str = "") -> Text:
        """Disconnect somebody, who is told why."""
        session = self.find(name)
        if session is None:
            raise LookupError(f"nobody here is called {visible(name, 40)}")
        goodbye = "You were disconnected by the operator" + (f": {why}" if why else ".")
        self._router.close(session, "FORBIDDEN", goodbye, why=f"kicked: {why}" if why else "kicked")
        return Text(f"{visible(session.name.shown)} was disconnected.")

    def shout(self, text: str) -> int:
        """Say something to everybody, as the server; how many they were."""
        if not 0 < len(text.encode()) <= MAX_MSG:
            raise ValueError(f"a text has 1 to {MAX_MSG} bytes")
        packet = SharedPacket(SERVER, EVERYONE, text)
        sessions = list(self._router.registry)
        for session in sessions:
            session.client.deliver(packet)
        return len(sessions)

    def stats(self) -> Facts:
        """How the server does."""
        router = self._router
        gateways = Counter(session.gateway for session in router.registry)
        uptime = timedelta(seconds=int(router.clock.seconds() - self._started))
        return Facts(
            {
                "sessions": len(router.registry),
                **{f"  {gateway}": count for gateway, count in sorted(gateways.items())},
                "relayed": router.counts.relayed,
                "delivered": router.counts.delivered,
                "not stored": router.counts.lost,
                "refused": router.counts.refused.total(),
                "uptime": str(uptime),
                "memory": f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024} MiB at most so far",
                "files": f"{len(os.listdir('/proc/self/fd'))} open" if os.path.isdir("/proc/self/fd") else "unknown",  # noqa: PTH112, PTH208 (names alone)
                "process": os.getpid(),
                "versions": f"lanchat {lanchat.__version__}, Twisted {twisted.__version__}, Python {platform.python_version()}",
            }
        )

    def limits(self) -> Text:
        """The limits: what each is, how often it was met, and what happens then."""
        now, met = self._router.limits.values, self._router.limits.met
        rows = [(name, f"{now[name]:g}", str(met[name]), limit.unit, limit.consequence) for name, limit in LIMITS.items()]
        return Text(_aligned([("name", "value", "met", "what it counts", "over it"), *rows]))

    def limit(self, name: str, value: str | float) -> Text:
        """Change a limit for everyone, at once and until the server ends; "off" lifts it."""
        self._router.limits.set(name, value)
        return Text(f"{name} is {self._router.limits[name]:g} now.")

    def help(self, thing: Any = None) -> Text:
        """These lines; or, of anything you name, its own documentation."""
        if thing is not None:
            return Text(pydoc.plain(pydoc.render_doc(thing)))
        rows = [(_usage(name), (getattr(self, name).__doc__ or "")) for name in VERBS]
        rows += [("router, registry", "The server's own objects."), ("exit()", "Leave; so does Ctrl-D. The server goes on.")]
        return Text(_aligned(rows))


def _usage(name: str) -> str:
    arguments = {"find": "name", "kick": 'name, why=""', "shout": "text", "limit": "name, value", "help": "[thing]"}
    return f"{name}({arguments.get(name, '')})"


def _aligned(rows: list[Any]) -> str:
    """Columns as wide as they must be, two spaces between them."""
    widths = [max(map(width, column)) for column in zip(*rows, strict=True)]
    lines = ("  ".join(cell + " " * (w - width(cell)) for cell, w in zip(row, widths, strict=True)) for row in rows)
    return "\n".join(line.rstrip() for line in lines)


def _clock_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
