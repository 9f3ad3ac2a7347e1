"""A long log, made up: what is said in it, and what people ask about it."""

from __future__ import annotations

import random
import sqlite3
from bisect import bisect_left
from collections.abc import Callable
from itertools import accumulate

from lanchat.commands.conversations import PAGE
from lanchat.history.conversation_list import of_account
from lanchat.history.moments import Moment, place_of
from lanchat.history.pages import missed, newest, page, replay
from lanchat.history.search import parse_query, search
from lanchat.protocol.entry import Entry

#: Who talks, where, and in how many words; the n-th word or conversation has a share of 1 / n (Zipf).
ACCOUNTS, CONVERSATIONS, WORDS = 1000, 500, 50_000
#: Further conversations, in which hardly anything is said: one message in so many is in one of them.
QUIET, RARELY = 1500, 100
#: Two accounts that read some conversations, and all of them; nothing was read by them yet.
FEW_READER, FEW, ALL_READER = CONVERSATIONS + QUIET + 1, 60, CONVERSATIONS + QUIET + 2
#: Words in a message: the mean, and the most.
MEAN_WORDS, MOST_WORDS = 10, 60
#: Milliseconds from one message to the next, and when the first was said.
PAUSE, BEGAN = 15_000, 1_700_000_000_000
#: The first so many words are common, each in a tenth of all messages or more; from this one on, each is in a few.
COMMON, RARE = 10, 5000


