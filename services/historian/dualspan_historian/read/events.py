"""Events of OPC UA servers, read out of the samples that they are stored as."""

from collections.abc import Sequence
from dataclasses import dataclass

from google.protobuf.message import DecodeError

from dualspan.frame.v1.event_pb2 import OpcUaEvent
from dualspan_frame import BinaryColumn, Block, ValueKind
from dualspan_historian.errors import not_events
from dualspan_historian.read.raw import Cursor, RawQuery, read_raw
from dualspan_historian.read.snapshot import Snapshots


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events are wanted: all of these must hold."""

    minimum_severity: int = 0
    conditions_only: bool = False
    query: str = ""

    def wants(self, event: OpcUaEvent) -> bool:
        """Whether an event is wanted."""
        if event.severity < self.minimum_severity or (self.conditions_only and not event.HasField("condition")):
            return False
        query = self.query.casefold()
        return not query or query in event.message.casefold() or query in event.source_name.casefold()


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event and the tag of the event notifier that it came from."""

    tag_id: int
    event: OpcUaEvent


@dataclass(frozen=True, slots=True)
class EventPage:
    """A page, and where the next one begins (None: it was the last)."""

    events: Sequence[StoredEvent]
    following: Cursor | None


async def read_events(
    snapshots: Snapshots, tenant: str, query: RawQuery, wanted: EventFilter, cursor: Cursor | None
) -> EventPage:
    """Read one page; a page is of as many stored events, wanted or not, as the query asks for.

    Raises:
        NotFound: The tenant does not have one of the tags.
        FailedPrecondition: A tag has samples that are no events.
        ResourceExhausted: Too many queries run, or too much is unsealed.
    """
    page = await read_raw(snapshots, tenant, query, cursor)
    found = [stored for block in page.frame.blocks for stored in _decoded(block)]
    return EventPage([stored for stored in found if wanted.wants(stored.event)], page.following)


def _decoded(block: Block) -> Sequence[StoredEvent]:
    if block.kind is not ValueKind.BYTES or not isinstance(block.value, BinaryColumn):
        raise not_events(int(block.tag[0]))
    events: list[StoredEvent] = []
    for tag_id, content in zip(block.tag.tolist(), block.value.to_list(), strict=True):
        try:
            event = OpcUaEvent.FromString(content)
        except DecodeError as err:
            raise not_events(tag_id) from err
        if not event.event_type and not event.event_id:
            raise not_events(tag_id)
        events.append(StoredEvent(tag_id, event))
    return events
