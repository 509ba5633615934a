"""The life of a subscription, in the terms of Azure's SaaS fulfilment and of the Open Service Broker (2.17).

Pure decisions: what a step leads to, and what is due at a time. Whoever takes a step stores it and what follows from it
in one transaction.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import Enum


class State(Enum):
    """Where a subscription stands."""

    PENDING = "pending"
    PROVISIONING = "provisioning"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    UPGRADING = "upgrading"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"

    @property
    def reads(self) -> bool:
        """Whether the app's credential is good for anything: while an instance runs, or is about to."""
        return self in {State.PROVISIONING, State.ACTIVE, State.UPGRADING}

    @property
    def is_over(self) -> bool:
        """Whether nothing will ever run again."""
        return self in {State.CANCELLING, State.CANCELLED}


class Step(Enum):
    """What can happen to a subscription."""

    ACCEPT = "accept"
    RUN = "run"
    FAIL = "fail"
    CHANGE = "change"
    SUSPEND = "suspend"
    RESUME = "resume"
    UPGRADE = "upgrade"
    SWITCH = "switch"
    ROLL_BACK = "roll-back"
    REVERT = "revert"
    SHELVE = "shelve"
    REPLACE = "replace"
    CANCEL = "cancel"
    CLEARED = "cleared"
    OWE = "owe"
    PAY = "pay"


_LIFE: dict[tuple[State, Step], State] = {
    (State.PENDING, Step.ACCEPT): State.PROVISIONING,
    # What was chosen before anything runs can be chosen again.
    (State.PENDING, Step.CHANGE): State.PENDING,
    (State.PROVISIONING, Step.RUN): State.ACTIVE,
    (State.PROVISIONING, Step.FAIL): State.FAILED,
    (State.FAILED, Step.CHANGE): State.PROVISIONING,
    (State.ACTIVE, Step.CHANGE): State.PROVISIONING,
    (State.ACTIVE, Step.SUSPEND): State.SUSPENDED,
    (State.ACTIVE, Step.UPGRADE): State.UPGRADING,
    # A change while nothing runs waits for it to run again.
    (State.SUSPENDED, Step.CHANGE): State.SUSPENDED,
    (State.SUSPENDED, Step.RESUME): State.PROVISIONING,
    # What its publisher withdrew goes on as another version. What is stopped for another cause stays so, and is another
    # version once it is resumed.
    (State.SUSPENDED, Step.UPGRADE): State.UPGRADING,
    (State.SUSPENDED, Step.REPLACE): State.SUSPENDED,
    (State.FAILED, Step.REPLACE): State.PROVISIONING,
    # The old version runs until the new one is put in its place.
    (State.UPGRADING, Step.SWITCH): State.UPGRADING,
    (State.UPGRADING, Step.RUN): State.ACTIVE,
    (State.UPGRADING, Step.ROLL_BACK): State.ACTIVE,
    (State.UPGRADING, Step.REVERT): State.ACTIVE,
    # Back to a version that must not run.
    (State.UPGRADING, Step.SHELVE): State.SUSPENDED,
    (State.UPGRADING, Step.FAIL): State.FAILED,
    (State.CANCELLING, Step.CLEARED): State.CANCELLED,
} | {
    (state, Step.CANCEL): State.CANCELLING
    for state in State
    if state not in {State.CANCELLING, State.CANCELLED}
} | {
    # Whether it is paid is a fact beside the state, so that it holds in each of them; see `take`.
    (state, step): state
    for state in State
    for step in (Step.OWE, Step.PAY)
    if state not in {State.CANCELLING, State.CANCELLED}
}  # fmt: skip

# Steps that a person is told the reason of.
_TOLD = frozenset({Step.FAIL, Step.SUSPEND, Step.ROLL_BACK, Step.REVERT, Step.SHELVE})
# Steps after which something else is to run.
_RENEWED = frozenset({Step.CHANGE, Step.SWITCH, Step.REVERT, Step.SHELVE, Step.REPLACE})


def after(state: State, step: Step) -> State | None:
    """The state after a step; None where it is not possible."""
    return _LIFE.get((state, step))


def possible(state: State) -> Sequence[Step]:
    """What can happen next."""
    return [step for (before, step) in _LIFE if before is state]


class Cause(Enum):
    """Why a subscription is suspended."""

    NONE = ""
    ASKED = "asked"
    TRIAL_OVER = "trial-over"
    UNPAID = "unpaid"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True)
