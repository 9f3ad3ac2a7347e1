"""The manhole as operators meet it: a real server, and the real OpenSSH client."""

from __future__ import annotations

import shutil
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pexpect
import pytest

from tests.live import PATIENCE, Peer, environment, login, until
from tests.ssh import Manhole, fingerprint, keygen, leave

#: Stands for a key in hardware in OpenSSH's own tests.
SECURITY_KEY = Path("/usr/lib/openssh/regress/misc/sk-dummy/sk-dummy.so")
needs_security_key = pytest.mark.skipif(not SECURITY_KEY.exists(), reason="Debian's openssh-tests is not installed")

pytestmark = pytest.mark.skipif(shutil.which("ssh") is None, reason="the OpenSSH client is not installed")


@pytest.fixture(scope="module")
def manhole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Manhole]:
    """One manhole for all tests here."""
    made = Manhole(tmp_path_factory.mktemp("manhole"))
    yield made
    made.server.stop()  # by now perhaps another than at first


# What a line of the list says of a key.


def list_keys(manhole: Manhole, text: str) -> None:
    """Let the server have another list of operators' keys."""
    manhole.keys.write_text(text)
    seen = manhole.server.text().count("reload (SIGHUP)")
    manhole.server.process.send_signal(signal.SIGHUP)
    until(lambda: manhole.server.text().count("reload (SIGHUP)") > seen, "the server to read its keys")


@needs_security_key
@pytest.mark.parametrize("kind", ["ed25519-sk", "ecdsa-sk"])
def test_a_key_in_hardware_enters_and_what_its_line_forbids_it_does_not_get(tmp_path: Path, kind: str) -> None:
    own = Manhole(tmp_path)
    with own.server as server:
        key = keygen(tmp_path / "hardware", "-t", kind, "-w", str(SECURITY_KEY))
        listed = f'restrict,from="127.0.0.0/8" {key.with_suffix(".pub").read_text()}'
        list_keys(own, f'{listed}from="10.*,!127.0.0.1" {own.key.with_suffix(".pub").read_text()}')
        provider = ("-o", f"SecurityKeyProvider={SECURITY_KEY}")
        done = own.ssh(*provider, "127.0.0.1", "6 * 7", key=key)
        assert (done.returncode, done.stdout) == (0, "42\n"), done.stderr
        assert "PTY allocation request failed" in own.ssh(*provider, "-tt", "127.0.0.1", "6 * 7", key=key).stderr
        assert own.ssh("127.0.0.1", "6 * 7").returncode == 255
        server.logged("restricts it in another way")
        server.logged("may not come from 127.0.0.1, as ")


@needs_security_key
def test_a_key_in_hardware_must_be_touched_unless_its_line_says_otherwise(tmp_path: Path) -> None:
    own = Manhole(tmp_path)
    with own.server as server:
        key = keygen(tmp_path / "hardware", "-t", "ed25519-sk", "-O", "no-touch-required", "-w", str(SECURITY_KEY))
        for options, status in (("", 255), ("no-touch-required ", 0)):
            list_keys(own, f"{options}{key.with_suffix('.pub').read_text()}")
            done = own.ssh("-o", f"SecurityKeyProvider={SECURITY_KEY}", "127.0.0.1", "6 * 7", key=key)
            assert done.returncode == status, done.stderr
        server.logged("that nobody touched it")


# Commands.


def test_a_command_shows_who_is_here(manhole: Manhole) -> None:
    with login(manhole.server.port(), "ann"):
        shown = manhole.run("who()").splitlines()
    assert shown[0].split() == ["name", "address", "gateway", "tls", "since", "idle", "queued", "away"]
    ann = next(line for line in shown if line.startswith("ann ")).split()
    assert ann[:4] == ["ann", "127.0.0.1", "json", "-"]
    assert ann[-3:] == ["0", "0", "-"]


def test_a_command_that_raises_says_so_on_standard_error(manhole: Manhole) -> None:
    done = manhole.ssh("127.0.0.1", "print('before'); 1/0; print('after')")
    assert (done.returncode, done.stdout) == (1, "before\n")
    assert "ZeroDivisionError" in done.stderr


def test_a_command_that_is_no_python_says_so(manhole: Manhole) -> None:
    done = manhole.ssh("127.0.0.1", "who(")
    assert (done.returncode, done.stdout) == (1, "")
    assert "SyntaxError" in done.stderr


def test_exit_ends_the_command_with_its_status_and_not_the_server(manhole: Manhole) -> None:
    assert manhole.ssh("127.0.0.1", "exit(7)").returncode == 7
    assert manhole.ssh("127.0.0.1", "raise SystemExit").returncode == 0
    done = manhole.ssh("127.0.0.1", "import sys; sys.exit('no more')")
    assert (done.returncode, done.stderr) == (1, "no more\n")
    assert manhole.run("'alive'") == "'alive'\n"


