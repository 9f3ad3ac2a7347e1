"""The HTTP of the chat page: what is answered, what is refused and told, and how a connection becomes a WebSocket."""

from __future__ import annotations

import gc
import json
import weakref
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.hashes import SHA256
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred

from lanchat.gateways.base_factory import MAX_LINGERING
from lanchat.gateways.websocket import WebSocketProtocol
from lanchat.net.certificates import OwnCertificates, read_certificates
from lanchat.net.http import MAX_BYTES, MAX_HEADERS
from lanchat.webchat.channel import CLOSE_SECONDS, MAX_REQUESTS, MAX_TAKEN, REQUEST_SECONDS
from lanchat.webchat.files import POLICY
from lanchat.webchat.http import MAX_WAIT
from tests.frames import HANDSHAKE, TEXT, ended, frame, frames
from tests.webchat.doors import HOST, Answer, Door, Visit


@pytest.fixture
def door() -> Door:
    return Door()


# What is answered.


def test_the_page_comes_with_what_keeps_it_from_harm(door: Door) -> None:
    answer = door.visit().get()
    assert answer.code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["content-security-policy"] == POLICY
    assert "unsafe" not in POLICY
    assert "trusted-types 'none'" in POLICY
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/server.json", "/nothing", "/ws", "/ca.pem", "/vendor/preact.js"])
def test_no_type_is_guessed_and_nobody_else_may_embed_it(door: Door, path: str) -> None:
    headers = door.visit().get(path).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"


@pytest.mark.parametrize("path", ["/?x", "/?", "/?a=%ff&&=;b", "http://localhost/", "http://localhost", "HTTPS://localhost/?x"])
def test_the_page_is_at_other_spellings_of_its_address(door: Door, path: str) -> None:
    assert door.visit().get(path).code == 200


NOWHERE = [
    "//",
    "/%2e",
    "/#",
    "/./",
    "/../",
    "/static/../setup.cfg",
    "/%00",
    "*",
    "/vendor",
    "/vendor/",
    "/index.html/",
    "x",
    "/trust.html",
]


@pytest.mark.parametrize("path", NOWHERE)
def test_paths_are_looked_up_as_they_are_and_nothing_else(door: Door, path: str) -> None:
    answer = door.visit().get(path)
    assert (answer.code, answer.body) == (404, b"There is nothing here. The chat page is at /\n")


def test_a_head_is_the_answer_without_its_body(door: Door) -> None:
    whole, head = door.visit().get("/vendor/preact.js"), door.visit().get("/vendor/preact.js", method="HEAD")
    assert (head.code, head.body) == (200, b"")
    assert head.headers["content-length"] == whole.headers["content-length"] == str(len(whole.body))


@pytest.mark.parametrize("method", ["POST", "OPTIONS", "TRACE", "CONNECT", "PUT", "get", "BREW"])
def test_only_get_and_head_are_served(door: Door, method: str) -> None:
    answer = door.visit().get("/", method=method)
    assert (answer.code, answer.headers["allow"]) == (405, "GET, HEAD")


def test_another_protocol_that_is_offered_is_not_taken(door: Door) -> None:
    assert door.visit().get("/", "Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABk").code == 200


def test_the_page_is_told_of_its_server(door: Door) -> None:
    answer = door.visit().get("/server.json")
    facts = json.loads(answer.body)
    assert facts == {"build": door.factory.site.files.build, "https": [8443], "plaintext": False, "ca": False}
    assert answer.headers["cache-control"] == "no-store"


def test_what_a_browser_has_is_not_sent_again(door: Door) -> None:
    visit = door.visit()
    tag = visit.get("/vendor/preact.js", "Accept-Encoding: gzip").headers["etag"]
    for known in (tag, f'"x", {tag}', f"W/{tag}"):
        again = visit.get("/vendor/preact.js", "Accept-Encoding: gzip", f"If-None-Match: {known}")
        assert (again.code, again.body) == (304, b"")
        assert again.headers["etag"] == tag
    assert visit.get("/vendor/preact.js", f"If-None-Match: {tag}").code == 200  # that was the compressed one
    assert visit.get("/", f"If-None-Match: {tag}").code == 200


def test_several_requests_come_on_one_connection_until_they_are_too_many(door: Door) -> None:
    visit = door.visit()
    for n in range(MAX_REQUESTS):
        answer = visit.get("/server.json")
        assert (answer.code, answer.headers.get("connection")) == (200, "close" if n == MAX_REQUESTS - 1 else None)
    assert visit.transport.disconnecting


