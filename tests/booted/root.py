"""The Debian that is booted, and what is installed in it: made once, and kept in a directory for the next time."""

from __future__ import annotations

import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent.parent
#: What a server has that runs lanchat, and what the proofs look with.
PACKAGES = "systemd,systemd-sysv,dbus,python3,python3-venv,openssh-client"
APT = Path("/etc/apt")
#: The platforms whose wheels fit, for pip.
PLATFORMS = ("manylinux2014", "manylinux_2_17", "manylinux_2_28", "manylinux_2_34")
#: Seconds that a download may take.
LONG = 1800.0


class Failed(Exception):
    """Why there is no machine to prove anything in."""


def made(directory: Path, suite: str) -> Path:
    """A Debian without anything of ours in it; made from where this machine gets its own packages, if it is not there."""
    root = directory / suite
    if not root.exists():
        part = directory / f"{suite}.part"
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        call("debootstrap", "--variant=minbase", f"--include={PACKAGES}", suite, str(part), *_mirror())
        part.rename(root)
    return root


def wheels(directory: Path, root: Path) -> Path:
    """The wheels of this checkout and of all that it needs, for the Python in that root; the machine gets no internet."""
    version = call("chroot", str(root), "python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])").strip()
    house = directory / f"wheels-{root.name}"
    for old in house.glob("lanchat-*.whl"):
        old.unlink()
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    call(*pip, "wheel", "--no-deps", "-w", str(house), str(_copied(directory / "checkout")))
    (wheel,) = house.glob("lanchat-*.whl")
    platforms = [f"--platform={name}_{platform.machine()}" for name in PLATFORMS]
    fits = ["--only-binary=:all:", "--implementation=cp", f"--python-version={version}", *platforms]
    download = [*pip, "download", *fits, f"--find-links={house}", "-d", str(house), str(wheel)]
    try:
        call(*download, "--no-index")  # of the last time
    except Failed:
        call(*download)
    return house


def _copied(place: Path) -> Path:
    """The files that are, or would be, committed, so that a build leaves nothing in the checkout."""
    shutil.rmtree(place, ignore_errors=True)
    listed = call("git", "-C", str(CHECKOUT), "ls-files", "-z", "--cached", "--others", "--exclude-standard")
    for name in filter(None, listed.split("\0")):
        if (CHECKOUT / name).is_file():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(CHECKOUT / name, place / name)
    return place


def _mirror() -> list[str]:
    """Where this machine gets its Debian, if it says so."""
    files = [APT / "sources.list", *sorted((APT / "sources.list.d").glob("debian*"))]
    said = "\n".join(file.read_text() for file in files if file.exists())
    found = re.search(r"^(?:URIs:|deb(?: \[.*\])?)\s+(\S+)", said, re.MULTILINE)
    return [found[1]] if found else []


def call(*command: str, seconds: float = LONG) -> str:
    """What a command says; raises `Failed` when it fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)  # noqa: S603 (ours)
    except OSError as error:
        raise Failed(f"{command[0]}: {error.strerror}") from None
    if done.returncode:
        raise Failed(f"{' '.join(command[:3])} ... ended with {done.returncode}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout
