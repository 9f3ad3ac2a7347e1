"""Keyring: the password and the token for one name on one server, and which of them is shown when."""

from __future__ import annotations

from lanchat.client.state_file import Unsafe
from lanchat.client.tokens import Tokens

#: How a server is known to which there is no TLS, but where nobody is on the way.
PLAIN = "plain"


class Keyring:
    """What can be shown to a server to be let in as somebody."""

    def __init__(self, tokens: Tokens | None = None, password: str = "", wanted: bool = False, keep: bool = False) -> None:
        """`wanted`: to come in as a guest is not good enough. `keep`: a token is written down without asking."""
        self.wanted = wanted
        self.keep = keep
        self._tokens = tokens
        self._password = password
        self._token = ""
        self._refused = ""
        #: Why the tokens that are kept can't be used, if that is so.
        self.trouble = ""
        #: What was shown last.
        self.shown: dict[str, str] = {}

    @property
    def by_token(self) -> bool:
        """Whether what was shown last is a token."""
        return "token" in self.shown

    def show(self, proof: str) -> dict[str, str] | None:
        """What to show to a server that is known in this way; None if there is nothing, or others would read it."""
        self.shown = {}
        if not proof:
            return None
        if token := self._token or self._kept(proof):
            self.shown = {"mech": "TOKEN", "token": token}
        elif self._password:
            self.shown = {"mech": "PLAIN", "password": self._password}
        return self.shown or None

    def learn(self, password: str) -> None:
        """This is the password; a token that was given for another is worth nothing."""
        self._refused, self._token = self._token or self.shown.get("token", self._refused), ""
        self._password = password

    def given(self, token: str) -> None:
        """The server gave a token, which is shown from now on."""
        self._token = token

    def refused(self, proof: str, certain: bool) -> str:
        """What was shown last is wrong; a token is kept nevertheless unless that is `certain`. As with `forget`."""
        if not self.by_token:
            self._password = ""
            return ""
        self._refused, self._token = self.shown["token"], ""
        return self.forget(proof, self._refused) if certain else ""

    def forget(self, proof: str, token: str = "") -> str:
        """Keep no token for this server any longer, or not this one; what a person should know of that."""
        try:
            kept = self._tokens.get(proof) if self._tokens is not None else ""
            if self._tokens is None or not kept or kept != (token or kept):
                return ""
            self._tokens.put(proof, "")
        except Unsafe as error:
            return f"The token that is kept is worth nothing, and can't be removed: {error}"
        return "The token that was kept is worth nothing any more, and was removed."

    def write_down(self, proof: str) -> str:
        """Keep the token for the next time; what a person should know of that."""
        if self._tokens is None or not self._token:
            return ""
        try:
            self._tokens.put(proof, self._token)
        except Unsafe as error:
            return f"The token can't be kept: {error}"
        return f"A token is kept in {self._tokens.file}: who can read it can be you here. /password makes it worthless."

    def _kept(self, proof: str) -> str:
        """The token in the file, but for one that was refused."""
        try:
            token = self._tokens.get(proof) if self._tokens is not None else ""
        except Unsafe as unsafe:
            self.trouble = f"The tokens that are kept are not used: {unsafe}"
            return ""
        return "" if token == self._refused else token
