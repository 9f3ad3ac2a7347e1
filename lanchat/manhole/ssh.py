"""Door: the connections of the manhole. SSH with modern algorithms alone, and a bound to all that comes before the login."""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from twisted.conch.manhole_ssh import ConchFactory
from twisted.conch.ssh.common import NS, getNS
from twisted.conch.ssh.connection import MSG_CHANNEL_OPEN_FAILURE, OPEN_ADMINISTRATIVELY_PROHIBITED, SSHConnection
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import DISCONNECT_BY_APPLICATION, SSHServerTransport
from twisted.cred.portal import Portal
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, ITCPTransport
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.core.router import Router
from lanchat.manhole.commands import Verbs
from lanchat.manhole.idle import IDLE_SECONDS, Idle
from lanchat.manhole.keys import Entry, Listed, fingerprint
from lanchat.manhole.login import SIGNATURES, Checker, Realm, UserAuth
from lanchat.manhole.operator import Operator, quiet
from lanchat.manhole.shell import Shell
from lanchat.net import sockets
from lanchat.protocol.interfaces import DelayedCall
from lanchat.service.service import ChatService

#: Seconds to log in, from the first moment on, and until a connection that is closed is aborted.
LOGIN_SECONDS, GRACE_SECONDS = 30.0, 0.5
#: Bytes of a packet that a stranger may send: as many as everybody must take (RFC 4253, 6.1), where conch takes a megabyte.
MAX_STRANGERS_PACKET = 35000
#: Connections at a time, logged in or not; operators among them; and channels of a connection.
MAX_CONNECTIONS, MAX_OPERATORS, MAX_CHANNELS = 8, 4, 8

#: What Twisted has without SHA-1; group exchange needs a file of primes, which we don't have.
KEY_EXCHANGES = [
    name for name in SSHServerTransport.supportedKeyExchanges if not name.endswith(b"-sha1") and b"group-exchange" not in name
]

_log = Logger("lanchat.manhole.door")


class Channels(SSHConnection):
    """What an operator may open: sessions, a few of them. No port, no agent, no file transfer."""

    _log = quiet
    transport: Transport

    def ssh_CHANNEL_OPEN(self, packet: bytes) -> None:
        """Refuse here what conch would refuse with a traceback in the log."""
        kind, rest = getNS(packet)
        if kind == b"session" and len(self.channels) < MAX_CHANNELS:
            super().ssh_CHANNEL_OPEN(packet)
        else:
            refusal = rest[:4] + struct.pack(">L", OPEN_ADMINISTRATIVELY_PROHIBITED) + NS(b"not here") + NS(b"")
            self.transport.sendPacket(MSG_CHANNEL_OPEN_FAILURE, refusal)


