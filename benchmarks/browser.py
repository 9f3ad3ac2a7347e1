"""`python -m benchmarks.browser`: what browsers cost the server, beside TCP and Node, and what the page costs a browser."""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import msgspec

from benchmarks import command, page, report, tables
from benchmarks.measure import Outcome, generator, measure
from benchmarks.page import Figures, p95
from benchmarks.results import Results, machine
from benchmarks.servers import ROOT, Failed, Server, checkout, over_websocket, raise_file_limit, ws_relay
from benchmarks.works import Load, Work, small

PROGRAM = "python -m benchmarks.browser"
TCP, RELAY = "lanchat, TCP", "ws_relay"
#: Seconds before anything is measured: Node compiles meanwhile what runs often.
WARM_UP = 1.5
#: Connections that may be opening at the same time.
AT_ONCE = 100
ONE = Load("pairs", users=1000, hello=True)
DEEP = Load("pairs", users=100, window=64, hello=True)
SHOUT = Load("fan", users=1001, hello=True)
SHOUT_DEEP = Load("fan", users=1001, window=8, hello=True)
OPEN = Load("storm", users=1000, hello=True)
TWICE = {RELAY: 2.0}
WORKS = (
    Work(1, "CPU of a message, 500 pairs, 1 in flight each", ONE, "cpu_s_per_M", "µs", more=False, ratios={TCP: 1.6}, digits=2),
    Work(
        2, "CPU of a message, 50 pairs, 64 in flight each", DEEP, "cpu_s_per_M", "µs", more=False, ratios={TCP: 1.6}, digits=2
    ),
    Work(3, "CPU of a delivery, one shouts to 1,000", SHOUT, "cpu_s_per_M", "µs", more=False, ratios={TCP: 1.2}, digits=2),
    Work(4, "memory of a session", OPEN, "kb_per_conn", "KiB", more=False, limit=12, digits=2),
    Work(5, "memory of a session that has talked", ONE, "kb_at_end", "KiB", more=False, limit=12, digits=2),
    Work(6, "CPU of opening and hello", OPEN, "conn_cpu_us", "µs", more=False),
    Work(7, "500 pairs, 1 in flight each", ONE, "msgs_s", "messages/s", ratios=TWICE),
    Work(8, "50 pairs, 64 in flight each", DEEP, "msgs_s", "messages/s", ratios=TWICE),
    Work(9, "one shouts to 1,000, 1 in flight", SHOUT, "msgs_s", "messages/s", ratios=TWICE),
    Work(10, "one shouts to 1,000, 8 in flight", SHOUT_DEEP, "msgs_s", "messages/s", ratios=TWICE),
)
#: Messages in the room, first loads, and times that something is typed and that something comes.
WHOLE, SHORT = (10_000, 9, 200), (300, 1, 5)
#: Seconds in which the page must be measured.
PATIENCE = 2400
#: Runs what follows in a network that has the loopback and leads nowhere.
NOWHERE = ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", 'ip link set lo up && exec "$@"', "sh"]
HEAD = """# Browsers

Written by `{command}`, which does all of this again; [README.md](README.md) says how.

"""
SERVERS = """
## WebSocket beside TCP, and beside Node

All have said hello, so what they say gets an id and a time, and is acknowledged. `lanchat` is reached over WebSocket,
`{tcp}` over its port for programs, in the same rounds; `ws_relay` is [peers/ws_relay.mjs](peers/ws_relay.mjs), which is in the
same dialect and relays the same packets. Each server has one core, and the generator the other. A figure is the median of
{pace.rounds} rounds of {pace.seconds:g} s after {pace.warm_up:g} s of warming up, a ratio that of the rounds' own ratios. With
one message in flight each, every message is a call of the system to read it and others to write it and its acknowledgement,
which is most of what it takes either of them; with 64 in flight, what the program does with it is.
"""
PAGE = """
## The page

{engine}, with {network}. A first load is one with nothing in the browser from before, until the page asks for a name; bytes
are those from the network, with the heads of HTTP. The list has {messages:,} messages when one comes in, and is scrolled with a
wheel, {turn} px at a time, up to the first; in each frame it is looked at which rows there are, whether any is missing between
them, and whether they went as far as the wheel. Keys and new messages are timed when it has up to 400 rows, from the event as
the browser stamps it to behind the frame that paints it, which at 60 Hz takes up to 17 ms by itself.

"""


class Browsers(msgspec.Struct):
    """What was measured."""

    servers: Results
    page: Figures | None
    #: Why there is nothing about the page; "" if there is.
    no_page: str

    def failures(self) -> list[Outcome]:
        """What did not work."""
        return self.servers.failures()


def options(arguments: list[str]) -> argparse.Namespace:
    """What was asked for."""
    reads = command.parser(PROGRAM, "Measure what browsers cost.", rounds=5, written="BROWSER.md")
    parts = reads.add_mutually_exclusive_group()
    parts.add_argument("--only", choices=("servers", "page"), help="only this part")
    return reads.parse_args(arguments)


def run(asked: argparse.Namespace) -> Browsers:
    """Measure what was asked for."""
    raise_file_limit()
    before, pace = machine(), command.pace(asked)
    if not asked.short:
        pace = msgspec.structs.replace(pace, warm_up=WARM_UP)
    works = [] if asked.only == "page" else [small(work) if asked.short else work for work in WORKS]
    servers, missing = _servers()
    for name in missing if works else []:
        command.complain(f"{name} is left out: it needs Node and npm's ws, see benchmarks/README.md")
    loads = list(dict.fromkeys(work.load for work in works))
    outcomes = measure(servers, loads, pace, command.progress(len(loads) * len(servers) * pace.rounds))
    results = Results(command.typed(PROGRAM), before, pace, works, servers, missing, outcomes)
    if asked.only == "servers":
        return Browsers(results, None, "It was not asked for")
    try:
        return Browsers(results, _page(SHORT if asked.short else WHOLE), "")
    except Failed as failed:
        command.complain(f"the page is left out: {failed}")
        return Browsers(results, None, str(failed))


