"""Who comes and goes in the house driver: members of rooms, guests, guests who register, and devices that only visit."""

from __future__ import annotations

from tests.drivers.acts import called
from tests.drivers.clients import RealClient
from tests.drivers.others import Visitor
from tests.drivers.place import ACCOUNTS, Chat
from tests.drivers.wrong import check


def move(house: Chat) -> None:
    """An account leaves a room, or joins it again, or is sent out of it."""
    client = house.dice.choice([client for client in house.real if client.account and client.name in ACCOUNTS])
    room = house.dice.choice(sorted(house.rooms))
    if not client.up:
        return
    client.answers.clear()
    if (client.name, room) in house.books.members:
        house.note(f"{called(client)} leaves {room}")
        house.books.leaves(client.name, room)
        client.command("/leave", room)
        house.pump(1.0)
        if not client.answers:  # it may leave at any time now
            house.leaving.add((client.name, room))
    else:
        house.note(f"{called(client)} joins {room}")
        house.books.were_in.add((client.name, room))
        client.command("/join", room)
        house.pump(1.0)
        if ("/join", "ok") in client.answers and (client.name, room) not in house.leaving:
            house.books.joined(client.name, room, house.core.store.last_seq)


def close_room(house: Chat) -> None:
    """Who made a room closes it, and makes another of that name."""
    client = next(client for client in house.real if client.name == "bob")
    if not client.up or house.full:
        return
    house.note("bob closes #den and makes it anew")
    for name in ACCOUNTS:
        house.books.leaves(name, "#den")
    house.books.were_in.add(("bob", "#den"))
    client.answers.clear()
    client.command("/join", "#den")
    client.command("/close", "#den")
    client.command("/create", "#den")
    house.pump(2.0)
    if ("/create", "ok") in client.answers:
        house.core.release()
        ((number,),) = house.core.ask("SELECT id FROM rooms WHERE key = '#den'")
        house.rooms["#den"] = f"r{number}"
        house.books.joined("bob", "#den", house.core.store.last_seq)


def visit(house: Chat) -> None:
    """Some other devices of ann's come and go: those that are on line must not be forgotten for them."""
    for _ in range(house.dice.choice([1, 3, 6])):
        house.visitors += 1
        visitor = Visitor("ann", house.books, house.time, device=f"visitor {house.visitors}")
        house.note(f"{visitor.device} of ann comes and goes")
        visitor.connect(house.core, slow=False)
        house.clients.append(visitor)
        house.pump(2.0)
        house.clients.remove(visitor)
        assert visitor.line is not None
        visitor.line.cut()
        for client in house.real:
            if client.name == "ann" and not client.connected:
                client.visits += 1
                client.forgotten = client.forgotten or client.visits >= 2
    house.counts["visits"] += 1


def guest_comes(house: Chat) -> None:
    """A guest comes, and enters a room."""
    if sum(not client.account for client in house.real) >= 3:
        return
    house.visitors += 1
    name = f"tom{house.visitors}"
    guest = RealClient(name, house.books, house.time, "desk", account=False)
    house.note(f"{name}, a guest, comes")
    house.clients.append(guest)
    guest.connect(house.core, slow=False)
    house.pump(1.0)
    if not guest.up:
        return
    house.guests[name] = house.core.store.last_seq
    house.books.were_in.add((name, "#ops"))
    guest.command("/join", "#ops")
    house.pump(1.0)
    if ("/join", "ok") in guest.answers:
        house.guest_rooms[name] = {"#ops": house.core.store.last_seq}
    house.counts["guests"] += 1


def guest_goes(house: Chat) -> None:
    """A guest goes for good."""
    guests = [client for client in house.real if not client.account]
    if guests:
        guest = house.dice.choice(guests)
        house.note(f"{guest.name} goes")
        house.forget_guest(guest)


def register(house: Chat) -> None:
    """A guest makes its name an account: from then on it is owed what is said to it, on this device."""
    guests = [client for client in house.real if not client.account and client.up and not client.session.waiting]
    if not guests:
        return
    guest = house.dice.choice(guests)
    house.note(f"{guest.name} registers")
    guest.answers.clear()
    guest.command("/register", "correct horse")
    house.pump(2.0)
    house.core.release()
    house.core.settle()
    known = house.core.router.chat.online.account(guest.name)
    if ("/register", "fail") in guest.answers:
        check(known is None, "refused and done", f"/register of {guest.name}")
    if known is None or not guest.account:
        house.forget_guest(guest)
        return
    house.numbers[guest.name] = known.id
    house.guests.pop(guest.name, None)
    house.guest_rooms.pop(guest.name, None)
    for room, conv in house.rooms.items():
        if conv in known.conversations:
            house.books.joined(guest.name, room, house.core.store.last_seq)
    house.counts["registrations"] += 1
