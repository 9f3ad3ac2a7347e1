"""Certificates for tests: authorities of one's own, and what they sign."""

from __future__ import annotations

import ssl
from datetime import datetime, timedelta, timezone
from ipaddress import ip_address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from tests.live import LOOPBACK, PATIENCE, Peer, Server

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


class Authority:
    """Signs certificates, and writes them where a test wants them."""

    def __init__(self, directory: Path, name: str = "authority") -> None:
        self.directory = directory
        self.path = directory / f"{name}.pem"
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        made = self._builder(self._name, self._key, 1).add_extension(
            x509.BasicConstraints(ca=True, path_length=None), critical=True
        )
        self.path.write_bytes(made.sign(self._key, SHA256()).public_bytes(Encoding.PEM))

    def issue(self, name: str, *others: str, days: float = 90, key: Key | None = None) -> tuple[Path, Path]:
        """The files of a key and a certificate for this name and these host names and addresses."""
        key = key or ec.generate_private_key(ec.SECP256R1())
        builder = self._builder(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else []), key, days)
        if others:
            builder = builder.add_extension(x509.SubjectAlternativeName([_other(other) for other in others]), critical=False)
        paths = self.directory / f"{name}.key", self.directory / f"{name}.pem"
        paths[0].touch(0o600)
        paths[0].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        paths[1].write_bytes(builder.sign(self._key, SHA256()).public_bytes(Encoding.PEM))
        return paths

    def both(self, name: str, *others: str) -> Path:
        """A key and a certificate in one file."""
        key, cert = self.issue(name, *others)
        cert.write_bytes(cert.read_bytes() + key.read_bytes())
        cert.chmod(0o600)
        return cert

    def _builder(self, subject: x509.Name, key: Key, days: float) -> x509.CertificateBuilder:
        now = datetime.now(timezone.utc)
        return (
            x509.CertificateBuilder(self._name, subject, key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=days))
        )


class TLSPeer(Peer):
    """A client's socket with TLS."""

    def __init__(self, port: int, own: Path | None = None) -> None:
        super().__init__(port)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if own is not None:
            context.load_cert_chain(own)
        self._reader.close()
        self.tls = context.wrap_socket(self.socket, suppress_ragged_eofs=False)
        self.socket = self.tls
        self.socket.settimeout(PATIENCE)
        self._reader = self.socket.makefile("rb")

    def __enter__(self) -> TLSPeer:
        return self

    def certificate(self) -> bytes:
        """The server's, as it is on the wire."""
        found = self.tls.getpeercert(binary_form=True)
        assert found
        return found


def tls_login(port: int, name: str, own: Path | None = None) -> TLSPeer:
    """A classic client with TLS that has been welcomed."""
    peer = TLSPeer(port, own)
    peer.send(name.encode() + b"\n")
    peer.wait_for("Welcome")
    return peer


def tls_server(directory: Path, *options: str) -> Server:
    """A server with a TLS port, and others as the options say."""
    server = Server(directory, "--tls", LOOPBACK, *options)
    server.logged("listening for tls")
    return server


def _other(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(name))
    except ValueError:
        return x509.DNSName(name)
