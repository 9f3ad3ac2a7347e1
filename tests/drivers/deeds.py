"""Deeds: what the kill driver's processes do to a database. Each tells what it is about to do, and what it was told is done."""

from __future__ import annotations

import random
import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from time import sleep
from typing import Any

from msgspec.structs import replace

from lanchat.history import changes
from lanchat.history.pages import Page
from lanchat.history.search import Query, search
from lanchat.maintenance import backup as backups
from lanchat.maintenance.retention import Rule
from lanchat.maintenance.salvage import salvage
from lanchat.protocol.entry import EDIT, STORED, WITHDRAW, Entry
from lanchat.service.requests import Add, Done, Purge
from lanchat.tables import accounts
from tests.drivers.core import Core, Time
from tests.drivers.victim import Tell
from tests.drivers.wrong import check
from tests.fakes import log_in

#: The accounts, of which the last is erased; and what is kept for how long, in seconds.
NAMES = ["ann", "bob", "zyxeva"]
KEEP = 7 * 86_400
WORDS = ["baro", "dixo", "faro", "gixo", "karo", "lixo"]
#: Of so many of the newest messages, every so many are withdrawn.
NEWEST, EACH = 40, 8
#: The name of a copy, and what is put after the name of a database that was replaced.
COPY, OLD = "copy.db", "before"


def furnish(place: Path, seed: str, crashed: Path | None, tell: Tell) -> None:
    """Make a database with accounts, a room and messages old and new; as a crash leaves it, in that directory, if there is one.

    Tells each row, and each edit.
    """
    dice, time = random.Random(seed), Time()  # noqa: S311 (the same each time)
    core, back = _open(place, time)
    for name in NAMES:
        check(isinstance(core.do(Add(name, "correct horse")), Done), "no account is made", name)
        user = log_in(core.router, name, "ack")
        core.settle()
        user.send("/create" if name == NAMES[0] else "/join", "#ops")
        core.settle()
    for account in (1, 2, 3):
        for conv in ("p1x2", "p1x3", "p2x3"):
            if str(account) in conv:
                core.write(accounts.AllowReading(account, conv))
    _say_all(core, time, dice, back)
    for one in back:
        if one.kind in (None, EDIT):  # (what was done with the room is in the log, too, and is not compared)
            tell({"row" if one.about is None else "edit": _row(one)})
    if crashed is None:
        core.stop()
    else:
        core.crash(crashed)
    tell({"now": time.offset})


def _say_all(core: Core, time: Time, dice: random.Random, back: list[Entry]) -> None:
    """Say messages old and new, and edit some."""
    time.offset -= 30 * 86_400
    for number in range(90):
        if number == 45:
            time.offset += 30 * 86_400
            sleep(0.1)  # what was said before is moved, and indexed, and what is said now is not yet
        core.store.append(_message(dice, time, f"b{number}"))
    core.settle()
    for one in dice.sample([one for one in back if one.about is None], 5):
        core.store.append(_change(time, one, EDIT, f"e{one.msg}"))
    core.settle()


def talk(place: Path, seed: str, now: float, tell: Tell) -> None:
    """Say some messages, in batches, and change some; tells each before it is handed in, and each that is acknowledged."""
    dice, time = random.Random(seed), Time()  # noqa: S311 (the same each time)
    time.offset = now
    core, back = _open(place, time)
    for batch in range(6):
        for number in range(dice.choice([1, 3, 20])):
            one = _message(dice, time, f"n{batch}x{number}")
            tell({"say": _row(one)})
            core.store.append(one)
        core.settle()
        for one in back:
            if one.state:
                tell({"stored": _row(one)})
        for one in dice.sample(back, min(2, len(back))):
            kind = dice.choice([EDIT, WITHDRAW])
            change = _change(time, one, kind, f"e{one.cid}q {one.msg}" * (kind == EDIT))
            tell({"say": _row(change)})
            core.store.append(change)
            core.settle()
            tell({"stored": _row(change)})
        back.clear()
        if dice.random() < 0.3:
            sleep(0.07)  # so that rows are moved and indexed
            core.settle()
    core.stop()


def idle(place: Path, now: float, tell: Tell) -> None:
    """Start, and let the server do what it does behind the commits, and stop."""
    core, _ = _open(place, _at(now))
    sleep(0.15)
    core.settle()
    core.stop()
    tell({"done": "idle"})


def sweep(place: Path, now: float, tell: Tell) -> None:
    """Let go what is too old."""
    core, _ = _open(place, _at(now), [Rule(None, KEEP, None)])
    core.run(core.retention.sweep())
    tell({"done": "sweep"})
    core.stop()


def erase(place: Path, now: float, tell: Tell) -> None:
    """Erase the last account. To do it again when it was done is no mistake."""
    core, _ = _open(place, _at(now))
    done = core.do(Purge(NAMES[-1]))
    tell({"done": "erase"} if isinstance(done, Done) else {"failed": done.text})
    core.stop()


