"""The monitored items of one subscription to a plant."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from asyncua import ua
from asyncua.ua.ua_binary import struct_to_binary
from numpy.typing import NDArray

from plc_sim.model.plant import Plant, Samples, Variable, changed
from plc_sim.opcua import encoding
from plc_sim.opcua.encoding import OVERFLOW, Stamps
from plc_sim.opcua.sampling import Batch
from plc_sim.opcua.standard import status_code
from plc_sim.plant_encoding import data_values
from plc_sim.plant_events import EventItems

MAX_QUEUE = 10_000
_FILTER = ua.DataChangeFilter
_STATUS, _STATUS_VALUE, _STATUS_VALUE_TIMESTAMP = 0, 1, 2

Lookup = Callable[[ua.NodeId], Variable | None]
ReadAttribute = Callable[[ua.NodeId, ua.AttributeIds], ua.DataValue]


@dataclass(frozen=True, slots=True)
class Loss:
    """Samples of one variable that a queue could not hold.

    Attributes:
        variable: Identifier.
        first_us: Timestamp of the first one lost.
        last_us: Of the last one.
        count: How many.
    """

    variable: str
    first_us: int
    last_us: int
    count: int


@dataclass(slots=True)
class _Settings:
    """What a client asked for, as it was granted."""

    handle: int
    every: int
    queue: int
    discard_oldest: bool
    trigger: int
    deadband: float
    stamps: Stamps


class _Item:
    """A monitored item on the value of a variable."""

    def __init__(self, variable: Variable, settings: _Settings, mode: ua.MonitoringMode) -> None:
        self.variable = variable
        self.settings = settings
        self.mode = mode
        self.cursor: int | None = None
        self.reported: Any = None

    def due(self, now_us: int) -> Samples | None:
        """What was sampled since the last call, as the trigger and the deadband let it through."""
        step = self.variable.grid_us * self.settings.every
        newest = now_us // step
        if self.cursor is None:
            self.cursor = newest
            first = self.variable.last(now_us)
            self.reported = first[1][-1] if len(first[0]) else None
            return first
        if newest <= self.cursor:
            return None
        begin, self.cursor = self.cursor, newest
        times, values, status = self.variable.ticks(begin * step, newest * step + 1, self.settings.every)
        if self.settings.trigger == _STATUS_VALUE_TIMESTAMP:
            keep = np.ones(len(times), np.bool_)
        elif self.settings.trigger == _STATUS_VALUE:
            keep = changed(values, status)
        else:
            keep = np.concatenate([[True], status[1:] != status[:-1]])
        keep[0] = False  # the tick that was looked at last time
        if self.settings.deadband > 0 and values.ndim == 1:
            keep &= self._outside_deadband(values, status, keep)
        return (times[keep], values[keep], status[keep]) if keep.any() else None

    def _outside_deadband(
        self, values: NDArray[Any], status: NDArray[np.uint32], candidates: NDArray[np.bool_]
    ) -> NDArray[np.bool_]:
        """AbsoluteDeadband (Part 4, 7.22.2): compares with the last value reported, so it goes value by value."""
        keep = np.zeros(len(values), np.bool_)
        for index in np.flatnonzero(candidates).tolist():
            value = values[index]
            if self.reported is None or status[index] or not abs(value - self.reported) <= self.settings.deadband:
                keep[index] = True
                self.reported = value
        return keep


class _AttributeItem:
    """A monitored item on anything else, such as the server's state: read at each publishing cycle."""

    def __init__(self, node: ua.NodeId, attribute: ua.AttributeIds, settings: _Settings) -> None:
        self.node = node
        self.attribute = attribute
        self.settings = settings
        self.last: bytes | None = None


