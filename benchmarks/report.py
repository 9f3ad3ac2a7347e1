"""RESULTS.md and its plots, made of the results and of what NOTES.md says about them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.measure import generator
from benchmarks.results import Results
from benchmarks.servers import HERE, LIFTED, Failed
from benchmarks.works import Work, costs

#: The load average above which a machine is called busy.
IDLE = 0.3
HEAD = """# Results

Written by `{command}`, which does all of this again; [README.md](README.md) says how, and what the
servers are. By hand is only the last section, from [NOTES.md](NOTES.md).

"""
HOW = """
Each server was started afresh for each load, alone, and all took their turns within a round, in another order in each.
Rounds: {pace.rounds}, of each load {pace.seconds:g} s after {pace.warm_up:g} s of warming up. A figure is the median of
the rounds; a ratio is the median of the rounds' own ratios, with the smallest and the largest; where less is better, a
ratio below 1 is in {base}'s favour. lanchat ran with its text log, and without the limits that the others have
switched off too: {limits}.
"""
BUSY = """**The machine was busy with other things when this began: take the figures with care.**
"""
SMALL = """
**This was the short form: few users, for a moment, all servers at the same time. It shows that everything works; its figures
mean nothing.**
"""


def write(results: Results, directory: Path) -> None:
    """RESULTS.md and two plots. Raises `Failed` when matplotlib is not installed."""
    plots = {"works.png": [work for work in results.works if work.more], "cpu.png": costs(results.works)}
    drawn = {name: works for name, works in plots.items() if works}
    for name, works in drawn.items():
        _plot(results, works, directory / name)
    (directory / "RESULTS.md").write_text("\n".join(_sections(results, drawn)))


def _sections(results: Results, plots: dict[str, list[Work]]) -> list[str]:
    sections = [
        *_head(results),
        "## What was to be reached\n",
        tables.of_targets(results),
        "",
        *(f"![{_unit(works[0])} of each server]({name})\n" for name, works in plots.items()),
    ]
    for work in results.works:
        sections += _of_work(results, work)
    if costs(results.works):
        sections += ["## 9. CPU seconds of the server for a million messages\n", tables.of_costs(results), ""]
    sections += ["## The servers\n", tables.of_servers(results), *tables.missing(results), ""]
    return [*sections, (HERE / "NOTES.md").read_text()]


def _head(results: Results) -> Iterator[str]:
    """What was done, on what, and how."""
    pace, machine = results.pace, results.machine
    yield HEAD.format(command=results.command) + tables.table(
        ["", ""], [[name, said] for name, said in machine.items()], words=2
    )
    if pace.at_once > 1:
        yield SMALL
    else:
        yield HOW.format(base=results.base(), pace=pace, limits=", ".join(LIFTED))
    if busy(machine):
        yield BUSY


def busy(machine: dict[str, str]) -> bool:
    """Whether it had other things to do when the measuring began."""
    return float(machine.get("load before", "0").split()[0]) > IDLE


def _of_work(results: Results, work: Work) -> list[str]:
    server = results.servers[0]
    command = " ".join(["load", *generator(server, work.load, results.pace)])
    remarks = [f"{remark}\n" for remark in [*tables.behind(results, work), *tables.absent(results, work)]]
    return [
        f"## {work.number}. {work.title}\n",
        f"{tables.verdict(results, work)} For {server.name} `{command}`.\n",
        tables.of_work(results, work),
        "",
        *remarks,
    ]


def _unit(work: Work) -> str:
    return work.unit if work.more else "CPU seconds for a million messages"


def _plot(results: Results, works: list[Work], path: Path) -> None:
    """A panel for each work, a bar for each server; a thin line shows the smallest and the largest figure."""
    figure, panels = pyplot().subplots(1, len(works), figsize=(3.2 * len(works), 3.2), squeeze=False)
    for work, panel in zip(works, panels[0], strict=True):
        names = results.ranking(work)[::-1]
        medians = [results.median(work, name) or 0.0 for name in names]
        spans = [results.by_round(work, name).values() for name in names]
        below = [median - min(span) for median, span in zip(medians, spans, strict=True)]
        above = [max(span) - median for median, span in zip(medians, spans, strict=True)]
        colours = ["tab:orange" if name == results.base() else "tab:gray" for name in names]
        panel.barh(names, medians, xerr=[below, above], color=colours, error_kw={"elinewidth": 1})
        panel.set_title(f"{work.number}. {work.title}", fontsize=8)
        panel.set_xlabel(_unit(work), fontsize=8)
        panel.tick_params(labelsize=7)
        panel.locator_params(axis="x", nbins=4)
    figure.tight_layout()
    figure.savefig(path, dpi=100)


def pyplot() -> Any:
    """What draws, without a screen. Raises `Failed` when matplotlib is not installed, which one wants to know early."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 (only the report needs it)
        from matplotlib import pyplot as drawing  # noqa: PLC0415
    except ImportError:
        raise Failed("the plots need matplotlib: pip install '.[plot]', or pip install matplotlib") from None
    mpl.use("agg")
    return drawing
