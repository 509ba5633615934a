"""How values are got: deadbands, changes in place, fields and elements, events, cyclic reads, heartbeats."""

# asyncua types its fields with classes of its own and takes plain values.
# pyright: reportArgumentType=false, reportAttributeAccessIssue=false

import asyncio
import datetime as dt
import time

from asyncua import ua
from asyncua.common.structures104 import new_struct_field
from integration.edge.plant import NAMESPACE, Plant, tag
from integration.edge.platform import Platform
from integration.edge.running import RunningGateway, until

from dualspan.frame.v1 import frame_pb2
from dualspan.frame.v1.event_pb2 import OpcUaEvent
from dualspan.historian.v1 import resources_pb2 as historian
from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import resources_pb2 as onboarding
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_frame import ValueKind

FLOAT64, INT64, BYTES, TEXT = (
    frame_pb2.VALUE_KIND_FLOAT64,
    frame_pb2.VALUE_KIND_INT64,
    frame_pb2.VALUE_KIND_BYTES,
    frame_pb2.VALUE_KIND_TEXT,
)


def with_acquisition(of: gateway.TagConfiguration, **fields: object) -> gateway.TagConfiguration:
    changed = gateway.TagConfiguration()
    changed.CopyFrom(of)
    changed.acquisition.CopyFrom(sampling.Acquisition(**fields))
    return changed


def part(tag_id: int, name: str, path: str, kind: int) -> gateway.TagConfiguration:
    changed = tag(tag_id, name, kind)
    changed.field_path = path
    return changed


def states(platform: Platform) -> dict[int, int]:
    return {tag_id: report.state for tag_id, report in platform.onboarding.reports.items()}


def item_count(plant: Plant) -> int:
    subscriptions = plant.server.iserver.subscription_service.subscriptions.values()
    return sum(len(one.monitored_item_srv._monitored_items) for one in subscriptions)


