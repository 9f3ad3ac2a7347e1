"""Trace: whether a server told anybody of a message before it was on the disk, from what `strace` saw it do.

That it survives `kill -9` shows nothing of this: what was written and not synced survives that too, and a power cut does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

#: How strace is run before a command: -D keeps the command the direct child, -y shows what each descriptor is.
CALLS = "fdatasync,fsync,write,pwrite64,writev,pwritev,sendto,sendmsg"
STRACE = ["strace", "-D", "-f", "-y", "-s", "70000", "-e", f"trace={CALLS}", "-e", "signal=none", "-o"]

#: A text that is sent has a word like this in it, of its own, and has it as its cid too.
WORD = "synced{:04}"

_WORD = re.compile(r"synced\d{4}")
_CALL = re.compile(r"(\d+) +(\w+)\(\d+<([^>]*)>(.*)")
_RESUMED = re.compile(r"(\d+) +<\.\.\. (\w+) resumed>(.*)")


class Call(NamedTuple):
    """A system call: the lines where it began and where it ended, its name, what its descriptor is, and the rest."""

    begun: int
    ended: int
    name: str
    target: str
    rest: str

    @property
    def synced(self) -> bool:
        """Whether it put all that was written to the write-ahead log before on the disk."""
        return "sync" in self.name and self.target.endswith("-wal") and self.rest.endswith(" = 0")


def calls(lines: Iterable[str]) -> Iterator[Call]:
    """The calls in the order in which they ended; one that another thread interrupted is on two lines."""
    open_calls: dict[str, Call] = {}
    for number, line in enumerate(lines):
        if whole := _CALL.match(line):
            thread, name, target, rest = whole.groups()
            call = Call(number, number, name, target, rest.rstrip())
            if call.rest.endswith("<unfinished ...>"):
                open_calls[thread] = call
            else:
                yield call
        elif (resumed := _RESUMED.match(line)) and (begun := open_calls.pop(resumed[1], None)):
            yield begun._replace(ended=number, rest=begun.rest + resumed[3].rstrip())


def told_too_early(lines: Iterable[str]) -> tuple[set[str], list[str]]:
    """The words that were sent to anybody, and a line for each that was sent before its row was written and then synced."""
    written: dict[str, int] = {}  # where the write of its row ended
    durable: set[str] = set()
    told: set[str] = set()
    wrong: list[str] = []
    seen = sorted(_moments(lines), key=lambda moment: moment[0])
    for at, what, call in seen:
        words = set(_WORD.findall(call.rest))
        if what == "ended" and call.synced:
            durable |= {word for word, place in written.items() if place < call.begun}
        elif what == "ended" and call.target.endswith("-wal"):
            for word in words:
                written.setdefault(word, at)
        elif what == "begun" and call.target.startswith(("socket:", "TCP")):
            told |= words
            wrong += [f"line {at + 1}: {word} is told and is not on the disk" for word in sorted(words - durable)]
    return told, wrong


def _moments(lines: Iterable[str]) -> Iterator[tuple[int, str, Call]]:
    for call in calls(lines):
        yield call.begun, "begun", call
        yield call.ended, "ended", call
