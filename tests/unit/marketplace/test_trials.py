"""Trials: from whatever is there to an end, and the plants that versions are tried on."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_frame import ValueKind as FrameKind
from dualspan_manifest import check_configuration, parse
from dualspan_marketplace.catalogue.model import Outcome
from dualspan_marketplace.deployments.provisioner import Refused
from dualspan_marketplace.subscriptions.life import State
from dualspan_marketplace.trials import plants
from dualspan_marketplace.trials.model import (
    Bounds,
    Clear,
    Conclude,
    Mark,
    Phase,
    Plant,
    Seen,
    Settled,
    Step,
    Stop,
    Wait,
    next_step,
    own_words,
    tried_words,
)
from harness.marketplace import MANIFEST, manifest_of

BOUNDS = Bounds(start=20.0, watch=2.0)
SEEN = st.builds(
    Seen,
    phase=st.sampled_from(Phase),
    state=st.none() | st.sampled_from(State),
    seconds=st.floats(0, 60),
    well=st.none() | st.floats(0, 60),
    answers=st.booleans(),
    trouble=st.sampled_from(["", "It ended."]),
)


def after(seen: Seen, step: Step, *, luck: bool) -> Seen:
    """What is there after a step, in a world that does as it is told: apps start, or do not."""
    match step:
        case Plant():
            return (
                replace(seen, phase=Phase.RUNNING, state=State.PROVISIONING) if luck else _later(seen, 1.0, luck=luck)
            )
        case Mark():
            return replace(seen, well=0.0, answers=luck)
        case Conclude() | Stop():
            state = State.CANCELLING if seen.state else None
            return replace(seen, phase=Phase.ENDING, state=state)
        case Clear():
            return replace(seen, phase=Phase.DONE, state=None)
        case Wait(seconds):
            return _later(seen, seconds, luck=luck)
        case _:
            return seen


def _later(seen: Seen, seconds: float, *, luck: bool) -> Seen:
    state = seen.state
    if seen.phase is Phase.RUNNING and state is State.PROVISIONING and luck:
        state = State.ACTIVE
    if state is State.CANCELLING:
        state = State.CANCELLED
    well = None if seen.well is None else seen.well + seconds
    return replace(seen, state=state, seconds=seen.seconds + seconds, well=well, answers=luck)


@given(SEEN, st.lists(st.booleans(), min_size=200, max_size=200))
def test_from_everywhere_it_comes_to_an_end(seen: Seen, luck: list[bool]) -> None:
    for turn, lucky in enumerate(luck):
        step = next_step(seen, BOUNDS)
        if isinstance(step, Settled):
            assert seen.phase is Phase.DONE
            return
        if isinstance(step, Conclude):
            assert step.words
            # Nothing passes that was not well, for as long as it had to be.
            if step.outcome is Outcome.PASSED:
                assert seen.state is State.ACTIVE
                assert seen.answers
                assert seen.well is not None
                assert seen.well >= BOUNDS.watch
        # What is cleared runs no more.
        if isinstance(step, Clear):
            assert seen.state in {None, State.CANCELLED}
        assert turn < 199, (seen, step)
        seen = after(seen, step, luck=lucky)


def test_what_ends_while_it_is_watched_fails() -> None:
    seen = Seen(Phase.RUNNING, State.ACTIVE, seconds=3, well=1, answers=True)
    assert isinstance(next_step(seen, BOUNDS), Wait)
    step = next_step(replace(seen, trouble="It ended and had to be started again."), BOUNDS)
    assert isinstance(step, Conclude)
    assert step.outcome is Outcome.FAILED
    assert next_step(replace(seen, well=3.0), BOUNDS) == Conclude(
        Outcome.PASSED, "It started, and was healthy for 3 s."
    )


@pytest.mark.parametrize(
    ("problem", "said", "well", "words"),
    [
        ("", 5, 3, "It reports no problem of its own."),
        ("", 2, 3, "It reports no problem of its own."),
        ("starting", 2, 3, "Before it was seen healthy it said: starting."),
        ("No machine has power.", 5, 3, "It reports a problem: No machine has power."),
        ("starting", 2, None, "The last it said of itself: starting."),
    ],
)
def test_what_it_says_of_itself_is_told_as_of_when_it_said_it(
    problem: str, said: int, well: int | None, words: str
) -> None:
    began = datetime(2026, 11, 20, tzinfo=UTC)
    seen = None if well is None else began + timedelta(seconds=well)
    assert own_words(problem, began + timedelta(seconds=said), seen) == words


def test_ways_out_that_were_tried_are_named_once_and_not_without_end() -> None:
    at = datetime(2026, 11, 20, tzinfo=UTC)
    tried = [Refused("one.test", 443, "not declared", at), Refused("one.test", 443, "busy", at)]
    assert tried_words(tried) == ["It tried to reach one.test:443 and was refused: busy."]
    words = tried_words([Refused("many.test", port, "not declared", at) for port in range(1, 51)])
    assert (len(words), words[-1]) == (21, "And 30 more.")


def test_a_plant_is_made_of_what_the_manifest_asks_for() -> None:
    manifest = parse(manifest_of("any").replace("maximum: 50", "minimum: 2\n    maximum: 50"))
    granted, outputs = plants.tags_of(manifest, 7)
    assert {(each.asset_id, each.property) for each in granted} == {
        (f"trial-1-{number}", name) for number in (1, 2) for name in ("good-count", "scrap-count", "cycle-time")
    }
    assert {each.output.asset_id for each in outputs} == {"trial-1-1", "trial-1-2"}
    other, _ = plants.tags_of(manifest, 8)
    assert not {each.tag_id for each in granted} & {each.tag_id for each in other}
    told = plants.shown(manifest, granted)
    assert [len(asset.bindings) for asset in told.assets] == [3, 3]
    assert {(each.id, each.unit) for each in told.models[0].properties} == {
        ("good-count", "{piece}"),
        ("scrap-count", "{piece}"),
        ("cycle-time", "s"),
    }
    frame = plants.history(granted, 1_800_000_000_000_000)
    assert frame.sample_count == 6 * 360
    assert {block.kind for block in frame.blocks} == {FrameKind.INT64, FrameKind.FLOAT64}
    assert frame.time_range() == (1_800_000_000_000_000 - 3_600_000_000, 1_800_000_000_000_000 - 10_000_000)


def test_settings_without_a_default_are_made_up() -> None:
    schema = {
        "type": "object",
        "properties": {
            "shift": {"type": "string", "title": "x", "enum": ["day", "night"]},
            "begin": {"type": "string", "title": "x", "format": "date"},
            "level": {"type": "number", "title": "x", "minimum": 5, "maximum": 9},
            "count": {"type": "integer", "title": "x", "maximum": -3},
            "deep": {"type": "boolean", "title": "x"},
            "codes": {"type": "array", "title": "x", "items": {"type": "string"}, "minItems": 2},
            "name": {"type": "string", "title": "x", "minLength": 8},
            "given": {"type": "number", "title": "x", "default": 1},
        },
        "required": ["shift", "begin", "level", "count", "deep", "codes", "name", "given"],
    }
    values, problems = check_configuration(schema, plants.settings_of(schema))
    assert not problems
    assert values["shift"] == "day"
    assert parse(MANIFEST).configuration["required"] == ["shift"]
