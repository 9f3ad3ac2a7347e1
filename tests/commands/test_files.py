"""What a program and a person may ask of /file and /link, and what they are told."""

from __future__ import annotations

from typing import Any

import pytest

from lanchat.core.router import Router
from lanchat.state.file_links import Ports
from tests.fakes import FakeClient, User, dump, log_in, make_router
from tests.uploading import BASE, begin, offered, send_file, take_files, ticket_of


@pytest.fixture
def router() -> Router:
    """A server that takes files, with the accounts ann and bob in the room #ops."""
    router, _ = make_router()
    take_files(router)
    for name in ("ann", "bob"):
        User(router, name).register().leave()
    return router


@pytest.fixture
def ann(router: Router) -> User:
    """A capable client of ann's, who made #ops."""
    ann = log_in(router, "ann", "id", "ack", "room", "file", "history")
    ann.send("/create", "#ops")
    ann.shown()
    return ann


@pytest.fixture
def bob(router: Router, ann: User) -> User:
    """A classic client of bob's, who is in #ops."""
    bob = User(router, "bob")
    bob.send("/login", "correct horse")
    bob.send("/join", "#ops")
    bob.shown()
    ann.shown()
    return bob


def test_a_welcome_tells_what_files_can_be_sent(router: Router, ann: User) -> None:
    user = log_in(router, "bob", "id")
    assert dump(user.told().x)["files"] == {"size": 50_000_000, "thumb": 65_536, "caption": 15_360}
    router.chat.limits.set("file", "off")
    assert dump(log_in(router, "bob", "id").told().x)["files"] == {"thumb": 65_536, "caption": 15_360}
    router.chat.uploads.links.ports = Ports
    router.chat.uploads.links._bases.clear()
    assert "files" not in dump(log_in(router, "bob", "id").told().x)


def test_a_program_is_told_where_to_send_a_file(ann: User) -> None:
    ann.send("/file", "", target="#ops", name="plan.pdf", size=12, cid="c1")
    told = ann.told()
    x = dump(told.x)
    assert (x["op"], x["cid"]) == ("ok", "c1")
    upload = x["upload"]
    assert isinstance(upload, dict)
    assert upload["seconds"] == 60
    assert ticket_of(upload)
    assert told.msg == f"Send the 12 bytes within 60 s: curl -T FILE {upload['url']}"


def test_a_person_may_type_it(bob: User) -> None:
    bob.send("/file", "#ops plan.pdf 12 the new plan")
    told = bob.told().msg
    assert told.startswith(f"Send the 12 bytes within 60 s: curl -T FILE {BASE}/files/")
    upload = bob.router.chat.uploads.claim(told.rpartition("/")[2], 12)
    assert (upload.name, upload.most) == ("plan.pdf", 12)


@pytest.mark.parametrize(
    ("typed", "code"),
    [
        ("#ops plan.pdf", "USAGE"),
        ("#ops plan.pdf many", "USAGE"),
        ("#ops plan.pdf 0", "USAGE"),
        ("#ops plan.pdf -5", "USAGE"),
        ("#ops plan.pdf ١٢", "USAGE"),
        ("#ops plan.pdf 50000001", "TOO_BIG"),
        ("#ops plan.pdf 9999999999999999999999999999", "TOO_BIG"),
        ("#none plan.pdf 12", "NO_SUCH_TARGET"),
        ("nobody plan.pdf 12", "NO_SUCH_TARGET"),
        ("Everyone plan.pdf 12", "NO_SUCH_TARGET"),
    ],
)
def test_what_can_not_be_sent_is_refused_before_it_is(ann: User, typed: str, code: str) -> None:
    ann.send("/file", typed, cid="c")
    x = dump(ann.told().x)
    assert (x["op"], x["cid"], x["code"]) == ("fail", "c", code)
    assert not ann.router.chat.uploads.tickets


@pytest.mark.parametrize(
    ("x", "code"),
    [
        ({"thumb": 65_537}, "TOO_BIG"),
        ({"thumb": -1}, "USAGE"),
        ({"size": -1}, "USAGE"),
        ({"text": "x" * 15_361}, "TOO_BIG"),
        ({"text": "\x01" * 12_000}, "TOO_BIG"),
        ({"text": "\ud800"}, "USAGE"),
    ],
    ids=str,
)
def test_what_a_program_says_of_a_file_is_bounded(ann: User, x: dict[str, Any], code: str) -> None:
    ann.send("/file", "", **{"target": "#ops", "name": "a.png", "size": 12, "cid": "c", **x})
    assert dump(ann.told().x)["code"] == code


def test_the_sizes_of_a_picture_are_taken_if_they_can_be_true(ann: User) -> None:
    for given, taken in [((640, 480), (640, 480)), ((640, 0), (0, 0)), ((-1, 5), (0, 0)), ((10**9, 5), (0, 0))]:
        upload = begin(ann, "#ops", "a.png", w=given[0], h=given[1])
        assert (upload.width, upload.height) == taken
        upload.abandon()


def test_the_name_of_a_file_is_no_path_and_no_markup(ann: User) -> None:
    assert begin(ann, "#ops", "../../etc/passwd\n").name == "_.._etc_passwd_"


def test_without_a_port_for_them_or_without_a_log_no_files_are_taken(ann: User) -> None:
    links = ann.router.chat.uploads.links
    links.ports = Ports
    links._bases.clear()
    ann.send("/file", "#ops plan.pdf 12")
    assert ann.told().msg == (
        "Nothing was sent: this server takes no files. Its operator can switch them on with --http PORT or --https PORT."
    )
    router, _ = make_router(stores_messages=False)
    take_files(router)
    bob = User(router, "bob").hello("id")
    bob.send("/file", "#ops plan.pdf 12")
    assert bob.told().msg == "Nothing was sent: this server stores no messages, so it takes no files."


def test_a_new_link_is_shown_to_whoever_may_read_the_message(ann: User, bob: User) -> None:
    entry = send_file(ann, "#ops", "plan.pdf", text="the new one")
    bob.shown()
    bob.send("/link", str(entry.seq))
    told = bob.told().msg
    assert told.startswith(f"plan.pdf (2.1 MB): {BASE}/f/{entry.seq}/plan.pdf?e=")
    ann.shown()
    ann.send("/link", "", id=f"e1.{entry.seq}")
    packet = ann.told()
    file = dump(packet.x)["file"]
    assert isinstance(file, dict)
    assert packet.msg.endswith(file["url"])
    eve = User(ann.router, "eve")
    eve.send("/link", str(entry.seq))
    assert "There is no message" in eve.told().msg


def test_there_is_no_link_to_a_message_without_a_file(ann: User, bob: User) -> None:
    bob.send("#ops", "just words")
    ann.shown()
    ann.send("/link", "last")
    assert ann.told().msg == "The message last has no file. Give the number of one that has."


def test_links_are_for_the_address_that_a_reader_came_to(router: Router, ann: User) -> None:
    class Elsewhere(FakeClient):
        def reached_at(self) -> tuple[str, bool]:
            return "[fd00::7]", True

    links = router.chat.uploads.links
    links.ports = lambda: Ports(8080, 443)
    ann.send("/file", "#ops plan.pdf 12")
    assert offered(ann)["url"].startswith("http://10.0.0.99:8080/files/")
    ann.session.client = Elsewhere()
    assert links.base_for(ann.session.client) == "https://[fd00::7]"
    links.ports = lambda: Ports(0, 8443)
    links._bases.clear()
    assert links.base_for(FakeClient()) == "https://10.0.0.99:8443"
    links.fixed = "https://chat.lan/lanchat"
    links._bases.clear()
    assert links.base_for(FakeClient()) == "https://chat.lan/lanchat"
