"""`PUT /files/TICKET` (or POST): takes the bytes of a file that somebody may send, and says the message that it goes with.

The ticket, which the chat gave to a session for one file, is all that a request needs (docs/protocol.md, "Files").
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.core.uploads import Uploads
from lanchat.files.blobs import Blobs
from lanchat.net.http import Refusal
from lanchat.net.tls import tls_version
from lanchat.protocol.entry import Entry, Epoch
from lanchat.protocol.errors import ChatError, Full, NoSuchTarget, NotStored, RateLimited, TooBig
from lanchat.protocol.files import FileInfo
from lanchat.protocol.limits import Limits
from lanchat.state.file_links import FileLinks
from lanchat.state.upload import Upload
from lanchat.webchat.file_body import FileBody

#: Matches the path of an upload; the ticket is in the group.
_PATH = re.compile(rb"/files/(?P<ticket>[A-Za-z0-9_-]{1,100})")
#: For how many seconds a sender should wait who could not be served for now.
RETRY_SECONDS = 5
#: Matches a header Host that may be repeated in the link of the answer.
_HOST = re.compile(r"[A-Za-z0-9.:\[\]_-]{1,255}")

_log = Logger("lanchat.webchat.uploads")


class UploadResource:
    """Answers requests that send a file."""

    own_names_only = False  # the ticket is a secret

    def __init__(self, uploads: Uploads, blobs: Blobs, limits: Limits, epoch: Callable[[], str]) -> None:
        """`epoch` returns that of the log, for the ids of messages."""
        self._uploads, self._blobs, self._limits, self._epoch = uploads, blobs, limits, epoch

    def serves(self, method: bytes, path: bytes) -> bool:
        """Whether a request sends a file."""
        return method in {b"PUT", b"POST"} and path.startswith(b"/files/")

    def take_body(self, request: Any, length: int | None) -> FileBody:
        """What takes the file. Raises `Refusal` if the ticket is none, or another length was announced."""
        match = _PATH.fullmatch(request.path)
        try:
            upload = self._uploads.claim(match["ticket"].decode() if match else "", length)
        except NoSuchTarget as error:
            raise Refusal(404, str(error)) from None
        except TooBig as error:
            raise Refusal(413, str(error)) from None
        body = FileBody(request.channel, upload, self._blobs, self._limits["upload-idle"])
        request.upload = upload
        return body

    def answer(self, request: Any) -> None:
        """Say the message, and answer with what became of it. All of the body is there."""
        if request.body is None:  # (it is empty)
            request.body = self.take_body(request, 0)
        Deferred.fromCoroutine(self._deliver(request, request.upload, request.body)).addErrback(self._failed, request)

    async def _deliver(self, request: Any, upload: Upload, body: FileBody) -> None:
        try:
            entry = await self._say(body)
        except Refusal as refusal:
            headers = {"Content-Type": "text/plain; charset=utf-8", "X-Content-Type-Options": "nosniff", **refusal.headers}
            request.respond(refusal.code, f"{refusal}\n".encode(), headers)
            return
        finally:
            upload.abandon()  # (whatever went wrong, its place is free again)
        assert entry.file is not None  # noqa: S101 (it is a message with a file)
        told = told_of(entry, entry.file, self._epoch(), self._uploads.links, request)
        headers = {"Content-Type": "application/json", "X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
        request.respond(201, json.dumps(told).encode() + b"\n", headers)

    async def _say(self, body: FileBody) -> Entry:
        """Have the file on the disk, and say the message. Raises `Refusal`."""
        if body.size != body.most:
            body.abandon()
            raise Refusal(400, f"{body.most} bytes were announced, and {body.size} came. Ask again with the right size.")
        try:
            return await body.deliver()
        except ChatError as error:
            raise _refusal(error) from None

    def _failed(self, failure: Failure, request: Any) -> None:
        _log.failure("a file could not be taken", failure)
        request.respond(500, b"The server could not take the file, by a fault of its own. Its log says why.\n", {})


def told_of(entry: Entry, file: FileInfo, epoch: Epoch, links: FileLinks, request: Any) -> dict[str, Any]:
    """What the program that sent a request is told of the message that it made, and of the file that goes with it."""
    url = links.url(_base(links, request), entry.seq, file)
    told = {"id": f"{epoch}.{entry.seq}", "name": file.name, "size": file.size, "type": file.type}
    return told | ({"url": url} if url else {}) | {"state": entry.state}


def _base(links: FileLinks, request: Any) -> str:
    """The beginning of links for who sent this request; "" if it names no host that could be one."""
    if links.fixed:
        return links.fixed
    host = "".join(request.values(b"Host"))
    if request.channel is None or not _HOST.fullmatch(host):
        return ""
    return f"{'https' if tls_version(request.channel.transport) else 'http'}://{host}"


def _refusal(error: ChatError) -> Refusal:
    """What a sender is told whose message could not be said."""
    if isinstance(error, NotStored | RateLimited):
        return Refusal(503, str(error), retry_after=str(RETRY_SECONDS))
    return Refusal(507 if isinstance(error, Full) else 409, str(error))
