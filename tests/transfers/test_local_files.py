"""Files of one's own machine: what can be sent, and that nothing that others choose decides where a file is saved."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest
from hypothesis import given, strategies as st

from lanchat.transfers.failed import Failed
from lanchat.transfers.local_files import MAX_SAVED_NAME, Part, destination, digest_of, open_file, safe_name

CONTENT = b"what others sent"
DIGEST = hashlib.sha256(CONTENT).hexdigest()


def saved(place: Path, content: bytes = CONTENT, digest: str = DIGEST) -> Path:
    part = Part(place, digest)
    part.write(content[part.size :])
    try:
        return part.finish()
    finally:
        part.close()


@pytest.mark.parametrize(
    ("name", "here"),
    [
        ("plan.pdf", "plan.pdf"),
        ("../../.ssh/authorized_keys", "_.._.ssh_authorized_keys"),
        ("/etc/passwd", "_etc_passwd"),
        ("..", "file"),
        (".bashrc", "bashrc"),
        ("-rf", "_rf"),
        ("~", "_"),
        ("a\x00b\nc\x1b[2J", "a_b_c_[2J"),
        ("", "file"),
    ],
)
def test_a_name_of_others_is_only_a_name(name: str, here: str) -> None:
    assert safe_name(name) == here


@given(st.text(max_size=400))
def test_no_name_leads_anywhere(name: str) -> None:
    here = safe_name(name)
    assert here
    assert here not in (".", "..")
    assert not here.startswith((".", "-", "~"))
    assert "/" not in here
    assert "\x00" not in here
    assert len(here.encode()) <= MAX_SAVED_NAME


def test_the_end_of_a_long_name_stays() -> None:
    assert safe_name("ü" * 300 + ".jpeg").endswith("ü.jpeg")


def test_nothing_is_ever_replaced(tmp_path: Path) -> None:
    (tmp_path / "plan.pdf").write_text("mine")
    (tmp_path / "plan (1).pdf").symlink_to(tmp_path / "nowhere")
    place = saved(tmp_path / "plan.pdf")
    assert place == tmp_path / "plan (2).pdf"
    assert (place.read_bytes(), (tmp_path / "plan.pdf").read_text()) == (CONTENT, "mine")
    assert len(list(tmp_path.iterdir())) == 3


def test_nothing_is_replaced_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*names: object, **more: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refuse)
    (tmp_path / "plan").write_text("mine")
    assert saved(tmp_path / "plan").name == "plan (1)"
    assert (tmp_path / "plan (1)").read_bytes() == CONTENT
    assert (tmp_path / "plan").read_text() == "mine"


def test_what_was_cut_is_continued_and_belongs_to_one_file_only(tmp_path: Path) -> None:
    part = Part(tmp_path / "plan", DIGEST)
    part.write(CONTENT[:5])
    part.close()
    assert [path.name for path in tmp_path.iterdir()] == [f"plan.{DIGEST[:12]}.part"]
    other = Part(tmp_path / "plan", "0" * 64)
    assert other.size == 0
    other.close()
    assert Part(tmp_path / "plan", DIGEST).size == 5
    assert saved(tmp_path / "plan").read_bytes() == CONTENT
    assert [path.name for path in tmp_path.iterdir()] == ["plan"]


def test_what_is_not_the_file_is_not_kept(tmp_path: Path) -> None:
    with pytest.raises(Failed, match="damaged"):
        saved(tmp_path / "plan", b"something else!!")
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_saved_once_at_a_time(tmp_path: Path) -> None:
    part = Part(tmp_path / "plan", DIGEST)
    with pytest.raises(Failed, match="being saved already"):
        Part(tmp_path / "plan", DIGEST)
    part.close()


def test_a_part_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("mine")
    (tmp_path / f"plan.{DIGEST[:12]}.part").symlink_to(mine)
    with pytest.raises(Failed, match="can't be written"):
        Part(tmp_path / "plan", DIGEST)
    assert mine.read_text() == "mine"


def test_a_file_whose_digest_is_not_known_begins_anew(tmp_path: Path) -> None:
    part = Part(tmp_path / "plan", "")
    part.write(b"abc")
    part.close()
    assert list(tmp_path.iterdir()) == []
    assert saved(tmp_path / "plan", b"abc", "").read_bytes() == b"abc"


def test_where_a_file_goes_is_up_to_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "docs").mkdir()
    assert destination("", "../plan") == Path("_plan")
    assert destination("docs", "../plan") == Path("docs/_plan")
    assert destination("~/docs/", "plan") == tmp_path / "docs" / "plan"
    assert destination("docs/other.pdf", "plan") == Path("docs/other.pdf")
    for wrong in ("nowhere/plan", "nowhere/", "\x00"):
        with pytest.raises(Failed):
            destination(wrong, "plan")


def test_what_can_be_sent_is_a_file_with_something_in_it(tmp_path: Path) -> None:
    (tmp_path / "full").write_text("abc")
    (tmp_path / "empty").touch()
    os.mkfifo(tmp_path / "pipe")
    found = open_file(tmp_path / "full")
    assert (found.name, found.size, found.file.read()) == ("full", 3, b"abc")
    found.file.close()
    for name, why in (
        ("empty", "empty"),
        ("pipe", "only files"),
        (".", "directory"),
        ("no", "No such file"),
        ("\x00", "bad name"),
    ):
        with pytest.raises(Failed, match=why):
            open_file(tmp_path / name)


@pytest.mark.parametrize(
    ("tag", "digest"), [(f'"{DIGEST}"', DIGEST), (f'W/"{DIGEST}"', ""), ("", ""), ('"../../x"', ""), (f'"{DIGEST}x"', "")]
)
def test_a_digest_is_read_only_from_what_is_one(tag: str, digest: str) -> None:
    assert digest_of(tag) == digest
