"""What is built holds everything, and nothing else: above all, nothing of Twisted's."""

from __future__ import annotations

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a wheel and an sdist of a copy of this checkout."""
    copy, out = tmp_path_factory.mktemp("copy"), tmp_path_factory.mktemp("dist")
    listed = subprocess.run(["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=False)  # noqa: S607
    names = listed.stdout.decode().split("\0")[:-1] if listed.returncode == 0 else _files()
    for name in names:
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            (copy / name).write_bytes((ROOT / name).read_bytes())
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(copy)]
    made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (ours)
    assert made.returncode == 0, made.stdout + made.stderr
    return out


def _files() -> list[str]:
    """All there is, where this is no git checkout (an unpacked sdist)."""
    return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if ".venv" not in path.parts and "build" not in path.parts]


def modules() -> set[str]:
    ours, page = ROOT / "lanchat", ROOT / "lanchat" / "webchat" / "static"
    paths = [*ours.rglob("*.py"), ours / "py.typed", *(path for path in page.rglob("*") if path.is_file())]
    return {str(path.relative_to(ROOT)) for path in paths}


def test_the_wheel_has_our_modules_and_one_plugin_and_nothing_else(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert names == modules() | {"twisted/plugins/lanchat_plugin.py"}
    assert wheel.name.endswith("-py3-none-any.whl")


def test_the_wheel_brings_the_command_and_the_licence(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        texts = {name.split("/", 1)[1]: archive.read(name).decode() for name in archive.namelist() if ".dist-info/" in name}
    for command in ("lanchat = lanchat.terminal.main:main", "lanchat-admin = lanchat.admin.main:main"):
        assert command in texts["entry_points.txt"]
    assert "licenses/LICENSE" in texts
    assert "Requires-Python: >=3.10" in texts["METADATA"]


def test_the_sdist_has_the_tests_and_the_documents(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.split("/", 1)[1] for name in archive.getnames() if "/" in name}
    wanted = {
        "README.md",
        "LICENSE",
        "CHANGELOG.md",
        "setup.cfg",
        "pyproject.toml",
        "docs/protocol.md",
        "deploy/lanchat.service",
    }
    wanted |= {"tests/core/test_router.py", "tests/scripts/conversation.chat", "twisted/plugins/lanchat_plugin.py"}
    assert wanted <= names
    assert modules() <= names
