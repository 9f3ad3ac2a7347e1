"""Mentions: which members of a room a message mentions by their names."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import repeat

from lanchat.model.room import Room
from lanchat.model.session import Account
from lanchat.protocol.entry import AccountId
from lanchat.protocol.spelling import key

#: How many people one message can mention, and how many of its words are compared with names.
MOST, WORDS = 20, 200
# What may stand around a name. (A name may have other punctuation in it, and begin or end with `-` or `_`.)
_AROUND = repeat(
    "@.,:;!?()[]{}<>\"'*/`~"
    "\u00a1\u00bf\u00ab\u00bb\u2018\u2019\u201c\u201d\u201e\u2026\u3001\u3002\uff01\uff08\uff09\uff0c\uff1a\uff1b\uff1f\uff20"
)


def mentioned(text: str, room: Room, accounts: Mapping[str, Account], author: AccountId | None) -> tuple[AccountId, ...]:
    """The members of a room whose names are words of a text, in any spelling, with or without `@`; without its `author`.

    `accounts` has all accounts by their keys. This is done for each message in a room, so it takes a microsecond or two.
    """
    words = map(str.strip, text.split(None, WORDS)[:WORDS], _AROUND)
    keys = map(str.lower, words) if text.isascii() else map(key, words)  # (the same in ASCII, and faster)
    named = [word for word in keys if word in accounts]
    if not named:
        return ()
    found = dict.fromkeys(accounts[word].id for word in named)
    return tuple([one for one in found if one in room.members and one != author][:MOST])
