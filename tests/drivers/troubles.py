"""What happens to the server in the server driver: its disk is full, it is killed, it is stopped and started."""

from __future__ import annotations

import shutil

from tests.drivers.acts import SAFE, called, connect
from tests.drivers.others import Classic, Windowed
from tests.drivers.place import Server
from tests.drivers.wrong import check

#: Seconds in which a client must be welcomed, with the disk full or not.
WELCOME = 8.0


def fill(server: Server) -> None:
    """The disk takes nothing for now."""
    if not server.full:
        server.note("the disk is full")
        server.set_full(True)
        server.counts["full disks"] += 1
        if server.dice.random() < 0.3:
            _enter_while_full(server)


def _enter_while_full(server: Server) -> None:
    """Somebody comes with a password while the disk is full, and gets in all the same."""
    server.core.release()
    client = server.dice.choice([client for client in server.real if client.account])
    server.note(f"{called(client)} starts anew while the disk is full")
    client.kill()
    client.start()
    connect(server, client, slow=False)
    server.pump(WELCOME)
    check(client.up or not client.connected, "nobody gets in while the disk is full", f"{called(client)}")


def make_room(server: Server) -> None:
    """The disk has room again."""
    if server.full:
        server.note("the disk has room again")
        server.set_full(False)


def flicker(server: Server) -> None:
    """The disk is full and has room by turns, while those who have several messages on their way go on."""
    server.note("the disk is full and has room by turns")
    for _ in range(server.dice.choice([3, 8, 20])):
        server.set_full(not server.full and server.dice.random() < 0.5)
        for client in server.clients:
            if isinstance(client, Windowed) and server.dice.random() < 0.7:
                for _ in range(server.dice.choice([1, 2, 4])):
                    client.say("#ops")
        if server.dice.random() < 0.2:
            server.core.hold()
        server.pump(server.dice.choice([0.05, 0.05, 0.3, 2.0, 2.9]))
        server.core.release()
    make_room(server)
    server.counts["full disks"] += 1


def crash(server: Server) -> None:
    """The server is killed, and started again."""
    make_room(server)
    server.note("the server is killed, and started again")
    server.core.settle()
    just_full = server.time.seconds - server.full_at < SAFE  # what was not written meanwhile is written seconds later
    online = [client for client in server.clients if isinstance(client, Classic) and (client.connected or just_full)]
    _drop_lines(server)
    place, old = server.next_place(), server.core.directory
    server.core.crash(place)
    shutil.rmtree(old)
    server.killed_at = server.time.seconds
    server.open(place)
    for classic in online:  # what was on its way to it, nobody knows
        classic.excused |= set(server.missed(classic))
        classic.twice |= classic.ever if just_full else set()
    server.counts["crashes"] += 1


def restart(server: Server) -> None:
    """The server is stopped, and started again."""
    make_room(server)
    server.note("the server is stopped, and started again")
    server.core.release()
    place = server.core.directory
    server.core.settle()
    for client in server.clients:
        if client.line is not None and client.connected:
            client.tick()
            client.line.cut()
    server.core.stop()
    server.open(place)
    server.counts["restarts"] += 1


def _drop_lines(server: Server) -> None:
    for client in server.clients:
        client.tick()
        if client.line is not None:
            client.line.drop()
