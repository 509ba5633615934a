"""The small rules of the gateway."""

import base64
from itertools import pairwise

import pytest
from asyncua import ua
from hypothesis import given
from hypothesis import strategies as st

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan_edge.backoff import Backoff
from dualspan_edge.clock import ClockWatch, SendingTime, offset_from
from dualspan_edge.configuration import ReportLedger
from dualspan_edge.decoder.cursor import numeric_key
from dualspan_edge.enrolment import EnrolmentToken
from dualspan_edge.errors import EnrolmentError, ServerRefusedError, UntrustedServerError
from dualspan_edge.opcua.datatypes import kind_of
from dualspan_edge.opcua.nodeids import NodeIdError, format_node_id, parse_node_id
from dualspan_edge.opcua.plan import Coarseness, PlannedTag, choose_coarseness, in_groups, queue_size
from dualspan_edge.opcua.security import choose_endpoint
from dualspan_edge.opcua.words import status_words
from dualspan_edge.trust import first_certificate
from dualspan_frame import ValueKind

NAMESPACES = ["http://opcfoundation.org/UA/", "urn:one", "urn:two;%x"]


def _tag(tag_id: int, kind: int = 1, sampling: float = 100, publishing: float = 1000, queue: int = 0):
    tag = gateway.TagConfiguration(tag_id=tag_id, kind=frame_pb2.ValueKind.ValueType(kind), queue_size=queue)
    tag.sampling_interval.FromMicroseconds(int(sampling * 1000))
    tag.publishing_interval.FromMicroseconds(int(publishing * 1000))
    return tag


@given(
    st.one_of(st.integers(0, 2**32 - 1), st.text(min_size=1, max_size=20), st.uuids(), st.binary(min_size=1)),
    st.integers(0, 2),
)
def test_node_ids_survive(identifier: object, index: int) -> None:
    forms: dict[type, str] = {int: "Numeric", str: "String", bytes: "ByteString"}
    form = ua.NodeIdType[forms.get(type(identifier), "Guid")]
    node = ua.NodeId(identifier, index, form)  # pyright: ignore[reportArgumentType]
    text = format_node_id(node, NAMESPACES)
    assert parse_node_id(text, NAMESPACES) == node
    moved = ["http://opcfoundation.org/UA/", "urn:new", *NAMESPACES[1:]]
    assert parse_node_id(text, moved).NamespaceIndex == (index and index + 1)


@pytest.mark.parametrize("text", ["", "x=1", "i=x", "ns=a;i=1", "nsu=urn:absent;i=1", "g=1", "b=%%"])
def test_what_is_no_node_id(text: str) -> None:
    with pytest.raises(NodeIdError):
        parse_node_id(text, NAMESPACES)


@pytest.mark.parametrize(
    ("sampling", "publishing", "configured", "expected"),
    [(100, 1000, 0, 10), (300, 1000, 0, 4), (1000, 1000, 0, 2), (100, 1000, 50, 50), (0, 100, 0, 10), (100, 0, 0, 10)],
)
def test_the_queue_holds_what_is_sampled(sampling: int, publishing: int, configured: int, expected: int) -> None:
    assert queue_size(_tag(1, sampling=sampling, publishing=publishing, queue=configured)) == expected


def test_grouping_is_as_fine_as_the_server_allows() -> None:
    node = ua.NodeId(1, 1)  # pyright: ignore[reportArgumentType]
    tags = [
        PlannedTag(_tag(number, kind=1 + number % 2, sampling=100 * (1 + number % 3)), node, numeric_key(0, number % 4))
        for number in range(24)
    ]
    assert len(in_groups(tags, choose_coarseness(tags, 100))) == 12
    assert choose_coarseness(tags, 11) is Coarseness.KIND
    assert len(in_groups(tags, Coarseness.KIND)) == 2
    assert choose_coarseness(tags, 1) is Coarseness.PUBLISHING
    (group,) = in_groups(tags, Coarseness.PUBLISHING).values()
    changes = sum(a.data_type != b.data_type for a, b in pairwise(group))
    assert changes == 3, "tags of one type stand together"


@pytest.mark.parametrize(
    ("root", "scalar", "kind"),
    [
        (1, True, ValueKind.BOOL),
        (6, True, ValueKind.INT64),
        (29, True, ValueKind.INT64),
        (13, True, ValueKind.INT64),
        (10, True, ValueKind.FLOAT64),
        (21, True, ValueKind.TEXT),
        (22, True, ValueKind.BYTES),
        (11, False, ValueKind.BYTES),
    ],
)
def test_kinds(root: int, scalar: bool, kind: ValueKind) -> None:
    assert kind_of(root, scalar=scalar) is kind


def _configuration(revision: int, *tag_ids: int) -> gateway.GatewayConfiguration:
    server = gateway.ServerConfiguration(server="s", tags=[_tag(tag_id) for tag_id in tag_ids])
    return gateway.GatewayConfiguration(revision=revision, servers=[server])


def _report(tag_id: int, state: onboarding.TagState.ValueType = onboarding.TAG_STATE_ACTIVE) -> gateway.TagReport:
    return gateway.TagReport(tag_id=tag_id, state=state)


