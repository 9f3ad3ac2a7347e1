"""What withdrawn messages left in the file is removed a while later, for several at once, and after a restart."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.task import Clock

from lanchat.core.chat import Chat
from lanchat.protocol.entry import WITHDRAW
from lanchat.service.operations import Operations
from lanchat.service.withdrawals import AGAIN, PAUSE, TIMES, WithdrawalService
from lanchat.store import changes
from lanchat.system.private_files import FileError
from tests.fakes import make_router
from tests.stores import Desk, entry


class Removal:
    """A service whose work the test does."""

    def __init__(self, traces: int = 0) -> None:
        self.chat: Chat
        self.clock: Clock
        router, self.clock = make_router()
        self.chat = router.chat
        self.chat.store.connection.execute("INSERT INTO meta VALUES ('withdrawn', ?)", (traces,))  # type: ignore[attr-defined]
        self.begun: list[Deferred[None]] = []
        self.service = WithdrawalService(self.chat, self._begin)
        self.service.startService()

    def _begin(self) -> Deferred[None]:
        self.begun.append(Deferred())
        return self.begun[-1]

    def withdraw(self) -> None:
        """Somebody withdraws a message."""
        self.chat.changes.on_withdrawal()


def test_several_withdrawals_take_one_removal() -> None:
    removal = Removal()
    removal.clock.advance(PAUSE)
    assert not removal.begun, "there is nothing to be done"
    removal.withdraw()
    removal.clock.advance(PAUSE - 1)
    removal.withdraw()
    assert not removal.begun
    removal.clock.advance(1)
    assert len(removal.begun) == 1


def test_removing_takes_a_small_part_of_the_time() -> None:
    removal = Removal()
    removal.withdraw()
    removal.clock.advance(PAUSE)
    removal.withdraw()
    removal.clock.advance(10)
    removal.begun[0].callback(None)
    removal.clock.advance(TIMES * 10 - 1)
    assert len(removal.begun) == 1
    removal.clock.advance(1)
    assert len(removal.begun) == 2
    removal.begun[1].callback(None)
    removal.clock.advance(TIMES * PAUSE)
    assert len(removal.begun) == 2, "nothing was withdrawn since"


def test_what_failed_is_tried_again(logged: list[str]) -> None:
    removal = Removal()
    removal.withdraw()
    removal.clock.advance(PAUSE)
    removal.begun[0].errback(FileError("the disk is full"))
    assert "the disk is full" in logged[-1]
    removal.clock.advance(AGAIN)
    removal.begun[1].callback(None)
    removal.withdraw()
    removal.clock.advance(PAUSE)
    assert len(removal.begun) == 3


def test_what_is_left_from_before_is_removed_after_the_start_and_nothing_after_the_end() -> None:
    removal = Removal(traces=1)
    removal.clock.advance(PAUSE)
    assert len(removal.begun) == 1
    removal.service.stopService()
    removal.begun[0].callback(None)
    removal.withdraw()
    assert not removal.clock.getDelayedCalls()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    with Desk(tmp_path) as desk:
        yield desk


def test_the_text_is_gone_from_the_file_then(desk: Desk, tmp_path: Path) -> None:
    def content() -> bytes:
        return b"".join(file.read_bytes() for file in tmp_path.glob("lanchat.db*"))

    desk.write(lambda connection: connection.execute("PRAGMA secure_delete = 0") and None)
    desk.say(*(entry(f"zebra{number} " * 50) for number in range(100)), entry("", kind=WITHDRAW, about=7))
    assert b"zebra6 " in content()
    router, _ = make_router()
    operations = Operations(router.chat, desk.store, succeed)
    desk.wait(Deferred.fromCoroutine(operations.erase_traces()))
    assert b"zebra6 " not in content()
    assert b"zebra7 " in content()
    assert desk.read(changes.traces) == 0
