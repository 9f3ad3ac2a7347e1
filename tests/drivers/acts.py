"""What the clients of the server driver do: they say things, their lines break, and their programs are killed."""

from __future__ import annotations

from tests.drivers.clients import Client, RealClient
from tests.drivers.others import Classic, Visitor, Windowed
from tests.drivers.place import ACCOUNTS, Server

#: Seconds after which what a device acknowledged is on the disk.
SAFE = 6.0


def say(server: Server) -> None:
    """Somebody says one thing, or many, in a room or to somebody."""
    speakers = [client for client in server.clients if isinstance(client, (RealClient, Windowed))]
    speaker = server.dice.choice(speakers)
    if isinstance(speaker, RealClient) and speaker.ended is not None:
        return
    target, times = _target(server, speaker), server.dice.choice([1, 1, 3, 12])
    server.note(f"{called(speaker)} says {times} to {target}")
    for _ in range(times):
        speaker.say(target)
    server.counts["messages"] = len(server.books.messages)


def _target(server: Server, speaker: Client) -> str:
    rooms = sorted(room for who, room in server.books.members if who == speaker.name)
    guests = [client.name for client in server.real if not client.account and client.up]
    people = [*ACCOUNTS, *guests] if speaker.name in server.numbers else ACCOUNTS
    if isinstance(speaker, RealClient) and speaker.name not in server.numbers:
        rooms = sorted(server.guest_rooms.get(speaker.name, {}))
    return server.dice.choice([*rooms, *rooms, server.dice.choice(people)])


def edit(server: Server) -> None:
    """Somebody gives a message that is stored another text."""
    editor = server.dice.choice([client for client in server.real if client.account])
    own = [one for one in server.books.messages.values() if one.name == editor.name and one.seq and one.edits is None]
    if own and editor.ended is None:
        original = server.dice.choice(own[-20:])
        server.note(f"{called(editor)} edits {original.token}")
        editor.edit(original)
        server.counts["edits"] += 1


def flow(server: Server) -> None:
    """Time passes."""
    server.pump(server.dice.choice([0.05, 0.2, 0.5, 1.0, 2.5]))


def rest(server: Server) -> None:
    """Time passes until nothing is on its way."""
    server.note(f"a rest: {'all is quiet' if server.quiet(20) else 'all is not quiet'}")


def hold(server: Server) -> None:
    """The disk is slow for a moment: what is said then is one batch."""
    server.note("the disk is slow for a moment")
    server.core.hold()
    for _ in range(server.dice.choice([1, 2, 5])):
        say(server)
        server.pump(server.dice.choice([0.05, 0.3]))
    server.core.release()


def cut(server: Server) -> None:
    """A line breaks, with what is on it; or all do."""
    lines = [client for client in server.clients if client.connected]
    for client in lines if server.dice.random() < 0.1 else server.dice.sample(lines, min(1, len(lines))):
        server.note(f"the line of {called(client)} breaks")
        assert client.line is not None
        client.line.cut()
        server.counts["cuts"] += 1


def reconnect(server: Server) -> None:
    """Those without a line connect, some of them."""
    for client in server.clients:
        if not client.connected and server.dice.random() < 0.6:
            connect(server, client, slow=server.dice.random() < 0.2)


def connect(server: Server, client: Client, slow: bool) -> None:
    if isinstance(client, RealClient) and not client.account:
        return  # a guest whose line broke is somebody new when it comes again
    if isinstance(client, RealClient) and client.ended is not None:
        client.start()
    server.note(f"{called(client)} connects{', slowly' if slow else ''}")
    client.connect(server.core, slow)


def slow_down(server: Server) -> None:
    """A line becomes slow, or fast again."""
    lines = [client for client in server.clients if client.connected and not isinstance(client, Windowed)]
    if lines:
        client = server.dice.choice(lines)
        assert client.line is not None
        client.line.slow = not client.line.slow
        server.note(f"the line of {called(client)} is {'slow' if client.line.slow else 'fast'}")


def stop_reading(server: Server) -> None:
    """What a program shows is not read for a while, so it is not acknowledged; or it is again."""
    client = server.dice.choice(server.real)
    client.screen.caught_up = not client.screen.caught_up
    server.note(f"{called(client)} {'reads' if client.screen.caught_up else 'does not read'}")


def start_again(server: Server) -> None:
    """A program is killed, and started again on the same device: it must not lose what it had not shown."""
    client = server.dice.choice([client for client in server.real if client.account])
    client.tick()
    _note_floor(server, client)
    server.note(f"{called(client)} is killed, and started again; {client.safe_floor} is acknowledged")
    client.kill()
    client.start()
    server.counts["programs killed"] += 1


def _note_floor(server: Server, client: RealClient) -> None:
    """What the device acknowledged long enough ago is on the server's disk, unless that was killed or full meanwhile."""
    since = server.time.seconds - SAFE
    healthy = since > server.full_at and not server.full
    safe = [seq for seq, at in client.acknowledged if healthy and server.killed_at < at < since]
    client.safe_floor = max([client.safe_floor, *safe]) if not client.forgotten else 0


def classic_goes(server: Server) -> None:
    """The classic client's line breaks."""
    for client in server.clients:
        if isinstance(client, Classic) and client.connected:
            server.note("the classic client's line breaks")
            assert client.line is not None
            client.tick()
            client.line.cut()


def called(client: Client) -> str:
    return (
        f"{client.name} {client.device}"
        if isinstance(client, (RealClient, Visitor))
        else (f"{client.name} {'window' if isinstance(client, Windowed) else 'classic'}")
    )
