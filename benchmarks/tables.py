"""The results as Markdown tables, which read well on a terminal too."""

from __future__ import annotations

import statistics
from collections.abc import Iterator

from benchmarks.results import Results
from benchmarks.works import Work, costs


def table(head: list[str], rows: list[list[str]]) -> str:
    """A Markdown table with its columns aligned: the first to the left, numbers to the right."""
    widths = [max(3, *(len(row[i]) for row in [head, *rows])) for i in range(len(head))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [
        [cell.rjust(width) if i else cell.ljust(width) for i, (cell, width) in enumerate(zip(row, widths, strict=True))]
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
    return [*row, seen, "" if wanted is None else f"≥ {wanted:.2f}", "" if wanted is None else _met(ratio >= wanted)]


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


def absent(results: Results, work: Work) -> Iterator[str]:
    """Why servers are not in a work's table, a line for each reason."""
    for server in results.servers:
        if why := server.lacks(work.load):
            yield f"{server.name} is not here: {why}."
        elif results.median(work, server.name) is None:
            whys = [
                outcome.failure for outcome in results.failures() if (outcome.server, outcome.load) == (server.name, work.load)
            ]
            yield f"{server.name} failed: {whys[0]}"


def everything(results: Results) -> str:
    """All tables, as they are printed at the end of a run."""
    parts = []
    for work in results.works:
        parts += [f"{work.number}. {work.title}", of_work(results, work), *absent(results, work), ""]
    if costs(results.works):
        parts += ["9. CPU seconds of the server for a million messages", of_costs(results)]
    return "\n".join(parts)
