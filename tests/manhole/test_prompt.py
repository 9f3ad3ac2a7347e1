"""Pure tests of what is behind the manhole's door: the line editor and the Python console."""

from __future__ import annotations

import ast
import gc
import re
import sys
from collections.abc import Coroutine
from time import process_time

import pyte
import pytest
from hypothesis import given, strategies as st
from twisted.internet.defer import Deferred

from lanchat.manhole.console import Console
from lanchat.manhole.editor import MAX_LINE, Editor
from lanchat.manhole.tables import Facts, Text
from lanchat.protocol.errors import NoSuchTarget
from lanchat.system.columns import width


class Typist:
    """A terminal for an editor: what was drawn, and the lines that were entered."""

    def __init__(self, columns: int = 80) -> None:
        self.drawn = ""
        self.lines: list[str] = []
        self.told: list[str] = []
        self.editor = Editor(self.draw, self.entered, columns)
        self.editor.interrupted = lambda: self.told.append("interrupted")
        self.editor.ended = lambda: self.told.append("ended")
        self.editor.ask("> ")

    def draw(self, text: str) -> None:
        """Remember what is drawn."""
        self.drawn += text

    def entered(self, line: str) -> None:
        """Remember the line, and ask for the next."""
        self.lines.append(line)
        self.editor.ask("> ")

    def types(self, keys: str | bytes) -> list[str]:
        """Type; the lines that came of it."""
        self.lines.clear()
        self.editor.feed(keys.encode() if isinstance(keys, str) else keys)
        return list(self.lines)


LEFT, RIGHT, UP, DOWN, HOME, END, DELETE = (f"\x1b[{key}" for key in ("D", "C", "A", "B", "H", "F", "3~"))


# The editor.


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ("abc\r", "abc"),
        (f"ac{LEFT}b\r", "abc"),
        (f"bc{HOME}a{END}d\r", "abcd"),
        (f"abc{LEFT}{LEFT}{RIGHT}x\r", "abxc"),
        ("abx\x7fc\r", "abc"),
        (f"xabc{HOME}{DELETE}\r", "abc"),
        ("x\x7f\x7f\x7fabc\r", "abc"),
        (f"abcd{LEFT}{LEFT}\x0b\r", "ab"),
        (f"abcd{LEFT}{LEFT}\x15\r", "cd"),
        ("one two  \x17three\r", "one three"),
        ("a\x1b[[Ab\x1b[[Ec\r", "abc"),
        ("who(x).y\x1bb\x1bb!\x1bf?\r", "who(!x?).y"),
        ("one two\x1b[1;5D\x1b[1;5Da\x1b[1;5Cb\r", "aoneb two"),
        ("one two\x01\x1bd\x05, three\x1b\x7fx\r", " two, x"),
        ("\x1bb\x1bf\x1bd\x1b\x7fok\x1a\r", "ok"),
        ("if x:\n", "if x:"),
        ("a\tb\r", "a    b"),
        ("a\x00\x1b[99~\x1b[1;5Cb\x1bxc\r", "abc"),
        (f"漢🙂é{LEFT}{LEFT}\x7fü\r", "ü🙂é"),
        ("a\u00a0b\u202ec\r", "a bc"),
        (f"{RIGHT}{LEFT}{UP}{DOWN}{DELETE}ok\r", "ok"),
    ],
)
def test_keys_make_a_line(keys: str, line: str) -> None:
    assert Typist().types(keys) == [line]
    one_by_one = Typist()
    for byte in keys.encode():
        one_by_one.editor.feed(bytes([byte]))
    assert one_by_one.lines == [line]


def test_what_is_no_utf8_is_shown_as_such() -> None:
    assert Typist().types(b"a\xffb\xc3\r") == ["a\ufffdb\ufffd"]


def test_lines_come_back_from_the_history() -> None:
    typist = Typist()
    typist.types("one\rtwo\rtwo\r\r")
    assert typist.types(f"new{UP}{UP}\r") == ["one"]
    assert typist.types(f"new{UP}{UP}{UP}{UP}{UP}{DOWN}{DOWN}\r") == ["one"]
    assert typist.types(f"new{UP}{DOWN}{DOWN}er\r") == ["newer"]


