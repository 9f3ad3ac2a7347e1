#!/usr/bin/env python3
"""The health check of the container: ends with 0 when the server says that it is well, and with 1 when not, or not in time."""

from __future__ import annotations

import sys
from http.client import HTTPConnection, HTTPException

#: Where the entry point of the image lets the server answer, and how many seconds it may take.
PORT, PATIENCE = 9150, 4.0


def look(port: int) -> int:
    """Ask on this machine, print what was said, and give what to end with."""
    connection = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    try:
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        sys.stdout.write(answer.read(1000).decode("utf-8", "replace"))
    except (OSError, HTTPException) as error:
        sys.stdout.write(f"no answer on port {port}: {error}\n")
        return 1
    return int(answer.status != 200)


if __name__ == "__main__":
    sys.exit(look(PORT))
