#!/usr/bin/env bash
# Twisted 26.10.0: a program whose stdout can't be written is told that its connection was closed cleanly, and only when stdin ends.
#
# Expected: StandardIO tells its protocol at once why writing failed (OSError ENOSPC for a full disk, EPIPE for a reader that has
#   gone), as write(2) does, so that the program can say it and end with another status.
# Behaves: nothing is told, raised or logged when write(2) fails. When stdin ends, connectionLost gets ConnectionDone, as if all had
#   been written. (A protocol that provides IHalfCloseableProtocol has writeConnectionLost called at once, without a reason.)
# Seen: a full disk: ConnectionDone, no errno, status 0; a closed pipe: ConnectionDone, no errno, status 0
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install Twisted==26.10.0
cat >"$work/talk.py" <<'PY'
import sys

from twisted.internet import reactor, stdio
from twisted.internet.protocol import Protocol


class Talk(Protocol):
    def connectionMade(self):
        self.talk()

    def talk(self):
        self.transport.write(b"hello\n")
        reactor.callLater(0.1, self.talk)

    def connectionLost(self, reason):
        self.talk = lambda: None
        errno = "an" if getattr(reason.value, "osError", None) or getattr(reason.value, "errno", None) else "no"
        with open(sys.argv[1], "w") as told:
            told.write(f"{reason.type.__name__}, {errno} errno")
        reactor.callLater(0, reactor.stop)


stdio.StandardIO(Talk())
reactor.callLater(8, reactor.stop)
reactor.run()
PY
full=$(sleep 6 | { "$work/venv/bin/python" "$work/talk.py" "$work/full" >/dev/full; echo "$?"; })
sleep 6 | { "$work/venv/bin/python" "$work/talk.py" "$work/pipe"; echo "$?" >"$work/status"; } | true
seen="a full disk: $(cat "$work/full"), status $full; a closed pipe: $(cat "$work/pipe"), status $(cat "$work/status")"
echo "$seen"
[ "$seen" = "a full disk: ConnectionDone, no errno, status 0; a closed pipe: ConnectionDone, no errno, status 0" ]
