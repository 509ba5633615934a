"""Alarm conditions of machines (Part 9): faults that stop them, process faults that build up, and ones on demand."""

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

from plc_sim.model.machine import SECOND, Mode
from plc_sim.model.plant import Machine, Plant
from plc_sim.model.schedule import COMMON_REASONS
from plc_sim.model.timeline import week_of

FAULT, PROCESS, DEMAND = "Fault", "Process", "OnDemand"
CONDITION_NAMES = (FAULT, PROCESS, DEMAND)
EVENTS_KEPT = 10_000
_FAULT_SEVERITY, _PROCESS_SEVERITY = 800, 400
_LEAST_STEP_US = SECOND // 5


class AcknowledgeError(Exception):
    """An acknowledgement of something that cannot be acknowledged.

    Attributes:
        known: The event is one of the condition's, but it was acknowledged before.
    """

    def __init__(self, *, known: bool) -> None:
        super().__init__("already acknowledged" if known else "no such event")
        self.known = known


@dataclass(frozen=True, slots=True)
class Span:
    """When a condition is active, and why.

    Attributes:
        start_us: First instant.
        end_us: End, exclusive.
        severity: 1 to 1000.
        message: For people.
    """

    start_us: int
    end_us: int
    severity: int
    message: str


@dataclass(frozen=True, slots=True)
class ConditionEvent:
    """A condition as it was after a change.

    Attributes:
        sequence: Rises by one with every event of the plant.
        time_us: Of the change.
        machine: Name of the machine.
        condition: Name of the condition.
        active: Whether its cause is there.
        acked: Whether somebody has acknowledged it since it became active.
        severity: 1 to 1000.
        last_severity: The one before.
        message: For people.
        comment: Last one.
        user: Who commented last.
    """

    sequence: int
    time_us: int
    machine: str
    condition: str
    active: bool
    acked: bool
    severity: int
    last_severity: int
    message: str
    comment: str = ""
    user: str = ""

    @property
    def retain(self) -> bool:
        """Whether a client that has just come has to know of it (Part 9, 5.5.2)."""
        return self.active or not self.acked

    @property
    def event_id(self) -> bytes:
        """EventId: 16 bytes."""
        told = f"{self.machine}/{self.condition}/{self.sequence}/{self.time_us}/{self.acked}"
        return hashlib.sha256(told.encode()).digest()[:16]


@dataclass(frozen=True, slots=True)
class _Acknowledgement:
    machine: str
    condition: str
    active_us: int
    comment: str
    user: str


class AlarmJournal:
    """Alarms on demand and acknowledgements, kept in a file of JSON lines (or only in memory, without one)."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._demands: dict[str, list[Span]] = {}
        self._acknowledged: dict[tuple[str, str, int], _Acknowledgement] = {}
        if path is not None and path.exists():
            for line in path.read_text().splitlines():
                self._keep(json.loads(line))

    def _keep(self, entry: dict[str, dict[str, object]]) -> None:
        if "demand" in entry:
            fields = dict(entry["demand"])
            self._demands.setdefault(str(fields.pop("machine")), []).append(Span(**fields))  # pyright: ignore[reportArgumentType]
        else:
            known = _Acknowledgement(**entry["acknowledged"])  # pyright: ignore[reportArgumentType]
            self._acknowledged[(known.machine, known.condition, known.active_us)] = known

    def _write(self, entry: dict[str, dict[str, object]]) -> None:
        if self._path is not None:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a") as file:
                file.write(json.dumps(entry) + "\n")
        self._keep(entry)

    def demand(self, machine: str, span: Span) -> None:
        """Have a machine's condition on demand be active for a span."""
        self._write({"demand": {"machine": machine, **asdict(span)}})

    def demands(self, machine: str) -> list[Span]:
        """The spans of a machine's condition on demand."""
        return self._demands.get(machine, [])

    def acknowledge(self, event: ConditionEvent, active_us: int, comment: str, user: str) -> None:
        """Write down that somebody acknowledged what became active at `active_us`."""
        self._write(
            {"acknowledged": asdict(_Acknowledgement(event.machine, event.condition, active_us, comment, user))}
        )

    def acknowledged(self, machine: str, condition: str, active_us: int) -> tuple[str, str] | None:
        """Comment and user of the acknowledgement of what became active at `active_us`, if there is one."""
        known = self._acknowledged.get((machine, condition, active_us))
        return None if known is None else (known.comment, known.user)


@dataclass(slots=True)
class _Condition:
    machine: Machine
    name: str
    spans: Callable[[int], Iterator[Span]]
    last: ConditionEvent
    active_us: int = 0
    ids: tuple[bytes, ...] = ()


