"""The log of the server from event to file, with a clock that stands still: what is written, what is counted, what is lost."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import ILogObserver, Logger, LogLevel, globalLogPublisher
from twisted.python.components import Componentized
from twisted.python.failure import Failure
from twisted.python.syslog import SyslogObserver

from lanchat.logs import server
from lanchat.logs.files import RotatingFile, StreamOutput
from lanchat.logs.formatters import format_untimed
from lanchat.logs.repeats import MAX_KINDS, MAX_LINES, WINDOW_SECONDS, RepeatFilter
from lanchat.logs.server import LogWriter, ServerLog
from lanchat.state.activity_log import ActivityLog

TWISTD = {"nodaemon": True, "logger": None, "syslog": False, "logfile": "log", "prefix": "test"}


class Reactor(Clock):
    """A clock, and the end of the reactor."""

    def __init__(self) -> None:
        super().__init__()
        self.at_end: list[Callable[[], None]] = []

    def callFromThread(self, call: Callable[..., object], *args: object) -> None:
        """At once: the clock stands still for every thread."""
        call(*args)

    def addSystemEventTrigger(self, phase: str, event: str, call: Callable[[], None]) -> None:
        """Remember what is to be done at the end."""
        assert (phase, event) == ("after", "shutdown")
        self.at_end.append(call)


class Written:
    """A log in a directory of its own, as twistd would start it."""

    def __init__(self, **said: Any) -> None:
        self.reactor = Reactor()
        self.log = ServerLog(self.reactor, TWISTD | said)
        application = Componentized()
        self.log.install(application)
        assert application.getComponent(ILogObserver) is self.log
        self.module = Logger("lanchat.test", observer=self.log)

    def lines(self) -> list[str]:
        """What is in the file, without the times."""
        return [line.partition(" ")[2] for line in Path("log").read_text().splitlines()]

    def next_window(self) -> list[str]:
        """What is written when this one ends."""
        before = len(self.lines())
        self.reactor.advance(WINDOW_SECONDS)
        return self.lines()[before:]


@pytest.fixture
def written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    monkeypatch.chdir(tmp_path)
    before = signal.getsignal(signal.SIGUSR1)
    yield Written()
    signal.signal(signal.SIGUSR1, before)


def test_the_same_line_is_written_once_and_then_counted(written: Written) -> None:
    for _ in range(100):
        written.module.warn("refused {ip}", ip="10.0.0.1")
    assert written.lines() == ["[lanchat.test#warn] refused 10.0.0.1"]
    assert written.next_window() == ["[lanchat.test#warn] 99 more like this: refused 10.0.0.1"]
    assert written.next_window() == []
    written.module.warn("refused {ip}", ip="10.0.0.1")
    assert written.lines()[-1] == "[lanchat.test#warn] refused 10.0.0.1"


def test_thirty_who_come_and_go_are_all_named(written: Written) -> None:
    for n in range(30):
        written.module.info("{notes}", notes=f"pupil{n} joined")
    for n in range(30):
        written.module.info("{notes}", notes=f"pupil{n} left")
    assert len(written.lines()) == 60
    assert written.next_window() == []


def test_of_thousands_the_first_are_named_and_the_others_counted(written: Written) -> None:
    for n in range(6000):
        written.module.info("{notes}", notes=f"user{n} joined")
    assert len(written.lines()) == MAX_LINES
    assert written.next_window() == ["[lanchat.test#info] 5900 more like this: user100 joined"]


def test_what_one_kind_has_too_much_of_takes_nothing_from_the_others(written: Written) -> None:
    for n in range(6000):
        written.module.info("{notes}", notes=f"user{n} joined")
    written.module.error("the disk is full")
    Logger("lanchat.other", observer=written.log).info("{notes}", notes="hello")
    assert written.lines()[-2:] == ["[lanchat.test#error] the disk is full", "[lanchat.other#info] hello"]


def test_what_somebody_answers_for_is_always_written(written: Written) -> None:
    written.log.set_level("error")
    for _ in range(300):
        written.module.info("operator runs: {what}", what="stats()", audit=True)
    assert written.lines() == ["[lanchat.test#info] operator runs: stats()"] * 300
    assert written.next_window() == []


def test_a_ban_is_written_however_many_come_at_that_moment(written: Written) -> None:
    activity = ActivityLog(written.reactor)
    globalLogPublisher.addObserver(written.log)
    for n in range(6000):
        activity.note(f"user{n} joined")
    written.reactor.advance(0)
    written.log.set_level("error")
    activity.decided("user7 is banned")
    globalLogPublisher.removeObserver(written.log)
    assert len(written.lines()) == MAX_LINES + 1
    assert written.lines()[-1] == "[lanchat.journal#info] user7 is banned"


def fail(text: str) -> Failure:
    """A failure from always the same place."""
    try:
        raise ValueError(text)
    except ValueError:
        return Failure()


def test_a_traceback_is_written_once_whomever_it_is_about(written: Written) -> None:
    for n in range(50):
        written.module.failure("a packet of {name} was not served", fail(f"no {n}"), name=f"user{n}")
    written.module.failure("a packet of {name} was not served", Failure(KeyError("elsewhere")), name="else")
    assert sum("Traceback" in line for line in Path("log").read_text().splitlines()) == 2
    assert written.next_window() == ["[lanchat.test#critical] 49 more like this: a packet of user1 was not served"]


def test_how_much_is_remembered_is_bounded() -> None:
    repeats = RepeatFilter()
    logger = Logger("test", observer=repeats.should_write)  # type: ignore[arg-type]  # it observes, and answers
    for n in range(MAX_KINDS * 2):
        for m in range(MAX_LINES * 2):
            logger.info(f"format {n} {{m}}", m=m)  # noqa: G004 (each shall be a kind of its own)
    assert len(repeats._kinds) == MAX_KINDS + 1
    assert all(len(kind._written) <= MAX_LINES for kind in repeats._kinds.values())
    counted = sum(event["more"] for event in repeats.end_window())
    assert counted == MAX_KINDS * 2 * MAX_LINES * 2 - (MAX_KINDS + 1) * MAX_LINES
    assert not repeats._kinds


def test_at_the_end_what_was_counted_is_told_and_nothing_is_counted_any_more(written: Written) -> None:
    for _ in range(3):
        written.module.info("x")
    for call in written.reactor.at_end:
        call()
    for _ in range(3):
        written.module.info("Server Shut Down.")
    assert [line[20:] for line in written.lines()] == ["x", "2 more like this: x", *["Server Shut Down."] * 3]
    written.log.set_level("warn")
    written.module.info("unwanted")
    assert "unwanted" not in written.lines()[-1]


def test_the_level_counts_from_now_on_in_all_or_in_a_part(written: Written) -> None:
    other = Logger("lanchat.tls", observer=written.log)
    written.module.debug("1")
    written.log.set_level("debug")
    written.module.debug("2")
    written.log.set_level("warn")
    written.log.set_level("debug", "lanchat.tls")
    written.module.info("3")
    written.module.warn("4")
    other.debug("5")
    written.log.set_level("error")
    other.warn("6")
    assert [line.rpartition(" ")[2] for line in written.lines()] == ["2", "4", "5"]


def test_a_level_that_is_none_is_answered_with_those_there_are(written: Written) -> None:
    with pytest.raises(ValueError, match="unknown level 'loud'; the levels are debug, info, warn, error, critical"):
        written.log.set_level("loud")


@pytest.mark.parametrize("said", [None, {"logFile": None}, TWISTD | {"logger": "mine"}])
def test_a_log_that_is_not_ours_is_left_alone_and_says_so(
    said: dict[str, Any] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    log = ServerLog(Reactor(), said)
    application = Componentized()
    log.install(application)
    assert application.getComponent(ILogObserver) is None
    with pytest.raises(ValueError, match="--logger"):
        log.set_level("warn")
    for asked in ({"json": True}, {"level": "warn"}):
        with pytest.raises(SystemExit, match=str(os.EX_CONFIG)):
            ServerLog(Reactor(), said, **asked)
        assert "--log-json and --log-level count under" in capsys.readouterr().err


def test_a_daemon_is_told_that_it_has_no_standard_output(capsys: pytest.CaptureFixture[str]) -> None:
    log = ServerLog(Reactor(), TWISTD | {"nodaemon": False, "logfile": "-"})
    with pytest.raises(SystemExit, match=str(os.EX_CONFIG)):
        log.install(Componentized())
    assert "give --logfile a file" in capsys.readouterr().err


def test_an_event_of_unknown_gravity_is_written(written: Written) -> None:
    written.log({"log_format": "x", "log_namespace": "lanchat.test"})
    assert written.lines() == ["[lanchat.test#-] x"]


def test_what_goes_to_syslog_is_summed_up_too(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    told: list[str] = []
    monkeypatch.setattr(SyslogObserver, "openlog", lambda *_: None)
    monkeypatch.setattr(SyslogObserver, "syslog", lambda _, priority, text: told.append(text))
    reactor = Reactor()
    log = ServerLog(reactor, TWISTD | {"syslog": True})
    log.install(Componentized())
    for _ in range(5):
        Logger("lanchat.test", observer=log).error("refused {ip}", ip="10.0.0.1")
    reactor.advance(WINDOW_SECONDS)
    assert told == ["[-] refused 10.0.0.1", "[-] 4 more like this: refused 10.0.0.1"]
    with pytest.raises(SystemExit, match=str(os.EX_CONFIG)):
        ServerLog(reactor, TWISTD | {"syslog": True}, json=True)
    assert "can't go into --syslog" in capsys.readouterr().err


def test_what_formats_an_event_may_log_itself(written: Written) -> None:
    class Talkative:
        def __str__(self) -> str:
            written.module.info("inner")
            return "outer"

    written.module.info("{x}", x=Talkative())
    assert {line.rpartition(" ")[2] for line in written.lines()} == {"inner", "outer"}


def test_threads_that_log_at_the_same_time_lose_no_line(written: Written, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "RotatingFile", partial(RotatingFile, max_bytes=20_000, old_files=200))
    small = Written(logfile="small")

    def work(n: int) -> None:
        for m in range(100):
            small.module.info("{n} {m} {long}", n=n, m=m, long="x" * 2000, audit=True)

    threads = [threading.Thread(target=work, args=(n,)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = [line for path in Path().glob("small*") for line in path.read_text().splitlines()]
    assert {tuple(line.split()[2:4]) for line in lines} == {(str(n), str(m)) for n in range(8) for m in range(100)}
    assert all(line.endswith(" " + "x" * 2000) for line in lines)


def test_a_full_disk_stops_nobody_and_what_was_lost_is_counted(tmp_path: Path) -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    writer = LogWriter(format_untimed, StreamOutput(descriptor))
    logger = Logger("lanchat.test", observer=writer)
    for n in range(3):
        logger.info("{n}", n=n)
    with (tmp_path / "log").open("wb") as room:
        os.dup2(room.fileno(), descriptor)
    logger.info("on we go")
    logger.info("and on")
    os.close(descriptor)
    assert (tmp_path / "log").read_text().splitlines() == [
        "[lanchat.logs.server#error] 3 lines of the log could not be written: No space left on device",
        "[lanchat.test#info] on we go",
        "[lanchat.test#info] and on",
    ]


def test_every_level_of_twisted_is_one_of_ours(written: Written) -> None:
    for level in LogLevel.iterconstants():
        written.log.set_level(level.name)
