"""What calls return, beside frames."""

from dataclasses import dataclass
from enum import IntEnum
from typing import Self

import numpy as np
from numpy.typing import NDArray

from dualspan.historian.v1 import resources_pb2, service_pb2
from dualspan.onboarding.v1 import resources_pb2 as onboarding_pb2
from dualspan_frame import Frame, ValueKind, decode_column


class Aggregate(IntEnum):
    """The aggregates of OPC UA Part 13, 5.4.3; the numbers of `dualspan.historian.v1.Aggregate`."""

    INTERPOLATIVE = resources_pb2.AGGREGATE_INTERPOLATIVE
    AVERAGE = resources_pb2.AGGREGATE_AVERAGE
    TIME_AVERAGE = resources_pb2.AGGREGATE_TIME_AVERAGE
    TIME_AVERAGE2 = resources_pb2.AGGREGATE_TIME_AVERAGE2
    TOTAL = resources_pb2.AGGREGATE_TOTAL
    TOTAL2 = resources_pb2.AGGREGATE_TOTAL2
    MINIMUM = resources_pb2.AGGREGATE_MINIMUM
    MAXIMUM = resources_pb2.AGGREGATE_MAXIMUM
    MINIMUM_ACTUAL_TIME = resources_pb2.AGGREGATE_MINIMUM_ACTUAL_TIME
    MAXIMUM_ACTUAL_TIME = resources_pb2.AGGREGATE_MAXIMUM_ACTUAL_TIME
    RANGE = resources_pb2.AGGREGATE_RANGE
    COUNT = resources_pb2.AGGREGATE_COUNT
    START = resources_pb2.AGGREGATE_START
    END = resources_pb2.AGGREGATE_END
    DELTA = resources_pb2.AGGREGATE_DELTA
    DURATION_GOOD = resources_pb2.AGGREGATE_DURATION_GOOD
    DURATION_BAD = resources_pb2.AGGREGATE_DURATION_BAD
    PERCENT_GOOD = resources_pb2.AGGREGATE_PERCENT_GOOD
    PERCENT_BAD = resources_pb2.AGGREGATE_PERCENT_BAD
    STANDARD_DEVIATION_SAMPLE = resources_pb2.AGGREGATE_STANDARD_DEVIATION_SAMPLE
    STANDARD_DEVIATION_POPULATION = resources_pb2.AGGREGATE_STANDARD_DEVIATION_POPULATION


@dataclass(frozen=True, slots=True)
class AggregateRules:
    """How raw data becomes an aggregate: OPC UA Part 13, 4.2.1.2. The defaults are the standard's.

    Attributes:
        treat_uncertain_as_bad: Uncertain raw data counts as bad.
        percent_data_good: The interval is good when at least this percentage of it is.
        percent_data_bad: The interval is bad when at least this percentage of it is.
        use_sloped_extrapolation: Beyond the last value, continue the slope instead of holding the value.
    """

    treat_uncertain_as_bad: bool = True
    percent_data_good: int = 100
    percent_data_bad: int = 100
    use_sloped_extrapolation: bool = False

    def to_message(self) -> resources_pb2.AggregateConfiguration:
        """The rules for a request."""
        return resources_pb2.AggregateConfiguration(
            treat_uncertain_as_bad=self.treat_uncertain_as_bad,
            percent_data_good=self.percent_data_good,
            percent_data_bad=self.percent_data_bad,
            use_sloped_extrapolation=self.use_sloped_extrapolation,
        )


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One tag's intervals for one aggregate.

    Attributes:
        tag_id: The tag.
        aggregate: The aggregate.
        timestamp: int64, shape (n,): microseconds UTC of each interval's start, or of the occurrence where
            the aggregate says so.
        status: uint32, shape (n,): status codes with the historian bits of OPC UA Part 11, 6.5.2.
        value: float64, shape (n,): NaN where the status is bad.
    """

    tag_id: int
    aggregate: Aggregate
    timestamp: NDArray[np.int64]
    status: NDArray[np.uint32]
    value: NDArray[np.float64]

    @property
    def good(self) -> NDArray[np.bool_]:
        """bool, shape (n,): where the status is Good (OPC UA Part 4, 7.39.1: both severity bits 0)."""
        return self.status < np.uint32(0x40000000)

    @classmethod
    def from_message(cls, message: service_pb2.ReadProcessedResponse.Series) -> Self:
        """The series that an answer holds; raises `FrameError` where it is corrupt."""
        return cls(
            message.tag_id,
            Aggregate(message.aggregate),
            decode_column(message.timestamp, np.int64, message.count),
            decode_column(message.status, np.uint32, message.count),
            decode_column(message.value, np.float64, message.count),
        )


@dataclass(frozen=True, slots=True, eq=False)
class Update:
    """What a subscription yields.

    Attributes:
        frame: The samples.
        skipped_frames: How many frames were left out just before this one: the reader was too slow, or the platform
            could not pass them on.
        resumed: The stream broke and was opened again just before this one, so samples may be missing here.
            Whatever is missing here is stored: `Client.read_raw` has it.
    """

    frame: Frame
    skipped_frames: int = 0
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class Tag:
    """One measured value of a plant.

    Attributes:
        name: `tenants/{tenant}/tags/{tag_id}`.
        tag_id: The number that samples carry.
        server: The OPC UA server that it comes from.
        node_id: Its NodeId there, the namespace as URI (OPC UA Part 6, 5.3.1.10).
        browse_path: Where it is in the address space.
        display_name: What people call it.
        kind: What its values are.
        data_type: The OPC UA data type's name.
        unit: Engineering unit, such as "°C"; empty where there is none.
        state: "PENDING", "ACTIVE", "REFUSED" and so on.
        state_detail: Why it was refused and what to do.
    """

    name: str
    tag_id: int
    server: str
    node_id: str
    browse_path: str
    display_name: str
    kind: ValueKind
    data_type: str
    unit: str
    state: str
    state_detail: str

    @classmethod
    def from_message(cls, message: onboarding_pb2.Tag) -> Self:
        """The tag that an answer holds."""
        return cls(
            name=message.name,
            tag_id=message.tag_id,
            server=message.server,
            node_id=message.node_id,
            browse_path=message.browse_path,
            display_name=message.display_name or message.browse_path,
            kind=ValueKind(message.kind),
            data_type=message.data_type,
            unit=message.unit,
            state=onboarding_pb2.TagState.Name(message.state).removeprefix("TAG_STATE_"),
            state_detail=message.state_detail,
        )
