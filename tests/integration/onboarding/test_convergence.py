"""Desired and observed meet, whatever happens on the way: the reconciler and the gateway against a plain model."""

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any, TypeVar

import grpc.aio
import pytest
from google.protobuf.empty_pb2 import Empty
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from dualspan.historian.v1.service_pb2 import RegisterTagsRequest, RetireTagsRequest
from dualspan_onboarding.clients import Historian, Identity
from dualspan_onboarding.model import (
    Configuration,
    GatewayReport,
    Limits,
    Session,
    TagReport,
    TagState,
    Timing,
    VariableChoice,
)
from dualspan_onboarding.names import GatewayName, ServerName, TagName
from dualspan_onboarding.service.reconciler import Reconciler
from dualspan_onboarding.service.tagging import Choice
from dualspan_onboarding.settings import OnboardingSettings
from harness.onboarding import UseCases, open_use_cases, variable

T = TypeVar("T")
NODES = [variable(n) for n in range(6)]
SERVERS = ("press-1", "press-2")
_tenants = (f"tenant-{n}" for n in count(1))


@dataclass
class Ledger:
    """What the other services were told; they can be away."""

    away: bool = False
    registered: set[int] = field(default_factory=set[int])
    retired: set[int] = field(default_factory=set[int])
    audited: int = 0
    monitored: set[int] = field(default_factory=set[int])
    # Raised here they would end in the reconciler's log: it carries on whatever happens.
    violations: list[str] = field(default_factory=list[str])

    def _check(self) -> None:
        if self.away:
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, grpc.aio.Metadata(), grpc.aio.Metadata())

    async def RegisterTags(self, request: RegisterTagsRequest) -> Empty:  # noqa: N802 - the contract's name
        self._check()
        if self.retired & {tag.tag_id for tag in request.tags}:
            self.violations.append("a retired tag was registered again")
        self.registered |= {tag.tag_id for tag in request.tags}
        return Empty()

    async def RetireTags(self, request: RetireTagsRequest) -> Empty:  # noqa: N802 - the contract's name
        self._check()
        if self.monitored & set(request.tag_ids):
            self.violations.append("a tag was retired that the gateway still sends")
        self.retired |= set(request.tag_ids)
        return Empty()

    async def RecordAuditEvent(self, _request: object) -> Empty:  # noqa: N802 - the contract's name
        self._check()
        self.audited += 1
        return Empty()


class Convergence(RuleBasedStateMachine):
    """One gateway with two servers; people, link, gateway and historian do what they like."""

    service_settings: OnboardingSettings

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        timing = Timing(retire_at_latest_after=timedelta(days=365))
        self.opened = open_use_cases(self.service_settings, Limits(), timing)
        self.use_cases: UseCases = self.run(self.opened.__aenter__())
        self.ledger = Ledger()
        stub: Any = self.ledger
        self.reconciler = Reconciler(
            self.use_cases.database, Identity(stub), Historian(stub), self.use_cases.browsing, timing
        )
        self.tenant = next(_tenants)
        self.wanted: dict[str, dict[str, int]] = {}
        self.session: Session | None = None
        self.told = 0
        self.in_force: Configuration | None = None

    def run(self, work: Awaitable[T]) -> T:
        async def main() -> T:
            return await work

        return self.runner.run(main())

    @initialize()
    def a_plant_runs(self) -> None:
        self.gateway: GatewayName = self.run(self.use_cases.gateway(self.tenant))
        self.gateway_connects()
        for server in SERVERS:
            self.connect_server(server)
            self.accept(server, {0, 1})
        self.reconcile()
        self.gateway_is_told()
        self.gateway_reports(complete=True)

    def name_of(self, server: str) -> ServerName:
        return ServerName(self.tenant, self.gateway.gateway, server)

    @precondition(lambda self: self.session is not None and len(self.wanted) < len(SERVERS))
    @rule(data=st.data())
    def connect_missing_server(self, data: st.DataObject) -> None:
        self.connect_server(data.draw(st.sampled_from(sorted(set(SERVERS) - set(self.wanted)))))

    def connect_server(self, server: str) -> None:
        assert self.session is not None
        name = self.run(self.use_cases.server(self.gateway, server))
        self.wanted[server] = {}
        self.run(self.use_cases.browsed(self.session, name, NODES))

    @precondition(lambda self: bool(self.wanted))
    @rule(data=st.data())
    def delete_server(self, data: st.DataObject) -> None:
        server = data.draw(st.sampled_from(sorted(self.wanted)))
        del self.wanted[server]
        self.run(self.use_cases.servers.delete(self.name_of(server)))

    @precondition(lambda self: bool(self.wanted))
    @rule(data=st.data(), nodes=st.sets(st.sampled_from(range(len(NODES))), min_size=1))
    def accept_some(self, data: st.DataObject, nodes: set[int]) -> None:
        self.accept(data.draw(st.sampled_from(sorted(self.wanted))), nodes)

    def accept(self, server: str, nodes: set[int]) -> None:
        chosen = [VariableChoice(NODES[n].node_id, None, None, 0, "") for n in nodes]
        accepted = self.run(self.use_cases.tagging.accept(self.name_of(server), Choice(chosen, "", None, None)))
        in_order = sorted((NODES[n] for n in nodes), key=lambda node: node.browse_path)
        self.wanted[server] |= {node.node_id: tag_id for node, tag_id in zip(in_order, accepted.tag_ids, strict=True)}

    @precondition(lambda self: any(self.wanted.values()))
    @rule(data=st.data())
    def delete_tag(self, data: st.DataObject) -> None:
        server = data.draw(st.sampled_from(sorted(s for s, tags in self.wanted.items() if tags)))
        node_id = data.draw(st.sampled_from(sorted(self.wanted[server])))
        tag_id = self.wanted[server].pop(node_id)
        self.run(self.use_cases.tagging.delete(self.tenant, [TagName(self.tenant, tag_id)]))

    @rule()
    def gateway_connects(self) -> None:
        revision = self.in_force.revision if self.in_force else 0
        self.session = self.run(self.use_cases.sessions.open(self.gateway, "1.0", revision))
        assert self.run(self.use_cases.gateways.get(self.gateway)).observed_revision <= revision
        self.told = 0

    @rule()
    def gateway_leaves(self) -> None:
        if self.session is not None:
            self.run(self.use_cases.sessions.close(self.session))
        self.session = None

    @rule()
    def gateway_is_replaced(self) -> None:
        self.gateway_leaves()
        self.in_force = None
        self.ledger.monitored = set()

    @rule(away=st.booleans())
    def others(self, away: bool) -> None:
        self.ledger.away = away

    @rule()
    def reconcile(self) -> None:
        self.run(self.reconciler.once())
        assert not self.ledger.violations

    @precondition(lambda self: self.session is not None)
    @rule()
    def gateway_is_told(self) -> None:
        assert self.session is not None
        configuration = self.run(self.use_cases.sessions.orders(self.session, self.told)).configuration
        if configuration is None:
            return
        tag_ids = {tag.tag_id for server in configuration.servers for tag in server.tags}
        assert tag_ids <= self.ledger.registered, "the gateway was told of a tag that the historian does not know"
        assert self.told < configuration.revision
        assert not tag_ids & self.ledger.retired, "the gateway was told of a retired tag"
        self.told, self.in_force = configuration.revision, configuration
        self.ledger.monitored = tag_ids

    @precondition(lambda self: self.session is not None and self.in_force is not None)
    @rule(complete=st.booleans())
    def gateway_reports(self, complete: bool) -> None:
        assert self.session is not None
        assert self.in_force is not None
        reports = [
            TagReport(tag.tag_id, TagState.ACTIVE, 0, "", 0) for server in self.in_force.servers for tag in server.tags
        ]
        self.run(
            self.use_cases.sessions.report_configuration(
                self.session, self.in_force.revision, reports, complete=complete
            )
        )

    @precondition(lambda self: self.session is not None)
    @rule(buffered=st.integers(0, 1))
    def gateway_says(self, buffered: int) -> None:
        assert self.session is not None
        self.run(self.use_cases.sessions.report(self.session, GatewayReport(buffered_frames=buffered), []))

    def teardown(self) -> None:
        try:
            if hasattr(self, "gateway"):
                self.meet()
        finally:
            self.run(self.opened.__aexit__(None, None, None))
            self.runner.close()

    def meet(self) -> None:
        """All are there again: after a few steps nothing is left to do."""
        self.ledger.away = False
        self.gateway_connects()
        for _ in range(2):
            self.reconcile()
            self.gateway_is_told()
            self.gateway_reports(complete=True)
            self.gateway_says(buffered=0)
        self.reconcile()
        wanted = {tag_id for tags in self.wanted.values() for tag_id in tags.values()}
        assert self.in_force is not None
        assert {server.server for server in self.in_force.servers} == set(self.wanted)
        assert {tag.tag_id for server in self.in_force.servers for tag in server.tags} == wanted
        assert self.ledger.registered - self.ledger.retired == wanted
        gateway = self.run(self.use_cases.gateways.get(self.gateway))
        assert gateway.desired_revision == gateway.observed_revision == self.in_force.revision
        for tag_id in wanted:
            assert self.run(self.use_cases.tagging.get(TagName(self.tenant, tag_id))).state is TagState.ACTIVE
        audited = self.ledger.audited
        self.reconcile()
        assert self.ledger.audited == audited, "there was nothing left to tell"


@pytest.mark.slow
def test_desired_and_observed_meet(onboarding_settings: OnboardingSettings) -> None:
    Convergence.service_settings = onboarding_settings
    run_state_machine_as_test(
        Convergence,
        settings=settings(
            max_examples=12,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
            derandomize=True,
            phases=[Phase.generate],  # each step is real work: a long example now is better than a short one in an hour
        ),
    )
