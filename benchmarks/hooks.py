"""`python -m benchmarks.hooks`: how long programs wait until what they post to webhooks is stored and answered."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import sqlite3
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import alone, command, tables
from benchmarks.crowd import cpu
from benchmarks.measure import Outcome, Pace
from benchmarks.servers import ROOT, Failed, Server, cores, pinned
from benchmarks.works import Load

#: Posts a second, webhooks that they go to in turn, people who read along, and connections that are kept open for them.
RATE, HOOKS, READERS, CONNECTIONS = 500, 50, 20, 50
#: The target: how many milliseconds 99 of 100 posts may take.
MOST = 50.0
#: Seconds that anything may take.
PATIENCE = 60.0
#: So many requests are made on one connection, which is what the server allows.
REQUESTS = 99
OPTIONS = ("hook-posts=off", "requests=off", "opens=off", "hooks=off", "packets=off")
KEPT, NEW = "connections that are kept", "a connection for each"
NOTES = f"""
{RATE} posts a second, each due at its own time, go in turn to {HOOKS} webhooks of a room in which {READERS} people read along.
They are what Alertmanager posts for one alert (its own webhook) and texts of curl, half and half. A post takes from when it was
due to when its answer was read: by then it was read, stored, synced (`synchronous=FULL`) and shown to the people. At the end it
is counted in the database: each answer `ok` is a message. The server has one core, its writing thread included, and the
generator the other. With connections that are kept there are {CONNECTIONS}, and each takes {REQUESTS} posts; otherwise each
post opens one, as curl in a script does. Times are medians of the rounds. On a busy machine they tell of its other programs:
of what these leave of the cores, and of the disk that they sync, too.
"""
_ALERT = {
    "version": "4",
    "status": "firing",
    "receiver": "lanchat",
    "groupLabels": {"alertname": "DiskFilling"},
    "commonLabels": {"alertname": "DiskFilling", "severity": "warning"},
    "commonAnnotations": {},
    "externalURL": "http://alerts.lan:9093",
}


class Post(NamedTuple):
    """One post, and what became of it."""

    #: Milliseconds from when it was due to the end of its answer.
    took: float
    answer: bytes


def run(asked: argparse.Namespace, server: Server) -> list[Outcome]:
    """Measure both ways in turns."""
    pace, outcomes = command.pace(asked), list[Outcome]()
    rate = RATE // 10 if asked.short else RATE
    tell = command.progress(2 * pace.rounds)
    for number in range(pace.rounds):
        for way in (KEPT, NEW) if number % 2 == 0 else (NEW, KEPT):
            load = Load(way, users=HOOKS, rate=rate)
            try:
                outcome = Outcome(number, server.name, load, _measure(way, rate, pace))
            except (Failed, OSError, subprocess.SubprocessError) as failed:
                outcome = Outcome(number, server.name, load, failure=str(failed) or type(failed).__name__)
            outcomes.append(outcome)
            tell(outcome)
    return outcomes


def _measure(way: str, rate: int, pace: Pace) -> dict[str, float]:
    """The figures of one round. Raises `Failed`."""
    with tempfile.TemporaryDirectory() as name:
        directory, (ours, theirs) = Path(name), cores()
        process = _start(directory, ours)
        usable = os.sched_getaffinity(0)
        os.sched_setaffinity(0, usable if theirs is None else {theirs})
        try:
            ports = _ports(directory, process)
            paths, people = _prepare(ports["json"])
            before = cpu(process.pid)
            posts = asyncio.run(_post(way, ports["browsers"], paths, rate, pace.seconds + pace.warm_up))
            used = cpu(process.pid) - before
            for person in people:
                person.leave()
        finally:
            os.sched_setaffinity(0, usable)
            process.terminate()
            process.wait(PATIENCE)
        kept = posts[round(rate * pace.warm_up) :]
        stored = _stored(directory)
    if any(not post.answer.endswith(b"\r\n\r\nok") for post in posts):
        raise Failed(f"a post was answered {next(p.answer for p in posts if not p.answer.endswith(b'ok'))[:300]!r}")
    if stored != len(posts):
        raise Failed(f"{len(posts)} posts were answered with ok, and {stored} are stored")
    times = sorted(post.took for post in kept)
    shares = {"p50_ms": times[len(times) // 2], "p99_ms": times[len(times) * 99 // 100], "most_ms": times[-1]}
    return {"posts": len(posts), "cpu_us": used / len(posts) * 1e6, **shares}


def _start(directory: Path, core: int | None) -> subprocess.Popen[bytes]:
    """A server, which logs into the directory."""
    options = ["--port", "tcp:0:interface=127.0.0.1", "--http", "tcp:0:interface=127.0.0.1", "--data", str(directory / "data")]
    options += [word for option in OPTIONS for word in ("--limit", option)]
    words = pinned(core, [str(Path(sys.executable).parent / "twistd"), "-n", "--pidfile=", "lanchat", *options])
    with (directory / "log").open("wb") as log:
        return subprocess.Popen(words, cwd=ROOT, stdout=log, stderr=log)  # noqa: S603 (ours)


def _ports(directory: Path, process: subprocess.Popen[bytes]) -> dict[str, int]:
    """The ports of the server, when it listens. Raises `Failed`."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        words = [line.split() for line in (directory / "log").read_text().splitlines() if "listening for " in line]
        found = {line[line.index("for") + 1]: int(line[-1].rpartition(":")[2]) for line in words}
        if len(found) == 2:
            return found
        time.sleep(0.05)
    raise Failed(f"the server did not start: {(directory / 'log').read_text()[-300:]}")


