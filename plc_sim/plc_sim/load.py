"""Load mode: doubles by the million, as an ordinary subscription sees them, made by NumPy per notification.

Every item has a sample at every tick; the value is a function of (item, tick), so that whoever receives the samples can
tell, from the timestamps alone, whether one is missing, doubled or wrong.
"""

import time
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from asyncua import ua
from numpy.typing import NDArray

from plc_sim.load_statistics import LoadStatistics
from plc_sim.opcua.encoding import (
    FILETIME_EPOCH,
    OVERFLOW,
    BuiltInType,
    Stamps,
    mask_of,
    row_dtype,
)
from plc_sim.opcua.sampling import Batch
from plc_sim.opcua.standard import status_code

MAX_VALUES_PER_MESSAGE = 200_000
MAX_QUEUE = 1_000_000
FIRST_NODE_ID = 1

_TABLE_BITS = 16
_TABLE_MASK = (1 << _TABLE_BITS) - 1
_ITEM_STRIDE = 40503
"""Odd, so that items start at different places of the table (Fibonacci hashing)."""


def _value_table(seed: int) -> NDArray[np.float64]:
    """A closed random walk of temperatures with two decimals."""
    generator = np.random.Generator(np.random.Philox(seed))
    steps = generator.normal(0.0, 0.12, 1 << _TABLE_BITS)
    walk = np.cumsum(steps - steps.mean())
    return np.round(180.0 + walk - walk.mean(), 2)


@dataclass(frozen=True, slots=True)
class LoadPlan:
    """What a load server produces.

    Attributes:
        items: Number of variables.
        tick_us: Time between two samples of each.
        seed: Of the values.
        table: float64[65536], the values that items walk through.
    """

    items: int
    tick_us: int
    seed: int
    table: NDArray[np.float64] = field(repr=False)

    @classmethod
    def of(cls, rate: float, items: int, seed: int = 1) -> "LoadPlan":
        """Plan for `rate` values per second over `items` variables; the tick is rounded to a microsecond."""
        if rate <= 0 or items <= 0:
            raise ValueError("rate and items must be above zero")
        return cls(items, max(1, round(items * 1e6 / rate)), seed, _value_table(seed))

    @property
    def rate(self) -> float:
        """Values per second that the plan really makes."""
        return self.items * 1e6 / self.tick_us

    def values(self, item: NDArray[np.int64], tick: NDArray[np.int64]) -> NDArray[np.float64]:
        """Values of items at ticks (broadcast against each other); tick = source timestamp in µs // tick_us."""
        return self.table[(item * _ITEM_STRIDE + tick) & _TABLE_MASK]


@dataclass(frozen=True, slots=True)
class _Item:
    """A monitored item: the client's handle, the variable, the stream in the statistics."""

    handle: int
    variable: int
    stream: int


@dataclass(frozen=True, slots=True)
class _Columns:
    """Monitored items, column by column."""

    variables: NDArray[np.int64]
    handles: NDArray[np.uint32]
    streams: NDArray[np.int64]

    @classmethod
    def of(cls, items: "dict[int, _Item]") -> "_Columns":
        values = items.values()
        return cls(
            np.array([item.variable for item in values], np.int64),
            np.array([item.handle for item in values], np.uint32),
            np.array([item.stream for item in values], np.int64),
        )

    def __len__(self) -> int:
        return len(self.variables)


@dataclass(slots=True)
class _Group:
    """Monitored items with the same parameters, which share a cursor and a template of rows."""

    step: int
    queue: int
    discard_oldest: bool
    stamps: Stamps
    cursor: int = -1
    joined_at: int = -1
    members: dict[int, _Item] = field(default_factory=dict)
    joining: dict[int, _Item] = field(default_factory=dict)
    columns: "_Columns | None" = None
    template: NDArray[Any] | None = None

    def arrays(self) -> "_Columns":
        """The members as columns."""
        if self.columns is None:
            self.columns = _Columns.of(self.members)
            self.template = None
        return self.columns


@dataclass(frozen=True, slots=True)
class _Receipt:
    """What to book when a message has gone out."""

    streams: NDArray[np.int64]
    first_tick: int
    last_tick: int
    sent: int
    dropped: int


