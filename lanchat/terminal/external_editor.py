"""Writes a message in the user's own editor ($VISUAL or $EDITOR)."""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
from pathlib import Path
from tempfile import TemporaryDirectory

from lanchat.client.interfaces import NotSent
from lanchat.protocol.packet import MAX_MSG

#: The editor if neither variable is set; POSIX requires it.
DEFAULT_EDITOR = "vi"


async def edit(text: str) -> str:
    """The text as it was when the editor ended; the reactor runs meanwhile. Raises `NotSent`."""
    with TemporaryDirectory(prefix="lanchat-") as directory:  # readable by this user only
        file = Path(directory) / "message.txt"
        file.write_text(text, encoding="utf-8", errors="replace")
        try:
            command = shlex.split(os.environ.get("VISUAL") or os.environ.get("EDITOR") or DEFAULT_EDITOR)
            status = await asyncio.get_running_loop().run_in_executor(None, subprocess.call, [*command, str(file)])
            if status:
                raise NotSent(f"the editor ended with {status}.")
            with file.open(encoding="utf-8") as written:
                return written.read(MAX_MSG + 2).removesuffix("\n")
        except UnicodeDecodeError:
            raise NotSent("the text from the editor is not UTF-8.") from None
        except (OSError, ValueError) as error:
            raise NotSent(f"the editor in $VISUAL or $EDITOR can't be used: {error}") from None
