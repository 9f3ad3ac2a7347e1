"""People: what is known of somebody, or of those in a room."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lanchat.commands.command import Command, list_argument
from lanchat.commands.room_rights import room_of
from lanchat.core.chat import Chat
from lanchat.core.replies import NAMES_A_PACKET
from lanchat.model.room import Room
from lanchat.model.session import Account, Role, Session
from lanchat.protocol.durations import format_duration
from lanchat.protocol.errors import NoSuchTarget
from lanchat.protocol.interfaces import IConnection
from lanchat.protocol.name_lists import NO_MORE, fitting_rows, more_line
from lanchat.protocol.packet import Packet, visible

#: The seconds after which somebody is called idle in a text; and how many connections of somebody are shown, at most.
IDLE, MAX_SHOWN = 60, 16


def _whois(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    name = args[0].strip().removeprefix("@")
    found = chat.online.find(name)
    whom = found.account or found if found is not None else chat.online.account(name)
    if whom is None and (bot := chat.bots.find(name)) is not None:
        chat.reply(session, packet, f"{bot.name} is a bot.", people=[{"name": bot.name, "bot": True}])
        return
    if whom is None:
        raise NoSuchTarget(f"Nobody is called {visible(name, 40)}. Send /list to see who is online.")
    account = whom if isinstance(whom, Account) else None
    sessions = account.sessions if account is not None else [found] if found is not None else []
    rooms = chat.rooms.of_person(whom)
    chat.charge(session, (len(rooms) + len(sessions)) / NAMES_A_PACKET)
    about: dict[str, Any] = {"name": whom.name.shown, "role": _role(whom, sessions), "online": bool(sessions)}
    if sessions:
        about["since"] = chat.timestamp(round(min(one.since for one in sessions) * 1000))
        about["idle"] = min(_idle(chat, one) for one in sessions)
    if text := whom.away:
        about["away"] = text
    about["connections"] = len(sessions)
    full = session in sessions or session.role >= Role.MODERATOR
    latest = sorted(sessions, key=lambda one: one.spoke, reverse=True)[:MAX_SHOWN]
    about["devices"] = [_device(chat, one, full) for one in latest]
    about["rooms"] = [_room_row(room, whom) for room in rooms if chat.rooms.is_visible_to(room, session)]
    chat.reply(session, packet, "\n".join(_whois_lines(chat, about, sessions)), quotes=True, people=[about])


def _whois_lines(chat: Chat, about: dict[str, Any], sessions: list[Session]) -> list[str]:
    """What is known of somebody, for people."""
    lines = [f"{about['name']} ({about['role']}) is not online."]
    if sessions:
        online = format_duration(chat.now() - min(one.since for one in sessions))
        lines = [f"{about['name']} ({about['role']}) is online, for {online}{_idle_for(about['idle'])}."]
    if "away" in about:
        lines.append(f"Away: {about['away']}")
    lines += [_device_line(device) for device in about["devices"]]
    lines += more_line(len(sessions), len(about["devices"]), "")
    if about["rooms"]:
        shown = (f"{room['name']} ({room['rank']})" if "rank" in room else room["name"] for room in about["rooms"])
        lines.append(f"Rooms: {', '.join(shown)}")
    return lines


def _room_row(room: Room, whom: Account | Session) -> dict[str, str]:
    """A room that somebody is in, with their rank there, if they have one."""
    rank = room.rank_of(whom)
    return {"name": room.name, "rank": rank.word} if rank else {"name": room.name}


def _device(chat: Chat, session: Session, full: bool) -> dict[str, Any]:
    """What is known of one connection; `full` for its own user and moderators, who are told the device and the address."""
    connection = IConnection(session.client, None)
    known = {
        "device": session.device if full else "",
        "ip": session.sender.ip if full else "",
        "gateway": session.gateway,
        "tls": connection.encryption() if connection is not None else "",
        "since": chat.timestamp(round(session.since * 1000)),
        "idle": _idle(chat, session),
    }
    return {name: value for name, value in known.items() if value != ""}


def _device_line(device: dict[str, Any]) -> str:
    called = f" {device['device']}" if "device" in device else ""
    ways = ", ".join(device[way] for way in ("ip", "gateway", "tls") if way in device)
    return f"Connection{called}: {ways}{_idle_for(device['idle'])}"


def _idle_for(seconds: int) -> str:
    """The end of a line about somebody who is idle; "" if they did something just now."""
    return f", idle for {format_duration(seconds)}" if seconds >= IDLE else ""


def _people(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    name, after = list_argument(session, packet, args[0])
    room = room_of(chat, session, name)
    chat.charge(session, (len(room.sessions) + len(room.members)) / NAMES_A_PACKET)
    here = {reader.account or reader: None for reader in room.sessions}
    gone = [account for account in room.members.values() if account not in here]
    found = sorted(here, key=_sorted) + sorted(gone, key=_sorted)
    lines, rows = fitting_rows(_row(room, whom, whom in here) for whom in found[after:])
    shown, total = after + len(rows), len(found)
    told = [f"In {room.name} ({len(here)} online, {len(gone)} not):", *lines, *more_line(total, shown, f"/people {room.name}")]
    text = "\n".join(told) if rows else NO_MORE
    chat.reply(session, packet, text, people=rows, n=total, more=shown < total or None)


def _row(room: Room, whom: Account | Session, online: bool) -> tuple[str, dict[str, Any]]:
    """Somebody in a room: as a line of text, and as data."""
    account, away = whom if isinstance(whom, Account) else None, bool(whom.away)
    rank = room.rank_of(whom)
    known = (rank.word * bool(rank), "guest" * (account is None), "away" * away, "not online" * (not online))
    marks = list(filter(None, known))
    line = f"{whom.name.shown} ({', '.join(marks)})" if marks else whom.name.shown
    row: dict[str, Any] = {"name": whom.name.shown, "role": _role(whom), "online": online}
    if rank:
        row["rank"] = rank.word
    if away:
        row["away"] = True
    return line, row


def _sorted(whom: Account | Session) -> str:
    return whom.name.shown.lower()


def _role(whom: Account | Session, sessions: Iterable[Session] = ()) -> str:
    """The role of somebody, in a word: their own, or the highest that one of these sessions of theirs has."""
    return max(whom.role, *(session.role for session in sessions), Role.GUEST).name.lower()


def _idle(chat: Chat, session: Session) -> int:
    """For how many seconds the user of a session has done nothing of their own."""
    return int(chat.clock.seconds() - session.spoke)


COMMANDS = {
    "/whois": Command(_whois, ("user",), 1, "show what is known of somebody"),
    "/people": Command(_people, ("room",), 1, "list who is in a room, with what is known of each"),
}
