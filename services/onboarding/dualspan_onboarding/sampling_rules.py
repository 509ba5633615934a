"""How a tag's values are got from its server: what can be, and what goes together."""

import math
import re
from dataclasses import replace

from dualspan_onboarding.errors import malformed
from dualspan_onboarding.rules import MAX_INTERVAL_US, MAX_QUEUE_SIZE, effective_queue_size
from dualspan_onboarding.sampling import (
    WHOLE_VALUE,
    Acquisition,
    AcquisitionMode,
    Address,
    DataChangeTrigger,
    DeadbandType,
    TagSource,
)

BYTES = 5  # dualspan.frame.v1.ValueKind
_NUMBERS = frozenset({1, 2})
_LARGEST_SEVERITY = 1000  # Part 5, 6.4.2
_SHORTEST_HEARTBEAT_US = 1_000_000
# Events come in bursts: a plant that trips raises hundreds within a second.
EVENT_QUEUE = 1000
MAX_PATH_CHARACTERS = 500
_NAME = r"[^.\[\]\x00-\x1f]{1,200}"
_FIELD_PATH = re.compile(rf"(?:{_NAME}|\[[0-9]{{1,7}}\])(?:\.{_NAME}|\[[0-9]{{1,7}}\]){{0,31}}")
_DIMENSION = r"[0-9]{1,7}(?::[0-9]{1,7})?"
_INDEX_RANGE = re.compile(rf"{_DIMENSION}(?:,{_DIMENSION}){{0,7}}")


def check_address(address: Address) -> Address:
    """Return an address that can be looked up; raises InvalidArgument."""
    path, part = address.field_path, address.index_range
    if path and (len(path) > MAX_PATH_CHARACTERS or not _FIELD_PATH.fullmatch(path)):
        raise malformed(
            "MALFORMED_FIELD_PATH", "field_path", f"{path[:100]!r} is not like Position.X or Limits[2].High."
        )
    if part and not _INDEX_RANGE.fullmatch(part):
        raise malformed("MALFORMED_INDEX_RANGE", "index_range", f"{part[:100]!r} is not like 3, 0:9 or 0:1,4:5.")
    bounds = (dimension.split(":") for dimension in part.split(",") if ":" in dimension)
    if any(int(low) >= int(high) for low, high in bounds):
        raise malformed("MALFORMED_INDEX_RANGE", "index_range", f"{part!r} ends where it begins, or before.")
    if path and part:
        raise malformed("ADDRESS_AMBIGUOUS", "field_path", "State either field_path or index_range, not both.")
    if address.source is TagSource.EVENTS and (path or part):
        raise malformed("ADDRESS_AMBIGUOUS", "source", "Events have neither a field_path nor an index_range.")
    return address


def check_acquisition(acquisition: Acquisition) -> Acquisition:
    """Return settings that can be, whatever they are for; raises InvalidArgument."""
    value, kind = acquisition.deadband_value, acquisition.deadband_type
    largest = 100.0 if kind is DeadbandType.PERCENT else math.inf
    if not (math.isfinite(value) and 0 <= value <= largest):
        words = "deadband_value must be 0 or more, and with PERCENT 100 at the most."
        raise malformed("DEADBAND_OUT_OF_RANGE", "acquisition.deadband_value", words)
    if value and kind is DeadbandType.NONE:
        words = "deadband_value needs a deadband_type: ABSOLUTE or PERCENT."
        raise malformed("DEADBAND_TYPE_MISSING", "acquisition.deadband_type", words)
    heartbeat = acquisition.heartbeat_us
    if heartbeat and not _SHORTEST_HEARTBEAT_US <= heartbeat <= MAX_INTERVAL_US:
        words = "heartbeat_interval must be 0, or between 1 second and 24 hours."
        raise malformed("INTERVAL_OUT_OF_RANGE", "acquisition.heartbeat_interval", words)
    if not 0 <= acquisition.minimum_severity <= _LARGEST_SEVERITY:
        words = f"minimum_severity must be at most {_LARGEST_SEVERITY}."
        raise malformed("SEVERITY_OUT_OF_RANGE", "acquisition.minimum_severity", words)
    return acquisition


def fitting(acquisition: Acquisition, address: Address, kind: int) -> Acquisition:
    """What of settings that go for many tags goes for one: the rest would be refused by every server.

    Args:
        acquisition: What was chosen for many.
        address: Which part of a node the tag is.
        kind: The kind of its samples.
    """
    if address.source is TagSource.EVENTS:
        return Acquisition(discard_newest=acquisition.discard_newest, minimum_severity=acquisition.minimum_severity)
    subscribed = acquisition.mode is AcquisitionMode.SUBSCRIPTION
    with_deadband = kind in _NUMBERS and address == WHOLE_VALUE and subscribed
    return replace(
        acquisition,
        deadband_type=acquisition.deadband_type if with_deadband else DeadbandType.NONE,
        deadband_value=acquisition.deadband_value if with_deadband else 0.0,
        trigger=acquisition.trigger if subscribed else DataChangeTrigger.STATUS_VALUE,
        minimum_severity=0,
    )


def check_fits(acquisition: Acquisition, address: Address, kind: int) -> Acquisition:
    """Return settings that were chosen for one tag; raises InvalidArgument where they cannot go together with it."""
    check_acquisition(acquisition)
    fits = fitting(acquisition, address, kind)
    if fits == acquisition:
        return acquisition
    if fits.minimum_severity != acquisition.minimum_severity:
        raise malformed("NOT_FOR_VALUES", "acquisition.minimum_severity", "minimum_severity is for events only.")
    if fits.deadband_type is not acquisition.deadband_type:
        words = (
            "A deadband is for subscribed variables that are numbers, not for text, fields, elements or cyclic reads."
        )
        raise malformed("DEADBAND_NOT_POSSIBLE", "acquisition.deadband_type", words)
    words = "Events have no mode, trigger or heartbeat and need no registration; cyclic reads have no trigger."
    raise malformed("ACQUISITION_NOT_POSSIBLE", "acquisition", words)


def queue_at_server(source: TagSource, configured: int, sampling_us: int, publishing_us: int) -> int:
    """How much the server is asked to keep of a tag between two notifications."""
    if source is TagSource.EVENTS:
        return min(max(configured, EVENT_QUEUE), MAX_QUEUE_SIZE)
    return effective_queue_size(configured, sampling_us, publishing_us)
