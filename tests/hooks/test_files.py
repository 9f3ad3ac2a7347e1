"""Files that are posted: which requests carry one, and what is said with it."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from lanchat.hooks.files import PostedFile, read_file
from lanchat.hooks.posted import Posted

MOST = 15_360


def read(path: str = "/", *, below: bool = True, put: bool = False, query: str = "", **headers: str) -> PostedFile | None:
    """What is read in a request with these headers, and this name behind the question mark."""
    return read_file(Posted(path, {"filename": query} if query else {}, headers, b""), below=below, put=put, most=MOST)


@pytest.mark.parametrize("header", ["filename", "x-filename"])
@pytest.mark.parametrize("below", [True, False])
def test_a_name_in_a_header_makes_it_a_file(header: str, below: bool) -> None:
    found = read_file(Posted("/ops", {}, {header: "a.bin"}, b""), below=below, put=False, most=MOST)
    assert found is not None
    assert (found.name, found.caption, found.as_to_ntfy, found.topic) == ("a.bin", "", not below, "ops")


def test_a_path_is_a_name_only_below_the_secret_and_only_with_put() -> None:
    found = read("/x/backup.tgz", put=True)
    assert found is not None
    assert found.name == "backup.tgz"
    assert read("/backup.tgz") is None
    assert read("/backup.tgz", put=True, below=False) is None
    assert read("/", put=True) is None
    assert read("/x/ ", put=True) is None
    assert read(filename="") is None


def test_what_is_said_is_tidy_and_fits() -> None:
    found = read(query="a.bin", title="Back\x1b[1mup\x00", message="\xff" * 20_000, tags="fire")
    assert found is not None
    assert found.caption.startswith("\N{FIRE} Backup\n\xff")
    assert len(found.caption.encode()) <= MOST
    assert "was cut" in found.caption[-80:]


@given(st.dictionaries(st.sampled_from(["filename", "title", "message", "tags", "click", "content-type"]), st.text()))
def test_any_headers_are_read(headers: dict[str, str]) -> None:
    sent = {name: value.encode(errors="replace").decode("latin-1") for name, value in headers.items()}
    for put in (False, True):
        found = read_file(Posted("/%\ud800", {}, sent, b""), below=True, put=put, most=MOST)
        assert found is None or len(found.caption.encode()) <= MOST
