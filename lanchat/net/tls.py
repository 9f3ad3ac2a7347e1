"""TLS: what clients may agree on with the server, made anew when its files change; and the transport under a connection.

It never decides who may chat: it only says whom a client's certificate names.
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
    IReactorTime,
    ITCPTransport,
    ITransport,
)
from twisted.internet.protocol import connectionDone
from twisted.logger import Logger
from twisted.protocols.tls import TLSMemoryBIOFactory, TLSMemoryBIOProtocol
from twisted.python.failure import Failure
from zope.interface import directlyProvides, implementer

from lanchat.net.certificates import Own, fingerprint, now, read_certificates, read_key
from lanchat.net.tls_records import READ_SIZE, TLSRecords
from lanchat.protocol.counts import Counts
from lanchat.system.private_files import FileError

#: For TLS 1.2: a key of its own for each connection, and authenticated encryption. TLS 1.3 has nothing else.
CIPHERS = b"ECDHE+AESGCM:ECDHE+CHACHA20"
OPTIONS = SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION | SSL.OP_NO_TICKET | SSL.OP_CIPHER_SERVER_PREFERENCE
#: A certificate that ends sooner than this is warned about.
WARNING = timedelta(days=14)
#: Seconds between two looks at it.
DAY = 86400.0

_log = Logger("lanchat.tls")


class Files(NamedTuple):
    """Where the certificates are."""

    key: Path
    cert: Path
    client_ca: Path | None = None

    def stamp(self) -> tuple[object, ...]:
        """Something else whenever one of the files is another."""
        return tuple(_stamp(path) for path in self if path is not None)


@implementer(IOpenSSLServerConnectionCreator)
class Contexts:
    """The context that new connections get. Those that there are keep theirs."""

    def __init__(self, files: Files, own: Own | None = None) -> None:
        """`own` is where the files come from when the server makes them itself; raises `FileError`."""
        self._chain: list[x509.Certificate] = []
        self.prepare(files, own)()

    def prepare(self, files: Files, own: Own | None = None) -> Callable[[], None]:
        """Read these files; what is returned takes them for new connections. Raises `FileError`."""
        if own is not None:
            own.renew()
        stamp, (context, chain) = files.stamp(), make_context(files)

        def take() -> None:
            self._files, self._own, self._stamp = files, own, stamp
            self._context, self._chain = context, chain
            self._tell()

        return take

    def __str__(self) -> str:
        """The certificate, for people."""
        known, ends = fingerprint(self._chain[0].public_key()), self._chain[0].not_valid_after_utc
        return f"the certificate in {self._files.cert} (key {known}, good until {ends:%Y-%m-%d})"

    def serverConnectionForTLS(self, protocol: TLSMemoryBIOProtocol) -> SSL.Connection:
        """What a new connection agrees on TLS with."""
        self.refresh()
        return SSL.Connection(self._context, None)

    def refresh(self) -> None:
        """Take the files when they changed; what can't be used is logged, and what was before stays."""
        if (stamp := self._files.stamp()) == self._stamp:
            return
        self._stamp = stamp
        try:
            self._context, self._chain = make_context(self._files)
        except FileError as refused:
            _log.error("TLS goes on with the old certificate: {refused}", refused=refused)
        else:
            self._tell()

    @property
    def ends(self) -> datetime:
        """When the certificate that new connections get ends."""
        return self._chain[0].not_valid_after_utc

    def look_after(self) -> None:
        """Once a day: our own certificate is renewed in time; of one that ends soon there is a warning."""
        try:
            if self._own is not None:
                self._own.renew()
        except FileError as refused:
            _log.error("the TLS certificate is not renewed: {refused}", refused=refused)
        self.refresh()
        if (ends := self.ends) - now() < WARNING:
            _log.warn("the TLS certificate in {path} ends at {ends}: replace it", path=self._files.cert, ends=ends)

    def _tell(self) -> None:
        known = fingerprint(self._chain[0].public_key())
        _log.info("TLS key {fingerprint}, certificate from {path}", fingerprint=known, path=self._files.cert)