def test_a_command_waits_for_what_comes_later(manhole: Manhole) -> None:
    later = "from twisted.internet import reactor, task; task.deferLater(reactor, 0.05, {})"
    assert manhole.run(later.format("lambda: 6 * 7")) == "Deferred #0: 42\n"
    failed = manhole.ssh("127.0.0.1", later.format("lambda: 1 / 0"))
    assert failed.returncode == 1
    assert "ZeroDivisionError" in failed.stderr


def test_much_output_arrives_whole(manhole: Manhole) -> None:
    done = manhole.ssh("127.0.0.1", "import sys; print('x' * 5_000_000); print('y' * 3_000_000, file=sys.stderr); exit(3)")
    assert (len(done.stdout), len(done.stderr), done.returncode) == (5_000_001, 3_000_001, 3)


def test_a_command_may_be_on_a_terminal(manhole: Manhole) -> None:
    words = manhole.command("-tt", "127.0.0.1", "print('two\\nlines')")
    shown = pexpect.run(" ".join(f'"{word}"' for word in words), timeout=PATIENCE)
    assert b"two\r\nlines\r\n" in shown


# Scripts.


def test_a_script_on_standard_input_runs_as_python_runs_a_file(manhole: Manhole) -> None:
    script = "for n in range(2):\n    print(n)\n\n    print('same block')\nprint('naïve')\nlen(registry)\n"
    done = manhole.ssh("-T", "127.0.0.1", given=script)
    assert (done.stdout, done.stderr, done.returncode) == ("0\nsame block\n1\nsame block\nnaïve\n0\n", "", 0)


def test_a_script_ends_where_it_raises(manhole: Manhole) -> None:
    done = manhole.ssh("127.0.0.1", given="print('one')\nmissing\nprint('two')\n")
    assert (done.stdout, done.returncode) == ("one\n", 1)
    assert "line 2, in <module>\nNameError" in done.stderr


def test_a_script_that_is_no_python_does_nothing(manhole: Manhole) -> None:
    done = manhole.ssh("127.0.0.1", given="print('one')\n)\n")
    assert (done.stdout, done.returncode) == ("", 1)


def test_an_endless_script_is_refused(manhole: Manhole) -> None:
    done = manhole.ssh("127.0.0.1", given="#" * 300_000)
    assert (done.stdout, done.returncode) == ("", 1)
    assert "at most" in done.stderr


# Terminals.


def test_a_prompt_on_a_terminal(manhole: Manhole) -> None:
    with login(manhole.server.port(), "bert"):
        child = manhole.terminal()
        child.send("who()\r")
        child.expect(r"bert +127\.0\.0\.1 +json")
        child.expect_exact(">>> ")
        child.send("'é漢🙂' + 'ü'\r")
        child.expect_exact("'é漢🙂ü'")
        child.send("for n in (1, 2):\r")
        child.expect_exact("... ")
        child.send("    n * 111\r\r")
        child.expect_exact("111\r\n222\r\n")
        child.send("1/0\r")
        child.expect_exact("ZeroDivisionError")
        child.expect_exact(">>> ")
        child.setwinsize(30, 50)
        child.send("\x04")
        assert leave(child) == 0


@pytest.mark.parametrize(("typed", "status"), [("exit()", 0), ("quit()", 0), ("exit(5)", 5), ("raise SystemExit(6)", 6)])
def test_leaving_a_prompt_leaves_the_server_alone(manhole: Manhole, typed: str, status: int) -> None:
    child = manhole.terminal()
    child.send(f"{typed}\r")
    assert leave(child) == status
    assert manhole.run("'alive'") == "'alive'\n"


def test_a_terminal_whose_input_ends(manhole: Manhole) -> None:
    done = manhole.ssh("-tt", "127.0.0.1", given="40 + 2\n")
    assert "\n42\n" in done.stdout
    assert done.returncode == 0


def test_a_result_comes_while_something_is_typed(manhole: Manhole) -> None:
    child = manhole.terminal()
    child.send("from twisted.internet.defer import Deferred\rd = Deferred()\rd\r")
    child.expect_exact("<Deferred #0>")
    child.expect_exact(">>> ")
    child.send("half a li")
    child.expect_exact("half a li")
    consoles = "[c for c in gc.get_objects() if type(c).__name__ == 'Console' and 'd' in c.names]"
    manhole.run(f"import gc; {consoles}[0].names['d'].callback('came')")
    child.expect_exact("Deferred #0: 'came'\r\n")
    child.expect_exact(">>> half a li")
    child.send("\x15exit()\r")
    assert leave(child) == 0


# What can be done.


