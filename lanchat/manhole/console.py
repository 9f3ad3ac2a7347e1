"""Runs the Python that an operator types, and shows the results. It knows no network and no terminal."""

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
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.python.monkey import MonkeyPatcher

from lanchat.manhole.tables import Text, shown
from lanchat.protocol.errors import ChatError
from lanchat.protocol.packet import visible

#: The file name in tracebacks.
FILE = "<manhole>"
#: Characters in a script or a typed statement, at most.
MAX_SOURCE = 262144

#: Errors of the compiler for a text that is not valid Python.
_COMPILE_ERRORS = (SyntaxError, ValueError, OverflowError, RecursionError, MemoryError)

#: Shows a text, or logs it.
Write: TypeAlias = Callable[[str], None]
#: The Python names of a prompt, and their values.
Names: TypeAlias = dict[str, Any]


class Console:
    """One operator's Python, whose names last from line to line. It raises `SystemExit`, and shows all other exceptions.

    A `ChatError` is shown as a line, without a traceback: a command raises it to reject its arguments.
    """

    def __init__(self, names: Names, out: Write, err: Write, log: Write) -> None:
        """`out` and `err` show text; `log` is called with each source text before it runs, even if it can't run."""
        self.names: Names = {"__name__": "__console__", "__doc__": None, **names}
        #: Whether a Deferred that the console waited for has failed.
        self.failed = False
        #: The width of the window in columns; 0 without a window.
        self.columns = 0
        self._out, self._err = _Stream(self, out), _Stream(self, err)
        self._log = log
        self._pending_output: list[tuple[Write, str]] | None = None  # the output of the running statement so far
        self._compile = CommandCompiler()
        self._lines: list[str] = []
        self._numbers = itertools.count()
        #: The numbers of the Deferreds that the console waits for.
        self._pending: set[int] = set()
        self._done_callback: Callable[[], None] | None = None

    def push(self, line: str) -> bool:
        """Take a typed line, and run the statement if it is complete; true if more lines are needed."""
        line = _with_newlines(line)
        self._lines.append(line)
        self._log(line)
        source = "\n".join(self._lines)
        try:
            code = self._compile(source, FILE, "single")
        except _COMPILE_ERRORS as error:
            self._show_syntax_error(error)
        else:
            if code is None and len(source) < MAX_SOURCE:
                return True
            self._lines.clear()  # before it runs, as it may raise SystemExit
            if code is None:
                self._err.write(f"Nothing was run: a statement has at most {MAX_SOURCE} characters.\n")
            else:
                self._execute(code)
        self._lines.clear()
        return False

    def discard_statement(self) -> None:
        """Drop the unfinished statement, and wait for nothing. Results that still come are shown."""
        self._lines.clear()
        self._pending.clear()

    def run(self, source: str) -> bool:
        """Run a whole text, statement by statement, until one raises; true if none did."""
        source = _with_newlines(source)
        try:
            statements = ast.parse(source, FILE).body
            codes = [compile(ast.Interactive([statement]), FILE, "single") for statement in statements]
        except _COMPILE_ERRORS as error:
            self._log(source)
            self._show_syntax_error(error)
            return False
        # A text without statements is one piece too: comments.
        for piece, code in itertools.zip_longest(_split_source(source, statements), codes):
            self._log(piece)
            if code is not None and not self._execute(code):
                return False
        return True

    @property
    def is_waiting(self) -> bool:
        """Whether the console waits for a Deferred."""
        return bool(self._pending)

    def when_done(self, call: Callable[[], None]) -> None:
        """Call this once nothing is waited for."""
        self._done_callback = call
        self._check_done()

    def write(self, write: Write, text: str) -> None:
        """Show a text, or keep it until the statement has run: one packet for each `print` would take long."""
        if self._pending_output is None:
            write(text)
        else:
            self._pending_output.append((write, text))

    def _execute(self, code: CodeType) -> bool:
        patches = {"stdin": io.StringIO(), "stdout": self._out, "stderr": self._err, "displayhook": self._display}
        self._pending_output = []
        try:
            with MonkeyPatcher(*((sys, name, value) for name, value in patches.items())):
                exec(code, self.names)  # noqa: S102 (that is the purpose)
        except SystemExit:
            raise
        except ChatError as error:
            self._err.write(_error_text(error))
            return False
        except BaseException as error:  # noqa: BLE001 (an operator's code may raise anything)
            trace = error.__traceback__.tb_next if error.__traceback__ else None
            self._err.write("".join(traceback.format_exception(type(error), error, trace)))
            return False
        finally:
            held, self._pending_output = self._pending_output, None
            for write, said in itertools.groupby(held, itemgetter(0)):
                write("".join(text for _, text in said))
        return True

    def _show_syntax_error(self, error: BaseException) -> None:
        self._err.write("".join(traceback.format_exception_only(type(error), error)))

    def _display(self, value: Any) -> None:
        if value is None:
            return
        self.names["_"] = value
        if iscoroutine(value):
            ours = Deferred.fromCoroutine(value)
            self._wait_for(ours)
            ours.addErrback(lambda _: None)  # it was shown, and nothing else handles it
        elif isinstance(value, Deferred):
            self._wait_for(value)
        else:
            self._out.write(f"{shown(value, self.columns)}\n")

    def _wait_for(self, deferred: Deferred[Any]) -> None:
        number = next(self._numbers)
        self._pending.add(number)
        deferred.addBoth(self._deferred_done, number)
        if number in self._pending and self.columns:  # a script waits for all of them
            self._out.write(f"<Deferred #{number}>\n")

    def _deferred_done(self, result: Any, number: int) -> Any:
        """Show the result of a Deferred, and pass it on unchanged, as others may wait for it.

        A text of a command is shown without the number.
        """
        if isinstance(result, Failure):
            self.failed = True
            told = isinstance(result.value, ChatError)
            self._err.write(_error_text(result.value) if told else f"Deferred #{number} failed: {result.getTraceback()}")
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
        if self._done_callback is not None and not self._pending:
            call, self._done_callback = self._done_callback, None
            call()


def _with_newlines(source: str) -> str:
    """The same text with only newlines at line ends, as Python treats carriage returns as line ends too."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _split_source(source: str, statements: Sequence[ast.stmt]) -> Iterator[str]:
    """The source in pieces, one for each statement, each with what stands before it (decorators, comments).

    Python counts lines by newlines only, once a source has no carriage returns, and columns in bytes of UTF-8.
    """
    encoded = source.encode()
    starts = [0, *itertools.accumulate(len(line) + 1 for line in encoded.split(b"\n"))]
    cuts = [starts[(each.end_lineno or 1) - 1] + (each.end_col_offset or 0) for each in statements[:-1]]
    for start, end in itertools.pairwise([0, *cuts, len(encoded)]):
        yield encoded[start:end].decode().lstrip("; \t\f\n")


class _Stream(io.TextIOBase):
    """The file that `print` writes to while a statement runs. All output goes through it."""

    def __init__(self, console: Console, write: Write) -> None:
        self._console = console
        self._write = write

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        self._console.write(self._write, text)
        return len(text)


def _error_text(error: BaseException | None) -> str:
    """The text of an error, with control characters escaped."""
    return "".join(f"{visible(line)}\n" for line in str(error).splitlines())
