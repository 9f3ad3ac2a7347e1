"""Files that are sent in pure tests: nobody takes any bytes, and each file is as it was said to be."""

from __future__ import annotations

import hashlib
from typing import Any

from twisted.internet.defer import Deferred

from lanchat.core.router import Router
from lanchat.protocol.entry import Entry
from lanchat.protocol.files import FileInfo
from lanchat.state.file_links import Ports
from lanchat.state.upload import Upload
from tests.fakes import User, dump

#: Where files are, for those who came as `FakeClient`s do.
BASE = "http://10.0.0.99:8080"


def take_files(router: Router) -> None:
    """Let files be sent here, as a server with an HTTP port does."""
    chat = router.chat
    chat.uploads.begin("a key", {})
    chat.uploads.links.ports = lambda: Ports(8080)


def offered(user: User) -> dict[str, Any]:
    """Where a user may send a file: `x.upload` of the answer to a `/file`."""
    (upload,) = [dump(packet.x)["upload"] for packet in user.shown() if "upload" in dump(packet.x)]
    assert isinstance(upload, dict)
    return upload


def ticket_of(upload: dict[str, Any]) -> str:
    """The ticket in the address."""
    base, _, ticket = upload["url"].rpartition("/")
    assert base == f"{BASE}/files"
    return str(ticket)


def described(upload: Upload, content: bytes = b"") -> FileInfo:
    """What is known of a file when all of its bytes are on the disk."""
    digest = hashlib.sha256(content or upload.name.encode()).hexdigest()
    small = ("ab" * 32, "image/webp", upload.thumb) if upload.thumb else ("", "", 0)
    kind = "image/png" if upload.name.endswith(".png") else "application/octet-stream"
    return FileInfo(upload.name, kind, upload.size, digest, upload.width, upload.height, *small, upload.address)


def finish(upload: Upload) -> Deferred[Entry]:
    """All bytes have come."""
    return Deferred.fromCoroutine(upload.deliver(described(upload)))


def begin(user: User, to: str, name: str, size: int = 2_100_000, **x: Any) -> Upload:
    """Ask to send a file, and claim the ticket."""
    user.send("/file", "", target=to, name=name, size=size, **x)
    return user.router.chat.uploads.claim(ticket_of(offered(user)), size + int(x.get("thumb", 0)))


def send_file(user: User, to: str, name: str, size: int = 2_100_000, **x: Any) -> Entry:
    """Send a file; returns its message, which was delivered."""
    sent: list[Entry] = []
    finish(begin(user, to, name, size, **x)).addCallback(sent.append)
    (entry,) = sent
    return entry
