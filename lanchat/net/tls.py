"""TLS for clients: the server's certificates and settings, reloaded when the files change, and the transport with TLS.

It does not decide who may chat, and only says which name a client's certificate has.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple, cast

from cryptography import x509
from cryptography.x509.oid import NameOID
from OpenSSL import SSL
from OpenSSL.crypto import X509
from twisted.internet.error import ConnectionLost
from twisted.internet.interfaces import (
    IAddress,
    IHalfCloseableProtocol,
    IOpenSSLServerConnectionCreator,
    IProtocol,
    IProtocolFactory,
    IPushProducer,
    IReactorTime,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer

from lanchat.net.certificates import OwnCertificates, fingerprint, now, read_certificates, read_key
from lanchat.net.tls_records import READ_SIZE, TLSRecords
from lanchat.protocol.counts import Counts
from lanchat.system.private_files import FileError

#: Ciphers for TLS 1.2: forward secrecy and authenticated encryption only, as TLS 1.3 always has.
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE
#: How long before the end of a certificate the log warns of it; and seconds between two checks of that.
WARN_BEFORE, DAY = timedelta(days=14), 86400.0

_log = Logger("lanchat.tls")


class TLSFiles(NamedTuple):
    """The paths of the key, the certificate and, if clients need a certificate, the authority for those."""

    key: Path
    cert: Path
    client_ca: Path | None = None

    def stamp(self) -> tuple[object, ...]:
        """A value that changes whenever one of the files changes."""
        return tuple(_stamp(path) for path in self if path is not None)


@implementer(IOpenSSLServerConnectionCreator)
class Contexts:
    """The OpenSSL context for new connections. Open connections keep theirs."""

    def __init__(self, files: TLSFiles, own: OwnCertificates | None = None) -> None:
        """`own` are the server's own certificates, if the files are those; raises `FileError`."""
        self._chain: list[x509.Certificate] = []
        self.prepare(files, own)()

    def prepare(self, files: TLSFiles, own: OwnCertificates | None = None) -> Callable[[], None]:
        """Read files without using them yet; the returned function makes new connections use them. Raises `FileError`."""
        if own is not None:
            own.renew()
        stamp, (context, chain) = files.stamp(), make_context(files)

        def take() -> None:
            self._files, self._own, self._stamp = files, own, stamp
            self._context, self._chain = context, chain
            self.suits_everybody = own is None and files.client_ca is None  # (clients need no certificate from here)
            self._log_certificate()

        return take

    def __str__(self) -> str:
        """A description of the certificate for people."""
        key, ends = fingerprint(self._chain[0].public_key()), self._chain[0].not_valid_after_utc
        return f"the certificate in {self._files.cert} (key {key}, good until {ends:%Y-%m-%d})"

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """The OpenSSL connection for a new client."""
        self.refresh()
        return SSL.Connection(self._context, None)

    def refresh(self) -> None:
        """Use the files again if they have changed; if they can't be used, that is logged and the old ones stay."""
        if (stamp := self._files.stamp()) == self._stamp:
            return
        self._stamp = stamp
        try:
            self._context, self._chain = make_context(self._files)
        except FileError as refused:
            _log.error("TLS goes on with the old certificate: {refused}", refused=refused)
        else:
            self._log_certificate()

    @property
    def not_after(self) -> datetime:
        """When the certificate for new connections ends."""
        return self._chain[0].not_valid_after_utc

    def check_daily(self) -> None:
        """Renew our own certificate in time; warn of a certificate that ends soon. To be called once a day."""
        try:
            if self._own is not None:
                self._own.renew()
        except FileError as refused:
            _log.error("the TLS certificate is not renewed: {refused}", refused=refused)
        self.refresh()
        if (ends := self.not_after) - now() < WARN_BEFORE:
            _log.warn("the TLS certificate in {path} ends at {ends}: replace it", path=self._files.cert, ends=ends)

    def _log_certificate(self) -> None:
        key = fingerprint(self._chain[0].public_key())
        _log.info("TLS key {fingerprint}, certificate from {path}", fingerprint=key, path=self._files.cert)


