import asyncio

import pytest

from dualspan_historian.ingest.session import Inbox
from dualspan_historian.ingest.verification import Verified


async def test_no_more_uploads_are_taken_in_than_may_be_unacknowledged() -> None:
    inbox = Inbox(max_bytes=1 << 20, max_in_flight=2)
    for sequence in (1, 2):
        await inbox.put(Verified(sequence))
    third = asyncio.create_task(inbox.put(Verified(3)))
    assert [upload.sequence for upload in await inbox.take()] == [1, 2]
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(third), 0.05)
    await inbox.acknowledged(2)
    await asyncio.wait_for(third, 5)
    assert [upload.sequence for upload in await inbox.take()] == [3]