def test_kick_tells_why_and_closes(manhole: Manhole) -> None:
    with login(manhole.server.port(), "carl") as carl:
        told = manhole.run("kick('Carl', 'be nice')")
        assert told.startswith("Carl was disconnected by the operator (be nice).")
        assert carl.packet()["msg"] == "You were disconnected by the operator (be nice)."
        assert carl.at_end()
    done = manhole.ssh("127.0.0.1", "kick('carl')")
    assert (done.stdout, done.stderr, done.returncode) == ("", "carl is not here.\n", 1)


def test_shout_reaches_everybody(manhole: Manhole) -> None:
    with login(manhole.server.port(), "dora") as dora:
        assert manhole.run("shout('Back in five minutes.')") == "1\n"
        packet = dora.packet()
        assert (packet["from"]["name"], packet["to"], packet["msg"]) == ("SERVER", "Everyone", "Back in five minutes.")


def test_a_notice_is_read_in_the_room(manhole: Manhole) -> None:
    with login(manhole.server.port(), "edna") as edna:
        edna.say("/register", "correct horse")
        edna.say("/create", "#ops")
        edna.say("/rules", "#ops bots on")
        edna.wait_for("bots")
        assert manhole.run("notice('#ops', 'backup at six')") == "Said in #ops.\n"
        packet = edna.packet()
        assert (packet["from"]["name"], packet["to"], packet["msg"]) == ("SERVER", "#ops", "[#ops] backup at six")


# Who gets in.


def refused(manhole: Manhole, *args: str, key: Path | None = None) -> str:
    """What the client says when it was not let in."""
    done = manhole.ssh(*args, "127.0.0.1", "print('in')", key=key)
    assert (done.returncode, done.stdout) == (255, "")
    return done.stderr


@pytest.mark.parametrize("user", ["root", "lanchat", ""])
def test_a_key_that_is_not_listed_gets_nobody_in(manhole: Manhole, tmp_path: Path, user: str) -> None:
    wrong = keygen(tmp_path / "wrong")
    assert "Permission denied (publickey)." in refused(manhole, *(["-l", user] if user else []), key=wrong)
    manhole.server.logged(f"refused {fingerprint(wrong)[1]} from 127.0.0.1")


@pytest.mark.parametrize("way", ["password", "keyboard-interactive", "hostbased", "gssapi-with-mic"])
def test_there_is_no_way_in_but_a_key(manhole: Manhole, way: str) -> None:
    assert "Permission denied (publickey)." in refused(manhole, "-o", f"PreferredAuthentications={way}", "-l", "root")


def test_the_name_is_a_label(manhole: Manhole) -> None:
    assert manhole.ssh("-l", "anybody", "127.0.0.1", "1").stdout == "1\n"
    manhole.server.logged("logged in from 127.0.0.1 as anybody")


def test_logins_and_what_is_typed_are_logged_with_the_key(manhole: Manhole) -> None:
    key = fingerprint(manhole.key)[1]
    manhole.run("'a\tb'\nlen('" + "z" * 1000 + "')")
    for line in (f"{key} logged in from 127.0.0.1", f"{key} from 127.0.0.1 runs: 'a b'", f"{key} from 127.0.0.1 logged out"):
        manhole.server.logged(line)
    assert len(manhole.server.logged("zzz")) < 800


def test_an_rsa_key_gets_in_with_sha2(manhole: Manhole) -> None:
    for algorithm in ("rsa-sha2-256", "rsa-sha2-512"):
        done = manhole.ssh("-o", f"PubkeyAcceptedAlgorithms={algorithm}", "127.0.0.1", "1", key=manhole.rsa)
        assert done.stdout == "1\n", done.stderr
    assert "Permission denied" in refused(manhole, "-o", "PubkeyAcceptedAlgorithms=ssh-rsa", key=manhole.rsa)


def test_too_many_keys_end_the_connection(manhole: Manhole, tmp_path: Path) -> None:
    wrong = [word for n in range(3) for word in ("-i", str(keygen(tmp_path / f"key{n}")))]
    done = manhole.ssh(*wrong[2:4], "-i", str(manhole.key), "127.0.0.1", "print('in')", key=Path(wrong[1]))
    assert done.stdout == "in\n"  # the third was right
    said = refused(manhole, *wrong[2:], "-i", str(manhole.key), key=Path(wrong[1]))
    assert "too many bad auths" in said