def test_the_ledger_tells_each_change_once() -> None:
    ledger = ReportLedger()
    assert not ledger.take()
    ledger.begin(_configuration(3, 1, 2))
    ledger.record([_report(1), _report(99)])
    (message,) = ledger.take()
    assert ([tag.tag_id for tag in message.tags], message.complete, message.revision) == ([1], False, 3)
    assert not ledger.take()
    ledger.record([_report(1), _report(2, onboarding.TAG_STATE_REFUSED)])
    (message,) = ledger.take()
    assert ([tag.tag_id for tag in message.tags], message.complete) == ([2], True)
    ledger.tell_again()
    (message,) = ledger.take()
    assert (len(message.tags), message.complete) == (2, True)
    ledger.begin(_configuration(4))
    (message,) = ledger.take()
    assert (message.revision, message.complete, len(message.tags)) == (4, True, 0)


def test_the_ledger_tells_in_portions() -> None:
    ledger = ReportLedger()
    ledger.begin(_configuration(1, *range(5000)))
    ledger.record([_report(tag_id) for tag_id in range(5000)])
    messages = ledger.take()
    assert [len(message.tags) for message in messages] == [2000, 2000, 1000]
    assert [message.complete for message in messages] == [False, False, True]


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")


def test_tokens() -> None:
    token = EnrolmentToken.parse(f" dse1.{_encoded(b'host:7422')}.{_encoded(bytes(range(32)))}.s.e-c_ret\n")
    assert token == EnrolmentToken("host:7422", bytes(range(32)), "s.e-c_ret")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "dse2.a.b.c",
        f"dse1.{_encoded(b'host')}.{_encoded(bytes(32))}.x",
        f"dse1.{_encoded(b'h:1')}.{_encoded(bytes(31))}.x",
        f"dse1.{_encoded(b'h:1')}.{_encoded(bytes(32))}.",
        f"dse1.{_encoded(b'h:x')}.{_encoded(bytes(32))}.x",
        f"dse1.{_encoded(b'h:65536')}.{_encoded(bytes(32))}.x",
        "dse1.!.!.x",
    ],
)
def test_what_is_no_token(text: str) -> None:
    with pytest.raises(EnrolmentError):
        EnrolmentToken.parse(text)


def test_clock_jumps_are_seen_and_drift_is_not() -> None:
    watch = ClockWatch(tolerance=1000)
    assert watch.jump(10_000_000, 0) is None
    assert watch.jump(10_500_900, 500_000) is None
    assert watch.jump(60_000_000, 1_000_000) == (11_000_900, 60_000_000)
    assert watch.jump(60_500_000, 1_500_000) is None
    assert watch.jump(5_000_000, 2_000_000) == (61_000_000, 5_000_000)


def test_offsets_are_taken_in_the_middle_of_the_round_trip() -> None:
    offset = offset_from(sent=1000, received=1200, other=900)
    assert (offset.offset, offset.round_trip) == (200, 200)


def test_waits_grow_and_have_an_end() -> None:
    backoff = Backoff(1.0, 60.0)
    for attempt, longest in ((1, 1), (2, 2), (3, 4), (20, 60), (10_000, 60)):
        assert longest / 2 <= backoff.delay(attempt) <= longest


def test_first_of_a_chain() -> None:
    one, two = b"\x30\x82\x01\x00" + b"a" * 256, b"\x30\x03abc"
    assert first_certificate(one + two) == one
    assert first_certificate(two + one) == two
    assert first_certificate(b"junk") == b"junk"


def test_an_insecure_endpoint_is_never_chosen_by_itself() -> None:
    endpoint = ua.EndpointDescription(
        SecurityMode=ua.MessageSecurityMode.SignAndEncrypt,
        SecurityPolicyUri="http://opcfoundation.org/UA/SecurityPolicy#Basic128Rsa15",  # pyright: ignore[reportArgumentType]
    )
    with pytest.raises(ServerRefusedError, match="Basic128Rsa15/SignAndEncrypt"):
        choose_endpoint([endpoint, ua.EndpointDescription()], gateway.ServerConfiguration())


def test_a_damaged_certificate_cannot_even_be_approved() -> None:
    endpoint = ua.EndpointDescription(
        SecurityMode=ua.MessageSecurityMode.SignAndEncrypt,
        SecurityPolicyUri="http://opcfoundation.org/UA/SecurityPolicy#Basic256Sha256",  # pyright: ignore[reportArgumentType]
        ServerCertificate=b"\x30\x03abc",  # pyright: ignore[reportArgumentType]
    )
    with pytest.raises(UntrustedServerError, match="cannot be read") as caught:
        choose_endpoint([endpoint], gateway.ServerConfiguration())
    assert caught.value.judgement.approvable == b""


def test_status_codes_in_words() -> None:
    assert "browse it again" in status_words(ua.StatusCodes.BadNodeIdUnknown)
    assert "BadOutOfService" in status_words(ua.StatusCodes.BadOutOfService)
    assert status_words(0x81234567)


@given(st.integers(-(10**12), 10**12), st.lists(st.integers(0, 5_000_000), max_size=20))
def test_what_came_late_was_sent_earlier(ahead: int, delays: list[int]) -> None:
    sending, sent = SendingTime(), 10**15
    assert sending.sent(sent + ahead, sent + 1000) == sent + 1000
    for delay in delays:
        sent += 100_000
        assert sending.sent(sent + ahead, sent + 1000 + delay) == sent + 1000
    assert sending.sent(0, sent) == sent, "no stamp"


def test_a_clock_that_drifts_or_is_set_is_followed() -> None:
    sending = SendingTime(window=1000, most=500)
    assert sending.sent(10_000, 20_000) == 20_000
    assert [sending.sent(10_000 + at, 20_000 + at + 100) for at in (500, 1500, 2700)] == [20_500, 21_500, 22_800]
    assert sending.sent(5000, 23_000) == 23_000, "set back by more than anything takes"
