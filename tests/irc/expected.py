"""The tests of irctest that fail, and why each of them may: at most 15, by `file.py::Class::test`, with a sentence each."""

from itertools import product

_LOGIN = "It logs in after the registration, and then expects the old nick, but the nick of an account is its name."
_N = "It turns +n off, but only those in a room may write to it, whatever its modes."
_NAME = "It expects somebody under a nick that is not the name of the account, but the nick of an account is its name."

EXPECTED: dict[str, str] = {
    f"monitor.py::AuthenticatedExtendedMonitorTestCase::testExtendedMonitorAccountNotify{no_cap}[{before}-{cap}]": _LOGIN
    for no_cap, before, cap in product(("", "NoCap"), ("", "monitor_before_connect"), ("", "with-cap"))
} | {
    "chmodes/account_extban.py::AccountExtbanTestCase::testAccountExtbanUnauthed": (
        "It bans an account that does not exist, which is refused, so that nobody believes it helps."
    ),
    "chmodes/modeis.py::RplChannelModeIsTestCase::testChannelModeIs": _N,
    "chmodes/no_external.py::NoExternalMessagesTestCase::testNoExternalMessagesMode": _N,
    "who.py::WhoServicesTestCase::testWhoxAccount": _NAME,
    "whois.py::ServicesWhoisTestCase::testWhoisAccount": _NAME,
    "whois.py::ServicesWhoisTestCase::testWhoisNumerics[normal]": _NAME,
    "whois.py::ServicesWhoisTestCase::testWhoisNumerics[oper]": _NAME,
}
