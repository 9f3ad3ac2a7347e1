"""Files on their way: what is reserved for them, who reads of them and how, and what becomes of one that can not be sent."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred

from lanchat.commands import hello
from lanchat.core.uploads import TICKET_SECONDS
from lanchat.protocol.entry import FILE, Entry
from lanchat.protocol.errors import ChatError, Forbidden, Full, Muted, NoSuchTarget, NotMember, NotStored, TooBig
from lanchat.protocol.files import FileInfo
from lanchat.protocol.packet import ServerPacket
from lanchat.state.file_links import DAY, FileLinks, Ports
from lanchat.state.upload import Upload
from lanchat.store import word_index
from lanchat.tables import recent
from tests.core.test_changes import Place
from tests.fakes import FakeClient, User, dump, log_in, store_of
from tests.uploading import BASE, begin, described, finish, offered, send_file, take_files, ticket_of

#: All caps but those that have the server send something by itself.
CAPS = hello.CAPS - {"ping", "presence"}


@pytest.fixture
def place() -> Place:
    """The room #ops with ann, bob (twice), the classic dan and the guest gus, on a server that takes files."""
    place = Place()
    take_files(place.router)
    return place


def failure(sent: Deferred[Any]) -> Exception:
    """Why something failed."""
    found: list[Exception] = []
    sent.addErrback(lambda why: found.append(why.value))  # type: ignore[call-overload]
    (error,) = found
    return error


def file_of(packet: ServerPacket) -> dict[str, Any]:
    """What a program is told of the file that goes with a message."""
    assert packet.x is not None
    assert packet.x.file is not None
    return packet.x.file


def ask(user: User, to: str = "#ops", size: int = 1000, **x: Any) -> dict[str, object]:
    """What a `/file` is answered."""
    user.send("/file", "", target=to, name="plan.pdf", size=size, **x)
    return dump(user.told().x)


# Who reads what.


def test_everybody_in_a_room_reads_of_a_file_in_their_own_way(place: Place) -> None:
    entry = send_file(place.ann, "#ops", "pump.png", cid="c1", text="the pump", w=640, h=480, thumb=500)
    url = f"{BASE}/f/1/pump.png?e="
    for user in (place.bob, place.phone):
        packet = user.told()
        x = dump(packet.x)
        file = dict(file_of(packet))
        assert (packet.from_.name, packet.to, packet.msg) == ("ann", "#ops", "the pump")
        assert (x["id"], x["seq"], x["conv"]) == ("e1.1", 1, "#ops")
        assert file.pop("url").startswith(url)
        assert file.pop("thumb").startswith(url)
        assert file == {"name": "pump.png", "type": "image/png", "size": 2_100_000, "w": 640, "h": 480}
    (told,) = place.dan.msgs()
    assert told.startswith(f"[#ops] the pump\npump.png (2.1 MB): {url}")
    packet = place.gus.told()
    assert packet.msg.startswith(f"the pump\npump.png (2.1 MB): {url}")
    assert dump(packet.x).keys() == {"id", "seq", "ts", "conv"}
    ack = place.ann.told()
    x = dump(ack.x)
    assert (x["op"], x["cid"], x["state"], x["seq"], ack.msg) == ("ack", "c1", "stored", 1, "")
    assert (entry.kind, entry.seq, entry.msg) == (FILE, 1, "the pump")


def test_a_file_without_a_text_says_its_name_once(place: Place) -> None:
    send_file(place.ann, "#ops", "plan.pdf", size=812)
    assert place.bob.told().msg == "plan.pdf"
    (told,) = place.dan.msgs()
    assert told.startswith(f"[#ops] plan.pdf (812 bytes): {BASE}/f/1/plan.pdf?e=")


def test_what_many_read_is_made_once(place: Place) -> None:
    send_file(place.ann, "#ops", "plan.pdf")
    assert place.bob.told() is place.phone.told()


