"""A backup restored for good measure: into a folder of its own, started there, asked what is complete, deleted."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pyrage import x25519

from dualspan.identity.v1.service_pb2 import GetGatewayCaRequest, ListTenantsRequest
from dualspan.onboarding.v1.completeness_pb2 import CreatePlantReportRequest
from dualspan.onboarding.v1.completeness_pb2_grpc import PlantReportServiceStub
from dualspan.onboarding.v1.service_pb2 import ListGatewaysRequest
from dualspan_cli.backup.repository import Manifest, Repository
from dualspan_cli.backup.restoring import Wish, check_empty, restore
from dualspan_cli.local import DataFolder, LocalPlatform, Ports, free_port
from dualspan_cli.migrations import migrate_all
from dualspan_cli.session import Access, Session, all_pages, open_session, where
from dualspan_cli.statements import check_signer, verify_statement
from dualspan_cli.supervisor import Supervisor

if TYPE_CHECKING:
    from dualspan.onboarding.v1.completeness_pb2_grpc import PlantReportServiceAsyncStub

# Without workers and without the marketplace: nothing of a platform that is only looked at may act.
_ENOUGH = frozenset({"onboarding", "historian"})
_PERIOD = timedelta(days=1)
_SECONDS = 290.0


async def try_restore(
    repository: Repository,
    key: x25519.Identity,
    manifest: Manifest,
    folder: Path,
    programs: Path | None,
    told: Callable[[str, int, int], None],
) -> Mapping[str, Any]:
    """Restores, starts and asks for a completeness report of each gateway's last day; nothing is left behind.

    Returns:
        `reached`, the time of the newest commit, and `reports`, the totals of each gateway, whose signatures hold.

    Raises:
        CommandError: The folder is not empty, and stays as it is; or the backup cannot be restored, does not start, or
            what it signs is not valid.
    """
    check_empty(folder)
    try:
        restored = await restore(repository, key, folder, Wish(manifest.backup_id, programs=programs), told)
        until = restored.reached or manifest.finished_at
        reports = await _run(folder, programs, until)
        return {"reached": until.isoformat(), "reports": reports}
    finally:
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)


async def _run(folder: Path, programs: Path | None, until: datetime) -> list[dict[str, Any]]:
    ports = Ports(*(free_port() for _ in range(10)))
    platform = LocalPlatform(DataFolder(folder), ports, programs=programs)
    supervisor = Supervisor(lambda _member, _words: None)
    try:
        await supervisor.start(*platform.servers())
        await migrate_all(platform.postgres.url())
        await supervisor.start(platform.identity())
        await supervisor.start(*(member for member in platform.services() if member.name in _ENOUGH))
        running = platform.running()
        async with open_session(Access(where(running), service_secret=running.service_secret)) as session:
            return [await _report(session, gateway, until) for gateway in await _gateways(session)]
    finally:
        await asyncio.to_thread(supervisor.stop)


async def _gateways(session: Session) -> list[str]:
    tenants = await all_pages(session.identity.ListTenants, ListTenantsRequest(), lambda page: page.tenants)
    return [
        gateway.name
        for tenant in tenants
        for gateway in await all_pages(
            session.onboarding.ListGateways, ListGatewaysRequest(parent=tenant.name), lambda page: page.gateways
        )
    ]


async def _report(session: Session, gateway: str, until: datetime) -> dict[str, Any]:
    parent = gateway.partition("/gateways/")[0]
    end = min(until, datetime.now(UTC) - timedelta(seconds=1))
    request = CreatePlantReportRequest(parent=parent, gateway=gateway)
    request.start_time.FromDatetime(end - _PERIOD)
    request.end_time.FromDatetime(end)
    stub: PlantReportServiceAsyncStub = PlantReportServiceStub(session.onboarding_channel)
    answer = await stub.CreatePlantReport(request, timeout=_SECONDS)
    authority = await session.identity.GetGatewayCa(GetGatewayCaRequest())
    statement = verify_statement(answer.envelope)
    check_signer(statement, {authority.fingerprint_sha256})
    period = statement.content["period"]
    return {
        "gateway": gateway,
        "from": period["start_time"],
        "to": period["end_time"],
        **statement.content["totals"],
    }
