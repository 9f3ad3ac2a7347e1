"""The command `lanchat-stress`: it starts the workers, runs one scenario, and turns the verdict into an exit code."""

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
from lanchat.stress.plan import RunPlan
from lanchat.stress.pool import WorkerLost, WorkerPool
from lanchat.stress.scenarios import SCENARIOS, Scenario, StepResult
from lanchat.stress.verdict import TOOL_WAS_THE_LIMIT, Verdict, judge, status
from lanchat.system.printing import OutputError, print_error, print_text, run_command
from lanchat.system.progress_bar import ProgressBar

#: Exit codes, besides those of `verdict`.
WRONG_OPTIONS, UNREACHABLE, INTERRUPTED = 2, 3, 130
#: Seconds that the server may take to accept a first connection.
CONNECT_SECONDS = 5.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command("lanchat-stress", partial(_main, arguments), TOOL_WAS_THE_LIMIT)


def _main(arguments: Sequence[str] | None) -> int:
    command_line = Options()
    try:
        _parse(command_line, arguments)
        options: Load = command_line.subOptions
        _check_trust(options)
    except usage.UsageError as error:
        return _fail_with(f"{str(error).rstrip('.')}. (See lanchat-stress --help.)", WRONG_OPTIONS)
    try:
        address = _find_address(options)
    except OSError as error:
        return _fail_with(f"can't connect to {visible(options['server'], 100)}: {error.strerror or error}.", UNREACHABLE)
    return StressRun(options, address).run()


def _parse(command_line: Options, arguments: Sequence[str] | None) -> None:
    """Parse the arguments; raises `UsageError`. `--help` prints and ends the program, or raises `OutputError`."""
    try:
        command_line.parseOptions(arguments)
    except OSError as error:
        raise OutputError(error) from None


class StressRun:
    """One run of the command: a scenario with its workers, its results and its exit code."""

    def __init__(self, options: Load, address: str) -> None:
        """`address` is the server's IP address."""
        self._options = options
        self._plan = _plan(options, address)
        self._verdicts: list[Verdict] = []
        self._bar = ProgressBar(sys.stderr)
        self._rows: list[StepResult] = []
        self._error = ""
        self._unprinted: OutputError | None = None
        self._interrupted = True

    def run(self) -> int:
        """Run the reactor until the scenario ends, or a signal ends it; returns the exit code."""
        from twisted.internet import reactor  # noqa: PLC0415 (only programs import it)

        reactor_: Any = reactor
        reactor_.callWhenRunning(self._begin, reactor_)
        reactor_.run()
        self._bar.clear()
        if self._unprinted is not None:
            raise self._unprinted
        if self._error:
            return _fail_with(self._error, TOOL_WAS_THE_LIMIT)
        if self._options["plot"] and any(row.tally.times for row in self._rows):
            try:
                report.draw(self._rows, self._options["plot"])
            except OSError as error:
                return _fail_with(f"can't write the plot: {error.strerror or error}.", WRONG_OPTIONS)
        return self._conclude()

    def _begin(self, reactor: Any) -> None:
        pool = WorkerPool(reactor, _processes(self._options))
        running = Deferred.fromCoroutine(self._load(pool))
        reactor.addSystemEventTrigger("before", "shutdown", _end, running, pool)
        running.addErrback(self._failed).addBoth(_stop, reactor)

    async def _load(self, pool: WorkerPool) -> None:
        await pool.start(self._plan)
        self._print(self._headline(len(pool)))
        async for row in SCENARIOS[self._options.kind](Scenario(pool, self._options, self._bar)):
            self._rows.append(row)
            self._show_row(row)
            self._verdicts = judge(row, self._options)
            if self._verdicts:
                break
        self._interrupted = False

    def _failed(self, failure: Failure) -> None:
        """Note why the run failed: interrupted, stdout closed, a worker lost, or a bug, which is shown with its traceback."""
        if isinstance(failure.value, OutputError):
            self._unprinted = failure.value
        elif failure.check(WorkerLost):
            self._error = failure.getErrorMessage()
        elif not failure.check(CancelledError):
            self._error = failure.getTraceback()

    def _show_row(self, row: StepResult) -> None:
        """Print the result of a step; before the first of several, a heading."""
        if self._options.kind != "breakpoint":
            self._print(report.summary(row))
        else:
            self._print(*([report.heading()] if len(self._rows) == 1 else []), report.step(row))

    def _headline(self, processes: int) -> str:
        dialect = ("TLS, " if self._options["tls"] else "") + ("unframed" if self._options["unframed"] else "lines")
        unverified = self._options["tls"] and not (self._options["ca"] or self._options["fingerprint"])
        doubt = "; the server's key is not verified" if unverified else ""
        return f"{self._options.kind}: {self._options['server']} ({dialect}{doubt}), {processes} worker processes\n"

    def _conclude(self) -> int:
        code = INTERRUPTED if self._interrupted else status(self._verdicts)
        if self._options["json"]:
            print_text(json.dumps(self._as_json(code)))
        else:
            self._print("\n" + report.ending(self._verdicts, self._rows, self._interrupted))
        return code

    def _as_json(self, code: int) -> dict[str, Any]:
        return {
            "load": self._options.kind,
            "server": self._options["server"],
            "tls": bool(self._options["tls"]),
            "unframed": bool(self._options["unframed"]),
            "processes": _processes(self._options),
            "status": code,
            "gave_way": [{"who": "tool" if ours else "server", "what": text} for ours, _, text in self._verdicts],
            "rows": [report.row_as_json(row) for row in self._rows],
        }

    def _print(self, *lines: str) -> None:
        if not self._options["json"]:
            print_text("\n".join(lines))


