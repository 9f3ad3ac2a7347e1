"""Sanction: what was decided about somebody, who may not speak or not come in, and how they are told."""

from __future__ import annotations

import math
from dataclasses import dataclass

from lanchat.model.room import Room
from lanchat.protocol.durations import format_duration
from lanchat.protocol.errors import Banned, ChatError, Muted

#: The kinds of sanctions, as the table has them.
MUTE, BAN = "mute", "ban"
#: The name under which is decided at the operators' prompt.
PROMPT = "the operator"
_STATES = {MUTE: ("muted", "in"), BAN: ("banned", "from")}


@dataclass(frozen=True, slots=True)
class Sanction:
    """What was decided about somebody."""

    kind: str
    #: Where it holds; None is the whole server.
    room: Room | None
    #: Whom it is about (`Target.kept`).
    target: str
    #: Until when, in seconds since the epoch; None is until it is undone.
    until: int | None
    #: As it may be shown.
    reason: str
    #: The name of whoever decided it, and when that was.
    by: str
    at: int

    def holds(self, now: float) -> bool:
        """Whether it has not run out."""
        return self.until is None or self.until > now

    @property
    def about(self) -> tuple[Room | None, str, str]:
        """What no other sanction that is kept is: of this kind, there, about the same target."""
        return self.room, self.kind, self.target

    @property
    def is_about_an_account(self) -> bool:
        """Whether it is about one account, and not about a name that is nobody's, or an address."""
        return self.target.startswith("@")

    def what(self, now: float) -> str:
        """What it is, to follow "is" or "are": "banned from #ops by ann for 2h (spam)"."""
        how_long = "until it is undone" if self.until is None else f"for {format_duration(self.until - now)}"
        why = f" ({self.reason})" if self.reason else ""
        return f"{state(self.kind, self.room)} by {self.by} {how_long}{why}"

    def error(self, now: float) -> ChatError:
        """What whoever is under it is answered."""
        retry_ms = None if self.until is None else math.ceil((self.until - now) * 1000)
        if self.kind == MUTE:
            return Muted(f"Nobody got that: you are {self.what(now)}.", retry_ms)
        return Banned(f"You are {self.what(now)}.", retry_ms)


def state(kind: str, room: Room | None) -> str:
    """What somebody under a sanction is: "muted", or "banned from #ops"."""
    done, before = _STATES[kind]
    return done if room is None else f"{done} {before} {room.name}"
