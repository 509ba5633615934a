"""Which quarters of an hour a commit touched: what keeps results made of samples right."""

import numpy as np
from pydantic import SecretStr

from dualspan.historian.v1 import changes_pb2
from dualspan.historian.v1.changes_pb2_grpc import ChangeServiceStub
from dualspan.historian.v1.resources_pb2 import GAP_CAUSE_GATEWAY_DOWN, Gap
from dualspan_frame import Block, Frame, ValueKind
from dualspan_historian.storage.touch_store import QUARTER_US
from dualspan_runtime.channels import open_channel
from harness.historian import SECRET, TENANT, Historian, stamp

T0 = 1_760_000_400_000_000 // QUARTER_US * QUARTER_US


def frame(*times: int, tag: int = 1) -> Frame:
    t = np.array(times, np.int64)
    return Frame((Block(ValueKind.FLOAT64, np.full(len(t), tag), t, np.zeros(len(t), np.uint32), t.astype(float)),))


async def versions(historian: Historian, *tags: int) -> list[tuple[int, dict[int, int]]]:
    """Of the gateway of each tag: its newest version, and the version of each quarter, counted from T0."""
    async with open_channel(historian.address, service="analytics", secret=SecretStr(SECRET)) as channel:
        answer = await ChangeServiceStub(channel).ListDataVersions(
            changes_pb2.ListDataVersionsRequest(
                parent=f"tenants/{TENANT}",
                tag_ids=tags,
                start_time=stamp(T0),
                end_time=stamp(T0 + 1000 * QUARTER_US),
            )
        )
    gateways = [answer.gateways[place] for place in answer.gateway_of_tag]
    first = T0 // QUARTER_US
    return [(one.version, {q - first: v for q, v in zip(one.quarters, one.versions, strict=True)}) for one in gateways]


async def test_every_commit_touches_the_quarters_of_its_samples_and_gaps(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64, 2: ValueKind.FLOAT64})
    await historian.register({3: ValueKind.FLOAT64}, gateway="g2")
    assert await versions(historian, 1) == [(0, {})]
    uploader = await historian.uploader()
    await uploader.upload([frame(T0, T0 + QUARTER_US - 1)])
    ((first, touched),) = await versions(historian, 1)
    assert touched == {0: first}
    # Live data touches what is new; what was computed of the first quarter stays right.
    await uploader.upload([frame(T0 + QUARTER_US)], first=2)
    ((second, touched),) = await versions(historian, 1)
    assert second > first
    assert touched == {0: first, 1: second}
    # Late data, far apart, in one frame: the quarters between are not touched.
    await uploader.upload([frame(T0 + 5, T0 + 500 * QUARTER_US, tag=2)], first=3)
    ((third, touched), (other, nothing)) = await versions(historian, 1, 3)
    assert touched == {0: third, 1: second, 500: third}
    assert (other, nothing) == (0, {})
    # A gap says that what was believed to hold did not.
    gap = Gap(
        tag_id=1, cause=GAP_CAUSE_GATEWAY_DOWN, start_time=stamp(T0 + QUARTER_US), end_time=stamp(T0 + 3 * QUARTER_US)
    )
    await uploader.send(4, frame(), [gap])
    await uploader.until(4)
    ((fourth, touched),) = await versions(historian, 1)
    assert {1, 2, 3} == {quarter for quarter, version in touched.items() if version == fourth}
    # Sealing changes nothing.
    assert await versions(historian, 2) == [(fourth, touched)]


async def test_a_frame_that_was_sent_twice_touches_nothing(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    await uploader.upload([frame(T0)])
    before = await versions(historian, 1)
    again = await historian.uploader()
    await again.send(1, frame(T0))
    await again.send(2, frame(T0 + 10 * QUARTER_US))
    await again.until(2)
    ((version, touched),) = await versions(historian, 1)
    assert touched == {0: before[0][0], 10: version}
