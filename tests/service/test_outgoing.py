"""Webhooks that post: to a real receiver that fails, hangs, redirects or answers too much, and what is done about it."""

from __future__ import annotations

import hashlib
import hmac
import json
import signal
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed

from lanchat.model.hook import Hook
from lanchat.model.names import parse
from lanchat.net.posting import PostFailed
from lanchat.protocol.files import FileInfo
from lanchat.service import outgoing
from lanchat.service.operations import Operations
from lanchat.service.outgoing import FIRST_PAUSE, GIVE_UP_MS, LONGEST_PAUSE, Poster
from lanchat.service.requests import Done, Failed, Undelivered
from lanchat.store import open_db
from lanchat.tables import hooks
from lanchat.tables.hooks import AddHook
from tests.admin.test_admin import admin
from tests.fakes import ALL, User, make_router, store_of
from tests.live import LOOPBACK, Server, login, until

SECRET = b"s3cret"
#: Takes a request, and answers it.
Answer = Callable[[BaseHTTPRequestHandler], None]


# What is posted when, on a clock that tests move.


class Life:
    """A hook of #ops, with a receiver that answers as the test says."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.router, self.clock = make_router()
        self.chat = self.router.chat
        self.ann = User(self.router, "ann").register().hello(*ALL, "edit", "react")
        self.ann.send("/create", "#ops")
        self.store = store_of(self.chat)
        self.hook: Hook = self._made()
        #: What came, and what is answered: a status, or why there is no answer.
        self.posted: list[dict[str, Any]] = []
        self.answer: int | str = 200
        monkeypatch.setattr(outgoing, "post", self._post)
        self.poster = self._start()

    def _made(self) -> Hook:
        room = self.chat.rooms.named("#ops")
        outcome: list[Any] = []
        making = self.chat.hooks.make("mirror", room, "ann", "http://10.0.0.9/hook")
        Deferred.fromCoroutine(making).addBoth(outcome.append)
        hook: Hook = outcome[0][0]
        return hook

    def _start(self) -> Poster:
        return Poster(self.hook, self.chat, self.store, self.clock, lambda address: True)  # type: ignore[arg-type]  # as good

    async def _post(self, reactor: object, target: object, body: bytes, headers: object, is_allowed: object) -> int:
        self.posted.append(json.loads(body))
        if isinstance(self.answer, str):
            raise PostFailed(self.answer)
        return self.answer

    def restart(self) -> None:
        """The server is stopped and started again."""
        self.poster.stop()
        self.hook.position = self.stored()
        self.poster = self._start()

    def say(self, text: str, to: str = "#ops", **x: Any) -> None:
        """Somebody says something."""
        self.ann.send(to, text, **x)
        self.wake()

    def wake(self) -> None:
        """What came back from the store is noticed."""
        self.poster.wake()
        for _ in range(20):
            self.clock.advance(0.01)

    def texts(self) -> list[str]:
        """What came since the last look."""
        posted, self.posted = self.posted, []
        return [message["text"] for message in posted]

    def given_up(self) -> list[str]:
        """Why messages were given up."""
        return [row.why for row in hooks.undelivered(self.store.connection, self.hook.id, 1000)]

    def stored(self) -> int:
        """How far the hook is in the database."""
        return next(hook.position for hook in hooks.load(self.store.connection) if hook.id == self.hook.id)


@pytest.fixture
def life(monkeypatch: pytest.MonkeyPatch) -> Life:
    return Life(monkeypatch)


def test_what_people_say_is_posted_with_who_and_when(life: Life) -> None:
    life.say("the pump is back", re="e1.1")
    (message,) = life.posted
    assert message == {
        "id": f"e1.{life.store.last_seq}",
        "seq": life.store.last_seq,
        "ts": life.chat.timestamp(),
        "hook": "mirror",
        "room": "#ops",
        "from": "ann",
        "guest": False,
        "username": "ann",
        "kind": "message",
        "text": "the pump is back",
        "re": "e1.1",
    } | {"ts": message["ts"]}


def test_only_what_is_said_in_its_room_from_its_beginning_on(life: Life) -> None:
    User(life.router, "bob").hello(*ALL).send("ann", "privately")
    life.say("/topic", to="#ops")
    life.say("* waves", kind="action")
    life.ann.send("/create", "#den")
    life.say("elsewhere", to="#den")
    life.say("last")
    assert life.texts() == ["/topic", "* waves", "last"]


def test_what_bots_say_is_not_posted_so_two_hooks_can_not_answer_each_other(life: Life) -> None:
    made: list[Any] = []
    Deferred.fromCoroutine(life.chat.hooks.make("alerts", life.chat.rooms.named("#ops"), "ann")).addBoth(made.append)
    life.chat.hooks.say(made[0][0], "from the other hook")
    life.chat.hooks.say(made[0][0], "a file of it", file=FileInfo("a.bin", "application/octet-stream", 1, "ab" * 32))
    life.say("from ann")
    assert life.texts() == ["from ann"]
    life.clock.advance(2)
    assert life.stored() == life.store.last_seq


def test_a_receiver_that_fails_is_asked_again_with_growing_pauses_and_nothing_overtakes(life: Life) -> None:
    life.answer = 500
    life.say("one")
    assert life.texts() == ["one"]
    pause = FIRST_PAUSE
    for _ in range(12):
        life.clock.advance(pause - 0.3)
        assert life.texts() == []
        life.clock.advance(0.31)
        assert life.texts() == ["one"]
        pause = min(2 * pause, LONGEST_PAUSE)
    life.say("two")
    life.answer = 200
    life.clock.advance(LONGEST_PAUSE)
    assert life.texts() == ["one", "two"]
    life.answer = 503
    life.say("three")
    life.clock.advance(FIRST_PAUSE)
    assert life.texts() == ["three", "three"], "the pauses begin anew"


@pytest.mark.parametrize("answer", [400, 410, 413, 415, 422])
def test_what_is_refused_for_good_is_noted_and_the_rest_goes_on(life: Life, answer: int) -> None:
    life.answer = answer
    life.say("too bad")
    life.answer = 200
    life.say("good")
    assert life.texts() == ["too bad", "good"]
    assert life.given_up() == [f"it was answered {answer}"]


@pytest.mark.parametrize("answer", [302, 401, 403, 404, 408, 429, 500, 503, "there is no address for nowhere.lan"])
def test_everything_else_may_pass(life: Life, answer: int | str) -> None:
    life.answer = answer
    life.say("one")
    assert life.given_up() == []
    life.answer = 204
    life.clock.advance(FIRST_PAUSE)
    assert life.texts() == ["one", "one"]


def test_after_a_day_messages_are_given_up_and_newer_ones_are_not(life: Life) -> None:
    life.answer = "nobody is there"
    for n in range(3):
        life.say(f"old {n}")
    life.clock.advance(GIVE_UP_MS / 2000)
    life.say("newer")
    for _ in range(GIVE_UP_MS // 2000 // int(LONGEST_PAUSE) + 2):
        life.clock.advance(LONGEST_PAUSE)
    assert life.given_up() == ["nobody is there"] * 3
    life.texts()
    life.answer = 200
    life.clock.advance(LONGEST_PAUSE)
    assert life.texts() == ["newer"]


def test_what_was_withdrawn_or_edited_meanwhile_is_not_posted_as_it_was(life: Life) -> None:
    life.answer = 500
    life.say("secret", cid="1")
    life.say("teh pump", cid="2")
    secret, pump = [x["id"] for x in life.ann.xs() if x.get("op") == "ack"]
    life.texts()
    life.ann.send("/withdraw", str(secret))
    life.ann.send("/edit", f"{pump} the pump")
    life.answer = 200
    life.clock.advance(FIRST_PAUSE)
    assert life.texts() == ["the pump"]


def test_it_goes_on_where_it_was(life: Life) -> None:
    life.say("one")
    life.answer = 500
    life.say("two")
    life.restart()
    life.answer = 200
    life.say("three")
    life.clock.advance(FIRST_PAUSE)
    assert life.texts()[:1] == ["one"]
    assert life.posted == []
    life.restart()
    life.say("four")
    assert life.texts() == ["four"]


def test_how_far_it_is_is_stored_within_a_second_and_not_for_each_message(life: Life) -> None:
    before = life.stored()
    for n in range(5):
        life.say(f"{n}")
    assert life.stored() in (before, *range(life.store.last_seq))
    life.clock.advance(1)
    assert life.stored() == life.store.last_seq


# With a real server, and a real receiver.


class Receiver:
    """An HTTP server that remembers what was posted, and answers as it is told."""

    def __init__(self) -> None:
        self.posts: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.bodies: list[bytes] = []
        self.answers: list[Answer] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            """Hands requests to the receiver."""

            def do_POST(self) -> None:
                """Take a post."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.bodies.append(body)
                receiver.headers.append(dict(self.headers))
                receiver.posts.append(json.loads(body))
                answer = receiver.answers.pop(0) if receiver.answers else status(200)
                answer(self)

            def do_GET(self) -> None:
                """Nobody asks for this, unless a redirection was followed."""
                receiver.posts.append({"text": "a GET"})

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def texts(self) -> list[str]:
        """What came so far."""
        return [post["text"] for post in self.posts]

    def close(self) -> None:
        """End."""
        self.server.shutdown()
        self.server.server_close()


