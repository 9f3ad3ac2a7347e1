"""A real `twistd lanchat` with real sockets, used as its users do."""

from __future__ import annotations

import json
import os
import resource
import selectors
import shutil
import signal
import socket
import struct
import subprocess
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from lanchat.gateways.outbox import PACE_SECONDS
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server, line, login, until


def test_three_kinds_of_client_talk_through_one_server(shared_server: Server) -> None:
    port = shared_server.port()
    with login(port, "ann") as ann, Peer(port) as bob, Peer(shared_server.port("telnet")) as cat:
        bob.send(b"bob")  # an unframed client
        assert bob.packet()["msg"].startswith("Welcome bob!")
        cat.send(b"cat\r\n")
        assert "Welcome cat!" in cat.line()
        ann.say("/shout", "hello")
        assert ann.packet()["msg"] == "Message sent to 2 users"
        assert bob.packet()["msg"] == "hello"
        assert cat.line() == "ann: hello"
        bob.send(line("cat", "psst").strip() + line("ann", "tea?").strip())
        assert cat.line() == "bob (private): psst"
        assert ann.packet() == {"from": {"name": "bob", "ip": "127.0.0.1"}, "to": "ann", "msg": "tea?"}
        cat.send(b"/pm bob yes\r\n/quit\r\n")
        assert bob.packet()["msg"] == "yes"
        assert cat.line() == "* Goodbye"
        assert cat.at_end()


def test_an_unframed_client_reads_200_answers_with_one_recv_and_one_loads_each(shared_server: Server) -> None:
    with Peer(shared_server.port()) as peer:
        peer.send(b"greedy" + line("/time").strip() * 200)
        answers: list[dict[str, Any]] = []
        looked = time.monotonic()
        while len(answers) < 201:
            packets = peer.socket.recv(1024).splitlines()
            before, looked = looked, time.monotonic()
            # Whoever looks each time something comes finds one; a busy machine may keep this test from looking.
            assert looked - before > (len(packets) - 1) * PACE_SECONDS * 0.9
            answers += map(json.loads, packets)
    assert answers[0]["msg"].startswith("Welcome greedy!")
    assert sum(answer["msg"].startswith("Server time") for answer in answers) == 200


def test_a_client_that_sends_a_byte_at_a_time_is_understood(shared_server: Server) -> None:
    with Peer(shared_server.port()) as peer:
        peer.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for byte in b"drop" + line("/time").strip():
            peer.send(bytes([byte]))
        assert peer.packet()["msg"].startswith("Welcome drop!")
        assert peer.packet()["msg"].startswith("Server time")


def test_a_reset_frees_the_name(shared_server: Server) -> None:
    peer = login(shared_server.port(), "reset")
    peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    shared_server.logged("reset left: ")
    login(shared_server.port(), "reset").close()


@pytest.mark.skipif(not shutil.which("ss"), reason="there is no ss here")
def test_the_system_looks_after_connections_that_fell_silent(shared_server: Server) -> None:
    with login(shared_server.port(), "silent") as peer:
        address = "{}:{}".format(*peer.socket.getsockname())
        shown = subprocess.run(["ss", "-tnoH", "dst", address], capture_output=True, text=True, check=True).stdout  # noqa: S603, S607 (ours)
    assert "timer:(keepalive" in shown


def test_last_words_reach_who_is_still_sending(shared_server: Server) -> None:
    with login(shared_server.port(), "bulky") as peer:
        peer.send((b"x" * 100_000 + b"\n") * 50)
        assert "over the limit" in peer.wait_for("connection is closed")["msg"]
        assert peer.at_end()


def test_nothing_people_say_is_logged_and_what_is_logged_is_escaped(shared_server: Server) -> None:
    with login(shared_server.port(), "secretive") as peer:
        peer.say("secretive", "my-secret-words {0.__class__}")
        peer.packet()
        peer.say("/quit", "last-secret")
        assert peer.at_end()
    with Peer(shared_server.port()) as peer:
        peer.send(b"evil\x1b[2J{self.__class__}\xe2\x80\xae\n")
        assert peer.packet()["to"] == "Guest"
    refused = shared_server.logged("refused 127.0.0.1 (json): BAD_NAME")
    shared_server.logged("secretive left: quit")
    assert refused.isprintable()
    assert "secret-words" not in shared_server.text()
    assert "last-secret" not in shared_server.text()
    assert "Traceback" not in shared_server.text()


