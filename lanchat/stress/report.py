"""Reports the results of a load: as text, as JSON, and as a plot."""

from __future__ import annotations

from typing import Any

from lanchat.stress.scenarios import StepResult
from lanchat.stress.tally import Tally
from lanchat.stress.verdict import Verdict

#: What is timed, in the order in which it is shown.
TIMES = ("welcome", "message", "command", "shout")
#: How late the load tool itself was.
OWN_LAGS = ("lag", "opening_lag")
PERCENTS = (50, 95, 99)

_STEP = "{:>7} {:>8} {:>8} {:>8} {:>8} {:>6} {:>6} {:>7} {:>7} {:>5} {:>7}"
_TIMES = "{:<11} {:>9} {:>9} {:>9} {:>9} {:>9}"


def row_as_json(row: StepResult) -> dict[str, Any]:
    """The result of a step for `--json`; docs/stress.md lists the keys."""
    counts = row.tally.counts
    counted = ("opened", "welcomed", "left", "sent", "delivered", "undelivered", "asked", "answered", "failed", "wrong")
    return {
        "users": row.users,
        "seconds": row.seconds,
        **{name: counts[name] for name in counted},
        "lost": row.lost,
        "unanswered": row.unanswered,
        "shouts": counts["shouts"],
        "to_hear": counts["to hear"],
        "heard": counts["heard"],
        "refused": dict(row.tally.refused),
        "closed": dict(row.tally.closed),
        "errors": dict(row.tally.errors),
        "ms": {name: _milliseconds(row.tally, name) for name in (*TIMES, *OWN_LAGS)},
        "busiest": round(row.busiest, 3),
        "machine": round(row.machine, 3),
        "server": None if row.server is None else {"cpu": round(row.server.cpu, 3), "rss": row.server.memory},
    }


def heading() -> str:
    """The heading above the lines of `step`."""
    names = ("users", "msg/s", "p50 ms", "p99 ms", "max ms", "lost", "errors", "refused", "lag p99", "tool", "machine")
    return _STEP.format(*names)


def step(row: StepResult) -> str:
    """The result of a step as one line."""
    counts, times = row.tally.counts, row.tally.times["message"]
    line = _STEP.format(
        row.users,
        _short(counts["sent"] / row.seconds if row.seconds else 0),
        _short(row.ms("message", 50)),
        _short(row.ms("message", 99)),
        _short(times.max / 1e6),
        row.lost,
        counts["wrong"] + row.tally.errors.total(),
        row.tally.refused.total() + row.tally.closed.total(),
        _short(row.ms("lag", 99)),
        f"{row.busiest:.0%}",
        f"{row.machine:.0%}",
    )
    return line + _server(row)


def summary(row: StepResult) -> str:
    """The result of a step as several lines."""
    counts = row.tally.counts
    lines = [_TIMES.format("ms", "count", *(f"p{percent}" for percent in PERCENTS), "max")]
    lines += [_timed(row, name) for name in (*TIMES, *OWN_LAGS) if row.tally.times[name]]
    lines += [""]
    if counts["sent"]:
        away = f", {counts['undelivered']} to users who were away" if counts["undelivered"] else ""
        lines += [f"messages: {counts['sent']} sent, {counts['delivered']} delivered{away}, {row.lost} lost"]
    if counts["asked"]:
        lines += [_commands(row)]
    if counts["shouts"]:
        lines += [f"shouts: {counts['shouts']}, received {counts['heard']} of {counts['to hear']} times"]
    lines += [f"users: welcomed {counts['welcomed']} times, left {counts['left']} times, {counts['wrong']} invalid packets"]
    for what, words in (("refused", row.tally.refused), ("closed", row.tally.closed), ("error", row.tally.errors)):
        lines += [f"{what}: {text} ({count} times)" for text, count in words.most_common()]
    lines += [f"the load tool: its busiest process took {row.busiest:.0%} of a core"]
    lines += [f"this machine: {row.machine:.0%} busy{_server(row)}"]
    return "\n".join(lines)


def ending(verdicts: list[Verdict], rows: list[StepResult], interrupted: bool) -> str:
    """The last lines: which limits were exceeded."""
    if interrupted:
        return "Interrupted: unfinished steps are not shown."
    if not verdicts:
        return "All within bounds."
    texts = (verdict.text if verdict.text.endswith((".", "?")) else f"{verdict.text}." for verdict in verdicts)
    return "\n".join(f"Limit reached at {rows[-1].users} users: {text}" for text in texts)


def draw(rows: list[StepResult], file: str) -> None:
    """Plot latencies by the number of users, or, after a single step, by percentile. Raises `OSError`."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (an extra, and slow to import)

    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.add_subplot(xlabel="users" if len(rows) > 1 else "percent that took no longer", ylabel="ms")
    if len(rows) > 1:
        for percent in PERCENTS:
            axes.plot([row.users for row in rows], [row.ms("message", percent) for row in rows], "o-", label=f"p{percent}")
        axes.set_xlim(left=0)
    else:
        percents = [*range(1, 99), *(99 + n / 10 for n in range(11))]
        for name in (name for row in rows for name in TIMES if row.tally.times[name]):
            axes.plot(percents, [rows[0].ms(name, percent) for percent in percents], label=name)
    axes.set_yscale("log")
    for ticks in (axes.yaxis.set_major_formatter, axes.yaxis.set_minor_formatter):
        ticks("{x:g}")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(file, dpi=100, format="png")


def _timed(row: StepResult, name: str) -> str:
    times = row.tally.times[name]
    figures = [_short(row.ms(name, percent)) for percent in PERCENTS]
    return _TIMES.format(name, len(times), *figures, _short(times.max / 1e6))


def _commands(row: StepResult) -> str:
    counts = row.tally.counts
    failed = f", {counts['failed']} refused" if counts["failed"] else ""
    return f"commands: {counts['asked']} sent, {counts['answered']} answered{failed}, {row.unanswered} unanswered"


def _server(row: StepResult) -> str:
    if row.server is None:
        return ""
    cpu, memory = row.server
    return f"; server: {cpu:.0%} of a core, {memory / 2**20:.0f} MiB"


def _milliseconds(tally: Tally, name: str) -> dict[str, float]:
    times = tally.times[name]
    figures = {f"p{percent}": round(times.percentile(percent) / 1e6, 3) for percent in PERCENTS}
    return {"count": len(times), **figures, "max": round(times.max / 1e6, 3)}


def _short(figure: float) -> str:
    """A number with three digits, which is as precise as the measurement."""
    return f"{figure:.0f}" if figure >= 100 else f"{figure:.1f}" if figure >= 10 else f"{figure:.2f}"
