"""Retention in the store driver: what must be gone after a sweep, and what must be there, by age and by size."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from lanchat.maintenance.retention import Rule
from lanchat.protocol.entry import EDIT, REACT
from tests.drivers.core import full_disk
from tests.drivers.logbook import DAY
from tests.drivers.saying import entry, hand_in
from tests.drivers.world import ROOMS, World
from tests.drivers.wrong import Wrong, check, spans

HOUR = 3600
#: What a message is counted as beside its text, in a bound on a size.
ENVELOPE = 200
#: A bound on the size of all messages, in bytes.
SIZE = 1_500_000
#: Seconds: a clock that went further ahead than this, beyond what the server ran, is believed when the server has run for so
#: long (docs/keeping.md, "Retention").
FAR, GRACE = 7 * 24 * HOUR, 24 * HOUR
#: Seconds: what is nearer to the end of its time may be removed or not, as time passes while a sweep goes on; and after a
#: clock was wrong, what is older than its time by so much more must go in any case.
NEAR, SURELY = 120, 26 * HOUR


def wait(world: World) -> None:
    """Let time go by."""
    seconds = world.dice.choice([60, HOUR + 400, 5 * HOUR, 30 * HOUR, 24 * 9 * HOUR])
    world.note(f"{seconds // 60} minutes pass")
    world.time.advance(seconds)
    world.core.settle()


def set_clock(world: World) -> None:
    """The time of day is wrong, ahead or behind, or is right again; what is said now has that time."""
    if world.wrong_by:
        world.note("the clock is set right")
        seconds = -world.wrong_by
    else:
        seconds = world.dice.choice([-40, -2, 2, 300]) * 24 * HOUR
        world.note(f"the clock is wrong by {seconds // HOUR} hours")
    world.wrong_by += seconds
    world.ever_wrong = True
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
    shown = (f"{rule.room or 'all'}={'off' if rule.seconds is None else f'{rule.seconds // HOUR}h'}" for rule in rules)
    world.note(f"sweep with {', '.join(shown)}")
    kept = {rule.room: rule.seconds for rule in rules}

    def seconds_of(seq: int) -> int | None:
        said = world.log.rows[seq]
        return kept[said.target] if said.conv.startswith("r") and said.target in kept else kept.get(None)

    _sweep(world, rules, lambda seq: _too_old(world, seq, seconds_of(seq)))


def _too_old(world: World, seq: int, seconds: int | None) -> bool | None:
    """Whether a message must go by its age; None if it may stay or go, as where a clock that went ahead is not believed yet.

    Where the clock was wrong, it must go if it is too old by its own time and by that which really passed, and stay if it is
    neither.
    """
    if seconds is None:
        return False
    by_clock = world.time.now() - world.log.rows[seq].ts / 1000 - seconds
    really = world.time.seconds - world.log.said_at[seq] - seconds
    is_doubted = world.known.ran - world.known.jumped < GRACE + NEAR
    if abs(by_clock) < NEAR or (by_clock > 0 and is_doubted):
        return None
    if not world.ever_wrong:
        return by_clock > 0
    if by_clock > 0 and really > SURELY:
        return True
    return False if by_clock < 0 and really < 0 else None


def sweep_room(world: World) -> None:
    """Sweep with a bound on the size of one room: the newest that fit are left."""
    if not world.known.rooms:
        return
    room = world.dice.choice(sorted(world.known.rooms))
    size = world.dice.choice([1000, 4000, 20_000])
    world.note(f"sweep with {room} bound to {size} bytes")
    there = [seq for seq, said in world.log.rows.items() if said.conv.startswith("r") and said.target == room]
    beyond = _beyond(world, there, size)
    _sweep(world, [Rule(room, None, size)], lambda seq: _must_go(world, seq, beyond))
    left = sum(_size(world, seq) for seq in there if seq in world.log.rows)
    check(left <= size, "a sweep leaves too many bytes", f"{left}")


def sweep_all(world: World) -> None:
    """Fill the log with ordinary words and sweep with a bound on the size of all: the newest that fit are left.

    Then the server lives at its bound: a few messages more, and the next sweep takes no more than they are.
    """
    if not world.known.rooms or not world.known.accounts:
        return
    for number in (world.dice.choice([1500, 4000]), *world.dice.sample([1, 20, 200], 2)):
        world.note(f"say {number} messages, and sweep with all bound to {SIZE} bytes")
        _fill(world, number)
        beyond = _beyond(world, world.log.rows, SIZE)
        _sweep(world, [Rule(None, None, SIZE)], lambda seq, beyond=beyond: _must_go(world, seq, beyond))  # type: ignore[misc]
        left = sum(_size(world, seq) for seq in world.log.rows)
        check(left <= SIZE, "a sweep leaves too many bytes", f"{left}")


def _size(world: World, seq: int) -> int:
    """What a message counts as."""
    return ENVELOPE + len(world.log.rows[seq].msg.encode())


def _must_go(world: World, seq: int, beyond: set[int]) -> bool | None:
    """Whether one of the oldest must go. What changed others goes with them, so that fewer messages may be enough."""
    return False if seq not in beyond else None if any(row.kind in {EDIT, REACT} for row in world.log.rows.values()) else True


def _beyond(world: World, seqs: Iterable[int], size: int) -> set[int]:
    """The oldest of these, which are more than so many bytes with those behind them."""
    beyond: set[int] = set()
    for seq in sorted(seqs, reverse=True):
        size -= _size(world, seq)
        if size < 0:
            beyond.add(seq)
    return beyond


def _fill(world: World, number: int) -> None:
    """Say so many messages in a room, of some 200 characters each."""
    known, dice = world.known, world.dice
    name, room = dice.choice(sorted(known.accounts)), dice.choice(sorted(known.rooms))
    conv, author = f"r{known.rooms[room]}", known.accounts[name]
    for begin in range(0, number, 500):
        hand_in(world, [entry(world, conv, author, name, room, None, 35) for _ in range(min(500, number - begin))])
    world.indexed()


def _sweep(world: World, rules: Sequence[Rule], goes: Callable[[int], bool | None]) -> None:
    """Sweep, and compare: `goes` says of each message whether it must; None is either. A second sweep finds nothing to do."""
    _note_clock(world)
    retention = world.core.retention
    retention.rules = rules
    if world.dice.random() < 0.1:
        world.note("the disk is full during a first sweep")
        with full_disk():
            world.core.run(retention.sweep())
    removed = world.core.run(retention.sweep())
    again = world.core.run(retention.sweep())
    there = {seq for (seq,) in world.core.ask("SELECT seq FROM log WHERE conv != ''")}
    fates = {seq: goes(seq) for seq in world.log.rows}
    for seq, row in world.log.rows.items():  # an edit or a reaction goes with the message
        if row.kind in {EDIT, REACT} and not fates[seq] and row.about in fates:
            fates[seq] = fates[row.about] if fates[row.about] is not False else fates[seq]
    check(again <= sum(fate is None for fate in fates.values()), "a second sweep removes more", f"{again} after {removed}")
    _none(world, [seq for seq, fate in fates.items() if fate is False and seq not in there], "a sweep removes too much")
    _none(world, [seq for seq, fate in fates.items() if fate and seq in there], "a sweep leaves too much")
    for seq in [seq for seq in world.log.rows if seq not in there]:
        del world.log.rows[seq]
    world.log.doubt(world.time.ms - DAY)
    world.counts["sweeps"] += 1
    world.counts["removed"] += removed
    world.look()


def _note_clock(world: World) -> None:
    """Take note of the clock, as a sweep does."""
    known, running, now = world.known, world.core.clock.seconds(), world.time.now()
    ran = running - world.core.swept
    known.ran += ran
    if now - known.shown - ran > FAR - NEAR:
        known.jumped = known.ran
    known.shown, world.core.swept = now, running


def _none(world: World, seqs: list[int], kind: str) -> None:
    if seqs:
        raise Wrong(kind, f"{len(seqs)} of {len(world.log.rows)} messages: {spans(sorted(seqs))}, as {world.log.rows[seqs[0]]}")
