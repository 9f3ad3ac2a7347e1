"""What the core costs, in figures that are the same on every machine, however busy it is.

Fixed scripts of packets go through the real router and gateways on transports in memory. Calls are counted for what they
cost: the functions of lanchat that run, and what they call of libraries and of the interpreter. Steps, which are the
instructions of lanchat's own bytecode, are counted for what must not cost more when there are more users; they differ
between the versions of Python, calls hardly do. What happens inside a library's function, or inside one written in C, is not
seen: to move the members of a sorted list, to copy the list of all users, or to send a longer text costs nothing here.

`tests/calls.json` has the calls to compare with. When a change of them is meant, write them anew:

    python -m tests.core.test_calls
"""

from __future__ import annotations

import contextlib
import gc
import itertools
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.testing import StringTransport
from websockets.frames import Frame, Opcode

import lanchat
from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.gateways.websocket import WebSocketProtocol
from lanchat.net.admission import Admission, parse_networks
from tests.fakes import make_router
from tests.irc.wire import IrcWire, make_chat

KEPT = Path(__file__).parents[1] / "calls.json"
#: A figure may be so much higher than the one that is kept (the versions of Python differ by 0.6 % at the most), and so much
#: lower: a bound that has become loose guards nothing.
WORSE, BETTER = 1.01, 0.95
#: Packets of one script.
PACKETS = 64

#: A trace function, which returns the one for the rest of the frame.
Trace = Callable[[FrameType, str, Any], Any]

_LANCHAT = str(Path(lanchat.__file__).parent) + os.sep
_COMPREHENSIONS = ("<listcomp>", "<setcomp>", "<dictcomp>")  # calls in Python 3.10 and 3.11, and no longer
_numbers = itertools.count(1)  # of addresses, which no other script has met: what is known of them is kept


class Script(NamedTuple):
    """Something that happens, and how many times it happens in it."""

    run: Callable[[], object]
    times: int = 1


def calls(script: Script) -> float:
    """How many functions are called each time, in lanchat and out of it."""
    count = 0

    def profile(frame: FrameType, event: str, _called: object) -> None:
        nonlocal count
        if event == "call":
            ours = _of_lanchat(frame) or _of_lanchat(frame.f_back)
            count += ours and frame.f_code.co_name not in _COMPREHENSIONS
        elif event == "c_call":
            count += _of_lanchat(frame)

    before = sys.getprofile()
    with _no_collection():
        sys.setprofile(profile)
        try:
            script.run()
        finally:
            sys.setprofile(before)
    return count / script.times


