"""Reload: what is read again while the server runs, on real servers; and nothing is when anything is wrong."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import PIPE
from typing import Any, NoReturn

import pytest
from twisted.internet.task import Clock

from lanchat import __version__
from lanchat.config import config_file
from lanchat.config.options import Options
from lanchat.config.preflight import CheckedOptions, tls_files
from lanchat.config.reload import (
    ReloadableCertificates,
    ReloadableEditing,
    ReloadableLimits,
    ReloadableNetworks,
    ReloadableOperatorKeys,
    Reloader,
    SighupService,
)
from lanchat.net.admission import Admission, parse_networks
from lanchat.net.tls import Contexts
from lanchat.protocol.counts import Counts
from lanchat.protocol.limits import LIMITS, Limits
from lanchat.service.requests import Done, Failed
from lanchat.system.private_files import FileError
from tests.certs import Authority, TLSPeer, tls_login
from tests.config.test_config import written
from tests.fakes import make_router
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Peer, Server, login, until
from tests.net.test_inherited_sockets import activated
from tests.ssh import keygen


def options(*words: str) -> Options:
    """What a command line says."""
    found = CheckedOptions()
    found.parseOptions(words)
    return found


def served(directory: Path, text: str, *words: str) -> tuple[Server, Path]:
    """A server with a configuration file, and the file."""
    file = written(directory, text)
    return Server(directory, "--config", str(file), *(words or ("--port", LOOPBACK))), file


def hang_up(server: Server, line: str) -> str:
    """Send SIGHUP; the new line of the log that has this text."""
    server.logged("lanchat-admin reaches this server at")
    seen = len(server.text())
    server.process.send_signal(signal.SIGHUP)
    return until(lambda: next((row for row in server.text()[seen:].splitlines() if line in row), None), f"{line!r} in the log")


def test_a_server_that_was_started_at_a_terminal_ends_with_it(tmp_path: Path) -> None:
    begin = "import pty, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_DFL); pty.spawn(sys.argv[1:])"
    terminal = [sys.executable, "-c", begin]
    with Server(tmp_path, "--port", LOOPBACK, under=terminal) as server:
        server.logged("lanchat-admin reaches this server at")
        port = json.loads(admin(server, "--json", "status").stdout)["ports"][0].rpartition(":")[2]
        server.process.kill()  # and with it the terminal is closed
        until(lambda: not _answers(int(port)), "the server to end")
    assert admin(server, "status").returncode == 1


def _answers(port: int) -> bool:
    with socket.socket() as peer:
        return peer.connect_ex(("127.0.0.1", port)) == 0


def test_how_a_server_is_can_be_asked(tmp_path: Path) -> None:
    with Server(tmp_path, "--port", LOOPBACK, "--telnet", LOOPBACK) as server, login(server.port(), "ann"):
        told = admin(server, "status").stdout
        assert re.match(r"lanchat \S+ \(Twisted \S+, Python \S+\) has been running for \S+ as process \d+\.\n", told)
        assert f"Listening for telnet clients on 127.0.0.1:{server.port('telnet')}.\n" in told
        assert f"Data directory: {tmp_path / 'data'}.\n" in told
        assert told.endswith("Users online: 1. Accounts: 0. Rooms: 0. Files: 0 bytes.\n")
        facts = json.loads(admin(server, "--json", "status").stdout)
        assert (facts["pid"], facts["users"]) == (server.process.pid, 1)
        assert "status" not in server.text(), "it is asked often"
        assert re.search(rf" lanchat {__version__} \(Twisted \S+, Python \S+\) keeps all in {tmp_path}/data\n", server.text())
    stopped = admin(server, "--json", "status")
    assert (stopped.returncode, json.loads(stopped.stdout)["error"]) == (1, "NOT_RUNNING")


def admin(server: Server, *words: str) -> subprocess.CompletedProcess[str]:
    """How `lanchat-admin` ended."""
    server.logged("lanchat-admin reaches this server at")
    command = [str(SCRIPTS / "lanchat-admin"), "--data", str(server.log.parent / "data"), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)


# --- the parts, alone ---


def test_a_limit_that_is_configured_no_more_has_its_default_again() -> None:
    limits = Limits()
    part = ReloadableLimits(limits)
    part.prepare(options("--limit", "packets=5", "--limit", "bad=off"))()
    lines = part.prepare(options("--limit", "bad=off"))()
    assert limits["packets"] == LIMITS["packets"].default
    assert limits["bad"] == float("inf")
    assert lines == ["limit packets is 200, and was 5"]


def test_what_was_set_at_the_prompt_is_overridden_and_told() -> None:
    limits = Limits()
    part = ReloadableLimits(limits)
    limits.set("packets", 7)
    assert part.prepare(options())() == ["limit packets is 200, and was 7 set at the operators' prompt"]
    assert part.prepare(options())() == []


def test_the_time_for_edits_is_what_is_configured() -> None:
    changes = make_router()[0].chat.changes
    part = ReloadableEditing(changes)
    assert part.prepare(options())() == []
    assert part.prepare(options("--edit-within", "15m"))() == ["messages may be edited and withdrawn for 15m"]
    assert part.prepare(options("--edit-within", "off"))() == ["messages may be edited and withdrawn at any time"]
    assert changes.edit_within == float("inf")


def test_there_are_never_more_users_than_files() -> None:
    limits = Limits()
    limits.ceilings["users"] = 100
    ReloadableLimits(limits).prepare(options("--limit", "users=off"))()
    assert limits["users"] == 100
    limits.set("users", "off")  # at the operators' prompt
    assert limits["users"] == 100


def test_a_network_that_is_let_in_no_more_is_refused_at_once_and_who_is_there_stays() -> None:
    door = Admission(Limits(), Clock(), parse_networks([]), Counts())
    assert door.allows("10.0.0.1")
    door.admit("10.0.0.1")
    take = ReloadableNetworks(door).prepare(options("--allow", "192.168.0.0/16"))
    assert door.allows("10.0.0.1"), "nothing is changed yet"
    (line,) = take()
    assert line == "connections are let in from 192.168.0.0/16; 1 connection from elsewhere may stay"
    assert not door.allows("10.0.0.1")
    assert door.allows("192.168.1.1")
    assert ReloadableNetworks(door).prepare(options("--allow", "192.168.0.0/16"))() == []


def test_who_asks_for_a_manhole_no_more_keeps_it_and_its_keys_until_a_restart() -> None:
    untouched: Any = None
    assert ReloadableOperatorKeys(untouched).prepare(options())() == []


# --- the whole ---


class Spy:
    """A part that remembers."""

    options = frozenset({"lobby"})

    def __init__(self) -> None:
        self.seen: list[str] = []

    def prepare(self, config: Options) -> Callable[[], list[str]]:
        """Remember it."""
        self.seen.append("prepared")
        return lambda: self.seen.append("taken") or ["done"]  # type: ignore[func-returns-value]  # it returns None, as is meant


def test_what_takes_a_restart_is_named(tmp_path: Path) -> None:
    file = written(tmp_path, "port = 5000")
    reload = Reloader(options("--config", str(file)), Spy())
    written(tmp_path, 'telnet = 5023\nport = 5001\nlobby = "#hall"')
    outcome = reload.reload_for("a test")
    assert isinstance(outcome, Done)
    assert outcome.facts == {"now": ["done"], "restart": ["port", "telnet"]}
    assert outcome.text == "done\nThis takes a restart: port, telnet"


def test_when_anything_is_wrong_nothing_is_taken(tmp_path: Path, logged: list[str]) -> None:
    file = written(tmp_path, "")
    spy = Spy()
    reload = Reloader(options("--config", str(file)), spy)
    written(tmp_path, 'prot = 1\ntls = 0\ntls-key = "none"\ntls-cert = "none"\n')
    outcome = reload.reload_for("a test")
    assert isinstance(outcome, Failed)
    assert (len(outcome.mistakes), spy.seen) == (3, [])
    written(tmp_path, f'tls = "{LOOPBACK}"\ntls-key = "none"\ntls-cert = "none"\nmanhole = 0\nmanhole-keys = "none"\n')
    outcome = reload.reload_for("a test")
    assert isinstance(outcome, Failed)
    assert (len(outcome.mistakes), spy.seen) == (3, [])
    for mistake in outcome.mistakes:
        assert f"reload (a test): {mistake}" in logged


def test_a_part_that_refuses_leaves_the_others_as_they_were(tmp_path: Path) -> None:
    class Refusing:
        """A part whose file was right when it was checked, and is not when it is read."""

        options = frozenset({"manhole-keys"})

        def prepare(self, config: Options) -> NoReturn:
            raise FileError("keys contains no key")

    limits = Limits()
    file = written(tmp_path, "")
    reload = Reloader(options("--config", str(file)), ReloadableLimits(limits), Refusing())
    written(tmp_path, "limit.packets = 5", file.name)
    assert isinstance(reload.reload_for("a test"), Failed)
    assert limits["packets"] == LIMITS["packets"].default


def test_a_file_that_came_later_counts_and_must_not_go_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(config_file, "DEFAULT_FILE", tmp_path / "lanchat.toml")
    limits = Limits()
    reload = Reloader(options(), ReloadableLimits(limits))
    file = written(tmp_path, "limit.packets = 5", "lanchat.toml")
    assert isinstance(reload.reload_for("a test"), Done)
    file.unlink()
    assert isinstance(reload.reload_for("a test"), Failed)
    assert limits["packets"] == 5


def test_the_hooks_are_called_before_and_after_however_it_goes(tmp_path: Path) -> None:
    file, calls = written(tmp_path, ""), list[str]()
    reload = Reloader(options("--config", str(file)))
    reload.before.append(lambda: calls.append("before"))
    reload.after.append(lambda: calls.append("after"))
    reload.reload_for("a test")
    written(tmp_path, "prot = 1")
    reload.reload_for("a test")
    assert calls == ["before", "after"] * 2


@pytest.fixture
def before() -> Iterator[Callable[[int, Any], None]]:
    """Who has SIGHUP before a server does."""

    def had(number: int, frame: Any) -> None:
        """Somebody."""

    usual = signal.signal(signal.SIGHUP, had)
    yield had
    signal.signal(signal.SIGHUP, usual)


def test_the_signal_is_taken_before_what_is_kept_is_opened_and_given_back(before: Callable[[int, Any], None]) -> None:
    class Reactor:
        """Does at once what others would do later."""

        def callFromThread(self, call: Callable[..., object], *args: object) -> None:
            """Do it."""
            call(*args)

    spy = Spy()
    service = SighupService(Reloader(options(), spy), Reactor())
    service.privilegedStartService()
    os.kill(os.getpid(), signal.SIGHUP)
    assert spy.seen == ["prepared", "taken"]
    service.startService()
    os.kill(os.getpid(), signal.SIGHUP)
    assert spy.seen == ["prepared", "taken"] * 2
    service.stopService()
    assert signal.getsignal(signal.SIGHUP) == before


# --- a real server ---


def test_sighup_takes_limits_and_networks_of_the_file(tmp_path: Path) -> None:
    server, file = served(tmp_path, "")
    with server, login(server.port(), "ann") as ann:
        written(tmp_path, 'port = 1\nlobby = "#hall"\nallow = "10.0.0.0/8"\n[limit]\njoined = 1\n', file.name)
        hang_up(server, "limit joined is 1, and was 100")
        server.logged("connections are let in from 10.0.0.0/8; 1 connection from elsewhere may stay")
        server.logged("This takes a restart: lobby")
        with Peer(server.port()) as bob:
            assert bob.at_end()
        ann.say("ann", "still here")
        ann.wait_for("still here")


def test_sighup_does_not_cut_short_the_end(tmp_path: Path) -> None:
    server, _ = served(tmp_path, "")
    with server, login(server.port(), "ann") as ann:
        server.process.terminate()
        ann.wait_for("The server is shutting down.")
        server.process.send_signal(signal.SIGHUP)
        assert server.process.wait(PATIENCE) == -signal.SIGTERM
    server.logged("Main loop terminated.")


def test_sighup_with_a_mistake_changes_nothing(tmp_path: Path) -> None:
    server, file = served(tmp_path, "")
    with server:
        written(tmp_path, 'allow = "10.0.0.0/8"\n[limit]\nusrs = 1\n', file.name)
        hang_up(server, "nothing was changed")
        server.logged("did you mean users?")
        login(server.port(), "ann").close()


def test_sighup_tells_of_a_private_room_that_is_to_be_the_lobby(tmp_path: Path) -> None:
    server, file = served(tmp_path, "")
    with server, login(server.port(), "ann") as ann:
        ann.say("/register", "correct horse")
        ann.wait_for("your account now")
        ann.say("/create", "#hall private")
        ann.wait_for("#hall is there")
        written(tmp_path, 'lobby = "#hall"\n', file.name)
        hang_up(server, "nothing was changed")
        server.logged("#hall is a private room")


def test_sighup_takes_another_certificate_of_another_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    old, new = authority.issue("old"), authority.issue("new")
    text = 'tls = "{}"\ntls-key = "{}"\ntls-cert = "{}"\n'
    file = written(tmp_path, text.format(LOOPBACK, *old))
    server = Server(tmp_path, "--config", str(file))
    with server:
        server.logged("listening for tls")
        with tls_login(server.port("tls"), "ann") as ann:
            before = ann.certificate()
            written(tmp_path, text.format(LOOPBACK, *new), file.name)
            hang_up(server, f"new TLS connections get the certificate in {new[1]}")
            with TLSPeer(server.port("tls")) as bob:
                assert bob.certificate() != before
            ann.say("ann", "still here")
            ann.wait_for("still here")
        written(tmp_path, text.format(LOOPBACK, new[0], old[1]), file.name)
        hang_up(server, "nothing was changed")
        with TLSPeer(server.port("tls")) as bob:
            assert bob.certificate() != before


def test_names_for_browsers_are_taken_and_come_into_the_certificate(tmp_path: Path) -> None:
    text = 'https = "{}"\nhttp-name = ["{}"]\n'
    file = written(tmp_path, text.format(LOOPBACK, "old.lan"))
    with Server(tmp_path, "--config", str(file), "--port", LOOPBACK) as server:
        server.logged("listening for browsers")
        written(tmp_path, text.format(LOOPBACK, "new.lan"), file.name)
        hang_up(server, "browsers may use the names")
        server.logged("new TLS connections get the certificate in")
        context = ssl.create_default_context(cafile=str(tmp_path / "data" / "tls_authority.pem"))
        port = server.port("browsers over TLS")
        for name, code in (("new.lan", b"200"), ("old.lan", b"421")):
            with socket.create_connection(("127.0.0.1", port), PATIENCE) as plain:
                asking = context.wrap_socket(plain, server_hostname="new.lan")
                asking.sendall(f"GET / HTTP/1.1\r\nHost: {name}:{port}\r\n\r\n".encode())
                assert asking.recv(65536).split()[1] == code


def test_certificates_that_the_server_made_stay_where_they_are_until_a_restart(tmp_path: Path) -> None:
    file = written(tmp_path, f'tls = "{LOOPBACK}"\ndata = "kept"\n')
    contexts = Contexts(*tls_files(asked := options("--config", str(file)), asked["data"]))
    reload = Reloader(asked, ReloadableCertificates(contexts, asked["data"]))
    written(tmp_path, f'tls = "{LOOPBACK}"\ndata = "elsewhere"\n')
    outcome = reload.reload_for("a test")
    assert isinstance(outcome, Done)
    assert outcome.facts["restart"] == ["data"]
    assert str(tmp_path / "kept" / "tls_cert.pem") in outcome.text
    assert not (tmp_path / "elsewhere").exists()


def test_who_asks_for_tls_no_more_keeps_it_until_a_restart(tmp_path: Path) -> None:
    key, cert = Authority(tmp_path).issue("chat")
    file = written(tmp_path, f'tls = "{LOOPBACK}"\ntls-key = "{key}"\ntls-cert = "{cert}"\ndata = "kept"\n')
    contexts = Contexts(*tls_files(asked := options("--config", str(file)), asked["data"]))
    reload, before = Reloader(asked, ReloadableCertificates(contexts, asked["data"])), str(contexts)
    written(tmp_path, 'data = "kept"')
    outcome = reload.reload_for("a test")
    assert isinstance(outcome, Done)
    assert outcome.facts == {"now": [], "restart": ["port", "tls"]}
    assert str(contexts) == before


def test_lanchat_admin_says_what_came_of_it(tmp_path: Path) -> None:
    server, file = served(tmp_path, "")
    with server:
        assert admin(server, "reload").stdout == "All is as it was.\n"
        written(tmp_path, "telnet = 1\n[limit]\njoined = 1\n", file.name)
        done = admin(server, "--json", "reload")
        assert json.loads(done.stdout) == {"now": ["limit joined is 1, and was 100"], "restart": ["telnet"]}
        written(tmp_path, "prot = 1\ntelnt = 1\n", file.name)
        failed = admin(server, "--json", "reload")
        assert failed.returncode == 1
        told = json.loads(failed.stdout)
        assert (told["error"], len(told["mistakes"])) == ("MISTAKES", 2)
        assert "did you mean port?" in failed.stderr
    server.stop()
    none = admin(server, "reload")
    assert none.returncode == 1
    assert "No server is running" in none.stderr


@pytest.mark.skipif(shutil.which("ssh") is None, reason="the OpenSSH client is not installed")
def test_an_operator_whose_key_is_gone_is_closed_and_a_new_one_may_enter(tmp_path: Path) -> None:
    first, second = keygen(tmp_path / "first"), keygen(tmp_path / "second")
    keys = written(tmp_path, first.with_suffix(".pub").read_text(), "keys")
    server = Server(tmp_path, "--port", LOOPBACK, "--manhole", LOOPBACK, "--manhole-keys", str(keys))

    def ssh(key: Path, *words: str) -> list[str]:
        known = ["-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={tmp_path / 'known'}", "-o", "BatchMode=yes"]
        port = str(server.port("manhole"))
        return ["ssh", "-F", "none", "-p", port, "-i", str(key), "-o", "IdentitiesOnly=yes", *known, "127.0.0.1", *words]

    with server, subprocess.Popen(ssh(first), stdin=PIPE, stdout=PIPE, stderr=PIPE) as prompt:  # noqa: S603 (ours)
        server.logged("logged in from")
        written(tmp_path, second.with_suffix(".pub").read_text(), "keys")
        hang_up(server, "may not enter any more; connections closed: 1")
        prompt.wait(PATIENCE)
        assert prompt.stderr is not None
        assert b"this key may no longer log in" in prompt.stderr.read()
        refused = subprocess.run(ssh(first, "1 + 1"), capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
        assert b"Permission denied" in refused.stderr
        entered = subprocess.run(ssh(second, "reload()"), capture_output=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
        assert entered.stdout.strip() == b"All is as it was."


def test_systemd_is_told_however_it_goes(tmp_path: Path) -> None:
    file = written(tmp_path, "")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as systemd:
        systemd.bind(str(tmp_path / "notify"))
        systemd.settimeout(PATIENCE)
        env = {**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")}
        with Server(tmp_path, "--port", LOOPBACK, "--config", str(file), env=env) as server:
            for text in ("", "prot = 1"):
                written(tmp_path, text)
                hang_up(server, "reload (SIGHUP)")
            server.stop()
        heard = list(iter(lambda: systemd.recv(4096).decode().split("\n")[0], "STOPPING=1"))
    assert [state for state in heard if not state.startswith("STATUS=")] == ["READY=1", *["RELOADING=1", "READY=1"] * 2]


def test_a_port_that_systemd_opened_is_no_other_after_a_reload(tmp_path: Path) -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as opened:
        where = opened.getsockname()[1]
        with activated(tmp_path, opened, str(where)) as log:
            until(lambda: "lanchat-admin reaches this server" in log.read_text() or None, "the server to start")
            command = [str(SCRIPTS / "lanchat-admin"), "--data", str(tmp_path / "data"), "reload"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)
            assert done.stdout == "All is as it was.\n"
            with Peer(where, "::1") as ann:
                ann.send(b"ann\n")
                ann.wait_for("Welcome")