def _plan(options: Load, address: str) -> RunPlan:
    """The plan for the workers."""
    return {
        "run": secrets.token_hex(2),
        "host": address,
        "port": options["port"],
        "server_name": options["host"],
        "many_addresses": _has_many_addresses(address),
        "unframed": bool(options["unframed"]),
        "tls": bool(options["tls"]),
        "ca": str(Path(options["ca"]).absolute()) if options["ca"] else None,
        "fingerprint": options["fingerprint"],
    }


def _has_many_addresses(address: str) -> bool:
    """Whether users can connect from many addresses: each has only some 28,000 ports."""
    if not ipaddress.ip_address(address.partition("%")[0]).is_loopback or ":" in address:
        return False
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("127.0.1.1", 0))
        return True
    return False  # systems other than Linux have only one loopback address


def _processes(options: Load) -> int:
    """The number of worker processes: so many that each may open enough files for its users."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    each = math.inf if hard == resource.RLIM_INFINITY else max(1, hard - FILES_RESERVED)
    return max(int(options["processes"]), math.ceil(options.users / each))


def _check_trust(options: Load) -> None:
    """Check here, once, whether the workers can use the authority's file; raises `UsageError`."""
    if options["ca"] is not None:
        try:
            tls.AuthorityVerifier(options["host"], None, Path(options["ca"]))
        except tls.UnusableFile as unusable:
            raise usage.UsageError(f"--ca: {unusable}.") from None


def _find_address(options: Load) -> str:
    """The server's first address that accepts a connection; raises `OSError`."""
    errors = []
    for _, address in options["addresses"]:
        if (error := _connect_error(address, options["port"])) is None:
            return str(address)
        errors.append(error)
    raise errors[0]


def _connect_error(address: str, port: int) -> OSError | None:
    """The error of a connection to this address; None if it is accepted."""
    try:
        socket.create_connection((address, port), CONNECT_SECONDS).close()
    except OSError as error:
        return error
    return None


def _end(running: Deferred[None], pool: WorkerPool) -> Deferred[None]:
    """End the scenario, at its end or at Ctrl-C, and all workers."""
    running.cancel()
    return Deferred.fromCoroutine(pool.end())


def _stop(result: object, reactor: Any) -> None:
    with contextlib.suppress(ReactorNotRunning):
        reactor.stop()


def _fail_with(text: str, code: int) -> int:
    print_error(f"lanchat-stress: {text}")
    return code
