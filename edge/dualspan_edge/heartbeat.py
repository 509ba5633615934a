"""The last value again, after a silence, as far as the server has confirmed it.

A repetition says what held at a moment without a measurement: the historian bits of its status say Interpolated
(Part 4, 7.39.1; a stepped interpolation is the value before), so that nobody counts it as one.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from dualspan.onboarding.v1 import gateway_service_pb2 as gateway
from dualspan_frame import BinaryColumn, Block, ValueKind

# Status code bits: InfoType DataValue, and the historian's bits for an interpolated value.
_INFO_TYPE, _DATA_VALUE, _HISTORIAN_BITS, _INTERPOLATED = 0x0C00, 0x0400, 0x001F, 0x0002
# Bits of the sample before that do not go for its repetition: Overflow, StructureChanged, SemanticsChanged.
_OF_THE_SAMPLE = 0x0080 | 0x8000 | 0x4000


@dataclass(slots=True)
class _Pulse:
    """A tag with a heartbeat: its interval and last sample; times in microseconds."""

    interval: int
    kind: ValueKind
    timestamp: int = 0
    status: int = 0
    value: object = None


class Heartbeats:
    """The heartbeats of one server's tags."""

    def __init__(self) -> None:
        self._pulses: dict[int, _Pulse] = {}
        self._ids = np.empty(0, np.int64)

    def __bool__(self) -> bool:
        return bool(self._pulses)

    @property
    def tag_ids(self) -> Iterable[int]:
        """Tags that have one."""
        return self._pulses.keys()

    def configure(self, tags: Iterable[gateway.TagConfiguration]) -> None:
        """Keeps the last samples of tags that had a heartbeat already."""
        pulses: dict[int, _Pulse] = {}
        for tag in tags:
            interval = tag.acquisition.heartbeat_interval.ToMicroseconds()
            if interval <= 0 or tag.kind not in set(ValueKind):
                continue
            kept = self._pulses.get(tag.tag_id)
            pulses[tag.tag_id] = kept or _Pulse(interval, ValueKind(tag.kind))
            pulses[tag.tag_id].interval = interval
        self._pulses = pulses
        self._ids = np.array(sorted(pulses), np.int64)

    def note(self, blocks: Iterable[Block]) -> None:
        """Remembers the newest sample of each tag that has a heartbeat."""
        for block in blocks:
            rows = np.flatnonzero(np.isin(block.tag, self._ids))
            if not len(rows):
                continue
            # Of each tag, the last row: unique finds the first in the reversed order.
            tags, last = np.unique(block.tag[rows][::-1], return_index=True)
            for tag_id, row in zip(tags.tolist(), rows[::-1][last].tolist(), strict=True):
                self._remember(self._pulses[tag_id], block, row)

    @staticmethod
    def _remember(pulse: _Pulse, block: Block, row: int) -> None:
        if int(block.timestamp[row]) < pulse.timestamp:
            return
        pulse.timestamp, pulse.status = int(block.timestamp[row]), int(block.status[row])
        value = block.value
        pulse.value = value.slice(row, row + 1).to_list()[0] if isinstance(value, BinaryColumn) else value[row]

    def due(self, confirmed_until: Mapping[int, int]) -> list[Block]:
        """The repetitions that are due.

        Args:
            confirmed_until: By tag: until when the server has said that nothing has changed, microseconds on its clock.
        """
        rows: dict[ValueKind, list[tuple[int, _Pulse]]] = {}
        for tag_id, until in confirmed_until.items():
            pulse = self._pulses.get(tag_id)
            if pulse is None or not pulse.timestamp or until - pulse.timestamp < pulse.interval:
                continue
            # At the interval and not at the moment of looking, so that repetitions stand at even distances.
            pulse.timestamp += (until - pulse.timestamp) // pulse.interval * pulse.interval
            pulse.status = _repeated(pulse.status)
            rows.setdefault(pulse.kind, []).append((tag_id, pulse))
        return [_block(kind, members) for kind, members in rows.items()]


def _repeated(status: int) -> int:
    kept = status & ~(_OF_THE_SAMPLE | _HISTORIAN_BITS | _INFO_TYPE)
    return kept | _DATA_VALUE | _INTERPOLATED


def _block(kind: ValueKind, members: Sequence[tuple[int, _Pulse]]) -> Block:
    values = [pulse.value for _, pulse in members]
    column = (
        BinaryColumn.from_list(value for value in values if isinstance(value, bytes))
        if kind in {ValueKind.TEXT, ValueKind.BYTES}
        else np.array(values)
    )
    return Block(
        kind,
        np.array([tag_id for tag_id, _ in members], np.int64),
        np.array([pulse.timestamp for _, pulse in members], np.int64),
        np.array([pulse.status for _, pulse in members], np.uint32),
        column,
    )
