"""`lanchat-stress`: the command. It starts the workers, runs one kind of load, and turns what gave way into an exit code."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import math
import resource
import secrets
import socket
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.error import ReactorNotRunning
from twisted.python import usage
from twisted.python.failure import Failure

from lanchat.client import tls
from lanchat.protocol.packet import visible
from lanchat.stress import report
from lanchat.stress.options import FILES_RESERVED, Load, Options
from lanchat.stress.pool import WorkerLost, WorkerPool
from lanchat.stress.scenarios import KINDS, Row, Scenario
from lanchat.stress.verdict import TOOL_WAS_THE_LIMIT, Verdict, judge, status
from lanchat.system.printing import OutputError, print_error, print_text, run_command
from lanchat.system.progress_bar import ProgressBar

#: The exit codes besides those of `verdict`.
WRONG_OPTIONS, UNREACHABLE, INTERRUPTED = 2, 3, 130
#: Seconds in which the server must take a first connection.
CONNECT_SECONDS = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command("lanchat-stress", partial(_main, arguments), TOOL_WAS_THE_LIMIT)


def _main(arguments: Sequence[str] | None) -> int:
    options = Options()
    try:
        _parse(options, arguments)
        wanted: Load = options.subOptions
        _check_trust(wanted)
    except usage.UsageError as error:
        return _complain(f"{str(error).rstrip('.')}. (lanchat-stress --help tells more.)", WRONG_OPTIONS)
    try:
        address = _reach(wanted)
    except OSError as error:
        return _complain(f"can't connect to {visible(wanted['server'], 100)}: {error.strerror or error}.", UNREACHABLE)
    return Command(wanted, address).run()


def _parse(options: Options, arguments: Sequence[str] | None) -> None:
    """Raises `UsageError`; `--help` prints, and ends the program, or raises `OutputError`."""
    try:
        options.parseOptions(arguments)
    except OSError as error:
        raise OutputError(error) from None


class Command:
    """One run of `lanchat-stress`."""

    def __init__(self, wanted: Load, address: str) -> None:
        """`address` is where the server is, as a number."""
        self._wanted = wanted
        self._plan = _plan(wanted, address)
        self._verdicts: list[Verdict] = []
        self._bar = ProgressBar(sys.stderr)
        self._rows: list[Row] = []
        self._fault = ""
        self._unprinted: OutputError | None = None
        self._interrupted = True

    def run(self) -> int:
        """Run the reactor until it is over, or a signal says so; returns the exit code."""
        from twisted.internet import reactor  # noqa: PLC0415 (only programs import it)

        reactor_: Any = reactor
        reactor_.callWhenRunning(self._begin, reactor_)
        reactor_.run()
        self._bar.clear()
        if self._unprinted is not None:
            raise self._unprinted
        if self._fault:
            return _complain(self._fault, TOOL_WAS_THE_LIMIT)
        if self._wanted["plot"] and any(row.tally.times for row in self._rows):
            try:
                report.draw(self._rows, self._wanted["plot"])
            except OSError as error:
                return _complain(f"can't write the plot: {error.strerror or error}.", WRONG_OPTIONS)
        return self._conclude()

    def _begin(self, reactor: Any) -> None:
        pool = WorkerPool(reactor, _processes(self._wanted))
        running = Deferred.fromCoroutine(self._load(pool))
        reactor.addSystemEventTrigger("before", "shutdown", _end, running, pool)
        running.addErrback(self._failed).addBoth(_stop, reactor)

    async def _load(self, pool: WorkerPool) -> None:
        await pool.start(self._plan)
        self._say(self._about(len(pool)))
        async for row in KINDS[self._wanted.kind](Scenario(pool, self._wanted, self._bar)):
            self._rows.append(row)
            self._told(row)
            self._verdicts = judge(row, self._wanted)
            if self._verdicts:
                break
        self._interrupted = False

    def _failed(self, failure: Failure) -> None:
        """Interrupted, or stdout takes no more, or a worker is lost, or a fault of ours, which is shown whole."""
        if isinstance(failure.value, OutputError):
            self._unprinted = failure.value
        elif failure.check(WorkerLost):
            self._fault = failure.getErrorMessage()
        elif not failure.check(CancelledError):
            self._fault = failure.getTraceback()

    def _told(self, row: Row) -> None:
        """Show a row; the first of several has a heading."""
        if self._wanted.kind != "breakpoint":
            self._say(report.summary(row))
        else:
            self._say(*([report.heading()] if len(self._rows) == 1 else []), report.step(row))

    def _about(self, processes: int) -> str:
        dialect = ("TLS, " if self._wanted["tls"] else "") + ("unframed" if self._wanted["unframed"] else "lines")
        unverified = self._wanted["tls"] and not (self._wanted["ca"] or self._wanted["fingerprint"])
        doubt = "; the server's key is not looked at" if unverified else ""
        return f"{self._wanted.kind}: {self._wanted['server']} ({dialect}{doubt}), {processes} worker processes\n"

    def _conclude(self) -> int:
        code = INTERRUPTED if self._interrupted else status(self._verdicts)
        if self._wanted["json"]:
            print_text(json.dumps(self._as_json(code)))
        else:
            self._say("\n" + report.ending(self._verdicts, self._rows, self._interrupted))
        return code

    def _as_json(self, code: int) -> dict[str, Any]:
        return {
            "load": self._wanted.kind,
            "server": self._wanted["server"],
            "tls": bool(self._wanted["tls"]),
            "unframed": bool(self._wanted["unframed"]),
            "processes": _processes(self._wanted),
            "status": code,
            "gave_way": [{"who": "tool" if ours else "server", "what": text} for ours, _, text in self._verdicts],
            "rows": [report.row_as_json(row) for row in self._rows],
        }

    def _say(self, *lines: str) -> None:
        if not self._wanted["json"]:
            print_text("\n".join(lines))


def _plan(wanted: Load, address: str) -> dict[str, Any]:
    """What the workers need to know."""
    plain = {name: wanted[name] for name in ("port", "tls", "unframed", "fingerprint")}
    ca = str(Path(wanted["ca"]).absolute()) if wanted["ca"] else None
    return plain | {"run": secrets.token_hex(2), "host": address, "named": wanted["host"], "ca": ca, "many": _many(address)}


def _many(address: str) -> bool:
    """Whether users can come from many addresses: a port counts for one address only, and there are some 28,000."""
    if not ipaddress.ip_address(address.partition("%")[0]).is_loopback or ":" in address:
        return False
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.1.1", 0))
        return True
    return False  # other systems than Linux have only one


def _processes(wanted: Load) -> int:
    """So many that each has files for its users."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    each = math.inf if hard == resource.RLIM_INFINITY else max(1, hard - FILES_RESERVED)
    return max(int(wanted["processes"]), math.ceil(wanted.users / each))


