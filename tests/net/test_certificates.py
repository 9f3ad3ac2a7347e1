"""The server's certificates: its own, those it is given, and what happens when they change."""

from __future__ import annotations

import errno
import os
import re
import socket
import ssl
import subprocess
from datetime import timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509

from lanchat.net import addresses, certificates
from lanchat.net.certificates import OwnCertificates, read_certificates
from lanchat.system.private_files import FileError
from tests.certs import Authority, TLSPeer, tls_login, tls_server
from tests.live import LOOPBACK, PATIENCE, twistd


def refused_start(directory: Path, *options: str) -> str:
    """What a server says that does not start: one line on stderr, or its usage."""
    command = twistd(directory, "--tls", LOOPBACK, *options)
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=PATIENCE)  # noqa: S603 (ours)
    assert done.returncode
    return done.stderr.strip() or done.stdout


def test_new_files_are_taken_and_nobody_is_dropped(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    key, cert = authority.issue("server")
    with tls_server(tmp_path, "--tls-key", str(key), "--tls-cert", str(cert)) as server:
        port = server.port("tls")
        with tls_login(port, "early") as early:
            old = early.certificate()
            authority.issue("server")  # over the old files
            with tls_login(port, "late") as late:
                new = late.certificate()
                assert new != old
                cert.write_text("nonsense")
                with tls_login(port, "later") as later:
                    assert later.certificate() == new
                early.say("late", "still here")
                assert late.wait_for("still here")
        assert "goes on with the old certificate" in server.text()
        assert len(re.findall(r"TLS key SHA256:", server.text())) == 2


def test_its_own_certificate_lasts(tmp_path: Path) -> None:
    own = OwnCertificates(tmp_path / "data")
    prints, certs = [], []
    for _ in range(2):
        with tls_server(tmp_path) as server:
            prints += re.findall(r"TLS key (SHA256:\S+),", server.text())
            with TLSPeer(server.port("tls")) as peer:
                certs.append(peer.certificate())
    own.cert.unlink()
    with tls_server(tmp_path) as server:
        prints += re.findall(r"TLS key (SHA256:\S+),", server.text())
        context = ssl.create_default_context(cafile=str(own.authority))
        for host in ("localhost", "127.0.0.1", socket.gethostname()):
            with socket.create_connection(("127.0.0.1", server.port("tls"))) as plain:
                context.wrap_socket(plain, server_hostname=host).close()
    assert len(prints) == 3
    assert len(set(prints)) == 1
    assert certs[0] == certs[1]
    assert {path.stat().st_mode & 0o777 for path in own.directory.iterdir()} == {0o600}


def test_its_own_certificate_is_renewed_in_time_with_the_same_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own, start = OwnCertificates(tmp_path), certificates.now()
    assert own.renew()
    old = read_certificates(own.cert)[0]
    monkeypatch.setattr(certificates, "now", lambda: start + timedelta(days=366))
    assert not own.renew()
    monkeypatch.setattr(certificates, "now", lambda: start + timedelta(days=368))
    assert own.renew()
    new = read_certificates(own.cert)[0]
    assert new.not_valid_after_utc == start + timedelta(days=368 + 397)
    assert certificates.fingerprint(new.public_key()) == certificates.fingerprint(old.public_key())
    assert not own.renew()


def test_its_own_certificate_is_made_anew_when_the_machine_has_another_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = OwnCertificates(tmp_path)
    own.renew()
    names = certificates.alternative_names()
    monkeypatch.setattr(certificates, "_addresses", lambda host: {"192.0.2.77"})
    assert own.renew()
    assert not own.renew()
    assert names != certificates.alternative_names()


def test_its_own_certificate_is_for_further_names_and_addresses_too(tmp_path: Path) -> None:
    own = OwnCertificates(tmp_path, ("Chat.lan", "192.0.2.7"))
    own.renew()
    names = read_certificates(own.cert)[0].extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert "chat.lan" in names.get_values_for_type(x509.DNSName)
    assert ip_address("192.0.2.7") in names.get_values_for_type(x509.IPAddress)
    assert not own.renew()
    assert OwnCertificates(tmp_path, ("chat.lan", "talk.lan")).renew()
    assert not OwnCertificates(tmp_path).renew()


def test_a_certificate_that_ends_soon_is_warned_about(tmp_path: Path) -> None:
    for name, days in (("soon", 13.0), ("later", 15.0)):
        key, cert = Authority(tmp_path).issue(name, days=days)
        with tls_server(tmp_path, "--tls-key", str(key), "--tls-cert", str(cert)) as server:
            if name == "soon":
                server.logged("replace it")
            server.stop()
            assert ("replace it" in server.text()) is (name == "soon")


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    key, cert = Authority(tmp_path).issue("loose")
    key.chmod(0o640)
    said = refused_start(tmp_path, "--tls-key", str(key), "--tls-cert", str(cert))
    assert said == f"lanchat: others can read or write {key}. To prevent that: chmod go= {key}"


def test_a_key_that_systemd_hands_over_may_show_the_mask_of_an_acl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, _ = Authority(tmp_path).issue("handed")
    key.chmod(0o440)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path / "elsewhere"))
    with pytest.raises(FileError):
        certificates.read_key(key)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    assert certificates.read_key(key)


def test_a_directory_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data").chmod(0o777)
    assert refused_start(tmp_path) == (
        f"lanchat: others can read or write {tmp_path}/data. To prevent that: chmod go= {tmp_path}/data"
    )


def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    pipe, circle, device = tmp_path / "pipe", tmp_path / "circle", Path("/dev/zero")
    os.mkfifo(pipe, 0o600)
    circle.symlink_to(circle)
    for key, cert, why in (
        (pipe, device, "it is not a regular file"),
        (device, pipe, "it is not a regular file"),
        (circle, circle, "Too many levels of symbolic links"),
    ):
        said = refused_start(tmp_path, "--tls-key", str(key), "--tls-cert", str(cert))
        assert said.splitlines() == [f"lanchat: can't read {path}: {why}." for path in (key, cert)]


def test_files_that_do_not_belong_together_are_refused(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    key, _ = authority.issue("one")
    _, cert = authority.issue("another")
    said = refused_start(tmp_path, "--tls-key", str(key), "--tls-cert", str(cert))
    assert said == f"lanchat: {key} does not match the certificate in {cert}: give a matching pair."
    assert "--tls-cert" in refused_start(tmp_path, "--tls-key", str(key))


def test_addresses_are_found_where_a_service_may_use_few_kinds_of_sockets(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused() -> list[tuple[int, str]]:
        raise OSError(errno.EAFNOSUPPORT, "Address family not supported by protocol")

    monkeypatch.setattr(socket, "if_nameindex", refused)
    assert "127.0.0.1" in addresses.interface_addresses()
