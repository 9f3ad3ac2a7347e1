"""The conversations of somebody, as a list: what was said last in each, and how much of it is unread.

All conversations with people of one name are one in the list, as for `lanchat.history.conversations`. What is last is looked up
for each in the index; messages are counted only for those that are asked for. Every statement returns one row, as in
`lanchat.history.positions`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from sqlite3 import Connection
from typing import Any, NamedTuple

from lanchat.model.room import MARK
from lanchat.model.session import CLASSIC
from lanchat.protocol.entry import AccountId, ConversationId, Milliseconds, Seq
from lanchat.protocol.spelling import key

#: Messages and mentions are counted up to this number.
MOST = 1000
#: How many conversations are looked at: those in which something was said last.
CONVERSATIONS = 5000
# The end of the year 9999, in milliseconds since the epoch; a later time is a damage of the disk, and can't be written.
_END_OF_TIME = 253_402_300_799_999

_CONVERSATION = re.compile(r"r(?P<room>[0-9]{1,18})|p(?P<one>[0-9]{1,18})x(?P<two>[0-9]{1,18})|g[0-9]{1,18}x.+", re.DOTALL)

# (What is said of one conversation is moved from `fresh` to `kept` in its order.)
_LAST = "(SELECT seq FROM {0} WHERE conv = mine.conv AND about IS NULL ORDER BY seq DESC LIMIT 1)"
_LISTED = f"""
    SELECT json_group_array(json_array(conv, floor, read, muted, seq)) FROM (
        SELECT *, coalesce({_LAST.format("fresh")}, {_LAST.format("kept")}) AS seq FROM mine
        ORDER BY seq DESC LIMIT ?2)
"""  # noqa: S608 (our own words)
_OF_ACCOUNT = f"""
    WITH mine AS (
        SELECT CAST(conv AS TEXT) AS conv, CAST(since AS INTEGER) AS floor, CAST(read AS INTEGER) AS read, muted = 1 AS muted
        FROM members WHERE account = ?1) {_LISTED}
"""  # noqa: S608 (our own words)
_GIVEN = f"WITH mine AS (SELECT value AS conv, 0 AS floor, 0 AS read, 0 AS muted FROM json_each(?1)) {_LISTED}"  # noqa: S608 (ours)
# What was sent to a classic client counts as read.
_SENT = "SELECT coalesce(max(cursor), 0) FROM devices WHERE account = ? AND name = ? AND typeof(cursor) = 'integer'"
_NAMED = """
    SELECT json_group_array(json_array(id, CAST(name AS TEXT), CAST({1} AS TEXT))) FROM {0}
    WHERE id IN (SELECT value FROM json_each(?))
"""
_SAID = " UNION ALL ".join(
    f"SELECT seq, ts, author, name, target FROM {table} WHERE seq IN (SELECT value FROM json_each(?1))"  # noqa: S608 (our own words)
    for table in ("kept", "fresh")
)
_ROWS = f"""
    SELECT json_group_array(json_array(seq, CASE WHEN ts BETWEEN 0 AND {_END_OF_TIME} THEN ts END, CAST(author AS INTEGER),
        CAST(name AS TEXT), CAST(target AS TEXT))) FROM ({_SAID})
"""  # noqa: S608 (our own words)
_COUNT = "(SELECT count(*) FROM (SELECT 1 FROM {} LIMIT :most + 1))"
_LATER = _COUNT.format("{} WHERE conv = asked.conv AND seq > asked.floor AND about IS NULL")
_COUNTED = f"""
    WITH asked AS MATERIALIZED (
        SELECT json_extract(value, '$[0]') AS place, json_extract(value, '$[1]') AS conv, json_extract(value, '$[2]') AS floor
        FROM json_each(:asked))
    SELECT json_group_array(json_array(place, {_LATER.format("kept")} + {_LATER.format("fresh")},
        {_COUNT.format("mentions WHERE account = :account AND conv = asked.conv AND seq > asked.floor")})) FROM asked
"""  # noqa: S608 (our own words)


@dataclass
class Conversation:
    """One conversation, as the list shows it."""

    #: As its reader sees it: `#ops`, `@bob`.
    shown: str
    #: Its conversations in the log, each with the place after which what is said there is for this reader.
    floors: dict[ConversationId, Seq] = field(default_factory=dict)
    topic: str = ""
    muted: bool = False
    #: The place of what was said last, and its time; 0 and None if nothing was, or is kept.
    seq: Seq = 0
    ts: Milliseconds | None = None
    #: Up to where it was read.
    read: Seq = 0
    #: How many messages after that, and how many that mention the reader; counted up to one more than `MOST`.
    unread: int = 0
    mentions: int = 0

    @property
    def is_room(self) -> bool:
        """Whether it is a room, and not people of one name."""
        return self.shown.startswith(MARK)


class Listed(NamedTuple):
    """Some of somebody's conversations, and how many there are."""

    conversations: list[Conversation]
    total: int


