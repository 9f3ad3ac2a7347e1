"""Tokens of accounts for programs, as requests of `lanchat.service.operations`."""

from __future__ import annotations

from lanchat.auth.passwords import make_token, token_hash
from lanchat.auth.realm import MAX_TOKENS
from lanchat.core.chat import Chat
from lanchat.model.session import Account
from lanchat.service.requests import Done, MakeToken, format_count
from lanchat.tables.accounts import AddToken
from lanchat.tables.tokens import RemoveTokens

GOODBYE = "The tokens of your account were ended by the administrator. Log in with your password."


async def make_or_end(chat: Chat, request: MakeToken, account: Account) -> Done:
    """Make a token for an account, or end all tokens that it has, and all of its sessions. Raises `NotStored`.

    The token is in the facts only, as the text is logged.
    """
    name = account.name.shown
    if request.revoke:
        ended = await chat.store.write(RemoveTokens(account.id))
        count = chat.end_logins(account, GOODBYE, why="by the administrator")
        told = f"All tokens of {name} are ended: {format_count(ended, 'token')}, {format_count(count, 'login')}."
        return Done(told, {"name": name, "tokens": ended, "ended": count})
    token = make_token()
    await chat.store.write(AddToken(account.id, token_hash(token), round(chat.now() * 1000), MAX_TOKENS))
    return Done(f"A token of {name} is made.", {"name": name, "token": token})
