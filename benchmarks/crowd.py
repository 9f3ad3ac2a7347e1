"""Strangers who storm a server, those who read what is said to all, and two who talk as one should.

They run in processes of their own, on another core than the server where there is one.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import socket
import ssl
import time
from collections.abc import Iterator
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.servers import Failed, cores
from benchmarks.strangers import IRC, OF_IRC, VICTIM, Row, opening, packet, written
from lanchat.protocol.limits import BURST_SECONDS, LIMITS, READ_OVERHEAD

#: Connections that one address may open in a second; who is closed comes again so often.
OPENS = LIMITS["opens"].default
#: So much do all go behind the honest, whose delay shall be the server's.
NICE = 10
#: Bytes that are read at once.
READ = 1 << 20
#: Makes processes that know all that we know.
FORK = get_context("fork")


def elsewhere(nice: int = 0) -> None:
    """This process runs on another core than the server, where there is one; who is nicer lets others go first there."""
    os.nice(nice)
    core = cores()[1]
    if core is not None:
        os.sched_setaffinity(0, {core})


class Ports(msgspec.Struct):
    """Where the server listens; and what the stranger with an account logs in with."""

    json: int
    telnet: int
    tls: int
    web: int
    http: int
    irc: int
    token: str = ""

    def of(self, gateway: str) -> int:
        """The port of a gateway."""
        ports = {"telnet": self.telnet, "TLS": self.tls, "ws": self.http, "http": self.http}
        return ports.get(gateway, self.irc if gateway in OF_IRC else self.json)


def cpu(pid: int) -> float:
    """Seconds of CPU that all threads of a process have taken so far."""
    taken = 0
    for task in Path(f"/proc/{pid}/task").iterdir():
        with contextlib.suppress(OSError):
            taken += int((task / "schedstat").read_text().split()[0])
    return taken / 1e9


def connect(port: int, tls: bool = False) -> socket.socket:
    """A connection to the server."""
    plain = socket.create_connection(("127.0.0.1", port), 10)
    plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if not tls:
        return plain
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context.wrap_socket(plain)


@contextlib.contextmanager
def silent(ports: Ports, each: int) -> Iterator[None]:
    """So many of each kind are in the room, and read whatever comes, until the end of the block; in a process of their own."""
    process = FORK.Process(target=_read, args=(ports, each), daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _read(ports: Ports, each: int) -> None:
    elsewhere(NICE)
    with selectors.DefaultSelector() as ready:
        for gateway in ("lines", "capable", "unframed", "telnet", IRC):
            for n in range(each):
                peer = connect(ports.of(gateway))
                peer.sendall(opening(gateway, "", VICTIM if gateway == "lines" and not n else ""))
                ready.register(peer, selectors.EVENT_READ)
        while True:
            for key, _ in ready.select():
                if not key.fileobj.recv(READ):  # type: ignore[union-attr]  # they are sockets
                    ready.unregister(key.fileobj)


class Stormed(msgspec.Struct):
    """What strangers did in a storm: how often they connected, and how many bytes those sent whose connection was ended."""

    connected: int
    ended: int = 0


def storm(ports: Ports, row: Row, strangers: int, seconds: float) -> Stormed:
    """Let so many send this for so long, in a process of their own. Raises `Failed`."""
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=_storm, args=(ports, row, strangers, seconds, theirs), daemon=True)
    process.start()
    theirs.close()
    try:
        stormed: Stormed = ours.recv()
    except EOFError:
        raise Failed(f"the strangers ended early: {row.gateway}, {row.title}") from None
    process.join()
    return stormed


def _storm(ports: Ports, row: Row, strangers: int, seconds: float, told: Connection) -> None:
    elsewhere(NICE)
    until, places, stormed = time.monotonic() + seconds, int(OPENS * seconds), Stormed(strangers)
    with selectors.DefaultSelector() as ready:
        links = [Link(ports, row, ready) for _ in range(strangers)]
        while time.monotonic() < until:
            for key, events in ready.select(0.01):
                key.data.turn(events)
            for n, link in enumerate(links):
                if link.ended and places:
                    links[n], places = Link(ports, row, ready), places - 1
                    stormed.connected += 1
                    stormed.ended += link.sent
    told.send(stormed)


class Link:
    """One connection of a stranger's: it sends the same thing as fast as it is taken, and reads all that comes."""

    def __init__(self, ports: Ports, row: Row, ready: selectors.BaseSelector) -> None:
        self._row, self._ready = row, ready
        self._again = memoryview(row.frame * max(1, READ // 8 // len(row.frame)) if row.frame else b"")
        leave = b"" if row.frame else written(row.gateway, "/quit", "")
        self._left = memoryview(opening(row.gateway, ports.token) + leave)
        self._socket = connect(ports.of(row.gateway), row.tls)
        self._socket.setblocking(False)
        self.ended = False
        self.sent = 0
        ready.register(self._socket, selectors.EVENT_READ | selectors.EVENT_WRITE, self)

    def turn(self, events: int) -> None:
        """It may send or read."""
        try:
            if events & selectors.EVENT_WRITE:
                sent = self._socket.send(self._left[: self._row.piece])
                self.sent += sent
                self._left = self._left[sent:] or self._again
                if not self._left:
                    self._ready.modify(self._socket, selectors.EVENT_READ, self)
            if events & selectors.EVENT_READ:
                self.ended = not self._socket.recv(READ)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return
        except OSError:
            self.ended = True
        if self.ended:
            self._ready.unregister(self._socket)
            self._socket.close()


def alone(ports: Ports, size: int, pid: int) -> float:
    """Seconds of CPU for an ordinary message of so many bytes: from one guest to another, sent when the one before has come."""
    with connect(ports.json) as sender, connect(ports.json) as reader:
        sender.sendall(b"sender\n")
        reader.sendall(b"reader\n")
        time.sleep(0.3)
        reader.recv(READ)
        frame, before = packet("reader", "x" * (size - len(packet("reader")) - 1)) + b"\n", cpu(pid)
        for _ in range(most := min(1000, allowed(size, 0) // 2)):
            sender.sendall(frame)
            while not reader.recv(READ).endswith(b"\n"):
                continue
        return (cpu(pid) - before) / most


def received(ports: Ports) -> float:
    """How many packets the server has received so far."""
    with connect(ports.web) as web:
        web.sendall(b"GET /metrics HTTP/1.1\r\n\r\n")
        text = b"".join(iter(lambda: web.recv(READ), b"")).decode()
    return float(re.search(r"^lanchat_packets_received_total (\S+)$", text, re.MULTILINE)[1])  # type: ignore[index]  # it is there


def allowed(size: int, seconds: float) -> int:
    """How many messages of so many bytes one connection may send within so many seconds, the burst included."""
    packets, by_bytes = LIMITS["packets"].default, LIMITS["bytes"].default / (size + READ_OVERHEAD)
    return int(min(packets, by_bytes) * (seconds + BURST_SECONDS))


def ask(peer: socket.socket, to: str, msg: str = "", **x: Any) -> dict[str, Any]:
    """Send a packet of a capable client's and wait for its answer."""
    peer.sendall(packet(to, msg, cid="asked", **x) + b"\n")
    read = b""
    while True:
        read += peer.recv(READ)
        for row in read.splitlines():
            with contextlib.suppress(msgspec.DecodeError):
                said: dict[str, Any] = msgspec.json.decode(row).get("x", {})
                if said.get("cid") == "asked" or said.get("op") == "welcome":
                    return said
