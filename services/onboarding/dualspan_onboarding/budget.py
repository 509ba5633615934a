"""What tags ask of an OPC UA server, against what it bears. No I/O.

Loads are reckoned at their worst: every sample is a change that has to be told. What the gateway makes of tags
(one session; subscriptions by publishing interval, kind, data type and sampling interval, coarser where the server
has no room for so many; one monitored item for all fields of a node) is reckoned the same way here.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import IntEnum

from dualspan_onboarding.sampling import AcquisitionMode, TagSource

# What "as fast as the server can" is reckoned with, and what the gateway takes for it where it reads in cycles.
FASTEST_SAMPLING_US, DEFAULT_READ_US = 10_000, 1_000_000
DEFAULT_PUBLISHING_US = 1_000_000
# The gateway asks for no more where the server states nothing, and for no more than 100 ever.
_UNSTATED_SUBSCRIPTIONS = 32
_MOST_SUBSCRIPTIONS = 100
# What a queued value takes beside itself: two timestamps, a status and the Variant around it.
_VALUE_OVERHEAD = 40
_VALUE_BYTES: Mapping[str, int] = {
    "Boolean": 1, "SByte": 1, "Byte": 1, "Int16": 2, "UInt16": 2, "Int32": 4, "UInt32": 4, "Float": 4,
}  # fmt: skip
_KIND_BYTES: Mapping[int, int] = {1: 8, 2: 8, 3: 1, 4: 64, 5: 256}
_EVENT_BYTES = 512
# How much more a server has to do for a value than for a number: it is compared and copied whole.
_KIND_WEIGHT: Mapping[int, float] = {4: 2.0, 5: 4.0}


class LimitSource(IntEnum):
    """Who says that there is a limit; the numbers of the contract."""

    SERVER = 1
    PROFILE = 2
    NONE = 3


@dataclass(frozen=True, slots=True)
class ServerLimits:
    """What a server states of itself (Part 5, 6.3.2 and 6.3.11); 0 where it states nothing.

    The names are those of the contract's message.
    """

    read_at: datetime | None = None
    manufacturer_name: str = ""
    product_name: str = ""
    software_version: str = ""
    max_sessions: int = 0
    max_subscriptions: int = 0
    max_monitored_items: int = 0
    max_subscriptions_per_session: int = 0
    max_monitored_items_per_subscription: int = 0
    max_monitored_items_queue_size: int = 0
    min_supported_sample_rate_ms: float = 0.0
    max_nodes_per_read: int = 0
    max_monitored_items_per_call: int = 0
    max_nodes_per_browse: int = 0
    max_nodes_per_register_nodes: int = 0
    current_sessions: int = 0
    current_subscriptions: int = 0
    own_subscriptions: int = 0


UNKNOWN_LIMITS = ServerLimits()


@dataclass(frozen=True, slots=True)
class VendorProfile:
    """What a kind of server is known to bear.

    Attributes:
        profile_id: Such as "siemens-s7-1200".
        title: For people.
        limits: By quantity: `sessions`, `subscriptions_per_session`, `monitored_items`, `sampling_load` and so on.
        source: Where the figures come from.
        is_verified: Somebody has held the figures against the vendor's data sheet.
        is_fallback: It goes for servers that nobody knows; what a server states of itself overrides it.
    """

    profile_id: str
    title: str
    limits: Mapping[str, float]
    source: str
    is_verified: bool = False
    is_fallback: bool = False


@dataclass(frozen=True, slots=True)
class TagLoad:
    """What is to be known of a tag to reckon its load.

    Attributes:
        node_id: Fields and elements of one node share a monitored item; "" shares with nobody.
        is_part: It is a field or an element.
        queue_size: As the server is asked for it.
    """

    node_id: str
    kind: int
    data_type: str
    sampling_us: int
    publishing_us: int
    queue_size: int
    source: TagSource = TagSource.VALUE
    mode: AcquisitionMode = AcquisitionMode.SUBSCRIPTION
    register_node: bool = False
    is_part: bool = False


@dataclass(frozen=True, slots=True)
class Load:
    """What tags ask for. Rates are per second, intervals in microseconds, 0 where there is nothing.

    Attributes:
        groups: How many items each subscription would have, by grouping, the finest first.
    """

    monitored_items: int = 0
    sampling_load: float = 0.0
    notification_load: float = 0.0
    read_load: float = 0.0
    queue_bytes: int = 0
    longest_queue: int = 0
    fastest_sampling_us: int = 0
    fastest_publishing_us: int = 0
    registered_nodes: int = 0
    groups: tuple[Mapping[object, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Figure:
    """One quantity of a load; see the contract's LoadFigure."""

    quantity: str
    unit: str
    present: float
    wanted: float
    limit: float
    source: LimitSource
    over: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Estimate:
    """A load against what a server bears."""

    figures: tuple[Figure, ...]
    profile: str
    limits_known: bool
    warnings: tuple[str, ...]

    @property
    def over(self) -> tuple[Figure, ...]:
        """The figures that are over their limit."""
        return tuple(figure for figure in self.figures if figure.over)


