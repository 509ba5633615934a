"""Requests to queries; everything that a request can have wrong is refused here."""

import re
from collections.abc import Sequence

from dualspan.historian.v1 import event_service_pb2, resources_pb2, service_pb2
from dualspan_frame import ValueKind
from dualspan_historian.errors import (
    aggregates_required,
    empty_interval,
    gap_count,
    gaps_of_what,
    invalid_interval,
    invalid_pause,
    invalid_percentages,
    invalid_registration,
    reversed_interval,
    tag_count,
    too_many_results,
    unknown_gap,
)
from dualspan_historian.model import APP_PREFIX, Tag
from dualspan_historian.read.aggregates import KNOWN
from dualspan_historian.read.intervals import Intervals
from dualspan_historian.read.processed import ProcessedQuery
from dualspan_historian.read.raw import RawQuery
from dualspan_historian.read.samples import Rules
from dualspan_historian.servicer.times import read_time
from dualspan_runtime.names import GATEWAY, ResourceName
from dualspan_runtime.paging import PageRules

RAW_PAGES = PageRules(default=100_000, maximum=1_000_000)
LISTS = PageRules(default=100, maximum=1000)
MOST_TAGS_READ = 1000
MOST_TAGS_LATEST = 10_000
MOST_AGGREGATES = 16
MOST_RESULTS = 2_000_000
_LONGEST_CLASS = 40
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.05, 60.0
_SUBSCRIPTION = ResourceName("tenants/{tenant}/subscriptions/{subscription}")
GAP = ResourceName("tenants/{tenant}/gaps/{gap}")
# The largest has 19 digits.
_NUMBER = re.compile(r"[0-9]{1,18}")


def tag_ids(given: Sequence[int], most: int) -> tuple[int, ...]:
    """Return the distinct tags of a request, in rising order.

    Raises:
        InvalidArgument: None or too many.
    """
    if not 1 <= len(given) <= most:
        raise tag_count(len(given), most)
    return tuple(sorted(set(given)))


def gap_ids(tenant: str, given: Sequence[str]) -> tuple[int, ...]:
    """Return the ids of gaps that are named.

    Raises:
        InvalidArgument: None, too many, or something else is named.
    """
    if not 1 <= len(given) <= LISTS.maximum:
        raise gap_count(len(given), LISTS.maximum)
    parsed = [GAP.parse(name) for name in given]
    if any(one["tenant"] != tenant or not _NUMBER.fullmatch(one["gap"]) for one in parsed):
        raise unknown_gap()
    return tuple(int(one["gap"]) for one in parsed)


def raw_query(
    request: service_pb2.ReadRawRequest | service_pb2.ExportRequest | event_service_pb2.ReadEventsRequest,
    pages: PageRules = RAW_PAGES,
) -> RawQuery:
    """Return which samples or events a request asks for, in pages of these sizes.

    Raises:
        InvalidArgument: The tags or the interval make no sense.
    """
    ids = tag_ids(request.tag_ids, MOST_TAGS_READ)
    start, end = read_time(request, "start_time"), read_time(request, "end_time")
    if start == end:
        raise empty_interval()
    if start > end:
        raise reversed_interval()
    return RawQuery(ids, start, end, pages.size(request.page_size))


def before_time(request: service_pb2.ReadLatestRequest) -> int | None:
    """Return the time that a ReadLatest asks before, in microseconds; None if it asks for the newest of all.

    Raises:
        InvalidArgument: It is out of its range.
    """
    return read_time(request, "before_time") if request.HasField("before_time") else None


def newest_every(request: service_pb2.SubscribeRequest) -> float:
    """Return how many seconds pass between the newest samples at least; 0 if all samples are wanted.

    Raises:
        InvalidArgument: It is out of its range.
    """
    if not request.HasField("newest_every"):
        return 0.0
    seconds = request.newest_every.seconds + request.newest_every.nanos / 1e9
    if not _SHORTEST_PAUSE <= seconds <= _LONGEST_PAUSE:
        raise invalid_pause(_SHORTEST_PAUSE, _LONGEST_PAUSE)
    return seconds