def test_lines_are_found_in_the_history() -> None:
    typist = Typist()
    typist.types("who()\rstats()\rwho('ann')\r")
    assert typist.types("\x12who\r") == ["who('ann')"]
    assert typist.drawn.rpartition("(search: who) ")[2].startswith("who('ann')")
    assert typist.types("\x12wh\x12\x12\x12\r") == ["who()"]
    assert typist.types(f"\x12stax\x7f{END}!\r") == ["stats()!"]
    assert typist.types("mine\x12st\x07\r") == ["mine"]
    assert typist.types("mine\x12who\x03yours\r") == ["yours"]
    assert typist.types("\x12none\r") == [""]


def test_a_long_line_costs_no_time() -> None:
    typist = Typist()
    typist.editor.feed(b"!" * MAX_LINE)
    started = process_time()
    typist.types("\x1bb\x1bf\x1bb\x1bd!a\x1b\x7f\x17\x15\r")
    assert process_time() - started < 10


def test_a_window_of_another_size_shows_the_line_once_and_what_was_above_it() -> None:
    screen = pyte.Screen(60, 12)
    screen.set_mode(pyte.modes.LNM)
    typist = Typist(columns=60)
    stream = pyte.Stream(screen)
    typist.editor.show("one\ntwo\n")
    typist.types("who()\r" + "x" * 80)
    stream.feed(typist.drawn)
    for columns in (25, 70):
        typist.drawn = ""
        screen.resize(12, columns)
        typist.editor.resize(columns, 12)
        stream.feed(typist.drawn)
        text = "\n".join(row.rstrip() for row in screen.display).rstrip()
        assert text.startswith("one\ntwo\n> who()\n> x")
        assert text.count("x") == 80
    typist.drawn = ""
    typist.types("\x15\x15short")
    typist.drawn = ""
    typist.editor.resize(60, 12)
    assert not typist.drawn


def test_ctrl_c_and_ctrl_d() -> None:
    typist = Typist()
    typist.types("half\x03")
    typist.editor.ask("> ")
    assert typist.types(f"x\x04{LEFT}\x04\x04\r") == [""]
    assert typist.types("\x04") == []
    assert typist.told == ["interrupted", "ended", "ended"]


def test_a_line_has_an_end() -> None:
    typist = Typist()
    typist.types("x" * MAX_LINE * 2)
    assert typist.types("\r") == ["x" * MAX_LINE]


def test_what_is_pasted_at_once_is_drawn_at_once() -> None:
    typist = Typist()
    typist.types("x" * 60)
    assert typist.drawn.endswith("x" * 60)


def test_a_text_comes_above_what_is_typed() -> None:
    typist = Typist()
    typist.types("half")
    typist.drawn = ""
    typist.editor.show("news")
    assert typist.drawn == "\r\x1b[Jnews\n\r\x1b[J> half\r\x1b[6C"


def test_a_line_that_is_wrapped_is_drawn_from_its_first_row() -> None:
    typist = Typist(columns=10)
    typist.types("x" * 15)
    typist.drawn = ""
    typist.types(HOME)
    assert typist.drawn == "\x1b[1A\r\x1b[J> " + "x" * 15 + "\x1b[1A\r\x1b[2C"
    typist.drawn = ""
    typist.types(END)
    typist.editor.resize(80, 24)  # the terminal shows it on one row now
    typist.drawn = ""
    typist.types(LEFT)
    assert typist.drawn == "\r\x1b[J> " + "x" * 15 + "\r\x1b[16C"


def test_width_is_in_columns() -> None:
    assert [width(text) for text in ("abc", "é", "e\u0301", "漢字", "🙂", "a\u200db")] == [3, 1, 1, 4, 2, 2]


# The console.


class Prompt:
    """A console, and what it said."""

    def __init__(self) -> None:
        self.out = self.err = ""
        self.notes: list[str] = []
        self.console = Console({"router": "the router"}, self.say, self.complain, self.notes.append)
        self.console.columns = 80

    def say(self, text: str) -> None:
        """Standard output."""
        self.out += text

    def complain(self, text: str) -> None:
        """Standard error."""
        self.err += text


@pytest.fixture
def prompt() -> Prompt:
    """A prompt of this test's own."""
    return Prompt()


def test_a_statement_of_several_lines_runs_when_it_ends(prompt: Prompt) -> None:
    assert [prompt.console.push(line) for line in ("for n in range(2):", "    print(n)", "")] == [True, True, False]
    assert prompt.out == "0\n1\n"
    prompt.console.push("def f(:")
    assert "SyntaxError" in prompt.err
    assert not prompt.console.push("_ = 'names last'; _")
    assert prompt.out.endswith("'names last'\n")


