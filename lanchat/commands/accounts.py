"""Accounts: making a name one's own, logging in, and what a hello asks for."""

from __future__ import annotations

from collections.abc import Coroutine
from functools import partial
from sqlite3 import Connection
from typing import Any

from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat import accounts, packet as wire, rooms
from lanchat.addresses import counted_as, is_loopback
from lanchat.command import Command, Work
from lanchat.errors import AuthFailed, AuthRequired, ChatError, NameTaken, NotStored, Usage
from lanchat.house import LOG_IN
from lanchat.names import MAX_NAME
from lanchat.packet import Packet, X, visible
from lanchat.replay import RESUME
from lanchat.rooms import Room
from lanchat.router import Router
from lanchat.session import CLASSIC, Account, Role, Session

_log = Logger()

#: What a hello can be granted.
CAPS = frozenset({"id", "ack", "ping", "presence", "token", "resume", "history", "room"})
#: What a program has that said hello, and was refused. It may say another.
UNGRANTED: frozenset[str] = frozenset({""})
#: What a welcome tells of the limits.
LIMITS = {"packet": wire.MAX_PACKET, "msg": wire.MAX_MSG, "name": MAX_NAME, "cid": wire.MAX_CID}
#: What it costs to have a password hashed, in packets.
HASH_COST = 200
#: What is said when from one address no more can be made for now.
ACCOUNTS_MADE = "As many accounts were made from your address as may be within an hour."
#: Characters in the name of a device.
MAX_DEVICE = 32


