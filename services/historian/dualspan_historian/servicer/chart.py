"""ChartService: samples to draw."""

from collections import defaultdict
from typing import Any

from dualspan.frame.v1 import frame_pb2
from dualspan.historian.v1 import chart_pb2, chart_pb2_grpc
from dualspan_frame import Block, Frame, encode_frame
from dualspan_historian.errors import empty_interval, reversed_interval
from dualspan_historian.metering import ReadCounter
from dualspan_historian.read.chart import ChartLine, ChartQuery, read_chart
from dualspan_historian.read.snapshot import Snapshots
from dualspan_historian.report.missing import MissingSpans
from dualspan_historian.report.model import MissingSpan
from dualspan_historian.servicer.requests import tag_ids
from dualspan_historian.servicer.times import read_time, write_microseconds
from dualspan_runtime.context import current_tenant
from dualspan_runtime.paging import PageRules

_MOST_TAGS = 100
_POINTS = PageRules(default=1000, maximum=10_000)


class ChartServicer(chart_pb2_grpc.ChartServiceServicer):
    """See the contract.

    Args:
        snapshots: Reads.
        missing: Tells when samples are missing.
        reads: Counts what apps are answered.
    """

    def __init__(self, snapshots: Snapshots, missing: MissingSpans, reads: ReadCounter) -> None:
        self._snapshots = snapshots
        self._missing = missing
        self._reads = reads

    async def ReadChart(  # noqa: N802 - the contract's name
        self, request: chart_pb2.ReadChartRequest, context: Any
    ) -> chart_pb2.ReadChartResponse:
        """See the contract."""
        query = chart_query(request)
        lines = await read_chart(self._snapshots, current_tenant(), query)
        spans = await self._missing.of(current_tenant(), tag_ids(request.tag_ids, _MOST_TAGS), (query.start, query.end))
        self._reads.count(sum(len(line.samples) for line in lines))
        gaps: defaultdict[int, list[MissingSpan]] = defaultdict(list)
        for span in spans:
            # What a gateway has told nothing of yet is late, not lost.
            if not span.pending:
                gaps[span.tag_id].append(span)
        return chart_pb2.ReadChartResponse(series=[_series(line, gaps[line.tag_id]) for line in lines])


def chart_query(request: chart_pb2.ReadChartRequest) -> ChartQuery:
    """Return what a ReadChart asks for.

    Raises:
        InvalidArgument: The tags or the interval make no sense.
    """
    tag_ids(request.tag_ids, _MOST_TAGS)
    start, end = read_time(request, "start_time"), read_time(request, "end_time")
    if start == end:
        raise empty_interval()
    if start > end:
        raise reversed_interval()
    return ChartQuery(tuple(dict.fromkeys(request.tag_ids)), start, end, _POINTS.size(request.points))


def _series(line: ChartLine, gaps: list[MissingSpan]) -> chart_pb2.ChartSeries:
    series = chart_pb2.ChartSeries(
        tag_id=line.tag_id,
        thinned=line.thinned,
        stored_samples=line.stored,
        samples=_block(line.samples),
        before=_block(line.before),
        gaps=[
            chart_pb2.ChartGap(start_time=write_microseconds(gap.start_us), end_time=write_microseconds(gap.end_us))
            for gap in gaps
        ],
    )
    series.resolution.FromMicroseconds(line.resolution_us)
    return series


def _block(block: Block) -> frame_pb2.Block | None:
    """A block as it is quickest to write and read; none if it is empty."""
    return encode_frame(Frame((block,)), raw=True).blocks[0] if len(block) else None
