"""What the demonstration's machines are to do: shifts, the meaning of their states, planned times of their products."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING

from dualspan.analytics.v1 import calendars_pb2, states_pb2
from dualspan.analytics.v1.calendars_pb2_grpc import CalendarServiceStub
from dualspan.analytics.v1.states_pb2_grpc import StateServiceStub
from dualspan_cli.demo.places import PLACES
from dualspan_cli.demo.plants import SEED
from dualspan_cli.session import Session
from plc_sim.model.machine import Mode, Product
from plc_sim.model.schedule import COMMON_REASONS, MAINTENANCE_REASON, SETUP_REASON
from plc_sim.plants import curing, make_plant, moulding

if TYPE_CHECKING:  # exist in the stub files only
    from dualspan.analytics.v1.calendars_pb2_grpc import CalendarServiceAsyncStub
    from dualspan.analytics.v1.states_pb2_grpc import StateServiceAsyncStub

CALENDAR, _ZONE = "works", "Asia/Shanghai"
_SHIFTS = (("early", "06:00", "14:00"), ("late", "14:00", "22:00"), ("night", "22:00", "06:00"))
_PRODUCTS: Mapping[str, tuple[str, Sequence[Product]]] = {
    "moulding": ("injection-moulding-machine", moulding.PRODUCTS),
    "curing": ("tyre-curing-press", curing.PRODUCTS),
}
# These speak PackML: their states need no telling, what their reasons mean does.
_PACKML = (
    "packaging",
    ("depalletiser", "bottle-washer", "bottle-filler", "tunnel-pasteuriser", "bottle-labeller", "crate-packer"),
)


async def plan_production(session: Session) -> None:
    """Sets the calendar of all sites and the profiles of machines, unless somebody has set theirs.

    Args:
        session: Of somebody who may; the sites are there.
    """
    stub: CalendarServiceAsyncStub = CalendarServiceStub(session.analytics_channel)
    listing = calendars_pb2.ListCalendarsRequest(parent=session.tenant)
    if not (await stub.ListCalendars(listing)).calendars:
        await stub.UpdateCalendar(calendars_pb2.UpdateCalendarRequest(calendar=_calendar(session.tenant)))
    states: StateServiceAsyncStub = StateServiceStub(session.analytics_channel)
    profiles = await states.ListMachineProfiles(states_pb2.ListMachineProfilesRequest(parent=session.tenant))
    known = {model for each in profiles.machine_profiles for model in each.models}
    for plant, (model, products) in _PRODUCTS.items():
        if model not in known:
            profile = _profile(f"{session.tenant}/machineProfiles/{plant}", model, products)
            await states.UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=profile))
    plant, models = _PACKML
    if known.isdisjoint(models):
        profile = states_pb2.MachineProfile(name=f"{session.tenant}/machineProfiles/{plant}", models=models)
        profile.packml.SetInParent()
        profile.reasons.extend(_reasons(plant))
        await states.UpdateMachineProfile(states_pb2.UpdateMachineProfileRequest(machine_profile=profile))


def _calendar(tenant: str) -> calendars_pb2.Calendar:
    message = calendars_pb2.Calendar
    return message(
        name=f"{tenant}/calendars/{CALENDAR}",
        display_name="Three shifts",
        time_zone=_ZONE,
        shifts=[
            message.Shift(
                display_name=name, span=calendars_pb2.DailySpan(start=start, end=end, weekdays=list(range(1, 8)))
            )
            for name, start, end in _SHIFTS
        ],
        assets=[places[0].asset_id for places in PLACES.values()],
    )


def _profile(name: str, model: str, products: Sequence[Product]) -> states_pb2.MachineProfile:
    given = states_pb2.MachineProfile(name=name, models=[model], reasons=_reasons(name.rpartition("/")[2]))
    for mode in Mode:
        given.values.values.add(value=str(mode.value), state=mode.name.lower())
    for product in products:
        given.run_times.add(product=product.code).per_item.FromTimedelta(
            timedelta(seconds=product.cycle_s / product.units)
        )
    return given


def _reasons(plant: str) -> list[states_pb2.MachineProfile.Reason]:
    """What the numbers on the panels of a plant's machines mean."""
    own = {
        each.code: each.text for machine in make_plant(plant, SEED).machines for each in machine.timeline.model.reasons
    }
    message = states_pb2.MachineProfile.Reason
    planned = {SETUP_REASON: states_pb2.TIME_ELEMENT_SETUP, MAINTENANCE_REASON: states_pb2.TIME_ELEMENT_PLANNED_DOWN}
    return [
        message(code=str(code), display_name=text, element=planned.get(code, states_pb2.TIME_ELEMENT_UNSPECIFIED))
        for code, text in sorted({**own, **COMMON_REASONS}.items())
    ]
