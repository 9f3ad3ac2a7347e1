"""How a run of the server ends in the store driver, and how the next one begins: restarts, crashes, backups, damage."""

from __future__ import annotations

import shutil
from contextlib import suppress
from pathlib import Path
from sqlite3 import DatabaseError

from lanchat.maintenance import backup as backups
from lanchat.maintenance.salvage import Saved, salvage
from lanchat.protocol.entry import COLUMNS, entry_from_row
from lanchat.store import open_db
from lanchat.tables.recent import newest_seq
from tests.drivers.saying import say
from tests.drivers.world import World, check_log, rows_of
from tests.drivers.wrong import check, same

#: Bytes of a page of the database, and of it those that are overwritten.
PAGE, DAMAGE = 4096, 200
_ROW = f"SELECT {', '.join(COLUMNS)} FROM"


def restart(world: World) -> None:
    """Stop the server and start it again."""
    world.note("stop and start")
    epoch = _stop(world)
    _start(world, epoch)
    world.counts["restarts"] += 1


def crash(world: World) -> None:
    """Kill the server, perhaps in the middle of what it does behind the commits, and start it again."""
    if world.dice.random() < 0.5:
        say(world)
    place = world.directory / f"data{world.next()}"
    world.note("crash and start")
    epoch = world.core.store.epoch
    old = world.core.directory
    world.core.crash(place)
    shutil.rmtree(old)
    _start(world, epoch, place)
    world.counts["crashes"] += 1


def back_up(world: World) -> None:
    """Copy all beside the server, and look whether it is all there."""
    if world.backup is not None:
        world.backup[0].unlink()
    file = world.directory / f"backup{world.next()}"
    world.note(f"back up to {file.name}")
    if world.dice.random() < 0.5:
        say(world)
    backups.copy_out(world.core.directory, file)
    with open_db.closing(file, "ro") as connection:
        check_log(rows_of(connection), world.log, "the backup")
    world.backup = file, world.remember()
    world.counts["backups"] += 1


def restore(world: World) -> None:
    """Put the last backup in the place of what is there."""
    if world.backup is None:
        return
    file, known = world.backup
    world.note(f"restore {file.name}")
    epoch = _stop(world)
    old = backups.restore(world.core.directory, file, f"before-{world.next()}").old
    check(old.exists(), "what a restore replaces is gone", f"{old.name}")
    _remove_old(world)
    world.known = known
    world.backup = file, world.remember()
    _start(world, epoch, renewed=True)
    world.counts["restores"] += 1


def begin_epoch(world: World) -> None:
    """Go on in another epoch, as after a restored snapshot."""
    world.note("new epoch")
    epoch = _stop(world)
    backups.new_epoch(world.core.directory)
    _start(world, epoch, renewed=True)


def save(world: World) -> None:
    """Salvage the database, whole or with damaged pages: what can be read one by one is saved, and what is not is told."""
    damaged = world.dice.random() < 0.7
    epoch = _stop(world)
    file = world.core.directory / open_db.FILE
    at = _damage(world, file) if damaged else []
    readable = _readable(file, sorted(world.log.rows))
    world.note(f"salvage, with the pages {at} damaged; {len(readable)} of {len(world.log.rows)} rows can be read")
    saved = salvage(world.core.directory, f"before-{world.next()}")
    with open_db.closing(file) as connection:
        there, last = {row[0] for row in rows_of(connection) if row[2]}, newest_seq(connection)
    _check_saved(world, saved, there, readable)
    _remove_old(world)
    _after_salvage(world, there, last)
    _start(world, epoch, renewed=True)
    world.counts["salvages"] += 1


def _check_saved(world: World, saved: Saved, found: set[int], readable: set[int]) -> None:
    """Compare what is in the new database with what could be read of the old one, and with what was told."""
    missing = sorted(readable - found)
    check(not missing, "a salvage leaves rows behind", f"{len(missing)} of {len(readable)} that can be read, as {missing[:3]}")
    lost = len(world.log.rows) - len(found)
    check(not lost or not saved.all, "a salvage does not tell what is lost", f"{lost} messages are lost, and {saved} is told")


def _after_salvage(world: World, found: set[int], last: int) -> None:
    """Take note of what is left. Places may be given again, in another epoch; numbers of accounts and rooms never."""
    known, log = world.known, world.log
    log.rows = {seq: said for seq, said in log.rows.items() if seq in found}
    log.newest = last
    # Under one cid several messages are kept in a way that needs all of them.
    lost = {content[:2] for content, firsts in log.firsts.items() if any(first.seq not in found for first in firsts)}
    for content, firsts in log.firsts.items():
        firsts[:] = [first._replace(sure=first.sure and content[:2] not in lost) for first in firsts]
    known.members = {member: min(since, last) for member, since in known.members.items()}
    known.read = {member: min(read, last) for member, read in known.read.items()}


def _damage(world: World, file: Path) -> list[int]:
    """Overwrite the middle of some pages that hold texts of messages; which pages."""
    content = bytearray(file.read_bytes())
    words = [said.msg.split()[0] for said in world.log.rows.values() if len(said.msg) > 30]
    found: set[int] = set()
    for word in world.dice.sample(words, min(len(words), world.dice.choice([1, 2, 3]))):
        # (In a page of the log the text stands behind the name of whom it was said to; in the index it does not.)
        if (at := content.find(f"{word} ".encode())) >= 0:
            found.add(at // PAGE)
    for page in found:
        at = page * PAGE + (PAGE - DAMAGE) // 2
        content[at : at + DAMAGE] = b"\xa5" * DAMAGE
        content[page * PAGE + 3 : page * PAGE + 7] = b"\xa5" * 4  # where the page says how many rows it has, and where
    file.write_bytes(content)
    return sorted(found)


def _readable(file: Path, seqs: list[int]) -> set[int]:
    """The places whose row can be read when it is asked for alone."""
    found: set[int] = set()
    with open_db.closing(file, "ro") as connection:
        for table in ("kept", "fresh"):
            for seq in seqs:
                with suppress(DatabaseError):
                    row = connection.execute(f"{_ROW} {table} WHERE seq = ?", (seq,)).fetchone()
                    if row is not None and entry_from_row(row) is not None:
                        found.add(seq)
    return found


def _stop(world: World) -> str:
    """End the run; its epoch."""
    epoch = world.core.store.epoch
    world.core.stop()
    return epoch


def _start(world: World, epoch: str, place: Path | None = None, renewed: bool = False) -> None:
    """Begin the next run; the epoch is another one if it is `renewed`, and that of before if not."""
    world.open(place or world.core.directory)
    same(world.core.store.epoch != epoch, renewed, "the epoch is wrong", f"{world.core.store.epoch} after {epoch}: a new one")
    check(world.core.store.last_seq >= world.log.newest, "the newest place is forgotten", f"of {world.log.newest}")
    if not renewed:
        same(world.core.store.last_seq, world.log.newest, "the newest place is another", "after the start")
    world.look()


def _remove_old(world: World) -> None:
    """What was replaced is not looked at any more."""
    for path in world.core.directory.glob(f"{open_db.FILE}.before-*"):
        path.unlink()
