"""What is wrong with a query before anything is read, and what its columns are called."""

from collections.abc import Sequence

from dualspan.historian.v1.resources_pb2 import Aggregate
from dualspan_analytics.errors import reversed_span
from dualspan_analytics.queries.errors import (
    column_count,
    interval_required,
    malformed,
    rows_need_samples,
    title_repeated,
)
from dualspan_analytics.queries.model import Quality, Query, QueryColumn

MOST_COLUMNS = 500
_LONGEST_TITLE = 200
_AGGREGATE = "AGGREGATE_"
TIME = "time"


def check_query(query: Query) -> None:
    """Raises InvalidArgument if a query makes no sense."""
    if not 1 <= len(query.columns) <= MOST_COLUMNS:
        raise column_count(len(query.columns), MOST_COLUMNS)
    if query.end_us <= query.start_us:
        raise reversed_span()
    if query.rows_of is not None and not 0 <= query.rows_of < len(query.columns):
        raise malformed("rows_of_column", f"There are columns 1 to {len(query.columns)}.")
    for column, title in zip(query.columns, titles(query.columns), strict=True):
        if column.aggregate and not query.interval_us:
            raise interval_required(title)
        if len(title) > _LONGEST_TITLE or not title.isprintable():
            raise malformed("title", f"A title has 1 to {_LONGEST_TITLE} characters, none of them a control character.")
    if query.rows_of is not None and query.columns[query.rows_of].aggregate:
        raise rows_need_samples(titles(query.columns)[query.rows_of])
    seen: set[str] = set()
    for name in header(titles(query.columns), query.quality):
        if name in seen:
            raise title_repeated(name)
        seen.add(name)


def titles(columns: Sequence[QueryColumn]) -> list[str]:
    """What the columns are called."""
    return [column.title or _title(column) for column in columns]


def _title(column: QueryColumn) -> str:
    if not column.aggregate:
        return str(column.ref)
    word = Aggregate.Name(Aggregate.ValueType(column.aggregate)).removeprefix(_AGGREGATE).lower().replace("_", "-")
    return f"{column.ref} {word}"


def header(names: Sequence[str], quality: Quality) -> list[str]:
    """The names of all columns of a table, the time and those of quality among them."""
    beside = {Quality.NOTHING: "", Quality.STATUS: "status", Quality.GOOD_SHARE: "good share"}[quality]
    found = [TIME]
    for name in names:
        found += [name, f"{name} {beside}"] if beside else [name]
    return found
