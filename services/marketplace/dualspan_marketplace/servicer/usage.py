"""UsageService: what subscriptions used."""

# ruff: noqa: N802 - the contract's names

from typing import Any

from google.protobuf.empty_pb2 import Empty

from dualspan.marketplace.v1 import usage_pb2 as contract
from dualspan.marketplace.v1 import usage_pb2_grpc
from dualspan_marketplace.names import BASELINE, SUBSCRIPTION
from dualspan_marketplace.service.metering import Metering, ReadCount
from dualspan_marketplace.servicer.usage_mapping import baseline_message, read_time, report_message
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage import errors
from dualspan_marketplace.usage.comparison import DEFAULT_DAYS, Baseline
from dualspan_marketplace.usage.hours import hour_of
from dualspan_marketplace.usage.report import Step

_MOST_COUNTS = 1000
_LONGEST_SOURCE = 64
_LONGEST_KPI = 60
_STEPS = {
    contract.USAGE_STEP_UNSPECIFIED: Step.WHOLE,
    contract.USAGE_STEP_HOUR: Step.HOUR,
    contract.USAGE_STEP_DAY: Step.DAY,
}


class UsageServicer(usage_pb2_grpc.UsageServiceServicer):
    """See the contract.

    Args:
        metering: Use cases.
    """

    def __init__(self, metering: Metering) -> None:
        self._metering = metering

    async def QueryUsage(self, request: contract.QueryUsageRequest, context: Any) -> contract.UsageReport:
        """See the contract."""
        start = read_time(request.start_time) if request.HasField("start_time") else None
        end = read_time(request.end_time) if request.HasField("end_time") else None
        step = _STEPS.get(request.step)
        if step is None:
            raise errors.invalid("step", "Add usage up by hour, by day, or as a whole.")
        return report_message(await self._metering.report(_name(request.parent), start, end, step))

    async def GetBaseline(self, request: contract.GetBaselineRequest, context: Any) -> contract.Baseline:
        """See the contract."""
        name = _baseline_name(request.name)
        return baseline_message(name, await self._metering.baseline(name))

    async def UpdateBaseline(self, request: contract.UpdateBaselineRequest, context: Any) -> contract.Baseline:
        """See the contract."""
        given = request.baseline
        if len(given.kpi) > _LONGEST_KPI:
            raise errors.invalid("baseline.kpi", f"Ids of KPIs have {_LONGEST_KPI} characters at the most.")
        name, wanted = _baseline_name(given.name), Baseline(given.kpi, given.days or DEFAULT_DAYS)
        return baseline_message(name, await self._metering.choose_baseline(name, wanted))

    async def RecordReads(self, request: contract.RecordReadsRequest, context: Any) -> Empty:
        """See the contract."""
        if not 1 <= len(request.source) <= _LONGEST_SOURCE or len(request.counts) > _MOST_COUNTS:
            raise errors.invalid("counts", f"Tell {_MOST_COUNTS} counts at once at the most, and who counts.")
        await self._metering.record_reads(request.source, [_count(each) for each in request.counts])
        return Empty()


def _count(given: contract.ReadCount) -> ReadCount:
    hour = read_time(given.hour)
    if hour_of(hour) != hour or given.requests < 0 or given.samples < 0:
        raise errors.invalid("counts.hour", "Count by full hours of UTC, and never less than nothing.")
    return ReadCount(_name(given.subscription), hour, given.requests, given.samples)


def _name(text: str) -> SubscriptionName:
    parts = SUBSCRIPTION.parse(text)
    return SubscriptionName(parts["tenant"], parts["subscription"])


def _baseline_name(text: str) -> SubscriptionName:
    parts = BASELINE.parse(text)
    return SubscriptionName(parts["tenant"], parts["subscription"])