def test_http_1_0_is_answered_and_closed(door: Door) -> None:
    visit = door.visit()
    visit.send(b"GET / HTTP/1.0\r\n" + HOST + b"Connection: keep-alive\r\n\r\n")
    assert Answer(visit.written()).headers["connection"] == "close"
    assert visit.transport.disconnecting


# Which hosts and origins.


@pytest.mark.parametrize(
    "host", ["localhost", "LOCALHOST:8080", "chat.lan", "chat.lan.:80", "192.168.1.7:8080", "[fe80::1]:8080"]
)
def test_names_and_addresses_of_ours_are_served(door: Door, host: str) -> None:
    assert door.visit().get(host=f"Host: {host}\r\n".encode()).code == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "evil.example:80", "chat.lan@evil.example", "a b", "[::1", ""]
)
def test_other_names_are_not_which_stops_dns_rebinding(door: Door, host: str) -> None:
    for path in ("/", "/server.json", "/ws", f"http://{host}/"):
        answer = door.visit().get(path, host=f"Host: {host}\r\n".encode())
        assert answer.code in (400, 421)
        assert b"lanchat" not in answer.body or b"--http-name" in answer.body


@pytest.mark.parametrize("hosts", [b"", HOST + HOST])
def test_a_request_has_one_host(door: Door, hosts: bytes) -> None:
    assert door.visit().get(host=hosts).code == 400


def test_the_host_in_the_target_counts(door: Door) -> None:
    assert door.visit().get("http://evil.example/").code == 421
    assert door.visit().get("http://chat.lan/", host=b"Host: evil.example\r\n").code == 200


FOREIGN = [
    "http://evil.example",
    "null",
    "http://localhost:81",
    "http://localhost.evil.example",
    "http://[",
    "ws://localhost",
    "file://",
]


@pytest.mark.parametrize("origin", FOREIGN)
def test_a_page_of_somebody_else_gets_no_websocket(door: Door, origin: str) -> None:
    visit = door.visit()
    assert visit.upgrade(f"Origin: {origin}").code == 403
    assert visit.upgrade(f"Origin: {origin}", "Origin: http://localhost").code == 403
    assert visit.upgrade("Origin: HTTPS://Localhost").code == 101


# How a connection becomes a WebSocket.


