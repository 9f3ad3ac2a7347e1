"""While a connection waits for what it asked for, what else it sends keeps its place, within a bound; and it may go."""

from __future__ import annotations

import json

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from lanchat.core.router import Router
from lanchat.gateways.input import MAX_UNSERVED
from lanchat.gateways.telnet import TelnetProtocol
from tests.fakes import PASSWORD, FakeStore, Wire, make_router, store_of
from tests.live import line


class PausingTransport(StringTransport):
    """A transport in memory that may be asked whether it reads."""

    @property
    def reads(self) -> bool:
        """Whether it does."""
        return self.producerState == "producing"


class PausingWire(Wire):
    """A connection over such a transport."""

    transport_type = PausingTransport
    transport: PausingTransport


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    return make_router()


@pytest.fixture
def store(router_and_clock: tuple[Router, Clock]) -> FakeStore:
    return store_of(router_and_clock[0].chat)


@pytest.fixture
def ann(router_and_clock: tuple[Router, Clock]) -> PausingWire:
    """Somebody with an account, who is capable."""
    wire = PausingWire(*router_and_clock)
    wire.send(b"ann\n" + line("/hello", "lanchat", v=1, caps=["id", "ack", "room"]))
    wire.send(line("/register", PASSWORD))
    wire.bytes()
    return wire


def said(wire: Wire) -> list[str]:
    """What came: the `cid` of each answer, or its text."""
    return [packet.get("x", {}).get("cid") or packet["msg"] for packet in wire.packets()]


@pytest.mark.parametrize("together", [True, False])
def test_commands_are_answered_in_the_order_in_which_they_came(ann: PausingWire, store: FakeStore, together: bool) -> None:
    commands = [
        line("/create", "#ops", cid="1"),
        line("/topic", "#ops pumps", cid="2"),
        line("#ops", "hi", cid="3"),
        line("/time", cid="4"),
        line("/quit", cid="5"),
    ]
    store.held = True
    ann.send(*([b"".join(commands)] if together else commands))
    assert said(ann) == []
    store.release()
    assert said(ann) == ["1", "2", "3", "4", "5"]


def test_what_waits_in_a_large_chunk_keeps_its_place(
    router_and_clock: tuple[Router, Clock], ann: PausingWire, store: FakeStore
) -> None:
    router, clock = router_and_clock
    router.chat.limits.set("packets", "off")
    commands = [line("/create", f"#r{n}", cid=str(n)) if n % 60 == 50 else line("/time", cid=str(n)) for n in range(400)]
    store.held = True
    ann.send(b"".join(commands))
    answers = said(ann)
    assert answers == [str(n) for n in range(50)]
    for _ in range(20):
        store.release()
        store.held = True
        clock.advance(0)
        answers += said(ann)
    assert answers == [str(n) for n in range(400)]


def test_a_message_does_not_hold_up_what_comes_after_it(ann: PausingWire, store: FakeStore) -> None:
    store.held = True
    ann.send(line("ann", "remember", cid="1") + line("/time", cid="2"))
    assert said(ann) == ["2"]


def test_a_goodbye_comes_after_all_answers(ann: PausingWire, store: FakeStore) -> None:
    store.held = True
    ann.send(line("ann", "remember", cid="1") + line("/quit", cid="2"))
    assert said(ann) == []
    store.release()
    assert said(ann) == ["remember", "1", "2"]


@pytest.mark.parametrize(
    "command", [line("/create", "#ops", cid="1"), line("ann", "remember", cid="1")], ids=["command", "word"]
)
def test_who_only_closes_its_writing_side_is_answered_first(
    router_and_clock: tuple[Router, Clock], ann: PausingWire, store: FakeStore, command: bytes
) -> None:
    store.held = True
    ann.send(command + line("/time", cid="2"))
    ann.connection.readConnectionLost()
    assert router_and_clock[0].chat.online.find("ann") is not None
    store.release()
    answers = said(ann)
    assert {"1", "2"} <= set(answers)
    assert router_and_clock[0].chat.online.find("ann") is None


def test_when_nothing_can_be_stored_who_closed_its_writing_side_is_told(ann: PausingWire, store: FakeStore) -> None:
    store.held = store.broken = True
    ann.send(line("ann", "remember", cid="1"))
    ann.connection.readConnectionLost()
    store.release()
    (packet,) = ann.packets()
    assert packet["x"]["code"] == "NOT_STORED"
    assert ann.connection.closed


@pytest.mark.parametrize(
    "command", ["/create", "/join", "/leave", "/password", "/history", "/search", "/register", "/conversations", "/read"]
)
def test_who_goes_while_something_waits_leaves_no_trace(
    router_and_clock: tuple[Router, Clock], ann: PausingWire, store: FakeStore, command: str, logged: list[str]
) -> None:
    router, _ = router_and_clock
    ann.send(line("/create", "#ops"))
    store.held = store.slow = True
    ann.send(line(command, {"/password": f"{PASSWORD} new"}.get(command, "#ops")))
    ann.lose()
    store.release()
    while store.asks:
        store.answer()
    assert router.chat.online.find("ann") is None
    assert not any(room.sessions for room in router.chat.rooms.with_prefix(""))
    assert not [text for text in logged if "Traceback" in text]


