"""TLS for the client: whom it believes, and connections on which nothing is sent before that is settled."""

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
from lanchat.client.state_file import Unsafe
from lanchat.client.zones import place
from lanchat.protocol.packet import visible
from lanchat.system.private_files import FileError, read_safely

#: Seconds that the server may take to agree on TLS.
HANDSHAKE_SECONDS = 10.0
#: For TLS 1.2, as on the server's side.
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
#: What may be wrong with a certificate besides who signed it.
FAULTS = {
    SSL.X509VerificationCodes.ERR_CERT_HAS_EXPIRED: "its certificate has ended",
    SSL.X509VerificationCodes.ERR_CERT_NOT_YET_VALID: "its certificate is not good yet, or the clock here is wrong",
}


class Unusable(Exception):
    """Files that were given can't be used. The text is one line."""


class Untrusted(Exception):
    """The server is not the one it should be. The text is one line."""


class HandshakeFailed(ConnectError):
    """TLS was not agreed on. The text is one line."""

    def __init__(self, why: str) -> None:
        super().__init__(string=why)
        self._why = why

    def __str__(self) -> str:
        return self._why


@implementer(IOpenSSLClientConnectionCreator)
class Trust(ABC):
    """Whom to believe, and what is agreed on with them."""

    def __init__(self, host: str, own: Path | None) -> None:
        """`own` is a certificate to show, with its key; raises `Unusable`."""
        self.host = host
        #: How the server is known, once it is believed.
        self.proof = ""
        self.context = SSL.Context(SSL.TLS_CLIENT_METHOD)
        self.context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self.context.set_cipher_list(CIPHERS)
        self.context.set_options(SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET)
        if own is not None:
            _loaded(own, self.context.use_certificate_chain_file, secret=True)
            _loaded(own, self.context.use_privatekey_file, secret=True)

    def clientConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """A connection that names the host it is for, as servers with several names want to know."""
        connection = SSL.Connection(self.context, None)
        if not _is_address(self.host):
            connection.set_tlsext_host_name(self.host.encode("idna"))
        return connection

    @abstractmethod
    def check(self, certificate: Certificate) -> str:
        """Believe a server that has this certificate's key; what a person should know of that. Raises `Untrusted`."""

    def fault(self) -> str:
        """Why the certificate was refused in the handshake, if it was."""
        return ""


class Signed(Trust):
    """Believes servers that an authority signed for, under the name or the address that was asked for."""

    def __init__(self, host: str, own: Path | None, authority: Path) -> None:
        super().__init__(host, own)
        self._authority = authority
        self._fault = ""
        _loaded(authority, self.context.load_verify_locations)
        self.context.set_verify(SSL.VERIFY_PEER, self._looked_at)

    def check(self, certificate: Certificate) -> str:
        """The chain is good, or there were no handshake: now the name."""
        verify = verify_certificate_ip_address if _is_address(self.host) else verify_certificate_hostname
        try:
            verify(certificate, self.host.partition("%")[0])
        except (VerificationError, CertificateError, ValueError):
            raise Untrusted(f"its certificate is for another host, not for {self.host}.") from None
        self.proof = "verified"
        return ""

    def fault(self) -> str:
        """What OpenSSL found."""
        return self._fault

    def _looked_at(self, connection: Any, certificate: Any, code: int, depth: int, good: int) -> bool:
        if not good:
            self._fault = FAULTS.get(code, f"its certificate is not from an authority in {self._authority}") + "."
        return bool(good)


class Pinned(Trust):
    """Believes one key."""

    def __init__(self, host: str, own: Path | None, wanted: str) -> None:
        super().__init__(host, own)
        self._wanted = wanted

    def check(self, certificate: Certificate) -> str:
        """The name in a certificate does not matter, nor who signed it."""
        if (found := fingerprint(certificate)) != self._wanted:
            raise Untrusted(f"its key is {found}, and not the one that was asked for.")
        self.proof = found
        return ""


class Remembered(Trust):
    """Believes a server when it is first met, and then only with the same key."""

    def __init__(self, host: str, own: Path | None, port: int, file: Path | None) -> None:
        super().__init__(host, own)
        self._where = place((host, port))
        self._file = file
        self._servers = KnownServers(file)

    def check(self, certificate: Certificate) -> str:
        """Look the key up. One that is new is written down before it is believed."""
        found = fingerprint(certificate)
        try:
            is_new = not self._servers.keys(self._where) and self._servers.add(self._where, found)
            known = self._servers.keys(self._where)
        except Unsafe as unsafe:
            raise Untrusted(
                f"the keys of servers can't be remembered ({unsafe}). "
                "Mend that, or give the key that is right with --fingerprint."
            ) from None
        if found not in known:
            remembered = known[-1] if known else "another"
            raise Untrusted(
                f"ITS KEY HAS CHANGED. It is {found}, and {remembered} is remembered. Somebody may be listening in! "
                f"Only if you know that the server has a new key, remove the line {self._where} from {self._file}."
            )
        self.proof = found
        return f"New server: its key is {found} and is remembered; any other key will be refused." if is_new else ""