@pytest.mark.parametrize("path", ["/ws", "/ws/", "/ws/7", "/ws?x=1", "/ws/a/b"])
def test_a_websocket_is_at_its_path_and_below(door: Door, path: str) -> None:
    visit = door.visit()
    answer = visit.upgrade(path=path)
    assert answer.headers["sec-websocket-accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # as in RFC 6455, 1.3
    assert "sec-websocket-extensions" not in answer.headers
    assert visit.say("ann")[0].opcode == TEXT


def test_what_comes_behind_the_handshake_is_served(door: Door) -> None:
    visit = door.visit()
    answer = visit.upgrade(behind=frame("ann") + frame("junk")[:3])
    assert b"Welcome ann!" in answer.body
    visit.send(frame("junk")[3:])
    assert b"not JSON" in frames(visit.written())[0].data


@pytest.mark.parametrize(
    "wrong",
    [
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        "Connection: keep-alive, Upgrade",
    ],
)
def test_a_handshake_that_is_wrong_is_told_what_is_here(door: Door, wrong: str) -> None:
    visit = door.visit()
    visit.send(b"GET /ws HTTP/1.1\r\n" + HANDSHAKE.replace(wrong.encode() + b"\r\n", b"") + b"\r\n")
    answer = Answer(visit.written())
    assert (answer.code, answer.headers["upgrade"], answer.headers["sec-websocket-version"]) == (426, "websocket", "13")
    assert visit.get().code == 200


def test_a_plain_request_for_the_websocket_is_told_where_the_page_is(door: Door) -> None:
    answer = door.visit().get("/ws")
    assert (answer.code, answer.body) == (426, b"This is a WebSocket. The chat page is at /\n")
    assert door.visit().get("/wsx").code == 404


def test_a_connection_is_counted_once_whatever_becomes_of_it(door: Door) -> None:
    empty: tuple[int, dict[str, int]] = (0, {})
    one = (1, {"10.0.0.7": 1})
    visit = door.visit()
    assert door.counted() == one
    visit.lose()
    assert door.counted() == empty
    visit = door.visit()
    visit.get()
    visit.upgrade()
    assert door.counted() == one
    visit.lose()
    assert door.counted() == empty
    visit = door.visit()
    visit.upgrade(behind=frame("ann"))
    assert door.counted() == one
    visit.say(b"\xff")
    visit.lose()
    assert door.counted() == empty
    visit = door.visit()
    visit.upgrade("Origin: http://evil.example")
    visit.lose()
    assert door.counted() == empty
    assert not door.factory.channels
    assert not door.websockets.connections


def test_a_proxy_that_tells_the_address_later_has_it_counted_there(door: Door) -> None:
    visit = door.visit("10.0.0.1")
    visit.transport.peerAddr = IPv4Address("TCP", "10.0.0.9", 1)
    visit.upgrade(behind=frame("ann"))
    assert door.counted() == (1, {"10.0.0.9": 1})
    assert isinstance(visit.transport.protocol, WebSocketProtocol)
    assert visit.transport.protocol.address == "10.0.0.9"
    visit.lose()
    assert door.counted() == (0, {})


def test_an_address_that_a_proxy_tells_must_be_allowed_too() -> None:
    door = Door([ip_network("10.0.0.0/24")])
    visit = door.visit("10.0.0.1")
    visit.transport.peerAddr = IPv4Address("TCP", "8.8.8.8", 1)
    visit.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert visit.written().startswith(b"HTTP/1.1 403 ")
    visit.lose()
    assert door.counted() == (0, {})
    assert Door([ip_network("10.0.0.0/24")]).visit("8.8.8.8").channel is None


def test_what_was_http_does_not_outlive_the_upgrade(door: Door) -> None:
    visit = door.visit()
    channel = weakref.ref(visit.channel)
    gc.disable()
    try:
        visit.upgrade(behind=frame("ann"))
        visit.channel = None
        assert channel() is None  # no garbage collector needed
    finally:
        gc.enable()


def test_who_was_one_too_many_learns_why_in_a_close_frame(door: Door) -> None:
    door.router.chat.limits.set("per-address", 1)
    first, second = door.visit(), door.visit()
    answer = second.upgrade("Origin: http://localhost")
    assert answer.code == 101
    assert ended(frames(answer.body)) == (4013, "There are too many connections from your address.")
    assert second.transport.disconnecting
    second.lose()
    assert door.counted() == (1, {"10.0.0.7": 1})
    assert first.upgrade().code == 101


def test_a_page_that_is_one_too_many_is_told_so_and_gets_nothing(door: Door) -> None:
    door.router.chat.limits.set("users", 1)
    door.visit()
    visit = door.visit()
    answer = visit.get("/")
    assert (answer.code, answer.body) == (503, b"The server is full. Try again later.\n")
    assert visit.transport.disconnecting


def test_few_that_are_too_many_may_ask_and_the_others_are_closed(door: Door) -> None:
    door.router.chat.limits.set("per-address", 1)
    door.visit()
    crowd = [door.visit() for _ in range(MAX_LINGERING + 3)]
    assert [visit.transport.aborted for visit in crowd] == [False] * MAX_LINGERING + [True] * 3
    for visit in crowd:
        visit.lose()
    assert not door.visit().transport.aborted
    assert door.counted() == (2, {"10.0.0.7": 2})


async def _drained(door: Door) -> None:
    await door.factory.drain()


def test_a_drain_ends_those_that_are_pages_and_those_that_are_websockets(door: Door) -> None:
    idle, chatting, half = door.visit(), door.visit(), door.visit()
    chatting.upgrade(behind=frame("ann"))
    half.send(b"GET /ws HTTP/1.1\r\n" + HANDSHAKE)
    drained = Deferred.fromCoroutine(_drained(door))
    half.transport.protocol.dataReceived(b"\r\n")  # (TLS goes on reading)
    assert half.transport.value() == b""
    door.clock.advance(0)
    assert ended(frames(chatting.written()))[0] == 1001
    assert idle.transport.disconnecting
    assert half.transport.disconnecting
    assert not drained.called
    chatting.lose()
    assert drained.called
    idle.lose()
    half.lose()
    assert door.counted() == (0, {})


# What is bounded.


@pytest.mark.parametrize("slow", [b"", b"GET / HTTP/1.1\r\n" + HOST, b"GET"])
def test_a_request_has_ten_seconds_and_bytes_that_trickle_in_do_not_extend_that(door: Door, slow: bytes) -> None:
    visit = door.visit()
    visit.send(slow)
    for n in range(int(REQUEST_SECONDS)):
        assert not visit.transport.disconnecting
        visit.send(b"X: y\r\n" * (slow.count(b"\r\n") > 1 and n < 9))
        door.clock.advance(1)
    assert visit.transport.disconnecting
    door.clock.advance(CLOSE_SECONDS)
    assert visit.transport.aborted


def test_an_idle_connection_is_closed_ten_seconds_after_its_last_answer(door: Door) -> None:
    visit = door.visit()
    door.clock.advance(REQUEST_SECONDS - 1)
    visit.get()
    door.clock.advance(REQUEST_SECONDS - 1)
    assert not visit.transport.disconnecting
    door.clock.advance(1)
    assert visit.transport.disconnecting


def test_no_timer_stays_when_a_connection_ends_or_becomes_a_websocket(door: Door) -> None:
    lost, upgraded = door.visit(), door.visit()
    lost.lose()
    upgraded.upgrade(behind=frame("ann"))
    door.clock.advance(REQUEST_SECONDS + CLOSE_SECONDS)
    assert not upgraded.transport.disconnecting


TOO_MUCH = {
    "a long line": (b"GET /" + b"x" * MAX_BYTES + b" HTTP/1.1\r\n", b"431"),
    "a line without an end": (b"GET /" + b"x" * 2 * MAX_BYTES, b"431"),
    "many headers": (b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * (MAX_HEADERS + 2) + b"\r\n", b"400"),
    "long headers": (b"GET / HTTP/1.1\r\n" + b"X: " + b"y" * 5000 + b"\r\nZ: " + b"y" * 5000 + b"\r\n\r\n", b"400"),
    "continued headers": (b"GET / HTTP/1.1\r\nX: y\r\n" + (b" " + b"y" * 99 + b"\r\n") * 200, b"400"),
    "a body": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: 5\r\n\r\nhello", b"413"),
    "a body in chunks": (b"GET / HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", b"413"),
    "a length of very many digits": (b"POST / HTTP/1.1\r\n" + HOST + b"Content-Length: " + b"9" * 5000 + b"\r\n\r\n", b"413"),
    "two lengths": (b"GET / HTTP/1.1\r\n" + HOST + b"Content-Length: 0\r\nContent-Length: 5\r\n\r\n", b"400"),
    "a header without a colon": (b"GET / HTTP/1.1\r\n" + HOST + b"junk\r\n\r\n", b"400"),
    "a blank before the colon": (b"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", b"400"),
    "no version": (b"GET /\r\n\r\n", b"400"),
    "blank lines": (b"\r\n" * 50, b"400"),
    "HTTP/2": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"400"),
}


