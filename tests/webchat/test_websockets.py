"""The port for browsers, as WebSockets: who may open one, how it is closed, and what a peer that means harm can't do."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.live import LOOPBACK, Server, login, until
from tests.webchat.chat import make_moderator
from tests.webchat.wire import (
    BINARY,
    CLOSE,
    COMPRESSED,
    CONTINUATION,
    FIN,
    PING,
    PONG,
    TEXT,
    UPGRADE,
    Raw,
    frame,
    frame_head,
    hello,
    receive,
)

PORTS = ("--port", LOOPBACK, "--http", LOOPBACK)
#: Bytes by which the server may grow while somebody tries to fill it.
ROOM = 4 * 1024 * 1024


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with both ports for browsers, which tests of this module share."""
    with Server(tmp_path_factory.mktemp("server"), *PORTS, "--https", LOOPBACK) as running:
        yield running


@pytest.fixture(params=["http", "https"])
def raw(door: Server, request: pytest.FixtureRequest) -> Iterator[Raw]:
    """A connection to each of its ports."""
    with Raw(*port(door, request.param)) as opened:
        yield opened


def port(door: Server, scheme: str = "http") -> tuple[int, Path | None]:
    """A port for browsers, and the authority of its certificate."""
    if scheme == "http":
        return door.port("browsers"), None
    return door.port("browsers over TLS"), door.log.parent / "data" / "tls_authority.pem"


@contextmanager
def peer(door: Server, name: str, **x: Any) -> Iterator[ClientConnection]:
    """A peer that speaks as it should, welcomed with this name."""
    address = f"ws://127.0.0.1:{door.port('browsers')}/ws"
    with connect(address, max_size=None, ping_interval=None) as opened:
        assert "Welcome" in hello(opened, name, **x)["msg"]
        yield opened


def memory(door: Server) -> int:
    """The bytes of the server that are in memory now."""
    status = Path(f"/proc/{door.process.pid}/status").read_text()
    return 1024 * next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


# Who may open one.


@pytest.mark.parametrize("path", ["/ws", "/ws/", "/ws/1", "/ws/anything/else?n=1"])
def test_a_websocket_is_at_every_path_below_ws(raw: Raw, path: str) -> None:
    answer = raw.upgrade(path)
    assert (answer.status, answer.headers["Sec-WebSocket-Accept"]) == (101, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    raw.frame(f"ann{len(path)}")
    assert "Welcome" in raw.packet()["msg"]


def test_pages_of_others_can_not_open_one(raw: Raw) -> None:
    own = f"127.0.0.1:{raw.port}"
    for origin in (
        "null",
        "",
        "http://evil.example",
        f"http://evil.example:{raw.port}",
        f"http://{own}.evil.example",
        f"http://evil@{own}",
        f"http://{own}@evil.example",
        "http://127.0.0.1",
        "http://127.0.0.1:1",
        f"http://localhost:{raw.port}",
        f"file://{own}",
        f"chrome-extension://{own}",
        f"http://{own}/ http://evil.example",
        f"http://[{own}",
    ):
        answer = raw.upgrade(Origin=origin)
        assert (answer.status, origin) == (403, origin)
        assert "evil" not in answer.text


@pytest.mark.parametrize("scheme", ["http", "https"])
@pytest.mark.parametrize("host", ["127.0.0.1:{}", "localhost:{}", "[::1]:{}", "LocalHost:{}", "192.168.77.1"])
def test_the_page_itself_can(raw: Raw, scheme: str, host: str) -> None:
    here = host.format(raw.port)
    assert raw.upgrade(Host=here, Origin=f"{scheme}://{here.lower()}").status == 101


def test_a_page_whose_name_leads_here_can_not(raw: Raw) -> None:
    evil = f"evil.example:{raw.port}"
    assert raw.upgrade(Host=evil, Origin=f"http://{evil}").status == 421


def test_two_origins_are_as_good_as_the_worse(raw: Raw) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
    own = f"127.0.0.1:{raw.port}"
    raw.send(
        f"GET /ws HTTP/1.1\r\nHost: {own}\r\nOrigin: http://{own}\r\nOrigin: http://evil.example\r\n{headers}\r\n".encode()
    )
    assert raw.answer().status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Upgrade": None},
        {"Upgrade": "h2c"},
        {"Connection": "keep-alive"},
        {"Sec-WebSocket-Version": "8"},
        {"Sec-WebSocket-Version": None},
        {"Sec-WebSocket-Key": None},
        {"Sec-WebSocket-Key": "short"},
        {"Sec-WebSocket-Key": "\u00e4\u00e4"},
    ],
)
def test_what_is_no_handshake_is_told_what_is_here(raw: Raw, headers: dict[str, str | None]) -> None:
    answer = raw.upgrade("/ws", **headers)
    assert (answer.status, answer.headers["Upgrade"]) == (426, "websocket")
    assert raw.ask().status == 200, "and may ask again"


