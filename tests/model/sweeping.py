"""Retention in the store driver: what must be gone after a sweep, and what must be there, by age and by size."""

from __future__ import annotations

from collections.abc import Sequence

from lanchat.store.retention import Rule
from tests.model.logbook import DAY
from tests.model.saying import entry, hand_in
from tests.model.world import ROOMS, World
from tests.model.wrong import check, same

HOUR = 3600
#: What a message is counted as beside its text, in a bound on the size of a room.
ENVELOPE = 200
#: A bound on the size of all, and the share of it that messages must still fill when some were removed for it: the rest is
#: indexes, and the room that the file has left.
SIZE, LEAST = 1_500_000, 0.15


def wait(world: World) -> None:
    """Let time go by."""
    seconds = world.dice.choice([60, HOUR, 5 * HOUR, 30 * HOUR, 24 * 9 * HOUR])
    world.note(f"{seconds // 60} minutes pass")
    world.time.offset += seconds


def set_clock(world: World) -> None:
    """The time of day is wrong, ahead or behind, or is right again; what is said now has that time."""
    if world.wrong_by:
        world.note("the clock is set right")
        seconds = -world.wrong_by
    else:
        seconds = world.dice.choice([-40, -2, 2, 300]) * 24 * HOUR
        world.note(f"the clock is wrong by {seconds // HOUR} hours")
    world.wrong_by += seconds
    world.time.offset += seconds
    world.log.doubt(2**62)  # by a wrong clock nobody can tell a day
    world.counts["clocks set"] += 1


def sweep(world: World) -> None:
    """Sweep with some rules of age; a room's own rule holds for what was said in it, also when it is closed."""
    dice = world.dice
    rules = [Rule(None, dice.choice([HOUR, 24 * HOUR, 7 * 24 * HOUR]), None)] if dice.random() < 0.7 else []
    rooms = dice.sample(ROOMS, dice.choice([0, 1, 2]))
    rules += [Rule(room, dice.choice([None, HOUR, 48 * HOUR]), None) for room in rooms]
    if not rules:
        return
    world.note(f"sweep with {_shown(rules)} at {world.time.ms}")
    _sweep(world, rules)
    now = world.time.ms
    spans = {rule.room: rule.seconds for rule in rules}
    for seq, said in list(world.log.rows.items()):
        own = said.conv.startswith("r") and said.target in spans
        seconds = spans[said.target] if own else spans.get(None)
        if seconds is not None and said.ts < now - seconds * 1000:
            del world.log.rows[seq]
    world.log.doubt(now - DAY)
    _look(world, "after a sweep by age")


def sweep_room(world: World) -> None:
    """Sweep with a bound on the size of one room: the newest that fit are left."""
    if not world.known.rooms:
        return
    room = world.dice.choice(sorted(world.known.rooms))
    conv, size = f"r{world.known.rooms[room]}", world.dice.choice([1000, 4000, 20_000])
    world.note(f"sweep with {room} bound to {size} bytes")
    _sweep(world, [Rule(room, None, size)])
    left = size
    there = sorted((seq for seq, said in world.log.rows.items() if said.conv == conv), reverse=True)
    for n, seq in enumerate(there):
        left -= ENVELOPE + len(world.log.rows[seq].msg.encode())
        if left < 0:
            for gone in there[n:]:
                del world.log.rows[gone]
            break
    world.log.doubt(world.time.ms - DAY)
    _look(world, f"after a sweep of {room} by size")


def sweep_all(world: World) -> None:
    """Fill the log with ordinary words and sweep with a bound on the size of the file: the newest that fit are left.

    Then the server lives at its bound: a few messages more, and the next sweep takes about as much as they are.
    """
    if not world.known.rooms or not world.known.accounts:
        return
    number = world.dice.choice([1500, 4000])
    world.note(f"say {number} messages, and sweep with all bound to {SIZE} bytes")
    _fill(world, number)
    world.indexed()
    _sweep_to_size(world, spare=0)
    for _ in range(2):
        more = world.dice.choice([1, 50])
        world.note(f"say {more} more, and sweep again")
        world.time.offset += HOUR
        _fill(world, more)
        world.indexed()
        _sweep_to_size(world, spare=more)


def _sweep_to_size(world: World, spare: int) -> None:
    """Sweep, and see that what is left is the newest, and enough; with few messages more, few are removed."""
    before = sorted(world.log.rows)
    _sweep(world, [Rule(None, None, SIZE)])
    there = {seq for (seq,) in world.core.ask("SELECT seq FROM log WHERE conv != ''")}
    kept, gone = [seq for seq in before if seq in there], [seq for seq in before if seq not in there]
    in_order = not kept or not gone or max(gone) < min(kept)
    check(in_order, "not the oldest are removed", f"{gone[-1:]} is gone, {kept[:1]} is there")
    weight = sum(ENVELOPE + len(world.log.rows[seq].msg.encode()) for seq in kept)
    told = f"{len(kept)} of {len(before)} messages are left, with {weight:,} bytes, by a bound of {SIZE:,}"
    check(not gone or weight >= LEAST * SIZE, "more is removed than must be, by size", told)
    check(weight <= SIZE, "a bound on the size is not kept", told)
    most = 10 * spare + 1000  # a sweep removes in steps
    check(not spare or len(gone) <= most, "more is removed than must be, at the bound", f"{len(gone)} for {spare} more: {told}")
    for seq in gone:
        del world.log.rows[seq]
    world.log.doubt(world.time.ms - DAY)
    _look(world, "after a sweep by size")


def _fill(world: World, number: int) -> None:
    """Say so many messages in a room, of some 200 characters each."""
    known, dice = world.known, world.dice
    name, room = dice.choice(sorted(known.accounts)), dice.choice(sorted(known.rooms))
    conv, author = f"r{known.rooms[room]}", known.accounts[name]
    for begin in range(0, number, 500):
        hand_in(world, [entry(world, conv, author, name, room, None, 35) for _ in range(min(500, number - begin))])


def _sweep(world: World, rules: Sequence[Rule]) -> None:
    retention = world.core.retention
    retention.rules = rules
    removed = world.core.run(retention.sweep())
    again = world.core.run(retention.sweep())
    same(again, 0, "a second sweep removes more", f"after {removed}")
    world.counts["sweeps"] += 1
    world.counts["removed"] += removed


def _look(world: World, what: str) -> None:
    world.note(what)
    world.look()


def _shown(rules: Sequence[Rule]) -> str:
    return ", ".join(f"{rule.room or 'all'}={'off' if rule.seconds is None else f'{rule.seconds // HOUR}h'}" for rule in rules)
