"""Names of files that others choose."""

from __future__ import annotations

import pytest

from lanchat.protocol.files import MAX_FILE_NAME, UNNAMED, clean_name


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("plan.pdf", "plan.pdf"),
        ("../../etc/passwd", "_.._etc_passwd"),
        ("C:\\temp\\a.txt", "C_temp_a.txt"),
        ("a\nb\x1b[2J.txt", "a_b_[2J.txt"),
        ("photo\u202egpj.exe", "photo_u202egpj.exe"),
        ("\u3164.txt", "_u3164.txt"),
        (" ... ", UNNAMED),
        ("", UNNAMED),
    ],
)
def test_a_name_has_no_directories_and_nothing_that_can_not_be_shown(sent: str, kept: str) -> None:
    assert clean_name(sent) == kept
    assert clean_name(kept) == kept


def test_a_long_name_keeps_its_suffix() -> None:
    name = clean_name("\u00e9" * 300 + ".pdf")
    assert len(name.encode()) <= MAX_FILE_NAME
    assert name.endswith("\u00e9.pdf")
