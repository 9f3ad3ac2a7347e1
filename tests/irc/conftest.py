"""What the tests of the gateway for IRC clients share."""

from __future__ import annotations

import pytest
from twisted.internet.task import Clock

from lanchat.core.router import Router
from tests.irc.wire import make_chat


@pytest.fixture
def chat() -> tuple[Router, Clock]:
    """A chat in which anyone makes rooms, and its clock."""
    return make_chat()
