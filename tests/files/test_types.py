"""Which files browsers may show: by their bytes, whatever they are called; and never what they would run."""

from __future__ import annotations

import pytest

from lanchat.files.types import HEAD_BYTES, INLINE, media_type
from lanchat.protocol.files import ANY_TYPE

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR"
SCRIPT = b"<script>alert(1)</script>"


def box(brand: bytes, *others: bytes) -> bytes:
    """The beginning of a file in the container of MP4."""
    return (16 + 4 * len(others)).to_bytes(4, "big") + b"ftyp" + brand + b"\0\0\2\0" + b"".join(others) + b"\0\0\0\x08free"


@pytest.mark.parametrize(
    ("head", "expected"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0\0\x10JFIF", "image/jpeg"),
        (b"GIF89a\1\0\1\0", "image/gif"),
        (b"GIF87a\1\0\1\0", "image/gif"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "image/webp"),
        (box(b"avif", b"avif", b"mif1", b"miaf"), "image/avif"),
        (box(b"mif1", b"avif", b"miaf"), ANY_TYPE),
        (box(b"heic", b"mif1", b"heic", b"mp41"), ANY_TYPE),
        (box(b"isom", b"isom", b"iso2", b"avc1", b"mp41"), "video/mp4"),
        (box(b"mp42", b"mp42"), "video/mp4"),
        (box(b"M4A ", b"M4A ", b"mp42", b"isom"), "audio/mp4"),
        (box(b"qt  ", b"qt  "), ANY_TYPE),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x84webmB\x87", "video/webm"),
        (b"\x1aE\xdf\xa3\x9fB\x86\x81\x01B\xf7\x81\x01B\xf2\x81\x04B\xf3\x81\x08B\x82\x88matroskaB", ANY_TYPE),
        (b"ID3\x03\0\0\0\0\0\0", "audio/mpeg"),
        (b"\xff\xfb\x90\x64\0\0", "audio/mpeg"),
        (b"\xff\xfb\xf0\x64\0\0", ANY_TYPE),
        (b"\xff\xfb\x9c\x64\0\0", ANY_TYPE),
        (b"\xff\xfeh\0i\0", ANY_TYPE),
        (b"OggS\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x13OpusHead", "audio/ogg"),
        (b"OggS\0\2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01\x2a\x80theora", "video/ogg"),
        (b"hello\n", "text/plain"),
        ("gr\u00fc\u00dfe \u4f60\u597d\n".encode(), "text/plain"),
        (b"\xef\xbb\xbfwith a byte order mark", "text/plain"),
        (b"\x1b[31mred\x1b[0m", "text/plain"),
        (b"%PDF-1.7\n", ANY_TYPE),
        (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", ANY_TYPE),
        (b"PK\3\4", ANY_TYPE),
        (b"\x7fELF", ANY_TYPE),
        (b"caf\xe9", ANY_TYPE),
        (b"a\0b", ANY_TYPE),
        (b"", ANY_TYPE),
    ],
)
def test_the_type_is_what_the_bytes_say(head: bytes, expected: str) -> None:
    assert media_type(head, "x") == expected
    assert expected == ANY_TYPE or expected in INLINE


@pytest.mark.parametrize(
    "page",
    [
        b"<!DOCTYPE html><title>x</title>",
        b"<html>",
        b"\n\t <HTML>",
        b"\xef\xbb\xbf<html>",
        b"\x0c<svg xmlns='http://www.w3.org/2000/svg'>",
        b"<?xml version='1.0'?><svg/>",
        b"<!-- x --><script>",
        SCRIPT,
        b"<a href=x>",
        b"</html>",
    ],
)
def test_what_browsers_would_run_is_only_downloaded(page: bytes) -> None:
    assert media_type(page, "notes.txt") == ANY_TYPE


@pytest.mark.parametrize("name", ["x.html", "x.HTM", "x.svg", "x.xhtml", "x.xml", "x.shtml", "x.mhtml", "x.xsl", "x.svgz"])
def test_a_text_that_is_called_a_page_is_only_downloaded(name: str) -> None:
    assert media_type(b"hello " + SCRIPT, name) == ANY_TYPE
    assert media_type(PNG, name) == "image/png", "the bytes say more than the name"


@pytest.mark.parametrize(
    ("head", "expected"), [(PNG + SCRIPT, "image/png"), (b"GIF89a/*" + SCRIPT, "image/gif"), (b"ID3\3" + SCRIPT, "audio/mpeg")]
)
def test_a_file_that_is_two_things_is_what_its_first_bytes_say(head: bytes, expected: str) -> None:
    assert media_type(head, "x.html") == expected


def test_a_text_may_be_cut_within_a_character() -> None:
    text = ("x" * (HEAD_BYTES - 1) + "\u00fc").encode()
    assert media_type(text[:HEAD_BYTES], "x") == "text/plain"
    assert media_type(text[: HEAD_BYTES - 1] + b"\xff", "x") == ANY_TYPE
    assert media_type("\u00fc".encode()[:1], "x") == ANY_TYPE, "a whole file ends with a whole character"


def test_nothing_that_browsers_run_is_ever_shown() -> None:
    assert not [sent for sent in INLINE.values() if "html" in sent or "svg" in sent or "xml" in sent or "script" in sent]
