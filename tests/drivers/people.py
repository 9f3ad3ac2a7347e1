"""Who comes and goes in the store driver: accounts and rooms are made, removed and erased, as people do it."""

from __future__ import annotations

from collections.abc import Callable

from lanchat.protocol.entry import EDIT
from lanchat.service.requests import Add, Done, Purge, Remove
from lanchat.tables.read_markers import Marker, MoveMarkers
from tests.drivers.saying import entry, hand_in, text
from tests.drivers.world import NAMES, ROOMS, World
from tests.drivers.wrong import Wrong, check
from tests.fakes import PASSWORD

#: What stands for a name that was erased.
ERASED = "(erased)"


def settle_in(world: World) -> None:
    """The accounts and rooms of the beginning."""
    for name in NAMES:
        add_account(world, name)
    for name in ROOMS[:2]:
        add_room(world, name)


def add_account(world: World, name: str) -> None:
    """Make an account; its number is one that no other ever had."""
    _done(world.core.do(Add(name, PASSWORD)))
    ((number,),) = world.core.ask("SELECT id FROM accounts WHERE key = ?", name)
    known = world.known
    check(number not in known.owners, "an account's number is given again", f"{name} got {number}, as {known.owners} had")
    known.accounts[name], known.owners[number] = number, name


def add_room(world: World, name: str) -> None:
    """Make a room, and let some accounts into it."""
    known = world.known
    owner, *others = world.dice.sample(sorted(known.accounts), min(3, len(known.accounts)))
    world.command(owner, "/create", name)
    ((number,),) = world.core.ask("SELECT id FROM rooms WHERE key = ?", name)
    check(number not in known.named, "a room's number is given again", f"{name} got {number}, as {known.named} had")
    known.rooms[name], known.named[number], known.owner[name] = number, name, known.accounts[owner]
    known.members[known.accounts[owner], f"r{number}"] = world.log.newest
    for other in others:
        known.members[known.accounts[other], f"r{number}"] = world.log.newest
        world.command(other, "/join", name)


def come(world: World) -> None:
    """Make an account or a room that is not there."""
    missing = {*NAMES, *ROOMS} - world.known.accounts.keys() - world.known.rooms.keys()
    if not missing:
        return
    name = world.dice.choice(sorted(missing))
    world.note(f"make {name}")
    (add_room if name.startswith("#") else add_account)(world, name)
    world.counts["accounts and rooms made"] += 1


def go(world: World) -> None:
    """Remove an account, or close a room; what was said stays."""
    known, dice = world.known, world.dice
    owned = world.owned()
    if owned and dice.random() < 0.5:
        name = dice.choice(owned)
        number = known.rooms.pop(name)
        world.note(f"close {name}, room {number}")
        world.command(known.owners[known.owner.pop(name)], "/close", name)
        forget(world, lambda account, conv: conv == f"r{number}")
    elif len(known.accounts) > 1:
        name = dice.choice(sorted(known.accounts))
        world.note(f"remove {name}, account {known.accounts[name]}")
        _done(world.core.do(Remove(name)))
        _remove(world, name)
    world.counts["accounts and rooms gone"] += 1


def read(world: World) -> None:
    """Move some read markers, also back, which changes nothing."""
    known, dice = world.known, world.dice
    members = dice.sample(sorted(known.members), min(len(known.members), dice.choice([1, 3])))
    moved = [Marker(*member, dice.randrange(world.log.newest + 1)) for member in members]
    world.note(f"move read markers: {', '.join(f'{one.account} in {one.conv} to {one.seq}' for one in moved)}")
    world.core.write(MoveMarkers(tuple(moved)))
    for member, one in zip(members, moved, strict=True):
        known.read[member] = max(known.read.get(member, 0), one.seq)
    world.counts["markers moved"] += len(moved)


