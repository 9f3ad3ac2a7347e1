"""Image: the base that needs no registry, a wheelhouse that needs no index, and the image that is built with them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from tests.container.engine import Engine, Failed, run

ROOT = Path(__file__).parent.parent.parent
SUITE = "bookworm"
BASE = f"localhost/lanchat-base:{SUITE}"
#: What is left out of the base: what apt has fetched, and its lists.
LEAN = ("--exclude=./var/cache/apt/*.bin", "--exclude=./var/cache/apt/archives/*.deb", "--exclude=./var/lib/apt/lists/*")


def base(engine: Engine, directory: Path, tell: Callable[[str], None]) -> str:
    """A Debian with Python and nothing else, made once; its name. Raises `Failed`."""
    if not engine.has(BASE):
        tell(f"making {BASE} with debootstrap")
        root = directory / "root"
        run(["debootstrap", "--variant=minbase", "--include=python3,python3-venv", SUITE, str(root), mirror()])
        tell(f"importing {BASE}")
        with subprocess.Popen(["tar", "-C", str(root), *LEAN, "-c", "."], stdout=subprocess.PIPE) as tar:  # noqa: S603, S607 (ours)
            assert tar.stdout is not None
            engine("import", "-", BASE, stdin=tar.stdout.fileno())
        run(["rm", "-rf", "--one-file-system", str(root)])
    return BASE


def mirror() -> str:
    """Where this machine's apt gets the suite from; raises `Failed` where it does not."""
    listed = run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages", f"Codename: {SUITE}"])
    if not listed:
        raise Failed(f"no source of apt has {SUITE}: name another base image with --base")
    return listed.splitlines()[0]


def tree(target: Path) -> Path:
    """A copy of the tree as git would have it, with what is not committed yet."""
    for name in run(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard"]).splitlines():
        source, copy = ROOT / name, target / name
        if source.is_file():
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(source.read_bytes())
            copy.chmod(source.stat().st_mode)
    return target


def wheelhouse(context: Path) -> None:
    """Put beside the tree what it needs to be installed, so that no index is asked; raises `Failed`."""
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--wheel-dir", str(context / "wheelhouse")]
    run([*pip, str(context), "setuptools>=77"])
    for ours in (context / "wheelhouse").glob("lanchat-*"):
        ours.unlink()  # it is the tree that is installed