class Talk:
    """Makes up what is said; the same in every run."""

    def __init__(self) -> None:
        self._random = random.Random(1)  # noqa: S311 (no secret)
        syllables = [a + b for a in "bcdfghjklmnprstvwz" for b in "aeiou"]
        lengths = (1, 2, 2, 3, 3, 4)
        made = ("".join(self._random.choices(syllables, k=self._random.choice(lengths))) for _ in range(WORDS * 4))
        #: The words, the commonest first.
        self.words = list(dict.fromkeys(made))[:WORDS]
        #: The conversations, the liveliest first.
        self.convs = [self._conv(number) for number in range(1, CONVERSATIONS + 1)]
        self._quiet = [self._conv(number) for number in range(CONVERSATIONS + 1, CONVERSATIONS + QUIET + 1)]
        self._word_shares = _shares(len(self.words))
        self._conv_shares = _shares(CONVERSATIONS)

    def _conv(self, number: int) -> str:
        account = self._random.randint(1, ACCOUNTS)
        room = f"r{number}"
        return (room, f"p{number}x{number + account}", room, f"g{account}xguest.{number}")[number % 4]

    def entry(self, seq: int) -> Entry:
        """What is said at this place."""
        author = self._random.randint(1, ACCOUNTS)
        conv = self.convs[bisect_left(self._conv_shares, self._random.random() * self._conv_shares[-1])]
        if seq % RARELY == 0:
            conv = self._quiet[seq // RARELY % QUIET]
        long = min(MOST_WORDS, 1 + int(self._random.expovariate(1 / MEAN_WORDS)))
        said = " ".join(self._random.choices(self.words, cum_weights=self._word_shares, k=long))
        ip = f"10.0.{author >> 8}.{author & 255}"
        return Entry(conv, author, f"user{author}", ip, "#room", said, BEGAN + seq * PAUSE, cid=f"c{seq}", seq=seq)

    def enter(self, log: sqlite3.Connection) -> None:
        """Make the accounts and rooms, and let two accounts read what they read."""
        account = "INSERT INTO accounts(id, name, key, role, password, created) VALUES (?1, ?2, ?2, 1, '', 0)"
        log.executemany(account, [(number, f"user{number}") for number in range(1, ALL_READER + 1)])
        rooms = [int(conv[1:]) for conv in (*self.convs, *self._quiet) if conv.startswith("r")]
        room = "INSERT INTO rooms(id, name, key, topic, created) VALUES (?1, ?2, ?2, 'what it is about', 0)"
        log.executemany(room, [(number, f"#room{number}") for number in rooms])
        member = "INSERT INTO members(account, conv, since) VALUES (?, ?, 0)"
        log.executemany(member, [(FEW_READER, conv) for conv in self._random.sample(self.convs, FEW)])
        log.executemany(member, [(ALL_READER, conv) for conv in (*self.convs, *self._quiet)])


class Reader:
    """Makes up what is asked: by accounts with some conversations, or hundreds, lively ones and quiet ones."""

    def __init__(self, talk: Talk, rows: int) -> None:
        self._talk = talk
        self._rows = rows
        self._random = random.Random(2)  # noqa: S311 (no secret)
        self._now = (BEGAN + rows * PAUSE) / 1000

    def questions(self) -> dict[str, Callable[[sqlite3.Connection], object]]:
        """Every question by its title; each time it is asked it is about something else."""
        return {
            "the newest 50": lambda log: page(log, self._some(1)),
            "50 before a message": lambda log: page(log, self._some(1), before=self._place()),
            "50 after a message": lambda log: page(log, self._some(1), after=self._place()),
            "50 around a message": lambda log: page(log, self._some(1), around=self._place()),
            "50 before a moment": lambda log: page(log, self._some(1), before=place_of(log, self._moment())),
            "50 before a message, of 300 conversations": lambda log: page(log, self._some(300), before=self._place()),
            "how many were missed, of 300 conversations": lambda log: missed(log, self._owed(300), self._place()),
            "200 to replay, of 30 conversations": lambda log: replay(log, self._owed(30), self._place()),
            "200 to replay, of 300 conversations": lambda log: replay(log, self._owed(300), self._place()),
            "200 to replay, of 300, nearly all is known": lambda log: replay(log, self._owed(300), self._rows - 500),
            "the newest 50 of what was missed, of 300": lambda log: newest(log, self._owed(300), self._place()),
            "the list of 60 conversations": lambda log: of_account(log, FEW_READER, {}, 0, 0, PAGE),
            "the list of 2,000 conversations": lambda log: of_account(log, ALL_READER, {}, 0, 0, PAGE),
            "a rare word": lambda log: self._find(log, self._rare()),
            "a common word": lambda log: self._find(log, self._common()),
            "two words": lambda log: self._find(log, f"{self._common()} {self._rare()}"),
            "two common words": lambda log: self._find(log, f"{self._common()} {self._common()}"),
            "from:NAME": lambda log: self._find(log, self._from()),
            "from:NAME and a common word": lambda log: self._find(log, f"{self._from()} {self._common()}"),
            "in:#room and a common word": lambda log: self._find(log, self._common(), self._some(1)),
            "since:1d and a common word": lambda log: self._find(log, f"since:1d {self._common()}"),
            "since:1d and a rare word": lambda log: self._find(log, f"since:1d {self._rare()}"),
            "a rare word, in 300 conversations": lambda log: self._find(log, self._rare(), self._some(300)),
            "a common word, in 300 conversations": lambda log: self._find(log, self._common(), self._some(300)),
            "two common words, in the 40 quietest": lambda log: self._find(
                log, f"{self._common()} {self._common()}", self._talk.convs[-40:]
            ),
        }

    def _find(self, log: sqlite3.Connection, typed: str, convs: list[str] | None = None) -> object:
        return search(log, parse_query(typed, self._now), convs or self._some(30))

    def _some(self, number: int) -> list[str]:
        return self._random.sample(self._talk.convs, number)

    def _owed(self, number: int) -> dict[str, int]:
        return dict.fromkeys(self._some(number), 0)

    def _place(self) -> int:
        return self._random.randint(1, self._rows)

    def _moment(self) -> Moment:
        return Moment(BEGAN + self._place() * PAUSE)

    def _common(self) -> str:
        return self._random.choice(self._talk.words[:COMMON])

    def _rare(self) -> str:
        return self._random.choice(self._talk.words[RARE:])

    def _from(self) -> str:
        return f"from:user{self._random.randint(1, ACCOUNTS)}"


def _shares(number: int) -> list[float]:
    """What the first n have of everything, by n."""
    return [*accumulate(1 / place for place in range(1, number + 1))]
