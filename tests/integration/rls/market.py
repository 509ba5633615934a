"""What a tenant has in the marketplace: an example of each collection, made through the calls."""

import asyncpg
import grpc.aio
from integration.onboarding.running import TENANT

from dualspan.marketplace.v1 import apps_pb2, publishing_pb2
from dualspan.marketplace.v1.publishing_pb2_grpc import PublishingServiceStub
from harness.databases import ClonedDatabase
from harness.marketplace import manifest_of

IDS = {
    "apps": "theirs",
    "appVersions": "1.0.0",
    "listings": "theirs",
    "plans": "theirs",
    "publisher": "",
    "subscriptions": "theirs",
    "upgrades": "1",
    "baseline": "",
    "billingAccount": "",
    "statements": "1",
}
"""The id of the example of each collection."""


async def marketplace_of(channel: grpc.aio.Channel, who: grpc.aio.Metadata) -> dict[str, str]:
    """Makes the examples; returns all ids by collection."""
    stub = PublishingServiceStub(channel)
    publisher = apps_pb2.Publisher(
        name=f"{TENANT}/publisher", display_name=apps_pb2.MarketText(en="acme", zh="acme"), contact="ada@acme.example"
    )
    await stub.UpdatePublisher(publishing_pb2.UpdatePublisherRequest(publisher=publisher), metadata=who)
    create = publishing_pb2.CreateAppVersionRequest(
        parent=f"{TENANT}/apps/{IDS['apps']}",
        app_version_id=IDS["appVersions"],
        app_version=apps_pb2.AppVersion(manifest=manifest_of(IDS["apps"], IDS["appVersions"]) + "# of acme\n"),
    )
    await stub.CreateAppVersion(create, metadata=who)
    plan = apps_pb2.Plan(display_name=apps_pb2.MarketText(en="acme's plan", zh="acme"), model=apps_pb2.PLAN_MODEL_FREE)
    create_plan = publishing_pb2.CreatePlanRequest(parent=create.parent, plan_id=IDS["plans"], plan=plan)
    await stub.CreatePlan(create_plan, metadata=who)
    return IDS


# What the tenant used, and a statement of it.
_USAGE = """
SET search_path = marketplace;
INSERT INTO usage_event VALUES ('acme', 'theirs', 'read-requests', '2026-03-01T00:00Z', 'of acme', 7);
INSERT INTO usage_counter VALUES ('acme', 'theirs', 'of acme', 7, '2026-03-01T00:00Z');
INSERT INTO usage_baseline VALUES ('acme', 'theirs', 'acme-kpi', 28);
INSERT INTO billing_account VALUES ('acme', 'Asia/Shanghai', '2026-03-31T16:00Z', 2);
INSERT INTO statement VALUES ('acme', 1, '2026-02-28T16:00Z', '2026-03-31T16:00Z', 'Asia/Shanghai',
    '2026-04-01T16:00Z', 'acme');
INSERT INTO statement_line VALUES ('acme', 1, 1, 'usage', 'theirs', 'acme-app', 'acme-plan', 'asset-hours', 1, 1, 'h',
    1, 'CNY', 1, '2026-02-28T16:00Z', '2026-03-31T16:00Z', 'of acme', '');
INSERT INTO statement_comparison VALUES ('acme', 1, 'theirs', 'acme-app', 'acme-kpi', '%', 1, 1, '2026-01-31T16:00Z',
    '2026-02-28T16:00Z', 2, 1, '2026-02-28T16:00Z', '2026-03-31T16:00Z', '', 'of acme');
INSERT INTO adjustment VALUES ('acme', 'of-acme', 1, 'theirs', -1, 'CNY', 'of acme', '2026-04-02T00:00Z');
RESET search_path;
"""


async def subscription_of(database: ClonedDatabase) -> None:
    """A subscription of the tenant with a tag that is granted: as rows, because nothing is published here."""
    connection = await asyncpg.connect(database.admin_url)
    await connection.execute(
        """INSERT INTO marketplace.subscription (tenant_id, subscription_id, publisher, app_id, version, manifest,
            plan_id, max_assets, is_paid, trial_days, was_trial, configuration, state, generation, cause, reason,
            request_digest, scopes)
        VALUES ('acme', 'theirs', 'acme', 'theirs', '1.0.0', 'id: acme', 'acme', 0, false, 0, false, '{}', 'active',
            1, '', 'of acme', '', '{}')"""
    )
    await connection.execute(
        "INSERT INTO marketplace.granted_tag VALUES"
        " ('acme', 'theirs', 'machine', 'acme-press', 'state', 0, 1, 'int64', '', 1, 0)"
    )
    await connection.execute(
        "INSERT INTO marketplace.output_tag VALUES ('acme', 'theirs', 'acme-press', 'oee', 'float64', '%', 900001)"
    )
    await connection.execute(
        "INSERT INTO onboarding.result_tag (tenant_id, tag_id, subscription_id, asset_id, output, kind, unit)"
        " VALUES ('acme', 900001, 'theirs', 'acme-press', 'oee', 1, '%')"
    )
    await connection.execute(
        "INSERT INTO marketplace.deployment (tenant_id, subscription_id, words) VALUES ('acme', 'theirs', 'of acme')"
    )
    await connection.execute(
        """INSERT INTO marketplace.upgrade (tenant_id, subscription_id, number, phase, canary_id, snapshot,
            from_version, to_version, canary_seconds, operation, reason, settled)
        VALUES ('acme', 'theirs', 1, 'rolled-back', 'canary-1', '{"version": "1.0.0", "manifest": "id: acme",
            "scopes": [], "configuration": {}, "roles": {}, "grant": []}', '1.0.0', '1.1.0', 60, '', 'of acme', true)"""
    )
    await connection.execute(
        """INSERT INTO marketplace.access (tenant_id, subscription_id, actor, session, secret_digest, expire_time)
        VALUES ('acme', 'theirs', 'users/of-acme', '', 'x', now() + interval '1 hour')"""
    )
    await connection.execute(
        """INSERT INTO marketplace.trial (tenant_id, trial_id, app_id, version, operation, manifest, phase)
        VALUES ('acme', 'trial-1', 'theirs', '1.0.0', 'of acme', 'id: acme', 'done')"""
    )
    await connection.execute(
        """INSERT INTO marketplace.fulfilment_operation (tenant_id, operation_id, digest, subscription_id, action,
            state)
        VALUES ('acme', 'of-acme', '', 'theirs', 'suspend', 'suspended')"""
    )
    await connection.execute(
        "INSERT INTO marketplace.egress_refusal VALUES ('acme', 'theirs', 'of-acme.test', 443, 'of acme', now())"
    )
    await connection.execute(_USAGE)
    await connection.close()
