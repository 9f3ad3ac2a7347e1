"""The commands of IRC: one table of all of them. Their functions are in the other modules of this package, by subject."""

from __future__ import annotations

from lanchat.irc.command import IrcCommand
from lanchat.irc_commands import (
    accounts,
    capabilities,
    channels,
    help,  # noqa: A004 (it is called so)
    history,
    joining,
    listing,
    logins,
    markers,
    modes,
    monitor,
    operators,
    presence,
    redacting,
    registration,
    searching,
    services,
    speaking,
    status,
    who,
    whois,
)

COMMANDS: dict[str, IrcCommand] = {
    **capabilities.COMMANDS,
    **registration.COMMANDS,
    **logins.COMMANDS,
    **accounts.COMMANDS,
    **history.COMMANDS,
    **searching.COMMANDS,
    **markers.COMMANDS,
    **operators.COMMANDS,
    **services.COMMANDS,
    **status.COMMANDS,
    **speaking.COMMANDS,
    **redacting.COMMANDS,
    **joining.COMMANDS,
    **channels.COMMANDS,
    **listing.COMMANDS,
    **modes.COMMANDS,
    **presence.COMMANDS,
    **who.COMMANDS,
    **whois.COMMANDS,
    **monitor.COMMANDS,
    **help.COMMANDS,
}
