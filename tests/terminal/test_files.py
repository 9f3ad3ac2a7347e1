"""Files that people and scripts send and save: the real command, a real server, and between them whatever may happen."""

from __future__ import annotations

import hashlib
import json
import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pexpect
import pytest

from tests.certs import Authority
from tests.client.test_tls import chat
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server, environment, line
from tests.terminal.test_pipe import Result, lanchat

#: A file that is large enough to come in many pieces.
CONTENT = bytes(range(256)) * 4000
TAB = "\t"


class Proxy:
    """Stands between clients and the server's port for files, as the server's operator has it (`--files-url`).

    Each connection takes the next of the `plans`, of which the last one stays: how many bytes of the answer are passed on
    before it is cut (None: all), or an answer of the proxy's own.
    """

    def __init__(self) -> None:
        self.plans: list[int | bytes | None] = [None]
        self.target = 0
        #: The heads of all requests.
        self.heads: list[str] = []
        self._listening = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._listening.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            client, _ = self._listening.accept()
            plan = self.plans.pop(0) if len(self.plans) > 1 else self.plans[0]
            threading.Thread(target=self._pass, args=(client, plan), daemon=True).start()

    def _pass(self, client: socket.socket, plan: int | bytes | None) -> None:
        with client:
            first = client.recv(65536)
            self.heads.append(first.decode(errors="replace").partition("\r\n\r\n")[0])
            if isinstance(plan, bytes):
                client.sendall(plan)
                _read_on(client)
                return
            with socket.create_connection(("127.0.0.1", self.target), PATIENCE) as server:
                server.sendall(first)
                threading.Thread(target=_copy, args=(client, server, None), daemon=True).start()
                _copy(server, client, plan)
                with suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)  # (a thread still reads from it, so closing it alone would not end it)


def _read_on(client: socket.socket) -> None:
    """Let an answer arrive: closing while something of the request is unread would take it back."""
    with suppress(OSError):
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


def _copy(source: socket.socket, sink: socket.socket, most: int | None) -> None:
    left = most
    try:
        while data := source.recv(65536 if left is None else min(left, 65536)):
            sink.sendall(data)
            if left is not None and (left := left - len(data)) <= 0:
                return
    except OSError:
        return


@pytest.fixture(scope="module")
def proxy() -> Proxy:
    return Proxy()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, proxy: Proxy) -> Iterator[Server]:
    """A server with files, and dora, an account that is away."""
    options = "--port", LOOPBACK, "--http", LOOPBACK, "--lobby", "#lobby", "--files-url", proxy.url, "--limit", "file=2000000"
    with Server(tmp_path_factory.mktemp("server"), *options) as running:
        proxy.target = running.port("browsers")
        assert lanchat(running.port(), "--name", "dora", stdin=b"/register hunter22\n/create #ops\n").status == 0
        yield running


@pytest.fixture(autouse=True)
def calm(request: pytest.FixtureRequest) -> None:
    """Let the proxy pass everything on, until a test says otherwise."""
    if "proxy" in request.fixturenames:
        request.getfixturevalue("proxy").plans[:] = [None]


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "plan.pdf"
    path.write_bytes(CONTENT)
    return path


def reader(port: int, name: str, *caps: str, **auth: Any) -> Peer:
    """A program that knows files."""
    peer = Peer(port)
    peer.send(f"{name}\n".encode() + line("/hello", v=1, caps=["id", "ack", "file", "room", *caps], **auth))
    peer.wait_for("Welcome")
    return peer


def told(peer: Peer) -> dict[str, Any]:
    """The next message with a file."""
    while "file" not in (packet := peer.packet()).get("x", {}):
        continue
    return packet


def names(folder: Path) -> list[str]:
    """The names of the files in a directory."""
    return sorted(path.name for path in folder.iterdir())


# In scripts.


