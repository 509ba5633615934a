"""Lives of subscriptions, over any row of steps and any times."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from dualspan_marketplace.subscriptions.errors import not_possible
from dualspan_marketplace.subscriptions.life import Cause, Clock, Life, State, Step, due, possible, take, without_trial

CLOCK = Clock()
BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = st.lists(st.tuples(st.sampled_from(Step), st.sampled_from(Cause), st.integers(0, 40)), max_size=25)


def lived(steps: list[tuple[Step, Cause, int]], life: Life) -> list[tuple[Life, Step, Life, datetime]]:
    """Every step that was possible, with the life before and after it."""
    now, way = BEGIN, []
    for step, cause, days in steps:
        now += timedelta(days=days)
        then = take(life, step, now, CLOCK, cause=cause, reason="why")
        if then is not None:
            way.append((life, step, then, now))
            life = then
    return way


@given(STEPS)
def test_what_is_cancelled_never_runs_again(steps: list[tuple[Step, Cause, int]]) -> None:
    over = False
    for _, _, then, _ in lived(steps, Life()):
        assert not (over and not then.state.is_over)
        over = over or then.state.is_over


@given(STEPS)
def test_nothing_reads_before_a_person_accepted(steps: list[tuple[Step, Cause, int]]) -> None:
    accepted = False
    for _, step, then, _ in lived(steps, Life()):
        accepted = accepted or step is Step.ACCEPT
        assert accepted or not then.state.reads


@given(STEPS)
def test_facts_fit_the_state(steps: list[tuple[Step, Cause, int]]) -> None:
    for before, step, then, now in lived(steps, Life(trial_end=BEGIN + timedelta(days=30))):
        assert (then.cause is not Cause.NONE) <= (then.state is State.SUSPENDED)
        assert (then.grace_end is not None) <= (then.state is State.SUSPENDED)
        assert (then.hand_back_end is not None) == (then.state is State.CANCELLED)
        assert then.state is not State.FAILED or then.reason
        renewed = {Step.CHANGE, Step.SWITCH, Step.REVERT, Step.SHELVE, Step.REPLACE}
        assert then.generation - before.generation == (step in renewed)
        assert then.hand_back_end is None or then.hand_back_end == now + CLOCK.hand_back


@given(STEPS, st.integers(0, 2000))
def test_what_is_due_is_possible_and_comes_to_an_end(steps: list[tuple[Step, Cause, int]], days: int) -> None:
    way = lived(steps, Life(trial_end=BEGIN + timedelta(days=30)))
    life, now = (way[-1][2], way[-1][3] + timedelta(days=days)) if way else (Life(), BEGIN)
    for _ in range(3):
        found = due(life, now)
        if found is None:
            break
        step, cause = found
        then = take(life, step, now, CLOCK, cause=cause)
        assert then is not None
        life = then
    assert due(life, now) is None


@given(STEPS)
def test_cancelling_is_possible_until_it_is_done(steps: list[tuple[Step, Cause, int]]) -> None:
    for _, _, then, _ in lived(steps, Life()):
        assert then.state.is_over or Step.CANCEL in possible(then.state)


def test_a_trial_ends_in_grace_and_grace_in_the_end() -> None:
    life = Life(State.ACTIVE, trial_end=BEGIN)
    assert due(life, BEGIN - timedelta(seconds=1)) is None
    assert due(life, BEGIN) == (Step.SUSPEND, Cause.TRIAL_OVER)
    suspended = take(life, Step.SUSPEND, BEGIN, CLOCK, cause=Cause.TRIAL_OVER)
    assert suspended is not None
    assert due(suspended, BEGIN + timedelta(days=13)) is None
    assert due(suspended, BEGIN + timedelta(days=14)) == (Step.CANCEL, Cause.NONE)


def test_who_chooses_a_plan_after_the_trial_is_not_cancelled() -> None:
    over = take(Life(State.ACTIVE, trial_end=BEGIN), Step.SUSPEND, BEGIN, CLOCK, cause=Cause.TRIAL_OVER)
    assert over is not None
    changed = take(over, Step.CHANGE, BEGIN, CLOCK)
    assert changed is not None
    chosen = without_trial(changed)
    assert due(chosen, BEGIN + timedelta(days=400)) is None
    assert take(chosen, Step.RESUME, BEGIN, CLOCK) is not None
    # A bill that is not paid is none of a trial's.
    unpaid = take(Life(State.ACTIVE), Step.SUSPEND, BEGIN, CLOCK, cause=Cause.UNPAID)
    assert unpaid is not None
    assert due(without_trial(unpaid), BEGIN + timedelta(days=14)) == (Step.CANCEL, Cause.NONE)


@given(STEPS, STEPS)
def test_what_is_unpaid_does_not_run_before_it_is_paid_and_ends_with_its_grace(
    before: list[tuple[Step, Cause, int]], after: list[tuple[Step, Cause, int]]
) -> None:
    way = lived(before, Life(trial_end=BEGIN + timedelta(days=30)))
    life, now = (way[-1][2], way[-1][3]) if way else (Life(), BEGIN)
    owing = take(life, Step.OWE, now, CLOCK)
    assert (owing is None) == life.state.is_over
    if owing is None:
        return
    end = owing.unpaid_end
    assert end is not None
    assert end <= now + CLOCK.grace
    assert owing.told_cause is Cause.UNPAID
    for _, step, then, _ in [(owing, Step.OWE, owing, now), *lived(after, owing)]:
        if step is Step.PAY or then.state.is_over:
            break
        assert then.state not in {State.PROVISIONING, State.ACTIVE}
        assert (then.state is State.UPGRADING) <= (life.state is State.UPGRADING)
        assert take(then, Step.RESUME, now, CLOCK) is None
        assert then.unpaid_end == end
        # The end of a trial's grace may come before.
        assert due(then, end) == (Step.CANCEL, Cause.NONE)


@given(STEPS)
def test_what_is_unpaid_has_an_end_and_is_paid_in_every_state(steps: list[tuple[Step, Cause, int]]) -> None:
    for before, step, then, now in lived(steps, Life()):
        assert (then.cause is Cause.UNPAID) <= then.is_unpaid
        assert not (then.is_unpaid and then.state.is_over)
        assert (take(then, Step.PAY, now, CLOCK) is not None) == then.is_unpaid
        if step is Step.PAY:
            assert not then.is_unpaid
            assert then.state is (State.PROVISIONING if before.cause is Cause.UNPAID else before.state)


def test_paying_starts_what_a_bill_stopped_and_nothing_else() -> None:
    for state, cause, paid in (
        (State.ACTIVE, Cause.NONE, State.PROVISIONING),
        (State.PROVISIONING, Cause.NONE, State.PROVISIONING),
        (State.SUSPENDED, Cause.ASKED, State.SUSPENDED),
        (State.SUSPENDED, Cause.TRIAL_OVER, State.SUSPENDED),
        (State.SUSPENDED, Cause.WITHDRAWN, State.SUSPENDED),
        (State.UPGRADING, Cause.NONE, State.UPGRADING),
        (State.FAILED, Cause.NONE, State.FAILED),
        (State.PENDING, Cause.NONE, State.PENDING),
    ):
        owing = take(Life(state, cause=cause, reason="why"), Step.OWE, BEGIN, CLOCK)
        assert owing is not None
        assert not_possible(owing, Step.RESUME).reason == "BILL_UNPAID"
        assert due(owing, BEGIN + CLOCK.grace) == (Step.CANCEL, Cause.NONE)
        settled = take(owing, Step.PAY, BEGIN, CLOCK)
        assert settled is not None
        assert (settled.state, settled.unpaid_end) == (paid, None)
        assert settled.cause is (cause if paid is State.SUSPENDED else Cause.NONE)


def test_an_upgrade_that_ends_unpaid_ends_suspended() -> None:
    for step in (Step.RUN, Step.ROLL_BACK, Step.REVERT):
        owing = take(Life(State.UPGRADING), Step.OWE, BEGIN, CLOCK)
        assert owing is not None
        ended = take(owing, step, BEGIN, CLOCK, reason="why")
        assert ended is not None
        assert (ended.state, ended.cause) == (State.SUSPENDED, Cause.UNPAID)


def test_what_its_publisher_withdrew_is_not_resumed() -> None:
    life = take(Life(State.ACTIVE), Step.SUSPEND, BEGIN, CLOCK, cause=Cause.WITHDRAWN)
    assert life is not None
    assert take(life, Step.RESUME, BEGIN, CLOCK) is None
    assert take(life, Step.REPLACE, BEGIN, CLOCK) is None
    upgrading = take(life, Step.UPGRADE, BEGIN, CLOCK)
    assert upgrading is not None
    assert (upgrading.state, upgrading.cause) == (State.UPGRADING, Cause.NONE)
    shelved = take(upgrading, Step.SHELVE, BEGIN, CLOCK, cause=Cause.WITHDRAWN, reason="why")
    assert shelved is not None
    assert (shelved.state, shelved.cause, shelved.reason) == (State.SUSPENDED, Cause.WITHDRAWN, "why")
    assert take(life, Step.CANCEL, BEGIN, CLOCK) is not None


@given(STEPS)
def test_what_is_stopped_stays_so_whatever_version_it_is(steps: list[tuple[Step, Cause, int]]) -> None:
    for before, step, then, _ in lived(steps, Life()):
        if step is Step.REPLACE and before.state is State.SUSPENDED:
            assert (then.state, then.cause, then.grace_end) == (before.state, before.cause, before.grace_end)
        if step is Step.UPGRADE and before.state is State.SUSPENDED:
            assert before.cause is Cause.WITHDRAWN
