"""What `dualspan-gateway status` says."""

import pytest

from dualspan_edge.local_status import describe


@pytest.mark.parametrize(
    ("offset", "words"),
    [
        ({"clock_offset": "-0.046350s"}, "0.046 s behind the platform"),
        ({"clock_offset": "7200s"}, "7200.000 s ahead of the platform"),
        ({}, "0.000 s ahead of the platform"),
    ],
)
def test_the_clock_is_ahead_or_behind(offset: dict[str, str], words: str) -> None:
    document = {
        "gateway": "tenants/acme/gateways/box",
        "pid": 1,
        "configuration": {"revision": 1, "complete": True},
        "status": {"software_version": "1", **offset},
    }
    assert f"clock          {words}\n" in describe(document) + "\n"