def test_a_file_goes_to_a_room(server: Server, plan: Path) -> None:
    with reader(server.port(), "bob") as bob:
        bob.say("/join", "#lobby")
        done = lanchat(server.port(), "--name", "ci", "--send", str(plan), "--to", "#lobby", "--caption", "last night")
        assert done == Result(0, "plan.pdf (1.02 MB) was sent to #lobby.\n", "")
        packet = told(bob)
        assert (packet["from"]["name"], packet["to"], packet["msg"]) == ("ci", "#lobby", "last night")
        with urlopen(packet["x"]["file"]["url"], timeout=PATIENCE) as response:  # noqa: S310 (our own server)
            assert response.read() == CONTENT


def test_files_go_to_somebody_who_is_away_and_each_is_told(server: Server, plan: Path) -> None:
    other = plan.with_name("b.txt")
    other.write_text("b")
    done = lanchat(server.port(), "--name", "ci", "--send", str(plan), "--send", str(other), "--to", "@dora", "--json")
    assert (done.status, done.err) == (0, "")
    assert [(json.loads(row)["name"], json.loads(row)["state"]) for row in done.out.splitlines()] == [
        ("plan.pdf", "stored"),
        ("b.txt", "stored"),
    ]
    auth: dict[str, Any] = {"auth": {"mech": "PLAIN", "password": "hunter22"}, "dev": "d"}
    with Peer(server.port()) as dora:
        dora.send(b"dora\n" + line("/hello", v=1, caps=["id", "ack", "file", "resume", "history"], **auth))
        came: list[str] = []
        while len(came) < 2:
            packet = told(dora)
            came += [packet["x"]["file"]["name"]] if packet["to"] == "dora" else []
    assert came == ["plan.pdf", "b.txt"]


def test_an_account_sends_with_its_password_and_not_without(server: Server, plan: Path) -> None:
    words = "--name", "dora", "--send", str(plan), "--to", "#ops"
    done = lanchat(server.port(), *words)
    assert (done.status, done.out) == (1, "")
    assert "dora is an account: log in with --login at a terminal, or with --password-file" in done.complaint
    secret = plan.with_name("secret")
    secret.touch(0o600)
    secret.write_text("hunter22\n")
    assert lanchat(server.port(), *words, "--password-file", str(secret)) == Result(
        0, "plan.pdf (1.02 MB) was sent to #ops.\n", ""
    )


def test_what_can_not_be_sent_is_an_error_in_one_line_and_the_rest_is_sent(server: Server, plan: Path) -> None:
    large = plan.with_name("large.iso")
    large.write_bytes(bytes(2_000_001))
    files = [plan.with_name("none"), large, plan.parent, plan]
    done = lanchat(server.port(), "--name", "ci", *(word for path in files for word in ("--send", str(path))), "--to", "#lobby")
    assert (done.status, done.out) == (1, "plan.pdf (1.02 MB) was sent to #lobby.\n")
    missing, too_large, folder = done.err.splitlines()
    assert missing == f"lanchat: {files[0]} was not sent: it can't be read: No such file or directory."
    assert "large.iso was not sent: " in too_large
    assert "2 MB" in too_large
    assert "it is a directory" in folder


@pytest.mark.parametrize(
    ("to", "why"),
    [
        ("nobody", "The user nobody is not available"),
        ("#nowhere", "The room #nowhere is not available"),
        ("Everyone", "not to everyone"),
    ],
)
def test_nobody_is_an_error_in_one_line(server: Server, plan: Path, to: str, why: str) -> None:
    done = lanchat(server.port(), "--name", "ci", "--send", str(plan), "--to", to)
    assert (done.status, done.out) == (1, "")
    assert why in done.complaint


def test_a_server_without_files_is_an_error_in_one_line(shared_server: Server, plan: Path) -> None:
    done = lanchat(shared_server.port(), "--name", "ci", "--send", str(plan), "--to", "bob")
    assert (done.status, done.out) == (1, "")
    assert "this server takes no files" in done.complaint


