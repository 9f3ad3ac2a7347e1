"""The secrets of webhooks."""

from __future__ import annotations

import re

from lanchat.model.hook import digest_of, new_secret


def test_a_secret_fits_into_the_address_of_every_sender() -> None:
    made = {new_secret() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch("[A-Za-z0-9]{32}", secret) for secret in made)


def test_what_is_kept_of_a_secret_tells_it_from_others() -> None:
    one, other = new_secret(), new_secret()
    assert digest_of(one) == digest_of(one) != digest_of(other)
    assert one.encode() not in digest_of(one)
    assert digest_of("\ud800")  # (what no address can have)
