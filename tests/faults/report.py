"""Report: the figures of a run."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections import Counter
from itertools import chain
from typing import Any

from tests.faults.events import CHANGES
from tests.faults.history import History

#: So many lines of each kind of wrong are told.
MOST_TOLD = 20
#: Faults whose end is when it should go on, and what that is called.
RECOVERY = {"kill": "recovery after a kill", "room again": "recovery after a full disk"}

#: Errors of the disk that are the nemesis's doing, and may be logged.
FORESEEN = tuple(f"sqlite3.OperationalError: {error}" for error in ("database or disk is full", "disk I/O error"))

#: The exception at the end of a traceback.
_TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n(?:\t? .*\n)*\t?(\S.*)")


def report(history: History, wrongs: dict[str, list[str]], log: str) -> dict[str, Any]:
    """What happened, and what was wrong, with the tracebacks in the server's log: `wrong` counts, `lines` tells."""
    wrongs = wrongs | {"traceback": [error for error in _TRACEBACK.findall(log) if error not in FORESEEN]}
    messages = [message for message in history.messages.values() if not message.kind]
    changed = [message for message in history.messages.values() if message.kind]
    edits = {message.sha for message in changed if message.kind == "edit"}
    changes = Counter(message.kind for message in changed if message.accepted)
    deliveries = list(chain.from_iterable(history.deliveries.values()))
    kinds = Counter(fault.kind for fault in history.faults)
    return {
        "messages invoked": len(messages),
        "attempts": sum(len(m.invoked) for m in messages),
        "ok": sum(bool(m.accepted) for m in messages),
        "ok as a duplicate": sum(any(ok.dup for ok in m.accepted) for m in messages),
        "fail": sum(m.failed for m in messages),
        "info (never known)": sum(not m.accepted and not m.failed for m in messages),
        "refusals": sum(m.refused for m in messages),
        "cut off before an answer": sum(m.unknown for m in messages),
        "deliveries": len(deliveries),
        "deliveries by resume": sum(d.batch == "resume" for d in deliveries),
        "deliveries by history after a gap": sum(d.batch not in ("", "resume") for d in deliveries),
        "duplicates raw": sum(d.dropped for d in deliveries),
        "duplicates after dropping": len(wrongs["shown twice"]),
        **{f"changes: {kind}": changes[kind] for kind in sorted(CHANGES)},
        "changes that were ok as a duplicate": sum(any(ok.dup for ok in m.accepted) for m in changed),
        "changes refused": sum(m.failed for m in changed),
        "reads": len(history.reads),
        "texts of edits that were read": sum(sha in edits for read in history.pages for _, _, sha in read.entries),
        "searches for what was withdrawn": sum(read.search for read in history.reads),
        "markers moved": sum(mark.how == "ok" for mark in history.marks),
        "ranks given": sum(rank.how == "ok" for rank in history.ranks),
        "markers seen": sum(mark.how == "seen" for mark in history.marks),
        "ranks seen": sum(rank.how == "seen" for rank in history.ranks),
        "names owned": len(history.owned),
        **{f"faults: {kind}": count for kind, count in sorted(kinds.items()) if kind not in RECOVERY or kind == "kill"},
        **_latency(history),
        **_recovery(history),
        "wrong": {name: len(lines) for name, lines in wrongs.items()},
        "lines": {name: lines[:MOST_TOLD] for name, lines in wrongs.items() if lines},
    }


def _latency(history: History) -> dict[str, float]:
    """From sending to the acknowledgement, in milliseconds, of those that came without a second try."""
    taken = sorted(
        (m.accepted[0].at - m.invoked[0]) / 1e6 for m in history.messages.values() if m.accepted and len(m.invoked) == 1
    )
    return {f"ack {name} (ms)": round(_quantile(taken, share), 2) for name, share in (("p50", 0.5), ("p99", 0.99), ("max", 1))}


def _recovery(history: History) -> dict[str, float]:
    """Seconds until something that was sent after a fault is acknowledged."""
    answered = sorted((sent, m.accepted[0].at) for m in history.messages.values() if m.accepted for sent in m.invoked[-1:])
    soonest = _soonest_after(answered)
    figures: dict[str, float] = {}
    for kind, name in RECOVERY.items():
        times = sorted(
            (soonest[at] - fault.at) / 1e9
            for fault in history.faults
            if fault.kind == kind and (at := bisect_right(answered, (fault.at, 0))) < len(answered)
        )
        figures |= {f"{name}, p50 (s)": round(_quantile(times, 0.5), 2), f"{name}, max (s)": round(_quantile(times, 1), 2)}
    return figures


def _soonest_after(answered: list[tuple[int, int]]) -> list[int]:
    """For each of these (sent, answered), in order: when the first of it and those behind it was answered."""
    found: list[int] = []
    for _, at in reversed(answered):
        found.append(min(at, found[-1]) if found else at)
    return found[::-1]


def _quantile(ordered: list[float], share: float) -> float:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0
