"""An operator at work, with the real OpenSSH client: looking on, deciding about others, changing and ending the server."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pexpect
import pytest

from lanchat.manhole.ssh import MAX_OPERATORS
from lanchat.system.columns import width
from tests.live import LOOPBACK, PATIENCE, Peer, login, until
from tests.ssh import Manhole, fingerprint, leave

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="the OpenSSH client is not installed")


@pytest.fixture(scope="module")
def manhole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manhole]:
    """One manhole for all tests here that don't end it."""
    made = Manhole(tmp_path_factory.mktemp("manhole"), "--tls", LOOPBACK)
    made.server.logged("listening for manhole")
    made.run("log('warn')")  # what operators do is in the log all the same
    yield made
    made.server.stop()


@pytest.fixture
def own_manhole(tmp_path: Path) -> Iterator[Manhole]:
    """One of this test's own."""
    made = Manhole(tmp_path)
    yield made
    made.server.stop()


# Looking on.


def test_who_tells_which_tls_somebody_speaks(manhole: Manhole) -> None:
    port = manhole.server.port("tls")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain, context.wrap_socket(plain) as peer:
        peer.sendall(b"tess\n")
        assert b"Welcome" in peer.recv(4096)
        assert re.search(r"^tess +127\.0\.0\.1 +tls +TLSv1\.3 ", manhole.run("who()"), re.MULTILINE)


def test_tables_fit_the_window_and_a_script_gets_them_whole(manhole: Manhole) -> None:
    whole = manhole.run("limits()").splitlines()
    assert max(map(width, whole)) > 100
    child = manhole.terminal(columns=60)
    child.send("limits()\r")
    child.expect(r"(?s)(name +value.*?)\r\n\r\x1b")
    cut = child.match.group(1).splitlines()
    assert len(cut) == len(whole)
    assert max(map(width, cut)) == 60
    child.send("exit()\r")
    leave(child)


def test_a_tap_shows_packets_until_ctrl_c_and_is_in_the_log(manhole: Manhole) -> None:
    key = fingerprint(manhole.key)[1]
    with login(manhole.server.port(), "tina") as tina, login(manhole.server.port(), "otto") as otto:
        child = manhole.terminal()
        child.send("tap('tina')\r")
        child.expect_exact("<Deferred #0>")
        child.expect_exact(">>> ")
        tina.say("otto", "\x1b[2J hello")
        otto.wait_for("hello")
        child.expect(r'\d\d:\d\d:\d\d tina > \{.*"to":"otto","msg":"\\u001b\[2J hello"')
        otto.say("tina", "and back")
        child.expect(r'tina < \{.*"msg":"and back"')
        child.send("1 +")  # what is typed meanwhile stays
        child.expect_exact("1 +")
        otto.say("tina", "once more")
        child.expect_exact("once more")
        child.expect_exact(">>> 1 +")
        child.send("\x03")
        child.expect_exact("The tap of tina ends (stopped): 3 packets.")
        otto.say("tina", "unheard")
        tina.wait_for("unheard")
        child.send("exit()\r")
        assert leave(child) == 0
    assert "unheard" not in child.before
    assert f"{key} from 127.0.0.1 tap of tina (127.0.0.1) begins" in manhole.server.logged("tap of tina (")
    assert f"{key} from 127.0.0.1 tap of tina ends (stopped)" in manhole.server.logged("tap of tina ends")


def test_a_tap_ends_with_its_window(manhole: Manhole) -> None:
    with login(manhole.server.port(), "wilma") as wilma:
        words = manhole.command("-n", "127.0.0.1", "tap('wilma')")
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as ssh:  # noqa: S603 (ours)
            assert ssh.stdout is not None
            manhole.server.logged("tap of wilma (127.0.0.1) begins")
            wilma.say("/list")
            assert "wilma > " in ssh.stdout.readline()
            ssh.kill()
        manhole.server.logged("tap of wilma ends (stopped)")
        wilma.say("wilma", "still here")
        wilma.wait_for("still here")