def test_what_was_begun_can_be_forgotten(prompt: Prompt) -> None:
    assert prompt.console.push("if True:")
    prompt.console.discard_statement()
    assert not prompt.console.push("router")
    assert prompt.out == "'the router'\n"


def test_a_traceback_shows_the_operators_lines_only(prompt: Prompt) -> None:
    assert not prompt.console.run("def f():\n    raise KeyError('x')\nf()")
    assert "KeyError: 'x'" in prompt.err
    assert "console.py" not in prompt.err
    assert prompt.notes == ["def f():\n    raise KeyError('x')", "f()"]


@pytest.mark.parametrize(
    ("source", "noted"),
    [
        ("#\r#\r#\rrouter\rrouter", ["#\n#\n#\nrouter", "router"]),
        ("1\r2\r\n3\n4", ["1", "2", "3", "4"]),
        ("1; 2;3 # and so on\n4", ["1", "2", "3", "# and so on\n4"]),
        ("@print\ndef f(): pass\n5", ["@print\ndef f(): pass", "5"]),
        ("x = (1, # one\r 2)\rx", ["x = (1, # one\n 2)", "x"]),
        ("'a\x0bb\x0cc\x1c\x85\u2028'\n1", ["'a\x0bb\x0cc\x1c\x85\u2028'", "1"]),
        ("\x0c1\n\x0c2", ["1", "2"]),
        ("é = 'ä'; é\n'𝄞'; é", ["é = 'ä'", "é", "'𝄞'", "é"]),
        ("'''\r'''; 1 \\\r+ 1", ["'''\n'''", "1 \\\n+ 1"]),
        ("# nothing\r# at all", ["# nothing\n# at all"]),
        ("1\n# the end", ["1\n# the end"]),
        ("1\r2\x00", ["1\n2\x00"]),
        ("\ufeff1\r2(", ["\ufeff1\n2("]),
        ("\ud800", ["\ud800"]),
        ("1/0\rrouter", ["1/0"]),
        ("", [""]),
    ],
    ids=repr,
)
def test_what_is_noted_is_what_runs(prompt: Prompt, source: str, noted: list[str]) -> None:
    prompt.console.run(source)
    assert prompt.notes == noted


#: Pieces of Python, and of what may be between them.
_PIECES = ["x = 1", "f(\n)", "'''\n\r'''", "@g\ndef f():\n  pass", "if x:\n\ty", "é", "'\u2028\x0c'", "#c", "\\", "(", ")"]
_BETWEEN = ["\n", "\r", "\r\n", ";", "; ", "\x0c", " ", "\n\n", "\t"]


@given(st.lists(st.sampled_from(_PIECES + _BETWEEN), max_size=12).map("".join))
def test_each_note_is_one_statement_and_nothing_is_left_out(source: str) -> None:
    prompt = Prompt()
    prompt.console.names = dict.fromkeys("xyéfg", lambda *args: None)
    prompt.console.run(source)
    try:
        statements = ast.parse(source := source.replace("\r\n", "\n").replace("\r", "\n")).body
        compile(source, "", "exec")
    except (SyntaxError, ValueError):
        return
    noted = [ast.parse(note).body for note in prompt.notes]
    assert [ast.dump(one) for body in noted for one in body] == [ast.dump(one) for one in statements[: len(noted)]]
    assert all(len(body) == 1 for body in noted) or not statements
    if not prompt.err:
        parts = [re.sub(r"[\s;]", "", text) for text in ("".join(prompt.notes), source)]
        assert parts[0] == parts[1]


@pytest.mark.parametrize("raised", ["KeyboardInterrupt", "GeneratorExit", "BaseException", "RecursionError"])
def test_whatever_is_raised_stays_at_the_prompt(prompt: Prompt, raised: str) -> None:
    assert not prompt.console.run(f"raise {raised}")
    assert raised in prompt.err


def test_what_a_statement_prints_comes_in_order_and_in_few_pieces() -> None:
    said: list[str] = []
    console = Console({}, said.append, lambda text: said.append(f"err: {text}"), lambda line: None)
    console.run("for n in range(3): print(n)")
    console.run("import sys\nif True:\n    print('o')\n    print('e', file=sys.stderr)\n    'r'\n    n")
    assert said == ["0\n1\n2\n", "o\n", "err: e\n", "'r'\n2\n"]


