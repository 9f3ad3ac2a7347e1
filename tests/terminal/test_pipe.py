"""`lanchat` in scripts: a real command, real pipes, a real server."""

from __future__ import annotations

import array
import fcntl
import json
import os
import re
import shlex
import signal
import socket
import subprocess
import termios
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import IO, Any, NamedTuple

import pytest

from lanchat.client.interfaces import NotSent
from lanchat.protocol.packet import MAX_MSG
from lanchat.terminal import formatting
from lanchat.terminal.formatting import Formatter
from lanchat.terminal.input_lines import decoded
from lanchat.terminal.pipe import Pipe
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Server, environment, line, login, until
from tests.talk import Talk

COMMAND = str(SCRIPTS / "lanchat")


class Result(NamedTuple):
    """What a command left behind."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The one line on stderr."""
        (line,) = self.err.splitlines()
        return line


def lanchat(port: int, *arguments: str, stdin: bytes | IO[bytes] = b"", env: dict[str, str] | None = None) -> Result:
    """Run it to its end; `env` is added to this process's."""
    options: dict[str, Any] = {"input": stdin} if isinstance(stdin, bytes) else {"stdin": stdin}
    command = [COMMAND, f"127.0.0.1:{port}", *arguments]
    variables = environment(**(env or {}))
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=False, env=variables, **options)  # noqa: S603 (ours)
    return Result(done.returncode, done.stdout.decode(), done.stderr.decode())


@pytest.fixture
def classic() -> Iterator[tuple[int, list[bytes]]]:
    """A server of the first kind: it takes whatever comes first for the name, and knows no `x`; and what it was sent."""
    listening, lines = socket.create_server(("127.0.0.1", 0)), []

    def serve() -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rwb", buffering=0) as stream:
            assert b"\n" in connection.recv(1024)
            stream.write(_server_says("Welcome old!"))
            for line in stream:
                lines.append(line)
                if b"/quit" in line:
                    stream.write(_server_says("Goodbye"))
                    return
                stream.write(_server_says("Message sent to 0 users"))

    thread = threading.Thread(target=serve)
    thread.start()
    yield listening.getsockname()[1], lines
    thread.join(PATIENCE)
    listening.close()


def _server_says(msg: str) -> bytes:
    return json.dumps({"from": {"name": "SERVER", "ip": "0.0.0.0"}, "to": "old", "msg": msg}).encode() + b"\n"  # noqa: S104


def test_a_line_is_delivered_and_nothing_is_said_about_it(shared_server: Server) -> None:
    with login(shared_server.port(), "bob") as bob:
        done = lanchat(shared_server.port(), "--name", "ci", "--to", "bob", stdin="größer\r\n".encode())
        assert done == Result(0, "", "")
        assert bob.packet() == {"from": {"name": "ci", "ip": "127.0.0.1"}, "to": "bob", "msg": "größer"}


def test_without_a_target_a_line_is_for_everyone(shared_server: Server) -> None:
    with login(shared_server.port(), "bob") as bob:
        assert lanchat(shared_server.port(), "--name", "ci", stdin=b"no newline").status == 0
        assert bob.packet()["msg"] == "no newline"


def test_nobody_of_that_name_is_an_error_in_one_line(shared_server: Server) -> None:
    done = lanchat(shared_server.port(), "--name", "ci", "--to", "nobody", stdin=b"hi\n")
    assert (done.status, done.out) == (1, "")
    assert "'hi': The user nobody is not available" in done.complaint


def test_a_refused_connection_is_an_error_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    done = lanchat(port, "--name", "ci", "--timeout", "0.5", stdin=b"hi\n")
    assert done.status == 3
    assert f"can't connect to 127.0.0.1:{port}" in done.complaint


def test_a_taken_name_is_an_error_in_one_line(shared_server: Server) -> None:
    with login(shared_server.port(), "taken"):
        done = lanchat(shared_server.port(), "--name", "taken", stdin=b"hi\n")
    assert done.status == 1
    assert "already" in done.complaint


