"""WHO: what is known of those in a channel, or of those whose names fit a mask, in a line each (IRCv3 "WHOX")."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import NamedTuple

from lanchat.core.replies import NAMES_A_PACKET
from lanchat.irc import numerics
from lanchat.irc.client import LINES, IrcClient
from lanchat.irc.command import IrcCommand
from lanchat.irc.message import Message, middle
from lanchat.irc.modes import PREFIXES
from lanchat.irc.people import (
    BOT,
    INVISIBLE,
    Member,
    everybody,
    has_mode,
    members,
    person,
    realname_of,
    user_of,
)
from lanchat.model.names import key
from lanchat.model.room import MARK, Room
from lanchat.model.session import Role, Session

#: The masks that fit everybody.
ALL = ("*", "0", "")
#: Characters of a mask, at most; nothing that it could fit is longer.
MAX_MASK = 100
#: The fields of WHOX in the order in which they are answered, and how many digits the token has that comes with them, at most.
FIELDS, MAX_TOKEN = "tcuihsnfdlaor", 3
_OPERATORS = "o"


class Form(NamedTuple):
    """How somebody wants to be answered."""

    #: The fields of WHOX; "" for the ordinary answer.
    fields: str = ""
    #: What the client recognises its answer by.
    token: str = "0"  # noqa: S105 (no secret)
    #: Whether only operators of the server are wanted.
    only_operators: bool = False


def parse_form(text: str) -> Form:
    """The second parameter of WHO: `o`, for operators only; and behind a percent sign which fields, as in `%tcuhnfdar,743`."""
    flags, _, rest = text.partition("%")
    fields, _, token = rest.partition(",")
    known = "".join(field for field in FIELDS if field in fields)
    is_token = token.isascii() and token.isdigit() and len(token) <= MAX_TOKEN
    return Form(known, token if is_token else "0", _OPERATORS in flags)


async def _who(client: IrcClient, message: Message) -> None:
    mask = message.params[0] if message.params else "*"
    form = parse_form(message.params[1] if len(message.params) > 1 else "")
    for number, (channel, whom) in enumerate(_found(client, mask), 1):
        if not form.only_operators or whom.is_operator:
            _show(client, channel, whom, form)
        if number % LINES == 0:
            await client.pace()
    client.numeric(numerics.RPL_ENDOFWHO, middle(mask))


def _found(client: IrcClient, mask: str) -> list[tuple[str, Member]]:
    """Those whom a mask is about, and whom the client may see, each with the channel that is shown. Raises `RateLimited`."""
    chat, asker = client.chat, client.session
    assert asker is not None  # noqa: S101 (the table lets nobody else ask)
    if mask.startswith(MARK):
        room = chat.rooms.find(mask)
        if room is None or not chat.rooms.is_visible_to(room, asker):
            return []
        chat.charge(asker, (len(room.sessions) + len(room.members)) / NAMES_A_PACKET)
        return [(room.name, whom) for whom in _in_room(asker, room)]
    if mask not in ALL and not re.search(r"[*?]", mask):
        found = person(chat.online, mask)
        return [] if found is None else [("*", found)]
    chat.charge(asker, len(chat.online) / NAMES_A_PACKET)
    if len(mask) > MAX_MASK:
        return []
    fits = re.compile(fnmatch.translate("*" if mask in ALL else key(mask).replace("[", "[[]"))).match
    return [
        ("*", whom)
        for whom in everybody(chat.online)
        if (mask in ALL or any(fits(key(text)) for text in _texts(whom))) and is_visible(client, whom)
    ]


def _texts(whom: Member) -> tuple[str, ...]:
    """What a mask is compared with."""
    return whom.name, user_of(whom.session), whom.host, realname_of(whom.session, whom.name)


def _in_room(asker: Session, room: Room) -> Iterator[Member]:
    """Those in a room whom somebody may see: all, for those who are in it; otherwise those who are online and not invisible."""
    if asker in room.sessions or asker.role >= Role.MODERATOR:
        yield from members(room)
    elif not room.rules.secret:
        yield from (whom for whom in members(room) if whom.session is not None and not has_mode(whom.session, INVISIBLE))


def is_visible(client: IrcClient, whom: Member) -> bool:
    """Whether a client sees somebody in lists: the invisible are seen only by themselves, and by those in a room with them."""
    asker, session = client.session, whom.session
    if asker is None or session is None or not has_mode(session, INVISIBLE) or asker.role >= Role.MODERATOR:
        return True
    rooms = client.chat.rooms
    return session is asker or not set(rooms.of(asker)).isdisjoint(rooms.of(session))


def _show(client: IrcClient, channel: str, whom: Member, form: Form) -> None:
    session, server = whom.session, client.server.name
    user, realname = user_of(session), realname_of(session, whom.name)
    if not form.fields:
        client.numeric(
            numerics.RPL_WHOREPLY, channel, user, whom.host, server, whom.name, _flags(client, whom), f"0 {realname}"
        )
        return
    values = {
        "t": form.token,
        "c": channel,
        "u": user,
        "i": whom.host if session is not None else "255.255.255.255",
        "h": whom.host,
        "s": server,
        "n": whom.name,
        "f": _flags(client, whom),
        "d": "0",
        "l": str(int(client.chat.clock.seconds() - session.spoke)) if session is not None else "0",
        "a": whom.account.name.shown if whom.account is not None else "0",
        "o": "n/a",
        "r": realname,
    }
    client.numeric(numerics.RPL_WHOSPCRPL, *(values[field] for field in form.fields))


def _flags(client: IrcClient, whom: Member) -> str:
    """Somebody's flags: H (here) or G (gone: away or not online), `*` for operators, their rank in the channel, B for bots."""
    rank = PREFIXES["multi-prefix" in client.caps][whom.rank]
    here, bot = "G" if whom.away else "H", BOT if has_mode(whom.session, BOT) else ""
    return f"{here}{'*' if whom.is_operator else ''}{rank}{bot}"


COMMANDS = {
    "WHO": IrcCommand(_who, 0, "[<channel or mask> [o][%<fields>[,<token>]]]", "show who is in a channel, or has such a name"),
}
