"""Bugs that can be planted in the model of a server (`tests.faults.model`), each with the check that must find it."""

from __future__ import annotations

#: Each bug, and the check that must find it.
BUGS = {
    "acknowledged before the commit": "lost",
    "forgotten while away": "lost",
    "not told to one's own other device": "lost",
    "passed by an acknowledgement on a slow line that breaks": "lost",
    "removed though new": "removed though new",
    "a reader from outside is refused": "reader from outside failed",
    "told to a non-member": "invented",
    "read by a newcomer under an old number": "invented",
    "another text": "invented",
    "another sender": "invented",
    "no look at the cid": "stored twice",
    "told again on the other connection": "shown twice",
    "a sender's messages swapped": "out of the sender's order",
    "stored past what was refused": "out of the sender's order",
    "stored past what was refused a second time": "out of the sender's order",
    "a later message with a lower seq": "out of real time",
    "a read that is late": "out of real time",
    "an export that is late": "out of real time",
    "a room's messages swapped for one": "out of the room's order",
    "seq from memory, and not from the disk": "seq used again",
    "a new epoch": "seq used again",
    "another message taken for a repeat": "seq used again",
    "refused and stored": "refused and there",
    "a repeat refused though stored": "refused and there",
    "a name given to two": "name shared",
}
