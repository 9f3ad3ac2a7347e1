"""MODE: the rules of channels, the ranks of people in them, their bans; and the modes of users (RFC 2812, 3.1.5 and 3.2.3)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from lanchat.commands.decisions import whom
from lanchat.commands.room_rights import check_value
from lanchat.core.replies import NAMES_A_PACKET
from lanchat.irc import numerics
from lanchat.irc.bans import bad_mask, shown_mask, target_of
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric, Refused
from lanchat.irc.message import Message, middle
from lanchat.irc.modes import KEY, LIMIT, NO_EXTERNAL, RULES, Change, room_modes, written
from lanchat.irc_commands.rooms import check_in, find_person, find_room, has_member, settled
from lanchat.model.masks import ACCOUNTS, is_mask
from lanchat.model.room import MARK, Room
from lanchat.model.room_rules import Rank
from lanchat.model.sanction import BAN
from lanchat.model.session import Role
from lanchat.protocol.errors import Usage
from lanchat.protocol.interfaces import Work

#: How many modes one command may change.
MAX_CHANGES = 20
#: The ranks that people are given with letters.
RANK_LETTERS = {"o": Rank.OPERATOR, "v": Rank.VOICED}
#: The lists of a channel, each with the numeric that ends it. There is nothing in them but bans.
BANS = "b"
LISTS = {BANS: numerics.RPL_ENDOFBANLIST, "e": numerics.RPL_ENDOFEXCEPTLIST, "I": numerics.RPL_ENDOFINVEXLIST}
#: The modes that users may set for themselves; and all, of which the server sets the others.
OWN_USER_MODES, USER_MODES = "Bi", "Bior"
_LIMIT = re.compile(r"[1-9][0-9]{0,8}")


def _mode(client: IrcClient, message: Message) -> Work | None:
    target, *rest = message.params
    if target.startswith(MARK):
        room = find_room(client, target)
        if rest and rest[0]:
            return _change_room(client, room, rest[0], rest[1:])
        _show_room_modes(client, room)
        return None
    return _user_mode(client, target, rest[0] if rest else "")


def _show_room_modes(client: IrcClient, room: Room) -> None:
    with_key = client.session is not None and room.has_rank(client.session, Rank.OPERATOR)
    client.numeric(numerics.RPL_CHANNELMODEIS, room.name, *room_modes(room, with_key))
    client.numeric(numerics.RPL_CREATIONTIME, room.name, str(room.created))


# Changing the modes of rooms.


async def _change_room(client: IrcClient, room: Room, letters: str, parameters: list[str]) -> None:
    listed, rules = set(), dict[str, str]()
    for change in islice(_changes(letters, parameters), MAX_CHANGES):
        if change.letter in RULES:
            _note_rule(client, room, change, rules)
            continue
        await _set_rules(client, room, rules)
        if change.letter in LISTS and not change.parameter:
            if change.letter not in listed:
                _show_list(client, room, change.letter)
            listed.add(change.letter)
        else:
            await client.attempt("MODE", room.name, _change(client, room, change))
    await _set_rules(client, room, rules)
    await settled(client)


def _changes(letters: str, parameters: list[str]) -> Iterator[Change]:
    """The changes of a MODE command: each letter with the parameter that belongs to it, if it takes one and there is one."""
    sign, left = "+", iter(parameters)
    for letter in letters:
        if letter in "+-":
            sign = letter
        else:
            takes = letter in RANK_LETTERS or letter in LISTS or letter == KEY or (letter == LIMIT and sign == "+")
            yield Change(sign, letter, next(left, "") if takes else "")


async def _change(client: IrcClient, room: Room, change: Change) -> None:
    """Change one mode of a room. Raises `Numeric`, or as the core does."""
    letter = change.letter
    if letter in RANK_LETTERS:
        await _change_rank(client, room, change)
    elif letter == BANS:
        await _change_ban(client, room, change)
    elif letter == NO_EXTERNAL:
        if change.sign == "-":
            client.tell(f"+{NO_EXTERNAL} is always on: only those in {room.name} can write to it.")
    else:
        raise Numeric(numerics.ERR_UNKNOWNMODE, middle(letter), text=f"is unknown mode char to me for {room.name}")


async def _change_rank(client: IrcClient, room: Room, change: Change) -> None:
    """Give somebody a rank, or take it away.

    In a temporary room `+o` makes an owner: all who have an `@` there may do the same, as people expect who know IRC.
    """
    if not change.parameter:
        raise Numeric(numerics.ERR_NEEDMOREPARAMS, "MODE")
    check_in(client, room)
    person, rank = find_person(client, change.parameter), RANK_LETTERS[change.letter]
    before = room.rank_of(person)
    if not has_member(room, person) and not before:
        raise Numeric(numerics.ERR_USERNOTINCHANNEL, person.name.shown, room.name)
    if change.sign == "+":
        has_it = before >= rank
        rank = Rank.OWNER if rank is Rank.OPERATOR and room.rules.temporary else rank
    else:
        has_it = before is not rank and not (rank is Rank.OPERATOR and before is Rank.OWNER)
        rank = Rank.NONE
    if not has_it:
        await client.ask("/rank", room=room.name, user=person.name.shown, rank=rank.word)


def _note_rule(client: IrcClient, room: Room, change: Change, rules: dict[str, str]) -> None:
    """Note in `rules` what a rule becomes, or answer that it can't have this value. Rules in a row are set together."""
    rule = RULES[change.letter]
    rules.pop(rule.name, None)  # (the last value counts)
    value = rule.on if change.sign == "+" else rule.off
    if change.sign == "+" and change.letter in (KEY, LIMIT):
        value = change.parameter
        if not value or (change.letter == LIMIT and not _LIMIT.fullmatch(value)):
            client.refused(Message("MODE", [room.name]), _bad_value(room, change, ""))
            return
    try:
        check_value(rule.name, value)
    except Usage as error:
        client.refused(Message("MODE", [room.name]), _bad_value(room, change, str(error)))
        return
    if not _has_value(room, change, value):
        rules[rule.name] = value


