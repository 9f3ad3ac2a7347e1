"""Files on a server that is killed: each is whole or not there, and what was acknowledged is there.

`FileTrial` sends and withdraws files at a server that is killed at a given step (`files_victim`), again and again on the same
data, and looks after each kill: with the checker, at each file of a message, and, when the next server has started, at what
is left on the disk.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import closing, redirect_stdout
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from random import Random
from sqlite3 import connect
from typing import Any
from urllib.parse import urlsplit

from lanchat.admin.main import main as admin
from tests.faults.files_victim import STEPS, UPLOAD, WITHDRAWAL
from tests.live import LOOPBACK, PATIENCE, Server, until
from tests.webchat.sending import LOBBY, PNG, Person

ROOT = Path(__file__).parents[2]
#: The sizes of files, in bytes: some that are one piece, and some that are many.
SIZES = (1, 1000, 262_144, 1_000_000, 3_000_000)
OPTIONS = ("--port", LOOPBACK, "--http", LOOPBACK, "--lobby", LOBBY, "--limit", "opens=off")


class FileTrial:
    """One data directory, and the servers that are killed on it."""

    def __init__(self, directory: Path, seed: int) -> None:
        self._directory, self._dice = directory, Random(seed)  # noqa: S311 (the same each time)
        self._data = directory / "data"
        #: The digests of what was acknowledged.
        self.acknowledged: set[str] = set()
        #: Kills by step, and what was found after them.
        self.counts: Counter[str] = Counter()
        #: A text for each promise that was not kept.
        self.broken: list[str] = []

    def kill(self, step: str) -> None:
        """Start a server, have it killed at this step, and look what is there."""
        if step in WITHDRAWAL:
            self.settle()  # (or it would be killed at once, by what it does with what the last one left)
        under = [sys.executable, "-m", "tests.faults.files_victim", step]
        with Server(self._directory, *OPTIONS, under=under, env={**os.environ, "PYTHONPATH": str(ROOT)}) as server:
            person = Person(server, "alice")
            self._check_clean(step)
            if step in UPLOAD:
                self._send(person)
            else:
                self._withdraw(person)
            server.process.wait(PATIENCE)
            if server.process.returncode != -9:
                self.broken.append(f"{step}: the server ended with {server.process.returncode}")
            person.peer.close()
        self.counts[f"killed: {step}"] += 1
        self.check(step)

    def settle(self) -> None:
        """Start a server that nobody kills, and wait until it has removed what another left."""
        with Server(self._directory, *OPTIONS) as server:
            person = Person(server, "alice")
            self._check_clean("a start")
            person.peer.close()

    def _content(self) -> bytes:
        return self._dice.randbytes(self._dice.choice(SIZES))

    def _send(self, person: Person) -> None:
        content, small = self._content(), self._dice.choice((b"", PNG + self._dice.randbytes(500)))
        url = person.may_send(len(content), "file.bin", **({"thumb": len(small)} if small else {}))
        if (told := self._put(url, small + content)) is not None:
            if "refused" in told:
                self.broken.append(f"a file was refused: {told}")
            self.acknowledged |= {hashlib.sha256(one).hexdigest() for one in (content, small) if one}
            self.counts["acknowledged all the same"] += 1

    def _withdraw(self, person: Person) -> None:
        """Send a file on a server that will be killed when it is withdrawn."""
        content = self._content()
        sent = self._put(person.may_send(len(content)), content)
        if sent is None:
            self.broken.append("a file could not be sent to a server that was not killed yet")
            return
        person.peer.say("/withdraw", "", id=sent["id"], cid="w")

    def _put(self, url: str, body: bytes) -> dict[str, Any] | None:
        """Send a body; the answer, or None if there is none."""
        parts = urlsplit(url)
        http = HTTPConnection(str(parts.hostname), parts.port, timeout=PATIENCE)
        try:
            http.request("PUT", parts.path, body)
            answer = http.getresponse()
            told: dict[str, Any] = json.loads(answer.read()) if answer.status == 201 else {"refused": answer.status}
        except (OSError, HTTPException):
            return None
        finally:
            http.close()
        return told

    def _needed(self) -> set[str]:
        """The digests that messages need."""
        return {digest for row in self._ask("SELECT digest, thumb FROM files") for digest in row if digest}

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        with closing(connect(self._data / "lanchat.db")) as connection:
            return connection.execute(query).fetchall()

    def _there(self) -> dict[str, Path]:
        return {path.name: path for path in (self._data / "files").rglob("*") if path.is_file()}

    def check(self, step: str) -> None:
        """Look at what a killed server left."""
        with redirect_stdout(io.StringIO()) as out:
            admin(["--data", str(self._data), "--json", "check"])
        facts = json.loads(out.getvalue())
        if facts.get("error") or facts["files_lost"]:
            self.broken.append(f"{step}: the checker says {facts.get('text', facts)}")
        there, needed = self._there(), self._needed()
        for digest in needed:
            if digest not in there or hashlib.sha256(there[digest].read_bytes()).hexdigest() != digest:
                self.broken.append(f"{step}: {digest} is needed, and not whole")
        if lost := self.acknowledged - needed:
            self.broken.append(f"{step}: {lost} was acknowledged, and no message has it")
        self.counts["files that messages have"] = len(needed)
        self.counts["files that were left"] += len(there.keys() - needed)

    def _check_clean(self, step: str) -> None:
        """Wait until a server that has started has on the disk what messages need, and nothing else, and no work left."""
        try:
            until(lambda: not self._left(), "files that nothing needs to go")
        except AssertionError:
            self.broken.append(f"{step}: {self._left()} was left, or is missing")

    def _left(self) -> set[str]:
        """Digests of files that are there and not needed, or needed and not there, or still to be looked at."""
        return self._there().keys() ^ self._needed() | {digest for (digest,) in self._ask("SELECT digest FROM unlinked")}


def run(directory: Path, kills: int, seed: int, tell: Callable[[str], object]) -> dict[str, Any]:
    """Kill so many servers, at all steps in turn; the report."""
    trial = FileTrial(directory, seed)
    steps = list(STEPS)
    for number in range(kills):
        step = steps[number % len(steps)]
        tell(f"kill {number + 1} of {kills}: {step}")
        trial.kill(step)
    trial.settle()
    return {"counts": dict(trial.counts), "broken": trial.broken}


def show(found: dict[str, Any]) -> int:
    """Print the report; 0 when nothing is wrong."""
    lines = [f"{count:6}  {what}" for what, count in found["counts"].items()]
    sys.stdout.write("\n".join([*lines, *(f"not kept: {text}" for text in found["broken"])]) + "\n")
    return 1 if found["broken"] else 0
