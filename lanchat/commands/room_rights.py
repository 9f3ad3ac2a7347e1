"""Who may do what in a room: its ranks and its rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from lanchat.commands.command import Command, named
from lanchat.core.chat import Chat
from lanchat.model.room import Room
from lanchat.model.room_rules import RANKS, Rank
from lanchat.model.session import Account, Role, Session
from lanchat.net.addresses import is_loopback, limit_key
from lanchat.protocol.errors import AuthRequired, Forbidden, NoSuchTarget, Usage
from lanchat.protocol.events import MODE, RANK
from lanchat.protocol.packet import Packet, visible
from lanchat.state.rooms import not_in
from lanchat.tables.ranks import LAST_OWNER, SetRank
from lanchat.tables.room_rules import SetRules

#: What a change of a room costs besides the packet that asks for it, in packets, as the disk is written to.
CHANGE_COST = 10
#: Characters of the key of a room, at most; and the highest limit of people.
MAX_KEY, MAX_LIMIT = 64, 1_000_000
#: What a guest is told who can't be the owner of a room.
OWNERS_ONLY = "That is for the owner of a room, who needs an account. Send /register PASSWORD to make this name yours."


def room_of(chat: Chat, session: Session, name: str) -> Room:
    """The room with this name. Raises `NotMember` unless the session is in it, or is a moderator's, and `NoSuchTarget`."""
    room = chat.rooms.get(name, session)
    if session not in room.sessions and session.role < Role.MODERATOR:
        raise not_in(room)
    return room


def check_rank(session: Session, room: Room, rank: Rank) -> None:
    """Raise `Forbidden` unless the session has this rank in the room, or a higher one, or is a moderator's."""
    if not room.has_rank(session, rank):
        who = "an owner" if rank is Rank.OWNER else "an owner or operator"
        raise Forbidden(f"Only {who} of {room.name}, or a moderator, may do that.")


def check_guest(chat: Chat, session: Session, name: str, rank: Rank, told: str) -> None:
    """Raise `AuthRequired`, with this text, for a guest who has not this rank or a higher one in the room of that name."""
    if session.account is None and session.role < Role.MODERATOR:
        room = chat.rooms.find(name.strip()) if name else None
        if room is None or room.rank_of(session) < rank:
            raise AuthRequired(told)


def quota_of(session: Session) -> object:
    """Whose quota counts what somebody makes: their account's, or a guest's address; None, for none, at loopback.

    (Many users may share that, for example through a tunnel.)
    """
    if session.account is not None:
        return session.account.id
    return None if is_loopback(session.sender.ip) else limit_key(session.sender.ip)


def row(room: Room, session: Session) -> dict[str, object]:
    """A room as data, for this session."""
    known = {"name": room.name, "topic": room.topic, "private": room.private, "online": len(room.sessions)}
    rank = room.rank_of(session)
    return known | {"rank": rank.word} if rank and session.has_cap("event") else known


# Ranks.


