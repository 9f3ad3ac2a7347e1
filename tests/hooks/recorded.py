"""Requests as programs send them, in `posted/`: `NAME.http`, and in `NAME.said` what is said because of it, and the answer.

They were written after what the programs are documented to send, with invented values.
"""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, unquote

from lanchat.hooks.posted import Posted, Reading

POSTED = Path(__file__).parent / "posted"
NAMES = sorted(path.stem for path in POSTED.glob("*.http"))


def load(name: str) -> Posted:
    """A request. In its file, lines of a multipart body end as in text files."""
    head, _, body = (POSTED / f"{name}.http").read_bytes().partition(b"\n\n")
    request, *lines = head.decode().splitlines()
    path, _, query = request.partition(" ")[2].partition("?")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = body.removesuffix(b"\n")
    if "multipart" in headers.get("content-type", ""):
        body = body.replace(b"\n", b"\r\n") + b"\r\n"
    return Posted(unquote(path), dict(parse_qsl(query)), headers, body)


def expected(name: str) -> str:
    """What its messages and the answer are, as `told` writes it."""
    return (POSTED / f"{name}.said").read_text()


def told(reading: Reading) -> str:
    """The messages, each with its label and the beginning of its key, and the answer for message 42."""
    lines = []
    for post in reading.posts:
        lines += [f"== [{post.label}] {(post.key or '')[:8]}".rstrip(), post.text]
    kind, answer = reading.answer(42, 1_796_000_000)
    return "\n".join([*lines, f"== answer: {kind} {answer.decode()}", ""])