def test_a_server_that_says_nothing_is_an_error_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        done = lanchat(listening.getsockname()[1], "--name", "ci", "--timeout", "0.2", stdin=b"hi\n")
    assert done.status == 3
    assert "no welcome came" in done.complaint


@contextmanager
def silent_after(**welcome: Any) -> Iterator[int]:
    """A server that grants a hello, and says no more; its port."""

    def serve() -> None:
        connection, _ = listening.accept()
        packet = {"from": {"name": "SERVER", "ip": ""}, "to": "ci", "msg": "Welcome", "x": {"op": "welcome", "v": 1} | welcome}
        with connection:
            connection.sendall(json.dumps(packet).encode() + b"\n")
            while connection.recv(1024):
                continue

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(PATIENCE)


def test_no_acknowledgement_in_time_is_an_error_in_one_line() -> None:
    with silent_after(caps=["ack"]) as port:
        done = lanchat(port, "--name", "ci", "--timeout", "0.2", stdin=b"hi\n")
    assert done.status == 1
    assert "no acknowledgement" in done.complaint


def test_a_server_that_does_not_send_what_it_announced_is_an_error_in_one_line() -> None:
    account = {"account": True, "epoch": "e", "seq": 5, "resumed": True, "missed": 3}
    with silent_after(caps=["ack", "history", "id", "resume"], **account) as port:
        done = lanchat(port, "--name", "ci", "--timeout", "0.2")
    assert done.status == 1
    assert "did not send everything that it announced" in done.complaint


