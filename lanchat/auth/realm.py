"""Checking credentials with twisted.cred, so that accounts may be checked elsewhere (in a directory, for example) instead.

A `Portal` takes credentials to the checker for their kind, and what that answers to the realm, which knows the account. Of
two checkers for one kind the later one is asked: `Portal(realm, [AccountChecker(...), directory])` has the directory check
passwords, while tokens are still ours.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from twisted.cred.checkers import ICredentialsChecker
from twisted.cred.credentials import ICredentials, IUsernamePassword
from twisted.cred.error import UnauthorizedLogin
from twisted.cred.portal import IRealm
from twisted.internet.defer import Deferred
from twisted.logger import Logger
from zope.interface import Attribute, implementer

from lanchat.auth.passwords import Hasher, make_token, prepared, token_hash
from lanchat.model.session import Account, IAccount
from lanchat.protocol.errors import ChatError
from lanchat.state.interfaces import Store
from lanchat.tables.accounts import AddToken, RehashPassword, find_password, find_token

#: How many tokens of an account are kept; with one more, the oldest is removed.
MAX_TOKENS = 32

_log = Logger("lanchat.realm")


class IToken(ICredentials):
    """A token, which the server gave to a client to be used instead of the password."""

    username = Attribute("The name of the account as UTF-8, in any spelling of it.")
    token = Attribute("The token, a text.")


@implementer(IToken)
@dataclass(frozen=True)
class Token:
    """A token as a client sent it (for a password there is `twisted.cred.credentials.UsernamePassword`)."""

    username: bytes
    token: str


@implementer(ICredentialsChecker)
class AccountChecker:
    """Checks passwords and tokens against the database."""

    credentialInterfaces = (IUsernamePassword, IToken)  # noqa: N815 (cred's name for it)

    def __init__(self, store: Store, hasher: Hasher, now: Callable[[], float] = time.time) -> None:
        """`now` returns the time of day, in seconds since the epoch."""
        self._store = store
        self._hasher = hasher
        self._now = now

    def requestAvatarId(self, credentials: Any) -> Deferred[Any]:
        """Fires with the account's id, an int. Fails with `UnauthorizedLogin`, or a `ChatError` if it can't find out."""
        look = self._by_token if IToken.providedBy(credentials) else self._by_password
        return Deferred.fromCoroutine(look(credentials))

    async def give_token(self, account: int) -> str:
        """Make and store a token for an account; only its hash is stored. Raises `NotStored` or `NoSuchTarget`."""
        token = make_token()
        await self._store.write(AddToken(account, token_hash(token), round(self._now() * 1000), MAX_TOKENS))
        return token

    async def _by_token(self, credentials: Any) -> int:
        kept = token_hash(credentials.token)
        account = await self._store.read(partial(find_token, name=_text(credentials.username), token_hash=kept))
        if account is None:
            raise UnauthorizedLogin("no such token")
        return account

    async def _by_password(self, credentials: Any) -> int:
        account, kept = await self._store.read(partial(find_password, name=_text(credentials.username)))
        form = await self._hasher.verify(kept, credentials.password)
        if form is None or account is None or kept is None:
            raise UnauthorizedLogin("no such account, or another password")
        if form != prepared(credentials.password) or self._hasher.needs_rehash(kept):
            await self._rehash(account, kept, credentials.password)
        return account

    async def _rehash(self, account: int, kept: str, password: bytes) -> None:
        """Replace an old hash by one with today's parameters and form, which takes the password. A failure is logged."""
        try:
            better = await self._hasher.hash(password)
            await self._store.write(RehashPassword(account, old=kept, new=better))
        except ChatError as error:
            _log.info("the password hash of account {id} could not be renewed: {why}", id=account, why=str(error))


@implementer(IRealm)
class ChatRealm:
    """Turns what a checker returns into an account: an int is the id of an account, bytes (or a str) are its name.

    Ours answers ids. Cred's own checkers, and most for a directory elsewhere, answer the name that was given. Either way there
    must be an account already, because it is what roles, rooms and devices belong to; a name without one does not get in.
    """

    def __init__(self, find: Callable[[int], Account | None], find_by_name: Callable[[str], Account | None]) -> None:
        """`find` finds an account by its id, `find_by_name` by any spelling of its name."""
        self._find = find
        self._find_by_name = find_by_name

    def requestAvatar(self, avatar_id: Any, mind: object, *interfaces: object) -> Any:
        """The account, as cred wants it. Raises `UnauthorizedLogin` if there is none, as for anonymous logins."""
        if IAccount not in interfaces:
            raise NotImplementedError("a login gives an account")
        account = self._account(avatar_id)
        if account is None:
            raise UnauthorizedLogin("no such account")
        return IAccount, account, _logged_out

    def _account(self, avatar_id: object) -> Account | None:
        if isinstance(avatar_id, int):
            return self._find(avatar_id)
        return self._find_by_name(_text(avatar_id)) if isinstance(avatar_id, (bytes, str)) else None


def _text(name: bytes | str) -> str:
    return name.decode("utf-8", "replace") if isinstance(name, bytes) else name


def _logged_out() -> None:
    """Called by cred at a logout; there is nothing to do, as the chat ends the sessions of an account."""
