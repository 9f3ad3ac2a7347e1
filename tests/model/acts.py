"""What is done in the house driver, and what is compared at the end."""

from __future__ import annotations

import shutil

from tests.model.books import Row
from tests.model.clients import Client, RealClient
from tests.model.others import NEWEST, Classic, Visitor, Windowed
from tests.model.place import ACCOUNTS, House
from tests.model.wrong import Wrong, check

#: Seconds in which a client must be welcomed, with the disk full or not, and in which all must have come to rest at the end.
WELCOME, REST = 8.0, 240.0
#: Of the newest that a classic client is shown when it logs in, so many may be others than expected.
MARGIN = 10
#: Seconds after which what a device acknowledged is on the disk.
SAFE = 5.0


def say(house: House) -> None:
    """Somebody says one thing, or many, in a room or to somebody."""
    speakers = [client for client in house.clients if isinstance(client, (RealClient, Windowed))]
    speaker = house.dice.choice(speakers)
    if isinstance(speaker, RealClient) and speaker.ended is not None:
        return
    target, times = _target(house, speaker), house.dice.choice([1, 1, 3, 12])
    house.note(f"{_called(speaker)} says {times} to {target}")
    for _ in range(times):
        speaker.say(target)
    house.counts["messages"] = len(house.books.messages)


def _target(house: House, speaker: Client) -> str:
    rooms = sorted(room for who, room in house.books.members if who == speaker.name)
    guests = [client.name for client in house.real if not client.account and client.up]
    people = [*ACCOUNTS, *guests] if speaker.name in house.numbers else ACCOUNTS
    if isinstance(speaker, RealClient) and speaker.name not in house.numbers:
        rooms = sorted(house.guest_rooms.get(speaker.name, {}))
    return house.dice.choice([*rooms, *rooms, house.dice.choice(people)])


def flow(house: House) -> None:
    """Time passes."""
    house.pump(house.dice.choice([0.05, 0.2, 0.5, 1.0, 2.5]))


def rest(house: House) -> None:
    """Time passes until nothing is on its way."""
    house.note(f"a rest: {'all is quiet' if house.quiet(20) else 'all is not quiet'}")


def hold(house: House) -> None:
    """The disk is slow for a moment: what is said then is one batch."""
    house.note("the disk is slow for a moment")
    house.core.hold()
    for _ in range(house.dice.choice([1, 2, 5])):
        say(house)
        house.pump(house.dice.choice([0.05, 0.3]))
    house.core.release()


def cut(house: House) -> None:
    """A line breaks, with what is on it; or all do."""
    lines = [client for client in house.clients if client.connected]
    for client in lines if house.dice.random() < 0.1 else house.dice.sample(lines, min(1, len(lines))):
        house.note(f"the line of {_called(client)} breaks")
        assert client.line is not None
        client.line.cut()
        house.counts["cuts"] += 1


def reconnect(house: House) -> None:
    """Those without a line connect, some of them."""
    for client in house.clients:
        if not client.connected and house.dice.random() < 0.6:
            _connect(house, client, slow=house.dice.random() < 0.2)


def _connect(house: House, client: Client, slow: bool) -> None:
    if isinstance(client, RealClient) and not client.account:
        return  # a guest whose line broke is somebody new when it comes again
    if isinstance(client, RealClient) and client.ended is not None:
        client.start()
    house.note(f"{_called(client)} connects{', slowly' if slow else ''}")
    if isinstance(client, Classic):
        missed = house.missed(client)
        if len(missed) > NEWEST - MARGIN:  # (more may come before it has logged in)
            client.excused |= set(missed[: -(NEWEST - 2 * MARGIN)])
    client.connect(house.core, slow)


def slow_down(house: House) -> None:
    """A line becomes slow, or fast again."""
    lines = [client for client in house.clients if client.connected and not isinstance(client, Windowed)]
    if lines:
        client = house.dice.choice(lines)
        assert client.line is not None
        client.line.slow = not client.line.slow
        house.note(f"the line of {_called(client)} is {'slow' if client.line.slow else 'fast'}")