def test_nothing_is_compressed_and_no_protocol_is_chosen(raw: Raw) -> None:
    answer = raw.upgrade(Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits", Sec_WebSocket_Protocol="chat")
    assert answer.status == 101
    assert answer.headers["Sec-WebSocket-Extensions"] is None
    assert answer.headers["Sec-WebSocket-Protocol"] is None


# Talking.


def test_a_browser_and_a_terminal_talk(door: Server) -> None:
    with peer(door, "ann") as ann, login(door.port(), "bob") as bob:
        bob.say("ann", "grüße 🌊")
        assert receive(ann, "grüße 🌊")["from"]["name"] == "bob"
        ann.send('{"from":{"name":"","ip":""},"to":"bob","msg":"and you","x":{"cid":"1"}}')
        assert bob.wait_for("and you")["from"] == {"name": "ann", "ip": "127.0.0.1"}
        assert receive(ann)["x"]["op"] == "ack"


def test_the_handshake_a_name_and_packets_may_come_at_once(raw: Raw) -> None:
    headers = "".join(f"{name}: {value}\r\n" for name, value in UPGRADE.items())
    head = f"GET /ws HTTP/1.1\r\nHost: 127.0.0.1:{raw.port}\r\n{headers}\r\n".encode()
    raw.send(head + frame("cay") + frame('{"from":{"name":"","ip":""},"to":"cay","msg":"to myself"}'))
    assert raw.answer().status == 101
    raw.wait_for("to myself")


def test_a_message_may_come_in_parts_byte_by_byte_and_around_pings(raw: Raw) -> None:
    raw.open("dee")
    text = '{"from":{"name":"","ip":""},"to":"dee","msg":"in parts"}'
    raw.frame(text[:10], head=0)
    raw.frame(b"are you there", PING)
    raw.frame(text[10:20], CONTINUATION, 0)
    raw.send(frame(b"", CONTINUATION, 0) * 1000)
    for byte in frame(text[20:], CONTINUATION):
        raw.send(bytes((byte,)))
    assert raw.receive() == (PONG, b"are you there")
    assert raw.packet()["msg"] == "in parts"


def test_a_message_of_the_greatest_size_is_served(raw: Raw) -> None:
    raw.open("eve")
    text = '{"from":{"name":"","ip":""},"to":"eve","msg":"whole"}'
    raw.frame(text + " " * (65_536 - len(text)))
    assert raw.packet()["msg"] == "whole"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", "\ud800".encode("utf-8", "surrogatepass").decode("latin-1"), "[" * 60_000]
)
def test_what_is_no_packet_is_answered_and_the_connection_stays(raw: Raw, text: str) -> None:
    raw.open("fay")
    raw.frame(text)
    raw.say("fay", "still here")
    raw.wait_for("still here")


# How it is closed.


def test_who_is_refused_is_told_why_and_programs_by_a_code(raw: Raw, door: Server) -> None:
    with login(door.port(), "ann"):
        raw.upgrade()
        raw.frame("ann")
        told = raw.packet()
        assert (told["to"], raw.closed()) == ("Guest", (1008, told["msg"]))


@pytest.mark.parametrize("name", ["", "a b", "Guest", "x" * 40, "<b>", "a\nb", "\u0000"])
def test_a_name_that_is_none_is_refused(raw: Raw, name: str) -> None:
    raw.upgrade()
    raw.frame(name)
    assert raw.packet()["to"] == "Guest"
    assert raw.closed()[0] == 1008


def test_who_quits_is_closed_in_good_order(raw: Raw) -> None:
    raw.open("gil")
    raw.say("/quit")
    assert raw.packet()["msg"] == "Goodbye"
    assert raw.closed()[0] == 1000


def test_who_closes_is_answered_and_has_left(raw: Raw, door: Server) -> None:
    raw.open("hal")
    raw.frame(b"\x0f\xa0", CLOSE)
    assert raw.closed()[0] == 4000
    door.logged("hal")
    with login(door.port(), "hal"):
        pass


def test_a_browser_that_is_gone_without_a_word_has_left(raw: Raw, door: Server) -> None:
    raw.open("ivy")
    raw.send(frame_head(1000) + b"half a frame")
    raw.close()
    raw.socket.close()
    until(lambda: _is_free(door, "ivy"), "the name to be free")


def _is_free(door: Server, name: str) -> bool:
    with Raw(door.port("browsers")) as other:
        other.upgrade()
        other.frame(name)
        return "Welcome" in other.packet()["msg"]


def test_a_server_that_ends_says_so(tmp_path: Path) -> None:
    with Server(tmp_path, *PORTS) as server, peer(server, "ann") as ann, Raw(server.port("browsers")) as idle:
        assert idle.ask().status == 200
        server.stop(signal.SIGTERM)
        bye = receive(ann, "shutting down")
        assert (bye["x"]["op"], bye["x"]["code"]) == ("bye", "RELOAD")
        with pytest.raises(ConnectionClosed) as closed:
            ann.recv(10)
        assert closed.value.rcvd is not None
        assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, bye["msg"])
        assert idle.at_end()


