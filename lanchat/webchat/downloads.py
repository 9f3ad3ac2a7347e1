"""`GET /f/SEQ/NAME`: sends the file of a message to whoever has a link to it.

A link is signed and ends (docs/protocol.md, "Files"). Browsers show only what can't do anything in a page: its type is found by
its bytes (`lanchat.files.types`); all else is downloaded. Whatever it is, nothing in it runs (a sandbox).
"""

from __future__ import annotations

import re
import socket
from collections import Counter
from typing import Any, NamedTuple
from urllib.parse import quote

from twisted.internet.defer import Deferred
from twisted.logger import Logger
from twisted.python.failure import Failure

from lanchat.core.uploads import Uploads
from lanchat.files.blobs import Blobs
from lanchat.files.reader import BlobReader, open_blob
from lanchat.files.types import INLINE
from lanchat.net import sockets
from lanchat.net.addresses import is_loopback
from lanchat.net.http import Body, Refusal
from lanchat.protocol.errors import ChatError, Forbidden
from lanchat.protocol.files import ANY_TYPE
from lanchat.webchat.file_sender import IDLE_SECONDS, FileSender
from lanchat.webchat.ranges import Part, Unsatisfiable, asked_part, is_known, is_unchanged

#: Matches the path of a link. The name at its end is for people.
_PATH = re.compile(rb"/f/(?P<seq>[1-9]\d{0,18})/[^/]*")
#: How many files are sent at the same time, in all and to one address; more are told to try again.
MOST, MOST_OF_ADDRESS = 256, 64
RETRY_SECONDS = 2
#: So many bytes or more are sent with large buffers in the kernel, if there are not more files than this on their way.
LARGE, MOST_WIDE = 262_144, 16
#: What a browser may do with a file that it shows by itself: a picture, sound or a video of the file itself, and nothing else.
#: It keeps its origin, as Chromium asks once more for a film that is opened alone, and with another origin is not given it. As
#: no script runs, nothing can use that.
POLICY = (
    "sandbox allow-same-origin; default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline'; "
    "frame-ancestors 'none'"
)
GONE = "This file is not here any more: its message was withdrawn or has been removed."

_log = Logger("lanchat.webchat.files")


class Blob(NamedTuple):
    """What is sent: a file, or the thumbnail of it."""

    digest: str
    type: str
    size: int
    name: str


