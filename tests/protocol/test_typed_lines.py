"""What typed lines mean, at every door: what is a command is never said, and what is for one is never said to all."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lanchat.protocol import typed_lines
from lanchat.protocol.destination import Destination
from lanchat.protocol.extensions import ServerX
from lanchat.protocol.packet import EVERYONE
from lanchat.protocol.typed_lines import (
    SECRET_COMMANDS,
    TypedLine,
    UnclearLine,
    check_no_secret,
    may_have_secret,
    parse,
    parse_target,
)

#: What may stand before the first character that a person sees.
UNSEEN = [
    " ", "\t", "\N{NO-BREAK SPACE}", "\N{IDEOGRAPHIC SPACE}", "\N{ZERO WIDTH SPACE}", "\N{ZERO WIDTH NO-BREAK SPACE}",
    "\N{RIGHT-TO-LEFT MARK}", "\N{SOFT HYPHEN}", "\N{HANGUL FILLER}", "\N{BRAILLE PATTERN BLANK}", "\N{VARIATION SELECTOR-16}",
    "\x1b[A", "\x1bOB", "\x00", "\x08", "\N{REPLACEMENT CHARACTER}", "\udca0", "\n", "\N{LINE SEPARATOR}",
]  # fmt: skip
SLASHES = ["/", "\N{FULLWIDTH SOLIDUS}", "\N{FRACTION SLASH}", "\N{DIVISION SLASH}"]
COMMANDS = st.sampled_from(["/register", "/LOGIN", "/Password"])


@given(st.lists(st.sampled_from(UNSEEN), max_size=4), st.sampled_from(SLASHES), COMMANDS)
def test_a_command_is_one_whatever_stands_before_it(before: list[str], slash: str, command: str) -> None:
    line = f"{''.join(before)}{slash}{command[1:]} hunter2"
    assert parse(line) == TypedLine(command.lower(), "hunter2")
    assert may_have_secret(line)


@given(
    st.lists(st.sampled_from(UNSEEN), max_size=4),
    st.sampled_from(
        [
            "@bob ",
            "#ops ",
            "/pm bob ",
            "/shout ",
            "hello\n",
            "/me ",
            "/reply ",
            "/reply last ",
            "/edit last ",
            "/away ",
            "/react 7 ",
        ]
    ),
    COMMANDS,
)
def test_what_looks_like_a_password_is_said_to_nobody(before: list[str], lead: str, command: str) -> None:
    for line in (f"{lead}{''.join(before)}{command} hunter2", f"\\{command[1:]} hunter2"):
        with pytest.raises(UnclearLine, match="password") as refusal:
            parse(line)
        assert "hunter2" not in str(refusal.value)
        assert may_have_secret(line)


@given(st.text(max_size=80))
def test_no_text_that_comes_out_is_a_command(line: str) -> None:
    try:
        to, text = parse(line)
    except UnclearLine:
        return
    if not to.startswith("/") and not line.lstrip().startswith(("//", "/say")):
        assert not text.lstrip().startswith(tuple(SECRET_COMMANDS))


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("hello", ("", "hello")),
        ("  two  words ", ("", "  two  words ")),
        ("/list", ("/list", "")),
        ("/help ", ("/help", "talk")),
        ("/help join", ("/help", "join")),
        ("/JOIN\t#ops", ("/join", "#ops")),
        ("\N{FULLWIDTH SOLIDUS}\uff4c\uff49\uff53\uff54\N{IDEOGRAPHIC SPACE}b", ("/list", "b")),  # an input method's
        ("/", ("/", "")),
        ("/etc/passwd is full", ("/etc/passwd", "is full")),
        ("//etc/passwd is full", ("", "/etc/passwd is full")),
        ("//register is how", ("", "/register is how")),
        ("/say /register is how", ("", "/register is how")),
        ("/say # comment", ("", "# comment")),
        ("@bob hi", ("bob", "hi")),
        ("\N{FULLWIDTH COMMERCIAL AT}bob hi", ("bob", "hi")),
        ("@bob /etc is full", ("bob", "/etc is full")),
        ("@bob //register is how", ("bob", "/register is how")),
        ("#ops hi", ("#ops", "hi")),
        (" #ops hi", ("#ops", "hi")),
        ("#1! hi", ("#1!", "hi")),  # no room's name: the server says so, and nobody gets it
        ("@bob one\ntwo", ("bob", "one\ntwo")),
        ("/pm bob one\ntwo", ("/pm", "bob one\ntwo")),
        ("/me waves\nand leaves", ("/me", "waves\nand leaves")),
        ("/edit last one\ntwo", ("/edit", "last one\ntwo")),
        ("one\n/tmp is full\n@bob", ("", "one\n/tmp is full\n@bob")),
        ("\N{KATAKANA LETTER NO}\u30fc\u30c8", ("", "\N{KATAKANA LETTER NO}\u30fc\u30c8")),  # like a slash, and a letter
        ("", ("", "")),
    ],
)
def test_lines_mean_this(line: str, meant: tuple[str, str]) -> None:
    assert parse(line) == meant


@pytest.mark.parametrize(
    "line", ["# comment", "@ 5 pm", "#", "@bob", "#ops ", "@@bob hi", "@#ops hi", "@/login pw", "##ops hi"]
)
def test_a_line_for_nobody_in_particular_is_refused_with_the_way_to_say_it(line: str) -> None:
    with pytest.raises(UnclearLine, match=r"Nobody got that.*/say"):
        parse(line)


@pytest.mark.parametrize("end", ["\n", "\r", "\r\n", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029"])
def test_a_line_ends_wherever_unicode_ends_one(end: str) -> None:
    for text in (f"/kick bob{end}foo", f"hello{end}/login pw", f"//tmp{end}/login pw", f"@bob hi{end}/login pw"):
        with pytest.raises(UnclearLine):
            parse(text)
    assert parse(f"//login is how{end}you do it") == ("", f"/login is how{end}you do it")
    assert parse(f"hello{end}") == ("", f"hello{end}")


@pytest.mark.parametrize("line", ["/dev/vda 98%\n/dev/vdb 20%", "/kick bob\nfoo", "/quit\nfoo", "/say", "/say  "])
def test_a_command_is_one_line(line: str) -> None:
    with pytest.raises(UnclearLine, match="/say"):
        parse(line)


@pytest.mark.parametrize(
    ("text", "whom"),
    [
        ("bob", "bob"),
        ("@bob", "bob"),
        (" bob ", "bob"),
        ("#ops", "#ops"),
        ("\N{FULLWIDTH NUMBER SIGN}ops", "#ops"),
        ("", EVERYONE),
    ],
)
def test_a_target_is_a_user_or_a_room(text: str, whom: str) -> None:
    assert parse_target(text) == whom


@pytest.mark.parametrize("text", ["a b", "/list", "#", "@", "@/list", "#a b"])
def test_nothing_else_is_a_target(text: str) -> None:
    with pytest.raises(UnclearLine, match="neither a user nor a room"):
        parse_target(text)


@pytest.mark.parametrize(
    ("line", "target", "sent"),
    [
        ("hello", "bob", ("bob", "hello")),
        ("/me waves", "#ops", ("/me", "#ops waves")),
        ("/me waves", EVERYONE, ("/me", "Everyone waves")),
        ("/read", "#ops", ("/read", "#ops")),
        ("/read", "bob", ("/read", "@bob")),
        ("/read", EVERYONE, ("/read", "")),
        ("/read #ops", "bob", ("/read", "#ops")),
        ("/notify OFF", "bob", ("/notify", "@bob OFF")),
        ("/edit last no", "bob", ("/edit", "last no")),
        ("/people", "#ops", ("/people", "")),
        ("@zoe hi", "bob", ("zoe", "hi")),
    ],
)
def test_what_a_line_leaves_out_is_the_current_recipient(line: str, target: str, sent: tuple[str, str]) -> None:
    assert Destination(target).read(line) == sent


def test_after_a_to_that_failed_nothing_goes_to_the_recipient_before_it() -> None:
    lines = Destination("#ops")
    with pytest.raises(UnclearLine):
        lines.read("/to bob smith")
    for line in ("hello", "/me waves", "/read"):
        with pytest.raises(UnclearLine, match="the last /to failed"):
            lines.read(line)
    assert lines.read("/read #ops") == ("/read", "#ops")


@pytest.mark.parametrize(
    ("target", "event", "after"),
    [
        ("#Ops", ServerX(ev="renamed", conv="#ops", text="#pumps"), "#pumps"),
        ("#ops2", ServerX(ev="renamed", conv="#ops", text="#pumps"), "#ops2"),
        ("bob", ServerX(ev="name", who=["Bob"], text="rob"), "rob"),
        ("bob", ServerX(ev="name", who=["bob"], text="#ops"), "bob"),
        ("#ops", ServerX(ev="topic", conv="#ops", text="#pumps"), "#ops"),
        ("#ops", ServerX(ev="renamed", conv="#ops", text="#pumps", batch="page"), "#ops"),
    ],
)
def test_the_recipient_of_lines_is_the_same_under_a_new_name(target: str, event: ServerX, after: str) -> None:
    lines = Destination(target)
    lines.follow(event)
    assert lines.to == after


@pytest.mark.parametrize("text", ["hello", "/dev/vda 98%", "/registered mail", "//login x", "log in with /login"])
def test_other_texts_show_no_secret(text: str) -> None:
    check_no_secret(text)


@pytest.mark.parametrize(
    "line", ["/ login x", "/lo\u200bgin x", "/log\xadin x", "/login:x", "/passwd old new", "/auth x", "/signup x"]
)
def test_what_looks_like_a_command_with_a_password_is_sent_nowhere_and_not_remembered(line: str) -> None:
    with pytest.raises(UnclearLine, match="looks like a misspelled command with a password"):
        parse(line)
    assert may_have_secret(line)


@pytest.mark.parametrize("line", ["/passenger list", "/author", "/pm bob hello", "/password old new"])
def test_other_commands_are_what_they_are(line: str) -> None:
    assert parse(line).to == line.split(maxsplit=1)[0]


def test_all_that_shows_nothing_is_known_wherever_unicode_has_it() -> None:
    unseen = "".join(char for char in map(chr, range(0x110000)) if typed_lines._is_unseen(char))
    assert typed_lines.parse(f"{unseen}/join #ops") == TypedLine("/join", "#ops")
