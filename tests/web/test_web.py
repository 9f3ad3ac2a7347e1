"""The operators' face over HTTP, as those meet it who ask nicely and those who do not."""

from __future__ import annotations

import gc
import json
import resource
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry
from twisted.internet.address import IPv4Address, IPv6Address, UNIXAddress
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport

from lanchat.net.http import MAX_BYTES
from lanchat.protocol.errors import NotStored
from lanchat.web.health import INTERVAL, RETRY_INTERVAL, TIMEOUT as TRY, Health
from lanchat.web.http import MAX_CONNECTIONS, TIMEOUT_SECONDS, WebFactory
from lanchat.web.pages import JSON, OPEN_METRICS, Pages, prefers
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Server, login, until

WEB = "--port", LOOPBACK, "--web", LOOPBACK
#: A server that drains when it is told to.
CHAT_TAC = """
import signal
from twisted.application.service import Application
from twisted.internet import reactor
from lanchat.config.options import Options
from lanchat.tap import makeService
config = Options()
config.parseOptions(["--data", "data", *{options!r}])
service = makeService(config)
def told(number, frame):
    reactor.callFromThread(service.drain if number == signal.SIGUSR1 else lambda _: service.cancel_drain(), 60)
signal.signal(signal.SIGUSR1, told)
signal.signal(signal.SIGUSR2, told)
application = Application("chat")
service.setServiceParent(application)
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), *WEB) as running:
        yield running


def said(port: int, request: bytes) -> bytes:
    """All that comes back, to the end of the connection."""
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as asking:
        asking.sendall(request)
        return b"".join(iter(lambda: asking.recv(65536), b""))


def get(port: int, path: str, *headers: str, method: str = "GET") -> tuple[int, dict[str, str], str]:
    """The code, the headers and the body of an answer."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", ""]
    head, _, body = said(port, "\r\n".join(lines).encode()).partition(b"\r\n\r\n")
    status, *rest = head.decode().split("\r\n")
    found = [line.split(": ", 1) for line in rest]
    return int(status.split()[1]), {name.lower(): value for name, value in found}, body.decode()


class FakeStore:
    """A disk that does as the test says."""

    def __init__(self) -> None:
        self.last_error = ""
        self.stalled = 0.0
        self.tries: list[Deferred[Any]] = []

    def maintain(self, task: object) -> Deferred[Any]:
        """Remember; the test answers."""
        self.tries.append(Deferred())
        return self.tries[-1]


class Asked:
    """The face on transports in memory, with a clock that tests move."""

    def __init__(self, here: IAddress | None = None) -> None:
        self.clock, self.store = Clock(), FakeStore()
        self.clock.advance(1000)
        self.health = Health(self.store, self.clock)  # type: ignore[arg-type]  # enough of one
        pages = Pages(self.health, lambda: True, CollectorRegistry())
        self.factory = WebFactory(pages, self.clock, lambda address: address != "8.8.8.8")
        self.here = here or IPv4Address("TCP", "127.0.0.1", 9100)

    def connect(self) -> tuple[Any, StringTransport]:
        """A connection, and what is under it."""
        channel = self.factory.buildProtocol(None)
        assert channel is not None
        transport = StringTransport(hostAddress=self.here)
        channel.makeConnection(transport)
        return channel, transport

    def code(self, request: bytes) -> int:
        """What the answer begins with."""
        channel, transport = self.connect()
        channel.dataReceived(request)
        answer: bytes = transport.value()
        return int(answer.split()[1])

    def trouble(self) -> Deferred[str]:
        """Ask how the log does."""
        return Deferred.fromCoroutine(self.health.check())


# The pages.


