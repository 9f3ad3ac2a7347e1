"""The SSH connections of the manhole, with modern algorithms only, and limits before the login."""

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
from lanchat.manhole.commands import Commands
from lanchat.manhole.idle import IDLE_SECONDS, IdleTimer
from lanchat.manhole.keys import AuthorizedKey, AuthorizedKeys, fingerprint
from lanchat.manhole.login import SIGNATURES, Checker, Realm, UserAuth
from lanchat.manhole.operator import Operator, conch_log
from lanchat.manhole.shell import Shell
from lanchat.net import sockets
from lanchat.protocol.interfaces import DelayedCall
from lanchat.service.service import ChatService

#: Seconds for the login, from the start of the connection, and until a closed connection is aborted.
LOGIN_SECONDS, GRACE_SECONDS = 30.0, 0.5
#: Bytes of a packet before the login: as many as everyone must accept (RFC 4253, 6.1); conch would take a megabyte.
MAX_LOGIN_PACKET = 35000
#: Connections at a time, logged in or not; operators among them; and channels of one connection.
MAX_CONNECTIONS, MAX_OPERATORS, MAX_CHANNELS = 8, 4, 8

#: The key exchanges of Twisted without SHA-1. Group exchange needs a file of primes, which we don't have.
KEY_EXCHANGES = [
    name for name in SSHServerTransport.supportedKeyExchanges if not name.endswith(b"-sha1") and b"group-exchange" not in name
]

_log = Logger("lanchat.manhole.door")


class SessionChannels(SSHConnection):
    """The channels that an operator may open: a few sessions; no port forwarding, agent or file transfer."""

    _log = conch_log
    transport: Transport

    def ssh_CHANNEL_OPEN(self, packet: bytes) -> None:
        """Refuse other channels here, as conch would do it with a traceback in the log."""
        kind, rest = getNS(packet)
        if kind == b"session" and len(self.channels) < MAX_CHANNELS:
            super().ssh_CHANNEL_OPEN(packet)
        else:
            refusal = rest[:4] + struct.pack(">L", OPEN_ADMINISTRATIVELY_PROHIBITED) + NS(b"not here") + NS(b"")
            self.transport.sendPacket(MSG_CHANNEL_OPEN_FAILURE, refusal)


