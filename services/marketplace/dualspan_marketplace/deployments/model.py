"""What shall run, what runs, and the step between them. Pure decisions; who takes a step looks again after it."""

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar, TypeAlias

from dualspan_marketplace.subscriptions.life import Life, State

# Attempts to start what has never been well, before a person is told that it failed.
ATTEMPTS = 3
# A start that does not answer after so long has failed.
START_SECONDS = 90.0
# The pause before a start that follows a failed one: doubled each time, to this at the most.
FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 60.0
# One that was well and has not answered for so long is started anew.
UNWELL_SECONDS = 30.0


class Phase(Enum):
    """How an instance is."""

    STARTING = "starting"
    WELL = "well"
    UNWELL = "unwell"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Instance:
    """One running, or ended, app.

    Attributes:
        handle: What its provisioner knows it by.
        generation: Of the subscription when it was started.
        phase: How it is.
        seconds: For so long it is in this phase.
        altered: It is not as it was made: somebody changed it by hand.
        words: Its last ones, where it ended.
    """

    handle: str
    generation: int
    phase: Phase
    seconds: float = 0.0
    altered: bool = False
    words: str = ""


@dataclass(frozen=True, slots=True)
class Desired:
    """What shall be.

    Attributes:
        runs: One instance, well; else nothing at all.
        generation: Of what shall run.
        gives_up: A start that fails again and again ends in a failure, for a person to see; else it is tried for ever.
    """

    runs: bool
    generation: int
    gives_up: bool


@dataclass(frozen=True, slots=True)
class Observed:
    """What is.

    Attributes:
        instances: All that carry the subscription's label, of whatever generation.
        remains: Something else of it is there: a network, files.
        attempts: Starts of the desired generation since it was last well.
        rested: Seconds since the last start; large if there was none.
        words: Why the last start failed; "" if it is not known to have.
        lacks: What is missing around an instance and can be put right beside it; "" if nothing.
    """

    instances: tuple[Instance, ...] = ()
    remains: bool = False
    attempts: int = 0
    rested: float = 1e9
    words: str = ""
    lacks: str = ""


@dataclass(frozen=True, slots=True)
class Start:
    """Start one instance."""


@dataclass(frozen=True, slots=True)
class Fetch:
    """What a start needs is being fetched: it starts after that."""

    STEP: ClassVar[str] = "fetch"


@dataclass(frozen=True, slots=True)
class Mend:
    """Put right what is around an instance, for a reason; the instance goes on."""

    why: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Remove everything that is there of the subscription, for a reason."""

    why: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """It cannot be started, for a reason."""

    reason: str


@dataclass(frozen=True, slots=True)
class Settled:
    """All is as it shall be."""


Step: TypeAlias = Start | Fetch | Mend | Remove | Wait | GiveUp | Settled


def desired(life: Life) -> Desired:
    """What the state of a subscription means for what runs."""
    return Desired(runs=life.state.reads, generation=life.generation, gives_up=life.state is State.PROVISIONING)


def next_step(wanted: Desired, seen: Observed) -> Step:
    """The one thing to do now.

    Nothing is started while anything is there, so there are never two; whatever is not right is removed as a whole.
    """
    if not wanted.runs:
        return Remove("nothing shall run") if seen.instances or seen.remains else Settled()
    match seen.instances:
        case ():
            return _absent(wanted, seen)
        case (instance,):
            return _present(wanted, instance, seen.lacks)
        case _:
            return Remove("there are more than one")


def pause(attempts: int) -> float:
    """Seconds between the last of so many starts and the next one."""
    return 0.0 if attempts == 0 else min(FIRST_PAUSE_SECONDS * 2.0 ** min(attempts - 1, 30), LONGEST_PAUSE_SECONDS)


def _absent(wanted: Desired, seen: Observed) -> Step:
    if wanted.gives_up and seen.attempts >= ATTEMPTS:
        words = f" Its last words: {seen.words}" if seen.words else ""
        return GiveUp(f"It was started {seen.attempts} times and never was well.{words}")
    left = pause(seen.attempts) - seen.rested
    return Wait(left) if left > 0 else Start()


def _present(wanted: Desired, instance: Instance, lacks: str) -> Step:
    if instance.generation != wanted.generation:
        return Remove("another generation shall run")
    if instance.altered:
        return Remove("it was changed by hand")
    if instance.phase is Phase.ENDED:
        return Remove(f"it ended: {instance.words}" if instance.words else "it ended")
    limit = {Phase.STARTING: START_SECONDS, Phase.UNWELL: UNWELL_SECONDS}.get(instance.phase)
    if limit is not None and instance.seconds >= limit:
        return Remove(f"it did not answer for {limit:.0f} s")
    if lacks:
        return Mend(lacks)
    return Settled() if limit is None else Wait(limit - instance.seconds)
