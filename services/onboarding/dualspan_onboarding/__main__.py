"""The composition root of the onboarding service."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from google.longrunning.operations_pb2_grpc import add_OperationsServicer_to_server
from grpc.aio import Channel

from dualspan.historian.v1.completeness_pb2_grpc import CompletenessServiceStub
from dualspan.historian.v1.coverage_pb2_grpc import CoverageServiceStub
from dualspan.historian.v1.service_pb2_grpc import HistorianServiceStub
from dualspan.identity.v1.service_pb2_grpc import IdentityServiceStub
from dualspan.onboarding.v1.asset_service_pb2_grpc import add_AssetServiceServicer_to_server
from dualspan.onboarding.v1.budget_service_pb2_grpc import add_BudgetServiceServicer_to_server
from dualspan.onboarding.v1.completeness_pb2_grpc import add_PlantReportServiceServicer_to_server
from dualspan.onboarding.v1.discovery_pb2_grpc import add_DiscoveryServiceServicer_to_server
from dualspan.onboarding.v1.fleet_pb2_grpc import add_FleetServiceServicer_to_server
from dualspan.onboarding.v1.gateway_service_pb2_grpc import (
    add_EnrolmentServiceServicer_to_server,
    add_GatewayServiceServicer_to_server,
)
from dualspan.onboarding.v1.mapping_service_pb2_grpc import add_MappingServiceServicer_to_server
from dualspan.onboarding.v1.notice_pb2_grpc import add_NoticeServiceServicer_to_server
from dualspan.onboarding.v1.result_tags_pb2_grpc import add_ResultTagServiceServicer_to_server
from dualspan.onboarding.v1.sampling_service_pb2_grpc import add_SamplingServiceServicer_to_server
from dualspan.onboarding.v1.service_pb2_grpc import add_OnboardingServiceServicer_to_server
from dualspan.onboarding.v1.snapshot_service_pb2_grpc import add_SnapshotServiceServicer_to_server
from dualspan.onboarding.v1.transfer_pb2_grpc import add_TransferServiceServicer_to_server
from dualspan.onboarding.v1.trust_pb2_grpc import add_TrustServiceServicer_to_server
from dualspan.onboarding.v1.writes_pb2_grpc import add_WriteServiceServicer_to_server
from dualspan_onboarding.clients import Coverage, Historian, Identity
from dualspan_onboarding.migrations import MIGRATIONS
from dualspan_onboarding.model import Limits, Timing
from dualspan_onboarding.service.asset_models import AssetModels
from dualspan_onboarding.service.assets import Assets
from dualspan_onboarding.service.browsing import Browsing
from dualspan_onboarding.service.budget import Budgets
from dualspan_onboarding.service.calendar import Calendar
from dualspan_onboarding.service.commands import Commands
from dualspan_onboarding.service.comparing import Comparing
from dualspan_onboarding.service.connection_tests import ConnectionTests
from dualspan_onboarding.service.discovery import Discovery
from dualspan_onboarding.service.enrolment import Enrolment
from dualspan_onboarding.service.evidence import count_plants
from dualspan_onboarding.service.fleet import Fleet
from dualspan_onboarding.service.fleet_metrics import FleetMetrics
from dualspan_onboarding.service.gateways import Gateways
from dualspan_onboarding.service.mapping import Mappings
from dualspan_onboarding.service.mapping_changes import MappingChanges
from dualspan_onboarding.service.notices import Notices
from dualspan_onboarding.service.plant_reports import PlantReports
from dualspan_onboarding.service.push import TrustPushes
from dualspan_onboarding.service.reconciler import Reconciler
from dualspan_onboarding.service.results import Results
from dualspan_onboarding.service.sampling import Sampling
from dualspan_onboarding.service.servers import Servers
from dualspan_onboarding.service.sessions import Sessions
from dualspan_onboarding.service.tagging import Tagging
from dualspan_onboarding.service.transfer import Transfers
from dualspan_onboarding.service.trust import Trust
from dualspan_onboarding.service.waiting import WaitingVariables
from dualspan_onboarding.service.wakeups import Wakeups
from dualspan_onboarding.service.write_guards import WriteGuards
from dualspan_onboarding.service.writing import Writing
from dualspan_onboarding.servicer.assets import AssetServicer
from dualspan_onboarding.servicer.discovery import DiscoveryServicer
from dualspan_onboarding.servicer.fleet import FleetServicer
from dualspan_onboarding.servicer.gateway import EnrolmentServicer, GatewayServicer
from dualspan_onboarding.servicer.mappings import MappingServicer
from dualspan_onboarding.servicer.notices import NoticeServicer
from dualspan_onboarding.servicer.onboarding import OnboardingServicer
from dualspan_onboarding.servicer.plant_reports import PlantReportServicer
from dualspan_onboarding.servicer.results import ResultTagServicer
from dualspan_onboarding.servicer.sampling import BudgetServicer, SamplingServicer
from dualspan_onboarding.servicer.snapshots import SnapshotServicer
from dualspan_onboarding.servicer.transfer import TransferServicer
from dualspan_onboarding.servicer.trust import TrustServicer
from dualspan_onboarding.servicer.writes import WriteServicer
from dualspan_onboarding.settings import OnboardingSettings
from dualspan_onboarding.vault import Vault
from dualspan_runtime.channels import open_channel
from dualspan_runtime.database import Database
from dualspan_runtime.operations import OperationsServicer, OperationStore
from dualspan_runtime.paging import PageTokens
from dualspan_runtime.server import Binding, Listener, Server, serve, start_server
from dualspan_runtime.settings import read_settings
from dualspan_runtime.status import Status
from dualspan_runtime.trust import IdentityTrust


@dataclass(frozen=True, slots=True)
class _Parts:
    """What the servicers share; each is there once, so that all of them see the same state."""

    database: Database
    identity: Identity
    to_historian: Channel
    timing: Timing
    limits: Limits
    operations: OperationStore
    vault: Vault
    tokens: PageTokens
    gateways: Gateways
    enrolment: Enrolment
    browsing: Browsing
    commands: Commands
    notices: Notices
    trust: Trust
    calendar: Calendar
    tagging: Tagging
    wakeups: Wakeups
    writing: Writing
    budgets: Budgets


def _parts(
    settings: OnboardingSettings,
    database: Database,
    identity: Identity,
    to_historian: Channel,
    timing: Timing,
    limits: Limits,
) -> _Parts:
    secret = settings.platform.service_secret.get_secret_value()
    operations, vault, gateways = OperationStore(), Vault(secret), Gateways(database, timing)
    commands = Commands(database, operations, vault, timing)
    return _Parts(
        database=database,
        identity=identity,
        to_historian=to_historian,
        timing=timing,
        limits=limits,
        operations=operations,
        vault=vault,
        tokens=PageTokens(secret),
        gateways=gateways,
        enrolment=Enrolment(database, gateways, identity, settings.addresses),
        browsing=Browsing(database, operations, limits, timing),
        commands=commands,
        notices=Notices(database),
        trust=Trust(database),
        calendar=Calendar(database, identity, timing),
        tagging=Tagging(database, limits),
        wakeups=Wakeups(database, timing.session_poll),
        writing=Writing(database, commands),
        budgets=Budgets(database, commands),
    )


def _for_connections(parts: _Parts) -> list[Binding]:
    """Gateways and servers: what there is, how it is reached, who trusts whom, what a person must look at."""
    database, commands, gateways, tokens = parts.database, parts.commands, parts.gateways, parts.tokens
    people = OnboardingServicer(
        gateways=gateways,
        enrolment=parts.enrolment,
        servers=Servers(database, parts.vault, parts.browsing, commands, parts.limits),
        browsing=parts.browsing,
        tagging=parts.tagging,
        tokens=tokens,
    )
    tests = ConnectionTests(database, commands, gateways, parts.vault)
    discovery = DiscoveryServicer(Discovery(database, commands, gateways), tests, tokens)
    trust = TrustServicer(parts.trust, parts.calendar, TrustPushes(database, commands), tokens)
    fleet = FleetServicer(Fleet(database, gateways, parts.enrolment), tokens)
    return [
        Binding(add_OnboardingServiceServicer_to_server, people),
        Binding(add_NoticeServiceServicer_to_server, NoticeServicer(parts.notices, tokens)),
        Binding(add_TrustServiceServicer_to_server, trust),
        Binding(add_DiscoveryServiceServicer_to_server, discovery),
        Binding(add_FleetServiceServicer_to_server, fleet),
        Binding(add_OperationsServicer_to_server, OperationsServicer(database, parts.operations, tokens)),
    ]


def _for_tags(parts: _Parts) -> list[Binding]:
    """Tags: what a server offers, what is sampled and how, what it means, how complete it is, what is written."""
    database, commands, tagging, tokens = parts.database, parts.commands, parts.tagging, parts.tokens
    transfers = TransferServicer(Transfers(database, parts.vault, parts.limits))
    reports = PlantReports(database, CompletenessServiceStub(parts.to_historian))
    assets = AssetServicer(AssetModels(database), Assets(database), tokens)
    changes = MappingChanges(database, tagging)
    mappings = MappingServicer(Mappings(database), changes, tokens)
    results = Results(database, Historian(HistorianServiceStub(parts.to_historian)))
    writes = WriteServicer(WriteGuards(database), parts.writing, tokens)
    return [
        Binding(add_SnapshotServiceServicer_to_server, SnapshotServicer(Comparing(database), tokens)),
        Binding(add_BudgetServiceServicer_to_server, BudgetServicer(parts.budgets, tagging, changes, tokens)),
        Binding(add_SamplingServiceServicer_to_server, SamplingServicer(Sampling(database, commands))),
        Binding(add_TransferServiceServicer_to_server, transfers),
        Binding(add_WriteServiceServicer_to_server, writes),
        Binding(add_PlantReportServiceServicer_to_server, PlantReportServicer(reports)),
        Binding(add_AssetServiceServicer_to_server, assets),
        Binding(add_MappingServiceServicer_to_server, mappings),
        Binding(add_ResultTagServiceServicer_to_server, ResultTagServicer(results, tokens)),
    ]


def _for_gateways(parts: _Parts) -> Binding:
    coverage = Coverage(CoverageServiceStub(parts.to_historian))
    servicer = GatewayServicer(
        enrolment=parts.enrolment,
        sessions=Sessions(parts.database, parts.gateways, parts.vault, parts.commands, coverage),
        browsing=parts.browsing,
        commands=parts.commands,
        notices=parts.notices,
        trust=parts.trust,
        wakeups=parts.wakeups,
        timing=parts.timing,
    )
    return Binding(add_GatewayServiceServicer_to_server, servicer)


def _reconciler(parts: _Parts) -> Reconciler:
    historian = Historian(HistorianServiceStub(parts.to_historian))
    sweeps = [
        parts.commands.give_up_overdue,
        parts.calendar.watch,
        parts.calendar.watch_authority,
        WaitingVariables(parts.database, parts.limits).settle,
        parts.writing.expire,
        parts.writing.forget_old,
        parts.budgets.read_unknown,
    ]
    return Reconciler(parts.database, parts.identity, historian, parts.browsing, parts.timing, sweeps=sweeps)


def _listeners(settings: OnboardingSettings, parts: _Parts) -> list[Listener]:
    enrolment = Binding(add_EnrolmentServiceServicer_to_server, EnrolmentServicer(parts.enrolment))
    return [
        Listener.people(settings, [*_for_connections(parts), *_for_tags(parts)]),
        Listener.gateways(settings, [_for_gateways(parts)]),
        Listener.enrolment(settings, settings.enrol_listen, [enrolment]),
    ]


@asynccontextmanager
async def build(
    settings: OnboardingSettings, *, timing: Timing | None = None, limits: Limits | None = None
) -> AsyncGenerator[Server]:
    platform = settings.platform
    connect = partial(open_channel, service="onboarding", secret=platform.service_secret)
    async with (
        Database.open(settings, schema=MIGRATIONS) as database,
        IdentityTrust.open(platform, service="onboarding") as trust,
        connect(platform.identity_address) as to_identity,
        connect(platform.historian_address) as to_historian,
    ):
        identity = Identity(IdentityServiceStub(to_identity))
        parts = _parts(settings, database, identity, to_historian, timing or Timing(), limits or Limits())
        background = [parts.wakeups.run, partial(_reconciler(parts).run, parts.wakeups)]
        status = Status("onboarding", database, platform, evidence=count_plants)
        fleet = FleetMetrics(database, (timing or Timing()).offline_after)
        async with start_server(
            "onboarding",
            settings,
            trust=trust,
            listeners=_listeners(settings, parts),
            background=background,
            status=status,
            readings=[fleet.read],
        ) as server:
            yield server


async def main() -> None:
    await serve("onboarding", read_settings(OnboardingSettings), build)


if __name__ == "__main__":
    asyncio.run(main())