PROMETHEUS = (
    "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,"
    "text/plain;version=1.0.0;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.mark.parametrize(
    ("accept", "wanted"),
    [
        ("", False),
        ("*/*", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
        ("application/openmetrics-text", True),
        ("application/openmetrics-text, text/plain", True),
        (PROMETHEUS, True),
        ("application/openmetrics-text;q=0, text/plain", False),
        ("application/openmetrics-text; version=1.0.0; Q=0.000, */*", False),
        ("application/openmetrics-text;q=0", False),
        ("application/openmetrics-text;q=0.4, text/plain;q=0.5", False),
        ("application/openmetrics-text;q=0.4, text/*;q=0.5", False),
        ('text/plain;title="application/openmetrics-text,", */*', False),
        ("application/openmetrics-text-not", False),
        ('application/openmetrics-text;a="' + '\\",' * 2000, True),
    ],
)
def test_the_form_that_is_wanted_most_is_sent(accept: str, wanted: bool) -> None:
    assert prefers(accept.lower(), OPEN_METRICS) is wanted
    assert prefers(accept.lower().replace(OPEN_METRICS, JSON), JSON) is wanted


@pytest.mark.parametrize("beginning", [b"ann\n" + b'{"from":', b"\x16\x03\x01\x02\x00\x01", b"\xff\xfd\x01", b'{"a":"b"}\n'])
def test_another_protocol_is_told_so_at_once(beginning: bytes) -> None:
    asked = Asked()
    assert asked.code(beginning) == 400


@pytest.mark.parametrize("pieces", [[b"GET /readyz HTTP/1.1\r\n\r\n"], [b"\r\nG", b"ET /readyz HTTP/1.1\r\n", b"\r\n"]])
def test_a_request_may_come_in_pieces(pieces: list[bytes]) -> None:
    channel, transport = Asked().connect()
    for piece in pieces:
        channel.dataReceived(piece)
    assert transport.value().startswith(b"HTTP/1.1 200 OK")


def test_a_server_that_is_well_says_so(server: Server) -> None:
    port = server.port("web")
    assert get(port, "/healthz")[::2] == (200, "ok\n")
    assert get(port, "/readyz")[::2] == (200, "ready\n")
    code, headers, body = get(port, "/healthz", "Accept: application/json")
    assert (code, headers["content-type"], json.loads(body)) == (200, "application/json", {"ok": True, "text": "ok"})


def test_only_who_is_on_this_machine_is_answered_unless_it_is_asked_for(server: Server) -> None:
    assert "on 127.0.0.1:" in server.logged("listening for web readers")


def test_curl_can_ask(server: Server) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl here")
    command = ["curl", "-sf", "--max-time", "10", f"http://localhost:{server.port('web')}/healthz"]
    assert subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE).stdout == b"ok\n"  # noqa: S603 (ours)


def test_health_fails_while_the_disk_does_and_is_well_again_when_the_disk_is(tmp_path: Path) -> None:
    with Server(tmp_path, *WEB) as server:
        port = server.port("web")
        assert get(port, "/healthz")[0] == 200
        with login(server.port(), "ann") as ann:
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (1, resource.RLIM_INFINITY))
            ann.say("/register", "correct horse battery")
            ann.wait_for("can't write to its disk")
            assert get(port, "/healthz")[::2] == (503, "the log can't store: disk I/O error\n")
            assert "lanchat_log_storing 0.0" in get(port, "/metrics")[2]
            assert get(port, "/readyz")[0] == 200, "guests may still talk"
            resource.prlimit(server.process.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
            until(lambda: get(port, "/healthz")[0] == 200, "the log to store again, though nobody says anything")
            assert "lanchat_log_storing 1.0" in get(port, "/metrics")[2]


def test_nobody_is_sent_to_a_server_that_drains(tmp_path: Path) -> None:
    (tmp_path / "chat.tac").write_text(CHAT_TAC.format(options=list(WEB)))
    log = tmp_path / "log"
    command = [str(SCRIPTS / "twistd"), "-n", "--pidfile=", "-l", str(log), "-y", "chat.tac"]
    with subprocess.Popen(command, cwd=tmp_path) as process:  # noqa: S603 (ours)
        try:
            line = until(lambda: line_of(log, "listening for web"), "the server to listen")
            port = int(line.rpartition(":")[2])
            assert get(port, "/readyz")[::2] == (200, "ready\n")
            process.send_signal(signal.SIGUSR1)
            until(lambda: get(port, "/readyz")[0] == 503, "the drain")
            assert get(port, "/readyz")[2] == "not ready: new connections are refused\n"
            assert "lanchat_ready 0.0" in get(port, "/metrics")[2]
            assert get(port, "/healthz")[0] == 200
            process.send_signal(signal.SIGUSR2)
            until(lambda: get(port, "/readyz")[0] == 200, "the drain to be called off")
        finally:
            process.terminate()


def line_of(log: Path, text: str) -> str | None:
    """The first line of a log with this text, once it is there."""
    lines = log.read_text().splitlines() if log.exists() else []
    return next((line for line in lines if text in line), None)


# What is not asked for nicely.


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "CONNECT"])
def test_nothing_but_reading_is_answered(server: Server, method: str) -> None:
    code, headers, _ = get(server.port("web"), "/healthz", method=method)
    assert (code, headers["allow"]) == (405, "GET, HEAD")


def test_the_head_is_that_of_the_page(server: Server) -> None:
    code, headers, body = get(server.port("web"), "/healthz", method="HEAD")
    assert (code, headers["content-length"], body) == (200, "3", "")


