"""TLS for the client: which servers it trusts, and connections on which nothing is sent before that is decided."""

from __future__ import annotations

import argparse
from abc import ABC, abstractmethod
from base64 import b64encode
from collections.abc import Callable
from hashlib import sha256
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509 import Certificate
from OpenSSL import SSL
from service_identity import CertificateError, VerificationError
from service_identity.cryptography import verify_certificate_hostname, verify_certificate_ip_address
from twisted.internet.defer import CancelledError, Deferred, TimeoutError as TookTooLong
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import (
    IHandshakeListener,
    IOpenSSLClientConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IStreamClientEndpoint,
)
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat.client.known_servers import KnownServers
from lanchat.client.link_local import server_id
from lanchat.client.state_file import UnsafeFile
from lanchat.protocol.packet import visible
from lanchat.system.private_files import FileError, read_safely

#: Seconds that the TLS handshake may take.
HANDSHAKE_SECONDS = 10.0
#: Ciphers for TLS 1.2; the server allows the same.
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
#: Texts for errors of a certificate other than an unknown authority.
CERTIFICATE_ERRORS = {
    SSL.X509VerificationCodes.ERR_CERT_HAS_EXPIRED: "its certificate has expired",
    SSL.X509VerificationCodes.ERR_CERT_NOT_YET_VALID: "its certificate is not valid yet, or the clock here is wrong",
}


class UnusableFile(Exception):
    """A certificate or key file that the user named can't be used. The text is one line."""


class UntrustedServer(Exception):
    """The server is not the one that it should be. The text is one line."""


class HandshakeFailed(ConnectError):
    """The TLS handshake failed. The text is one line."""

    def __init__(self, why: str) -> None:
        super().__init__(string=why)
        self._why = why

    def __str__(self) -> str:
        return self._why


@implementer(IOpenSSLClientConnectionCreator)
class ServerVerifier(ABC):
    """Decides which servers to trust, and makes the TLS connections to them."""

    def __init__(self, host: str, own_certificate: Path | None) -> None:
        """`own_certificate` is a file with the client's certificate and key (PEM); raises `UnusableFile`."""
        self.host = host
        #: How the server is known, once it is trusted: "verified" or its key's fingerprint.
        self.identity = ""
        self.context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self.context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self.context.set_cipher_list(CIPHERS)
        self.context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
        if own_certificate is not None:
            _load_file(own_certificate, self.context.use_certificate_chain_file, secret=True)
            _load_file(own_certificate, self.context.use_privatekey_file, secret=True)

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A connection that sends the host name (SNI, RFC 6066), for servers with several names."""
        connection = SSL.Connection(self.context, None)
        if not _is_address(self.host):
            connection.set_tlsext_host_name(self.host.encode("idna"))
        return connection

    @abstractmethod
    def check(self, certificate: Certificate) -> str:
        """Accept the server with this certificate, or raise `UntrustedServer`. Returns a text for the user, "" for none."""

    def handshake_error(self) -> str:
        """Why the certificate was refused during the handshake; "" if it was not."""
        return ""


class AuthorityVerifier(ServerVerifier):
    """Trusts servers whose certificate an authority signed for the requested host name or address."""

    def __init__(self, host: str, own_certificate: Path | None, authority: Path) -> None:
        super().__init__(host, own_certificate)
        self._authority = authority
        self._handshake_error = ""
        _load_file(authority, self.context.load_verify_locations)
        self.context.set_verify(SSL.VERIFY_PEER, self._verify_callback)

    def check(self, certificate: Certificate) -> str:
        """Check the host name. OpenSSL has checked the chain of certificates in the handshake."""
        verify = verify_certificate_ip_address if _is_address(self.host) else verify_certificate_hostname
        try:
            verify(certificate, self.host.partition("%")[0])
        except (VerificationError, CertificateError, ValueError):
            raise UntrustedServer(f"its certificate is for another host, not for {self.host}.") from None
        self.identity = "verified"
        return ""

    def handshake_error(self) -> str:
        """The error that OpenSSL found."""
        return self._handshake_error

    def _verify_callback(self, connection: Any, certificate: Any, code: int, depth: int, good: int) -> bool:
        if not good:
            self._handshake_error = (
                CERTIFICATE_ERRORS.get(code, f"its certificate is not signed by a CA in {self._authority}") + "."
            )
        return bool(good)


class FingerprintVerifier(ServerVerifier):
    """Trusts the server with one known key."""

    def __init__(self, host: str, own_certificate: Path | None, wanted: str) -> None:
        super().__init__(host, own_certificate)
        self._fingerprint = wanted

    def check(self, certificate: Certificate) -> str:
        """Compare the key. The name in the certificate and its signer do not matter."""
        if (found := fingerprint(certificate)) != self._fingerprint:
            raise UntrustedServer(f"its key is {found}, not the one given with --fingerprint.")
        self.identity = found
        return ""


class KnownServersVerifier(ServerVerifier):
    """Trusts a server when it is first met, and later only with the same key, as ssh does."""

    def __init__(self, host: str, own_certificate: Path | None, port: int, file: Path | None) -> None:
        super().__init__(host, own_certificate)
        self._where = server_id((host, port))
        self._file = file
        self._servers = KnownServers(file)

    def check(self, certificate: Certificate) -> str:
        """Look the key up in the file of known servers. A new one is stored before it is trusted."""
        found = fingerprint(certificate)
        try:
            is_new = not self._servers.keys(self._where) and self._servers.add(self._where, found)
            known = self._servers.keys(self._where)
        except UnsafeFile as unsafe:
            raise UntrustedServer(
                f"the keys of servers can't be remembered ({unsafe}). Fix that, or give the right key with --fingerprint."
            ) from None
        if found not in known:
            remembered = known[-1] if known else "another"
            raise UntrustedServer(
                f"ITS KEY HAS CHANGED. It is {found}, and {remembered} is remembered. Somebody may be listening in! "
                f"Only if you know that the server has a new key, remove the line {self._where} from {self._file}."
            )
        self.identity = found
        return f"New server: its key is {found} and is remembered; any other key will be refused." if is_new else ""


def make_verifier(wanted: argparse.Namespace) -> ServerVerifier:
    """The verifier that the command's options ask for; raises `UnusableFile`."""
    host, port = wanted.server
    if wanted.ca is not None:
        return AuthorityVerifier(host, wanted.cert, wanted.ca)
    if wanted.fingerprint is not None:
        return FingerprintVerifier(host, wanted.cert, wanted.fingerprint)
    return KnownServersVerifier(host, wanted.cert, port, wanted.state and wanted.state / "known_servers")


