"""What a service says of itself: growth, and counts with their lists."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pytest
from pydantic import SecretStr

from dualspan.runtime.v1.status_pb2 import GetServiceStatusRequest, ServiceStatus
from dualspan_runtime.database import Database
from dualspan_runtime.settings import PlatformSettings
from dualspan_runtime.status.model import MOST_ITEMS, EvidenceItem, TableSize, evidence_of
from dualspan_runtime.status.service import Status
from dualspan_runtime.status.servicer import Context, StatusServicer

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("first", "ago", "growth"),
    [
        (1000, timedelta(days=2), 1000.0),
        (1000, timedelta(hours=12), 4000.0),
        (5000, timedelta(days=1), -2000.0),
        (1000, timedelta(minutes=59), None),
        (None, None, None),
    ],
)
def test_growth_is_told_once_there_is_an_hour_of_readings(
    first: int | None, ago: timedelta | None, growth: float | None
) -> None:
    assert TableSize("frame", 3000, first, None if ago is None else NOW - ago).daily_growth(NOW) == growth


def test_the_list_behind_a_number_is_in_order_and_cut_but_the_number_is_whole() -> None:
    found = evidence_of("apps", [EvidenceItem(f"{number:05}") for number in reversed(range(MOST_ITEMS + 5))])
    assert found.count == MOST_ITEMS + 5
    assert [each.item_id for each in found.items[:2]] == ["00000", "00001"]
    assert len(found.items) == MOST_ITEMS


class Bare(Status):
    """A service without tables."""

    async def sizes(self) -> list[TableSize]:
        return []


async def status_of(platform: PlatformSettings, *, has_queue: bool) -> ServiceStatus:
    servicer = StatusServicer(Bare("historian", cast("Database", None), platform, has_queue=has_queue))
    request = GetServiceStatusRequest(name="services/historian/status")
    return await servicer.GetServiceStatus(request, cast("Context", None))


@pytest.mark.asyncio
async def test_a_broker_that_does_not_answer_is_not_a_service_without_a_queue(tmp_path: Path) -> None:
    nobody = PlatformSettings(service_secret=SecretStr("0" * 16), redis_url=f"redis+socket://{tmp_path}/nobody")
    silent = await status_of(nobody, has_queue=True)
    assert (silent.queue.queue, silent.queue.silent) == ("historian", True)
    assert not (await status_of(nobody, has_queue=False)).HasField("queue")
