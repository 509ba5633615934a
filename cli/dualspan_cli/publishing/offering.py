"""An app of the platform's own publisher, from its manifest to everybody: the checks, the review, the catalogue."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import grpc
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub
from google.protobuf.duration_pb2 import Duration

from dualspan.identity.v1 import resources_pb2 as identity_resources
from dualspan.identity.v1 import service_pb2 as identity
from dualspan.marketplace.v1 import apps_pb2
from dualspan.marketplace.v1 import publishing_pb2 as publishing
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from dualspan_cli.apps_here import PLATFORM_PUBLISHER
from dualspan_cli.demo.onboard import unless_there
from dualspan_cli.errors import CommandError
from dualspan_cli.session import Access, Session, open_session
from dualspan_manifest import parse

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceAsyncStub

FREE_PLAN = "free"
_WAIT = Duration(seconds=1)


async def offer(access: Access, manifest: str, pictures: Mapping[str, bytes]) -> None:
    """Publish a version under a plan that costs nothing; what is published already stays.

    Args:
        access: Of who runs the platform, with its service secret.
        manifest: Text of `app.yaml`.
        pictures: That it names, by path.

    Raises:
        CommandError: A check failed (`CHECKS_FAILED`).
    """
    as_publisher = Access(access.addresses, service_secret=access.service_secret)
    async with open_session(as_publisher, PLATFORM_PUBLISHER) as session:
        await _offer(session, manifest, pictures)


async def _offer(session: Session, text: str, pictures: Mapping[str, bytes]) -> None:
    stub: PublishingServiceAsyncStub = PublishingServiceStub(session.marketplace_channel)
    manifest = parse(text)
    app = f"{session.tenant}/apps/{manifest.id}"
    name = f"{app}/appVersions/{manifest.version}"
    if await _state(stub, name) == apps_pb2.APP_VERSION_STATE_PUBLISHED:
        return
    await _introduce(session, stub, app)
    given = apps_pb2.AppVersion(manifest=text)
    for path, content in pictures.items():
        given.pictures.add(path=path, content=content)
    create = publishing.CreateAppVersionRequest(parent=app, app_version_id=manifest.version, app_version=given)
    await stub.CreateAppVersion(create)
    await _ended(session, await stub.SubmitAppVersion(publishing.SubmitAppVersionRequest(name=name)))
    await stub.ReviewAppVersion(publishing.ReviewAppVersionRequest(name=name, approve=True))
    await stub.PublishAppVersion(publishing.PublishAppVersionRequest(name=name))


async def _state(stub: PublishingServiceAsyncStub, name: str) -> int:
    """Of a version; unspecified if there is none."""
    try:
        return (await stub.GetAppVersion(publishing.GetAppVersionRequest(name=name))).state
    except grpc.aio.AioRpcError as err:
        if err.code() is not grpc.StatusCode.NOT_FOUND:
            raise
        return apps_pb2.APP_VERSION_STATE_UNSPECIFIED


async def _introduce(session: Session, stub: PublishingServiceAsyncStub, app: str) -> None:
    """Who publishes, and what it costs."""
    tenant = identity_resources.Tenant(display_name="DualSpan")
    request = identity.CreateTenantRequest(tenant=tenant, tenant_id=PLATFORM_PUBLISHER)
    await unless_there(session.identity.CreateTenant(request))
    publisher = apps_pb2.Publisher(
        name=f"{session.tenant}/publisher", display_name=apps_pb2.MarketText(en="DualSpan", zh="双跨")
    )
    await stub.UpdatePublisher(publishing.UpdatePublisherRequest(publisher=publisher))
    plan = apps_pb2.Plan(display_name=apps_pb2.MarketText(en="Free", zh="免费"), model=apps_pb2.PLAN_MODEL_FREE)
    await unless_there(stub.CreatePlan(publishing.CreatePlanRequest(parent=app, plan_id=FREE_PLAN, plan=plan)))


async def _ended(session: Session, operation: operations_pb2.Operation) -> None:
    operations = OperationsStub(session.marketplace_channel)
    while not operation.done:
        wait = operations_pb2.WaitOperationRequest(name=operation.name, timeout=_WAIT)
        operation = await operations.WaitOperation(wait)
    if operation.HasField("error"):
        raise CommandError("CHECKS_FAILED", operation.error.message)
