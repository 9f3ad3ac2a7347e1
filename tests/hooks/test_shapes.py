"""Each sender's requests give readable messages, and the answer that it takes for a yes."""

from __future__ import annotations

import pytest

from lanchat.hooks.reading import read
from tests.hooks.recorded import NAMES, expected, load, told


@pytest.mark.parametrize("name", NAMES)
def test_a_sender_is_read_and_answered(name: str) -> None:
    assert told(read(load(name))) == expected(name)
