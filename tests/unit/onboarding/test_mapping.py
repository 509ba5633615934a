from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask
from hypothesis import given
from hypothesis import strategies as st

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway_messages
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as messages
from dualspan_onboarding.model import (
    Configuration,
    ConfiguredServer,
    ConfiguredTag,
    ConnectionState,
    OpcUaServer,
    SecurityMode,
    SecurityPolicy,
    ServerReport,
    ServerSettings,
    TagState,
)
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.servicer import mapping
from dualspan_runtime.errors import InvalidArgument

SETTINGS = ServerSettings(
    display_name="Press 1",
    endpoint_url="opc.tcp://plc:4840",
    security_mode=SecurityMode.SIGN,
    security_policy=SecurityPolicy.BASIC256SHA256,
    username="u",
    trusted_certificate_sha256="0" * 64,
)


def change(server: resources.OpcUaServer, *paths: str) -> messages.UpdateOpcUaServerRequest:
    return messages.UpdateOpcUaServerRequest(opc_ua_server=server, update_mask=FieldMask(paths=paths))


@given(st.integers(-(2**62), 2**62))
def test_a_span_survives_a_round_trip(microseconds: int) -> None:
    span = mapping.duration(microseconds)
    assert mapping.microseconds(span) == microseconds
    assert span.seconds * span.nanos >= 0, "both have the same sign"


@pytest.mark.parametrize("seconds", [2**63 - 1, -(2**63)])
def test_a_span_that_no_column_holds_is_clipped(seconds: int) -> None:
    assert abs(mapping.microseconds(Duration(seconds=seconds))) == 2**62
    assert abs(mapping.span(Duration(seconds=seconds))) == timedelta(microseconds=10**15)


def test_unset_security_means_sign_and_encrypt() -> None:
    stated = mapping.server_settings(resources.OpcUaServer(endpoint_url="opc.tcp://plc"))
    assert stated.security_mode is SecurityMode.SIGN_AND_ENCRYPT
    assert stated.security_policy is SecurityPolicy.STRONGEST


def test_security_that_is_not_known_is_refused() -> None:
    for field in ("security_mode", "security_policy"):
        server = resources.OpcUaServer(**{field: 99})  # pyright: ignore[reportArgumentType]
        with pytest.raises(InvalidArgument, match="UNKNOWN_SECURITY"):
            mapping.server_settings(server)


def test_a_mask_says_what_changes_and_empties_what_is_unset() -> None:
    found = mapping.server_change(change(resources.OpcUaServer(display_name="New"), "display_name", "password"))
    assert found.fields == ("display_name", "password")
    assert (found.display_name, found.password) == ("New", "")


def test_without_a_mask_all_that_is_set_changes() -> None:
    found = mapping.server_change(change(resources.OpcUaServer(name="ignored", username="u")))
    assert found.fields == ("username",)


@pytest.mark.parametrize("path", ["name", "status", "create_time", "nonsense", "opc_ua_server.username", "*"])
def test_a_mask_cannot_name_what_is_not_changeable(path: str) -> None:
    with pytest.raises(InvalidArgument, match="UNKNOWN_FIELD"):
        mapping.server_change(change(resources.OpcUaServer(), path))


def test_a_password_is_in_no_answer() -> None:
    server = OpcUaServer(
        name=ServerName("acme", "g1", "press-1"),
        settings=SETTINGS,
        password_sealed=b"sealed",
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
        snapshot=None,
        report=ServerReport("press-1"),
    )
    answer = mapping.opc_ua_server(server)
    assert answer.password == ""
    assert b"sealed" not in answer.SerializeToString()
    assert answer.security_mode == resources.SECURITY_MODE_SIGN
    assert answer.security_policy == resources.SECURITY_POLICY_BASIC256SHA256


def test_a_gateway_is_told_the_queue_that_loses_nothing() -> None:
    tag = ConfiguredTag(7, "nsu=http://plant;s=T", 1, 100_000, 1_000_000, 0)
    told = mapping.configuration(Configuration(3, (ConfiguredServer("press-1", SETTINGS, "p", (tag,)),)))
    (server,) = told.servers
    assert (told.revision, server.password, server.tags[0].queue_size) == (3, "p", 60)
    assert server.tags[0].sampling_interval.ToMicroseconds() == 100_000


def test_of_what_is_reported_twice_the_last_counts_and_strange_numbers_harm_nothing() -> None:
    reports = mapping.tag_reports(
        [
            gateway_messages.TagReport(tag_id=1, state=resources.TAG_STATE_ACTIVE),
            gateway_messages.TagReport(tag_id=1, state=resources.TAG_STATE_REFUSED, detail="a\x00b" + "c" * 5000),
            gateway_messages.TagReport(tag_id=2, state=99),  # pyright: ignore[reportArgumentType]
        ]
    )
    assert [(r.tag_id, r.state) for r in reports] == [(1, TagState.REFUSED), (2, TagState.PENDING)]
    assert "\x00" not in reports[0].detail
    assert len(reports[0].detail) == 2000
    status = resources.GatewayStatus(
        servers=[
            resources.ServerStatus(server="press-1", state=99),  # pyright: ignore[reportArgumentType]
            resources.ServerStatus(server="press-1", state=resources.CONNECTION_STATE_FAILED),
        ]
    )
    assert [r.state for r in mapping.server_reports(status)] == [ConnectionState.FAILED]


def test_an_interval_of_zero_is_something_else_than_none() -> None:
    variable = messages.AcceptVariablesRequest.Variable(node_id="i=1", sampling_interval=Duration())
    found = mapping.choice(messages.AcceptVariablesRequest(variables=[variable]))
    assert found.variables[0].sampling_interval_us == 0
    assert found.variables[0].publishing_interval_us is None
    assert found.sampling_interval_us is None
