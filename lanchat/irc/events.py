"""Events as lines of IRC: what is done with rooms, and what becomes of people.

Most lines are the same for all clients with the same capabilities (`lanchat.irc.event_lines`). Here is what depends on who
reads them: events about somebody's own session, and those that not everybody is told of.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeAlias

from lanchat.irc.client import IrcClient
from lanchat.irc.command import Refused
from lanchat.irc.markers import show_read
from lanchat.irc.modes import HIDDEN_KEY, rule_changes
from lanchat.irc.names import show_joined
from lanchat.irc.numerics import RPL_NOWAWAY, RPL_UNAWAY
from lanchat.model.room import room_key
from lanchat.protocol import events
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import PacketRun, ServerPacket

#: How many names of those whose QUIT a client was told are remembered, so that it is told once.
MAX_GONE = 100
#: How much of what a client was shown to have done is remembered, so that it is shown once.
MAX_DONE = 200


def show_event(client: IrcClient, packet: ServerPacket) -> None:
    """Show an event that has just happened."""
    x = packet.x
    if x is not None and x.ev == events.READ:
        show_read(client, packet)
    if x is None or not x.who:
        return
    alike = x.ev in _ALIKE or (x.ev == events.LEFT and not x.gone)
    if alike and x.by and x.by not in client.gone and client.session is not None and x.by != client.session.name.shown:
        client.outbox.send(packet.encoded(client.event_shape))  # (as most are, and there may be very many readers)
        return
    special = _SPECIAL.get(x.ev or "")
    if special is not None and special(client, x):
        return
    _show(client, x, packet.encoded(client.event_shape))


def show_together(client: IrcClient, run: PacketRun) -> None:
    """Show who has entered a room, if many have at once. Who is one of them found those before among the names in the room."""
    nick, shape = client.nick, client.event_shape
    if nick in run.later:
        return
    own = run.places.get(nick)
    if own is None:
        client.outbox.send(run.encoded(shape), len(run.packets))
        return
    show_event(client, run.packets[own])
    if later := run.encoded_after(own, shape):
        client.outbox.send(later, len(run.packets) - own - 1)


def _show(client: IrcClient, x: ServerX, lines: bytes) -> None:
    """Send lines, if there are any; what the client has just done itself belongs to the answer to its command."""
    if lines and x.by == client.nick:
        client.reply_written(lines)
    elif lines:
        client.outbox.send(lines)


def _is_own(client: IrcClient, x: ServerX, command: str) -> bool:
    """Whether this client itself has just done it, with this command."""
    return x.by == client.nick and client.serving is not None and client.serving.command == command


@contextmanager
def shown_at_once(client: IrcClient, ev: str, channel: str) -> Iterator[None]:
    """Do something with a room that the client's command shows, so that it is not shown when the core tells of that event."""
    did = ev, room_key(channel)
    client.done = (*client.done, did)[-MAX_DONE:]
    try:
        yield
    except Refused:
        _forget(client, did)
        raise


def _forget(client: IrcClient, did: tuple[str, str]) -> bool:
    """Forget that a client was shown to have done this, once; returns whether it was."""
    if did not in client.done:
        return False
    place = client.done.index(did)
    client.done = client.done[:place] + client.done[place + 1 :]
    return True


def _was_shown(client: IrcClient, x: ServerX) -> bool:
    """Whether a client was shown what it has done when its command was served; of each time it is told once."""
    return _forget(client, (x.ev or "", room_key(x.conv or "")))


# What is shown in another way than by its lines. Each returns whether that is done.


def _joined(client: IrcClient, x: ServerX) -> bool:
    if x.who == [client.nick]:
        shown, room = _was_shown(client, x), client.chat.rooms.find(x.conv or "")
        if room is not None and not shown:
            client.perform(show_joined(client, room, x), hold=False)
        return True
    who = x.who or []
    if client.gone:
        client.gone = tuple(name for name in client.gone if name not in who)
    if client.nick not in who:
        return False
    later = who[who.index(client.nick) + 1 :]  # (who came before it was in its list of names)
    client.outbox.send(client.event_shape.joined(x, later, ""))
    return True


def _left(client: IrcClient, x: ServerX) -> bool:
    """Tell that somebody is gone only once, however many rooms they were in together."""
    if not x.gone:
        return x.by == client.nick and _was_shown(client, x)
    names = [name for name in x.who or () if name not in client.gone]
    client.gone = (*client.gone, *names)[-MAX_GONE:]
    return not names


def _name(client: IrcClient, x: ServerX) -> bool:
    """Note that somebody has the name of one whose QUIT was told, and can be told to quit under it again."""
    client.gone = tuple(name for name in client.gone if name != x.text)
    return False


def _banned(client: IrcClient, x: ServerX) -> bool:
    if not _is_own(client, x, "MODE"):
        return False
    if not x.absent:  # (the command has shown the mask)
        _show(client, x, client.event_shape.kicked(x, x.who or [], client.nick))
    return True


def _invited(client: IrcClient, x: ServerX) -> bool:
    if x.who == [client.nick]:
        _show(client, x, client.event_shape.invite(x, [client.nick], x.by or ""))
        return True
    return _is_own(client, x, "INVITE")


def _mode(client: IrcClient, x: ServerX) -> bool:
    """Show the key to who has set it."""
    if not _is_own(client, x, "MODE"):
        return False
    room = client.chat.rooms.find(x.conv or "")
    key = (room.rules.key if room is not None else "") or HIDDEN_KEY
    _show(client, x, client.event_shape.write_modes(x, client.nick, rule_changes(x.text or "", key)))
    return True


def _renamed(client: IrcClient, x: ServerX) -> bool:
    """Tell that a room has another name; clients that do not know that leave one room and enter another."""
    old, new, by = x.conv or "", x.text or "", x.by or ""
    shape, room = client.event_shape, client.chat.rooms.find(new) or client.chat.rooms.find(old)
    if "draft/channel-rename" in client.caps:
        own = _is_own(client, x, "RENAME") and client.serving is not None
        reason = "".join(client.serving.params[2:3]) if own and client.serving is not None else ""
        _show(client, x, shape.write(x, by, "RENAME", old, new, reason))
    elif room is not None:
        _show(client, x, shape.write(x, client.nick, "PART", old, f"{by} has renamed it: it is {new} now"))
        client.perform(show_joined(client, room, x), hold=False)
    return True


def _closed(client: IrcClient, x: ServerX) -> bool:
    shape, by = client.event_shape, x.by or ""
    if by == client.nick:
        _show(client, x, shape.write(x, by, "PART", x.conv or "", "closed for good"))
    else:
        _show(client, x, shape.write(x, by, "KICK", x.conv or "", client.nick, "closed for good"))
    return True


def _away(client: IrcClient, x: ServerX) -> bool:
    """Tell a client what another device of its account has said."""
    if x.by == client.nick:
        client.numeric(RPL_NOWAWAY if x.text else RPL_UNAWAY)
    return x.by == client.nick


#: Those whose lines are the same for all who have not done it themselves.
_ALIKE = {events.JOINED, events.KICKED, events.TOPIC}
_Special: TypeAlias = Callable[[IrcClient, ServerX], bool]
_SPECIAL: dict[str, _Special] = {
    events.JOINED: _joined,
    events.LEFT: _left,
    events.BANNED: _banned,
    events.INVITED: _invited,
    events.MODE: _mode,
    events.RENAMED: _renamed,
    events.CLOSED: _closed,
    events.AWAY: _away,
    events.NAME: _name,
}
