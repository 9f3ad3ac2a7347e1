"""The real apprise posts to a webhook in all the ways that the manual names, and tells a yes from a no."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

from tests.hooks.real_senders.room import MANUAL, HookedRoom, real
from tests.live import PATIENCE, SCRIPTS

TITLE, BODY = "Backup of A & B", "db1 <is> done\nin 3 s"


def apprise(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Send a notification to some URLs, perhaps with files."""
    command = [str(SCRIPTS / "apprise"), "-v", "--disable-async", "-t", TITLE, "-b", BODY, *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)  # noqa: S603 (ours)


def documented(room: HookedRoom) -> list[str]:
    """The URLs of the manual."""
    section = MANUAL.read_text().partition("### apprise\n")[2].partition("\n### ")[0]
    return [real(url, room) for url in re.findall(r"(?m)^\| `(\w+://[^`]+)` \|", section)]


def test_each_url_of_the_manual_posts_the_message(room: HookedRoom) -> None:
    urls = documented(room)
    schemes = [url.partition(":")[0] for url in urls]
    assert schemes == ["mmost", "json", "ntfy", "gotify", "rocket", "matrix"]
    like_json = urls[1].removeprefix("json")
    urls += ["form" + like_json, "xml" + like_json, f"{urls[1]}?:message=text"]  # (the last is Slack's member)
    done = apprise(*urls)
    assert done.returncode == 0, done.stderr
    heard = dict(zip([*schemes, "form", "xml", "slack"], [room.said() for _ in urls], strict=True))
    assert heard.pop("ntfy") == f"\N{WARNING SIGN} {TITLE}\n{BODY}\nPriority: high"
    assert heard.pop("mmost") == heard.pop("matrix") == f"Apprise: {TITLE}\n{BODY}"
    assert heard.pop("slack") == BODY
    assert set(heard.values()) == {f"{TITLE}\n{BODY}"}
    assert room.nothing_more()


def test_a_wrong_address_is_a_failure(room: HookedRoom) -> None:
    room.secret = "A" * 32
    for url in documented(room):
        assert apprise(url).returncode == 1, url
    assert room.nothing_more()


def test_files_are_messages_with_files(room: HookedRoom, tmp_path: Path) -> None:
    """The first has the text; apprise sends each in a request of its own."""
    files = [tmp_path / "report.txt", tmp_path / "more \N{GREEK SMALL LETTER ALPHA}.bin"]
    files[0].write_text("db1: ok")
    files[1].write_bytes(b"\0" * 100_000)
    (url,) = [url for url in documented(room) if url.startswith("ntfy:")]
    attached = [part for file in files for part in ("-a", str(file))]
    done = apprise(*attached, url)
    assert done.returncode == 0, done.stderr
    first, second = room.said(), room.said()
    assert first.startswith(f"\N{WARNING SIGN} {TITLE}\n{BODY}\nPriority: high\nreport.txt (7 bytes): http://{room.host}/f/")
    assert "more \N{GREEK SMALL LETTER ALPHA}.bin (100 kB): http://" in second
    assert room.nothing_more()
