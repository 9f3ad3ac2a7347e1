"""Services: what is said to SERVER is a command of lanchat, and who looks for NickServ is told how it is done here.

Nobody ever gets what is sent to the names of services of other networks, as there may be a password in it.
"""

from __future__ import annotations

from typing import NamedTuple

from lanchat import commands
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Refused
from lanchat.irc.message import Message
from lanchat.irc.people import SERVICES
from lanchat.irc_commands.history import messages_in
from lanchat.irc_commands.logins import takes_passwords
from lanchat.protocol.dates import local_minute, parse_date
from lanchat.protocol.errors import ClientGone
from lanchat.protocol.packet import SERVER, ServerPacket, visible

#: What is an IRC command, or is answered by an acknowledgement only.
_SAID_OTHERWISE = frozenset(
    {"/pm", "/quit", "/shout", "/me", "/notice", "/reply", "/react", "/login", "/help", "/name", "/away", "/back"}
)
#: The commands of lanchat that can be given to SERVER.
_TAKEN = {name: command for part in commands.PARTS.values() for name, command in part.items() if name not in _SAID_OTHERWISE}
#: Those that answer with messages.
_PAGES = ("/history", "/search")


class Answering(NamedTuple):
    """Somebody who answers a client, and is no user."""

    client: IrcClient
    #: The name that the client wrote to.
    name: str

    def tell(self, text: str) -> None:
        """Send the client a text as NOTICE lines, from the name that it wrote to."""
        server = self.client.server.name
        self.client.tell(text, source=server if self.name == server else f"{self.name}!{self.name}@{server}")


def is_service(client: IrcClient, target: str) -> bool:
    """Whether that is the server, or the name of a service of other networks, and so nobody who could read it."""
    return target.lower() in {*SERVICES, SERVER.name.lower(), client.server.name.lower()}


def answer(client: IrcClient, target: str, text: str) -> None:
    """Answer what a client said to one of these."""
    name = target.lower()
    if name in SERVICES:
        _explain(Answering(client, SERVICES[name]))
        return
    server = Answering(client, SERVER.name if name == SERVER.name.lower() else client.server.name)
    client.perform(_carry_out(server, text), hold=True)


def _explain(service: Answering) -> None:
    client = service.client
    session = client.session
    if service.name not in ("NickServ", "AuthServ"):
        service.tell(
            "There are no services here: MODE, TOPIC, KICK and INVITE do it all. /msg SERVER help shows what else there is."
        )
        return
    if session is not None and session.account is not None:
        service.tell(f"There are no services here. You are logged in as {client.nick}.")
        return
    service.tell(
        "There are no services here: you log in while you connect. Set SASL in your client, with the name of the account"
    )
    service.tell(
        "and its password, or the server password ACCOUNT:PASSWORD. To make your nick an account: /msg SERVER register PASSWORD"
    )
    if not takes_passwords(client):
        service.tell("Others on the network can read this connection, so connect with TLS first, and take another password.")


async def _carry_out(server: Answering, text: str) -> None:
    """Carry out a command that somebody gave to the server, and tell what comes of it."""
    word, _, rest = text.strip().partition(" ")
    name = f"/{word.removeprefix('/').lower()}"
    if name == "/help" and not rest.strip():
        _help(server)
        return
    asked = f"/{rest.strip().removeprefix('/').lower()}" if name == "/help" else name
    if asked not in _TAKEN:
        server.tell(f"I know no command {visible(asked[1:], 40) or '(nothing)'}. Say help to see those there are.")
        return
    try:
        if name in _PAGES:
            await _show_page(server, name, rest)
        else:
            server.tell((await server.client.ask(name, rest)).msg)
    except Refused as error:
        server.tell(str(error))
    except ClientGone:
        pass


def _help(server: Answering) -> None:
    server.tell("What you say to me is a command, for example: search pump. There are:")
    for name, command in _TAKEN.items():
        server.tell(f"{command.usage(name)[1:]} - {command.help}")


async def _show_page(server: Answering, name: str, rest: str) -> None:
    page, end = await server.client.ask_for_page(name, rest)
    found = messages_in(page)
    for packet in found:
        server.tell(_line(packet))
        await server.client.pace()
    if not found:
        server.tell("There is nothing.")
    elif end.x is not None and end.x.more:
        server.tell(f"There is more, before {end.x.before}.")


def _line(packet: ServerPacket) -> str:
    """A message on one line."""
    then = f"{local_minute(parse_date(packet.x.ts))} " if packet.x is not None and packet.x.ts is not None else ""
    text = visible(packet.msg.replace("\n", " - "))  # (also between a text and the file that goes with it)
    return f"{then}{packet.from_.name} -> {packet.to}: {text}"


def _as_command(client: IrcClient, message: Message) -> None:
    """Answer `NS IDENTIFY password` and the like as if it were a message."""
    name = {"NS": "NickServ", "CS": "ChanServ"}.get(message.command, message.command)
    answer(client, name, " ".join(message.params))


COMMANDS = {
    name: IrcCommand(_as_command, 0, "<text>", "explains how it is done here") for name in ("NICKSERV", "NS", "CHANSERV", "CS")
}
