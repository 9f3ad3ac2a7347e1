"""Moderation commands: for moderators, and for the owners and operators of a room about that room."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeAlias

from lanchat.commands.command import Command, list_argument, named
from lanchat.commands.decisions import Actor, ModerationRequest, ban, kick, mute, undo, whom, written
from lanchat.commands.room_rights import check_guest, check_rank
from lanchat.core.chat import Chat
from lanchat.core.replies import NAMES_A_PACKET
from lanchat.model.names import key
from lanchat.model.room import MARK, Room
from lanchat.model.room_rules import Rank
from lanchat.model.sanction import BAN, MUTE, Sanction
from lanchat.model.session import Role, Session
from lanchat.protocol.durations import parse_duration
from lanchat.protocol.errors import Forbidden, Usage
from lanchat.protocol.name_lists import NO_MORE, fitting_rows, more_line
from lanchat.protocol.packet import Packet, visible

#: Characters of a reason, at most.
MAX_REASON = 200
#: What a decision costs, in packets, beside the one that it came in: it is written to the disk and to the audit log.
DECISION_COST = 20

Act: TypeAlias = Callable[[Chat, Actor, ModerationRequest], Awaitable[str]]


async def _carry_out(  # noqa: PLR0913, PLR0917 (the table binds the first two)
    act: Act, names: tuple[str, ...], chat: Chat, session: Session, packet: Packet, args: list[str]
) -> None:
    request = _request(chat, session, packet, names, args)
    chat.charge(session, DECISION_COST)
    by = Actor(session.decider, session.role, session.name.key, session.sender.ip, session=session)
    chat.reply(session, packet, await act(chat, by, request), quotes=True)


def _request(chat: Chat, session: Session, packet: Packet, names: tuple[str, ...], args: list[str]) -> ModerationRequest:
    """What somebody wants to decide, in words or as members of `x`. Raises `Usage` or `Forbidden`."""
    x = named(session, packet)
    if any(getattr(x, name) is not None for name in names):
        said = dict(zip(names, args, strict=True))
    else:
        said = _split(" ".join(args), "duration" in names)
    reason = said.get("text", "").strip()
    reason = visible(reason) if len(reason) <= MAX_REASON else reason  # a longer one is refused
    if not said["target"].strip():
        raise Usage(f"A name is missing after {packet.to} or after the room. Write, for example, {packet.to} #ops bob.")
    if len(reason) > MAX_REASON:
        raise Usage(f"A reason has at most {MAX_REASON} characters; this one has {len(reason)}.")
    room = _room_or_server(chat, session, x.room or said.get("room", ""))
    if room is None:
        chat.charge(session, len(chat.online) / NAMES_A_PACKET)  # all online users are looked at
    if reason:
        chat.sanctions.check_may_speak(session, room)  # others read the reason
    return ModerationRequest(said["target"], parse_duration(said.get("duration", "")), reason, room)


def _split(text: str, timed: bool) -> dict[str, str]:
    """Split `[#ROOM] TARGET [DURATION] [REASON]`; those that are left out are ""."""
    words = text.split()
    room = words.pop(0) if words and words[0].startswith(MARK) else ""
    target = words.pop(0) if words else ""
    duration = words.pop(0) if timed and words and words[0][0] in "-+0123456789" else ""
    return {"room": room, "target": target, "duration": duration, "text": " ".join(words)}


def _room_or_server(chat: Chat, session: Session, name: str) -> Room | None:
    """The room that somebody wants to decide about (None: the whole server). Raises `Forbidden` or `NoSuchTarget`."""
    told = "That is for moderators, and in a room for its owners and operators; both need an account."
    check_guest(chat, session, name, Rank.OPERATOR, told)
    if name:
        room = chat.rooms.get(name, session)
        check_rank(session, room, Rank.OPERATOR)
        chat.sanctions.check_may_join(session, room)  # whoever is banned from a room decides nothing in it
        chat.charge(session, (len(room.sessions) + len(room.members)) / NAMES_A_PACKET)  # all are looked at
        return room
    if session.role < Role.MODERATOR:
        raise Forbidden(
            "Only moderators may do that on the whole server. In a room that you made, write its name first, as in "
            "/kick #ops bob."
        )
    return None


def _bans(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    asked, after = list_argument(session, packet, args[0])
    said = _split(asked, timed=False)
    room = _room_or_server(chat, session, named(session, packet).room or said["room"])
    chat.charge(session, chat.sanctions.count(room) / NAMES_A_PACKET)
    start = key(said["target"])
    found = [(shown, one) for one in chat.sanctions.listed(room) if (shown := whom(chat, one))]
    found = [(shown, one) for shown, one in found if key(shown).startswith(start)]
    lines, rows = fitting_rows((f"{shown}: {one.what(chat.now())}", _row(chat, shown, one)) for shown, one in found[after:])
    further = more_line(len(found), after + len(rows), written("bans", room, visible(said["target"], 64)).rstrip())
    told = "\n".join([f"Bans and mutes ({len(found)}):", *lines, *further]) if rows else NO_MORE
    told = told if found else "There are no bans or mutes."
    chat.reply(session, packet, told, quotes=True, bans=rows, n=len(found), more=bool(further) or None)


def _row(chat: Chat, shown: str, one: Sanction) -> dict[str, object]:
    until = {} if one.until is None else {"until": chat.timestamp(one.until * 1000)}
    place = {} if one.room is None else {"room": one.room.name}
    said = {"reason": one.reason, "by": one.by, "at": chat.timestamp(one.at * 1000)}
    return {"kind": one.kind, "target": shown, **place, **until, **said}


def _command(act: Act, help: str, *more: str) -> Command:  # noqa: A002 (as in the table)
    """A command about a target; `more` are the names of its other arguments."""
    names = ("target", *more)
    return Command(partial(_carry_out, act, names), names, 1, help)


COMMANDS = {
    "/kick": _command(kick, "disconnect somebody, or remove them from a room: /kick #ops bob REASON", "text"),
    "/mute": _command(mute, "mute somebody, for 30s, 10m, 2h, 7d or forever: /mute bob 10m REASON", "duration", "text"),
    "/unmute": _command(partial(undo, kind=MUTE), "lift a mute"),
    "/ban": _command(
        ban, "ban a name, a mask, an address or a network: /ban bob 2h REASON, or /ban #ops spam*", "duration", "text"
    ),
    "/unban": _command(partial(undo, kind=BAN), "lift a ban"),
    "/bans": Command(_bans, ("target",), 0, "list bans and mutes of the server, or of a room: /bans #ops"),
}