def test_who_is_kicked_is_told_so(door: Server, tmp_path: Path) -> None:
    with Server(tmp_path, *PORTS, "--plaintext-passwords") as server, login(server.port(), "boss") as boss:
        boss.say("/register", "correct horse")
        boss.wait_for("is your account now")
        make_moderator(server, "boss")
        with Raw(server.port("browsers")).open("jon") as jon:
            boss.say("/kick", "jon that's enough")
            told = jon.wait_for("that's enough")
            assert jon.closed() == (1008, told["msg"])


def test_who_reads_too_slowly_is_closed_with_a_code_that_every_engine_shows(tmp_path: Path) -> None:
    with (
        Server(tmp_path, *PORTS, "--limit", "outbox=20000", "--limit", "bytes=off") as server,
        login(server.port(), "bob") as bob,
        Raw(server.port("browsers")).open("kim") as kim,
    ):
        while "did not read" not in server.text():
            bob.say("kim", "x" * 16_000)
        code, reason = kim.closed()
        assert code == 4008
        assert "slow" in reason


def test_who_gives_no_name_in_time_is_told_so(tmp_path: Path) -> None:
    with Server(tmp_path, *PORTS, "--limit", "opening=1") as server:
        silent, half = Raw(server.port("browsers")), Raw(server.port("browsers"))
        with silent, half:
            assert silent.upgrade().status == half.upgrade().status == 101
            half.send(frame("ann")[:3])
            for opened in (silent, half):
                told = opened.packet()
                assert (told["to"], opened.closed()) == ("Guest", (4009, told["msg"]))


def test_a_server_that_is_full_says_so_in_a_close_frame_as_pages_are_shown_nothing_else(tmp_path: Path) -> None:
    with Server(tmp_path, *PORTS, "--limit", "users=1") as server:
        port = server.port("browsers")
        with Raw(port).open("ann"), Raw(port) as other:
            assert other.upgrade().status == 101
            told = other.packet()
            assert (told["to"], other.closed()) == ("Guest", (4013, "The server is full. Try again later."))


