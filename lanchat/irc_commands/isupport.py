"""What this server supports, as clients read it in 005 (https://defs.ircdocs.horse/defs/isupport.html)."""

from __future__ import annotations

from collections.abc import Iterator

from lanchat.commands.moderation import MAX_REASON
from lanchat.commands.presence import MAX_AWAY
from lanchat.history.pages import MAX_PAGE
from lanchat.irc.bans import ACCOUNT_LETTER, EXTBAN_SIGN
from lanchat.irc.client import IrcClient
from lanchat.irc.monitor import MAX_WATCHED
from lanchat.model.names import MAX_NAME
from lanchat.model.room import MAX_TOPIC

#: The modes of users and of channels, as the welcome tells them.
USER_MODES, CHANNEL_MODES = "Bior", "Rbiklmnostv"
#: Characters of a user name, with the `~` that says that nobody has checked it; and of a real name.
MAX_USER, MAX_REALNAME = 16, 100
#: How many tokens there are in a line, at most, so that a client that reads 15 parameters reads all.
TOKENS = 12


def tokens(client: IrcClient) -> dict[str, str]:
    """The tokens and their values; "" for those without one."""
    found = {
        "ACCOUNTEXTBAN": ACCOUNT_LETTER,
        "AWAYLEN": str(MAX_AWAY),
        "BOT": "B",
        "CASEMAPPING": "ascii",
        "CHANLIMIT": f"#:{int(min(client.chat.limits['joined'], 1_000_000))}",
        "CHANMODES": "b,k,l,Rimnst",
        "CHANNELLEN": str(MAX_NAME + 1),
        "CHANTYPES": "#",
        "ELIST": "CMNTU",
        "EXTBAN": f"{EXTBAN_SIGN},{ACCOUNT_LETTER}",
        "KICKLEN": str(MAX_REASON),
        "MODES": "20",
        "MONITOR": str(MAX_WATCHED),
        "NAMELEN": str(MAX_REALNAME),
        "NETWORK": client.server.name,
        "NICKLEN": str(MAX_NAME),
        "PREFIX": "(ov)@+",
        "SAFELIST": "",
        "TARGMAX": ",".join(f"{name}:{of.targets}" for name, of in sorted(client.server.commands.items()) if of.targets),
        "TOPICLEN": str(MAX_TOPIC),
        "USERLEN": str(MAX_USER),
        "UTF8ONLY": "",
        "WHOX": "",
    }
    if client.chat.store.stores_messages:
        found |= {"CHATHISTORY": str(MAX_PAGE), "MSGREFTYPES": "msgid,timestamp"}
    return dict(sorted(found.items()))


def isupport(client: IrcClient) -> Iterator[list[str]]:
    """The tokens as lines of 005, each a list of parameters."""
    words = [f"{name}={value}" if value else name for name, value in tokens(client).items()]
    for first in range(0, len(words), TOKENS):
        yield words[first : first + TOKENS]
