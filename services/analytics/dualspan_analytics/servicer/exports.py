"""ExportService: what is written as Parquet, and how far that is."""

# ruff: noqa: N802 - the contract's names

from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import grpc.aio
from google.longrunning import operations_pb2
from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import exports_pb2 as contract
from dualspan.analytics.v1 import exports_pb2_grpc
from dualspan_analytics.exports.errors import bad_export
from dualspan_analytics.exports.layout import partition_path
from dualspan_analytics.exports.model import DAY_US, Bucket, ExportDefinition, Place
from dualspan_analytics.service.exports import Exports, ExportView, export_name
from dualspan_analytics.store.exports import StoredPartition
from dualspan_runtime.names import TENANT, ResourceName
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
EXPORT = ResourceName("tenants/{tenant}/exports/{export}")
_PAGES = PageRules()
_DEFAULT_SETTLE_US = 3_600_000_000
_DEFAULT_REGION = "us-east-1"
_SECOND = 1_000_000
_LATEST_SECONDS = 253_402_300_799


def _day(given: contract.Export, field: str) -> int:
    value: Timestamp = getattr(given, field)
    if not given.HasField(field) or not 0 <= value.seconds <= _LATEST_SECONDS:  # type: ignore[arg-type]
        raise bad_export(field, "it must be a time after 1970")
    return value.seconds * _SECOND // DAY_US


def _bucket(given: contract.ExportBucket) -> Bucket:
    prefix, endpoint = given.prefix.strip("/"), given.endpoint.rstrip("/")
    return Bucket(given.bucket, prefix, given.region or _DEFAULT_REGION, endpoint, given.access_key_id)


def definition_of(given: contract.Export) -> tuple[str, ExportDefinition]:
    """The tenant, and what an export says; raises InvalidArgument."""
    names = EXPORT.parse(given.name)
    if given.WhichOneof("destination") is None:
        raise bad_export("destination", "say folder or bucket")
    settle_us = given.settle.ToMicroseconds() if given.HasField("settle") else _DEFAULT_SETTLE_US
    return names["tenant"], ExportDefinition(
        id=names["export"],
        display_name=given.display_name[:200],
        assets=tuple(dict.fromkeys(given.assets)),
        properties=tuple(dict.fromkeys(given.properties)),
        first_day=_day(given, "start_time"),
        end_day=_day(given, "end_time") if given.HasField("end_time") else None,
        settle_us=settle_us,
        interval_us=given.interval.ToMicroseconds(),
        bucket=_bucket(given.bucket) if given.HasField("bucket") else None,
    )


def _time(value: datetime | None) -> Timestamp | None:
    if value is None:
        return None
    message = Timestamp()
    message.FromDatetime(value.astimezone(UTC))
    return message


def _days(day: int) -> Timestamp:
    return Timestamp(seconds=day * DAY_US // _SECOND)


def _partition(tenant: str, each: StoredPartition) -> contract.ExportPartition:
    return contract.ExportPartition(
        asset=each.place.asset,
        date=each.place.date,
        path=partition_path(tenant, each.place) if each.content.rows else "",
        rows=each.content.rows,
        bytes=each.content.size,
        sha256=each.content.sha256.hex(),
        write_time=_time(each.written_at),
    )


class ExportServicer(exports_pb2_grpc.ExportServiceServicer):
    """See the contract.

    Args:
        exports: Use cases.
        tokens: Page tokens.
        folder: Of the platform; "" if it has none.
    """

    def __init__(self, exports: Exports, tokens: PageTokens, folder: str) -> None:
        self._exports = exports
        self._tokens = tokens
        self._folder = folder

    async def GetExport(self, request: contract.GetExportRequest, context: Context) -> contract.Export:
        """See the contract."""
        names = EXPORT.parse(request.name)
        return self._message(names["tenant"], await self._exports.get(names["tenant"], names["export"]))

    async def ListExports(self, request: contract.ListExportsRequest, context: Context) -> contract.ListExportsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListExports", tenant)
        key = self._tokens.read(request.page_token, query)
        found = await self._exports.page(tenant, "" if key is None else str(key[0]), size + 1)
        answer = contract.ListExportsResponse(exports=[self._message(tenant, each) for each in found[:size]])
        if len(found) > size:
            answer.next_page_token = self._tokens.write((found[size - 1].definition.id,), query)
        return answer

    async def UpdateExport(self, request: contract.UpdateExportRequest, context: Context) -> contract.Export:
        """See the contract."""
        tenant, definition = definition_of(request.export)
        secret = request.export.bucket.secret_access_key
        return self._message(tenant, await self._exports.put(tenant, definition, secret))

    async def DeleteExport(self, request: contract.DeleteExportRequest, context: Context) -> Empty:
        """See the contract."""
        names = EXPORT.parse(request.name)
        await self._exports.delete(names["tenant"], names["export"])
        return Empty()

    async def RunExport(self, request: contract.RunExportRequest, context: Context) -> operations_pb2.Operation:
        """See the contract."""
        names = EXPORT.parse(request.name)
        return await self._exports.run(names["tenant"], names["export"])

    async def ListExportPartitions(
        self, request: contract.ListExportPartitionsRequest, context: Context
    ) -> contract.ListExportPartitionsResponse:
        """See the contract."""
        names, size = EXPORT.parse(request.parent), _PAGES.size(request.page_size)
        tenant, export_id = names["tenant"], names["export"]
        query = ("ListExportPartitions", tenant, export_id)
        key = self._tokens.read(request.page_token, query)
        after = None if key is None else Place(str(key[0]), int(key[1]))
        found = await self._exports.partitions(tenant, export_id, after, size + 1)
        answer = contract.ListExportPartitionsResponse(partitions=[_partition(tenant, each) for each in found[:size]])
        if len(found) > size:
            last = found[size - 1].place
            answer.next_page_token = self._tokens.write((last.asset, last.day), query)
        return answer

    def _message(self, tenant: str, view: ExportView) -> contract.Export:
        given, stored = view.definition, view.stored
        message = contract.Export(
            name=export_name(tenant, given.id),
            display_name=given.display_name,
            assets=given.assets,
            properties=given.properties,
            start_time=_days(given.first_day),
            end_time=None if given.end_day is None else _days(given.end_day),
            status=contract.ExportStatus(
                partitions=view.totals.partitions,
                rows=view.totals.rows,
                bytes=view.totals.size,
                success_time=_time(stored.success_at),
                operation=stored.operation or "",
                trouble=stored.trouble,
                next_time=_time(stored.next_at),
            ),
        )
        message.settle.FromMicroseconds(given.settle_us)
        if given.interval_us:
            message.interval.FromMicroseconds(given.interval_us)
        bucket = given.bucket
        if bucket is None:
            message.folder.path = str(Path(self._folder) / tenant / given.id) if self._folder else ""
        else:
            message.bucket.bucket, message.bucket.prefix, message.bucket.region = (
                bucket.bucket,
                bucket.prefix,
                bucket.region,
            )
            message.bucket.endpoint, message.bucket.access_key_id = bucket.endpoint, bucket.access_key_id
        return message
