"""Sanction: a ban or a mute, and how somebody is told of it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lanchat.model.masks import is_mask
from lanchat.model.room import Room
from lanchat.protocol.durations import format_duration
from lanchat.protocol.errors import Banned, ChatError, Muted

#: The kinds of sanctions, as in the database.
MUTE, BAN = "mute", "ban"
#: The name of the author of sanctions that are decided at the operators' prompt.
PROMPT = "the operator"
_STATES = {MUTE: ("muted", "in"), BAN: ("banned", "from")}


@dataclass(frozen=True, slots=True)
class Sanction:
    """A ban or a mute."""

    kind: str
    #: The room in which it holds; None is the whole server.
    room: Room | None
    #: Its target (`Target.kept`).
    target: str
    #: Until when, in seconds since the epoch; None is until lifted.
    until: int | None
    #: The reason, as it may be shown, or "".
    reason: str
    #: The name of its author, and when it was decided, in seconds since 1970.
    by: str
    at: int

    def holds(self, now: float) -> bool:
        """Whether it has not run out at this time, in seconds since 1970."""
        return self.until is None or self.until > now

    @property
    def about(self) -> tuple[Room | None, str, str]:
        """Its kind, room and target. No two sanctions that are stored have these in common."""
        return self.room, self.kind, self.target

    @property
    def is_about_an_account(self) -> bool:
        """Whether its target is an account, and not a name that is not registered, a mask, or an address."""
        return self.target.startswith("@") and not is_mask(self.target)

    def what(self, now: float, *, unlimited: str = "until lifted") -> str:
        """What it is, to follow "is" or "are": "banned from #ops by ann for 2h (spam)"; `unlimited` if it has no end."""
        how_long = unlimited if self.until is None else f"for {format_duration(self.until - now)}"
        why = f" ({self.reason})" if self.reason else ""
        return f"{state(self.kind, self.room)} by {self.by} {how_long}{why}"

    def logged(self, now: float) -> str:
        """The same for the log, in the words that programs know."""
        return self.what(now, unlimited="until it is undone")

    def error(self, now: float) -> ChatError:
        """The error for somebody whom it hits."""
        retry_ms = None if self.until is None else math.ceil((self.until - now) * 1000)
        if self.kind == MUTE:
            return Muted(f"Nobody got that: you are {self.what(now)}.", retry_ms)
        return Banned(f"You are {self.what(now)}.", retry_ms)


def state(kind: str, room: Room | None) -> str:
    """What a sanction of this kind does, to follow "is": "muted", or "banned from #ops"."""
    done, before = _STATES[kind]
    return done if room is None else f"{done} {before} {room.name}"
