"""Build the image, run it, and show what it promises: `python -m tests.container`. Exits with 1 if something is not so.

It needs root, podman (or Docker) and, unless --base names an image that can be had, debootstrap. The base image that it makes
stays for the next time, and is all that stays.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.container import engine, image
from tests.container.proofs import PROOFS, Subject

IMAGE = "localhost/lanchat:proof"


def tell(text: str) -> None:
    """Say what is going on, on a terminal."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def main() -> int:
    """Do it, with a line for each proof; how many failed, at most 1."""
    parser = argparse.ArgumentParser(prog="python -m tests.container", description=__doc__)
    parser.add_argument("--engine", choices=["podman", "docker"], default=engine.here(), help="default: %(default)s")
    parser.add_argument("--base", metavar="IMAGE", help="build on this image, with what the package index has")
    parser.add_argument("--keep", action="store_true", help=f"leave the image behind, as {IMAGE}")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="lanchat-container-") as directory:
        subject = Subject(engine.Engine(asked.engine, Path(directory)), asked.base or image.BASE, IMAGE)
        try:
            build(subject, Path(directory), asked.base is None)
            return max([prove(number, subject) for number in range(len(PROOFS))])
        except engine.Failed as failed:
            tell("")
            sys.exit(f"could not build it: {failed}")
        finally:
            tell("clearing up")
            subject.clear(image=not asked.keep)
            tell("")


def build(subject: Subject, directory: Path, alone: bool) -> None:
    """Make the image; `alone` without a registry and without an index. Raises `Failed`."""
    subject.clear()
    if alone:
        image.base(subject.engine, directory, tell)
    tell("copying the tree")
    context = image.tree(directory / "tree")
    if alone:
        tell("filling a wheelhouse")
        image.wheelhouse(context)
    tell("building the image")
    begun = time.monotonic()
    subject.engine.build(context, subject.base, subject.image)
    tell("")
    sys.stdout.write(f"{'built':14}with {subject.engine.name}, on {subject.base}, in {time.monotonic() - begun:.0f} s\n")


def prove(number: int, subject: Subject) -> int:
    """One proof, and its line; 1 if it failed."""
    proof = PROOFS[number]
    name = proof.__name__.replace("_", " ")
    tell(f"{number + 1}/{len(PROOFS)} {name}")
    try:
        line, failed = proof(subject), 0
    except (AssertionError, engine.Failed, OSError, ValueError) as error:
        line, failed = f"NOT SO: {error}", 1
    tell("")
    sys.stdout.write(f"{name:14}{line}\n")
    sys.stdout.flush()
    return failed


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)  # as a shell says it
