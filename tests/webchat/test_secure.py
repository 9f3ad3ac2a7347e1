"""The page over TLS, from a real server: who forgot https, who asks and does not read, and certificates of clients."""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.webchat.secure import _REQUEST
from tests.certs import Authority
from tests.frames import HANDSHAKE, frame, frames
from tests.live import LOOPBACK, PATIENCE, Server

PAGE = b"GET /app.js HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), "--port", LOOPBACK, "--https", LOOPBACK) as running:
        running.logged("listening for browsers")
        yield running


def said(server: Server, data: bytes) -> bytes:
    """What the port answers without TLS, to the end."""
    with socket.create_connection(("127.0.0.1", server.port("browsers over TLS")), PATIENCE) as asking:
        asking.sendall(data)
        return b"".join(iter(lambda: asking.recv(65536), b""))


def over_tls(server: Server, own: Path | None = None) -> ssl.SSLSocket:
    """A connection with TLS; whose certificate it is does not matter here."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if own is not None:
        context.load_cert_chain(own)
    return context.wrap_socket(socket.create_connection(("127.0.0.1", server.port("browsers over TLS")), PATIENCE))


def resident(server: Server) -> int:
    """The server's memory, in bytes."""
    return int(Path(f"/proc/{server.process.pid}/statm").read_text().split()[1]) * 4096


@pytest.mark.parametrize("path", [b"/", b"/trust?x", b"http://localhost/"])
def test_who_forgot_https_is_led_there(server: Server, path: bytes) -> None:
    head = said(server, b"GET " + path + b" HTTP/1.1\r\nAccept: */*\r\nhost:  localhost:8443\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 308 ")
    target = path if path.startswith(b"/") else b"/"
    assert b"\r\nLocation: https://localhost:8443" + target + b"\r\n" in head


def test_nobody_is_led_to_a_name_that_is_not_ours(server: Server) -> None:
    head = said(server, b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"Location" not in head
    assert b"https://" in head


def test_what_has_no_host_takes_time_in_proportion_to_its_length() -> None:
    begun = time.process_time()
    assert _REQUEST.match(b"GET /" + b"a" * 20_000 + b"\r\n" * 10_000) is None
    assert time.process_time() - begun < 1  # (it took 10 s when every part of the target was tried)


@pytest.mark.parametrize(
    "data", [b"ann and bob\n", b"GET / HTTP/1.1\r\n\r\n", b"\x00" * 100, b"GET / HTTP/1.1\r\nX: " + b"y" * 10_000]
)
def test_what_is_neither_is_closed(server: Server, data: bytes) -> None:
    assert b"HTTP" not in said(server, data)


def test_a_websocket_over_tls_is_one_of_the_gateway_wss(server: Server) -> None:
    with over_tls(server) as page:
        page.sendall(b"GET /ws HTTP/1.1\r\n" + HANDSHAKE + b"Origin: https://localhost\r\n\r\n" + frame("ann"))
        answer = b""
        while b"Welcome ann!" not in answer:
            answer += page.recv(65536)
        assert answer.startswith(b"HTTP/1.1 101 ")
        server.logged("ann joined from 127.0.0.1 (wss")


def test_who_asks_and_does_not_read_has_one_answer_waiting_over_tls_too(server: Server) -> None:
    with over_tls(server) as page:
        page.sendall(PAGE)
        page.recv(100)
        before = resident(server)
        page.sendall(PAGE * 99)
        with over_tls(server) as other:  # when this is answered, the server has served what came before
            other.sendall(PAGE)
            assert other.recv(100)
        assert resident(server) - before < 5_000_000  # all answers would be 15 MB
        began = time.monotonic()
        while page.recv(1 << 20):  # (it reads all now, unless it was cut off)
            assert time.monotonic() - began < PATIENCE


def test_a_browser_without_a_certificate_is_not_served_where_one_is_needed(tmp_path: Path) -> None:
    authority = Authority(tmp_path, "clients")
    options = "--port", LOOPBACK, "--https", LOOPBACK, "--tls-client-ca", str(authority.path)
    with Server(tmp_path, *options) as server:
        server.logged("listening for browsers")
        with contextlib.suppress(ssl.SSLError, ConnectionError), over_tls(server) as nobody:
            nobody.sendall(PAGE)
            assert nobody.recv(100) == b""
        for name, told in (("mal", b"Your certificate says that you are ann."), ("ann", b"Welcome ann!")):
            with over_tls(server, authority.both("ann")) as page:
                page.sendall(b"GET /ws HTTP/1.1\r\n" + HANDSHAKE + b"\r\n" + frame(name))
                answer = b""
                while told not in answer:
                    answer += page.recv(65536)
                assert frames(answer.partition(b"\r\n\r\n")[2])


def test_a_handshake_that_is_never_finished_is_cut_off(server: Server) -> None:
    with socket.create_connection(("127.0.0.1", server.port("browsers over TLS")), PATIENCE) as slow:
        slow.sendall(b"\x16\x03\x01\x02\x00\x01")
        with contextlib.suppress(ConnectionError):
            assert slow.recv(100) == b""
