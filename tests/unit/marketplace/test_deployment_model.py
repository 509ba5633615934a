"""The step between what shall run and what runs: from wherever it begins, it ends as desired, and never with two."""

from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_marketplace.deployments import model
from dualspan_marketplace.deployments.model import (
    ATTEMPTS,
    Desired,
    Fetch,
    GiveUp,
    Instance,
    Mend,
    Observed,
    Phase,
    Remove,
    Settled,
    Start,
    Wait,
    desired,
    next_step,
    pause,
)
from dualspan_marketplace.subscriptions.life import Life, State

INSTANCES = st.builds(
    Instance,
    handle=st.text("ab", min_size=1, max_size=2),
    generation=st.integers(1, 3),
    phase=st.sampled_from(Phase),
    seconds=st.floats(0, 200),
    altered=st.booleans(),
    words=st.sampled_from(["", "out of memory"]),
)
OBSERVED = st.builds(
    Observed,
    instances=st.lists(INSTANCES, max_size=3).map(tuple),
    remains=st.booleans(),
    attempts=st.integers(0, 6),
    rested=st.floats(0, 100),
    lacks=st.sampled_from(["", "its network is gone"]),
)
DESIRED = st.builds(Desired, runs=st.booleans(), generation=st.integers(1, 3), gives_up=st.booleans())


@dataclass
class World:
    """What steps act on; `dies` of its next starts end at once, and each worker may be killed within its step."""

    seen: Observed
    wanted: Desired
    dies: int
    starts: int = 0

    def act(self, step: model.Step, *, killed: bool) -> None:
        match step:
            case Start():
                assert not self.seen.instances, "a second one"
                self.starts += 1
                phase = Phase.ENDED if self.starts <= self.dies else Phase.STARTING
                fresh = (Instance("new", self.wanted.generation, phase),)
                # Killed within: the instance is there, or only its network is, and the attempt is not written down.
                attempts = self.seen.attempts + (not killed)
                self.seen = replace(
                    self.seen, instances=() if killed else fresh, remains=True, attempts=attempts, rested=0.0
                )
            case Remove():
                self.seen = replace(self.seen, instances=self.seen.instances[1:] if killed else (), remains=killed)
            case Mend():
                assert self.seen.lacks
                self.seen = replace(self.seen, lacks=self.seen.lacks if killed else "")
            case Fetch():
                pytest.fail("whether something must be fetched first is for whoever takes the step")
            case Wait(seconds):
                assert seconds > 0
                aged = tuple(replace(each, phase=Phase.WELL) if _young(each) else each for each in self.seen.instances)
                aged = tuple(replace(each, seconds=each.seconds + seconds) for each in aged)
                self.seen = replace(self.seen, instances=aged, rested=self.seen.rested + seconds)
            case GiveUp() | Settled():
                pass


def _young(instance: Instance) -> bool:
    return instance.phase is Phase.STARTING and instance.handle == "new"


@given(OBSERVED, DESIRED, st.integers(0, 5), st.sets(st.integers(0, 20), max_size=8))
def test_it_converges_from_every_state_and_after_kills_at_any_step(
    seen: Observed, wanted: Desired, dies: int, kills: set[int]
) -> None:
    world = World(seen, wanted, dies)
    for turn in range(80):
        step = next_step(world.wanted, world.seen)
        if isinstance(step, Settled | GiveUp):
            break
        world.act(step, killed=turn in kills)
    else:
        pytest.fail(f"it goes on for ever: {world}")
    if isinstance(step, GiveUp):
        assert wanted.runs
        assert wanted.gives_up
        assert world.seen.attempts >= ATTEMPTS
        assert not world.seen.instances
    elif wanted.runs:
        (instance,) = world.seen.instances
        assert (instance.phase, instance.generation, instance.altered) == (Phase.WELL, wanted.generation, False)
        assert not world.seen.lacks
    else:
        assert not world.seen.instances
        assert not world.seen.remains


@given(OBSERVED, DESIRED)
def test_nothing_is_started_beside_anything_or_where_nothing_shall_run(seen: Observed, wanted: Desired) -> None:
    if isinstance(next_step(wanted, seen), Start):
        assert wanted.runs
        assert not seen.instances


@pytest.mark.parametrize("state", State)
def test_it_runs_exactly_while_its_credential_is_good(state: State) -> None:
    found = desired(Life(state, generation=7))
    assert found.runs is (state in {State.PROVISIONING, State.ACTIVE, State.UPGRADING})
    assert found.generation == 7
    assert found.gives_up is (state is State.PROVISIONING)


def test_pauses_grow_and_stay_below_the_minute_of_convergence() -> None:
    assert [pause(attempts) for attempts in range(9)] == [0, 1, 2, 4, 8, 16, 32, 60, 60]


def test_one_that_was_once_well_is_tried_for_ever() -> None:
    assert next_step(Desired(runs=True, generation=1, gives_up=False), Observed(attempts=1000)) == Start()


def test_the_reason_of_a_failure_has_its_last_words() -> None:
    step = next_step(Desired(runs=True, generation=1, gives_up=True), Observed(attempts=3, words="no such module"))
    assert isinstance(step, GiveUp)
    assert "started 3 times" in step.reason
    assert "no such module" in step.reason


@pytest.mark.parametrize("phase", [Phase.WELL, Phase.STARTING, Phase.UNWELL])
def test_what_is_missing_around_it_is_put_right_beside_it(phase: Phase) -> None:
    wanted, instance = Desired(runs=True, generation=1, gives_up=False), Instance("a", 1, phase, 1.0)
    assert next_step(wanted, Observed((instance,), remains=True, lacks="no way out")) == Mend("no way out")
    assert not isinstance(next_step(wanted, Observed((instance,), remains=True)), Mend)
    late = replace(instance, seconds=1000.0)
    step = next_step(wanted, Observed((late,), remains=True, lacks="no way out"))
    assert isinstance(step, Mend if phase is Phase.WELL else Remove)
    for gone in (
        replace(instance, phase=Phase.ENDED),
        replace(instance, altered=True),
        replace(instance, generation=2),
    ):
        assert isinstance(next_step(wanted, Observed((gone,), remains=True, lacks="no way out")), Remove)
    assert isinstance(next_step(replace(wanted, runs=False), Observed((instance,), lacks="no way out")), Remove)