class _Person:
    """Somebody at the JSON port."""

    def __init__(self, port: int, name: str) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), PATIENCE)
        self._lines = self._socket.makefile("rb")
        self._socket.sendall(name.encode() + b"\n")
        self.ask("/hello", "bench", v=1, caps=["id", "ack", "room"])

    def leave(self) -> None:
        """Hang up."""
        self._lines.close()
        self._socket.close()

    def ask(self, to: str, msg: str, **x: Any) -> dict[str, Any]:
        """Give a command; the data of its answer."""
        packet = {"from": {"name": "", "ip": ""}, "to": to, "msg": msg, "x": {"cid": to, **x}}
        self._socket.sendall(json.dumps(packet).encode() + b"\n")
        for line in self._lines:
            answer: dict[str, Any] = json.loads(line).get("x", {})
            if answer.get("cid") == to or answer.get("op") == "welcome":
                if answer["op"] == "fail":
                    raise Failed(f"{to} {msg}: {line.decode()}")
                return answer
        raise Failed(f"no answer to {to}")


def _prepare(port: int) -> tuple[list[str], list[_Person]]:
    """Make the room, its webhooks, whose paths are returned, and who is in it.

    They read nothing more: what they are shown waits in the system's buffers, or is left out, and is written all the same.
    """
    owner = _Person(port, "owner")
    owner.ask("/register", "a long password")
    owner.ask("/create", "#ops")
    people = [_Person(port, f"reader{number}") for number in range(READERS)]
    for person in people:
        person.ask("/join", "#ops")
    paths = ["/" + owner.ask("/hook", f"add hook{n} #ops")["hooks"][0]["url"].split("/", 3)[3] for n in range(HOOKS)]
    return paths, [owner, *people]


async def _post(way: str, port: int, paths: list[str], rate: int, seconds: float) -> list[Post]:
    """Post at this rate; what became of each post, in order."""
    connections: asyncio.Queue[_Connection] = asyncio.Queue()
    for _ in range(CONNECTIONS if way == KEPT else 0):
        connections.put_nowait(_Connection(port))

    async def once(number: int, due: float) -> Post:
        request = _request(number, paths[number % len(paths)], way == KEPT)
        if way == KEPT:
            connection = await connections.get()
            answer = await connection.ask(request)
            connections.put_nowait(connection)
        else:
            answer = await _Connection(port).ask(request, last=True)
        return Post((time.monotonic() - due) * 1000, answer)

    began, posts = time.monotonic() + 0.2, list[Awaitable[Post]]()
    for number in range(round(rate * seconds)):
        due = began + number / rate
        if (wait := due - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        posts.append(asyncio.create_task(once(number, due)))
    return list(await asyncio.wait_for(asyncio.gather(*posts), PATIENCE))


class _Connection:
    """A connection to the server's port for HTTP, which is opened anew after `REQUESTS`."""

    def __init__(self, port: int) -> None:
        self._port, self._left = port, 0
        self._reader: asyncio.StreamReader
        self._writer: asyncio.StreamWriter

    async def ask(self, request: bytes, last: bool = False) -> bytes:
        """Send a request; the whole answer."""
        if not self._left:
            self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
            self._left = REQUESTS
        self._left -= 1
        self._writer.write(request)
        head = await self._reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        answer = head + await self._reader.readexactly(length)
        if last or not self._left:
            self._left = 0
            self._writer.close()
        return answer


def _request(number: int, path: str, kept: bool) -> bytes:
    """A post with what Alertmanager sends, or a text."""
    labels = {"alertname": "DiskFilling", "instance": f"db{number}", "severity": "warning"}
    told = {"summary": f"The disk of db{number} is full in four hours", "description": "91 % are used. " * 4}
    alert = {
        "status": "firing",
        "labels": labels,
        "annotations": told,
        "startsAt": "2026-11-30T12:00:00Z",
        "fingerprint": f"{number:x}",
    }
    body = json.dumps({**_ALERT, "alerts": [alert]}).encode() if number % 2 else f"build {number} is done\n".encode()
    kind = "application/json" if number % 2 else "application/x-www-form-urlencoded"
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
    return (head + ("" if kept else "Connection: close\r\n") + "\r\n").encode() + body


def _stored(directory: Path) -> int:
    """How many messages of webhooks are in the database."""
    with sqlite3.connect(directory / "data" / "lanchat.db") as connection:
        return int(connection.execute("SELECT count(*) FROM log WHERE kind = 'bot'").fetchone()[0])


def table(results: alone.Results) -> str:
    """A row for each way: the medians of the rounds, and the worst p99."""
    rows = []
    for way in (KEPT, NEW):
        rounds = [outcome.figures for outcome in results.outcomes if outcome.load.work == way]
        worst = max(figures["p99_ms"] for figures in rounds)
        reached = statistics.median(figures["p99_ms"] for figures in rounds)
        middle = [f"{statistics.median(figures[name] for figures in rounds):.1f}" for name in ("p50_ms", "p99_ms")]
        most = f"{max(figures['most_ms'] for figures in rounds):.1f}"
        used = f"{statistics.median(figures['cpu_us'] for figures in rounds):.0f}"
        rows.append([way, *middle, f"{worst:.1f}", most, used, f"≤ {MOST:g}", "met" if reached <= MOST else "not met"])
    head = ["", "p50, ms", "p99, ms", "worst p99, ms", "longest, ms", "CPU of a post, µs", "target of p99", ""]
    return tables.table(head, rows)


TRIAL = alone.Trial(
    program="python -m benchmarks.hooks",
    about="Measure how long programs wait for the answer to what they post to webhooks.",
    title="Webhooks",
    file="HOOKS",
    notes=NOTES,
    rounds=5,
    measure=run,
    table=table,
)

if __name__ == "__main__":
    sys.exit(TRIAL.main(sys.argv[1:]))
