"""The port for browsers, as HTTP: what is there, who may ask, and what a peer that means harm can't do."""

from __future__ import annotations

import gzip
import json
import posixpath
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.live import LOOPBACK, Server, until
from tests.webchat.wire import Answer, Raw

MACHINE = socket.gethostname()


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with both ports for browsers, which is known as chat.example, too."""
    directory = tmp_path_factory.mktemp("server")
    options = ("--port", LOOPBACK, "--http", LOOPBACK, "--https", LOOPBACK, "--http-name", "Chat.Example")
    with Server(directory, *options) as running:
        yield running


@pytest.fixture(params=["http", "https"])
def raw(door: Server, request: pytest.FixtureRequest) -> Iterator[Raw]:
    """A connection to each of its ports."""
    with connect(door, request.param) as opened:
        yield opened


def connect(door: Server, scheme: str = "http") -> Raw:
    """A connection to a port; over TLS the server's own authority is trusted, and the certificate checked."""
    if scheme == "http":
        return Raw(door.port("browsers"))
    return Raw(door.port("browsers over TLS"), door.log.parent / "data" / "tls_authority.pem")


def ask(door: Server, path: str = "/", method: str = "GET", **headers: str | None) -> Answer:
    """The answer on a connection of its own."""
    with connect(door) as opened:
        return opened.ask(path, method, **headers)


# What is there.


def test_the_page_comes_with_a_policy_that_lets_it_load_its_own_parts_only(raw: Raw) -> None:
    page = raw.ask()
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy
    assert "unsafe" not in policy
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert "Set-Cookie" not in page.headers
    assert "frame-ancestors 'none'" in policy


def test_everything_that_the_page_names_is_there_on_the_same_connection(raw: Raw) -> None:
    page = raw.ask().text
    names = re.findall(r"""(?:src|href)=["']?([^"' >]+)""", page)
    assert names
    for name in names:
        if not name.startswith(("data:", "#")):
            path = posixpath.normpath(posixpath.join("/", name))
            assert (raw.ask(path).status, path) == (200, path)


def test_the_page_knows_its_build_and_the_server_tells_the_newest(raw: Raw) -> None:
    facts = raw.ask("/server.json")
    assert facts.headers["Cache-Control"] == "no-store"
    told = json.loads(facts.body)
    assert f'<meta name="build" content="{told["build"]}">' in raw.ask().text
    assert (told["plaintext"], told["ca"], len(told["https"])) == (False, True, 1)


def test_the_authority_can_be_fetched_and_there_is_help_to_trust_it(raw: Raw, door: Server) -> None:
    authority = raw.ask("/ca.pem")
    assert authority.body == (door.log.parent / "data" / "tls_authority.pem").read_bytes()
    assert authority.headers["Content-Type"] == "application/x-x509-ca-cert"
    assert raw.ask("/trust").status == 200


@pytest.mark.parametrize(
    ("accepted", "packed"),
    [
        ("gzip", True),
        ("gzip, deflate, br, zstd", True),
        ("br;q=1.0, gzip;q=0.5", True),
        ("*", True),
        ("GZIP", True),
        ("gzip;q=0", False),
        ("gzip;q=0.000, identity", False),
        ("identity", False),
        ("br", False),
        ("", False),
        (None, False),
    ],
)
def test_who_takes_gzip_gets_it(door: Server, accepted: str | None, packed: bool) -> None:
    path = "/vendor/preact.js"
    plain, answer = ask(door, path), ask(door, path, Accept_Encoding=accepted)
    assert (answer.headers["Content-Encoding"] == "gzip") is packed
    assert (gzip.decompress(answer.body) if packed else answer.body) == plain.body
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert len(answer.body) == int(answer.headers["Content-Length"])


@pytest.mark.parametrize("path", ["/", "/vendor/preact.js"])
@pytest.mark.parametrize("accepted", ["gzip", "identity"])
def test_what_a_browser_has_already_is_not_sent_again(raw: Raw, path: str, accepted: str) -> None:
    first = raw.ask(path, Accept_Encoding=accepted)
    tag = first.headers["ETag"]
    again = raw.ask(path, Accept_Encoding=accepted, If_None_Match=tag)
    assert (again.status, again.body, again.headers["ETag"]) == (304, b"", tag)
    assert raw.ask(path, Accept_Encoding=accepted, If_None_Match='"other"').body == first.body
    other = raw.ask(path, Accept_Encoding="gzip" if accepted == "identity" else "identity", If_None_Match=tag)
    assert other.status == 200, "another form of it has another tag"


@pytest.mark.parametrize("path", ["/", "/server.json", "/nothing", "/ws"])
def test_head_is_get_without_the_body(raw: Raw, path: str) -> None:
    whole, head = raw.ask(path), raw.ask(path, "HEAD")
    assert (head.status, head.body) == (whole.status, b"")
    assert head.headers["Content-Length"] == whole.headers["Content-Length"] == str(len(whole.body))
    assert head.headers["Content-Type"] == whole.headers["Content-Type"]


# What is not.