def test_system_exit_is_for_the_caller_and_nothing_stays_patched(prompt: Prompt) -> None:
    before = (sys.stdin, sys.stdout, sys.stderr, sys.displayhook)
    with pytest.raises(SystemExit):
        prompt.console.push("exit(3)")
    assert (sys.stdin, sys.stdout, sys.stderr, sys.displayhook) == before
    assert not prompt.console.push("router")


def test_input_does_not_wait_for_the_servers_terminal(prompt: Prompt) -> None:
    prompt.console.push("input()")
    assert "EOFError" in prompt.err


def test_a_result_whose_repr_raises_stays_at_the_prompt(prompt: Prompt) -> None:
    prompt.console.run("class Bad:\n    def __repr__(self): return 1 / 0")
    prompt.console.push("Bad()")
    assert "ZeroDivisionError" in prompt.err
    later: Deferred[object] = Deferred()
    prompt.console.names["later"] = later
    prompt.console.push("later")
    later.callback(prompt.console.names["Bad"]())
    assert "whose repr raised ZeroDivisionError" in prompt.out


def test_a_deferred_is_shown_when_it_comes_and_passed_on(prompt: Prompt) -> None:
    good: Deferred[str] = Deferred()
    bad: Deferred[str] = Deferred()
    prompt.console.names.update(good=good, bad=bad)
    prompt.console.run("good\nbad")
    done: list[str] = []
    prompt.console.when_done(lambda: done.append("done"))
    good.callback("came")
    assert prompt.out == "<Deferred #0>\n<Deferred #1>\nDeferred #0: 'came'\n"
    assert not done
    bad.errback(ValueError("went wrong"))
    assert "Deferred #1 failed" in prompt.err
    assert "went wrong" in prompt.err
    assert done
    assert prompt.console.failed
    passed: list[object] = []
    good.addCallback(passed.append)
    bad.addErrback(lambda failure: passed.append(failure.type))
    assert passed == ["came", ValueError]


def test_a_coroutine_is_run(prompt: Prompt) -> None:
    async def answer() -> int:
        return 42

    def ask() -> Coroutine[object, object, int]:
        return answer()

    async def fail() -> None:
        raise ValueError("went wrong")

    prompt.console.names.update(ask=ask, fail=fail)
    prompt.console.push("ask()")
    assert prompt.out == "Deferred #0: 42\n"
    prompt.console.push("fail()")
    assert "ValueError: went wrong" in prompt.err


def test_the_failure_of_a_coroutine_is_not_logged_as_unhandled(prompt: Prompt, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[object] = []
    gc.collect()  # what other tests left is theirs
    monkeypatch.setattr("twisted.internet.defer.log.failure", lambda *args, **kwargs: logged.append(args))
    prompt.console.run("async def f(): 1 / 0\nf()\n_ = None")
    gc.collect()
    assert "ZeroDivisionError" in prompt.err
    assert logged == []


# What verbs have to say.


def test_what_a_verb_says_against_what_it_was_given_is_one_line(prompt: Prompt) -> None:
    async def later() -> None:
        raise NoSuchTarget("Nobody here\x1b is called so.")

    def at_once() -> None:
        raise NoSuchTarget("Nobody here\x1b is called so.")

    prompt.console.names.update(later=later, at_once=at_once)
    assert not prompt.console.run("at_once()")
    assert prompt.err == "Nobody here\\x1b is called so.\n"
    assert not prompt.console.failed
    prompt.console.push("later()")
    assert prompt.err == "Nobody here\\x1b is called so.\n" * 2
    assert prompt.console.failed


def test_what_a_verb_tells_in_words_needs_no_number(prompt: Prompt) -> None:
    told: Deferred[str] = Deferred()
    prompt.console.names["told"] = told
    prompt.console.push("told")
    told.callback(Text("It is done."))
    assert prompt.out == "<Deferred #0>\nIt is done.\n"


def test_a_table_fits_the_window(prompt: Prompt) -> None:
    prompt.console.names["table"] = Facts({"name": "x" * 50})
    prompt.console.columns = 0
    prompt.console.push("table")
    assert prompt.out == f"name  {'x' * 50}\n"
    prompt.console.columns = 20
    prompt.console.push("table")
    assert prompt.out.splitlines()[-1] == f"name  {'x' * 13}\u2026"


def test_what_can_not_be_run_is_noted_too(prompt: Prompt) -> None:
    prompt.console.run("who(")
    assert prompt.notes == ["who("]