class AlarmBook:
    """The conditions of a plant, followed as time goes by, and the events that they make.

    Args:
        plant: Whose machines they are of.
        journal: Alarms on demand and acknowledgements.
        now_us: What is active then is told as it is; what was before is not told.
    """

    def __init__(self, plant: Plant, journal: AlarmJournal, now_us: int) -> None:
        self._journal = journal
        self._sequence = 0
        self._seen_us = now_us
        self.events: list[ConditionEvent] = []
        self._conditions = {
            (machine.name, name): self._begin(machine, name, now_us)
            for machine in plant.machines
            for name in CONDITION_NAMES
        }

    @property
    def sequence(self) -> int:
        """Sequence number of the latest event."""
        return self._sequence

    def advance(self, now_us: int) -> None:
        """Let conditions become what they are now."""
        if now_us - self._seen_us < _LEAST_STEP_US:
            return
        since, self._seen_us = self._seen_us, now_us
        changes: list[tuple[int, _Condition, Span, bool]] = []
        weeks = {week_of(since): since, week_of(now_us): now_us}
        for condition in self._conditions.values():
            for span in (span for at in weeks.values() for span in condition.spans(at)):
                if since < span.start_us <= now_us:
                    changes.append((span.start_us, condition, span, True))
                if since < span.end_us <= now_us:
                    changes.append((span.end_us, condition, span, False))
        for at, condition, span, active in sorted(changes, key=lambda change: change[0]):
            self._change(condition, at, span, active=active)

    def since(self, sequence: int) -> list[ConditionEvent]:
        """Events after this number, of those that are kept."""
        return self.events[max(0, len(self.events) - (self._sequence - sequence)) :]

    def retained(self) -> list[ConditionEvent]:
        """The last event of every condition that has to be known."""
        return [condition.last for condition in self._conditions.values() if condition.last.retain]

    def knows(self, machine: str, name: str) -> bool:
        """Whether there is such a condition."""
        return (machine, name) in self._conditions

    def acknowledge(self, machine: str, name: str, event_id: bytes, comment: str, user: str, now_us: int) -> None:
        """Acknowledge what an event told.

        Raises:
            AcknowledgeError: The event is not the condition's, or was acknowledged.
        """
        condition = self._conditions[machine, name]
        if event_id not in condition.ids:
            raise AcknowledgeError(known=False)
        if condition.last.acked:
            raise AcknowledgeError(known=True)
        self._journal.acknowledge(condition.last, condition.active_us, comment, user)
        self._tell(condition, replace(condition.last, time_us=now_us, acked=True, comment=comment, user=user))

    def _change(self, condition: _Condition, at_us: int, span: Span, *, active: bool) -> None:
        last = condition.last
        acked = last.acked
        if active:
            condition.active_us, condition.ids, acked = at_us, (), False
        changed = replace(
            last, time_us=at_us, active=active, acked=acked, severity=span.severity, last_severity=last.severity
        )
        self._tell(condition, replace(changed, message=span.message if active else f"{span.message}: over"))

    def _tell(self, condition: _Condition, event: ConditionEvent) -> None:
        self._sequence += 1
        condition.last = replace(event, sequence=self._sequence)
        condition.ids = (*condition.ids, condition.last.event_id)
        self.events.append(condition.last)
        del self.events[:-EVENTS_KEPT]

    def _begin(self, machine: Machine, name: str, now_us: int) -> _Condition:
        quiet = ConditionEvent(0, now_us, machine.name, name, False, True, 1, 1, "")
        spans = {FAULT: _faults, PROCESS: _process_faults, DEMAND: self._demands}[name]
        condition = _Condition(machine, name, lambda at: spans(machine, at), quiet)
        for span in condition.spans(now_us):
            if span.start_us <= now_us < span.end_us:
                condition.active_us = span.start_us
                done = self._journal.acknowledged(machine.name, name, span.start_us)
                last = replace(quiet, time_us=span.start_us, active=True, acked=done is not None)
                comment, user = done or ("", "")
                last = replace(last, severity=span.severity, message=span.message, comment=comment, user=user)
                condition.last = last
                condition.ids = (last.event_id,)
        return condition

    def _demands(self, machine: Machine, at_us: int) -> Iterator[Span]:
        yield from (span for span in self._journal.demands(machine.name) if week_of(span.start_us) == week_of(at_us))


def _faults(machine: Machine, at_us: int) -> Iterator[Span]:
    """Faults that stand or begin around a time: those of its week."""
    week = machine.timeline.week(week_of(at_us))
    texts = {reason.code: reason.text for reason in machine.timeline.model.reasons} | COMMON_REASONS
    edges = np.append(week.start, week.end_us)
    for index in np.flatnonzero(week.mode == Mode.FAULT).tolist():
        reason = int(week.reason[index])
        text = texts.get(reason, f"Reason {reason}")
        yield Span(int(edges[index]), int(edges[index + 1]), _FAULT_SEVERITY, text)


def _process_faults(machine: Machine, at_us: int) -> Iterator[Span]:
    """Process faults from the middle of their growth, where a person could see them, to the end of the repair."""
    for fault in machine.timeline.week(week_of(at_us)).faults:
        middle = (fault.onset_us + fault.stop_us) // 2
        text = f"Process fault: {fault.kind.replace('_', ' ')}"
        yield Span(middle, fault.end_us, _PROCESS_SEVERITY, text)