@pytest.mark.parametrize(
    "path",
    [
        "/nothing",
        "/../site.py",
        "/../../setup.cfg",
        "/vendor/../../site.py",
        "/%2e%2e/site.py",
        "/..%2fsite.py",
        "/..\\site.py",
        "/.././data/tls_key.pem",
        "//etc/passwd",
        "/etc/passwd",
        "/vendor",
        "/vendor/",
        "/vendor/.",
        "/\x00",
        "/app.js%00.html",
        "/caf\u00e9",
        "/<script>alert(1)</script>",
        "*",
        "x",
        "http://127.0.0.1/../site.py",
    ],
)
def test_other_paths_lead_nowhere_and_are_not_sent_back(door: Server, path: str) -> None:
    answer = ask(door, path)
    assert answer.status in (400, 404)
    assert "script" not in answer.text
    assert "passwd" not in answer.text
    assert len(answer.body) < 200


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "PATCH", "BREW"])
def test_nothing_can_be_changed_by_a_request(door: Server, method: str) -> None:
    answer = ask(door, "/app.js", method)
    assert (answer.status, answer.headers["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize(
    "headers",
    [{"Content_Length": "5"}, {"Content_Length": "99999999999"}, {"Transfer_Encoding": "chunked"}],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_body_is_refused_before_it_comes(door: Server, method: str, headers: dict[str, str]) -> None:
    assert ask(door, "/app.js", method, **headers).status == 413


@pytest.mark.parametrize("headers", [{"Content_Length": "x"}, {"Content_Length": "-1"}, {"Transfer_Encoding": "gzip"}])
def test_a_length_that_is_none_is_refused(door: Server, headers: dict[str, str]) -> None:
    assert ask(door, "/", **headers).status in (400, 413)


# Who may ask.


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "10.1.2.3",
        "[::1]",
        "[fe80::1]",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "chat.example",
        "CHAT.example",
        MACHINE,
    ],
)
@pytest.mark.parametrize("port", ["", ":80", ":65535"])
def test_the_server_answers_to_its_names_and_to_every_address(door: Server, host: str, port: str) -> None:
    assert ask(door, "/server.json", Host=host + port).status == 200


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:80",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "evil-localhost",
        "chat.example.evil",
        "sub.chat.example",
        "evil@127.0.0.1",
        "127.0.0.1@evil.example",
        "127.0.0.1, evil.example",
        "127.0.0.1:80:80",
        "127.0.0.1:port",
        "[::1",
        "::1",
        "[evil.example]",
        "http://127.0.0.1",
        "0x7f000001",
        "",
        ".",
        None,
    ],
)
@pytest.mark.parametrize("path", ["/", "/server.json", "/ca.pem", "/ws"])
def test_a_name_that_was_made_to_lead_here_is_refused(door: Server, host: str | None, path: str) -> None:
    answer = ask(door, path, Host=host)
    assert answer.status in (400, 421)
    assert "evil" not in answer.text


def test_two_hosts_are_none(door: Server) -> None:
    with connect(door) as opened:
        opened.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n")
        assert opened.answer().status in (400, 421)


# What a peer that means harm can't do.


def test_headers_that_never_end_are_cut_off(raw: Raw) -> None:
    raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"a" * 9000 + b"\r\n")
    assert raw.answer().status in (400, 431)
    assert raw.at_end()


def test_many_headers_are_refused(raw: Raw) -> None:
    raw.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"a: b\r\n" * 200 + b"\r\n")
    assert raw.answer().status in (400, 431)
    assert raw.at_end()


@pytest.mark.parametrize(
    "data",
    [b"GET /\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n", b"GET / HTTP/9.9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
)
def test_what_is_no_request_is_refused_at_once(door: Server, data: bytes) -> None:
    with connect(door) as opened:
        opened.send(data)
        assert opened.answer().status in (400, 403, 404, 421, 505)
        assert opened.at_end()


@pytest.mark.parametrize("data", [b"ann\r\n", b"\x00" * 500, b"\x16\x03\x01\x02\x00\x01", b"GET\r\n\r\n"])
def test_who_speaks_something_else_is_told_where_that_is_spoken(door: Server, data: bytes) -> None:
    with connect(door) as opened:
        opened.send(data)
        told = json.loads(opened.rest())
        assert told["to"] == "Guest"
        assert "--telnet" in told["msg"]


def test_who_is_slow_with_a_request_is_cut_off(door: Server) -> None:
    silent, half, dripping = connect(door), connect(door), connect(door)
    half.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
    dripping.socket.settimeout(0.2)
    with silent, half, dripping, pytest.raises((BrokenPipeError, ConnectionResetError)):  # noqa: PT012
        for _ in range(500):
            dripping.send(b"x")
            try:
                if dripping.socket.recv(1000) == b"":
                    raise ConnectionResetError
            except TimeoutError:
                continue
        pytest.fail("it may go on for ever")
    with connect(door) as other:
        assert other.ask().status == 200


def test_requests_follow_each_other_but_not_without_end(door: Server) -> None:
    with connect(door) as opened:
        opened.send(b"GET /server.json HTTP/1.1\r\nHost: localhost\r\n\r\n" * 500)
        for _ in range(99):
            assert opened.answer().status == 200
        assert opened.answer().headers["Connection"] == "close"
        assert opened.at_end()


def admitted(port: int, name: str) -> Raw | None:
    """A WebSocket, if there is a place for one."""
    opened = Raw(port)
    try:
        return opened.open(name)
    except AssertionError:
        opened.close()
        return None


def test_one_connection_too_many_is_told_so_and_a_websocket_counts_once(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--http", LOOPBACK, "--limit", "users=2") as server:
        port = server.port("browsers")
        with Raw(port).open("ann") as ann, Raw(port) as second:
            assert second.ask().status == 200
            with Raw(port) as third:
                assert third.ask().status == 503
                assert third.at_end()
            second.close()
            with until(lambda: admitted(port, "bob"), "the place of who has left") as bob:
                bob.say("ann", "still here")
                assert ann.wait_for("still here")["from"]["name"] == "bob"
