"""Verbs: all that an operator can say at the prompt, under the names that it has there."""

from __future__ import annotations

import pydoc
from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred

from lanchat.core.router import Router
from lanchat.manhole.command import Verb
from lanchat.manhole.packet_tap import Taps, Window, Wires
from lanchat.manhole.server_commands import ServerCommands
from lanchat.manhole.tables import Table, Text
from lanchat.manhole.user_commands import People
from lanchat.protocol.errors import NoSuchTarget, Usage
from lanchat.protocol.packet import visible
from lanchat.service.service import ChatService


class Said(NamedTuple):
    """What can be said: a row of `help()`."""

    say: str
    what: str


class Verbs:
    """What can be said about one running server."""

    def __init__(self, service: ChatService, router: Router) -> None:
        """`router` is the one that serves the clients of this server."""
        self._router, self._chat = router, router.chat
        self._wires = Wires(router)
        people, workings = People(router.chat), ServerCommands(service)
        self._everywhere: tuple[Callable[..., Any], ...] = (
            *(people.who, people.find, people.kick, people.mute, people.unmute, people.ban, people.unban, people.bans),
            *(people.shout, workings.stats, workings.limits, workings.limit, workings.log, workings.reload),
            *(workings.tasks, workings.drain),
        )

    def names(self, window: Window) -> dict[str, Any]:
        """The names that the prompt in a window starts with."""
        here = AtWindow(self, window)
        calls: tuple[Callable[..., Any], ...] = (*self._everywhere, here.tap, here.untap, here.help)
        here.said = {call.__name__: Verb(call) for call in calls}
        return {**here.said, "router": self._router, "registry": self._chat.online}

    def taps(self, window: Window) -> Taps:
        """Those that will be begun in a window."""
        return Taps(self._wires, window, self._chat.now)

    def session(self, name: str) -> Any:
        """The session of that name; raises `NoSuchTarget`."""
        session = self._chat.online.find(name)
        if session is None:
            raise NoSuchTarget(f"Nobody here is called {visible(name, 40)}.")
        return session


class AtWindow:
    """What is about the window it is said in."""

    def __init__(self, verbs: Verbs, window: Window) -> None:
        self._verbs = verbs
        self._taps = verbs.taps(window)
        #: All that can be said here.
        self.said: dict[str, Verb] = {}

    def tap(self, name: str) -> Deferred[Text]:
        """Show somebody's packets, both ways.

        As they come (>) and go (<), until Ctrl-C, untap() or the end of the window. That it begins and ends is in the log.
        Passwords are not shown. Packets that this window is too slow for are counted, and not kept.
        """
        return self._taps.begin(self._verbs.session(name))

    def untap(self) -> int:
        """Stop all taps of this window."""
        return self._taps.stop()

    def help(self, thing: Any = None) -> Table[Said] | Text:
        """This; or all about what you name."""
        about = self.said.get(thing, thing) if isinstance(thing, str) else thing
        if isinstance(about, Verb):
            return Text(repr(about))
        if isinstance(about, str):
            raise Usage(f"{visible(repr(about))} can't be said here; help() shows what can.")
        if about is not None:
            return Text(pydoc.plain(pydoc.render_doc(about)))
        rows = [Said(verb.usage, verb.summary) for verb in self.said.values()]
        rows += [
            Said("router, registry", "The server's own objects."),
            Said("exit()", "Leave, as with Ctrl-D."),
        ]
        return Table(Said._fields, rows)