def test_a_window_that_does_not_read_loses_packets_and_costs_no_memory(manhole: Manhole) -> None:
    manhole.run("limit('packets', 'off'); limit('bytes', 'off')")
    server = manhole.server.process.pid
    with login(manhole.server.port(), "flo") as flo:
        words = manhole.command("-n", "127.0.0.1", "tap('flo')")
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as ssh:  # noqa: S603 (ours)
            assert ssh.stdout is not None
            manhole.server.logged("tap of flo (127.0.0.1) begins")
            ssh.send_signal(signal.SIGSTOP)
            before = memory(server)
            for _ in range(100):
                flo.send(b'{"from":{"name":"","ip":""},"to":"flo","msg":"%s"}\n' % (b"x" * 1000) * 100)
                for _ in range(100):
                    flo.packet()
            assert memory(server) - before < 12_000_000  # what was said is 20 MB
            ssh.send_signal(signal.SIGCONT)
            for line in ssh.stdout:
                if "not shown, because this window is too slow: " in line:
                    break
                flo.say("/list")
                flo.packet()
            else:
                pytest.fail("the window was not told")
            ssh.kill()


def memory(process: int) -> int:
    """Bytes that a process takes now."""
    pages = int(Path(f"/proc/{process}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


# The log.


def test_every_line_is_in_the_log_whatever_its_level(manhole: Manhole) -> None:
    key = fingerprint(manhole.key)[1]
    manhole.run("'command' + 'z' * 3\n" + "len('" + "y" * 1200 + "')")
    manhole.ssh("-T", "127.0.0.1", given="for n in (1, 2):\n    print(n, 'script')\n")
    child = manhole.terminal()
    child.send("if True:\r    'typed'\r\r")
    child.expect_exact("'typed'\r\n")
    child.send("exit()\r")
    leave(child)
    manhole.ssh("127.0.0.1", "'old'; 'mac'\r#\r#\rchat.limits.set('bad', 99)")
    manhole.ssh("-T", "127.0.0.1", given="# only\r\n'dos'\r\n'line'\r\n")
    manhole.ssh("127.0.0.1", "this is no python")
    manhole.server.logged("this is no python")
    for what in (
        "runs: 'command' + 'z' * 3",
        r"runs: for n in (1, 2):\n    print(n, 'script')",
        "runs: if True:",
        "runs:     'typed'",
        "runs: 'old'",
        "runs: 'mac'",
        r"runs: #\n#\nchat.limits.set('bad', 99)",
        r"runs: # only\n'dos'",
        "runs: 'line'",
        "runs: this is no python",
    ):
        assert f"manhole: {key} from 127.0.0.1 {what}" in manhole.server.logged(what)
    pieces = [line for line in manhole.server.text().splitlines() if "yyy" in line]
    assert [sum(line.count("y") for line in pieces) >= 1200, len(pieces)] == [True, 3]


# Who may be here.


def test_four_operators_and_no_more(manhole: Manhole) -> None:
    children = [manhole.terminal() for _ in range(MAX_OPERATORS)]
    done = manhole.ssh("127.0.0.1", "1")
    assert (done.returncode, done.stdout) == (255, "")
    assert "4 operators are already logged in" in done.stderr
    children[0].send("exit()\r")
    leave(children[0])
    assert until(lambda: manhole.ssh("127.0.0.1", "1").stdout, "a place for an operator") == "1\n"
    for child in children[1:]:
        child.close(force=True)
    manhole.server.logged("is one too many")


# Deciding.


def test_a_ban_is_kept_and_undone(manhole: Manhole) -> None:
    with login(manhole.server.port(), "rude") as rude:
        done = manhole.ssh("127.0.0.1", "ban('rude', 'be nice', '2h')")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("rude is banned by the operator for 2h (be nice). 1 connection was closed.")
        assert rude.at_end()
    assert re.search(r"^ban +rude +\d{4}-.* operator .* be nice$", manhole.run("bans()"), re.MULTILINE)
    assert manhole.run("unban('rude')").strip() == "rude is no longer banned."
    done = manhole.ssh("127.0.0.1", "unban('rude')")
    assert (done.stdout, done.stderr, done.returncode) == ("", "rude is not banned. bans() lists who is.\n", 1)


def test_a_script_of_verbs_has_stable_columns(manhole: Manhole) -> None:
    with login(manhole.server.port(), "sue"):
        done = manhole.ssh("-T", "127.0.0.1", given="who()\nfor row in who():\n    print(row.name, row.idle, sep=',')\n")
    head, *rows = done.stdout.splitlines()
    assert re.split("  +", head) == ["name", "address", "gateway", "tls", "since", "idle", "queued", "away"]
    sue = next(row for row in rows if row.startswith("sue "))
    assert len(re.split("  +", sue)) == 8
    assert "sue,0" in rows


# Changing and ending.


def test_the_level_of_the_log_is_changed_and_operators_are_in_it_all_the_same(manhole: Manhole) -> None:
    assert manhole.run("log('info')") == "Everything is logged from info on.\n"
    with login(manhole.server.port(), "lou"):
        manhole.server.logged("lou joined")
    assert manhole.run("log('warn')") == "Everything is logged from warn on.\n"
    with login(manhole.server.port(), "lea"):
        manhole.run("'after lea'")
    assert "lea joined" not in manhole.server.text()
    manhole.server.logged("'after lea'")


def test_tasks_show_what_the_threads_do(manhole: Manhole) -> None:
    shown = manhole.run("tasks()")
    assert re.search(r"^thread +lanchat writer +1 ", shown, re.MULTILINE)
    assert re.search(r"^queue +store +0 ", shown, re.MULTILINE)
    assert re.search(r"^call +lanchat\.\S+ +\d+ +in \d+\.\d s$", shown, re.MULTILINE)


def test_reload_reads_the_keys_again_and_closes_whose_key_is_gone(own_manhole: Manhole) -> None:
    child = own_manhole.terminal()
    own_manhole.keys.write_text(own_manhole.rsa.with_suffix(".pub").read_text())
    done = own_manhole.ssh("127.0.0.1", "reload()", key=own_manhole.rsa)
    assert "may not enter any more" in done.stdout
    child.expect_exact("this key may no longer log in")
    leave(child)
    assert own_manhole.ssh("127.0.0.1", "1").returncode == 255


def test_a_reload_with_a_mistake_says_so_and_changes_nothing(own_manhole: Manhole) -> None:
    own_manhole.keys.write_text("no key\n")
    done = own_manhole.ssh("127.0.0.1", "reload()")
    assert (done.returncode, done.stdout) == (1, "")
    head, mistake = done.stderr.splitlines()
    assert head == "There is 1 mistake, so nothing was changed:"
    assert "line 1: a line is options, if there are any, and a key: ssh-ed25519, " in mistake
    assert own_manhole.run("1") == "1\n"


def test_drain_lets_nobody_in_until_it_is_called_off(own_manhole: Manhole) -> None:
    port = own_manhole.server.port()
    with login(port, "dan") as dan:
        told = own_manhole.run("drain(600)").strip()
        assert told == "The server shuts down in 10m and refuses new connections. Told: 1 connection."
        assert dan.packet()["msg"] == "The server shuts down in 10m. Please finish your conversations."
        with pytest.raises(ConnectionRefusedError):
            Peer(port)
        assert own_manhole.run("drain('off')").strip() == "The shutdown is cancelled; new connections are accepted again."
        assert "cancelled" in dan.packet()["msg"]
    login(own_manhole.server.port(), "don").close()  # (it was any free port: it may be another)
    own_manhole.run("drain(1)")
    assert own_manhole.server.process.wait(PATIENCE) == 0


def test_drain_ends_the_server_as_sigterm_does(own_manhole: Manhole) -> None:
    child = own_manhole.terminal()
    with login(own_manhole.server.port(), "dan") as dan:
        child.send("drain(0)\r")
        dan.wait_for("The server is shutting down. Goodbye!")
        assert dan.at_end()
    child.expect_exact("the server is shutting down")
    child.expect(pexpect.EOF)
    assert own_manhole.server.process.wait(PATIENCE) == 0
