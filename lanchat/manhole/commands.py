"""All commands at the operators' prompt, by their names there."""

from __future__ import annotations

import pydoc
from collections.abc import Callable
from typing import Any, NamedTuple

from twisted.internet.defer import Deferred

from lanchat.core.router import Router
from lanchat.manhole.command import Command
from lanchat.manhole.console import Names
from lanchat.manhole.packet_tap import TappedSessions, Taps, Window
from lanchat.manhole.room_commands import RoomCommands
from lanchat.manhole.server_commands import ServerCommands
from lanchat.manhole.tables import Table, Text
from lanchat.manhole.user_commands import UserCommands
from lanchat.protocol.errors import NoSuchTarget, Usage
from lanchat.protocol.packet import visible
from lanchat.service.service import ChatService


class HelpRow(NamedTuple):
    """A command: a row of `help()`."""

    say: str
    what: str


class Commands:
    """The commands for one running server."""

    def __init__(self, service: ChatService, router: Router) -> None:
        """`router` is the one that serves the clients of this server."""
        self._router, self._chat = router, router.chat
        self._tapped = TappedSessions(router)
        users, rooms, server = UserCommands(router.chat), RoomCommands(router.chat), ServerCommands(service)
        self._shared: tuple[Callable[..., Any], ...] = (
            *(
                users.who,
                users.find,
                users.kick,
                users.mute,
                users.unmute,
                users.ban,
                users.unban,
                users.bans,
                users.shout,
                users.notice,
            ),
            *(rooms.rooms, rooms.rank, rooms.rules, rooms.rename),
            *(server.stats, server.limits, server.limit, server.log, server.reload, server.tasks, server.drain),
        )

    def names(self, window: Window) -> Names:
        """The Python names that the prompt in a window starts with: the commands, and three objects of the server."""
        of_window = WindowCommands(self, window)
        calls: tuple[Callable[..., Any], ...] = (
            *self._shared,
            of_window.tap,
            of_window.untap,
            of_window.help,
        )
        of_window.by_name = {call.__name__: Command(call) for call in calls}
        return {**of_window.by_name, "chat": self._chat, "router": self._router, "registry": self._chat.online}

    def taps(self, window: Window) -> Taps:
        """The taps that will be started in a window."""
        return Taps(self._tapped, window, self._chat.now)

    def session(self, name: str) -> Any:
        """The session of that user; raises `NoSuchTarget`."""
        session = self._chat.online.find(name)
        if session is None:
            raise NoSuchTarget(f"No user online is called {visible(name, 40)}.")
        return session


class WindowCommands:
    """The commands that depend on the window that they are called in."""

    def __init__(self, commands: Commands, window: Window) -> None:
        self._commands = commands
        self._taps = commands.taps(window)
        #: All commands of the prompt.
        self.by_name: dict[str, Command] = {}

    def tap(self, name: str) -> Deferred[Text]:
        """Show somebody's packets, both ways.

        As they come (>) and go (<), until Ctrl-C, untap() or the end of the window. That it begins and ends is in the log.
        Passwords are not shown. Packets that this window is too slow for are counted, and not kept.
        """
        return self._taps.begin(self._commands.session(name))

    def untap(self) -> int:
        """Stop all taps of this window."""
        return self._taps.stop()

    def help(self, thing: Any = None) -> Table[HelpRow] | Text:
        """This; or all about what you name."""
        found = self.by_name.get(thing, thing) if isinstance(thing, str) else thing
        if isinstance(found, Command):
            return Text(repr(found))
        if isinstance(found, str):
            raise Usage(f"{visible(repr(found))} is not a command here; help() lists the commands.")
        if found is not None:
            return Text(pydoc.plain(pydoc.render_doc(found)))
        rows = [HelpRow(command.usage, command.summary) for command in self.by_name.values()]
        rows += [
            HelpRow("chat, router, registry", "The server's own objects."),
            HelpRow("exit()", "Leave (as does Ctrl-D)."),
        ]
        return Table(HelpRow._fields, rows)
