"""What the clients of the house driver do: they say things, their lines break, and their programs are killed."""

from __future__ import annotations

from tests.drivers.clients import Client, RealClient
from tests.drivers.others import Classic, Visitor, Windowed
from tests.drivers.place import ACCOUNTS, Chat

#: Seconds after which what a device acknowledged is on the disk.
SAFE = 6.0


def say(house: Chat) -> None:
    """Somebody says one thing, or many, in a room or to somebody."""
    speakers = [client for client in house.clients if isinstance(client, (RealClient, Windowed))]
    speaker = house.dice.choice(speakers)
    if isinstance(speaker, RealClient) and speaker.ended is not None:
        return
    target, times = _target(house, speaker), house.dice.choice([1, 1, 3, 12])
    house.note(f"{called(speaker)} says {times} to {target}")
    for _ in range(times):
        speaker.say(target)
    house.counts["messages"] = len(house.books.messages)


def _target(house: Chat, speaker: Client) -> str:
    rooms = sorted(room for who, room in house.books.members if who == speaker.name)
    guests = [client.name for client in house.real if not client.account and client.up]
    people = [*ACCOUNTS, *guests] if speaker.name in house.numbers else ACCOUNTS
    if isinstance(speaker, RealClient) and speaker.name not in house.numbers:
        rooms = sorted(house.guest_rooms.get(speaker.name, {}))
    return house.dice.choice([*rooms, *rooms, house.dice.choice(people)])


def flow(house: Chat) -> None:
    """Time passes."""
    house.pump(house.dice.choice([0.05, 0.2, 0.5, 1.0, 2.5]))


def rest(house: Chat) -> None:
    """Time passes until nothing is on its way."""
    house.note(f"a rest: {'all is quiet' if house.quiet(20) else 'all is not quiet'}")


def hold(house: Chat) -> None:
    """The disk is slow for a moment: what is said then is one batch."""
    house.note("the disk is slow for a moment")
    house.core.hold()
    for _ in range(house.dice.choice([1, 2, 5])):
        say(house)
        house.pump(house.dice.choice([0.05, 0.3]))
    house.core.release()


def cut(house: Chat) -> None:
    """A line breaks, with what is on it; or all do."""
    lines = [client for client in house.clients if client.connected]
    for client in lines if house.dice.random() < 0.1 else house.dice.sample(lines, min(1, len(lines))):
        house.note(f"the line of {called(client)} breaks")
        assert client.line is not None
        client.line.cut()
        house.counts["cuts"] += 1


def reconnect(house: Chat) -> None:
    """Those without a line connect, some of them."""
    for client in house.clients:
        if not client.connected and house.dice.random() < 0.6:
            connect(house, client, slow=house.dice.random() < 0.2)


def connect(house: Chat, client: Client, slow: bool) -> None:
    if isinstance(client, RealClient) and not client.account:
        return  # a guest whose line broke is somebody new when it comes again
    if isinstance(client, RealClient) and client.ended is not None:
        client.start()
    house.note(f"{called(client)} connects{', slowly' if slow else ''}")
    client.connect(house.core, slow)


def slow_down(house: Chat) -> None:
    """A line becomes slow, or fast again."""
    lines = [client for client in house.clients if client.connected and not isinstance(client, Windowed)]
    if lines:
        client = house.dice.choice(lines)
        assert client.line is not None
        client.line.slow = not client.line.slow
        house.note(f"the line of {called(client)} is {'slow' if client.line.slow else 'fast'}")


def stop_reading(house: Chat) -> None:
    """What a program shows is not read for a while, so it is not acknowledged; or it is again."""
    client = house.dice.choice(house.real)
    client.screen.caught_up = not client.screen.caught_up
    house.note(f"{called(client)} {'reads' if client.screen.caught_up else 'does not read'}")


def start_again(house: Chat) -> None:
    """A program is killed, and started again on the same device: it must not lose what it had not shown."""
    client = house.dice.choice([client for client in house.real if client.account])
    client.tick()
    _note_floor(house, client)
    house.note(f"{called(client)} is killed, and started again; {client.safe_floor} is acknowledged")
    client.kill()
    client.start()
    house.counts["programs killed"] += 1


def _note_floor(house: Chat, client: RealClient) -> None:
    """What the device acknowledged long enough ago is on the server's disk, unless that was killed or full meanwhile."""
    since = house.time.seconds - SAFE
    healthy = since > house.full_at and not house.full
    safe = [seq for seq, at in client.acknowledged if healthy and house.killed_at < at < since]
    client.safe_floor = max([client.safe_floor, *safe]) if not client.forgotten else 0


def classic_goes(house: Chat) -> None:
    """The classic client's line breaks."""
    for client in house.clients:
        if isinstance(client, Classic) and client.connected:
            house.note("the classic client's line breaks")
            assert client.line is not None
            client.tick()
            client.line.cut()


def called(client: Client) -> str:
    return (
        f"{client.name} {client.device}"
        if isinstance(client, (RealClient, Visitor))
        else (f"{client.name} {'window' if isinstance(client, Windowed) else 'classic'}")
    )
