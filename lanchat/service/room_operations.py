"""What administrators can do to a server's rooms, as requests of `lanchat.service.operations`."""

from __future__ import annotations

from lanchat.commands import room_rights
from lanchat.core.chat import Chat
from lanchat.model.room_rules import Rank
from lanchat.model.session import Account
from lanchat.service.requests import Done, SetRank, SetRule

#: Rooms that are named in a text, at most; the rest are counted.
MAX_NAMED = 5


async def set_rank(chat: Chat, request: SetRank, account: Account) -> Done:
    """Give an account a rank in a room, or take it away; also in a room that has no owner. Raises as `room_rights` does."""
    room, rank = chat.rooms.named(request.name), room_rights.parse_rank(request.rank)
    told = await room_rights.set_rank(chat, room, account.name.shown, rank)
    return Done(f"{told}.", {"room": room.name, "name": account.name.shown, "rank": rank.word})


async def set_rule(chat: Chat, request: SetRule) -> Done:
    """Change a rule of a room. Raises as `room_rights` does."""
    room = chat.rooms.named(request.name)
    told = await room_rights.set_rules(chat, room, {request.rule: request.value})
    return Done(f"{told}.", {"room": room.name, "rules": room_rights.shown_rules(room, with_key=False)})


def left_without_owner(chat: Chat, account: Account) -> str:
    """A sentence about the rooms that have no other owner than this account, which is removed; "" if there are none."""
    owned = [room for room in chat.rooms.with_prefix("") if room.rank_of(account) is Rank.OWNER]
    alone = [room.name for room in owned if list(room.ranks.values()).count(Rank.OWNER) == 1]
    if not alone:
        return ""
    named = ", ".join(alone[:MAX_NAMED]) + f" and {len(alone) - MAX_NAMED} more" * (len(alone) > MAX_NAMED)
    return f" No owner is left in {named}: lanchat-admin room rank '{alone[0]}' NAME owner makes somebody one."
