"""Whatever is posted: there are messages within bounds, or it is refused; nothing else is raised, and nothing takes long."""

from __future__ import annotations

import ast
import json
import re
import time
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

import lanchat.hooks
from lanchat.hooks.alertmanager import MOST_ALERTS
from lanchat.hooks.posted import INVALID_PAYLOAD, NO_TEXT, Posted, Unreadable
from lanchat.hooks.reading import read
from lanchat.hooks.texts import MOST_LABEL
from lanchat.protocol.packet import MAX_MSG
from tests.hooks.recorded import NAMES, load

#: Members that the shapes have, so that what is made is often of one.
WORDS = re.findall(
    r"\w+",
    """
    text attachments blocks fallback pretext title title_link fields value short actions elements type accessory url image_url
    username channel topic message tags priority click attach msg heartbeat monitor alerts status labels annotations fingerprint
    startsAt truncatedAlerts orgId summary description runbook_url rich_text section context button link user_id range name
    payload data filename label view
    """,
)
names = st.sampled_from(WORDS) | st.text(max_size=5)
values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | names
    | st.text(max_size=50)
    | st.sampled_from(["<http://a|b>", "\ud800", "\x1b["]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4),
    max_leaves=8,
)
headers = st.dictionaries(
    st.sampled_from(
        [
            "title",
            "x-title",
            "tags",
            "priority",
            "idempotency-key",
            "authorization",
            "accept",
            "x-gotify-key",
            "t",
            "user-agent",
        ]
    ),
    st.text(max_size=30),
    max_size=3,
)
types = st.sampled_from(
    [
        "",
        "application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=b",
        "text/plain; charset=iso-8859-1",
        "x",
        ";=;",
    ]
)
paths = st.sampled_from(["/", "/message", "/ops", "/backup.tgz"])


def check(posted: Posted) -> None:
    """It is read within bounds, or refused."""
    try:
        reading = read(posted)
    except Unreadable as refused:
        assert refused.code in (NO_TEXT, INVALID_PAYLOAD)
        return
    assert 1 <= len(reading.posts) <= MOST_ALERTS + 1
    for post in reading.posts:
        assert post.text.strip()
        assert len(f"{post.label}: {post.text}".encode()) <= MAX_MSG
        assert len(post.label) <= MOST_LABEL
        assert "\r" not in post.text
        assert "\n" not in post.label
        assert post.key is None or 0 < len(post.key) <= 64
    kind, answer = reading.answer(1, 1_796_000_000)
    if kind == "application/json":
        json.loads(answer)


@given(st.dictionaries(names, values, max_size=5), types, headers, paths)
def test_any_json(sent: dict[str, Any], kind: str, more: dict[str, str], path: str) -> None:
    check(Posted(path, {}, more | {"content-type": kind}, json.dumps(sent).encode()))


@given(st.binary(max_size=300), types, headers, paths, st.dictionaries(names, st.text(max_size=9), max_size=2))
def test_any_bytes(body: bytes, kind: str, more: dict[str, str], path: str, query: dict[str, str]) -> None:
    check(Posted(path, query, more | {"content-type": kind}, body))


@given(st.sampled_from(NAMES), st.data())
def test_any_request_that_was_changed_on_its_way(name: str, data: st.DataObject) -> None:
    posted = load(name)
    start = data.draw(st.integers(0, len(posted.body)))
    end = data.draw(st.integers(start, min(len(posted.body), start + 40)))
    check(posted._replace(body=posted.body[:start] + data.draw(st.binary(max_size=20)) + posted.body[end:]))


MILLION = 1_000_000
JSON = "application/json"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"[" * MILLION, JSON),
        (b'{"a":' * (MILLION // 5), ""),
        (b'{"attachments":[' + b"{}," * (MILLION // 3) + b"{}]}", JSON),
        (b'{"attachments":[{"fields":[' + b'{"value":"<http://"},' * (MILLION // 20) + b"{}]}]}", JSON),
        (b'{"attachments":[{"fields":[' + (b'{"value":"' + b"&amp;" * 6000 + b'"},') * 33 + b"{}]}]}", JSON),
        (b'{"blocks":[{"type":"context","elements":[' + (b'{"text":"' + b"&amp;" * 6000 + b'"},') * 33 + b"{}]}]}", JSON),
        (b'{"blocks":' + b'[{"type":"rich_text","elements":' * 400 + b"[]" + b"}]" * 400 + b"}", JSON),
        (b'{"alerts":[' + b'{"labels":{"a":"b"}},' * (MILLION // 20) + b"{}]}", JSON),
        (b'{"alerts":[{"annotations":{' + b",".join(b'"%d":"x"' % n for n in range(100_000)) + b"}}]}", JSON),
        (b'{"text":"' + b"[a](http://" * (MILLION // 11) + b'"}', JSON),
        (b'{"text":"' + b"\\r\\n" * (MILLION // 4) + b'"}', JSON),
        (b'{"text":"' + b" " * MILLION + b'"}', JSON),
        (b'{"text":' + b"1" * MILLION + b"}", JSON),
        (b"a=b&" * (MILLION // 4), "application/x-www-form-urlencoded"),
        (b"%41" * (MILLION // 3) + b"=&text=1", "application/x-www-form-urlencoded"),
        (b"--b\r\n\r\n" * (MILLION // 7), "multipart/form-data; boundary=b"),
        (b'--b\r\nContent-Disposition: form-data; name="' + b"\\" * MILLION, "multipart/form-data; boundary=b"),
        (b"<?xml?>" + b"<Message>" * (MILLION // 9), "application/xml"),
        (b"\x1b[" * (MILLION // 2), "text/plain"),
        (b"\xff" * MILLION, "text/plain"),
    ],
    ids=range(20),
)
def test_a_megabyte_of_anything_is_read_in_a_moment(body: bytes, kind: str) -> None:
    start = time.process_time()
    check(Posted("/", {}, {"content-type": kind}, body))
    assert time.process_time() - start < 2  # (it is 0.2 s at most; what grew with the square would take minutes)


def test_nothing_that_could_fetch_is_imported() -> None:
    imported: set[str] = set()
    for path in Path(lanchat.hooks.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                imported.add(str(node.module))
    assert "urllib.parse" in imported
    assert not {name.split(".")[0] for name in imported - {"urllib.parse"}} & {
        "http",
        "os",
        "socket",
        "subprocess",
        "twisted",
        "urllib",
    }
