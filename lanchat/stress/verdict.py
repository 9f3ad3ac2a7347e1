"""Verdict: what gave way: the server, or the load tool itself."""

from __future__ import annotations

import errno
import os
from typing import Any, NamedTuple

from lanchat.stress.scenarios import Row

#: The exit codes besides those of wrong options (2), no connection (3) and interruption (130).
FINE, SERVER_FAILED, TOOL_WAS_THE_LIMIT = 0, 1, 4
#: Milliseconds: whoever speaks later than this, and by more than half of what it measures, measures itself.
MOST_LAG = 20.0
#: The share of a core at which a process has no time to measure with.
MOST_BUSY = 0.9
#: The share of all cores at which whoever runs on them waits for the others.
MOST_MACHINE = 0.95

#: What the system says when it is us who can't open more.
_OUR_WORDS = (os.strerror(errno.EMFILE), os.strerror(errno.EADDRNOTAVAIL), os.strerror(errno.ENOBUFS))


class Verdict(NamedTuple):
    """Something that gave way."""

    #: Whether it was the load tool.
    ours: bool
    #: Whether it is so even if the load tool was at its limit.
    certain: bool
    text: str


def judge(row: Row, wanted: Any) -> list[Verdict]:
    """What gave way in this row; an empty list if all is within its bounds."""
    slow = _latency(row, wanted)
    shared = _shared_machine(row) if slow else []
    return [*_own_limit(row), *shared, *_connections(row, wanted), *_errors(row, wanted), *slow]


def status(verdicts: list[Verdict]) -> int:
    """The exit code: what a tool at its limit measured says nothing of the server, but what the server said does."""
    if any(verdict.certain and not verdict.ours for verdict in verdicts):
        return SERVER_FAILED
    if any(verdict.ours for verdict in verdicts):
        return TOOL_WAS_THE_LIMIT
    return SERVER_FAILED if verdicts else FINE


def _own_limit(row: Row) -> list[Verdict]:
    found = []
    lag, measured = row.ms("lag" if _spoken(row) else "opening_lag", 99), _measured(row)
    if lag > MOST_LAG and lag > measured / 2:
        found.append(f"it was {lag:.0f} ms late (p99), of {measured:.0f} ms that it measured")
    if row.busiest >= MOST_BUSY:
        found.append(f"its busiest process took {row.busiest:.0%} of a core")
    found += [f"{count} connections: {words}" for words, count in row.tally.refused.items() if _is_ours(words)]
    return [Verdict(True, True, f"the load tool was the limit: {text}") for text in found]


def _shared_machine(row: Row) -> list[Verdict]:
    """Where no core was idle, the server may have had less than one of its own; whether it had, only `--pid` tells."""
    if row.machine < MOST_MACHINE or (row.server is not None and row.server[0] >= MOST_BUSY):
        return []
    text = f"the load tool was the limit: all cores of this machine were busy ({row.machine:.0%}), and it ran on them too"
    return [Verdict(True, True, text)]


def _connections(row: Row, wanted: Any) -> list[Verdict]:
    refused = {words: count for words, count in row.tally.refused.items() if not _is_ours(words)}
    found = []
    if sum(refused.values()) > row.tally.counts["opened"] * wanted["max-errors"] / 100:
        found += [f"{count} connections were refused: {words}" for words, count in refused.items()]
    if row.tally.closed.total() > row.users * wanted["max-errors"] / 100:
        found += [f"{count} connections were closed: {words}" for words, count in row.tally.closed.items()]
    return [Verdict(False, True, text) for text in found]


def _errors(row: Row, wanted: Any) -> list[Verdict]:
    counts, errors = row.tally.counts, row.tally.errors
    usual = "NO_SUCH_TARGET" if wanted.kind == "stress" else None  # who has left can't be reached
    bad = {f"{code} {count}": count for code, count in errors.items() if code != usual}
    certain = bool(bad or counts["wrong"])
    for what, count in (("lost", row.lost), ("unanswered", row.unanswered), ("wrong", counts["wrong"])):
        if count:
            bad[f"{count} {what}"] = count
    said = counts["sent"] + counts["asked"]
    if sum(bad.values()) <= said * wanted["max-errors"] / 100:
        return []
    return [Verdict(False, certain, f"of {said} messages and commands {sum(bad.values())} failed: {', '.join(bad)}")]


def _latency(row: Row, wanted: Any) -> list[Verdict]:
    bound, measured = wanted["max-latency"], _measured(row)
    return [Verdict(False, False, f"latency: p99 is {measured:.0f} ms, over {bound:g} ms")] if measured > bound else []


def _measured(row: Row) -> float:
    """The worse of the latencies that are to be bounded (milliseconds, p99): where nobody spoke, the welcome's."""
    return _spoken(row) or row.ms("welcome", 99)


def _spoken(row: Row) -> float:
    return max(row.ms("message", 99), row.ms("command", 99))


def _is_ours(words: str) -> bool:
    return any(ours in words for ours in _OUR_WORDS)
