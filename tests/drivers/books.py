"""Books of the server driver: what each client said and was told of it, and who was where, to be compared with the log."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.drivers.wrong import Wrong, check

#: What every message begins with, a word of its own.
TOKEN = re.compile(r"m\d+q")


@dataclass(eq=False)
class Message:
    """Something that was said, and what its sender knows of it."""

    number: int
    sender: str
    name: str
    target: str
    text: str
    #: How many messages had been acknowledged when it was sent first: all those have lower places.
    begun: int
    #: Whether its sender may not have read that something before it was refused.
    late: bool = False
    #: Its place in the log, if the server told one.
    seq: int = 0
    #: The code with which it was refused for good.
    refused: str = ""
    #: The message of which this is a new text, if it is an edit.
    edits: Message | None = None

    @property
    def token(self) -> str:
        """The word of its own."""
        return f"m{self.number}q"


class Row(NamedTuple):
    """A message in the log."""

    seq: int
    conv: str
    author: int | None
    name: str
    target: str


@dataclass
class Books:
    """All messages of a round."""

    dice: random.Random
    #: Whether senders keep their order; not where they are refused because they ask for too much.
    ordered: bool = True
    messages: dict[str, Message] = field(default_factory=dict)
    #: The places that were acknowledged, in the order in which clients read of them.
    acknowledged: list[int] = field(default_factory=list)
    #: By account and room, the place after which the account is owed what is said there.
    members: dict[tuple[str, str], int] = field(default_factory=dict)
    #: Who ever was in which room.
    were_in: set[tuple[str, str]] = field(default_factory=set)

    def say(self, sender: str, name: str, target: str, late: bool) -> Message:
        """A new message, of some length."""
        number = len(self.messages) + 1
        text = f"m{number}q " + "lorem " * self.dice.choice([0, 1, 10, 60])
        message = Message(number, sender, name, target, text.strip(), len(self.acknowledged), late)
        self.messages[message.token] = message
        return message

    def edit(self, sender: str, original: Message, late: bool) -> Message:
        """A new text of a message that is stored."""
        message = self.say(sender, original.name, original.target, late)
        message.edits = original
        return message

    def seen(self, text: str, as_edit: bool) -> str:
        """The token of what is shown with this text, as an edit or not: pages show a message with its newest text."""
        message = self.messages.get(token := token_of(text))
        return token if message is None or message.edits is None or as_edit else message.edits.token

    def stored(self, message: Message, seq: int) -> None:
        """Its sender reads that it is stored."""
        check(seq > 0, "stored without a place", f"{message}")
        check(message.seq in (0, seq), "acknowledged with two places", f"{message}: {seq}")
        check(not message.refused, "stored and refused", f"{message}")
        below = max(self.acknowledged[: message.begun], default=0)
        check(seq > below, "stored below what was acknowledged before", f"{message}: {seq} after {below}")
        message.seq = seq
        self.acknowledged.append(seq)

    def refused(self, message: Message, code: str) -> None:
        """Its sender reads that it is refused, and won't send it again."""
        check(not message.seq, "stored and refused", f"{message}: {code}")
        message.refused = code

    def joined(self, account: str, room: str, newest: int) -> None:
        """An account is in a room for certain, after this place."""
        self.members[account, room] = newest
        self.were_in.add((account, room))

    def leaves(self, account: str, room: str) -> None:
        """An account may not be in a room any more: it is owed nothing of it."""
        self.members.pop((account, room), None)

    # At the end.

    def check_log(self, rows: Iterable[tuple[Any, ...]]) -> dict[str, Row]:
        """Compare the log (seq, conv, author, name, target, msg) with what was told; the rows by token."""
        log: dict[str, Row] = {}
        for *members, msg in rows:
            token = token_of(msg)
            check(token not in log, "stored twice", f"{token} is at {members[0]} and at {log.get(token)}")
            message = self.messages.get(token)
            if message is None or message.text != msg:
                raise Wrong("the log has what nobody said", f"{members} {msg[:40]}")
            log[token] = row = Row(*members)
            same = (row.name.lower(), row.target.lower()) == (message.name.lower(), message.target.lower())
            check(same, "the log has it from or to another", f"{row}: {message}")
        for message in self.messages.values():
            self._check_fate(message, log.get(message.token))
        if self.ordered:
            self._check_order(log)
        return log

    def _check_fate(self, message: Message, row: Row | None) -> None:
        if message.seq:
            check(row is not None, "acknowledged and lost", f"{message}")
            check(row is None or row.seq == message.seq, "acknowledged with another place", f"{message}: {row}")
        if message.refused:
            check(row is None, "refused and stored", f"{message}: {row}")

    def _check_order(self, log: dict[str, Row]) -> None:
        """What one sender said is in the log in the order in which it was said, unless it read too late what was refused."""
        last: dict[str, Message] = {}
        for message in self.messages.values():
            if (row := log.get(message.token)) is None or message.late:
                continue
            before = last.get(message.sender)
            if before is not None and row.seq < log[before.token].seq:
                raise Wrong(
                    "out of the sender's order", f"{message} is at {row.seq}, and at {log[before.token].seq} is {before}"
                )
            last[message.sender] = message

    def owed(self, account: str, number: int, log: dict[str, Row], rooms: dict[str, str]) -> dict[str, Row]:
        """What an account is owed, by token; `rooms` are the conversations of the rooms by name."""
        since = {rooms[room]: place for (who, room), place in self.members.items() if who == account and room in rooms}
        return {token: row for token, row in log.items() if row.seq > since.get(row.conv, 2**62) or _concerns(row.conv, number)}

    def may_read(self, account: str, token: str) -> bool:
        """Whether an account may be shown this at all."""
        message = self.messages[token]
        if message.target.startswith("#"):
            return (account, message.target) in self.were_in
        return account.lower() in (message.name.lower(), message.target.lower())


def token_of(text: str) -> str:
    """The word of its own that a message has; "" if it has none."""
    found = TOKEN.search(text)
    return found[0] if found else ""


def rows_by_token(rows: Iterable[tuple[Any, ...]]) -> dict[str, Row]:
    """Rows of the log (seq, conv, author, name, target, msg) by the words that their messages have of their own."""
    return {token_of(msg): Row(*members) for *members, msg in rows}


def _concerns(conv: str, number: int) -> bool:
    """Whether a conversation is an account's with somebody."""
    kind, numbers = conv[:1], conv[1:].split("x")
    return (kind == "p" and str(number) in numbers) or (kind == "g" and numbers[0] == str(number))
