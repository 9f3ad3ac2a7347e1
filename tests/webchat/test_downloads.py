"""Files that people fetch: a real server, and curl; whole, in parts, resumed; and what browsers are told of each."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.webchat import ranges
from lanchat.webchat.downloads import MOST
from tests.live import LOOPBACK, Peer, Server, until
from tests.webchat.sending import LOBBY, PNG, Person, curl, open_files
from tests.webchat.wire import Raw

OPTIONS = ("--port", LOOPBACK, "--http", LOOPBACK, "--https", LOOPBACK, "--lobby", LOBBY, "--limit", "opens=off")
SIZE = 700_000
DATA = b"\0" + os.urandom(SIZE - 1)
SCRIPT = b"<script>alert(1)</script>"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with a lobby and the ports for browsers."""
    with Server(tmp_path_factory.mktemp("server"), *OPTIONS) as running:
        yield running


@pytest.fixture(scope="module")
def alice(server: Server) -> Iterator[Person]:
    """Somebody who has sent files."""
    person = Person(server, "alice")
    yield person
    person.peer.close()


@pytest.fixture(scope="module")
def url(alice: Person) -> str:
    """The link to a file with `DATA`."""
    sent: str = alice.send(DATA, "data.bin")["url"]
    return sent


def over_tls(server: Server, url: str) -> tuple[str, Path]:
    """The same link over TLS, and the authority to trust."""
    path = url.split("/", 3)[3]
    return f"https://127.0.0.1:{server.port('browsers over TLS')}/{path}", server.log.parent / "data" / "tls_authority.pem"


def test_a_file_is_fetched_whole(server: Server, url: str) -> None:
    got = curl(url)
    assert (got.status, got.body) == (200, DATA)
    assert (got.headers["content-length"], got.headers["accept-ranges"]) == (str(SIZE), "bytes")
    secure, authority = over_tls(server, url)
    assert curl("--cacert", authority, secure).body == DATA


def test_head_is_get_without_the_body(url: str) -> None:
    got, whole = curl("-I", url), curl(url)
    assert (got.status, got.headers["content-length"], got.headers["etag"]) == (200, str(SIZE), whole.headers["etag"])
    assert DATA not in got.body


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("0-0", 0, 1), ("5-9", 5, 10), ("699999-", SIZE - 1, SIZE), ("-10", SIZE - 10, SIZE), ("100-99999999", 100, SIZE),
     ("-9999999", 0, SIZE), ("0-", 0, SIZE)],
)  # fmt: skip
def test_a_part_is_fetched(url: str, asked: str, start: int, end: int) -> None:
    got = curl("-H", f"Range: bytes={asked}", url)
    assert (got.status, got.body) == (206, DATA[start:end])
    assert got.headers["content-range"] == f"bytes {start}-{end - 1}/{SIZE}"


@pytest.mark.parametrize("asked", ["700000-", "999999999-", "-0"])
def test_a_part_that_is_not_there_is_refused(url: str, asked: str) -> None:
    got = curl("-H", f"Range: bytes={asked}", url)
    assert (got.status, got.headers["content-range"], got.body) == (416, f"bytes */{SIZE}", b"")


@pytest.mark.parametrize(
    "asked",
    ["bytes=0-1,5-6", "bytes=9-5", "bytes=-", "bytes=a-b", "lines=1-2", "bytes=" + "0-1," * 1000 + "0-1", "bytes=1-2-3"],
)
def test_what_is_no_single_range_is_answered_with_the_whole_file_once(url: str, asked: str) -> None:
    got = curl("-H", f"Range: {asked}", url)
    assert (got.status, len(got.body)) == (200, SIZE)


def test_a_download_that_broke_off_is_resumed(url: str, tmp_path: Path) -> None:
    part = tmp_path / "part"
    part.write_bytes(DATA[:300_000])
    got = curl("-C", "-", "-o", part, url)
    assert (got.status, part.read_bytes()) == (206, DATA)


def test_a_part_of_another_file_is_not_glued_to_it(url: str) -> None:
    tag = curl("-I", url).headers["etag"]
    same, other = (curl("-H", f"If-Range: {value}", "-H", "Range: bytes=5-9", url) for value in (tag, '"other"'))
    assert (same.status, same.body) == (206, DATA[5:10])
    assert (other.status, other.body) == (200, DATA)
    dated = curl("-H", "If-Range: Wed, 21 Oct 2037 07:28:00 GMT", "-H", "Range: bytes=5-9", url)
    assert dated.status == 200


