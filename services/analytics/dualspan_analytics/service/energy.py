"""Use cases: load profiles of assets, and what their energy was used for."""

import asyncio
import datetime as dt
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from dualspan_analytics.assets import AssetTree
from dualspan_analytics.calendars.expansion import periods
from dualspan_analytics.columns import PropertyRef, Series
from dualspan_analytics.energy.carbon import EmissionFactor, choose
from dualspan_analytics.energy.metering import Floats, Metered, Pieces, cut, from_counter, from_power
from dualspan_analytics.energy.profile import (
    LoadProfile,
    Shaving,
    added,
    interval_edges,
    load_profile,
    peaks,
    shaving,
)
from dualspan_analytics.energy.tariffs import Rated, Tariff, rated
from dualspan_analytics.energy.use import Use, demand_cost, use_of
from dualspan_analytics.intervals import Micros
from dualspan_analytics.kpis.counters import Increments, increments
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.counter_history import with_earlier
from dualspan_analytics.service.energy_definitions import EnergyDefinitions
from dualspan_runtime.errors import FailedPrecondition, InvalidArgument

ENERGY, POWER = "active-energy", "active-power"
QUARTER_US = 900_000_000
_LONGEST_US = 400 * 86_400_000_000
_AT_ONCE = 4
_MOST_PARTS = 5
_MOST_PEAKS = 100
_MOST_LIMITS = 20
_USUAL_LIMITS = (0.9, 0.8)
_UNTIL_NOW = "The span goes on after now; the figures are of what is over."


@dataclass(frozen=True, slots=True)
class Span:
    """Energy of which assets, and when.

    Attributes:
        asset: Id; "" for the enterprise.
        start_us: Begin, µs.
        end_us: End, µs.
        modulus: Where meters begin again with 0, in the unit of the property; 0: never.
        notes: What a reader must know of it.
    """

    asset: str
    start_us: int
    end_us: int
    modulus: float = 0.0
    notes: tuple[str, ...] = ()

    def check(self, now: int) -> "Span":
        """Return what of it is over; raises InvalidArgument if it cannot be, or nothing is."""
        if not self.start_us < self.end_us <= self.start_us + _LONGEST_US:
            raise InvalidArgument("INVALID_SPAN", "end_time must lie after start_time, by 400 days at the most.")
        if not (math.isfinite(self.modulus) and self.modulus >= 0):
            raise InvalidArgument("BAD_MODULUS", "The modulus must be a number, 0 or more.", field="modulus")
        if self.start_us >= now:
            raise InvalidArgument("INVALID_SPAN", "start_time lies after now; nothing was used yet.")
        return replace(self, end_us=min(self.end_us, now), notes=(_UNTIL_NOW,) if self.end_us > now else ())

    @property
    def ends(self) -> Micros:
        """Both ends, as edges."""
        return np.array([self.start_us, self.end_us], np.int64)


@dataclass(frozen=True, slots=True)
class Peak:
    """A high interval, and the machines that drew most in it."""

    interval: int
    power: float
    parts: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class Profiled:
    """A load profile and what follows from it."""

    profile: LoadProfile
    peaks: tuple[Peak, ...]
    shavings: tuple[Shaving, ...]
    total: float
    good_share: float
    assets: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def base_share(self) -> float:
        """Share of the base load in the energy; NaN if it is not known."""
        edges = self.profile.edges
        base = self.profile.base_load * float(edges[-1] - edges[0]) / 3_600_000_000
        return base / self.total if self.total > 0 else math.nan


@dataclass(frozen=True, slots=True)
class Used:
    """Energy by machine, and the sum.

    Attributes:
        uses: By asset, in order of id.
        total: Of the meters nearest to the asset that was asked for.
        tariff: What it costs, if one was named.
        demand: What the highest quarters of an hour cost besides; NaN without a tariff.
        factor: What it emits, if a region was named.
        notes: What a reader must know.
    """

    uses: Mapping[str, Use]
    total: Use
    tariff: Tariff | None
    demand: float
    factor: EmissionFactor | None
    notes: tuple[str, ...]


