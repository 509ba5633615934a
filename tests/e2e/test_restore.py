"""A platform is destroyed and restored from its backup; its gateway, which knows nothing of that, fills in the rest."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest

from dualspan.identity.v1.service_pb2 import GetGatewayCaRequest
from dualspan.onboarding.v1.completeness_pb2 import CreatePlantReportRequest
from dualspan.onboarding.v1.completeness_pb2_grpc import PlantReportServiceStub
from dualspan_cli.backup.keys import make_lock, open_lock
from dualspan_cli.backup.repository import Manifest, Repository
from dualspan_cli.backup.restoring import Wish, restore
from dualspan_cli.backup.taking import take
from dualspan_cli.backup.trying import try_restore
from dualspan_cli.local import DataFolder
from dualspan_cli.origins import Origin
from dualspan_cli.statements import check_signer, verify_statement
from dualspan_cli.supervisor import Supervisor
from harness.site import (
    GATEWAY,
    SERVER,
    TENANT,
    Site,
    SitePlatform,
    now_us,
    open_site,
    site_folder,
    start_platform,
    until,
)

pytestmark = [pytest.mark.asyncio, pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(300)]

PLATFORM = ("worker", "historian", "onboarding", "identity", "redis", "postgres")


async def report(site: Site, start_us: int, end_us: int) -> bytes:
    request = CreatePlantReportRequest(parent=TENANT, server=SERVER)
    request.start_time.FromMicroseconds(start_us)
    request.end_time.FromMicroseconds(end_us)
    answer = await PlantReportServiceStub(site.session.onboarding_channel).CreatePlantReport(request, timeout=60)
    return answer.envelope


async def stated(site: Site, start_us: int, end_us: int) -> bytes:
    """A report of a time of which the gateway has told everything: samples come before the word that they are all."""
    envelope = b""

    async def complete() -> bool:
        nonlocal envelope
        envelope = await report(site, start_us, end_us)
        return verify_statement(envelope).content["totals"]["pending_ms"] == 0

    await until(complete, "the gateway has told of all the time", 30)
    return envelope


async def authority(site: Site) -> str:
    return (await site.session.identity.GetGatewayCa(GetGatewayCaRequest())).fingerprint_sha256


async def tried(repository: Repository, manifest: Manifest, folder: Path) -> None:
    """The backup is restored beside the platform that runs, states what is complete, and is gone."""
    key = open_lock(repository.folder, key_file=folder / "key")
    told = await try_restore(repository, key, manifest, folder / "tried", None, lambda *_: None)
    (report,) = told["reports"]
    assert report["gateway"] == GATEWAY
    assert report["received_samples"] > 500
    assert report["missing_samples"] == 0
    assert not (folder / "tried").exists()


async def restored(site: Site, folder: Path, repository: Repository) -> Supervisor:
    """Ends the platform for good and starts what its backup has, at the same addresses."""
    for name in PLATFORM:
        await asyncio.to_thread(site.members[name].server.stop)
    key = open_lock(repository.folder, key_file=folder / "key")
    back = await restore(repository, key, folder / "back", Wish(), lambda *_: None)
    assert back.files == ["service-secret"]
    uplink = {"DUALSPAN_ONBOARDING_HISTORIAN_GATEWAY_ADDRESS": site.uplink.address}
    supervisor = Supervisor(lambda _member, _words: None)
    await start_platform(SitePlatform(DataFolder(folder / "back"), site.platform.ports, uplink), supervisor)
    return supervisor


@pytest.mark.parametrize("kept", [64 << 20, 0], ids=["with-a-tail", "without"])
async def test_what_came_after_the_backup_is_sent_again_or_is_in_the_ledger(
    kept: int, free_port: Callable[[], int]
) -> None:
    settings = {"DUALSPAN_GATEWAY_BUFFER_KEEP_BYTES": str(kept)}
    with site_folder("restore") as folder:
        async with open_site(folder / "site", free_port, rate=500, items=20, gateway_settings=settings) as site:
            repository = Repository(folder / "repository")
            make_lock(repository.folder, key_file=folder / "key")
            since_us = now_us()
            await asyncio.sleep(2)
            await site.caught_up(now_us())
            backed_up_us = now_us()
            before, ca = await stated(site, since_us, backed_up_us), await authority(site)
            secret = site.platform.folder.service_secret()
            origin = Origin(site.platform.postgres.url(), secret)
            manifest = await take(repository, origin, lambda _size, _total: None)
            if kept:
                await tried(repository, manifest, folder)
            await asyncio.sleep(3)
            await site.caught_up(now_us())
            supervisor = await restored(site, folder, repository)
            try:
                await site.caught_up(now_us(), timeout=90)
                until_us = now_us()
                await site.caught_up(until_us)
                verdict = await site.verdict(since_us, until_us)
                assert verdict.is_clean, verdict
                gaps = await site.gaps()
                assert bool(gaps) is (kept == 0), gaps
                assert (verdict.admitted > 0) is (kept == 0), verdict
                # The statement of before still verifies, and the restored platform states the same of that time.
                assert await authority(site) == ca
                old = verify_statement(before)
                check_signer(old, {ca})
                new = verify_statement(await report(site, since_us, backed_up_us))
                check_signer(new, {ca})
                assert new.content["totals"] == old.content["totals"]
            finally:
                await asyncio.to_thread(supervisor.stop)
