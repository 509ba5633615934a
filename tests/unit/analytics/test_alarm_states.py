"""Alarms against the state table of ANSI/ISA-18.2-2016, Figure 3, as a state machine that hypothesis drives."""

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from dualspan_analytics.alarms.state import (
    AlarmStanding,
    AlarmState,
    Behaviour,
    Cause,
    CauseImpossibleError,
    after,
)

A, B, C, D, E, F = (
    AlarmState.NORMAL,
    AlarmState.UNACKNOWLEDGED,
    AlarmState.ACKNOWLEDGED,
    AlarmState.RETURNED_UNACKNOWLEDGED,
    AlarmState.LATCHED_UNACKNOWLEDGED,
    AlarmState.LATCHED_ACKNOWLEDGED,
)
G, H, J = AlarmState.SHELVED, AlarmState.SUPPRESSED_BY_DESIGN, AlarmState.OUT_OF_SERVICE
SIMPLE, LATCHING, UNATTENDED = "simple", "latching", "unattended"
BEHAVIOURS = {
    SIMPLE: Behaviour(),
    LATCHING: Behaviour(latching=True),
    UNATTENDED: Behaviour(needs_acknowledgement=False),
}
ANY = (SIMPLE, LATCHING, UNATTENDED)

# The arrows between the states in which operators see an alarm. Whoever knows the standard from elsewhere finds them in
# OPC 10000-9 (4.8, 5.8.5, 5.8.17: reset only what is acknowledged and inactive) and in PyAutomation's alarm machine.
SHOWN = {
    **{(A, Cause.RAISED, kind): B for kind in ANY},
    **{(B, Cause.ACKNOWLEDGED, kind): C for kind in ANY},
    (B, Cause.CLEARED, SIMPLE): D,
    (B, Cause.CLEARED, LATCHING): E,
    (B, Cause.CLEARED, UNATTENDED): A,
    (C, Cause.CLEARED, SIMPLE): A,
    (C, Cause.CLEARED, LATCHING): F,
    (C, Cause.CLEARED, UNATTENDED): A,
    (D, Cause.RAISED, SIMPLE): B,
    (D, Cause.ACKNOWLEDGED, SIMPLE): A,
    (E, Cause.RAISED, LATCHING): B,
    (E, Cause.ACKNOWLEDGED, LATCHING): F,
    (F, Cause.RAISED, LATCHING): B,
    (F, Cause.RESET, LATCHING): A,
}
INTO = {Cause.SHELVED: G, Cause.SUPPRESSED: H, Cause.TAKEN_OUT_OF_SERVICE: J}
OUT_OF = {
    Cause.UNSHELVED: G,
    Cause.SHELF_EXPIRED: G,
    Cause.UNSUPPRESSED: H,
    Cause.RETURNED_TO_SERVICE: J,
}
PROCESS = (Cause.RAISED, Cause.CLEARED)
PEOPLE = (Cause.ACKNOWLEDGED, Cause.RESET, *INTO, *OUT_OF)


class IsaAlarm(RuleBasedStateMachine):
    """The table holds the alarm to its word; of what keeps it back the table keeps a set of its own."""

    @initialize(kind=st.sampled_from(ANY))
    def begin(self, kind: str) -> None:
        self.kind = kind
        self.standing = AlarmStanding()
        self.state, self.condition = A, False
        self.kept: set[AlarmState] = set()

    @rule(cause=st.sampled_from(PROCESS))
    def process(self, cause: Cause) -> None:
        self.standing = after(self.standing, cause, BEHAVIOURS[self.kind])
        self.condition = cause is Cause.RAISED
        if not self.kept:
            self.state = SHOWN.get((self.state, cause, self.kind), self.state)

    @rule(cause=st.sampled_from(PEOPLE))
    def person(self, cause: Cause) -> None:
        before = self.standing
        try:
            self.standing = after(before, cause, BEHAVIOURS[self.kind])
        except CauseImpossibleError:
            assert not self.may(cause)
            return
        assert self.may(cause)
        if cause in INTO:
            self.kept.add(INTO[cause])
        elif cause in OUT_OF:
            self.kept.remove(OUT_OF[cause])
            if not self.kept:
                self.state = B if self.condition else A
        else:
            self.state = SHOWN[self.state, cause, self.kind]

    def may(self, cause: Cause) -> bool:
        if cause in INTO:
            return INTO[cause] not in self.kept
        if cause in OUT_OF:
            return OUT_OF[cause] in self.kept
        return not self.kept and (self.state, cause, self.kind) in SHOWN

    @invariant()
    def the_state_is_the_tables(self) -> None:
        assert self.standing.state == (max(self.kept) if self.kept else self.state)
        assert self.standing.condition == self.condition


TestIsaAlarm = IsaAlarm.TestCase
TestIsaAlarm.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@pytest.mark.parametrize("kind", ANY)
def test_removing_ends_every_state(kind: str) -> None:
    raised = after(AlarmStanding(), Cause.RAISED, BEHAVIOURS[kind])
    shelved = after(raised, Cause.SHELVED, BEHAVIOURS[kind])
    assert after(shelved, Cause.REMOVED, BEHAVIOURS[kind]).state is A


def test_what_is_refused_says_why() -> None:
    with pytest.raises(CauseImpossibleError, match="ACKNOWLEDGED is not possible for an alarm that is NORMAL"):
        after(AlarmStanding(), Cause.ACKNOWLEDGED, Behaviour())


def test_every_state_of_the_table_is_reached() -> None:
    reached = {A}
    for (state, _, _), target in SHOWN.items():
        reached |= {state, target}
    assert reached == {A, B, C, D, E, F}