@pytest.mark.parametrize("path", ["/", "/metrics/", "//metrics", "/../etc/passwd", "/%6detrics", "http://localhost/metrics"])
def test_there_are_three_pages_and_no_other(server: Server, path: str) -> None:
    assert get(server.port("web"), path)[0] == 404


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        pytest.param(b"GET /healthz HTTP/1.1\r\nX: " + b"x" * MAX_BYTES + b"\r\n\r\n", 431, id="long header"),
        pytest.param(b"GET /" + b"x" * MAX_BYTES + b" HTTP/1.1\r\n\r\n", 431, id="long path"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + b"A: b\r\n" * 100 + b"\r\n", 400, id="many headers"),
        pytest.param(b"GET /healthz HTTP/1.1\r\n" + (b"A: " + b"b" * 500 + b"\r\n") * 20 + b"\r\n", 400, id="much of headers"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nContent-Length: 5\r\n\r\nhello", 413, id="body"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n", 413, id="much of a body"),
        pytest.param(b"POST /metrics HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n", 413, id="chunks"),
        pytest.param(b"GET /healthz HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 0\r\n\r\n", 400, id="two lengths"),
        pytest.param(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n", 400, id="TLS"),
        pytest.param(b"GET /healthz LANCHAT/9\r\n\r\n", 400, id="no HTTP"),
    ],
)
def test_what_is_no_request_of_ours_is_refused_and_closed(server: Server, request_: bytes, code: int) -> None:
    with socket.create_connection(("127.0.0.1", server.port("web")), PATIENCE) as asking:
        asking.sendall(request_)
        assert asking.recv(4096).startswith(b"HTTP/1.1 %d " % code)
        asking.settimeout(PATIENCE)
        try:
            while asking.recv(4096):
                continue
        except ConnectionResetError:
            pass  # that is closed, too


def test_our_version_of_http_is_ours(server: Server) -> None:
    assert said(server.port("web"), b"GET /healthz HTTP/1.0\r\n\r\n").startswith(b"HTTP/1.1 200 OK\r\n")


