"""Checking the demonstration against the plants' own story: what must be stored, is it, once, and how late?"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from dualspan.historian.v1 import resources_pb2 as historian_resources
from dualspan.historian.v1 import service_pb2 as historian
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import result_tags_pb2
from dualspan.onboarding.v1.result_tags_pb2_grpc import ResultTagServiceStub
from dualspan_cli.demo.onboard import wait_for
from dualspan_cli.session import Session, all_pages
from dualspan_sdk import BinaryColumn, Block, Client, DualSpanError, Frame
from plc_sim.model.plant import Plant, Variable

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.onboarding.v1.result_tags_pb2_grpc import ResultTagServiceAsyncStub

_TAGS_PER_READ = 500
_STILL_S = 0.5
_DAY_US = 86_400_000_000


@dataclass(slots=True)
class Verdict:
    """What the check found.

    Attributes:
        tags: Tags compared.
        compared: Samples that had to be there.
        lost: Of these, not stored.
        duplicated: Returned more than once, or committed again (`repeated_samples`).
        wrong: Stored with another value or status, or at a time when the plant sent nothing.
        examples: The first few findings, in words.
    """

    tags: int = 0
    compared: int = 0
    lost: int = 0
    duplicated: int = 0
    wrong: int = 0
    examples: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        """Whether nothing is lost, doubled or wrong."""
        return not (self.lost or self.duplicated or self.wrong)

    def add_repeats(self, repeats: int, allowed: int) -> None:
        """Takes in what was committed again; `allowed` of it has a reason."""
        if repeats > allowed:
            self.duplicated += repeats - allowed
            self.note(f"{repeats} samples were committed again although they were stored; {allowed} may have been")

    def note(self, words: str) -> None:
        """Keeps the first few findings."""
        if len(self.examples) < 5:
            self.examples.append(words)


class LatencyProbe:
    """A live subscriber to every tag that notes how old each sample is when it arrives.

    Args:
        client: The reader.
        tag_ids: Which.
    """

    def __init__(self, client: Client, tag_ids: Sequence[int]) -> None:
        self._client = client
        self._tag_ids = tag_ids
        self._ages: list[NDArray[np.float64]] = []
        self.first_sample = asyncio.Event()
        self.samples = 0

    async def run(self, since_us: int) -> None:
        """Listens until cancelled; samples from before `since_us` (the first notification of each) do not count."""
        try:
            async for update in self._client.subscribe(self._tag_ids):
                now = time.time_ns() / 1000.0
                for block in update.frame.blocks:
                    fresh = block.timestamp[block.timestamp >= since_us]
                    self._ages.append(((now - fresh) / 1000.0).astype(np.float64))
                    self.samples += len(fresh)
                self.first_sample.set()
        except DualSpanError as err:
            raise RuntimeError(f"the live subscription ended: {err}") from err

    def percentile_ms(self, percent: float) -> float | None:
        """A percentile of the ages in milliseconds; None if nothing came."""
        ages = np.concatenate(self._ages) if self._ages else np.empty(0)
        return round(float(np.percentile(ages, percent)), 1) if len(ages) else None


async def check(
    client: Client,
    plants: dict[str, Plant],
    tags: Sequence[resources.Tag],
    since_us: int,
    until_us: int,
    recorded_us: int = 0,
) -> Verdict:
    """Compares what ReadRaw returns with what the plants must have sent between two times.

    Args:
        client: The reader.
        plants: The same plants, computed here from their seed.
        tags: All tags.
        since_us: Every tag was subscribed to before this time.
        until_us: Everything before this time must have been committed.
        recorded_us: What is stored of the time before was taken over, and not recorded.
    """
    verdict = Verdict()
    for first in range(0, len(tags), _TAGS_PER_READ):
        group = tags[first : first + _TAGS_PER_READ]
        frame = await client.read_raw([tag.tag_id for tag in group], recorded_us, until_us)
        for tag in group:
            plant = plants[tag.server.rpartition("/")[2]]
            variable = plant.variables[tag.node_id.partition(";s=")[2]]
            check_tag(verdict, variable, stored_samples(frame, tag.tag_id), since_us, until_us, recorded_us)
    return verdict


def stored_samples(frame: Frame, tag_id: int) -> Block | None:
    """The samples of one tag in order of time; None if it has none."""
    for block in frame.blocks:
        rows = np.flatnonzero(block.tag == tag_id)
        if len(rows):
            return block.take(rows[np.argsort(block.timestamp[rows], kind="stable")])
    return None


def check_tag(
    verdict: Verdict, variable: Variable, stored: Block | None, since_us: int, until_us: int, recorded_us: int = 0
) -> None:
    """Compares one tag; the findings go into the verdict."""
    verdict.tags += 1
    if stored is None:
        times, _, _ = variable.samples(since_us, until_us)
        if recorded_us and not len(times):
            return
        verdict.compared += max(1, len(times))
        verdict.lost += max(1, len(times))
        verdict.note(f"{variable.identifier}: nothing is stored")
        return
    # The first notification of a monitored item is the latest sample before it was made; from there all must follow.
    # Every item was there at `since_us`, so what is stored begins no later than with the latest sample of that moment.
    latest, _, _ = variable.last(since_us)
    begin = max(recorded_us, min(int(stored.timestamp[0]), since_us, *latest.tolist()))
    times, values, status = variable.samples(begin, until_us)
    verdict.compared += len(times)
    distinct, first_rows = np.unique(stored.timestamp, return_index=True)
    if len(distinct) < len(stored):
        verdict.duplicated += len(stored) - len(distinct)
        verdict.note(f"{variable.identifier}: {len(stored) - len(distinct)} samples are stored more than once")
    missing = np.setdiff1d(times, distinct, assume_unique=True)
    if len(missing):
        verdict.lost += len(missing)
        verdict.note(f"{variable.identifier}: {len(missing)} samples are missing, the first at {missing[0]}")
    _, expected_rows, found_rows = np.intersect1d(times, distinct, assume_unique=True, return_indices=True)
    same = _same(variable, values[expected_rows], status[expected_rows], stored.take(first_rows[found_rows]))
    wrong = len(distinct) - int(np.count_nonzero(same))
    if wrong:
        verdict.wrong += wrong
        verdict.note(f"{variable.identifier}: {wrong} samples are not what the plant sent")


def _same(
    variable: Variable, values: NDArray[np.generic], status: NDArray[np.uint32], stored: Block
) -> NDArray[np.bool_]:
    """bool[n]: where value and status are what was sent. Arrays and structures are compared by status alone."""
    same = status == stored.status
    column = stored.value
    if not isinstance(column, BinaryColumn):
        expected = values.astype(column.dtype)
        equal = expected == column
        if column.dtype.kind == "f":
            equal |= np.isnan(expected) & np.isnan(column)
        return same & (equal | (status >= 0x80000000))
    render = variable.signal.render
    if stored.kind.name == "TEXT" and render is not None:
        texts = [render(int(key)) for key in values.tolist()]
        return same & (np.array(texts, object) == np.array(column.to_text(), object))
    return same


async def open_gaps(session: Session, since_us: int) -> list[historian_resources.Gap]:
    """The rows of the gap ledger that reach into the time since then."""
    request = historian.ListGapsRequest(parent=session.tenant, page_size=1000)
    call = session.historian.ListGaps
    gaps = await all_pages(call, request, lambda page: page.gaps)
    return [
        gap
        for gap in gaps
        if gap.state != historian_resources.GAP_STATE_REPAIRED and gap.end_time.ToMicroseconds() >= since_us
    ]


async def committed_samples(session: Session) -> int:
    """Samples ever committed for the tenant."""
    return (await _statistics(session)).committed_samples


async def repeated_samples(session: Session, client: Client, tags: Sequence[resources.Tag]) -> int:
    """Samples that were committed again although they were stored, which ReadRaw does not show.

    Nothing may be on its way. `tags` are all that machines give values for; those of apps' results are looked up.
    """
    statistics = await _statistics(session)
    ids = [*(tag.tag_id for tag in tags), *await _result_tags(session)]
    end = time.time_ns() // 1000 + _DAY_US
    stored = 0
    for first in range(0, len(ids), _TAGS_PER_READ):
        async for page in client.read_raw_pages(ids[first : first + _TAGS_PER_READ], 0, end):
            stored += page.sample_count
    return count_repeats(statistics, stored)


def count_repeats(statistics: historian.StorageStatistics, stored: int) -> int:
    """Repeats that sealing dropped, and those that unsealed frames still hold.

    Args:
        statistics: What the platform has taken.
        stored: How many samples it returns, of all tags and times.
    """
    return statistics.repeated_samples + statistics.sealed_samples + statistics.unsealed_samples - stored


async def until_still(session: Session) -> None:
    """Waits until nothing has been committed for half a second."""
    last = -1

    async def is_still() -> bool:
        nonlocal last
        before, last = last, await committed_samples(session)
        if before != last:
            await asyncio.sleep(_STILL_S)
        return before == last

    await wait_for("the last commits", is_still)


async def _result_tags(session: Session) -> list[int]:
    """Tags that apps write results to."""
    stub: ResultTagServiceAsyncStub = ResultTagServiceStub(session.onboarding_channel)
    request = result_tags_pb2.ListResultTagsRequest(parent=session.tenant, page_size=1000)
    found = await all_pages(stub.ListResultTags, request, lambda page: page.result_tags)
    return [int(each.tag.rpartition("/")[2]) for each in found]


async def _statistics(session: Session) -> historian.StorageStatistics:
    request = historian.GetStorageStatisticsRequest(parent=session.tenant)
    return await session.historian.GetStorageStatistics(request)
