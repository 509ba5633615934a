"""What the decoder hands out: columns, and the little that surrounds them."""

from dataclasses import dataclass
from enum import Enum, auto
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from dualspan_frame import BinaryColumn

RunValues: TypeAlias = NDArray[np.number] | NDArray[np.bool_] | BinaryColumn | None


class RunForm(Enum):
    """How the values of a run are given."""

    # No value at all (Variant null, or a DataValue without its value bit): `values` is None.
    ABSENT = auto()
    # One fixed-width scalar type: `values` is a NumPy array of it. DateTime comes as int64 microseconds since 1970.
    NUMBER = auto()
    # String, LocalizedText (its text) or Guid (its usual spelling): `values` is a BinaryColumn of UTF-8.
    TEXT = auto()
    # Anything else: `values` is a BinaryColumn of the Variants as they were encoded (Part 6, 5.2.2.16).
    VARIANT = auto()


@dataclass(frozen=True, slots=True, eq=False)
class ItemRun:
    """Items of one notification whose values have one form and, for numbers, one type.

    Attributes:
        form: How `values` are given.
        built_in: The built-in type of a NUMBER run (Part 6, 5.1.2); 0 otherwise.
        index: int64, shape (n,): where in the notification each item stood; rising.
        handle: uint32, shape (n,): ClientHandle.
        status: uint32, shape (n,): status code as it came; 0 (Good) where none was sent.
        timestamp: int64, shape (n,): microseconds since 1970, UTC: the source's, else the server's, else that of
            the notification.
        values: n values.
    """

    form: RunForm
    built_in: int
    index: NDArray[np.int64]
    handle: NDArray[np.uint32]
    status: NDArray[np.uint32]
    timestamp: NDArray[np.int64]
    values: RunValues

    def __len__(self) -> int:
        return len(self.handle)

    def take(self, mask: NDArray[np.bool_]) -> "ItemRun":
        """The items where `mask`, bool of shape (n,), is true."""
        rows = np.flatnonzero(mask)
        values = self.values
        if values is not None:
            values = values.take(rows) if isinstance(values, BinaryColumn) else values[rows]
        return ItemRun(
            self.form,
            self.built_in,
            self.index[rows],
            self.handle[rows],
            self.status[rows],
            self.timestamp[rows],
            values,
        )


@dataclass(frozen=True, slots=True)
class DataChange:
    """One DataChangeNotification (Part 4, 7.25.2): `count` items in one or more runs."""

    count: int
    runs: tuple[ItemRun, ...]


@dataclass(frozen=True, slots=True)
class EventFields:
    """One EventFieldList (Part 4, 7.25.3): what one event says, in the order of the select clauses.

    A field is None where the event has none, or one of a type that is not read; NodeIds are keys, DateTimes ticks.
    """

    handle: int
    fields: tuple[object, ...]


@dataclass(frozen=True, slots=True)
class PublishResponse:
    """A PublishResponse (Part 4, 5.14.5), or the ServiceFault that came instead of one.

    Attributes:
        service_result: Status code of the service; the rest is empty if it is bad.
        subscription_id: Whose notification this is.
        available_sequence_numbers: What the server still keeps for Republish.
        more_notifications: The server has more than fitted into this message.
        sequence_number: Of the notification; of the next one if this is a keep-alive.
        publish_time: Microseconds since 1970; 0 if the server gave none.
        data_changes: The data changes, in the order in which they came.
        status_changes: Status codes of StatusChangeNotifications (7.25.4).
        event_lists: How many EventNotificationLists there were.
        events: The events in them, in the order in which they came.
        acknowledge_results: Status codes for the acknowledgements that the request carried.
        unknown_parts: How many parts of the notification were of no known type; they are skipped.
    """

    service_result: int = 0
    subscription_id: int = 0
    available_sequence_numbers: tuple[int, ...] = ()
    more_notifications: bool = False
    sequence_number: int = 0
    publish_time: int = 0
    data_changes: tuple[DataChange, ...] = ()
    status_changes: tuple[int, ...] = ()
    event_lists: int = 0
    events: tuple[EventFields, ...] = ()
    acknowledge_results: tuple[int, ...] = ()
    unknown_parts: int = 0

    @property
    def is_keep_alive(self) -> bool:
        """Whether there is no notification in it: nothing to acknowledge (Part 4, 5.14.1.4)."""
        return not (self.data_changes or self.status_changes or self.event_lists or self.unknown_parts)

    @property
    def sample_count(self) -> int:
        """How many items its data changes hold, and how many events there are."""
        return sum(change.count for change in self.data_changes) + len(self.events)
