"""QueryService: tables, in pieces."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from dualspan.analytics.v1 import query_pb2, query_pb2_grpc
from dualspan_analytics.queries.arrow_file import arrow_pieces
from dualspan_analytics.queries.csv_file import csv_pieces
from dualspan_analytics.queries.model import Form, Table
from dualspan_analytics.queries.parquet_file import parquet_pieces
from dualspan_analytics.queries.xlsx_file import check_workbook, xlsx_pieces
from dualspan_analytics.service.queries import Queries
from dualspan_analytics.servicer.query_mapping import Asked, read_query

_WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_FILES = {
    Form.ARROW: ("application/vnd.apache.arrow.stream", "arrows"),
    Form.CSV: ("text/csv; charset=utf-8", "csv"),
    Form.XLSX: (_WORKBOOK, "xlsx"),
    Form.PARQUET: ("application/vnd.apache.parquet", "parquet"),
}


class QueryServicer(query_pb2_grpc.QueryServiceServicer):
    """See the contract.

    Args:
        queries: The use case.
    """

    def __init__(self, queries: Queries) -> None:
        self._queries = queries

    async def Query(  # noqa: N802
        self, request: query_pb2.QueryRequest, context: Any
    ) -> AsyncIterator[query_pb2.QueryResponse]:
        """See the contract."""
        asked = read_query(request)
        table = await self._queries.table(asked.tenant, asked.query)
        pieces = _pieces(table, asked, asked.zone)
        data = await asyncio.to_thread(next, pieces, b"")
        media_type, ending = _FILES[asked.form]
        yield query_pb2.QueryResponse(
            columns=_columns(table), total_rows=len(table), data=data, media_type=media_type, file_name=f"data.{ending}"
        )
        while data := await asyncio.to_thread(next, pieces, b""):
            yield query_pb2.QueryResponse(data=data)


def _pieces(table: Table, asked: Asked, zone: ZoneInfo) -> Iterator[bytes]:
    if asked.form is Form.XLSX:
        check_workbook(table)
        return xlsx_pieces(table, zone)
    if asked.form is Form.CSV:
        return csv_pieces(table, asked.page_rows, zone)
    if asked.form is Form.PARQUET:
        return parquet_pieces(table, asked.page_rows)
    return arrow_pieces(table, asked.page_rows)


def _columns(table: Table) -> list[query_pb2.QueryColumnInfo]:
    return [
        query_pb2.QueryColumnInfo(
            title=column.title,
            unit=column.unit,
            kind=int(column.kind),  # pyright: ignore[reportArgumentType] - an open enum
            good_share=column.good_share,
            values=int(np.count_nonzero(~column.missing)),
        )
        for column in table.columns
    ]