def read_source(tenant: str, name: str) -> str:
    """Return who sends samples, as the store has it: a gateway's id, or an app's `subscriptions/{subscription}`.

    Raises:
        InvalidArgument: It is neither, or another tenant's.
    """
    app = _SUBSCRIPTION.matches(name)
    names = (_SUBSCRIPTION if app else GATEWAY).parse(name)
    if names["tenant"] != tenant:
        raise invalid_registration(f"{name} is not one of {tenant}.")
    return APP_PREFIX + names["subscription"] if app else names["gateway"]


def gaps_of(tenant: str, request: service_pb2.ListGapsRequest) -> str:
    """Return whose gaps are asked for, as the store has it; "" if those of all are.

    Raises:
        InvalidArgument: A tag is named as well, or it is no gateway of the tenant.
    """
    if not request.gateway:
        return ""
    if request.tag_id:
        raise gaps_of_what()
    return read_source(tenant, request.gateway)


def app_source(name: str) -> str:
    """Return an app as the store has it; raises InvalidArgument for what is no subscription."""
    return APP_PREFIX + _SUBSCRIPTION.parse(name)["subscription"]


def write_source(tenant: str, source: str) -> str:
    """Return the resource name of who sends samples."""
    if source.startswith(APP_PREFIX):
        return _SUBSCRIPTION.format(tenant=tenant, subscription=source.removeprefix(APP_PREFIX))
    return GATEWAY.format(tenant=tenant, gateway=source)


def registration(tenant: str, given: resources_pb2.TagRegistration) -> Tag:
    """Return a tag that is to be registered.

    Raises:
        InvalidArgument: It has no id, kind, gateway or subscription of the tenant, or a retention class that is too
            long.
    """
    source = read_source(tenant, given.gateway)
    if given.tag_id <= 0 or given.kind not in set(ValueKind):
        raise invalid_registration(f"Tag {given.tag_id} needs an id above 0 and a kind.")
    if len(given.retention_class) > _LONGEST_CLASS or "\0" in given.retention_class:
        raise invalid_registration(f"retention_class has at most {_LONGEST_CLASS} characters.")
    return Tag(given.tag_id, source, ValueKind(given.kind), given.retention_class, given.sloped)


def processed_query(request: service_pb2.ReadProcessedRequest) -> ProcessedQuery:
    """Return what a ReadProcessed asks for.

    Raises:
        InvalidArgument: The tags, the interval, the aggregates or the rules make no sense, or it is too much.
    """
    ids = tag_ids(request.tag_ids, MOST_TAGS_READ)
    start, end = read_time(request, "start_time"), read_time(request, "end_time")
    if start == end:
        raise empty_interval()
    given = request.processing_interval
    length = given.seconds * 1_000_000 + given.nanos // 1000
    if length < 0 or (not length and (given.seconds or given.nanos)):
        raise invalid_interval()
    if not 1 <= len(request.aggregates) <= MOST_AGGREGATES or not KNOWN.issuperset(request.aggregates):
        raise aggregates_required()
    intervals = -(-abs(end - start) // length) if length else 1
    results = len(ids) * len(request.aggregates) * intervals
    if results > MOST_RESULTS:
        raise too_many_results(results, MOST_RESULTS)
    in_order = tuple(dict.fromkeys(request.tag_ids))
    intervals_asked = Intervals.between(start, end, length)
    return ProcessedQuery(in_order, intervals_asked, tuple(request.aggregates), _rules(request.configuration))


def _rules(given: resources_pb2.AggregateConfiguration) -> Rules:
    good = given.percent_data_good if given.HasField("percent_data_good") else 100
    bad = given.percent_data_bad if given.HasField("percent_data_bad") else 100
    if good > 100 or bad > 100 or good + bad < 100:
        raise invalid_percentages()
    treat = given.treat_uncertain_as_bad if given.HasField("treat_uncertain_as_bad") else True
    return Rules(
        treat_uncertain_as_bad=treat,
        percent_good=float(good),
        percent_bad=float(bad),
        sloped_extrapolation=given.use_sloped_extrapolation,
    )