# What a peer that means harm can't do.


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (frame_head(65_537), 1009),
        (frame_head(64 * 1024 * 1024), 1009),
        (frame_head(2**63 - 1), 1009),
        (frame(b"x" * 60_000, head=0) + frame_head(5_537, CONTINUATION), 1009),
        (frame("hello", mask=0), 1002),
        (frame("hello", BINARY), 1003),
        (frame("hello", head=FIN | COMPRESSED), 1002),
        (frame("hello", head=FIN | 0x20), 1002),
        (frame("hello", 0x3), 1002),
        (frame("hello", 0xB), 1002),
        (frame("hello", CONTINUATION), 1002),
        (frame("hello", head=0) + frame("hello"), 1002),
        (frame(b"x" * 126, PING), 1002),
        (frame(b"x", PING, head=0), 1002),
        (frame(b"x", CLOSE), 1002),
        (frame(b"\x03\xed", CLOSE), 1002),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 1002),
    ],
    ids=lambda value: str(value) if isinstance(value, int) else value[:8].hex(),
)
@pytest.mark.parametrize("named", [True, False])
def test_what_is_no_message_of_ours_closes_with_a_code(raw: Raw, door: Server, data: bytes, code: int, named: bool) -> None:
    if named:
        raw.open("lea")
    else:
        raw.upgrade()
    raw.send(data)
    assert raw.closed()[0] == code
    until(lambda: _is_free(door, "lea"), "the name to be free")


def test_64_mb_are_refused_at_once_and_take_no_room(raw: Raw, door: Server) -> None:
    raw.open("max")
    before = memory(door)
    block = bytes(65_536)
    raw.send(frame_head(64 * 1024 * 1024) + block)
    opcode, payload = raw.receive()
    assert (opcode, payload[:2]) == (CLOSE, b"\x03\xf1")
    with contextlib.suppress(ConnectionError):
        for _ in range(1024):
            raw.send(block)
    assert memory(door) - before < ROOM
    assert raw.at_end()


def test_ten_thousand_pings_whose_answers_nobody_reads_take_no_room(door: Server) -> None:
    with Raw(*port(door)).open("ned") as ned, peer(door, "oda") as oda:
        before = memory(door)
        pings = frame(b"p" * 125, PING) * 100
        ned.socket.settimeout(3)
        try:
            for _ in range(100):
                ned.send(pings)
        except (TimeoutError, ConnectionError):
            pass  # it reads later, or has closed
        oda.send('{"from":{"name":"","ip":""},"to":"oda","msg":"others are served"}')
        receive(oda, "others are served")
        assert memory(door) - before < ROOM


def test_ten_thousand_parts_take_no_room(door: Server) -> None:
    with Raw(*port(door)).open("pam") as pam, peer(door, "rae") as rae:
        before = memory(door)
        pam.frame("{", head=0)
        pam.send(frame(b"", CONTINUATION, 0) * 10_000)
        rae.send('{"from":{"name":"","ip":""},"to":"rae","msg":"others are served"}')
        receive(rae, "others are served")
        assert memory(door) - before < ROOM


def test_frames_before_a_name_are_counted(raw: Raw) -> None:
    raw.upgrade()
    raw.send(frame(b"", PING) * 1000)
    told = raw.packet()
    assert (told["to"], raw.closed()[0]) == ("Guest", 1008)


def test_text_that_is_not_utf_8_is_no_packet(raw: Raw) -> None:
    raw.open("sue")
    raw.frame(b'{"from":{"name":"","ip":""},"to":"sue","msg":"\xff\xfe"}')
    raw.say("sue", "still here")
    raw.wait_for("still here")


def test_what_comes_after_a_close_is_not_served(raw: Raw, door: Server) -> None:
    with login(door.port(), "tom") as tom:
        raw.open("uma")
        after = '{"from":{"name":"","ip":""},"to":"tom","msg":"after"}'
        raw.send(frame(b"\x03\xe8", CLOSE) + frame(after, TEXT))
        assert raw.closed()[0] == 1000
        tom.say("tom", "end")
        assert tom.packet()["msg"] == "end"
