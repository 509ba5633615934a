from dualspan_frame import ValueKind
from harness.historian import Historian, ramp


async def test_what_was_acknowledged_can_be_read(historian: Historian) -> None:
    await historian.register({1: ValueKind.FLOAT64, 2: ValueKind.FLOAT64})
    uploader = await historian.uploader()
    assert uploader.opened.committed_sequence == 0
    frames = [ramp([1, 2], first * 10, 10) for first in range(20)]
    await uploader.upload(frames)
    await uploader.close()
    assert (await historian.read_raw([1, 2])).same_as(ramp([1, 2], 0, 200))
