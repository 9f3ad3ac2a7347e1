"""Which files browsers may show in a page, by what their bytes are: a short list of pictures, sound, video and plain text.

Whatever is not on it is only downloaded. The name that a sender gave, and the type that their program claims, never put a file
on the list, as a page that browsers run could be called `cat.png`.
"""

from __future__ import annotations

import re

from lanchat.protocol.files import ANY_TYPE

#: How many of a file's first bytes are looked at.
HEAD_BYTES = 4096
#: Text whose encoding is UTF-8, as it is kept; `INLINE` says how it is sent.
TEXT = "text/plain"
#: Pictures: also what a sender's program may send as a thumbnail of a file.
PICTURES = frozenset({"image/png", "image/jpeg", "image/gif", "image/webp", "image/avif"})
#: All that browsers may show in a page, each with the Content-Type with which it is sent.
INLINE = {
    name: name for name in sorted(PICTURES | {"video/mp4", "audio/mp4", "video/webm", "audio/mpeg", "audio/ogg", "video/ogg"})
} | {TEXT: "text/plain; charset=utf-8"}

#: How files of each type begin.
_BEGINNINGS = (
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "image/png"),
    (re.compile(rb"\xff\xd8\xff"), "image/jpeg"),
    (re.compile(rb"GIF8[79]a"), "image/gif"),
    (re.compile(rb"RIFF....WEBP", re.DOTALL), "image/webp"),
    (re.compile(rb"\x1aE\xdf\xa3.{0,60}\x42\x82.{1,8}webm", re.DOTALL), "video/webm"),
    (re.compile(rb"OggS.{0,60}\x80theora", re.DOTALL), "video/ogg"),
    (re.compile(rb"OggS"), "audio/ogg"),
    (re.compile(rb"ID3[\x02-\x04]"), "audio/mpeg"),
)
#: The container of MP4 and AVIF (ISO/IEC 14496-12, "ftyp"): size, kind, version, and the kinds that it is compatible with.
_CONTAINER = re.compile(rb"\0\0(?P<size>..)ftyp(?P<brand>....)....(?P<others>(?:....)*)", re.DOTALL)
_BRANDS = (
    ("image/avif", {b"avif", b"avis"}),
    ("audio/mp4", {b"M4A ", b"M4B "}),
    ("video/mp4", {b"isom", b"iso2", b"iso4", b"iso5", b"iso6", b"mp41", b"mp42", b"M4V ", b"avc1", b"dash", b"MSNV"}),
)
#: Characters that no text has: all controls but tab, line feed, form feed, carriage return and escape (as in coloured logs).
_NOT_IN_TEXT = re.compile(r"[\x00-\x08\x0b\x0e-\x1a\x1c-\x1f\x7f]")
#: How a page, a drawing or another document begins that browsers and other programs might run, if they knew its type.
_MARKUP = re.compile(r"\s*<[!?/a-z]|%PDF-|%!PS", re.IGNORECASE)
_MARKUP_NAME = re.compile(r"\.(?:[sx]?html?|xht|svgz?|xml|xslt?|mht|mhtml)\Z", re.IGNORECASE)


def media_type(head: bytes, name: str) -> str:
    """The type of a file, such as `image/png`; `ANY_TYPE` if it is none that browsers may show in a page.

    `head` has its first `HEAD_BYTES` bytes, or all, if it has fewer; `name` is its name, by which text may be markup.
    """
    for beginning, found in _BEGINNINGS:
        if beginning.match(head):
            return found
    if (container := _CONTAINER.match(head)) is not None:
        return _in_container(container)
    if _is_sound(head):
        return "audio/mpeg"
    return TEXT if head and _is_text(head) and not _MARKUP_NAME.search(name) else ANY_TYPE


def _is_sound(head: bytes) -> bool:
    """Whether this begins with a frame of MPEG-1 or -2, layer III, of which the bit rate and the sampling rate exist."""
    if len(head) < 4 or head[0] != 0xFF or head[1] not in {0xFA, 0xFB, 0xF2, 0xF3}:
        return False
    return 0 < head[2] >> 4 < 15 and head[2] >> 2 & 3 != 3


def _in_container(container: re.Match[bytes]) -> str:
    others = container["others"][: max(int.from_bytes(container["size"], "big") - 16, 0)]
    brands = [container["brand"], *(others[at : at + 4] for at in range(0, len(others), 4))]
    # (The first is what it is made for: pictures of iPhones are compatible with mp41, too, and are no video.)
    for brand in brands[:1] if brands[0] in {b"heic", b"heix", b"mif1", b"qt  "} else brands:
        for found, known in _BRANDS:
            if brand in known:
                return found
    return ANY_TYPE


def _is_text(head: bytes) -> bool:
    """Whether this is the beginning of a text in UTF-8 that is no markup. The end may cut a character in two."""
    try:
        text = head.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        if len(head) < HEAD_BYTES or error.reason != "unexpected end of data":
            return False
        text = head[: error.start].decode("utf-8-sig")
    return not _NOT_IN_TEXT.search(text) and not _MARKUP.match(text)
