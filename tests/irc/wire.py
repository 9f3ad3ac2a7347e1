"""An IRC client of the tests: lines in, lines out, over a transport in memory."""

from __future__ import annotations

from twisted.internet.task import Clock

from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.irc.client import IrcClient
from lanchat.irc.connection import IrcProtocol
from lanchat.irc.factory import IrcFactory
from lanchat.irc.server import IrcServer, Settings
from lanchat.irc_commands import COMMANDS
from lanchat.model.room_rules import ANYONE
from lanchat.net.admission import Admission
from tests.fakes import Wire, make_router


def server_of(chat: Chat, settings: Settings | None = None) -> IrcServer:
    """What the IRC connections of a chat share; the first call may choose the settings."""
    known: dict[str, IrcServer] = vars(chat)  # (so that one goes with the other)
    if "irc" not in known:
        known["irc"] = IrcServer(chat, settings or Settings(history=0), COMMANDS)
    return known["irc"]


def make_chat() -> tuple[Router, Clock]:
    """A router of a chat in which anyone makes rooms, and its clock."""
    router, clock = make_router()
    router.chat.rooms_by = ANYONE
    return router, clock


def numbers(lines: list[str]) -> list[str]:
    """The numerics, or the commands, of lines."""
    return [line.removeprefix(":irc.lan ").split(" ")[0] for line in lines]


class IrcWire(Wire):
    """A client that speaks IRC."""

    def make_factory(self, protocol: type[Connection], router: Router, admission: Admission) -> ChatFactory:
        """The factory of the connection."""
        return IrcFactory(protocol, server_of(router.chat), router, admission)

    def __init__(
        self, router: Router, clock: Clock, nick: str = "", caps: str = "", protocol: type[IrcClient] = IrcProtocol
    ) -> None:
        """With a `nick` it registers, with these capabilities, and what it is told then is dropped."""
        super().__init__(router, clock, protocol)
        if nick:
            if caps:
                self.say("CAP LS 302", f"CAP REQ :{caps}")
            self.say(f"NICK {nick}", f"USER {nick} 0 * :Real {nick}", *["CAP END"] * bool(caps))
            assert any(" 001 " in line for line in self.lines())
            self.lines()

    def say(self, *lines: str) -> None:
        """Send lines."""
        self.send("".join(f"{line}\r\n" for line in lines).encode())

    def lines(self) -> list[str]:
        """The lines that were written since the last look."""
        return self.bytes().decode().split("\r\n")[:-1]

    def ask(self, *lines: str) -> list[str]:
        """Send lines, and return what is written then."""
        self.say(*lines)
        return self.lines()