def test_a_person_and_the_senders_own_devices_read_of_a_file(place: Place) -> None:
    send_file(place.bob, "ann", "plan.pdf")
    assert dump(place.ann.told().x)["conv"] == "@bob"
    own = place.phone.told()
    assert (own.to, dump(own.x)["self_"]) == ("ann", True)
    assert file_of(own)["name"] == "plan.pdf"


def test_who_is_away_gets_it_when_they_are_back(place: Place) -> None:
    place.dan.leave()
    send_file(place.ann, "dan", "plan.pdf", text="for you")
    dan = User(place.router, "dan")
    dan.send("/login", "correct horse")
    assert any(msg.startswith(f"for you\nplan.pdf (2.1 MB): {BASE}/f/1/plan.pdf?e=") for msg in dan.msgs())


def test_pages_and_searches_have_the_file(place: Place) -> None:
    store = store_of(place.router.chat)
    for name, text in (("plan.pdf", "for the pumps"), ("invoice.pdf", "")):
        send_file(place.ann, "#ops", name, text=text)
    recent.move_all(store.connection, store.last_seq)
    word_index.index_next(store.connection)
    place.hush()
    for command, words in (("/history", "#ops 1 before 2"), ("/search", "pumps")):
        place.bob.send(command, words)
        message, _ = place.bob.shown()
        assert file_of(message)["name"] == "plan.pdf"
        place.dan.send(command, words)
        (line,) = place.dan.msgs()
        assert f"ann -> #ops: for the pumps - plan.pdf (2.1 MB): {BASE}/f/1/plan.pdf?e=" in line
    place.bob.send("/search", "invoice")
    assert [packet.msg for packet in place.bob.shown()] == ["invoice.pdf", ""]


def test_the_text_of_a_file_is_edited_and_the_file_stays(place: Place) -> None:
    send_file(place.ann, "#ops", "plan.pdf", text="the new plan")
    place.hush()
    place.ann.send("/edit", "1 the newest plan")
    assert (dump(place.bob.told().x)["op"], place.dan.msgs()) == ("edit", ["[#ops] (edited) the newest plan"])
    place.bob.shown()
    place.bob.send("/history", "#ops")
    message, _ = place.bob.shown()
    assert message.msg == "the newest plan"
    assert "file" in dump(message.x)


def test_a_file_that_is_withdrawn_is_found_no_more(place: Place) -> None:
    entry = send_file(place.ann, "#ops", "plan.pdf")
    uploads = place.router.chat.uploads
    found: list[FileInfo | None] = []
    Deferred.fromCoroutine(uploads.find(entry.seq)).addCallback(found.append)
    place.ann.send("/withdraw", "1")
    Deferred.fromCoroutine(uploads.find(entry.seq)).addCallback(found.append)
    assert [file and file.name for file in found] == ["plan.pdf", None]
    place.hush()
    place.bob.send("/link", "1")
    assert dump(place.bob.told().x)["code"] == "NO_SUCH_TARGET"


def test_a_member_who_is_mentioned_is_told_so(place: Place) -> None:
    place.bob.send("/read", "#ops")
    send_file(place.ann, "#ops", "plan.pdf", text="@bob: look")
    place.hush()
    place.bob.send("/conversations")
    rows = dump(place.bob.told().x)["conversations"]
    assert isinstance(rows, list)
    assert (rows[0]["unread"], rows[0]["mentions"]) == (1, 1)


def test_a_client_without_acks_is_told_in_words_that_its_file_arrived(place: Place) -> None:
    place.dan.send("/file", "#ops plan.pdf 12")
    ticket = place.dan.told().msg.rpartition("/")[2]
    finish(place.router.chat.uploads.claim(ticket, 12))
    assert place.dan.msgs() == ["plan.pdf was sent to #ops."]


# Once, in order, or not at all.


