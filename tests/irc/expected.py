"""The tests of irctest that fail, and why each of them may: at most 15, by `file.py::Class::test`, with a sentence each."""

from itertools import product

_LOGIN = "It logs in after the registration, and then expects the old nick, but the nick of an account is its name."
_NAME = "It expects somebody under a nick that is not the name of the account, but the nick of an account is its name."

EXPECTED: dict[str, str] = {
    f"monitor.py::AuthenticatedExtendedMonitorTestCase::testExtendedMonitorAccountNotify{no_cap}[{before}-{cap}]": _LOGIN
    for no_cap, before, cap in product(("", "NoCap"), ("", "monitor_before_connect"), ("", "with-cap"))
} | {
    "who.py::WhoServicesTestCase::testWhoxAccount": _NAME,
    "whois.py::ServicesWhoisTestCase::testWhoisAccount": _NAME,
    "whois.py::ServicesWhoisTestCase::testWhoisNumerics[normal]": _NAME,
    "whois.py::ServicesWhoisTestCase::testWhoisNumerics[oper]": _NAME,
}
