"""`python -m benchmarks.dashboard`: a picture of what the dashboard shows, from a real server, looked at each second.

People come and talk (`lanchat-stress`), and go. After a third of the time there is a room as well, in which much is said, and
all of it is stored; after a while one of its readers reads nothing more, until it is closed.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from prometheus_client import parser

from benchmarks.servers import ROOT, Failed, checkout, free_port, running
from lanchat.protocol.limits import LIMITS

#: Users of lanchat-stress, readers of the room, and words that are said there in a second.
USERS, READERS, WORDS = 200, 20, 200
WORD = "x" * 400
#: How a program starts the load tool of the same installation.
STRESS = "from lanchat.stress.main import main; raise SystemExit(main())"
#: The limit that comparisons lift, and that is to be seen here.
LIMIT = ("--limit", f"outbox={LIMITS['outbox'].default:g}")
#: Seconds to look at.
SECONDS = 90
PICTURE = ROOT / "docs" / "pictures" / "dashboard.png"

#: All samples of one look, by name and labels, and when that was.
Look = dict[str, float]


class Panel(NamedTuple):
    """One of the pictures: its lines, each with the metrics that it adds up."""

    title: str
    lines: dict[str, str]
    #: Whether it is about what came since the look before, a second; and what a unit of it is.
    rate: bool = False
    unit: float = 1.0


OF = "lanchat_"
PANELS = [
    Panel("sessions", {"all": f"{OF}sessions"}),
    Panel("packets a second", {"received": f"{OF}packets_received_total", "sent": f"{OF}packets_sent_total"}, rate=True),
    Panel(
        "messages a second",
        {"relayed": "lanchat_messages_relayed_total", "delivered": "lanchat_messages_delivered_total"},
        rate=True,
    ),
    Panel("held up, KiB", {"waits for who reads slowly": f"{OF}held_up_bytes"}, unit=1024),
    Panel("commits a second", {"done": f"{OF}log_commit_seconds_count"}, rate=True),
    Panel("waits to be stored", {"messages": f"{OF}log_waiting"}),
    Panel(
        "cores",
        {"all threads": "process_cpu_seconds_total", "the reactor serves": "lanchat_reactor_turn_seconds_sum"},
        rate=True,
    ),
    Panel("memory, MiB", {"resident": "process_resident_memory_bytes"}, unit=2**20),
]
#: Histograms: half, and nearly all, took no longer (milliseconds).
TIMES = {"a commit, ms": "lanchat_log_commit_seconds", "a turn of the reactor, ms": "lanchat_reactor_turn_seconds"}


def wait_for(port: int) -> None:
    """Wait until somebody listens there. Raises `Failed`."""
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if not probe.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.02)
    raise Failed("nobody listens at --web")


def look(port: int) -> Look:
    """What the server says of itself now."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    samples = [sample for metric in parser.text_string_to_metric_families(text) for sample in metric.samples]
    return {"time": time.monotonic()} | {
        f"{sample.name}{json.dumps(sample.labels) if sample.labels else ''}": sample.value for sample in samples
    }


def line(to: str, msg: str = "") -> bytes:
    """A packet."""
    return json.dumps({"from": {"name": "", "ip": ""}, "to": to, "msg": msg}).encode() + b"\n"


@contextlib.contextmanager
def room(port: int) -> Iterator[list[socket.socket]]:
    """Readers of a room; the first has made it."""
    with contextlib.ExitStack() as opened:
        readers = [opened.enter_context(_connected(port)) for _ in range(READERS)]
        for number, reader in enumerate(readers):
            reader.sendall(f"reader{number}\n".encode())
        _await(readers[0], "/register", "correct horse battery", "your account")
        _await(readers[0], "/create", "#work", "#work")
        for reader in readers[1:]:
            reader.sendall(line("/join", "#work"))
        for reader in readers:
            reader.setblocking(False)
        yield readers


def _connected(port: int) -> socket.socket:
    one = socket.socket()
    one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)  # or the system would take megabytes for who does not read
    one.settimeout(10)
    one.connect(("127.0.0.1", port))
    return one


def _await(one: socket.socket, to: str, msg: str, answer: str) -> None:
    one.sendall(line(to, msg))
    heard = b""
    while answer.encode() not in heard:
        heard += one.recv(65536)


