"""Bans: the masks of IRC, `nick!user@host`, and the targets of bans that the core knows: names, masks of names, networks.

`~a:bob` is a ban of the account bob, and not of a guest of that name (IRCv3 "Account extban").
"""

from __future__ import annotations

import re

from lanchat.irc import numerics
from lanchat.irc.command import Numeric
from lanchat.irc.people import host_of
from lanchat.model import masks
from lanchat.protocol.packet import is_visible
from lanchat.state.online import OnlineUsers

#: What is in addresses and in networks, and in no name.
_NETWORK = re.compile(r"[0-9.]*\.[0-9.*]+(?:/[0-9]+)?|[0-9a-fA-F:.]*:[0-9a-fA-F:.]*(?:/[0-9]+)?")
_MASK = re.compile(r"(?:(?P<nick>[^!@]+)!)?(?:(?P<user>[^!@]*)@)?(?P<rest>[^!@]*)")
#: What stands before the name of an account: a sign, a letter and a colon.
EXTBAN_SIGN, ACCOUNT_LETTER = "~", "a"
_ACCOUNT = f"{EXTBAN_SIGN}{ACCOUNT_LETTER}:"
#: Characters of a mask, at most.
MAX_MASK = 100


def mask_of(target: str, is_account: bool = False) -> str:
    """The mask for the target of a ban, as the core shows it; `is_account` tells that it is the name of an account."""
    if is_account:
        return _ACCOUNT + target
    if target.startswith(masks.ACCOUNTS):
        return _ACCOUNT + target[1:]
    return f"*!*@{host_of(target)}" if _NETWORK.fullmatch(target) else f"{target}!*@*"


def shown_mask(online: OnlineUsers, target: str) -> str:
    """The mask with which a ban of this target is told and listed: that of the account, if somebody's nick is one.

    So it is the same for everybody and after a restart, however it was set: `bob!*@*` and `~a:bob` are one ban, if bob has an
    account.
    """
    account = None if masks.is_mask(target) else online.account(target.removeprefix(masks.ACCOUNTS))
    return mask_of(target) if account is None else mask_of(account.name.shown, is_account=True)


def target_of(mask: str, channel: str) -> str:
    """The target of a ban with this mask: a nick, an account, or an address. Raises `Numeric` for a mask that no ban can have.

    The user name is left out: clients put in it what they want. So the ban of `*!ann@10.0.0.7` is one of the address.
    """
    found = _MASK.fullmatch(mask)
    if found is None or len(mask) > MAX_MASK or not is_visible(mask) or " " in mask:
        raise bad_mask(mask, channel, "This is no mask. Ban a nick, as in bob!*@*, or an address, as in *!*@10.0.0.7.")
    nick, user, rest = found["nick"], found["user"], found["rest"]
    if mask.startswith(_ACCOUNT):
        return masks.ACCOUNTS + mask[len(_ACCOUNT) :]
    if nick is None and user is None:  # (a nick or a host alone)
        nick, host = ("", rest) if _NETWORK.fullmatch(rest) else (rest, "")
    else:
        nick, host = nick or "", rest
    nick, host = masks.parse_mask(nick) or nick, masks.as_network(host)
    names_nick, names_host = bool(nick.strip("*?")), bool(host.strip("*?.:"))
    if names_nick and names_host:
        raise bad_mask(mask, channel, "A ban is of a nick or of an address. Set two: bob!*@* and *!*@10.0.0.7.")
    if not names_nick and not names_host:
        raise bad_mask(mask, channel, "This would ban everybody. Ban a nick, as in bob!*@*, or an address, as in *!*@10.0.0.7.")
    if names_host and not _NETWORK.fullmatch(host):
        raise bad_mask(
            mask, channel, "Hosts are addresses here. Ban one, as in *!*@10.0.0.7 or *!*@10.0.0.*, or a nick, as in bob!*@*."
        )
    return nick if names_nick else host


def bad_mask(mask: str, channel: str, why: str) -> Numeric:
    """The error for a mask that can't be banned."""
    shown = mask if is_visible(mask) and " " not in mask and 0 < len(mask) <= MAX_MASK and mask[0] != ":" else "*"
    return Numeric(numerics.ERR_INVALIDMODEPARAM, channel, "b", shown, text=why)
