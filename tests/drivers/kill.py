"""The kill driver: a process is killed in the middle of what it does to a database, and what is left is compared."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from lanchat.protocol.entry import WITHDRAW
from tests.drivers import deeds
from tests.drivers.rounds import Note
from tests.drivers.victim import Outcome, Tell, run
from tests.drivers.wrong import check, same_rows

#: Of so many kills, one is at a time and not at a point: it may be in the middle of a write.
BY_TIME = 4
#: Half of the others are at one of so many points at the end, where one file takes the place of another.
LAST = 12
Rows = dict[int, dict[str, Any]]
Work = Callable[[Path, Tell], None]


class KillDriver:
    """One round: a database, and kills in each of the things that are done to copies of it."""

    def __init__(self, directory: Path, dice: random.Random, note: Note) -> None:
        self._directory, self._dice, self._note = directory, dice, note
        self.counts: Counter[str] = Counter()
        self._seed = str(dice.random())
        self._copies = 0
        self._base = self._copy_name()
        crashed = self._copy_name() if dice.random() < 0.5 else None
        made = run(partial(deeds.furnish, self._base, self._seed, crashed), directory)
        check(not made.error, "no database is made", made.error)
        self._rows = _rows(made)
        self._edits: list[dict[str, Any]] = made.all("edit")
        self._now: float = made.all("now")[0]
        self._base = crashed or self._base
        self._points: dict[str, int] = {}
        self._backup, self._backup_rows = self._make_backup()
        note(f"a database of {len(self._rows)} messages{', as a crash left it' if crashed else ''}, and a backup of another")

    def step(self) -> None:
        """Kill one process, and look."""
        acts = [self._talk, self._idle, self._sweep, self._erase, self._withdraw]
        act = self._dice.choice([*acts, self._back_up, self._restore, self._save, self._new_epoch])
        act()
        self.counts["steps"] += 1
        shutil.rmtree(self._directory / "work", ignore_errors=True)

    def end(self) -> None:
        """There is nothing left to do."""

    # The acts.

    def _talk(self) -> None:
        place, done = self._kill("talk", lambda place, tell: deeds.talk(place, self._seed, self._now, tell))
        said, stored = done.all("say"), done.all("stored")
        rows = self._look(place, again=said)
        repeated = {row["cid"]: row["dup"] for row in self._seen.all("again")}
        for row in stored:
            check(repeated[row["cid"]], "acknowledged and lost", f"{row}")
        texts = {row["cid"]: row["msg"] for row in said if not row["about"]}
        cids = {row["seq"]: row["cid"] for row in stored}
        for row in said:
            if row["kind"] == WITHDRAW:
                del texts[cids[row["about"]]]
            elif row["about"]:
                texts[cids[row["about"]]] = row["msg"]
        shown = [text for seq, text in self._seen.all("shown") if seq not in self._rows]
        check(sorted(shown) == sorted(texts.values()), "not each is there once", f"{len(shown)} of {len(texts)}")
        same_rows({seq: rows.get(seq) for seq in self._rows}, self._rows, "the log differs", "what was there before")

    def _idle(self) -> None:
        place, _ = self._kill("idle", lambda place, tell: deeds.idle(place, self._now, tell))
        same_rows(self._look(place), self._rows, "the log differs", "after a start that was killed")

    def _sweep(self) -> None:
        place, _ = self._kill("sweep", lambda place, tell: deeds.sweep(place, self._now, tell))
        left = {seq: row for seq, row in self._rows.items() if row["ts"] >= (self._now - deeds.KEEP) * 1000}
        rows = self._look(place)
        lost = sorted(seq for seq in left if rows.get(seq) != left[seq])
        check(not lost, "a sweep takes what is new", f"{lost} after a kill")
        self._again(partial(deeds.sweep, place, self._now))
        same_rows(self._look(place), left, "the log differs", "after a sweep that was killed, and another")

    def _erase(self) -> None:
        place, _ = self._kill("erase", lambda place, tell: deeds.erase(place, self._now, tell))
        kept = {seq: row for seq, row in self._rows.items() if row["author"] != 3}
        rows = self._look(place)
        lost = sorted(seq for seq in kept if rows.get(seq, {}).get("msg") != kept[seq]["msg"])
        check(not lost, "an erasure takes what others said", f"{lost} after a kill")
        self._again(partial(deeds.erase, place, self._now))
        for seq, row in kept.items():
            if row["target"] == deeds.NAMES[-1] and row["conv"].startswith("p"):
                kept[seq] = row | {"target": "(erased)"}
        same_rows(self._look(place), kept, "the log differs", "after an erasure that was killed, and another")
        words = [row["msg"].split()[0] for row in (*self._rows.values(), *self._edits) if row["author"] == 3]
        content = (place / "lanchat.db").read_bytes()
        found = [word for word in (*words, deeds.NAMES[-1]) if word.encode() in content]
        check(not found, "a trace is left", f"{found} after an erasure that was killed, and another")

    def _withdraw(self) -> None:
        place, done = self._kill("withdraw", lambda place, tell: deeds.withdraw(place, self._now, tell))
        rows, newest = self._look(place), sorted(self._rows, reverse=True)[: deeds.NEWEST : deeds.EACH]
        back = sorted(set(done.all("withdrawn")) & rows.keys())
        check(not back, "what was withdrawn is there again", f"{back} after a kill")
        same_rows(
            {seq: row for seq, row in self._rows.items() if seq not in newest or seq in rows}, rows, "the log differs", ""
        )
        self._again(partial(deeds.withdraw, place, self._now))
        left, content = self._look(place), (place / "lanchat.db").read_bytes()
        # (Not the first word alone: the `cid`, by which repeats are known, may be the same.)
        texts = [row["msg"][:40] for seq, row in self._rows.items() if seq not in left and " " in row["msg"][:40]]
        found = [text for text in texts if text.encode() in content]
        check(not found, "a withdrawn text is left in the file", f"{found} after a kill, and once more")

    def _back_up(self) -> None:
        target = self._directory / "work" / deeds.COPY
        place, done = self._kill("back up", lambda place, tell: deeds.back_up(place, target, tell))
        same_rows(self._look(place), self._rows, "the log differs", "after a backup that was killed")
        if target.exists():
            self.counts["backups finished"] += 1
        else:
            check(not done.all("done"), "a backup is told and not there", str(target))
            self._again(partial(deeds.back_up, place, target))
        other = self._copy_name(within=True)
        self._again(partial(deeds.restore, other, target))
        same_rows(self._look(other), self._rows, "a backup differs", "after one that was killed")

    def _restore(self) -> None:
        place, done = self._kill("restore", lambda place, tell: deeds.restore(place, self._backup, tell))
        self._one_or_other(place, done, self._backup_rows, partial(deeds.restore, place, self._backup))

    def _save(self) -> None:
        place, done = self._kill("salvage", deeds.save)
        self._one_or_other(place, done, self._rows, partial(deeds.save, place))

    def _new_epoch(self) -> None:
        place, _ = self._kill("new epoch", deeds.begin_epoch)
        same_rows(self._look(place), self._rows, "the log differs", "after a new epoch that was killed")

    def _one_or_other(self, place: Path, done: Outcome, new: Rows, again: Callable[[Tell], None]) -> None:
        """After a kill there is what was before or what is to come; or the start is refused, and to do it again helps."""
        seen = self._try_look(place)
        if "FileError" in seen.error or "CannotStart" in seen.error:
            self.counts["starts refused"] += 1
            self._again(again)
            seen = self._try_look(place)
        check(not seen.error, "it does not start", seen.error)
        rows = _rows(seen)
        if done.all("done") or rows != self._rows:
            same_rows(rows, new, "neither the old nor the new", f"{len(rows)} rows; there were {len(self._rows)}")

    # The means.

    def _kill(self, name: str, work: Work) -> tuple[Path, Outcome]:
        """Do this to a copy of the database, and kill it in the middle; the copy, and what it told."""
        if name not in self._points:
            place = deeds.clone(self._base, self._copy_name(within=True))
            whole = run(partial(work, place), self._directory)
            check(not whole.error, f"it fails to {name}", whole.error)
            self._points[name] = max(1, whole.all("points")[0])
            shutil.rmtree(self._directory / "work")
        place = deeds.clone(self._base, self._copy_name(within=True))
        if self._dice.randrange(BY_TIME):
            last = self._points[name]
            at, after = self._dice.choice([self._dice.randint(1, last), self._dice.randint(max(1, last - LAST), last)]), 0.0
            self._note(f"{name}, killed at point {at} of {self._points[name]}")
        else:
            at, after = 0, self._dice.uniform(0.001, 0.15)
            self._note(f"{name}, killed after {after * 1000:.1f} ms")
        done = run(partial(work, place), self._directory, at, after)
        check(not done.error, f"it fails to {name}", done.error)
        self.counts["kills"] += done.killed
        return place, done

    def _look(self, place: Path, again: list[dict[str, Any]] | None = None) -> Rows:
        self._seen = self._try_look(place, again)
        check(not self._seen.error, "it does not start, or a look fails", self._seen.error)
        return _rows(self._seen)

    def _try_look(self, place: Path, again: list[dict[str, Any]] | None = None) -> Outcome:
        return run(partial(deeds.look, place, self._now, again or []), self._directory)

    def _again(self, work: Callable[[Tell], None]) -> None:
        done = run(work, self._directory)
        check(not done.error, "after a kill it can't be done again", done.error)

    def _make_backup(self) -> tuple[Path, Rows]:
        """A backup of another database."""
        place, file = self._copy_name(), self._directory / "backup.db"
        made = run(partial(deeds.furnish, place, f"{self._seed} other", None), self._directory)
        self._again(partial(deeds.back_up, place, file))
        return file, _rows(made)

    def _copy_name(self, within: bool = False) -> Path:
        self._copies += 1
        parent = self._directory / "work" if within else self._directory
        parent.mkdir(exist_ok=True)
        return parent / f"data{self._copies}"


def _rows(outcome: Outcome) -> Rows:
    return {row["seq"]: row for row in outcome.all("row")}
