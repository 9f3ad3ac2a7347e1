"""The results as Markdown tables, which read well on a terminal too."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

import msgspec

from benchmarks.results import Results
from benchmarks.works import Work, costs

#: The share of a fixed rate that must arrive.
KEPT_UP = 0.98


def table(head: list[str], rows: list[list[str]], words: int = 1) -> str:
    """A Markdown table with its columns aligned: those of words, which come first, to the left, numbers to the right."""
    widths = [max(3, *(len(row[i]) for row in [head, *rows])) for i in range(len(head))]
    rule = ["-" * width if i < words else "-" * (width - 1) + ":" for i, width in enumerate(widths)]
    lines = [
        [cell.ljust(width) if i < words else cell.rjust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))]
        for row in [head, rule, *rows]
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def of_work(results: Results, work: Work) -> str:
    """One work: a row for each server, the best first."""
    base = results.base()
    rows = [_row(results, work, name, base) for name in results.ranking(work)]
    return table(["", f"{work.unit}, median", "min to max", f"{base} / it", "target", ""], rows)


def _row(results: Results, work: Work, name: str, base: str) -> list[str]:
    figures = list(results.by_round(work, name).values())
    row = [name, number(work, statistics.median(figures)), span(work, figures)]
    if name == base:
        reached = statistics.median(figures)
        goal = "" if work.limit is None else f"≤ {work.limit:g} {work.unit}"
        return [*row, "", goal, _met(reached <= work.limit) if work.limit is not None else ""]
    ratios = results.ratios(work, name)
    if not ratios:
        return [*row, "", "", ""]
    ratio, wanted = statistics.median(ratios), work.ratios.get(name)
    seen = f"{ratio:.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
    return [*row, seen, *(("", "") if wanted is None else _judged(work, ratio, wanted))]


def _judged(work: Work, ratio: float, wanted: float) -> tuple[str, str]:
    """What a ratio was to be, and whether it is."""
    reached = ratio >= wanted if work.more else ratio <= wanted
    return f"{'≥' if work.more else '≤'} {wanted:.2f}", _met(reached)


def _met(yes: bool) -> str:
    return "met" if yes else "not met"


def number(work: Work, figure: float) -> str:
    """A figure with as many digits as it deserves."""
    return f"{figure:,.{work.digits}f}"


def span(work: Work, figures: list[float]) -> str:
    """The smallest and the largest."""
    return f"{number(work, min(figures))} to {number(work, max(figures))}"


def of_costs(results: Results) -> str:
    """Work 9: a row for each server, a column for each work that moves messages."""
    columns = costs(results.works)
    rows = [[server.name, *(_cell(results, work, server.name) for work in columns)] for server in results.servers]
    return table(["", *(work.title for work in columns)], rows)


def _cell(results: Results, work: Work, server: str) -> str:
    median = results.median(work, server)
    return "" if median is None else number(work, median)


def absent(results: Results, work: Work) -> list[str]:
    """Why servers are not in a work's table, a line for each reason."""
    reasons: dict[str, list[str]] = {}
    for server in results.servers:
        if results.median(work, server.name) is None:
            reasons.setdefault(server.lacks(work.load) or results.failure(work, server.name), []).append(server.name)
    return [f"Not here: {', '.join(names)}. {why[:1].upper()}{why[1:].rstrip('.')}." for why, names in reasons.items()]


def behind(results: Results, work: Work) -> list[str]:
    """Who did not keep up with a fixed rate, so that what was measured is a queue."""
    if not work.load.rate:
        return []
    speed = msgspec.structs.replace(work, figure="msgs_s", scale=1.0, digits=0)
    medians = {server.name: results.median(speed, server.name) for server in results.servers}
    slow = [f"{name} ({number(speed, seen)}/s)" for name, seen in medians.items() if seen and seen < KEPT_UP * work.load.rate]
    return (
        [f"Did not keep up: {', '.join(slow)}. Their figures are the queue's, and grow with the time measured."] if slow else []
    )


def verdict(results: Results, work: Work) -> str:
    """Who wins, in a sentence."""
    floors = {server.name for server in results.servers if server.floor}
    ranking, base = [name for name in results.ranking(work) if name not in floors], results.base()
    if base not in ranking:
        return f"There is no figure of {base}."
    said = {name: number(work, results.median(work, name) or 0.0) for name in ranking}
    if ranking == [base]:
        return f"Only {base} was measured: {said[base]} {work.unit}."
    if ranking[0] == base:
        return f"**{base} wins**: {said[base]} {work.unit}; next is {ranking[1]} with {said[ranking[1]]}."
    place = f"{ranking.index(base) + 1} of {len(ranking)}"
    return f"**{ranking[0]} wins**: {said[ranking[0]]} {work.unit}; {base} has {said[base]}, place {place}."


def of_targets(results: Results) -> str:
    """A row for each target: what was reached beside what was to be reached."""
    rows = [row for work in results.works for row in _targets(results, work)]
    return table(["", results.base(), "compared with", "its figure", "reached", "target", ""], rows)


def _targets(results: Results, work: Work) -> Iterator[list[str]]:
    title, base = f"{work.number}. {work.title} ({work.unit})", results.base()
    ours = results.median(work, base)
    if work.limit is not None and ours is not None:
        yield [title, number(work, ours), "", "", number(work, ours), f"≤ {work.limit:g}", _met(ours <= work.limit)]
    for name, wanted in work.ratios.items():
        theirs, ratios = results.median(work, name), results.ratios(work, name)
        if ours is not None and theirs is not None and ratios:
            ratio = statistics.median(ratios)
            yield [
                title,
                number(work, ours),
                name,
                number(work, theirs),
                f"{ratio:.3f}",
                *_judged(work, ratio, wanted),
            ]


def of_servers(results: Results) -> str:
    """Who was compared: version, dialect, command."""
    rows = [[server.name, server.version, server.dialect, f"`{server.shown()}`"] for server in results.servers]
    return table(["", "version", "dialect", "command"], rows, words=4)


def missing(results: Results) -> list[str]:
    """Who was not, as it is not installed."""
    return [f"\nNot installed here, so not compared: {', '.join(results.missing)}."] if results.missing else []


def everything(results: Results) -> str:
    """All tables, as they are printed at the end of a run."""
    parts: list[str] = []
    for work in results.works:
        parts += [
            f"{work.number}. {work.title}",
            of_work(results, work),
            "",
            *behind(results, work),
            *absent(results, work),
            "",
        ]
    if costs(results.works):
        parts += ["9. CPU seconds of the server for a million messages", of_costs(results)]
    return "\n".join(parts)