@pytest.fixture
def many_files() -> None:
    """A test with a thousand sockets needs as many files."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def crowd(port: int, names: list[str]) -> list[tuple[socket.socket, bytes]]:
    """Open one connection for each name, all at the same moment, and read what each is told first."""
    selector = selectors.DefaultSelector()
    sockets = [socket.socket() for _ in names]
    for each in sockets:
        each.setblocking(False)
        each.connect_ex(("127.0.0.1", port))
    for each, name in zip(sockets, names, strict=True):
        until(partial(_writable, each), "a connection")
        each.sendall(name.encode() + b"\n")
        selector.register(each, selectors.EVENT_READ)
    told: dict[socket.socket, bytes] = {}
    deadline = time.monotonic() + PATIENCE
    while len(told) < len(sockets):
        assert time.monotonic() < deadline, f"only {len(told)} of {len(sockets)} were answered"
        for key, _ in selector.select(1):
            data = key.fileobj.recv(4096)  # type: ignore[union-attr]  # a socket
            assert data, "a connection was closed without a word"
            told[key.fileobj] = data  # type: ignore[index]  # a socket
            selector.unregister(key.fileobj)
    return list(told.items())


def _writable(each: socket.socket) -> bool:
    assert each.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR) == 0
    with selectors.DefaultSelector() as selector:
        selector.register(each, selectors.EVENT_WRITE)
        return bool(selector.select(0))


@pytest.mark.usefixtures("many_files")
def test_a_thousand_clients_that_open_at_the_same_moment_all_get_in(server: Server) -> None:
    answers = crowd(server.port(), [f"user{n}" for n in range(1000)])
    assert sum(b"Welcome user" in answer for _, answer in answers) == 1000
    with login(server.port(), "last") as last:
        last.say("/list")
        assert last.packet()["msg"].startswith("Online users (1000): user0, user1, ")
        for each, _ in answers:
            each.close()
        until(partial(is_alone, last), "everybody to leave")


def is_alone(peer: Peer) -> bool:
    """Whether nobody else is there."""
    peer.say("/list")
    return bool(peer.packet()["msg"] == "You are the only active user!")


@pytest.mark.usefixtures("many_files")
def test_of_a_thousand_that_ask_for_one_name_exactly_one_gets_it(server: Server) -> None:
    answers = crowd(server.port(), [("highlander", "HighLander")[n % 2] for n in range(1000)])
    assert sum(b"Welcome" in answer for _, answer in answers) == 1
    assert sum(b"already" in answer for _, answer in answers) == 999
    for each, _ in answers:
        each.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_server_with_a_goodbye_to_everyone(server: Server, number: signal.Signals) -> None:
    json_client, telnet, unnamed = login(server.port(), "ann"), Peer(server.port("telnet")), Peer(server.port())
    telnet.send(b"bob\n")
    telnet.line()
    json_client.send(line("ann", "x" * 10_000) * 20)
    assert json_client.wait_for("xxx")
    server.stop(number)
    assert server.process.returncode in (0, -number)
    assert "shutting down" in json_client.wait_for("Goodbye")["msg"]
    assert "Goodbye" in telnet.line()
    assert unnamed.at_end()
    assert "Traceback" not in server.text()


def test_clients_that_do_not_read_cannot_hold_up_the_end(server: Server) -> None:
    with login(server.port(), "deaf") as deaf, login(server.port(), "paced") as ann, Peer(server.port()) as unframed:
        deaf.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        unframed.send(b"slow" + line("/time").strip() * 1900)  # 19 seconds at its pace
        unframed.packet()
        for _ in range(16):
            ann.say("deaf", "x" * 16_000)
        ann.say("/time")
        ann.wait_for("Server time")
        until(lambda: not unframed.unread(), "the server to read all")
        assert server.stop() < 1900 * PACE_SECONDS * 0.8
        times = sum(b"Server time" in text for text in unframed._reader.readlines())
    assert times >= 1899, "what was pending is written, at the end without its pace"


def test_it_listens_on_ipv4_and_ipv6_and_stamps_the_address_of_either(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", "0") as server, login(server.port(), "four") as four, Peer(server.port(), "::1") as six:
        six.send(b"six\n")
        six.packet()
        six.say("four", "hi")
        assert four.packet()["from"] == {"name": "six", "ip": "::1"}
        four.say("six", "ho")
        assert six.packet()["from"] == {"name": "four", "ip": "127.0.0.1"}
        assert "(IPv4 and IPv6)" in server.logged("listening for json")


def test_ports_may_be_given_more_than_once_and_as_endpoints(tmp_path: Path) -> None:
    path = tmp_path / "chat.socket"
    with Server(tmp_path, "--port", LOOPBACK, "--port", LOOPBACK, "--port", f"unix:{path}:mode=600") as server:
        ports = [port for _, port in server.listening()]
        with login(ports[0], "ann") as ann, login(ports[1], "bob") as bob, socket.socket(socket.AF_UNIX) as local:
            local.settimeout(PATIENCE)
            local.connect(str(path))
            local.sendall(b"cat\n" + line("ann", "hi"))
            assert ann.packet()["from"] == {"name": "cat", "ip": "127.0.0.1"}
            bob.say("ann", "ho")
            assert ann.packet()["msg"] == "ho"


def run(tmp_path: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """Run a server that should not start, or should only print."""
    command = [str(SCRIPTS / "twistd"), "-n", "--pidfile=", "lanchat", *options]
    return subprocess.run(  # noqa: S603 (ours)
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=PATIENCE, check=False
    )


@pytest.mark.parametrize("option", ["--port", "--telnet"])
def test_a_port_in_use_is_told_in_the_last_line(tmp_path: Path, shared_server: Server, option: str) -> None:
    port = shared_server.port()
    ended = run(tmp_path, "--port", LOOPBACK, option, f"tcp:{port}:interface=127.0.0.1")
    last = ended.stdout.strip().splitlines()[-1]
    assert ended.returncode not in (0, -signal.SIGTERM)
    assert str(port) in last
    assert "in use" in last
    assert "Traceback" not in ended.stdout


def test_an_ipv6_port_in_use_is_told_as_it_is_written_elsewhere(tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        ended = run(tmp_path, "--port", rf"tcp:{port}:interface=\:\:1")
    assert f"[::1]:{port} Address already in use: " in ended.stdout.splitlines()[-1]


def test_a_socket_in_a_directory_that_is_not_there_is_told_with_what_to_do(tmp_path: Path) -> None:
    path = Path("/run") / tmp_path.name / "chat.socket"  # (systemd makes directories there, so it is looked for only now)
    ended = run(tmp_path, "--port", f"unix:{path}")
    last = ended.stdout.splitlines()[-1]
    assert f"{path}.lock No such file or directory: lanchat can't listen for json clients there. Create that directory" in last
    assert ended.returncode == os.EX_CONFIG, "systemd shall not try again"


def test_a_socket_of_a_server_that_runs_is_told_as_in_use(tmp_path: Path) -> None:
    path = tmp_path / "chat.socket"
    with Server(tmp_path, "--port", f"unix:{path}") as server:
        assert server.logged("listening for json").endswith(f" on {path}")
        last = run(tmp_path, "--data", "other", "--port", f"unix:{path}").stdout.splitlines()[-1]
    assert f"{path} Cannot acquire lock: " in last
    assert "Stop the program that uses that address" in last


def test_an_address_of_another_machine_is_told_as_such(tmp_path: Path) -> None:
    last = run(tmp_path, "--port", "tcp:0:interface=192.0.2.7").stdout.splitlines()[-1]
    assert "192.0.2.7:0 Cannot assign requested address: " in last
    assert "an address that this machine has" in last


def test_a_daemon_that_cannot_listen_says_so_on_the_terminal(tmp_path: Path, shared_server: Server) -> None:
    command = [
        str(SCRIPTS / "twistd"),
        "--logfile=log",
        "lanchat",
        "--data",
        "data",
        "--port",
        f"tcp:{shared_server.port()}:interface=127.0.0.1",
    ]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert ended.returncode == 1
    assert "in use" in ended.stderr + ended.stdout
    assert "Traceback" not in ended.stderr + ended.stdout
    until(lambda: not (tmp_path / "twistd.pid").exists(), "the pid file to be removed")


def test_a_daemon_starts_and_ends(tmp_path: Path) -> None:
    command = [str(SCRIPTS / "twistd"), "--logfile=log", "lanchat", "--data", "data", "--port", LOOPBACK]
    subprocess.run(command, cwd=tmp_path, timeout=PATIENCE, check=True)  # noqa: S603 (ours)
    os.kill(int((tmp_path / "twistd.pid").read_text()), signal.SIGTERM)
    until(lambda: "Server Shut Down" in (tmp_path / "log").read_text(), "the daemon to end")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--port", "http"], "'http' is neither a port nor an endpoint"),
        (["--port", "tcp:x"], "'tcp:x' is neither a port nor an endpoint"),
        (["--port", "tcp"], "'tcp' is neither a port nor an endpoint"),
        (["--port", "65536"], "65536 is not a port"),
        (["--port", "-1"], "'-1' is neither a port nor an endpoint"),
        (["--port", "systemd:domain=INET:index=7"], "is not a port"),
        (["--telnet", "tcp:5000:intreface=::"], "is neither a port nor an endpoint"),
        (["--telnet", ""], "is neither a port nor an endpoint"),
        (["--volume", "11"], "--volume"),
        (["--ephemeral", "yes"], "'yes' belongs to no option. Write --NAME VALUE"),
    ],
)
def test_a_wrong_option_is_told_in_the_last_line(tmp_path: Path, options: list[str], says: str) -> None:
    ended = run(tmp_path, *options)
    assert ended.returncode == os.EX_CONFIG
    assert says in ended.stdout.strip().splitlines()[-1]
    assert "Traceback" not in ended.stdout


def test_help_shows_the_options_with_their_defaults(tmp_path: Path) -> None:
    ended = run(tmp_path, "--help")
    text = " ".join(ended.stdout.split())
    assert ended.returncode == 0
    for option, default in [("--port=", "5000"), ("--telnet=", "off"), ("--data=", "$STATE_DIRECTORY")]:
        about = text[text.index(option) :]
        assert default in about[: about.index("]")]


def test_without_options_it_listens_on_port_5000() -> None:
    from lanchat.config.options import Options  # noqa: PLC0415 (the only test that looks inside)

    options = Options()
    options.parseOptions([])
    assert [port.split(":")[1] for port in options["port"]] == ["5000"]
    assert options["telnet"] == []
