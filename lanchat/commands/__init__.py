"""The commands: one table, and the one place where a packet becomes a call of a command.

The functions of the commands are in the other modules of this package, by subject.
"""

from __future__ import annotations

from functools import cache

from lanchat.commands import (
    accounts,
    changes,
    conversations,
    files,
    hello,
    history,
    hooks,
    invitations,
    joining,
    moderation,
    other_chats,
    people,
    presence,
    room_rights,
    rooms,
    signals,
    talk,
)
from lanchat.commands.command import Command, sends_any_text
from lanchat.core.chat import Chat
from lanchat.model.session import Role, Session
from lanchat.protocol.errors import AuthRequired, UnknownCommand, Usage
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import Packet, visible
from lanchat.protocol.typed_lines import BEGINNERS_HELP, NOT_KEPT

COMMANDS: dict[str, Command] = {}
#: Commands that programs send by themselves: whose client sends them may be idle.
AUTOMATIC = frozenset({"/ack", "/hello", "/marker", "/pong", "/read", "/tags", "/typing"})
#: The word after `/help` for the whole help, which is also shown without a word.
ALL = "all"


def run(chat: Chat, session: Session, packet: Packet) -> Work | None:
    """Run the command that a packet is addressed to. Raises `UnknownCommand`, `AuthRequired`, `Usage`, or what it raises."""
    name, command = find(packet.to)
    if name not in AUTOMATIC:
        session.spoke = session.heard
    if session.role < command.role or (command.role is Role.USER and session.account is None):
        raise _not_allowed(name, session)
    args = command.arguments(packet, session)
    if not all(arg.strip() for arg in args[: command.min_args]):
        raise Usage(f"Usage: {command.usage(name)} ({command.help})")
    return command.run(chat, session, packet, args)


def find(text: str) -> tuple[str, Command]:
    """The name of a command in lower case, and the command. Raises `UnknownCommand`."""
    name = text.lower()
    if name not in COMMANDS:
        hint = other_chats.HINTS.get(name, "Send /help to see those there are.")
        raise UnknownCommand(f"There is no command {visible(text, 40)}. {hint}")
    return name, COMMANDS[name]


def _not_allowed(name: str, session: Session) -> AuthRequired:
    if session.role is Role.PENDING:
        return AuthRequired("Log in first: send /login PASSWORD.")
    return AuthRequired(f"{name} needs an account. Send /register PASSWORD to make this name yours.")


@cache
def _all() -> tuple[str, list[dict[str, str]]]:
    """All commands, as text for people and as data for programs."""
    return "\n".join(["Commands:", *_lines(COMMANDS)]), _data(COMMANDS)


def _lines(told: dict[str, Command]) -> list[str]:
    return [f"{command.usage(name)} - {command.help}" for name, command in told.items()]


def _data(told: dict[str, Command]) -> list[dict[str, str]]:
    return [{"name": name, "usage": command.usage(name), "help": command.help} for name, command in told.items()]


@cache
def _part(part: str) -> tuple[str, list[dict[str, str]]]:
    """One part of the commands, as text for people, which ends with the other parts, and as data for programs."""
    others = [f"/help {other}" for other in (*PARTS, ALL) if other != part]
    more = f"More: {', '.join(others)}. /help COMMAND explains a command."
    lines = [f"Commands ({part}):", *_lines(PARTS[part]), *[NOT_KEPT] * (part == BEGINNERS_HELP), more]
    return "\n".join(lines), _data(PARTS[part])


def _help(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    asked = args[0].strip()
    by_chance = sends_any_text(session)  # then a word that is no topic is not meant as one
    part = "" if by_chance else asked.lower()
    if part in PARTS:
        about, data = _part(part)
    elif asked and part != ALL and not (by_chance and _name(asked) not in COMMANDS):
        name, command = find(_name(asked))
        about, data = f"Usage: {command.usage(name)} ({command.help})", _data({name: command})
    else:
        about, data = _all()
    chat.reply(session, packet, about, commands=data)


def _name(text: str) -> str:
    """The name of a command that may have been written without its slash."""
    return "/" + text.removeprefix("/").lower()


HELP = {"/help": Command(_help, ("command",), 0, "list the commands, or show how to use one", Role.PENDING, textless=True)}
#: The parts of the help, by the words after `/help` that ask for them. No command may be called so.
PARTS = {
    BEGINNERS_HELP: HELP | talk.COMMANDS,
    "messages": changes.COMMANDS | files.COMMANDS,
    "presence": people.COMMANDS | presence.COMMANDS,
    "room": joining.COMMANDS
    | rooms.COMMANDS
    | invitations.COMMANDS
    | room_rights.COMMANDS
    | history.COMMANDS
    | conversations.COMMANDS
    | hooks.COMMANDS,
    "account": accounts.COMMANDS,
    "moderation": moderation.COMMANDS,
}
for _commands in PARTS.values():
    COMMANDS.update(_commands)
COMMANDS.update(talk.PROGRAMS | signals.PROGRAMS | hello.PROGRAMS)
