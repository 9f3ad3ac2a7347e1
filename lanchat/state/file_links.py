"""File links: the addresses under which files can be fetched, made for each reader, signed, and good for some days.

A link is `BASE/f/SEQ/NAME?e=EXPIRES&k=KEY`, with `&thumb` for the thumbnail. `SEQ` is the number of the message in the log,
`EXPIRES` the end of the link in seconds since 1970, and `KEY` an HMAC (RFC 2104) over both and the epoch of the log: so who has
a link was shown the message, and the links of a log end when another one takes its place. `NAME` is for people only.
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64encode
from collections.abc import Callable
from typing import Any, NamedTuple

from lanchat.model.session import TELNET, Session
from lanchat.protocol.entry import Epoch, Seq
from lanchat.protocol.errors import Forbidden
from lanchat.protocol.files import FileInfo, format_size
from lanchat.protocol.interfaces import IClient
from lanchat.protocol.packet import visible

#: A link lasts at least so many days. It ends with a day, so those of one day are the same, and programs fetch a file once.
DAYS, DAY = 3, 86_400
#: How many bytes of the HMAC are in a link.
KEY_BYTES = 24
#: The longest end of the path of a link, in characters; and characters that it does not have, so that it survives anywhere.
MAX_IN_PATH = 40
_NOT_IN_PATH = re.compile(r"[^A-Za-z0-9._-]+")
#: Characters of a name of a file in a sentence.
MAX_SHOWN = 120
#: The ports that are in no address, as they are those of the scheme.
_USUAL = {"http": 80, "https": 443}
#: How many bases are remembered.
MAX_BASES = 1000

ENDED = "This link has ended, or was copied wrongly. Open the conversation again for a new one, or send /link with its number."


class Ports(NamedTuple):
    """The ports at which files are served without TLS and with it; 0 if there is none."""

    http: int = 0
    https: int = 0


class FileLinks:
    """Makes links to files, and checks them."""

    def __init__(self, now: Callable[[], float]) -> None:
        """`now` is the time of day, in seconds since 1970."""
        self._now = now
        self._key = b""
        self._epoch: Callable[[], Epoch] = str
        self._bases: dict[tuple[str, bool], str] = {}  # by how readers came here
        #: The base of all links, such as `https://chat.lan`, if the operator gives one (`--files-url`).
        self.fixed = ""
        #: Returns the ports at which files are served.
        self.ports: Callable[[], Ports] = Ports

    def begin(self, key: str, epoch: Callable[[], Epoch]) -> None:
        """Take over the key that signs links, which was read when the log was opened; `epoch` returns that of the log."""
        self._key, self._epoch = key.encode(), epoch

    def base_for(self, client: IClient) -> str:
        """The beginning of all links for a client: `http://192.168.1.7:8080`. "" if files are served nowhere."""
        way = client.reached_at()
        if (base := self._bases.get(way)) is None:
            base = self._make_base(*way)
            if base and len(self._bases) < MAX_BASES:  # (a port may not be open yet)
                self._bases[way] = base
        return base

    def _make_base(self, host: str, encrypted: bool) -> str:
        http, https = self.ports()
        if not http and not https:
            return ""
        if self.fixed:
            return self.fixed
        scheme = "https" if https and (encrypted or not http) else "http"
        port = https if scheme == "https" else http
        return f"{scheme}://{host}" if port == _USUAL[scheme] else f"{scheme}://{host}:{port}"

    def url(self, base: str, seq: Seq, file: FileInfo, *, thumb: bool = False) -> str:
        """A link to the file of a message, or, with `thumb`, to the thumbnail of it. "" if files are served nowhere."""
        if not base:
            return ""
        ends = (int(self._now()) // DAY + DAYS + 1) * DAY
        return f"{base}/f/{seq}/{_in_path(file.name)}?e={ends}&k={self._sign(seq, ends, thumb)}{'&thumb' if thumb else ''}"

    def check(self, seq: Seq, ends: str, key: str, *, thumb: bool) -> int:
        """Check a link, whose parts may be anything; returns for how many seconds it still lasts. Raises `Forbidden`."""
        end = int(ends) if ends.isascii() and ends.isdigit() and len(ends) <= 12 else 0
        right = hmac.compare_digest(self._sign(seq, end, thumb).encode(), key.encode(errors="replace"))
        left = end - int(self._now())
        if not right or left <= 0:
            raise Forbidden(ENDED)
        return left

    def _sign(self, seq: Seq, ends: int, thumb: bool) -> str:
        signed = f"{self._epoch()} {seq} {ends} {'thumb' if thumb else 'file'}".encode()
        return urlsafe_b64encode(hmac.digest(self._key, signed, "sha256")[:KEY_BYTES]).decode()

    def facts(self, base: str, seq: Seq, file: FileInfo) -> dict[str, Any]:
        """What a program is told of a file, as `x.file` (docs/protocol.md, "Files")."""
        told: dict[str, Any] = {"name": file.name, "type": file.type, "size": file.size}
        if base:
            told["url"] = self.url(base, seq, file)
        if file.width and file.height:
            told["w"], told["h"] = file.width, file.height
        if file.thumb and base:
            told["thumb"] = self.url(base, seq, file, thumb=True)
        return told

    def sentence(self, base: str, seq: Seq, file: FileInfo) -> str:
        """What people are told of a file: `report.pdf (2.1 MB): http://...`."""
        said = f"{visible(file.name, MAX_SHOWN)} ({format_size(file.size)})"
        return f"{said}: {self.url(base, seq, file)}" if base else said

    def told(self, session: Session, seq: Seq, file: FileInfo) -> tuple[str, str]:
        """What somebody who typed a command is told of a file: a sentence, and the link, where that gets a line of its own.

        So it does in terminals, where what users wrote, such as the name of the file, is folded.
        """
        base = self.base_for(session.client)
        said = self.sentence(base, seq, file)
        link = self.url(base, seq, file) if session.gateway == TELNET else ""
        return (said.removesuffix(f" {link}"), link) if link else (said, "")


def _in_path(name: str) -> str:
    """The name of a file as it is at the end of a link: short, and with letters that every program leaves as they are."""
    stem, dot, suffix = _NOT_IN_PATH.sub("-", name).rpartition(".")
    if not dot or len(suffix) > MAX_IN_PATH // 2:
        stem, dot, suffix = stem + dot + suffix, "", ""
    return (stem[: MAX_IN_PATH - len(dot + suffix)].strip("-.") or "file") + dot + suffix
