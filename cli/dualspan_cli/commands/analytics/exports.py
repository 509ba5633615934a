"""`dualspan analytics export …`: samples as Parquet, in a folder or a bucket."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.duration_pb2 import Duration
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from dualspan.analytics.v1 import exports_pb2 as contract
from dualspan.analytics.v1.exports_pb2_grpc import ExportServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_rows
from dualspan_cli.session import Session, all_pages, required_tenant
from dualspan_cli.times import parse_duration, parse_time

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.analytics.v1.exports_pb2_grpc import ExportServiceAsyncStub

export = typer.Typer(help="Samples as Parquet, for DuckDB, Spark and others.", no_args_is_help=True)
NameArgument = Annotated[str, typer.Argument(metavar="EXPORT", help="Id of the export.")]
_COLUMNS = ("export", "destination", "partitions", "rows", "bytes", "next", "trouble")
_WAIT = Duration(seconds=1)


def _stub(session: Session) -> ExportServiceAsyncStub:
    return ExportServiceStub(session.analytics_channel)


def _name(session: Session, export_id: str) -> str:
    return f"{required_tenant(session)}/exports/{export_id}"


def _row(each: contract.Export) -> dict[str, object]:
    bucket, status = each.bucket, each.status
    where = f"s3://{bucket.bucket}/{bucket.prefix}".rstrip("/") if each.HasField("bucket") else each.folder.path
    return {
        "export": each.name.rpartition("/")[2],
        "destination": where,
        "partitions": status.partitions,
        "rows": status.rows,
        "bytes": status.bytes,
        "next": status.next_time.ToJsonString() if status.HasField("next_time") else "",
        "trouble": status.trouble,
    }


@export.command("set")
def set_export(
    name: NameArgument,
    start: Annotated[str, typer.Option("--from", help="First day: -30d, 2026-05-04.")],
    end: Annotated[str, typer.Option("--to", help="Up to the day before; every day that is over if not given.")] = "",
    asset: Annotated[list[str] | None, typer.Option(help="Only this asset and what is below it; repeatable.")] = None,
    of_property: Annotated[list[str] | None, typer.Option("--property", help="Only this property; repeatable.")] = None,
    every: Annotated[str, typer.Option(help="Run by itself so often, such as 1d.")] = "",
    settle: Annotated[str, typer.Option(help="Write a day so long after its end.")] = "1h",
    bucket: Annotated[str, typer.Option(help="s3://bucket/prefix; the platform's own folder if not given.")] = "",
    region: Annotated[str, typer.Option(help="Of the bucket.")] = "",
    endpoint: Annotated[str, typer.Option(help="https://host:port of a server other than Amazon's.")] = "",
    key_id: Annotated[str, typer.Option(help="Access key id for the bucket.")] = "",
    secret: Annotated[
        str,
        typer.Option(envvar="DUALSPAN_EXPORT_SECRET", help="Its secret; DUALSPAN_EXPORT_SECRET shows it to nobody."),
    ] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say what is exported where; `run` does it."""
    now = datetime.now(UTC)
    given = contract.Export(assets=asset or [], properties=of_property or [])
    given.start_time.FromMicroseconds(parse_time(start, now))
    if end:
        given.end_time.FromMicroseconds(parse_time(end, now))
    given.settle.FromTimedelta(timedelta(seconds=parse_duration(settle)))
    if every:
        given.interval.FromTimedelta(timedelta(seconds=parse_duration(every)))
    if bucket:
        where, _, prefix = bucket.removeprefix("s3://").partition("/")
        to = contract.ExportBucket(bucket=where, prefix=prefix, region=region, endpoint=endpoint, access_key_id=key_id)
        to.secret_access_key = secret
        given.bucket.CopyFrom(to)
    else:
        given.folder.SetInParent()

    async def use(session: Session) -> contract.Export:
        given.name = _name(session, name)
        return await _stub(session).UpdateExport(contract.UpdateExportRequest(export=given))

    made = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(made))
    else:
        messages.print(
            f"{name} goes to {_row(made)['destination']}. Run it with `dualspan analytics export run {name}`."
        )


@export.command("run")
def run(name: NameArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Write what is missing or has changed; Ctrl-C leaves the run to the platform."""

    async def use(session: Session) -> contract.ExportResult:
        return await _followed(session, name)

    done = with_session(use, tenant=tenant, data=data)
    if as_json:
        print_json(as_dict(done))
        return
    messages.print(
        f"{done.partitions_written} days of assets written ({done.partitions_rewritten} of them again), "
        f"{done.partitions_kept} were as they should be; {done.rows} samples, {done.bytes} bytes."
    )
    messages.print(f"Manifest: {done.manifest}")


async def _followed(session: Session, name: str) -> contract.ExportResult:
    """Runs an export, with a bar on the screen.

    Raises:
        CommandError: It did not come to its end; the words are the platform's.
    """
    operations = OperationsStub(session.analytics_channel)
    operation = await _stub(session).RunExport(contract.RunExportRequest(name=_name(session, name)))
    told = contract.ExportProgress()
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=messages, transient=True) as bar:
        task = bar.add_task("waiting for the worker", total=None)
        while not operation.done:
            wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=_WAIT)
            operation = await operations.WaitOperation(wait)
            if operation.metadata.Unpack(told) and told.partitions_due:
                words = f"{told.current} {told.rows} samples"
                bar.update(task, description=words, total=told.partitions_due, completed=told.partitions_done)
    if operation.HasField("error"):
        raise CommandError("EXPORT_FAILED", operation.error.message)
    result = contract.ExportResult()
    operation.response.Unpack(result)
    return result


@export.command("list")
def list_exports(tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List exports and how they are."""

    async def use(session: Session) -> list[contract.Export]:
        request = contract.ListExportsRequest(parent=required_tenant(session), page_size=1000)
        return await all_pages(_stub(session).ListExports, request, lambda page: page.exports)

    found = with_session(use, tenant=tenant, data=data)
    rows = [as_dict(each) for each in found] if as_json else [_row(each) for each in found]
    print_rows(rows, as_json=as_json, columns=_COLUMNS)


@export.command("files")
def files(name: NameArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """List what an export has written."""

    async def use(session: Session) -> list[contract.ExportPartition]:
        request = contract.ListExportPartitionsRequest(parent=_name(session, name), page_size=1000)
        return await all_pages(_stub(session).ListExportPartitions, request, lambda page: page.partitions)

    found = with_session(use, tenant=tenant, data=data)
    rows = [as_dict(each) for each in found if each.rows]
    print_rows(rows, as_json=as_json, columns=("asset", "date", "rows", "bytes", "path"))


@export.command("delete")
def delete(name: NameArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False) -> None:
    """Forget an export; the files that it wrote stay."""

    async def use(session: Session) -> None:
        await _stub(session).DeleteExport(contract.DeleteExportRequest(name=_name(session, name)))

    with_session(use, tenant=tenant, data=data)
    print_done(f"{name} is forgotten; its files stay.", {"deleted": name}, as_json=as_json)