def decide(world: World) -> None:
    """Give a room a topic, or mute somebody there with a reason: texts of somebody's that are not in the log."""
    known, dice = world.known, world.dice
    owned = world.owned()
    if not owned:
        return
    room = dice.choice(owned)
    by, about = known.owners[known.owner[room]], dice.choice(sorted(known.accounts))
    said = text(world, 2)
    if dice.random() < 0.5 or about == by:
        world.note(f"{by} sets the topic of {room}: {said}")
        world.command(by, "/topic", f"{room} {said}")
    else:
        world.note(f"{by} mutes {about} in {room}: {said}")
        world.command(by, "/mute", f"{room} {about} {said}")
    known.decided.append((by, said.split()[0]))


def erase(world: World) -> None:
    """Erase somebody: their words, their name in what was said to them alone, and what they decided."""
    known = world.known
    name = world.dice.choice([NAMES[0], *NAMES])
    if [*known.accounts] == [name]:
        return
    numbers = {number for number, owner in known.owners.items() if owner == name}
    world.note(f"erase {name}, accounts {sorted(numbers)}")
    theirs = [seq for seq, said in world.log.rows.items() if said.author in numbers]
    theirs += [seq for seq in world.log.changes(theirs) if seq not in theirs]
    done = world.core.do(Purge(name))
    if not isinstance(done, Done):
        check(not theirs and name not in known.accounts, "an erasure does not succeed", done.text)
        return
    if name in known.accounts:
        _remove(world, name)
    gone = [world.log.rows.pop(seq) for seq in theirs]
    words = [said.msg.split()[0] for said in gone if said.about is None or said.kind == EDIT]
    for seq, said in world.log.rows.items():
        if said.target == name and said.conv[:1] in "pg":
            world.log.rows[seq] = said._replace(target=ERASED)
    for content in [one for one in world.log.firsts if one[0] in numbers or one[2] == name or one[5] in theirs]:
        del world.log.firsts[content]
    decided = [word for by, word in known.decided if by == name]
    known.decided = [(by, word) for by, word in known.decided if by != name]
    world.counts["erasures"] += 1
    check_no_trace(world, words, "a word of theirs is in the file after an erasure")
    check_no_trace(world, decided, "a topic or reason of theirs is in the file after an erasure")
    if name == NAMES[0]:
        check_no_trace(world, [name], "their name is in the file after an erasure")
    _check_memory(world, name, decided)


def crowd(world: World) -> None:
    """Say many short messages, more than retention looks at in one step."""
    known, dice = world.known, world.dice
    if not known.rooms or not known.accounts:
        return
    room, name = dice.choice(sorted(known.rooms)), dice.choice(sorted(known.accounts))
    world.note(f"{name} says 600 messages in {room}")
    hand_in(world, [entry(world, f"r{known.rooms[room]}", known.accounts[name], name, room, None, 1) for _ in range(600)])


def _remove(world: World, name: str) -> None:
    """The model's part of it."""
    number = world.known.accounts.pop(name)
    forget(world, lambda account, conv: account == number)


def forget(world: World, gone: Callable[[int, str], bool]) -> None:
    """These are members no more."""
    members = world.known.members
    for account, conv in [member for member in members if gone(*member)]:
        del members[account, conv]
        world.known.read.pop((account, conv), None)


def check_no_trace(world: World, words: list[str], kind: str) -> None:
    """Look for these in the bytes of the database and its `-wal`."""
    for path in sorted(world.core.directory.glob("lanchat.db*")):
        content = path.read_bytes() if path.name in ("lanchat.db", "lanchat.db-wal") else b""
        for word in words:
            if word.encode() in content:
                raise Wrong(kind, f"{word} is in {path.name}")


def _check_memory(world: World, name: str, words: list[str]) -> None:
    """See that the running server shows nothing of them either: no topic, no reason, and no name of who decided."""
    router = world.core.router
    for room in filter(None, map(router.chat.rooms.find, world.known.rooms)):
        shown = [room.topic, *(text for one in router.chat.sanctions.listed(room) for text in (one.reason, f"by {one.by}"))]
        left = [text for text in shown if text == f"by {name}" or any(word in text for word in words)]
        check(not left, "shown by the running server after an erasure", f"{left} in {room.name}")


def _done(answer: object) -> None:
    check(isinstance(answer, Done), "an operation does not succeed", str(answer))