def test_what_comes_while_something_waits_is_bounded_and_then_served(
    router_and_clock: tuple[Router, Clock], ann: PausingWire, store: FakeStore
) -> None:
    router_and_clock[0].chat.limits.set("bytes", "off")
    store.held = True
    ann.send(line("/create", "#ops", cid="first"))
    sent = 0
    while ann.transport.reads:
        ann.send(line("/time", "x" * 1000, cid=str(sent)))
        sent += 1
    assert sent * 1000 < MAX_UNSERVED + 2000
    for _ in range(10):
        ann.wait(1)
        assert not ann.transport.reads  # for as long as it takes
    store.release()
    assert ann.transport.reads
    ann.wait(1)
    assert said(ann) == ["first", *map(str, range(sent))]


def test_what_comes_is_bounded_also_while_one_command_after_another_waits(
    router_and_clock: tuple[Router, Clock], ann: PausingWire, store: FakeStore
) -> None:
    for limit in ("bytes", "packets"):
        router_and_clock[0].chat.limits.set(limit, "off")
    block = line("/history", "#ops") * 1000
    ann.send(line("/create", "#ops"))
    store.slow = True
    sent = 0
    for _ in range(50):
        while ann.transport.reads:
            ann.send(block)
            sent += len(block)
        if store.asks:
            store.answer()
        else:
            ann.wait(1)
    assert sent <= MAX_UNSERVED + 2 * len(block)


def test_who_is_closed_while_something_waits_is_read_to_its_end(
    router_and_clock: tuple[Router, Clock], ann: PausingWire, store: FakeStore
) -> None:
    router_and_clock[0].chat.limits.set("bytes", "off")
    store.held = True
    ann.send(line("/create", "#ops"), b"x" * (MAX_UNSERVED + 1))
    assert not ann.transport.reads
    session = ann.connection.session
    assert session is not None
    router_and_clock[0].chat.close(session, "FORBIDDEN", "You are closed.", why="kicked")
    assert ann.transport.reads
    store.release()
    assert ann.msgs() == ["You are closed."]


def test_a_store_that_is_full_lets_its_senders_wait_until_what_they_said_is_stored(
    router_and_clock: tuple[Router, Clock], ann: PausingWire, store: FakeStore
) -> None:
    other = PausingWire(*router_and_clock)
    other.send(b"bob\n")
    store.held = store.full = True
    ann.send(line("ann", "one", cid="1") + line("/time", cid="2"))
    other.bytes()
    other.send(line("/list"))
    assert said(ann) == []
    assert other.msgs() == ["Online users (1): ann"]  # who says nothing that is kept goes on
    store.full = False
    store.release()
    assert said(ann) == ["one", "1", "2"]
    assert router_and_clock[0].chat.limits.met["waiting"] == 1


def test_a_name_and_a_login_in_one_write_are_served_in_order(router_and_clock: tuple[Router, Clock], ann: PausingWire) -> None:
    wire = PausingWire(*router_and_clock)
    wire.send(b"ann\n" + line("/login", PASSWORD) + line("/time"))
    told, welcome, time = wire.msgs()
    assert "/login" in told
    assert welcome.startswith("Welcome ann!")
    assert time.startswith("Server time")


def test_at_a_terminal_too(router_and_clock: tuple[Router, Clock], ann: PausingWire, store: FakeStore) -> None:
    wire = Wire(*router_and_clock, TelnetProtocol)
    store.held = True
    wire.send(b"ann\r\n/login " + PASSWORD.encode() + b"\r\n/create #ops\r\n/time\r\nhi all\r\n")
    wire.connection.readConnectionLost()
    store.release()
    told, welcome, made, time = wire.bytes().decode().splitlines()
    assert told.endswith("or connect again with another name.")
    assert welcome.startswith("* Welcome ann!")
    assert made.startswith("* #ops is there")
    assert time.startswith("* Server time")
    assert ann.msgs() == ["hi all"]


def test_a_classic_client_never_sees_x_whatever_it_does(router_and_clock: tuple[Router, Clock], ann: PausingWire) -> None:
    wire = PausingWire(*router_and_clock)
    wire.send(b"bob\n")
    ann.send(line("/create", "#ops"))
    commands = ["/rooms", "/join #ops", "/members #ops", "/topic #ops", "/history #ops", "/search hi", "/register secret pass"]
    commands += ["/create #mine private", "/invite ann #mine", "/leave #ops", "/close #mine", "/login x", "/history"]
    for n, command in enumerate(commands):
        wire.send(line(*command.split(" ", 1), cid="1"))
        ann.send(line("#ops", "hi", cid=f"{n}a") + line("bob", "hi", cid=f"{n}b"))
    packets = [json.loads(text) for text in wire.bytes().splitlines()]
    assert len(packets) > 30
    assert not any("x" in packet for packet in packets)
