"""A long run against a real server: `python -m tests.soak --minutes 30 --json out.json`.

Some hundred clients of every kind come, talk and leave in every way, at a moderate load, while the server's memory and
descriptors are written down. Exits with 1 if a message between two that stayed was lost, if an acknowledgement did not
come, if descriptors or names were left behind, or if the server logged a traceback. Real time is the point of it, so
it is not collected by pytest.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import re
import socket
import struct
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.live import Server, line

KINDS = ("classic", "unframed", "capable", "telnet")
WAYS = ("quit", "close", "reset", "half-close")
COMMANDS = ("/help", "/list", "/time", "/standard", "/nonsense")
BAD = (b"junk", b"[]", b'{"from":1}', b"\xff\xfe", b'{"to":"x","msg":"y","from":{}}')
#: Seconds between two records, and after which a message that did not come is lost.
EVERY, LOST_AFTER = 5.0, 30.0
#: Seconds of one step of the load.
STEP = 0.05
#: What is said to everyone: a share of all that is said. Each costs as much as there are users.
TO_EVERYONE = 0.015

_PRIVATE_OR_NOT = re.compile(r"([^\s:]+)(?: \(private\))?: (.*)")
_NUMBER = re.compile(r"(?:\(1/\d+\) )?m(\d+)-")
_PAGE = os.sysconf("SC_CLK_TCK")


class Process:
    """What the system tells of the server's process."""

    def __init__(self, pid: int) -> None:
        self._proc = Path("/proc") / str(pid)

    def rss(self) -> int:
        """Resident memory, in KiB."""
        found = re.search(r"VmRSS:\s+(\d+) kB", (self._proc / "status").read_text())
        assert found, "the server is gone"
        return int(found[1])

    def descriptors(self) -> int:
        """Open descriptors."""
        return len(list((self._proc / "fd").iterdir()))

    def cpu(self) -> float:
        """Seconds of processor time so far."""
        fields = (self._proc / "stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _PAGE


class Client:
    """One client of some kind, from its connection to its end."""

    def __init__(self, soak: Soak, kind: str, name: str) -> None:
        self.soak, self.kind, self.name = soak, kind, name
        self.here = False
        #: Messages that must come, and acknowledgements: the number, and when it was sent.
        self.awaited: dict[int, float] = {}
        self.acks: dict[int, float] = {}
        self._last: dict[str, int] = {}  # by sender, the number last seen: each sender's come in order, and once

    async def live(self) -> None:
        """Connect, ask for the name, and read until the end."""
        try:
            port = self.soak.ports["telnet" if self.kind == "telnet" else "json"]
            reader, self.writer = await asyncio.open_connection("127.0.0.1", port)
            self.soak.count["connections"] += 1
            self.writer.write(self._opening())
            while data := await reader.readline():
                self._read(data)
        except ConnectionError:
            self.soak.count["connections reset"] += 1
        finally:
            self.soak.count["cut off by the server"] += self.here  # who leaves is not here any more
            self.gone()
            if hasattr(self, "writer"):
                self.writer.close()

    def say(self, to: Client | None, number: int, text: str) -> None:
        """Say something to somebody, or to everyone."""
        if self.kind == "telnet":
            self._write(f"/pm {to.name} {text}\n" if to else f"{text}\n")
        else:
            self.write(to.name if to else "Everyone", text, str(number))
            if self.kind == "capable":
                self.acks[number] = time.monotonic()

    def write(self, to: str, msg: str = "", cid: str = "") -> None:
        """Send a packet, or what a person would type for it."""
        if self.kind == "telnet":
            self._write(f"{to} {msg}\n")
        elif self.kind == "capable" and cid:
            self._write(line(to, msg, cid=cid))
        else:
            packet = line(to, msg)
            self._write(packet.strip() if self.kind == "unframed" else packet)

    def misbehave(self) -> None:
        """Send what is no packet."""
        bad = self.soak.random.choice(BAD)
        self._write(bad + line("/time").strip() if self.kind == "unframed" else bad + b"\n")

    def leave(self, way: str) -> None:
        """Begin to leave; what was sent to this client is not awaited any more."""
        self.gone()
        self.soak.count[f"left by {way}"] += 1
        if way in ("close", "reset"):
            # What it said last may be lost with the connection.
            self.soak.forgive(self.name)
        if way == "quit":
            self.write("/quit", "bye")
        elif way == "half-close":
            self.writer.write_eof()
        elif way == "close":
            self.writer.close()
        else:
            linger = struct.pack("ii", 1, 0)
            self.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.writer.transport.abort()

    def gone(self) -> None:
        """Nothing is awaited any more."""
        self.here = False
        self.soak.here.pop(self.name, None)
        self.awaited.clear()
        self.acks.clear()

    def _write(self, data: str | bytes) -> None:
        self.writer.write(data.encode() if isinstance(data, str) else data)

    def _opening(self) -> bytes:
        if self.kind == "capable":
            return self.name.encode() + b"\n" + line("/hello", "lanchat", v=1, caps=["id", "ack", "presence"])
        if self.kind == "unframed":
            return self.name.encode() + self.soak.random.choice((b"", line("/time").strip()))
        return self.name.encode() + b"\n"

    def _read(self, data: bytes) -> None:
        self.soak.count["packets received"] += 1
        text = data.decode()
        if self.kind == "telnet":
            found = _PRIVATE_OR_NOT.match(text)
            sender, msg, x = (found[1], found[2], {}) if found else ("SERVER", text, {})
        else:
            packet: dict[str, Any] = json.loads(text)
            sender, msg, x = packet["from"]["name"], packet["msg"], packet.get("x", {})
            self.soak.count["x shown to a classic client"] += self.kind != "capable" and "x" in packet
            self.soak.count["too long for one recv"] += self.kind == "unframed" and len(data) > 1024
        if x.get("op") == "ack":
            self.acks.pop(int(x["cid"]), None)
        elif sender == "SERVER" and not self.here and "Welcome" in msg:
            self.here = True
            self.soak.here[self.name] = self
        elif found := _NUMBER.match(msg):
            self._heard(sender, int(found[1]))

    def _heard(self, sender: str, number: int) -> None:
        self.soak.count["messages received"] += 1
        self.soak.count["twice or out of order"] += number <= self._last.get(sender, 0)
        self._last[sender] = number
        self.awaited.pop(number, None)


class Soak:
    """The run: who is here, what was said, what was seen."""

    def __init__(self, options: argparse.Namespace, server: Server) -> None:
        self.options = options
        self.server = server
        self.process = Process(server.process.pid)
        self.ports = dict(server.listening())
        self.random = random.Random(options.seed)  # noqa: S311 (this is no secret)
        self.here: dict[str, Client] = {}
        self.count: Counter[str] = Counter()
        self.records: list[dict[str, float]] = []
        self._senders: dict[int, str] = {}  # of the messages of the last seconds
        self._numbers = 0
        self._names = 0
        self._lives: set[asyncio.Task[None]] = set()
        self._start = time.monotonic()

    async def run(self) -> dict[str, Any]:
        """All of it; the report."""
        await self._only_one()  # what is opened at first use is open from here on
        await asyncio.sleep(1)
        descriptors = self.process.descriptors()
        self._start = time.monotonic()
        first = self._record()
        await self._load()
        await self._last_words()
        for _ in range(20):  # some were only coming, and are welcomed while the others leave
            for client in list(self.here.values()):
                client.leave(self.random.choice(WAYS))
            await asyncio.sleep(0.1)
        await self._settle(descriptors)
        alone = await self._only_one()
        await self._settle(descriptors)
        last = self._record()
        return self._report(first, last, alone)

    def forgive(self, name: str) -> None:
        """This client's last messages may be lost with its connection."""
        forgiven = {number for number, sender in self._senders.items() if sender == name}
        for client in self.here.values():
            for number in forgiven & client.awaited.keys():
                del client.awaited[number]
                self.count["messages forgiven"] += 1

    async def _load(self) -> None:
        options = self.options
        end = self._start + options.minutes * 60
        due: Counter[str] = Counter()
        rates: list[tuple[str, float, Callable[[], None]]] = [
            ("go", options.churn, self._go),
            ("talk", options.rate, self._talk),
            ("command", options.rate / 10, self._command),
            ("bad", options.rate / 50, self._bad),
            ("stray", options.churn / 10, self._stray),
        ]
        before = next_record = time.monotonic()
        while (now := time.monotonic()) < end:
            for _ in range(min(10, options.users - len(self._lives))):
                self._come()
            for what, rate, do in rates:
                due[what] += rate * (now - before)  # type: ignore[assignment]  # a part of one is carried over
                while due[what] >= 1:
                    due[what] -= 1
                    do()
            before = now
            if now >= next_record:
                next_record = now + EVERY
                self._look()
            await asyncio.sleep(STEP)

    def _look(self, lost_after: float = LOST_AFTER) -> None:
        record = self._record()
        now = time.monotonic()
        for client in self.here.values():
            for what, awaited in (("messages lost", client.awaited), ("acknowledgements lost", client.acks)):
                for number in [number for number, sent in awaited.items() if now - sent > lost_after]:
                    del awaited[number]
                    self.count[what] += 1
        for number in [number for number in self._senders if number < self._numbers - 60 * self.options.rate]:
            del self._senders[number]
        if sys.stdout.isatty():
            sys.stdout.write(
                f"\r{record['seconds']:6.0f} s  {record['users']:4.0f} users  {record['rss']:7.0f} KiB  "
                f"{record['descriptors']:4.0f} fds  {self.count['messages received']} received  "
                f"{self.count['messages lost']} lost "
            )
            sys.stdout.flush()

    def _record(self) -> dict[str, float]:
        process = self.process
        record: dict[str, float] = {
            "seconds": round(time.monotonic() - self._start, 1),
            "rss": process.rss(),
            "descriptors": process.descriptors(),
            "cpu": process.cpu(),
            "users": len(self.here),
        }
        self.records.append(record)
        return record

    # What clients do.

    def _come(self) -> None:
        self._names += 1
        self._live(Client(self, KINDS[self._names % len(KINDS)], f"u{self._names}"))

    def _go(self) -> None:
        if self.here:
            self._someone().leave(self.random.choice(WAYS))

    def _talk(self) -> None:
        if len(self.here) < 2:
            return
        self._numbers += 1
        number, sender = self._numbers, self._someone()
        to = None if self.random.random() < TO_EVERYONE else self._someone()
        text = f"m{number}-" + "lorem \u00e9 ipsum " * (150 if self.random.random() < 0.01 else self.random.randrange(12))
        now = time.monotonic()
        for recipient in [to] if to else [client for client in self.here.values() if client is not sender]:
            recipient.awaited[number] = now
            self.count["messages awaited"] += 1
        self.count["messages sent"] += 1
        self._senders[number] = sender.name
        sender.say(to, number, text)

    def _command(self) -> None:
        if self.here:
            self._someone().write(self.random.choice(COMMANDS))
            self.count["commands"] += 1

    def _bad(self) -> None:
        if self.here:
            self._someone().misbehave()
            self.count["bad packets"] += 1

    def _stray(self) -> None:
        """Somebody who asks for a name that is taken, or for one that is none, and is turned away."""
        if self.here:
            name = self.random.choice([self._someone().name.upper(), "not a name", "SERVER"])
            self._live(Client(self, "classic", name))
            self.count["strays"] += 1

    def _someone(self) -> Client:
        return self.random.choice(list(self.here.values()))

    def _live(self, client: Client) -> None:
        life = asyncio.create_task(client.live())
        self._lives.add(life)
        life.add_done_callback(self._lives.discard)

    # The end.

    async def _last_words(self) -> None:
        """While everybody stays, what was said must come; what does not is lost."""
        for _ in range(round(LOST_AFTER / STEP)):
            if not any(client.awaited or client.acks for client in self.here.values()):
                break
            await asyncio.sleep(STEP)
        self._look(0)

    async def _settle(self, descriptors: int) -> None:
        """Wait until everybody is gone and the descriptors are what they were, for a while."""
        for _ in range(200):
            await asyncio.sleep(0.1)
            if not self._lives and self.process.descriptors() <= descriptors:
                return

    async def _only_one(self) -> bool:
        """Look in, as one user more: whether there is nobody else."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.ports["json"])
        writer.write(b"observer\n" + line("/quit"))
        welcome = (await reader.read()).decode()
        writer.close()
        return "You are the only active user!" in welcome

    def _report(self, first: dict[str, float], last: dict[str, float], alone: bool) -> dict[str, Any]:
        warm = [r for r in self.records[:-1] if r["seconds"] >= self._warm_up()] or [last]
        tracebacks = self.server.text().count("Traceback (most recent call last)")
        wrong = {
            name: self.count[name]
            for name in (
                "messages lost",
                "cut off by the server",
                "acknowledgements lost",
                "twice or out of order",
                "x shown to a classic client",
                "too long for one recv",
            )
        }
        wrong |= {
            "descriptors left": int(last["descriptors"] - first["descriptors"]),
            "users left": int(not alone),
            "tracebacks": tracebacks,
        }
        return {
            "seconds": last["seconds"],
            **{name: self.count[name] for name in sorted(self.count) if name not in wrong},
            "most users": max(r["users"] for r in self.records),
            "rss at start (KiB)": first["rss"],
            "rss after warm-up (KiB)": warm[0]["rss"],
            "rss at most (KiB)": max(r["rss"] for r in self.records),
            "rss at end (KiB)": last["rss"],
            "rss slope after warm-up (KiB/min)": round(slope([(r["seconds"] / 60, r["rss"]) for r in warm]), 2),
            "descriptors at start": first["descriptors"],
            "descriptors at most": max(r["descriptors"] for r in self.records),
            "descriptors at end": last["descriptors"],
            "server's cpu (%)": round(100 * (last["cpu"] - first["cpu"]) / max(last["seconds"], 1), 1),
            "wrong": wrong,
            "records": self.records,
        }

    def _warm_up(self) -> float:
        return min(180.0, float(self.options.minutes) * 60 / 5)


def slope(points: list[tuple[float, float]]) -> float:
    """The slope of the line with the least squares through these points."""
    x0 = sum(x for x, _ in points) / len(points)
    y0 = sum(y for _, y in points) / len(points)
    across = sum((x - x0) ** 2 for x, _ in points)
    return sum((x - x0) * (y - y0) for x, y in points) / across if across else 0.0


def main() -> int:
    """Run it, write the report, and say whether all was well."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--users", type=int, default=250, help="about so many at a time")
    parser.add_argument("--rate", type=float, default=300.0, help="messages a second")
    parser.add_argument("--churn", type=float, default=15.0, help="who go, and whose place others take, a second")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path, help="write the report with every record here")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory, Server(Path(directory)) as server:
        report = asyncio.run(Soak(options, server).run())
    if options.json:
        options.json.write_text(json.dumps(report, indent=1) + "\n")
    shown = {k: v for k, v in report.items() if k not in ("wrong", "records")} | report["wrong"]
    sys.stdout.write("\n" * sys.stdout.isatty() + "".join(f"{name:36}{value:>12}\n" for name, value in shown.items()))
    wrong = any(report["wrong"].values())
    sys.stdout.write("WRONG\n" if wrong else "all is well\n")
    return int(wrong)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        sys.exit(main())
