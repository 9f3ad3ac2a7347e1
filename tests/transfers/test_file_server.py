"""Where the client connects to for files, whatever a server tells it, and whom it trusts there."""

from __future__ import annotations

from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.testing import MemoryReactorClock

from lanchat.client.tls import KnownServersVerifier, ServerVerifier, TLSEndpoint, UntrustedServer, fingerprint
from lanchat.net.certificates import read_certificates
from lanchat.transfers.failed import Failed
from lanchat.transfers.file_server import FileServer, SameServerVerifier
from tests.certs import Authority


def options(host: str, **more: Any) -> Namespace:
    return Namespace(
        **{"server": (host, 5000), "ca": None, "fingerprint": None, "cert": None, "state": None, "files_host": []} | more
    )


def server(host: str = "chat.lan", chat: ServerVerifier | None = None, peer: str = "192.0.2.7", **more: Any) -> FileServer:
    return FileServer(MemoryReactorClock(), options(host, **more), chat, lambda: peer, lambda text: None)


def reached(files: FileServer, url: str) -> tuple[str, int, bool]:
    """Where it would connect to, and whether with TLS."""
    endpoint: Any = files.endpoint(url)
    plain: Any = endpoint._endpoint if isinstance(endpoint, TLSEndpoint) else endpoint
    return plain._hostText, plain._port, plain is not endpoint


@pytest.mark.parametrize(
    ("url", "where"),
    [
        ("http://192.0.2.7:8080/files/x", ("chat.lan", 8080, False)),
        ("http://Chat.LAN/files/x", ("chat.lan", 80, False)),
        ("https://192.0.2.7/files/x", ("chat.lan", 443, True)),
        ("https://files.lan:8443/f/1/x?e=1", ("files.lan", 8443, True)),
        ("http://[::ffff:192.0.2.7]:8080/x", ("chat.lan", 8080, False)),
    ],
)
def test_a_file_is_on_the_machine_of_the_chat_or_on_one_that_the_user_named(url: str, where: tuple[str, int, bool]) -> None:
    assert reached(server(files_host=["FILES.lan"]), url) == where


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("http://192.0.2.8:8080/x", "another machine, 192.0.2.8. If that is right, add --files-host 192.0.2.8"),
        ("http://127.0.0.1:631/admin", "another machine"),
        ("http://[::1]/x", "another machine"),
        ("http://chat.lan.evil.example/x", "another machine"),
        ("http://chat.lan@evil.example/x", "no usable address"),
        ("file:///etc/passwd", "no usable address"),
        ("ftp://chat.lan/x", "no usable address"),
        ("http://chat.lan:99999/x", "no usable address"),
        ("http://chat.lan:0/x", "no usable address"),
        ("http://[chat.lan/x", "no usable address"),
        ("//chat.lan/x", "no usable address"),
        ("http://chat.lan/\r\nHost: evil", "no usable address"),
        ("", "no usable address"),
    ],
)
def test_a_server_can_not_send_its_users_elsewhere(url: str, why: str) -> None:
    with pytest.raises(Failed, match=why.replace(".", r"\.")):
        server().endpoint(url)


def test_without_a_connection_there_is_only_the_name_of_the_server() -> None:
    assert reached(server(peer=""), "http://chat.lan:8080/x")[0] == "chat.lan"
    with pytest.raises(Failed):
        server(peer="").endpoint("http://192.0.2.7:8080/x")


def test_a_chat_with_tls_has_no_files_without() -> None:
    chat = KnownServersVerifier("chat.lan", None, 5443, None)
    with pytest.raises(Failed, match="without TLS"):
        server(chat=chat).endpoint("http://chat.lan:8080/x")
    assert reached(server(chat=chat), "https://chat.lan:8443/x") == ("chat.lan", 8443, True)


def test_the_server_of_the_chat_is_known_by_its_key_and_another_is_remembered(tmp_path: Path, tmp_path_factory: Any) -> None:
    authority = Authority(tmp_path_factory.mktemp("authority"))
    (chat,), (other,) = (read_certificates(authority.issue(name)[1])[:1] for name in ("chat", "other"))
    known = tmp_path / "known_servers"
    verifier = SameServerVerifier(("chat.lan", 8443), None, known, fingerprint(chat))
    assert verifier.check(chat) == ""
    assert not known.exists()
    assert "New server" in verifier.check(other)
    with pytest.raises(UntrustedServer):
        SameServerVerifier(("chat.lan", 8443), None, known, "").check(chat)


def test_the_users_authority_and_key_count_for_files_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for wanted in ({"ca": authority.path}, {"fingerprint": "SHA256:" + "x" * 43}):
        endpoint: Any = server(**wanted).endpoint("https://192.0.2.7:8443/x")
        assert endpoint._verifier.host == "chat.lan"
        assert not isinstance(endpoint._verifier, KnownServersVerifier)
    with pytest.raises(Failed, match="can't read"):
        server(ca=tmp_path / "none").endpoint("https://192.0.2.7:8443/x")
