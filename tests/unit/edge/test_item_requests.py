"""Requests for monitored items and their answers, held against asyncua's encoding of the same."""

import math

import pytest
from asyncua import ua
from asyncua.ua.ua_binary import struct_from_binary, struct_to_binary
from hypothesis import given
from hypothesis import strategies as st

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_edge.decoder import DecodeError
from dualspan_edge.decoder.monitoring import ItemResult, decode_item_results
from dualspan_edge.errors import ServiceRefusedError
from dualspan_edge.opcua.plan import PlannedTag
from dualspan_edge.opcua.requests import AskedTag, created_item, items_parameters, modified_item

NODES = (
    ua.NodeId(ua.Int32(7), ua.Int16(2)),
    ua.NodeId(ua.String("Press 1/温度"), ua.Int16(3)),
    ua.NodeId(ua.ByteString(b"\x01"), ua.Int16(1)),
)
FILTERS = (None, ua.DataChangeFilter(), ua.EventFilter())


def tag(index_range: str = "", **acquisition: object) -> gateway.TagConfiguration:
    made = gateway.TagConfiguration(index_range=index_range)
    made.sampling_interval.FromMilliseconds(250)
    made.acquisition.CopyFrom(sampling.Acquisition(**acquisition))  # pyright: ignore[reportArgumentType]
    return made


ASKED = (
    AskedTag(PlannedTag(tag(), NODES[0], b""), 7, 10),
    AskedTag(PlannedTag(tag("0:3", discard_newest=True), NODES[1], b""), 8, 2),
    AskedTag(
        PlannedTag(tag(deadband_type=sampling.DEADBAND_TYPE_ABSOLUTE, deadband_value=0.5), NODES[2], b""), 2**32 - 1, 11
    ),
)


def expected_parameters(asked: AskedTag) -> ua.MonitoringParameters:
    how = asked.member.tag.acquisition
    made = ua.MonitoringParameters()
    made.ClientHandle, made.SamplingInterval = ua.UInt32(asked.handle), ua.Double(250.0)
    made.QueueSize, made.DiscardOldest = ua.UInt32(asked.queue), not how.discard_newest
    if how.deadband_type:
        made.Filter = ua.DataChangeFilter()
        made.Filter.Trigger = ua.DataChangeTrigger.StatusValue
        made.Filter.DeadbandType = ua.UInt32(ua.DeadbandType.Absolute)
        made.Filter.DeadbandValue = ua.Double(how.deadband_value)
    return made


def test_what_is_asked_for_is_what_asyncua_would_send() -> None:
    request = ua.CreateMonitoredItemsParameters()
    request.SubscriptionId, request.TimestampsToReturn = ua.UInt32(5), ua.TimestampsToReturn.Both
    request.ItemsToCreate = []
    for asked in ASKED:
        item = ua.MonitoredItemCreateRequest()
        item.ItemToMonitor.NodeId = asked.member.node
        item.ItemToMonitor.AttributeId = ua.AttributeIds.Value
        item.ItemToMonitor.IndexRange = ua.String(asked.member.tag.index_range) or None
        item.MonitoringMode = ua.MonitoringMode.Reporting
        item.RequestedParameters = expected_parameters(asked)
        request.ItemsToCreate.append(item)
    assert items_parameters(5, [created_item(each) for each in ASKED]) == struct_to_binary(request)


def test_what_is_changed_is_what_asyncua_would_send() -> None:
    request = ua.ModifyMonitoredItemsParameters()
    request.SubscriptionId, request.TimestampsToReturn = ua.UInt32(5), ua.TimestampsToReturn.Both
    request.ItemsToModify = [
        ua.MonitoredItemModifyRequest(ua.UInt32(40 + number), expected_parameters(asked))
        for number, asked in enumerate(ASKED)
    ]
    encoded = [modified_item(40 + number, asked) for number, asked in enumerate(ASKED)]
    assert items_parameters(5, encoded) == struct_to_binary(request)


def test_an_event_notifier_is_not_sampled() -> None:
    made = tag(minimum_severity=400)
    made.source = sampling.TAG_SOURCE_EVENTS
    item = struct_from_binary(
        ua.MonitoredItemCreateRequest, ua.utils.Buffer(created_item(AskedTag(PlannedTag(made, NODES[0], b""), 3, 1000)))
    )
    assert item.ItemToMonitor.AttributeId == ua.AttributeIds.EventNotifier
    assert item.RequestedParameters.SamplingInterval == 0
    assert item.RequestedParameters.Filter.WhereClause.Elements[0].FilterOperands[1].Value.Value == 400


def answer(results: list[tuple[int, int, float, int, int]], *, modified: bool) -> bytes:
    response = ua.ModifyMonitoredItemsResponse() if modified else ua.CreateMonitoredItemsResponse()
    made: list[ua.MonitoredItemModifyResult | ua.MonitoredItemCreateResult] = []
    for status, item_id, interval, queue, chosen in results:
        result = (
            ua.MonitoredItemModifyResult()
            if modified
            else ua.MonitoredItemCreateResult(MonitoredItemId=ua.UInt32(item_id))
        )
        result.StatusCode = ua.StatusCode(ua.UInt32(status))
        result.RevisedSamplingInterval, result.RevisedQueueSize = ua.Double(interval), ua.UInt32(queue)
        result.FilterResult = FILTERS[chosen]
        made.append(result)
    response.Results = made
    return struct_to_binary(response)


UINT32 = st.integers(0, 2**32 - 1)


@given(
    st.lists(
        st.tuples(UINT32, UINT32, st.floats(0, 1e9), UINT32, st.sampled_from([0, 0, 0, 1, 2])), min_size=1, max_size=12
    ),
    st.booleans(),
)
def test_results_are_read_as_they_were_sent(results: list[tuple[int, int, float, int, int]], modified: bool) -> None:
    found = decode_item_results(answer(results, modified=modified), len(results), modified=modified)
    assert found == [
        ItemResult(status, 0 if modified else item_id, interval, queue)
        for status, item_id, interval, queue, _ in results
    ]


@pytest.mark.parametrize(("stated", "taken"), [(math.nan, 0.0), (-1.0, 0.0), (math.inf, 1e12), (1e300, 1e12)])
def test_an_interval_that_means_nothing_does_no_harm(stated: float, taken: float) -> None:
    (result,) = decode_item_results(answer([(0, 1, stated, 1, 0)], modified=False), 1)
    assert result.sampling_ms == taken


def test_only_good_items_run() -> None:
    assert [ItemResult(code).is_good for code in (0, 0x40000000, 0x80340000)] == [True, False, False]


def test_an_answer_that_lies_is_refused() -> None:
    body = answer([(0, 1, 1.0, 1, 0), (0, 2, 1.0, 1, 1)], modified=False)
    for asked in (1, 3):
        with pytest.raises(DecodeError):
            decode_item_results(body, asked)
    for cut in range(len(body) - 4):
        with pytest.raises(DecodeError):
            decode_item_results(body[:cut], 2)


def test_a_refused_call_says_why() -> None:
    fault = ua.ServiceFault()
    fault.ResponseHeader.ServiceResult = ua.StatusCode(ua.UInt32(ua.StatusCodes.BadTooManyOperations))
    with pytest.raises(ServiceRefusedError) as refusal:
        decode_item_results(struct_to_binary(fault), 2)
    assert refusal.value.code == ua.StatusCodes.BadTooManyOperations
