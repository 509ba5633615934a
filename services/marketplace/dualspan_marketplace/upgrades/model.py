"""How an upgrade goes: the one step that follows from what is there. Pure decisions; who takes one looks again.

The canary is a subscription of its own, of which nobody but the platform hears: so it has a credential, a grant, tags
for its results and an instance that are its own, and whatever runs apps runs it as it runs any other.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from dualspan_marketplace.subscriptions.life import State

# What was not written yet, or is not well yet by its own words, is waited for up to so many times the canary's time.
PATIENCE = 3.0
# A new version that is not well in the old one's place after so long goes back.
SWITCH_SECONDS = 180.0
# So many starts in the old one's place, and it goes back.
SWITCH_ATTEMPTS = 3


class Phase(Enum):
    """How far an upgrade is."""

    CANARY = "canary"
    SWITCHING = "switching"
    SWITCHED = "switched"
    ROLLED_BACK = "rolled-back"
    ABANDONED = "abandoned"

    @property
    def is_over(self) -> bool:
        """Whether nothing follows but the canary's end."""
        return self not in {Phase.CANARY, Phase.SWITCHING}


class Outcome(Enum):
    """What a comparison came to."""

    ALIKE = "alike"
    DIFFERENT = "different"
    # There was nothing to compare.
    SILENT = "silent"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a comparison came to, in plain words."""

    outcome: Outcome
    words: str


@dataclass(frozen=True, slots=True)
class Canary:
    """The new version beside the old one.

    Attributes:
        state: Of its subscription.
        since: Seconds since it was well for the first time; None if it has not been.
        answers: It is well now.
        trouble: Why it did not go on all the time; "" if it did.
        problem: What it says that it lacks, and the old version does not; "" if nothing.
        reason: Why it failed.
    """

    state: State
    since: float | None = None
    answers: bool = False
    trouble: str = ""
    problem: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """The new version in the old one's place.

    Attributes:
        seconds: Since the switch.
        is_well: It has been well since.
        attempts: Starts since.
        words: Of the last one that failed.
    """

    seconds: float = 0.0
    is_well: bool = False
    attempts: int = 0
    words: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there.

    Attributes:
        phase: Of the upgrade.
        state: Of the subscription.
        canary: None if it is gone.
        place: Looked at after the switch.
        span: Seconds that the canary runs for.
        called_off: A person wants it no more.
        withdrawn: The publisher has withdrawn the new version: it must not run.
        outdated: The publisher has withdrawn the old version: it must not run, and nothing is compared with it.
        verdict: Of a comparison that was just made; None as long as none was.
    """

    phase: Phase
    state: State
    canary: Canary | None
    place: Place = Place()
    span: float = 0.0
    called_off: bool = False
    withdrawn: bool = False
    outdated: bool = False
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Begin:
    """Start the canary."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Write down that the canary is well from now on."""


@dataclass(frozen=True, slots=True)
class Judge:
    """Compare what both have written."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Put the new version in the place of the old one, for a reason."""

    why: str


@dataclass(frozen=True, slots=True)
class Finish:
    """The new version is in place."""


@dataclass(frozen=True, slots=True)
class RollBack:
    """Keep the old version, which never stopped, for a reason."""

    why: str


@dataclass(frozen=True, slots=True)
class Revert:
    """Put the old version back in its place, for a reason."""

    why: str


@dataclass(frozen=True, slots=True)
class Shelve:
    """Put the old version back in its place and do not run it, for a reason."""

    why: str


@dataclass(frozen=True, slots=True)
class Abandon:
    """Leave off: the subscription is another by now."""


@dataclass(frozen=True, slots=True)
class EndCanary:
    """Remove the canary."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is left to do."""


Step: TypeAlias = (
    Begin | Mark | Judge | Switch | Finish | RollBack | Revert | Shelve | Abandon | EndCanary | Wait | Settled
)

_SOON = 1.0
_WITHDRAWN = "Its publisher has withdrawn the new version."
_OUTDATED = "Its publisher has withdrawn the old version: nothing was compared with it."


def next_step(seen: Seen) -> Step:
    """The one thing to do now."""
    if seen.phase.is_over:
        gone = seen.canary is None or seen.canary.state.is_over
        return Settled() if gone else EndCanary()
    if seen.state is not State.UPGRADING:
        return Abandon()
    if seen.phase is Phase.SWITCHING:
        step = Revert(_WITHDRAWN) if seen.withdrawn else _in_place(seen.place)
        return Shelve(step.why) if isinstance(step, Revert) and seen.outdated else step
    if seen.called_off:
        return RollBack("It was called off.")
    if seen.withdrawn:
        return RollBack(_WITHDRAWN)
    return _beside(seen)


def _in_place(place: Place) -> Finish | Revert | Wait:
    if place.is_well:
        return Finish()
    last = f" Its last words: {place.words}" if place.words else ""
    if place.attempts >= SWITCH_ATTEMPTS:
        return Revert(f"In the old version's place it was started {place.attempts} times and never was well.{last}")
    if place.seconds >= SWITCH_SECONDS:
        return Revert(f"In the old version's place it was not well within {SWITCH_SECONDS:.0f} s.{last}")
    return Wait(_SOON)


def _beside(seen: Seen) -> Step:
    canary = seen.canary
    match canary:
        case None:
            return RollBack("The new version beside the old one is gone.")
        case Canary(state=State.PENDING):
            return Begin()
        case Canary(state=State.PROVISIONING):
            return Wait(_SOON)
        case Canary(state=State.FAILED):
            return RollBack(f"The new version does not run: {canary.reason}")
        case Canary(state=State.ACTIVE):
            return _running(seen, canary)
        case _:
            return RollBack(f"The new version beside the old one is {canary.state.value}.")


def _running(seen: Seen, canary: Canary) -> Step:
    if canary.since is None:
        return Mark()
    if canary.trouble:
        return RollBack(f"The new version ran for {canary.since:.0f} s beside the old one. {canary.trouble}")
    if seen.outdated and canary.answers:
        return Switch(_OUTDATED)
    if canary.since < seen.span:
        return Wait(seen.span - canary.since)
    if not canary.answers:
        # Either it answers again, or it is started again, which is trouble.
        return Wait(_SOON)
    return _in_the_end(seen, canary, canary.since)


def _in_the_end(seen: Seen, canary: Canary, since: float) -> Step:
    patient = since < PATIENCE * seen.span
    if canary.problem:
        says = f"The new version ran for {since:.0f} s beside the old one and says: {canary.problem}"
        return Wait(_SOON) if patient else RollBack(says)
    match seen.verdict:
        case None:
            return Judge()
        case Verdict(Outcome.ALIKE, words):
            return Switch(words)
        case Verdict(Outcome.SILENT, words) if patient:
            return Wait(max(seen.span / 4, _SOON))
        case Verdict(_, words):
            return RollBack(words)
