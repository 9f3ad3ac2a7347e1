"""EventShape: what happened in a room, or became of a person, as lines. Clients with the same capabilities share them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

from lanchat.core.chat import Chat
from lanchat.irc.bans import shown_mask
from lanchat.irc.message import line
from lanchat.irc.modes import Change, rank_changes, rank_letters, rule_changes, written
from lanchat.irc.people import OFFLINE, host_of, realname_of, user_of
from lanchat.irc.people_changes import PeopleChanges
from lanchat.model.sanction import PROMPT
from lanchat.model.session import Session
from lanchat.protocol import events
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import ServerPacket

#: The capabilities with which clients are told events in another way.
RELEVANT = frozenset(
    {"account-tag", "away-notify", "extended-join", "invite-notify", "message-tags", "multi-prefix", "server-time"}
)
#: How the core tells that somebody was disconnected: by whom, and perhaps why (`lanchat.commands.decisions.kick`).
_KILLED = re.compile(rf"kicked by ({PROMPT}|\S+)(?: \((.*)\))?")
#: Writes the lines of one event, given those to whom it was done, and who did it.
_Writer: TypeAlias = Callable[[ServerX, list[str], str], bytes]


class EventShape:
    """Writes events for clients with certain capabilities."""

    def __init__(self, chat: Chat, people: PeopleChanges, server: str, caps: frozenset[str]) -> None:
        """`server` is the name of the server, which is the source of what its operator does."""
        self._chat = chat
        self._people = people
        self._server = server
        self._caps = caps
        self._multi = "multi-prefix" in caps
        self._writers: dict[str | None, _Writer] = {
            events.JOINED: self.joined,
            events.LEFT: self._left,
            events.KICKED: self.kicked,
            events.BANNED: self._banned,
            events.TOPIC: self._topic,
            events.INVITED: self._invited,
            events.RANK: self._rank,
            events.MODE: self._mode,
            events.AWAY: self._away,
            events.NAME: self._name,
        }

    def __call__(self, packet: ServerPacket) -> bytes:
        """The lines of an event; none if clients with these capabilities are not told of it."""
        x = packet.x
        write = self._writers.get(x.ev) if x is not None else None
        return b"" if x is None or write is None else write(x, x.who or [], x.by or "")

    def write(self, x: ServerX, source: str, command: str, *params: str, mask: str = "") -> bytes:
        """A line about what somebody did: the name of who did it, and what. The `mask` is theirs, unless another is given."""
        tags = {}
        if x.ts is not None and self._caps & {"server-time", "message-tags"}:
            tags["time"] = x.ts
        if "account-tag" in self._caps and (account := self._chat.online.account(source)) is not None:
            tags["account"] = account.name.shown
        return line(command, *params, source=mask or self._mask(source), tags=tags)

    def _mask(self, name: str) -> str:
        """`nick!user@host` of somebody, or the server's name in place of its operator's."""
        return self._server if name == PROMPT else self._people.mask_of(name)

    def write_modes(self, x: ServerX, source: str, changes: Iterable[Change]) -> bytes:
        """The line of changed modes; none if nothing has changed for clients with these capabilities."""
        params = written(changes)
        return self.write(x, source, "MODE", x.conv or "", *params) if params[0] else b""

    def joined(self, x: ServerX, who: list[str], by: str) -> bytes:
        """The lines for each who has entered a room."""
        return b"".join(self._join(x, name) for name in who)

    def _join(self, x: ServerX, name: str) -> bytes:
        """That somebody has entered a room, with their rank, and whether they are away."""
        channel = x.conv or ""
        room, session = self._chat.rooms.find(channel), self._chat.online.find(name)
        told = self.write(x, name, "JOIN", channel, *self.extended(session, name))
        if session is None or room is None:
            return told
        if letters := rank_letters(room.rank_of(session), self._multi):
            told += self.write(x, PROMPT, "MODE", channel, f"+{letters}", *[name] * len(letters))
        if session.away and "away-notify" in self._caps:
            told += self.write(x, name, "AWAY", session.away)
        return told

    def extended(self, session: Session | None, name: str) -> list[str]:
        """What a JOIN says of somebody besides the channel: the account and the real name."""
        if "extended-join" not in self._caps:
            return []
        account = self._chat.online.account(name)
        return [account.name.shown if account is not None else "*", realname_of(session, name)]

    def _left(self, x: ServerX, who: list[str], by: str) -> bytes:
        text = [x.text] if x.text else []
        if x.gone:
            return b"".join(self.write(x, name, "QUIT", self._quit_text(x.text or "")) for name in who)
        return b"".join(self.write(x, name, "PART", x.conv or "", *text) for name in who)

    def _quit_text(self, why: str) -> str:
        """Why somebody is gone, as clients of IRC know it from KILL if an operator disconnected them."""
        if (killed := _KILLED.fullmatch(why)) is None:
            return why
        by, reason = killed.groups()
        return f"Killed ({self._server if by == PROMPT else by}{f' ({reason})' if reason else ''})"

    def kicked(self, x: ServerX, who: list[str], by: str) -> bytes:
        """The line for each who was taken out of a room."""
        return b"".join(self.write(x, by, "KICK", x.conv or "", name, x.text or by) for name in who)

    def _banned(self, x: ServerX, who: list[str], by: str) -> bytes:
        bans = self.write_modes(x, by, [Change("+", "b", shown_mask(self._chat.online, name)) for name in who])
        return bans if x.absent else bans + self.kicked(x, who, by)

    def _topic(self, x: ServerX, who: list[str], by: str) -> bytes:
        return self.write(x, by, "TOPIC", x.conv or "", x.text or "")

    def _invited(self, x: ServerX, who: list[str], by: str) -> bytes:
        return self.invite(x, who, by) if "invite-notify" in self._caps else b""

    def invite(self, x: ServerX, who: list[str], by: str) -> bytes:
        """The line of an invitation."""
        return b"".join(self.write(x, by, "INVITE", name, x.conv or "") for name in who)

    def _rank(self, x: ServerX, who: list[str], by: str) -> bytes:
        return self.write_modes(x, by, [one for name in who for one in rank_changes(name, x.was, x.text, self._multi)])

    def _mode(self, x: ServerX, who: list[str], by: str) -> bytes:
        return self.write_modes(x, by, rule_changes(x.text or ""))

    def _away(self, x: ServerX, who: list[str], by: str) -> bytes:
        return self.write(x, by, "AWAY", *([x.text] if x.text else [])) if "away-notify" in self._caps else b""

    def _name(self, x: ServerX, who: list[str], by: str) -> bytes:
        name = x.text or by
        session = self._chat.online.find(name)
        host = host_of(session.sender.ip) if session is not None else OFFLINE
        return self.write(x, name, "NICK", name, mask=f"{by}!{user_of(session)}@{host}")
