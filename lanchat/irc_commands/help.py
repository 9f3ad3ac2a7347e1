"""HELP: what the commands are, from their table (modern.ircdocs.horse, "HELP")."""

from __future__ import annotations

from collections.abc import Iterator

from lanchat.irc import numerics
from lanchat.irc.client import MAX_TOLD, IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import Message, middle
from lanchat.irc.names import rows

#: The subject of the list of all commands.
INDEX = "index"


def _help(client: IrcClient, message: Message) -> None:
    subject = message.params[0] if message.params and message.params[0] else INDEX
    name = subject.upper()
    command = client.server.commands.get(name)
    if command is None and name != INDEX.upper():
        raise Numeric(numerics.ERR_HELPNOTFOUND, middle(subject), text="There is no such command. HELP lists all.")
    title, *texts = _index(client) if command is None else (name, _usage(name, command), f"To {command.help}.")
    client.numeric(numerics.RPL_HELPSTART, subject, title)
    for text in texts:
        client.numeric(numerics.RPL_HELPTXT, subject, text)
    client.numeric(numerics.RPL_ENDOFHELP, subject)


def _index(client: IrcClient) -> Iterator[str]:
    """All commands, in rows."""
    yield "The commands of this server"
    yield from rows(sorted(client.server.commands), MAX_TOLD)
    yield "HELP <command> says more about one of them."


def _usage(name: str, command: IrcCommand) -> str:
    return f"Usage: {name}{command.usage and ' '}{command.usage}"


COMMANDS = {
    "HELP": IrcCommand(_help, 0, "[<command>]", "show the commands, or what one of them does"),
    "HELPOP": IrcCommand(_help, 0, "[<command>]", "show the same as HELP"),
}