def test_a_file_that_is_sent_again_is_acknowledged_and_not_taken_again(place: Place) -> None:
    send_file(place.ann, "#ops", "plan.pdf", cid="c1", text="new")
    place.hush()
    x = ask(place.ann, cid="c1", text="new")
    assert (x["op"], x["cid"], x["seq"], x["dup"]) == ("ack", "c1", 1, True)
    assert "upload" in ask(place.ann, cid="c1", text="another")  # (a `cid` that is used for something else)


def test_two_uploads_of_one_message_are_one_message(place: Place) -> None:
    first, second = (begin(place.ann, "#ops", "plan.pdf", cid="c1") for _ in range(2))
    finish(first)
    place.hush()
    again: list[Entry] = []
    finish(second).addCallback(again.append)
    assert [(entry.seq, entry.dup) for entry in again] == [(1, True)]
    assert dump(place.ann.told().x)["dup"] is True
    assert place.bob.shown() == []
    assert place.router.chat.uploads.space.kept == 2_100_000


def test_a_repeat_is_acknowledged_to_somebody_who_may_not_speak_any_more(place: Place) -> None:
    send_file(place.bob, "#ops", "plan.pdf", cid="c1")
    place.ann.send("/mute", "#ops bob")
    place.hush()
    assert ask(place.bob, cid="c1")["dup"] is True
    assert ask(place.bob, cid="c2")["code"] == "MUTED"


def test_a_second_upload_of_one_message_by_somebody_who_may_not_speak_any_more_is_acknowledged(place: Place) -> None:
    first, second, third = (begin(place.bob, "#ops", "plan.pdf", cid=cid) for cid in ("c1", "c1", "c3"))
    finish(first)
    place.ann.send("/mute", "#ops bob")
    place.hush()
    again: list[Entry] = []
    finish(second).addCallback(again.append)
    assert [(entry.seq, entry.dup) for entry in again] == [(1, True)]
    assert dump(place.bob.told().x)["dup"] is True
    assert isinstance(failure(finish(third)), Muted)


def test_what_a_message_costs_is_charged_before_the_file_is_sent(place: Place) -> None:
    place.router.chat.limits.set("packets", 1)
    place.clock.advance(1000)
    upload = begin(place.ann, "#ops", "plan.pdf")  # (which takes 5 and more of 10)
    assert ask(place.ann)["code"] == "RATE_LIMITED"
    for _ in range(100):
        place.ann.send("#ops", "chatter")
    assert "too much at once" in place.ann.msgs()[-1]
    place.hush()
    finish(upload)
    assert place.bob.told().msg == "plan.pdf"


def test_nothing_is_offered_to_somebody_who_leaves_meanwhile(place: Place) -> None:
    store = store_of(place.router.chat)
    store.held = True
    place.ann.send("/file", "#ops plan.pdf 5", cid="c1")
    place.ann.leave()
    store.release()
    assert not place.router.chat.uploads.tickets


def test_what_can_not_be_stored_is_told_and_counts_for_nothing(place: Place) -> None:
    upload = begin(place.ann, "#ops", "plan.pdf", cid="c1")
    store_of(place.router.chat).broken = True
    assert isinstance(failure(finish(upload)), NotStored)
    x = dump(place.ann.told().x)
    assert (x["op"], x["cid"], x["code"]) == ("fail", "c1", "NOT_STORED")
    assert place.bob.shown() == []
    assert upload.ended
    assert place.router.chat.uploads.space.left((1, "")) == 1_000_000_000


def test_who_has_left_the_room_meanwhile_says_nothing_there(place: Place) -> None:
    upload = begin(place.bob, "#ops", "plan.pdf")
    place.bob.send("/leave", "#ops")
    assert isinstance(failure(finish(upload)), NotMember)
    upload = begin(place.ann, "#ops", "plan.pdf")
    assert upload.is_wanted()
    place.ann.leave()
    assert not upload.is_wanted()
    assert isinstance(failure(finish(upload)), NoSuchTarget)


