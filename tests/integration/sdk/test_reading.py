import asyncio
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dualspan_historian.settings import HistorianSettings
from dualspan_sdk import (
    Aggregate,
    AggregateRules,
    BinaryColumn,
    Client,
    DualSpanError,
    Endpoints,
    Frame,
    Update,
    ValueKind,
)
from harness.historian import SECOND, T0, TENANT, Authority, Historian, block, ramp, running_historian

TAGS = [11, 12, 13]
END = T0 + 3600 * SECOND


async def fill(historian: Historian, frames: list[Frame]) -> None:
    await historian.register({**dict.fromkeys(TAGS, ValueKind.FLOAT64), 14: ValueKind.TEXT}, sloped=True)
    uploader = await historian.uploader()
    await uploader.upload(frames)
    await uploader.close()


async def test_raw_samples_come_back_whole_and_page_by_page(historian: Historian, client: Client) -> None:
    await fill(historian, [ramp(TAGS, 0, 100), ramp(TAGS, 100, 150)])
    whole = await client.read_raw(TAGS, T0, END)
    block_ = whole.block(ValueKind.FLOAT64)
    assert block_ is not None
    assert len(block_) == 750
    for tag in TAGS:
        mine = block_.take(block_.tag == tag)
        assert np.array_equal(mine.timestamp, T0 + np.arange(250) * SECOND)
        assert np.array_equal(np.asarray(mine.value), tag + np.arange(250.0))
    pages = [page async for page in client.read_raw_pages(TAGS, T0, END, page_size=100)]
    assert len(pages) >= 8
    assert all(page.sample_count <= 100 for page in pages)
    assert Frame.concat(pages).same_as(whole)


async def test_instants_may_be_datetimes(historian: Historian, client: Client) -> None:
    await fill(historian, [ramp(TAGS, 0, 10)])
    start = datetime.fromtimestamp(T0 / 1e6, UTC)
    part = await client.read_raw([11], start + timedelta(seconds=2), start + timedelta(seconds=5))
    assert part.time_range() == (T0 + 2 * SECOND, T0 + 4 * SECOND)


async def test_the_newest_sample_of_each_tag(historian: Historian, client: Client) -> None:
    text = block([14], [T0], BinaryColumn.from_list(["läuft"]), kind=ValueKind.TEXT)
    await fill(historian, [ramp(TAGS, 0, 10), Frame((text,))])
    latest = await client.read_latest([11, 13, 14, 12])
    numbers, words = latest.block(ValueKind.FLOAT64), latest.block(ValueKind.TEXT)
    assert numbers is not None
    assert words is not None
    assert dict(zip(numbers.tag.tolist(), np.asarray(numbers.value).tolist(), strict=True)) == {11: 20, 12: 21, 13: 22}
    assert isinstance(words.value, BinaryColumn)
    assert words.value.to_text() == ["läuft"]


async def test_aggregates_come_by_tag_then_by_aggregate(historian: Historian, client: Client) -> None:
    await fill(historian, [ramp(TAGS, 0, 241)])
    wanted = [Aggregate.AVERAGE, Aggregate.MAXIMUM, Aggregate.COUNT]
    series = await client.read_processed(
        [12, 11], T0, T0 + 240 * SECOND, interval=timedelta(minutes=1), aggregates=wanted
    )
    assert [(one.tag_id, one.aggregate) for one in series] == [(tag, name) for tag in (12, 11) for name in wanted]
    average, maximum, count = series[:3]
    assert np.array_equal(average.timestamp, T0 + np.arange(4) * 60 * SECOND)
    assert np.allclose(average.value, 12 + 29.5 + 60 * np.arange(4))
    assert np.array_equal(maximum.value, 12 + 59.0 + 60 * np.arange(4))
    assert count.value.tolist() == [60] * 4
    assert average.good.all()


async def test_an_interval_without_data_is_not_good(historian: Historian, client: Client) -> None:
    await fill(historian, [ramp(TAGS, 0, 60)])
    (series,) = await client.read_processed(
        [11], T0 + 600 * SECOND, T0 + 720 * SECOND, interval=timedelta(minutes=1), rules=AggregateRules()
    )
    assert not series.good.any()
    assert np.isnan(series.value).all()


async def test_a_refusal_carries_its_reason(client: Client) -> None:
    with pytest.raises(DualSpanError) as caught:
        await client.read_raw([], T0, END)
    assert caught.value.code == "INVALID_ARGUMENT"
    assert caught.value.reason.isupper()
    assert caught.value.message


async def test_a_subscription_yields_what_is_committed(historian: Historian, client: Client) -> None:
    await fill(historian, [ramp(TAGS, 0, 5)])
    updates: asyncio.Queue[Update] = asyncio.Queue()

    async def listen() -> None:
        async for update in client.subscribe([11, 12], include_latest=True):
            await updates.put(update)

    listener = asyncio.ensure_future(listen())
    try:
        first = await asyncio.wait_for(updates.get(), 10)
        assert first.frame.sample_count == 2
        assert first.skipped_frames == 0
        uploader = await historian.uploader(epoch=2)
        await uploader.upload([ramp(TAGS, 5, 3)])
        second = await asyncio.wait_for(updates.get(), 10)
        if second.frame.same_as(ramp(TAGS, 0, 5).select([11, 12])):
            # What was committed before is told after it: it may come once more.
            second = await asyncio.wait_for(updates.get(), 10)
        assert second.frame.same_as(ramp(TAGS, 5, 3).select([11, 12]))
        assert not second.resumed
        await uploader.close()
    finally:
        listener.cancel()


async def test_a_subscription_comes_back_after_a_restart_and_says_so(
    historian_settings: HistorianSettings, authority: Authority
) -> None:
    updates: asyncio.Queue[Update] = asyncio.Queue()
    settings = historian_settings
    async with running_historian(settings, authority) as historian:
        await fill(historian, [ramp(TAGS, 0, 5)])
        settings = settings.model_copy(update={"listen": historian.address})
        client = await Client.connect(
            Endpoints(historian=historian.address), access_token=authority.access_token(TENANT)
        )

        async def listen() -> None:
            async for update in client.subscribe([11], include_latest=True):
                await updates.put(update)

        listener = asyncio.ensure_future(listen())
        assert not (await asyncio.wait_for(updates.get(), 10)).resumed
    async with running_historian(settings, authority) as historian, client:
        again = await asyncio.wait_for(updates.get(), 20)
        assert again.resumed
        assert again.frame.sample_count == 1
        listener.cancel()


async def test_what_may_not_be_read_ends_a_subscription(historian: Historian, authority: Authority) -> None:
    endpoints = Endpoints(historian=historian.address)
    async with await Client.connect(endpoints, access_token=authority.access_token(TENANT) + "x") as client:
        with pytest.raises(DualSpanError) as caught:
            _ = [update async for update in client.subscribe([11])]
    assert caught.value.code == "UNAUTHENTICATED"


async def test_a_platform_that_is_not_there_is_said_plainly() -> None:
    with pytest.raises(DualSpanError) as caught:
        await Client.connect(Endpoints(identity="127.0.0.1:1"), token="x", deadline=5)
    assert caught.value.code == "UNAVAILABLE"
