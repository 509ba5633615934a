from typing import Any

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.historian.v1.service_pb2 import RegisterTagsRequest
from dualspan.identity.v1.service_pb2 import RecordAuditEventRequest
from dualspan_onboarding.clients import Historian, Identity
from dualspan_onboarding.model import Timing
from dualspan_onboarding.names import ServerName
from dualspan_onboarding.service.reconciler import Reconciler
from dualspan_onboarding.service.tagging import Choice
from dualspan_runtime.database import Database
from harness.onboarding import UseCases, everything, variable


class Others:
    """The other services, in process: each call can be made to fail for one tenant or one action."""

    def __init__(self) -> None:
        self.refuses = ""
        self.away = ""
        self.registered: list[int] = []
        self.revoked: list[str] = []
        self.actions: list[str] = []

    def _check(self, what: str) -> None:
        if what == self.refuses:
            raise failure(grpc.StatusCode.INVALID_ARGUMENT)
        if what == self.away:
            raise failure(grpc.StatusCode.UNAVAILABLE)

    async def RegisterTags(self, request: RegisterTagsRequest) -> Empty:  # noqa: N802 - the contract's name
        self._check(request.parent)
        self.registered += [tag.tag_id for tag in request.tags]
        return Empty()

    async def RevokeGatewayCertificates(self, request: Any) -> Empty:  # noqa: N802 - the contract's name
        self._check(request.gateway)
        self.revoked.append(request.gateway)
        return Empty()

    async def RecordAuditEvent(self, request: RecordAuditEventRequest) -> Empty:  # noqa: N802 - the contract's name
        self._check(request.audit_event.action)
        self.actions.append(request.audit_event.action)
        return Empty()


def failure(code: grpc.StatusCode) -> grpc.aio.AioRpcError:
    return grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata())


def reconciler(use_cases: UseCases, others: Any) -> Reconciler:
    return Reconciler(use_cases.database, Identity(others), Historian(others), use_cases.browsing, Timing())


async def leases_over(database: Database) -> None:
    async with database.platform_transaction() as connection:
        await connection.execute("UPDATE audit_outbox SET leased_until = now() - interval '1 second'")


async def test_one_tenant_that_is_refused_stalls_no_other(use_cases: UseCases) -> None:
    ids: dict[str, tuple[int, ...]] = {}
    for tenant in ("acme", "rival"):
        gateway = await use_cases.gateway(tenant)
        server: ServerName = await use_cases.server(gateway)
        session = await use_cases.sessions.open(gateway, "1.0", 0)
        await use_cases.browsed(session, server, [variable(1)])
        ids[tenant] = (await use_cases.tagging.accept(server, everything())).tag_ids
    others = Others()
    others.refuses = "tenants/acme"
    await reconciler(use_cases, others).once()
    assert others.registered == list(ids["rival"])
    others.refuses = ""
    await reconciler(use_cases, others).once()
    assert sorted(others.registered) == sorted(ids["acme"] + ids["rival"])


async def test_more_tags_than_one_call_takes_are_told_in_several(use_cases: UseCases) -> None:
    _, server = await use_cases.plant([variable(n) for n in range(10_050)])
    await use_cases.tagging.accept(server, Choice((), "/", None, None))
    others = Others()
    await reconciler(use_cases, others).once()
    assert len(others.registered) == len(set(others.registered)) == 10_050
    await reconciler(use_cases, others).once()
    assert len(others.registered) == 10_050, "what is known is not told again"


async def test_an_audit_event_that_is_refused_waits_and_the_others_go(use_cases: UseCases) -> None:
    await use_cases.server(await use_cases.gateway())
    others = Others()
    others.refuses = "gateway.create"
    await reconciler(use_cases, others).once()
    assert others.actions == ["server.create"]
    others.refuses = ""
    await leases_over(use_cases.database)
    await reconciler(use_cases, others).once()
    assert others.actions == ["server.create", "gateway.create"]


async def test_audit_events_outlast_an_identity_that_is_away(use_cases: UseCases) -> None:
    await use_cases.server(await use_cases.gateway())
    others = Others()
    others.away = "gateway.create"
    await reconciler(use_cases, others).once()
    assert others.actions == []
    others.away = ""
    await leases_over(use_cases.database)
    await reconciler(use_cases, others).once()
    assert others.actions == ["gateway.create", "server.create"], "in the order in which they happened"


async def test_a_revocation_is_carried_out_once_and_tried_until_it_is(use_cases: UseCases) -> None:
    one, two = await use_cases.gateway(), await use_cases.gateway(gateway="g2")
    await use_cases.gateways.revoke(one, "stolen")
    await use_cases.gateways.revoke(two, "stolen")
    others = Others()
    others.away = str(one)
    await reconciler(use_cases, others).once()
    assert others.revoked == [str(two)]
    assert (await use_cases.gateways.get(one)).revocation_confirmed_at is None
    others.away = ""
    for _ in range(2):
        await reconciler(use_cases, others).once()
    assert others.revoked == [str(two), str(one)]
