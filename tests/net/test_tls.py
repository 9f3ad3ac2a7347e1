"""TLS on a real server: what it agrees on and with whom, and how its certificates change."""

from __future__ import annotations

import contextlib
import re
import shutil
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from OpenSSL import SSL

from lanchat.gateways.factory import GRACE_SECONDS
from lanchat.gateways.input import FAIR_SHARE
from lanchat.gateways.outbox import CLOSE_SECONDS
from tests.certs import Authority, TLSPeer, tls_login, tls_server
from tests.live import LOOPBACK, PATIENCE, Peer, Server, line, login, until

#: What must not be agreed on with TLS 1.2: no key of the connection's own, no authenticated encryption, or neither.
WEAK = """
    AES128-SHA AES256-SHA AES128-SHA256 AES256-SHA256 AES128-GCM-SHA256 AES256-GCM-SHA384 AES128-CCM CAMELLIA128-SHA
    ECDHE-RSA-AES128-SHA ECDHE-RSA-AES128-SHA256 ECDHE-RSA-AES256-SHA384 ECDHE-RSA-NULL-SHA
    ECDHE-RSA-CAMELLIA128-SHA256 DHE-RSA-AES128-SHA DHE-RSA-AES128-GCM-SHA256 DHE-RSA-CHACHA20-POLY1305 ADH-AES128-SHA
    AECDH-AES128-SHA NULL-SHA256 PSK-AES128-GCM-SHA256 ARIA128-GCM-SHA256 SEED-SHA IDEA-CBC-SHA DES-CBC3-SHA RC4-SHA
    RC4-MD5 EXP-RC4-MD5 aNULL eNULL
""".split()  # noqa: SIM905 (as a list it would be a page)
STRONG = ["ECDHE-RSA-AES128-GCM-SHA256", "ECDHE-RSA-AES256-GCM-SHA384", "ECDHE-RSA-CHACHA20-POLY1305"]
#: A ClientHello of SSL 3.0, which openssl itself can't say any more: AES128-SHA and nothing else.
SSL3_HELLO = bytes.fromhex("160300002d010000290300") + b"r" * 32 + bytes.fromhex("000002002f0100")

needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="there is no openssl here")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, authority: Authority) -> Iterator[Server]:
    """With an RSA key, so that weak suites are refused for what they are and not for want of a key."""
    key, cert = authority.issue("rsa", "localhost", key=rsa.generate_private_key(65537, 2048))
    options = "--port", LOOPBACK, "--tls-key", str(key), "--tls-cert", str(cert)
    with tls_server(tmp_path_factory.mktemp("server"), *options) as server:
        yield server


def s_client(port: int, *options: str, typed: str = "") -> str:
    """What openssl has to say of a handshake, and of what is typed then ("R" asks for another on the same connection)."""
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *options]
    done = subprocess.run(command, input=typed, capture_output=True, text=True, check=False, timeout=PATIENCE)  # noqa: S603 (ours)
    return done.stdout + done.stderr


def agreed(answer: str) -> bool:
    """Whether there was a handshake to its end."""
    return bool(re.search(r"^New, \S+, Cipher is (?!\(NONE\))", answer, re.MULTILINE)) and "alert" not in answer


def until_the_end(tls: SSL.Connection) -> Iterator[bytes]:
    """What comes until the server says too that it is done."""
    with contextlib.suppress(SSL.ZeroReturnError):
        while True:
            yield tls.recv(65536)


def test_clients_with_and_without_tls_talk(server: Server) -> None:
    with (
        tls_login(server.port("tls"), "ann") as ann,
        tls_login(server.port("tls"), "bob") as bob,
        login(server.port(), "cat") as cat,
    ):
        ann.say("bob", "psst")
        assert bob.wait_for("psst")["from"]["name"] == "ann"
        cat.say("/shout", "x" * 7000)
        assert len(ann.wait_for("xxx")["msg"]) == len(bob.wait_for("xxx")["msg"]) == 7000


@needs_openssl
@pytest.mark.parametrize("version", ["tls1_2", "tls1_3"])
def test_this_version_is_agreed_on(server: Server, version: str) -> None:
    assert agreed(s_client(server.port("tls"), f"-{version}"))


@needs_openssl
@pytest.mark.parametrize("version", ["tls1", "tls1_1"])
def test_this_version_is_refused(server: Server, version: str) -> None:
    answer = s_client(server.port("tls"), f"-{version}", "-cipher", "ALL:@SECLEVEL=0")
    assert "alert protocol version" in answer
    assert not agreed(answer)