def status(code: int, *headers: tuple[str, str]) -> Answer:
    """Answer with this status."""

    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(code)
        for name, value in headers:
            request.send_header(name, value)
        request.send_header("Content-Length", "2")
        request.end_headers()
        request.wfile.write(b"ok")

    return answer


def drop(request: BaseHTTPRequestHandler) -> None:
    """Close without an answer."""
    request.close_connection = True


def flood(request: BaseHTTPRequestHandler) -> None:
    """Answer with a head that never ends."""
    try:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n")
        while True:
            request.wfile.write(b"X-More: " + b"x" * 8000 + b"\r\n")
    except OSError:
        pass


def much(request: BaseHTTPRequestHandler) -> None:
    """Answer well, with a body that never ends."""
    try:
        request.wfile.write(b"HTTP/1.1 200 OK\r\n\r\n")
        while True:
            request.wfile.write(b"x" * 65536)
    except OSError:
        pass


def noise(request: BaseHTTPRequestHandler) -> None:
    """Answer with what is no HTTP."""
    request.wfile.write(b"SSH-2.0-OpenSSH_9\r\n\r\n")
    request.close_connection = True


def continues(request: BaseHTTPRequestHandler) -> None:
    """Say to go on, without end (RFC 9110, 15.2.1)."""
    request.close_connection = True
    with suppress(OSError):
        while True:
            request.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n" * 100)


