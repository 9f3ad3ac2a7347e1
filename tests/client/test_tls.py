"""`lanchat --tls`, run as people do: which servers it talks to, and that it tells the others nothing."""

from __future__ import annotations

import os
import re
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from lanchat.client.known_servers import KnownServers
from lanchat.net.certificates import fingerprint, read_certificates
from tests.certs import Authority
from tests.live import LOOPBACK, PATIENCE, SCRIPTS, Server, login

#: What exit codes mean here.
DONE, WRONG_OPTIONS, UNREACHABLE = 0, 2, 3


class Trap:
    """A server that has a certificate, and keeps what it is told. It serves one connection."""

    def __init__(self, key: Path, cert: Path, port: int = 0) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(cert, key)
        self._listening = socket.create_server(("127.0.0.1", port))
        self._listening.settimeout(PATIENCE)
        self.port: int = self._listening.getsockname()[1]
        self._heard: list[bytes] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)
        self._thread.start()

    def heard(self) -> list[bytes]:
        """What came, once the connection is over: nothing at all if there was no handshake."""
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive()
        return self._heard

    def _listen(self) -> None:
        with self._listening, self._listening.accept()[0] as plain:
            plain.settimeout(PATIENCE)
            try:
                with self._context.wrap_socket(plain, server_side=True) as connection:
                    self._heard.append(connection.recv(4096))
            except OSError:
                self._heard.append(b"")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
    key, cert = authority.issue("server", "localhost", "127.0.0.1")
    options = "--tls", LOOPBACK, "--port", LOOPBACK, "--tls-key", str(key), "--tls-cert", str(cert)
    with Server(tmp_path_factory.mktemp("server"), *options) as running:
        running.logged("listening for tls")
        yield running


@pytest.fixture
def known(tmp_path: Path) -> Path:
    return tmp_path / "state" / "lanchat" / "known_servers"


def chat(state: Path, where: str, *options: str, name: str = "ann", said: str = "/list\n") -> tuple[int, str, str]:
    """Run the client; its exit code and what it wrote."""
    command = [str(SCRIPTS / "lanchat"), where, "--name", name, *options]
    environment = os.environ | {"XDG_STATE_HOME": str(state / "state")}
    done = subprocess.run(  # noqa: S603 (ours)
        command, input=said, env=environment, capture_output=True, text=True, check=False, timeout=PATIENCE
    )
    return done.returncode, done.stdout, done.stderr


def print_of(cert: Path) -> str:
    return fingerprint(read_certificates(cert)[0].public_key())


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_server_that_an_authority_signed_for_is_believed(
    tmp_path: Path, server: Server, authority: Authority, known: Path, host: str
) -> None:
    status, out, err = chat(tmp_path, f"{host}:{server.port('tls')}", "--tls", "--ca", str(authority.path))
    assert (status, out, err) == (DONE, "You are the only active user!\n", "")
    assert not known.exists()


def test_with_tls_and_without_people_talk(tmp_path: Path, server: Server) -> None:
    with login(server.port(), "bob") as bob:
        status, _, _ = chat(tmp_path, f"localhost:{server.port('tls')}", "--tls", "--to", "bob", said="Grüße\n" * 300)
        assert status == DONE
        assert [bob.wait_for("Grüße")["from"]["name"] for _ in range(300)] == ["ann"] * 300


def test_a_server_is_remembered(tmp_path: Path, server: Server, authority: Authority, known: Path) -> None:
    where, shown = f"localhost:{server.port('tls')}", print_of(authority.directory / "server.pem")
    status, _, err = chat(tmp_path, where, "--tls")
    assert status == DONE
    assert shown in err
    assert known.stat().st_mode & 0o777 == 0o600
    assert known.parent.stat().st_mode & 0o777 == 0o700
    status, _, err = chat(tmp_path, where, "--tls")
    assert (status, err) == (DONE, "")
    assert known.read_text() == f"[localhost]:{server.port('tls')} {shown}\n"


def test_a_server_whose_key_has_changed_is_told_nothing(tmp_path: Path, authority: Authority, known: Path) -> None:
    trap = Trap(*authority.issue("other"))
    known.parent.mkdir(parents=True)
    before = f"# mine\n[localhost]:{trap.port} SHA256:{'x' * 43}\n[localhost]:1 SHA256:{'y' * 43}\n"
    known.write_text(before)
    status, out, err = chat(tmp_path, f"LOCALHOST:{trap.port}", "--tls")
    assert (status, out) == (UNREACHABLE, "")
    assert "ITS KEY HAS CHANGED" in err
    assert err.count("\n") == 1
    assert trap.heard() == [b""]
    assert known.read_text() == before


