"""Where the time goes: the shares of the kernel, JSON, Twisted and lanchat in a profile of a running server.

    py-spy record --native --nonblocking --format raw --duration 5 --output profile.txt --pid PID
    python -m benchmarks.shares profile.txt

py-spy is a program of its own: `pip install py-spy`.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

#: The system's calls, as the C library names them.
_SYSTEM = re.compile(r"^(?:__)?(?:send|recv|accept4?|epoll_\w+|setsockopt|ioctl|fcntl\d*|write|close|shutdown)\b")
#: Whose a line of Python is.
_PLACES = {"lanchat/": "lanchat", "twisted/": "Twisted", "zope/": "Twisted"}


def whose(stack: str) -> str:
    """Who was at work in one stack, as py-spy writes it: frames from the outermost in, with semicolons between."""
    frames = stack.split(";")
    if _SYSTEM.match(frames[-1]):
        return "the kernel"
    for frame in reversed(frames):
        if "msgspec" in frame:
            return "JSON"
        if ".py:" in frame:
            return next((name for place, name in _PLACES.items() if place in frame), "Python's library")
    return "Python itself"


def shares(lines: Iterable[str]) -> dict[str, float]:
    """Each one's share of the samples, the largest first."""
    samples: Counter[str] = Counter()
    for line in lines:
        stack, _, count = line.rpartition(" ")
        samples[whose(stack)] += int(count)
    return {name: count / samples.total() for name, count in samples.most_common()}


def main() -> None:
    """Print the shares in a profile."""
    parser = argparse.ArgumentParser(description="Whose time it is, in a profile that py-spy recorded in its raw format.")
    parser.add_argument("profile", type=Path)
    for name, share in shares(parser.parse_args().profile.read_text().splitlines()).items():
        print(f"{share:6.1%}  {name}")  # noqa: T201 (a command)


if __name__ == "__main__":
    main()