def talk(port: int, seconds: float) -> None:
    """Say so many words a second in the room, while all read; in the second half one does not."""
    with room(port) as readers:
        end = time.monotonic() + seconds
        while (left := end - time.monotonic()) > 0:
            readers[1 + int(left * 1000) % (READERS - 2)].sendall(line("#work", WORD))
            for reader in readers[: READERS if left > seconds / 2 else READERS - 1]:
                with contextlib.suppress(BlockingIOError):
                    reader.recv(1 << 20)
            time.sleep(1 / WORDS)


def looks(seconds: float) -> list[Look]:
    """Start a server, put the load on it, and look each second. Raises `Failed`."""
    web, server = free_port(), checkout("lanchat", ROOT)
    server = msgspec.structs.replace(server, plain=[*server.plain, "--web", str(web), *LIMIT])
    with tempfile.TemporaryDirectory() as directory, running(server, Path(directory)) as (_, port):
        stress = [sys.executable, "-c", STRESS, "stress", "-s", f"127.0.0.1:{port}", "-b", str(USERS), "--rate", "2"]
        wait_for(web)
        found = [look(web)]
        talking = threading.Timer(seconds / 3, talk, (port, seconds / 2))
        talking.start()
        with subprocess.Popen([*stress, "--for", f"{seconds * 0.6:.0f}"], stdout=subprocess.DEVNULL) as process:  # noqa: S603 (ours)
            while len(found) < seconds:
                time.sleep(max(0.0, found[-1]["time"] + 1 - time.monotonic()))
                found.append(look(web))
            process.terminate()
        talking.join()
    return found


def values(found: list[Look], name: str, rate: bool) -> list[float]:
    """A line of a panel: at each look, or what came from one to the next, a second."""
    sums = [sum(value for key, value in each.items() if key.split("{")[0] == name) for each in found]
    if not rate:
        return sums[1:]
    times = [each["time"] for each in found]
    return [(b - a) / (after - before) for (a, b), (before, after) in zip(pairwise(sums), pairwise(times), strict=True)]


def quantile(before: Look, after: Look, name: str, part: float) -> float:
    """Within how many milliseconds this part of what came between two looks was done: the bound that holds, or NaN."""
    bounds = {key: value - before[key] for key, value in after.items() if key.startswith(f"{name}_bucket")}
    total = bounds.get(f'{name}_bucket{{"le": "+Inf"}}', 0.0)
    for key, count in bounds.items():
        if total and count >= part * total:
            return float(json.loads(key[len(name) + len("_bucket") :])["le"]) * 1000
    return float("nan")


def draw(found: list[Look], file: Path) -> None:
    """All panels in one picture. Raises `ImportError` without matplotlib, and `OSError`."""
    from matplotlib.figure import Figure  # noqa: PLC0415 (an extra, and slow to import)

    figure = Figure(figsize=(13, 6), layout="constrained")
    axes: Any = figure.subplots(2, 5).flat
    seconds = [each["time"] - found[0]["time"] for each in found[1:]]
    for panel in PANELS:
        axis = next(axes)
        axis.set_title(panel.title, fontsize=10)
        for label, name in panel.lines.items():
            axis.plot(seconds, [value / panel.unit for value in values(found, name, panel.rate)], lw=1, label=label)
        _finish(axis)
    for title, name in TIMES.items():
        axis = next(axes)
        axis.set_title(title, fontsize=10)
        for part, label in ((0.5, "half within"), (0.99, "99 % within")):
            axis.plot(seconds, [quantile(*pair, name, part) for pair in pairwise(found)], lw=1, label=label)
        _finish(axis)
    file.parent.mkdir(exist_ok=True)
    figure.savefig(file, dpi=90)


def _finish(axis: Any) -> None:
    axis.set_ylim(bottom=0)
    axis.grid(alpha=0.3)
    axis.tick_params(labelsize=8)
    axis.legend(fontsize=7)


def main(arguments: list[str] | None = None) -> int:
    """Look, keep the figures if that is asked for, and draw; 1 when the server could not be started."""
    reads = argparse.ArgumentParser(prog="python -m benchmarks.dashboard", description="Draw what a dashboard shows of a load.")
    reads.add_argument("--seconds", type=int, default=SECONDS, help=f"how long to look [default: {SECONDS}]")
    reads.add_argument("--picture", type=Path, default=PICTURE, help="the picture (PNG) [default: docs/pictures/dashboard.png]")
    reads.add_argument("--json", type=Path, help="keep all that was looked at")
    asked = reads.parse_args(arguments)
    try:
        found = looks(asked.seconds)
    except Failed as failed:
        sys.stderr.write(f"{failed}\n")
        return 1
    if asked.json:
        asked.json.write_text(json.dumps(found))
    draw(found, asked.picture)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