class Clock:
    """How long a subscription is borne with.

    Attributes:
        grace: From a trial's end, or a bill that is not paid, to the end of the subscription.
        hand_back: Results of a cancelled subscription can be fetched for so long.
        unwell: An app that is not seen well for so long is told of, and its hours do not count until it is.
    """

    grace: timedelta = timedelta(days=14)
    hand_back: timedelta = timedelta(days=30)
    unwell: timedelta = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class Life:
    """What of a subscription its rules look at.

    Attributes:
        generation: One more for each change of what is to run: whoever runs it compares.
        cause: Why it is suspended.
        reason: Why it failed, or what a person should know; "" otherwise.
        trial_end: None once something is paid, or for other plans.
        grace_end: It is cancelled then, unless something is done.
        hand_back_end: Of what was cancelled: what it wrote can be fetched until then.
        unpaid_end: A bill is not paid: until it is, nothing is started, and it is cancelled then; None otherwise.
    """

    state: State = State.PENDING
    generation: int = 1
    cause: Cause = Cause.NONE
    reason: str = ""
    trial_end: datetime | None = None
    grace_end: datetime | None = None
    hand_back_end: datetime | None = None
    unpaid_end: datetime | None = None

    @property
    def is_unpaid(self) -> bool:
        """Whether a bill keeps it from running, whatever else does."""
        return self.unpaid_end is not None

    @property
    def end(self) -> datetime | None:
        """It is cancelled then by itself; None: it is not."""
        return min((each for each in (self.grace_end, self.unpaid_end) if each is not None), default=None)

    @property
    def told_cause(self) -> Cause:
        """What a person has to see to first."""
        return Cause.UNPAID if self.is_unpaid else self.cause

    @property
    def told_reason(self) -> str:
        """Why it is as it is, in words; "" if there is nothing to say."""
        return " ".join(words for words in (_UNPAID if self.is_unpaid else "", self.reason) if words)


_UNPAID = "A bill is not paid. Nothing of it runs until it is, and it is cancelled when its grace ends."


def take(
    life: Life, step: Step, now: datetime, clock: Clock, *, cause: Cause = Cause.ASKED, reason: str = ""
) -> Life | None:
    """The life after a step; None where it is not possible.

    Args:
        life: As it is.
        step: What happens.
        now: When.
        clock: How long it is borne with.
        cause: Of a suspension.
        reason: Of a failure, a suspension or a roll-back, in words.
    """
    state = after(life.state, step)
    if state is None or _is_barred(life, step):
        return None
    unpaid_end = None if state.is_over else _unpaid_end(life, step, now, clock, cause)
    if step is Step.PAY and life.cause is Cause.UNPAID:
        state = State.PROVISIONING
    if unpaid_end is not None and state in {State.PROVISIONING, State.ACTIVE}:
        # Whatever would have had it run, it does not before the bill is paid.
        state, cause = State.SUSPENDED, Cause.UNPAID
    suspended = state is State.SUSPENDED
    begins = suspended and life.state is not State.SUSPENDED
    stays = suspended or state is life.state
    return replace(
        life,
        state=state,
        generation=life.generation + (step in _RENEWED),
        cause=cause if begins else life.cause if suspended else Cause.NONE,
        reason=reason if step in _TOLD else life.reason if stays else "",
        trial_end=None if state.is_over else life.trial_end,
        grace_end=_grace_end(now, clock, cause) if begins else life.grace_end if suspended else None,
        hand_back_end=now + clock.hand_back if state is State.CANCELLED else None,
        unpaid_end=unpaid_end,
    )


def _unpaid_end(life: Life, step: Step, now: datetime, clock: Clock, cause: Cause) -> datetime | None:
    """Until when the bill is borne with after a step: asked for again, it is not longer."""
    if step is Step.PAY:
        return None
    owes = step is Step.OWE or (step in {Step.SUSPEND, Step.SHELVE} and cause is Cause.UNPAID)
    return now + clock.grace if owes and life.unpaid_end is None else life.unpaid_end


def _is_barred(life: Life, step: Step) -> bool:
    """Whether the cause of a suspension forbids a step: what was withdrawn runs as another version or not at all, and
    what is stopped for another cause runs only once it is resumed. What is not paid is resumed only by whoever
    is paid.
    """
    if life.is_unpaid and step in {Step.RESUME, Step.UPGRADE}:
        return True
    if step is Step.PAY:
        return not life.is_unpaid
    withdrawn = life.cause is Cause.WITHDRAWN
    if step is Step.UPGRADE:
        return life.state is State.SUSPENDED and not withdrawn
    return withdrawn and step in {Step.RESUME, Step.REPLACE}


def without_trial(life: Life) -> Life:
    """The life once another plan than a trial is chosen: what only the trial's end would bring about, will not be."""
    if life.cause is not Cause.TRIAL_OVER:
        return replace(life, trial_end=None)
    return replace(life, trial_end=None, grace_end=None, reason="The trial is over, and a plan is chosen: resume it.")


def _grace_end(now: datetime, clock: Clock, cause: Cause) -> datetime | None:
    return now + clock.grace if cause is Cause.TRIAL_OVER else None


def due(life: Life, now: datetime) -> tuple[Step, Cause] | None:
    """What time alone brings about: a trial's end suspends, the end of grace cancels."""
    if life.unpaid_end is not None and now >= life.unpaid_end:
        return Step.CANCEL, Cause.NONE
    if life.grace_end is not None and life.state is State.SUSPENDED and now >= life.grace_end:
        return Step.CANCEL, Cause.NONE
    if life.trial_end is not None and life.state is State.ACTIVE and now >= life.trial_end:
        return Step.SUSPEND, Cause.TRIAL_OVER
    return None
