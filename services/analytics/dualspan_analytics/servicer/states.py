"""StateService: what machines did, and why they stood."""

# ruff: noqa: N802 - the contract's names

import asyncio
from typing import Any

from google.protobuf.empty_pb2 import Empty
from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import states_pb2 as contract
from dualspan.analytics.v1 import states_pb2_grpc
from dualspan_analytics.kpis.planning import Machine
from dualspan_analytics.service.definitions import ProductionDefinitions
from dualspan_analytics.service.stops import Stops
from dualspan_analytics.servicer.production_mapping import (
    MACHINE_PROFILE,
    STOP_NOTE,
    element,
    read_profile,
    write_profile,
)
from dualspan_analytics.servicer.times import read_time, write_length, write_time
from dualspan_analytics.states.model import Element
from dualspan_analytics.states.timeline import Timeline
from dualspan_analytics.store.production import Note
from dualspan_runtime.names import TENANT
from dualspan_runtime.paging import PageRules, PageTokens

_PAGES = PageRules(default=100, maximum=1000)
_KEYS = {0: "reason", 1: "reason", 2: "state", 3: "asset", 4: "element"}
_FOREVER_US = 1 << 62


class StateServicer(states_pb2_grpc.StateServiceServicer):
    """See the contract.

    Args:
        definitions: Machine profiles among them.
        stops: Use cases around stops.
        tokens: Page tokens.
    """

    def __init__(self, definitions: ProductionDefinitions, stops: Stops, tokens: PageTokens) -> None:
        self._definitions = definitions
        self._stops = stops
        self._tokens = tokens

    async def GetMachineProfile(
        self, request: contract.GetMachineProfileRequest, context: Any
    ) -> contract.MachineProfile:
        """See the contract."""
        name = MACHINE_PROFILE.parse(request.name)
        found = await self._definitions.profiles.get(name["tenant"], name["machine_profile"])
        return write_profile(name["tenant"], found)

    async def ListMachineProfiles(
        self, request: contract.ListMachineProfilesRequest, context: Any
    ) -> contract.ListMachineProfilesResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListMachineProfiles", tenant)
        (after,) = self._tokens.read(request.page_token, query) or ("",)
        found = await self._definitions.profiles.page(tenant, str(after), size + 1)
        return contract.ListMachineProfilesResponse(
            machine_profiles=[write_profile(tenant, each) for each in found[:size]],
            next_page_token=self._tokens.write((found[size - 1].id,), query) if len(found) > size else "",
        )

    async def UpdateMachineProfile(
        self, request: contract.UpdateMachineProfileRequest, context: Any
    ) -> contract.MachineProfile:
        """See the contract."""
        given = read_profile(request.machine_profile)
        tenant = MACHINE_PROFILE.parse(request.machine_profile.name)["tenant"]
        return write_profile(tenant, await self._definitions.put_profile(tenant, given))

    async def DeleteMachineProfile(self, request: contract.DeleteMachineProfileRequest, context: Any) -> Empty:
        """See the contract."""
        name = MACHINE_PROFILE.parse(request.name)
        await self._definitions.profiles.delete(name["tenant"], name["machine_profile"])
        return Empty()

    async def CreateStopNote(self, request: contract.CreateStopNoteRequest, context: Any) -> contract.StopNote:
        """See the contract."""
        tenant, given = TENANT.parse(request.parent)["tenant"], request.stop_note
        span = read_time(given, "start_time"), read_time(given, "end_time")
        return _note(tenant, await self._stops.note(tenant, given.asset, *span, given.reason, given.comment))

    async def ListStopNotes(
        self, request: contract.ListStopNotesRequest, context: Any
    ) -> contract.ListStopNotesResponse:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        start = read_time(request, "start_time") if request.HasField("start_time") else 0
        end = read_time(request, "end_time") if request.HasField("end_time") else _FOREVER_US
        found = await self._stops.notes(tenant, request.asset, start, end)
        return contract.ListStopNotesResponse(stop_notes=[_note(tenant, each) for each in found])

    async def DeleteStopNote(self, request: contract.DeleteStopNoteRequest, context: Any) -> Empty:
        """See the contract."""
        name = STOP_NOTE.parse(request.name)
        await self._stops.forget(name["tenant"], int(name["stop_note"]))
        return Empty()

    async def ListStateIntervals(
        self, request: contract.ListStateIntervalsRequest, context: Any
    ) -> contract.ListStateIntervalsResponse:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        span = read_time(request, "start_time"), read_time(request, "end_time")
        machine, line = await self._stops.intervals(tenant, request.asset, *span)
        length = line.end - line.start
        known = int(length[line.element != Element.UNKNOWN].sum())
        return contract.ListStateIntervalsResponse(
            intervals=await asyncio.to_thread(intervals, machine, line), good_share=known / int(length.sum())
        )

    async def ListLosses(self, request: contract.ListLossesRequest, context: Any) -> contract.ListLossesResponse:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        span = read_time(request, "start_time"), read_time(request, "end_time")
        key = _KEYS.get(request.key, "reason")
        found = await self._stops.losses(tenant, request.assets, *span, key, planned=request.include_planned)
        table = found.pareto
        return contract.ListLossesResponse(
            losses=[
                contract.ListLossesResponse.Loss(
                    key=found.names[each][0],
                    display_name=found.names[each][1],
                    count=int(table.count[row]),
                    duration=write_length(int(table.duration[row])),
                    share=float(table.share[row]),
                    cumulative_share=float(table.cumulative[row]),
                )
                for row, each in enumerate(table.key.tolist())
            ],
            good_share=found.good_share,
            skipped_assets=found.skipped,
        )


def intervals(machine: Machine, line: Timeline) -> list[contract.StateInterval]:
    """The parts of a timeline as messages; takes a while for many: not for the event loop."""
    names = machine.plan.reasons
    codes = [line.reasons[each] for each in line.reason.tolist()]
    return [
        contract.StateInterval(
            start_time=write_time(begin),
            end_time=write_time(end),
            state=line.states[state].id,
            element=element(Element(counts)),
            reason=code,
            reason_text=names[code].display_name if code in names else "",
            by_hand=by_hand,
        )
        for begin, end, state, counts, code, by_hand in zip(
            line.start.tolist(),
            line.end.tolist(),
            line.state.tolist(),
            line.element.tolist(),
            codes,
            line.by_hand.tolist(),
            strict=True,
        )
    ]


def _note(tenant: str, given: Note) -> contract.StopNote:
    made = Timestamp()
    made.FromDatetime(given.create_time)
    return contract.StopNote(
        name=STOP_NOTE.format(tenant=tenant, stop_note=given.note_id),
        asset=given.asset,
        start_time=write_time(given.start_us),
        end_time=write_time(given.end_us),
        reason=given.reason,
        comment=given.comment,
        author=given.author,
        create_time=made,
    )
