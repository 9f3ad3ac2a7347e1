"""What webhooks gave up posting, as a request of `lanchat.service.operations`."""

from __future__ import annotations

import time
from functools import partial
from sqlite3 import Connection
from typing import NamedTuple

from lanchat.core.chat import Chat
from lanchat.history import changes
from lanchat.protocol.errors import Usage
from lanchat.protocol.packet import visible
from lanchat.service.requests import Done, Undelivered, format_count
from lanchat.tables.hooks import ForgetUndelivered, undelivered

#: How many are shown, at most: the newest; and characters of the text of each.
MOST, TEXT = 100, 60


class _Row(NamedTuple):
    """A message that was given up; its sender and text are "" if it is not there any more."""

    seq: int
    at: int
    why: str
    sender: str
    text: str


async def list_or_forget(chat: Chat, request: Undelivered) -> Done:
    """List what a webhook gave up posting, or forget it. Raises `NoSuchTarget`, or `Usage` if it posts nothing."""
    hook = chat.hooks.named(request.name)
    name = hook.name.shown
    if not hook.posts:
        raise Usage(f"{name} takes posts, and posts nothing itself.")
    if request.forget:
        count = await chat.store.write(ForgetUndelivered(hook.id, hook.position))
        return Done(f"Forgot {format_count(count, 'message')} that {name} could not post.", {"name": name, "forgotten": count})
    rows = await chat.store.read(partial(_rows, hook=hook.id))
    facts = {"name": name, "undelivered": [row._asdict() for row in rows]}
    if not rows:
        return Done(f"{name} has given up no message.", facts)
    told = f"{name} gave up posting {format_count(len(rows), 'message')}{' (the newest)' if len(rows) == MOST else ''}:"
    forget = f"Forget them: lanchat-admin hook undelivered {name} --forget"
    return Done("\n".join([told, *map(_line, rows), forget]), facts)


def _line(row: _Row) -> str:
    at = time.strftime("%Y-%m-%d %H:%M", time.localtime(row.at))
    said = f"{row.sender}: {visible(row.text, TEXT)}" if row.sender else "(removed)"
    return f"{at}  {row.seq}  {said}  ({row.why})"


def _rows(connection: Connection, hook: int) -> list[_Row]:
    rows = []
    for missing in undelivered(connection, hook, MOST):
        found = changes.original(connection, missing.seq, None)
        sender, text = ("", "") if found is None else (found.entry.name, found.entry.msg)
        rows.append(_Row(missing.seq, missing.at, missing.why, sender, text))
    return rows