def test_ssl_3_is_refused(server: Server) -> None:
    with Peer(server.port("tls")) as peer:
        peer.send(SSL3_HELLO)
        assert peer.socket.recv(100)[5:] == b"\x02\x46"  # fatal, protocol_version
        assert peer.socket.recv(100) == b""


@needs_openssl
@pytest.mark.parametrize("suite", STRONG)
def test_this_suite_is_agreed_on(server: Server, suite: str) -> None:
    assert agreed(s_client(server.port("tls"), "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0"))


@needs_openssl
@pytest.mark.parametrize("suite", WEAK)
def test_this_suite_is_refused(server: Server, suite: str) -> None:
    assert not agreed(s_client(server.port("tls"), "-tls1_2", "-cipher", f"{suite}:@SECLEVEL=0"))


@needs_openssl
def test_of_all_suites_but_the_strong_ones_none_is_agreed_on(server: Server) -> None:
    rest = "ALL:COMPLEMENTOFALL:!ECDHE+AESGCM:!ECDHE+CHACHA20:@SECLEVEL=0"
    answer = s_client(server.port("tls"), "-tls1_2", "-cipher", rest)
    assert "handshake failure" in answer
    assert not agreed(answer)


@needs_openssl
def test_nothing_is_compressed_and_no_ticket_is_given(server: Server) -> None:
    answer = s_client(server.port("tls"), "-tls1_2")
    assert "Compression: NONE" in answer
    assert "TLS session ticket" not in answer


@needs_openssl
def test_no_second_handshake_is_made_on_a_connection(server: Server) -> None:
    assert "no renegotiation" in s_client(server.port("tls"), "-tls1_2", typed="R\n")


def test_plain_text_on_the_tls_port_is_closed_and_not_served(server: Server) -> None:
    with Peer(server.port("tls")) as peer, login(server.port(), "watcher") as watcher:
        peer.send(b"plain\n" + line("/shout", "in the clear"))
        while peer.socket.recv(4096):
            continue
        watcher.say("/time")
        assert watcher.packet()["msg"].startswith("Server time")
    assert "plain joined" not in server.text()


def test_nothing_is_served_after_quit(server: Server) -> None:
    with login(server.port(), "watcher2") as watcher, tls_login(server.port("tls"), "quitter") as quitter:
        quitter.send(line("/quit") + line("/shout", "still here?"))
        assert quitter.wait_for("Goodbye")
        assert quitter.line() == ""  # the server has closed its side, and reads on until we close ours
        for _ in range(10):
            quitter.send(line("/shout", "and now?"))
        server.logged("quitter left")
        watcher.say("/time")
        assert watcher.packet()["msg"].startswith("Server time")


def test_who_says_it_will_send_nothing_more_may_read_the_answers(server: Server) -> None:
    with Peer(server.port("tls")) as peer:
        tls = SSL.Connection(SSL.Context(SSL.TLS_CLIENT_METHOD), peer.socket)
        peer.socket.settimeout(None)  # or pyOpenSSL would have to be told when to wait
        tls.set_connect_state()
        tls.do_handshake()
        tls.sendall(b"brief\n" + line("/time") * 3 * FAIR_SHARE)
        tls.shutdown()
        received = b"".join(until_the_end(tls))
    assert received.count(b"Welcome brief") == 1
    assert received.count(b"Server time") == 3 * FAIR_SHARE
    server.logged("brief left: hung up")


def test_who_hangs_up_without_a_word_is_gone_at_once(server: Server) -> None:
    with tls_login(server.port("tls"), "rude") as peer:
        peer.socket.shutdown(socket.SHUT_WR)
        server.logged("rude left: Connection to the other side was lost")


