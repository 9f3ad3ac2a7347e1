"""What is remembered of messages, so that a reply shows to what it is one."""

from __future__ import annotations

from lanchat.client.interfaces import OutgoingMessage
from lanchat.client.recent_messages import MAX_MESSAGES, RecentMessages
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import ReceivedPacket, Sender


def learn(recent: RecentMessages, msg: str, name: str = "bob", request: OutgoingMessage | None = None, **x: object) -> None:
    """A packet comes."""
    recent.learn(ReceivedPacket(Sender(name, ""), "alice", msg, AnswerX(**x)), request, "alice")  # type: ignore[arg-type]


def test_a_message_is_found_by_its_id_and_its_number_and_the_newest_of_a_conversation_first() -> None:
    recent = RecentMessages()
    for seq in (7, 9, 8):  # a page may come later than what is newer
        learn(recent, f"no {seq}", id=f"e.{seq}", seq=seq, conv="@bob")
    sent = OutgoingMessage("/me", "Bob waves", 1, "c")
    learn(recent, "", "SERVER", sent, op="ack", id="e.10", seq=10)
    assert [message.text for message in recent.of("bob", own=False)] == ["no 9", "no 8", "no 7"]
    assert [(message.author, message.text) for message in recent.of("bob", own=True)] == [("alice", "waves")]
    assert recent.of("#ops", own=False) == []
    assert recent.find("8") is recent.find("e.8") is recent.get("e.8")
    assert recent.find("11") is recent.get(None) is None


def test_what_was_edited_or_withdrawn_is_remembered_as_it_is_now() -> None:
    recent = RecentMessages()
    learn(recent, "lunch?", id="e.1", seq=1, conv="#ops")
    learn(recent, "dinner?", op="edit", id="e.1", seq=2, conv="#ops")
    learn(recent, "more", op="edit", id="e.0", seq=3, conv="#ops")
    assert [message.text for message in recent.of("#ops", own=False)] == ["dinner?"]
    learn(recent, "", op="withdraw", id="e.1", seq=4, conv="#ops")
    assert recent.of("#ops", own=False) == []


def test_what_the_user_changed_is_remembered_too() -> None:
    recent = RecentMessages()
    for seq, (to, msg) in enumerate([("#ops", "one"), ("#ops", "two"), ("/edit", "last 2"), ("/edit", "1 the first")], 1):
        learn(recent, "", "SERVER", OutgoingMessage(to, msg, seq, "c"), op="ack", id=f"e.{seq}", seq=seq)
    assert [message.text for message in recent.of("#ops", own=True)] == ["2", "the first"]
    learn(recent, "", "SERVER", OutgoingMessage("/withdraw", "last", 5, "c"), op="ack", id="e.5", seq=5)
    assert [message.text for message in recent.of("#ops", own=True)] == ["the first"]


def test_a_reply_goes_to_the_room_or_the_person_under_the_new_name() -> None:
    recent = RecentMessages()
    for seq, conv in enumerate(["#ops", "@bob", "#net"], 1):
        learn(recent, "hi", id=f"e.{seq}", seq=seq, conv=conv)
    learn(recent, "", "SERVER", op="event", ev="renamed", conv="#ops", text="#pumps")
    learn(recent, "", "SERVER", op="event", ev="name", who=["bob"], text="rob")
    assert [recent.find(number).conv for number in "123"] == ["#pumps", "@rob", "#net"]  # type: ignore[union-attr]


def test_no_more_is_remembered_than_there_is_room_for() -> None:
    recent = RecentMessages()
    for seq in range(MAX_MESSAGES + 1):
        learn(recent, "x" * 10_000, id=f"e.{seq}", seq=seq, conv="#ops")
    kept = recent.of("#ops", own=False)
    assert (len(kept), kept[-1].seq) == (MAX_MESSAGES, 1)
    assert max(len(message.text) for message in kept) < 1000


def test_the_newest_file_of_a_conversation_is_found_whoever_sent_it() -> None:
    recent = RecentMessages()
    assert recent.newest_file("#ops") is None
    learn(recent, "plan", id="e.1", seq=1, conv="#ops", file={"name": "plan.pdf", "size": 5})
    learn(recent, "lunch?", id="e.2", seq=2, conv="#ops")
    recent.sent_file(AnswerX(id="e.3", seq=3), "bob", "", "b.txt", "alice")
    assert [found and found.file for found in map(recent.newest_file, ("#ops", "bob", "eve"))] == ["plan.pdf", "b.txt", None]
    recent.sent_file(AnswerX(id="e.4", seq=4), "#OPS", "look", "c.png", "alice")
    newest = recent.newest_file("#ops")
    assert newest is not None
    assert (newest.file, newest.text, newest.is_own) == ("c.png", "look", True)
