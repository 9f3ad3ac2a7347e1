"""What happens to the server in the house driver: its disk is full, it is killed, it is stopped and started."""

from __future__ import annotations

import shutil

from tests.drivers.acts import SAFE, called, connect
from tests.drivers.others import Classic, Windowed
from tests.drivers.place import Chat
from tests.drivers.wrong import check

#: Seconds in which a client must be welcomed, with the disk full or not.
WELCOME = 8.0


def fill(house: Chat) -> None:
    """The disk takes nothing for now."""
    if not house.full:
        house.note("the disk is full")
        house.set_full(True)
        house.counts["full disks"] += 1
        if house.dice.random() < 0.3:
            _enter_while_full(house)


def _enter_while_full(house: Chat) -> None:
    """Somebody comes with a password while the disk is full, and gets in all the same."""
    house.core.release()
    client = house.dice.choice([client for client in house.real if client.account])
    house.note(f"{called(client)} starts anew while the disk is full")
    client.kill()
    client.start()
    connect(house, client, slow=False)
    house.pump(WELCOME)
    check(client.up or not client.connected, "nobody gets in while the disk is full", f"{called(client)}")


def make_room(house: Chat) -> None:
    """The disk has room again."""
    if house.full:
        house.note("the disk has room again")
        house.set_full(False)


def flicker(house: Chat) -> None:
    """The disk is full and has room by turns, while those who have several messages on their way go on."""
    house.note("the disk is full and has room by turns")
    for _ in range(house.dice.choice([3, 8, 20])):
        house.set_full(not house.full and house.dice.random() < 0.5)
        for client in house.clients:
            if isinstance(client, Windowed) and house.dice.random() < 0.7:
                for _ in range(house.dice.choice([1, 2, 4])):
                    client.say("#ops")
        if house.dice.random() < 0.2:
            house.core.hold()
        house.pump(house.dice.choice([0.05, 0.05, 0.3, 2.0, 2.9]))
        house.core.release()
    make_room(house)
    house.counts["full disks"] += 1


def crash(house: Chat) -> None:
    """The server is killed, and started again."""
    make_room(house)
    house.note("the server is killed, and started again")
    house.core.settle()
    just_full = house.time.seconds - house.full_at < SAFE  # what was not written meanwhile is written seconds later
    online = [client for client in house.clients if isinstance(client, Classic) and (client.connected or just_full)]
    _drop_lines(house)
    place, old = house.next_place(), house.core.directory
    house.core.crash(place)
    shutil.rmtree(old)
    house.killed_at = house.time.seconds
    house.open(place)
    for classic in online:  # what was on its way to it, nobody knows
        classic.excused |= set(house.missed(classic))
        classic.twice |= classic.ever if just_full else set()
    house.counts["crashes"] += 1


def restart(house: Chat) -> None:
    """The server is stopped, and started again."""
    make_room(house)
    house.note("the server is stopped, and started again")
    house.core.release()
    place = house.core.directory
    house.core.settle()
    for client in house.clients:
        if client.line is not None and client.connected:
            client.tick()
            client.line.cut()
    house.core.stop()
    house.open(place)
    house.counts["restarts"] += 1


def _drop_lines(house: Chat) -> None:
    for client in house.clients:
        client.tick()
        if client.line is not None:
            client.line.drop()
