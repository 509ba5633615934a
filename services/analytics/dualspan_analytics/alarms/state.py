"""The states of an alarm and what leads from one to the other: ANSI/ISA-18.2-2016, clause 5.5 (IEC 62682).

What the standard draws as one state is two facts here: how the alarm stands (raised, acknowledged, latched), and
whether it is kept from the operator (shelved, suppressed by design, out of service). While it is kept from the operator
its condition is followed in silence; when it is shown again it stands as if its condition had just come: it leads to
normal or to unacknowledged. A latched alarm is reset once it is acknowledged and its condition is gone
(OPC 10000-9, 5.8.5, which follows both standards).
"""

from dataclasses import dataclass, replace
from enum import IntEnum


class AlarmState(IntEnum):
    """The states of the standard; the numbers of the contract."""

    NORMAL = 1
    UNACKNOWLEDGED = 2
    ACKNOWLEDGED = 3
    RETURNED_UNACKNOWLEDGED = 4
    LATCHED_UNACKNOWLEDGED = 5
    LATCHED_ACKNOWLEDGED = 6
    SHELVED = 7
    SUPPRESSED_BY_DESIGN = 8
    OUT_OF_SERVICE = 9


KEPT_FROM_OPERATORS = frozenset({AlarmState.SHELVED, AlarmState.SUPPRESSED_BY_DESIGN, AlarmState.OUT_OF_SERVICE})
"""States in which an alarm is not annunciated."""


class Cause(IntEnum):
    """What makes an alarm change; the numbers of the contract."""

    RAISED = 1
    CLEARED = 2
    ACKNOWLEDGED = 3
    RESET = 4
    SHELVED = 5
    UNSHELVED = 6
    SHELF_EXPIRED = 7
    SUPPRESSED = 8
    UNSUPPRESSED = 9
    TAKEN_OUT_OF_SERVICE = 10
    RETURNED_TO_SERVICE = 11
    ESCALATED = 12
    REMOVED = 13
    UPDATED = 14


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How an alarm's rule wants it to behave.

    Attributes:
        needs_acknowledgement: One that returned to normal stays in the list until somebody has seen it.
        latching: It stays raised after its condition is gone, until somebody resets it.
    """

    needs_acknowledgement: bool = True
    latching: bool = False


@dataclass(frozen=True, slots=True)
class AlarmStanding:
    """How an alarm stands.

    Attributes:
        condition: Its condition holds.
        acknowledged: Somebody has seen it; of one that is normal always true.
        latched: Its condition is gone, and it waits for a reset.
        shelved: An operator put it aside for a while.
        suppressed: Its design says that it means nothing at the moment.
        out_of_service: It is taken out for maintenance.
    """

    condition: bool = False
    acknowledged: bool = True
    latched: bool = False
    shelved: bool = False
    suppressed: bool = False
    out_of_service: bool = False

    @property
    def state(self) -> AlarmState:
        """The one state of the standard. Of several that keep it from operators the most lasting is named."""
        if self.out_of_service:
            return AlarmState.OUT_OF_SERVICE
        if self.suppressed:
            return AlarmState.SUPPRESSED_BY_DESIGN
        if self.shelved:
            return AlarmState.SHELVED
        if self.condition:
            return AlarmState.ACKNOWLEDGED if self.acknowledged else AlarmState.UNACKNOWLEDGED
        if self.latched:
            return AlarmState.LATCHED_ACKNOWLEDGED if self.acknowledged else AlarmState.LATCHED_UNACKNOWLEDGED
        return AlarmState.NORMAL if self.acknowledged else AlarmState.RETURNED_UNACKNOWLEDGED

    @property
    def is_kept_from_operators(self) -> bool:
        """It is shelved, suppressed by design or out of service."""
        return self.shelved or self.suppressed or self.out_of_service


class CauseImpossibleError(Exception):
    """What was asked for makes no sense for an alarm as it stands."""

    def __init__(self, standing: AlarmStanding, cause: Cause) -> None:
        super().__init__(f"{cause.name} is not possible for an alarm that is {standing.state.name}")
        self.state = standing.state
        self.cause = cause


_KEPT_BY = {
    Cause.SHELVED: ("shelved", True),
    Cause.UNSHELVED: ("shelved", False),
    Cause.SHELF_EXPIRED: ("shelved", False),
    Cause.SUPPRESSED: ("suppressed", True),
    Cause.UNSUPPRESSED: ("suppressed", False),
    Cause.TAKEN_OUT_OF_SERVICE: ("out_of_service", True),
    Cause.RETURNED_TO_SERVICE: ("out_of_service", False),
}


def after(standing: AlarmStanding, cause: Cause, behaviour: Behaviour) -> AlarmStanding:
    """How an alarm stands after something happened to it; the same standing if that changes nothing.

    Raises:
        CauseImpossibleError: A person asked for what is not possible: to acknowledge an alarm that waits for no
            acknowledgement, to reset one that is not latched or that nobody acknowledged, to unshelve one that is not
            shelved, and so on.
    """
    match cause:
        case Cause.RAISED:
            return _raised(standing)
        case Cause.CLEARED:
            return _cleared(standing, behaviour)
        case Cause.ACKNOWLEDGED:
            if standing.acknowledged or standing.is_kept_from_operators:
                raise CauseImpossibleError(standing, cause)
            return replace(standing, acknowledged=True)
        case Cause.RESET:
            if not standing.latched or not standing.acknowledged or standing.is_kept_from_operators:
                raise CauseImpossibleError(standing, cause)
            return replace(standing, latched=False)
        case Cause.REMOVED:
            return AlarmStanding()
        case Cause.ESCALATED | Cause.UPDATED:
            return standing
        case _:
            return _kept(standing, cause)


def _raised(standing: AlarmStanding) -> AlarmStanding:
    if standing.condition:
        return standing
    return replace(standing, condition=True, latched=False, acknowledged=standing.is_kept_from_operators)


def _cleared(standing: AlarmStanding, behaviour: Behaviour) -> AlarmStanding:
    if not standing.condition:
        return standing
    if standing.is_kept_from_operators:
        return replace(standing, condition=False, acknowledged=True)
    return replace(
        standing,
        condition=False,
        latched=behaviour.latching,
        acknowledged=standing.acknowledged or not (behaviour.needs_acknowledgement or behaviour.latching),
    )


def _kept(standing: AlarmStanding, cause: Cause) -> AlarmStanding:
    """Into or out of what keeps an alarm from operators; what it had to tell them before is over then."""
    what, wanted = _KEPT_BY[cause]
    if getattr(standing, what) == wanted:
        raise CauseImpossibleError(standing, cause)
    kept = replace(standing, **{what: wanted}, latched=False)
    # Shown again with its condition holding it is news; kept back it waits for nobody.
    return replace(kept, acknowledged=kept.is_kept_from_operators or not kept.condition)
