"""The request that opens a stream: `GET /stream?room=%23ops` with a token of an account (docs/protocol.md, "Streams").

Its answer begins when the token was checked, and ends with the stream (lanchat/gateways/stream.py). It has no length and is not
chunked: the end of the connection is its end (RFC 9112, 6.3), which curl, browsers and all libraries know, HTTP/1.0 too. So a
packet for many streams is the same bytes for all.
"""

from __future__ import annotations

import base64
import binascii
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.auth.passwords import token_hash
from lanchat.core.chat import Chat
from lanchat.gateways.factory import ChatFactory
from lanchat.gateways.stream import Asked, StreamProtocol, refusal_of
from lanchat.model.session import Account
from lanchat.net.http import Body, Refusal
from lanchat.protocol.errors import AuthRequired, ChatError, ClientGone, RateLimited
from lanchat.tables import tokens

PATH = b"/stream"
#: Seconds that a login may take: after failures of its address it would wait longer, and is told to come back.
LOGIN_SECONDS = 5.0
#: How many rooms one stream may have, and digits a place in the log.
MAX_ROOMS, MAX_DIGITS = 20, 18

#: The name in the log for a token that nobody has; no account can be called so.
NOBODY = "(nobody)"

_log = Logger("lanchat.streams")


class Streams:
    """Turns requests into streams."""

    own_names_only = False  # (they carry a secret)

    def __init__(self, gateway: ChatFactory) -> None:
        """`gateway` makes the connections that go on with the answers."""
        self.gateway = gateway
        self._chat: Chat = gateway.router.chat

    def serves(self, method: bytes, path: bytes) -> bool:
        """Whether the request is for a stream."""
        return path == PATH

    def take_body(self, request: Any, length: int | None) -> Body:
        """Refuse a body."""
        raise Refusal(405, "Streams are for reading: GET, without a body.", allow="GET")

    def answer(self, request: Any) -> None:
        """Check what is asked, and the token; then the connection becomes a stream."""
        if request.method != b"GET":
            raise Refusal(405, "Streams are for reading: GET.", allow="GET")
        asked = self._asked(request)
        Deferred.fromCoroutine(self._open(request, asked)).addErrback(self._failed, request)

    def _failed(self, failure: Failure, request: Any) -> None:
        _log.failure("a stream could not be opened", failure)
        request.tell(500, "Internal server error.")

    async def _open(self, request: Any, asked: Asked) -> None:
        address = request.channel.transport.getPeer().host
        try:
            account = await self._log_in(request, address)
        except ChatError as error:
            refusal = refusal_of(error)
            request.tell(refusal.code, str(refusal), **refusal.headers)
            return
        if request.channel is None or request.channel.closing:
            return  # (the client has gone meanwhile)
        stream = self.gateway.buildProtocol(None)
        assert isinstance(stream, StreamProtocol)  # noqa: S101 (it makes no others)
        request.channel.hand_over(stream)
        stream.begin(account, asked)

    async def _log_in(self, request: Any, address: str) -> Account:
        """The account whose token the request has. Raises a `ChatError`."""
        name, token = _credentials(request)
        identity = self._chat.identity
        identity.check_way(address, self.gateway.gateway)
        if not name:  # (a name that is not there is a login that fails, and is counted as one)
            name = await self._chat.store.read(partial(tokens.owner, token_hash=token_hash(token))) or NOBODY
        attempt = identity.by_token(name, address, token)
        late = self._chat.clock.callLater(LOGIN_SECONDS, attempt.cancel)
        request.notifyFinish().addErrback(lambda _: attempt.cancel())
        try:
            return await attempt
        except ClientGone:
            told = "There were wrong tokens from your address, so this has to wait. Try again in a minute."
            raise RateLimited(told, retry_ms=60_000) from None
        finally:
            if late.active():
                late.cancel()

    def _asked(self, request: Any) -> Asked:
        """What the request asks for. Raises `Refusal`."""
        asked: dict[str, list[str]] = {}
        for name, value in parse_qsl(request.uri.partition(b"?")[2].decode(errors="replace"), keep_blank_values=True):
            asked.setdefault(name, []).append(value)
        if unknown := sorted(set(asked) - {"room", "format", "after", "changes"}):
            told = "The parameters of a stream are room, format, after and changes (docs/protocol.md)"
            raise Refusal(400, f"{told}, and not {unknown[0][:40]!a}.")
        form = asked.get("format", [""])[-1] or ("sse" if _accepts_events(request) else "ndjson")
        changes = asked.get("changes", ["no"])[-1]
        if form not in ("ndjson", "sse") or changes not in ("yes", "no"):
            raise Refusal(400, "format is ndjson or sse, and changes is yes or no.")
        rooms = asked.get("room", [])
        if len(rooms) > MAX_ROOMS:
            raise Refusal(400, f"A stream has at most {MAX_ROOMS} rooms. Leave room out for all that the account may read.")
        # What comes last is the newest: a browser sends the place at which it was with the URL that it had.
        place = [*asked.get("after", []), *request.values(b"Last-Event-ID")]
        return Asked(rooms, form == "sse", self._place(place[-1].strip()) if place else None, changes == "yes")

    def _place(self, text: str) -> int | None:
        """The place in the log that is written as its number, or as the id of a line. Raises `Refusal`."""
        epoch, dot, number = text.rpartition(".")
        if not text:
            return None
        if not (number.isascii() and number.isdigit()) or len(number) > MAX_DIGITS:
            raise Refusal(400, "after and Last-Event-ID are the x.seq of a line, or the id of an event.")
        if dot and epoch != self._chat.store.epoch:
            told = "That place is in another log: the server's data was restored from a backup. Go on without it, or after=0."
            raise Refusal(410, told)
        return int(number)


def _accepts_events(request: Any) -> bool:
    return any("text/event-stream" in value.lower() for value in request.values(b"Accept"))


def _credentials(request: Any) -> tuple[str, str]:
    """The name, or "" if there is none, and the token in the header Authorization (RFC 6750, 7617). Raises `AuthRequired`."""
    scheme, _, given = ",".join(request.values(b"Authorization")).partition(" ")
    if scheme.lower() == "bearer" and given.strip():
        return "", given.strip()
    if scheme.lower() == "basic":
        try:
            name, colon, token = base64.b64decode(given.strip(), validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            colon = ""
        if colon and name and token:
            return name, token
    raise AuthRequired("A stream needs a token of an account: Authorization: Bearer TOKEN. The server's operator makes one.")