def test_a_complaint_waits_for_room_on_a_stderr_that_does_not_block(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    filled = os.write(writer, bytes(1 << 20))
    monkeypatch.setattr(formatting, "STDERR", writer)
    thread = threading.Thread(target=formatting.write_error, args=("it failed",))
    thread.start()
    with open(reader, "rb") as stderr:  # noqa: PTH123 (a descriptor has no path)
        stderr.read(filled)
        thread.join(PATIENCE)
        os.close(writer)
        assert stderr.read() == b"lanchat: it failed\n"


def test_commands_are_answered_on_stdout_and_wrong_ones_on_stderr(shared_server: Server) -> None:
    done = lanchat(shared_server.port(), "--name", "ci", stdin=b"/time\n/nope\n/quit\n")
    assert done.status == 1
    assert done.out.startswith("Server time: ")
    assert "no command /nope" in done.complaint


def test_a_regular_file_may_be_stdin_and_no_line_of_it_is_lost(shared_server: Server, tmp_path: Path) -> None:
    lines = [f"{n} " + "x" * 100 for n in range(3000)]
    file = tmp_path / "lines"
    file.write_text("\n".join(lines))
    with file.open("rb") as stdin:
        done = lanchat(shared_server.port(), "--name", "ci", "--to", "ci", stdin=stdin)
    assert (done.status, done.err) == (0, "")
    assert [line.partition(" ci -> you: ")[2] for line in done.out.splitlines()] == lines


def test_json_is_printed_as_it_came_up_to_the_last_acknowledgement(shared_server: Server) -> None:
    done = lanchat(shared_server.port(), "--name", "ci", "--json", stdin=b"one\ntwo\n")
    packets = [json.loads(line) for line in done.out.splitlines()]
    assert done.status == 0
    assert [packet["x"]["op"] for packet in packets if packet["x"]["op"] != "event"] == ["welcome", "ack", "ack"]


def test_changes_and_what_is_done_in_a_room_are_sentences_and_arrivals_are_not_printed() -> None:
    talk, pipe, printed = Talk(), Pipe("#ops", Formatter(colours=False), False, False, 1.0), list[bytes]()
    pipe._session = talk.session
    pipe._output = SimpleNamespace(write=printed.append)  # type: ignore[assignment]  # all that is used of it
    talk.screen.packet_received = pipe.packet_received  # type: ignore[method-assign]
    talk.account()
    talk.hear("lunch?", "#ops", "bob", id="e.1", seq=1, conv="#ops")
    talk.hear("dinner?", "#ops", "bob", op="edit", id="e.1", seq=2, conv="#ops")
    talk.hear("yes", "#ops", "zoe", id="e.3", seq=3, conv="#ops", re="e.1")
    talk.hear("bob set the topic of #ops: x", "#ops", op="event", ev="topic", by="bob", conv="#ops")
    for ev in ("joined", "left", "came", "away", "read", "typing"):
        talk.hear(f"zoe {ev}", "#ops", op="event", ev=ev, by="zoe", who=["zoe"], conv="#ops")
    assert [row[9:] for row in b"".join(printed).decode().splitlines()] == [
        "#ops bob: lunch?",
        "#ops bob (edited): dinner?",
        '#ops zoe (re: "dinner?"): yes',
        "* bob set the topic of #ops: x",
    ]


def test_what_is_too_long_or_not_utf8_is_told_and_the_rest_is_sent(shared_server: Server) -> None:
    with login(shared_server.port(), "bob") as bob:
        stdin = b"x" * (MAX_MSG + 1) + b"\n" + b"y" * MAX_MSG + b"\r\na\xffb\nend\n"
        done = lanchat(shared_server.port(), "--name", "ci", "--to", "bob", stdin=stdin, env={"LC_ALL": "C.UTF-8"})
        assert done.status == 1
        assert [bob.packet()["msg"], bob.packet()["msg"]] == ["y" * MAX_MSG, "end"]
    long, broken = done.err.splitlines()
    assert "line 1 was not sent: " in long
    assert "line 3 was not sent: it is not UTF-8. Convert it with iconv" in broken


def test_what_is_not_utf8_is_what_the_locale_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("locale.getpreferredencoding", lambda do_setlocale: "ISO-8859-1")
    assert (decoded(b"gr\xf6\xdfer"), decoded("größer".encode())) == ("größer", "größer")
    monkeypatch.setattr("locale.getpreferredencoding", lambda do_setlocale: "ANSI_X3.4-1968")
    with pytest.raises(NotSent):
        decoded(b"gr\xf6\xdfer")


def test_a_block_is_one_message(shared_server: Server) -> None:
    port, options = shared_server.port(), ("--name", "ci", "--block", "--to", "@bob", "--")
    with login(port, "bob") as bob:
        assert lanchat(port, *options, stdin=b"/status:\r\n\n  active\n@eve\n") == Result(0, "", "")
        assert bob.packet()["msg"] == "/status:\n\n  active\n@eve"
        assert lanchat(port, *options, stdin=b"x" * MAX_MSG + b"\n").status == 0
        assert bob.packet()["msg"] == "x" * MAX_MSG
        for stdin, why in ((b"x" * (MAX_MSG + 1), "16384 bytes"), (b"x\n/login y", "password"), (b"\xff", "UTF-8")):
            done = lanchat(port, *options, stdin=stdin)
            assert (done.status, "what is on stdin was not sent: " in done.complaint, why in done.complaint) == (1, True, True)
        assert lanchat(port, *options, stdin=b" \n") == Result(0, "", "")
    assert lanchat(port, *options[:3], "--commands", stdin=b"x").status == 2


def test_a_classic_server_is_served_too(classic: tuple[int, list[bytes]]) -> None:
    port, lines = classic
    done = lanchat(port, "--name", "old", stdin=b"one\ntwo\n")
    assert done.status == 0
    assert done.out == "Message sent to 0 users\n" * 2
    assert [json.loads(line).get("msg") for line in lines] == ["one", "two", ""]
    assert not any(b'"x"' in line for line in lines)


def test_no_stdin_at_all_is_an_empty_one(shared_server: Server) -> None:
    command = f"exec {COMMAND} 127.0.0.1:{shared_server.port()} --name ci <&-"
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert (done.returncode, done.stderr) == (0, b"")


def test_the_end_of_the_reader_is_the_end_and_needs_no_words(shared_server: Server) -> None:
    with Bot(shared_server.port(), "bot1", "--json") as bot:
        assert json.loads(bot.stdout.readline())["x"]["op"] == "welcome"
        bot.stdout.close()
        assert bot.process.wait(PATIENCE) == 1
        assert bot.stderr.read() == b""
        bot.process.stdout = None


def test_a_bot_reads_what_comes_until_it_is_told_to_stop(shared_server: Server) -> None:
    with login(shared_server.port(), "bob") as bob, Bot(shared_server.port(), "bot2") as bot:
        shared_server.logged("bot2 joined")
        bob.say("bot2", "\x1b[31mred\nalert")
        lines = [bot.stdout.readline().decode() for _ in range(2)]
        assert [line.partition(" ")[2] for line in lines] == ["bob -> you: \\x1b[31mred\n", "bob -> you: alert\n"]
        bot.process.send_signal(signal.SIGTERM)
        assert bot.process.wait(PATIENCE) == 0


def test_a_bot_is_connected_again_when_the_server_is(tmp_path: Path) -> None:
    with Server(tmp_path) as first:
        port = first.port()
        bot = Bot(port, "bot3")
        first.logged("bot3 joined")
        first.stop(signal.SIGKILL)
    with bot:
        assert b"The connection was lost" in bot.stderr.readline()
        with Server(tmp_path, "--port", f"tcp:{port}:interface=127.0.0.1"):
            out, err = bot.process.communicate(b"/time\n", PATIENCE)
    assert out.startswith(b"Server time: ")
    assert bot.process.returncode == 0
    assert b"trying again in" in err


def test_stdin_is_blocking_again_for_whoever_shares_it(shared_server: Server) -> None:
    reader, writer = os.pipe()
    os.close(writer)
    with open(reader, "rb") as stdin:  # noqa: PTH123 (a descriptor has no path)
        assert lanchat(shared_server.port(), "--name", "ci", stdin=stdin).status == 0
        assert os.get_blocking(reader)


@pytest.fixture
def password(tmp_path: Path) -> Path:
    """A file with the password of accounts."""
    file = tmp_path / "password"
    file.touch(0o600)
    file.write_text("hunter22\n")
    return file


def test_an_account_logs_in_with_a_file_and_reads_what_was_said_before(shared_server: Server, password: Path) -> None:
    port, options = shared_server.port(), ("--password-file", str(password), "--keep-token")
    state = {"XDG_STATE_HOME": str(password.parent)}
    assert lanchat(port, "--name", "nora", stdin=b"/register hunter22\n/create #cellar\n").status == 0
    done = lanchat(port, "--name", "nora", stdin=b"x\n", env=state)
    assert (done.status, "--password-file" in done.complaint) == (1, True)
    assert lanchat(port, "--name", "nora", *options, "--to", "#cellar", stdin=b"one\ntwo\n", env=state).status == 0
    done = lanchat(port, "--name", "nora", "--quiet", stdin=b"/history #cellar\n/search two\n", env=state)
    assert (done.status, done.err) == (0, "")
    assert [line.partition(" #cellar you: ")[2] for line in done.out.splitlines()] == ["one", "two", "two"]
    done = lanchat(port, "--name", "nora", "--json", stdin=b"/history #cellar\n", env=state)
    ops = [json.loads(line)["x"].get("op") for line in done.out.splitlines()]
    assert ops[-3:] == [None, None, "end"]
    assert "token" not in done.out


def test_what_was_missed_does_not_disturb_a_quiet_one_and_is_there_for_the_next(shared_server: Server, password: Path) -> None:
    port, options = shared_server.port(), ("--name", "quinn", "--password-file", str(password))
    assert lanchat(port, "--name", "quinn", stdin=b"/register hunter22\n").status == 0
    assert lanchat(port, "--name", "ci", "--to", "quinn", stdin=b"later\n").status == 0
    quiet = lanchat(port, *options, "--quiet", "--timeout", "3600", stdin=b"/time\n")
    assert (quiet.status, quiet.err, len(quiet.out.splitlines())) == (0, "", 1)
    packets = lanchat(port, *options, "--quiet", "--json", stdin=b"/time\n").out.splitlines()
    assert [json.loads(packet)["x"]["op"] for packet in packets] == ["ok"]
    assert lanchat(port, *options).out.endswith("ci -> you: later\n")
    assert lanchat(port, *options) == Result(0, "", "")


def test_a_wrong_password_or_a_file_that_others_may_read_is_an_error_in_one_line(shared_server: Server, password: Path) -> None:
    port, options = shared_server.port(), ("--name", "otto", "--password-file", str(password))
    assert lanchat(port, "--name", "otto", stdin=b"/register hunter11\n").status == 0
    done = lanchat(port, *options, stdin=b"hi\n")
    assert (done.status, "does not let otto in" in done.complaint) == (1, True)
    password.chmod(0o644)
    done = lanchat(port, *options, stdin=b"hi\n")
    assert (done.status, "chmod go=" in done.complaint) == (2, True)


def test_what_was_said_is_stored_once_even_if_the_server_is_killed_meanwhile(tmp_path: Path, password: Path) -> None:
    options = ("--password-file", str(password), "--to", "#log")
    with Server(tmp_path) as first:
        port = first.port()
        assert lanchat(port, "--name", "pia", stdin=b"/register hunter22\n/create #log\n").status == 0
        bot = Bot(port, "pia", *options)
        bot.stdin.write(b"".join(b"%d\n" % n for n in range(300)))
        until(lambda: first.text().count("pia joined") == 2, "the login")
        first.stop(signal.SIGKILL)
    with bot, Server(tmp_path, "--port", f"tcp:{port}:interface=127.0.0.1"):
        bot.process.communicate(b"".join(b"%d\n" % n for n in range(300, 400)), PATIENCE)
        assert bot.process.returncode == 0
        pages = [b"/history #log 200 before %d\n" % seq for seq in (10**6, 201)]
        done = lanchat(port, "--name", "pia", *options[:2], "--quiet", stdin=b"".join(pages))
    said = [int(line.rpartition(" ")[2]) for line in done.out.splitlines()]
    assert sorted(said) == list(range(400))
    assert said[:200] == list(range(200, 400))


@pytest.fixture
def missed(shared_server: Server, password: Path) -> Callable[[str, int], list[str]]:
    """Makes an account with a device, and lets so many messages be said to it while it is away; the options of that device."""

    def make(name: str, count: int) -> list[str]:
        options = ["--name", name, "--password-file", str(password), "--dev", "desk"]
        with login(shared_server.port(), name) as newcomer:
            newcomer.say("/register", "hunter22")
            newcomer.wait_for("is your account now")
        assert lanchat(shared_server.port(), *options).status == 0
        with login(shared_server.port(), "ci") as ci:
            for n in range(count):
                ci.say(name, f"number {n}")
                ci.wait_for("Your message is kept")
        return options

    return make


def numbers(out: str) -> list[int]:
    """Which of the messages were printed."""
    return [int(line.rpartition("number ")[2].partition('"')[0]) for line in out.splitlines() if "number " in line]


Missed = Callable[[str, int], list[str]]


@pytest.mark.parametrize("more", [[], ["--json"]])
@pytest.mark.parametrize("where", ["> /dev/full", ">&-"])
def test_what_can_not_be_printed_is_an_error_in_one_line_and_comes_again(
    shared_server: Server, missed: Missed, where: str, more: list[str]
) -> None:
    options = missed(f"nemo{len(where)}{len(more)}", 2)
    command = shlex.join([COMMAND, f"127.0.0.1:{shared_server.port()}", *options, *more])
    done = subprocess.run(["/bin/sh", "-c", f"exec {command} < /dev/null {where}"], stderr=subprocess.PIPE, check=False)  # noqa: S603 (ours)
    assert done.returncode == 1
    assert re.fullmatch(b"lanchat: can't write to stdout: (No space left on device|Bad file descriptor)\n", done.stderr)
    assert numbers(lanchat(shared_server.port(), *options, *more).out) == [0, 1]
    assert numbers(lanchat(shared_server.port(), *options, *more).out) == []


def test_what_a_reader_did_not_wait_for_comes_again(shared_server: Server, missed: Missed) -> None:
    options = missed("headley", 3)
    with Bot(shared_server.port(), *options[1:]) as bot:
        assert numbers(bot.stdout.readline().decode()) == [0]
        bot.stdout.close()
        assert (bot.process.wait(PATIENCE), bot.stderr.read()) == (1, b"")
        bot.process.stdout = None
    assert numbers(lanchat(shared_server.port(), *options).out) == [0, 1, 2]


def test_a_reader_that_has_enough_when_all_is_over_leaves_the_rest_to_come_again(
    shared_server: Server, missed: Missed, tmp_path: Path
) -> None:
    options = missed("heather", 3)
    command = shlex.join([COMMAND, f"127.0.0.1:{shared_server.port()}", *options])
    script = f"{{ {command} < /dev/null; echo $? > {tmp_path}/code; }} | head -n 1"
    done = subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert (numbers(done.stdout), done.stderr, (tmp_path / "code").read_text()) == ([0], "", "1\n")
    assert numbers(lanchat(shared_server.port(), *options).out) == [0, 1, 2]


def test_only_what_is_printed_is_acknowledged_while_a_bot_runs(shared_server: Server, missed: Missed) -> None:
    options = missed("robo", 1)
    with Bot(shared_server.port(), *options[1:]) as bot:
        assert numbers(bot.stdout.readline().decode()) == [0]
        until(lambda: numbers(lanchat(shared_server.port(), *options).out) == [] or None, "the acknowledgement")


def test_answers_that_can_not_be_printed_are_an_error_too(shared_server: Server) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 (it is one for all)
        command = [COMMAND, f"127.0.0.1:{shared_server.port()}", "--name", "ci", "--quiet"]
        done = subprocess.run(command, input=b"/time\n", stdout=full, stderr=subprocess.PIPE, check=False)  # noqa: S603 (ours)
    assert (done.returncode, done.stderr) == (1, b"lanchat: can't write to stdout: No space left on device\n")


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_that_can_not_be_printed_is_an_error_in_one_line(option: str, unbuffered: str) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123 (it is one for all)
        env = environment(PYTHONUNBUFFERED=unbuffered)
        done = subprocess.run([COMMAND, option], stdout=full, stderr=subprocess.PIPE, check=False, env=env)  # noqa: S603 (ours)
    assert (done.returncode, done.stderr) == (1, b"lanchat: can't write to stdout: No space left on device\n")


@pytest.mark.parametrize("where", ["2> /dev/full", "2>&-"])
def test_a_stderr_that_takes_nothing_changes_no_exit_code(shared_server: Server, where: str) -> None:
    port = shared_server.port()
    for command, code in ((f"{COMMAND} --nonsense", 2), (f"echo /nope | {COMMAND} 127.0.0.1:{port} --name ci", 1)):
        done = subprocess.run(["/bin/sh", "-c", f"{command} {where}"], capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
        assert (done.returncode, done.stdout) == (code, b"")


def test_nothing_to_print_is_no_error_where_nothing_can_be(shared_server: Server) -> None:
    command = f"echo hello | {COMMAND} 127.0.0.1:{shared_server.port()} --name ci >&-"
    done = subprocess.run(["/bin/sh", "-c", command], stderr=subprocess.PIPE, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert (done.returncode, done.stderr) == (0, b"")


def test_a_stdin_that_can_not_be_read_to_its_end_is_an_error(shared_server: Server) -> None:
    with open("/proc/self/mem", "rb") as stdin:  # noqa: PTH123 (where it begins there is nothing, which is an error of reading)
        done = lanchat(shared_server.port(), "--name", "ci", stdin=stdin)
    assert done == Result(1, "", "lanchat: can't read stdin to its end: Input/output error\n")


def test_whoever_is_stopped_before_all_is_printed_says_so(shared_server: Server) -> None:
    with login(shared_server.port(), "bob") as bob, Bot(shared_server.port(), "stuck") as bot:
        shared_server.logged("stuck joined")
        for _ in range(100):
            bob.say("stuck", "x" * 4000)
        waiting = array.array("i", [0])
        until(lambda: (not fcntl.ioctl(bot.stdout, termios.FIONREAD, waiting) and waiting[0] > 60_000) or None, "a full pipe")
        bot.process.send_signal(signal.SIGTERM)
        assert bot.process.wait(PATIENCE) == 1
        assert b"some messages could not be printed" in bot.stderr.read()


def test_a_guest_reads_all_that_a_room_says_however_late_it_reads(tmp_path: Path) -> None:
    count = 1500
    with Server(tmp_path, "--port", LOOPBACK, "--limit", "packets=off", "--limit", "bytes=off") as server:
        port = server.port()
        assert lanchat(port, "--name", "owner", stdin=b"/register hunter22\n/create #stream\n").status == 0
        with Bot(port, "late") as bot, login(port, "talker") as talker:
            bot.stdin.write(b"/join #stream\n")
            bot.stdout.readline()
            talker.say("/join", "#stream")
            talker.wait_for("You are in #stream")
            talker.send(b"".join(line("#stream", f"number {n} " + "x" * 4000) for n in range(count)))
            talker.say("/time")
            talker.wait_for("Server time")
            lines = [bot.stdout.readline().decode() for _ in range(count)]
            # What is fetched comes later than what is said meanwhile.
            assert sorted(int(text.partition("number ")[2].split()[0]) for text in lines) == list(range(count))
            bot.process.communicate(timeout=PATIENCE)
            assert bot.process.returncode == 0


class Bot:
    """A client whose stdin stays open, and that outlives neither its test nor anybody's patience."""

    def __init__(self, port: int, name: str, *arguments: str) -> None:
        command = [COMMAND, f"127.0.0.1:{port}", "--name", name, *arguments]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, bufsize=0, env=environment(), stdin=pipe, stdout=pipe, stderr=pipe)  # noqa: S603 (ours)
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.stdin, self.stdout, self.stderr = self.process.stdin, self.process.stdout, self.process.stderr
        self._patience = threading.Timer(PATIENCE, self.process.kill)
        self._patience.start()

    def __enter__(self) -> Bot:
        return self

    def __exit__(self, *error: object) -> None:
        self._patience.cancel()
        self.process.kill()
        self.process.communicate()


TEXT = b"Failed login for x\n/register chosen-by-eve\n/dev/vda1 98%\n# comment\n@bob hi\n//x\n"


def test_with_a_target_stdin_is_text_and_what_looks_like_a_password_is_kept_back(shared_server: Server) -> None:
    port = shared_server.port()
    with login(port, "bob") as bob:
        done = lanchat(port, "--name", "logbot", "--to", "@bob", stdin=TEXT)
        assert (done.status, done.out) == (1, "")
        assert "line 2 was not sent: That looks like a command with a password" in done.complaint
        assert "chosen-by-eve" not in done.err
        said = [bob.packet()["msg"] for _ in range(5)]
    assert said == [line for line in TEXT.decode().splitlines() if "eve" not in line]
    assert lanchat(port, "--name", "logbot").status == 0, "it is nobody's account"


def test_with_text_nothing_but_text_is_on_stdin(shared_server: Server) -> None:
    with login(shared_server.port(), "bob") as bob:
        assert lanchat(shared_server.port(), "--name", "logbot", "--text", stdin=TEXT) == Result(0, "", "")
        packets = [bob.packet() for _ in range(6)]
    assert [packet["msg"] for packet in packets] == TEXT.decode().splitlines()
    assert {packet["to"] for packet in packets} == {"Everyone"}


def test_without_either_lines_are_as_at_a_terminal(shared_server: Server) -> None:
    lines = "\ufeff/time\n@bob one\n@nobody two\n# three\n /say # four\n//five\n\xa0/to @bob\nsix\n /list z\n".encode()
    with login(shared_server.port(), "bob") as bob, login(shared_server.port(), "eve") as eve:
        done = lanchat(shared_server.port(), "--name", "ci", stdin=lines)
        assert done.status == 1
        assert [line.split(":")[0] for line in done.out.splitlines()][:1] == ["Server time"]
        assert [bob.packet()["msg"] for _ in range(4)] == ["one", "# four", "/five", "six"]
        assert [eve.packet()["msg"] for _ in range(2)] == ["# four", "/five"]
    assert sorted(line.split(":")[1][:22] for line in done.err.splitlines()) == [" line 4 was not sent", " not delivered"]


@pytest.mark.parametrize("destination", [b"/to bob smith", b"/to bob\x0bsmith", b" \xe9/to jos\xe9"])
def test_after_a_to_that_failed_nothing_goes_anywhere_until_another_succeeds(shared_server: Server, destination: bytes) -> None:
    lines = destination + b"\nthe secret for bob\n@bob one\nmore of it\n/to bob\ntwo\n"
    with login(shared_server.port(), "bob") as bob, login(shared_server.port(), "eve") as eve:
        done = lanchat(shared_server.port(), "--name", "ci", stdin=lines, env={"LC_ALL": "C.UTF-8"})
        assert [bob.packet()["msg"] for _ in range(2)] == ["one", "two"]
        bob.say("eve", "end")
        assert eve.packet()["msg"] == "end"
    assert done.status == 1
    assert re.findall(r"line (\d) was not sent", done.err) == ["1", "2", "4"]
    assert done.err.count("Nobody got that, because the last /to failed.") == 2


def test_commands_may_be_had_with_a_target(shared_server: Server) -> None:
    with login(shared_server.port(), "bob") as bob:
        done = lanchat(shared_server.port(), "--name", "ci", "--to", "bob", "--commands", stdin=b"/time\nhi\n")
        assert (done.status, done.out[:11]) == (0, "Server time")
        assert bob.packet()["to"] == "bob"


@pytest.mark.parametrize("words", [["--to", "a b"], ["--to", ""], ["--to", "/list"], ["--text", "--commands"]])
def test_what_is_no_target_is_a_usage_error(words: list[str]) -> None:
    assert lanchat(1, "--name", "ci", *words).status == 2


def test_a_script_waits_for_a_server_that_starts_and_for_a_name_that_is_taken(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    early = Bot(port, "early")
    with early, Server(tmp_path, "--port", f"tcp:{port}:interface=127.0.0.1") as server:
        out, err = early.process.communicate(b"/time\n", PATIENCE)
        assert (early.process.returncode, out[:11], err) == (0, b"Server time", b"")
        holder = login(port, "late")
        late = Bot(port, "late")
        with late:
            server.logged("NAME_TAKEN")
            holder.close()
            assert late.process.communicate(b"/time\n", PATIENCE)[0].startswith(b"Server time")


@pytest.mark.parametrize("words", [[], ["--password-file"]])
def test_the_telnet_door_is_told_from_the_right_one_and_nobody_reads_the_secret(
    shared_server: Server, password: Path, words: list[str]
) -> None:
    options = [*words, str(password)] if words else []
    with login(shared_server.port(), "bob") as bob:
        done = lanchat(shared_server.port("telnet"), "--name", "amn", *options, stdin=b"hi\n")
        assert (done.status, "telnet port" in done.complaint) == (3, True)
        bob.say("bob", "end")
        assert bob.packet()["msg"] == "end"
