"""FileBody: takes the body of a request that is a file, with a thumbnail before it if one was announced."""

from __future__ import annotations

from typing import Any

from twisted.logger import Logger

from lanchat.files.blob_writer import BlobWriter, Written
from lanchat.files.blobs import Blobs
from lanchat.files.types import HEAD_BYTES, PICTURES, media_type
from lanchat.net.http import Refusal
from lanchat.protocol.entry import Entry
from lanchat.protocol.files import FileInfo
from lanchat.state.upload import Upload

_log = Logger("lanchat.files")


class FileBody:
    """The body of one request (`lanchat.webchat.resources.LongBody`). It ends with `store` or with `abandon`."""

    def __init__(self, channel: Any, upload: Upload, blobs: Blobs, idle_seconds: float) -> None:
        """`channel` is the connection (`lanchat.webchat.channel.Channel`), which is paused while the disk is slower than it."""
        self.most = upload.most
        self.idle_seconds = idle_seconds
        #: How many bytes of it came.
        self.size = 0
        self._channel, self._upload, self._blobs = channel, upload, blobs
        self._paused = False
        self._picture = bytearray()
        self._head = b""
        self._writer = blobs.begin(self._written)

    def write(self, data: bytes) -> None:
        """Take a piece. Raises `Refusal` if it is too long, nobody wants it any more, or the disk does not take it."""
        self.size += len(data)
        if self.size > self.most:
            raise Refusal(413, f"That is too long: {self.most} bytes were announced.")
        if not self._upload.is_wanted():
            raise Refusal(409, "Nobody got the file: the connection that wanted to send it has ended.")
        if (missing := self._upload.thumb - len(self._picture)) > 0:
            self._picture += data[:missing]
            data = data[missing:]
            if len(self._picture) == self._upload.thumb:
                self._check_picture()
        if len(self._head) < HEAD_BYTES:
            self._head += data[: HEAD_BYTES - len(self._head)]
        if data:
            self._hand_over(data)

    def _hand_over(self, data: bytes) -> None:
        try:
            self._writer.write(data)
        except OSError as error:
            raise self._disk_failed(error) from None
        if self._writer.full:
            self._paused = True
            self._channel.pause_body()

    def _written(self) -> None:
        """Note that the disk has taken a piece, or none."""
        if self._paused and not self._writer.full:
            self._paused = False
            self._channel.extend(self.idle_seconds)
            self._channel.resume_body()

    def _check_picture(self) -> str:
        """The type of the thumbnail; raises `Refusal` if it is none."""
        found = media_type(bytes(self._picture[:HEAD_BYTES]), "")
        if found not in PICTURES:
            raise Refusal(
                400, "The thumbnail before the file is no picture that browsers show: send PNG, JPEG, GIF, WebP or AVIF."
            )
        return found

    async def deliver(self) -> Entry:
        """Have all that came on the disk, and say the message that it goes with. Raises `Refusal`, or a `ChatError`."""
        file = await self.store()
        needed = False
        try:
            entry = await self._upload.deliver(file)
            needed = not entry.dup
        finally:
            self.release(file, needed=needed)
        return entry

    async def store(self) -> FileInfo:
        """Have all that came on the disk, and held there: what was made of it must be told with `release`. Raises `Refusal`."""
        upload, thumb_type = self._upload, ""
        writers: list[BlobWriter] = [self._writer]
        kept: list[Written] = []
        try:
            if upload.thumb:
                thumb_type = self._check_picture()
                writers.append(self._blobs.begin())
                writers[1].write(bytes(self._picture))
            for writer in writers:
                kept += [await writer.finish()]
        except OSError as error:
            self._undo(writers, kept)
            raise self._disk_failed(error) from None
        except Refusal:
            self._undo(writers, kept)
            raise
        file, picture = kept[0], kept[1] if upload.thumb else Written("", 0)
        return FileInfo(
            upload.name,
            media_type(self._head, upload.name),
            file.size,
            file.digest,
            upload.width,
            upload.height,
            picture.digest,
            thumb_type,
            picture.size,
            upload.address,
        )

    def _undo(self, writers: list[BlobWriter], kept: list[Written]) -> None:
        for writer in writers[len(kept) :]:
            writer.abandon()
        for written in kept:
            self._blobs.release(written.digest, needed=False)

    def release(self, file: FileInfo, *, needed: bool) -> None:
        """Hold what `store` returned no more; `needed` says that a message with it is stored."""
        for digest in (file.digest, file.thumb):
            if digest:
                self._blobs.release(digest, needed=needed)

    def end(self) -> None:
        """Note that what becomes of it has been answered: if its message was not said, its place is free again."""
        self._upload.abandon()

    def abandon(self) -> None:
        """Give it up, as not all of it came; nothing stays of it."""
        self._writer.abandon()
        self._upload.abandon()

    def _disk_failed(self, error: OSError) -> Refusal:
        _log.error("a file that was sent can't be kept: {error}", error=str(error))
        return Refusal(507, "The server can't keep the file, as its disk is full or fails. Tell the operator.")
