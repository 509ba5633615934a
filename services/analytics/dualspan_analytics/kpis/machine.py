"""From the values of a machine's properties to its timeline and its cells. Pure, on columns."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dualspan_analytics.columns import Series
from dualspan_analytics.expressions.instants import Work, conditions
from dualspan_analytics.expressions.model import Expression, Property
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.kpis.cells import Cells, Counted, Frame, RunTime, cells
from dualspan_analytics.kpis.counters import Increments, difference, increments, nothing, usable_samples
from dualspan_analytics.kpis.errors import not_a_number
from dualspan_analytics.kpis.measures import PIECE, Measure
from dualspan_analytics.kpis.profile import Counter
from dualspan_analytics.kpis.slots import NO_SHIFT, Slots, reaching_on
from dualspan_analytics.states.losses import unseen_starts
from dualspan_analytics.states.model import PACKML, Element, State, StopNote, StopReason
from dualspan_analytics.states.stops import untold, with_minor_stops, with_notes, with_reasons
from dualspan_analytics.states.timeline import (
    NO_REASON,
    Steps,
    Timeline,
    from_rules,
    from_values,
    labels,
    steps,
    with_ways_out,
)

_HOUR_US = 3.6e9


@dataclass(frozen=True, slots=True)
class Plan:
    """How one machine is computed: its profile with every name resolved; a property "" is not used.

    Attributes:
        asset: The machine's id.
        state_property: Whose values are states; "" with rules.
        values: Which value is which state.
        rules: Conditions and their states.
        otherwise: Where no rule holds.
        reason_property: Why it stands.
        reasons: Known codes.
        minor_stop_us: Failures shorter than this are delays.
        good: Good quantity; its property is "" where `total` less `scrap` is used.
        scrap: Scrap quantity.
        rework: Rework quantity.
        total: All that was produced.
        energy: Meter.
        unit: UCUM, what quantities are counted in.
        factors: By property: what one unit of a counter is in this unit, of the meter in kWh, of the rate in pieces
            per hour.
        product_property: What is made.
        order_property: For which order.
        run_times: Planned run time per item, µs, by product; "" is every other.
        rate_property: Pieces per hour.
        ways_out: States through which a machine comes back: right behind a failure they are the end of it.
    """

    asset: str
    state_property: str
    values: Mapping[int | str, State]
    rules: Sequence[tuple[Expression, State]]
    otherwise: State | None
    reason_property: str
    reasons: Mapping[str, StopReason]
    minor_stop_us: int
    good: Counter
    scrap: Counter
    rework: Counter
    total: Counter
    energy: Counter
    unit: str
    factors: Mapping[str, float]
    product_property: str
    order_property: str
    run_times: Mapping[str, int]
    rate_property: str
    ways_out: tuple[str, ...] = ()

    @property
    def counted_in(self) -> str:
        """UCUM of what it counts, `{piece}` if its counters have no unit; "" if it counts nothing."""
        counts = any(each.property for each in (self.good, self.scrap, self.rework, self.total))
        return (self.unit or PIECE) if counts else ""

    @property
    def counters(self) -> dict[str, float]:
        """Where each property that counts begins again with 0; 0: never."""
        used = (self.good, self.scrap, self.rework, self.total, self.energy)
        return {each.property: each.modulus for each in used if each.property}

    @property
    def of_states(self) -> tuple[Property, ...]:
        """What says which state it is in, and why."""
        wanted = [Property(name) for name in (self.state_property, self.reason_property) if name]
        wanted += [each for expression, _ in self.rules for each in expression.properties]
        return tuple(dict.fromkeys(wanted))

    @property
    def reasons_decide(self) -> bool:
        """What the time of a stop counts as may follow from its reason."""
        return bool(self.reason_property) and any(each.element for each in self.reasons.values())

    @property
    def properties(self) -> tuple[Property, ...]:
        """All that is to be read."""
        plain = [self.product_property, self.order_property]
        plain += [each.property for each in (self.good, self.scrap, self.rework, self.total, self.energy)]
        plain += [self.rate_property]
        return tuple(dict.fromkeys([*self.of_states, *(Property(name) for name in plain if name)]))


Values = Mapping[Property, Series]
"""The properties of a machine, each with the last sample before the span."""


def state_values(pairs: Sequence[tuple[str, State]]) -> dict[int | str, State]:
    """Values as numbers and as texts: a tag of either kind finds them."""
    found: dict[int | str, State] = {value.strip(): state for value, state in pairs}
    for value, state in pairs:
        if value.strip().lstrip("-").isdecimal():
            found[int(value)] = state
    return found


def packml_values(own: Mapping[str, State]) -> dict[int | str, State]:
    """The numbers and the names of PackML.

    Args:
        own: States of a profile by id, such as `completing`, which count in place of the usual ones.
    """
    states = {number: own.get(state.id, state) for number, state in PACKML.items()}
    return {**states, **{PACKML[number].display_name: state for number, state in states.items()}}


def timeline_of(plan: Plan, values: Values, notes: Sequence[StopNote], span: tuple[int, int], work: Work) -> Timeline:
    """What a machine did in a span, µs, with reasons.

    Raises:
        ResourceExhausted: Rules over so many samples are more than the question may still do.
    """
    start_us, end_us = span
    if plan.rules:
        held = conditions([each for each, _ in plan.rules], values, start_us, end_us, work)
        states = [state for _, state in plan.rules]
        line = from_rules(list(zip(states, held, strict=True)), plan.otherwise, start_us, end_us)
    else:
        line = from_values(values.get(Property(plan.state_property)), plan.values, start_us, end_us)
        line = with_ways_out(line, plan.ways_out) if plan.ways_out else line
    given = values.get(Property(plan.reason_property)) if plan.reason_property else None
    codes, texts = labels(given)
    line = with_reasons(line, steps(given, codes, 0, start_us, end_us), texts, plan.reasons)
    return with_minor_stops(with_notes(line, notes, plan.reasons), plan.minor_stop_us)


@dataclass(frozen=True, slots=True)
class Computed:
    """One machine in a span.

    Attributes:
        line: What it did.
        cells: What happened, cell by cell.
        products: What the cells' products are.
        orders: Likewise.
        product: When which product was made.
        order: Likewise.
        counters: What each counter counted, by property.
        untold: When it stood without a reason; none where no reason decides what its time counts as.
    """

    line: Timeline
    cells: Cells
    products: tuple[str, ...]
    orders: tuple[str, ...]
    product: Steps
    order: Steps
    counters: Mapping[str, Increments]
    untold: Intervals

    @property
    def is_doubtful(self) -> bool:
        """Earlier samples of its counters, or of its states, might show that some of this is false."""
        return self.is_unseen or any(each.doubtful for each in self.counters.values())

    @property
    def is_unseen(self) -> bool:
        """It takes what was before: it is down behind time without a state, or stands, and why was told then."""
        line = self.line
        if line.element[0] == Element.UNKNOWN:
            return line.start[0] in unseen_starts(line).start
        return line.reason[0] == NO_REASON and line.start[0] in self.untold.start

    def until(self, end_us: NDArray[np.int64]) -> NDArray[np.int64]:
        """int64[n]: up to where data matter to slots that end then; see `slots.reaching_on`."""
        return reaching_on(end_us, self.untold, int(self.line.end[-1]))

    @property
    def around(self) -> list[Intervals]:
        """Times whose beginnings say what is true at their ends: of each counter, of its states, of why it stood."""
        place = np.searchsorted(self.line.start, self.untold.start)
        before = np.maximum(place - 1, 0)
        since = np.where(self.line.told[before], self.line.start[before], self.untold.start)
        stood = Intervals(since, self.untold.end)
        return [*(each.around for each in self.counters.values()), unseen_starts(self.line), stood]


@dataclass(frozen=True, slots=True)
class Around:
    """How much around a span is looked at too, µs."""

    before_us: int
    after_us: int

    def of(self, span: tuple[int, int]) -> tuple[int, int]:
        """The span with what is around it."""
        return span[0] - self.before_us, span[1] + self.after_us


def compute(
    plan: Plan,
    values: Values,
    notes: Sequence[StopNote],
    slots: Slots,
    planned: Intervals,
    span: tuple[int, int],
    work: Work,
    around: Around | None = None,
) -> Computed:
    """Everything about one machine in a span.

    Args:
        plan: How it is computed.
        values: Its properties.
        notes: What people said, oldest first.
        slots: What the time is cut into.
        planned: Planned stops of the calendar.
        span: Start and end, µs.
        work: What the question may still do.
        around: So much around the span its states are looked at too: a failure may have begun there.

    Raises:
        FailedPrecondition: A counter has text for values.
        ResourceExhausted: The rules of its states are more than that.
    """
    start_us, end_us = span
    line = timeline_of(plan, values, notes, span if around is None else around.of(span), work)
    product, products = _labelled(values, plan.product_property, start_us, end_us)
    order, orders = _labelled(values, plan.order_property, start_us, end_us)
    counters = _counters(plan, values, start_us, end_us)
    counted = Counted(_quantities(plan, counters), _run_time(plan, values, product, products), _energy(plan, counters))
    frame = Frame(slots.start, slots.end, slots.shift != NO_SHIFT, planned, product, order)
    waits = untold(line) if plan.reasons_decide else Intervals.none()
    return Computed(line, cells(line, frame, counted), products, orders, product, order, counters, waits)


def _labelled(values: Values, name: str, start_us: int, end_us: int) -> tuple[Steps, tuple[str, ...]]:
    """A property's texts; what is Bad or missing is "": no product is better than a wrong one."""
    series = values.get(Property(name)) if name else None
    codes, texts = labels(series)
    return steps(series, codes, 0, start_us, end_us), texts