class Transport(SSHServerTransport):
    """One connection and its algorithms. Conch would offer CBC, 3DES, MD5, SHA-1, and zlib before the login."""

    _log = conch_log
    factory: ManholeFactory
    transport: Any
    service: Any
    avatar: Any
    _idle_timer: IdleTimer | None = None

    def __init__(self, host_signatures: list[bytes]) -> None:
        self.supportedPublicKeys = host_signatures
        self.supportedKeyExchanges = KEY_EXCHANGES
        self.supportedCiphers = [b"aes256-ctr", b"aes128-ctr"]
        self.supportedMACs = [b"hmac-sha2-512", b"hmac-sha2-256"]
        self.supportedCompressions = [b"none"]

    def connectionMade(self) -> None:
        """Start the time limit for the login."""
        self.factory.connections.add(self)
        self.address = sockets.address_of(self.transport.getPeer())
        self._closing = False
        #: Whether more was written than the network takes for now.
        self.behind = False
        self.transport.registerProducer(self, True)
        self._deadline: DelayedCall = self.factory.clock.callLater(LOGIN_SECONDS, self._login_timed_out)
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpKeepAlive(True)  # a prompt may wait for days, but not for a machine that is gone
        super().connectionMade()

    def dataReceived(self, data: bytes) -> None:
        """Handle bytes. Invalid SSH closes this connection, and has no other effect."""
        if self._closing:
            return
        try:
            super().dataReceived(data)
        except Exception as error:  # noqa: BLE001 (conch raises errors of any kind for bad bytes)
            self._fail(error)
        else:
            if len(self.buf) > MAX_LOGIN_PACKET and not hasattr(self, "avatar"):
                self._fail(OverflowError())

    def getPacket(self) -> bytes | None:
        """The next packet; None once we are closing, whatever has still come."""
        return None if self._closing else super().getPacket()

    def connectionLost(self, reason: Failure | None = None) -> None:
        """Note that the connection has ended, which logs the operator out."""
        self._closing = True
        self._stop_timers()
        self.factory.connections.discard(self)
        super().connectionLost(reason)
        self.factory.check_drained()

    def logged_in(self, operator: Operator) -> None:
        """Stop the time limit for the login, and start the idle timer."""
        self._deadline.cancel()
        self._idle_timer = IdleTimer(self.factory.clock, self)
        operator.key_pressed = self._idle_timer.key_pressed

    def is_operator(self) -> bool:
        """Whether an operator is logged in here, and not being disconnected."""
        return hasattr(self, "avatar") and not self._closing

    def is_busy(self) -> bool:
        """Whether one of the channels works for the operator."""
        return any(shell.is_busy() for shell in self._shells())

    def warn(self, text: str) -> None:
        """Show a text at each prompt."""
        for shell in self._shells():
            shell.warn(text)

    def close_idle(self) -> None:
        """Close the connection, as nothing was typed."""
        self.avatar.audit("is logged out: nothing was typed")
        self.sendDisconnect(DISCONNECT_BY_APPLICATION, b"nothing was typed for %d minutes" % (IDLE_SECONDS // 60))

    def pauseProducing(self) -> None:
        """Note that the network takes no more for now."""
        self.behind = True

    def resumeProducing(self) -> None:
        """Note that the network has taken everything."""
        self.behind = False

    def stopProducing(self) -> None:
        """Note that nothing more can be written."""
        self.behind = True

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Close the connection. A client that does not read can't delay it longer than `GRACE_SECONDS`."""
        if not self._closing:
            self.transport.unregisterProducer()  # the transport would wait for a producer before it closes
            super().sendDisconnect(reason, desc)
            self._closing = True
            self._stop_timers()
            self._deadline = self.factory.clock.callLater(GRACE_SECONDS, self.transport.abortConnection)

    def sendExtInfo(self, extensions: object) -> None:
        """Announce the signature algorithms for the login (RFC 8308); conch would announce those of our own keys."""
        super().sendExtInfo([(b"server-sig-algs", b",".join(SIGNATURES))])

    def receiveError(self, reason: int, description: bytes) -> None:
        """Ignore the client's goodbye, which conch would log as an error."""

    def _shells(self) -> Iterable[Shell]:
        return tuple(self.service.channels.values()) if isinstance(self.service, SessionChannels) else ()

    def _stop_timers(self) -> None:
        """Stop the time limit for the login and the idle timer."""
        if self._deadline.active():
            self._deadline.cancel()
        if self._idle_timer is not None:
            self._idle_timer.stop()

    def _fail(self, error: Exception) -> None:
        if hasattr(self, "avatar"):
            _log.failure("manhole: a connection from {ip} failed", failure=Failure(error), ip=self.address)
        else:
            _log.warn("manhole: {ip} does not speak SSH ({kind})", ip=self.address, kind=type(error).__name__)
        self._closing = True
        self.transport.abortConnection()

    def _login_timed_out(self) -> None:
        _log.warn("manhole: {ip} did not log in within {seconds:.0f} seconds", ip=self.address, seconds=LOGIN_SECONDS)
        self.transport.abortConnection()


class ManholeFactory(ConchFactory):
    """Makes the connections of all ports of the manhole."""

    noisy = False

    def __init__(
        self, service: ChatService, router: Router, authorized: Iterable[AuthorizedKey], host_keys: Iterable[Key]
    ) -> None:
        """`authorized` are the keys that may log in, `host_keys` the server's own private keys."""
        self.clock = router.chat.clock
        self._authorized = AuthorizedKeys(authorized)
        super().__init__(
            Portal(Realm(Commands(service, router).names, self.clock, {b"session": Shell}), [Checker(self._authorized)])
        )
        self._host_keys = tuple(host_keys)
        self.privateKeys: dict[bytes, Any] = {key.sshType(): key for key in self._host_keys}
        self.publicKeys: dict[bytes, Any] = {key.sshType(): key.public() for key in self._host_keys}
        self.primes = None
        self.services = {b"ssh-userauth": UserAuth, b"ssh-connection": SessionChannels}
        #: All open connections, logged in or not.
        self.connections: set[Transport] = set()
        self._drained: Deferred[None] | None = None

    def startFactory(self) -> None:
        """Log the fingerprints of the host keys, which clients will see."""
        super().startFactory()
        for key in self._host_keys:
            _log.info(
                "manhole: host key {size} {fingerprint} ({kind})",
                size=key.size(),
                fingerprint=fingerprint(key),
                kind={"EC": "ECDSA"}.get(key.type(), key.type().upper()),
            )

    def buildProtocol(self, addr: IAddress | None) -> Transport | None:  # type: ignore[override]  # None closes, as in Factory
        """Make a connection; None, which closes it, if there are too many."""
        if len(self.connections) >= MAX_CONNECTIONS:
            _log.warn("manhole: refused {ip}: there are {n} connections", ip=getattr(addr, "host", ""), n=len(self.connections))
            return None
        # Unlike SSHFactory, which offers ssh-rsa (SHA-1), and logs for each connection that there are no primes.
        kinds = [kind for key in self._host_keys for kind in key.supportedSignatureAlgorithms()]
        transport = Transport([kind for kind in kinds if kind in SIGNATURES])
        transport.factory = self
        return transport

    def full_reason(self) -> str | None:
        """Why no other operator can log in now; None if one can."""
        if sum(connection.is_operator() for connection in self.connections) < MAX_OPERATORS:
            return None
        return f"{MAX_OPERATORS} operators are already logged in; idle ones are logged out after a while"

    def getService(self, transport: Transport, service: bytes) -> Any:
        """The login service once, then the connection service; None refuses. A second login would reset the count of tries."""
        if service == b"ssh-userauth" and transport.service is not None:
            return None
        return super().getService(transport, service) if service in self.services else None

    def entry(self, key: str) -> AuthorizedKey | None:
        """The listed key with this fingerprint; None if there is none."""
        return next((entry for entry in self._authorized.entries if fingerprint(entry.key) == key), None)

    def replace_keys(self, authorized: Iterable[AuthorizedKey]) -> list[str]:
        """Use these keys from now on; returns a line for each change.

        Operators whose key was removed, or whose line has other restrictions now, are disconnected.
        """
        before = {fingerprint(entry.key): entry for entry in self._authorized.entries}
        self._authorized.entries = tuple(authorized)
        now = {fingerprint(entry.key): entry for entry in self._authorized.entries}
        new, gone = sorted(now.keys() - before.keys()), sorted(before.keys() - now.keys())
        changed = sorted(key for key in now.keys() & before.keys() if now[key] != before[key])
        lines = [f"manhole: {key} may enter" for key in new]
        for key in gone:
            closed = self._close_connections(key, b"this key may no longer log in")
            lines.append(f"manhole: {key} may not enter any more{closed}")
        for key in changed:
            closed = self._close_connections(key, b"the line of this key was changed")
            lines.append(f"manhole: the line of {key} restricts it in another way{closed}")
        return lines

    def _close_connections(self, key: str, why: bytes) -> str:
        """Close the connections with one key, for this reason; returns how many there were, in words, or ""."""
        theirs = [each for each in self.connections if each.is_operator() and each.avatar.key == key]
        for connection in theirs:
            connection.sendDisconnect(DISCONNECT_BY_APPLICATION, why)
        return f"; connections closed: {len(theirs)}" if theirs else ""

    async def drain(self) -> None:
        """Close every connection, and wait until they have ended, which takes `GRACE_SECONDS` at most."""
        if not self.connections:
            return
        if self._drained is None:  # each port of the manhole calls this
            self._drained = Deferred()
        for connection in tuple(self.connections):
            connection.sendDisconnect(DISCONNECT_BY_APPLICATION, b"the server is shutting down")
        await self._drained

    def check_drained(self) -> None:
        """Let `drain` finish if the last connection has ended."""
        if self._drained is not None and not self.connections and not self._drained.called:
            self._drained.callback(None)