class EnergyUse:
    """The use cases of energy.

    Args:
        plant: Has assets and samples.
        definitions: Has tariffs and emission factors.
    """

    def __init__(self, plant: PlantData, definitions: EnergyDefinitions) -> None:
        self._plant = plant
        self._definitions = definitions

    async def profile(
        self, tenant: str, span: Span, interval_us: int, limits: Sequence[float], most_peaks: int
    ) -> Profiled:
        """Mean power by interval, base load, peaks, and what lower limits would have needed.

        Raises:
            NotFound: There is no such asset.
            InvalidArgument: The span or the interval cannot be.
            FailedPrecondition: Nothing meters the asset.
        """
        span = span.check(now_us())
        edges = interval_edges(span.start_us, span.end_us, interval_us or QUARTER_US)
        if len(limits) > _MOST_LIMITS or not all(math.isfinite(limit) for limit in limits):
            words = f"State {_MOST_LIMITS} limits at the most, as numbers of kW."
            raise InvalidArgument("BAD_LIMITS", words, field="limits")
        tree = await self._plant.assets(tenant)
        nearest, machines = _metered(tree, span.asset), _machines(tree, span.asset)
        meters = await self._meters(tenant, tree, list(dict.fromkeys([*nearest, *machines])), span, edges)
        whole = [meters[asset] for asset in nearest]
        profile = load_profile(edges, *added(whole, edges))
        wanted = limits or [profile.peak * share for share in _USUAL_LIMITS if math.isfinite(profile.peak)]
        energy, share = added(whole, span.ends)
        return Profiled(
            profile=profile,
            peaks=_peaks(profile, {asset: meters[asset] for asset in machines}, min(most_peaks, _MOST_PEAKS)),
            shavings=tuple(shaving(profile, limit) for limit in wanted),
            total=float(energy[0]),
            good_share=float(share[0]),
            assets=tuple(nearest),
            notes=(*span.notes, *(f"{asset}: {note}" for asset in nearest for note in meters[asset].notes)),
        )

    async def use(self, tenant: str, span: Span, tariff: str, region: str, unit_property: str) -> Used:
        """Energy by machine: per unit, by tariff period, with cost and carbon.

        Raises:
            NotFound: There is no such asset, tariff or emission factor.
            InvalidArgument: The span cannot be.
            FailedPrecondition: Nothing meters the asset.
        """
        span = span.check(now_us())
        priced = await self._definitions.tariff(tenant, tariff) if tariff else None
        factor = await self._factor(tenant, region, span.end_us) if region else None
        when = rated(priced, span.start_us, span.end_us) if priced else None
        quarters = interval_edges(span.start_us, span.end_us, QUARTER_US)
        edges = np.union1d(quarters, when.edges) if when else quarters
        tree = await self._plant.assets(tenant)
        nearest, machines = _metered(tree, span.asset), _machines(tree, span.asset)
        meters = await self._meters(tenant, tree, list(dict.fromkeys([*nearest, *machines])), span, edges)
        counted = await self._counted(tenant, tree, machines, span, unit_property)
        total = _sum([meters[asset] for asset in nearest], edges)

        def used(meter: Pieces, made: Increments | None) -> Use:
            ends = span.start_us, span.end_us
            return use_of(meter, *ends, tariff=priced, when=when, factor=factor, counted=made)

        return Used(
            uses={asset: used(meters[asset], counted.get(asset)) for asset in machines},
            total=used(total, None),
            tariff=priced,
            demand=_demand(priced, when, total, quarters) if priced and when else math.nan,
            factor=factor,
            notes=(*span.notes, *_notes(nearest, machines, factor, (span.start_us, span.end_us))),
        )

    async def _factor(self, tenant: str, region: str, end_us: int) -> EmissionFactor:
        return choose(await self._definitions.factors(tenant), region, _year(end_us - 1))

    async def _meters(
        self, tenant: str, tree: AssetTree, assets: Sequence[str], span: Span, edges: Micros
    ) -> dict[str, Pieces]:
        """What the meter of each asset says; one after the other, so that readings of few are held at once."""
        gate = asyncio.Semaphore(_AT_ONCE)

        async def one(asset: str) -> Pieces:
            counter = PropertyRef(asset, ENERGY)
            ref = counter if tree.is_bound(counter) else PropertyRef(asset, POWER)
            async with gate:
                # A reading after the end says what was used until then.
                found = await self._plant.read(tenant, [ref], span.start_us, span.end_us + QUARTER_US)
                if ref is counter:
                    ends = span.start_us, span.end_us + QUARTER_US
                    found = await with_earlier(self._plant, tenant, {ref: span.modulus}, found, ends)
                return await asyncio.to_thread(_pieces, found[ref], span, edges, is_counter=ref is counter)

        return dict(zip(assets, await asyncio.gather(*map(one, assets)), strict=True))

    async def _counted(
        self, tenant: str, tree: AssetTree, machines: Sequence[str], span: Span, unit_property: str
    ) -> dict[str, Increments]:
        refs = [ref for asset in machines if tree.is_bound(ref := PropertyRef(asset, unit_property))]
        if not refs:
            return {}
        found = await self._plant.read(tenant, refs, span.start_us, span.end_us)
        ends = span.start_us, span.end_us
        found = await with_earlier(self._plant, tenant, dict.fromkeys(refs, 0.0), found, ends)
        return {ref.asset: increments(found[ref], span.start_us, span.end_us) for ref in refs}


