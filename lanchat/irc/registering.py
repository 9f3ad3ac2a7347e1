"""Registering: what a client has said of itself before its registration is complete (RFC 2812, 3.1)."""

from __future__ import annotations

from typing import Any

from lanchat.model.session import Account
from lanchat.state.pending_logins import Attempt

#: How many lines a client may send before its registration is complete.
MAX_LINES = 200


class Registering:
    """What a client has said of itself so far."""

    __slots__ = (
        "account",
        "attempt",
        "away",
        "cursor",
        "failed",
        "lines",
        "negotiating",
        "nick",
        "password",
        "restarts",
        "sasl",
        "user",
    )  # fmt: skip

    def __init__(self) -> None:
        self.lines = 0
        self.nick = self.password = ""
        #: The user name and the real name; None until they came.
        self.user: tuple[str, str] | None = None
        #: Whether capabilities are negotiated, so that the registration waits for `CAP END`.
        self.negotiating = False
        #: The mechanism and the data of SASL that came so far; None if none is under way.
        self.sasl: tuple[str, str] | None = None
        #: The account that it has proven to own; and the check that is under way.
        self.account: Account | None = None
        self.attempt: Attempt[Any] | None = None
        #: How often a login failed.
        self.failed = 0
        #: The place in the log up to which its device has all messages; None if that is unknown.
        self.cursor: int | None = None
        #: How often it got the usual time again, because it has to choose another nick.
        self.restarts = 0
        #: What `AWAY` said.
        self.away = ""

    def give_up(self) -> None:
        """Cancel the check that is under way, as nobody waits for it any more."""
        if self.attempt is not None:
            self.attempt.cancel()
