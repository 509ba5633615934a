import ipaddress

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from dualspan.onboarding.v1 import discovery_pb2
from dualspan_edge.discovery.finder import merged
from dualspan_edge.discovery.multicast import SERVICE_TYPE, described
from dualspan_edge.discovery.probe import Answer, announced
from dualspan_edge.discovery.scope import MOST_TARGETS, ScopeError, Target, targets_of


def urls(*addresses: str, ports: tuple[int, ...] = ()) -> list[str]:
    return [target.url for target in targets_of(discovery_pb2.DiscoveryScope(addresses=addresses, ports=ports))]


def test_what_is_named_is_asked_at_the_ports_that_are_named() -> None:
    assert urls("plc7") == ["opc.tcp://plc7:4840"]
    assert urls("plc7", ports=(4840, 48010)) == ["opc.tcp://plc7:4840", "opc.tcp://plc7:48010"]
    assert urls("plc7:49320", ports=(4840,)) == ["opc.tcp://plc7:49320"]
    assert urls("opc.tcp://plc7:4841/UA/Server", ports=(4840,)) == ["opc.tcp://plc7:4841/UA/Server"]
    assert urls("opc.tcp://plc7") == ["opc.tcp://plc7:4840"]
    assert urls("10.0.0.7:4841") == ["opc.tcp://10.0.0.7:4841"]
    assert urls("fd00::7", "[fd00::8]:4841", "[fd00::9]") == [
        "opc.tcp://[fd00::7]:4840",
        "opc.tcp://[fd00::8]:4841",
        "opc.tcp://[fd00::9]:4840",
    ]


def test_networks_and_ranges_have_their_hosts_and_no_others() -> None:
    assert urls("10.0.0.0/30") == ["opc.tcp://10.0.0.1:4840", "opc.tcp://10.0.0.2:4840"]
    assert urls("10.0.0.9-10.0.0.11") == [f"opc.tcp://10.0.0.{n}:4840" for n in (9, 10, 11)]
    assert len(urls("10.0.0.0/22")) == 1022
    named = {target.host: target.named for target in targets_of(_scope("10.0.0.0/30", "10.0.0.2"))}
    assert named == {"10.0.0.1": False, "10.0.0.2": True}, "an address that is named also alone is told of in any case"


def _scope(*addresses: str) -> discovery_pb2.DiscoveryScope:
    return discovery_pb2.DiscoveryScope(addresses=addresses)


def test_an_address_that_is_named_twice_is_asked_once() -> None:
    assert urls("PLC7", "plc7", "opc.tcp://plc7:4840") == ["opc.tcp://plc7:4840"]


@pytest.mark.parametrize(
    "address",
    [
        "",
        " ",
        "10.0.0.0/21",
        "0.0.0.0/0",
        "fd00::/64",
        "10.0.0.20-10.0.0.10",
        "10.0.0.0-10.0.8.0",
        "10.1",
        "300.1.1.1",
        "plc7:0",
        "plc7:65536",
        "plc7:x",
        "http://plc7",
        "opc.tcp://",
        "opc.tcp://user@plc7:4840",
        "opc.tcp://plc7:4840?x=1",
        "opc.tcp://plc7:4840/a\nb",
        "plc 7",
        "-plc",
        "a" * 300,
        "plc7/4840",
    ],
)
def test_what_is_no_address_is_refused_in_words(address: str) -> None:
    with pytest.raises(ScopeError) as refused:
        urls(address)
    assert len(str(refused.value)) > 20


def test_more_than_a_plant_bears_is_refused() -> None:
    with pytest.raises(ScopeError, match="fewer"):
        urls("10.0.0.0/22", ports=(1, 2, 3, 4, 5))
    with pytest.raises(ScopeError):
        targets_of(discovery_pb2.DiscoveryScope(addresses=["a"] * 201))


@given(st.lists(st.text() | st.from_regex(r"[0-9a-z.:/\[\]-]{0,30}", fullmatch=True), max_size=4))
@example(["[::1%eth0]"])
@example(["1.2.3.4-"])
@example(["opc.tcp://[::1"])
def test_whatever_is_named_is_a_bounded_list_of_addresses_or_refused(addresses: list[str]) -> None:
    try:
        found = targets_of(discovery_pb2.DiscoveryScope(addresses=addresses))
    except ScopeError:
        return
    assert len(found) <= MOST_TARGETS
    assert len({target.url for target in found}) == len(found)
    for target in found:
        assert 0 < target.port < 65536
        assert target.url.isprintable()


@given(st.integers(0, 2**32 - 1), st.integers(22, 32))
def test_a_network_is_its_own_hosts(address: int, prefix: int) -> None:
    network = ipaddress.ip_network((address, prefix), strict=False)
    hosts = {target.host for target in targets_of(_scope(f"{ipaddress.IPv4Address(address)}/{prefix}"))}
    assert hosts == {str(host) for host in network.hosts()}


def answered(url: str, *others: discovery_pb2.DiscoveredServer) -> Answer:
    server = discovery_pb2.DiscoveredServer(discovery_url=url, reached=True)
    return Answer(server, connected=True, announced=list(others))


def test_a_server_that_answered_takes_over_what_was_announced_of_it() -> None:
    told = announced("opc.tcp://PLC7:4840/", discovery_pb2.DISCOVERY_SOURCE_NETWORK, "opc.tcp://lds:4840")
    told.capabilities.append("DA")
    other = announced("opc.tcp://plc8:4840", discovery_pb2.DISCOVERY_SOURCE_FIND_SERVERS, "opc.tcp://lds:4840")
    found = merged([answered("opc.tcp://plc7:4840"), answered("opc.tcp://lds:4840", told, other)], [])
    assert [server.discovery_url for server in found] == [
        "opc.tcp://lds:4840",
        "opc.tcp://plc7:4840",
        "opc.tcp://plc8:4840",
    ]
    assert found[1].reached
    assert list(found[1].capabilities) == ["DA"]
    assert not found[2].reached


def test_an_announcement_becomes_the_address_that_it_states() -> None:
    name = f"Press 1.{SERVICE_TYPE}"
    server = described(name, "press.local.", ["10.0.0.7"], 4840, {b"path": b"/UA", b"caps": b"DA,HD"})
    assert server is not None
    assert (server.discovery_url, server.application_name) == ("opc.tcp://10.0.0.7:4840/UA", "Press 1")
    assert list(server.capabilities) == ["DA", "HD"]
    by_name = described(name, "press.local.", [], 4841, {})
    assert by_name is not None
    assert by_name.discovery_url == "opc.tcp://press.local:4841"
    assert described(name, "", [], 4840, {}) is None
    assert described(name, "press.local.", [], 0, {}) is None


def test_a_target_writes_its_url() -> None:
    assert Target("fd00::1", 4840, "/x").url == "opc.tcp://[fd00::1]:4840/x"
