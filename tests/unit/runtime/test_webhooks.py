"""Signatures of calls: nothing that is signed can be exchanged, and nothing that is not is taken."""

import pytest

from dualspan_runtime.webhooks import age_of, signature

SECRET, ID, BODY, NOW = "a-secret-of-both-sides", "op-1", b"suspend\nx", 1_800_000_000
SIGNED = signature(SECRET, ID, BODY, NOW)


def test_age_is_that_of_the_signature() -> None:
    assert age_of(SECRET, ID, BODY, SIGNED, NOW + 7) == 7
    assert age_of(SECRET, ID, BODY, SIGNED, NOW - 7) == -7


@pytest.mark.parametrize(
    ("secret", "delivery", "content", "given"),
    [
        (SECRET + "x", ID, BODY, SIGNED),
        (SECRET, "op-2", BODY, SIGNED),
        (SECRET, ID, BODY + b"x", SIGNED),
        (SECRET, ID, BODY, SIGNED.replace(str(NOW), str(NOW + 1))),
        (SECRET, ID, BODY, SIGNED.replace("t=", "t=0")),
        (SECRET, ID, BODY, SIGNED + "0"),
        (SECRET, ID, BODY, SIGNED.upper()),
        (SECRET, ID, BODY, ""),
        (SECRET, ID, BODY, "t=1,v1=" + "0" * 64),
    ],
)
def test_what_is_not_signed_so_has_no_age(secret: str, delivery: str, content: bytes, given: str) -> None:
    assert age_of(secret, delivery, content, given, NOW) is None
