"""Logins: what a client shows to prove that it owns an account, with SASL or otherwise (IRCv3 "SASL"; RFC 4422, RFC 4616)."""

from __future__ import annotations

import base64

from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import Message, middle
from lanchat.irc.people import host_of
from lanchat.model.names import key
from lanchat.model.session import Account
from lanchat.protocol.errors import AuthFailed, Banned, ChatError, ClientGone, Forbidden
from lanchat.protocol.interfaces import Work

#: The mechanisms: clients send a name and a password, or rely on the certificate that they have shown.
PLAIN, EXTERNAL = "PLAIN", "EXTERNAL"
#: The length of a part of an answer, after which another one follows; and how many characters an answer has, at most.
CHUNK, MAX_ANSWER = 400, 4000
#: How often a login may fail in one connection.
MAX_FAILED = 3


def takes_passwords(client: IrcClient) -> bool:
    """Whether a password may be sent over this connection, as nobody else can read it."""
    try:
        client.chat.identity.check_way(client.address, client.gateway)
    except Forbidden:
        return False
    return True


def mechanisms(client: IrcClient) -> list[str]:
    """The mechanisms with which this client may log in."""
    external = client.certified_name is not None and client.chat.online.account(client.certified_name) is not None
    return [EXTERNAL] * external + [PLAIN] * takes_passwords(client)


async def check_password(client: IrcClient, name: str, password: str) -> Account:
    """The account of this name, if this is its password. Raises `AuthFailed`, `Forbidden`, `RateLimited` or `ClientGone`."""
    identity, known = client.chat.identity, client.registering
    identity.check_way(client.address, client.gateway)
    if "\0" in password or not password.strip():
        raise AuthFailed("The password is wrong.")
    account = client.chat.online.account(name)
    attempt = identity.by_password(name if account is None else account.name.key, client.address, password.strip())
    if known is None and client.session is not None:
        return await client.chat.pending_logins.wait_for(client.session, attempt)
    if known is not None:
        known.attempt = attempt
    try:
        account = await attempt
    finally:
        if known is not None:
            known.attempt = None
    if client.closed:
        raise ClientGone
    return account


def log_in(client: IrcClient, account: Account) -> None:
    """Note that a client has proven to own an account. It waits for the end of its registration as a pending login.

    So it is closed if the password is changed meanwhile, or if it takes too long. Raises what `Connection.open` does.
    """
    assert client.registering is not None  # noqa: S101 (nobody else logs in)
    session = client.open(account.name.shown)
    session.greeted = session.framed = True
    client.registering.account = account


def tell_logged_in(client: IrcClient) -> None:
    """Tell a client to which account it has logged in."""
    known = client.registering
    assert known is not None  # noqa: S101 (nobody else logs in)
    assert known.account is not None  # noqa: S101 (it has logged in)
    name = known.account.name.shown
    mask = f"{middle(known.nick)}!{known.user[0] if known.user else '*'}@{host_of(client.address)}"
    client.numeric(numerics.RPL_LOGGEDIN, mask, name, f"You are now logged in as {name}")


def _authenticate(client: IrcClient, message: Message) -> Work | None:
    known, text = client.registering, message.params[0]
    if known is None:
        raise Numeric(numerics.ERR_ALREADYREGISTERED, text="You can log in while you connect only")
    if known.account is not None:
        raise Numeric(numerics.ERR_SASLALREADY)
    if text == "*":
        known.sasl = None
        raise Numeric(numerics.ERR_SASLABORTED)
    if known.sasl is None:
        return _begin(client, text.upper())
    if len(text) > CHUNK:
        known.sasl = None
        raise Numeric(numerics.ERR_SASLTOOLONG)
    mechanism, begun = known.sasl
    answer = begun + ("" if text == "+" else text)
    known.sasl = mechanism, answer
    if len(text) == CHUNK and len(answer) <= MAX_ANSWER:
        return None
    known.sasl = None
    return _finish(client, mechanism, answer)


def _begin(client: IrcClient, mechanism: str) -> Work | None:
    assert client.registering is not None  # noqa: S101 (asked before)
    offered = mechanisms(client)
    if mechanism not in offered:
        client.numeric(numerics.RPL_SASLMECHS, ",".join(offered) or "*")
        raise Numeric(numerics.ERR_SASLFAIL)
    client.registering.sasl = mechanism, ""
    client.reply("AUTHENTICATE", "+")
    return None


async def _finish(client: IrcClient, mechanism: str, answer: str) -> None:
    known = client.registering
    assert known is not None  # noqa: S101 (asked before)
    try:
        decoded = _decoded(answer)
        log_in(client, _certified(client, decoded) if mechanism == EXTERNAL else await _by_password(client, decoded))
    except Banned as error:
        client.reply(f"{numerics.ERR_YOUREBANNEDCREEP:03}", client.nick, str(error))
        client.turn_away(error)
        return
    except ChatError as error:
        _failed(client, error)
        return
    tell_logged_in(client)
    client.numeric(numerics.RPL_SASLSUCCESS)


def _failed(client: IrcClient, error: ChatError) -> None:
    """Tell a client why its login failed; it may try again, but not for ever."""
    assert client.registering is not None  # noqa: S101 (asked before)
    client.registering.failed += 1
    client.counts_refused(error)
    client.reply(f"{numerics.ERR_SASLFAIL:03}", client.nick, f"SASL authentication failed: {error}")
    if client.registering.failed >= MAX_FAILED:
        client.turn_away(error)


def _decoded(answer: str) -> str:
    """The answer of a client without its base64. Raises `AuthFailed`."""
    try:
        if len(answer) > MAX_ANSWER:
            raise ValueError
        return base64.b64decode(answer, validate=True).decode()
    except ValueError:  # (which those of base64 and of UTF-8 are)
        raise AuthFailed("that is no answer in base64, or too long a one.") from None


async def _by_password(client: IrcClient, answer: str) -> Account:
    """The account of which an answer to PLAIN has the name and the password. Raises what `check_password` does."""
    authzid, *rest = answer.split("\0")
    if len(rest) != 2 or not rest[0]:
        raise AuthFailed("that is no answer for PLAIN.")
    name, password = rest
    if authzid and key(authzid) != key(name):
        raise AuthFailed("you can't act as another account.")
    return await check_password(client, name, password)


def _certified(client: IrcClient, authzid: str) -> Account:
    """The account that has the name of the client's certificate. Raises `AuthFailed`."""
    name = client.certified_name
    account = client.chat.online.account(name) if name is not None else None
    if name is None or account is None or (authzid and key(authzid) != account.name.key):
        raise AuthFailed("your certificate is not for this account.")
    return account


COMMANDS = {
    "AUTHENTICATE": IrcCommand(_authenticate, 1, "<mechanism or data>", "log in with SASL while connecting", anyone=True),
}
