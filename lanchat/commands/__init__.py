"""The commands: one table, and the one place where a packet becomes a call of a command.

What each does stands in the modules of this room, by what it is about.
"""

from __future__ import annotations

from functools import cache

from lanchat.command import Command, Work, sends_any_text
from lanchat.commands import accounts, hello, history, moderation, rooms, talk
from lanchat.errors import AuthRequired, UnknownCommand, Usage
from lanchat.packet import Packet, visible
from lanchat.router import Router
from lanchat.session import Role, Session

COMMANDS: dict[str, Command] = {}


def run(router: Router, session: Session, packet: Packet) -> Work:
    """Run the command that a packet is addressed to; raises `UnknownCommand`, or what the command raises."""
    name, command = find(packet.to)
    if session.role < command.role:
        raise _not_allowed(name, session)
    args = command.arguments(packet, session)
    if not all(arg.strip() for arg in args[: command.min_args]):
        raise Usage(f"Usage: {command.usage(name)} ({command.help})")
    return command.run(router, session, packet, args)


def find(text: str) -> tuple[str, Command]:
    """The command of that name; raises `UnknownCommand`."""
    name = text.lower()
    if name not in COMMANDS:
        raise UnknownCommand(f"There is no command {visible(text, 40)}. Send /help to see those there are.")
    return name, COMMANDS[name]


def _not_allowed(name: str, session: Session) -> AuthRequired:
    if session.role is Role.STRANGER:
        return AuthRequired("Log in first: send /login PASSWORD.")
    if name in moderation.COMMANDS:
        return AuthRequired(f"{name} is for moderators, and in a room for whoever made it: for those with an account.")
    return AuthRequired(f"{name} is for those with an account. Send /register PASSWORD to make this name yours.")


@cache
def _all() -> tuple[str, list[dict[str, str]]]:
    """All commands, for people and for programs. They are asked for much more often than one is added."""
    lines = [f"{command.usage(name)} - {command.help}" for name, command in COMMANDS.items()]
    return "\n".join(["Commands:", *lines]), _data(COMMANDS)


def _data(told: dict[str, Command]) -> list[dict[str, str]]:
    return [{"name": name, "usage": command.usage(name), "help": command.help} for name, command in told.items()]


def _help(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    asked = args[0].strip()
    if asked and not (sends_any_text(session) and _name(asked) not in COMMANDS):
        name, command = find(_name(asked))
        about, data = f"Usage: {command.usage(name)} ({command.help})", _data({name: command})
    else:
        about, data = _all()
    router.reply(session, packet, about, commands=data)


def _name(text: str) -> str:
    """A command's name, which may be written without its slash."""
    return "/" + text.removeprefix("/").lower()


HELP = {"/help": Command(_help, ("command",), 0, "the commands, or how one of them is used", Role.STRANGER, textless=True)}
COMMANDS.update(HELP | talk.COMMANDS | rooms.COMMANDS | history.COMMANDS | accounts.COMMANDS | moderation.COMMANDS)
COMMANDS.update(talk.PROGRAMS | hello.PROGRAMS)
