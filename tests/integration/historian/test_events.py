"""Events as they are read: a page at a time, each once, and those that are asked for."""

import pytest
from pydantic import SecretStr

from dualspan.frame.v1.event_pb2 import ConditionFields, OpcUaEvent
from dualspan.historian.v1 import event_service_pb2 as service
from dualspan.historian.v1.event_service_pb2_grpc import EventServiceStub
from dualspan_frame import BinaryColumn, Frame, ValueKind
from dualspan_runtime.channels import open_channel
from harness.historian import GATEWAY, SECOND, SECRET, T0, TENANT, Historian, Refusal, Worker, block, ramp, stamp

FILLER, WASHER, SPEED = 1, 2, 3
COUNT = 25


def event(number: int, source: str) -> OpcUaEvent:
    """Every fifth is a condition's; severities rise."""
    told = OpcUaEvent(
        event_id=bytes([number]),
        event_type="i=2041",
        source_name=source,
        message=f"valve {number} does not close",
        severity=number * 40 + 1,
        time=stamp(T0 + number * SECOND),
    )
    if number % 5 == 0:
        told.condition.CopyFrom(ConditionFields(condition_name="Fault"))
    return told


def events_of(tag: int, source: str) -> Frame:
    contents = BinaryColumn.from_list(event(number, source).SerializeToString() for number in range(COUNT))
    times = [T0 + number * SECOND for number in range(COUNT)]
    return Frame((block([tag] * COUNT, times, contents, kind=ValueKind.BYTES),))


@pytest.fixture
async def filled(historian: Historian) -> Historian:
    await historian.register({FILLER: ValueKind.BYTES, WASHER: ValueKind.BYTES, SPEED: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    await uploader.upload([events_of(FILLER, "Filler"), events_of(WASHER, "Washer"), ramp([SPEED], 0, 5)])
    return historian


async def ask(historian: Historian, *tags: int, **wanted: object) -> service.ReadEventsResponse:
    stated = {"start_time": stamp(T0), "end_time": stamp(T0 + 1000 * SECOND)} | wanted
    request = service.ReadEventsRequest(parent=f"tenants/{TENANT}", tag_ids=tags, **stated)  # pyright: ignore[reportArgumentType]
    async with open_channel(historian.address, service="tests", secret=SecretStr(SECRET)) as channel:
        return await EventServiceStub(channel).ReadEvents(request)


async def all_pages(historian: Historian, *tags: int, **wanted: object) -> tuple[list[tuple[int, int]], int]:
    """(tag, number) of each event, and how many pages it took."""
    found: list[tuple[int, int]] = []
    token, pages = "", 0
    while token or not pages:
        page = await ask(historian, *tags, page_token=token, **wanted)
        found += [(stored.tag_id, stored.event.event_id[0]) for stored in page.events]
        token, pages = page.next_page_token, pages + 1
    return found, pages


@pytest.mark.parametrize("sealed", [False, True])
async def test_every_event_is_on_one_page(filled: Historian, worker: Worker, sealed: bool) -> None:
    if sealed:
        await worker.sealer.seal_all(TENANT, GATEWAY)
    found, pages = await all_pages(filled, FILLER, WASHER, page_size=7)
    assert found == [(tag, number) for tag in (FILLER, WASHER) for number in range(COUNT)]
    assert pages >= 2 * COUNT / 7


async def test_a_page_without_one_that_is_wanted_is_not_the_last(filled: Historian) -> None:
    """Severities rise: those that are wanted stand at the end."""
    first = await ask(filled, FILLER, page_size=7, minimum_severity=900)
    assert not first.events
    assert first.next_page_token
    assert await all_pages(filled, FILLER, page_size=7, minimum_severity=900) == ([(FILLER, 23), (FILLER, 24)], 4)


async def test_events_are_chosen(filled: Historian) -> None:
    conditions, _ = await all_pages(filled, FILLER, WASHER, conditions_only=True)
    assert conditions == [(tag, number) for tag in (FILLER, WASHER) for number in range(0, COUNT, 5)]
    assert (await all_pages(filled, FILLER, WASHER, query="WASH", minimum_severity=961))[0] == [(WASHER, 24)]
    assert (await all_pages(filled, FILLER, query="valve 7 "))[0] == [(FILLER, 7)]
    span = {"start_time": stamp(T0 + 3 * SECOND), "end_time": stamp(T0 + 5 * SECOND)}
    assert (await all_pages(filled, WASHER, **span))[0] == [(WASHER, 3), (WASHER, 4)]


async def test_what_is_no_event_and_a_foreign_page_are_refused(filled: Historian, refusal: Refusal) -> None:
    assert await refusal(ask(filled, SPEED)) == "NOT_EVENTS"
    first = await ask(filled, FILLER, page_size=7)
    assert await refusal(ask(filled, WASHER, page_size=7, page_token=first.next_page_token)) == "MALFORMED_PAGE_TOKEN"