@pytest.mark.parametrize(
    "words",
    [("--send", "x"), ("--send", "x", "--to", "a", "--text"), ("--to", "a", "--caption", "x"), ("--send", "", "--to", "a")],
)
def test_wrong_options_are_told(words: tuple[str, ...]) -> None:
    assert lanchat(1, *words).status == 2


def test_a_server_that_can_not_take_it_now_is_asked_again(server: Server, proxy: Proxy, plan: Path) -> None:
    busy = b"HTTP/1.1 503 Busy\r\nRetry-After: 0\r\nContent-Length: 5\r\nConnection: close\r\n\r\nBusy\n"
    proxy.plans[:] = [busy, None]
    assert lanchat(server.port(), "--name", "ci", "--send", str(plan), "--to", "#lobby") == Result(
        0, "plan.pdf (1.02 MB) was sent to #lobby.\n", ""
    )
    proxy.plans[:] = [busy]
    done = lanchat(server.port(), "--name", "ci", "--send", str(plan), "--to", "#lobby")
    assert (done.status, done.complaint) == (1, f"lanchat: {plan} was not sent: Busy")


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"", "the connection was lost."),
        (b"nonsense\r\n\r\n", "the connection was lost."),
        (b"HTTP/1.1 201 Yes\r\n" + b"X: y\r\n" * 100_000, "the connection was lost."),
        (b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n", "the server answered 302."),
        (b"HTTP/1.1 409 No\r\nContent-Length: 9\r\n\r\n\x1b[2Jgone\n", r"\x1b[2Jgone"),
        (b"HTTP/1.1 500 No\r\nConnection: close\r\n\r\n<html>" + b"x" * 9000, "the server answered 500."),
    ],
)
def test_whatever_answers_there_is_an_error_in_one_line(
    server: Server, proxy: Proxy, plan: Path, answer: bytes, why: str
) -> None:
    proxy.plans[:] = [answer]
    done = lanchat(server.port(), "--name", "ci", "--send", str(plan), "--to", "#lobby")
    assert (done.status, done.out) == (1, "")
    assert done.complaint.startswith(f"lanchat: {plan} was not sent: {why}")


def test_an_answer_that_is_lost_does_not_matter_if_the_message_is_acknowledged(
    server: Server, proxy: Proxy, plan: Path
) -> None:
    proxy.plans[:] = [1]
    assert lanchat(server.port(), "--name", "ci", "--send", str(plan), "--to", "#lobby") == Result(
        0, "plan.pdf (1.02 MB) was sent to #lobby.\n", ""
    )


def test_files_on_another_machine_need_the_users_word(tmp_path: Path, plan: Path) -> None:
    options = "--port", LOOPBACK, "--http", LOOPBACK, "--lobby", "#lobby"
    with Server(tmp_path, *options, "--files-url", "http://localhost:1") as elsewhere:
        words = "--name", "ci", "--send", str(plan), "--to", "#lobby"
        done = lanchat(elsewhere.port(), *words)
        assert (done.status, done.out) == (1, "")
        assert "on another machine, localhost. If that is right, add --files-host localhost" in done.complaint
        assert "refused" in lanchat(elsewhere.port(), *words, "--files-host", "localhost").complaint


def test_over_tls_the_server_of_the_chat_is_known(tmp_path: Path, plan: Path) -> None:
    key, cert = Authority(tmp_path).issue("server", "localhost")
    both = "--tls", LOOPBACK, "--tls-key", str(key), "--tls-cert", str(cert), "--lobby", "#lobby"
    words = "--tls", "--send", str(plan), "--to", "#lobby"
    (tmp_path / "a").mkdir()
    with Server(tmp_path / "a", *both, "--https", LOOPBACK) as server:
        where = f"localhost:{server.port('tls')}"
        status, out, err = chat(tmp_path, where, *words)
        assert (status, out) == (0, "plan.pdf (1.02 MB) was sent to #lobby.\n")
        assert err.count("New server") == 1
        assert chat(tmp_path, where, *words) == (0, out, "")
    assert len((tmp_path / "state/lanchat/known_servers").read_text().splitlines()) == 1
    (tmp_path / "b").mkdir()
    with Server(tmp_path / "b", *both, "--http", LOOPBACK) as server:
        status, out, err = chat(tmp_path, f"localhost:{server.port('tls')}", *words)
        assert (status, out) == (1, "")
        assert "was not sent: the server would have the file go without TLS" in err


