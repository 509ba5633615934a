"""The composition root of the onboarding service."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import partial

from google.longrunning.operations_pb2_grpc import add_OperationsServicer_to_server

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
from dualspan_onboarding.service.fleet import Fleet
from dualspan_onboarding.service.gateways import Gateways
from dualspan_onboarding.service.mapping import Mappings
from dualspan_onboarding.service.mapping_changes import MappingChanges
from dualspan_onboarding.service.notices import Notices
from dualspan_onboarding.service.plant_reports import PlantReports
from dualspan_onboarding.service.push import TrustPushes
from dualspan_onboarding.service.reconciler import Reconciler
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
from dualspan_runtime.trust import IdentityTrust


@asynccontextmanager
async def build(
    settings: OnboardingSettings, *, timing: Timing | None = None, limits: Limits | None = None
) -> AsyncGenerator[Server]:
    timing, limits = timing or Timing(), limits or Limits()
    platform, secret = settings.platform, settings.platform.service_secret.get_secret_value()
    connect = partial(open_channel, service="onboarding", secret=platform.service_secret)
    async with (
        Database.open(settings, schema=MIGRATIONS) as database,
        IdentityTrust.open(platform, service="onboarding") as trust,
        connect(platform.identity_address) as to_identity,
        connect(platform.historian_address) as to_historian,
    ):
        identity, historian = Identity(IdentityServiceStub(to_identity)), Historian(HistorianServiceStub(to_historian))
        operations, vault, tokens = OperationStore(), Vault(secret), PageTokens(secret)
        gateways = Gateways(database, timing)
        enrolment = Enrolment(database, gateways, identity, settings.addresses)
        browsing = Browsing(database, operations, limits, timing)
        commands = Commands(database, operations, vault, timing)
        notices, servers_trust = Notices(database), Trust(database)
        calendar = Calendar(database, identity, timing)
        tagging = Tagging(database, limits)
        wakeups = Wakeups(database, timing.session_poll)
        writing = Writing(database, commands)
        budgets = Budgets(database, commands)
        reconciler = Reconciler(
            database,
            identity,
            historian,
            browsing,
            timing,
            sweeps=[
                commands.give_up_overdue,
                calendar.watch,
                calendar.watch_authority,
                WaitingVariables(database, limits).settle,
                writing.expire,
                budgets.read_unknown,
            ],
        )
        for_people = OnboardingServicer(
            gateways=gateways,
            enrolment=enrolment,
            servers=Servers(database, vault, browsing, commands, limits),
            browsing=browsing,
            tagging=tagging,
            tokens=tokens,
        )
        for_gateways = GatewayServicer(
            enrolment=enrolment,
            sessions=Sessions(database, gateways, vault, commands, Coverage(CoverageServiceStub(to_historian))),
            browsing=browsing,
            commands=commands,
            notices=notices,
            trust=servers_trust,
            wakeups=wakeups,
            timing=timing,
        )
        for_budgets = BudgetServicer(budgets, tagging, tokens)
        for_sampling = SamplingServicer(Sampling(database, commands))
        for_transfers = TransferServicer(Transfers(database, vault, limits))
        for_trust = TrustServicer(servers_trust, calendar, TrustPushes(database, commands), tokens)
        for_discovery = DiscoveryServicer(
            Discovery(database, commands, gateways), ConnectionTests(database, commands, gateways, vault), tokens
        )
        reports = PlantReports(database, CompletenessServiceStub(to_historian))
        for_assets = AssetServicer(AssetModels(database), Assets(database), tokens)
        for_mappings = MappingServicer(Mappings(database), MappingChanges(database, tagging), tokens)
        for_writes = WriteServicer(WriteGuards(database), writing, tokens)
        for_fleet = FleetServicer(Fleet(database, gateways, enrolment), tokens)
        for_operations = OperationsServicer(database, operations, tokens)
        listeners = [
            Listener.people(
                settings,
                [
                    Binding(add_OnboardingServiceServicer_to_server, for_people),
                    Binding(add_NoticeServiceServicer_to_server, NoticeServicer(notices, tokens)),
                    Binding(add_TrustServiceServicer_to_server, for_trust),
                    Binding(add_SnapshotServiceServicer_to_server, SnapshotServicer(Comparing(database), tokens)),
                    Binding(add_BudgetServiceServicer_to_server, for_budgets),
                    Binding(add_SamplingServiceServicer_to_server, for_sampling),
                    Binding(add_TransferServiceServicer_to_server, for_transfers),
                    Binding(add_WriteServiceServicer_to_server, for_writes),
                    Binding(add_DiscoveryServiceServicer_to_server, for_discovery),
                    Binding(add_PlantReportServiceServicer_to_server, PlantReportServicer(reports)),
                    Binding(add_AssetServiceServicer_to_server, for_assets),
                    Binding(add_MappingServiceServicer_to_server, for_mappings),
                    Binding(add_FleetServiceServicer_to_server, for_fleet),
                    Binding(add_OperationsServicer_to_server, for_operations),
                ],
            ),
            Listener.gateways(settings, [Binding(add_GatewayServiceServicer_to_server, for_gateways)]),
            Listener.enrolment(
                settings,
                settings.enrol_listen,
                [Binding(add_EnrolmentServiceServicer_to_server, EnrolmentServicer(enrolment))],
            ),
        ]
        background = [wakeups.run, partial(reconciler.run, wakeups)]
        async with start_server(
            "onboarding", settings, trust=trust, listeners=listeners, background=background
        ) as server:
            yield server


async def main() -> None:
    await serve("onboarding", read_settings(OnboardingSettings), build)


if __name__ == "__main__":
    asyncio.run(main())