@dataclass(slots=True)
class _Sum:
    """A load that is being added up."""

    items: int = 0
    sampling: float = 0.0
    notifications: float = 0.0
    reads: float = 0.0
    queue_bytes: int = 0
    longest: int = 0
    fastest: int = 0
    publishing: int = 0
    registered: int = 0
    fine: Counter[object] = field(default_factory=Counter[object])
    middle: Counter[object] = field(default_factory=Counter[object])
    coarse: Counter[object] = field(default_factory=Counter[object])


def value_bytes(tag: TagLoad) -> int:
    """What a queued value of a tag takes at the server, reckoned: strings and structures are of any length."""
    if tag.source is TagSource.EVENTS:
        return _EVENT_BYTES
    return _VALUE_BYTES.get(tag.data_type, _KIND_BYTES.get(tag.kind, 8)) + _VALUE_OVERHEAD


def _distinct(tags: Iterable[TagLoad]) -> Iterable[TagLoad]:
    """The tags, of those that share a monitored item only one."""
    seen: set[tuple[str, int, int, AcquisitionMode]] = set()
    for tag in tags:
        if tag.is_part:
            key = (tag.node_id, tag.sampling_us, tag.publishing_us, tag.mode)
            if key in seen:
                continue
            seen.add(key)
        yield tag


def load_of(tags: Iterable[TagLoad]) -> Load:
    """What tags ask of one server together."""
    total = _Sum()
    for tag in _distinct(tags):
        _add(total, tag)
    return Load(
        monitored_items=total.items,
        sampling_load=total.sampling,
        notification_load=total.notifications,
        read_load=total.reads,
        queue_bytes=total.queue_bytes,
        longest_queue=total.longest,
        fastest_sampling_us=total.fastest,
        fastest_publishing_us=total.publishing,
        registered_nodes=total.registered,
        groups=(total.fine, total.middle, total.coarse),
    )


def _add(total: _Sum, tag: TagLoad) -> None:
    total.registered += tag.register_node
    if tag.source is TagSource.EVENTS:
        _add_item(total, tag, kind=0)
        return
    is_read = tag.mode is AcquisitionMode.CYCLIC_READ
    sampling = tag.sampling_us or (DEFAULT_READ_US if is_read else FASTEST_SAMPLING_US)
    rate = 1e6 / sampling
    weighted = rate * (4.0 if tag.is_part else _KIND_WEIGHT.get(tag.kind, 1.0))
    total.sampling += weighted
    total.fastest = min(total.fastest or sampling, sampling)
    if is_read:
        total.reads += rate
        return
    total.notifications += rate
    _add_item(total, tag, kind=5 if tag.is_part else tag.kind)


