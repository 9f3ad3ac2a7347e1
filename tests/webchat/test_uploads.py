"""Files that people send: a real server, and curl; what comes is kept as a whole, or nothing of it."""

from __future__ import annotations

import hashlib
import json
import os
import ssl
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from lanchat.net.http import LINGER_BYTES
from lanchat.webchat.channel import PACE_BYTES
from lanchat.webchat.uploads import UploadResource
from tests.fakes import ALL, User, make_router
from tests.live import LOOPBACK, PATIENCE, Peer, Server, until
from tests.uploading import begin, take_files
from tests.webchat.sending import LOBBY, PNG, Person, curl, kept, nothing_stays
from tests.webchat.wire import Raw

IDLE = "2"
OPTIONS = ("--port", LOOPBACK, "--tls", LOOPBACK, "--http", LOOPBACK, "--https", LOOPBACK, "--irc", LOOPBACK, "--lobby", LOBBY)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a lobby and all ports, which does not wait long for who sends nothing."""
    with Server(
        tmp_path_factory.mktemp("server"), *OPTIONS, "--limit", f"upload-idle={IDLE}", "--limit", "opens=off"
    ) as running:
        yield running


@pytest.fixture
def alice(server: Server) -> Iterator[Person]:
    """Somebody who sends files."""
    person = Person(server, "alice")
    yield person
    person.peer.close()


@pytest.fixture
def bob(server: Server) -> Iterator[Person]:
    """Somebody who is told of them."""
    person = Person(server, "bob")
    yield person
    person.peer.close()


@pytest.fixture(params=["http", "https"])
def raw(server: Server, request: pytest.FixtureRequest) -> Iterator[Raw]:
    """A connection to each port for browsers."""
    with connect(server, request.param) as opened:
        yield opened


def connect(server: Server, scheme: str) -> Raw:
    """A connection to a port for browsers."""
    if scheme == "http":
        return Raw(server.port("browsers"))
    return Raw(server.port("browsers over TLS"), server.log.parent / "data" / "tls_authority.pem")


def ticket(url: str) -> str:
    """The path of an address."""
    return "/" + url.split("/", 3)[3]


def head(path: str, *lines: str, method: str = "PUT") -> bytes:
    """The headers of a request."""
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *lines, "", ""]).encode()


def source(tmp_path: Path, size: int) -> tuple[Path, bytes]:
    """A file with random bytes."""
    path, data = tmp_path / "source", b"\0" + os.urandom(size - 1)
    path.write_bytes(data)
    return path, data


# What arrives.


@pytest.mark.parametrize("size", [1, 70_000, 3_000_000])
@pytest.mark.parametrize("how", [["-T"], ["-H", "Expect:", "-T"], ["-H", "Expect: 100-continue", "-T"], ["-X", "POST", "-T"]])
def test_a_file_is_sent_with_curl(
    server: Server, alice: Person, bob: Person, tmp_path: Path, how: list[str], size: int
) -> None:
    path, data = source(tmp_path, size)
    got = curl(*how, path, alice.may_send(size, "plan.bin"))
    assert got.status == 201, got
    told = json.loads(got.body)
    digest = hashlib.sha256(data).hexdigest()
    assert (told["name"], told["size"], told["type"], told["state"]) == ("plan.bin", size, "application/octet-stream", "stored")
    file = bob.file()
    assert (file["name"], file["size"], file["msg"]) == ("plan.bin", size, "plan.bin")
    assert curl(file["url"]).body == curl(told["url"]).body == data
    assert digest in kept(server)


def test_a_body_in_chunks_is_taken(server: Server, alice: Person, tmp_path: Path) -> None:
    path, data = source(tmp_path, 500_000)
    got = curl("-H", "Transfer-Encoding: chunked", "-T", path, alice.may_send(len(data)))
    assert got.status == 201, got
    assert curl(json.loads(got.body)["url"]).body == data


def test_a_body_over_tls_is_taken(server: Server, tmp_path: Path) -> None:
    authority = server.log.parent / "data" / "tls_authority.pem"
    alice = Person(server, "alice")
    path, data = source(tmp_path, 3_000_000)
    url = f"https://127.0.0.1:{server.port('browsers over TLS')}{ticket(alice.may_send(len(data)))}"
    got = curl("--cacert", authority, "-T", path, url)
    assert got.status == 201, got
    assert json.loads(got.body)["url"].startswith("https://127.0.0.1:")
    assert curl("--cacert", authority, json.loads(got.body)["url"]).body == data
    alice.peer.close()


def test_a_slow_sender_is_waited_for_as_long_as_something_comes(alice: Person, tmp_path: Path) -> None:
    path, data = source(tmp_path, 4 * PACE_BYTES)
    rate = 2 * PACE_BYTES // int(IDLE)
    got = curl("--limit-rate", str(rate), "-T", path, alice.may_send(len(data)))
    assert got.status == 201, "it took longer than may pass without a byte"


def test_the_small_picture_comes_before_the_file(alice: Person, bob: Person) -> None:
    data = os.urandom(100_000)
    url = alice.may_send(len(data), "cat.jpg", thumb=len(PNG), w=640, h=480)
    got = curl("-T", "-", "-H", "Transfer-Encoding: chunked", url, data=PNG + data)
    assert got.status == 201, got
    file = bob.file()
    assert (file["w"], file["h"], file["size"]) == (640, 480, len(data))
    assert curl(file["url"]).body == data
    small = curl(file["thumb"])
    assert (small.body, small.headers["content-type"]) == (PNG, "image/png")


def test_the_same_file_is_kept_once(alice: Person) -> None:
    data = os.urandom(1000)
    first, second = alice.send(data, "a.bin"), alice.send(data, "b.bin")
    assert first["id"] != second["id"]
    assert [curl(told["url"]).body for told in (first, second)] == [data, data]


def test_another_request_may_follow_on_the_connection(raw: Raw, alice: Person) -> None:
    for _ in range(2):
        raw.send(head(ticket(alice.may_send(5)), "Content-Length: 5") + b"hello")
        assert raw.answer("PUT").status == 201
    assert raw.ask("/server.json").status == 200


def test_who_repeats_a_message_gets_the_first_one_again(server: Server) -> None:
    carol = Person(server, "carol")
    assert carol.ask("/register", "correct horse battery")["x"]["op"] == "ok"
    before = kept(server)
    urls = [carol.may_send(4, cid="same") for _ in range(2)]
    args = ("-H", "Expect:", "-H", "Transfer-Encoding: chunked", "-T", "-")
    first, again = (json.loads(curl(*args, url, data=data).body) for url, data in zip(urls, (b"once", b"more"), strict=True))
    assert first["id"] == again["id"]
    nothing_stays(server, before | {hashlib.sha256(b"once").hexdigest()})
    carol.peer.close()


# What is refused.


@pytest.mark.parametrize("more", [["-H", "Expect: 100-continue"], ["-H", "Expect:"]])
@pytest.mark.parametrize("size", [100_000, 30_000_000])
def test_a_wrong_length_is_refused_before_the_body(
    server: Server, alice: Person, tmp_path: Path, more: list[str], size: int
) -> None:
    path, _ = source(tmp_path, size)
    before = kept(server)
    url = alice.may_send(50_000)
    got = curl(*more, "-T", path, url)
    assert got.status == 413
    assert "50000 bytes were announced" in got.text
    if "Expect: 100-continue" in more:
        assert got.sent == 0
    assert kept(server) == before
    assert curl("-T", "-", "-H", "Transfer-Encoding: chunked", url, data=b"x" * 50_000).status == 201, "it may be tried again"


def test_chunks_are_cut_off_at_the_size_that_was_announced(server: Server, alice: Person) -> None:
    before = kept(server)
    got = curl("-T", "-", "-H", "Transfer-Encoding: chunked", alice.may_send(1_000_000), data=b"x" * 20_000_000)
    assert got.status == 413, got
    assert got.sent < 20_000_000
    nothing_stays(server, before)


def test_too_few_bytes_in_chunks_are_refused(server: Server, alice: Person) -> None:
    before = kept(server)
    got = curl("-T", "-", "-H", "Transfer-Encoding: chunked", alice.may_send(1_000_000), data=b"x" * 999_999)
    assert got.status == 400
    assert "999999 came" in got.text
    nothing_stays(server, before)


@pytest.mark.parametrize(
    "path", ["/files/nothing", "/files/", "/files/../f", "/files/" + "x" * 500, "/files/a/b", "/files/%00"]
)
def test_an_unknown_ticket_is_refused_before_the_body(raw: Raw, path: str) -> None:
    raw.send(head(path, "Content-Length: 50000000", "Expect: 100-continue"))
    answer = raw.answer("PUT")
    assert (answer.status, answer.headers["Connection"]) == (404, "close")
    assert raw.rest() == b""


def test_a_ticket_is_good_for_one_file(alice: Person) -> None:
    url = alice.may_send(5)
    args = ("-T", "-", "-H", "Transfer-Encoding: chunked", url)
    assert curl(*args, data=b"hello").status == 201
    assert curl(*args, data=b"hello").status == 404


def test_a_file_that_is_sent_to_a_websocket_is_given_up(server: Server, alice: Person, tmp_path: Path) -> None:
    before = kept(server)
    path, _ = source(tmp_path, 1000)
    for _ in range(5):  # (more than may be on their way at the same time)
        got = curl("-T", path, "-H", "Sec-WebSocket-Protocol: text.ircv3.net", alice.may_send(1000))
        assert got.status == 426
    nothing_stays(server, before)


def test_a_small_picture_that_is_none_is_refused_at_once(server: Server, raw: Raw, alice: Person) -> None:
    before = kept(server)
    path = ticket(alice.may_send(1_000_000, thumb=200))
    raw.send(head(path, "Content-Length: 1000200") + b"<svg onload=alert(1)>" * 100)
    answer = raw.answer("PUT")
    assert answer.status == 400
    assert "thumbnail" in answer.text
    nothing_stays(server, before)


def test_a_sender_who_has_gone_sends_nothing_more(server: Server, raw: Raw) -> None:
    before = kept(server)
    alice = Person(server, "leaving")
    raw.send(head(ticket(alice.may_send(1_000_000)), "Content-Length: 1000000") + b"x" * 500_000)
    until(lambda: kept(server) != before, "the file to be begun")
    alice.peer.close()

    def is_gone() -> bool:
        with Peer(server.port()) as again:
            again.send(b"leaving\n")
            return "Welcome" in again.line()

    until(is_gone, "the session to end")
    raw.send(b"x" * 400_000)
    answer = raw.answer("PUT")
    assert (answer.status, "has ended" in answer.text) == (409, True)
    nothing_stays(server, before)


def test_nothing_stays_of_an_upload_that_was_cut_off(server: Server, raw: Raw, alice: Person) -> None:
    before = kept(server)
    raw.send(head(ticket(alice.may_send(10_000_000)), "Content-Length: 10000000") + b"x" * 2_000_000)
    until(lambda: kept(server) != before, "the file to be begun")
    raw.close()
    nothing_stays(server, before)
    assert alice.send(b"hello")["size"] == 5, "its place is free again"


@pytest.mark.parametrize("sent", [0, 10, 300_000])
def test_a_sender_who_stops_is_told_and_given_up(server: Server, raw: Raw, alice: Person, sent: int) -> None:
    before = kept(server)
    raw.send(head(ticket(alice.may_send(10_000_000)), "Content-Length: 10000000") + b"x" * sent)
    answer = raw.answer("PUT")
    assert (answer.status, answer.headers["Connection"]) == (408, "close")
    nothing_stays(server, before)


def test_a_body_that_is_no_chunks_is_refused(server: Server, raw: Raw, alice: Person) -> None:
    before = kept(server)
    raw.send(head(ticket(alice.may_send(10_000_000)), "Transfer-Encoding: chunked") + b"5\r\nhello\r\nzzz\r\n" + b"x" * 100_000)
    assert raw.answer("PUT").status == 400
    nothing_stays(server, before)


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "PATCH", "OPTIONS"])
def test_a_ticket_is_for_sending_only(raw: Raw, alice: Person, method: str) -> None:
    path = ticket(alice.may_send(5))
    assert raw.ask(path, method).status in (404, 405)
    raw.send(head(path, "Content-Length: 5") + b"hello")
    assert raw.answer("PUT").status == 201


# The answer arrives although the client goes on sending.


@pytest.mark.parametrize("path", ["/", "/files/nothing"])
def test_who_sends_on_after_a_refusal_reads_it(raw: Raw, path: str) -> None:
    raw.send(head(path, "Content-Length: 20000000"))
    for _ in range(20):
        raw.send(b"x" * 1_000_000)
    answer = raw.answer("PUT")
    assert answer.status in (404, 413)
    assert raw.rest() == b""


def test_who_never_stops_sending_is_cut_off(raw: Raw) -> None:
    raw.send(head("/files/nothing", "Content-Length: 999999999999"))
    assert raw.answer("PUT").status == 404
    with pytest.raises((ConnectionError, ssl.SSLError)):
        raw.send(b"x" * 3 * LINGER_BYTES)


def test_a_refused_client_that_does_nothing_is_cut_off(server: Server, raw: Raw) -> None:
    raw.send(head("/files/nothing", "Content-Length: 999999999999"))
    assert raw.answer("PUT").status == 404
    assert raw.rest() == b""
    raw.socket.settimeout(PATIENCE)

    def is_cut_off() -> bool:
        try:
            raw.send(b"x")
        except OSError:
            return True
        return False

    until(is_cut_off, "the connection to be cut off")


# A disk that is full, and a server that stops.


def test_a_disk_that_is_full_is_told_and_nothing_stays(tmp_path: Path) -> None:
    with Server(tmp_path, *OPTIONS, under=["prlimit", "--fsize=3000000"]) as server:
        alice = Person(server, "alice")
        with connect(server, "http") as raw:
            raw.send(head(ticket(alice.may_send(20_000_000)), "Content-Length: 20000000") + b"x" * 20_000_000)
            answer = raw.answer("PUT")
        assert (answer.status, "disk" in answer.text) == (507, True)
        nothing_stays(server, set())
        assert alice.send(b"hello")["size"] == 5, "the server goes on"


def test_a_stopped_server_leaves_nothing_of_what_was_coming(tmp_path: Path) -> None:
    with Server(tmp_path, *OPTIONS) as first:
        alice = Person(first, "alice")
        done = alice.send(b"whole")
        raw = connect(first, "http")
        raw.send(head(ticket(alice.may_send(10_000_000)), "Content-Length: 10000000") + b"x" * 2_000_000)
        until(lambda: len(kept(first)) == 2, "the file to be begun")
        first.stop(9)
    with Server(tmp_path, *OPTIONS) as second:
        nothing_stays(second, {hashlib.sha256(b"whole").hexdigest()})
        with connect(second, "http") as raw:
            assert raw.ask(ticket(done["url"])).body == b"whole"


def test_a_fault_of_ours_leaves_no_place_taken() -> None:
    class Broken:
        """A body of which all has come, and that can't be kept."""

        most = size = 5

        async def store(self) -> None:
            raise RuntimeError("a fault of ours")

    router, _ = make_router()
    take_files(router)
    ann, answers = User(router, "ann").register().hello(*ALL, "file"), list[int]()
    uploads = router.chat.uploads
    ann.send("/create", "#ops")
    upload = begin(ann, "#ops", "plan.pdf", 5)
    assert uploads.space.coming == 5
    resource = UploadResource(uploads, None, router.chat.limits, str)  # type: ignore[arg-type]  # no file is kept
    resource.answer(SimpleNamespace(body=Broken(), upload=upload, respond=lambda code, *_: answers.append(code)))
    assert (answers, uploads.space.coming) == ([500], 0)