def test_a_file_whose_last_line_has_no_end_is_added_to_on_a_line_of_its_own(
    tmp_path: Path, server: Server, authority: Authority, known: Path
) -> None:
    where, shown = f"localhost:{server.port('tls')}", print_of(authority.directory / "server.pem")
    known.parent.mkdir(parents=True)
    before = f"# mine\n[localhost]:1 SHA256:{'y' * 43}"
    known.write_text(before)
    assert chat(tmp_path, where, "--tls")[0] == DONE
    assert known.read_text() == f"{before}\n[localhost]:{server.port('tls')} {shown}\n"
    trap = Trap(*authority.issue("impostor"))
    known.write_text(known.read_text().replace(f":{server.port('tls')} ", f":{trap.port} ").rstrip("\n"))
    assert "ITS KEY HAS CHANGED" in chat(tmp_path, f"localhost:{trap.port}", "--tls")[2]
    assert trap.heard() == [b""]


@pytest.mark.parametrize(
    "line",
    [
        f"[localhost]:1 SHA256:{'y' * 43}[localhost]:2 SHA256:{'z' * 43}",
        "[localhost]:1",
        f"[localhost]:1 SHA256:{'y' * 42}",
        f"localhost:1 SHA256:{'y' * 43}",
        f"[localhost]:1 SHA256:{'y' * 43}\x0c[localhost]:2 SHA256:{'z' * 43}",
        f"SHA256:{'y' * 43}",
    ],
)
def test_a_line_that_is_damaged_is_told_and_nobody_is_believed(
    tmp_path: Path, authority: Authority, known: Path, line: str
) -> None:
    trap = Trap(*authority.issue("damaged"))
    known.parent.mkdir(parents=True)
    known.write_text(f"\n# mine\n{line}\n")
    status, _, err = chat(tmp_path, f"localhost:{trap.port}", "--tls")
    assert (status, f"line 3 of {known} is damaged" in err, err.count("\n")) == (UNREACHABLE, True, 1)
    assert trap.heard() == [b""]
    assert known.read_text() == f"\n# mine\n{line}\n"


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_keys_that_others_could_have_written_are_not_believed(
    tmp_path: Path, authority: Authority, known: Path, mode: int
) -> None:
    trap = Trap(*authority.issue("written"))
    known.parent.mkdir(parents=True)
    known.write_text(f"[localhost]:{trap.port} {print_of(authority.directory / 'written.pem')}\n")
    known.chmod(mode)
    status, _, err = chat(tmp_path, f"localhost:{trap.port}", "--tls")
    assert (status, f"chmod go-w {known}" in err) == (UNREACHABLE, True)
    assert trap.heard() == [b""]


def test_a_key_that_can_not_be_written_down_is_not_believed(tmp_path: Path, authority: Authority, known: Path) -> None:
    known.parent.mkdir(parents=True)
    known.parent.chmod(0o777)
    for way in ("others can write", "Is a directory"):
        trap = Trap(*authority.issue("new"))
        status, _, err = chat(tmp_path, f"localhost:{trap.port}", "--tls")
        assert (status, way in err, "--fingerprint" in err) == (UNREACHABLE, True, True)
        assert trap.heard() == [b""]
        known.parent.chmod(0o700)
        known.mkdir(exist_ok=True)


