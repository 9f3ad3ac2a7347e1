"""Commands of other chat systems, such as `/msg`: whoever types one is told what it is called here."""

from __future__ import annotations

_OTHER_NAMES = {
    "/ban": "/kickban /akill /gline /kline",
    "/close": "/delete /destroy /drop",
    "/create": "/new /make",
    "/help": "/h /? /commands",
    "/history": "/last /lastlog /log /backlog /scrollback",
    "/invite": "/add",
    "/join": "/j /enter",
    "/kick": "/k /boot /remove",
    "/leave": "/part",
    "/list": "/who /names /users /online /ls",
    "/login": "/identify /auth /signin",
    "/name": "/nick",
    "/whois": "/finger",
    "/mute": "/gag /quiet /silence",
    "/password": "/passwd /pass",
    "/pm": "/msg /m /w /whisper /tell /query /dm /privmsg",
    "/quit": "/exit /q /bye /logout /disconnect",
    "/register": "/signup",
    "/rooms": "/channels",
    "/search": "/find /grep",
    "/shout": "/all /broadcast /wall /yell /announce",
    "/time": "/date",
    "/topic": "/subject",
    "/unmute": "/ungag /unquiet /unsilence",
}
#: What to type instead, which follows "There is no command /msg.", by the command in lower case.
HINTS = {other: f"Did you mean {name}?" for name, others in _OTHER_NAMES.items() for other in others.split()} | {
    **dict.fromkeys(("/say", "/to"), "It works where lines are typed; see /help talk."),
}
