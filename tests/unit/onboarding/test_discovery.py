import pytest
from google.protobuf.duration_pb2 import Duration

from dualspan.onboarding.v1.discovery_pb2 import (
    DISCOVERY_SOURCE_ADDRESS,
    DISCOVERY_SOURCE_FIND_SERVERS,
    DiscoveredEndpoint,
    DiscoveredServer,
    DiscoverServersResponse,
    DiscoveryScope,
)
from dualspan_onboarding.discovery import MOST_SERVERS, check_scope, clean_findings, place_of, seen_again
from dualspan_runtime.errors import InvalidArgument


@pytest.mark.parametrize(
    ("scope", "reason"),
    [
        (DiscoveryScope(), "SCOPE_EMPTY"),
        (DiscoveryScope(addresses=[""]), "MALFORMED_ADDRESS"),
        (DiscoveryScope(addresses=["plc\n7"]), "MALFORMED_ADDRESS"),
        (DiscoveryScope(addresses=["x" * 2000]), "MALFORMED_ADDRESS"),
        (DiscoveryScope(addresses=["plc"] * 201), "SCOPE_TOO_LARGE"),
        (DiscoveryScope(addresses=["10.0.0.0/22"], ports=[1, 2, 3, 4, 5]), "SCOPE_TOO_LARGE"),
        (DiscoveryScope(addresses=["plc"], ports=[0]), "MALFORMED_PORTS"),
        (DiscoveryScope(addresses=["plc"], ports=[70_000]), "MALFORMED_PORTS"),
        (DiscoveryScope(addresses=["plc"], ports=list(range(1, 22))), "MALFORMED_PORTS"),
        (DiscoveryScope(addresses=["plc"], connections_per_second=201), "PACE_OUT_OF_RANGE"),
        (DiscoveryScope(addresses=["plc"], answer_timeout=Duration(seconds=31)), "TIMEOUT_OUT_OF_RANGE"),
        (DiscoveryScope(addresses=["plc"], answer_timeout=Duration(seconds=-1)), "TIMEOUT_OUT_OF_RANGE"),
    ],
)
def test_a_scope_that_cannot_be_asked_is_refused(scope: DiscoveryScope, reason: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_scope(scope)
    assert refused.value.reason == reason


def test_a_scope_may_name_addresses_or_listen() -> None:
    for scope in (DiscoveryScope(addresses=["plc", "10.0.0.0/24"], ports=[4840]), DiscoveryScope(multicast=True)):
        assert check_scope(scope) == scope


def test_what_a_gateway_found_is_kept_once_and_bounded() -> None:
    servers = [DiscoveredServer(discovery_url=url) for url in ("opc.tcp://b", "", "opc.tcp://a", "opc.tcp://a/", "x\n")]
    servers.append(DiscoveredServer(discovery_url="opc.tcp://huge", detail="x" * (2 << 20)))
    servers.append(DiscoveredServer(discovery_url="opc.tcp://c", server="tenants/rival/gateways/g/servers/s"))
    found = clean_findings(DiscoverServersResponse(servers=servers, notes=["n" * 1000] * 50))
    assert [one.discovery_url for one in found.servers] == ["opc.tcp://a", "opc.tcp://b", "opc.tcp://c"]
    assert not found.servers[2].server, "which server is configured is the platform's to say"
    assert len(found.notes) == 20
    many = [DiscoveredServer(discovery_url=f"opc.tcp://h{number:05}") for number in range(MOST_SERVERS + 10)]
    assert len(clean_findings(DiscoverServersResponse(servers=many)).servers) == MOST_SERVERS


def test_what_is_known_of_a_server_stays_known_while_it_says_nothing() -> None:
    endpoints = [DiscoveredEndpoint(endpoint_url="opc.tcp://a:4840")]
    known = DiscoveredServer(discovery_url="opc.tcp://a:4840", reached=True, endpoints=endpoints, capabilities=["DA"])
    announced = DiscoveredServer(source=DISCOVERY_SOURCE_FIND_SERVERS, capabilities=["DA", "HD"])
    kept = seen_again(known, announced)
    assert kept.reached
    assert list(kept.endpoints) == endpoints
    assert list(kept.capabilities) == ["DA", "HD"]
    silent = DiscoveredServer(source=DISCOVERY_SOURCE_ADDRESS, detail="it does not answer")
    kept = seen_again(known, silent)
    assert not kept.reached
    assert kept.detail == "it does not answer"
    assert list(kept.endpoints) == endpoints
    fresh = DiscoveredServer(source=DISCOVERY_SOURCE_ADDRESS, reached=True)
    assert seen_again(known, fresh) == fresh
    assert seen_again(announced, silent) == silent


def test_two_urls_of_one_place_are_the_same() -> None:
    assert place_of("opc.tcp://PLC7/") == place_of("opc.tcp://plc7:4840")
    assert place_of("opc.tcp://plc7:4841") != place_of("opc.tcp://plc7")
    assert place_of("opc.tcp://[::1") == ("opc.tcp://[::1", 0, "")