class LoadSampler:
    """The monitored items of one subscription of a load server."""

    def __init__(self, plan: LoadPlan, namespace: int, statistics: LoadStatistics) -> None:
        self._plan = plan
        self._namespace = namespace
        self._statistics = statistics
        self._groups: dict[tuple[int, int, bool, Stamps], _Group] = {}
        self._items: dict[int, _Group] = {}
        self._silent: dict[int, _Item] = {}
        self._next_id = 1

    def add(
        self, request: ua.MonitoredItemCreateRequest, stamps: Stamps, publishing_us: int, now_us: int
    ) -> ua.MonitoredItemCreateResult:
        """Create a monitored item on the Value of a load variable."""
        result = ua.MonitoredItemCreateResult()
        node = request.ItemToMonitor.NodeId
        variable = int(node.Identifier) - FIRST_NODE_ID if isinstance(node.Identifier, int) else -1
        if node.NamespaceIndex != self._namespace or not 0 <= variable < self._plan.items:
            result.StatusCode = status_code(ua.StatusCodes.BadNodeIdUnknown)
            return result
        if request.ItemToMonitor.AttributeId != ua.AttributeIds.Value:
            result.StatusCode = status_code(ua.StatusCodes.BadAttributeIdInvalid)
            return result
        item_id = self._next_id
        self._next_id += 1
        parameters = request.RequestedParameters
        item = _Item(int(parameters.ClientHandle), variable, self._statistics.open(variable))
        group = self._place(item_id, item, parameters, stamps, publishing_us, request.MonitoringMode)
        # A server samples from the moment of creation, however long the first message takes.
        now_tick = now_us // self._plan.tick_us
        group.joined_at = max(group.joined_at, now_tick - now_tick % group.step)
        result.MonitoredItemId = ua.UInt32(item_id)
        result.RevisedSamplingInterval = ua.Double(group.step * self._plan.tick_us / 1000)
        result.RevisedQueueSize = ua.UInt32(group.queue)
        return result

    def _place(
        self,
        item_id: int,
        item: _Item,
        parameters: ua.MonitoringParameters,
        stamps: Stamps,
        publishing_us: int,
        mode: ua.MonitoringMode,
    ) -> _Group:
        """Put an item into the group of its parameters."""
        asked_us = parameters.SamplingInterval * 1000
        if asked_us < 0:  # -1: as fast as the publishing interval (Part 4, 7.21)
            asked_us = publishing_us
        step = max(1, -(-int(asked_us) // self._plan.tick_us))
        queue = min(max(1, int(parameters.QueueSize)), MAX_QUEUE)
        key = (step, queue, bool(parameters.DiscardOldest), stamps)
        group = self._groups.setdefault(key, _Group(*key))
        self._items[item_id] = group
        (group.joining if mode == ua.MonitoringMode.Reporting else self._silent)[item_id] = item
        return group

    def modify(
        self, request: ua.MonitoredItemModifyRequest, stamps: Stamps, publishing_us: int, now_us: int
    ) -> ua.MonitoredItemModifyResult:
        """Move an item to the group of its new parameters."""
        del now_us
        result = ua.MonitoredItemModifyResult()
        item_id = int(request.MonitoredItemId)
        silent = item_id in self._silent
        old = self._take(item_id)
        if old is None:
            result.StatusCode = status_code(ua.StatusCodes.BadMonitoredItemIdInvalid)
            return result
        parameters = request.RequestedParameters
        item = _Item(int(parameters.ClientHandle), old.variable, old.stream)
        mode = ua.MonitoringMode.Sampling if silent else ua.MonitoringMode.Reporting
        group = self._place(item_id, item, parameters, stamps, publishing_us, mode)
        result.RevisedSamplingInterval = ua.Double(group.step * self._plan.tick_us / 1000)
        result.RevisedQueueSize = ua.UInt32(group.queue)
        return result

    def _take(self, item_id: int) -> _Item | None:
        """Take an item out of wherever it is."""
        group = self._items.get(item_id)
        if group is None:
            return None
        if item_id in group.members:
            group.columns = None
            return group.members.pop(item_id)
        return group.joining.pop(item_id, None) or self._silent.pop(item_id, None)

    def __len__(self) -> int:
        """How many monitored items there are."""
        return len(self._items)

    def remove(self, item_id: int) -> bool:
        """Delete an item; its statistics stay."""
        known = self._take(item_id) is not None
        self._items.pop(item_id, None)
        return known

    def set_mode(self, item_id: int, mode: ua.MonitoringMode, now_us: int) -> bool:
        """Reporting items are sent; sampling and disabled ones are not."""
        del now_us
        item = self._take(item_id)
        if item is None:
            return False
        reporting = mode == ua.MonitoringMode.Reporting
        (self._items[item_id].joining if reporting else self._silent)[item_id] = item
        return True

    def collect(self, now_us: int, limit: int) -> Batch | None:
        """One message of one group: the next ticks of all its members."""
        now_tick = now_us // self._plan.tick_us
        room = min(limit or MAX_VALUES_PER_MESSAGE, MAX_VALUES_PER_MESSAGE)
        for group in self._groups.values():
            newest = now_tick - now_tick % group.step
            columns = group.arrays()
            if len(columns) and newest > group.cursor:
                return self._members_batch(group, columns, newest, room)
            if group.joining:
                return self._joining_batch(group, newest, room)
        return None

    def _members_batch(self, group: _Group, columns: _Columns, newest: int, room: int) -> Batch:
        """Rows tick by tick; ticks that the queue could not hold are dropped, and their neighbour is marked."""
        due = (newest - group.cursor) // group.step
        dropped = max(0, due - group.queue)
        if dropped and group.discard_oldest:
            group.cursor += dropped * group.step
        kept = due - dropped
        count = min(kept, max(1, room // len(columns)))
        if count < kept and not group.discard_oldest:
            dropped = 0  # it is the last ones that are missing, and this message does not reach them
        ticks = group.cursor + group.step * np.arange(1, count + 1, dtype=np.int64)
        marked: int | None = None
        if dropped and not group.discard_oldest:
            ticks[-1] = newest
        if dropped and group.queue > 1:  # a queue of one has no Overflow bit (Part 4, 5.13.1.5)
            marked = 0 if group.discard_oldest else count - 1
        body = self._rows(group, columns, ticks, marked)
        group.cursor = int(ticks[-1])
        receipt = _Receipt(columns.streams, int(ticks[0]), group.cursor, count, dropped)
        values = count * len(columns)
        return Batch(_notification(values, body), values, group.cursor < newest or bool(group.joining), receipt)

    def _joining_batch(self, group: _Group, newest: int, room: int) -> Batch:
        """First values of new items, until the tick that the other members have reached."""
        columns = _Columns.of(group.joining)
        group.template = None
        since_creation = (newest - group.joined_at) // group.step + 1 if group.joined_at >= 0 else 1
        count = max(1, min(since_creation, group.queue, room // len(columns)))
        ticks = newest - group.step * np.arange(count - 1, -1, -1, dtype=np.int64)
        body = self._encode(group, columns, ticks, status=0)
        group.members |= group.joining
        group.joining = {}
        group.columns = None
        group.cursor, group.joined_at = newest, -1
        receipt = _Receipt(columns.streams, int(ticks[0]), newest, count, 0)
        values = count * len(columns)
        return Batch(_notification(values, body), values, more=False, receipt=receipt)

    def _rows(self, group: _Group, columns: _Columns, ticks: NDArray[np.int64], marked: int | None) -> bytes:
        """Encode ticks × items; the row of ticks at index `marked` carries the Overflow bit."""
        if marked is None:
            return self._encode(group, columns, ticks, status=0)
        spans = [(ticks[:marked], 0), (ticks[marked : marked + 1], OVERFLOW), (ticks[marked + 1 :], 0)]
        return b"".join(self._encode(group, columns, span, status) for span, status in spans if len(span))

    def _encode(self, group: _Group, columns: _Columns, ticks: NDArray[np.int64], status: int) -> bytes:
        shape = (len(ticks), len(columns))
        rows = group.template
        if rows is None or rows.shape != shape or status:
            mask = mask_of(group.stamps, value=True, status=status != 0)
            rows = np.empty(shape, row_dtype(BuiltInType.DOUBLE, mask, handle=True))
            rows["handle"] = columns.handles
            rows["mask"] = mask
            rows["type"] = int(BuiltInType.DOUBLE)
            if status:
                rows["status"] = status
            else:
                group.template = rows
        column = ticks[:, np.newaxis]
        rows["value"] = self._plan.values(columns.variables, column)
        if group.stamps in {Stamps.SOURCE, Stamps.BOTH}:
            rows["source"] = column * (self._plan.tick_us * 10) + FILETIME_EPOCH
        if group.stamps in {Stamps.SERVER, Stamps.BOTH}:
            rows["server"] = time.time_ns() // 100 + FILETIME_EPOCH
        return rows.tobytes()

    def sent(self, batch: Batch) -> None:
        """Book what a message carried."""
        receipt: _Receipt = batch.receipt
        self._statistics.book(receipt.streams, receipt.first_tick, receipt.last_tick, receipt.sent, receipt.dropped)


def _notification(count: int, rows: bytes) -> bytes:
    """A DataChangeNotification: the number of items, the items, no diagnostics (Part 4, 7.25.2)."""
    return b"".join((count.to_bytes(4, "little"), rows, b"\xff\xff\xff\xff"))