async def _rank(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    room, rank = room_of(chat, session, args[0]), parse_rank(args[2])
    check_rank(session, room, Rank.OPERATOR)
    highest = max(rank, room.rank_of(_whom(chat, room, args[1])))
    if highest > Rank.VOICED:
        check_rank(session, room, Rank.OWNER)
    chat.charge(session, CHANGE_COST)
    chat.replies.charge_for(session, len(room.sessions))
    decides = room.has_rank(session, Rank.OWNER)
    told = await set_rank(chat, room, args[1], rank, session, Rank.OWNER if decides else Rank.VOICED)
    chat.activity.decided(f"{told}, says {session.decider}", session.role)
    chat.reply(session, packet, f"{told}.")


def parse_rank(text: str) -> Rank:
    """The rank with this name. Raises `Usage`."""
    rank = RANKS.get(text.strip().lower())
    if rank is None:
        raise Usage("A rank is owner, operator, voiced or none.")
    return rank


async def set_rank(  # noqa: PLR0913, PLR0917 (what is decided, and by whom)
    chat: Chat, room: Room, whom: str, rank: Rank, by: Session | None = None, highest: Rank = Rank.OWNER
) -> str:
    """Give an account or a guest a rank in a room, or take it away, and tell those in it. Returns what is so now.

    `by` is who decides; None is the server's operator. They may change no rank above `highest`. Raises `NoSuchTarget`, `Full`,
    or `Forbidden` in the lobby, or if the room would have no owner any more.
    """
    if room is chat.rooms.lobby:
        raise Forbidden(f"Nobody has a rank in {room.name}: the server's moderators decide there.")
    found = _whom(chat, room, whom)
    if isinstance(found, Account):
        await chat.store.write(SetRank(room.id, found.id, rank, chat.limits["ranks"], highest))
        before = room.rank_of(found)
        if rank:
            room.ranks[found.id] = rank
        else:
            room.ranks.pop(found.id, None)
    else:
        before = room.rank_of(found)
        _rank_guest(room, found, rank)
    shown = found.name.shown
    words = [one.word if one else "" for one in (rank, before)]
    chat.room_events.tell(room, RANK, by, who=shown, text=words[0], was=words[1])
    return f"{shown} is {_TITLES[rank]} in {room.name} now"


def _whom(chat: Chat, room: Room, text: str) -> Account | Session:
    """The account of this name, or the guest in a room. Raises `NoSuchTarget`."""
    name = text.strip().removeprefix("@")
    if (account := chat.online.account(name)) is not None:
        return account
    if (guest := chat.online.find(name)) is None or guest not in room.sessions:
        raise NoSuchTarget(f"There is no account {visible(name, 40)}, and no guest of that name is in {room.name}.")
    return guest


def ranks(room: Room, account_of: Callable[[int], Account | None]) -> dict[str, Rank]:
    """Everybody who has a rank in a room, by name, the highest rank first. `account_of` returns the account of a number."""
    accounts = ((account_of(number), rank) for number, rank in room.ranks.items())
    found = [(account.name.shown, rank) for account, rank in accounts if account is not None]
    found += [(guest.name.shown, rank) for guest, rank in room.guest_ranks.items() if rank]
    return dict(sorted(found, key=lambda one: (-one[1], one[0].lower())))


def owners(room: Room, account_of: Callable[[int], Account | None]) -> list[str]:
    """The names of the owners of a room, sorted. `account_of` returns the account of a number."""
    return [name for name, rank in ranks(room, account_of).items() if rank is Rank.OWNER]


def _rank_guest(room: Room, guest: Session, rank: Rank) -> None:
    """Give a guest a rank, which ends when they leave. Raises `Forbidden`."""
    owners = [*room.ranks.values(), *room.guest_ranks.values()].count(Rank.OWNER)
    before = room.rank_of(guest)
    if before is Rank.OWNER > rank and owners == 1 and not room.rules.temporary:
        raise Forbidden(LAST_OWNER)
    if rank is Rank.OWNER > before and not room.rules.temporary:
        raise Forbidden("A guest can't be an owner, as a guest's rank ends with the connection. Ask them to /register.")
    room.guest_ranks[guest] = rank


_TITLES = {Rank.NONE: "without a rank", Rank.VOICED: "voiced", Rank.OPERATOR: "an operator", Rank.OWNER: "an owner"}


# Rules.


class RuleChange(NamedTuple):
    """What a rule becomes."""

    #: The member of `RoomRules`, or "private", and its value.
    member: str
    value: bool | int | str
    #: The rule as it is told to those in the room, who need not learn the key again.
    told: str


def _rules(chat: Chat, session: Session, packet: Packet, args: list[str]) -> Any:
    room, rule, value = room_of(chat, session, args[0]), args[1].strip().lower(), args[2].strip()
    values = {name: _written(known) for name, known in (named(session, packet).rules or {}).items()} | _pairs(rule, value)
    if values:
        return _set_rules(chat, session, packet, room, values)
    if rule:
        _check_rule(rule)
    known = shown_rules(room, room.has_rank(session, Rank.OPERATOR))
    lines = [f"{name}: {_written(known[name])}" for name in known if rule in {name, ""}]
    told = lines[0] if rule else f"Rules of {room.name}: {', '.join(lines)}"
    chat.reply(session, packet, told, quotes=isinstance(known["key"], str), rules=known)
    return None


def _pairs(rule: str, rest: str) -> dict[str, str]:
    """The values in a text: that of the rule, and perhaps more rules, each with its value. Raises `Usage` if one is missing."""
    words = [rule, *rest.split()] if rest else []
    if len(words) % 2:
        raise Usage(f"Each rule has one value. {visible(words[-1], 40)} is one word too many, or its value is missing.")
    return {name.lower(): value for name, value in zip(words[::2], words[1::2], strict=True)}


async def _set_rules(chat: Chat, session: Session, packet: Packet, room: Room, values: Mapping[str, str]) -> None:
    check_rank(session, room, Rank.OPERATOR)
    chat.charge(session, CHANGE_COST)
    chat.replies.charge_for(session, len(room.sessions))
    told = await set_rules(chat, room, values, session)
    chat.activity.decided(f"{told}, says {session.decider}", session.role)
    chat.reply(session, packet, told, rules=shown_rules(room, room.has_rank(session, Rank.OPERATOR)))


async def set_rules(chat: Chat, room: Room, values: Mapping[str, str], by: Session | None = None) -> str:
    """Change rules of a room, by the words for them, all or none, and tell those in it. Returns what was changed.

    `by` is who decides; None is the server's operator. Raises `Usage`, `NoSuchTarget`, or `Forbidden` in the lobby.
    """
    if room is chat.rooms.lobby and not values.keys() <= {*LOBBY_RULES}:
        raise Forbidden(f"Everyone is in {room.name}, so only these rules can change there: {', '.join(LOBBY_RULES)}.")
    changes = [check_value(rule, value) for rule, value in values.items()]
    command = SetRules(room.id, {change.member: change.value for change in changes})
    room.rules, room.private = await chat.store.write(command)
    told = ", ".join(change.told for change in changes)
    chat.room_events.tell(room, MODE, by, text=told)
    return f"Rules of {room.name}: {told}"


def _check_rule(rule: str) -> None:
    if rule not in RULES:
        raise Usage(f"There is no rule {visible(rule, 40)}. The rules are {', '.join(RULES)}.")


def check_value(rule: str, value: str) -> RuleChange:
    """What a rule becomes with this value. Raises `Usage` if there is no such rule, or the value is none of this rule's."""
    _check_rule(rule)
    member, chosen = RULES[rule], value.lower()
    if rule == "key":
        if any(map(str.isspace, value)) or len(value) > MAX_KEY or visible(value) != value:
            raise Usage(f"A key is one word of at most {MAX_KEY} visible characters, or off.")
        return RuleChange(member, "" if chosen == "off" else value, f"key {'off' if chosen == 'off' else 'on'}")
    if rule == "limit":
        if chosen != "off" and not (value.isascii() and value.isdigit() and 0 < int(value[:9]) <= MAX_LIMIT):
            raise Usage(f"A limit is a number of people from 1 to {MAX_LIMIT:,}, or off.")
        limit = 0 if chosen == "off" else int(value[:9])
        return RuleChange(member, limit, f"limit {limit or 'off'}")
    words = _WORDS.get(rule, ("off", "on"))
    if chosen not in words:
        raise Usage(f"The rule {rule} is {words[1]} or {words[0]}.")
    return RuleChange(member, chosen == words[1], f"{rule} {chosen}")


def shown_rules(room: Room, with_key: bool) -> dict[str, object]:
    """The rules of a room as data, by the words for them. Only those who could set the key learn it."""
    rules = room.rules
    known = {rule: room.private if rule == "invited" else getattr(rules, member) for rule, member in RULES.items()}
    known["topic"] = _WORDS["topic"][rules.topic_by_operators]
    if not with_key:
        known["key"] = bool(rules.key)
    return known | ({"temporary": True} if rules.temporary else {})


def unusual_rules(room: Room) -> str:
    """The rules of a room that are not those of a new one, in words: "moderated, topic anyone, key, limit 20"."""
    known, usual = shown_rules(room, with_key=False), shown_rules(Room(0, room.name, None), with_key=False)
    changed = {rule: value for rule, value in known.items() if value != usual.get(rule, False)}
    return ", ".join(rule if value is True else f"{rule} {_written(value)}" for rule, value in changed.items())


def _written(value: object) -> str:
    """The value of a rule as people write it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    return str(value or "off")


#: Each rule with the member of `RoomRules` that has it; "private" is kept in a column of its own.
RULES = {
    "moderated": "moderated",
    "secret": "secret",
    "invited": "private",
    "topic": "topic_by_operators",
    "key": "key",
    "limit": "limit",
    "accounts": "accounts_only",
    "bots": "bots",
}
#: The rules that make sense where everybody is.
LOBBY_RULES = ("moderated", "topic", "bots")
# The words for no and yes of rules that are not off or on.
_WORDS = {"topic": ("anyone", "operators")}

COMMANDS = {
    "/rank": Command(_rank, ("room", "user", "rank"), 3, "give somebody a rank in a room: owner, operator, voiced or none"),
    "/rules": Command(
        _rules,
        ("room", "rule", "value"),
        1,
        f"show the rules of a room, or change some ({', '.join(RULES)}): /rules #ops moderated on",
    ),
}