class Transport(SSHServerTransport):
    """One connection, with what it may negotiate. Conch would still offer CBC, 3DES, MD5, SHA-1, and zlib to strangers."""

    _log = quiet
    factory: ManholeFactory
    transport: Any
    service: Any
    avatar: Any
    _idle: Idle | None = None

    def __init__(self, host_signatures: list[bytes]) -> None:
        self.supportedPublicKeys = host_signatures
        self.supportedKeyExchanges = KEY_EXCHANGES
        self.supportedCiphers = [b"aes256-ctr", b"aes128-ctr"]
        self.supportedMACs = [b"hmac-sha2-512", b"hmac-sha2-256"]
        self.supportedCompressions = [b"none"]

    def connectionMade(self) -> None:
        """The clock for the login starts."""
        self.factory.connections.add(self)
        self.address = sockets.address_of(self.transport.getPeer())
        self._closing = False
        #: Whether more was written than the network takes for now.
        self.behind = False
        self.transport.registerProducer(self, True)
        self._deadline: DelayedCall = self.factory.clock.callLater(LOGIN_SECONDS, self._too_slow)
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpKeepAlive(True)  # a prompt may wait for days, but not for a machine that is gone
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """What is no SSH costs this connection, and nothing else."""
        if self._closing:
            return
        try:
            super().dataReceived(data)
        except Exception as error:  # noqa: BLE001 (conch raises whatever the bytes lead it to)
            self._fail(error)
        else:
            if len(self.buf) > MAX_STRANGERS_PACKET and not hasattr(self, "avatar"):
                self._fail(OverflowError())

    def getPacket(self) -> bytes | None:
        """The next packet; none once we close, whatever has still come."""
        return None if self._closing else super().getPacket()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Gone: an operator is logged out."""
        self._closing = True
        self._let_be()
        self.factory.connections.discard(self)
        super().connectionLost(reason)
        self.factory.check_drained()

    def logged_in(self, operator: Operator) -> None:
        """The deadline is met; from now on it is keys that are waited for."""
        self._deadline.cancel()
        self._idle = Idle(self.factory.clock, self)
        operator.typed = self._idle.typed

    def is_operator(self) -> bool:
        """Whether somebody has logged in here, and stays."""
        return hasattr(self, "avatar") and not self._closing

    def is_busy(self) -> bool:
        """Whether something is done for the operator in one of the channels."""
        return any(shell.is_busy() for shell in self._shells())

    def warn(self, text: str) -> None:
        """Tell the operator, at each prompt."""
        for shell in self._shells():
            shell.warn(text)

    def close_idle(self) -> None:
        """Nobody has typed for too long."""
        self.avatar.audit("is logged out: nothing was typed")
        self.sendDisconnect(DISCONNECT_BY_APPLICATION, b"nothing was typed for %d minutes" % (IDLE_SECONDS // 60))

    def pauseProducing(self) -> None:
        """The network has enough for now."""
        self.behind = True

    def resumeProducing(self) -> None:
        """The network has taken it."""
        self.behind = False

    def stopProducing(self) -> None:
        """Nothing more can be written."""
        self.behind = True

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Close, the one way there is: a client that does not read can't put it off."""
        if not self._closing:
            self.transport.unregisterProducer()  # what is left to write shall not wait for us
            super().sendDisconnect(reason, desc)
            self._closing = True
            self._let_be()
            self._deadline = self.factory.clock.callLater(GRACE_SECONDS, self.transport.abortConnection)

    def sendExtInfo(self, extensions: object) -> None:
        """Say which signatures may be used to log in; conch would name those of our own keys."""
        super().sendExtInfo([(b"server-sig-algs", b",".join(SIGNATURES))])

    def receiveError(self, reason: int, description: bytes) -> None:
        """The client says goodbye, which conch would log as an error."""

    def _shells(self) -> Iterable[Shell]:
        return tuple(self.service.channels.values()) if isinstance(self.service, Channels) else ()

    def _let_be(self) -> None:
        """Wait for nothing any more."""
        if self._deadline.active():
            self._deadline.cancel()
        if self._idle is not None:
            self._idle.stop()

    def _fail(self, error: Exception) -> None:
        if hasattr(self, "avatar"):
            _log.failure("manhole: a connection from {ip} failed", failure=Failure(error), ip=self.address)
        else:
            _log.warn("manhole: {ip} does not speak SSH ({kind})", ip=self.address, kind=type(error).__name__)
        self._closing = True
        self.transport.abortConnection()

    def _too_slow(self) -> None:
        _log.warn("manhole: {ip} did not log in within {seconds:.0f} seconds", ip=self.address, seconds=LOGIN_SECONDS)
        self.transport.abortConnection()


