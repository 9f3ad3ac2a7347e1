"""Login: who gets in. A key that is listed is all that counts; what name it comes with is a label, and there is no password."""

from __future__ import annotations

from typing import Any, Protocol

from twisted.conch.checkers import SSHPublicKeyChecker
from twisted.conch.error import IgnoreAuthentication
from twisted.conch.interfaces import IConchUser
from twisted.conch.ssh.common import getNS
from twisted.conch.ssh.keys import Key
from twisted.conch.ssh.transport import DISCONNECT_TOO_MANY_CONNECTIONS
from twisted.conch.ssh.userauth import SSHUserAuthServer
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred, fail
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

from lanchat.manhole.keys import Entry, Listed, fingerprint
from lanchat.manhole.operator import Channels, Names, Operator, quiet
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.packet import visible

#: Keys (or other ways in) that a client may try.
MAX_ATTEMPTS = 3
#: Characters of a user's name in the log.
MAX_LABEL = 40

#: The signatures that are made and taken: none with SHA-1.
SIGNATURES = [
    b"ssh-ed25519",
    b"sk-ssh-ed25519@openssh.com",
    b"ecdsa-sha2-nistp256",
    b"ecdsa-sha2-nistp384",
    b"ecdsa-sha2-nistp521",
    b"sk-ecdsa-sha2-nistp256@openssh.com",
    b"rsa-sha2-512",
    b"rsa-sha2-256",
]
#: Flags of a signature by a key in hardware: somebody touched it, and showed who they are (PROTOCOL.u2f of OpenSSH).
TOUCHED, VERIFIED = 0x01, 0x04
_log = Logger()


@implementer(IRealm)
class Realm:
    """Makes operators of those whom the checker knows."""

    def __init__(self, names: Names, clock: Clock, channels: Channels) -> None:
        self._names = names
        self._clock = clock
        self._channels = channels

    def requestAvatar(self, avatar_id: Any, mind: object, *interfaces: object) -> Any:
        """An operator; the id is the fingerprint of the key, whatever the name."""
        if IConchUser not in interfaces:
            raise NotImplementedError("an operator comes over SSH")
        operator = Operator(avatar_id, self._names, self._clock, self._channels)
        return IConchUser, operator, operator.left


class Checker(SSHPublicKeyChecker):
    """Knows the listed keys. One that isn't listed is refused before it is asked to sign anything."""

    def __init__(self, listed: Listed) -> None:
        super().__init__(listed)
        self._listed = listed

    def requestAvatarId(self, credentials: Any) -> Deferred[str]:
        """The fingerprint of the key that signed; fails with `UnauthorizedLogin`."""
        entry = self._listed.find(credentials.blob)
        if entry is None:
            return fail(UnauthorizedLogin("this key is not listed"))
        signature = getNS(credentials.signature)[0] if credentials.signature else credentials.algName
        if signature not in SIGNATURES:
            return fail(UnauthorizedLogin("signatures with SHA-1 are not taken"))
        if credentials.signature and entry.key.isSecurityKey():
            flags = getNS(credentials.signature, 2)[2][:1] or b"\0"
            if (entry.touched and not flags[0] & TOUCHED) or (entry.verified and not flags[0] & VERIFIED):
                return fail(UnauthorizedLogin("the security key says that nobody touched it, or showed who they are"))
        checked: Deferred[bytes] = super().requestAvatarId(credentials)
        return checked.addCallback(lambda _: fingerprint(entry.key))


class Factory(Protocol):
    """What a login asks of the factory of its connection."""

    clock: Clock

    def no_room(self) -> str | None:
        """Why no other operator can be let in; None if one can."""

    def entry(self, key: str) -> Entry | None:
        """The line of the list with the key of this fingerprint."""


class Transport(Protocol):
    """What a login asks of its connection (`lanchat.manhole.ssh.Transport`)."""

    address: str

    @property
    def factory(self) -> Factory:
        """The factory of the connection."""

    def logged_in(self, operator: Operator) -> None:
        """An operator has logged in over this connection."""

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Close the connection, and tell the client why (RFC 4253, 11.1)."""


class UserAuth(SSHUserAuthServer):
    """The login."""

    _log = quiet  # conch uses what the client sent as a format string here
    clock: Any  # a Clock is enough
    transport: Transport  # type: ignore[assignment]  # no more of it than is asked for here

    def serviceStarted(self) -> None:
        """Time is the factory's, and the transport's own limit comes first."""
        self.clock = self.transport.factory.clock
        self.attemptsBeforeDisconnect = MAX_ATTEMPTS - 1  # it disconnects when there are more
        super().serviceStarted()

    def tryAuth(self, kind: bytes, user: bytes, data: bytes) -> Any:
        """Try one way in, and log how that went."""
        label = visible(user.decode("utf-8", "replace"), MAX_LABEL)
        return (
            super()
            .tryAuth(kind, user, data)
            .addCallbacks(self._arrived, self._refused, callbackArgs=(label,), errbackArgs=(label, kind, data))
        )

    def _arrived(self, avatar: tuple[object, Operator, object], label: str) -> Any:
        if (why := self.transport.factory.no_room()) is not None:
            _log.warn("manhole: {key} from {ip} is one too many", key=avatar[1].key, ip=self.transport.address, audit=True)
            self.transport.sendDisconnect(DISCONNECT_TOO_MANY_CONNECTIONS, why.encode())
            raise UnauthorizedLogin(why)
        entry = self.transport.factory.entry(avatar[1].key)
        if entry is None or not entry.allows(self.transport.address):
            key, ip = avatar[1].key, self.transport.address
            _log.warn("manhole: {key} may not come from {ip}, as {label} did", key=key, ip=ip, label=label, audit=True)
            raise UnauthorizedLogin("this key may not come from there")
        avatar[1].terminal = entry.terminal
        self.transport.logged_in(avatar[1])
        avatar[1].arrived(self.transport.address, label)
        return avatar

    def _refused(self, why: Failure, label: str, kind: bytes, data: bytes) -> Failure:
        # A client asks for "none" to learn what there is, and first asks whether a key may be tried at all.
        if kind != b"none" and not why.check(IgnoreAuthentication):
            way = _offered(data) if kind == b"publickey" else visible(kind.decode("utf-8", "replace"), MAX_LABEL)
            text = visible(why.getErrorMessage(), 100)
            _log.warn(
                "manhole: refused {way} from {ip} as {label}: {why}", way=way, ip=self.transport.address, label=label, why=text
            )
        return why


def _offered(data: bytes) -> str:
    """The fingerprint of the key that a client offers, as far as it is one."""
    try:
        return fingerprint(Key.fromString(getNS(data[1:], 2)[1], type="blob"))
    except Exception:  # noqa: BLE001 (conch raises whatever the bytes lead it to)
        return "a key that can't be read"
