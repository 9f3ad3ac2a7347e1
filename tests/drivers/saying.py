"""What the store driver says: messages of all kinds, repeats of them, and others that only look like repeats."""

from __future__ import annotations

from lanchat.protocol.entry import Entry
from lanchat.tables import accounts
from tests.drivers.core import full_disk
from tests.drivers.world import WORDS, World
from tests.drivers.wrong import check

GUESTS = ["tom", "Pam"]


def say(world: World) -> None:
    """Hand in some messages, perhaps as one batch, and wait for them."""
    some = _messages(world, world.dice.choice([1, 1, 2, 5, 20]))
    together = world.dice.random() < 0.5
    world.note(f"say {len(some)} messages{', in one batch' if together else ''}: {', '.join(_shown(one) for one in some[:4])}")
    hand_in(world, some, together)


def hand_in(world: World, some: list[Entry], together: bool = True) -> list[str]:
    """Hand these in, as one batch if they shall be `together`; what became of each."""
    if together:
        world.core.hold()
    for one in some:
        world.core.store.append(one)
        if not together and world.dice.random() < 0.3:
            world.core.settle()
    world.core.release()
    fates = world.take_back(len(some))
    check("refused" not in fates, "refused without a reason", "a message was refused, and the disk has room")
    return fates


def full(world: World) -> None:
    """The disk takes nothing for a while; what is told to be stored is, what is told to be refused is nowhere."""
    before, some = (_messages(world, world.dice.choice([0, 1, 3])) for _ in range(2))
    world.note(f"say {len(before)} messages, then fill the disk, say {len(some)} more, and make room")
    for one in before:
        world.core.store.append(one)
    if world.dice.random() < 0.5:
        world.core.settle()
    with full_disk():
        for one in some:
            world.core.store.append(one)
        world.core.settle()
        if world.dice.random() < 0.5:
            world.idle()  # while the disk is full, rows that were stored before can't be moved or indexed
    fates = world.take_back(len(before) + len(some))
    world.counts["refusals"] += fates.count("refused")
    world.counts["full disks"] += 1
    if world.dice.random() < 0.5:
        say(world)
    if world.dice.random() < 0.5:
        world.indexed()


def _messages(world: World, number: int) -> list[Entry]:
    """So many messages, but for those to nobody."""
    return [one for _ in range(number) if (one := _message(world)) is not None]


def _message(world: World) -> Entry | None:
    """A message from somebody to somebody, new or repeated; None if there is nobody."""
    repeated = _repeated(world) if world.dice.random() < 0.25 else None
    return repeated or _new(world)


def _new(world: World) -> Entry | None:
    dice, known = world.dice, world.known
    if not known.accounts:
        return None
    name = dice.choice(sorted(known.accounts))
    author = known.accounts[name]
    kind = dice.choice(["room", "room", "pair", "from a guest", "to a guest"])
    cid = dice.choice([None, f"c{world.next()}", f"{dice.randrange(20)}" if world.reuses else f"c{world.next()}"])
    if kind == "room" and known.rooms:
        room = dice.choice(sorted(known.rooms))
        return entry(world, f"r{known.rooms[room]}", author, name, room, cid)
    if kind == "pair":
        to = dice.choice(sorted(known.accounts))
        low, high = sorted((author, known.accounts[to]))
        conv = f"p{low}x{high}"
        may_read(world, conv, author, known.accounts[to])
        return entry(world, conv, author, name, to, cid)
    guest = dice.choice(GUESTS)
    conv = f"g{author}x{guest.lower()}"
    may_read(world, conv, author)
    if kind == "from a guest":
        return entry(world, conv, None, guest, name, cid)
    return entry(world, conv, author, name, guest, cid)


def _repeated(world: World) -> Entry | None:
    """Something that was said before by who is still here, once more; or another text, or to another, with its id."""
    firsts = [content for content in world.log.firsts if content[0] in world.known.accounts.values() and content[4] is None]
    if not firsts:
        return None
    author, cid, target, msg, *_ = content = world.dice.choice(firsts)
    there = [said for first in world.log.firsts[content] if (said := world.log.rows.get(first.seq)) is not None]
    before = next((said for said in there if (said.target, said.msg) == (target, msg)), None)
    if before is None:
        return None
    again = Entry(before.conv, author, before.name, "10.0.0.1", target, msg, world.time.ms, cid=cid)
    if world.reuses and world.dice.random() < 0.4:
        new = _new(world)
        if new is not None and new.author == author and world.dice.random() < 0.5:
            new.cid = cid
            return new
        again.msg = text(world)
    return again


def entry(
    world: World, conv: str, author: int | None, name: str, target: str, cid: str | None, words: int | None = None
) -> Entry:
    """A message that is said now, with words of its own, so many if told."""
    return Entry(conv, author, name, "10.0.0.1", target, text(world, words), world.time.ms, cid=cid)


def text(world: World, words: int | None = None) -> str:
    """A text that begins with a word which nothing else has."""
    number = world.dice.choice([1, 3, 10, 60]) if words is None else words
    return " ".join([f"u{world.next()}q", *world.dice.choices(WORDS, k=number)])


def may_read(world: World, conv: str, *readers: int) -> None:
    """These accounts are owed what is said there, from the beginning."""
    for account in readers:
        if (account, conv) not in world.known.members:
            world.core.write(accounts.AllowReading(account, conv))
            world.known.members[account, conv] = 0


def _shown(one: Entry) -> str:
    return f"{one.name} to {one.target}{'' if one.cid is None else f', cid {one.cid}'}: {one.msg[:12]}"
