"""Receipts: what was written to a classic client counts as read, and what still waited in the server does not."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.gateways.telnet import TelnetProtocol
from lanchat.net.sockets import unsent_bytes
from lanchat.protocol.errors import TooSlow
from tests.fakes import PASSWORD, User, Wire, log_in, make_router, store_of
from tests.live import line


class Halting(StringTransport):
    """A transport whose system takes so many bytes, and no more; the rest waits in it, as in Twisted's own."""

    takes = 2**40

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)
        self.dataBuffer, self.offset, self._tempDataLen = b"", 0, 0

    def write(self, data: bytes) -> None:
        """Take as much as may be taken."""
        taken, self.dataBuffer = data[: self.takes], self.dataBuffer + data[self.takes :]
        self.takes -= len(taken)
        super().write(taken)


class Reader(Wire):
    """A classic client of ann's."""

    transport_type = Halting
    transport: Halting

    def __init__(self, router_and_clock: tuple[Router, Clock], protocol: type[Connection] = ChatProtocol) -> None:
        super().__init__(*router_and_clock, protocol)
        if protocol is TelnetProtocol:
            self.send(b"ann\r\n", f"/login {PASSWORD}\r\n".encode())
        else:
            self.send(b"ann\n" + line("/login", PASSWORD))
        self.shown = self.bytes().decode()

    def stop_reading(self) -> None:
        """The client reads no more, and the system takes no more."""
        self.connection.outbox.pauseProducing()


@pytest.fixture
def router_and_clock() -> tuple[Router, Clock]:
    router, clock = make_router()
    User(router, "ann").register().leave()
    router.chat.limits.set("packets", "off")
    return router, clock


@pytest.fixture
def bob(router_and_clock: tuple[Router, Clock]) -> User:
    """A guest who talks."""
    return User(router_and_clock[0], "bob")


def say(bob: User, *texts: object) -> None:
    for text in texts:
        bob.send("ann", str(text))


def missed(router_and_clock: tuple[Router, Clock]) -> str:
    """What ann is shown when she comes again."""
    again = Reader(router_and_clock)
    again.lose()
    return again.shown


@pytest.mark.parametrize("protocol", [ChatProtocol, TelnetProtocol])
def test_what_waited_for_a_classic_client_when_it_was_cut_is_shown_next_time(
    router_and_clock: tuple[Router, Clock], bob: User, protocol: type[Connection]
) -> None:
    ann = Reader(router_and_clock, protocol)
    say(bob, "number 1", "number 2")
    ann.bytes()
    ann.stop_reading()
    say(bob, *(f"number {n}" for n in range(3, 11)))
    ann.lose()
    shown = missed(router_and_clock)
    assert "8 messages were sent" in shown
    assert "number 2" not in shown
    assert all(f"number {n}" in shown for n in range(3, 11))
    assert "number" not in missed(router_and_clock)


def test_what_was_dropped_as_too_much_waited_is_shown_next_time(router_and_clock: tuple[Router, Clock], bob: User) -> None:
    ann = Reader(router_and_clock)
    ann.stop_reading()
    say(bob, *(f"number {n} " + "x" * 10_000 for n in range(30)))
    assert router_and_clock[0].chat.online.find("ann") is None, "she was closed as too slow"
    ann.lose()
    assert "30 messages were sent" in missed(router_and_clock)


def test_what_the_system_did_not_take_is_not_written(router_and_clock: tuple[Router, Clock], bob: User) -> None:
    ann = Reader(router_and_clock)
    say(bob, "number 1")
    ann.bytes()
    ann.transport.takes = 0
    say(bob, "number 2", "number 3")
    ann.bytes()
    ann.lose()
    shown = missed(router_and_clock)
    assert "2 messages were sent" in shown
    assert "number 1" not in shown


