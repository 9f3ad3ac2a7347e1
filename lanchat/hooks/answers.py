"""What senders take for a yes. Some of them compare bytes, so these are exactly what their own service answers."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from lanchat.hooks.posted import Posted
from lanchat.hooks.texts import words

#: The type and the body of an answer, for the number and the time of the message.
Answer: TypeAlias = Callable[[int, int], tuple[str, bytes]]

#: For how many seconds ntfy says that it keeps a message, unless it was told otherwise.
_NTFY_KEEPS = 43_200
_JSON = "application/json"


def ok(posted: Posted) -> Answer:
    r"""Slack's answer, two letters: Alertmanager and Grafana take `ok\n` for a failure. Who asks for JSON gets JSON."""
    accepted = posted.headers.get("accept", "").lower()
    wants_json = _JSON in accepted and not any(other in accepted for other in ("text/plain", "text/*", "*/*"))
    answer = (_JSON, b'{"ok":true}') if wants_json else ("text/plain", b"ok")
    return lambda seq, at: answer


def ntfy(topic: str, title: str, message: str, attachment: Mapping[str, object] | None = None) -> Answer:
    """The answer of ntfy: the message as its subscribers would get it (docs.ntfy.sh, "JSON message format")."""
    more = {"attachment": attachment} if attachment else {}

    def answer(seq: int, at: int) -> tuple[str, bytes]:
        told = {"id": f"{seq:012}", "time": at, "expires": at + _NTFY_KEEPS, "event": "message", "topic": topic}
        return _JSON, msgspec.json.encode(told | ({"title": title} if title else {}) | {"message": message} | more)

    return answer


def gotify(sent: Mapping[str, Any]) -> Answer:
    """The answer of Gotify: the message with a number and its time (gotify.net, "API documentation", createMessage)."""
    told = {member: words(sent.get(member)) for member in ("title", "message")}
    priority = words(sent.get("priority"))

    def answer(seq: int, at: int) -> tuple[str, bytes]:
        date = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(at))
        number = int(priority) if priority in map(str, range(11)) else 0
        return _JSON, msgspec.json.encode({"id": seq, "appid": 1, **told, "priority": number, "date": date})

    return answer