def test_a_file_is_not_given_to_another_person_of_the_same_name(place: Place) -> None:
    eve = User(place.router, "eve")
    upload = begin(place.ann, "eve", "plan.pdf")
    eve.leave()
    other = User(place.router, "eve")
    assert isinstance(failure(finish(upload)), NoSuchTarget)
    assert other.shown() == []


def test_guests_send_to_rooms_and_accounts_only(place: Place) -> None:
    eve = User(place.router, "eve", "10.0.0.2")
    x = ask(place.gus, "eve")
    assert (x["code"], eve.shown()) == ("FORBIDDEN", [])
    assert send_file(place.gus, "#ops", "plan.pdf").author is None
    assert send_file(place.gus, "@ann", "plan.pdf").seq == 2
    assert send_file(place.ann, "eve", "plan.pdf").seq == 3
    (told,) = eve.msgs()
    assert told.startswith("plan.pdf (2.1 MB): ")


def test_who_may_not_speak_in_a_room_can_send_nothing_there(place: Place) -> None:
    eve = log_in(place.router, "dan", "id")
    eve.shown()
    place.ann.send("/create", "#quiet")
    place.ann.shown()
    assert ask(eve, "#quiet")["code"] == "NOT_MEMBER"
    place.ann.send("/rules", "#ops moderated on")
    place.hush()
    assert ask(place.gus)["code"] == "MUTED"


# Tickets, and room for files.


def test_a_ticket_is_for_one_claim_of_the_right_length(place: Place) -> None:
    uploads = place.router.chat.uploads
    place.ann.send("/file", "", target="#ops", name="a.png", size=1000, thumb=24)
    ticket = ticket_of(offered(place.ann))
    for length in (0, 1000, 1023, 1025):
        with pytest.raises(TooBig):
            uploads.claim(ticket, length)
    upload = uploads.claim(ticket, 1024)
    assert (upload.thumb, upload.size, upload.most, upload.name, upload.address) == (24, 1000, 1024, "a.png", "")
    for wrong in (ticket, ticket + "x", "", "\ud800"):
        with pytest.raises(NoSuchTarget):
            uploads.claim(wrong, 1024)
    place.ann.send("/file", "#ops plan.pdf 5")
    assert uploads.claim(ticket_of(offered(place.ann)), None).most == 5  # (whose length is not known yet)


def test_a_ticket_ends_with_its_time_and_with_its_session(place: Place) -> None:
    uploads = place.router.chat.uploads
    for end in (lambda: place.clock.advance(TICKET_SECONDS), place.ann.leave):
        place.ann.send("/file", "#ops plan.pdf 5")
        ticket = ticket_of(offered(place.ann))
        end()
        with pytest.raises(NoSuchTarget):
            uploads.claim(ticket, 5)
        assert not uploads.tickets
        assert uploads.space.left((1, "")) == 1_000_000_000
    assert not [call for call in place.clock.getDelayedCalls() if getattr(call, "func", None) == uploads._expire]


def test_an_upload_that_was_claimed_is_not_ended_by_the_time_of_its_ticket(place: Place) -> None:
    upload = begin(place.ann, "#ops", "plan.pdf")
    place.clock.advance(10 * TICKET_SECONDS)
    finish(upload)
    assert place.bob.told().msg == "plan.pdf"


def test_only_so_many_files_are_on_their_way(place: Place) -> None:
    limits = place.router.chat.limits
    uploads = [begin(place.ann, "#ops", "plan.pdf") for _ in range(4)]
    x = ask(place.ann)
    assert (x["code"], limits.met["address-uploads"]) == ("FULL", 1)
    limits.set("address-uploads", "off")
    limits.set("uploads", 5)
    uploads.append(begin(place.ann, "#ops", "plan.pdf"))
    assert (ask(place.bob)["code"], limits.met["uploads"]) == ("FULL", 1)
    uploads[0].abandon()
    uploads[0].abandon()  # (which changes nothing any more)
    assert "upload" in ask(place.bob)


