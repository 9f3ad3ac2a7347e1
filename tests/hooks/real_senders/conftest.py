"""A room with a webhook, for each test, and for all tests of a module."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hooks.real_senders.room import HookedRoom


@pytest.fixture
def room(tmp_path: Path) -> Iterator[HookedRoom]:
    """A real server with a webhook."""
    hooked = HookedRoom(tmp_path)
    yield hooked
    hooked.close()
