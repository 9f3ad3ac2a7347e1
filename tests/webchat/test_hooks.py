"""The door of webhooks: where a secret may be, how senders are answered, and what is refused; in memory, and with curl."""

from __future__ import annotations

import json
import signal
import sqlite3
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from twisted.internet.defer import Deferred
from twisted.logger import capturedLogs, formatEvent

from lanchat.files.blobs import Blobs
from lanchat.hooks.posted import Posted, Reading
from lanchat.hooks.reading import read
from lanchat.model.hook import Hook
from lanchat.model.session import Role
from lanchat.webchat.channel import CLOSE_SECONDS, REQUEST_SECONDS
from lanchat.webchat.hook_files import HookFiles
from lanchat.webchat.hooks import BODY_SECONDS, DRAIN_SECONDS, IDLE_SECONDS, MAX_BODY, MAX_GATHERED, HookDoor
from tests.admin.test_admin import ask, registered
from tests.fakes import ALL, User, store_of
from tests.live import LOOPBACK, PATIENCE, Peer, Server
from tests.people import person
from tests.webchat.doors import HOST, Answer, Door, Visit


class Scene:
    """A port in memory, a webhook of #ops, and bob, who reads there."""

    def __init__(self) -> None:
        self.port = Door()
        self.router, self.clock = self.port.router, self.port.clock
        chat = self.router.chat
        blobs = Blobs(Path("nowhere"), lambda call, *args: call(*args))
        files = HookFiles(chat.hooks, chat.uploads, blobs, chat.limits, lambda: store_of(chat).epoch)
        self.door = HookDoor(chat.hooks, self.clock, self.read, files)
        self.port.factory.resources = [self.door]
        self.ann = person(self.router, "ann", Role.USER).hello(*ALL)
        self.ann.send("/create", "#ops")
        self.bob = User(self.router, "bob").hello(*ALL)
        self.bob.send("/join", "#ops")
        self.hook, self.secret = self.make("deploys")
        self.bob.shown()
        self.posted: list[Posted] = []
        self.fault: Exception | None = None

    def read(self, posted: Posted) -> Reading:
        """Read what was posted, and remember it."""
        self.posted.append(posted)
        if self.fault is not None:
            raise self.fault
        return read(posted)

    def make(self, name: str) -> tuple[Hook, str]:
        """A webhook of #ops, and its secret."""
        made: list[tuple[Hook, str]] = []
        hooks = self.router.chat.hooks
        work = hooks.make(name, self.router.chat.rooms.named("#ops"), "ann")
        Deferred.fromCoroutine(work).addCallback(made.append)
        return made[0]

    def visit(self, address: str = "10.0.0.7") -> Visit:
        """A new connection."""
        return self.port.visit(address)

    def post(
        self, path: str = "", body: bytes = b"hi", *headers: str, method: str = "POST", visit: Visit | None = None
    ) -> Answer:
        """Post something; the answer."""
        visit = visit or self.visit()
        visit.send(request(path or f"/hooks/{self.secret}", body, *headers, method=method))
        return Answer(visit.written())


def request(path: str, body: bytes, *headers: str, method: str = "POST", host: bytes = HOST) -> bytes:
    """A request with a body."""
    head = f"{method} {path} HTTP/1.1\r\n".encode() + host + f"Content-Length: {len(body)}\r\n".encode()
    return head + "".join(f"{line}\r\n" for line in headers).encode() + b"\r\n" + body


@pytest.fixture
def scene() -> Scene:
    return Scene()


# Where the secret may be.


PLACES: dict[str, tuple[str, tuple[str, ...]]] = {
    "Mattermost's path": ("/hooks/{}", ()),
    "with a slash": ("/hooks/{}/", ()),
    "with more": ("/hooks/{}/x/y", ()),
    "escaped": ("/hooks/%{:x}{}", ()),
    "Matrix": ("/api/v1/matrix/hook/{}?mode=slack", ()),
    "Gotify": ("/message", ("X-Gotify-Key: {}",)),
    "Gotify's parameter": ("/message?token={}", ()),
    "a parameter": ("/hooks/?x=y&token={}", ()),
    "ntfy with a token": ("/ops", ("Authorization: Bearer {}",)),
    "in small letters": ("/", ("authorization: bearer  {}",)),
}