def withdraw(place: Path, now: float, tell: Tell) -> None:
    """Withdraw some of the newest messages, tell each that is acknowledged, and have their traces removed."""
    time = _at(now)
    core, back = _open(place, time)
    rows = core.ask("SELECT seq, conv, author, name, target FROM log WHERE conv != '' AND about IS NULL ORDER BY seq DESC")
    for seq, conv, author, name, target in rows[:NEWEST:EACH]:
        core.store.append(Entry(conv, author, name, "10.0.0.1", target, "", time.ms, kind=WITHDRAW, about=seq))
        core.settle()
        for one in back:
            tell({"withdrawn": one.about} if one.state == STORED else {})
        back.clear()
    core.run(core.operations.erase_traces())
    tell({"done": "withdraw"})
    core.stop()


def back_up(place: Path, target: Path, tell: Tell) -> None:
    """Copy all to a new file."""
    backups.copy_out(place, target)
    tell({"done": "backup"})


def restore(place: Path, file: Path, tell: Tell) -> None:
    """Put a backup in the place of what is there."""
    backups.restore(place, file, _when(place))
    tell({"done": "restore"})


def save(place: Path, tell: Tell) -> None:
    """Salvage what can be read, which is all."""
    salvage(place, _when(place))
    tell({"done": "salvage"})


def begin_epoch(place: Path, tell: Tell) -> None:
    """Begin another epoch."""
    backups.new_epoch(place)
    tell({"done": "new epoch"})


def look(place: Path, now: float, again: Sequence[dict[str, Any]], tell: Tell) -> None:
    """Start, say these once more, and tell all that is in the log; each message must be found by its first word."""
    time = _at(now)
    core, back = _open(place, time)
    tell({"newest": core.store.last_seq})
    twice = core.ask("SELECT seq FROM kept INTERSECT SELECT seq FROM fresh")
    check(not twice, "in both tables", f"{twice}")
    for row in again:
        core.store.append(Entry(**{name: value for name, value in row.items() if name != "seq"}))
    core.settle()
    for one in back:
        tell({"again": _row(one) | {"dup": one.dup}})
    sleep(0.15)
    core.settle()
    rows = core.ask(
        "SELECT seq, conv, author, name, target, msg, cid, ts FROM log WHERE conv != '' AND about IS NULL ORDER BY seq"
    )
    for seq, conv, author, name, target, msg, cid, ts in rows:
        row = {"seq": seq, "conv": conv, "author": author, "name": name, "target": target, "msg": msg, "cid": cid, "ts": ts}
        (shown,) = core.read(partial(changes.fold, entries=[Entry(**row, ip="")]))
        found = core.read(partial(_search, word=shown.msg.split()[0], conv=conv), slow=True)
        check([one.seq for one in found.entries] == [seq], "a search is wrong", f"{shown.msg[:20]} at {seq}: {found}")
        tell({"row": row | {"ip": "10.0.0.1", "kind": None, "about": None}})
        tell({"shown": [seq, shown.msg]})
    (found_all,) = core.ask("SELECT count(*) FROM words")
    tell({"indexed": found_all[0]})
    core.stop()


def _search(connection: Connection, word: str, conv: str) -> Page:
    """The messages that have this word now."""
    page = search(connection, Query((word,)), [conv])
    changes.fold_found(connection, page)
    return page


def _open(place: Path, time: Time, rules: Sequence[Rule] = ()) -> tuple[Core, list[Entry]]:
    core, back = Core(place, time, rules), list[Entry]()
    core.store.committed = back.extend
    core.router.chat.limits.set("packets", "off")
    return core, back


def _at(now: float) -> Time:
    time = Time()
    time.offset = now
    return time


def _message(dice: random.Random, time: Time, word: str) -> Entry:
    author, other = dice.sample([1, 2, 3], 2)
    low, high = sorted((author, other))
    conv, target = dice.choice([("r1", "#ops"), (f"p{low}x{high}", NAMES[other - 1])])
    text = " ".join([f"{word}q", *dice.choices(WORDS, k=dice.choice([1, 5, 80]))])
    return Entry(conv, author, NAMES[author - 1], "10.0.0.1", target, text, time.ms, cid=word)


def _change(time: Time, one: Entry, kind: str, text: str) -> Entry:
    """A change of a message by who said it."""
    return replace(one, msg=text, ts=time.ms, cid=f"change of {one.cid}", kind=kind, about=one.seq, seq=0, state="")


def _row(one: Entry) -> dict[str, Any]:
    names = ("seq", "conv", "author", "name", "ip", "target", "msg", "cid", "ts", "kind", "about")
    return {name: getattr(one, name) for name in names}


def _when(place: Path) -> str:
    """Another ending each time, as the time of day is."""
    return f"{OLD}{len(list(place.glob('lanchat.db.*')))}"


def clone(place: Path, target: Path) -> Path:
    """A copy of a directory, to do something to."""
    shutil.copytree(place, target)
    return target
