"""What the store driver changes: edits, withdrawals and reactions, of messages that are there and of others, and repeats."""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from lanchat.history.changes import original
from lanchat.protocol.entry import EDIT, REACT, WITHDRAW, Entry
from tests.drivers.people import check_no_trace
from tests.drivers.saying import hand_in, text
from tests.drivers.world import World
from tests.drivers.wrong import same


def change(world: World) -> None:
    """Change some messages, perhaps with one batch, and perhaps the same one several times."""
    if not world.known.accounts:
        return
    some = [one for _ in range(world.dice.choice([1, 1, 2, 5])) if (one := _change(world)) is not None]
    shown = ", ".join(f"{one.kind} {one.about} {one.msg[:12]}" for one in some)
    world.note(f"make {len(some)} changes: {shown}")
    hand_in(world, some, world.dice.random() < 0.5)
    world.changes = [*world.changes[-20:], *some]
    world.counts["changes"] += len(some)


def clean(world: World) -> None:
    """Have the traces of what was withdrawn removed, and look for them."""
    world.note(f"remove the traces of {len(world.log.withdrawn)} withdrawn texts")
    world.core.run(world.core.operations.erase_traces())
    there = {word for said in world.log.rows.values() for word in said.msg.split()[:1]}  # (the same may be said again later)
    gone = [word for word in world.log.withdrawn if word not in there]
    check_no_trace(world, gone, "a withdrawn text is in the file")
    world.log.withdrawn.clear()
    world.counts["traces removed"] += 1


def _change(world: World) -> Entry | None:
    """A change of some message; or one that was made before, once more."""
    dice, log, accounts = world.dice, world.log, world.known.accounts
    again = [one for one in world.changes if one.author in accounts.values() and one.cid is not None]
    if again and dice.random() < 0.25:
        before = dice.choice(again)
        return replace(before, ts=world.time.ms, seq=0, state="", dup=False)
    said = [seq for seq, row in sorted(log.rows.items())[-60:] if row.conv[:1] in "rp"]
    if not said:
        return None
    about = dice.choice(said)
    row = log.rows[about]
    name = dice.choice(sorted(accounts))
    author = accounts[name]
    kind = dice.choice([EDIT, EDIT, WITHDRAW, REACT])
    if kind == EDIT and row.author in accounts.values():
        author, name = row.author or 0, row.name
    elif kind == EDIT:
        kind = REACT
    msg = {EDIT: text(world), WITHDRAW: ""}.get(kind, dice.choice(["yes", "no", ""]))
    cid = dice.choice([None, f"c{world.next()}"])
    if dice.random() < 0.1:
        about += 1  # perhaps there is nothing, or something elsewhere
    return Entry(row.conv, author, name, "10.0.0.1", row.target, msg, world.time.ms, cid=cid, kind=kind, about=about)


def check_texts(world: World) -> None:
    """Compare the texts that pages show with those of the newest edits."""
    log = world.log
    for seq in world.dice.sample(sorted(log.rows), min(5, len(log.rows))):
        if log.rows[seq].about is None:
            found = world.core.read(partial(original, seq=seq, author=None))
            same(found and found.entry.msg, log.text(seq), "another text is shown", f"of {seq}")