# At a terminal.


@pytest.fixture
def spawn(tmp_path: Path) -> Iterator[Callable[..., Any]]:
    """Starts clients in terminals, in a directory of their own."""
    opened: list[Any] = []
    (tmp_path / "home").mkdir()

    def start(server: Server, name: str, *words: str, **variables: str) -> Any:
        variables = {"TERM": "xterm", "NO_COLOR": "1", "XDG_STATE_HOME": str(tmp_path / "state")} | variables
        command = [f"127.0.0.1:{server.port()}", "--name", name, *words]
        env, cwd = environment(**variables), str(tmp_path / "home")
        client = pexpect.spawn(
            str(SCRIPTS / "lanchat"), command, env=env, cwd=cwd, encoding="utf-8", timeout=PATIENCE, dimensions=(40, 200)
        )
        opened.append(client)
        return client

    yield start
    for client in opened:
        client.close(force=True)


def test_a_file_is_sent_and_saved_at_a_terminal(server: Server, spawn: Callable[..., Any], plan: Path) -> None:
    home = plan.parent / "home"
    (home / "my plan.pdf").write_bytes(CONTENT)
    ann, bob = spawn(server, "ann"), spawn(server, "bob")
    for client in (ann, bob):
        client.expect("#lobby>")
    ann.send("/send my" + TAB)
    ann.expect(re.escape(r"\ plan.pdf"))
    ann.sendline("as we said")
    for client, name in ((ann, "you"), (bob, "ann")):
        client.expect(f"#lobby {name}: as we said")
        client.expect(rf"#lobby {name}: my plan\.pdf \(1\.02 MB\)")
    bob.expect(r"- /get \d+ to save it")
    bob.sendline("/get")
    bob.expect(r"my plan\.pdf \(1\.02 MB\) was saved as my plan \(1\)\.pdf\.")
    assert (home / "my plan (1).pdf").read_bytes() == CONTENT
    assert names(home) == ["my plan (1).pdf", "my plan.pdf"]
    ann.sendline("/get last ../saved.pdf")
    ann.expect("was saved as ../saved.pdf")
    bob.sendline("/get 999999999 x")
    bob.expect("! the file of 999999999 was not saved: ")
    ann.sendline("/withdraw")
    ann.expect("is withdrawn")
    bob.sendline("/get")
    bob.expect("! Not sent: no file has come here yet")


def test_what_was_cut_goes_on_where_it_ended(server: Server, proxy: Proxy, spawn: Callable[..., Any], plan: Path) -> None:
    assert lanchat(server.port(), "--name", "ci", "--send", str(plan), "--to", "#lobby").status == 0
    home = plan.parent / "home"
    bob = spawn(server, "bob")
    bob.expect("#lobby>")
    bob.sendline("/history #lobby 1")
    bob.expect(r"/get \d+ to save it")
    bob.expect("more: /more|That is all")
    proxy.plans[:] = [None, 300_000, None]
    bob.sendline("/get")
    bob.expect(
        "! .*was not saved: the connection was lost. [0-9]+ of 1024000 bytes are there: the next try goes on from there."
    )
    digest = hashlib.sha256(CONTENT).hexdigest()
    part = home / f"plan.pdf.{digest[:12]}.part"
    have = part.stat().st_size
    assert 0 < have < 300_000
    bob.sendline("/get")
    bob.expect(r"was saved as plan\.pdf\.")
    assert (home / "plan.pdf").read_bytes() == CONTENT
    assert names(home) == ["plan.pdf"]
    assert f'Range: bytes={have}-\r\nIf-Range: "{digest}"' in proxy.heads[-1]