class ManholeFactory(ConchFactory):
    """Makes the connections, of all ports of the manhole."""

    noisy = False

    def __init__(self, service: ChatService, router: Router, listed: Iterable[Entry], host: Iterable[Key]) -> None:
        """`listed` are the keys that may enter, `host` is the server's own private keys."""
        self.clock = router.chat.clock
        self._listed = Listed(listed)
        super().__init__(Portal(Realm(Verbs(service, router).names, self.clock, {b"session": Shell}), [Checker(self._listed)]))
        self._host = tuple(host)
        self.privateKeys: dict[bytes, Any] = {key.sshType(): key for key in self._host}
        self.publicKeys: dict[bytes, Any] = {key.sshType(): key.public() for key in self._host}
        self.primes = None
        self.services = {b"ssh-userauth": UserAuth, b"ssh-connection": Channels}
        #: All that are open, logged in or not.
        self.connections: set[Transport] = set()
        self._drained: Deferred[None] | None = None

    def startFactory(self) -> None:
        """Say which keys clients will see."""
        super().startFactory()
        for key in self._host:
            _log.info(
                "manhole: host key {size} {fingerprint} ({kind})",
                size=key.size(),
                fingerprint=fingerprint(key),
                kind={"EC": "ECDSA"}.get(key.type(), key.type().upper()),
            )

    def buildProtocol(self, addr: IAddress | None) -> Transport | None:  # type: ignore[override]  # None closes, as in Factory
        """A connection for a new client; None when there are too many, which closes it."""
        if len(self.connections) >= MAX_CONNECTIONS:
            _log.warn("manhole: refused {ip}: there are {n} connections", ip=getattr(addr, "host", ""), n=len(self.connections))
            return None
        # Not as SSHFactory makes it, which offers ssh-rsa (SHA-1), and logs at each connection that there are no primes.
        kinds = [kind for key in self._host for kind in key.supportedSignatureAlgorithms()]
        transport = Transport([kind for kind in kinds if kind in SIGNATURES])
        transport.factory = self
        return transport

    def no_room(self) -> str | None:
        """Why no other operator can be let in, if that is so."""
        if sum(connection.is_operator() for connection in self.connections) < MAX_OPERATORS:
            return None
        return f"there are {MAX_OPERATORS} operators already; one who types nothing is logged out after a while"

    def getService(self, transport: Transport, service: bytes) -> Any:
        """The login once, and then the connection; None refuses. A second login would begin to count attempts anew."""
        if service == b"ssh-userauth" and transport.service is not None:
            return None
        return super().getService(transport, service) if service in self.services else None

    def entry(self, key: str) -> Entry | None:
        """The line of the list with the key of this fingerprint."""
        return next((entry for entry in self._listed.entries if fingerprint(entry.key) == key), None)

    def list_keys(self, listed: Iterable[Entry]) -> list[str]:
        """Let in these keys from now on; what is different now, a line for each key.

        Whoever is in with a key that may not enter any more, or whose line restricts it in another way, is closed.
        """
        before = {fingerprint(entry.key): entry for entry in self._listed.entries}
        self._listed.entries = tuple(listed)
        now = {fingerprint(entry.key): entry for entry in self._listed.entries}
        new, gone = sorted(now.keys() - before.keys()), sorted(before.keys() - now.keys())
        changed = sorted(key for key in now.keys() & before.keys() if now[key] != before[key])
        lines = [f"manhole: {key} may enter" for key in new]
        for key in gone:
            closed = self._close(key, b"this key may not enter any more")
            lines.append(f"manhole: {key} may not enter any more{closed}")
        for key in changed:
            closed = self._close(key, b"the line of this key was changed")
            lines.append(f"manhole: the line of {key} restricts it in another way{closed}")
        return lines

    def _close(self, key: str, why: bytes) -> str:
        """End the connections of one key, and say why; how many there were, in words, if any."""
        theirs = [each for each in self.connections if each.is_operator() and each.avatar.key == key]
        for connection in theirs:
            connection.sendDisconnect(DISCONNECT_BY_APPLICATION, why)
        return f"; connections closed: {len(theirs)}" if theirs else ""

    async def drain(self) -> None:
        """Close every connection, and wait until they are gone, which is half a second at most."""
        if not self.connections:
            return
        if self._drained is None:  # each port of the manhole asks
            self._drained = Deferred()
        for connection in tuple(self.connections):
            connection.sendDisconnect(DISCONNECT_BY_APPLICATION, b"the server is shutting down")
        await self._drained

    def check_drained(self) -> None:
        """A connection is gone: perhaps it was the last that `drain` waits for."""
        if self._drained is not None and not self.connections and not self._drained.called:
            self._drained.callback(None)