def _pieces(series: Series, span: Span, edges: Micros, *, is_counter: bool) -> Pieces:
    meter: Metered
    if is_counter:
        meter = from_counter(series, span.start_us, span.end_us, span.modulus)
    else:
        meter = from_power(series, span.start_us, span.end_us)
    return cut(meter, edges)


def _metered(tree: AssetTree, asset: str) -> list[str]:
    """The nearest assets with a meter: the asset itself, or below it, none of them below another.

    Raises:
        NotFound: There is no such asset.
        FailedPrecondition: Nothing is metered (`NOTHING_METERED`).
    """
    found: list[str] = []
    waiting = [tree.asset(asset).id] if asset else [child.id for child in tree.children("")]
    while waiting:
        one = waiting.pop()
        if _has_meter(tree, one):
            found.append(one)
        else:
            waiting.extend(child.id for child in tree.children(one))
    if not found:
        raise FailedPrecondition(
            "NOTHING_METERED",
            f"No tag is bound to {ENERGY} or {POWER} of {asset or 'any asset'} or what is below it. "
            "Bind one with `dualspan onboarding assets bind`.",
        )
    return sorted(found)


def _machines(tree: AssetTree, asset: str) -> list[str]:
    """Machines with a meter of their own."""
    return sorted(machine.id for machine in tree.machines_under(asset) if _has_meter(tree, machine.id))


def _has_meter(tree: AssetTree, asset: str) -> bool:
    return tree.is_bound(PropertyRef(asset, ENERGY)) or tree.is_bound(PropertyRef(asset, POWER))


def _sum(meters: Sequence[Pieces], edges: Micros) -> Pieces:
    energy, share = added(meters, edges)
    return Pieces(edges, energy, share, tuple(dict.fromkeys(note for meter in meters for note in meter.notes)))


def _peaks(profile: LoadProfile, machines: Mapping[str, Pieces], most: int) -> tuple[Peak, ...]:
    hours = np.diff(profile.edges) / 3_600_000_000
    power = {asset: meter.between(profile.edges) / hours for asset, meter in machines.items()}
    found: list[Peak] = []
    for interval in peaks(profile, most).tolist():
        parts = [(asset, float(drawn[interval])) for asset, drawn in power.items() if np.isfinite(drawn[interval])]
        highest = sorted(parts, key=lambda part: -part[1])[:_MOST_PARTS]
        found.append(Peak(interval, float(profile.power[interval]), tuple(highest)))
    return tuple(found)


def _demand(tariff: Tariff, when: Rated, total: Pieces, quarters: Micros) -> float:
    months = periods(tariff.time_zone, "month", int(when.edges[0]), int(when.edges[-1]))
    power: Floats = total.between(quarters) / (np.diff(quarters) / 3_600_000_000)
    # A cut quarter at either end is no quarter's mean.
    power = np.where(np.diff(quarters) == QUARTER_US, power, np.nan)
    return demand_cost(tariff, months, quarters, power)


def _notes(
    nearest: Sequence[str], machines: Sequence[str], factor: EmissionFactor | None, span: tuple[int, int]
) -> tuple[str, ...]:
    notes: list[str] = []
    if set(nearest) != set(machines):
        notes.append(f"The sum is that of {', '.join(nearest)[:200]}; machines without a meter are in it as well.")
    first, last = _year(span[0]), _year(span[1] - 1)
    if factor is not None and factor.year != last:
        notes.append(f"The emission factor is that of {factor.year}, the newest there is.")
    if factor is not None and first < min(factor.year, last):
        notes.append(f"The emission factor of {factor.year} is taken for all of it; ask for {first} apart.")
    return tuple(notes)


def _year(time_us: int) -> int:
    return dt.datetime.fromtimestamp(time_us / 1e6, dt.UTC).year
