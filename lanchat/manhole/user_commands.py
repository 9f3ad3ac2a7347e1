"""The operators' commands about users: who is online, and kicks, mutes and bans."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Coroutine
from datetime import datetime
from functools import partial
from typing import Any, NamedTuple

from lanchat.commands import decisions
from lanchat.commands.decisions import OPERATOR, Actor, ModerationRequest
from lanchat.commands.moderation import MAX_REASON
from lanchat.core.chat import Chat
from lanchat.manhole.tables import Table, Text
from lanchat.model.room import Room
from lanchat.model.sanction import BAN, MUTE
from lanchat.model.session import Session
from lanchat.protocol.durations import parse_duration
from lanchat.protocol.errors import Usage
from lanchat.protocol.interfaces import IConnection
from lanchat.protocol.packet import MAX_MSG, SERVER, visible
from lanchat.service.drain import announce

#: Characters that Python allows in a text, but UTF-8 does not.
_SURROGATE = re.compile("[\ud800-\udfff]")


class UserRow(NamedTuple):
    """A user who is online: a row of `who()`."""

    name: str
    address: str
    gateway: str
    tls: str
    since: str
    idle: int
    queued: int
    away: str


class SanctionRow(NamedTuple):
    """A ban or mute: a row of `bans()`."""

    kind: str
    whom: str
    until: str
    by: str
    since: str
    why: str


class UserCommands:
    """The commands about users at the operators' prompt. Their docstrings are its help."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self._actor = OPERATOR._replace(written=_as_typed)

    def who(self) -> Table[UserRow]:
        """Who is online, sorted by name.

        `idle` is for how many seconds they have done nothing of their own; what a program sends by itself does not count.
        `queued` is how many bytes wait to be sent to them, `away` what they say while they are away. The rows are tuples with
        these names: [row.name for row in who() if row.idle > 3600].
        """
        return Table(UserRow._fields, [self._row(s) for s in sorted(self._chat.online, key=lambda s: (s.name.key, s.since))])

    def _row(self, session: Session) -> UserRow:
        connection = IConnection(session.client, None)
        encryption, queued = (connection.encryption(), connection.queued()) if connection is not None else ("", 0)
        idle = int(self._chat.clock.seconds() - session.spoke)
        name, address, away = visible(session.name.shown), visible(session.sender.ip), visible(session.away) or "-"
        return UserRow(name, address, session.gateway, encryption or "-", clock_time(session.since), idle, queued, away)

    def find(self, name: str) -> Session | None:
        """The session of that name, or None.

        Any spelling will do. If an account has several sessions, it is the newest.
        """
        return self._chat.online.find(name)

    def kick(self, whom: str, why: str = "", room: str = "") -> Coroutine[Any, Any, Text]:
        """Disconnect somebody, who is told why.

        `whom` is a name, an address or a network: kick('bob', 'be nice'), kick('10.0.0.7'). With room='#ops' they are removed
        from that room instead.
        """
        return self._moderate(decisions.kick, whom, why, "", room)

    def mute(self, whom: str, why: str = "", duration: str | int = "", room: str = "") -> Coroutine[Any, Any, Text]:
        """Mute somebody.

        For '30s', '10m', '2h', '7d' or so many seconds, or until lifted: mute('bob', 'calm down', '10m').
        With room='#ops', only in that room.
        """
        return self._moderate(decisions.mute, whom, why, duration, room)

    def unmute(self, whom: str, room: str = "") -> Coroutine[Any, Any, Text]:
        """Lift a mute.

        The target as in mute(), and with room='#ops' only there: unmute('bob').
        """
        return self._moderate(partial(decisions.undo, kind=MUTE), whom, "", "", room)

    def ban(self, whom: str, why: str = "", duration: str | int = "", room: str = "") -> Coroutine[Any, Any, Text]:
        """Ban a name, address or network.

        For '30s', '10m', '2h', '7d' or so many seconds, or until lifted: ban('10.0.0.0/24', 'a storm', '2h').
        With room='#ops', only from that room.
        """
        return self._moderate(decisions.ban, whom, why, duration, room)

    def unban(self, whom: str, room: str = "") -> Coroutine[Any, Any, Text]:
        """Lift a ban.

        The target as in ban(), and with room='#ops' only there: unban('10.0.0.0/24').
        """
        return self._moderate(partial(decisions.undo, kind=BAN), whom, "", "", room)

    def bans(self, room: str = "") -> Table[SanctionRow]:
        """Who is banned or muted, newest first.

        On the whole server, or in a room: bans('#ops').
        """
        chat = self._chat
        found = [(decisions.whom(chat, one), one) for one in chat.sanctions.listed(self._room(room))]
        rows = [
            SanctionRow(one.kind, visible(whom), clock_time(one.until), visible(one.by), clock_time(one.at), one.reason or "-")
            for whom, one in found
            if whom
        ]
        return Table(SanctionRow._fields, rows)

    def shout(self, text: str) -> int:
        """Send a message to everyone.

        It comes from the server. Returns to how many connections it was sent.
        """
        if not 0 < len(text.encode("utf-8", "surrogatepass")) <= MAX_MSG or _SURROGATE.search(text):
            raise Usage(f"Nothing was sent: a text has 1 to {MAX_MSG} bytes, and no surrogates.")
        return announce(self._chat, text)

    async def notice(self, room: str, text: str) -> Text:
        """Say something in a room.

        It comes from the server, and is kept like any message there: notice('#ops', 'backup at six').
        """
        found = self._chat.rooms.named(room)
        await self._chat.bots.say(SERVER, found, text)
        return Text(f"Said in {found.name}.")

    async def _moderate(
        self,
        act: Callable[[Chat, Actor, ModerationRequest], Awaitable[str]],
        whom: str,
        why: str,
        duration: str | int,
        room: str,
    ) -> Text:
        if len(why) > MAX_REASON:
            raise Usage(f"Nothing was done: a reason has at most {MAX_REASON} characters; this one has {len(why)}.")
        if not whom.strip():
            raise Usage("Nothing was done: give a name, an address or a network.")
        how_long = parse_duration(f"{duration}s" if isinstance(duration, int) else duration)
        return Text(
            await act(self._chat, self._actor, ModerationRequest(whom, how_long, visible(why.strip()), self._room(room)))
        )

    def _room(self, name: str) -> Room | None:
        return self._chat.rooms.named(name) if name else None


def clock_time(at: float | None) -> str:
    """A time in this machine's zone; "-" for None."""
    return "-" if at is None else datetime.fromtimestamp(at).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _as_typed(command: str, room: Room | None, *rest: str) -> str:
    """A moderation command as it is written at the prompt."""
    return f"{command}({', '.join(map(repr, rest))}{f', room={room.name!r}' if room is not None else ''})"
