"""The password and the token for one name on one server, and which of them may be sent when."""

from __future__ import annotations

from typing import TypeAlias

from lanchat.client.state_file import UnsafeFile
from lanchat.client.tokens import TokenFile

#: The identity of a server without TLS, where nobody else can read the connection or the user allows that.
PLAIN = "plain"


#: `x.auth` of a hello: a mechanism and the password or token that goes with it (docs/protocol.md, "Accounts").
Auth: TypeAlias = dict[str, str]


class Credentials:
    """What logs the user in: a password, a token of this session, or one from the token file."""

    def __init__(
        self, tokens: TokenFile | None = None, password: str = "", account_required: bool = False, save_tokens: bool = False
    ) -> None:
        """`account_required`: joining as a guest is not enough. `save_tokens`: save a token without asking."""
        self.account_required = account_required
        self.save_tokens = save_tokens
        self._tokens = tokens
        self._password = password
        self._token = ""
        self._rejected_token = ""
        #: Why the saved tokens can't be used; "" if they can.
        self.problem = ""
        #: What was sent last; {} if nothing was.
        self.sent_auth: Auth = {}

    @property
    def sent_token(self) -> bool:
        """Whether a token was sent last."""
        return "token" in self.sent_auth

    def auth(self, identity: str) -> Auth | None:
        """What to send to a server with this identity; None if there is nothing, or others could read it."""
        self.sent_auth = {}
        if not identity:
            return None
        if token := self._token or self._saved_token(identity):
            self.sent_auth = {"mech": "TOKEN", "token": token}
        elif self._password:
            self.sent_auth = {"mech": "PLAIN", "password": self._password}
        return self.sent_auth or None

    def set_password(self, password: str) -> None:
        """Use this password from now on. A token that was given for another password is invalid."""
        self._rejected_token, self._token = self._token or self.sent_auth.get("token", self._rejected_token), ""
        self._password = password

    def set_token(self, token: str) -> None:
        """Use this token, which the server gave, from now on."""
        self._token = token

    def rejected(self, identity: str, certain: bool) -> str:
        """What was sent last is wrong; a saved token is removed only if that is `certain`. Returns as `forget_token`."""
        if not self.sent_token:
            self._password = ""
            return ""
        self._rejected_token, self._token = self.sent_auth["token"], ""
        return self.forget_token(identity, self._rejected_token) if certain else ""

    def forget_token(self, identity: str, token: str = "") -> str:
        """Remove the saved token for this server, or only `token`; returns a text for the user, "" for none."""
        try:
            saved = self._tokens.get(identity) if self._tokens is not None else ""
            if self._tokens is None or not saved or saved != (token or saved):
                return ""
            self._tokens.put(identity, "")
        except UnsafeFile as error:
            return f"The stored token is no longer valid, and can't be removed: {error}"
        return "The stored token was no longer valid, and was removed."

    def save_token(self, identity: str) -> str:
        """Save the token for the next session; returns a text for the user, "" for none."""
        if self._tokens is None or not self._token:
            return ""
        try:
            self._tokens.put(identity, self._token)
        except UnsafeFile as error:
            return f"The token can't be stored: {error}"
        return f"A token is stored in {self._tokens.file}: anyone who can read it can log in as you. /password invalidates it."

    def _saved_token(self, identity: str) -> str:
        """The token in the file, except one that was refused; "" for none."""
        try:
            token = self._tokens.get(identity) if self._tokens is not None else ""
        except UnsafeFile as unsafe:
            self.problem = f"The stored tokens are not used: {unsafe}"
            return ""
        return "" if token == self._rejected_token else token
