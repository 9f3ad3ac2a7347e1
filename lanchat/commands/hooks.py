"""Webhooks of a room: `/hook`, for those who own the room, and for the server's moderators and operators."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from lanchat.commands.command import Command
from lanchat.commands.room_rights import CHANGE_COST, check_rank, room_of
from lanchat.core.chat import Chat
from lanchat.core.replies import NAMES_A_PACKET
from lanchat.model.hook import Hook
from lanchat.model.room import MARK, Room
from lanchat.model.room_rules import Rank
from lanchat.model.session import Role, Session
from lanchat.protocol.dates import local_minute
from lanchat.protocol.errors import NoSuchTarget, Usage
from lanchat.protocol.name_lists import fitting_rows
from lanchat.protocol.packet import Packet
from lanchat.state.hooks import unknown_hook

_USAGE = "Usage: /hook add NAME #ROOM, /hook list [#ROOM], or /hook rotate, enable, disable or remove NAME"
#: What is said of an address besides, as nobody is shown it again.
ONCE = "Keep it like a password: whoever has it can speak there, and it is not shown again."
#: What is said if the server has no port for it.
NO_PORT = "Nothing can be posted yet: the server has no --http port. Its operator can open one."


class Made(NamedTuple):
    """What came of a change of a webhook."""

    #: What is so now, for people, without a full stop; it has no secret in it, and may be logged.
    told: str
    #: The webhook as data.
    row: dict[str, Any]
    #: Where programs post, which is not shown again; "" if it is still what it was.
    url: str = ""
    #: What a webhook that posts signs with, which is not shown again; "" if it is still what it was.
    secret: str = ""


async def add_hook(chat: Chat, name: str, room: Room, made_by: str, post: str = "") -> Made:
    """Make a webhook that takes posts for a room, or posts what is said there to the URL `post`. Raises as `Hooks.make`."""
    hook, secret = await chat.hooks.make(name, room, made_by, post)
    if post:
        told = f"{hook.name.shown} posts what is said in {room.name} to {post} now"
        return Made(told, row(chat, hook) | {"secret": secret}, secret=secret)
    url = chat.hooks.address_of(secret)
    return Made(f"{hook.name.shown} is a webhook of {room.name} now", row(chat, hook) | {"url": url}, url)


async def rotate_hook(chat: Chat, hook: Hook) -> Made:
    """Give a webhook a new secret. Raises `NotStored`, or `NoSuchTarget` if it was removed meanwhile."""
    secret = await chat.hooks.rotate(hook)
    if hook.posts:
        return Made(f"{hook.name.shown} signs with a new secret", row(chat, hook) | {"secret": secret}, secret=secret)
    url = chat.hooks.address_of(secret)
    return Made(f"{hook.name.shown} has a new address, and takes nothing at the old one", row(chat, hook) | {"url": url}, url)


async def enable_hook(chat: Chat, hook: Hook) -> Made:
    """Let a webhook work again. Raises as `rotate_hook`."""
    await chat.hooks.enable(hook, True)
    return Made(f"{hook.name.shown} is enabled", row(chat, hook))


async def disable_hook(chat: Chat, hook: Hook) -> Made:
    """Let a webhook take nothing until it is enabled again. Raises as `rotate_hook`."""
    await chat.hooks.enable(hook, False)
    return Made(f"{hook.name.shown} is disabled", row(chat, hook))


async def remove_hook(chat: Chat, hook: Hook) -> Made:
    """Remove a webhook. Raises `NotStored`."""
    known = row(chat, hook)
    await chat.hooks.unmake(hook)
    return Made(f"{hook.name.shown} is removed; what it said stays", known)


#: What can be done with a webhook, by the word for it.
CHANGES: dict[str, Callable[[Chat, Hook], Awaitable[Made]]] = {
    "rotate": rotate_hook,
    "enable": enable_hook,
    "disable": disable_hook,
    "remove": remove_hook,
}


def row(chat: Chat, hook: Hook) -> dict[str, Any]:
    """A webhook as data, without its secret."""
    room = chat.rooms.by_conv.get(f"r{hook.room}")
    known = {"name": hook.name.shown, "room": room.name if room is not None else "", "enabled": hook.enabled}
    known |= {"by": hook.made_by, "made": chat.timestamp(hook.made * 1000)}
    return (
        known | ({"used": chat.timestamp(hook.used * 1000)} if hook.used else {}) | ({"post": hook.url} if hook.posts else {})
    )


def line(chat: Chat, hook: Hook) -> str:
    """A webhook as a line for people."""
    room = chat.rooms.by_conv.get(f"r{hook.room}")
    used = f"used last {local_minute(hook.used)}" if hook.used else "never used"
    way = f"posts to {hook.url}" if hook.posts else used
    where = room.name if room is not None else "a closed room"
    return f"{hook.name.shown} in {where}: made by {hook.made_by}, {way}{'' if hook.enabled else ', disabled'}"


def _hook(chat: Chat, session: Session, packet: Packet, args: list[str]) -> Any:
    what, name, place = args[0].strip().lower(), args[1].strip(), args[2].strip()
    if what == "list":
        _list(chat, session, packet, place or name)
        return None
    if what == "add" and name and place.startswith(MARK):
        room = room_of(chat, session, place)
        check_rank(session, room, Rank.OWNER)
        return _change(chat, session, packet, lambda: add_hook(chat, name, room, session.name.shown))
    if what in CHANGES and name and not place:
        hook = _theirs(chat, session, name)
        return _change(chat, session, packet, lambda: CHANGES[what](chat, hook))
    raise Usage(_USAGE)


async def _change(chat: Chat, session: Session, packet: Packet, do: Callable[[], Awaitable[Made]]) -> None:
    """Do something to a webhook, which is logged, and tell what is so now."""
    chat.charge(session, CHANGE_COST)
    made = await do()
    chat.activity.decided(f"webhook: {made.told}, says {session.decider}", session.role)
    told = f"{made.told}."
    if made.secret:
        told += f" The secret: {made.secret} It is not shown again."
    if made.url:
        told += f" Its address: {made.url} {ONCE}"
        if not chat.hooks.base():
            told += f" {NO_PORT}"
    chat.reply(session, packet, told, hooks=[made.row])


def _list(chat: Chat, session: Session, packet: Packet, place: str) -> None:
    """List the webhooks of a room, or of all rooms that are this session's to decide about."""
    if place:
        room = room_of(chat, session, place)
        check_rank(session, room, Rank.OWNER)
        found = chat.hooks.of(room)
    else:
        found = [hook for hook in chat.hooks.all() if _decides(chat, session, hook)]
    chat.charge(session, len(found) / NAMES_A_PACKET)
    lines, rows = fitting_rows((line(chat, hook), row(chat, hook)) for hook in found)
    more = len(found) - len(rows)
    told = [f"Webhooks ({len(found)}):", *lines, *[f"{more} more: ask for those of one room, /hook list #ROOM"] * bool(more)]
    text = "\n".join(told) if found else "There are no webhooks. An owner of a room makes one: /hook add NAME #ROOM"
    chat.reply(session, packet, text, quotes=True, hooks=rows, n=len(found), more=bool(more) or None)


def _theirs(chat: Chat, session: Session, name: str) -> Hook:
    """The webhook of this name. Raises `NoSuchTarget` if there is none of which the session may know, or `Forbidden`."""
    hook = chat.hooks.named(name)
    if not _decides(chat, session, hook):
        room = chat.hooks.room_of(hook)
        if session not in room.sessions:
            raise unknown_hook(name)
        check_rank(session, room, Rank.OWNER)
    return hook


def _decides(chat: Chat, session: Session, hook: Hook) -> bool:
    try:
        return chat.hooks.room_of(hook).has_rank(session, Rank.OWNER)
    except NoSuchTarget:
        return False


COMMANDS = {
    "/hook": Command(
        _hook,
        ("command", "target", "room"),
        1,
        "webhooks of a room that you own: add NAME #ROOM, list, rotate NAME, enable NAME, disable NAME, remove NAME",
        Role.USER,
        called=("what", "name", "room"),
    ),
}
