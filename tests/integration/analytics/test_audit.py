"""Who consented and who withdrew reaches the platform's audit log."""

import asyncio
from functools import partial

from integration.identity.running import identity_settings, run_identity
from pydantic import SecretStr

from dualspan.identity.v1.service_pb2 import ListAuditEventsRequest
from dualspan_analytics.migrations import MIGRATIONS
from dualspan_analytics.service.sharing import Sharing
from dualspan_analytics.settings import AnalyticsSettings
from dualspan_runtime.audit import Audit
from dualspan_runtime.channels import open_channel
from dualspan_runtime.database import Database
from harness.databases import ClonedDatabase


async def test_consent_and_withdrawal_are_in_the_audit_log(database: ClonedDatabase) -> None:
    stated = identity_settings(database)
    secret: SecretStr = stated.platform.service_secret
    settings = AnalyticsSettings.model_validate(
        {"database_url": database.service_url("analytics"), "platform": stated.platform}
    )
    async with run_identity(stated) as identity, Database.open(settings, schema=MIGRATIONS) as analytics:
        audit = Audit(analytics, partial(open_channel, identity.address, service="analytics", secret=secret))
        delivery = asyncio.create_task(audit.run())
        try:
            sharing = Sharing(analytics, audit)
            for granted in (True, True, False):
                await sharing.decide("acme", "oee", granted=granted)
            who = await identity.bearer()
            async with asyncio.timeout(20):
                while True:
                    request = ListAuditEventsRequest(parent="tenants/acme")
                    found = (await identity.stub.ListAuditEvents(request, metadata=who)).audit_events
                    told = [(each.action, each.resource) for each in found if each.action.startswith("sharing.")]
                    if len(told) >= 2:
                        break
                    await asyncio.sleep(0.05)
        finally:
            delivery.cancel()
            await asyncio.gather(delivery, return_exceptions=True)
        name = "tenants/acme/sharingConsents/oee"
        # Newest first; saying the same again is no event.
        assert told == [("sharing.withdraw", name), ("sharing.grant", name)]
        async with analytics.platform_transaction(readonly=True) as connection:
            assert await connection.fetchval("SELECT count(*) FROM audit_outbox") == 0
