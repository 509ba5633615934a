"""Which subscription a tag goes into.

Notifications decode fastest when all their items have one type, so each type, sampling interval and publishing
interval has a subscription of its own, as long as the server has room for so many; else coarser groups do.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from asyncua import ua
from google.protobuf.duration_pb2 import Duration

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan.onboarding.v1 import sampling_pb2 as sampling
from dualspan_edge.decoder.expansion import Expansion
from dualspan_frame import ValueKind

_DEFAULT_PUBLISHING_MS = 1000.0
# "As fast as the server can" is reckoned with as this when queues are sized.
_FASTEST_SAMPLING_MS = 10.0
# One value more than fits evenly, because two clocks never agree; and with a queue of 1 a server sets no Overflow
# bit (Part 4, 7.21), so a loss would not be seen.
_LEAST_QUEUE = 2
_LARGEST_QUEUE = 100_000
# Events come in bursts: a plant that trips raises hundreds within a second.
_EVENT_QUEUE = 1000


class Coarseness(IntEnum):
    """What tags of one subscription share."""

    TYPE_AND_SAMPLING = 0
    KIND = 1
    PUBLISHING = 2


@dataclass(frozen=True, slots=True)
class GroupKey:
    """What tells subscriptions apart; parts that do not count are empty."""

    publishing_ms: float
    kind: int = 0
    data_type: bytes = b""
    sampling_ms: float = -1.0


@dataclass(frozen=True, slots=True)
class PlannedTag:
    """A tag whose node was found, or several that are parts of one node's value and share a monitored item.

    Attributes:
        tag: The tag; of several, the one whose settings count.
        node: The node, as the server knows it now; a registered one where that was asked for.
        data_type: Of the node, as it is sent; empty if it is not known.
        expansion: How the parts are taken out of each value; None if the tag is the whole value, or events.
        sharers: The tags that are parts, `tag` among them.
    """

    tag: gateway.TagConfiguration
    node: ua.NodeId
    data_type: bytes
    expansion: Expansion | None = None
    sharers: tuple[gateway.TagConfiguration, ...] = ()

    @property
    def all_tags(self) -> tuple[gateway.TagConfiguration, ...]:
        """The tag, or all that share the monitored item."""
        return self.sharers or (self.tag,)

    @property
    def is_events(self) -> bool:
        """Whether it is an event notifier."""
        return self.tag.source == sampling.TAG_SOURCE_EVENTS

    @property
    def kind(self) -> int:
        """What comes over the wire is decoded as this kind; events are of none, to be on their own."""
        if self.is_events:
            return 0
        return ValueKind.BYTES if self.expansion else self.tag.kind


def publishing_ms(tag: gateway.TagConfiguration) -> float:
    """The publishing interval of a tag in milliseconds."""
    return _milliseconds(tag.publishing_interval) or _DEFAULT_PUBLISHING_MS


def sampling_ms(tag: gateway.TagConfiguration) -> float:
    """The sampling interval of a tag in milliseconds; 0 is as fast as the server can (Part 4, 5.13.1.2)."""
    return _milliseconds(tag.sampling_interval)


def _milliseconds(interval: Duration) -> float:
    return interval.seconds * 1000 + interval.nanos / 1e6


def queue_size(tag: gateway.TagConfiguration) -> int:
    """How many values the server has to keep between two notifications: all that it samples, and one more."""
    if tag.source == sampling.TAG_SOURCE_EVENTS:
        return min(max(tag.queue_size, _EVENT_QUEUE), _LARGEST_QUEUE)
    interval = max(sampling_ms(tag), 0.0) or _FASTEST_SAMPLING_MS
    needed = math.ceil(publishing_ms(tag) / interval)
    return min(max(tag.queue_size, needed, _LEAST_QUEUE), _LARGEST_QUEUE)


def group_key(planned: PlannedTag, coarseness: Coarseness) -> GroupKey:
    """The group of a tag."""
    tag = planned.tag
    match coarseness:
        case Coarseness.TYPE_AND_SAMPLING:
            return GroupKey(publishing_ms(tag), planned.kind, planned.data_type, sampling_ms(tag))
        case Coarseness.KIND:
            return GroupKey(publishing_ms(tag), planned.kind)
        case Coarseness.PUBLISHING:
            # A burst of events must not hold up values, nor they the events.
            return GroupKey(publishing_ms(tag), data_type=b"events" if planned.is_events else b"")


def choose_coarseness(tags: Iterable[PlannedTag], subscriptions: int) -> Coarseness:
    """The finest grouping that needs no more subscriptions than this; the coarsest if none does."""
    planned = list(tags)
    for coarseness in Coarseness:
        if len({group_key(tag, coarseness) for tag in planned}) <= subscriptions:
            return coarseness
    return Coarseness.PUBLISHING


def in_groups(tags: Iterable[PlannedTag], coarseness: Coarseness) -> dict[GroupKey, list[PlannedTag]]:
    """The tags by group; in a group, tags of one type stand together, so that their values form long runs."""
    groups: dict[GroupKey, list[PlannedTag]] = {}
    for planned in sorted(tags, key=lambda tag: (tag.kind, tag.data_type, tag.tag.tag_id)):
        groups.setdefault(group_key(planned, coarseness), []).append(planned)
    return groups