async def _set_rules(client: IrcClient, room: Room, rules: dict[str, str]) -> None:
    """Set these rules together, so that others read of them in one line; afterwards none are left."""
    if rules:
        await client.attempt("MODE", room.name, _ask_for_rules(client, room, rules.copy()))
        rules.clear()


async def _ask_for_rules(client: IrcClient, room: Room, rules: dict[str, str]) -> None:
    check_in(client, room)
    await client.ask("/rules", room=room.name, rules=rules)


def _has_value(room: Room, change: Change, value: str) -> bool:
    """Whether a rule has this value already, so that nothing is to be done."""
    if change.sign == "+" and change.letter in {KEY, LIMIT}:
        return value == (room.rules.key if change.letter == KEY else str(room.rules.limit))
    return (change.letter in room_modes(room, with_key=False)[0]) is (change.sign == "+")


def _bad_value(room: Room, change: Change, why: str) -> Numeric:
    shown = "*" if change.letter == KEY else middle(change.parameter)
    what = "A key is one word." if change.letter == KEY else "A limit is a number of people."
    return Numeric(numerics.ERR_INVALIDMODEPARAM, room.name, change.letter, shown, text=why or what)


# Bans.


def _show_list(client: IrcClient, room: Room, letter: str) -> None:
    """Show a list of a room. The bans are for those who may decide about them; for others the list is empty."""
    session, sanctions = client.session, client.chat.sanctions
    if letter == BANS and session is not None and room.has_rank(session, Rank.OPERATOR):
        client.chat.charge(session, sanctions.count(room) / NAMES_A_PACKET)
        for ban in sanctions.listed(room):
            if ban.kind == BAN and (target := whom(client.chat, ban)):
                client.numeric(
                    numerics.RPL_BANLIST, room.name, shown_mask(client.chat.online, target), middle(ban.by), str(ban.at)
                )
    client.numeric(LISTS[letter], room.name)


async def _change_ban(client: IrcClient, room: Room, change: Change) -> None:
    check_in(client, room)
    target = target_of(change.parameter, room.name)
    if client.session is not None and not room.has_rank(client.session, Rank.OPERATOR):
        raise Numeric(numerics.ERR_CHANOPRIVSNEEDED, room.name)
    if target.startswith(ACCOUNTS) and not is_mask(target) and client.chat.online.account(target[1:]) is None:
        raise bad_mask(
            change.parameter,
            room.name,
            f"There is no account {middle(target[1:])}. A ban of the nick is {middle(target[1:])}!*@*.",
        )
    try:
        await client.ask("/ban" if change.sign == "+" else "/unban", room=room.name, target=target)
    except Refused as error:
        if error.code == "NO_SUCH_TARGET":
            if change.sign == "-":
                return  # (there is no such ban)
            raise bad_mask(change.parameter, room.name, str(error)) from None
        raise
    shown = Change(change.sign, BANS, shown_mask(client.chat.online, target))
    client.reply("MODE", room.name, *written([shown]), source=client.mask)


# The modes of users.


def _user_mode(client: IrcClient, nick: str, letters: str) -> Work | None:
    person = find_person(client, nick)
    if person.name.shown != client.nick:
        raise Numeric(numerics.ERR_USERSDONTMATCH)
    if not letters:
        client.numeric(numerics.RPL_UMODEIS, f"+{user_modes(client)}")
        return None
    done, unknown = _apply(client, letters)
    if done:
        client.reply("MODE", client.nick, *written(done), source=client.mask)
    if unknown:
        raise Numeric(numerics.ERR_UMODEUNKNOWNFLAG)
    return None


def user_modes(client: IrcClient) -> str:
    """The modes of a user: those it has set, `o` for the server's operators, and `r` for those with an account."""
    session = client.session
    operator = "o" if session is not None and session.role is Role.OPERATOR else ""
    return "".join(sorted(client.umodes + operator + ("r" if session is not None and session.account is not None else "")))


def _apply(client: IrcClient, letters: str) -> tuple[list[Change], bool]:
    """Change the modes of a client's user. Returns what has changed, and whether a mode is unknown."""
    sign, done, unknown = "+", list[Change](), False
    for letter in letters:
        if letter in "+-":
            sign = letter
            continue
        unknown |= letter not in USER_MODES
        has = letter in user_modes(client)
        if has is (sign == "+"):
            continue
        if letter in OWN_USER_MODES:
            client.umodes = client.umodes + letter if sign == "+" else client.umodes.replace(letter, "")
        elif letter == "o" and sign == "-" and client.session is not None:
            client.chat.borrowed_rights.end(client.session)
        if (letter in user_modes(client)) is has:  # (the server sets it, or one is an operator without OPER)
            continue
        done.append(Change(sign, letter))
    return done, unknown


COMMANDS = {
    "MODE": IrcCommand(_mode, 1, "<channel or nick> [<modes> [<parameters>]]", "show the modes of a channel, or change them"),
}