def of_account(  # noqa: PLR0913, PLR0917 (what is known of the account, and which part of the list is asked for)
    connection: Connection, account: AccountId, moved: Mapping[ConversationId, Seq], sent: Seq, after: int, most: int
) -> Listed:
    """The conversations of an account, the one in which something was said last first: `most` of them, `after` so many.

    `moved` has read markers that are newer than those in the database. Everything up to `sent`, or up to the cursor of its
    classic device, counts as read.
    """
    (sent_before,) = connection.execute(_SENT, (account, CLASSIC)).fetchone()
    found = _merged(connection, account, _asked(connection, _OF_ACCOUNT, account, CONVERSATIONS))
    page = found[after : after + most]
    for one in page:
        one.read = max(one.read, sent, sent_before, *(moved.get(conv, 0) for conv in one.floors))
    _count(connection, account, page)
    return Listed(page, len(found))


def of_guest(connection: Connection, rooms: Collection[ConversationId], after: int, most: int) -> Listed:
    """The conversations of a guest, who is in these rooms. Nothing is counted for it."""
    found = _merged(connection, 0, _asked(connection, _GIVEN, json.dumps([*rooms]), CONVERSATIONS))
    return Listed(found[after : after + most], len(found))


def _merged(connection: Connection, account: AccountId, rows: list[list[Any]]) -> list[Conversation]:
    """The conversations in these rows, those with people of one name as one, in the order of the list.

    People with whom nothing was said, or of which nothing is kept, are left out.
    """
    parsed = {conv: match for conv, *_ in rows if (match := _CONVERSATION.fullmatch(conv))}
    last = {seq: row for seq, *row in _asked(connection, _ROWS, json.dumps([row[-1] for row in rows]))}
    rooms = _named(connection, "rooms", "topic", (match["room"] for match in parsed.values()))
    people = _named(connection, "accounts", "key", (_other(match, account) for match in parsed.values()))
    found: dict[str, Conversation] = {}
    for conv, floor, read, muted, seq in rows:
        ts, author, name, target = last.get(seq, (None, None, "", ""))
        match, said = parsed.get(conv), target if author == account else name
        if match is None:
            continue
        if match["room"]:
            shown, topic = rooms.get(int(match["room"]), ("", ""))
            same = conv
        else:
            shown, same = people.get(int(_other(match, account) or 0), (said, key(said or "")))
            shown, topic = shown and f"@{shown}", ""
        if not shown or not (seq or match["room"]):
            continue
        one = found.setdefault(same, Conversation(shown))
        one.floors[conv], one.topic = floor, topic
        one.muted, one.read = one.muted or bool(muted), max(one.read, read)
        if (seq or 0) > one.seq:
            one.seq, one.ts, one.shown = seq, ts, shown
    return sorted(found.values(), key=lambda one: (-one.seq, one.shown))


def _other(match: re.Match[str], account: AccountId) -> str | None:
    """The number of the other account in a conversation of two; None if it is not one."""
    return match["two"] if match["one"] == str(account) else match["one"]


def _count(connection: Connection, account: AccountId, page: list[Conversation]) -> None:
    """Count what is unread in each of these conversations."""
    asked = [
        (place, conv, max(floor, one.read))
        for place, one in enumerate(page)
        for conv, floor in one.floors.items()
        if one.seq > max(floor, one.read)
    ]
    values = {"asked": json.dumps(asked), "account": account, "most": MOST}
    (counted,) = connection.execute(_COUNTED, values).fetchone()
    for place, unread, mentions in json.loads(counted):
        page[place].unread += unread
        page[place].mentions += mentions


def _named(connection: Connection, table: str, column: str, ids: Iterable[str | None]) -> dict[int, tuple[str, str]]:
    """The names of rooms or accounts with these numbers, and the value of another column."""
    numbers = json.dumps([int(number) for number in ids if number])
    return {number: (name, value) for number, name, value in _asked(connection, _NAMED.format(table, column), numbers)}


def _asked(connection: Connection, statement: str, *values: object) -> list[list[Any]]:
    """The list that a statement returns."""
    found: list[list[Any]] = json.loads(connection.execute(statement, values).fetchone()[0])
    return found
