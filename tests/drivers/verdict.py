"""The end of a round of the house driver: all heals, and what everybody saw is compared with the log."""

from __future__ import annotations

from tests.drivers.acts import called, connect
from tests.drivers.books import Row
from tests.drivers.clients import Client, RealClient
from tests.drivers.others import Classic
from tests.drivers.place import Chat
from tests.drivers.troubles import make_room
from tests.drivers.wrong import Wrong, check

#: Seconds in which all must have come to rest.
REST = 240.0


def heal(house: Chat) -> None:
    """All is well from here on: everybody connects, and reads."""
    house.core.release()
    make_room(house)
    house.note("all heals")
    until = house.time.seconds + REST
    while house.time.seconds < until:
        for client in house.clients:
            if not client.connected:
                connect(house, client, slow=False)
            if client.line is not None:
                client.line.slow = False
            if isinstance(client, RealClient):
                client.screen.caught_up = True
        guests = [client for client in house.real if not client.account and not client.connected]
        for guest in guests:
            house.forget_guest(guest)
        if house.quiet(20) and all(client.up for client in house.clients):
            house.pump(3.0)
            return
    raise Wrong("it does not come to rest", ", ".join(called(client) for client in house.clients if not client.settled))


def compare(house: Chat) -> None:
    """Compare what everybody saw with the log."""
    log = house.books.check_log(house.log())
    for client in house.clients:
        if isinstance(client, RealClient) and client.account:
            _compare_account(house, client, log)
        elif isinstance(client, RealClient):
            _compare_guest(house, client, log)
        elif isinstance(client, Classic):
            owed = house.books.owed(client.name, house.numbers[client.name], log, house.rooms)
            since = max((log[token].seq for token in client.newest if token in log), default=0)
            wanted = {token for token, row in owed.items() if row.seq >= since and row.author != house.numbers[client.name]}
            _all_there(client, wanted - client.excused, client.ever, owed)
    for client in house.real:
        for token in client.ever:
            told = f"{token} by {called(client)}: {house.books.messages[token]}"
            check(house.books.may_read(client.name, token), "shown to who may not read it", told)
    house.counts["shown"] += sum(len(client.ever) for client in house.real)


def _compare_account(house: Chat, client: RealClient, log: dict[str, Row]) -> None:
    """Every message that the account is owed was shown on the device, but for those that it said there itself."""
    if client.forgotten:
        return
    owed = house.books.owed(client.name, house.numbers[client.name], log, house.rooms)
    own = {token for token in owed if house.books.messages[token].sender == called(client)}
    _all_there(client, owed.keys() - own - client.before, client.ever, owed)


def _compare_guest(house: Chat, client: RealClient, log: dict[str, Row]) -> None:
    """Every message that was said to a guest, or where it is, while it was there, was shown."""
    rooms = {house.rooms[room]: since for room, since in house.guest_rooms.get(client.name, {}).items() if room in house.rooms}
    owed = {
        token: row
        for token, row in log.items()
        if row.seq > rooms.get(row.conv, 2**62)
        or (row.conv.endswith(f"x{client.name}") and row.author and row.seq > house.guests.get(client.name, 2**62))
    }
    own = {token for token in owed if house.books.messages[token].sender == called(client)}
    _all_there(client, owed.keys() - own, client.ever, owed)


def _all_there(client: Client, wanted: set[str], shown: set[str], log: dict[str, Row]) -> None:
    missing = sorted((log[token].seq, token) for token in wanted - shown)
    kind = "never shown to a classic client" if isinstance(client, Classic) else "never shown"
    if isinstance(client, RealClient) and not client.account:
        kind = "never shown to a guest"
    told = f"{len(missing)} of {len(wanted)} were never shown by {called(client)}: {missing[:5]}"
    check(not missing, kind, told)