def stop_reading(house: House) -> None:
    """What a program shows is not read for a while, so it is not acknowledged; or it is again."""
    client = house.dice.choice(house.real)
    client.screen.caught_up = not client.screen.caught_up
    house.note(f"{_called(client)} {'reads' if client.screen.caught_up else 'does not read'}")


def start_again(house: House) -> None:
    """A program is killed, and started again on the same device: it must not lose what it had not shown."""
    client = house.dice.choice([client for client in house.real if client.account])
    client.tick()
    _note_floor(house, client)
    house.note(f"{_called(client)} is killed, and started again; {client.safe_floor} is acknowledged")
    client.kill()
    client.start()
    house.counts["programs killed"] += 1


def _note_floor(house: House, client: RealClient) -> None:
    """What the device acknowledged long enough ago is on the server's disk, unless that was killed or full meanwhile."""
    since = house.time.seconds - SAFE
    healthy = since > house.full_at and not house.full
    safe = [seq for seq, at in client.acknowledged if healthy and house.killed_at < at < since]
    client.safe_floor = max([client.safe_floor, *safe]) if not client.forgotten else 0


def fill(house: House) -> None:
    """The disk takes nothing for now."""
    if not house.full:
        house.note("the disk is full")
        house.set_full(True)
        house.counts["full disks"] += 1
        if house.dice.random() < 0.3:
            _enter_while_full(house)


def _enter_while_full(house: House) -> None:
    """Somebody comes with a password while the disk is full, and gets in all the same."""
    house.core.release()
    client = house.dice.choice([client for client in house.real if client.account])
    house.note(f"{_called(client)} starts anew while the disk is full")
    client.kill()
    client.start()
    _connect(house, client, slow=False)
    house.pump(WELCOME)
    check(client.up or not client.connected, "nobody gets in while the disk is full", f"{_called(client)}")


def make_room(house: House) -> None:
    """The disk has room again."""
    if house.full:
        house.note("the disk has room again")
        house.set_full(False)


def flicker(house: House) -> None:
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


def crash(house: House) -> None:
    """The server is killed, and started again."""
    make_room(house)
    house.note("the server is killed, and started again")
    house.core.settle()
    online = [client for client in house.clients if isinstance(client, Classic) and client.connected]
    _drop_lines(house)
    place, old = house.next_place(), house.core.directory
    house.core.crash(place)
    shutil.rmtree(old)
    house.killed_at = house.time.seconds
    house.open(place)
    for classic in online:  # what was on its way to it, nobody knows
        classic.excused |= set(house.missed(classic))
    house.counts["crashes"] += 1


def restart(house: House) -> None:
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


def _drop_lines(house: House) -> None:
    for client in house.clients:
        client.tick()
        if client.line is not None:
            client.line.drop()


def move(house: House) -> None:
    """An account leaves a room, or joins it again, or is sent out of it."""
    client = house.dice.choice([client for client in house.real if client.account and client.name in ACCOUNTS])
    room = house.dice.choice(sorted(house.rooms))
    if not client.up:
        return
    if (client.name, room) in house.books.members:
        house.note(f"{_called(client)} leaves {room}")
        house.books.leaves(client.name, room)
        client.command("/leave", room)
    else:
        house.note(f"{_called(client)} joins {room}")
        client.answers.clear()
        house.books.were_in.add((client.name, room))
        client.command("/join", room)
        house.pump(1.0)
        if ("/join", "ok") in client.answers:
            house.books.joined(client.name, room, house.core.store.last_seq)


def close_room(house: House) -> None:
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


def visit(house: House) -> None:
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


def guest_comes(house: House) -> None:
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


def guest_goes(house: House) -> None:
    """A guest goes for good."""
    guests = [client for client in house.real if not client.account]
    if guests:
        guest = house.dice.choice(guests)
        house.note(f"{guest.name} goes")
        house.forget_guest(guest)