def fingerprint(certificate: Certificate) -> str:
    """The SHA-256 fingerprint of a certificate's public key (SPKI), in the form in which the server logs it."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + b64encode(sha256(spki).digest()).decode().rstrip("=")


@implementer(IHandshakeListener)
class HandshakeProtocol(Protocol):
    """The protocol on a connection until the TLS handshake is done. It sends nothing."""

    def __init__(self) -> None:
        #: Fires when the handshake is done; fails with the reason if the connection ends before.
        self.agreed: Deferred[None] = Deferred()

    def handshakeCompleted(self) -> None:
        """Note that TLS is established."""
        if not self.agreed.called:
            self.agreed.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """Note that the connection ended, perhaps before TLS was established."""
        if not self.agreed.called:
            self.agreed.errback(reason)


@implementer(IStreamClientEndpoint)
class TLSEndpoint:
    """Connects with TLS. The protocol is made only once the server is trusted, so nothing can be sent before."""

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamClientEndpoint,
        verifier: ServerVerifier,
        notice: Callable[[str], None],
        untrusted: Callable[[str], None],
    ) -> None:
        """`notice` is called with texts for the user, `untrusted` with the reason if the server is not trusted."""
        self._reactor = reactor
        self._endpoint = endpoint
        self._verifier = verifier
        self._notice, self._untrusted = notice, untrusted

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Connect; fires with the protocol once the server is trusted."""
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        below = TLSMemoryBIOFactory(self._verifier, True, Factory.forProtocol(HandshakeProtocol), self._reactor)
        connection: Any = await self._endpoint.connect(below)
        try:
            await self._agreed(connection.wrappedProtocol)
            if note := self._verifier.check(connection.getHandle().get_peer_certificate(as_cryptography=True)):
                self._notice(note)
        except UntrustedServer as untrusted:
            connection.abortConnection()
            self._untrusted(str(untrusted))
            raise
        except BaseException:
            connection.abortConnection()
            raise
        return _switch_protocol(connection, factory)

    async def _agreed(self, handshake: HandshakeProtocol) -> None:
        """Wait for the handshake; raises `UntrustedServer` or `HandshakeFailed`."""
        try:
            await handshake.agreed.addTimeout(HANDSHAKE_SECONDS, self._reactor)
        except TookTooLong:
            raise HandshakeFailed(f"the TLS handshake took more than {HANDSHAKE_SECONDS:.0f} s") from None
        except SSL.Error as error:
            if error_text := self._verifier.handshake_error():
                raise UntrustedServer(error_text) from None
            raise HandshakeFailed(f"the TLS handshake failed ({_ssl_reason(error)}): is that a TLS port?") from None
        except (ConnectError, CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 (any way to lose a connection)
            raise HandshakeFailed(f"the TLS handshake failed: {error}") from None


def _switch_protocol(connection: Any, factory: IProtocolFactory) -> IProtocol:
    """Put the real protocol on a connection that is open already. Nothing that the server sent was delivered before."""
    protocol: Any = factory.buildProtocol(connection.getPeer())
    connection.wrappedProtocol = protocol
    protocol.makeConnection(connection)
    made: IProtocol = protocol
    return made


def _load_file(path: Path, load: Callable[[str], object], secret: bool = False) -> None:
    """Have OpenSSL load a file that nobody else may change; raises `UnusableFile`."""
    try:
        read_safely(path, secret=secret)
        load(str(path))
    except FileError as refused:
        raise UnusableFile(visible(str(refused))) from None
    except OSError as error:
        raise UnusableFile(f"can't read {path}: {error.strerror}") from None
    except SSL.Error as error:
        raise UnusableFile(f"{path} can't be used: {_ssl_reason(error) or 'it is not of the expected kind, in PEM'}") from None


def _ssl_reason(error: SSL.Error) -> str:
    return str(error.args[0][0][2]) if error.args and error.args[0] else ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
