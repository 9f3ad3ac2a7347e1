"""`GET /stream` of a real server: with curl, http.client, and peers that mean harm."""

from __future__ import annotations

import http.client
import json
import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.admin.test_admin import admin
from tests.live import LOOPBACK, PATIENCE, Peer, Server, login, until
from tests.webchat.chat import make_account
from tests.webchat.wire import Raw

PORTS = ("--port", LOOPBACK, "--http", LOOPBACK, "--https", LOOPBACK, "--lobby", "#ops")
CURL = shutil.which("curl") or "curl"
needs_curl = pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")


class Curl:
    """`curl -N` of a stream, whose lines are read beside."""

    def __init__(self, url: str, *options: str) -> None:
        command = [CURL, "-sSN", *options, url]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 (ours)
        self._lines: queue.Queue[str] = queue.Queue()
        self._reading = threading.Thread(target=self._read, daemon=True)
        self._reading.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line)
        self._lines.put("")

    def line(self) -> str:
        """The next line; "" at the end."""
        return self._lines.get(timeout=PATIENCE).removesuffix("\n") or (" " if self.process.poll() is None else "")

    def packet(self) -> dict[str, Any]:
        """The next packet; empty lines before it are passed over."""
        while not (line := self._lines.get(timeout=PATIENCE)).strip():
            assert line, "the stream ended"
        packet: dict[str, Any] = json.loads(line)
        return packet

    def event(self) -> dict[str, str]:
        """The next event, by the names of its members; comments are passed over."""
        found: dict[str, str] = {}
        while (line := self._lines.get(timeout=PATIENCE)) != "\n" or not found:
            assert line, "the stream ended"
            name, _, value = line.rstrip("\n").partition(": ")
            if name and name != ":":
                found[name] = value
        return found

    def end(self) -> int:
        """Its exit status, when it has ended by itself."""
        return self.process.wait(PATIENCE)

    def stop(self) -> None:
        """End it."""
        self.process.kill()
        self.process.wait(PATIENCE)

    def __enter__(self) -> Curl:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server"), *PORTS) as running:
        make_account(running, "bot")
        make_account(running, "ann")
        yield running


@pytest.fixture(scope="module")
def token(server: Server) -> str:
    return make_token(server)


@pytest.fixture
def ann(server: Server) -> Iterator[Peer]:
    """Somebody who speaks in the lobby."""
    with login(server.port(), "gil") as peer:
        yield peer


def make_token(server: Server, name: str = "bot") -> str:
    """A token, as the operator gives it to a program."""
    result = admin(server.log.parent / "data", "--json", "token", name)
    assert result.returncode == 0, result.stderr
    made: str = json.loads(result.stdout)["token"]
    return made


def url(server: Server, query: str = "room=%23ops") -> str:
    return f"http://127.0.0.1:{server.port('browsers')}/stream?{query}"


def bearer(token: str) -> tuple[str, str]:
    return "-H", f"Authorization: Bearer {token}"


def is_online(server: Server, name: str = "bot") -> bool:
    with login(server.port(), "looker") as peer:
        peer.say("/list")
        return name in peer.packet()["msg"]


@needs_curl
def test_curl_prints_what_is_said_at_once(server: Server, token: str, ann: Peer) -> None:
    with Curl(url(server), *bearer(token)) as curl:
        assert curl.line() == " "  # (it is open)
        ann.say("#ops", "the pump is back")
        packet = curl.packet()
    assert (packet["from"]["name"], packet["msg"], packet["x"]["conv"]) == ("gil", "the pump is back", "#ops")


@needs_curl
def test_curl_over_tls_with_a_name_and_a_token(server: Server, token: str, ann: Peer) -> None:
    authority = str(server.log.parent / "data" / "tls_authority.pem")
    there = f"https://localhost:{server.port('browsers over TLS')}/stream?room=ops"
    with Curl(there, "--cacert", authority, "-u", f"bot:{token}") as curl:
        assert curl.line() == " "
        ann.say("#ops", "safe")
        assert curl.packet()["msg"] == "safe"


@needs_curl
def test_one_that_was_killed_goes_on_after_the_last_event(server: Server, token: str, ann: Peer) -> None:
    events = ("-H", "Accept: text/event-stream")
    with Curl(url(server), *bearer(token), *events) as curl:
        assert curl.line() == ":"
        ann.say("#ops", "one")
        first = curl.event()
    ann.say("#ops", "two")
    ann.say("#ops", "three")
    with Curl(url(server), *bearer(token), *events, "-H", f"Last-Event-ID: {first['id']}") as curl:
        missed = [curl.event(), curl.event()]
        ann.say("#ops", "four")
        said = [json.loads(event["data"])["msg"] for event in (*missed, curl.event())]
    assert said == ["two", "three", "four"]
    assert missed[0]["event"] == "message"


def test_every_message_comes_once_however_often_the_connection_breaks(server: Server, token: str, ann: Peer) -> None:
    got: list[str] = []
    place = ""
    for turn in range(10):
        connection = http.client.HTTPConnection("127.0.0.1", server.port("browsers"), timeout=PATIENCE)
        headers = {"Authorization": f"Bearer {token}", **({"Last-Event-ID": place} if place else {})}
        connection.request("GET", "/stream?room=%23ops", headers=headers)
        response = connection.getresponse()
        assert response.status == 200
        for n in range(20):
            ann.say("#ops", f"{turn} {n}")
        for _ in range(13):  # (and the other seven are missed)
            while not (line := response.readline()).strip():
                pass
            packet = json.loads(line)
            got.append(packet["msg"])
            place = packet["x"]["id"]
        response.close()
        connection.close()
    assert got == [f"{n // 20} {n % 20}" for n in range(130)]