def _add_item(total: _Sum, tag: TagLoad, kind: int) -> None:
    publishing = tag.publishing_us or DEFAULT_PUBLISHING_US
    total.items += 1
    total.queue_bytes += tag.queue_size * value_bytes(tag)
    total.longest = max(total.longest, tag.queue_size)
    total.publishing = min(total.publishing or publishing, publishing)
    total.fine[publishing, kind, tag.data_type, tag.sampling_us] += 1
    total.middle[publishing, kind] += 1
    total.coarse[publishing, kind == 0] += 1


def subscriptions_for(load: Load, room: int, per_subscription: int) -> int:
    """How many subscriptions the gateway makes: grouped as finely as there is room for."""
    needed = 0
    for group in load.groups:
        needed = sum(math.ceil(count / per_subscription) if per_subscription else 1 for count in group.values())
        if needed <= room:
            break
    return needed


def estimate(
    kept: Sequence[TagLoad],
    added: Sequence[TagLoad],
    limits: ServerLimits,
    profile: VendorProfile,
    before_change: Sequence[TagLoad] | None = None,
) -> Estimate:
    """The load of tags that are there and of some that are thought of, against what a server bears.

    Args:
        kept: Tags that are there and stay.
        added: Tags that are thought of.
        limits: What the server states.
        profile: What its kind is known to bear.
        before_change: The tags that are there now, where some of them do not stay as they are; `kept` if None.
    """
    before, after = load_of(kept if before_change is None else before_change), load_of([*kept, *added])
    bounds = _Bounds(limits, profile)
    figures = (
        *_counts(before, after, limits, bounds),
        *_rates(before, after, bounds),
    )
    over = (figure.detail for figure in figures if figure.over)
    warnings = (*_notes(after, bounds), *over, *_doubts(figures, profile))
    return Estimate(figures, profile.profile_id, limits.read_at is not None, warnings)


@dataclass(frozen=True, slots=True)
class _Bounds:
    limits: ServerLimits
    profile: VendorProfile

    def most(self, quantity: str, stated: float = 0.0) -> tuple[float, LimitSource]:
        """The limit of a quantity, and who says so: of two, the lower; a fallback profile only where none is stated."""
        known = self.profile.limits.get(quantity, 0.0)
        if stated and (not known or self.profile.is_fallback or stated <= known):
            return stated, LimitSource.SERVER
        return (known, LimitSource.PROFILE) if known else (0.0, LimitSource.NONE)

    def least(self, quantity: str, stated: float = 0.0) -> float:
        """The lower bound of an interval in microseconds; 0 if nobody states one."""
        return (
            max(stated, 0.0 if stated and self.profile.is_fallback else self.profile.limits.get(quantity, 0.0)) * 1000
        )


def _figure(
    quantity: str, unit: str, present: float, wanted: float, bound: tuple[float, LimitSource], refused: str
) -> Figure:
    limit, source = bound
    # What is over already, and does not grow, is nobody's fault now.
    over = bool(limit) and wanted > limit and wanted > present
    detail = f"{quantity}: {wanted:,.10g} {unit} of {limit:,.10g} ({_WHO[source]}); {refused}" if over else ""
    return Figure(quantity, unit, present, wanted, limit, source, over, detail)


_WHO = {LimitSource.SERVER: "the server says", LimitSource.PROFILE: "the profile says", LimitSource.NONE: ""}


