#!/usr/bin/env bash
# apprise 2.3.0 puts backslashes into plain texts for Rocket.Chat, which Rocket.Chat shows.
#
# Expected: a plain text (`apprise -b`, whose input format is text) is shown in Rocket.Chat as it was written: without backslashes,
#   or with those that its parser takes away.
# Behaves: by default the text is made Markdown, with a backslash before most punctuation. The parser of Rocket.Chat
#   (@rocket.chat/message-parser 0.31.35) takes a backslash away before few signs, and before none in a heading, which the title
#   becomes. With ?format=text in the URL nothing is changed.
# Seen: sent: # Disk 1\.5 / 5 \- 3 \= 2 \(a\>b\)\! 3\.5; shown: Disk 1\.5 / 5 \- 3 \= 2 \(a\>b\)\! 3.5;
#   with format=text: Disk 1.5 / 5 - 3 = 2 (a>b)! 3.5
# Needs python3 and Node.js.
set -euo pipefail
work=$(mktemp -d)
server=
trap 'kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv
venv/bin/pip -q --disable-pip-version-check install apprise==2.3.0
npm --silent --no-fund --no-audit install @rocket.chat/message-parser@0.31.35
cat >server.py <<'PY'
import json
from http.server import BaseHTTPRequestHandler, HTTPServer


class Webhook(BaseHTTPRequestHandler):
    def do_POST(self):
        sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with open("sent", "w") as file:
            file.write(sent["text"])
        self.send_response(200)
        self.end_headers()


server = HTTPServer(("127.0.0.1", 0), Webhook)
with open("port", "w") as file:
    file.write(str(server.server_port))
server.serve_forever()
PY
cat >shown.js <<'JS'
const { parse } = require("@rocket.chat/message-parser");
const text = (part) => (typeof part.value === "string" ? part.value : [].concat(part.value ?? []).map(text).join(""));
console.log(parse(require("fs").readFileSync("sent", "utf8")).filter((part) => part.value).map(text).join(" / "));
JS
venv/bin/python server.py 2>/dev/null &
server=$!
until [ -s port ]; do sleep 0.1; done
post() {  # post QUERY: what is shown of a text
    venv/bin/apprise -t 'Disk 1.5' -b '5 - 3 = 2 (a>b)! 3.5' "rocket://aaaaaaaa/bbbbbbbb@127.0.0.1:$(cat port)/#ops$1"
    node shown.js
}
plain=$(post '?format=text')
shown=$(post '')
echo "sent: $(sed -z 's/\n/ \/ /' sent); shown: $shown; with format=text: $plain"
[[ $shown == 'Disk 1\.5 / 5 \- 3 \= 2 \(a\>b\)\! 3.5' && $plain == 'Disk 1.5 / 5 - 3 = 2 (a>b)! 3.5' ]]