@needs_curl
def test_a_server_that_ends_says_goodbye_and_curl_ends_well(tmp_path: Path) -> None:
    with Server(tmp_path, *PORTS) as server:
        make_account(server, "bot")
        with Curl(url(server), *bearer(make_token(server))) as curl:
            assert curl.line() == " "
            server.stop(signal.SIGTERM)
            bye = curl.packet()
            assert (bye["x"]["op"], bye["x"]["code"]) == ("bye", "RELOAD")
            assert curl.end() == 0


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("", 401),
        ("Bearer ", 401),
        ("Bearer wrong", 401),
        ("Basic Ym90Ondyb25n", 401),
        ("Basic ????", 401),
        ("Digest x", 401),
        ("Bearer " + "x" * 3000, 401),
        ("Bearer müller", 401),
    ],
)
def test_without_a_right_token_there_is_a_line_that_says_so(server: Server, header: str, status: int) -> None:
    with Raw(server.port("browsers")) as raw:
        raw.send(b"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: " + header.encode() + b"\r\n\r\n")
        answer = raw.answer()
        assert (answer.status, answer.headers["WWW-Authenticate"]) == (status, 'Bearer realm="lanchat"')
        assert answer.text.count("\n") == 1


@pytest.mark.parametrize(
    ("query", "status", "told"),
    [
        ("room=%23nowhere", 404, "is not in a room #nowhere"),
        ("room=%1b%5b2J", 404, "is not in a room"),
        ("rooms=%23ops", 400, "and not 'rooms'"),
        ("format=xml", 400, "ndjson or sse"),
        ("changes=1", 400, "yes or no"),
        ("after=yesterday", 400, "x.seq of a line"),
        ("after=" + "9" * 30, 400, "x.seq of a line"),
        ("after=-1", 400, "x.seq of a line"),
        ("after=%D9%A3", 400, "x.seq of a line"),
        ("after=0ther.7", 410, "another log"),
        ("&".join(["room=%23ops"] * 21), 400, "at most 20 rooms"),
    ],
)
def test_what_can_not_be_is_refused_in_one_line(server: Server, token: str, query: str, status: int, told: str) -> None:
    with Raw(server.port("browsers")) as raw:
        answer = raw.ask(f"/stream?{query}", Authorization=f"Bearer {token}")
        assert (answer.status, told in answer.text, answer.text.count("\n")) == (status, True, 1)
        assert answer.text.strip().isprintable()


@pytest.mark.parametrize("method", ["POST", "PUT", "HEAD", "DELETE", "OPTIONS"])
def test_there_is_nothing_to_send(server: Server, token: str, method: str) -> None:
    with Raw(server.port("browsers")) as raw:
        assert raw.ask("/stream", method, Authorization=f"Bearer {token}").status == 405
    with Raw(server.port("browsers")) as raw:
        assert raw.ask("/stream", method, Authorization=f"Bearer {token}", Content_Length="5").status == 405


def test_wrong_tokens_make_the_next_login_wait_and_say_so(tmp_path: Path) -> None:
    with Server(tmp_path, *PORTS) as server:
        make_account(server, "bot")
        statuses = []
        for _ in range(6):  # (on loopback a failure counts for the name: 1, 2, 4 s, ...)
            with Raw(server.port("browsers")) as raw:
                statuses.append(raw.ask("/stream", Authorization="Basic Ym90Ondyb25n").status)
                if statuses[-1] == 429:
                    break
        assert statuses[0] == 401
        assert statuses[-1] == 429


def test_who_hangs_up_is_offline(server: Server, token: str) -> None:
    with Raw(server.port("browsers")) as raw:
        raw.send(f"GET /stream HTTP/1.0\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode())
        until(lambda: is_online(server), "the stream")
    until(lambda: not is_online(server), "its end")


def test_revoked_tokens_end_the_stream(tmp_path: Path) -> None:
    with Server(tmp_path, *PORTS) as server:
        make_account(server, "bot")
        token = make_token(server)
        connection = http.client.HTTPConnection("127.0.0.1", server.port("browsers"), timeout=PATIENCE)
        connection.request("GET", "/stream", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        result = admin(server.log.parent / "data", "token", "bot", "--revoke")
        assert "1 token, 1 login" in result.stdout
        assert json.loads(response.read().strip())["x"]["code"] == "AUTH_REQUIRED"
        with Raw(server.port("browsers")) as raw:
            assert raw.ask("/stream", Authorization=f"Bearer {token}").status == 401


def test_a_token_is_shown_once_and_is_in_no_log(server: Server, token: str) -> None:
    result = admin(server.log.parent / "data", "token", "ann")
    *told, made = result.stdout.splitlines()
    assert (len(made), "It is not shown again" in " ".join(told)) == (43, True)
    server.logged("A token of ann is made")
    assert made not in server.text()
    assert token not in server.text()
    database = b"".join(path.read_bytes() for path in (server.log.parent / "data").iterdir() if path.is_file())
    assert made.encode() not in database
    assert admin(server.log.parent / "data", "token", "nobody").returncode == 1


def test_what_comes_behind_the_request_harms_nothing(server: Server, token: str, ann: Peer) -> None:
    with Raw(server.port("browsers")) as raw:
        asked = f"GET /stream HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\n\r\n".encode()
        raw.send(asked + b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" * 50)
        raw.send(b"x" * 100_000)
        reader = raw.socket.makefile("rb")
        while reader.readline().strip():
            pass
        assert reader.readline() == b"\n"
        ann.say("#ops", "only this")
        assert json.loads(reader.readline())["msg"] == "only this"