@pytest.mark.parametrize("place", PLACES)
def test_the_secret_is_found_where_senders_put_it(scene: Scene, place: str) -> None:
    path, headers = PLACES[place]
    first = scene.secret[0]
    path = path.format(ord(first), scene.secret[1:]) if "%" in path else path.format(scene.secret)
    assert scene.post(path, b'{"message": "hi"}', *[line.format(scene.secret) for line in headers]).code == 200
    assert scene.bob.msgs() == ["hi"]


def test_the_secret_may_be_in_two_parts_as_rocket_chats(scene: Scene) -> None:
    assert scene.post(f"/hooks/{scene.secret[:16]}/{scene.secret[16:]}").code == 200
    assert scene.posted[0].path == "/"
    assert scene.post(f"/hooks/{scene.secret[:16]}/{scene.secret[16:]}/x").code == 200
    assert scene.posted[1].path == "/x"


@pytest.mark.parametrize("credentials", ["me:{}", ":{}", "{}:", "{}"])
def test_the_secret_may_be_a_password(scene: Scene, credentials: str) -> None:
    basic = b64encode(credentials.format(scene.secret).encode()).decode()
    assert scene.post("/ops", b"hi", f"Authorization: Basic {basic}").code == 200


@pytest.mark.parametrize("header", ["Basic %", "Basic", "Bearer", "Digest x", "Basic /////w==", ""])
def test_credentials_that_are_none_are_refused(scene: Scene, header: str) -> None:
    assert scene.post("/ops", b"hi", f"Authorization: {header}").code in {401, 404}


def test_the_door_is_there_under_any_name_as_who_has_the_secret_may_come(scene: Scene) -> None:
    visit = scene.visit()
    visit.send(request(f"/hooks/{scene.secret}", b"hi", host=b"Host: lanchat-in-a-container\r\n"))
    assert Answer(visit.written()).code == 200
    assert scene.visit().get(host=b"Host: lanchat-in-a-container\r\n").code == 421  # and the page is not


def test_what_is_read_is_told_to_the_reader_without_the_secret(scene: Scene) -> None:
    scene.post(f"/hooks/{scene.secret}/a%20b?title=T%C3%BCr&title=2", b"\xff\x00", "X-Tags: a", "X-Tags: b")
    (posted,) = scene.posted
    assert (posted.path, posted.query, posted.body) == ("/a b", {"title": "Tür"}, b"\xff\x00")
    assert posted.headers["x-tags"] == "a, b"


# How senders are answered.


def test_ok_is_answered_when_it_is_stored_and_not_before(scene: Scene) -> None:
    store = store_of(scene.router.chat)
    store.held, visit = True, scene.visit()
    visit.send(request(f"/hooks/{scene.secret}", b"disk full"))
    assert visit.written() == b""
    store.release()
    answer = Answer(visit.written())
    assert (answer.code, answer.body, answer.headers["content-type"]) == (200, b"ok", "text/plain")
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert scene.bob.msgs() == ["disk full"]


def test_the_answer_has_the_number_and_the_time_of_the_message(scene: Scene) -> None:
    answer = scene.post("/message", b'{"message": "hi"}', f"X-Gotify-Key: {scene.secret}")
    assert answer.headers["content-type"] == "application/json"
    assert json.loads(answer.body)["id"] == store_of(scene.router.chat).last_seq
    assert json.loads(answer.body)["date"] == "2026-11-20T14:03:22Z"


def test_several_messages_of_one_post_are_said_in_order(scene: Scene) -> None:
    alerts = [{"status": "firing", "labels": {"alertname": f"a{n}"}, "annotations": {"summary": f"no {n}"}} for n in range(5)]
    body = json.dumps({"version": "4", "status": "firing", "alerts": alerts}).encode()
    assert scene.post("", body, "Content-Type: application/json").body == b"ok"
    said = scene.bob.msgs()
    assert len(said) == 5
    assert [n for n, text in enumerate(said) if f"no {n}" in text] == [*range(5)]


