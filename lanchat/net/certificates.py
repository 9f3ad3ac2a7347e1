"""Certificates: reading them, and the server's own: a private authority, and what it says of this machine.

It reads and makes files; it knows no socket that is open, and no connection.
"""

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

from lanchat.system.private_files import FileError, check_directory, read_safely, write_private

#: How long a certificate that is made here is good for, and when it is made anew (browsers take no more than 398 days).
LIFE, RENEWAL = timedelta(days=397), timedelta(days=30)
#: The authority outlives the machine: to replace it is to visit every client.
AUTHORITY_LIFE = timedelta(days=20 * 365)
#: A clock that is a little behind ours finds a new certificate good already.
SKEW = timedelta(days=1)


class Own(NamedTuple):
    """The files of the server's own authority and certificate."""

    directory: Path

    @property
    def authority(self) -> Path:
        """The certificate that clients may be given (`lanchat --ca`)."""
        return self.directory / "tls_authority.pem"

    @property
    def authority_key(self) -> Path:
        """Whoever has this can be any server."""
        return self.directory / "tls_authority_key.pem"

    @property
    def cert(self) -> Path:
        """The server's certificate, and the authority's after it."""
        return self.directory / "tls_cert.pem"

    @property
    def key(self) -> Path:
        """The server's key, which its renewed certificates keep."""
        return self.directory / "tls_key.pem"

    def renew(self) -> bool:
        """Make what is missing, and a new certificate when the old one ends soon or the machine's names changed.

        Returns whether it did; raises `FileError`.
        """
        try:
            self.directory.mkdir(0o700, parents=True, exist_ok=True)
            check_directory(self.directory)
            return self._renew()
        except OSError as error:
            raise FileError(f"can't keep certificates in {self.directory}: {error.strerror}.") from None

    def _renew(self) -> bool:
        names = alternative_names()
        if self.cert.exists() and self.key.exists() and not _outdated(read_certificates(self.cert)[0], names):
            return False
        signer = _own_key(self.authority_key)
        if not self.authority.exists():
            write_private(self.authority, _pem(_authority(signer)))
        authority = read_certificates(self.authority)[0]
        write_private(self.cert, _pem(_issued(_own_key(self.key), signer, authority, names)) + _pem(authority))
        return True


def fingerprint(key: PublicKeyTypes) -> str:
    """Of the public key (SPKI), as people compare it; a renewed certificate with the same key has the same."""
    spki = key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + b64encode(sha256(spki).digest()).decode().rstrip("=")


def read_certificates(path: Path) -> list[x509.Certificate]:
    """The certificates in a PEM file that nobody else may change, at least one; raises `FileError`."""
    try:
        return x509.load_pem_x509_certificates(read_safely(path))
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}.") from None
    except ValueError:
        raise FileError(f"{path}: there is no certificate in it that can be read (PEM).") from None


def read_key(path: Path) -> PrivateKeyTypes:
    """The private key in a PEM file that nobody else may read; raises `FileError`."""
    try:
        content = read_safely(path, secret=True)
    except OSError as error:
        raise FileError(f"can't read {path}: {error.strerror}.") from None
    try:
        return load_pem_private_key(content, None)
    except TypeError:
        raise FileError(f"{path}: the key is locked with a passphrase, which a server can't be asked for.") from None
    except (ValueError, UnsupportedAlgorithm):
        raise FileError(f"{path}: there is no private key in it that can be read (PEM).") from None


def alternative_names() -> set[x509.GeneralName]:
    """What clients may call this machine: its names, and the addresses it has now."""
    host, full = socket.gethostname(), socket.getfqdn()
    names = {name.lower() for name in ("localhost", host, full) if name.isascii() and not _is_address(name)}
    addresses = {"127.0.0.1", "::1"} | _addresses(host)
    return {x509.DNSName(name) for name in names} | {x509.IPAddress(ip_address(address)) for address in addresses}


def _addresses(host: str) -> set[str]:
    """The addresses that the host's name has, and those that it would send from; nothing is sent to find out."""
    found: set[str] = set()
    for family, far in ((socket.AF_INET, "192.0.2.1"), (socket.AF_INET6, "2001:db8::1")):
        try:
            found.update(str(entry[4][0]) for entry in socket.getaddrinfo(host, None, family))
        except OSError:
            found.discard("")
        try:
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                probe.connect((far, 9))
                found.add(probe.getsockname()[0])
        except OSError:
            continue
    return {address for address in found if _is_address(address)}


def _is_address(text: str) -> bool:
    try:
        return bool(ip_address(text))
    except ValueError:
        return False


def _outdated(certificate: x509.Certificate, names: set[x509.GeneralName]) -> bool:
    said = set(certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value)
    return certificate.not_valid_after_utc - now() < RENEWAL or not names <= said


def _own_key(path: Path) -> ec.EllipticCurvePrivateKey:
    if not path.exists():
        made = ec.generate_private_key(ec.SECP256R1())
        write_private(path, made.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = read_key(path)
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise FileError(f"{path} is no key that was made here. Remove it, and a new one is made.")
    return key


def _authority(key: ec.EllipticCurvePrivateKey) -> x509.Certificate:
    name = _name(f"lanchat on {socket.gethostname()}")
    return (
        _begun(name, name, key, AUTHORITY_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(authority=True), critical=True)
        .sign(key, SHA256())
    )


def _issued(
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    authority: x509.Certificate,
    names: Iterable[x509.GeneralName],
) -> x509.Certificate:
    return (
        _begun(_name(socket.gethostname()), authority.subject, key, LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.SubjectAlternativeName(sorted(names, key=str)), critical=False)
        .add_extension(_usage(authority=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False)
        .sign(signer, SHA256())
    )


def _begun(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, life: timedelta) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now() - SKEW)
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
    """The time as certificates have it."""
    return datetime.now(timezone.utc).replace(microsecond=0)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(Encoding.PEM)
