"""Reads certificates and keys, and makes the server's own: a private authority (CA), and a certificate for this machine."""

from __future__ import annotations

import socket
from base64 import b64encode
from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from lanchat.net.addresses import interface_addresses
from lanchat.system.private_files import FileError, check_directory, read_safely, write_private

#: The lifetime of a certificate that the server makes (browsers accept at most 398 days), and how long before its end it is
#: renewed.
LIFETIME, RENEW_BEFORE = timedelta(days=397), timedelta(days=30)
#: The authority's lifetime, longer than the machine's: replacing it means updating every client.
AUTHORITY_LIFETIME = timedelta(days=20 * 365)
#: Certificates are valid from this long before they were made, for clients whose clocks are behind.
CLOCK_SKEW = timedelta(days=1)


class OwnCertificates(NamedTuple):
    """The files of the server's own authority and certificate, all in one directory."""

    directory: Path
    #: Further host names and addresses under which clients reach the server, besides the machine's own.
    names: tuple[str, ...] = ()

    @property
    def authority(self) -> Path:
        """The authority's certificate, which clients may trust (`lanchat --ca`)."""
        return self.directory / "tls_authority.pem"

    @property
    def authority_key(self) -> Path:
        """The authority's private key: whoever has it can pretend to be any server."""
        return self.directory / "tls_authority_key.pem"

    @property
    def cert(self) -> Path:
        """The server's certificate, followed by the authority's."""
        return self.directory / "tls_cert.pem"

    @property
    def key(self) -> Path:
        """The server's private key, which stays when the certificate is renewed."""
        return self.directory / "tls_key.pem"

    def renew(self) -> bool:
        """Make the files that are missing, and a new certificate if it ends soon or the machine's names have changed.

        Returns whether it made any; raises `FileError`.
        """
        try:
            self.directory.mkdir(0o700, parents=True, exist_ok=True)
            check_directory(self.directory)
            return self._renew()
        except OSError as error:
            raise FileError(f"can't store certificates in {self.directory}: {error.strerror}.") from None

    def _renew(self) -> bool:
        names = alternative_names(self.names)
        if self.cert.exists() and self.key.exists() and not _is_outdated(read_certificates(self.cert)[0], names):
            return False
        signer = _own_key(self.authority_key)
        if not self.authority.exists():
            write_private(self.authority, _pem(_make_authority(signer)))
        authority = read_certificates(self.authority)[0]
        write_private(self.cert, _pem(_issue(_own_key(self.key), signer, authority, names)) + _pem(authority))
        return True


def fingerprint(key: PublicKeyTypes) -> str:
    """The SHA-256 fingerprint of a public key (SPKI), for people to compare; it stays when a certificate is renewed."""
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + b64encode(sha256(spki).digest()).decode().rstrip("=")


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates in a PEM file that nobody else may change, at least one; raises `FileError`."""
    try:
        return x509.load_pem_x509_certificates(read_safely(path))
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}.") from None
    except ValueError:
        raise FileError(f"{path} contains no readable certificate (PEM).") from None


def read_key(path: Path) -> PrivateKeyTypes:
    """The private key in a PEM file that nobody else may read; raises `FileError`."""
    try:
        content = read_safely(path, secret=True)
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}.") from None
    try:
        return load_pem_private_key(content, None)
    except TypeError:
        raise FileError(f"{path}: the key has a passphrase, which a server can't type. Remove it from the key.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise FileError(f"{path} contains no readable private key (PEM).") from None


def alternative_names(more: Iterable[str] = ()) -> set[x509.GeneralName]:
    """The names for the certificate: the machine's host names, and the addresses that it has now; and `more` of both."""
    host, full = socket.gethostname(), socket.getfqdn()
    names = {name.lower() for name in ("localhost", host, full, *more) if name.isascii() and not _is_address(name)}
    addresses = {"127.0.0.1", "::1", *filter(_is_address, more)} | _addresses(host)
    return {x509.DNSName(name) for name in names} | {x509.IPAddress(ip_address(address)) for address in addresses}


def _addresses(host: str) -> set[str]:
    """The addresses of the host name, those that the machine sends to the internet from, and those of its interfaces.

    Connecting a UDP socket sends nothing.
    """
    found = interface_addresses()
    for family, target in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            found.update(str(entry[4][0]) for entry in socket.getaddrinfo(host, None, family))
        except OSError:
            found.discard("")
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((target, 9))
                found.add(probe.getsockname()[0])
        except OSError:
            continue
    return {address for address in found if _is_address(address)}


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _is_outdated(certificate: x509.Certificate, names: set[x509.GeneralName]) -> bool:
    certified = set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    return certificate.not_valid_after_utc - now() < RENEW_BEFORE or not names <= certified


def _own_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        generated = ec.generate_private_key(ec.SECP256R1())
        write_private(path, generated.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = read_key(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise FileError(f"{path} is not a key that lanchat made. Delete it, and a new one will be made.")
    return key


def _make_authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name(f"lanchat on {socket.gethostname()}")
    return (
        _builder(name, name, key, AUTHORITY_LIFETIME)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, SHA256())
    )


def _issue(
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    names: Iterable[x509.GeneralName],
) -> x509.Certificate:
    return (
        _builder(_name(socket.gethostname()), authority.subject, key, LIFETIME)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(sorted(names, key=str)), critical=False)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, SHA256())
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now() - CLOCK_SKEW)
        .not_valid_after(now() + life)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )


def _usage(*, authority: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority,
        key_cert_sign=authority,
        crl_sign=authority,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text[:64])])


def now() -> datetime:
    """The current time, in whole seconds as in certificates."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
