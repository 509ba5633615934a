"""The second half: browsing, names for machines, tags, the stream, the proof."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING

import grpc

from dualspan.historian.v1 import service_pb2 as historian
from dualspan.identity.v1.service_pb2 import GetGatewayCaRequest
from dualspan.onboarding.v1 import budget_service_pb2 as budget
from dualspan.onboarding.v1 import completeness_pb2 as completeness
from dualspan.onboarding.v1 import mapping_service_pb2 as mapping
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan.onboarding.v1 import service_pb2 as service
from dualspan.onboarding.v1.budget_service_pb2_grpc import BudgetServiceStub
from dualspan.onboarding.v1.completeness_pb2_grpc import PlantReportServiceStub
from dualspan.onboarding.v1.mapping_service_pb2_grpc import MappingServiceStub
from dualspan_cli.authorities import remember_authority
from dualspan_cli.commands.onboarding.budget import print_load
from dualspan_cli.errors import CommandError
from dualspan_cli.onboarding import browse_server
from dualspan_cli.quickstart.stage import Stage
from dualspan_cli.quickstart.waiting import settled
from dualspan_cli.session import all_pages
from dualspan_cli.statements import Statement, check_signer, verify_statement
from dualspan_sdk import DualSpanError

if TYPE_CHECKING:
    from dualspan.onboarding.v1.budget_service_pb2_grpc import BudgetServiceAsyncStub
    from dualspan.onboarding.v1.completeness_pb2_grpc import PlantReportServiceAsyncStub
    from dualspan.onboarding.v1.mapping_service_pb2_grpc import MappingServiceAsyncStub
    from dualspan_cli.quickstart.talk import Step

_ALL = "/"
_PUBLISHING = timedelta(seconds=1)
_REPORT_S = 60.0
_SHOWN_MODELS = 5
_SHOWN_REFUSALS = 5
_RATE_S = 3.0
_TOO_MANY = "TOO_MANY_VARIABLES"
_LARGER_PLANT = (
    "left out: there are more variables than one proposal looks at. Name a part at a time: "
    "dualspan onboarding mapping propose --prefix"
)


class Flowing(Stage):
    """Brings a connected server to named assets and proven data."""

    async def browse(self) -> None:
        """What the server has."""
        with self._talk.step("browse", "Browse") as step:
            name = self._reached.server
            found = await browse_server(self._session, name, "", lambda nodes: step.progress(f"{nodes} nodes"))
            self._reached.variables = found.variables
            step.outcome = f"{found.variables} variables among {found.nodes} nodes"
        for warning in found.warnings:
            self._talk.tell(warning)

    async def name_machines(self) -> None:
        """Assets for machines that are recognized, with their properties bound."""
        stub: MappingServiceAsyncStub = MappingServiceStub(self._session.onboarding_channel)
        with self._talk.step("propose", "Recognize machines") as step:
            request = mapping.ProposeMappingRequest(server=self._reached.server)
            try:
                proposal = await stub.ProposeMapping(request)
            except grpc.aio.AioRpcError as err:
                if DualSpanError.from_rpc(err).reason != _TOO_MANY:
                    raise
                step.outcome = _LARGER_PLANT
                return
            listing = mapping.ListMappingGroupsRequest(parent=proposal.name, page_size=200)
            groups = await all_pages(stub.ListMappingGroups, listing, lambda page: page.groups)
            step.outcome = _proposed(proposal, groups)
        fresh = [group for group in groups if not group.asset and any(match.sure for match in group.matches)]
        if not fresh or not self._talk.choose(f"Make {len(fresh)} assets of them?", proposed=True):
            return
        with self._talk.step("apply", "Name them") as step:
            choice = mapping.MappingChoice(
                groups=[group.group for group in fresh], accept_over_budget=self._plan.accept_over_budget
            )
            apply = mapping.ApplyMappingRequest(name=proposal.name, choice=choice)
            applied = await stub.ApplyMapping(apply, timeout=_REPORT_S)
            self._reached.assets, self._reached.bindings = applied.assets, applied.bindings
            step.outcome = f"{applied.assets} assets with {applied.bindings} properties, {applied.tags} tags"
        self._talk.tell(f"undo with `dualspan onboarding mapping undo {applied.name.rpartition('/')[2]}`")

    async def accept(self) -> None:
        """Tags of everything that can be read, if the server bears it."""
        if not await self._bearable():
            return
        with self._talk.step("accept", "Accept the variables") as step:
            request = service.AcceptVariablesRequest(
                server=self._reached.server,
                browse_path_prefix=_ALL,
                accept_over_budget=self._plan.accept_over_budget,
            )
            request.publishing_interval.FromTimedelta(_PUBLISHING)
            answer = await self._session.onboarding.AcceptVariables(request, timeout=_REPORT_S)
            step.outcome = f"{answer.created} more tags, {answer.existing} were there"

    async def _bearable(self) -> bool:
        stub: BudgetServiceAsyncStub = BudgetServiceStub(self._session.onboarding_channel)
        request = budget.EstimateLoadRequest(server=self._reached.server, browse_path_prefix=_ALL)
        request.publishing_interval.FromTimedelta(_PUBLISHING)
        load = await stub.EstimateLoad(request)
        if load.within_budget or self._plan.accept_over_budget:
            return self._talk.choose("Store all other readable variables too?", proposed=True)
        print_load(load)
        raise CommandError(
            "OVER_BUDGET",
            "The server would bear more load than it states or its profile allows. Choose variables with "
            "`dualspan gateways accept`, or say --accept-over-budget.",
        )

    async def stream(self) -> None:
        """Wait until every tag is confirmed and samples are stored; then count them for some seconds."""
        with self._talk.step("subscribe", "Subscribe") as step:
            tags = await self._until_confirmed(step)
            refused = [tag for tag in tags if tag.state == resources.TAG_STATE_REFUSED]
            self._reached.tags, self._reached.refused = len(tags) - len(refused), len(refused)
            step.outcome = f"{self._reached.tags} variables are recorded"
        for tag in refused[:_SHOWN_REFUSALS]:
            self._talk.tell(f"refused: {tag.browse_path}: {tag.state_detail}")
        if not self._reached.tags:
            raise CommandError("NOTHING_STREAMS", "The server refused every variable; the lines above say why.")
        with self._talk.step("stream", "Stream") as step:
            rate = await self._rate(step)
            self._reached.samples_per_second = round(rate, 1)
            step.outcome = f"{rate:,.0f} samples per second are stored"

    async def _until_confirmed(self, step: Step) -> list[resources.Tag]:
        found: list[resources.Tag] = []

        async def state() -> tuple[bool, str]:
            request = service.ListTagsRequest(parent=self._tenant, server=self._reached.server, page_size=10_000)
            call = self._session.onboarding.ListTags
            found[:] = await all_pages(call, request, lambda page: page.tags)
            confirmed = sum(tag.state != resources.TAG_STATE_PENDING for tag in found)
            return confirmed == len(found), f"{confirmed} of {len(found)}"

        await settled(
            state, step, "the gateway to subscribe", "Look at the server with `dualspan gateways servers list`."
        )
        return found

    async def _rate(self, step: Step) -> float:
        first, begin = await self._stored(), time.monotonic()

        async def some() -> tuple[bool, str]:
            now = await self._stored()
            enough = now > first and time.monotonic() - begin >= _RATE_S
            return enough, f"{now - first} samples"

        await settled(some, step, "the first samples", "Look at the gateway with `dualspan onboarding gateways`.")
        return (await self._stored() - first) / (time.monotonic() - begin)

    async def _stored(self) -> int:
        request = historian.GetStorageStatisticsRequest(parent=self._tenant)
        statistics = await self._session.historian.GetStorageStatistics(request)
        return int(statistics.committed_samples)

    async def prove(self) -> Statement:
        """A signed report of what has streamed since every tag was confirmed, verified here as anyone can.

        Raises:
            CommandError: The gateway does not tell how far it is, or the report is not what it should be.
        """
        begin = time.time()
        with self._talk.step("prove", "Prove it") as step:
            step.progress(f"{self._plan.prove_seconds:.0f} s of the stream")
            await asyncio.sleep(self._plan.prove_seconds)
            end = time.time() - 1.0
            envelope = await self._told(begin, max(end, begin + 1.0), step)
            ca = await self._session.identity.GetGatewayCa(GetGatewayCaRequest())
            statement = verify_statement(envelope)
            check_signer(statement, {ca.fingerprint_sha256})
            remember_authority(self._plan.settings, ca.fingerprint_sha256)
            self._plan.report.write_bytes(envelope)
            totals = statement.content["totals"]
            self._reached.report, self._reached.complete_tags = str(self._plan.report), int(totals["complete_tags"])
            step.outcome = (
                f"{totals['complete_tags']} of {totals['tags']} tags complete, {totals['received_samples']} samples; "
                f"signed, written to {self._plan.report}"
            )
        self._talk.tell(f"verify it here: dualspan verify-report {self._plan.report}")
        self._talk.tell(f"anywhere else, with --fingerprint {ca.fingerprint_sha256}")
        return statement

    async def _told(self, begin: float, end: float, step: Step) -> bytes:
        """The report, once the gateway has told of the whole period."""
        stub: PlantReportServiceAsyncStub = PlantReportServiceStub(self._session.onboarding_channel)
        request = completeness.CreatePlantReportRequest(parent=self._tenant, server=self._reached.server)
        request.start_time.FromMicroseconds(int(begin * 1e6))
        request.end_time.FromMicroseconds(int(end * 1e6))
        envelopes: list[bytes] = []

        async def state() -> tuple[bool, str]:
            answer = await stub.CreatePlantReport(request, timeout=_REPORT_S)
            envelopes[:] = [answer.envelope]
            pending = answer.totals.pending_time.ToTimedelta()
            return not pending, "the gateway has still to tell of a part"

        await settled(state, step, "the gateway to tell of the whole period", "It tells every few seconds; try again.")
        return envelopes[0]


def _proposed(proposal: mapping.MappingProposal, groups: list[mapping.MappingGroup]) -> str:
    """Such as `10 machines: 10 injection-moulding-machine; 320 of 410 variables are recognized, 300 for sure`."""
    models = Counter(group.model for group in groups if group.model).most_common(_SHOWN_MODELS)
    kinds = ", ".join(f"{count} × {model}" for model, count in models)
    return (
        f"{proposal.groups} machines{': ' if kinds else ''}{kinds}; {proposal.matched} of {proposal.variables} "
        f"variables are recognized, {proposal.sure} for sure"
    )
