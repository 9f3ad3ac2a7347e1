"""Prove the units in deploy/ in a real systemd: `python -m tests.booted --root /var/cache/lanchat-booted`.

As root. A Debian is made once (debootstrap, a minute or two) in the directory of --root, and booted with systemd-nspawn;
lanchat is installed in it from this checkout, and each proof is a line; it ends at one that fails, with 1. It takes about
a minute, and leaves nothing but that directory.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from lanchat.system.progress_bar import ProgressBar
from tests.booted import root
from tests.booted.machine import NEEDED, Machine
from tests.booted.proofs import Proofs
from tests.booted.unit import Unit

#: Where the Debian is kept, and which it is, unless told.
KEPT, SUITE = Path("/var/cache/lanchat-booted"), "bookworm"
#: Lines of the journal that are shown when a proof fails.
SHOWN = 40


def main() -> int:
    """Make what is missing, boot it, and prove all; 0 if that succeeded."""
    parser = argparse.ArgumentParser("python -m tests.booted", description=__doc__)
    parser.add_argument("--root", type=Path, default=KEPT, metavar="DIRECTORY", help="default: %(default)s")
    parser.add_argument("--suite", default=SUITE, help="which Debian; default: %(default)s")
    asked = parser.parse_args()
    if missing := lacks():
        parser.error(missing)
    bar = ProgressBar(sys.stderr)
    try:
        return prove(asked.root.absolute(), asked.suite, bar)
    except root.Failed as failed:
        parser.error(str(failed))
    finally:
        bar.clear()


def lacks() -> str:
    """What this machine lacks to do it, if something."""
    if os.geteuid() != 0:
        return "only root can boot a machine"
    missing = [program for program in NEEDED if shutil.which(program) is None]
    where = "Debian has them in debootstrap, systemd-container, util-linux and git"
    return f"not installed: {', '.join(missing)} ({where})" if missing else ""


def prove(directory: Path, suite: str, bar: ProgressBar) -> int:
    """Boot it and prove all; 0 if that succeeded."""
    bar.show(0, f"making a Debian ({suite})")
    debian = root.made(directory, suite)
    bar.show(0, "collecting wheels")
    wheels = root.wheels(directory, debian)
    bar.show(0, "booting")
    with tempfile.TemporaryDirectory() as own, Machine(debian, wheels=wheels, deploy=root.CHECKOUT / "deploy") as machine:
        say(machine.says("systemctl", "--version").splitlines()[0])
        machine.enter_network()
        proofs = Proofs(Unit(machine), Path(own))
        proven = all(told(proof, proofs.unit, bar, n / len(proofs.all())) for n, proof in enumerate(proofs.all()))
    assert not (left := mounted(directory)), f"still mounted: {left}"
    say("all is proven" if proven else "that failed, and what comes after it was not tried")
    return 0 if proven else 1


def told(proof: Callable[[], str], unit: Unit, bar: ProgressBar, done: float) -> bool:
    """Whether it succeeded, which is printed with what it saw."""
    sentence = (proof.__doc__ or "").splitlines()[0]
    bar.show(done, sentence)
    began = time.monotonic()
    try:
        saw, well = proof(), True
    except Exception as error:  # noqa: BLE001 (whatever it was, it is shown)
        saw, well = f"{type(error).__name__}: {error}\n" + "\n".join(unit.journal().splitlines()[-SHOWN:]), False
    bar.clear()
    say(f"{'ok' if well else 'FAILED'} ({time.monotonic() - began:.1f} s): {sentence} [{saw}]")
    return well


def say(text: str) -> None:
    """Print a line, now."""
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


def mounted(directory: Path) -> list[str]:
    """What of that directory and of machines of ours is mounted here."""
    lines = Path("/proc/self/mounts").read_text().splitlines()
    return [line for line in lines if str(directory) in line or "lanchat-booted" in line]


if __name__ == "__main__":
    sys.exit(main())
