"""Machine profiles: how the states and quantities of machines are known."""

from dataclasses import dataclass, field
from typing import Literal

from dualspan_analytics.expressions.instants import Work, condition
from dualspan_analytics.expressions.parsing import parse
from dualspan_analytics.kpis.errors import bad_profile
from dualspan_analytics.kpis.slots import MARGIN_US
from dualspan_analytics.states.model import UNKNOWN_STATE, State, StopReason

MOST_RULES = 32
MOST_STATES = 256
MOST_REASONS = 5000
MOST_RUN_TIMES = 1000
NONE = "-"
"""In place of a property: there is none."""

SourceKind = Literal["values", "packml", "rules"]


@dataclass(frozen=True, slots=True)
class StateValue:
    """A value of the state property, a whole number or a text, and the id of its state."""

    value: str
    state: str


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition, and the id of the state while it holds."""

    when: str
    state: str


@dataclass(frozen=True, slots=True)
class Source:
    """Where states come from.

    Attributes:
        kind: From values of a property, from PackML's numbers, or from conditions.
        property: Of the first two; "": the one that the asset model names.
        values: Of the first.
        rules: Of the last; the first that holds counts.
        otherwise: Id of the state where none holds; "": nobody knows.
    """

    kind: SourceKind
    property: str = ""
    values: tuple[StateValue, ...] = ()
    rules: tuple[Rule, ...] = ()
    otherwise: str = ""


@dataclass(frozen=True, slots=True)
class Counter:
    """A property that counts, and where it begins again with 0 (0: never)."""

    property: str = ""
    modulus: float = 0.0


@dataclass(frozen=True, slots=True)
class RunTime:
    """Planned run time per item (PRI), µs, of a product; "" is every other."""

    product: str
    per_item_us: int


@dataclass(frozen=True, slots=True)
class Profile:
    """How the states and quantities of some machines are known; a property "" has its usual name, "-" is none.

    Attributes:
        id: Unique in the tenant.
        display_name: For people.
        assets: Machines that it is for.
        models: Asset models whose machines it is for, unless another profile names the machine.
        states: Besides those of the asset model.
        source: Where states come from; None: quantities only count together with another source.
        reason_property: Why a machine stands.
        reasons: Known codes.
        minor_stop_us: Failures shorter than this are delays.
        good: Good quantity.
        scrap: Scrap quantity.
        rework: Rework quantity.
        total: All that was produced.
        energy: Energy meter.
        product_property: What is made.
        order_property: For which order.
        run_times: Planned run time per item by product.
        rate_property: Planned rate, pieces per hour, for products without a run time.
    """

    id: str
    display_name: str = ""
    assets: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    states: tuple[State, ...] = ()
    source: Source | None = None
    reason_property: str = ""
    reasons: tuple[StopReason, ...] = ()
    minor_stop_us: int = 0
    good: Counter = field(default_factory=Counter)
    scrap: Counter = field(default_factory=Counter)
    rework: Counter = field(default_factory=Counter)
    total: Counter = field(default_factory=Counter)
    energy: Counter = field(default_factory=Counter)
    product_property: str = ""
    order_property: str = ""
    run_times: tuple[RunTime, ...] = ()
    rate_property: str = ""


def check(profile: Profile) -> None:
    """Refuse a profile that says something impossible.

    Raises:
        InvalidArgument: `BAD_PROFILE`, or what is wrong with an expression.
    """
    if not profile.assets and not profile.models:
        raise bad_profile("it is for no machine; name assets or models")
    _check_sizes(profile)
    for state in profile.states:
        if not state.id or state.id == UNKNOWN_STATE.id:
            raise bad_profile(f"a state cannot have the id {state.id!r}")
    if profile.source is None:
        raise bad_profile("it does not say where states come from; give it values, packml or rules")
    for rule in profile.source.rules:
        expression = parse(rule.when)
        # Without data all is unknown; what is no condition shows nevertheless.
        condition(expression, dict.fromkeys(expression.properties), 0, 1, Work())
    if not 0 <= profile.minor_stop_us <= MARGIN_US:
        raise bad_profile("a minor stop is shorter than 15 minutes; what takes longer is a failure")
    if any(run_time.per_item_us <= 0 for run_time in profile.run_times):
        raise bad_profile("a planned run time per item must be more than 0")
    for counter in (profile.good, profile.scrap, profile.rework, profile.total, profile.energy):
        if not 0 <= counter.modulus < float("inf"):
            raise bad_profile(f"the modulus of {counter.property or 'a counter'} must be 0 or more")


def _check_sizes(profile: Profile) -> None:
    source = profile.source or Source("values")
    for what, count, most in (
        ("states", len(profile.states), MOST_STATES),
        ("values", len(source.values), MOST_STATES),
        ("rules", len(source.rules), MOST_RULES),
        ("reasons", len(profile.reasons), MOST_REASONS),
        ("run times", len(profile.run_times), MOST_RUN_TIMES),
    ):
        if count > most:
            raise bad_profile(f"{count} {what} are too many; {most} at the most")
    if source.kind == "values" and not source.values:
        raise bad_profile("it gives no value of the state property a meaning")
    if source.kind == "rules" and not source.rules:
        raise bad_profile("it has no rule")


def states_of(profile: Profile, of_model: tuple[State, ...]) -> dict[str, State]:
    """All states by id: those of the profile in place of the model's."""
    return {state.id: state for state in (*of_model, *profile.states)}


def check_states(profile: Profile, known: dict[str, State], asset: str) -> None:
    """Refuse a profile that names states that there are not.

    Raises:
        InvalidArgument: `BAD_PROFILE`.
    """
    source = profile.source or Source("values")
    named = [value.state for value in source.values] + [rule.state for rule in source.rules]
    named += [source.otherwise] if source.otherwise else []
    missing = sorted({state for state in named if state not in known})
    if missing:
        raise bad_profile(
            f"{asset} has no state {missing[0]!r}; there are {', '.join(sorted(known)) or 'none'}. "
            "Add it to the profile's states"
        )