def register(house: House) -> None:
    """A guest makes its name an account: from then on it is owed what is said to it, on this device."""
    guests = [client for client in house.real if not client.account and client.up and not client.conversation.waiting]
    if not guests:
        return
    guest = house.dice.choice(guests)
    house.note(f"{guest.name} registers")
    guest.answers.clear()
    guest.command("/register", "correct horse")
    house.pump(2.0)
    house.core.release()
    house.core.settle()
    known = house.core.router.registry.account(guest.name)
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


def classic_goes(house: House) -> None:
    """The classic client's line breaks."""
    for client in house.clients:
        if isinstance(client, Classic) and client.connected:
            house.note("the classic client's line breaks")
            assert client.line is not None
            client.tick()
            client.line.cut()


def heal(house: House) -> None:
    """All is well from here on: everybody connects, and reads."""
    house.core.release()
    make_room(house)
    house.note("all heals")
    until = house.time.seconds + REST
    while house.time.seconds < until:
        for client in house.clients:
            if not client.connected:
                _connect(house, client, slow=False)
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
    raise Wrong("it does not come to rest", ", ".join(_called(client) for client in house.clients if not client.settled))


def compare(house: House) -> None:
    """Compare what everybody saw with the log."""
    log = house.books.check_log(house.log())
    for client in house.clients:
        if isinstance(client, RealClient) and client.account:
            _compare_account(house, client, log)
        elif isinstance(client, RealClient):
            _compare_guest(house, client, log)
        elif isinstance(client, Classic):
            owed = house.books.owed(client.name, house.numbers[client.name], log, house.rooms)
            wanted = {token for token, row in owed.items() if row.author != house.numbers[client.name]}
            _all_there(client, wanted - client.excused, client.ever, owed)
    for client in house.real:
        for token in client.ever:
            told = f"{token} by {_called(client)}: {house.books.messages[token]}"
            check(house.books.may_read(client.name, token), "shown to who may not read it", told)
    house.counts["shown"] += sum(len(client.ever) for client in house.real)


def _compare_account(house: House, client: RealClient, log: dict[str, Row]) -> None:
    """Every message that the account is owed was shown on the device, but for those that it said there itself."""
    if client.forgotten:
        return
    owed = house.books.owed(client.name, house.numbers[client.name], log, house.rooms)
    own = {token for token in owed if house.books.messages[token].sender == _called(client)}
    _all_there(client, owed.keys() - own - client.before, client.ever, owed)


def _compare_guest(house: House, client: RealClient, log: dict[str, Row]) -> None:
    """Every message that was said to a guest, or where it is, while it was there, was shown."""
    rooms = {house.rooms[room]: since for room, since in house.guest_rooms.get(client.name, {}).items() if room in house.rooms}
    owed = {
        token: row
        for token, row in log.items()
        if row.seq > rooms.get(row.conv, 2**62)
        or (row.conv.endswith(f"x{client.name}") and row.author and row.seq > house.guests.get(client.name, 2**62))
    }
    own = {token for token in owed if house.books.messages[token].sender == _called(client)}
    _all_there(client, owed.keys() - own, client.ever, owed)


def _all_there(client: Client, wanted: set[str], shown: set[str], log: dict[str, Row]) -> None:
    missing = sorted((log[token].seq, token) for token in wanted - shown)
    kind = "never shown to a classic client" if isinstance(client, Classic) else "never shown"
    if isinstance(client, RealClient) and not client.account:
        kind = "never shown to a guest"
    told = f"{len(missing)} of {len(wanted)} were never shown by {_called(client)}: {missing[:5]}"
    check(not missing, kind, told)


def _called(client: Client) -> str:
    return (
        f"{client.name} {client.device}"
        if isinstance(client, (RealClient, Visitor))
        else (f"{client.name} {'window' if isinstance(client, Windowed) else 'classic'}")
    )
