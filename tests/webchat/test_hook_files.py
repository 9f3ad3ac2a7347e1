"""Files that are posted to webhooks: a real server, and curl; each is a bot's message with a file, or nothing of it is kept."""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lanchat.webchat.hooks import MAX_BODY
from tests.admin.test_admin import admin
from tests.live import LOOPBACK, Peer, Server, until
from tests.webchat.sending import Got, curl, kept, nothing_stays
from tests.webchat.wire import Raw

ROOM = "#ops"
MOST = 3_000_000


class Nightly:
    """A room with a webhook on a server, and somebody who reads there."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.host = f"127.0.0.1:{server.port('browsers')}"
        self.secret = str(self.change("add", "backup", "--room", ROOM)["url"]).rpartition("/")[2]
        self.reader = self.enter("reader", "id", "ack", "room", "file", "history")

    def enter(self, name: str, *caps: str) -> Peer:
        """Somebody in the room."""
        peer = Peer(self.server.port())
        peer.send(name.encode() + b"\n")
        peer.say("/hello", "test", v=1, caps=list(caps))
        peer.wait_for("Welcome")
        return peer

    @property
    def url(self) -> str:
        """The address of the webhook, with a slash at its end."""
        return f"http://{self.host}/hooks/{self.secret}/"

    def next(self) -> dict[str, Any]:
        """The next packet that shows what the webhook says."""
        while (packet := self.reader.packet())["from"]["name"] != "backup":
            continue
        return packet

    def nothing_more(self) -> None:
        """The webhook has said nothing more until now."""
        self.reader.say(ROOM, "end of the test", cid="end")
        while (packet := self.reader.packet())["x"].get("cid") != "end":
            assert packet["from"]["name"] != "backup", packet

    def change(self, *words: str) -> dict[str, Any]:
        """What `lanchat-admin hook` answers."""
        done = admin(self.server.log.parent / "data", "--json", "hook", *words)
        assert done.returncode == 0, done.stderr
        facts: dict[str, Any] = json.loads(done.stdout)
        return facts


@pytest.fixture(scope="module")
def nightly(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nightly]:
    """A server that takes files of some size, and a webhook."""
    limits = ("--limit", f"file={MOST}", "--limit", "requests=off", "--limit", "hook-posts=off")
    with Server(tmp_path_factory.mktemp("server"), "--port", LOOPBACK, "--http", LOOPBACK, "--lobby", ROOM, *limits) as server:
        yield Nightly(server)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with random bytes."""
    path = tmp_path / "backup.tgz"
    path.write_bytes(b"\x1f\x8b" + os.urandom(2_000_000))
    return path


def fetched(nightly: Nightly, packet: dict[str, Any]) -> bytes:
    """The bytes of the file of a message, by the link that a reader has."""
    return curl(packet["x"]["file"]["url"]).body


# What arrives.


def test_curl_sends_a_file_and_it_is_a_message_of_a_bots(nightly: Nightly, file: Path) -> None:
    got = curl("-T", file, nightly.url)
    assert got.status == 201, got
    told = json.loads(got.body)
    packet = nightly.next()
    assert (packet["to"], packet["msg"], packet["x"]["bot"], packet["x"]["kind"]) == (ROOM, "backup.tgz", True, "notice")
    size = file.stat().st_size
    assert told | {"url": ""} == {
        "id": packet["x"]["id"],
        "name": "backup.tgz",
        "size": size,
        "type": "application/octet-stream",
        "url": "",
        "state": "stored",
    }
    shown = packet["x"]["file"]
    assert (shown["name"], shown["size"]) == ("backup.tgz", size)
    assert fetched(nightly, packet) == curl(told["url"]).body == file.read_bytes()