def hang(request: BaseHTTPRequestHandler) -> None:
    """Never answer."""
    threading.Event().wait(60)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    running = Receiver()
    yield running
    running.close()


class Place:
    """A server with a hook of the lobby that posts to a URL."""

    PORTS = ("--port", LOOPBACK, "--lobby", "#ops")

    def __init__(self, directory: Path, url: str) -> None:
        self.directory = directory
        with Server(directory, *self.PORTS) as server:
            login(server.port(), "gil").close()
        with sqlite3.connect(self.database) as connection:
            (room,) = connection.execute("SELECT id FROM rooms").fetchone()
            AddHook(parse("mirror"), room, SECRET, url, "test", 1, 20).run(connection)
        connection.close()

    @property
    def database(self) -> Path:
        """The file of the log."""
        return self.directory / "data" / open_db.FILE

    def start(self, *options: str) -> Server:
        """Start the server."""
        return Server(self.directory, *self.PORTS, *options)

    def undelivered(self) -> list[str]:
        """Why messages were given up."""
        connection = sqlite3.connect(self.database)
        found = [why for (why,) in connection.execute("SELECT why FROM undelivered ORDER BY seq")]
        connection.close()
        return found


def say(server: Server, *texts: str) -> None:
    """Somebody says something in the lobby."""
    with login(server.port(), "gil") as gil:
        gil.say("/hello", v=1, caps=["id", "ack"])
        for text in texts:
            gil.say("#ops", text, cid="1")
            while gil.packet()["x"].get("state") != "stored":
                continue


