"""The end of a server, said beforehand."""

from __future__ import annotations

from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.endpoints import TCP4ServerEndpoint
from twisted.internet.protocol import Factory
from twisted.internet.task import Clock
from twisted.internet.testing import MemoryReactor

from lanchat import commands
from lanchat.core.chat import Chat
from lanchat.core.router import Router
from lanchat.net.listener import Listener
from lanchat.protocol.errors import Usage
from lanchat.service.drain import MAX_SECONDS, Drain
from lanchat.system.exits import CannotStart
from tests.fakes import User


class FakePort:
    """A port that remembers, and takes as long as the test says."""

    def __init__(self) -> None:
        self.open = True
        self.stuck = False
        self.closing: Deferred[None] | None = None

    def pause(self) -> Deferred[None]:
        """Close, at once or when the test says so."""
        self.open = False
        return self.closing or succeed(None)

    def resume(self) -> None:
        """Open, unless it can't."""
        if self.stuck:
            raise CannotStart("0.0.0.0:80 Permission denied")
        assert self.closing is None or self.closing.called, "it is still closing"
        self.open = True


class Ending:
    """A drain, and what came of it."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.router = Router(Chat(self.clock, "test"), commands.run)
        self.ended: list[float] = []
        self.drain = Drain(self.router.chat, lambda: self.ended.append(self.clock.seconds()))
        self.port = FakePort()
        self.drain.ports.append(self.port)
        self.told: list[float | None] = []
        self.drain.hooks.append(self.told.append)

    def begin(self, seconds: float) -> Any:
        """Announce the end; what comes of that, None if nothing has yet."""
        return next(iter(outcome(self.drain.begin(seconds))), None)

    def call_off(self) -> Any:
        """Call it off; what comes of that, None if nothing has yet."""
        return next(iter(outcome(self.drain.cancel())), None)


def outcome(call: Coroutine[Any, Any, str]) -> list[Any]:
    """Where the outcome of a call will be."""
    came: list[Any] = []
    Deferred.fromCoroutine(call).addCallbacks(came.append, lambda failure: came.append(failure.value))
    return came


@pytest.fixture
def ending() -> Ending:
    """A server with one port that is about to end."""
    return Ending()


def test_nobody_new_comes_in_everybody_is_told_and_then_it_ends(ending: Ending) -> None:
    ann = User(ending.router, "ann")
    assert ending.begin(90) == "The server shuts down in 1m 30s and refuses new connections. Told: 1 connection."
    assert not ending.port.open
    assert ann.client.packets[-1].msg == "The server shuts down in 1m 30s. Please finish your conversations."
    ending.clock.advance(89)
    assert ending.ended == []
    ending.clock.advance(1)
    assert (ending.ended, ending.told) == ([90], [90])


def test_another_time_takes_the_place_of_the_first(ending: Ending) -> None:
    ending.begin(10)
    ending.begin(60)
    ending.clock.advance(59)
    assert ending.ended == []
    ending.clock.advance(100)
    assert (ending.ended, ending.told) == ([159], [10, 60])


def test_it_can_be_called_off(ending: Ending) -> None:
    ann = User(ending.router, "ann")
    ending.begin(10)
    assert ending.call_off() == "The shutdown is cancelled; new connections are accepted again."
    ending.clock.advance(1000)
    assert (ending.ended, ending.port.open, ending.drain.active, ending.told) == ([], True, False, [10, None])
    assert ann.client.packets[-1].msg == "The shutdown was cancelled."
    assert isinstance(ending.call_off(), Usage)


def test_a_door_that_is_closing_is_opened_when_it_is_closed(ending: Ending) -> None:
    ending.port.closing = Deferred()
    assert ending.begin(10) is None
    assert ending.call_off() is None
    ending.port.closing.callback(None)
    assert ending.port.open
    assert not ending.drain.active


def test_an_end_that_is_announced_while_another_is_called_off_stays(ending: Ending) -> None:
    ann = User(ending.router, "ann")
    ending.port.closing = Deferred()
    first, off, second = (outcome(call) for call in (ending.drain.begin(10), ending.drain.cancel(), ending.drain.begin(60)))
    ending.port.closing.callback(None)
    assert not ending.port.open
    assert ending.drain.active
    assert isinstance(off[0], Usage)
    assert (len(first), len(second), ending.told[-1]) == (1, 1, 60)
    assert ann.client.packets[-1].msg == "The server shuts down in 1m. Please finish your conversations."
    ending.clock.advance(60)
    assert ending.ended == [60]


def test_a_port_that_can_not_be_had_again_is_told_of(ending: Ending) -> None:
    ending.begin(10)
    ending.port.stuck = True
    assert "restart the server when you can. 0.0.0.0:80 Permission denied" in ending.call_off()
    assert ending.drain.active
    ending.clock.advance(1000)
    assert ending.ended == []


def test_a_door_of_a_server_that_has_stopped_is_not_opened_again() -> None:
    async def nobody_is_here() -> None:
        """There is nobody to see off."""

    reactor = MemoryReactor()
    port = Listener("nobody", TCP4ServerEndpoint(reactor, 5000), Factory(), nobody_is_here)
    port.startService()
    port.stopService()
    port.resume()
    assert len(reactor.tcpServers) == 1


@pytest.mark.parametrize("seconds", [-1, MAX_SECONDS + 1, float("nan"), float("inf")])
def test_a_time_that_is_none_changes_nothing(ending: Ending, seconds: float) -> None:
    assert isinstance(ending.begin(seconds), Usage)
    assert (ending.port.open, ending.drain.active, ending.told) == (True, False, [])