@pytest.mark.parametrize("what", TOO_MUCH)
def test_what_is_too_much_or_wrong_gets_a_code_and_is_closed(door: Door, what: str) -> None:
    data, code = TOO_MUCH[what]
    visit = door.visit()
    visit.send(data)
    answer = visit.written()
    assert answer.split()[1] == code
    assert b"Connection: close\r\n" in answer
    assert visit.transport.disconnecting
    visit.transport.protocol.dataReceived(b"more" * 1000)  # (as TLS may)
    assert visit.written() == b""


def pipelined(visit: Visit, path: str, times: int) -> None:
    """Ask for this so many times, and read nothing: the transport is full after the first answer."""
    write = visit.transport.write

    def fill(data: bytes) -> None:
        write(data)
        if len(visit.transport.value()) > 10_000:
            visit.transport.fill()

    visit.transport.write = fill  # type: ignore[method-assign]  # as a real one does
    visit.send((f"GET {path} HTTP/1.1\r\n".encode() + HOST + b"\r\n") * times)


def test_who_asks_without_reading_gets_no_more_answers_than_fit(door: Door) -> None:
    visit = door.visit()
    pipelined(visit, "/vendor/preact.js", 50)
    assert visit.written().count(b"HTTP/1.1 200 OK") == 1
    assert visit.transport.producerState == "paused"
    visit.transport.read()
    assert visit.written().count(b"HTTP/1.1 200 OK") == 1
    assert visit.transport.producerState == "paused"
    door.clock.advance(REQUEST_SECONDS)
    assert visit.transport.disconnecting


def test_all_is_answered_to_who_reads(door: Door) -> None:
    visit = door.visit()
    pipelined(visit, "/vendor/preact.js", 5)
    answered = visit.written().count(b"HTTP/1.1 200 OK")
    for _ in range(4):
        visit.transport.read()
        answered += visit.written().count(b"HTTP/1.1 200 OK")
    assert answered == 5
    visit.transport.read()
    assert visit.transport.producerState == "producing"


def test_what_comes_below_tls_is_bounded_for_each_request(door: Door) -> None:
    visit = door.visit()
    assert visit.channel is not None
    visit.channel.networkReceived(MAX_TAKEN)
    assert not visit.transport.aborted
    visit.get()
    visit.channel.networkReceived(MAX_TAKEN)
    assert not visit.transport.aborted
    visit.channel.networkReceived(1)
    assert visit.transport.aborted