async def _register(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    if session.account is not None:
        raise Usage(f"{session.name.shown} is your account already. Send /password OLD NEW to change its password.")
    router.identity.check_way(session.sender.ip, session.gateway)
    router.charge(session, HASH_COST)
    router.doorstep.check_place(session)
    router.registrations.check(_counted(session), ACCOUNTS_MADE)
    kept = await router.doorstep.tried(session, router.identity.hash(args[0].strip()))
    _check_here(router, session)
    account, since, cursor = await _make_account(router, session, kept)
    # Who was shut out of a room meanwhile stays out; who is gone belongs to those it was in all the same.
    still = router.rooms.of_guest(session) if session in router.registry else list(since)
    for room in since:
        if room in still:
            router.rooms.admit(account, room, since[room])
        else:
            router.store.jot(partial(rooms.dismiss, room=room.id, account=account.id))
    _check_here(router, session, account, cursor, session.device)
    router.admit(session, account)
    for room in router.rooms.of(session):
        router.rooms.enter(session, room)
    router.cursors.begin(session, session.device, max(cursor, session.seen))
    told = f"{account.name.shown} is your account now: who comes with this name must know the password."
    if full := [room.name for room in still if room not in since]:
        told += f" You are not in {', '.join(full)} any more: no more accounts can belong there."
    token = await router.identity.give_token(account.id) if session.may("token") else None
    router.delivery.pass_place(session, router.store.last_seq)
    router.reply(session, packet, told, token=token, **_account_facts(router))


async def _make_account(router: Router, session: Session, password: str) -> tuple[Account, dict[Room, int], int]:
    """Keep an account for a guest's name; it, the rooms it belongs to and from where on, and where its device is in the log."""
    devices, device = router.limits["devices"], session.device
    # (A guest may be where no more accounts can belong.)
    was_in = [room for room in router.rooms.of(session) if router.reservations.has_room_for_member(room)]
    name, now, most = session.name, int(router.now()), router.limits["accounts"]

    def make(connection: Connection) -> tuple[Account, dict[Room, int], int]:
        """All in one step, so that nothing that is said in its rooms meanwhile is lost."""
        account = accounts.add(connection, name=name, password=password, role=Role.USER, now=now, most=most)
        there = [room for room in was_in if rooms.is_there(connection, room.id)]
        since = {room: rooms.admit(connection, room.id, account.id) for room in there}
        return account, since, accounts.enter_device(connection, account.id, device, now, devices)[0]

    with (
        router.registry.looks.held(name),
        router.reservations.kept(session, was_in, 0),
        router.registrations.taken(_counted(session), ACCOUNTS_MADE),
    ):
        account, since, cursor = await router.store.write(make)
        router.own(account, session)
        return account, since, cursor


def _counted(session: Session) -> str | None:
    """The address for which it is counted how many accounts are made; on loopback, which many may share, it is not."""
    return None if is_loopback(session.sender.ip) else counted_as(session.sender.ip)


async def _login(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    if session.account is not None:
        raise Usage(f"You are logged in as {session.name.shown} already.")
    if session not in router.doorstep:
        raise Usage(f"{session.name.shown} is nobody's account. Send /register PASSWORD to make it yours.")
    account = await _prove(router, session, {"mech": "PLAIN", "password": args[0]})
    cursor = await _enter_device(router, account, CLASSIC)
    _check_here(router, session, account, cursor)
    session.caps = None  # it may have said a hello that was refused, and may say another
    router.admit(session, account)
    router.cursors.begin(session, CLASSIC, cursor)
    router.reply(session, packet, router.welcome_text(session))
    await _brought_up(router, session, router.replay.newest(session, cursor))


async def _password(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    account = session.account
    assert account is not None  # noqa: S101 (the table lets nobody else ask)
    if len(packet.msg.split()) > 2:
        raise Usage("It can't be told where the old password ends: one with blanks is changed with the client, or x.password.")
    await _prove(router, session, {"mech": "PLAIN", "password": args[0]})
    router.charge(session, HASH_COST)
    kept = await router.doorstep.tried(session, router.identity.hash(args[1].strip()))
    await router.store.write(partial(accounts.set_password, account=account.id, password=kept))
    router.journal.note(f"{account.name.shown} changed their password")
    goodbye = "Your password was changed on another of your devices. Log in with the new one."
    count = router.end_logins(account, goodbye, why="the password was changed", but=session)
    ended = f"; {count} other login{'s' * (count > 1)} ended" if count else ""
    router.reply(session, packet, f"Your password is changed{ended}. Tokens that your devices kept are worth nothing now.")


def _hello(router: Router, session: Session, packet: Packet, args: list[str]) -> Work:
    if not packet.is_hello:
        hello = '{"from":{"name":"YOU","ip":""},"to":"/hello","msg":"lanchat","x":{"v":1,"caps":[]}}'
        raise Usage(f"A hello is for programs: {hello}.")
    if session.caps is not None and session.caps is not UNGRANTED:
        raise Usage("You have said hello already; once is enough.")
    x = packet.x or X()
    offered = CAPS if router.store.keeps else CAPS - {"history", "resume"}
    caps = offered.intersection(cap for cap in x.caps or () if isinstance(cap, str))
    if session in router.doorstep or session.account is not None:
        return _account_hello(router, session, packet, x, caps)
    if x.auth is not None:
        session.caps, session.greeted = UNGRANTED, True  # it is answered as the program that it is
        raise AuthFailed(f"{session.name.shown} is nobody's account. Send a hello without auth, or another name.")
    if "id" in caps:
        session.device = x.dev if x.dev is not None and _names_device(x.dev) else RESUME  # in case it registers
    _welcome(router, session, packet, caps)
    return None


async def _account_hello(router: Router, session: Session, packet: Packet, x: X, caps: frozenset[str]) -> None:
    """The hello of somebody who has an account, and logs in with it, or has done so."""
    account = session.account or await _introduced(router, session, x.auth, x.dev)
    device = _device(x.dev) if "id" in caps else CLASSIC  # who sees no `seq` can't tell how far it has come
    token = None
    if "token" in caps and (x.auth or {}).get("mech") == "PLAIN":
        token = await router.identity.give_token(account.id)
    cursor = await _enter_device(router, account, device)
    after, resumed = (cursor, True) if x.resume is None else _resumed(router, x.resume)
    replays = {"id", "resume"} <= caps
    missed = await router.replay.missed(session, account.conversations, after) if resumed and replays else None
    _check_here(router, session, account, cursor, device)
    if session.account is None:
        router.admit(session, account)
    elif device != CLASSIC:
        router.cursors.left(session)
    router.cursors.begin(session, device, router.store.last_seq)
    _welcome(
        router,
        session,
        packet,
        caps,
        **_account_facts(router),
        token=token,
        resumed=resumed if replays else None,
        missed=missed,
    )
    if resumed and replays:
        session.client.perform(_brought_up(router, session, router.replay.resume(session, after)), hold=False)
    elif resumed:
        await _brought_up(router, session, router.replay.newest(session, after))


async def _introduced(router: Router, session: Session, auth: dict[str, Any] | None, dev: str | None) -> Account:
    """The account of a stranger who says hello. Whether that goes well or not, it is answered as a program from here on."""
    session.caps = UNGRANTED
    try:
        _device(dev)
        if auth is None:
            raise AuthRequired(LOG_IN.format(session.name.shown))
        return await _prove(router, session, auth)
    except ChatError:
        if not session.greeted:
            session.greeted = True
            router.doorstep.ask(session)
        raise


async def _brought_up(router: Router, session: Session, replay: Coroutine[Any, Any, None]) -> None:
    """Let a replay bring a session up to date. If it can't, the session ends: it would take what comes next for all."""
    try:
        await replay
    except Exception as error:  # noqa: BLE001 (whatever it was, what was missed is still to be had)
        code = error.code if isinstance(error, ChatError) else ChatError.code
        if not isinstance(error, ChatError):
            _log.failure("what {name} missed could not be read", Failure(error), name=session.name.shown)
        why = str(error) if isinstance(error, ChatError) else "The server's log says why."
        goodbye = f"What you missed can't be read now. Connect again in a while. ({why})"
        router.close(session, code, goodbye, why="what it missed could not be read")


def _account_facts(router: Router) -> dict[str, Any]:
    """What a device that is logged in goes by."""
    return {"account": True, "epoch": router.store.epoch, "seq": router.store.last_seq}


def _welcome(router: Router, session: Session, packet: Packet, caps: frozenset[str], **known: Any) -> None:
    session.caps, session.greeted = caps, True
    if session.account is None and "history" in caps:
        session.seen = router.store.last_seq
    if "ping" in caps:
        router.pulse.watch(session)
    if "presence" in caps:
        router.presence.watch(session)
    granted = {"v": 1, "caps": sorted(caps), "limits": LIMITS, "ts": router.timestamp(), **known}
    router.reply(session, packet, router.welcome_text(session), op="welcome", **granted)


async def _prove(router: Router, session: Session, auth: dict[str, Any]) -> Account:
    """The account that this secret opens; raises `AuthFailed`, after a while."""
    secret = auth.get({"PLAIN": "password", "TOKEN": "token"}.get(str(auth.get("mech")), ""))
    if not isinstance(secret, str):
        raise Usage('Log in with "auth": {"mech": "PLAIN", "password": "..."}, or {"mech": "TOKEN", "token": "..."}.')
    router.identity.check_way(session.sender.ip, session.gateway)
    address = session.sender.ip
    prove = router.identity.by_token if auth["mech"] == "TOKEN" else router.identity.by_password
    account = await router.doorstep.tried(session, prove(session.name.key, address, secret.strip()))
    router.sanctions.meet(session, account)
    return account


async def _enter_device(router: Router, account: Account, device: str) -> int:
    """A device comes: where in the log it is."""
    most, now = router.limits["devices"], int(router.now())
    router.cursors.write()
    enter = partial(accounts.enter_device, account=account.id, device=device, now=now, most=most)
    try:
        cursor, forgotten = await router.store.write(enter)
        router.limits.met["devices"] += forgotten
    except NotStored:  # whoever comes while the disk is full gets in all the same
        cursor = await router.store.read(partial(accounts.cursor_of, account=account.id, device=device))
    others = [session for session in account.sessions if session.device == device == CLASSIC]
    return max([cursor, *map(router.cursors.read, others)])  # what another classic session was shown is not shown twice


def _resumed(router: Router, asked: dict[str, Any]) -> tuple[int, bool]:
    """From where a client goes on; it can't, if what it saw was of another log."""
    seq = asked.get("seq")
    if not isinstance(seq, int) or isinstance(seq, bool) or not 0 <= seq <= router.store.last_seq:
        return router.store.last_seq, False
    return (seq, True) if asked.get("epoch") == router.store.epoch else (router.store.last_seq, False)


def _device(name: str | None) -> str:
    """The name of a device; that of classic clients, which move their own cursor, is nobody else's."""
    if name is None:
        return RESUME
    if not _names_device(name):
        raise Usage(f"The name of a device (dev) has 1 to {MAX_DEVICE} characters that can be seen.")
    return name


def _names_device(name: str) -> bool:
    return 0 < len(name) <= MAX_DEVICE and name.isprintable()


def _check_here(
    router: Router, session: Session, account: Account | None = None, cursor: int = 0, device: str = CLASSIC
) -> None:
    """While that was done, whoever asked may have gone; then this device of the account is not in use after all."""
    if session not in router.registry and session not in router.doorstep:
        if account is not None:
            router.cursors.leave(account, device, cursor)
        raise NameTaken(f"{visible(session.name.shown)} has left.")


def _ack(router: Router, session: Session, packet: Packet, args: list[str]) -> None:
    if packet.x is not None and packet.x.seq is not None:
        router.cursors.acknowledge(session, packet.x.seq)


COMMANDS = {
    "/register": Command(_register, ("password",), 1, "make your name an account, which needs this password from then on"),
    "/login": Command(_login, ("password",), 1, "show that the name you gave is your account", Role.STRANGER),
    "/password": Command(_password, ("password", "text"), 2, "change your password: the old one, and the new", Role.USER),
}
PROGRAMS = {
    "/ack": Command(_ack, (), 0, "for programs: you have all that is stored up to x.seq"),
    "/hello": Command(_hello, (), 0, "for programs: ask for more than the classic protocol", Role.STRANGER),
}
