"""The rules of a room, and the ranks that people have in it (docs/protocol.md, "Ranks and rules")."""

from __future__ import annotations

from enum import IntEnum

import msgspec


class Rank(IntEnum):
    """What somebody may do in one room. Each rank may do what those before it may."""

    #: May speak, unless the room is moderated.
    NONE = 0
    #: May speak in a moderated room, too.
    VOICED = 1
    #: May also kick, mute, ban and invite, set the topic, change the rules, and let others be voiced.
    OPERATOR = 2
    #: May also give ranks, rename the room, and close it.
    OWNER = 3

    @property
    def word(self) -> str:
        """The rank as people write it: "owner", "operator", "voiced" or "none"."""
        return self.name.lower()


#: Who may make rooms (`--rooms-by`): those with an account; anyone, by joining one that is not there; or only the server's
#: operators.
ROOMS_BY = ACCOUNTS, ANYONE, OPERATORS = "accounts", "anyone", "operators"
#: The ranks by the words for them.
RANKS = {rank.word: rank for rank in Rank}


class RoomRules(msgspec.Struct, frozen=True, omit_defaults=True):
    """The rules of a room, as the database has them (JSON). That only the invited may enter is in a column of its own."""

    #: Whether outsiders don't see it: it is in no list, and every request about it is answered as if it did not exist.
    secret: bool = False
    #: Whether only those with a rank may speak.
    moderated: bool = False
    #: Whether only owners and operators may set the topic.
    topic_by_operators: bool = True
    #: Whether guests are kept out.
    accounts_only: bool = False
    #: Whether senders that are no session, such as programs, may speak in it.
    bots: bool = False
    #: Whether it ends when nobody is a member or in it any more.
    temporary: bool = False
    #: The word that newcomers have to know; "" if there is none.
    key: str = ""
    #: How many people may be in it, members that are away included; 0 if there is no limit.
    limit: int = 0

    @property
    def are_open(self) -> bool:
        """Whether anybody may see and enter a room with these rules."""
        return not (self.secret or self.accounts_only or self.key or self.limit)

    def encode(self) -> str:
        """The rules as JSON, as the column `rooms.rules` has them."""
        return msgspec.json.encode(self).decode()


_decode = msgspec.json.Decoder(RoomRules).decode


def decode_rules(text: str) -> RoomRules:
    """The rules in a row of the database.

    If they are damaged, nobody gets in, sees or speaks because of that: only those with a rank do, until they set them anew.
    """
    try:
        return _decode(text)
    except msgspec.DecodeError:
        return RoomRules(secret=True, moderated=True, accounts_only=True)
