"""Putting the loads on the servers: one server at a time, in turns, in several rounds."""

from __future__ import annotations

import json
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec.structs import replace

from benchmarks.servers import HERE, Failed, Server, cores, pinned, running
from benchmarks.works import Load
from lanchat.auth.passwords import token_hash
from lanchat.model.names import parse
from lanchat.model.session import Role
from lanchat.store.open_db import Lock, close_complete, open_to_write
from lanchat.tables.accounts import AddToken, add

#: Seconds that the generator may take beyond those it measures: it gives up opening connections after 120.
GENEROUS = 180.0


class Outcome(msgspec.Struct):
    """What one load on one server came to: the figures that the generator printed, or why there are none."""

    round: int
    server: str
    load: Load
    figures: dict[str, float] = {}
    failure: str = ""


class Pace(msgspec.Struct, frozen=True):
    """How long is measured, in seconds, and before that not yet; how many times; and how many servers at the same time."""

    rounds: int
    seconds: float
    warm_up: float = 0.5
    at_once: int = 1
    #: How often what failed is tried again, for three times as long each time: on a busy machine, a moment may be too short.
    retries: int = 0


def build(directory: Path) -> Path:
    """Compile the generator. Raises `Failed` without a C compiler or OpenSSL's headers."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        raise Failed("there is no C compiler for the load generator: install gcc, libc6-dev and libssl-dev")
    program = directory / "load"
    command = [compiler, "-O2", "-o", str(program), str(HERE / "load.c"), "-lssl", "-lcrypto"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (ours)
    if done.returncode:
        raise Failed(f"the load generator did not compile (install libc6-dev and libssl-dev): {done.stderr.splitlines()[0]}")
    return program


def measure(servers: list[Server], loads: list[Load], pace: Pace, tell: Callable[[Outcome], None]) -> list[Outcome]:
    """Every load on every server in every round. `tell` hears of each outcome as it comes."""
    with tempfile.TemporaryDirectory() as kept, ThreadPoolExecutor(pace.at_once) as pool:
        program = build(Path(kept))

        def one(turn: tuple[int, Load, Server]) -> Outcome:
            outcome, longer = put(program, turn[2], turn[1], pace, turn[0]), pace
            for _ in range(pace.retries):
                if outcome.failure:
                    longer = replace(longer, seconds=longer.seconds * 3, warm_up=longer.warm_up * 3)
                    outcome = put(program, turn[2], turn[1], longer, turn[0])
            tell(outcome)
            return outcome

        return list(pool.map(one, turns(servers, loads, pace.rounds)))


def turns(servers: list[Server], loads: list[Load], rounds: int) -> list[tuple[int, Load, Server]]:
    """Who is measured when: all servers do a load one after another, and each round another one begins."""
    found = []
    for number in range(rounds):
        first = number % len(servers)
        order = servers[first:] + servers[:first]
        found += [(number, load, server) for load in loads for server in order if not server.lacks(load)]
    return found


def put(program: Path, server: Server, load: Load, pace: Pace, number: int) -> Outcome:
    """Start the server afresh and put the load on it."""
    outcome = Outcome(number, server.name, load)
    try:
        with tempfile.TemporaryDirectory() as directory, _started(server, Path(directory), load) as (pid, port):
            command = [str(program), *generator(server, load, pace), "-p", str(port), "-P", str(pid)]
            outcome.figures, complaint = _generate(command, pace)
        outcome.failure = _wrong(outcome.figures, load, complaint)
    except Failed as failure:
        outcome.failure = str(failure)
    return outcome


@contextmanager
def _started(server: Server, directory: Path, load: Load) -> Iterator[tuple[int, int]]:
    """The server, which knows those who will come."""
    if load.accounts:
        accounts(directory / "data", load.users)
    with running(server, directory, tls=load.tls) as started:
        yield started


def accounts(directory: Path, users: int) -> None:
    """Make the accounts that the generator logs in with: u0 and so on, each with the token t0 and so on."""
    directory.mkdir(mode=0o700)
    lock = Lock(directory)
    connection = open_to_write(directory, lock)
    connection.execute("BEGIN")
    for number in range(users):
        account = add(connection, name=parse(f"u{number}"), password="", role=Role.USER, now=0, most=users)
        AddToken(account.id, token_hash(f"t{number}"), 0, 1).run(connection)
    connection.execute("COMMIT")
    close_complete(connection)
    lock.release()


def generator(server: Server, load: Load, pace: Pace) -> list[str]:
    """The generator's options for this load on this server."""
    return ["-d", server.dialect, *load.arguments(), *server.generator, "-t", f"{pace.seconds:g}", "-u", f"{pace.warm_up:g}"]


def _generate(command: list[str], pace: Pace) -> tuple[dict[str, float], str]:
    """The figures that the generator printed, and what it complained of. Raises `Failed` when it printed none."""
    try:
        done = subprocess.run(  # noqa: S603 (ours)
            pinned(cores()[1], command), capture_output=True, text=True, check=False, timeout=GENEROUS + pace.seconds
        )
    except subprocess.TimeoutExpired:
        raise Failed("the load generator did not come to an end") from None
    complaint = " ".join(done.stderr.splitlines())
    try:
        printed = json.loads(done.stdout)
    except ValueError:
        raise Failed(f"the load generator ended with {done.returncode}: {complaint or 'it said nothing'}") from None
    return {name: float(value) for name, value in printed.items() if name != "label"}, complaint


def _wrong(figures: dict[str, float], load: Load, complaint: str) -> str:
    """What makes these figures worthless; empty when nothing does."""
    if figures["ready"] < load.users:
        return f"only {figures['ready']:.0f} of {load.users:,} users came in. {complaint}".strip()
    if figures.get("dead_end", figures["dead"]):
        return f"connections were lost under way. {complaint}".strip()
    if load.work == "join" and figures["joins_seen"] < load.users * (load.users + 1) / 2:
        return (
            f"{figures['joins_seen']:,.0f} JOINs were shown, fewer than there were, and {figures['joined']:,.0f} lists of names"
        )
    if not figures.get("delivered", 1) or not figures.get("joined", 1):
        return "nothing was delivered in the time measured"
    return ""