class PlantSampler:
    """The monitored items of one subscription to a plant.

    A queue that overflows loses samples as Part 4, 5.13.1.5 says, marks their neighbour with the Overflow bit, and
    writes the loss into `losses`.
    """

    def __init__(
        self,
        lookup: Lookup,
        read: ReadAttribute,
        types_namespace: int,
        losses: "deque[Loss]",
        events: EventItems | None = None,
    ) -> None:
        self.events = events
        self._lookup = lookup
        self._read = read
        self._types_namespace = types_namespace
        self._losses = losses
        self._items: dict[int, _Item] = {}
        self._attributes: dict[int, _AttributeItem] = {}
        self._next_id = 1
        self._encoded: deque[tuple[bytes, int]] = deque()

    def add(
        self, request: ua.MonitoredItemCreateRequest, stamps: Stamps, publishing_us: int, now_us: int
    ) -> ua.MonitoredItemCreateResult:
        """Create a monitored item."""
        del now_us
        result = ua.MonitoredItemCreateResult()
        watched = request.ItemToMonitor
        attribute = ua.AttributeIds(watched.AttributeId)
        if attribute == ua.AttributeIds.EventNotifier:
            return self._add_events(request)
        variable = self._lookup(watched.NodeId) if attribute == ua.AttributeIds.Value else None
        settings = _granted(request.RequestedParameters, variable, stamps, publishing_us)
        if isinstance(settings, ua.StatusCode):
            result.StatusCode = settings
            return result
        if variable is not None:
            self._items[self._next_id] = _Item(variable, settings, request.MonitoringMode)
            result.RevisedSamplingInterval = ua.Double(variable.grid_us * settings.every / 1000)
        else:
            problem = self._watch(watched.NodeId, attribute, settings)
            if problem is not None:
                result.StatusCode = problem
                return result
            result.RevisedSamplingInterval = ua.Double(publishing_us / 1000)
        result.MonitoredItemId = ua.UInt32(self._next_id)
        result.RevisedQueueSize = ua.UInt32(settings.queue)
        self._next_id += 1
        return result

    def _add_events(self, request: ua.MonitoredItemCreateRequest) -> ua.MonitoredItemCreateResult:
        """Watch the events of the server or of a machine."""
        node = request.ItemToMonitor.NodeId
        notifier = self._read(node, ua.AttributeIds.EventNotifier)
        if self.events is None or notifier.Value is None or not notifier.Value.Value:
            unknown = notifier.StatusCode is not None and notifier.StatusCode.value == ua.StatusCodes.BadNodeIdUnknown
            code = ua.StatusCodes.BadNodeIdUnknown if unknown else ua.StatusCodes.BadNotSupported
            return ua.MonitoredItemCreateResult(StatusCode=status_code(code))
        result = self.events.add(self._next_id, request, node.Identifier if isinstance(node.Identifier, str) else "")
        self._next_id += 1
        return result

    def _watch(self, node: ua.NodeId, attribute: ua.AttributeIds, settings: _Settings) -> ua.StatusCode | None:
        """Watch an attribute of an ordinary node; a status code says why not."""
        status = self._read(node, attribute).StatusCode
        unknown = {ua.StatusCodes.BadNodeIdUnknown, ua.StatusCodes.BadAttributeIdInvalid}
        if status is not None and status.value in unknown:
            return status
        self._attributes[self._next_id] = _AttributeItem(node, attribute, settings)
        return None

    def modify(
        self, request: ua.MonitoredItemModifyRequest, stamps: Stamps, publishing_us: int, now_us: int
    ) -> ua.MonitoredItemModifyResult:
        """Change the parameters of an item; what was sampled so far goes out under the old ones."""
        result = ua.MonitoredItemModifyResult()
        item_id = int(request.MonitoredItemId)
        if self.events is not None and item_id in self.events:
            return self.events.modify(item_id, request.RequestedParameters)
        item = self._items.get(item_id) or self._attributes.get(item_id)
        if item is None:
            result.StatusCode = status_code(ua.StatusCodes.BadMonitoredItemIdInvalid)
            return result
        variable = item.variable if isinstance(item, _Item) else None
        settings = _granted(request.RequestedParameters, variable, stamps, publishing_us)
        if isinstance(settings, ua.StatusCode):
            result.StatusCode = settings
            return result
        if isinstance(item, _Item):
            self._take(item, now_us)
            if item.cursor is not None:
                item.cursor = now_us // (item.variable.grid_us * settings.every)
        item.settings = settings
        grid_us = variable.grid_us * settings.every if variable is not None else publishing_us
        result.RevisedSamplingInterval = ua.Double(grid_us / 1000)
        result.RevisedQueueSize = ua.UInt32(settings.queue)
        return result

    def __len__(self) -> int:
        """How many monitored items there are."""
        return len(self._items) + len(self._attributes) + (len(self.events) if self.events is not None else 0)

    def remove(self, item_id: int) -> bool:
        """Delete an item."""
        if self.events is not None and self.events.remove(item_id):
            return True
        return (self._items.pop(item_id, None) or self._attributes.pop(item_id, None)) is not None

    def set_mode(self, item_id: int, mode: ua.MonitoringMode, now_us: int) -> bool:
        """Items that do not report skip what happens meanwhile; back at it, they begin with the value of then."""
        del now_us
        if self.events is not None and item_id in self.events:
            self.events.set_mode(item_id, mode)
            return True
        item = self._items.get(item_id)
        if item is not None:
            if mode == ua.MonitoringMode.Reporting and item.mode != mode:
                item.cursor = None
            item.mode = mode
        return item is not None or item_id in self._attributes

    def collect(self, now_us: int, limit: int) -> Batch | None:
        """What is new, in messages of at most `limit` values."""
        if not self._encoded:
            for item in self._items.values():
                if item.mode == ua.MonitoringMode.Reporting:
                    self._take(item, now_us)
            for item in self._attributes.values():
                self._poll(item)
        if not self._encoded:
            return self.events.collect(now_us, limit) if self.events is not None else None
        parts: list[bytes] = []
        count = 0
        while self._encoded and (not limit or not count or count + self._encoded[0][1] <= limit):
            part, values = self._encoded.popleft()
            parts.append(part)
            count += values
        body = b"".join((count.to_bytes(4, "little"), *parts, b"\xff\xff\xff\xff"))
        return Batch(body, count, bool(self._encoded))

    def sent(self, batch: Batch) -> None:
        """Nothing to book: what was sent follows from the losses."""

    def _take(self, item: _Item, now_us: int) -> None:
        samples = item.due(now_us)
        if samples is None or not len(samples[0]):
            return
        samples = self._bounded(item, samples)
        column = data_values(item.variable.signal, samples, self._types_namespace)
        settings = item.settings
        body = encoding.encode(column, settings.stamps, now_us, settings.handle)
        self._encoded.append((body, len(samples[0])))

    def _bounded(self, item: _Item, samples: Samples) -> Samples:
        """What the queue holds; the rest is lost, and written down."""
        times, values, status = samples
        settings = item.settings
        surplus = len(times) - settings.queue
        if surplus <= 0:
            return samples
        if settings.discard_oldest:
            kept, lost, marked = slice(surplus, None), times[:surplus], 0
        else:
            kept = np.r_[0 : settings.queue - 1, len(times) - 1]
            lost, marked = times[settings.queue - 1 : -1], settings.queue - 1
        self._losses.append(Loss(item.variable.identifier, int(lost[0]), int(lost[-1]), len(lost)))
        status = status[kept].copy()
        if settings.queue > 1:  # a queue of one has no Overflow bit
            status[marked] |= OVERFLOW
        return times[kept], values[kept], status

    def _poll(self, item: _AttributeItem) -> None:
        value = self._read(item.node, item.attribute)
        compared = struct_to_binary(ua.DataValue(value.Value, value.StatusCode))
        if compared == item.last:
            return
        item.last = compared
        handle = item.settings.handle.to_bytes(4, "little")
        self._encoded.append((handle + struct_to_binary(value), 1))