@pytest.mark.parametrize(
    ("head", "body", "why"),
    [
        ("Content-Length: 1024000", bytes(1_024_000), "what came is damaged, so it was not kept"),
        ("Content-Length: 5", b"short", "it has another size than the server had announced"),
        ("Connection: close", CONTENT + b"more", "the server sent more than it had announced"),
    ],
)
def test_what_is_not_the_file_is_not_kept(
    server: Server, proxy: Proxy, spawn: Callable[..., Any], plan: Path, head: str, body: bytes, why: str
) -> None:
    assert lanchat(server.port(), "--name", "ci", "--send", str(plan), "--to", "#lobby").status == 0
    bob = spawn(server, "bob")
    bob.expect("#lobby>")
    bob.sendline("/history #lobby 1")
    bob.expect("more: /more|That is all")
    proxy.plans[:] = [None, f"HTTP/1.1 200 OK\r\n{head}\r\n\r\n".encode() + body]
    bob.sendline("/get")
    bob.expect(f"was not saved: {why}")
    assert not (plan.parent / "home" / "plan.pdf").exists()


def test_a_name_of_others_leads_nowhere(server: Server, spawn: Callable[..., Any], plan: Path) -> None:
    bob = spawn(server, "bob")
    bob.expect("#lobby>")
    with reader(server.port(), "eve") as eve:
        eve.say("/join", "#lobby")
        eve.say("/file", target="#lobby", name="../../.bashrc\x1b[2J", size=3, cid="c")
        while "upload" not in (packet := eve.packet()).get("x", {}):
            continue
        ticket = packet["x"]["upload"]["url"].rpartition("/")[2]
        with socket.create_connection(("127.0.0.1", server.port("browsers")), PATIENCE) as door:
            door.sendall(f"PUT /files/{ticket} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 3\r\n\r\nabc".encode())
            assert b" 201 " in door.recv(4096)
    bob.expect(r"eve: (\S+) \(3 bytes\) - /get \d+ to save it")
    bob.sendline("/get")
    bob.expect("was saved as ")
    home = plan.parent / "home"
    (name,) = names(home)
    assert name.startswith("_")
    assert (home / name).read_text() == "abc"


def test_a_terminal_that_only_prints_shows_the_link(server: Server, spawn: Callable[..., Any], plan: Path) -> None:
    bob = spawn(server, "bob", TERM="dumb")
    bob.expect("#lobby> ")
    assert lanchat(server.port(), "--name", "ci", "--send", str(plan), "--to", "#lobby").status == 0
    bob.expect(r"ci: plan\.pdf \(1\.02 MB\) - /get (\d+) to save it: http://127\.0\.0\.1:\d+/f/")
    bob.sendline("/get")
    bob.expect(r"was saved as plan\.pdf\.")
    bob.sendline("/send plan.pdf")
    bob.expect(r"you: plan\.pdf \(1\.02 MB\)")
    bob.sendline("/send")
    bob.expect("! Not sent: /send needs a file")
    bob.sendline("/to")
    bob.sendline("/send plan.pdf")
    bob.expect("! Not sent: files go to a room or to somebody")


def test_send_at_a_terminal_shows_how_far_it_is_and_ends(server: Server, spawn: Callable[..., Any], plan: Path) -> None:
    ann = spawn(server, "ann", "--send", str(plan), "--to", "#lobby")
    ann.expect(re.escape("sending plan.pdf: ") + r"\d+% of 1\.02 MB")
    ann.expect(re.escape("plan.pdf (1.02 MB) was sent to #lobby."))
    ann.expect(pexpect.EOF)
    ann.close()
    assert ann.exitstatus == 0