def test_the_bytes_of_an_account_are_bounded_with_those_on_their_way(place: Place) -> None:
    limits, space = place.router.chat.limits, place.router.chat.uploads.space
    limits.set("account-files", 1000)
    send_file(place.ann, "#ops", "plan.pdf", size=400)
    place.hush()
    upload = begin(place.ann, "#ops", "plan.pdf", size=500)
    x = ask(place.ann, size=101)
    assert (x["code"], limits.met["account-files"]) == ("FULL", 1)
    assert "upload" in ask(place.bob, size=1000)
    finish(upload)
    assert (space.left((1, "")), space.kept) == (100, 900)


def test_the_bytes_of_all_and_the_free_disk_are_bounded(place: Place) -> None:
    limits, space = place.router.chat.limits, place.router.chat.uploads.space
    limits.set("files", 1500)
    send_file(place.ann, "#ops", "plan.pdf", size=1000)
    place.hush()
    assert (ask(place.bob, size=501)["code"], limits.met["files"]) == ("FULL", 1)
    limits.set("files", "off")
    space.free = lambda: 1_000_000_600.0
    assert (ask(place.bob, size=601)["code"], limits.met["free-disk"]) == ("FULL", 1)
    assert "upload" in ask(place.bob, size=600)


def test_guests_of_one_address_share_their_bytes(place: Place) -> None:
    place.router.chat.limits.set("account-files", 1000)
    send_file(place.gus, "#ops", "plan.pdf", size=900)
    eve = User(place.router, "eve").hello("id")
    assert ask(eve, "ann", size=200)["code"] == "FULL"
    other = User(place.router, "eva", "10.0.0.2").hello("id")
    assert "upload" in ask(other, "ann", size=200)


def test_bytes_are_counted_anew_in_the_order_of_the_log(place: Place) -> None:
    uploads, store = place.router.chat.uploads, store_of(place.router.chat)
    send_file(place.ann, "#ops", "plan.pdf", size=400)
    place.ann.send("/withdraw", "1")
    assert uploads.space.kept == 400
    upload = begin(place.bob, "#ops", "other.pdf", size=30)
    place.hush()
    store.held = True
    Deferred.fromCoroutine(uploads.recount())
    finish(upload)
    Deferred.fromCoroutine(uploads.recount())
    store.release()
    assert uploads.space.kept == 30


def test_a_webhook_sends_a_file_as_itself(place: Place) -> None:
    chat, said = place.router.chat, list[Entry]()
    room = chat.rooms.named("#ops")

    async def say(file: FileInfo) -> Entry:
        entry = Entry(room.conv, -3, "backup", "0.0.0.0", "#ops", file.name, 5, kind=FILE, file=file)  # noqa: S104
        entry.source = lambda back: chat.delivery.show(place.bob.session, chat.delivery.forms_for(None, back), back.seq)
        chat.store.append(entry)
        return await chat.uploads.stored(entry, file)

    upload = chat.uploads.take(say, -3, "nightly.tgz", 500)
    finish(upload).addCallback(said.append)
    x = dump(place.bob.told().x)
    assert (x["bot"], said[0].author, chat.uploads.space.kept) == (True, -3, 500)
    chat.limits.set("account-files", 800)
    with pytest.raises(Full):
        chat.uploads.take(say, -3, "nightly.tgz", 301)
    assert chat.uploads.take(say, -3, "nightly.tgz", None).most == 300
    with pytest.raises(TooBig):
        chat.uploads.take(say, -3, "nightly.tgz", 50_000_001)


# Links.


