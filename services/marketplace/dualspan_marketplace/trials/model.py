"""How a trial goes: the one step that follows from what is there. Pure decisions; who takes a step looks again.

A trial is a subscription in a tenant of its own, which nobody can sign in to: whatever runs apps runs it as it runs any
other, in the same sandbox, and a worker's end loses nothing of it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from dualspan_marketplace.catalogue.model import Outcome
from dualspan_marketplace.deployments.provisioner import Refused
from dualspan_marketplace.subscriptions.life import State


class Phase(Enum):
    """How far a trial is."""

    PLANTING = "planting"
    RUNNING = "running"
    ENDING = "ending"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a trial may take.

    Attributes:
        start: Seconds until it has to be well.
        watch: Seconds that it has to stay well.
    """

    start: float = 120.0
    watch: float = 3.0


@dataclass(frozen=True, slots=True)
class Seen:
    """What is there.

    Attributes:
        phase: Of the trial.
        state: Of its subscription; None where there is none, or none any more.
        seconds: Since the trial began.
        well: Seconds since it was well for the first time; None if it has not been.
        answers: It is well now.
        trouble: Why it did not go on all the time, or did not start; "" if it did.
    """

    phase: Phase
    state: State | None
    seconds: float = 0.0
    well: float | None = None
    answers: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Plant:
    """Make its plant, and start it."""


@dataclass(frozen=True, slots=True)
class Mark:
    """Write down that it is well from now on."""


@dataclass(frozen=True, slots=True)
class Conclude:
    """Write down what came of it, and have it stopped."""

    outcome: Outcome
    words: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Have it stopped."""


@dataclass(frozen=True, slots=True)
class Clear:
    """Nothing runs any more: remove its plant and its subscription."""


@dataclass(frozen=True, slots=True)
class Wait:
    """Nothing to do for so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Settled:
    """Nothing is left to do."""


Step: TypeAlias = Plant | Mark | Conclude | Stop | Clear | Wait | Settled

_SOON = 0.5
_MOST_TRIED = 20


def next_step(seen: Seen, bounds: Bounds) -> Step:
    """The one thing to do now."""
    match seen.phase:
        case Phase.DONE:
            return Settled()
        case Phase.ENDING:
            return _ending(seen)
        case Phase.PLANTING:
            return _planting(seen, bounds)
        case Phase.RUNNING:
            return _running(seen, bounds)


def _ending(seen: Seen) -> Step:
    if seen.state is None or seen.state is State.CANCELLED:
        return Clear()
    return Wait(_SOON) if seen.state is State.CANCELLING else Stop()


def _planting(seen: Seen, bounds: Bounds) -> Step:
    if seen.seconds >= bounds.start:
        words = "Not run, because the plant that it is tried on could not be made. Submit it again."
        return Conclude(Outcome.SKIPPED, words)
    return Plant()


def _running(seen: Seen, bounds: Bounds) -> Step:
    match seen.state:
        case State.FAILED:
            return Conclude(Outcome.FAILED, f"It did not start in the sandbox. {seen.trouble}".strip())
        case State.PROVISIONING if seen.seconds < bounds.start:
            return Wait(_SOON)
        case State.PROVISIONING:
            words = f"It was not healthy within {bounds.start:.0f} s. {seen.trouble}".strip()
            return Conclude(Outcome.FAILED, words)
        case State.ACTIVE:
            return _watched(seen, bounds)
        case _:
            return Conclude(Outcome.SKIPPED, "Not run to its end, because the trial was stopped. Submit it again.")


def _watched(seen: Seen, bounds: Bounds) -> Step:
    if seen.well is None:
        return Mark()
    if seen.trouble:
        return Conclude(Outcome.FAILED, f"It was healthy and did not stay so. {seen.trouble}")
    if seen.well < bounds.watch:
        return Wait(bounds.watch - seen.well)
    if seen.answers:
        return Conclude(Outcome.PASSED, f"It started, and was healthy for {seen.well:.0f} s.")
    # Either it answers again, or it is started again, which is trouble.
    if seen.well < bounds.watch + bounds.start:
        return Wait(_SOON)
    return Conclude(Outcome.FAILED, "It was healthy and then did not answer any more.")


def own_words(problem: str, said: datetime, well: datetime | None) -> str:
    """What a reviewer reads of what a version told of itself, as of when it told it.

    Args:
        problem: What it last said that it lacks; "" if nothing.
        said: When.
        well: When it was seen to be well for the first time; None if it was not.
    """
    if not problem:
        return "It reports no problem of its own."
    words = problem.rstrip(".")
    if well is None:
        return f"The last it said of itself: {words}."
    # An app says that it starts, and may not have come to say more while it was watched.
    return f"It reports a problem: {words}." if said > well else f"Before it was seen healthy it said: {words}."


def tried_words(refused: Sequence[Refused]) -> list[str]:
    """What a reviewer reads of the ways out that a version asked for and did not get, each once."""
    ways = {(each.host, each.port): each.why for each in refused}
    shown = [f"It tried to reach {host}:{port} and was refused: {why}." for (host, port), why in ways.items()]
    more = len(shown) - _MOST_TRIED
    return shown[:_MOST_TRIED] + ([f"And {more} more."] if more > 0 else [])
