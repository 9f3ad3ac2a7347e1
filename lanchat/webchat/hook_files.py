"""Files that are posted to webhooks: taken to the disk while they come, and said in the room when they are there.

What is refused is refused before any of the file comes, as far as that is known then.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from functools import partial
from typing import Any

from twisted.logger import Logger

from lanchat.core.hooks import Hooks
from lanchat.core.uploads import Uploads
from lanchat.files.blobs import Blobs
from lanchat.hooks.files import PostedFile
from lanchat.model.failed_writes import RETRY_MS
from lanchat.model.hook import Hook
from lanchat.net.http import Refusal
from lanchat.protocol.entry import Entry, Epoch
from lanchat.protocol.errors import ChatError, Forbidden, Full, NoSuchTarget, NotStored, RateLimited, TooBig
from lanchat.protocol.files import FileInfo, format_size
from lanchat.protocol.limits import Limits
from lanchat.state.upload import Upload
from lanchat.webchat.file_body import FileBody
from lanchat.webchat.files import COMMON_HEADERS
from lanchat.webchat.uploads import RETRY_SECONDS, told_of

#: What is told to who sends a form in which the file is only a part.
FORM = "Send the file itself, and no form: curl -T FILE ADDRESS/ (with the slash)."
#: The limits of files that are sent at the same time: one that is met is not for long.
_FOR_NOW = frozenset({"uploads", "address-uploads"})
#: Headers of all answers; what is answered may have a link that is for the sender only.
_HEADERS = {**COMMON_HEADERS, "Cache-Control": "no-store"}

_log = Logger("lanchat.hooks")


class HookFileBody(FileBody):
    """The body of a request with a file to a webhook."""

    def __init__(self, channel: Any, upload: Upload, blobs: Blobs, idle_seconds: float, file: PostedFile) -> None:
        """`file` is what the request says of it; the others as in `FileBody`."""
        super().__init__(channel, upload, blobs, idle_seconds)
        self.posted = file

    def write(self, data: bytes) -> None:
        """Take a piece, as in `FileBody`."""
        if self.size + len(data) > self.most:  # (its length was not known before)
            raise Refusal(413, f"The file is too large: there is room for {format_size(self.most)}.")
        super().write(data)


class HookFiles:
    """Takes files, and says them."""

    def __init__(self, hooks: Hooks, uploads: Uploads, blobs: Blobs, limits: Limits, epoch: Callable[[], Epoch]) -> None:
        """`epoch` returns that of the log, for the ids of messages."""
        self._hooks, self._uploads, self._blobs, self._limits, self._epoch = hooks, uploads, blobs, limits, epoch

    def take_body(self, request: Any, hook: Hook, file: PostedFile, length: int | None) -> HookFileBody:
        """What takes a file of so many bytes (None: the sender does not know yet) for a webhook that is enabled.

        Raises `Refusal` if it can't be taken: it is too large, there is no room for it, or too much comes at once.
        """
        if file.is_form:
            raise Refusal(415, FORM)
        try:
            self._hooks.check_takes_file(hook)
            self._hooks.take(hook)
            upload = self._uploads.take(partial(self._say, hook, file), hook.author, file.name, length)
        except ChatError as error:
            raise self._refusal(error) from None
        return HookFileBody(request.channel, upload, self._blobs, self._limits["upload-idle"], file)

    async def deliver(self, request: Any, body: HookFileBody) -> None:
        """Say the message that a file goes with, all of which has come, and answer the request when it is stored."""
        try:
            entry = await body.deliver()
            known = await self._known(entry)
        except Refusal as refusal:
            self._refuse(request, refusal)
        except ChatError as error:
            self._refuse(request, self._refusal(error))
        except Exception:  # noqa: BLE001 (a fault of ours costs this file, and its sender tries again)
            _log.failure("a file that was posted to a webhook could not be taken")
            self._refuse(request, Refusal(500, "The server could not take the file, by a fault of its own. Its log says why."))
        else:
            told = told_of(entry, known, self._epoch(), self._uploads.links, request)
            code, kind, answer = 201, "application/json", json.dumps(told).encode() + b"\n"
            if body.posted.as_to_ntfy:
                attachment: dict[str, object] = {name: told[name] for name in ("name", "type", "size", "url") if name in told}
                code, (kind, answer) = 200, body.posted.answer(entry.seq, entry.ts // 1000, attachment)
            request.respond(code, answer, {**_HEADERS, "Content-Type": kind})
        finally:
            body.end()

    async def _say(self, hook: Hook, posted: PostedFile, file: FileInfo) -> Entry:
        """Say the message, if the webhook may still do so, and return it when it is stored. Raises a `ChatError`."""
        entry = self._hooks.say(hook, posted.caption or file.name, key=posted.key, file=file)
        return await self._uploads.stored(entry, file)

    async def _known(self, entry: Entry) -> FileInfo:
        """The file of a message: of one that was sent again, the first one, if it is still there."""
        assert entry.file is not None  # noqa: S101 (it is a message with a file)
        return (await self._uploads.find(entry.seq) if entry.dup else None) or entry.file

    def _refuse(self, request: Any, refusal: Refusal) -> None:
        headers = {**_HEADERS, "Content-Type": "text/plain; charset=utf-8", **refusal.headers}
        request.respond(refusal.code, f"{refusal}\n".encode(), headers)

    def _refusal(self, error: ChatError) -> Refusal:
        """What a sender is told whose file can't be taken, or said."""
        if isinstance(error, Full) and error.limit:
            self._limits.met[error.limit] += 1
        if isinstance(error, RateLimited | NotStored):
            return Refusal(503, str(error), retry_after=str(math.ceil((error.retry_ms or RETRY_MS) / 1000)))
        if isinstance(error, Full):
            return (
                Refusal(503, str(error), retry_after=str(RETRY_SECONDS))
                if error.limit in _FOR_NOW
                else Refusal(507, str(error))
            )
        codes = {TooBig: 413, Forbidden: 403, NoSuchTarget: 404}
        return Refusal(next((code for kind, code in codes.items() if isinstance(error, kind)), 400), str(error))
