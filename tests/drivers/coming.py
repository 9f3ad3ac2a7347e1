"""Who comes and goes in the server driver: members of rooms, guests, guests who register, and devices that only visit."""

from __future__ import annotations

from tests.drivers.acts import called
from tests.drivers.clients import RealClient
from tests.drivers.others import Visitor
from tests.drivers.place import ACCOUNTS, Server
from tests.drivers.wrong import check


def move(server: Server) -> None:
    """An account leaves a room, or joins it again, or is sent out of it."""
    client = server.dice.choice([client for client in server.real if client.account and client.name in ACCOUNTS])
    room = server.dice.choice(sorted(server.rooms))
    if not client.up:
        return
    client.answers.clear()
    if (client.name, room) in server.books.members:
        server.note(f"{called(client)} leaves {room}")
        server.books.leaves(client.name, room)
        client.command("/leave", room)
        server.pump(1.0)
        if not client.answers:  # it may leave at any time now
            server.leaving.add((client.name, room))
    else:
        server.note(f"{called(client)} joins {room}")
        server.books.were_in.add((client.name, room))
        client.command("/join", room)
        server.pump(1.0)
        if ("/join", "ok") in client.answers and (client.name, room) not in server.leaving:
            server.books.joined(client.name, room, server.core.store.last_seq)


def close_room(server: Server) -> None:
    """Who made a room closes it, and makes another of that name."""
    client = next(client for client in server.real if client.name == "bob")
    if not client.up or server.full:
        return
    server.note("bob closes #den and makes it anew")
    for name in ACCOUNTS:
        server.books.leaves(name, "#den")
    server.books.were_in.add(("bob", "#den"))
    client.answers.clear()
    client.command("/join", "#den")
    client.command("/close", "#den")
    client.command("/create", "#den")
    server.pump(2.0)
    if ("/create", "ok") in client.answers:
        server.core.release()
        ((number,),) = server.core.ask("SELECT id FROM rooms WHERE key = '#den'")
        server.rooms["#den"] = f"r{number}"
        server.books.joined("bob", "#den", server.core.store.last_seq)


def visit(server: Server) -> None:
    """Some other devices of ann's come and go: those that are on line must not be forgotten for them."""
    for _ in range(server.dice.choice([1, 3, 6])):
        server.visitors += 1
        visitor = Visitor("ann", server.books, server.time, device=f"visitor {server.visitors}")
        server.note(f"{visitor.device} of ann comes and goes")
        visitor.connect(server.core, slow=False)
        server.clients.append(visitor)
        server.pump(2.0)
        server.clients.remove(visitor)
        assert visitor.line is not None
        visitor.line.cut()
        for client in server.real:
            if client.name == "ann" and not client.connected:
                client.visits += 1
                client.forgotten = client.forgotten or client.visits >= 2
    server.counts["visits"] += 1


def guest_comes(server: Server) -> None:
    """A guest comes, and enters a room."""
    if sum(not client.account for client in server.real) >= 3:
        return
    server.visitors += 1
    name = f"tom{server.visitors}"
    guest = RealClient(name, server.books, server.time, "desk", account=False)
    server.note(f"{name}, a guest, comes")
    server.clients.append(guest)
    guest.connect(server.core, slow=False)
    server.pump(1.0)
    if not guest.up:
        return
    server.guests[name] = server.core.store.last_seq
    server.books.were_in.add((name, "#ops"))
    guest.command("/join", "#ops")
    server.pump(1.0)
    if ("/join", "ok") in guest.answers:
        server.guest_rooms[name] = {"#ops": server.core.store.last_seq}
    server.counts["guests"] += 1


def guest_goes(server: Server) -> None:
    """A guest goes for good."""
    guests = [client for client in server.real if not client.account]
    if guests:
        guest = server.dice.choice(guests)
        server.note(f"{guest.name} goes")
        server.forget_guest(guest)


def register(server: Server) -> None:
    """A guest makes its name an account: from then on it is owed what is said to it, on this device."""
    guests = [client for client in server.real if not client.account and client.up and not client.session.waiting]
    if not guests:
        return
    guest = server.dice.choice(guests)
    server.note(f"{guest.name} registers")
    guest.answers.clear()
    guest.command("/register", "correct horse")
    server.pump(2.0)
    server.core.release()
    server.core.settle()
    known = server.core.router.chat.online.account(guest.name)
    if ("/register", "fail") in guest.answers:
        check(known is None, "refused and done", f"/register of {guest.name}")
    if known is None or not guest.account:
        server.forget_guest(guest)
        return
    server.numbers[guest.name] = known.id
    server.guests.pop(guest.name, None)
    server.guest_rooms.pop(guest.name, None)
    for room, conv in server.rooms.items():
        if conv in known.conversations:
            server.books.joined(guest.name, room, server.core.store.last_seq)
    server.counts["registrations"] += 1