def test_a_password_is_never_asked_for_and_never_taken(manhole: Manhole, tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    answer = tmp_path / "answer"
    answer.write_text(f"#!/bin/sh\ntouch {asked}\necho x\n")
    answer.chmod(0o700)
    words = manhole.command("-o", "PubkeyAuthentication=no", "-l", "root", "127.0.0.1", "print('in')")
    environ = environment(SSH_ASKPASS=str(answer), SSH_ASKPASS_REQUIRE="force", DISPLAY=":0")
    done = subprocess.run(words, env=environ, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
    assert (done.returncode, done.stdout) == (255, "")
    assert "Permission denied (publickey)." in done.stderr
    assert not asked.exists()


def test_without_a_key_nobody_gets_in(manhole: Manhole) -> None:
    before = len(manhole.server.text())
    words = ["-o", "BatchMode=yes", "-o", "PubkeyAuthentication=no", "-o", "PreferredAuthentications=none,publickey"]
    assert "Permission denied (publickey)." in refused(manhole, *words)
    assert "logged in" not in manhole.server.text()[before:]


def test_the_right_public_key_without_its_private_half_gets_nobody_in(manhole: Manhole, tmp_path: Path) -> None:
    other = keygen(tmp_path / "other")
    other.with_suffix(".pub").write_text(manhole.key.with_suffix(".pub").read_text())
    refused(manhole, key=other)


# What is negotiated.


@pytest.mark.parametrize(
    "options",
    [
        *(["-c", cipher] for cipher in ("aes128-cbc", "aes256-cbc", "3des-cbc")),
        *(["-m", mac] for mac in ("hmac-md5", "hmac-sha1", "hmac-md5-96", "hmac-sha1-96")),
        *(["-o", f"KexAlgorithms=diffie-hellman-{kex}-sha1"] for kex in ("group1", "group14", "group-exchange")),
        *(["-o", f"HostKeyAlgorithms={kind}"] for kind in ("ssh-rsa", "ssh-dss")),
    ],
    ids=" ".join,
)
def test_what_is_weak_is_not_offered(manhole: Manhole, options: list[str]) -> None:
    assert "no matching" in refused(manhole, *options)


@pytest.mark.parametrize(
    "options",
    [
        *(["-c", cipher] for cipher in ("aes256-ctr", "aes128-ctr")),
        *(["-m", mac] for mac in ("hmac-sha2-256", "hmac-sha2-512")),
        *(["-o", f"KexAlgorithms={kex}"] for kex in ("curve25519-sha256", "ecdh-sha2-nistp256", "ecdh-sha2-nistp521")),
        *(
            ["-o", f"HostKeyAlgorithms={kind}"]
            for kind in ("ssh-ed25519", "ecdsa-sha2-nistp256", "rsa-sha2-256", "rsa-sha2-512")
        ),
    ],
    ids=" ".join,
)
def test_what_is_good_works(manhole: Manhole, options: list[str]) -> None:
    done = manhole.ssh(*options, "127.0.0.1", "1")
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_no_port_is_forwarded_and_no_file_transferred(manhole: Manhole) -> None:
    before = len(manhole.server.text())
    through = manhole.ssh("-W", "127.0.0.1:1", "127.0.0.1")
    assert through.returncode == 255
    assert "administratively prohibited" in through.stderr
    back = manhole.ssh("-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", "127.0.0.1", "1")
    assert (back.returncode, back.stdout) == (255, "")
    assert manhole.ssh("-s", "127.0.0.1", "sftp").returncode != 0
    assert "Traceback" not in manhole.server.text()[before:]


# Beginning and end.


def test_what_is_no_ssh_costs_its_connection_only(manhole: Manhole) -> None:
    with Peer(manhole.server.port("manhole")) as peer:
        peer.send(b"SSH-2.0-odd\r\n" + b"\0\0\0\x0c\x04\x14" + b"\0" * 64)
        with suppress(ConnectionResetError):  # that is an end too
            while peer.socket.recv(4096):
                continue
    manhole.server.logged("does not speak SSH")
    assert manhole.run("1") == "1\n"


def test_host_keys_are_ours_alone_and_last(manhole: Manhole) -> None:
    files = {kind: manhole.directory / "data" / f"ssh_host_{kind}_key" for kind in ("ed25519", "ecdsa", "rsa")}
    before = {kind: file.read_bytes() for kind, file in files.items()}
    assert [file.stat().st_mode & 0o777 for file in files.values()] == [0o600] * 3
    assert files["rsa"].parent.stat().st_mode & 0o777 == 0o700
    for file in files.values():
        shown = fingerprint(file)
        manhole.server.logged(f"host key {shown[0]} {shown[1]} {shown[-1]}")
    manhole.server.stop()
    with manhole.start() as again:
        assert "host key 256" in again.text()
        assert {kind: file.read_bytes() for kind, file in files.items()} == before
    manhole.server = manhole.start()


def test_the_end_of_the_server_does_not_wait_for_operators(manhole: Manhole) -> None:
    child = manhole.terminal()
    try:
        manhole.server.stop()
        child.expect_exact("the server is shutting down")
        leave(child)
        assert "logged out" in manhole.server.text().rpartition("SIGTERM")[2]
    finally:
        child.close(force=True)
        manhole.server = manhole.start()
