"""Honest clients at a server that is stormed: they ask the time again and again, and it is measured how long they wait."""

from __future__ import annotations

import contextlib
import selectors
import time
from itertools import cycle
from multiprocessing.connection import Connection

import msgspec

from benchmarks.crowd import FORK, READ, connect, elsewhere
from benchmarks.servers import Failed
from benchmarks.strangers import packet

#: How many there are, and seconds between two questions of each.
HONEST, PAUSE = 20, 0.05
_ANSWER = b"Server time"


class Delays(msgspec.Struct):
    """What the honest have felt: the seconds that their answers took, and how often one of them was closed."""

    seconds: list[float] = []
    closed: int = 0


class Honest:
    """Clients that ask the time again and again, in a process of their own."""

    def __init__(self, port: int) -> None:
        self._ours, theirs = FORK.Pipe()
        self._process = FORK.Process(target=_ask, args=(port, theirs), daemon=True)
        self._process.start()
        theirs.close()

    def begin(self) -> None:
        """What is felt counts from here on."""
        self._ours.send("from here")

    def end(self) -> Delays:
        """What was felt since then. Raises `Failed`."""
        try:
            self._ours.send("up to here")
            delays: Delays = self._ours.recv()
        except (EOFError, BrokenPipeError):
            raise Failed("the honest could not go on: is the server there?") from None
        return delays

    def stop(self) -> None:
        """They leave."""
        self._process.kill()
        self._process.join()


class _Asker:
    """One honest client."""

    def __init__(self, port: int, number: int, ready: selectors.BaseSelector) -> None:
        self._port, self._name, self._ready = port, f"honest{number}", ready
        self._connect()

    def _connect(self) -> None:
        self._socket = connect(self._port)
        self._socket.sendall(self._name.encode() + b"\n")
        self._ready.register(self._socket, selectors.EVENT_READ, self)
        self._since: float | None = None  # when it asked what is not answered yet
        self._last = b""  # what it read last, as an answer may come in two pieces

    def ask(self) -> None:
        """Ask the time, unless it waits already."""
        if self._since is None:
            self._since = time.monotonic()
            with contextlib.suppress(ConnectionError):  # that is seen when it reads
                self._socket.sendall(packet("/time") + b"\n")

    def read(self, delays: Delays) -> None:
        """Read what came; who was closed comes again."""
        came = b""
        with contextlib.suppress(ConnectionError):
            came = self._socket.recv(READ)
        read, since = self._last + came, self._since
        self._last = read[-len(_ANSWER) :]
        if not came:
            delays.closed += 1
            self._ready.unregister(self._socket)
            self._socket.close()
            self._connect()
        elif since is not None and _ANSWER in read:
            delays.seconds.append(time.monotonic() - since)
            self._last, self._since = b"", None

    def late(self) -> list[float]:
        """The seconds that it has waited so far, if that is long."""
        waited = 0.0 if self._since is None else time.monotonic() - self._since
        return [waited] if waited > PAUSE else []


def _ask(port: int, control: Connection) -> None:
    """The process of the honest."""
    elsewhere()
    delays, due = Delays(), time.monotonic()
    with selectors.DefaultSelector() as ready:
        ready.register(control, selectors.EVENT_READ)
        askers = [_Asker(port, n, ready) for n in range(HONEST)]
        turns = cycle(askers)
        while True:
            for key, _ in ready.select(max(0.0, due - time.monotonic())):
                if key.data is not None:
                    key.data.read(delays)
                    continue
                if control.recv() == "up to here":
                    delays.seconds += [waited for asker in askers for waited in asker.late()]
                    control.send(delays)
                delays = Delays()
            if time.monotonic() >= due:
                due += PAUSE / HONEST
                next(turns).ask()
