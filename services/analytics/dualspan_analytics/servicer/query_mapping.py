"""A request for a table to what it asks for; what it can have wrong in its form is refused here."""

from dataclasses import dataclass
from typing import TypeVar
from zoneinfo import ZoneInfo

from dualspan.analytics.v1 import query_pb2
from dualspan.historian.v1 import resources_pb2 as historian_resources
from dualspan_analytics.calendars.model import zone_of
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.queries.errors import malformed
from dualspan_analytics.queries.model import Form, Join, Quality, Query, QueryColumn
from dualspan_analytics.servicer.times import read_length, read_time
from dualspan_runtime.names import TENANT, ResourceName
from dualspan_runtime.paging import PageRules

EnumT = TypeVar("EnumT", Join, Quality, Form)
_PAGES = PageRules(default=100_000, maximum=1_000_000)
_ASSET = ResourceName("tenants/{tenant}/assets/{asset}")


@dataclass(frozen=True, slots=True)
class Asked:
    """A query and how its answer is wanted."""

    tenant: str
    query: Query
    form: Form
    zone: ZoneInfo
    page_rows: int


def read_query(request: query_pb2.QueryRequest) -> Asked:
    """What a request asks for; raises InvalidArgument."""
    tenant = TENANT.parse(request.parent)["tenant"]
    default = _join(request.join, Join.LAST)
    rows = request.WhichOneof("rows")
    query = Query(
        columns=[_column(tenant, column, default) for column in request.columns],
        start_us=read_time(request, "start_time"),
        end_us=read_time(request, "end_time"),
        interval_us=_interval(request) if rows == "interval" else 0,
        rows_of=request.rows_of_column - 1 if rows == "rows_of_column" else None,
        tolerance_us=read_length(request.tolerance, "tolerance") if request.HasField("tolerance") else None,
        quality=_known(Quality, request.quality, "quality"),
    )
    return Asked(
        tenant=tenant,
        query=query,
        form=_known(Form, request.form, "form") if request.form else Form.ARROW,
        zone=zone_of(request.time_zone or "UTC"),
        page_rows=_PAGES.size(request.page_rows),
    )


def _column(tenant: str, given: query_pb2.QueryColumn, default: Join) -> QueryColumn:
    asset = _ASSET.parse(given.asset)
    if asset["tenant"] != tenant:
        raise malformed("columns.asset", f"{given.asset} is not an asset of the parent {tenant}.")
    if given.aggregate not in historian_resources.Aggregate.values():
        raise malformed("columns.aggregate", f"There is no aggregate {given.aggregate}.")
    if given.index < 0:
        raise malformed("columns.index", "An index is counted from 1; 0 is for properties that have none.")
    return QueryColumn(
        ref=PropertyRef(asset["asset"], given.property, given.index),
        unit=given.unit,
        aggregate=given.aggregate,
        join=_join(given.join, default),
        title=given.title.strip(),
    )


def _interval(request: query_pb2.QueryRequest) -> int:
    interval = read_length(request.interval, "interval")
    if not interval:
        raise malformed("interval", "An interval is longer than 0.")
    return interval


def _join(given: int, default: Join) -> Join:
    return _known(Join, given, "join") if given else default


def _known(kind: type[EnumT], given: int, field: str) -> EnumT:
    if given not in set(kind):
        raise malformed(field, f"There is no {field} {given}.")
    return kind(given)
