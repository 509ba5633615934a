"""InfluxDB's line protocol, which VictoriaMetrics speaks too."""

from collections.abc import Iterator

from dualspan_bench.data import Table

LINES_PER_REQUEST = 50_000


def line_protocol(table: Table, *, divide_us: int) -> Iterator[bytes]:
    """Requests of lines in order of arrival, timestamps in units of `divide_us` microseconds."""
    prefixes = [f"temperature,tag={tag} value=" for tag in table.tag_ids.tolist()]
    ticks = max(1, LINES_PER_REQUEST // len(prefixes))
    for first in range(0, len(table.value), ticks):
        lines: list[str] = []
        values = table.value[first : first + ticks].tolist()
        times = (table.timestamp[first : first + ticks] // divide_us).tolist()
        for row, row_times in zip(values, times, strict=True):
            lines += [f"{prefix}{value!r} {time}" for prefix, value, time in zip(prefixes, row, row_times, strict=True)]
        yield "\n".join(lines).encode()
