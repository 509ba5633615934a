"""Usage as messages."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.marketplace.v1 import apps_pb2
from dualspan.marketplace.v1 import usage_pb2 as contract
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_marketplace.usage.comparison import Baseline
from dualspan_marketplace.usage.model import Dimension, Limit
from dualspan_marketplace.usage.report import Report
from dualspan_runtime.errors import InvalidArgument

DIMENSION_NUMBERS = {
    Dimension.RUNNING_HOURS: contract.USAGE_DIMENSION_RUNNING_HOURS,
    Dimension.ASSET_HOURS: contract.USAGE_DIMENSION_ASSET_HOURS,
    Dimension.READ_REQUESTS: contract.USAGE_DIMENSION_READ_REQUESTS,
    Dimension.READ_SAMPLES: contract.USAGE_DIMENSION_READ_SAMPLES,
    Dimension.CPU_HOURS: contract.USAGE_DIMENSION_CPU_HOURS,
    Dimension.MEMORY_HOURS: contract.USAGE_DIMENSION_MEMORY_HOURS,
}
_DIMENSIONS = {number: dimension for dimension, number in DIMENSION_NUMBERS.items()}


def read_limit(given: apps_pb2.PlanQuota) -> Limit:
    """A limit of a plan."""
    if given.dimension not in _DIMENSIONS:
        words = "Say what is limited: read-requests or read-samples."
        raise InvalidArgument("INVALID_FIELD", words, field="plan.quotas")
    return Limit(_DIMENSIONS[given.dimension], given.soft_limit, given.hard_limit)


def limit_message(given: Limit) -> apps_pb2.PlanQuota:
    """The same as a message."""
    return apps_pb2.PlanQuota(
        dimension=DIMENSION_NUMBERS[given.dimension], soft_limit=given.soft, hard_limit=given.hard
    )


def report_message(given: Report) -> contract.UsageReport:
    """What a subscription used."""
    return contract.UsageReport(
        amounts=[
            contract.UsageAmount(
                dimension=DIMENSION_NUMBERS[each.dimension],
                start_time=time_message(each.start),
                quantity=each.quantity / each.dimension.unit_size,
            )
            for each in given.amounts
        ],
        quotas=[
            contract.QuotaState(
                dimension=DIMENSION_NUMBERS[limit.dimension],
                used=given.used.get(limit.dimension, 0),
                soft_limit=limit.soft,
                hard_limit=limit.hard,
            )
            for limit in given.limits
        ],
        notice=given.notice,
        metered_until=time_message(given.metered_until),
        start_time=time_message(given.start),
        end_time=time_message(given.end),
    )


def baseline_message(name: SubscriptionName, given: Baseline) -> contract.Baseline:
    """What is compared."""
    resource = SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
    return contract.Baseline(name=f"{resource}/baseline", kpi=given.kpi, days=given.days)


def read_time(given: Timestamp) -> datetime:
    """A time of a request."""
    return given.ToDatetime(UTC)


def time_message(given: datetime | None) -> Timestamp | None:
    """A time of an answer; nothing for none."""
    if given is None:
        return None
    message = Timestamp()
    message.FromDatetime(given)
    return message