def _counters(plan: Plan, values: Values, start_us: int, end_us: int) -> dict[str, Increments]:
    found: dict[str, Increments] = {}
    for name, modulus in plan.counters.items():
        series = values.get(Property(name))
        if series is not None and series.value.dtype.kind in "OU" and len(series):
            raise not_a_number(plan.asset, name)
        known = series is not None and len(series) > 0
        found[name] = (
            increments(series, start_us, end_us, modulus).times(plan.factors.get(name, 1.0))
            if known and series is not None
            else nothing(start_us, end_us)
        )
    return found


def _quantities(plan: Plan, counters: Mapping[str, Increments]) -> dict[Measure, Increments]:
    found: dict[Measure, Increments] = {}
    for measure, counter in ((Measure.SCRAP, plan.scrap), (Measure.REWORK, plan.rework), (Measure.GOOD, plan.good)):
        if counter.property:
            found[measure] = counters[counter.property]
    if not plan.good.property and plan.total.property:
        good = counters[plan.total.property]
        for counter in (plan.scrap, plan.rework):
            good = difference(good, counters[counter.property]) if counter.property else good
        found[Measure.GOOD] = good
    return found


def _energy(plan: Plan, counters: Mapping[str, Increments]) -> Increments | None:
    return counters[plan.energy.property] if plan.energy.property else None


def _run_time(plan: Plan, values: Values, product: Steps, products: tuple[str, ...]) -> RunTime:
    """PRI by product, or else by the planned rate."""
    other = plan.run_times.get("", 0)
    by_product = np.array([plan.run_times.get(name, other) for name in products], np.float64)
    start, value = product.start, by_product[product.value]
    series = values.get(Property(plan.rate_property)) if plan.rate_property else None
    if series is None or not len(series):
        return RunTime(start, value)
    if series.value.dtype.kind in "OU":
        raise not_a_number(plan.asset, plan.rate_property)
    rate = np.where(usable_samples(series), series.value, 0.0) * plan.factors.get(plan.rate_property, 1.0)
    item = np.where(rate > 0, _HOUR_US / np.where(rate > 0, rate, 1.0), 0.0)
    edges = np.union1d(start, series.timestamp[series.timestamp >= start[0]])
    place = np.searchsorted(series.timestamp, edges, side="right") - 1
    by_rate = np.where(place >= 0, item[np.maximum(place, 0)], 0.0)
    named = RunTime(start, value).at(edges)
    return RunTime(edges, np.where(named > 0, named, by_rate))
