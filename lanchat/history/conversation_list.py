"""The conversations of somebody, as a list: what was said last in each, and how much of it is unread.

All conversations with people of one name are one in the list, as for `lanchat.history.conversations`. What is last is looked up
for each in the index; messages are counted only for those that are asked for. Every statement returns one row, as in
`lanchat.history.positions`.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
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

# What was said last in a conversation (of which messages are moved from `fresh` to `kept` in their order).
_LAST = "(SELECT seq FROM {} WHERE conv = mine.conv AND about IS NULL ORDER BY seq DESC LIMIT 1)"
_SAID = f"""(SELECT json_array(CASE WHEN ts BETWEEN 0 AND {_END_OF_TIME} THEN ts END,
    CAST(CASE author WHEN :account THEN target ELSE name END AS TEXT)) FROM {{}} WHERE seq = listed.seq)"""  # noqa: S608 (ours)
# The name of a room, with its topic; and of the other account, with its key.
_ROOM = "SELECT json_array(CAST(name AS TEXT), CAST(topic AS TEXT)) FROM rooms WHERE id = CAST(substr(conv, 2) AS INTEGER)"
_OTHER = """SELECT json_array(CAST(name AS TEXT), CAST(key AS TEXT)) FROM accounts
    WHERE id = CAST(substr(conv, CASE instr(conv, :mine) WHEN 1 THEN length(:mine) + 1 ELSE 2 END) AS INTEGER)"""
# What was sent to a classic client counts as read.
_SENT = f"""SELECT coalesce(max(cursor), 0) FROM devices
    WHERE account = :account AND name = '{CLASSIC}' AND typeof(cursor) = 'integer'"""  # noqa: S608 (our own words)
_LISTED = f""",
    listed AS MATERIALIZED (
        SELECT *, coalesce({_LAST.format("fresh")}, {_LAST.format("kept")}) AS seq FROM mine ORDER BY seq DESC LIMIT :most)
    SELECT json_array(({_SENT}), (SELECT json_group_array(json_array(conv, floor, read, muted, seq,
        json(coalesce({_SAID.format("fresh")}, {_SAID.format("kept")})),
        json(CASE substr(conv, 1, 1) WHEN 'r' THEN ({_ROOM}) WHEN 'p' THEN ({_OTHER}) END))) FROM listed))
"""  # noqa: S608 (our own words)
_OF_ACCOUNT = f"""
    WITH mine AS (
        SELECT CAST(conv AS TEXT) AS conv, CAST(since AS INTEGER) AS floor, CAST(read AS INTEGER) AS read, muted = 1 AS muted
        FROM members WHERE account = :account){_LISTED}
"""  # noqa: S608 (our own words)
_OF_GUEST = f"""
    WITH mine AS (SELECT value AS conv, 0 AS floor, 0 AS read, 0 AS muted FROM json_each(:rooms)){_LISTED}
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


_UPTO = "(SELECT seq FROM {} WHERE conv = value AND about IS NULL AND seq <= :upto ORDER BY seq DESC LIMIT 1)"
_SAID_LAST = f"""
    SELECT CASE WHEN ts BETWEEN 0 AND {_END_OF_TIME} THEN ts END FROM log
    WHERE seq = (SELECT max(coalesce({_UPTO.format("fresh")}, {_UPTO.format("kept")})) FROM json_each(:convs))
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
    read, rows = _asked(connection, _OF_ACCOUNT, account=account, mine=f"p{account}x")
    found = _merged(rows)
    page = found[after : after + most]
    for one in page:
        one.read = max(one.read, sent, read, *(moved.get(conv, 0) for conv in one.floors))
    _count(connection, account, page)
    return Listed(page, len(found))


def of_guest(connection: Connection, rooms: Collection[ConversationId], after: int, most: int) -> Listed:
    """The conversations of a guest, who is in these rooms. Nothing is counted for it."""
    _, rows = _asked(connection, _OF_GUEST, account=0, mine="", rooms=json.dumps([*rooms]))
    found = _merged(rows)
    return Listed(found[after : after + most], len(found))


def said_last(connection: Connection, convs: Collection[ConversationId], upto: Seq) -> Milliseconds | None:
    """When the last of the messages up to this place was said in these conversations; None if there is none."""
    found = connection.execute(_SAID_LAST, {"convs": json.dumps([*convs]), "upto": upto}).fetchone()
    return None if found is None else found[0]


def _asked(connection: Connection, statement: str, **values: object) -> list[Any]:
    """The array that a statement returns."""
    asked = {"most": CONVERSATIONS, **values}
    found: list[Any] = json.loads(connection.execute(statement, asked).fetchone()[0])
    return found


def _merged(rows: list[list[Any]]) -> list[Conversation]:
    """The conversations in these rows, those with people of one name as one, in the order of the list.

    People with whom nothing was said, or of which nothing is kept, are left out.
    """
    found: dict[str, Conversation] = {}
    for conv, floor, read, muted, seq, said, named in rows:
        ts, called = said or (None, "")
        if conv.startswith("r"):
            (shown, topic), same = named or ("", ""), conv
        else:
            name, same = named or (called, key(called or ""))
            shown, topic = f"@{name}" if name and seq else "", ""
        if not shown:
            continue
        one = found.setdefault(same, Conversation(shown))
        one.floors[conv], one.topic = floor, topic
        one.muted, one.read = one.muted or bool(muted), max(one.read, read)
        if (seq or 0) > one.seq:
            one.seq, one.ts, one.shown = seq, ts, shown
    return sorted(found.values(), key=lambda one: (-one.seq, one.shown))


def _count(connection: Connection, account: AccountId, page: list[Conversation]) -> None:
    """Count what is unread in each of these conversations."""
    asked = [
        (place, conv, max(floor, one.read))
        for place, one in enumerate(page)
        for conv, floor in one.floors.items()
        if one.seq > max(floor, one.read)
    ]
    for place, unread, mentions in _asked(connection, _COUNTED, asked=json.dumps(asked), account=account, most=MOST):
        page[place].unread += unread
        page[place].mentions += mentions