def test_posts_come_in_order_signed_whatever_the_receiver_does(tmp_path: Path, receiver: Receiver) -> None:
    place = Place(tmp_path, f"http://127.0.0.1:{receiver.port}/hook?x=1")
    receiver.answers = [status(200), drop, status(302, ("Location", "/else")), noise, status(200), much, status(200)]
    with place.start() as server:
        say(server, "one", "two", "three", "four", "five")
        until(lambda: receiver.texts()[-1:] == ["five"], "all posts")
        assert receiver.texts() == ["one", "two", "two", "two", "two", "three", "four", "five"]
        for body, headers in zip(receiver.bodies, receiver.headers, strict=True):
            assert headers["X-Lanchat-Signature"] == f"sha256={hmac.new(SECRET, body, hashlib.sha256).hexdigest()}"
            assert (headers["Content-Type"], headers["Host"]) == ("application/json", f"127.0.0.1:{receiver.port}")
        assert {post["id"] for post in receiver.posts} == {headers["Idempotency-Key"] for headers in receiver.headers}
        server.logged("webhook mirror can't post, which is tried again")
        server.logged("webhook mirror posts again")
        assert "factory" not in server.log.read_text().lower().partition("webhook mirror can't post")[2]
    assert place.undelivered() == []


@pytest.mark.parametrize("answer", [flood, continues])
def test_a_head_without_end_takes_no_room_and_is_a_failure(tmp_path: Path, receiver: Receiver, answer: Answer) -> None:
    place = Place(tmp_path, f"http://127.0.0.1:{receiver.port}/")
    receiver.answers = [answer]
    with place.start() as server:
        say(server, "one")
        until(lambda: receiver.texts() == ["one", "one"], "the second attempt")
        server.logged("the head of the answer is too long")


def test_a_receiver_that_hangs_is_left_and_a_server_that_ends_does_not_wait_for_it(tmp_path: Path, receiver: Receiver) -> None:
    place = Place(tmp_path, f"http://127.0.0.1:{receiver.port}/")
    receiver.answers = [hang]
    with place.start() as server:
        say(server, "one")
        until(lambda: receiver.texts() == ["one"], "the post")
        assert server.stop(signal.SIGTERM) < 10
    with place.start():
        until(lambda: receiver.texts() == ["one", "one"], "the same post, after the restart")


def test_after_a_kill_nothing_is_missing(tmp_path: Path, receiver: Receiver) -> None:
    place = Place(tmp_path, f"http://127.0.0.1:{receiver.port}/")
    for n in range(3):
        with place.start() as server:
            say(server, *(f"{n} {m}" for m in range(20)))
            server.stop(signal.SIGKILL)
    with place.start():
        until(lambda: receiver.texts()[-1:] == ["2 19"], "all posts")
    assert list(dict.fromkeys(receiver.texts())) == [f"{n} {m}" for n in range(3) for m in range(20)]


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://198.51.100.7:9/", "198.51.100.7 is in no network that is allowed"),
        ("http://[2001:db8::1]:9/", "2001:db8::1 is in no network that is allowed"),
        ("http://nowhere.invalid/", "there is no address for nowhere.invalid"),
        ("http://127.0.0.1:1/", "127.0.0.1:1 could not be reached"),
        ("https://127.0.0.1:{}/", "without an answer"),
        ("ftp://127.0.0.1/", "begins with http:// or https://"),
    ],
)
def test_where_it_may_not_or_can_not_post_it_says_why(tmp_path: Path, receiver: Receiver, url: str, why: str) -> None:
    place = Place(tmp_path, url.format(receiver.port))
    with place.start() as server:
        say(server, "one")
        assert why in server.logged("webhook mirror can't post")
    assert receiver.posts == []


def test_the_networks_are_asked_at_each_post(tmp_path: Path, receiver: Receiver) -> None:
    place = Place(tmp_path, f"http://localhost:{receiver.port}/")
    with place.start("--allow", "127.0.0.0/8") as server:
        say(server, "one")
        until(lambda: receiver.texts() == ["one"], "the post")


