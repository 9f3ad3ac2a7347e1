"""Read markers: up to where an account has read each of its conversations, and which later messages mention it.

A marker belongs to the account, so all its devices share it (`members.read`, `members.muted` and the table `mentions`).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from sqlite3 import Connection
from typing import Any, NamedTuple

from lanchat.protocol.entry import AccountId, ConversationId, Seq
from lanchat.tables.log_command import LogCommand

_MOVED = """
    WITH moved AS MATERIALIZED (
        SELECT json_extract(value, '$[0]') AS account, json_extract(value, '$[1]') AS conv,
            max(json_extract(value, '$[2]')) AS seq
        FROM json_each(?) GROUP BY 1, 2)
"""
# (An UPDATE with FROM changes each row once, so there must be one new value for each.)
_MOVE = f"""{_MOVED}
    UPDATE members SET read = moved.seq FROM moved
    WHERE members.account = moved.account AND members.conv = moved.conv AND members.read < moved.seq
"""  # noqa: S608 (our own words)
_FORGET = f"""{_MOVED}
    DELETE FROM mentions WHERE (account, conv, seq) IN (
        SELECT mentions.account, mentions.conv, mentions.seq FROM moved CROSS JOIN mentions
        ON mentions.account = moved.account AND mentions.conv = moved.conv AND mentions.seq <= moved.seq)
"""  # noqa: S608 (our own words)


class Marker(NamedTuple):
    """The read marker of an account in a conversation."""

    account: AccountId
    conv: ConversationId
    #: Everything up to this place in the log was read.
    seq: Seq


class MoveMarkers(LogCommand[None], frozen=True):
    """Move read markers forward, never back, and forget who was mentioned up to there."""

    moved: tuple[Marker, ...]

    def run(self, connection: Connection) -> None:
        """Nothing happens to a marker in a conversation that the account may not read (any more)."""
        moved = (json.dumps(self.moved),)
        connection.execute(_MOVE, moved)
        connection.execute(_FORGET, moved)


class SetMuted(LogCommand[None], frozen=True):
    """Note whether an account wants to be told of what is said in some conversations."""

    account: AccountId
    convs: tuple[ConversationId, ...]
    muted: bool

    def run(self, connection: Connection) -> None:
        """Nothing happens about conversations that the account may not read (any more)."""
        change = "UPDATE members SET muted = ? WHERE account = ? AND conv IN (SELECT value FROM json_each(?))"
        connection.execute(change, (int(self.muted), self.account, json.dumps(self.convs)))


def remove_mentions(connection: Connection, seqs: str, values: Mapping[str, Any]) -> None:
    """Forget whom the messages mention whose places in the log a query (`seqs`, with these `values`) finds.

    To be called where messages are removed, before they are gone.
    """
    connection.execute(f"DELETE FROM mentions WHERE seq IN ({seqs})", values)  # noqa: S608 (a query of ours)


def forget_mentions(connection: Connection, account: AccountId, upto: Seq) -> None:
    """Forget that an account was mentioned in messages up to this one, in all its conversations."""
    connection.execute("DELETE FROM mentions WHERE account = ? AND seq <= ?", (account, upto))