def _check_trust(wanted: Load) -> None:
    """Find out here, and once, whether the workers can use the authority's file; raises `UsageError`."""
    if wanted["ca"] is not None:
        try:
            tls.Signed(wanted["host"], None, Path(wanted["ca"]))
        except tls.Unusable as unusable:
            raise usage.UsageError(f"--ca: {unusable}.") from None


def _reach(wanted: Load) -> str:
    """The first address of the server's that takes a connection; raises `OSError`."""
    faults = []
    for _, address in wanted["addresses"]:
        if (fault := _refusal(address, wanted["port"])) is None:
            return str(address)
        faults.append(fault)
    raise faults[0]


def _refusal(address: str, port: int) -> OSError | None:
    """What is in the way of a connection, if anything is."""
    try:
        socket.create_connection((address, port), CONNECT_SECONDS).close()
    except OSError as error:
        return error
    return None


def _end(running: Deferred[None], pool: WorkerPool) -> Deferred[None]:
    """It is over, or Ctrl-C: nothing is left behind."""
    running.cancel()
    return Deferred.fromCoroutine(pool.end())


def _stop(result: object, reactor: Any) -> None:
    with contextlib.suppress(ReactorNotRunning):
        reactor.stop()


def _complain(text: str, code: int) -> int:
    print_error(f"lanchat-stress: {text}")
    return code