def test_what_a_browser_has_is_not_sent_again(url: str) -> None:
    first = curl(url)
    again = curl("-H", f"If-None-Match: {first.headers['etag']}", url)
    assert (again.status, again.body) == (304, b"")
    assert re.fullmatch(r"private, max-age=\d+, immutable", first.headers["cache-control"])
    assert 2 * 86400 < int(first.headers["cache-control"].split("=")[1].split(",")[0]) <= 4 * 86400


@pytest.mark.parametrize(
    ("name", "data", "kind", "shown"),
    [
        ("cat.png", PNG, "image/png", True),
        ("notes.txt", "gr\u00fc\u00dfe\n".encode(), "text/plain; charset=utf-8", True),
        ("page.html", b"<!doctype html>" + SCRIPT, "application/octet-stream", False),
        ("page.txt", b"<html>" + SCRIPT, "application/octet-stream", False),
        ("page.html", b"hello " + SCRIPT, "application/octet-stream", False),
        ("cat.svg", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "application/octet-stream", False),
        ("cat.png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>", "application/octet-stream", False),
        ("cat.gif", b"GIF89a/*" + SCRIPT, "image/gif", True),
        ("x.pdf", b"%PDF-1.7\n\0", "application/octet-stream", False),
        ("x.js", b"alert(1)", "text/plain; charset=utf-8", True),
    ],
)
def test_browsers_show_only_what_can_do_nothing(alice: Person, name: str, data: bytes, kind: str, shown: bool) -> None:
    got = curl(alice.send(data, name)["url"])
    assert got.body == data
    assert got.headers["content-type"] == kind
    disposition = got.headers["content-disposition"]
    assert disposition.startswith(f'{"inline" if shown else "attachment"}; filename="{name}"')
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cross-origin-resource-policy"] == "same-origin"
    policy = got.headers["content-security-policy"]
    assert policy.startswith("sandbox allow-same-origin; default-src 'none'")
    assert "script" not in policy
    assert policy.count("allow") == 1


@pytest.mark.parametrize(
    "name", ["M\u00fcller \u4f60.txt", 'a"b.txt', "a;b=c.txt", "a%41.txt", "x" * 250 + ".txt", "a\r\nX: y.txt"]
)
def test_a_name_can_be_anything_and_stays_in_its_header(alice: Person, name: str) -> None:
    got = curl(alice.send(b"hello", name)["url"])
    assert got.body == b"hello"
    assert "x" not in got.headers
    plain, encoded = re.fullmatch(  # type: ignore[union-attr]  # it matches, or the test fails
        r"inline; filename=\"([ -~]*)\"; filename\*=UTF-8''([A-Za-z0-9%._~-]+)", got.headers["content-disposition"]
    ).groups()
    assert '"' not in plain
    assert encoded.endswith(".txt")


@pytest.mark.parametrize(
    ("pattern", "instead"),
    [(r"k=....", "k=xxxx"), (r"e=\d+", "e=99999999999"), (r"e=\d+", "e="), (r"\?.*", ""), (r"k=.*", "k="),
     (r"/f/\d+", "/f/9999"), (r"k=", "k=%ff"), (r"e=\d+", "e=%D9%A1"), (r"$", "&thumb")],
)  # fmt: skip
def test_a_link_that_was_changed_is_refused(url: str, pattern: str, instead: str) -> None:
    got = curl(re.sub(pattern, instead, url, count=1))
    assert got.status == 403
    assert "has ended" in got.text
    assert got.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize(
    "path", ["/f/", "/f/1", "/f/x/y", "/f/0/y", "/f/1/y/z", "/f/" + "9" * 40 + "/x", "/f/-1/x", "/f/%31/x"]
)
def test_what_is_no_link_leads_nowhere(server: Server, path: str) -> None:
    with Raw(server.port("browsers")) as raw:
        assert raw.ask(path).status in (403, 404)
        assert raw.ask("/server.json").status == 200, "the connection is as good as before"


def test_the_name_in_a_link_is_for_people_only(url: str) -> None:
    assert curl(re.sub(r"/[^/]*\?", "/anything.html?", url)).headers["content-type"] == "application/octet-stream"


