"""How a tag's values are got from its server: the model. No I/O."""

from dataclasses import dataclass
from enum import IntEnum


class TagSource(IntEnum):
    """What of a node is stored; the numbers of the contract."""

    VALUE = 1
    EVENTS = 2


class AcquisitionMode(IntEnum):
    """How values are asked for; the numbers of the contract."""

    SUBSCRIPTION = 1
    CYCLIC_READ = 2


class DeadbandType(IntEnum):
    """Which changes are too small to tell of (Part 4, 7.22.2); the numbers of the contract."""

    NONE = 1
    ABSOLUTE = 2
    PERCENT = 3


class DataChangeTrigger(IntEnum):
    """What makes a new sample (Part 4, 7.22.2); the numbers of the contract."""

    STATUS = 1
    STATUS_VALUE = 2
    STATUS_VALUE_TIMESTAMP = 3


@dataclass(frozen=True, slots=True)
class Acquisition:
    """How a tag's values are got, beside its intervals and its queue.

    Attributes:
        mode: Subscription or cyclic read.
        deadband_type: Absolute, in per cent of the EURange, or none.
        deadband_value: In the variable's unit, or per cent.
        trigger: What makes a new sample.
        discard_newest: A full queue drops the newest value instead of the oldest.
        heartbeat_us: The gateway repeats the last value after so long without one; 0: never.
        register_node: The gateway registers the node with the server.
        minimum_severity: Events only: those below are left out.
    """

    mode: AcquisitionMode = AcquisitionMode.SUBSCRIPTION
    deadband_type: DeadbandType = DeadbandType.NONE
    deadband_value: float = 0.0
    trigger: DataChangeTrigger = DataChangeTrigger.STATUS_VALUE
    discard_newest: bool = False
    heartbeat_us: int = 0
    register_node: bool = False
    minimum_severity: int = 0


@dataclass(frozen=True, slots=True)
class Address:
    """Which part of a node a tag is.

    Attributes:
        source: Its value or its events.
        field_path: A field or an element of the value, such as `Position.X`; "": all of it.
        index_range: The part of an array that the server sends (NumericRange, Part 4, 7.27); "": all of it.
    """

    source: TagSource = TagSource.VALUE
    field_path: str = ""
    index_range: str = ""


WHOLE_VALUE = Address()
DEFAULT_ACQUISITION = Acquisition()


@dataclass(frozen=True, slots=True)
class ValueField:
    """One field of a structure or one element of an array that can be a tag. The kind is the frame contract's."""

    path: str
    data_type: str
    kind: int
    length: int = 0
    optional: bool = False
