"""Identity: how users prove who they are, as the core asks for it: passwords, tokens, and where these may be sent."""

from __future__ import annotations

from twisted.cred.credentials import UsernamePassword
from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from lanchat.auth.login_attempts import Gate, may_send_secret
from lanchat.auth.passwords import Hasher
from lanchat.auth.realm import AccountChecker, Token
from lanchat.model.session import Account
from lanchat.protocol.errors import ClientGone, Forbidden

#: The gateways whose connections nobody else can read.
ENCRYPTED = ("tls", "wss", "ircs", "streams")


class Identity:
    """Checks and makes passwords and tokens; the core knows it as `lanchat.state.pending_logins.Identity`."""

    def __init__(self, gate: Gate, hasher: Hasher, checker: AccountChecker, plaintext_allowed: bool) -> None:
        self._gate = gate
        self._plaintext_allowed = plaintext_allowed
        self._hasher = hasher
        self.give_token = checker.give_token

    def check_way(self, address: str, gateway: str) -> None:
        """Raise `Forbidden` if others could read a secret that is sent from this address over this gateway."""
        if not may_send_secret(address, gateway in ENCRYPTED, self._plaintext_allowed):
            raise Forbidden(
                "Passwords are not accepted on this connection, because others on the network can read it. Use the "
                "TLS port, or ask the operator; and if you use that password elsewhere, change it."
            )

    def hash(self, password: str, newcomer: bool) -> Deferred[str]:
        """Fires with the hash of a new password; a `newcomer` has no account yet. Fails with `Usage` or `RateLimited`."""
        return Deferred.fromCoroutine(self._hasher.hash_new(password, newcomer)).addErrback(_gave_up)

    def by_password(self, name: str, address: str, password: str) -> Deferred[Account]:
        """Fires with the account of this name, if this is its password; fails with what `Gate.login` raises."""
        return self._opened(name, address, UsernamePassword(name.encode(), password.encode()))

    def by_token(self, name: str, address: str, token: str) -> Deferred[Account]:
        """Fires with the account of this name, if this is one of its tokens; fails as `by_password` does."""
        return self._opened(name, address, Token(name.encode(), token))

    def _opened(self, name: str, address: str, credentials: object) -> Deferred[Account]:
        return Deferred.fromCoroutine(self._gate.login(name, address, credentials)).addErrback(_gave_up)


def _gave_up(failure: Failure) -> Failure:
    """Turn the cancellation of an attempt into `ClientGone`."""
    return Failure(ClientGone()) if failure.check(CancelledError) else failure
