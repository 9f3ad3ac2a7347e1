#!/usr/bin/env python3
"""The health check of the container: ends with 0 when the server says that it is well, and with 1 when not (or not in time)."""

import sys
from http.client import HTTPConnection, HTTPException

#: Where the entry point of the image lets the server answer, and how many seconds it may take.
PORT, PATIENCE = 9150, 4.0

if __name__ == "__main__":
    asked = HTTPConnection("127.0.0.1", PORT, timeout=PATIENCE)
    try:
        asked.request("GET", "/healthz")
        answer = asked.getresponse()
        sys.stdout.write(answer.read(1000).decode("utf-8", "replace"))
        sys.exit(answer.status != 200)
    except (OSError, HTTPException) as error:
        sys.exit(f"no answer at port {PORT}: {error}")
