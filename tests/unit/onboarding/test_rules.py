import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_onboarding.browsed import BrowsedNode
from dualspan_onboarding.model import SecurityMode, SecurityPolicy, ServerSettings
from dualspan_onboarding.rules import (
    MAX_NODE_ID_BYTES,
    MAX_QUEUE_SIZE,
    STALL_US,
    below,
    browsed_sampling_us,
    check_endpoint_url,
    check_node_id,
    check_settings,
    check_text,
    effective_queue_size,
    is_readable_variable,
    secret_sha256,
)
from dualspan_runtime.errors import InvalidArgument


def settings(**changes: object) -> ServerSettings:
    base: dict[str, object] = {
        "display_name": "Press 1",
        "endpoint_url": "opc.tcp://10.0.0.5:4840",
        "security_mode": SecurityMode.SIGN_AND_ENCRYPT,
        "security_policy": SecurityPolicy.STRONGEST,
        "username": "",
        "trusted_certificate_sha256": "",
    }
    return ServerSettings(**(base | changes))  # pyright: ignore[reportArgumentType]


def node(**changes: object) -> BrowsedNode:
    base: dict[str, object] = {
        "node_id": "nsu=http://plant;s=T",
        "browse_path": "Plant/T",
        "display_name": "T",
        "node_class": 2,
        "data_type": "Double",
        "kind": 1,
        "value_rank": -1,
        "access_level": 1,
        "unit": "°C",
        "minimum_sampling_interval_ms": 100.0,
    }
    return BrowsedNode(**(base | changes))  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    "url",
    [
        "opc.tcp://10.0.0.5:4840",
        "opc.tcp://plc",
        "opc.tcp://plc.example.com:62541/Quickstarts/ReferenceServer",
        "opc.tcp://[fe80::1]:4840/UA",
    ],
)
def test_endpoint_urls_that_opc_ua_uses_are_kept(url: str) -> None:
    assert check_endpoint_url(url) == url


@pytest.mark.parametrize(
    "url",
    [
        "",
        "opc.tcp://",
        "opc.tcp://:4840",
        "http://plc:4840",
        "opc.https://plc",
        "file:///etc/passwd",
        "opc.tcp://user:password@plc:4840",
        "opc.tcp://plc:0",
        "opc.tcp://plc:65536",
        "opc.tcp://plc:port",
        "opc.tcp://plc:4840/?a=b",
        "opc.tcp://plc:4840/#a",
        "opc.tcp://plc 1:4840",
        "opc.tcp://plc\n:4840",
        "opc.tcp://plc:4840/\x00",
        "opc.tcp://[fe80::1:4840",
        "opc.tcp://" + "a" * 1100,
    ],
)
def test_other_endpoint_urls_are_refused(url: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_endpoint_url(url)
    assert caught.value.reason == "MALFORMED_ENDPOINT_URL"


@given(st.text(max_size=60))
def test_no_text_gets_past_as_an_endpoint_but_opc_tcp(text: str) -> None:
    try:
        url = check_endpoint_url(text)
    except InvalidArgument:
        return
    assert url.lower().startswith("opc.tcp://")


@pytest.mark.parametrize(
    "text",
    [
        "i=2258",
        "nsu=http://plant.example/UA;s=Line 1.Temperature;with=signs",
        "nsu=urn:plant:1;i=4294967295",
        "nsu=http://plant;g=72962B91-FA75-4AE6-8D28-B404DC7DAF63",
        "nsu=http://plant;b=M/RbKBsRVkePCePcx24oRA==",
        "nsu=http://plant;s=温度",
    ],
)
def test_node_ids_with_their_namespace_as_uri_are_kept(text: str) -> None:
    assert check_node_id(text, "node_id") == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Temperature",
        "ns=2;s=Temperature",
        "nsu=;s=a",
        "nsu=http://plant;s=",
        "nsu=http://plant;i=-1",
        "nsu=http://plant;i=4294967296",
        "nsu=http://plant;i=١",
        "nsu=http://plant;g=72962B91",
        "nsu=http://plant;b=not base64",
        "nsu=http://plant;x=1",
        "nsu=http://plant;s=a\x00b",
        "nsu=http://plant;s=" + "a" * MAX_NODE_ID_BYTES,
        "nsu=http://plant;s=" + "温" * (MAX_NODE_ID_BYTES // 3),
        "'; DROP TABLE tag; --",
    ],
)
def test_other_node_ids_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument) as caught:
        check_node_id(text, "node_id")
    assert caught.value.reason == "MALFORMED_NODE_ID"


