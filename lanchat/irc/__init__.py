"""The gateway for IRC clients: their lines, the numerics of the server, and IRCv3 (--irc, --ircs)."""
