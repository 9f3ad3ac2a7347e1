"""Texts for those who ask the command `lanchat` for help."""

from __future__ import annotations

from lanchat.protocol.typed_lines import TYPING_HELP

ABOUT = "Chat on a lanchat server, at a terminal or from a script."
MORE = """\
at a terminal:
  TEXT                 send to the target in the prompt: at first the lobby, if the
                       server has one, or everyone
  @bob TEXT            send to bob only
  #ops TEXT            send to the room #ops; /join #ops enters it
  /to bob, /to #ops    change the target; /to alone: everyone
  /shout TEXT          send to everyone; this is not stored
  /say TEXT            send any text; //TEXT sends one that begins with a slash
  /edit                write several lines in $EDITOR
  /history #ops 20     show earlier messages
  /search WORDS        search earlier messages
  /more                show the rest of a long message, or the previous page
  /send FILE [TEXT]    send a file to the target, with a text; TAB completes its name
  /get [ID] [PATH]     save the newest file here, or that of a message; nothing is
                       ever replaced, and what was cut goes on where it ended
  /register, /login    make your name an account; log in (both ask for a password)
  /help, /list, ...    commands of the server; TAB completes commands, names and rooms
  /quit, Ctrl-D        leave; Ctrl-C clears the line, or leaves if it is empty;
                       Ctrl-Z suspends
  Your own message appears, with its time, once the server has accepted it. With
  TERM=dumb the client writes plain text only, without history and completion.

in a script (stdin or stdout is not a terminal):
  With --to or --text each line of stdin is sent as text: use one of them whenever
  others may have written what you pipe. Without them, lines work as at a terminal:
  /WORD is a command, and its answer is printed. Blank lines are skipped, and --to
  alone refuses lines that look like a command with a password.
  Messages that arrive meanwhile are printed with their time and sender. Use --quiet
  or --json if a program reads the output; arrivals and departures are printed with
  --json only. When stdin ends, lanchat waits for its acknowledgements and exits; a
  bot keeps stdin open, and is reconnected when the server goes away.

    echo "backup done" | lanchat chat.lan --name cron --to bob
    systemctl status nginx | lanchat chat.lan --name web --to '#ops' --block
    journalctl -f | lanchat chat.lan --name logs --to '#ops' --text
    echo /list | lanchat chat.lan --name cron --quiet
    echo /history '#ops' 20 | lanchat chat.lan --name cron --password-file ~/.cron
    tail -f /dev/null | lanchat chat.lan --name bot --json | ./bot

files:
  With --send the files are sent to --to, each with the --caption, and stdin is not
  read. The exit code is 0 only if all of them are stored. They go over HTTP, with TLS
  if the chat has it, and only to the server itself or to a --files-host.

    lanchat chat.lan --name cron --to '#ops' --send report.pdf --caption 'last night'

accounts:
  If you send with an account and the exit code is 0, the messages are on the
  server's disk. Messages to you while you are away are shown when you are back, once
  on each device (--dev). With --quiet they are left for another time, and so are
  messages that could not be printed: accepted by the terminal, file or pipe counts
  as printed. A password is never an argument: it is typed, or is the first line of
  --password-file, or a token from an earlier login takes its place. Neither is sent
  over a network without --tls.

exit codes:
  0  all went well      1  not delivered, not printed, refused, or disconnected by the server
  2  wrong options      3  could not connect

Colours are used at a terminal unless NO_COLOR is set. ~/.local/state/lanchat contains
the keys of servers met with --tls (known_servers), and tokens that log you in without
a password, if you chose that (tokens). A new server's key is trusted the first time; a
server that later shows another key is refused. Messages are not stored on this machine.
"""

#: What `/help` at a terminal tells besides the server's help.
TYPED_HELP = (
    f"{TYPING_HELP}; /edit writes several lines in your $EDITOR, and /edit TEXT changes your last message; "
    "/reply TEXT and /react TEXT answer the last message of others, and /withdraw takes back your last one; "
    "/more shows the rest of a long message, or the page before in /history or /search; "
    "/send FILE [TEXT] sends a file, and /get [ID] [PATH] saves one; /login, /register and /password "
    "ask for the password. Ctrl-C clears the line, or leaves if it is empty; Ctrl-Z suspends."
)
