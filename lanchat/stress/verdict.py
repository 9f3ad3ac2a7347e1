"""Decides which limits were exceeded, and whether by the server or by the load tool itself."""

from __future__ import annotations

import errno
import os
from typing import Any, NamedTuple

from lanchat.stress.scenarios import StepResult

#: Exit codes, besides wrong options (2), no connection (3) and interruption (130).
FINE, SERVER_FAILED, TOOL_WAS_THE_LIMIT = 0, 1, 4
#: Milliseconds: if the tool sends later than this, and by more than half of what it measures, it measures itself.
MAX_LAG = 20.0
#: The share of a core above which a process is too busy to measure.
MAX_BUSY = 0.9
#: The share of all cores above which processes wait for each other.
MAX_MACHINE = 0.95

#: Errors of the system that mean that the load tool can't open more connections.
_OWN_ERRORS = (os.strerror(errno.EMFILE), os.strerror(errno.EADDRNOTAVAIL), os.strerror(errno.ENOBUFS))


class Verdict(NamedTuple):
    """A limit that was exceeded, by the server or by the load tool."""

    #: Whether the load tool exceeded it.
    by_load_tool: bool
    #: Whether it is certain even if the load tool was at its limit.
    certain: bool
    text: str


def judge(row: StepResult, options: Any) -> list[Verdict]:
    """The limits that were exceeded in a step; [] if there are none."""
    slow = _latency(row, options)
    shared = _shared_machine(row) if slow else []
    return [*_load_tool_limits(row), *shared, *_connections(row, options), *_errors(row, options), *slow]


def status(verdicts: list[Verdict]) -> int:
    """The exit code. A load tool at its limit proves nothing about latencies, but errors of the server are certain."""
    if any(verdict.certain and not verdict.by_load_tool for verdict in verdicts):
        return SERVER_FAILED
    if any(verdict.by_load_tool for verdict in verdicts):
        return TOOL_WAS_THE_LIMIT
    return SERVER_FAILED if verdicts else FINE


def _load_tool_limits(row: StepResult) -> list[Verdict]:
    found = []
    lag, measured = row.ms("lag" if _message_latency(row) else "opening_lag", 99), _latency_ms(row)
    if lag > MAX_LAG and lag > measured / 2:
        found.append(f"it was {lag:.0f} ms late (p99), of {measured:.0f} ms that it measured")
    if row.busiest >= MAX_BUSY:
        found.append(f"its busiest process took {row.busiest:.0%} of a core")
    found += [f"{count} connections: {words}" for words, count in row.tally.refused.items() if _is_own_error(words)]
    return [Verdict(True, True, f"the load tool was the limit: {text}") for text in found]


def _shared_machine(row: StepResult) -> list[Verdict]:
    """If all cores were busy, the server may not have had one to itself; only `--pid` can show that it had."""
    if row.machine < MAX_MACHINE or (row.server is not None and row.server.cpu >= MAX_BUSY):
        return []
    text = f"the load tool was the limit: all cores of this machine were busy ({row.machine:.0%}), and it ran on them too"
    return [Verdict(True, True, text)]


def _connections(row: StepResult, options: Any) -> list[Verdict]:
    refused = {words: count for words, count in row.tally.refused.items() if not _is_own_error(words)}
    found = []
    if sum(refused.values()) > row.tally.counts["opened"] * options["max-errors"] / 100:
        found += [f"{count} connections were refused: {words}" for words, count in refused.items()]
    if row.tally.closed.total() > row.users * options["max-errors"] / 100:
        found += [f"{count} connections were closed: {words}" for words, count in row.tally.closed.items()]
    return [Verdict(False, True, text) for text in found]


def _errors(row: StepResult, options: Any) -> list[Verdict]:
    counts, errors = row.tally.counts, row.tally.errors
    usual = "NO_SUCH_TARGET" if options.kind == "stress" else None  # users who have left can't be reached
    bad = {f"{code} {count}": count for code, count in errors.items() if code != usual}
    certain = bool(bad or counts["wrong"])
    for what, count in (("lost", row.lost), ("unanswered", row.unanswered), ("wrong", counts["wrong"])):
        if count:
            bad[f"{count} {what}"] = count
    said = counts["sent"] + counts["asked"]
    if sum(bad.values()) <= said * options["max-errors"] / 100:
        return []
    return [Verdict(False, certain, f"of {said} messages and commands {sum(bad.values())} failed: {', '.join(bad)}")]


def _latency(row: StepResult, options: Any) -> list[Verdict]:
    bound, measured = options["max-latency"], _latency_ms(row)
    return [Verdict(False, False, f"latency: p99 is {measured:.0f} ms, over {bound:g} ms")] if measured > bound else []


def _latency_ms(row: StepResult) -> float:
    """The latency to be judged, in milliseconds (p99): of messages and commands, or of the welcome if there were none."""
    return _message_latency(row) or row.ms("welcome", 99)


def _message_latency(row: StepResult) -> float:
    return max(row.ms("message", 99), row.ms("command", 99))


def _is_own_error(words: str) -> bool:
    return any(by_load_tool in words for by_load_tool in _OWN_ERRORS)