class DownloadResource:
    """Answers requests for the files of messages."""

    own_names_only = False  # a link is a secret

    def __init__(self, files: Uploads, blobs: Blobs) -> None:
        self._files, self._blobs = files, blobs
        self._sending: Counter[str] = Counter()  # by the address that gets the file

    def serves(self, method: bytes, path: bytes) -> bool:
        """Whether a request is for a file."""
        return method in {b"GET", b"HEAD"} and path.startswith(b"/f/")

    def take_body(self, request: Any, length: int | None) -> Body:
        """Raise `Refusal`, as no body is wanted."""
        raise Refusal(413, "Nothing can be sent here.")

    def answer(self, request: Any) -> None:
        """Send the file, or say why not."""
        key, is_own = request.channel.limit_key, is_loopback(sockets.address_of(request.channel.transport.getPeer()))
        if self._sending.total() >= MOST or (self._sending[key] >= MOST_OF_ADDRESS and not is_own):
            told = "Too many files are being fetched at the same time. Try again in a moment."
            raise Refusal(503, told, retry_after=str(RETRY_SECONDS))
        self._sending[key] += 1
        sent = Deferred.fromCoroutine(self._answer(request))
        sent.addErrback(self._failed, request).addBoth(lambda _: self._ended(key))

    def _ended(self, key: str) -> None:
        self._sending[key] -= 1
        if not self._sending[key]:
            del self._sending[key]

    async def _answer(self, request: Any) -> None:
        try:
            blob, left = await self._find(request)
            tag = f'"{blob.digest}"'
            headers = {**_headers(blob), "ETag": tag, "Cache-Control": f"private, max-age={left}, immutable"}
            if is_known(request.values(b"If-None-Match"), tag):
                request.respond(304, b"", headers)
                return
            reader = await self._open(blob)
        except Refusal as refusal:
            request.tell(refusal.code, str(refusal), **refusal.headers)
            return
        if request.channel is None or request.channel.closing:
            reader.close()  # (the client has gone meanwhile)
            return
        await self._send(request, reader, headers, tag)

    async def _find(self, request: Any) -> tuple[Blob, int]:
        """The file that a link is for, and for how many seconds the link lasts. Raises `Refusal`."""
        match, query = _PATH.fullmatch(request.path), request.query()
        if match is None:
            raise Refusal(404, "There is nothing here. A link to a file has its whole address in one line.")
        seq, thumb = int(match["seq"]), "thumb" in query
        try:
            left = self._files.links.check(seq, query.get("e", ""), query.get("k", ""), thumb=thumb)
        except Forbidden as error:
            raise Refusal(403, str(error)) from None
        try:
            file = await self._files.find(seq)
        except ChatError as error:
            raise Refusal(503, str(error), retry_after=str(RETRY_SECONDS)) from None
        if file is None or (thumb and not file.thumb):
            raise Refusal(404, GONE)
        if thumb:
            return Blob(file.thumb, file.thumb_type, file.thumb_size, file.name), left
        return Blob(file.digest, file.type, file.size, file.name), left

    async def _open(self, blob: Blob) -> BlobReader:
        """Open the file; raises `Refusal` if it is not there, or is not what it was."""
        try:
            reader = await open_blob(self._blobs.readers, self._blobs.path(blob.digest))
        except OSError as error:
            _log.error("a file of a message can't be read: {error}", error=str(error))
            raise Refusal(404, GONE) from None
        if reader.size != blob.size:
            reader.close()
            _log.error("the file {digest} has another size than it had", digest=blob.digest)
            raise Refusal(404, GONE)
        return reader

    async def _send(self, request: Any, reader: BlobReader, headers: dict[str, str], tag: str) -> None:
        code, part = 200, None
        if request.method == b"GET" and is_unchanged(request.values(b"If-Range"), tag):
            try:
                part = asked_part(request.values(b"Range"), reader.size)
            except Unsatisfiable:
                headers["Content-Range"] = f"bytes */{reader.size}"
                request.respond(416, b"", headers)
                reader.close()
                return
        if part is not None:
            code = 206
            headers["Content-Range"] = f"bytes {part.start}-{part.end - 1}/{reader.size}"
        part = part or Part(0, reader.size)
        request.begin(code, part.end - part.start, headers)
        if request.method == b"HEAD":
            part = Part(0, 0)
        request.channel.extend(IDLE_SECONDS)
        large = part.end - part.start > LARGE and self._sending.total() <= MOST_WIDE
        undo = sockets.widen(request.channel.transport, socket.SO_SNDBUF) if large else None
        await FileSender(request, reader, part).start()
        if undo is not None:
            undo()

    def _failed(self, failure: Failure, request: Any) -> None:
        _log.failure("a file could not be sent", failure)
        if request.channel is not None:
            request.channel.transport.abortConnection()


def _headers(blob: Blob) -> dict[str, str]:
    """How browsers are to treat a file."""
    sent, shown = INLINE.get(blob.type, ANY_TYPE), "inline" if blob.type in INLINE else "attachment"
    return {
        "Content-Type": sent,
        "Content-Disposition": f"{shown}; filename=\"{_plain(blob.name)}\"; filename*=UTF-8''{quote(blob.name, safe='')}",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": POLICY,
        "Cross-Origin-Resource-Policy": "same-origin",
        "Referrer-Policy": "no-referrer",
        "Accept-Ranges": "bytes",
    }


def _plain(name: str) -> str:
    """A name of a file for programs that know no `filename*` (RFC 6266, 4.3 and appendix D)."""
    return re.sub(r"[^ !#-$&-\[\]-~]", "_", name)