def test_what_is_written_after_the_session_ended_counts_as_read(router_and_clock: tuple[Router, Clock], bob: User) -> None:
    ann = Reader(router_and_clock)
    ann.stop_reading()
    say(bob, "number 1")
    ann.send(line("/quit", ""))
    ann.connection.outbox.resumeProducing()
    assert "number 1" in ann.bytes().decode()
    ann.lose()
    router_and_clock[1].advance(2)
    assert "number" not in missed(router_and_clock)


def test_an_unframed_client_has_read_the_packets_that_went_out_in_time(
    router_and_clock: tuple[Router, Clock], bob: User
) -> None:
    ann = Wire(*router_and_clock)
    ann.send(b"ann")
    ann.wait(0.2)
    ann.send(line("/login", PASSWORD).strip())
    ann.wait(0.2)
    ann.bytes()
    say(bob, *(f"number {n}" for n in range(1, 6)))
    ann.wait(0.02)
    written = ann.bytes().decode()
    ann.lose()
    shown = missed(router_and_clock)
    for n in range(1, 6):
        assert (f"number {n}" in written) is not (f"number {n}" in shown)
    assert "number 1" in written
    assert "number 5" in shown


def test_who_can_say_how_far_it_has_come_has_no_receipts(router_and_clock: tuple[Router, Clock]) -> None:
    router = router_and_clock[0]
    assert log_in(router, "ann", "id", "resume").session.receipts is None
    ann = Reader(router_and_clock)
    assert ann.connection.session is not None
    assert ann.connection.session.receipts is not None


def test_what_was_missed_and_not_written_is_shown_next_time(router_and_clock: tuple[Router, Clock], bob: User) -> None:
    say(bob, "number 1", "number 2")
    ann = Wire(*router_and_clock)
    ann.connection.outbox.pauseProducing()
    ann.send(b"ann\n" + line("/hello", "lanchat", v=1, caps=["ack"], auth={"mech": "PLAIN", "password": PASSWORD}))
    ann.lose()
    shown = missed(router_and_clock)
    assert "2 messages were sent" in shown
    assert "number" not in missed(router_and_clock)


def test_a_classic_session_that_becomes_a_device_has_read_what_was_written(
    router_and_clock: tuple[Router, Clock], bob: User
) -> None:
    ann = Reader(router_and_clock)
    say(bob, "number 1")
    ann.bytes()
    ann.stop_reading()
    say(bob, "number 2")
    ann.send(line("/hello", "lanchat", v=1, caps=["id"], dev="desk"))
    cursor = "SELECT cursor FROM devices WHERE name = ''"
    assert store_of(router_and_clock[0].chat).connection.execute(cursor).fetchone() == (1,)
    ann.lose()
    router_and_clock[1].advance(2)
    assert store_of(router_and_clock[0].chat).connection.execute(cursor).fetchone() == (1,), (
        "what was cut off was never written"
    )
    assert "number 2" in missed(router_and_clock)


def test_what_could_not_be_read_is_not_counted_as_read_when_the_rest_is_written(
    router_and_clock: tuple[Router, Clock], bob: User
) -> None:
    say(bob, "number 1")
    store = store_of(router_and_clock[0].chat)
    store.slow = True
    ann = Reader(router_and_clock)
    store.answer(TooSlow())
    store.slow = False
    ann.stop_reading()
    say(bob, "number 2")
    ann.send(line("/quit", ""))
    ann.connection.outbox.resumeProducing()
    assert "number 2" in ann.bytes().decode()
    ann.lose()
    router_and_clock[1].advance(2)
    assert "number 1" in missed(router_and_clock)


def test_what_waits_in_a_transport_of_twisteds_is_counted() -> None:
    plain, tls = Halting(), StringTransport()
    plain.dataBuffer, plain.offset, plain._tempDataLen = b"12345", 2, 4
    assert unsent_bytes(plain) == 7
    tls.transport, tls._appSendBuffer = plain, [b"ab", b"c"]  # type: ignore[attr-defined]  # as TLS has it
    assert unsent_bytes(tls) == 10
    assert unsent_bytes(StringTransport()) == 0
