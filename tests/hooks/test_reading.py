"""What is read in requests that are unusual or wrong, and how long texts and many alerts are bounded."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lanchat.hooks.posted import Posted, Reading, Unreadable
from lanchat.hooks.reading import read
from lanchat.hooks.texts import CUT
from lanchat.protocol.packet import MAX_MSG

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"


def posted(body: bytes | str | dict[str, Any], kind: str = "", path: str = "/", **headers: str) -> Posted:
    """A request; the names of `headers` have `_` for `-`. An object becomes JSON, and its type says so."""
    if isinstance(body, dict):
        body, kind = json.dumps(body), kind or JSON
    content = {"content-type": kind} if kind else {}
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Posted(path, {}, content | named, body.encode() if isinstance(body, str) else body)


def text(*args: Any, **headers: str) -> str:
    """The one message that is read in a request."""
    (post,) = read(posted(*args, **headers)).posts
    return post.text


def refusal(*args: Any, **headers: str) -> str:
    """The code with which a request is refused; its text is one line."""
    with pytest.raises(Unreadable) as refused:
        read(posted(*args, **headers))
    assert "\n" not in str(refused.value)
    return refused.value.code


def answer(reading: Reading) -> tuple[str, bytes]:
    return reading.answer(7, 1_796_000_000)


@pytest.mark.parametrize(
    "request_",
    [
        ("",),
        (" \r\n ",),
        ({},),
        ({"text": None},),
        ({"text": "", "attachments": None, "blocks": None},),
        ({"attachments": [{"color": "good", "fields": None, "ts": 1.5}, None, "x"]},),
        ({"message": "", "title": ""},),
        ({"action": "opened", "repository": {"name": "tools"}},),
        ({"alerts": []},),
        ("payload=%7B%7D", FORM),
        ("text=", FORM),
        (
            '--b\r\nContent-Disposition: form-data; name="f"; filename="a.txt"\r\n\r\nhello\r\n--b--\r\n',
            "multipart/form-data; boundary=b",
        ),
    ],
    ids=str,
)
def test_nothing_to_say_is_refused(request_: tuple[Any, ...]) -> None:
    assert refusal(*request_) == "no_text"


@pytest.mark.parametrize(
    "request_",
    [
        ('{"text": ', JSON),
        ('["text"]', JSON),
        ('"text"', "application/json; charset=utf-8"),
        ('{"text": "' + "1" * 5000 + "}", JSON),
        ('{"n": ' + "1" * 5000 + "}", JSON),
        ("payload=nonsense", FORM),
        ("payload=%5B1%5D", FORM),
        ("nothing of it", "multipart/form-data; boundary=b"),
        ("nothing of it", "multipart/form-data"),
        ("[" * 200_000, JSON),
        ('{"text":' * 200_000, JSON),
    ],
    ids=lambda request_: request_[0][:20],
)
def test_what_is_not_what_its_type_says_is_refused(request_: tuple[Any, ...]) -> None:
    assert refusal(*request_) == "invalid_payload"


@pytest.mark.parametrize(
    "body",
    [
        "disk full",
        "a=b&c=d",
        "50 % & more",
        "text message: payload=5",
        "&".join("ab"[i % 2] for i in range(5000)),
        "{ not JSON",
        "[1]",
    ],
)
def test_a_text_that_only_looks_like_something_else_is_said_as_it_is(body: str) -> None:
    assert text(body, FORM) == text(body, "text/plain") == text(body) == body


@pytest.mark.parametrize("name", ["text", "message", "msg"])
def test_a_form_with_a_field_that_is_known_is_read(name: str) -> None:
    assert text(f"{name}=disk+full%21&x=1", FORM) == "disk full!"


def test_a_type_is_not_needed_for_json() -> None:
    assert text('{"text": "a"}') == text('{"text": "a"}', "text/plain") == text('\ufeff {"text": "a"}', FORM) == "a"


def test_the_first_of_several_messages_for_one_alert_is_known_by_its_key() -> None:
    alert = {"status": "firing", "fingerprint": "f1", "startsAt": "2026-11-29T10:11:12Z", "labels": {"alertname": "Down"}}
    key = {
        name: read(posted({"alerts": [alert | change]})).posts[0].key
        for name, change in {
            "same": {"endsAt": "later", "generatorURL": "http://elsewhere"},
            "first": {},
            "other": {"fingerprint": "f2"},
            "resolved": {"status": "resolved"},
            "again": {"startsAt": "2026-11-29T11:11:12Z"},
        }.items()
    }
    assert key["same"] == key["first"]
    assert len(set(key.values())) == 4
    assert read(posted({"alerts": [alert | {"fingerprint": None}]})).posts[0].key is None


def test_many_alerts_are_told_in_one_message() -> None:
    alerts = [{"status": "firing", "fingerprint": f"f{n}", "labels": {"alertname": f"Down{n}"}} for n in range(90)]
    posts = read(posted({"alerts": alerts, "truncatedAlerts": 3})).posts
    assert len(posts) == 21
    assert posts[-1].text.startswith("And 73 more alerts:\n[FIRING] Down20\n")
    assert posts[-1].text.endswith("\n[FIRING] Down89")
    assert posts[-1].key != read(posted({"alerts": alerts[:-1], "truncatedAlerts": 3})).posts[-1].key
    for wrong in (-3, "3", 10**4300 - 1):  # (one more, and Python could not write the last)
        assert read(posted({"alerts": alerts, "truncatedAlerts": wrong})).posts[-1].text.startswith("And 70 more alerts:")


def test_a_key_of_the_sender_counts() -> None:
    def keys(body: dict[str, Any], key: str) -> list[str | None]:
        return [post.key for post in read(posted(body, idempotency_key=key)).posts]

    assert keys({"text": "a"}, "backup-41") == ["backup-41"]
    (long,) = keys({"text": "a"}, "k" * 1000)
    assert long is not None
    assert len(long) <= 64
    assert keys({"text": "a"}, "k" * 1000) == [long]
    assert keys({"text": "a"}, "k" * 1001) != [long]
    both = keys({"alerts": [{"status": "firing"}, {"status": "firing"}]}, "backup-41")
    assert len(set(both)) == 2
    assert read(posted({"text": "a"})).posts[0].key is None


@pytest.mark.parametrize("sign", ["a", "\u00fc", "\U0001f4a9"])
def test_a_long_text_is_cut_and_says_so(sign: str) -> None:
    post = read(posted({"text": sign * 20_000, "username": "w\u00e9b 1"})).posts[0]
    assert post.text.endswith("\n" + CUT)
    assert post.text.startswith(sign * 4000)
    assert MAX_MSG - 8 < len(f"{post.label}: {post.text}".encode()) <= MAX_MSG
    exactly = "a" * (MAX_MSG - 2)
    assert text({"text": exactly}) == exactly


def test_a_text_that_is_shorter_when_it_is_said_is_looked_at_as_far_as_it_goes() -> None:
    shown = text({"text": "&quot;" * 20_000})
    assert shown == '"' * (65_536 // 6) + "&quo\n" + CUT


def test_attachments_without_end_are_cut_too() -> None:
    fields = [{"title": f"field {n}", "value": "v" * 90} for n in range(100)]
    shown = text({"attachments": [{"title": f"number {n}", "fields": fields} for n in range(200)]})
    assert shown.startswith("number 0\nfield 0: v")
    assert shown.endswith(CUT)
    assert len(shown.encode()) <= MAX_MSG


def test_a_name_is_one_line_and_short() -> None:
    for username, label in (("  web1\nKuma\x1b ", "web1 Kuma"), ("n" * 500, "n" * 64), (None, ""), (7, "7"), ({}, "")):
        assert read(posted({"text": "a", "username": username})).posts[0].label == label


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", ("text/plain", b"ok")),
        ("*/*", ("text/plain", b"ok")),
        ("application/json, text/plain, */*", ("text/plain", b"ok")),
        ("application/json", ("application/json", b'{"ok":true}')),
        ("application/json; charset=utf-8", ("application/json", b'{"ok":true}')),
    ],
)
def test_a_yes_is_two_letters_unless_json_is_asked_for(accept: str, expected: tuple[str, bytes]) -> None:
    assert answer(read(posted("disk full", accept=accept))) == expected


def test_a_title_alone_is_something_to_say() -> None:
    assert text({"title": "Backup"}) == text("", title="Backup") == "Backup"


def test_headers_may_be_in_any_writing() -> None:
    raw = "Gr\u00fc\u00dfe".encode().decode("latin-1")
    for title in (raw, "Gr\u00fc\u00dfe", "=?utf-8?q?Gr=C3=BC=C3=9Fe?="):
        assert text("b", title=title).startswith("Gr\u00fc\u00dfe\n")
    for broken in ("=?utf-8?b?a?=", "=?nothing?q?a?=", "=?utf-8?q?=ff?="):
        assert text("b", title=broken).endswith("\nb")


def test_the_same_is_said_once() -> None:
    assert text({"text": "Build 7", "attachments": [{"text": "Build 7"}, {"fallback": "Build 7"}]}) == "Build 7"


def test_what_is_said_once_takes_room_once() -> None:
    shown = text({"attachments": [{"text": "a" * 9000}] * 5 + [{"text": "the end"}]})
    assert shown == "a" * 9000 + "\nthe end"
    full = {"attachments": [{"text": "a" * (MAX_MSG - 2)}, {"text": "the end"}]}
    assert text(full).endswith(CUT)


def test_rich_text_is_read_to_some_depth() -> None:
    element: dict[str, Any] = {"type": "text", "text": "deep"}
    for number in range(9):
        element = {"type": "rich_text_section", "elements": [{"type": "text", "text": f"{number} "}, element]}
    assert text({"blocks": [{"type": "rich_text", "elements": [element]}]}) == "8 7 6 5 4 3"


def test_a_fallback_counts_only_alone() -> None:
    assert text({"attachments": [{"fallback": "short", "text": "long"}, {"fallback": "only"}]}) == "long\nonly"
    assert text({"fallback": "only", "blocks": [{"type": "divider"}], "attachments": []}) == "only"


def test_blocks_of_a_message_with_a_text_repeat_it() -> None:
    block = {"type": "section", "text": {"type": "mrkdwn", "text": "as a *block*"}}
    assert text({"text": "as a text", "blocks": [block]}) == "as a text"
    assert text({"text": "", "blocks": [block]}) == "as a *block*"
