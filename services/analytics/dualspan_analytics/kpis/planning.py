"""From profiles, calendars and the asset tree to how each machine is computed. Pure."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from dualspan_analytics.assets import Asset, AssetTree
from dualspan_analytics.calendars.model import Calendar, Daily, Shift
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.expressions.parsing import parse
from dualspan_analytics.kpis.errors import no_states, unit_does_not_fit
from dualspan_analytics.kpis.machine import Plan, packml_values, state_values
from dualspan_analytics.kpis.profile import NONE, Counter, Profile, Source, check_states, states_of
from dualspan_analytics.states.model import PACKML, PACKML_WAYS_OUT, State, element_of
from dualspan_analytics.units import conversion
from dualspan_runtime.errors import DomainError, InvalidArgument

ALWAYS = Calendar("", "All day, UTC", "UTC", (Shift("day", Daily(0, 0, tuple(range(7)))),))
"""For assets without a calendar: planned operation time is all the time."""

_RECIPE = 9
"""Part of every digest: raised when the same inputs would give other sums."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine and how it is computed.

    Attributes:
        id: The asset's id.
        plan: From values to sums.
        calendar: When it is to run.
        refs: What is read.
        digest: Of everything that sums depend on besides samples and notes.
    """

    id: str
    plan: Plan
    calendar: Calendar
    refs: tuple[PropertyRef, ...]
    digest: bytes

    @property
    def states(self) -> tuple[PropertyRef, ...]:
        """Which of `refs` say what state it is in."""
        return tuple(PropertyRef(self.id, each.name, each.index) for each in self.plan.of_states)

    @property
    def counters(self) -> dict[PropertyRef, float]:
        """Which of `refs` count, and where each begins again with 0; 0: never."""
        return {PropertyRef(self.id, name): modulus for name, modulus in self.plan.counters.items()}


def machines_of(tree: AssetTree, assets: Sequence[str]) -> list[Asset]:
    """The machines among assets and below them, each once, in order of id; all machines if none is named.

    Raises:
        NotFound: There is no such asset.
    """
    tree.check_known(assets)
    found = {machine.id: machine for asset in assets or [""] for machine in tree.machines_under(asset)}
    return [found[machine] for machine in sorted(found)]


def planned(tree: AssetTree, asset: Asset, profiles: Sequence[Profile], calendars: Sequence[Calendar]) -> Machine:
    """How a machine is computed.

    Raises:
        FailedPrecondition: Nothing says what its states are, a property is not bound, or a meter counts no energy.
        InvalidArgument: Its profile names states that it does not have.
    """
    profile = profile_of(asset, profiles)
    source = _source(tree, asset, profile)
    if source is None:
        raise no_states(asset.id)
    plan = _plan(tree, asset, profile or Profile(""), source)
    refs = tuple(PropertyRef(asset.id, each.name, each.index) for each in plan.properties)
    bound = tree.bindings(refs)
    calendar = calendar_of(tree, asset, calendars)
    told = repr((_RECIPE, plan, calendar, [(ref, bound[ref]) for ref in refs]))
    return Machine(asset.id, plan, calendar, refs, hashlib.sha256(told.encode()).digest())


def profile_of(asset: Asset, profiles: Sequence[Profile]) -> Profile | None:
    """The first profile that names the machine, or else its model."""
    named = (profile for profile in profiles if asset.id in profile.assets)
    of_model = (profile for profile in profiles if asset.model in profile.models)
    return next(named, None) or next(of_model, None)


def calendar_of(tree: AssetTree, asset: Asset, calendars: Sequence[Calendar]) -> Calendar:
    """The calendar of the asset, or of the nearest above it."""
    for each in reversed(tree.path(asset.id)):
        for calendar in calendars:
            if each.id in calendar.assets:
                return calendar
    return ALWAYS


def _source(tree: AssetTree, asset: Asset, profile: Profile | None) -> Source | None:
    """Where states come from; without a profile a machine whose model has the states of PackML is understood."""
    model = tree.model_of(asset.id)
    if profile is not None:
        return profile.source
    packml = model is not None and {state.packml for state in model.states} >= {
        state.display_name for state in PACKML.values()
    }
    return Source("packml") if packml and _bound(tree, asset, "state") else None


def _plan(tree: AssetTree, asset: Asset, profile: Profile, source: Source) -> Plan:
    model = tree.model_of(asset.id)
    of_model = [] if model is None else [State(s.id, s.name, element_of(s.iso22400)) for s in model.states]
    states = states_of(profile, tuple(of_model))
    check_states(profile, states, asset.id)
    energy = _counter(tree, asset, profile.energy, "active-energy")
    good = _counter(tree, asset, profile.good, "good-count")
    total = Counter() if good.property else _counter(tree, asset, profile.total, "total-count")
    scrap, rework = _counter(tree, asset, profile.scrap, "scrap-count"), _counter(tree, asset, profile.rework, NONE)
    rate = _usual(tree, asset, profile.rate_property, "speed-setpoint")
    counted = (good.property or total.property, scrap.property, rework.property)
    unit = next(filter(None, (_unit(tree, asset, name) for name in counted)), "")
    return Plan(
        asset=asset.id,
        state_property="" if source.kind == "rules" else source.property or "state",
        values=_values(source, states, profile),
        rules=[(parse(rule.when), states[rule.state]) for rule in source.rules],
        otherwise=states.get(source.otherwise),
        reason_property=_usual(tree, asset, profile.reason_property, "stop-reason"),
        reasons={reason.code: reason for reason in profile.reasons},
        minor_stop_us=profile.minor_stop_us,
        good=good,
        scrap=scrap,
        rework=rework,
        total=total,
        energy=energy,
        unit=unit,
        factors=_factors(tree, asset, unit, (scrap.property, rework.property), rate, energy.property),
        product_property=_usual(tree, asset, profile.product_property, "product-code"),
        order_property=_usual(tree, asset, profile.order_property, "order-number"),
        run_times={each.product: each.per_item_us for each in profile.run_times},
        rate_property=rate,
        ways_out=_ways_out(source, profile),
    )


def _values(source: Source, states: dict[str, State], profile: Profile) -> dict[int | str, State]:
    if source.kind == "packml":
        return packml_values({state.id: state for state in profile.states})
    return state_values([(value.value, states[value.state]) for value in source.values])


def _ways_out(source: Source, profile: Profile) -> tuple[str, ...]:
    """Those of PackML that the profile says nothing else of."""
    own = {state.id for state in profile.states}
    return tuple(state for state in PACKML_WAYS_OUT if state not in own) if source.kind == "packml" else ()


def _bound(tree: AssetTree, asset: Asset, name: str) -> bool:
    return tree.is_bound(PropertyRef(asset.id, name))


def _usual(tree: AssetTree, asset: Asset, given: str, usual: str) -> str:
    """The property that is named, the usual one where it is bound, or "" for none."""
    if given == NONE:
        return ""
    return given or (usual if _bound(tree, asset, usual) else "")


def _counter(tree: AssetTree, asset: Asset, given: Counter, usual: str) -> Counter:
    return Counter(_usual(tree, asset, given.property, usual), given.modulus)


def _unit(tree: AssetTree, asset: Asset, name: str) -> str:
    return tree.unit(PropertyRef(asset.id, name)) if name else ""


def _factors(
    tree: AssetTree, asset: Asset, unit: str, counted: Sequence[str], rate: str, energy: str
) -> dict[str, float]:
    """What one unit of each property is in the unit of quantities, per hour of the rate, in kWh of the meter."""
    found = {name: _factor(tree, asset, name, f"quantity in {unit}", unit) for name in counted if name}
    if rate:
        found[rate] = _factor(tree, asset, rate, f"rate in {unit or 'items'} per time", f"{unit}/h", "/h")
    if energy:
        found[energy] = _factor(tree, asset, energy, "energy", "kW.h")
        if not _unit(tree, asset, energy):
            raise unit_does_not_fit(asset.id, energy, "", "energy")
    return found


def _factor(tree: AssetTree, asset: Asset, name: str, what: str, *wanted: str) -> float:
    """What one unit of a property is in the first unit that fits; without a unit of its own it is in that."""
    unit = _unit(tree, asset, name)
    for each in wanted if unit else ():
        try:
            return conversion(unit, each).factor
        except InvalidArgument:
            continue
    if unit:
        raise unit_does_not_fit(asset.id, name, unit, what)
    return 1.0


def all_planned(
    tree: AssetTree, assets: Sequence[Asset], profiles: Sequence[Profile], calendars: Sequence[Calendar]
) -> tuple[list[Machine], list[str]]:
    """How machines are computed, and the ids of those of which nothing says what their states are.

    Raises:
        FailedPrecondition: A property is not bound, or a meter counts no energy.
        InvalidArgument: A profile names states that its machine does not have.
    """
    found: list[Machine] = []
    skipped: list[str] = []
    for asset in assets:
        try:
            found.append(planned(tree, asset, profiles, calendars))
        except DomainError as err:
            if err.reason != "NO_MACHINE_PROFILE":
                raise
            skipped.append(asset.id)
    return found, skipped