def test_a_connection_is_for_one_request(server: Server) -> None:
    answer = said(server.port("web"), b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n" * 3)
    assert answer.count(b"HTTP/1.1 ") == 1


def test_nothing_of_a_request_is_sent_back_or_logged(server: Server) -> None:
    port = server.port("web")
    before = server.text()
    odd = "\x1b[31mhostile<script>"
    requests = [
        f"GET /{odd}?{odd} HTTP/1.1\r\nHost: localhost\r\nX-Odd: {odd}\r\n\r\n",
        f"{odd} / HTTP/1.1\r\n\r\n",
        f"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version=1.0.0{odd}\r\n\r\n",
        f"GET /metrics HTTP/1.1\r\nAccept: application/openmetrics-text;version={odd}\r\n\r\n",
        f"GET /healthz HTTP/1.1\r\nHost: {odd}\r\n\r\n",
    ]
    for request in requests:
        answer = said(port, request.encode())
        assert answer.startswith(b"HTTP/1.1 ")
        assert not answer.startswith(b"HTTP/1.1 500")
        assert b"hostile" not in answer
        assert b"<script" not in answer
    assert server.text() == before, "and no line for each request, either"


ELSEWHERE = ["evil.test", "evil.test:80", "localhost.evil.test", "192.168.1.7", "[2001:db8::1]:80", "", "127.0.0.1.nip.io"]


@pytest.mark.parametrize("host", ELSEWHERE)
def test_a_page_of_somebody_elses_can_not_read_it_through_a_browser_here(server: Server, host: str) -> None:
    answer = said(server.port("web"), f"GET /metrics HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.1 421 Misdirected Request\r\n")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:9100", "127.0.0.1:80", "[::1]:9100", "127.0.0.2", "localhost."])
def test_who_asks_for_this_machine_is_answered(host: str) -> None:
    assert Asked().code(f"GET /readyz HTTP/1.1\r\nHost: {host}\r\n\r\n".encode()) == 200


def test_loopback_in_an_ipv6_socket_is_loopback() -> None:
    asked = Asked(IPv6Address("TCP", "::ffff:127.0.0.1", 9100))
    assert asked.code(b"GET /readyz HTTP/1.1\r\nHost: evil.test\r\n\r\n") == 421


@pytest.mark.parametrize(("header", "code"), [(b"Host: \xff\xfe", 421), (b"Accept: \xff\xfe", 200)])
def test_what_is_no_utf_8_is_no_fault_of_the_server(header: bytes, code: int, logged: list[str]) -> None:
    assert Asked().code(b"GET /readyz HTTP/1.1\r\n" + header + b"\r\n\r\n") == code
    assert logged == []


def test_two_names_are_one_too_many() -> None:
    assert Asked().code(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nHost: evil.test\r\n\r\n") == 421


@pytest.mark.parametrize("here", [IPv4Address("TCP", "192.168.1.7", 9100), UNIXAddress(b"/run/web")])
def test_where_no_browser_can_be_misled_any_name_will_do(here: IAddress) -> None:
    assert Asked(here).code(b"GET /readyz HTTP/1.1\r\nHost: chat.lan\r\n\r\n") == 200


def test_who_is_from_elsewhere_is_closed_before_a_byte() -> None:
    factory = Asked().factory
    assert factory.buildProtocol(IPv4Address("TCP", "8.8.8.8", 1)) is None
    assert factory.buildProtocol(IPv4Address("TCP", "10.0.0.1", 1)) is not None


def test_who_is_slow_is_cut_off_however_often_a_byte_comes() -> None:
    asked = Asked()
    channel, transport = asked.connect()
    for _ in range(int(TIMEOUT_SECONDS * 10) - 1):
        channel.dataReceived(b"X")
        asked.clock.advance(0.1)
    assert not transport.disconnected
    asked.clock.advance(0.2)
    assert transport.disconnected


def test_who_does_not_read_the_answer_is_cut_off() -> None:
    asked = Asked()
    channel, transport = asked.connect()
    channel.dataReceived(b"GET /readyz HTTP/1.1\r\n\r\n")
    assert transport.value()
    asked.clock.advance(TIMEOUT_SECONDS)
    assert transport.disconnected


def test_one_too_many_cuts_off_the_oldest() -> None:
    asked = Asked()
    opened = [asked.connect() for _ in range(MAX_CONNECTIONS + 1)]
    assert [transport.disconnected for _, transport in opened] == [True] + [False] * MAX_CONNECTIONS
    assert len(asked.factory.connections) == MAX_CONNECTIONS


def test_whoever_holds_all_connections_keeps_nobody_out(server: Server) -> None:
    port = server.port("web")
    held = [socket.create_connection(("127.0.0.1", port), PATIENCE) for _ in range(MAX_CONNECTIONS * 3)]
    try:
        start = time.monotonic()
        assert get(port, "/healthz")[0] == 200
        assert time.monotonic() - start < TIMEOUT_SECONDS / 2
    finally:
        for each in held:
            each.close()


def test_what_ended_is_not_waited_for(logged: list[str]) -> None:
    asked = Asked()
    channel, transport = asked.connect()
    channel.dataReceived(b"GET /healthz HTTP/1.1\r\n\r\n")
    channel.connectionLost()
    asked.store.tries[0].callback(None)
    assert transport.value() == b""
    assert not asked.factory.connections
    assert not asked.clock.getDelayedCalls()
    del channel
    gc.collect()
    assert not logged


# What is tried.


def test_a_log_that_takes_something_is_well_and_is_tried_only_now_and_then() -> None:
    asked = Asked()
    answer = asked.trouble()
    asked.store.tries[0].callback(None)
    assert answer.result == ""
    asked.clock.advance(INTERVAL - 1)
    assert asked.trouble().result == ""
    assert len(asked.store.tries) == 1
    asked.clock.advance(1)
    asked.trouble()
    assert len(asked.store.tries) == 2


def test_a_log_that_takes_nothing_is_in_trouble_and_tried_again_soon() -> None:
    asked = Asked()
    answer = asked.trouble()
    asked.store.tries[0].errback(NotStored())
    assert answer.result == "the write queue is full"
    asked.clock.advance(RETRY_INTERVAL)
    again = asked.trouble()
    asked.store.tries[1].callback(None)
    assert again.result == ""


def test_a_disk_that_does_not_answer_is_in_trouble_and_who_asks_is_told_in_time() -> None:
    asked = Asked()
    answer = asked.trouble()
    asked.clock.advance(TRY)
    assert answer.result == f"nothing was written within {TRY:.0f} s"
    asked.store.tries[0].callback(None)  # it answers after all
    asked.store.stalled = TRY + 1
    assert "no progress for 4 s" in asked.health.problem


def test_what_was_seen_of_the_disk_by_others_counts() -> None:
    asked = Asked()
    asked.trouble()
    asked.store.tries[0].callback(None)
    asked.store.last_error = "disk I/O\n error"
    assert asked.health.problem == r"disk I/O\n error"