def test_no_security_needs_both_words_to_agree() -> None:
    assert check_settings(settings(security_mode=SecurityMode.NONE)).security_mode is SecurityMode.NONE
    with pytest.raises(InvalidArgument, match="SECURITY_MISMATCH"):
        check_settings(settings(security_policy=SecurityPolicy.NONE))
    with pytest.raises(InvalidArgument, match="SECURITY_MISMATCH"):
        check_settings(
            settings(security_mode=SecurityMode.NONE, security_policy=SecurityPolicy.BASIC256SHA256),
        )


@pytest.mark.parametrize("fingerprint", ["0" * 63, "0" * 65, "A" * 64, "0" * 64 + "\n", "g" * 64])
def test_a_fingerprint_is_64_lower_case_hex_digits(fingerprint: str) -> None:
    with pytest.raises(InvalidArgument, match="MALFORMED_FINGERPRINT"):
        check_settings(settings(trusted_certificate_sha256=fingerprint))


@pytest.mark.parametrize("text", ["a\x00b", "a\nb", "\x1b[31mred", "a" * 201])
def test_names_with_control_characters_or_too_long_are_refused(text: str) -> None:
    with pytest.raises(InvalidArgument, match="MALFORMED_TEXT"):
        check_text(text, "display_name")


def test_markup_and_sql_are_just_text() -> None:
    hostile = "<script>alert(1)</script>'; DROP TABLE tag; --"
    assert check_text(f"  {hostile} ", "display_name") == hostile


@pytest.mark.parametrize(
    ("configured", "sampling_us", "publishing_us", "queue"),
    [
        (0, 100_000, 1_000_000, 60),
        (0, 700_000, 1_000_000, 9),
        (70, 100_000, 1_000_000, 70),
        (1, 1_000_000, 1_000_000, 6),
        (0, 10_000_000, 1_000_000, 1),
        (0, 0, 1_000_000, 600),
        (0, 1, 1_000_000, MAX_QUEUE_SIZE),
    ],
)
def test_a_queue_holds_what_is_sampled_between_two_publishes(
    configured: int, sampling_us: int, publishing_us: int, queue: int
) -> None:
    assert effective_queue_size(configured, sampling_us, publishing_us) == queue


@given(st.integers(1, 10**8), st.integers(1, 10**8))
def test_a_queue_never_loses_a_sample_between_publishes(sampling_us: int, publishing_us: int) -> None:
    queue = effective_queue_size(0, sampling_us, publishing_us)
    assert queue == MAX_QUEUE_SIZE or queue * sampling_us >= publishing_us + STALL_US


@pytest.mark.parametrize(
    ("minimum_ms", "sampling_us"), [(100.0, 100_000), (0.0, 1_000_000), (-1.0, 1_000_000), (1e18, 1_000_000)]
)
def test_a_variable_is_sampled_at_the_servers_minimum_or_each_second(minimum_ms: float, sampling_us: int) -> None:
    assert browsed_sampling_us(node(minimum_sampling_interval_ms=minimum_ms)) == sampling_us


@pytest.mark.parametrize(
    ("change", "readable"),
    [({}, True), ({"access_level": 2}, False), ({"node_class": 1}, False), ({"kind": 0}, False)],
)
def test_only_readable_variables_of_a_known_kind_can_be_tags(change: dict[str, object], readable: bool) -> None:
    assert is_readable_variable(node(**change)) is readable


@pytest.mark.parametrize(
    ("prefix", "path"), [("/", ""), ("Plant", "Plant"), ("/Plant/", "Plant"), ("Plant/Line 1/", "Plant/Line 1")]
)
def test_below_a_path_does_not_depend_on_slashes(prefix: str, path: str) -> None:
    assert below(prefix) == path


def test_only_a_hash_of_a_secret_is_kept() -> None:
    assert secret_sha256("secret") == hashlib.sha256(b"secret").digest()
