"""IRC over TLS, on real sockets: the certificates of clients."""

from __future__ import annotations

import re
import ssl
from base64 import b64encode
from pathlib import Path

from websockets.sync.client import connect

from tests.certs import Authority, TLSPeer
from tests.fakes import PASSWORD
from tests.live import LOOPBACK, Server


def until(peer: TLSPeer, pattern: str) -> str:
    """The first line from now on in which this is found."""
    while not re.search(pattern, line := peer.line()):
        assert line, f"the connection was closed before {pattern} came"
    return line


def say(peer: TLSPeer, *lines: str) -> None:
    """Send lines."""
    peer.send("".join(f"{line}\r\n" for line in lines).encode())


def test_the_certificate_of_a_client_gives_the_name_and_opens_the_account(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ann = authority.both("ann")
    with Server(tmp_path, "--ircs", LOOPBACK, "--tls-client-ca", str(authority.path)) as server:
        server.logged("listening for ircs")
        with TLSPeer(server.port("ircs"), ann) as peer:
            say(peer, "NICK somebody", "USER x 0 * :X")
            assert " 001 ann " in until(peer, " 001 ")
            say(peer, f"REGISTER * * :{PASSWORD}")
            until(peer, " REGISTER SUCCESS ann ")
        with TLSPeer(server.port("ircs"), ann) as peer:
            say(peer, "CAP LS 302", "CAP REQ sasl", "AUTHENTICATE EXTERNAL", "AUTHENTICATE +")
            assert "sasl=EXTERNAL,PLAIN" in until(peer, " LS ")
            assert until(peer, " 90[0-9] ").endswith("You are now logged in as ann")
            say(peer, "CAP END", "NICK ann", "USER x 0 * :X")
            assert " 001 ann " in until(peer, " 001 ")
        with TLSPeer(server.port("ircs"), authority.both("bob")) as peer:
            answer = b64encode(f"\0ann\0{PASSWORD}".encode()).decode()
            say(peer, "CAP REQ sasl", "AUTHENTICATE PLAIN", f"AUTHENTICATE {answer}")
            assert "Your certificate says that you are bob" in until(peer, " 904 ")


def test_a_client_in_a_browser_has_the_name_in_its_certificate_too(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    ports = ("--irc", LOOPBACK, "--https", LOOPBACK, "--tls-client-ca", str(authority.path))
    with Server(tmp_path, "--port", LOOPBACK, *ports) as server:
        server.logged("listening for browsers over TLS")
        address = f"wss://127.0.0.1:{server.port('browsers over TLS')}/socket"
        ann = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        ann.check_hostname, ann.verify_mode = False, ssl.CERT_NONE
        ann.load_cert_chain(authority.both("ann"))
        with connect(address, ssl=ann) as page:
            for line in ("NICK somebody", "USER x 0 * :X", f"REGISTER * * :{PASSWORD}"):
                page.send(line)
            said = iter(page.recv, "")
            assert any(str(line).startswith(":irc.lan 001 ann ") for line in said)
            assert any(" REGISTER SUCCESS ann " in str(line) for line in said)
        with connect(address, ssl=ann) as page:
            page.send("CAP LS 302")
            assert "sasl=EXTERNAL,PLAIN" in str(page.recv())
