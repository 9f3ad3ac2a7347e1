"""What administrators can do to a server's webhooks, as requests of `lanchat.service.operations`."""

from __future__ import annotations

from lanchat.commands import hooks
from lanchat.core.chat import Chat
from lanchat.model.sanction import PROMPT
from lanchat.net.posting import parse_url
from lanchat.protocol.errors import Usage
from lanchat.service.requests import AddHook, ChangeHook, Done, ListHooks, format_count


def list_hooks(chat: Chat, request: ListHooks) -> Done:
    """List the webhooks of a room, or all. Raises `NoSuchTarget`."""
    found = chat.hooks.of(chat.rooms.named(request.name)) if request.name else chat.hooks.all()
    lines = [hooks.line(chat, hook) for hook in found]
    text = "\n".join([f"{format_count(len(found), 'webhook')}.", *lines])
    return Done(text, {"hooks": [hooks.row(chat, hook) for hook in found]})


async def add_hook(chat: Chat, request: AddHook) -> Done:
    """Add a webhook to a room. Raises as `lanchat.core.hooks.Hooks.make`, and `Usage` for a wrong URL."""
    if request.post:
        try:
            parse_url(request.post)
        except ValueError as error:
            raise Usage(str(error)) from None
    return _done(await hooks.add_hook(chat, request.name, chat.rooms.named(request.room), PROMPT, request.post))


async def change_hook(chat: Chat, request: ChangeHook) -> Done:
    """Do to a webhook what the request names. Raises `NoSuchTarget` or `NotStored`."""
    return _done(await hooks.CHANGES[request.change](chat, chat.hooks.named(request.name)))


def _done(made: hooks.Made) -> Done:
    """What is so now. Its text is logged, so the address or the secret is in the facts only (`url`, `secret`)."""
    return Done(f"{made.told}.", made.row)