def test_a_link_is_good_for_its_message_and_some_days(place: Place) -> None:
    links, now = place.router.chat.uploads.links, place.clock.seconds
    file = FileInfo("plan.pdf", "application/pdf", 5, "ab" * 32)
    url = links.url("http://h", 7, file)
    path, _, query = url.partition("?")
    given = dict(part.split("=") for part in query.split("&"))
    assert path == "http://h/f/7/plan.pdf"
    left = links.check(7, given["e"], given["k"], thumb=False)
    assert 3 * DAY < left <= 4 * DAY
    assert links.url("http://h", 7, file) == url
    small = links.url("http://h", 7, file, thumb=True)
    assert small.endswith("&thumb")
    wrong = [
        (8, given["e"], given["k"], False),
        (7, str(int(given["e"]) + DAY), given["k"], False),
        (7, given["e"], given["k"][:-1] + "é", False),
        (7, given["e"], "", False),
        (7, "", given["k"], False),
        (7, "٣", given["k"], False),
        (7, "9" * 5000, given["k"], False),
        (7, given["e"], given["k"], True),
    ]
    for seq, ends, key, thumb in wrong:
        with pytest.raises(Forbidden, match="This link has ended"):
            links.check(seq, ends, key, thumb=thumb)
    place.clock.advance(int(given["e"]) - now())
    with pytest.raises(Forbidden):
        links.check(7, given["e"], given["k"], thumb=False)


def test_a_link_ends_with_its_log() -> None:
    links = FileLinks(lambda: 1e9)
    links.begin("key", lambda: "e1")
    url = links.url("http://h", 7, FileInfo("a", "", 5, ""))
    ends, key = url.partition("e=")[2].split("&k=")
    links.check(7, ends, key, thumb=False)
    links.begin("key", lambda: "e2")
    with pytest.raises(Forbidden):
        links.check(7, ends, key, thumb=False)


@pytest.mark.parametrize(
    ("name", "end"),
    [
        ("plan.pdf", "plan.pdf"),
        ("Отчёт за май.pdf", "file.pdf"),
        ("my plan (2).tar.gz", "my-plan-2-.tar.gz"),
        ("x" * 200 + ".jpeg", "x" * 35 + ".jpeg"),
        ("noend" + "y" * 200, "noend" + "y" * 35),
        ("a." + "b" * 100, "a." + "b" * 38),
        ("%2e%2e", "2e-2e"),
    ],
)
def test_the_name_in_a_link_is_short_and_plain(name: str, end: str) -> None:
    links = FileLinks(lambda: 1e9)
    assert links.url("http://h", 7, FileInfo(name, "", 5, "")).partition("?")[0] == f"http://h/f/7/{end}"


def test_without_a_port_files_are_told_of_without_links(place: Place) -> None:
    send_file(place.ann, "#ops", "plan.pdf")
    place.hush()
    links = place.router.chat.uploads.links
    links.ports = Ports
    links._bases.clear()
    place.bob.send("/history", "#ops")
    message, _ = place.bob.shown()
    assert file_of(message) == {"name": "plan.pdf", "type": "application/octet-stream", "size": 2_100_000}
    place.dan.send("/history", "#ops")
    (line,) = place.dan.msgs()
    assert line.endswith("ann -> #ops: plan.pdf (2.1 MB)")


def test_a_message_whose_file_is_lost_is_a_message(place: Place) -> None:
    send_file(place.ann, "#ops", "plan.pdf", text="here")
    place.hush()
    store_of(place.router.chat).connection.execute("DELETE FROM files")
    place.bob.send("/history", "#ops")
    message, _ = place.bob.shown()
    assert (message.msg, "file" in dump(message.x)) == ("here", False)


def test_errors_of_an_upload_end_it(place: Place) -> None:
    async def say(file: FileInfo) -> Entry:
        raise NotMember("no")

    upload = place.router.chat.uploads.take(say, -1, "a", 5)
    assert isinstance(failure(finish(upload)), ChatError)
    assert (upload.ended, place.router.chat.uploads.space.left((-1, ""))) == (True, 1_000_000_000)


def test_what_is_described_is_what_was_claimed(place: Place) -> None:
    upload: Upload = begin(place.gus, "#ops", "a.png", w=5, h=6)
    file = described(upload)
    assert (file.name, file.size, file.width, file.height, file.address) == ("a.png", 2_100_000, 5, 6, "10.0.0.1")
    assert FakeClient().reached_at() == ("10.0.0.99", False)
