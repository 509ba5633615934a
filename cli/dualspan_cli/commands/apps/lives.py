"""`dualspan apps submit|list|review|publish|deprecate|withdraw`: a version from its publisher to everybody."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.duration_pb2 import Duration

from dualspan.marketplace.v1 import apps_pb2
from dualspan.marketplace.v1 import publishing_pb2 as contract
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from dualspan_cli.commands.apps.catalogue import AppArgument
from dualspan_cli.commands.apps.validate import FolderArgument
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.errors import CommandError
from dualspan_cli.output import JsonFlag, as_dict, messages, print_done, print_json, print_rows
from dualspan_cli.session import Session, all_pages, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceAsyncStub

VersionArgument = Annotated[str, typer.Argument(metavar="VERSION", help="Version, such as 1.0.0.")]
_WAIT = Duration(seconds=1)


def _stub(session: Session) -> PublishingServiceAsyncStub:
    return PublishingServiceStub(session.marketplace_channel)


def _name(session: Session, app: str, version: str) -> str:
    return f"{required_tenant(session)}/apps/{app}/appVersions/{version}"


def _state(version: apps_pb2.AppVersion) -> str:
    word = apps_pb2.AppVersionState.Name(version.state).removeprefix("APP_VERSION_STATE_")
    return word.lower().replace("_", " ")


def _row(version: apps_pb2.AppVersion) -> dict[str, object]:
    parts = version.name.split("/")
    return {
        "publisher": parts[1],
        "app": parts[3],
        "version": parts[5],
        "state": _state(version),
        "approved_by": version.approver,
        "remark": version.remark,
    }


def _print(version: apps_pb2.AppVersion, *, as_json: bool) -> None:
    if as_json:
        print_json(as_dict(version))
    else:
        row = _row(version)
        messages.print(f"{row['app']} {row['version']} is {row['state']}.")


def publisher(
    name: Annotated[str, typer.Option("--name", help="What subscribers read, in English.")],
    chinese: Annotated[str, typer.Option("--name-zh", help="The same in Chinese.")],
    website: Annotated[str, typer.Option(help="https address.")] = "",
    contact: Annotated[str, typer.Option(help="Address of mail.")] = "",
    key: Annotated[Path | None, typer.Option(help="cosign.pub: images are signed with its key.")] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say who publishes the enterprise's apps."""
    given = apps_pb2.Publisher(
        display_name=apps_pb2.MarketText(en=name, zh=chinese),
        website=website,
        contact=contact,
        signing_key=_read(key).decode("utf-8", "replace") if key else "",
    )

    async def use(session: Session) -> apps_pb2.Publisher:
        given.name = f"{required_tenant(session)}/publisher"
        return await _stub(session).UpdatePublisher(contract.UpdatePublisherRequest(publisher=given))

    told = with_session(use, tenant=tenant, data=data)
    print_done(f"Apps are published by {told.display_name.en} ({told.display_name.zh}).", told, as_json=as_json)