def _counts(before: Load, after: Load, limits: ServerLimits, bounds: _Bounds) -> Iterable[Figure]:
    room, room_source = bounds.most("subscriptions_per_session", limits.max_subscriptions_per_session)
    space, _ = bounds.most("monitored_items_per_subscription", limits.max_monitored_items_per_subscription)
    asked = min(int(room) or _UNSTATED_SUBSCRIPTIONS, _MOST_SUBSCRIPTIONS)
    now, then = (subscriptions_for(load, asked, int(space)) for load in (before, after))
    others = max(limits.current_subscriptions - limits.own_subscriptions, 0)
    sessions = max(limits.current_sessions - (1 if limits.read_at else 0), 0)
    in_use = 1 if before.monitored_items or before.read_load else 0
    yield _figure(
        "sessions", "sessions", sessions + in_use, sessions + 1, bounds.most("sessions", limits.max_sessions),
        "CreateSession would be refused (BadTooManySessions): close other clients",
    )  # fmt: skip
    yield _figure(
        "subscriptions_per_session", "subscriptions", now, then, (room, room_source),
        "CreateSubscription would be refused (BadTooManySubscriptions): use fewer publishing intervals",
    )  # fmt: skip
    yield _figure(
        "subscriptions", "subscriptions", others + now, others + then,
        bounds.most("subscriptions", limits.max_subscriptions),
        "CreateSubscription would be refused (BadTooManySubscriptions): use fewer publishing intervals",
    )  # fmt: skip
    yield _figure(
        "monitored_items", "items", before.monitored_items, after.monitored_items,
        bounds.most("monitored_items", limits.max_monitored_items),
        "items beyond it would be refused (BadTooManyMonitoredItems): choose fewer, or read some cyclically",
    )  # fmt: skip
    yield _figure(
        "registered_nodes", "nodes", before.registered_nodes, after.registered_nodes,
        bounds.most("registered_nodes"), "RegisterNodes would be refused: register fewer",
    )  # fmt: skip


def _rates(before: Load, after: Load, bounds: _Bounds) -> Iterable[Figure]:
    yield _figure(
        "sampling_load", "items/s", before.sampling_load, after.sampling_load, bounds.most("sampling_load"),
        "the controller's cycle would suffer and samples be skipped: sample less often",
    )  # fmt: skip
    yield _figure(
        "notification_load", "values/s", before.notification_load, after.notification_load,
        bounds.most("notification_load"), "notifications would fall behind: sample less often, or set a deadband",
    )  # fmt: skip
    yield _figure(
        "read_load", "values/s", before.read_load, after.read_load, bounds.most("read_load"),
        "cyclic reads would not end in time: read less often",
    )  # fmt: skip
    yield _figure(
        "queue_memory", "bytes", before.queue_bytes, after.queue_bytes, bounds.most("queue_memory"),
        "the server would shorten queues and lose values: publish more often",
    )  # fmt: skip


def _doubts(figures: Iterable[Figure], profile: VendorProfile) -> Iterable[str]:
    """That a profile is no statement of the server, where it decides; of the fallback, only where it is exceeded."""
    said = [one for one in figures if one.source is LimitSource.PROFILE and (one.over or not profile.is_fallback)]
    if said and not profile.is_verified:
        yield (
            f"limits that the profile {profile.profile_id} says are not verified against a data sheet and may be "
            "wrong; a lower one that the server states of itself goes before them"
        )


def _notes(load: Load, bounds: _Bounds) -> Iterable[str]:
    """What the server would change by itself instead of refusing it."""
    limits = bounds.limits
    if limits.read_at is None:
        yield (
            f"the server's own limits have not been read: only the profile {bounds.profile.profile_id} speaks; "
            "read them with `dualspan onboarding budget read-limits`"
        )
    sampling = bounds.least("sampling_interval_ms", limits.min_supported_sample_rate_ms)
    if load.fastest_sampling_us and load.fastest_sampling_us < sampling:
        wanted = load.fastest_sampling_us / 1000
        yield f"the server samples every {sampling / 1000:g} ms at the fastest, not every {wanted:g} ms"
    publishing = bounds.least("publishing_interval_ms")
    if load.fastest_publishing_us and load.fastest_publishing_us < publishing:
        wanted = load.fastest_publishing_us / 1000
        yield f"the server publishes every {publishing / 1000:g} ms at the fastest, not every {wanted:g} ms"
    queue, _ = bounds.most("queue_size", limits.max_monitored_items_queue_size)
    if queue and load.longest_queue > queue:
        yield (
            f"the server keeps {queue:,.0f} values per item between two notifications, {load.longest_queue:,} are "
            "needed to bridge a notification that is 5 s late: sample less often, or values may be lost"
        )