def _granted(
    parameters: ua.MonitoringParameters, variable: Variable | None, stamps: Stamps, publishing_us: int
) -> _Settings | ua.StatusCode:
    """The settings of an item, or the status code that refuses its filter."""
    trigger, deadband = _STATUS_VALUE, 0.0
    asked = parameters.Filter
    if isinstance(asked, _FILTER):
        trigger = int(asked.Trigger)
        kind, value = int(asked.DeadbandType), float(asked.DeadbandValue)
        numeric = variable is not None and variable.signal.unit is not None and not variable.signal.length
        if kind and not numeric:
            return status_code(ua.StatusCodes.BadFilterNotAllowed)
        if kind == 2 and variable is not None:
            if not 0.0 <= value <= 100.0:
                return status_code(ua.StatusCodes.BadDeadbandFilterInvalid)
            value *= (variable.signal.high - variable.signal.low) / 100.0
        deadband = value if kind else 0.0
    elif asked is not None and getattr(asked, "TypeId", None) not in {None, ua.NodeId()}:
        return status_code(ua.StatusCodes.BadMonitoredItemFilterUnsupported)
    asked_us = parameters.SamplingInterval * 1000
    if asked_us < 0:  # -1: the publishing interval (Part 4, 7.21)
        asked_us = publishing_us
    every = max(1, -(-int(asked_us) // variable.grid_us)) if variable is not None else 1
    queue = min(max(1, int(parameters.QueueSize)), MAX_QUEUE)
    return _Settings(
        int(parameters.ClientHandle), every, queue, bool(parameters.DiscardOldest), trigger, deadband, stamps
    )


def make_lookup(plant: Plant, namespace: int) -> Lookup:
    """Find a plant's variable by NodeId."""

    def find(node: ua.NodeId) -> Variable | None:
        if node.NamespaceIndex != namespace or not isinstance(node.Identifier, str):
            return None
        return plant.variables.get(node.Identifier)

    return find