def _servers() -> tuple[list[Server], list[str]]:
    """What is compared, and what is not there."""
    tcp = msgspec.structs.replace(checkout("lanchat", ROOT), generator=["-C", str(AT_ONCE)])
    servers = [over_websocket(tcp), msgspec.structs.replace(tcp, name=TCP, tls=[])]
    if (relay := ws_relay()) is None:
        return servers, [RELAY]
    return [*servers, msgspec.structs.replace(relay, generator=tcp.generator)], []


def _page(much: tuple[int, int, int]) -> Figures:
    """Measure the page, in a network that leads nowhere where one can be made. Raises `Failed`."""
    measuring = [sys.executable, "-m", page.__name__, *map(str, much)]
    alone = shutil.which("unshare") and not subprocess.run([*NOWHERE, "true"], capture_output=True, check=False).returncode  # noqa: S603 (ours)
    command_line = [*NOWHERE, *measuring] if alone else measuring
    try:
        done = subprocess.run(  # noqa: S603 (ours)
            command_line, cwd=ROOT, env=os.environ, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
    except subprocess.TimeoutExpired:
        raise Failed(f"it was not done in {PATIENCE} s") from None
    if done.returncode:
        raise Failed((done.stderr.strip().splitlines() or ["it ended without a word"])[-1])
    return msgspec.json.decode(done.stdout, type=Figures)


def everything(results: Browsers) -> str:
    """All tables, as they are printed."""
    parts = [f"{work.number}. {work.title}\n{tables.of_work(results.servers, work)}\n" for work in results.servers.works]
    return "\n".join([*parts, of_page(results)])


def of_page(results: Browsers) -> str:
    """A row for each figure of the page, beside what it was to be."""
    if results.page is None:
        return f"The page was not measured. {results.no_page}."
    return tables.table(["", "reached", "", "target", ""], list(_rows(results.page)), words=1)


def _rows(found: Figures) -> Iterator[list[str]]:
    yield _row("first load", statistics.median(load.kilobytes for load in found.loads), "KB", 60, 1)
    yield ["requests of a first load", f"{statistics.median(load.requests for load in found.loads):g}", "", "", ""]
    yield _row("first paint", statistics.median(load.paint for load in found.loads) / 1000, "s", 0.2, 3)
    yield _row("rows in the page", found.rows, "", 450, 0)
    yield _row("heap", found.heap, "MB", 10, 1)
    yield ["key to paint, median", f"{statistics.median(found.keys):.0f}", "ms", "", ""]
    yield _row("key to paint, p95", p95(found.keys), "ms", 50, 0)
    yield ["arrival to paint, median", f"{statistics.median(found.appends):.0f}", "ms", "", ""]
    yield _row("arrival to paint, p95", p95(found.appends), "ms", 50, 0)
    all_there = found.messages + len(found.appends)
    yield _row("messages that were not seen while scrolling", all_there - found.seen, "", 0, 0)
    yield _row("gaps and jumps while scrolling", len(found.faults), "", 0, 0)
    yield ["times the list waited for older messages", f"{found.waits}", "", "", ""]
    yield ["from the newest message to the first", f"{found.scrolled:.0f}", "s", "", ""]
    yield _row("requests to another host", len(found.foreign), "", 0, 0)
    if found.packets is not None:
        yield _row("packets that had nowhere to go", found.packets, "", 0, 0)


def _row(title: str, reached: float, unit: str, most: float, digits: int) -> list[str]:
    return [title, f"{reached:,.{digits}f}", unit, f"≤ {most:g}", "met" if reached <= most else "not met"]


def write(results: Browsers, directory: Path) -> None:
    """BROWSER.md."""
    (directory / "BROWSER.md").write_text("\n".join(_sections(results)))


def _sections(results: Browsers) -> Iterator[str]:
    servers = results.servers
    facts = [*map(list, servers.machine.items())]
    facts += [[server.name, server.version] for server in servers.servers if server.name != TCP]
    yield HEAD.format(command=servers.command) + tables.table(["", ""], facts, words=2)
    if servers.pace.at_once > 1:
        yield report.SMALL
    elif report.busy(servers.machine):
        yield report.BUSY
    if servers.works:
        yield SERVERS.format(tcp=TCP, pace=servers.pace)
        yield tables.of_targets(servers)
        for work in servers.works:
            words = " ".join(["load", *generator(servers.servers[0], work.load, servers.pace)])
            yield f"\n### {work.number}. {work.title}\n\n`{words}`\n\n{tables.of_work(servers, work)}"
        yield from tables.missing(servers)
    if (found := results.page) is not None:
        network = "a network of its own that leads nowhere" if found.packets is not None else "the machine's network"
        yield (
            PAGE.format(engine=found.engine, network=network, messages=found.messages, turn=page.TURN) + of_page(results) + "\n"
        )
        yield from (f"* {fault}" for fault in dict.fromkeys(found.faults + found.foreign))
    else:
        yield f"\n{of_page(results)}\n"


def main(arguments: list[str]) -> int:
    """The command; its exit code."""
    return command.carry_out(options(arguments), Browsers, run, everything, write)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