async def test_an_absolute_deadband_leaves_small_changes_out(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await plant.add("pressure", 1.0, ua.VariantType.Double)
    configured = with_acquisition(
        tag(1, "pressure", FLOAT64), deadband_type=sampling.DEADBAND_TYPE_ABSOLUTE, deadband_value=0.5
    )
    platform.onboarding.configure(plant.configuration(configured))
    box.start()
    await until(lambda: platform.historian.values(ValueKind.FLOAT64, 1) == [1.0], "the first value")
    for value in (1.1, 1.4, 2.0, 2.2, 3.0):
        await plant.write("pressure", value, ua.VariantType.Double)
        await asyncio.sleep(0.05)
    await until(lambda: platform.historian.values(ValueKind.FLOAT64, 1)[-1:] == [3.0], "the last value")
    assert platform.historian.values(ValueKind.FLOAT64, 1) == [1.0, 2.0, 3.0]


async def test_a_change_is_made_in_place_and_nothing_is_lost(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await plant.add("count", 0, ua.VariantType.UInt32)
    before = tag(2, "count", INT64)
    platform.onboarding.configure(plant.configuration(before))
    box.start()
    await until(lambda: platform.historian.values(ValueKind.INT64, 2) == [0], "the first value")
    (subscription,) = plant.server.iserver.subscription_service.subscriptions.values()
    (item_id,) = subscription.monitored_item_srv._monitored_items
    after = tag(2, "count", INT64, sampling_ms=40)
    for number in range(1, 40):
        await plant.write("count", number, ua.VariantType.UInt32)
        if number == 20:
            platform.onboarding.configure(plant.configuration(after))
        await asyncio.sleep(0.02)
    await until(lambda: platform.historian.values(ValueKind.INT64, 2)[-1:] == [39], "the last value")
    assert sorted(set(platform.historian.values(ValueKind.INT64, 2))) == list(range(40))
    assert list(subscription.monitored_item_srv._monitored_items) == [item_id], "the same item, changed"
    assert not platform.historian.gaps


async def test_another_publishing_interval_begins_before_the_old_one_ends(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await plant.add("count", 0, ua.VariantType.UInt32)
    platform.onboarding.configure(plant.configuration(tag(2, "count", INT64)))
    box.start()
    await until(lambda: platform.historian.values(ValueKind.INT64, 2) == [0], "the first value")
    for number in range(1, 60):
        await plant.write("count", number, ua.VariantType.UInt32)
        if number == 20:
            changed = tag(2, "count", INT64, publishing_ms=200)
            platform.onboarding.configure(plant.configuration(changed))
        await asyncio.sleep(0.02)
    await until(lambda: platform.historian.values(ValueKind.INT64, 2)[-1:] == [59], "the last value")
    assert sorted(set(platform.historian.values(ValueKind.INT64, 2))) == list(range(60))
    await until(lambda: item_count(plant) == 1, "the old item has ended")


async def test_events_become_samples(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    notifier = gateway.TagConfiguration(tag_id=9, node_id="i=2253", kind=BYTES, source=sampling.TAG_SOURCE_EVENTS)
    notifier.publishing_interval.FromMilliseconds(50)
    notifier.acquisition.minimum_severity = 300
    await plant.add("count", 0, ua.VariantType.UInt32)
    silent = gateway.TagConfiguration()
    silent.CopyFrom(notifier)
    silent.tag_id, silent.node_id = 10, f"nsu={NAMESPACE};s=machine.count"
    platform.onboarding.configure(plant.configuration(notifier, silent, tag(2, "count", INT64)))
    box.start()
    await until(lambda: states(platform).keys() == {2, 9, 10}, "all are reported")
    assert states(platform)[9] == onboarding.TAG_STATE_ACTIVE
    assert states(platform)[10] == onboarding.TAG_STATE_REFUSED
    assert "event notifier" in platform.onboarding.reports[10].detail
    generator = await plant.server.get_event_generator()
    for severity, words in ((100, "nothing to see"), (500, "the mould is hot"), (900, "fire")):
        generator.event.Severity = severity
        await generator.trigger(message=words)
    await until(lambda: len(platform.historian.values(ValueKind.BYTES, 9)) == 2, "the events that matter")
    events = [OpcUaEvent.FromString(content) for content in platform.historian.values(ValueKind.BYTES, 9)]
    assert [(event.severity, event.message) for event in events] == [(500, "the mould is hot"), (900, "fire")]
    assert events[0].event_id
    assert events[0].event_type == "i=2041"
    assert events[0].source_node == "i=2253"
    stored = platform.historian.samples(ValueKind.BYTES, 9)
    assert stored is not None
    assert stored.timestamp.tolist() == [event.time.ToMicroseconds() for event in events]


async def test_fields_and_elements_are_tags_of_their_own(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    point, a_point = await plant.add_structure(
        "Point", new_struct_field("X", ua.VariantType.Double), new_struct_field("Name", ua.VariantType.String)
    )
    pose, a_pose = await plant.add_structure(
        "Pose",
        new_struct_field("Count", ua.VariantType.Int16),
        new_struct_field("Where", point),
        new_struct_field("Limits", ua.VariantType.Float, array=True),
    )
    value = a_pose(Count=7, Where=a_point(X=1.5, Name="mould"), Limits=[1.0, 2.0, 4.0])
    node = await plant.machine.add_variable(
        plant.node("pose"),
        f"{plant.index}:pose",
        ua.Variant(value, ua.VariantType.ExtensionObject),
        datatype=pose.nodeid,
    )
    await plant.add("zones", [1.0, 2.0, 3.0], ua.VariantType.Double)
    tags = [
        part(1, "pose", "Where.X", FLOAT64),
        part(2, "pose", "Where.Name", TEXT),
        part(3, "pose", "Count", INT64),
        part(4, "pose", "Limits[2]", FLOAT64),
        part(5, "pose", "Nowhere", FLOAT64),
        part(6, "zones", "[1]", FLOAT64),
        part(7, "zones", "[9]", FLOAT64),
    ]
    platform.onboarding.configure(plant.configuration(*tags))
    box.start()
    await until(lambda: len(states(platform)) == 7, "all are reported")
    refused = [tag_id for tag_id, state in states(platform).items() if state == onboarding.TAG_STATE_REFUSED]
    assert refused == [5]
    assert item_count(plant) == 2, "one item for each node"
    await until(lambda: platform.historian.values(ValueKind.FLOAT64, 1) == [1.5], "the first value")
    value = a_pose(Count=8, Where=a_point(X=2.5, Name="a longer name"), Limits=[1.0])
    await node.write_value(ua.Variant(value, ua.VariantType.ExtensionObject))
    await until(lambda: platform.historian.values(ValueKind.FLOAT64, 1) == [1.5, 2.5], "the second value")
    assert platform.historian.values(ValueKind.TEXT, 2) == [b"mould", b"a longer name"]
    assert platform.historian.values(ValueKind.INT64, 3) == [7, 8]
    assert platform.historian.values(ValueKind.FLOAT64, 4)[0] == 4.0
    shortened = platform.historian.samples(ValueKind.FLOAT64, 4)
    assert shortened is not None
    assert shortened.status.tolist() == [0, 0x809B0000], "an element that is not there has no data"
    assert platform.historian.values(ValueKind.FLOAT64, 6) == [2.0]


async def test_cyclic_reads_store_each_sample_once(plant: Plant, platform: Platform, box: RunningGateway) -> None:
    await plant.add("count", 0, ua.VariantType.UInt32)
    await plant.add("words", "a", ua.VariantType.String)
    await plant.add("zones", [1.0, 2.0, 3.0], ua.VariantType.Double)
    cyclic = {"mode": sampling.ACQUISITION_MODE_CYCLIC_READ}
    count = with_acquisition(tag(1, "count", INT64, sampling_ms=60), **cyclic)
    words = with_acquisition(tag(2, "words", TEXT, sampling_ms=60), **cyclic, register_node=True)
    zone = with_acquisition(part(3, "zones", "[2]", FLOAT64), **cyclic)
    ranged = with_acquisition(tag(4, "zones", BYTES, sampling_ms=60), **cyclic)
    ranged.index_range = "0:1"
    platform.onboarding.configure(plant.configuration(count, words, zone, ranged))
    box.start()
    await until(lambda: platform.historian.values(ValueKind.INT64, 1) == [0], "the first value")
    assert item_count(plant) == 0, "nothing is subscribed"
    for number in range(1, 5):
        await plant.write("count", number, ua.VariantType.UInt32)
        await asyncio.sleep(0.15)
    await until(lambda: platform.historian.values(ValueKind.INT64, 1) == [0, 1, 2, 3, 4], "every value once")
    assert platform.historian.values(ValueKind.TEXT, 2) == [b"a"]
    assert platform.historian.values(ValueKind.FLOAT64, 3) == [3.0]
    assert set(states(platform).values()) == {onboarding.TAG_STATE_ACTIVE}
    platform.onboarding.configure(plant.configuration(tag(1, "count", INT64)))
    await until(lambda: item_count(plant) == 1, "subscribed from now on")
    await plant.write("count", 5, ua.VariantType.UInt32)
    await until(lambda: platform.historian.values(ValueKind.INT64, 1)[-1:] == [5], "the value over the subscription")


async def test_reads_that_a_slow_server_leaves_no_time_for_are_in_the_ledger(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    node = await plant.add("count", 0, ua.VariantType.UInt32)
    cyclic = {"mode": sampling.ACQUISITION_MODE_CYCLIC_READ}
    count = with_acquisition(tag(1, "count", INT64, sampling_ms=100), **cyclic)
    platform.onboarding.configure(plant.configuration(count))
    box.start()
    await until(lambda: platform.historian.values(ValueKind.INT64, 1) == [0], "the first value")
    before = len(platform.historian.gaps)

    def slowly(_: ua.NodeId, __: ua.AttributeIds) -> ua.DataValue:
        time.sleep(0.35)
        return ua.DataValue(ua.Variant(1, ua.VariantType.UInt32), SourceTimestamp=dt.datetime.now(dt.UTC))

    plant.server.iserver.aspace.set_attribute_value_callback(node, ua.AttributeIds.Value, slowly)
    await until(lambda: platform.historian.values(ValueKind.INT64, 1)[-1:] == [1], "a value that came late")
    await plant.write("count", 2, ua.VariantType.UInt32)
    await until(lambda: len(platform.historian.gaps) > before, "what was not read")
    late = platform.historian.gaps[-1]
    assert (late.cause, late.tag_id) == (historian.GAP_CAUSE_SERVER_OVERFLOW, 1)
    assert late.end_time.ToMicroseconds() - late.start_time.ToMicroseconds() >= 350_000
    assert "took longer to answer than the 0.1 s" in late.detail


async def test_a_silent_tag_has_a_heartbeat_that_is_marked(
    plant: Plant, platform: Platform, box: RunningGateway
) -> None:
    await plant.add("pressure", 1.5, ua.VariantType.Double)
    beating = with_acquisition(tag(1, "pressure", FLOAT64))
    beating.acquisition.heartbeat_interval.FromMilliseconds(1000)
    platform.onboarding.configure(plant.configuration(beating))
    box.start()
    await until(lambda: len(platform.historian.values(ValueKind.FLOAT64, 1)) >= 3, "two heartbeats", 30)
    stored = platform.historian.samples(ValueKind.FLOAT64, 1)
    assert stored is not None
    assert set(stored.value.tolist()) == {1.5}
    assert stored.status.tolist()[:3] == [0, 0x0402, 0x0402], "Good, and then Good, interpolated"
    spans = [later - earlier for earlier, later in zip(stored.timestamp[1:], stored.timestamp[2:], strict=False)]
    assert all(span % 1_000_000 == 0 for span in spans)
