"""What is refused before a gateway is asked must be what the gateway itself would refuse."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dualspan.onboarding.v1.discovery_pb2 import DiscoveryScope
from dualspan_edge.discovery.scope import MOST_TARGETS as MOST_OF_A_GATEWAY
from dualspan_edge.discovery.scope import ScopeError, targets_of
from dualspan_onboarding.discovery import MOST_TARGETS, check_scope
from dualspan_onboarding.discovery_addresses import count_targets, read_address
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
    read_address(address)


ADDRESSES = st.sampled_from(
    [
        "plc7",
        "PLC7",
        "plc7:4841",
        "opc.tcp://plc7",
        "opc.tcp://plc7:4841/UA",
        "10.0.0.1",
        "10.0.0.1:4841",
        "opc.tcp://10.0.0.1:4841",
        "10.0.0.0/28",
        "10.0.0.0/31",
        "10.0.0.9/32",
        "10.0.0.10-10.0.0.20",
        "fd00::7",
        "[FD00::7]:4840",
    ]
)


@given(st.lists(ADDRESSES, max_size=8), st.lists(st.sampled_from([4840, 4841, 4842]), max_size=3))
def test_places_are_counted_as_a_gateway_counts_them(addresses: list[str], ports: list[int]) -> None:
    asked = targets_of(DiscoveryScope(addresses=addresses, ports=ports))
    assert count_targets(map(read_address, addresses), ports) == len(asked)


def test_a_search_of_more_than_a_gateway_asks_is_refused_before_and_no_smaller_one() -> None:
    assert MOST_TARGETS == MOST_OF_A_GATEWAY
    networks = [f"10.0.{4 * number}.0-10.0.{4 * number + 3}.255" for number in range(4)]
    check_scope(DiscoveryScope(addresses=networks))
    with pytest.raises(InvalidArgument, match="This names 4097 addresses") as refused:
        check_scope(DiscoveryScope(addresses=[*networks, "plc7"]))
    assert refused.value.reason == "SCOPE_TOO_LARGE"