def submit(
    folder: FolderArgument = Path(),
    payload: Annotated[
        list[Path] | None, typer.Option(help="What `cosign sign --output-payload` wrote, for each image and chart.")
    ] = None,
    signature: Annotated[
        list[Path] | None, typer.Option(help="What `cosign sign --output-signature` wrote, in the same order.")
    ] = None,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Hand a version in: it is checked, and then waits for a reviewer. Exit code 1: a check failed."""
    from dualspan_cli.publishing.source import AppSource

    source = AppSource.load(folder)
    manifest = source.manifest
    given = apps_pb2.AppVersion(manifest=manifest.source)
    for path in filter(None, (manifest.icon, *manifest.screenshots)):
        given.pictures.add(path=path, content=_read(source.folder / path))
    payloads, signatures = payload or [], signature or []
    if len(payloads) != len(signatures):
        raise CommandError("USAGE", "--payload and --signature go together, as many of each.", exit_code=2)
    for text, made in zip(payloads, signatures, strict=True):
        given.signatures.add(payload=_read(text), signature=_read(made).decode("ascii", "replace").strip())

    async def use(session: Session) -> apps_pb2.AppVersion:
        create = contract.CreateAppVersionRequest(
            parent=f"{required_tenant(session)}/apps/{manifest.id}",
            app_version_id=manifest.version,
            app_version=given,
        )
        made = await _stub(session).CreateAppVersion(create)
        operation = await _stub(session).SubmitAppVersion(contract.SubmitAppVersionRequest(name=made.name))
        await _followed(session, operation)
        return await _stub(session).GetAppVersion(contract.GetAppVersionRequest(name=made.name))

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)


async def _followed(session: Session, operation: operations_pb2.Operation) -> None:
    """Waits for the checks, and says how each ended.

    Raises:
        CommandError: One of them failed.
    """
    told, progress, marks = 0, contract.SubmitAppVersionMetadata(), {1: "✔", 2: "✘", 3: "–"}
    while True:
        operation.metadata.Unpack(progress)
        ended = [check for check in progress.checks if check.outcome]
        for check in ended[told:]:
            messages.print(f"{marks[check.outcome]} {check.check}")
            for finding in check.findings:
                messages.print(f"    {finding}", soft_wrap=True, markup=False)
        # Checks that wait for something begin anew: what was told is not told again.
        told = max(told, len(ended))
        if operation.done:
            break
        wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=_WAIT)
        operation = await OperationsStub(session.marketplace_channel).WaitOperation(wait)
    if operation.HasField("error"):
        raise CommandError("CHECKS_FAILED", operation.error.message)


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as err:
        raise CommandError("UNREADABLE", f"{path} cannot be read: {err.strerror}.", exit_code=2) from err


def list_versions(
    app: Annotated[str, typer.Argument(metavar="[APP]", help="Only of this app.")] = "",
    waiting: Annotated[bool, typer.Option("--reviews", help="What waits for a reviewer, of all publishers.")] = False,
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """List the enterprise's own versions and where they stand."""

    async def use(session: Session) -> list[apps_pb2.AppVersion]:
        if waiting:
            return list((await _stub(session).ListReviews(contract.ListReviewsRequest(page_size=1000))).app_versions)
        request = contract.ListAppVersionsRequest(parent=required_tenant(session), app_id=app, page_size=1000)
        return await all_pages(_stub(session).ListAppVersions, request, lambda page: page.app_versions)

    found = with_session(use, tenant=tenant, data=data)
    columns = ("publisher", "app", "version", "state", "approved_by", "remark")
    print_rows([as_dict(each) if as_json else _row(each) for each in found], as_json=as_json, columns=columns)


def review(
    app: AppArgument,
    version: VersionArgument,
    approve: Annotated[bool, typer.Option("--approve/--reject", help="Whether it may be published.")],
    remark: Annotated[str, typer.Option(help="Why; needed to reject.")] = "",
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Approve a version or send it back; --tenant is its publisher. For who runs the platform."""

    async def use(session: Session) -> apps_pb2.AppVersion:
        name = _name(session, app, version)
        request = contract.ReviewAppVersionRequest(name=name, approve=approve, remark=remark)
        return await _stub(session).ReviewAppVersion(request)

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)


def publish(
    app: AppArgument, version: VersionArgument, tenant: TenantOption = "", data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Offer an approved version to everybody."""

    async def use(session: Session) -> apps_pb2.AppVersion:
        request = contract.PublishAppVersionRequest(name=_name(session, app, version))
        return await _stub(session).PublishAppVersion(request)

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)


def deprecate(
    app: AppArgument, version: VersionArgument, tenant: TenantOption = "", data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:  # fmt: skip
    """Offer a version to nobody new; it goes on where it runs."""

    async def use(session: Session) -> apps_pb2.AppVersion:
        request = contract.DeprecateAppVersionRequest(name=_name(session, app, version))
        return await _stub(session).DeprecateAppVersion(request)

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)


def withdraw(
    app: AppArgument,
    version: VersionArgument,
    remark: Annotated[str, typer.Option(help="Why; subscribers read it.")],
    tenant: TenantOption = "",
    data: DataOption = None,
    as_json: JsonFlag = False,
) -> None:
    """Say that a version must not run any more."""

    async def use(session: Session) -> apps_pb2.AppVersion:
        request = contract.WithdrawAppVersionRequest(name=_name(session, app, version), remark=remark)
        return await _stub(session).WithdrawAppVersion(request)

    _print(with_session(use, tenant=tenant, data=data), as_json=as_json)
