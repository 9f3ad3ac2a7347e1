"""Files at the chat page, as tests describe them: how people send them, and what is shown of them."""

from __future__ import annotations

import json
import struct
import urllib.request
import zlib
from typing import Any

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.live import Peer, Server, login, until
from tests.webchat.chat import Person


def png(width: int, height: int, color: bytes = b"\xc0\x20\x20") -> bytes:
    """A picture of one color (PNG)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = zlib.compress((b"\0" + color * width) * height)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def picks(person: Person, *files: tuple[str, bytes]) -> None:
    """Choose files with the button for that."""
    with person.page.expect_file_chooser() as chooser:
        person.page.get_by_role("button", name="Attach files").click()
    chooser.value.set_files([FilePayload(name=name, mimeType=mime(name), buffer=data) for name, data in files])
    expect(uploads(person)).to_have_count(len(files))


def mime(name: str) -> str:
    return {"png": "image/png", "txt": "text/plain"}.get(name.rpartition(".")[2], "application/octet-stream")


def uploads(person: Person) -> Locator:
    """The rows of files that are not sent yet."""
    return person.page.get_by_role("list", name="Files to send").get_by_role("listitem")


def row_of(person: Person, name: str) -> Locator:
    """The message with the file of this name."""
    link = person.page.locator(f'a[download="{name}"], a.picture:has(img[alt="{name}"])')
    return person.page.get_by_role("article").filter(has=link)


def has_loaded(picture: Locator) -> None:
    """Wait until a picture is there."""
    expect(picture).to_be_visible()
    until(lambda: picture.evaluate("(img) => img.complete && img.naturalWidth > 0"), "the picture")


def transfer(page: Page, *files: tuple[str, bytes]) -> Any:
    """What a browser hands over when files are pasted or dropped."""
    return page.evaluate_handle(
        """(files) => {
            const data = new DataTransfer();
            files.forEach(([name, type, bytes]) => data.items.add(new File([new Uint8Array(bytes)], name, { type })));
            return data;
        }""",
        [[name, mime(name), list(data)] for name, data in files],
    )


def send_file(peer: Peer, target: str, name: str, data: bytes) -> dict[str, Any]:
    """Send a file as a program does; what is told of it."""
    peer.say("/file", "", target=target, name=name, size=len(data), cid=name)
    url = peer.wait_for("Send the")["x"]["upload"]["url"]
    with urllib.request.urlopen(urllib.request.Request(url, data, method="PUT")) as answer:  # noqa: S310 (ours)
        told: dict[str, Any] = json.loads(answer.read())
    return told


def program(server: Server, name: str) -> Peer:
    """A program that knows of files."""
    peer = login(server.port(), name)
    peer.say("/hello", "", v=1, caps=["id", "ack", "room", "file"])
    peer.wait_for("Welcome")
    return peer


def slow_down(person: Person, rate: int) -> None:
    """Let a browser send so many bytes a second only; 0 for as many as it can."""
    session = person.page.context.new_cdp_session(person.page)
    session.send("Network.enable")
    session.send(
        "Network.emulateNetworkConditions",
        {"offline": False, "latency": 0, "downloadThroughput": -1, "uploadThroughput": rate or -1},
    )


def is_under_way(person: Person) -> None:
    """Wait until some of the first file is sent, and not all."""
    bar = uploads(person).get_by_role("progressbar")
    expect(bar).to_be_visible()
    until(lambda: 0 < bar.evaluate("(bar) => bar.value") < 1, "some bytes to be sent")
