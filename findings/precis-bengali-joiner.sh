#!/usr/bin/env bash
# precis-i18n 1.1.2: RFC 8265 refuses Bengali words as people write them.
#
# Expected: a name in the letters of one living language is a user name by RFC 8265, which was made for that, and knows joiners.
# Behaves: RA with YA-PHALAA is written U+09B0 U+200D U+09CD U+09AF (Unicode, chapter 12, "Bengali"): the joiner comes before the
#   virama. RFC 5892 (A.2) allows ZERO WIDTH JOINER only behind a virama, so the name is refused; without the joiner it is accepted,
#   and is another word on the screen (REPH in place of YA-PHALAA).
# Seen: with the joiner: DISALLOWED/zero_width_joiner; without it: accepted
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" -q --disable-pip-version-check install precis-i18n==1.1.2
"$work/venv/bin/python" - <<'PY'
from precis_i18n import get_profile

profile = get_profile("UsernameCaseMapped")


def tried(name):
    try:
        profile.enforce(name)
    except UnicodeEncodeError as error:
        return error.reason
    return "accepted"


joined, plain = tried("\u09b0\u200d\u09cd\u09af\u09be\u09ae"), tried("\u09b0\u09cd\u09af\u09be\u09ae")
print(f"with the joiner: {joined}; without it: {plain}")
assert (joined, plain) == ("DISALLOWED/zero_width_joiner", "accepted")
PY
