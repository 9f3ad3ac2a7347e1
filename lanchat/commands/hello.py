"""Hello: a client says that it is capable, which caps it wants, and, if it has an account, logs in (docs/protocol.md)."""

from __future__ import annotations

from typing import Any

from lanchat.commands.accounts import account_facts, authenticate, give_token
from lanchat.commands.command import Command, named
from lanchat.core.chat import LOG_IN, Chat
from lanchat.core.logins import check_connected, enter_device
from lanchat.core.replay import RESUME
from lanchat.model.names import MAX_NAME
from lanchat.model.session import CLASSIC, Account, Role, Session
from lanchat.protocol import packet as wire
from lanchat.protocol.errors import AuthFailed, AuthRequired, ChatError, Usage
from lanchat.protocol.extensions import MAX_CID, X
from lanchat.protocol.interfaces import Work
from lanchat.protocol.packet import Packet

#: The caps that a hello can be granted.
CAPS = frozenset(
    {
        *("id", "ack", "ping", "presence", "token", "resume", "history", "room", "order", "read", "event", "edit", "react"),
        *("typing", "tags", "file"),
    }
)
#: The caps of a client whose hello was refused, which may send another.
UNGRANTED: frozenset[str] = frozenset({""})
#: The limits that a welcome tells of, in bytes; that of names is in characters.
LIMITS = {"packet": wire.MAX_PACKET, "msg": wire.MAX_MSG, "name": MAX_NAME, "cid": MAX_CID}
#: Characters in the name of a device, at most.
MAX_DEVICE = 32


def _hello(chat: Chat, session: Session, packet: Packet, args: list[str]) -> Work | None:
    if not packet.is_hello:
        hello = '{"from":{"name":"YOU","ip":""},"to":"/hello","msg":"lanchat","x":{"v":1,"caps":[]}}'
        raise Usage(f"/hello is for programs: {hello}.")
    if session.caps is not None and session.caps is not UNGRANTED:
        raise Usage("You have already sent a hello.")
    x = packet.x or X()
    offered = CAPS if chat.store.stores_messages else CAPS - {"history", "resume", "order", "read"}
    caps = offered.intersection(cap for cap in x.caps or () if isinstance(cap, str))
    if session in chat.pending_logins or session.account is not None:
        return _account_hello(chat, session, packet, x, caps)
    if x.auth is not None:
        session.caps, session.greeted = UNGRANTED, True  # (it is answered as a capable client)
        raise AuthFailed(f"{session.name.shown} is not registered. Send a hello without auth, or choose another name.")
    if "id" in caps:
        session.device = x.dev if x.dev is not None and _names_device(x.dev) else RESUME  # (in case it registers)
    _welcome(chat, session, packet, caps)
    return None


async def _account_hello(chat: Chat, session: Session, packet: Packet, x: X, caps: frozenset[str]) -> None:
    """The hello of a client that logs in to an account, or has done so."""
    account = session.account or await _log_in(chat, session, x.auth, x.dev)
    device = _device(x.dev) if "id" in caps else CLASSIC  # a client that sees no `seq` can't acknowledge anything
    token = None
    if "token" in caps and (x.auth or {}).get("mech") == "PLAIN":
        token = await give_token(chat, account)
    cursor = await enter_device(chat, account, device)
    after, resumed = _resumed(chat, x.resume, cursor)
    replays = {"id", "resume"} <= caps
    missed = await chat.replay.missed(account, after) if resumed and replays else None
    check_connected(chat, session, account, cursor or 0, device)
    if session.account is None:
        chat.admit(session, account)
    elif device != CLASSIC:
        chat.cursors.left(session)
    chat.cursors.begin(session, device, after if resumed and device == CLASSIC else chat.store.last_seq)
    _welcome(
        chat,
        session,
        packet,
        caps,
        **account_facts(chat),
        token=token,
        resumed=resumed if replays else None,
        missed=missed,
    )
    if resumed and replays:
        session.client.perform(chat.replay.resume(session, after), hold=False)
    elif resumed:
        await chat.replay.newest(session, after)
    elif device == CLASSIC and cursor is None:
        chat.replay.tell_skipped(session)


async def _log_in(chat: Chat, session: Session, auth: dict[str, Any] | None, dev: str | None) -> Account:
    """Log in with the `auth` of a hello; returns the account. Even if that fails, the client is answered as a capable one."""
    session.caps = UNGRANTED
    try:
        _device(dev)
        if auth is None:
            raise AuthRequired(LOG_IN.format(session.name.shown))
        return await authenticate(chat, session, auth)
    except ChatError:
        if not session.greeted:
            session.greeted = True
            chat.pending_logins.count_asked(session)
        raise


def _welcome(chat: Chat, session: Session, packet: Packet, caps: frozenset[str], **known: Any) -> None:
    session.caps, session.greeted = caps, True
    if session.account is None and "history" in caps:
        session.seen = chat.store.last_seq
    if "ping" in caps:
        chat.keepalive.watch(session)
    if "presence" in caps:
        chat.presence.watch(session)
    lobby = chat.rooms.lobby.name if chat.rooms.lobby is not None else None
    known["files"] = chat.uploads.most(session)
    granted = {"v": 1, "caps": sorted(caps), "limits": LIMITS, "lobby": lobby, "ts": chat.timestamp(), **known}
    chat.welcome(session, packet, "welcome", **granted)


def _resumed(chat: Chat, asked: dict[str, Any] | None, cursor: int | None) -> tuple[int, bool]:
    """The number in the log after which a client goes on: that of its `resume`, or its cursor; and whether that is known."""
    newest = chat.store.last_seq
    if asked is None:
        return (newest, False) if cursor is None else (cursor, True)
    seq = asked.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= newest:
        return newest, False
    return (seq, True) if asked.get("epoch") == chat.store.epoch else (newest, False)


def _device(name: str | None) -> str:
    """Check the name of a device; a default if there is none. Raises `Usage`."""
    if name is None:
        return RESUME
    if not _names_device(name):
        raise Usage(f"The name of a device (dev) has 1 to {MAX_DEVICE} visible characters.")
    return name


def _names_device(name: str) -> bool:
    return 0 < len(name) <= MAX_DEVICE and wire.is_visible(name)


def _ack(chat: Chat, session: Session, packet: Packet, args: list[str]) -> None:
    if (seq := named(session, packet).seq) is not None:
        chat.cursors.acknowledge(session, seq)


PROGRAMS = {
    "/ack": Command(_ack, (), 0, "for programs: confirm that everything up to x.seq has arrived"),
    "/hello": Command(_hello, (), 0, "for programs: switch to the extended protocol", Role.PENDING),
}