def test_who_answers_the_last_word_is_gone_and_nothing_is_left(server: Server) -> None:
    descriptors = Path(f"/proc/{server.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    with tls_login(server.port("tls"), "polite") as peer:
        peer.send(line("/quit"))
        assert peer.wait_for("Goodbye")
        assert peer.line() == ""
        assert isinstance(peer.socket, ssl.SSLSocket)
        peer.socket.unwrap()
        until(lambda: len(list(descriptors.iterdir())) <= before, "the connection to be closed", CLOSE_SECONDS - 1)
    assert "Traceback" not in server.text()


def test_last_words_are_not_taken_back_from_who_reads_them_late(server: Server) -> None:
    descriptors = Path(f"/proc/{server.process.pid}/fd")
    before = len(list(descriptors.iterdir()))
    with tls_login(server.port("tls"), "late") as peer:
        peer.send(line("/quit") + line("/time") * 10)
        until(lambda: len(list(descriptors.iterdir())) <= before, "the server to give up waiting for an answer")
        assert peer.wait_for("Goodbye")
        assert peer.line() == ""


@pytest.mark.skipif(not shutil.which("ss"), reason="there is no ss here")
def test_the_system_looks_after_tls_connections_that_fell_silent(server: Server) -> None:
    with tls_login(server.port("tls"), "silent") as peer:
        command = ["ss", "-tnoH", "dst", "{}:{}".format(*peer.socket.getsockname())]
        until(lambda: "timer:(keepalive" in subprocess.check_output(command, text=True), "the timer")  # noqa: S603 (ours)


def test_a_client_that_never_shakes_hands_is_cut_off(tmp_path: Path) -> None:
    with tls_server(tmp_path, "--limit", "opening=0.3") as server:
        for sent in (b"", b"\x16\x03\x01"):
            with Peer(server.port("tls")) as peer:
                peer.socket.settimeout(CLOSE_SECONDS - 1)  # nobody waits for it to read why
                peer.send(sent)
                with pytest.raises(ConnectionResetError):
                    peer.socket.recv(1)
        assert "Traceback" not in server.text()


def test_a_client_that_does_not_read_harms_nobody(tmp_path: Path) -> None:
    limits = [part for name in ("packets", "bytes") for part in ("--limit", f"{name}=off")]
    with tls_server(tmp_path, *limits, "--limit", "outbox=65536") as server:
        port = server.port("tls")
        with tls_login(port, "slow"), tls_login(port, "ann") as ann:
            deadline = time.monotonic() + PATIENCE
            while "slow left: did not read" not in server.text():
                assert time.monotonic() < deadline
                for _ in range(20):
                    ann.say("slow", "x" * 7000)
                ann.say("/time")
                assert ann.wait_for("Server time")


def test_the_end_of_the_server_is_told(tmp_path: Path) -> None:
    with tls_server(tmp_path) as server:
        with tls_login(server.port("tls"), "ann") as ann, Peer(server.port("tls")) as mute:
            server.process.terminate()
            assert ann.wait_for("shutting down")
            assert ann.line() == ""
            with pytest.raises(ConnectionResetError):
                mute.socket.recv(1)
        server.process.wait(GRACE_SECONDS)
        assert "Traceback" not in server.text()


def test_who_is_refused_at_the_door_may_read_why(tmp_path: Path) -> None:
    with tls_server(tmp_path, "--limit", "users=1") as server, tls_login(server.port("tls"), "first"):
        with TLSPeer(server.port("tls")) as second:
            assert "full" in second.packet()["msg"]
        assert "Traceback" not in server.text()


def test_who_may_not_connect_is_closed(tmp_path: Path) -> None:
    with tls_server(tmp_path, "--allow", "10.0.0.0/8") as server:
        with Peer(server.port("tls")) as peer:
            assert peer.socket.recv(1) == b""
        server.logged("not in a network that may connect")
        assert "Traceback" not in server.text()


def test_a_client_without_a_certificate_or_with_one_from_elsewhere_is_not_served(tmp_path: Path) -> None:
    ours, theirs = Authority(tmp_path, "ours"), Authority(tmp_path, "theirs")
    with tls_server(tmp_path, "--tls-client-ca", str(ours.path)) as server:
        for own in (None, theirs.both("ann")):
            with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
                tls_login(server.port("tls"), "ann", own)
        assert "joined" not in server.text()
        tls_login(server.port("tls"), "ann", ours.both("ann")).close()


def test_a_certificate_settles_the_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ann, bob = authority.both("ann"), authority.both("", "bob")
    with tls_server(tmp_path, "--tls-client-ca", str(authority.path)) as server:
        with TLSPeer(server.port("tls"), ann) as peer:
            peer.send(b"bob\n" + line("/time"))
            assert "Your certificate says that you are ann." in peer.packet()["msg"]
            assert peer.line() == ""
        tls_login(server.port("tls"), "Ann", ann).close()
        tls_login(server.port("tls"), "bob", bob).close()
