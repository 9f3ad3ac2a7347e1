"""What the store driver asks: pages, what an account is owed, and searches; each compared with the model."""

from __future__ import annotations

from functools import partial
from sqlite3 import Connection

from lanchat.history import pages
from lanchat.history.search import Query, search
from lanchat.tables import accounts
from tests.drivers.world import WORDS, World
from tests.drivers.wrong import same


def page(world: World) -> None:
    """Ask for a page before or after a place, between two, or the newest, of some conversations."""
    dice, log = world.dice, world.log
    convs = _convs(world)
    place, limit = dice.randrange(log.newest + 3), dice.choice([1, 2, 7, 50, 200])
    side = dice.choice(["before", "after", "between", ""])
    world.note(f"ask for {limit} {side} {place if side else ''} of {len(convs)} conversations")
    before, after = {"before": (place, None), "after": (None, place), "between": (place + 50, place), "": (None, None)}[side]
    found = world.core.read(partial(pages.page, convs=convs, before=before, after=after, limit=limit))
    floors = dict.fromkeys(convs, 0)
    if after is not None:
        wanted, more = log.fit(log.at(floors, after=place, upto=2**62 if before is None else before - 1), limit)
    else:
        wanted, more = log.fit(log.at(floors, upto=place - 1 if side else 2**62)[::-1], limit)
        wanted.reverse()
    same(([one.seq for one in found.entries], found.more), (wanted, more), "a page is wrong", f"{limit} {side} {place}")
    same(found.damaged, [], "a row is damaged", "a page")
    world.counts["pages"] += 1


def owed(world: World) -> None:
    """Read all that an account is owed after a place, page by page, and count it."""
    dice, known = world.dice, world.known
    if not known.accounts:
        return
    name = dice.choice(sorted(known.accounts))
    number, after = known.accounts[name], dice.choice([0, 0, dice.randrange(world.log.newest + 2)])
    world.note(f"read what {name} is owed after {after}")
    convs = world.core.read(partial(_conversations, number=number))
    floors = {conv: since for (account, conv), since in known.members.items() if account == number}
    wanted = world.log.at(floors, after=after)
    count = world.core.read(partial(pages.missed, convs=convs, after=after)).number
    same(count, len(wanted), "what is owed is counted wrong", f"to {name} after {after}")
    wanted = world.log.at(floors, after=after, events=True)
    found: list[int] = []
    more, place = True, after
    while more:
        got = world.core.read(partial(pages.replay, convs=convs, after=place))
        found += [one.seq for one in got.entries]
        more, place = got.more, got.edge
    same(found, wanted, "a replay is wrong", f"what {name} is owed after {after}")
    world.counts["replays"] += 1


def look_for(world: World) -> None:
    """Search for words, once all are indexed."""
    dice, log = world.dice, world.log
    world.indexed()
    convs = _convs(world)
    words = dice.sample(WORDS, dice.choice([1, 1, 2]))
    if log.rows and dice.random() < 0.3:
        words = [log.rows[dice.choice(sorted(log.rows))].msg.split()[0]]  # (a text of an event is no word)
    sender = dice.choice([None, None, *sorted(world.known.accounts)])
    since = dice.choice([0, 0, world.time.ms - dice.choice([60_000, 86_400_000])])
    limit = dice.choice([5, 50, 200])
    world.note(f"search {len(convs)} conversations for {words}, from {sender}, since {since}")
    query = Query(tuple(words), sender, None, since)
    found = world.core.read(partial(search, query=query, readable=convs, limit=limit), slow=True)
    wanted, more = log.fit(log.found(words, convs, sender, since), limit)
    kind = "a search since a time is wrong" if since else "a search is wrong"
    same(([one.seq for one in found.entries], found.more), (wanted[::-1], more), kind, f"{words} of {sender} since {since}")
    world.counts["searches"] += 1


def _convs(world: World) -> list[str]:
    """Some of the conversations that ever were."""
    there = sorted({said.conv for said in world.log.rows.values()} | {"r1"})
    return world.dice.sample(there, world.dice.randint(1, len(there)))


def _conversations(connection: Connection, number: int) -> dict[str, int]:
    """What the server would know that an account is owed."""
    (account,) = (account for account in accounts.load(connection) if account.id == number)
    return account.conversations
