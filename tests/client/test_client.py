"""The client's session, over a transport and a clock of the test's own: no socket, no terminal, no waiting."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import pytest

import lanchat.client
from lanchat.client.connection import MAX_LINE
from lanchat.client.credentials import Credentials
from lanchat.client.cursor import MAX_GAPS, Cursor
from lanchat.client.delivery import MAX_UNACKNOWLEDGED
from lanchat.client.handshake import CAPS, CLASSIC_WELCOME_SECONDS
from lanchat.client.interfaces import DONE, NOT_DELIVERED, UNREACHABLE, ConnectionState, NotSent, SessionEnd
from lanchat.client.session import DEFAULT_TIMEOUT, QUIT_SECONDS
from lanchat.protocol.extensions import AnswerX
from lanchat.protocol.packet import MAX_MSG, ReceivedPacket, Sender
from lanchat.system.columns import fold
from lanchat.terminal.completion_words import MAX_KNOWN, CompletionWords
from lanchat.terminal.formatting import Formatter, is_private, printable
from lanchat.terminal.input_lines import LineSplitter
from lanchat.terminal.main import main
from lanchat.terminal.options import address
from tests.talk import Talk


def test_the_name_and_the_hello_go_out_in_one_write_and_nothing_before_the_welcome() -> None:
    talk = Talk()
    name, hello, rest = talk.transport.value().split(b"\n")
    assert (name, rest, talk.transport.writes) == (b"alice", b"", 1)
    assert json.loads(hello)["to"] == "/hello"
    assert json.loads(hello)["x"] == {"v": 1, "caps": CAPS, "dev": "desk"}
    talk.transport.clear()
    talk.session.send("bob", "early")
    assert talk.written() == []
    talk.hear("Welcome alice!", op="welcome", v=1, caps=["ack"])
    assert [packet["msg"] for packet in talk.written()] == ["early"]


def test_an_acknowledged_message_is_done_with() -> None:
    talk = Talk().welcome()
    said = talk.session.send("bob", "lunch?")
    (packet,) = talk.written()
    assert packet == {"from": {"name": "alice", "ip": ""}, "to": "bob", "msg": "lunch?", "x": {"cid": said.cid}}
    talk.hear(op="ack", cid=said.cid, id="1", state="relayed")
    assert talk.session.waiting == 0
    talk.clock.advance(DEFAULT_TIMEOUT + 1)
    talk.lose()
    assert talk.screen.marked == []


def test_each_message_has_an_id_of_its_own_on_every_run() -> None:
    ids = {talk.session.send("bob", "x").cid for talk in (Talk(), Talk()) for _ in range(3)}
    assert len(ids) == 6


def test_a_message_without_an_acknowledgement_is_marked_after_a_while_with_its_text() -> None:
    talk = Talk().welcome()
    talk.session.send("bob", "first")
    talk.clock.advance(4)
    late = talk.session.send("bob", "second")
    talk.clock.advance(DEFAULT_TIMEOUT - 4)
    assert talk.screen.marked == [("first", "no acknowledgement came within 10 s")]
    talk.clock.advance(4)
    assert [msg for msg, why in talk.screen.marked] == ["first", "second"]
    talk.hear(op="ack", cid=late.cid, id="1", state="relayed")
    assert talk.screen.notices == ["Confirmed after all: bob: second"]


def test_what_was_written_and_not_acknowledged_is_marked_when_the_connection_is_lost_and_never_sent_again() -> None:
    talk = Talk().welcome()
    talk.session.send("bob", "perhaps")
    talk.lose()
    assert talk.screen.marked == [("perhaps", "the connection was lost before the acknowledgement came")]
    assert talk.screen.notices == ["The connection was lost: Connection to the other side was lost in a non-clean fashion."]
    assert b"perhaps" not in talk.reconnect()


def test_what_is_said_without_a_connection_is_sent_once_when_there_is_one() -> None:
    talk = Talk().welcome()
    talk.lose()
    talk.session.send("bob", "meanwhile")
    assert talk.reconnect().count(b"meanwhile") == 1
    talk.lose()
    assert b"meanwhile" not in talk.reconnect()
    assert [msg for msg, why in talk.screen.marked] == ["meanwhile"]


def test_a_full_connection_holds_messages_back_and_they_go_out_when_it_is_empty() -> None:
    talk = Talk().welcome()
    talk.connection.pauseProducing()
    talk.session.send("bob", "patience")
    assert talk.written() == []
    talk.connection.resumeProducing()
    assert [packet["msg"] for packet in talk.written()] == ["patience"]


def test_no_more_is_under_way_than_the_window() -> None:
    talk = Talk().welcome()
    said = [talk.session.send("bob", str(n)) for n in range(MAX_UNACKNOWLEDGED + 5)]
    assert len(talk.written()) == MAX_UNACKNOWLEDGED
    talk.hear(op="ack", cid=said[0].cid, id="1", state="relayed")
    assert [packet["msg"] for packet in talk.written()] == [str(MAX_UNACKNOWLEDGED)]


def test_a_refusal_comes_with_what_it_answers() -> None:
    talk = Talk().welcome()
    said = talk.session.send("nobody", "hello?")
    talk.hear("The user nobody is not available.", op="fail", cid=said.cid, code="NO_SUCH_TARGET")
    assert talk.screen.packets[-1][1] is said
    assert talk.session.waiting == 0


def test_a_classic_server_is_talked_to_without_x() -> None:
    talk = Talk()
    talk.transport.clear()
    talk.hear("Welcome alice!")
    talk.session.send("bob", "hello")
    assert talk.written() == []
    talk.clock.advance(CLASSIC_WELCOME_SECONDS)
    assert talk.session.state is ConnectionState.CLASSIC
    assert talk.written() == [{"from": {"name": "alice", "ip": ""}, "to": "bob", "msg": "hello"}]
    assert talk.session.waiting == 0


def test_a_classic_welcome_may_be_followed_by_a_capable_one() -> None:
    talk = Talk()
    talk.hear("Welcome alice!")
    talk.welcome()
    talk.clock.advance(CLASSIC_WELCOME_SECONDS)
    assert talk.session.state is ConnectionState.CAPABLE


def test_a_name_that_is_refused_at_first_is_the_end() -> None:
    talk = Talk()
    talk.hear("The name alice is already taken.", to="Guest")
    assert talk.endings == [SessionEnd(NOT_DELIVERED, "the server refused the name alice: The name alice is already taken.")]


def test_a_name_that_is_refused_later_is_asked_for_again_with_growing_pauses() -> None:
    talk = Talk().welcome()
    talk.lose()
    pauses = [talk.session.retry_delay(1)]
    for _ in range(2):
        talk.connect()
        talk.hear("The name alice is already taken.", to="Guest")
        assert talk.transport.disconnecting
        talk.lose()
        pauses.append(talk.session.retry_delay(1))
    assert pauses == [1, 2, 3]
    assert talk.endings == []
    assert any("already taken" in notice for notice in talk.screen.notices)
    talk.connect()
    talk.welcome()
    talk.lose()
    assert talk.session.retry_delay(1) == 1


def test_a_connection_without_a_welcome_is_the_end_at_first() -> None:
    closed, silent = Talk(), Talk()
    closed.lose()
    silent.clock.advance(DEFAULT_TIMEOUT)
    assert [ending.status for ending in closed.endings + silent.endings] == [UNREACHABLE, UNREACHABLE]


def test_a_server_that_restarts_is_waited_for_and_any_other_goodbye_is_the_end() -> None:
    talk = Talk().welcome()
    talk.hear("The server is shutting down.", op="bye", code="RELOAD")
    talk.lose()
    assert talk.endings == []
    talk.connect()
    talk.welcome()
    talk.hear("You are\nbanned.", op="bye", code="BANNED")
    assert talk.endings == [SessionEnd(NOT_DELIVERED, "the server closed the connection: You are\\nbanned.")]


@pytest.mark.parametrize("answer", ["Goodbye", "", "the time is up"])
def test_where_nothing_is_acknowledged_only_a_goodbye_shows_that_all_was_read(answer: str) -> None:
    talk = Talk()
    talk.hear("Welcome alice!")
    talk.clock.advance(CLASSIC_WELCOME_SECONDS)
    talk.session.send("bob", "perhaps")
    talk.session.send("/quit", "")
    if answer == "the time is up":
        talk.clock.advance(QUIT_SECONDS)
    elif answer:
        talk.hear(answer)
    talk.lose()
    (ending,) = talk.endings
    assert ending.status == (DONE if answer == "Goodbye" else NOT_DELIVERED)
    assert ("did not answer our goodbye" in ending.why) is (answer != "Goodbye")


def test_the_answer_to_quit_is_the_end_and_so_is_none() -> None:
    talk, silent = Talk().welcome(), Talk().welcome()
    said = talk.session.send("/quit", "bye")
    talk.hear("Goodbye", op="bye", code="GONE", cid=said.cid)
    silent.session.send("/quit", "")
    silent.clock.advance(QUIT_SECONDS)
    assert talk.endings == silent.endings == [SessionEnd(DONE)]


def test_a_second_quit_has_the_whole_time_for_its_answer() -> None:
    talk = Talk().welcome()
    talk.session.send("/quit", "")
    talk.clock.advance(QUIT_SECONDS - 1)
    talk.session.send("/quit", "")
    talk.clock.advance(QUIT_SECONDS - 1)
    assert not talk.endings
    talk.clock.advance(1)
    assert talk.endings == [SessionEnd(DONE)]


def test_ending_tells_what_was_not_acknowledged_and_what_was_not_sent() -> None:
    talk = Talk().welcome()
    talk.session.send("bob", "written")
    talk.lose()
    talk.screen.marked.clear()
    talk.session.send("bob", "queued")
    talk.session.end(DONE)
    assert [msg for msg, why in talk.screen.marked] == ["queued"]
    assert talk.endings == [SessionEnd(NOT_DELIVERED)]


def test_what_was_said_before_there_was_a_welcome_is_told_when_it_is_given_up() -> None:
    talk = Talk()
    talk.session.send("bob", "queued")
    talk.session.end(DONE)
    assert [msg for msg, why in talk.screen.marked] == ["queued"]
    assert talk.endings == [SessionEnd(NOT_DELIVERED)]


def test_what_the_client_asks_for_itself_is_nobodys_loss() -> None:
    talk = Talk().welcome()
    talk.session.send("/list", "", internal=True)
    talk.session.end(DONE)
    assert talk.screen.marked == []
    assert talk.endings == [SessionEnd(DONE)]


@pytest.mark.parametrize("text", ["x" * (MAX_MSG + 1), "é" * (MAX_MSG // 2 + 1), "\x01" * MAX_MSG])
def test_what_can_be_no_packet_is_refused_here(text: str) -> None:
    talk = Talk().welcome()
    with pytest.raises(NotSent, match="Send it in parts"):
        talk.session.send("bob", text)
    assert talk.written() == []
    talk.session.send("bob", "x" * MAX_MSG)
    assert len(talk.written()) == 1


def test_half_a_surrogate_pair_is_sent_as_a_question_mark() -> None:
    talk = Talk().welcome()
    talk.session.send("bob", "a\udcff")
    assert talk.written()[0]["msg"] == "a?"


@pytest.mark.parametrize("line", [b"\xff\xfe", b"[]", b"[" * 5000, b"{}", b'{"from": 1}'])
def test_what_is_no_packet_is_told_and_the_talk_goes_on(line: bytes) -> None:
    talk = Talk().welcome()
    talk.connection.dataReceived(line + b"\n\n")
    assert "not a packet" in talk.screen.notices[0]
    assert talk.endings == []


def test_a_line_without_an_end_is_the_end() -> None:
    talk = Talk().welcome()
    talk.connection.dataReceived(b"x" * (MAX_LINE + 1))
    assert talk.endings[0].status == NOT_DELIVERED
    assert talk.transport.disconnecting


def painted(text: str, name: str = "mallory", to: str = "Everyone", colours: bool = False) -> list[str]:
    return Formatter(colours).packet(ReceivedPacket(Sender(name, "10.0.0.1"), to, text)).rendered().splitlines()


def test_each_line_of_a_message_names_its_sender() -> None:
    lines = painted("hello\n12:00:00 bob: I resign\r\nbye")
    assert [line[9:] for line in lines] == ["mallory: hello", "mallory: 12:00:00 bob: I resign", "mallory: bye"]


@pytest.mark.parametrize("bad", ["\x1b[2J", "\x9b2J", "\r", "\a", "\u202e", "\x85", "\u2028"])
def test_what_a_terminal_would_obey_is_only_shown(bad: str) -> None:
    (line,) = painted(f"a{bad}b", name=f"m{bad}")
    assert bad not in line
    assert line.isprintable()
    assert printable(json.dumps({"msg": bad}, ensure_ascii=False).encode()).isprintable()
    assert json.loads(printable(json.dumps({"msg": bad}, ensure_ascii=False).encode())) == {"msg": bad}


def test_a_flood_of_rows_is_cut_and_the_rest_can_be_had() -> None:
    message = Formatter(colours=False).packet(ReceivedPacket(Sender("mallory", ""), "Everyone", "\n" * 249 + "end"))
    lines = message.rendered(80, 100).splitlines()
    assert len(lines) == 101
    assert lines[-1][9:] == "... and 150 more rows: /more shows them"
    assert len(message.rendered().splitlines()) == 250, "where nobody reads along, all of it"
    rest = message.rest(80, 100)
    assert rest is not None
    last = rest.rest(80, 100)
    assert last is not None
    assert (last.rendered(80, 100).splitlines()[-1][9:], last.rest(80, 100)) == ("mallory: end", None)


def test_a_private_message_is_shown_as_one_and_an_error_is_marked() -> None:
    assert painted("psst", to="alice")[0][9:] == "mallory -> you: psst"
    assert painted("hi", to="#ops")[0][9:] == "#ops mallory: hi"
    refusal = ReceivedPacket(Sender("SERVER", ""), "alice", "No.", AnswerX(op="fail", ts="2026-11-20T12:00:00.000Z"))
    assert "! No." in Formatter(colours=False).packet(refusal).rendered()
    assert "\x1b[1;31m! No.\x1b[0m" in Formatter(colours=True).packet(refusal).rendered()


@pytest.mark.parametrize(("to", "shown"), [("bob", "you -> bob: hi"), ("#ops", "#ops you: hi"), ("Everyone", "you: hi")])
def test_what_oneself_said_elsewhere_is_shown_as_that(to: str, shown: str) -> None:
    packet = ReceivedPacket(Sender("alice", ""), to, "hi", AnswerX(id="e.1", self_=True))
    assert Formatter(colours=False).packet(packet).rendered()[9:] == f"{shown}\n"
    assert not is_private(packet)


@pytest.mark.parametrize("name", ["you", "YOU"])
def test_an_account_that_is_called_as_oneself_is_shown_otherwise(name: str) -> None:
    packet = ReceivedPacket(Sender(name, ""), "Everyone", "hi")
    assert Formatter(colours=False).packet(packet).rendered()[9:] == f"@{name}: hi\n"


def test_rooms_are_completed_and_those_who_spoke_long_ago_are_not() -> None:
    words = CompletionWords()
    words.learn(ReceivedPacket(Sender("SERVER", ""), "alice", "", AnswerX(op="ok", rooms=[{"name": "#ops"}, {"name": 1}, {}])))
    words.learn(ReceivedPacket(Sender("bob", ""), "#attic", "hi", AnswerX(batch="resume")))
    assert words.completions("/to #") == [("#attic ", 1), ("#ops ", 1)]
    assert words.completions("@b") == []


@pytest.mark.parametrize("ts", ["yesterday", "9999-12-31T23:59:59Z", "2026-11-20T12:00:00.000Z", ""])
def test_a_time_stamp_that_makes_no_sense_does_no_harm(ts: str) -> None:
    shown = (
        Formatter(colours=False).packet(ReceivedPacket(Sender("bob", ""), "Everyone", "hi", AnswerX(id="1", ts=ts))).rendered()
    )
    assert shown.endswith(" bob: hi\n")


def test_rows_are_broken_between_words_by_the_columns_they_take() -> None:
    assert fold("one two three", 7, 1) == ["one two", " three"]
    assert fold("漢字 漢字", 7, 3) == ["漢字", "   漢字"]
    assert fold("see http://example.org/long now", 12, 2) == ["see http://e", "  xample.org", "  /long now"]
    assert fold("a" + " " * 20 + "b", 8, 2) == ["a       ", "  b"]
    assert fold("", 7, 1) == [""]


def test_names_come_and_go_in_the_roster() -> None:
    words = CompletionWords()
    server = Sender("SERVER", "")
    words.learn(ReceivedPacket(server, "alice", "", AnswerX(op="ok", names=["bob", "Bernd", "carol"])))
    words.learn(ReceivedPacket(server, "Everyone", "", AnswerX(op="event", ev="went", who=["carol"])))
    words.learn(ReceivedPacket(server, "Everyone", "", AnswerX(op="event", ev="came", who=["dave", "d\x1bx"])))
    words.learn(ReceivedPacket(Sender("erin", ""), "Everyone", "hi"))
    assert words.completions("@b") == [("@Bernd ", 2), ("@bob ", 2)]
    assert words.completions("ask d") == [("dave", 1)]
    assert words.completions("/t") == [("/time ", 2), ("/to ", 2)]
    assert words.completions("@carol") == words.completions("hello ") == []
    words.forget()
    assert words.completions("@b") == []


def test_lines_are_cut_wherever_the_bytes_are_cut_and_long_ones_are_left_out() -> None:
    lines = LineSplitter(5)
    fed = [line for data in (b"on", b"e\r\ntoo l", b"ong", b" still\nt", b"wo\n\nlast") for line in lines.feed(data)]
    assert fed == [b"one", None, b"two", b""]
    assert list(lines.end()) == [b"last"]
    assert list(lines.end()) == []


@pytest.mark.parametrize(
    ("text", "where"),
    [
        ("chat.lan", ("chat.lan", 5000)),
        ("chat.lan:99", ("chat.lan", 99)),
        ("[::1]:99", ("::1", 99)),
        ("[::1]", ("::1", 5000)),
        ("::1", ("::1", 5000)),
        (":99", ("localhost", 99)),
    ],
)
def test_an_address_may_be_written_in_these_ways(text: str, where: tuple[str, int]) -> None:
    assert address(text) == where


@pytest.mark.parametrize(
    "arguments", [["host:"], ["h:0"], ["h:65536"], ["h:x"], ["[::1]x"], ["h", "--name", "a\nb"], ["h", "--timeout", "0"], [""]]
)
def test_what_makes_no_sense_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    assert "usage: lanchat" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["h", "--timeout", ""], "'' is not a number of seconds above 0"),
        (["h", "--password-file", ""], "the name of the file or directory is missing"),
    ],
)
def test_an_empty_value_is_told_as_one(words: list[str], why: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert why in capsys.readouterr().err


def test_the_client_imports_only_what_is_no_part_of_the_server() -> None:
    folder = Path(lanchat.client.__file__).parent
    trees = [ast.parse(path.read_text()) for path in folder.glob("*.py")]
    froms = {node.module or "" for tree in trees for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    plain = {name.name for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Import) for name in node.names}
    ours = {name for name in froms | plain if name.split(".")[0] == "lanchat" and not name.startswith("lanchat.client")}
    assert ours <= {
        "lanchat",
        "lanchat.protocol.destination",
        "lanchat.protocol.entry",
        "lanchat.protocol.events",
        "lanchat.protocol.extensions",
        "lanchat.protocol.files",
        "lanchat.protocol.packet",
        "lanchat.protocol.spelling",
        "lanchat.protocol.typed_lines",
        "lanchat.system.private_files",
    }  # of `lanchat` itself, the version


def test_a_ping_is_answered_and_not_shown() -> None:
    talk = Talk().welcome()
    shown = len(talk.screen.packets)
    talk.hear(op="ping", t=17)
    (pong,) = talk.written()
    assert (pong["to"], pong["x"]) == ("/pong", {"t": 17})
    assert len(talk.screen.packets) == shown


def test_a_server_that_asks_and_does_not_read_gets_one_answer_when_it_does() -> None:
    talk = Talk().account()
    talk.connection.pauseProducing()
    for n in range(1, 1001):
        talk.said(n)
        talk.hear(op="end", batch="resume", n=1)
        talk.hear(op="ping", t=n)
    talk.clock.advance(2)  # an acknowledgement is due
    assert talk.written() == []
    talk.connection.resumeProducing()
    assert [(packet["to"], packet["x"]) for packet in talk.written()] == [("/pong", {"t": 1000}), ("/ack", {"seq": 1000})]


def test_what_was_owed_on_a_connection_ends_with_it() -> None:
    talk = Talk().account()
    talk.connection.pauseProducing()
    talk.hear(op="ping", t=17)
    talk.lose()
    talk.connect()
    assert b"/pong" not in talk.transport.value()


def test_each_hello_has_one_welcome() -> None:
    talk = Talk(Credentials(password="hunter2"))  # noqa: S106 (a test's)
    for n in range(100):
        talk.hear("Welcome alice!", op="welcome", v=1, caps=CAPS if n % 2 == 0 else [], account=True, token=f"t{n}")
    assert (len(talk.screen.questions), talk.session.state) == (1, ConnectionState.CAPABLE)
    assert talk.connection.transport.writes == 1


def test_what_a_server_tells_of_without_end_is_not_all_remembered() -> None:
    words, cursor = CompletionWords(), Cursor()
    for n in range(MAX_KNOWN + 10):
        words.learn(
            ReceivedPacket(Sender("SERVER", ""), "Everyone", "", AnswerX(op="event", ev="came", who=[f"n{n}", "x" * 1000]))
        )
        cursor.gap_announced(2 * n, 2 * n + 1)
    assert len(words.names) == MAX_KNOWN
    assert len(cursor._gaps) == MAX_GAPS
    assert cursor._gaps[-1][1] == 2 * (MAX_KNOWN + 9) + 1