def test_it_is_marked_as_a_bots_for_everybody_and_in_the_history(nightly: Nightly, file: Path) -> None:
    other = nightly.enter("other", "id", "room")
    assert curl("-T", file, nightly.url).status == 201
    while (packet := other.packet())["from"]["name"] != "backup":
        continue
    assert packet["x"]["bot"] is True
    assert packet["msg"].startswith("backup.tgz (2 MB): http://")
    live = nightly.next()
    nightly.reader.say("/history", f"{ROOM} 1", cid="h")
    page = nightly.next()
    assert {name: page["x"][name] for name in ("id", "bot", "kind")} == {
        name: live["x"][name] for name in ("id", "bot", "kind")
    }
    assert page["x"]["file"]["name"] == "backup.tgz"
    other.close()


NAMED: dict[str, tuple[str, tuple[str, ...]]] = {
    "behind the question mark": ("?filename=a.log&title=Backup&message=db1+is+done", ()),
    "in headers": ("", ("Filename: a.log", "Title: Backup", "Message: db1 is done")),
    "in ntfy's headers": ("", ("X-Filename: a.log", "X-Title: Backup", "X-Message: db1 is done")),
    "in both": ("?title=Backup", ("Filename: a.log", "m: db1 is done")),
    "in ASCII": ("", ("Filename: =?utf-8?b?YS5sb2c=?=", "Title: =?utf-8?q?Backup?=", "Message: db1 is done")),
}


@pytest.mark.parametrize("method", ["POST", "PUT"])
@pytest.mark.parametrize("how", NAMED)
def test_the_name_and_what_is_said_with_it_are_where_senders_put_them(nightly: Nightly, how: str, method: str) -> None:
    query, headers = NAMED[how]
    options = [part for header in headers for part in ("-H", header)]
    got = curl("-X", method, *options, "--data-binary", "disk full", nightly.url + query)
    assert (got.status, json.loads(got.body)["name"]) == (201, "a.log"), got
    packet = nightly.next()
    assert (packet["msg"], packet["x"]["file"]["type"]) == ("Backup\ndb1 is done", "text/plain")
    assert fetched(nightly, packet) == b"disk full"


@pytest.mark.parametrize("credentials", ["bearer", "basic", "token"])
def test_ntfys_clients_are_answered_as_by_ntfy(nightly: Nightly, credentials: str) -> None:
    ways = {
        "bearer": ["-H", f"Authorization: Bearer {nightly.secret}"],
        "basic": ["-u", f":{nightly.secret}"],
        "token": [],
    }
    query = f"&token={nightly.secret}" if credentials == "token" else ""
    url = f"http://{nightly.host}/nights?filename=a.bin&message=done{query}"
    got = curl(*ways[credentials], "-X", "POST", "--data-binary", "@-", url, data=b"\0")
    assert got.status == 200, got
    told, packet = json.loads(got.body), nightly.next()
    assert (told["event"], told["topic"], told["message"]) == ("message", "nights", "done")
    attachment = told["attachment"]
    assert (attachment["name"], attachment["size"], attachment["type"]) == ("a.bin", 1, "application/octet-stream")
    assert (packet["msg"], curl(attachment["url"]).body) == ("done", b"\0")


def test_what_comes_from_a_pipe_is_taken_without_a_length(nightly: Nightly) -> None:
    got = curl("-T", "-", nightly.url + "dump.sql", data=b"insert\n" * 10_000)
    assert got.status == 201, got
    assert fetched(nightly, nightly.next()) == b"insert\n" * 10_000
    got = curl("-T", "-", nightly.url + "dump.sql", data=b"x" * (MOST + 1))
    assert got.status == 413, got
    assert "there is room for 3 MB" in got.text