@implementer(IHalfCloseableProtocol)
class Transport(TLSMemoryBIOProtocol):
    """TLS under a client's connection. Each direction ends by itself, as it does without TLS (RFC 8446, 6.1)."""

    factory: TLSFactory
    transport: Any
    wrappedProtocol: Any  # noqa: N815 (Twisted names it)
    _begun = False

    def makeConnection(self, transport: ITransport) -> None:
        """The handshake begins; before it, the connection above has been told."""
        self._records, transport.bufferSize = TLSRecords(), READ_SIZE  # type: ignore[attr-defined]  # each of Twisted's has one
        super().makeConnection(transport)
        self._begun = True

    def dataReceived(self, bytes: bytes) -> None:  # noqa: A002 (Twisted names it)
        """Decrypt. The connection above is charged for all that came from the network, whether or not it is given it."""
        cost, before = self._records.cost(bytes), self.wrappedProtocol.taken
        super().dataReceived(bytes)
        if self.wrappedProtocol is not None:  # or that was the end of the connection
            self.wrappedProtocol.networkReceived(cost + before - self.wrappedProtocol.taken)

    def getHandle(self) -> socket.socket:
        """The socket, for its options."""
        return cast("socket.socket", self.transport.getHandle())

    @property
    def version(self) -> str:
        """What was agreed on, as in "TLSv1.3"; "" before that."""
        return str(self._tlsConnection.get_protocol_version_name()) if self._handshakeDone and self._tlsConnection else ""

    def loseConnection(self) -> None:
        """Close, once all is written; who has had time to agree on TLS and did not is cut off, for that may never be.

        Who is refused at once has not had that time. It may yet read why, unless we are asked twice.
        """
        if not self._handshakeDone and (self._begun or self.disconnecting):
            self.abortConnection()
        elif self.disconnecting:
            self.transport.loseConnection()  # we are asked twice when there was time enough to answer our last word
        else:
            super().loseConnection()

    def _checkHandshakeStatus(self) -> None:
        """Go on agreeing on TLS; it is counted when that is done."""
        super()._checkHandshakeStatus()
        self.factory.counts.handshakes += self._handshakeDone

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It has ended, perhaps before there was TLS."""
        self.factory.counts.failed_handshakes += not self._handshakeDone
        super().connectionLost(reason)

    def readConnectionLost(self) -> None:
        """The far end hung up without saying that it would: what came last may have been cut, so it is not served."""
        self._reason = Failure(ConnectionLost())
        self.abortConnection()

    def writeConnectionLost(self) -> None:
        """All is handed to the system, our last word too."""
        self.wrappedProtocol.writeConnectionLost()

    def _shutdownTLS(self) -> None:
        """The last word on TLS, ours or our answer. A far end that said it first may read what it is still owed before it."""
        if not self.disconnecting and self._tlsConnection.get_shutdown() & SSL.RECEIVED_SHUTDOWN:
            self.wrappedProtocol.readConnectionLost()
        super()._shutdownTLS()
        if self.transport.connected:  # when the far end's last word was the answer to ours, all is closed there and then
            self.transport.loseWriteConnection()

    def _flushSendBIO(self) -> None:
        """Nothing is to be written when the last word has closed the connection."""
        if self._tlsConnection is not None:
            super()._flushSendBIO()

    def certificate(self) -> x509.Certificate | None:
        """The client's, if it had to show one."""
        found: x509.Certificate | None = self._tlsConnection.get_peer_certificate(as_cryptography=True)
        return found


class TLSFactory(TLSMemoryBIOFactory):
    """Puts TLS under the connections of another factory, from the first byte."""

    protocol = Transport

    def __init__(self, contexts: Contexts, factory: IProtocolFactory, clock: IReactorTime, counts: Counts) -> None:
        super().__init__(contexts, False, factory, clock)
        self.counts = counts

    def buildProtocol(self, addr: IAddress | None) -> Transport | None:  # type: ignore[override]  # None closes it
        """A connection with TLS under it; None where the factory above wants none."""
        connection = self.wrappedFactory.buildProtocol(addr)
        return None if connection is None else Transport(self, connection)

    def registerProtocol(self, p: IProtocol) -> None:
        """Say what it is before the connection asks: TCP, but (unlike what is beneath) not to be closed one way only."""
        super().registerProtocol(p)
        directlyProvides(p, ITCPTransport)


def make_context(files: Files) -> tuple[SSL.Context, list[x509.Certificate]]:
    """What the files say, for new connections, and the certificates in it; raises `FileError`."""
    key, chain = read_key(files.key), read_certificates(files.cert)
    context = _strict_context()
    _filled(files.cert, lambda: context.use_certificate(chain[0]))
    for certificate in chain[1:]:
        context.add_extra_chain_cert(certificate)
    if key.public_key() != chain[0].public_key():
        raise FileError(f"{files.key} is not the key of the certificate in {files.cert}: give the two that belong together.")
    _filled(files.key, lambda: context.use_privatekey(key))  # type: ignore[arg-type]  # of other types it refuses
    if files.client_ca is not None:
        _demand(context, files.client_ca)
    return context, chain


def version_of(transport: object) -> str:
    """The version of TLS that was agreed on, as in "TLSv1.3"; "" where there is none yet."""
    return transport.version if isinstance(transport, Transport) else ""


def name_of(transport: object) -> str | None:
    """Whom the client's certificate names, if it had to show one: the common name, else the first of the other names."""
    certificate = transport.certificate() if isinstance(transport, Transport) else None
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
    context.set_mode(SSL.MODE_RELEASE_BUFFERS)  # most connections are silent most of the time
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    context.set_session_id(b"lanchat")
    return context


def _demand(context: SSL.Context, authority: Path) -> None:
    """Let in only who has a certificate of this authority."""
    store = context.get_cert_store()
    for certificate in read_certificates(authority):
        if store is not None:
            store.add_cert(X509.from_cryptography(certificate))
        context.add_client_ca(certificate)
    context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)


def _filled(path: Path, fill: Callable[[], object]) -> None:
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