def trust(wanted: argparse.Namespace) -> Trust:
    """Whom the options say to believe; raises `Unusable`."""
    host, port = wanted.server
    if wanted.ca is not None:
        return Signed(host, wanted.cert, wanted.ca)
    if wanted.fingerprint is not None:
        return Pinned(host, wanted.cert, wanted.fingerprint)
    return Remembered(host, wanted.cert, port, wanted.state and wanted.state / "known_servers")


def fingerprint(certificate: Certificate) -> str:
    """Of the public key (SPKI), as the server logs it."""
    spki = certificate.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return "SHA256:" + b64encode(sha256(spki).digest()).decode().rstrip("=")


@implementer(IHandshakeListener)
class Greeting(Protocol):
    """What is on a connection until TLS is agreed on. It says nothing."""

    def __init__(self) -> None:
        #: Fires when the handshake is done, or fails with what ended it.
        self.agreed: Deferred[None] = Deferred()

    def handshakeCompleted(self) -> None:
        """Both sides have what they need."""
        if not self.agreed.called:
            self.agreed.callback(None)

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It came to nothing."""
        if not self.agreed.called:
            self.agreed.errback(reason)


@implementer(IStreamClientEndpoint)
class TLSEndpoint:
    """Connects with TLS. A protocol is made only once the server is believed, so nothing can be sent before."""

    def __init__(
        self,
        reactor: Any,
        endpoint: IStreamClientEndpoint,
        trust: Trust,
        told: Callable[[str], None],
        distrusted: Callable[[str], None],
    ) -> None:
        """`told` gets what a person should know, `distrusted` why the server must not be talked to."""
        self._reactor = reactor
        self._endpoint = endpoint
        self._trust = trust
        self._told, self._distrusted = told, distrusted

    def connect(self, factory: IProtocolFactory) -> Deferred[IProtocol]:
        """Fires with the protocol once the server is believed."""
        return Deferred.fromCoroutine(self._connect(factory))

    async def _connect(self, factory: IProtocolFactory) -> IProtocol:
        below = TLSMemoryBIOFactory(self._trust, True, Factory.forProtocol(Greeting), self._reactor)
        connection: Any = await self._endpoint.connect(below)
        try:
            await self._agreed(connection.wrappedProtocol)
            if note := self._trust.check(connection.getHandle().get_peer_certificate(as_cryptography=True)):
                self._told(note)
        except Untrusted as untrusted:
            connection.abortConnection()
            self._distrusted(str(untrusted))
            raise
        except BaseException:
            connection.abortConnection()
            raise
        return _handed_over(connection, factory)

    async def _agreed(self, greeting: Greeting) -> None:
        """Wait for the handshake; raises `Untrusted` or `HandshakeFailed`."""
        try:
            await greeting.agreed.addTimeout(HANDSHAKE_SECONDS, self._reactor)
        except TookTooLong:
            raise HandshakeFailed(f"it did not agree on TLS within {HANDSHAKE_SECONDS:.0f} s") from None
        except SSL.Error as error:
            if fault := self._trust.fault():
                raise Untrusted(fault) from None
            raise HandshakeFailed(f"TLS was not agreed on ({_reason(error)}): is that port for TLS?") from None
        except (ConnectError, CancelledError):
            raise
        except Exception as error:  # noqa: BLE001 (any way to lose a connection)
            raise HandshakeFailed(f"TLS was not agreed on: {error}") from None


def _handed_over(connection: Any, factory: IProtocolFactory) -> IProtocol:
    """Put the protocol on a connection that is there already. What the server sent meanwhile has not been delivered yet."""
    protocol: Any = factory.buildProtocol(connection.getPeer())
    connection.wrappedProtocol = protocol
    protocol.makeConnection(connection)
    made: IProtocol = protocol
    return made


def _loaded(path: Path, load: Callable[[str], object], secret: bool = False) -> None:
    """Have OpenSSL load a file, which nobody else may change; raises `Unusable`."""
    try:
        read_safely(path, secret=secret)
        load(str(path))
    except FileError as refused:
        raise Unusable(visible(str(refused))) from None
    except OSError as error:
        raise Unusable(f"can't read {path}: {error.strerror}") from None
    except SSL.Error as error:
        raise Unusable(f"{path} can't be used: {_reason(error) or 'it is not what is wanted here, in PEM'}") from None


def _reason(error: SSL.Error) -> str:
    return str(error.args[0][0][2]) if error.args and error.args[0] else ""


def _is_address(text: str) -> bool:
    try:
        ip_address(text.partition("%")[0])
    except ValueError:
        return False
    return True
