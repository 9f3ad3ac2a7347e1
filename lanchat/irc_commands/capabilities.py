"""Capabilities: what clients are offered, and what they ask for (IRCv3 "Capability Negotiation", "STS")."""

from __future__ import annotations

from lanchat.irc import caps, multiline, numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import MAX_LINE, Message, middle
from lanchat.irc.names import rows
from lanchat.irc_commands.logins import mechanisms, takes_passwords
from lanchat.irc_commands.registration import then_complete
from lanchat.net.addresses import is_loopback
from lanchat.protocol.interfaces import Work

#: Clients that say this have CAP version 302 or newer: they read values of capabilities, and lists in several lines.
WITH_VALUES = 302
#: For how many seconds clients that were sent to TLS use nothing else: 30 days.
STS_SECONDS = 30 * 86_400
#: What such clients have asked for with that version; it can't be given back.
CAP_NOTIFY = "cap-notify"


def offered(client: IrcClient) -> dict[str, str]:
    """The capabilities that a client is offered, with their values."""
    found = dict.fromkeys(caps.CAPS, "") | {multiline.CAP: multiline.VALUE}
    if mechs := mechanisms(client):
        found[caps.SASL] = ",".join(mechs)
    if not takes_passwords(client):
        del found[caps.REGISTERING]
    if policy := _sts(client):
        found[caps.STS] = policy
    if not client.chat.store.stores_messages:
        for name in caps.STORED:
            del found[name]
    return dict(sorted(found.items()))


def _sts(client: IrcClient) -> str:
    """How a client is sent to TLS, or stays there; "" if it is not.

    On loopback nobody else can read what is sent, and certificates are not made for it.
    """
    port = client.server.settings.sts_port()
    if not port or is_loopback(client.address):
        return ""
    return f"duration={STS_SECONDS}" if client.encryption() else f"port={port}"


def _cap(client: IrcClient, message: Message) -> Work | None:
    subcommand, *rest = message.params
    name = subcommand.upper()
    if client.registering is not None and name in ("LS", "REQ"):
        client.registering.negotiating = True
    if name == "LS":
        _ls(client, rest[0] if rest else "")
    elif name == "LIST":
        _list(client, "LIST", dict.fromkeys(sorted(client.caps), ""), client.reads_values)
    elif name == "REQ":
        _request(client, rest[0] if rest else "")
    elif name == "END":
        if client.registering is not None:
            client.registering.negotiating = False
    else:
        raise Numeric(numerics.ERR_INVALIDCAPCMD, middle(subcommand))
    return then_complete(client)


def _ls(client: IrcClient, version: str) -> None:
    if version.isascii() and version.isdigit() and len(version) < 6 and int(version) >= WITH_VALUES:
        client.reads_values = True
        client.use_caps(client.caps | {CAP_NOTIFY})
    _list(client, "LS", offered(client), client.reads_values)


def _list(client: IrcClient, name: str, found: dict[str, str], several: bool) -> None:
    """Send a list of capabilities: in several lines, and with their values, only if the client reads that."""
    words = [f"{cap}={value}" if value and several else cap for cap, value in found.items()]
    lines = list(rows(words, _room(client, f"{name} *"))) or [""]
    for line in lines[:-1] if several else ():
        client.reply("CAP", client.nick, name, "*", line)
    client.reply("CAP", client.nick, name, lines[-1 if several else 0])


def _room(client: IrcClient, name: str) -> int:
    """How many bytes of capabilities there may be in a line."""
    return MAX_LINE - len(f":{client.server.name} CAP {client.nick} {name} :".encode())


def _request(client: IrcClient, text: str) -> None:
    """Grant all the capabilities that were asked for, or none."""
    there = offered(client).keys() - {caps.STS}
    words, granted = text.split(), set(client.caps)
    for word in words:
        name = word.removeprefix("-")
        if name not in there or (word.startswith("-") and name == CAP_NOTIFY):
            client.reply("CAP", client.nick, "NAK", text.encode()[: _room(client, "NAK")].decode(errors="ignore"))
            return
        (granted.discard if word.startswith("-") else granted.add)(name)
    for row in rows(words, _room(client, "ACK")) if words else [""]:
        client.reply("CAP", client.nick, "ACK", row)
    client.use_caps(frozenset(granted))


COMMANDS = {
    "CAP": IrcCommand(_cap, 1, "LS [<version>] or LIST, REQ <capabilities>, END", "negotiate capabilities", anyone=True),
}
