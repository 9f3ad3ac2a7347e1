"""Writing: what a device says, and which messages it then edits, withdraws and reacts to."""

from __future__ import annotations

import random
from collections import deque
from typing import NamedTuple

import msgspec

from tests.faults.events import content

#: Words of a text: most are short, one in 8 has 14 kB, and a stalled reader soon has too many of them. The words are drawn
#: from so many, as in what people write: the index of words then takes its part of the file.
LENGTHS, VOCABULARY = (*range(0, 28, 2), 2800, 2800), 3000
#: How often a `cid` is used again for another message: a program that counts from 1 in each run does so.
AGAIN = 0.03
#: How often a message is changed instead of a new one said; of how many of the newest; and what is done to it.
CHANGED, NEWEST = 0.2, 20
KINDS = ("edit", "edit", "edit", "withdraw", "react", "react")


class Seat(msgspec.Struct):
    """Who a device is, and where it talks."""

    account: str
    device: str
    password: str
    #: As it sees them: "#ops", "@bob".
    convs: list[str]
    #: It resumes from the place that the server keeps for it, and not from its own.
    by_cursor: bool = False
    #: The rooms that its account owns, in which it gives these accounts ranks.
    owns: dict[str, list[str]] = {}


class Outgoing(NamedTuple):
    """A message, or a change of one, that the server has not yet answered."""

    #: Which it is of the device's; it is sent again in this order.
    number: int
    cid: str
    #: The conversation.
    to: str
    text: str
    #: Which change of which message (its seq) it is, if it is one.
    kind: str = ""
    about: int = 0

    @property
    def sha(self) -> str:
        """What stands for it in a history."""
        return content(self.kind, self.about, self.text)


class Said(NamedTuple):
    """A message that can be changed."""

    seq: int
    to: str
    #: A word that only this message has; "" if it is another's, which can only be reacted to.
    word: str


class Writing:
    """What one device says. No two texts are the same."""

    def __init__(self, seat: Seat, dice: random.Random) -> None:
        self._seat, self._dice = seat, dice
        self._number = 0
        self._settled: list[str] = []  # cids of messages of which all is known
        self._said: deque[Said] = deque(maxlen=NEWEST)
        self._heard: deque[Said] = deque(maxlen=NEWEST)
        self._sent: set[str] = set()
        #: Words of messages that were withdrawn.
        self.withdrawn: list[Said] = []
        self._withdrawing: dict[str, Said] = {}  # by cid

    def next(self) -> Outgoing:
        """Something new."""
        self._number += 1
        one = self._change() if self._dice.random() < CHANGED else None
        if one is None:
            again = self._settled and self._dice.random() < AGAIN
            cid = self._settled.pop() if again else self._own
            one = Outgoing(self._number, cid, self._dice.choice(self._seat.convs), self._text())
        self._sent.add(one.sha)
        return one

    def stored(self, one: Outgoing, seq: int) -> None:
        """Note that something is stored with this seq."""
        if not one.kind:
            self._settled = [*self._settled[-20:], one.cid]
            self._said.append(Said(seq, one.to, one.text.split()[2]))
        elif one.cid in self._withdrawing:
            self.withdrawn.append(self._withdrawing.pop(one.cid))

    def heard(self, seq: int, conv: str) -> None:
        """Note that somebody else's message, with this seq, was shown."""
        self._heard.append(Said(seq, conv, ""))

    def is_own(self, sha: str) -> bool:
        """Whether this device said what has this digest."""
        return sha in self._sent

    @property
    def _own(self) -> str:
        return f"{self._seat.device}-{self._number}"

    def _text(self) -> str:
        words = (f"w{self._dice.randrange(VOCABULARY):x}" for _ in range(self._dice.choice(LENGTHS)))
        return " ".join([self._seat.account, self._own, f"{self._seat.account}x{self._seat.device}x{self._number}", *words])

    def _change(self) -> Outgoing | None:
        kind = self._dice.choice(KINDS)
        others = self._heard if kind == "react" and self._dice.random() < 0.5 else self._said
        if not others:
            return None
        said = self._dice.choice(others)
        if kind == "withdraw":  # and never changed by this device again
            self._said.remove(said)
            self._withdrawing[self._own] = said
        text = {"edit": self._text(), "react": f"{self._seat.account} {self._own}"}.get(kind, "")
        return Outgoing(self._number, self._own, said.to, text, kind, said.seq)