@implementer(IHalfCloseableProtocol)
class TLSTransport(TLSMemoryBIOProtocol):
    """TLS under a client's connection. Each direction can be closed by itself, as without TLS (RFC 8446, 6.1)."""

    factory: TLSFactory
    transport: Any
    wrappedProtocol: Any  # noqa: N815 (Twisted names it)
    _started = False

    def makeConnection(self, transport: ITransport) -> None:
        """Begin the handshake; the protocol above is connected before it."""
        self._records, transport.bufferSize = TLSRecords(), READ_SIZE  # type: ignore[attr-defined]  # Twisted's all have it
        super().makeConnection(transport)
        self._started = True

    def dataReceived(self, bytes: bytes) -> None:  # noqa: A002 (Twisted names it)
        """Decrypt. The limit `bytes` counts all that came over the network, also what yields no data for the protocol above."""
        cost, before = self._records.cost(bytes), self.wrappedProtocol.taken
        super().dataReceived(bytes)
        if self.wrappedProtocol is not None:  # None if the connection has ended
            self.wrappedProtocol.networkReceived(cost + before - self.wrappedProtocol.taken)

    def getHandle(self) -> socket.socket:
        """The socket beneath, for its options."""
        return cast("socket.socket", self.transport.getHandle())

    @property
    def version(self) -> str:
        """The version of TLS, such as "TLSv1.3"; "" before the handshake has ended."""
        return str(self._tlsConnection.get_protocol_version_name()) if self._handshakeDone and self._tlsConnection else ""

    def loseConnection(self) -> None:
        """Close after everything has been written. A client that has had time for the handshake, and is not done, is cut off.

        A client that is refused as soon as it connects has not had that time: it may finish the handshake and read why, unless
        this is called a second time.
        """
        if not self._handshakeDone and (self._started or self.disconnecting):
            self.abortConnection()
        elif self.disconnecting:
            self.transport.loseConnection()  # the second call comes after a time in which the client could have answered
        else:
            super().loseConnection()

    def _checkHandshakeStatus(self) -> None:
        """Continue the handshake, and count it when it is finished."""
        super()._checkHandshakeStatus()
        self.factory.counts.handshakes += self._handshakeDone

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The connection has ended; one without a finished handshake is counted."""
        self.factory.counts.failed_handshakes += not self._handshakeDone
        super().connectionLost(reason)

    def readConnectionLost(self) -> None:
        """The client closed without close_notify: the end of its data may have been cut off, so it is not processed."""
        self._reason = Failure(ConnectionLost())
        self.abortConnection()

    def writeConnectionLost(self) -> None:
        """Everything, close_notify included, has been given to the kernel."""
        self.wrappedProtocol.writeConnectionLost()

    def _shutdownTLS(self) -> None:
        """Send close_notify, as the first or as the answer. A client that sent its own first may still read what waits."""
        if not self.disconnecting and self._tlsConnection.get_shutdown() & SSL.RECEIVED_SHUTDOWN:
            self.wrappedProtocol.readConnectionLost()
        super()._shutdownTLS()
        if self.transport.connected:  # a client's close_notify that answers ours closes everything at once
            self.transport.loseWriteConnection()

    def _flushSendBIO(self) -> None:
        """Write encrypted data, unless the connection has ended meanwhile."""
        if self._tlsConnection is not None:
            super()._flushSendBIO()

    def certificate(self) -> x509.Certificate | None:
        """The client's certificate, if it had to show one."""
        found: x509.Certificate | None = self._tlsConnection.get_peer_certificate(as_cryptography=True)
        return found


class TLSFactory(TLSMemoryBIOFactory):
    """Wraps another factory, whose connections get TLS from the first byte on."""

    protocol = TLSTransport

    def __init__(self, contexts: Contexts, factory: IProtocolFactory, clock: IReactorTime, counts: Counts) -> None:
        super().__init__(contexts, False, factory, clock)
        self.counts = counts

    def buildProtocol(self, addr: IAddress | None) -> TLSTransport | None:  # type: ignore[override]  # None closes it
        """A connection with TLS; None if the wrapped factory refuses it."""
        connection = self.wrappedFactory.buildProtocol(addr)
        return None if connection is None else self.protocol(self, connection)

    def registerProtocol(self, p: IProtocol) -> None:
        """Declare the transport as TCP, but without half-close, before the protocol above asks for that."""
        super().registerProtocol(p)
        directlyProvides(p, ITCPTransport, IPushProducer)


def make_context(files: TLSFiles) -> tuple[SSL.Context, list[x509.Certificate]]:
    """An OpenSSL context with these files, and the certificates in them; raises `FileError`."""
    key, chain = read_key(files.key), read_certificates(files.cert)
    context = _strict_context()
    _use(files.cert, lambda: context.use_certificate(chain[0]))
    for certificate in chain[1:]:
        context.add_extra_chain_cert(certificate)
    if key.public_key() != chain[0].public_key():
        raise FileError(f"{files.key} does not match the certificate in {files.cert}: give a matching pair.")
    _use(files.key, lambda: context.use_privatekey(key))  # type: ignore[arg-type]  # OpenSSL refuses other types
    if files.client_ca is not None:
        _require_certificate(context, files.client_ca)
    return context, chain


def tls_version(transport: object) -> str:
    """The version of TLS of a transport, such as "TLSv1.3"; "" without TLS or before the handshake has ended."""
    return transport.version if isinstance(transport, TLSTransport) else ""


def client_name(transport: object) -> str | None:
    """The name in the client's certificate, if it had to show one: the common name, else the first alternative name."""
    certificate = transport.certificate() if isinstance(transport, TLSTransport) else None
    return None if certificate is None else _name_in(certificate)


def _name_in(certificate: x509.Certificate) -> str:
    for attribute in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME):
        return str(attribute.value)
    try:
        others = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return next((other.value for other in others if isinstance(other.value, str)), "")


def _strict_context() -> SSL.Context:
    context = SSL.Context(SSL.TLS_SERVER_METHOD)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    context.set_cipher_list(CIPHERS)
    context.set_options(OPTIONS)
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # most connections are idle most of the time
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(b"lanchat")
    return context


def _require_certificate(context: SSL.Context, authority: Path) -> None:
    """Accept only clients with a certificate of this authority."""
    store = context.get_cert_store()
    for certificate in read_certificates(authority):
        if store is not None:
            store.add_cert(X509.from_cryptography(certificate))
        context.add_client_ca(certificate)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)


def _use(path: Path, fill: Callable[[], object]) -> None:
    try:
        fill()
    except SSL.Error as error:
        reason = error.args[0][0][2] if error.args and error.args[0] else "OpenSSL does not say why"
        raise FileError(f"{path} can't be used: {reason}.") from None


def _stamp(path: Path) -> object:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
