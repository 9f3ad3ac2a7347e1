"""Logins: passwords of accounts, which a client proves with SASL, PASS or OPER (RFC 4616; IRCv3 "SASL")."""

from __future__ import annotations

import base64
import binascii

from lanchat.irc import numerics
from lanchat.irc.client import IrcClient
from lanchat.irc.command import IrcCommand, Numeric
from lanchat.irc.message import Message
from lanchat.model.session import Account
from lanchat.protocol.errors import AuthFailed, ChatError, Forbidden
from lanchat.protocol.interfaces import Work

#: The mechanism for which clients send a name and a password.
PLAIN = "PLAIN"
#: The length of a part of an answer, after which another one follows; and how many characters an answer has, at most.
CHUNK, MAX_ANSWER = 400, 4000
#: How often a login may fail in one connection.
MAX_FAILED = 3


def mechanisms(client: IrcClient) -> list[str]:
    """The mechanisms with which this client may log in: none, where others could read the password."""
    try:
        client.chat.identity.check_way(client.address, client.gateway)
    except Forbidden:
        return []
    return [PLAIN]


async def check_password(client: IrcClient, name: str, password: str) -> Account:
    """The account of this name, if this is its password. Raises `AuthFailed`, `Forbidden` or `RateLimited`."""
    identity, known = client.chat.identity, client.registering
    identity.check_way(client.address, client.gateway)
    if "\0" in password or not password:
        raise AuthFailed("The password is wrong.")
    attempt = identity.by_password(name, client.address, password)
    if known is not None:
        known.attempt = attempt
    try:
        return await attempt
    finally:
        if known is not None:
            known.attempt = None


def _authenticate(client: IrcClient, message: Message) -> Work | None:
    known, text = client.registering, message.params[0]
    if known is None:
        raise Numeric(numerics.ERR_ALREADYREGISTERED)  # (an account's nick is its name, which would have to change)
    if known.account is not None:
        raise Numeric(numerics.ERR_SASLALREADY)
    if text == "*":
        known.sasl = None
        raise Numeric(numerics.ERR_SASLABORTED)
    if known.sasl is None:
        if text.upper() not in mechanisms(client):
            client.numeric(numerics.RPL_SASLMECHS, ",".join(mechanisms(client)) or "*")
            raise Numeric(numerics.ERR_SASLFAIL)
        known.sasl = text.upper(), ""
        client.reply("AUTHENTICATE", "+", source="")
        return None
    mechanism, begun = known.sasl
    if len(text) > CHUNK or len(begun) + len(text) > MAX_ANSWER:
        known.sasl = None
        raise Numeric(numerics.ERR_SASLTOOLONG if len(text) > CHUNK else numerics.ERR_SASLFAIL)
    known.sasl = mechanism, begun + ("" if text == "+" else text)
    if len(text) == CHUNK:
        return None
    answer, known.sasl = known.sasl[1], None
    return _log_in(client, answer)


async def _log_in(client: IrcClient, answer: str) -> None:
    known = client.registering
    assert known is not None  # noqa: S101 (asked before)
    try:
        authzid, name, password = base64.b64decode(answer, validate=True).decode().split("\0")
        if authzid not in ("", name):
            raise AuthFailed("You can't act as another account.")
        known.account = account = await check_password(client, name, password)
    except (ChatError, ValueError, binascii.Error) as error:
        known.failed += 1
        why = str(error) if isinstance(error, ChatError) else ""
        if known.failed >= MAX_FAILED:
            client.refuse(AuthFailed(why or "The login failed too often."))
            return
        raise Numeric(numerics.ERR_SASLFAIL, text=f"SASL authentication failed{why and ': '}{why}") from None
    name = account.name.shown
    mask = f"{known.nick or '*'}!{known.user[0] if known.user else '*'}@{client.address}"
    client.numeric(numerics.RPL_LOGGEDIN, mask, name, f"You are now logged in as {name}")
    client.numeric(numerics.RPL_SASLSUCCESS)


COMMANDS = {
    "AUTHENTICATE": IrcCommand(_authenticate, 1, "<mechanism or data>", "log in with SASL", anyone=True),
}
