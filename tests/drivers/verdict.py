"""The end of a round of the server driver: all heals, and what everybody saw is compared with the log."""

from __future__ import annotations

from tests.drivers.acts import called, connect
from tests.drivers.books import Row
from tests.drivers.clients import Client, RealClient
from tests.drivers.others import Classic
from tests.drivers.place import Server
from tests.drivers.troubles import make_room
from tests.drivers.wrong import Wrong, check

#: Seconds in which all must have come to rest.
REST = 240.0


def heal(server: Server) -> None:
    """All is well from here on: everybody connects, and reads."""
    server.core.release()
    make_room(server)
    server.note("all heals")
    until = server.time.seconds + REST
    while server.time.seconds < until:
        for client in server.clients:
            if not client.connected:
                connect(server, client, slow=False)
            if client.line is not None:
                client.line.slow = False
            if isinstance(client, RealClient):
                client.screen.caught_up = True
        guests = [client for client in server.real if not client.account and not client.connected]
        for guest in guests:
            server.forget_guest(guest)
        if server.quiet(20) and all(client.up for client in server.clients):
            server.pump(3.0)
            return
    raise Wrong("it does not come to rest", ", ".join(called(client) for client in server.clients if not client.settled))


def compare(server: Server) -> None:
    """Compare what everybody saw with the log."""
    log = server.books.check_log(server.log())
    for client in server.clients:
        if isinstance(client, RealClient) and client.account:
            _compare_account(server, client, log)
        elif isinstance(client, RealClient):
            _compare_guest(server, client, log)
        elif isinstance(client, Classic):
            owed = server.books.owed(client.name, server.numbers[client.name], log, server.rooms)
            since = max((log[token].seq for token in client.newest if token in log), default=0)
            wanted = {token for token, row in owed.items() if row.seq >= since and row.author != server.numbers[client.name]}
            wanted = {token for token in wanted if server.books.messages[token].edits is None}  # (it may miss edits)
            _all_there(client, wanted - client.excused, client.ever, owed)
    for client in server.real:
        for token in client.ever:
            told = f"{token} by {called(client)}: {server.books.messages[token]}"
            check(server.books.may_read(client.name, token), "shown to who may not read it", told)
    server.counts["shown"] += sum(len(client.ever) for client in server.real)


def _compare_account(server: Server, client: RealClient, log: dict[str, Row]) -> None:
    """Every message that the account is owed was shown on the device, but for those that it said there itself."""
    if client.forgotten:
        return
    owed = server.books.owed(client.name, server.numbers[client.name], log, server.rooms)
    own = {token for token in owed if server.books.messages[token].sender == called(client)}
    _all_there(client, owed.keys() - own - client.before, client.ever, owed)


def _compare_guest(server: Server, client: RealClient, log: dict[str, Row]) -> None:
    """Every message that was said to a guest, or where it is, while it was there, was shown."""
    rooms = {
        server.rooms[room]: since for room, since in server.guest_rooms.get(client.name, {}).items() if room in server.rooms
    }
    owed = {
        token: row
        for token, row in log.items()
        if row.seq > rooms.get(row.conv, 2**62)
        or (row.conv.endswith(f"x{client.name}") and row.author and row.seq > server.guests.get(client.name, 2**62))
    }
    own = {token for token in owed if server.books.messages[token].sender == called(client)}
    _all_there(client, owed.keys() - own, client.ever, owed)


def _all_there(client: Client, wanted: set[str], shown: set[str], log: dict[str, Row]) -> None:
    missing = sorted((log[token].seq, token) for token in wanted - shown)
    kind = "never shown to a classic client" if isinstance(client, Classic) else "never shown"
    if isinstance(client, RealClient) and not client.account:
        kind = "never shown to a guest"
    told = f"{len(missing)} of {len(wanted)} were never shown by {called(client)}: {missing[:5]}"
    check(not missing, kind, told)
