"""Saves files: fetches them, continues what was cut, and puts them in their place when they are whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from twisted.internet.threads import deferToThread

from lanchat.client.shared_file import SharedFile
from lanchat.transfers.failed import Failed
from lanchat.transfers.local_files import Part, destination, digest_of
from lanchat.transfers.requests import Moved, Requests


async def save(requests: Requests, file: SharedFile, where: str, moved: Moved) -> Path:
    """Fetch a file and save it in the directory `where` ("": the current one), or under the name `where`; returns its place.

    Raises `Failed`.
    """
    if not file.url:
        raise Failed("the server does not say where it is.")
    place = destination(where, file.name)
    tag = ((await requests.head(file.url)).getRawHeaders("ETag") or [""])[0]
    part = Part(place, digest_of(tag))
    try:
        if part.size > file.size:
            part.restart()
        moved(part.size)
        if part.size < file.size:
            await _fetch(requests, file, part, tag, moved)
        if part.size < file.size:
            raise Failed(f"only {part.size} of {file.size} bytes came. Try again: it goes on from there.")
        saved: Path = await deferToThread(part.finish)
    except OSError as error:
        raise Failed(f"it can't be written: {error.strerror}.") from None
    finally:
        part.close()
    return saved


async def _fetch(requests: Requests, file: SharedFile, part: Part, tag: str, moved: Moved) -> None:
    """Fetch what is missing of a file, or all of it. Raises `Failed`."""

    def started(response: Any) -> int:
        if response.code == 206:
            came = (response.headers.getRawHeaders("Content-Range") or [""])[0]
            if came != f"bytes {part.size}-{file.size - 1}/{file.size}":
                raise Failed("the server sent another part of it than was asked for.")
        elif part.size:
            moved(-part.size)
            part.restart()
        if isinstance(response.length, int) and response.length != file.size - part.size:
            raise Failed("it has another size than the server had announced.")
        return file.size - part.size

    def take(data: bytes) -> None:
        part.write(data)
        moved(len(data))

    headers = {"Range": f"bytes={part.size}-", "If-Range": tag} if part.size else {}
    try:
        await requests.get(file.url, headers, started, take)
    except Failed as failed:
        if part.size and part.size < file.size:
            raise Failed(f"{failed} {part.size} of {file.size} bytes are there: the next try goes on from there.") from None
        raise