def operate(life: Life, **asked: Any) -> Done | Failed:
    """What the administrator's command answers."""
    outcome: list[Any] = []
    operations = Operations(life.chat, life.store, succeed)  # type: ignore[arg-type]  # as good
    Deferred.fromCoroutine(operations.do(Undelivered(**asked), "a test", lambda *_: None)).addBoth(outcome.append)
    answer: Done | Failed = outcome[0]
    return answer


def test_what_was_given_up_is_listed_and_forgotten(life: Life) -> None:
    assert "has given up no message" in operate(life, name="mirror").text
    life.answer = 410
    life.say("one \x1b[2J", cid="1")
    life.say("two", cid="2")
    life.ann.send("/withdraw", str([x["id"] for x in life.ann.xs() if x.get("op") == "ack"][1]))
    listed = operate(life, name="MIRROR")
    first, one, two, last = listed.text.split("\n")
    assert "gave up posting 2 messages" in first
    assert "ann: one \\x1b[2J  (it was answered 410)" in one
    assert "(removed)" in two
    assert last.endswith("lanchat-admin hook undelivered mirror --forget")
    assert [row["text"] for row in listed.facts["undelivered"]] == ["one \x1b[2J", ""]
    assert operate(life, name="mirror", forget=True).facts["forgotten"] == 2
    assert "has given up no message" in operate(life, name="mirror").text
    assert isinstance(operate(life, name="nobody"), Failed)


def administer(server: Server, *arguments: str) -> dict[str, Any]:
    """What the administrator's command answers."""
    result = admin(server.log.parent / "data", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    facts: dict[str, Any] = json.loads(result.stdout)
    return facts


def test_an_administrator_makes_one_while_the_server_runs(tmp_path: Path, receiver: Receiver) -> None:
    url = f"http://127.0.0.1:{receiver.port}/"
    with Server(tmp_path, *Place.PORTS) as server:
        say(server, "before")
        made = administer(server, "hook", "add", "mirror", "--room", "#ops", "--post", url)
        secret = made["secret"].encode()
        say(server, "one")
        until(lambda: receiver.texts() == ["one"], "the post")
        signed = hmac.new(secret, receiver.bodies[0], hashlib.sha256).hexdigest()
        assert receiver.headers[0]["X-Lanchat-Signature"] == f"sha256={signed}"
        assert secret.decode() not in server.text()
        administer(server, "hook", "disable", "mirror")
        say(server, "two")
        administer(server, "hook", "enable", "mirror")
        until(lambda: receiver.texts() == ["one", "two"], "what was said meanwhile")
        receiver.answers = [status(410)]
        say(server, "gone")
        until(lambda: administer(server, "hook", "undelivered", "mirror")["undelivered"], "what was given up")
        administer(server, "hook", "undelivered", "mirror", "--forget")
        assert administer(server, "hook", "undelivered", "mirror")["undelivered"] == []
        rotated = administer(server, "hook", "rotate", "mirror")["secret"].encode()
        say(server, "three")
        until(lambda: receiver.texts()[-1:] == ["three"], "the post with the new secret")
        signed = hmac.new(rotated, receiver.bodies[-1], hashlib.sha256).hexdigest()
        assert receiver.headers[-1]["X-Lanchat-Signature"] == f"sha256={signed}"
        administer(server, "hook", "remove", "mirror")
        say(server, "four")
        refused = admin(server.log.parent / "data", "hook", "add", "m2", "--room", "#ops", "--post", "file:///etc/passwd")
        assert (refused.returncode, "begins with http:// or https://" in refused.stderr) == (1, True)
        assert receiver.texts()[-1] == "three"


def test_two_hooks_that_post_to_each_other_say_it_once(tmp_path: Path) -> None:
    with Server(tmp_path, *Place.PORTS, "--http", LOOPBACK) as server:
        into = administer(server, "hook", "add", "in", "--room", "#ops")["url"]
        there = f"http://127.0.0.1:{server.port('browsers')}/hooks/{into.rpartition('/')[2]}"
        administer(server, "hook", "add", "out", "--room", "#ops", "--post", there)
        with login(server.port(), "bob") as bob:
            say(server, "hello")
            bob.wait_for("gil: hello")
            say(server, "again")
            seen = bob.wait_for("gil: again")
            assert (seen["from"]["name"], seen["msg"].count("gil")) == ("in", 1)