def test_a_file_whose_message_was_withdrawn_is_gone(server: Server) -> None:
    bob = Person(server, "bob")
    sent = bob.send(b"regretted")
    assert bob.ask("/withdraw", sent["id"])["x"]["op"] == "ack"
    until(lambda: curl(sent["url"]).status == 404, "the file to be gone")
    bob.peer.close()


def test_a_file_that_is_not_on_the_disk_is_told_and_logged(server: Server, alice: Person) -> None:
    url = alice.send(b"\0lost")["url"]
    (path,) = [
        path for path in (server.log.parent / "data" / "files").rglob("*") if path.is_file() and path.read_bytes() == b"\0lost"
    ]
    path.unlink()
    assert curl(url).status == 404
    server.logged("can't be read")


def test_a_file_that_is_shorter_than_it_was_is_not_sent(server: Server, alice: Person) -> None:
    url = alice.send(b"\0shortened")["url"]
    files = (server.log.parent / "data" / "files").rglob("*")
    (path,) = [path for path in files if path.is_file() and path.read_bytes() == b"\0shortened"]
    path.write_bytes(b"\0short")
    assert curl(url).status == 404
    server.logged("another size")


def test_nothing_can_be_sent_to_a_link(url: str) -> None:
    assert curl("-X", "PUT", "-d", "x", url).status in (405, 413)
    assert curl("-X", "GET", "-d", "x", url).status == 413


# Clients that read slowly, or go.


@pytest.fixture(scope="module")
def large(alice: Person) -> str:
    """The link to a file that no buffer holds."""
    sent: str = alice.send(b"\0" * 40_000_000, "large.bin")["url"]
    return sent


def request(url: str) -> bytes:
    """A request for a link."""
    return f"GET /{url.split('/', 3)[3]} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_who_reads_slowly_gets_all(server: Server, large: str, scheme: str) -> None:
    authority = over_tls(server, large)[1]
    raw = Raw(server.port("browsers")) if scheme == "http" else Raw(server.port("browsers over TLS"), authority)
    with raw:
        raw.send(request(large))
        until(lambda: open_files(server), "the file to be sent")
        with Peer(server.port()) as other:
            other.send(b"somebody\n")
            assert "Welcome" in other.line(), "others are served meanwhile"
        assert raw.answer().body == b"\0" * 40_000_000
    until(lambda: not open_files(server), "the file to be closed")


def test_what_is_sent_waits_for_who_reads_it_and_is_closed_when_they_go(server: Server, large: str) -> None:
    def memory() -> int:
        status = Path(f"/proc/{server.process.pid}/status").read_text()
        return int(status.partition("VmRSS:")[2].split()[0])

    before = memory()
    readers = [Raw(server.port("browsers")) for _ in range(20)]
    for raw in readers:
        raw.send(request(large))
    until(lambda: len(open_files(server)) == 20, "all to be sent")
    with Raw(server.port("browsers")) as another:
        assert another.ask("/server.json").status == 200
    assert memory() - before < 20 * 1024, "in KiB: less than 1 MiB for each reader"
    for raw in readers:
        raw.close()
    until(lambda: not open_files(server), "the files to be closed")


def test_too_many_at_the_same_time_are_told_to_try_again(server: Server, large: str) -> None:
    readers = [Raw(server.port("browsers")) for _ in range(MOST)]
    for raw in readers:
        raw.send(request(large))
    until(lambda: len(open_files(server)) == MOST, "all to be sent")
    got = curl(large)
    assert (got.status, "retry-after" in got.headers) == (503, True)
    for raw in readers:
        raw.close()
    until(lambda: not open_files(server), "the files to be closed")
    assert curl("-I", large).status == 200


# What a header says.


@pytest.mark.parametrize(
    ("header", "known"), [('"a"', True), ('W/"a"', True), ('"b", "a"', True), ("*", True), ('"b"', False), ("a", False)]
)
def test_tags_are_compared(header: str, known: bool) -> None:
    assert ranges.is_known([header], '"a"') is known


def test_a_header_that_is_long_is_read_at_once() -> None:
    start = time.process_time()
    for asked in ("bytes=" + "0-1," * 2000, "bytes=" + " " * 8000, "bytes=" + "9" * 8000 + "-"):
        assert ranges.asked_part([asked], 10) is None
    assert time.process_time() - start < 0.5
