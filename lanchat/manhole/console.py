"""Console: runs the Python that an operator writes, and shows what comes of it. It knows no network and no terminal."""

from __future__ import annotations

import ast
import io
import itertools
import sys
import traceback
from codeop import CommandCompiler
from collections.abc import Callable, Iterator, Sequence
from inspect import iscoroutine
from operator import itemgetter
from types import CodeType
from typing import Any

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.python.monkey import MonkeyPatcher

from lanchat.manhole.tables import Text, shown
from lanchat.protocol.errors import ChatError
from lanchat.protocol.packet import visible

#: What tracebacks call the place.
FILE = "<manhole>"
#: Characters in a script, or in a statement that is typed.
MAX_SOURCE = 262144

#: What the compiler may say of a text that is no Python.
_WRONG = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError)

Write = Callable[[str], None]


class Console:
    """One operator's Python: names that last from line to line. `SystemExit` is for the caller, anything else is shown.

    A `ChatError` is what a verb has to say against what it was given: a line, where other errors have a traceback.
    """

    def __init__(self, names: dict[str, Any], out: Write, err: Write, note: Write) -> None:
        """`out` and `err` show text; `note` is told what comes before it runs, and what can't run too."""
        self.names: dict[str, Any] = {"__name__": "__console__", "__doc__": None, **names}
        #: Whether something that was waited for has failed.
        self.failed = False
        #: How wide the window is; 0 without one.
        self.columns = 0
        self._out, self._err = _Stream(self, out), _Stream(self, err)
        self._note = note
        self._held: list[tuple[Write, str]] | None = None  # what the statement that runs has said so far
        self._compile = CommandCompiler()
        self._lines: list[str] = []
        self._numbers = itertools.count()
        #: The numbers of what is waited for.
        self._pending: set[int] = set()
        self._when_done: Callable[[], None] | None = None

    def push(self, line: str) -> bool:
        """Take a line that was typed, and run the statement if that ends it; true when more is to come."""
        line = _with_newlines(line)
        self._lines.append(line)
        self._note(line)
        source = "\n".join(self._lines)
        try:
            code = self._compile(source, FILE, "single")
        except _WRONG as error:
            self._show_wrong(error)
        else:
            if code is None and len(source) < MAX_SOURCE:
                return True
            self._lines.clear()  # before it runs, as it may end in SystemExit
            if code is None:
                self._err.write(f"A statement has at most {MAX_SOURCE} characters. Nothing was run.\n")
            else:
                self._execute(code)
        self._lines.clear()
        return False

    def forget(self) -> None:
        """The statement that was begun is not wanted any more, and nobody waits: what still comes is shown, that is all."""
        self._lines.clear()
        self._pending.clear()

    def run(self, source: str) -> bool:
        """Run a whole text, statement by statement, until one raises; true when none did."""
        source = _with_newlines(source)
        try:
            statements = ast.parse(source, FILE).body
            codes = [compile(ast.Interactive([statement]), FILE, "single") for statement in statements]
        except _WRONG as error:
            self._note(source)
            self._show_wrong(error)
            return False
        # Without a statement there is one piece all the same: comments.
        for piece, code in itertools.zip_longest(_pieces(source, statements), codes):
            self._note(piece)
            if code is not None and not self._execute(code):
                return False
        return True

    @property
    def waits(self) -> bool:
        """Whether something is waited for."""
        return bool(self._pending)

    def when_done(self, call: Callable[[], None]) -> None:
        """Call this once nothing is waited for."""
        self._when_done = call
        self._check_done()

    def say(self, write: Write, text: str) -> None:
        """Show a text, or hold it until the statement has run: a packet for each `print` would take long."""
        if self._held is None:
            write(text)
        else:
            self._held.append((write, text))

    def _execute(self, code: CodeType) -> bool:
        patches = {"stdin": io.StringIO(), "stdout": self._out, "stderr": self._err, "displayhook": self._display}
        self._held = []
        try:
            with MonkeyPatcher(*((sys, name, value) for name, value in patches.items())):
                exec(code, self.names)  # noqa: S102 (that is what this is for)
        except SystemExit:
            raise
        except ChatError as error:
            self._err.write(_told(error))
            return False
        except BaseException as error:  # noqa: BLE001 (whatever it is, it is the operator's)
            trace = error.__traceback__.tb_next if error.__traceback__ else None
            self._err.write("".join(traceback.format_exception(type(error), error, trace)))
            return False
        finally:
            held, self._held = self._held, None
            for write, said in itertools.groupby(held, itemgetter(0)):
                write("".join(text for _, text in said))
        return True

    def _show_wrong(self, error: BaseException) -> None:
        self._err.write("".join(traceback.format_exception_only(type(error), error)))

    def _display(self, value: Any) -> None:
        if value is None:
            return
        self.names["_"] = value
        if iscoroutine(value):
            ours = Deferred.fromCoroutine(value)
            self._wait_for(ours)
            ours.addErrback(lambda _: None)  # it has been shown, and nobody else waits for it
        elif isinstance(value, Deferred):
            self._wait_for(value)
        else:
            self._out.write(f"{shown(value, self.columns)}\n")

    def _wait_for(self, deferred: Deferred[Any]) -> None:
        number = next(self._numbers)
        self._pending.add(number)
        deferred.addBoth(self._came, number)
        if number in self._pending and self.columns:  # a script waits for all of them
            self._out.write(f"<Deferred #{number}>\n")

    def _came(self, result: Any, number: int) -> Any:
        """A result that was waited for. It is passed on as it was: others may wait for it too.

        What a verb tells in words needs no number.
        """
        if isinstance(result, Failure):
            self.failed = True
            told = isinstance(result.value, ChatError)
            self._err.write(_told(result.value) if told else f"Deferred #{number} failed: {result.getTraceback()}")
        else:
            mark = "" if isinstance(result, Text) else f"Deferred #{number}: "
            self._out.write(f"{mark}{self._shown(result)}\n")
        self._pending.discard(number)
        self._check_done()
        return result

    def _shown(self, value: Any) -> str:
        try:
            return shown(value, self.columns)
        except Exception as error:  # noqa: BLE001 (a result's own repr must not reach the reactor)
            return f"<{type(value).__name__}, whose repr raised {type(error).__name__}>"

    def _check_done(self) -> None:
        if self._when_done is not None and not self._pending:
            call, self._when_done = self._when_done, None
            call()


def _with_newlines(source: str) -> str:
    """The same with each line ended by a newline. Python takes a carriage return for the end of a line, too."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _pieces(source: str, statements: Sequence[ast.stmt]) -> Iterator[str]:
    """The whole source in pieces, one for each statement: all behind the one before (decorators, comments), and itself.

    Python counts lines by newlines alone, once a source has no carriage returns, and columns in bytes of UTF-8.
    """
    encoded = source.encode()
    starts = [0, *itertools.accumulate(len(line) + 1 for line in encoded.split(b"\n"))]
    cuts = [starts[(each.end_lineno or 1) - 1] + (each.end_col_offset or 0) for each in statements[:-1]]
    for start, end in itertools.pairwise([0, *cuts, len(encoded)]):
        yield encoded[start:end].decode().lstrip("; \t\f\n")


class _Stream(io.TextIOBase):
    """Where `print` writes to while a statement runs, and all that is shown goes through."""

    def __init__(self, console: Console, write: Write) -> None:
        self._console = console
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._console.say(self._write, text)
        return len(text)


def _told(error: BaseException | None) -> str:
    """What somebody has to say, without what could harm a terminal."""
    return "".join(f"{visible(line)}\n" for line in str(error).splitlines())
