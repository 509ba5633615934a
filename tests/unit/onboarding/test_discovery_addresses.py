"""What is refused before a gateway is asked must be what the gateway itself would refuse."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dualspan.onboarding.v1.discovery_pb2 import DiscoveryScope
from dualspan_edge.discovery.scope import ScopeError, targets_of
from dualspan_onboarding.discovery import check_scope
from dualspan_onboarding.discovery_addresses import check_address
from dualspan_runtime.errors import InvalidArgument


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("127.0.0.1:34300-34302", "--port, repeatable"),
        ("plc7:4840,4841", "--port, repeatable"),
        ("10.0.0.0/8", "/22 is the largest"),
        ("fd00::/64", "/22 is the largest"),
        ("10.0.0.0/24:4840", "no network"),
        ("plc7/4840", "no network"),
        ("plc7:0", "between 1 and 65535"),
        ("plc7:65536", "between 1 and 65535"),
        ("plc7:", "between 1 and 65535"),
        ("10.0.0.20-10.0.0.10", "upwards"),
        ("10.0.0.0-10.0.8.0", "1024 addresses"),
        ("10.0.0.1-5", "10.0.0.10-10.0.0.20"),
        ("10.1", "write plc7"),
        ("300.1.1.1", "write plc7"),
        ("plc 7", "write plc7"),
        ("http://plc7", "opc.tcp://plc7"),
        ("opc.tcp://plc7:99999", "1 to 65535"),
    ],
)
def test_what_is_no_address_is_told_before_a_gateway_is_asked(address: str, words: str) -> None:
    with pytest.raises(InvalidArgument, match=words) as refused:
        check_scope(DiscoveryScope(addresses=["plc7", address]))
    assert refused.value.reason == "MALFORMED_ADDRESS"
    with pytest.raises(ScopeError):
        targets_of(DiscoveryScope(addresses=[address]))


@given(st.text() | st.from_regex(r"[0-9a-z.:/\[\]-]{0,30}", fullmatch=True))
@example("plc7.plant.example.")
@example(" 10.0.0.7:4841 ")
@example("[fd00::8]:4841")
@example("fd00::7")
@example("10.0.0.9-10.0.0.11")
@example("10.0.0.0/22")
@example("opc.tcp://plc7:4841/UA/Server")
@example("opc.tcp://plc7")
@example("plc-7")
def test_nothing_is_refused_that_a_gateway_takes(address: str) -> None:
    try:
        targets_of(DiscoveryScope(addresses=[address]))
    except ScopeError:
        return
    check_address(address)