def codes(visits: list[Visit]) -> list[int]:
    """What each was answered since the last look; 0 if nothing."""
    return [Answer(written).code if written else 0 for written in [visit.written() for visit in visits]]


def test_an_address_that_asks_too_often_is_answered_later_and_then_refused(door: Door) -> None:
    limits = door.router.chat.limits
    limits.set("requests", 1)
    visits = [door.visit() for _ in range(20)]
    for visit in visits:
        visit.send(b"GET /server.json HTTP/1.1\r\n" + HOST + b"\r\n")
    at_once = codes(visits)
    assert at_once == [200] * 10 + [0] * int(MAX_WAIT) + [429] * (10 - int(MAX_WAIT))
    door.clock.advance(1)
    assert codes(visits[10:15]) == [200, 0, 0, 0, 0]
    visits[11].lose()
    door.clock.advance(1)
    assert visits[11].written() == b""
    assert limits.met["requests"] > 0
    assert door.visit("10.0.0.8").get().code == 200


def test_frames_behind_a_handshake_that_waits_are_not_lost(door: Door) -> None:
    door.router.chat.limits.set("requests", 1)
    for _ in range(10):
        door.visit().get()
    visit = door.visit()
    visit.send(b"GET /ws HTTP/1.1\r\n" + HANDSHAKE + b"\r\n" + frame("ann"))
    visit.send(frame("junk"))
    assert visit.written() == b""
    door.clock.advance(1)
    answer = Answer(visit.written())
    assert answer.code == 101
    assert [one.opcode for one in frames(answer.body)] == [TEXT, TEXT]


def test_a_browser_that_closes_its_side_still_gets_its_answer(door: Door) -> None:
    visit = door.visit()
    visit.send(b"GET / HTTP/1.1\r\n" + HOST + b"\r\n")
    assert visit.channel is not None
    visit.channel.readConnectionLost()
    assert visit.transport.disconnecting
    assert not visit.transport.aborted
    assert Answer(visit.written()).code == 200


# Who is wrong here.


@pytest.mark.parametrize(
    "data", [b"ann\n", b"ann\r\n", b'ann{"from":', b"\xff\xfd\x03", b"\x16\x03\x01\x02\x00", b"SSH-2.0-x\r\n", b"{}"]
)
def test_what_is_no_http_is_told_in_one_line_which_port_this_is(door: Door, data: bytes) -> None:
    visit = door.visit()
    visit.send(data)
    (told,) = visit.written().splitlines()
    packet = json.loads(told)
    assert packet["to"] == "Guest"
    assert "lanchat's port for browsers" in packet["msg"]
    assert visit.transport.disconnecting


def test_a_name_that_is_followed_by_no_request_is_told_too(door: Door) -> None:
    visit = door.visit()
    visit.send(b"ann")
    assert visit.written() == b""
    visit.send(b"\n")
    assert b"port for browsers" in visit.written()


def test_a_request_may_come_in_pieces(door: Door) -> None:
    visit = door.visit()
    for byte in b"\r\nGET / HTTP/1.1\r\n" + HOST + b"\r\n":
        visit.send(bytes([byte]))
    assert Answer(visit.written()).code == 200


# The authority.


def test_the_certificate_of_the_authority_and_how_to_trust_it(tmp_path: Path) -> None:
    own = OwnCertificates(tmp_path / "data")
    own.renew()
    door = Door(authority=own.authority)
    visit = door.visit()
    answer = visit.get("/ca.pem")
    assert answer.body == own.authority.read_bytes()
    assert answer.headers["content-type"] == "application/x-x509-ca-cert"
    page = visit.get("/trust")
    digest = read_certificates(own.authority)[0].fingerprint(SHA256())
    assert digest.hex(":").upper().encode() in page.body
    assert page.headers["content-security-policy"] == POLICY
    assert json.loads(visit.get("/server.json").body)["ca"] is True
    own.authority.unlink()
    own.authority_key.unlink()
    own.cert.unlink()
    assert visit.get("/ca.pem").code == 404
    own.renew()
    assert visit.get("/ca.pem").body == own.authority.read_bytes() != answer.body


@pytest.mark.parametrize("path", ["/ca.pem", "/trust"])
def test_without_an_authority_of_its_own_there_is_nothing_to_trust(door: Door, path: str) -> None:
    answer = door.visit().get(path)
    assert answer.code == 404
    assert b"no certificate authority of its own" in answer.body