def test_a_repeat_with_the_same_key_is_one_message(scene: Scene) -> None:
    answers = [scene.post("", b"built", "Idempotency-Key: build-7") for _ in range(3)]
    assert [answer.code for answer in answers] == [200, 200, 200]
    assert scene.bob.msgs() == ["built"]


def test_a_connection_is_used_again(scene: Scene) -> None:
    visit = scene.visit()
    for number in range(5):
        assert scene.post("", str(number).encode(), visit=visit).code == 200
    visit.send(request(f"/hooks/{scene.secret}", b"5") + request(f"/hooks/{scene.secret}", b"6"))
    assert visit.written().count(b"200 OK") == 2
    assert scene.bob.msgs() == [*"0123456"]


def test_a_body_may_come_in_pieces_without_a_length(scene: Scene) -> None:
    visit = scene.visit()
    visit.send(f"POST /hooks/{scene.secret} HTTP/1.1\r\n".encode() + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
    for piece in (b"5\r\ndisk ", b"\r\n4\r\nfull\r\n", b"0\r\n\r\n"):
        visit.send(piece)
    assert Answer(visit.written()).code == 200
    assert scene.bob.msgs() == ["disk full"]


@pytest.mark.parametrize("path", ["/hooks/nope", "/hooks/", "/hooks/a/b", "/api/v1/matrix/hook/x", "/message?token=x"])
def test_a_wrong_secret_is_answered_in_the_words_that_senders_know(scene: Scene, path: str) -> None:
    answer = scene.post(path, b"x" * 10_000)
    assert (answer.code, answer.body) == (404, b"channel_not_found")
    assert answer.headers.get("connection") != "close"
    assert scene.posted == []


def test_a_post_without_a_secret_is_told_what_to_send(scene: Scene) -> None:
    for path in ("/", "/ops", "/message"):
        answer = scene.post(path)
        assert (answer.code, answer.headers["www-authenticate"]) == (401, "Bearer")
        assert b"Authorization: Bearer SECRET" in answer.body
    assert scene.post("/a/b").code == 413  # that is for no webhook


def test_a_disabled_one_says_nothing(scene: Scene) -> None:
    scene.hook.enabled = False
    answer = scene.post()
    assert (answer.code, answer.body) == (403, b"action_prohibited")
    assert scene.bob.shown() == []


@pytest.mark.parametrize(
    ("body", "headers", "told"),
    [
        (b"", (), b"no_text"),
        (b" \n", (), b"no_text"),
        (b"{", ("Content-Type: application/json",), b"invalid_payload"),
        (b'{"blocks": []}', ("Content-Type: application/json",), b"no_text"),
    ],
)
def test_what_has_no_text_is_answered_so(scene: Scene, body: bytes, headers: tuple[str, ...], told: bytes) -> None:
    answer = scene.post("", body, *headers)
    assert (answer.code, answer.body) == (400, told)
    assert answer.headers["x-lanchat-error"]
    assert scene.bob.shown() == []


@pytest.mark.parametrize("method", ["GET", "HEAD", "DELETE", "OPTIONS"])
def test_only_a_post_says_something(scene: Scene, method: str) -> None:
    answer = scene.visit().get(f"/hooks/{scene.secret}?message=hi", method=method)
    assert (answer.code, answer.headers["allow"]) == (405, "POST, PUT")
    assert scene.bob.shown() == []


def test_the_page_is_where_it_was(scene: Scene) -> None:
    assert scene.visit().get("/").code == 200
    assert scene.visit().get("/message").code == 404


@pytest.mark.parametrize("place", ["/x.png", "?filename=x.png"])
def test_a_server_that_stops_or_keeps_nothing_takes_no_files(scene: Scene, place: str) -> None:
    store_of(scene.router.chat).stores_messages = False
    answer = scene.post(f"/hooks/{scene.secret}{place}", b"\x89PNG", method="PUT")
    assert (answer.code, b"stores no messages" in answer.body) == (403, True)
    Deferred.fromCoroutine(scene.door.drain())
    answer = scene.post(f"/hooks/{scene.secret}{place}", b"\x89PNG", method="PUT")
    assert answer.code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert scene.bob.shown() == []


# What may be tried again.


def test_what_can_not_be_stored_may_be_tried_again_and_is_one_message(scene: Scene) -> None:
    store = store_of(scene.router.chat)
    store.broken = True
    answer = scene.post("", b"built", "Idempotency-Key: 7")
    assert (answer.code, answer.headers["retry-after"]) == (503, "2")
    assert scene.bob.shown() == []
    store.broken = False
    assert scene.post("", b"built", "Idempotency-Key: 7").code == 200
    assert scene.bob.msgs() == ["built"]


def test_while_too_much_waits_to_be_stored_nothing_is_taken(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_of(scene.router.chat), "full", True)
    answer = scene.post()
    assert (answer.code, answer.headers["retry-after"]) == (503, "2")


def test_over_the_rate_a_sender_is_told_when_to_try_again_and_never_429(scene: Scene) -> None:
    scene.router.chat.limits.set("requests", "off")
    codes = [scene.post("", str(n).encode()).code for n in range(105)]
    assert codes == [200] * 100 + [503] * 5
    assert scene.post().headers["retry-after"] == "1"
    scene.clock.advance(1)
    assert scene.post().code == 200


def test_who_guesses_secrets_is_refused_by_the_rate_of_the_address(scene: Scene) -> None:
    scene.router.chat.limits.set("requests", 1)
    codes = [scene.post(f"/hooks/{n}", visit=scene.visit()).code for n in range(10)]
    assert codes == [404] * 10
    waiting = [scene.visit() for _ in range(10)]
    for visit in waiting:
        visit.send(request("/hooks/x", b"hi"))
    assert {Answer(data).code for visit in waiting if (data := visit.written())} == {503}


def test_a_server_that_stops_answers_what_came_and_takes_nothing_more(scene: Scene) -> None:
    store, visit, ended = store_of(scene.router.chat), scene.visit(), list[object]()
    store.held = True
    visit.send(request(f"/hooks/{scene.secret}", b"last"))
    Deferred.fromCoroutine(scene.door.drain()).addCallback(ended.append)
    assert scene.post().code == 503
    assert not ended
    store.release()
    assert Answer(visit.written()).code == 200
    assert len(ended) == 1


def test_a_server_that_stops_does_not_wait_for_ever(scene: Scene) -> None:
    store_of(scene.router.chat).held = True
    ended: list[object] = []
    scene.visit().send(request(f"/hooks/{scene.secret}", b"last"))
    Deferred.fromCoroutine(scene.door.drain()).addCallback(ended.append)
    scene.clock.advance(DRAIN_SECONDS)
    assert len(ended) == 1


def test_a_fault_of_ours_is_logged_without_the_secret_and_costs_one_post(scene: Scene) -> None:
    scene.fault = ZeroDivisionError("oops")
    with capturedLogs() as logs:
        assert scene.post().code == 500
    lines = [formatEvent(event) or "" for event in logs]
    assert any("deploys could not be read" in line for line in lines)
    assert not [event for event in logs if scene.secret in str(event)]
    scene.fault = None
    assert scene.post().code == 200


def test_who_hung_up_meanwhile_is_answered_nothing(scene: Scene) -> None:
    store, visit = store_of(scene.router.chat), scene.visit()
    store.held = True
    visit.send(request(f"/hooks/{scene.secret}", b"hi"))
    visit.lose()
    store.release()
    assert visit.written() == b""
    assert scene.bob.msgs() == ["hi"]


# What is bounded.


def test_what_is_too_long_is_refused_before_it_comes(scene: Scene) -> None:
    for headers in ((), ("Expect: 100-continue",)):
        visit = scene.visit()
        head = request(f"/hooks/{scene.secret}", b"", *headers).replace(b"Length: 0", b"Length: %d" % (MAX_BODY + 1))
        visit.send(head)
        answer = Answer(visit.written())
        assert answer.code == 413
        assert visit.transport.disconnecting
    assert scene.door.gathered == 0


def test_a_body_without_a_length_is_cut_off_at_the_limit(scene: Scene) -> None:
    for secret in (scene.secret, "nope"):
        visit = scene.visit()
        visit.send(f"POST /hooks/{secret} HTTP/1.1\r\n".encode() + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
        for _ in range(MAX_BODY // 50_000 + 1):
            visit.send(b"c350\r\n" + b"x" * 50_000 + b"\r\n")
        assert Answer(visit.written()).code == 413
        visit.lose()
    assert scene.door.gathered == 0


def test_a_long_body_is_taken(scene: Scene) -> None:
    visit = scene.visit()
    visit.send(request(f"/hooks/{scene.secret}", b"x" * MAX_BODY))
    assert Answer(visit.written()).code == 200
    assert "cut" in scene.bob.msgs()[0][-60:] or len(scene.posted[0].body) == MAX_BODY


def test_of_a_body_with_a_wrong_secret_nothing_is_kept(scene: Scene) -> None:
    visit = scene.visit()
    visit.send(request("/hooks/nope", b"x" * 900_000)[:-1])
    assert scene.door.gathered == 0
    (channel,) = scene.port.factory.channels
    assert len(channel.requests[0].body.content) < 1000
    visit.send(b"x")
    assert Answer(visit.written()).body == b"channel_not_found"


@pytest.mark.parametrize("path", ["/ws?token={}", "/hooks/{}"])
def test_a_post_that_asks_for_a_websocket_leaves_nothing_reserved(scene: Scene, path: str) -> None:
    scene.port.factory.irc = scene.port.websockets
    answer = scene.post(path.format(scene.secret), b"hi", "Sec-WebSocket-Protocol: text.ircv3.net")
    assert answer.code == 426
    assert scene.door.gathered == 0


def test_all_bodies_together_are_bounded(scene: Scene) -> None:
    head = request(f"/hooks/{scene.secret}", b"").replace(b"Length: 0", b"Length: %d" % MAX_BODY)
    visits = [scene.visit() for _ in range(MAX_GATHERED // MAX_BODY)]
    for visit in visits:
        visit.send(head)
    more = scene.visit()
    more.send(head)
    answer = Answer(more.written())
    assert (answer.code, answer.headers["retry-after"]) == (503, "1")
    for visit in visits:
        visit.lose()
    assert scene.door.gathered == 0
    assert scene.post().code == 200


def test_a_body_that_stops_coming_is_given_up(scene: Scene) -> None:
    visit = scene.visit()
    visit.send(request(f"/hooks/{scene.secret}", b"hello")[:-1])
    scene.clock.advance(IDLE_SECONDS)
    assert visit.transport.disconnecting
    scene.clock.advance(CLOSE_SECONDS)
    assert visit.transport.aborted
    visit.lose()
    assert scene.door.gathered == 0


def test_a_body_that_trickles_in_is_given_up(scene: Scene) -> None:
    visit = scene.visit()
    visit.send(request(f"/hooks/{scene.secret}", b"x" * 1000)[:-900])
    for _ in range(int(BODY_SECONDS / REQUEST_SECONDS) + 1):
        scene.clock.advance(REQUEST_SECONDS)
        visit.send(b"x")
    assert Answer(visit.written()).code == 408
    assert visit.transport.disconnecting


# A real server, and curl.


class Live:
    """A real server with #ops, a webhook, and ann, who reads there."""

    def __init__(self, server: Server, ann: Peer, url: str) -> None:
        self.server, self.ann = server, ann
        self.path = urlsplit(url).path
        self.secret = self.path.rpartition("/")[2]

    @property
    def url(self) -> str:
        """The address of the webhook, also after a restart."""
        return f"http://127.0.0.1:{self.server.port('browsers')}{self.path}"

    def said(self) -> list[dict[str, Any]]:
        """What is in the room's history."""
        self.ann.say("/history", "#ops 100", cid="h")
        found = []
        while (packet := self.ann.packet()).get("x", {}).get("op") != "end":
            if packet.get("x", {}).get("batch") and packet["x"].get("bot"):
                found.append(packet)
        return found


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    directory = tmp_path_factory.mktemp("hooks")
    with Server(directory, "--port", LOOPBACK, "--http", LOOPBACK, "--http-name", "chat.lan") as server:
        yield make_live(server)


def make_live(server: Server) -> Live:
    """A room with a webhook on a server."""
    (ann,) = registered(server, "ann")
    ask(ann, "/create", "#ops")
    ann.say("/hook", "add deploys #ops", cid="hook")
    while (packet := ann.packet()).get("x", {}).get("cid") != "hook":
        pass
    return Live(server, ann, packet["x"]["hooks"][0]["url"])


def curl(*arguments: str) -> tuple[int, str]:
    """What curl is answered: the status, and the body."""
    command = ["curl", "-sS", "--max-time", str(PATIENCE), "-w", "\n%{http_code}", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 (ours)
    body, _, code = done.stdout.rpartition("\n")
    return int(code), body


def test_curl_posts_a_text_a_form_and_a_large_body(live: Live, tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(b"line\n" * 100_000)
    before = len(live.said())
    assert curl("-d", "disk full", live.url) == (200, "ok")
    assert curl("-F", "title=Backup", "-F", "message=done", live.url) == (200, "ok")
    assert curl("--data-binary", f"@{file}", live.url) == (200, "ok")
    base = live.url.partition("/hooks")[0]
    code, body = curl("-u", f":{live.secret}", "-d", "from ntfy", f"{base}/ops")
    assert (code, json.loads(body)["message"]) == (200, "from ntfy")
    said = live.said()[before:]
    assert [one["msg"].splitlines()[0] for one in said] == ["disk full", "Backup", "line", "from ntfy"]
    assert {one["from"]["name"] for one in said} == {"deploys"}


def test_curl_reads_why_it_is_refused(live: Live, tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(b"x" * 5_000_000)
    assert curl("-d", "hi", live.url + "x") == (404, "channel_not_found")
    assert curl("-d", "", live.url) == (400, "no_text")
    assert curl("--data-binary", f"@{large}", live.url)[0] == 413
    assert curl("--data-binary", f"@{large}", "-H", "Expect: 100-continue", live.url)[0] == 413
    assert curl(live.url)[0] == 405


def test_no_secret_is_in_the_log_or_in_the_database(live: Live) -> None:
    curl("-d", "hi", live.url)
    curl("-d", "hi", f"{live.url[:-1]}!")
    data = live.server.log.parent / "data"
    for file in [live.server.log, *data.iterdir()]:
        if file.is_file():
            assert live.secret.encode() not in file.read_bytes(), file


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_post_is_repeated_after_the_server_was_killed_and_is_one_message(tmp_path: Path, number: int) -> None:
    options = ("--port", LOOPBACK, "--http", LOOPBACK)
    with Server(tmp_path, *options) as server:
        live = make_live(server)
        assert curl("-d", "built", "-H", "Idempotency-Key: 7", live.url) == (200, "ok")
        server.stop(number)
    with Server(tmp_path, *options) as server:
        live.server = server
        assert curl("-d", "built", "-H", "Idempotency-Key: 7", live.url) == (200, "ok")
        assert curl("-d", "built", "-H", "Idempotency-Key: 8", live.url) == (200, "ok")
        live.ann = Peer(server.port())
        live.ann.send(b"ann\n")
        auth = {"mech": "PLAIN", "password": "correct horse battery"}
        live.ann.say("/hello", "test", v=1, caps=["id", "ack", "history", "room"], auth=auth)
        live.ann.wait_for("Welcome")
        assert len(live.said()) == 2


def test_what_comes_while_the_server_stops_is_stored_or_refused(tmp_path: Path) -> None:
    options = ("--port", LOOPBACK, "--http", LOOPBACK, "--limit", "hook-posts=off", "--limit", "requests=off")
    with Server(tmp_path, *options) as server:
        live = make_live(server)
        command = ["curl", "-s", "-w", "%{http_code}\n", "-d", "x", *["-o", "/dev/null", live.url] * 3000]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as poster:  # noqa: S603 (ours)
            assert poster.stdout is not None
            codes = [poster.stdout.readline().strip() for _ in range(50)]
            server.stop()
            codes += poster.stdout.read().split()
    stored = codes.count("200")
    assert {"200", "503", "000"} >= set(codes)
    assert stored >= 50
    assert _count(tmp_path) == stored


def _count(directory: Path) -> int:
    with sqlite3.connect(directory / "data" / "lanchat.db") as connection:
        return int(connection.execute("SELECT count(*) FROM log WHERE kind = 'bot'").fetchone()[0])
