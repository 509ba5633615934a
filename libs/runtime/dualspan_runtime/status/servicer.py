"""`dualspan.runtime.v1.StatusService` of any service."""

# ruff: noqa: N802 - the methods have the contract's names
from datetime import UTC, datetime
from typing import Any, TypeAlias

import grpc.aio

from dualspan.runtime.v1 import status_pb2 as messages
from dualspan.runtime.v1.status_pb2_grpc import StatusServiceServicer
from dualspan_runtime.status.model import Evidence, TableSize
from dualspan_runtime.status.service import EVIDENCE_NAME, RELEASE, STATUS_NAME, Status

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"


class StatusServicer(StatusServiceServicer):
    """See the contract.

    Args:
        status: Of the service.
    """

    def __init__(self, status: Status) -> None:
        self._status = status

    async def GetServiceStatus(
        self, request: messages.GetServiceStatusRequest, context: Context
    ) -> messages.ServiceStatus:
        """How the service is."""
        self._status.check_service(STATUS_NAME.parse(request.name)["service"])
        now, sizes = datetime.now(UTC), await self._status.sizes()
        answer = messages.ServiceStatus(name=request.name, version=RELEASE)
        answer.start_time.FromDatetime(self._status.started_at)
        answer.tables.extend(_table(size, now) for size in sizes)
        if readings := [size.first_read_at for size in sizes if size.first_read_at is not None]:
            answer.readings_since.FromDatetime(min(readings))
        if self._status.has_queue:
            waiting = await self._status.waiting()
            queue = messages.TaskQueue(queue=self._status.service, waiting=waiting or 0, silent=waiting is None)
            answer.queue.CopyFrom(queue)
        return answer

    async def GetServiceEvidence(
        self, request: messages.GetServiceEvidenceRequest, context: Context
    ) -> messages.ServiceEvidence:
        """What the service's data show."""
        self._status.check_service(EVIDENCE_NAME.parse(request.name)["service"])
        answer = messages.ServiceEvidence(name=request.name)
        answer.evidence.extend(_evidence(each) for each in await self._status.evidence())
        answer.count_time.FromDatetime(datetime.now(UTC))
        return answer


def _table(size: TableSize, now: datetime) -> messages.TableSize:
    return messages.TableSize(table=size.table, bytes=size.size, daily_growth_bytes=size.daily_growth(now))


def _evidence(given: Evidence) -> messages.Evidence:
    items = [
        messages.EvidenceItem(id=each.item_id, display_name=each.display_name, group=each.group, count=each.count)
        for each in given.items
    ]
    return messages.Evidence(kind=given.kind, count=given.count, items=items)