def steps(script: Script) -> float:
    """How many instructions of lanchat's are run each time."""
    count = 0

    def trace(frame: FrameType, event: str, _value: object) -> Trace | None:
        nonlocal count
        if not _of_lanchat(frame):
            return None
        frame.f_trace_opcodes = True
        count += event == "opcode"
        return trace

    before = sys.gettrace()
    sys._getframe().f_trace_opcodes = True  # Python 3.12 looks only now whether any frame wants this
    with _no_collection():
        sys.settrace(trace)
        try:
            script.run()
        finally:
            sys.settrace(before)
    return count / script.times


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """Others may have asked to be called when garbage is collected, and that may be at any time."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _of_lanchat(frame: FrameType | None) -> bool:
    return frame is not None and frame.f_code.co_filename.startswith(_LANCHAT)


class Chat:
    """A server on transports in memory, with so many classic clients who say nothing."""

    def __init__(self, crowd: int = 0) -> None:
        self.router, self.clock = make_router()
        admission = Admission(self.router.chat.limits, self.clock, parse_networks([]), self.router.chat.counts)
        kinds: tuple[type[Connection], ...] = (ChatProtocol, TelnetProtocol, WebSocketProtocol)
        self.doors = {kind: ChatFactory(kind, self.router, admission) for kind in kinds}
        self.crowd = self.enter(*(f"user{n:05}" for n in range(crowd)))

    def enter(self, *names: str, kind: type[Connection] = ChatProtocol) -> list[Connection]:
        """Clients connect, one after the other, each from an address of its own, and open with these names."""
        return [self._enter(name, kind) for name in names]

    def _enter(self, name: str, kind: type[Connection]) -> Connection:
        number = next(_numbers)
        address = IPv4Address("TCP", f"10.{number >> 16}.{number >> 8 & 255}.{number & 255}", 40000)
        connection = self.doors[kind].buildProtocol(address)
        assert isinstance(connection, Connection)
        connection.makeConnection(StringTransport(peerAddress=address))
        line = f"{name}\n".encode()
        self.hear(connection, as_message(line) if kind is WebSocketProtocol else line)
        return connection

    def hear(self, connection: Connection, *chunks: bytes, turn: float = 0.0) -> None:
        """Let these bytes arrive, with a turn of the reactor after each, in which so many seconds pass."""
        for chunk in chunks:
            connection.dataReceived(chunk)
            self.clock.advance(turn)

    def lose(self, *connections: Connection) -> None:
        """Connections end, one after the other."""
        for connection in connections:
            connection.connectionLost()
            self.clock.advance(0)

    def wait(self) -> None:
        """Let two seconds pass: silences have ended, and who came has been told."""
        self.clock.pump([0.5] * 4)


def packet(to: str, msg: str = "hello", **x: object) -> bytes:
    """A packet, with its newline."""
    return json.dumps({"from": {"name": "", "ip": ""}, "to": to, "msg": msg} | ({"x": x} if x else {})).encode() + b"\n"


def as_message(line: bytes) -> bytes:
    """A line as a text message of a WebSocket client."""
    return Frame(Opcode.TEXT, line.rstrip()).serialize(mask=True)


HELLO = packet("/hello", "lanchat", v=1, caps=["id", "ack"])


def to_one(hello: bool, at_once: bool, crowd: int = 0) -> Script:
    """Alice sends packets to Bob."""
    chat = Chat(crowd)
    alice, bob = chat.enter("alice", "bob")
    if hello:
        chat.hear(alice, HELLO)
        chat.hear(bob, HELLO)
    chunks = [packet("bob", **({"cid": f"c{n}"} if hello else {})) for n in range(PACKETS)]
    if at_once:
        chunks = [b"".join(chunks)]
    return Script(lambda: chat.hear(alice, *chunks), PACKETS)


def over_websocket() -> Script:
    """Alice's page sends packets to Bob's."""
    chat = Chat()
    alice, bob = chat.enter("alice", "bob", kind=WebSocketProtocol)
    chat.hear(alice, as_message(HELLO))
    chat.hear(bob, as_message(HELLO))
    chunks = [as_message(packet("bob", cid=f"c{n}")) for n in range(PACKETS)]
    return Script(lambda: chat.hear(alice, *chunks), PACKETS)


def over_irc() -> Script:
    """Ann's IRC client sends messages to Bob's."""
    router, clock = make_chat()
    ann, _ = IrcWire(router, clock, "ann"), IrcWire(router, clock, "bob")

    def run() -> None:
        for _ in range(PACKETS):
            ann.say("PRIVMSG bob :hello")
            clock.advance(0)
        assert router.chat.counts.relayed == PACKETS

    return Script(run, PACKETS)


def in_shares() -> Script:
    """Alice sends ten times as many packets to Bob at once."""
    chat, number = Chat(), PACKETS * 10
    alice, _ = chat.enter("alice", "bob")
    chat.router.chat.limits.set("packets", "off")
    chunk = packet("bob") * number

    def run() -> None:
        chat.hear(alice, chunk)
        chat.clock.pump([0.0] * 10)
        assert chat.router.chat.counts.relayed == number

    return Script(run, number)


def unframed() -> Script:
    """The first clients, whose packets have no newline and who read one at a time."""
    chat = Chat()
    alice, bob = chat.enter("", "")
    for connection, name, other in ((alice, b"alice", "bob"), (bob, b"bob", "alice")):
        chat.hear(connection, name, turn=0.2)
        chat.hear(connection, packet(other).rstrip(), turn=0.2)
    return Script(lambda: chat.hear(alice, *[packet("bob").rstrip()] * PACKETS, turn=0.02), PACKETS)


def to_everyone(crowd: int) -> Script:
    """One shouts, and each is told."""
    chat = Chat(crowd)
    (alice,) = chat.enter("alice")
    return Script(lambda: chat.hear(alice, packet("Everyone")), crowd)


def typed(crowd: int) -> Script:
    """People at terminals, of whom one types ten lines, and each is told."""
    chat = Chat()
    alice, *_ = chat.enter("alice", *(f"user{n:05}" for n in range(crowd)), kind=TelnetProtocol)
    return Script(lambda: chat.hear(alice, *[b"hello\r\n"] * 10), crowd * 10)


def opening(users: int, crowd: int = 0) -> Script:
    """So many connect, are named and welcomed, when others are there already."""
    chat = Chat(crowd)
    return Script(lambda: chat.enter(*(f"later{n:05}" for n in range(users))), users)


def leaving(users: int, crowd: int) -> Script:
    """So many of a crowd hang up."""
    chat = Chat(crowd)
    return Script(lambda: chat.lose(*chat.crowd[-users:]), users)


def news(crowd: int) -> Script:
    """Presence: one has come, of which nobody asked to be told; yet each is looked at."""
    chat = Chat(crowd)
    chat.wait()
    chat.enter("alice", "bob")  # Alice is told of at once, and Bob a second later
    return Script(chat.wait, crowd)


def listing(crowd: int) -> Script:
    """One asks who is there."""
    chat = Chat(crowd)
    (asker,) = chat.enter("zoe")
    return Script(lambda: chat.hear(asker, packet("/list", "")))


SCRIPTS: dict[str, Callable[[], Script]] = {
    "classic to classic, 64 lines in one chunk, per packet": lambda: to_one(hello=False, at_once=True),
    "classic to classic, 640 lines in one chunk, per packet": in_shares,
    "classic to classic, a line at a time, per packet": lambda: to_one(hello=False, at_once=False),
    "capable to capable, 64 lines in one chunk, per packet": lambda: to_one(hello=True, at_once=True),
    "capable to capable, a line at a time, per packet": lambda: to_one(hello=True, at_once=False),
    "page to page, a WebSocket message at a time, per packet": over_websocket,
    "IRC to IRC, a line at a time, per message": over_irc,
    "unframed to unframed, per packet": unframed,
    "one to 1,000, per delivery": lambda: to_everyone(1000),
    "a typed line to 100 at terminals, per delivery": lambda: typed(100),
    "1,000 open, per user": lambda: opening(1000),
    "1,000 leave, per user": lambda: leaving(1000, 1000),
    "presence that nobody asked for, once a second at the most, per user": lambda: news(1000),
    "/list of 1,000": lambda: listing(1000),
}


@pytest.mark.parametrize("script", SCRIPTS)
def test_no_packet_takes_more_calls_than_it_did(script: str) -> None:
    kept, now = json.loads(KEPT.read_text())[script], calls(SCRIPTS[script]())
    told = f"{script}: {kept} calls are kept, and there are {now:.2f}; if that is meant: python -m tests.core.test_calls"
    assert now <= kept * WORSE, f"It got worse. {told}"
    assert now >= kept * BETTER, f"It got better, so write it down. {told}"


def test_only_what_is_tested_is_kept() -> None:
    assert list(json.loads(KEPT.read_text())) == list(SCRIPTS)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "few", "many"),
    [
        pytest.param(lambda n: to_one(hello=False, at_once=False, crowd=n), 10, 5000, id="private"),
        pytest.param(lambda n: to_one(hello=True, at_once=True, crowd=n), 10, 5000, id="private, acknowledged"),
        pytest.param(lambda n: opening(20, n), 100, 3000, id="opening"),
        pytest.param(lambda n: leaving(20, n), 100, 3000, id="leaving"),
        pytest.param(listing, 2000, 4000, id="listing as many as fit into a packet"),
    ],
)
def test_a_crowd_costs_no_more_steps_than_a_few(script: Callable[[int], Script], few: int, many: int) -> None:
    assert 0 < steps(script(few)) == steps(script(many))


def main() -> None:
    """Write the figures down."""
    KEPT.write_text(json.dumps({name: round(calls(script()), 3) for name, script in SCRIPTS.items()}, indent=4) + "\n")
    sys.stdout.write(KEPT.read_text())


if __name__ == "__main__":
    main()
