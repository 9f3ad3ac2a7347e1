"""TLS under a connection: what comes over the network is charged as such, whether or not there is content in it."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest
from hypothesis import given, strategies as st
from twisted.internet.address import IPv4Address
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.protocols.tls import TLSMemoryBIOProtocol
from twisted.python.failure import Failure

from lanchat.core.router import Router
from lanchat.gateways.connection import Connection
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.json_protocol import ChatProtocol
from lanchat.net.admission import Admission
from lanchat.net.tls import Contexts, TLSFactory, TLSFiles
from lanchat.net.tls_records import READ_SIZE, TLSRecords
from lanchat.protocol.limits import READ_OVERHEAD
from tests.certs import Authority
from tests.fakes import make_router
from tests.live import line

#: A record that nothing comes of, when nothing is decrypted.
RECORD = b"\x17\x03\x03\x00\x10" + bytes(16)


@given(st.lists(st.binary(max_size=600), max_size=8), st.lists(st.integers(0, 5000), max_size=8))
def test_records_are_counted_however_they_are_cut(contents: list[bytes], places: list[int]) -> None:
    data = b"".join(b"\x17\x03\x03" + len(content).to_bytes(2, "big") + content for content in contents)
    bounds = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    records = TLSRecords()
    counted = sum(records.count(data[a:b]) for a, b in zip(bounds, bounds[1:]))  # noqa: B905, RUF007 (Python 3.10's pairwise is the same)
    assert counted == len(contents)


class Pair:
    """A client's TLS in memory, and the server's connection."""

    def __init__(self, house: tuple[Router, Clock], directory: Path) -> None:
        router, self.clock = house
        chat = ChatFactory(ChatProtocol, router, Admission(router.chat.limits, self.clock, None, router.chat.counts))
        contexts = Contexts(TLSFiles(*Authority(directory).issue("localhost")))
        factory = TLSFactory(contexts, chat, self.clock, router.chat.counts)
        server = factory.buildProtocol(IPv4Address("TCP", "10.0.0.7", 40000))
        assert server is not None
        self.server, self.transport = server, StringTransport(peerAddress=IPv4Address("TCP", "10.0.0.7", 40000))
        server.makeConnection(self.transport)
        assert isinstance(server.wrappedProtocol, Connection)
        self.connection = server.wrappedProtocol
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        self._in, self._out = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._in, self._out)
        while True:
            try:
                self._tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._exchange()
        self.write(b"ann\n")

    def write(self, data: bytes) -> int:
        """Send this; how many bytes that is on the network."""
        self._tls.write(data)
        return self._exchange()

    def used(self) -> int:
        """Bytes of the limit that are taken now, if time stands still."""
        bucket = self.connection._bytes
        return round((bucket._full_at - self.clock.seconds()) * self.connection.router.chat.limits["bytes"])

    def _exchange(self) -> int:
        sent = self._out.read()
        self.server.dataReceived(sent)
        self.clock.advance(0)
        self._in.write(self.transport.value())
        self.transport.clear()
        return len(sent)


@pytest.fixture
def pair(tmp_path: Path) -> Pair:
    return Pair(make_router(), tmp_path)


@pytest.mark.parametrize("text", ["hi", "x" * 16_000])
def test_a_message_takes_what_it_is_on_the_network(pair: Pair, text: str) -> None:
    assert pair.connection.session is not None
    before = pair.used()
    size = pair.write(line("/time", text))
    assert pair.used() - before == size + READ_OVERHEAD
    assert pair.transport.bufferSize == READ_SIZE  # type: ignore[attr-defined]  # ours


@pytest.mark.parametrize("pieces", [1, 7, 1000])
def test_a_record_that_comes_in_pieces_takes_no_more(pair: Pair, pieces: int) -> None:
    before = pair.used()
    pair._tls.write(line("/time", "x" * 2000))
    data = pair._out.read()
    for n in range(0, len(data), pieces):
        pair.server.dataReceived(data[n : n + pieces])
    assert pair.used() - before == len(data) + READ_OVERHEAD


def test_what_has_no_content_is_charged_and_read_no_faster(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    before = pair.used()
    monkeypatch.setattr(TLSMemoryBIOProtocol, "dataReceived", lambda protocol, data: None)  # nothing comes of what came
    pair.server.dataReceived(RECORD * 10)
    assert pair.used() - before == 10 * (len(RECORD) + READ_OVERHEAD)
    for _ in range(1000):
        pair.server.dataReceived(RECORD * 10)
        if pair.transport.producerState == "paused":
            break
    assert pair.used() < 12 * pair.connection.router.chat.limits["bytes"]
    pair.clock.advance(1)
    assert pair.transport.producerState == "producing"
    pair.server.dataReceived(RECORD * 1000)
    assert pair.transport.producerState == "paused"


def test_what_comes_for_a_closed_connection_is_counted_once(pair: Pair) -> None:
    pair.connection.closed = pair.connection.halted = True
    assert pair.write(line("/time", "x" * 2000)) + READ_OVERHEAD == pair.connection._discarded


def test_while_something_is_waited_for_what_has_no_content_is_charged_too(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TLSMemoryBIOProtocol, "dataReceived", lambda protocol, data: None)
    pair.connection.halted, pair.connection._holds = True, 1
    pair.server.dataReceived(RECORD * 20_000)
    assert pair.transport.producerState == "paused"
    pair.clock.advance(100)
    assert pair.transport.producerState == "paused", "as long as it takes"
    pair.connection._performed(None)
    assert pair.transport.producerState == "producing"


def test_a_connection_that_is_lost_by_what_comes_is_charged_no_more(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(protocol: TLSMemoryBIOProtocol, data: bytes) -> None:
        protocol.connectionLost(Failure(ConnectionLost()))

    monkeypatch.setattr(TLSMemoryBIOProtocol, "dataReceived", lost)
    pair.server.dataReceived(RECORD)
    assert pair.connection.closed
    pair.clock.advance(0)
    assert pair.clock.getDelayedCalls() == []
