"""MONITOR: watching nicks, so that a client need not ask again and again who is online (IRCv3 "Monitor")."""

from __future__ import annotations

from collections.abc import Iterable

from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import MAX_LINE, Message, middle
from lanchat.irc.monitor import MAX_WATCHED
from lanchat.irc.names import rows
from lanchat.irc.people import mask
from lanchat.model.names import is_valid

#: So many nicks cost as much as a packet, as each is checked.
NICKS_A_PACKET = 10


def _monitor(client: IrcClient, message: Message) -> None:
    what, nicks = message.params[0].upper(), [nick for nick in "".join(message.params[1:2]).split(",") if nick]
    if client.session is not None:
        client.chat.charge(client.session, len(nicks) / NICKS_A_PACKET)
    monitor = client.server.people.monitor
    if what in ("+", "-") and not nicks:
        raise Numeric(numerics.ERR_NEEDMOREPARAMS, message.command)
    if what == "+":
        _add(client, nicks)
    elif what == "-":
        monitor.remove(client, nicks)
    elif what == "C":
        monitor.clear(client)
    elif what == "L":
        _list(client, numerics.RPL_MONLIST, monitor.watched_by(client))
        client.numeric(numerics.RPL_ENDOFMONLIST)
    elif what == "S":
        _show(client, monitor.watched_by(client))
    else:
        raise Numeric(numerics.ERR_UNKNOWNERROR, "MONITOR", text="MONITOR takes one of + - C L S.")


def _add(client: IrcClient, nicks: list[str]) -> None:
    """Watch these nicks, and tell which of them are online. What can't be a nick is not watched, and told as offline."""
    online = client.chat.online
    for number, nick in enumerate(nicks):
        if not is_valid(nick) and online.account(nick) is None:
            continue
        if not client.server.people.monitor.add(client, nick):
            left = ",".join(map(middle, nicks[number:]))
            client.numeric(numerics.ERR_MONLISTFULL, str(MAX_WATCHED), middle(left), "Monitor list is full.")
            nicks = nicks[:number]
            break
    _show(client, nicks)


def _show(client: IrcClient, nicks: Iterable[str]) -> None:
    """Show which of these are online, and which are not."""
    here: dict[str, None] = {}
    gone: dict[str, None] = {}
    for nick in nicks:
        if (session := client.chat.online.find(nick)) is not None:
            here[mask(session)] = None
        else:
            gone[middle(nick)] = None
    _list(client, numerics.RPL_MONONLINE, here)
    _list(client, numerics.RPL_MONOFFLINE, gone)


def _list(client: IrcClient, number: int, words: Iterable[str]) -> None:
    used = len(f":{client.server.name} {number} {client.nick} :".encode())
    for row in rows(words, MAX_LINE - used, ","):
        client.numeric(number, row)


COMMANDS = {
    "MONITOR": IrcCommand(_monitor, 1, "+|-|C|L|S [<nick>{,<nick>}]", "watch who comes and goes", targets=MAX_WATCHED),
}
