"""The login to the manhole. Only a listed key counts: the user name is a label, and there are no passwords."""

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

from lanchat.manhole.keys import AuthorizedKey, AuthorizedKeys, fingerprint
from lanchat.manhole.operator import ChannelTypes, MakeNames, Operator, conch_log
from lanchat.protocol.interfaces import Clock
from lanchat.protocol.packet import visible

#: Keys (or other methods) that a client may try.
MAX_ATTEMPTS = 3
#: Characters of the user name in the log.
MAX_LABEL = 40

#: The signature algorithms, for clients and for the server; none uses SHA-1.
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
#: Flags in a signature of a hardware key: it was touched, and the user was verified (PROTOCOL.u2f of OpenSSH).
TOUCHED, VERIFIED = 0x01, 0x04
_log = Logger("lanchat.manhole.login")


@implementer(IRealm)
class Realm:
    """Makes an `Operator` for each login."""

    def __init__(self, names: MakeNames, clock: Clock, channels: ChannelTypes) -> None:
        self._names = names
        self._clock = clock
        self._channels = channels

    def requestAvatar(self, avatar_id: Any, mind: object, *interfaces: object) -> Any:
        """Make an operator; the avatar id is the fingerprint of the key, whatever the user name."""
        if IConchUser not in interfaces:
            raise NotImplementedError("an operator comes over SSH")
        operator = Operator(avatar_id, self._names, self._clock, self._channels)
        return IConchUser, operator, operator.logged_out


class Checker(SSHPublicKeyChecker):
    """Accepts the listed keys. Others are refused before they are asked to sign anything."""

    def __init__(self, authorized: AuthorizedKeys) -> None:
        super().__init__(authorized)
        self._authorized = authorized

    def requestAvatarId(self, credentials: Any) -> Deferred[str]:
        """The fingerprint of the key that signed; fails with `UnauthorizedLogin`."""
        entry = self._authorized.find(credentials.blob)
        if entry is None:
            return fail(UnauthorizedLogin("this key is not listed"))
        signature = getNS(credentials.signature)[0] if credentials.signature else credentials.algName
        if signature not in SIGNATURES:
            return fail(UnauthorizedLogin("signatures with SHA-1 are not taken"))
        if credentials.signature and entry.key.isSecurityKey():
            flags = getNS(credentials.signature, 2)[2][:1] or b"\0"
            if (entry.touch_required and not flags[0] & TOUCHED) or (
                entry.user_verification_required and not flags[0] & VERIFIED
            ):
                return fail(UnauthorizedLogin("the security key says that nobody touched it, or showed who they are"))
        checked: Deferred[bytes] = super().requestAvatarId(credentials)
        return checked.addCallback(lambda _: fingerprint(entry.key))


class Factory(Protocol):
    """What a login needs of the factory of its connection."""

    clock: Clock

    def full_reason(self) -> str | None:
        """Why no other operator can log in now; None if one can."""

    def entry(self, key: str) -> AuthorizedKey | None:
        """The listed key with this fingerprint; None if there is none."""


class Transport(Protocol):
    """What a login needs of its connection (`lanchat.manhole.ssh.Transport`)."""

    address: str

    @property
    def factory(self) -> Factory:
        """The factory of the connection."""

    def logged_in(self, operator: Operator) -> None:
        """Note that an operator has logged in over this connection."""

    def sendDisconnect(self, reason: int, desc: bytes) -> None:
        """Close the connection, and tell the client why (RFC 4253, 11.1)."""


class UserAuth(SSHUserAuthServer):
    """The SSH service for the login (RFC 4252)."""

    _log = conch_log  # conch uses text of the client as a format string here
    clock: Any  # a Clock is enough
    transport: Transport  # type: ignore[assignment]  # no more of it than is asked for here

    def serviceStarted(self) -> None:
        """Use the factory's clock, and the limit of attempts; the time limit is the transport's."""
        self.clock = self.transport.factory.clock
        self.attemptsBeforeDisconnect = MAX_ATTEMPTS - 1  # conch disconnects when there are more
        super().serviceStarted()

    def tryAuth(self, kind: bytes, user: bytes, data: bytes) -> Any:
        """Try one method of login, and log the result."""
        label = visible(user.decode("utf-8", "replace"), MAX_LABEL)
        return (
            super()
            .tryAuth(kind, user, data)
            .addCallbacks(self._logged_in, self._refused, callbackArgs=(label,), errbackArgs=(label, kind, data))
        )

    def _logged_in(self, avatar: tuple[object, Operator, object], label: str) -> Any:
        if (why := self.transport.factory.full_reason()) is not None:
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
        avatar[1].logged_in(self.transport.address, label)
        return avatar

    def _refused(self, why: Failure, label: str, kind: bytes, data: bytes) -> Failure:
        # A client tries "none" to learn the methods, and asks first whether a key may be tried at all.
        if kind != b"none" and not why.check(IgnoreAuthentication):
            way = _offered_key(data) if kind == b"publickey" else visible(kind.decode("utf-8", "replace"), MAX_LABEL)
            text = visible(why.getErrorMessage(), 100)
            _log.warn(
                "manhole: refused {way} from {ip} as {label}: {why}", way=way, ip=self.transport.address, label=label, why=text
            )
        return why


def _offered_key(data: bytes) -> str:
    """The fingerprint of the key that a client offers, if it can be read."""
    try:
        return fingerprint(Key.fromString(getNS(data[1:], 2)[1], type="blob"))
    except Exception:  # noqa: BLE001 (conch raises errors of any kind for bad bytes)
        return "a key that can't be read"