def test_of_two_keys_that_come_at_the_same_moment_one_is_remembered(known: Path) -> None:
    start = threading.Barrier(8)
    new: list[str] = []

    def client(number: int) -> None:
        servers = KnownServers(known)
        assert servers.keys("[lan]:1") == []
        start.wait()
        if servers.add("[lan]:1", key := f"SHA256:{str(number) * 43}"):
            new.append(key)

    threads = [threading.Thread(target=client, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(new) == 1
    assert known.read_text() == f"[lan]:1 {new[0]}\n"


def test_a_renewed_certificate_with_the_same_key_is_the_same_server(tmp_path: Path, known: Path) -> None:
    options = "--tls", LOOPBACK, "--port", LOOPBACK
    for first in (True, False):
        (tmp_path / "data" / "tls_cert.pem").unlink(missing_ok=True)
        with Server(tmp_path, *options) as server:
            server.logged("listening for tls")
            if not first:
                known.write_text(re.sub(r":\d+ ", f":{server.port('tls')} ", known.read_text()))
            status, _, err = chat(tmp_path, f"localhost:{server.port('tls')}", "--tls")
            assert (status, bool(err)) == (DONE, first)


def test_a_key_that_changes_while_we_talk_ends_it(tmp_path: Path, authority: Authority) -> None:
    with Server(tmp_path, "--tls", LOOPBACK) as server:
        server.logged("listening for tls")
        port = server.port("tls")
        command = [str(SCRIPTS / "lanchat"), f"localhost:{port}", "--tls", "--name", "ann"]
        environment = os.environ | {"XDG_STATE_HOME": str(tmp_path / "state")}
        client = subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True)  # noqa: S603 (ours)
        server.logged("ann joined")
    trap = Trap(*authority.issue("usurper"), port)
    with client:
        assert client.stderr is not None
        assert trap.heard() == [b""]
        assert client.wait(PATIENCE) == UNREACHABLE
        assert "ITS KEY HAS CHANGED" in client.stderr.read()


def test_the_key_that_was_asked_for_is_believed(tmp_path: Path, server: Server, authority: Authority, known: Path) -> None:
    wanted = print_of(authority.directory / "server.pem")
    status, _, err = chat(tmp_path, f"localhost:{server.port('tls')}", "--tls", "--fingerprint", f"{wanted}=")
    assert (status, err) == (DONE, "")
    assert not known.exists()


def test_another_key_than_the_one_that_was_asked_for_is_told_nothing(tmp_path: Path, authority: Authority) -> None:
    trap = Trap(*authority.issue("another"))
    status, _, err = chat(tmp_path, f"localhost:{trap.port}", "--tls", "--fingerprint", f"SHA256:{'x' * 43}")
    assert status == UNREACHABLE
    assert "not the one given with --fingerprint" in err
    assert trap.heard() == [b""]


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_a_certificate_for_another_host_is_told_nothing(tmp_path: Path, authority: Authority, host: str) -> None:
    trap = Trap(*authority.issue("elsewhere", "elsewhere.lan", "192.0.2.1"))
    status, _, err = chat(tmp_path, f"{host}:{trap.port}", "--tls", "--ca", str(authority.path))
    assert status == UNREACHABLE
    assert f"is for another host, not for {host}." in err
    assert trap.heard() == [b""]


def test_a_certificate_that_has_ended_or_is_from_elsewhere_is_told_nothing(tmp_path: Path, authority: Authority) -> None:
    other = Authority(tmp_path, "theirs")
    for signer, days, why in ((other, 90.0, "not signed by a CA in"), (authority, -0.5, "has expired")):
        trap = Trap(*signer.issue("fake", "localhost", days=days))
        status, _, err = chat(tmp_path, f"localhost:{trap.port}", "--tls", "--ca", str(authority.path))
        assert status == UNREACHABLE
        assert why in err
        assert trap.heard() == [b""]


def test_a_port_without_tls_is_told_nothing(tmp_path: Path, server: Server) -> None:
    status, _, err = chat(tmp_path, f"localhost:{server.port()}", "--tls", name="unheard")
    assert status == UNREACHABLE
    assert "is that a TLS port?" in err
    assert "unheard" not in server.text()


def test_ones_own_certificate_is_shown(tmp_path: Path, authority: Authority) -> None:
    own = authority.both("zoe")
    with Server(tmp_path, "--tls", LOOPBACK, "--tls-client-ca", str(authority.path)) as running:
        running.logged("listening for tls")
        where = f"localhost:{running.port('tls')}"
        assert chat(tmp_path, where, "--tls", "--cert", str(own), name="zoe")[0] == DONE
        status, _, err = chat(tmp_path, where, "--tls", "--cert", str(own), name="eve")
        assert (status, "Your certificate says that you are zoe" in err) == (1, True)
        assert chat(tmp_path, where, "--tls", name="zoe")[0] == UNREACHABLE


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    assert chat(tmp_path, "localhost", "--ca", "some.pem")[0] == WRONG_OPTIONS
    assert chat(tmp_path, "localhost", "--tls", "--fingerprint", "SHA256:short")[0] == WRONG_OPTIONS
    status, _, err = chat(tmp_path, "localhost", "--tls", "--ca", str(tmp_path / "none.pem"))
    assert status == WRONG_OPTIONS
    assert err == f"lanchat: can't read {tmp_path}/none.pem: No such file or directory\n"
    (tmp_path / "bad.pem").write_text("nothing")
    status, _, err = chat(tmp_path, "localhost", "--tls", "--ca", str(tmp_path / "bad.pem"))
    assert status == WRONG_OPTIONS
    assert "bad.pem can't be used" in err