def test_an_empty_file_is_a_file(nightly: Nightly, tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert curl("-T", tmp_path / "empty", nightly.url).status == 201
    assert nightly.next()["x"]["file"]["size"] == 0


def test_the_name_is_no_path(nightly: Nightly) -> None:
    for place in ("a/b/..%2F..%2Fetc%2Fpasswd", "?filename=..%2Fpasswd"):
        assert curl("-X", "PUT", "-d", "x", nightly.url + place).status == 201
        assert nightly.next()["x"]["file"]["name"].strip("._") == "passwd"


def test_a_text_is_still_a_text(nightly: Nightly) -> None:
    assert curl("-d", "disk full", nightly.url.rstrip("/")).text == "ok"
    assert curl("-d", "disk full", nightly.url + "deploys/web").text == "ok"
    assert curl("-X", "PUT", "-d", "disk full", nightly.url).text == "ok"
    assert curl("-d", "disk full", nightly.url + "?filename=").text == "ok"
    assert [nightly.next()["msg"] for _ in range(4)] == ["disk full"] * 4


def test_a_file_that_is_sent_again_with_its_key_is_one_message(nightly: Nightly, file: Path) -> None:
    answers = [curl("-H", "Idempotency-Key: night-1", "-T", file, nightly.url) for _ in range(2)]
    file.write_bytes(b"other")
    answers.append(curl("-H", "Idempotency-Key: night-1", "-T", file, nightly.url))
    assert {got.status for got in answers} == {201}
    told = [json.loads(got.body) for got in answers]
    assert len({one["id"] for one in told}) == 1
    assert {one["size"] for one in told} == {2_000_002}
    assert len(curl(told[2]["url"]).body) == 2_000_002
    nightly.next()
    nightly.nothing_more()
    assert curl("-H", "Idempotency-Key: night-2", "-T", file, nightly.url).status == 201
    assert fetched(nightly, nightly.next()) == b"other"


def test_the_log_says_whose_it_is(nightly: Nightly, file: Path) -> None:
    assert curl("-T", file, nightly.url).status == 201
    with sqlite3.connect(nightly.server.log.parent / "data" / "lanchat.db") as connection:
        found = connection.execute(
            "SELECT log.author < 0, log.kind, files.owner < 0 FROM log JOIN files USING (seq) WHERE seq = ?",
            (nightly.next()["x"]["seq"],),
        ).fetchone()
    assert found == (1, "file", 1)


# What is refused.


def refused(got: Got, status: int, told: str) -> None:
    """An answer that is a refusal, in words."""
    assert (got.status, told in got.text) == (status, True), got
    assert got.headers["content-type"].startswith("text/plain")


def test_who_has_no_right_is_told_so_before_the_file_comes(nightly: Nightly, tmp_path: Path) -> None:
    before = kept(nightly.server)
    large = tmp_path / "large.bin"
    large.write_bytes(os.urandom(MAX_BODY + 500_000))
    expect = ("-H", "Expect: 100-continue", "-T", large)
    got = curl(*expect, nightly.url.replace(nightly.secret, "A" * 32))
    refused(got, 404, "channel_not_found")
    assert got.sent == 0
    got = curl(*expect, f"http://{nightly.host}/ops?filename=x.bin")
    refused(got, 401, "secret")
    nightly.change("disable", "backup")
    got = curl(*expect, nightly.url)
    refused(got, 403, "action_prohibited")
    assert got.sent == 0
    nightly.change("enable", "backup")
    assert kept(nightly.server) == before


def test_what_is_too_large_is_refused_before_it_comes(nightly: Nightly, tmp_path: Path) -> None:
    large = tmp_path / "large.bin"
    large.write_bytes(b"\0" * (MOST + 1))
    got = curl("-H", "Expect: 100-continue", "-T", large, nightly.url)
    refused(got, 413, "too large")
    assert got.sent == 0


def test_a_form_is_no_file(nightly: Nightly, file: Path) -> None:
    refused(curl("-F", f"a=@{file}", nightly.url + "?filename=x.bin"), 415, "curl -T FILE ADDRESS/")
    nightly.nothing_more()


def head(nightly: Nightly, name: str, size: int) -> bytes:
    """The headers of a request with a file."""
    return f"PUT /hooks/{nightly.secret}/{name} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\n\r\n".encode()


def test_only_so_many_come_at_the_same_time(nightly: Nightly) -> None:
    before, raws = kept(nightly.server), []
    for number in range(4):
        raw = Raw(int(nightly.host.rpartition(":")[2]))
        raw.send(head(nightly, f"{number}.bin", 600_000) + b"x" * 500_000)
        raws.append(raw)
    until(lambda: len(kept(nightly.server)) == len(before) + 4, "four files that come")
    got = curl("-X", "PUT", "-d", "x", nightly.url + "more.bin")
    refused(got, 503, "Too many files")
    assert int(got.headers["retry-after"]) > 0
    for raw in raws:
        raw.close()
    nothing_stays(nightly.server, before)
    assert curl("-X", "PUT", "-d", "x", nightly.url + "more.bin").status == 201
    nightly.next()


def test_of_a_file_that_is_cut_off_nothing_stays(nightly: Nightly) -> None:
    before = kept(nightly.server)
    raw = Raw(int(nightly.host.rpartition(":")[2]))
    raw.send(head(nightly, "cut.bin", 1_000_000) + b"x" * 500_000)
    until(lambda: kept(nightly.server) != before, "the file to come")
    raw.close()
    nothing_stays(nightly.server, before)
    nightly.nothing_more()


def test_what_is_disabled_meanwhile_says_nothing(nightly: Nightly) -> None:
    before = kept(nightly.server)
    with Raw(int(nightly.host.rpartition(":")[2])) as raw:
        raw.send(head(nightly, "late.bin", 500_001) + b"x" * 500_000)
        until(lambda: kept(nightly.server) != before, "the file to come")
        nightly.change("disable", "backup")
        raw.send(b"x")
        assert raw.answer("PUT").status == 403
    nightly.change("enable", "backup")
    nothing_stays(nightly.server, before)
    nightly.nothing_more()


@pytest.mark.parametrize(
    ("limit", "status", "told"), [("account-files=1000", 507, "no room"), ("hook-posts=0.01", 503, "too much at once")]
)
def test_there_is_only_so_much_room_and_a_rate(tmp_path: Path, limit: str, status: int, told: str) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--http", LOOPBACK, "--lobby", ROOM, "--limit", limit) as server:
        nightly = Nightly(server)
        assert curl("-X", "PUT", "-d", "x" * 600, nightly.url + "a.bin").status == 201
        before = kept(server)
        got = curl("-X", "PUT", "-d", "x" * 500, nightly.url + "a.bin")
        refused(got, status, told)
        assert ("retry-after" in got.headers) == (status == 503)
        assert kept(server) == before


def test_a_disk_that_fails_costs_the_file_only(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--http", LOOPBACK, "--lobby", ROOM) as server:
        nightly, files = Nightly(server), tmp_path / "data" / "files"
        assert curl("-X", "PUT", "-d", "x", nightly.url + "a.bin").status == 201
        nightly.next()
        files.rename(tmp_path / "away")
        files.touch()
        for _ in range(6):  # (more than may be sent at the same time)
            refused(curl("-X", "PUT", "-d", "y", nightly.url + "b.bin"), 507, "disk")
        files.unlink()
        (tmp_path / "away").rename(files)
        nightly.nothing_more()
        assert curl("-X", "PUT", "-d", "y", nightly.url + "b.bin").status == 201
        assert fetched(nightly, nightly.next()) == b"y"


def test_the_bytes_of_a_webhook_are_counted_after_a_restart(tmp_path: Path) -> None:
    options = ("--port", LOOPBACK, "--http", LOOPBACK, "--lobby", ROOM, "--limit", "account-files=1000")
    with Server(tmp_path, *options) as server:
        path = Nightly(server).url.split("/", 3)[3]
        url = f"http://127.0.0.1:{server.port('browsers')}/{path}"
        assert curl("-X", "PUT", "-d", "x" * 600, url + "a.bin").status == 201
    with Server(tmp_path, *options) as server:
        url = f"http://127.0.0.1:{server.port('browsers')}/{path}"
        refused(curl("-X", "PUT", "-d", "x" * 500, url + "b.bin"), 507, "no room")
        assert curl("-X", "PUT", "-d", "x" * 400, url + "b.bin").status == 201
