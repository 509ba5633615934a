"""What people type wrong about calendars, profiles and stops is told before anybody is asked."""

import pytest
from typer.testing import CliRunner

from dualspan.analytics.v1 import calendars_pb2, states_pb2
from dualspan_cli.commands.analytics import analytics
from dualspan_cli.commands.analytics.production import _add_properties, _add_source, _reason, _span, _state
from dualspan_cli.errors import CommandError

Profile = states_pb2.MachineProfile


def test_spans_as_people_write_them() -> None:
    assert _span("early=06:00-14:00@1-5") == (
        "early",
        calendars_pb2.DailySpan(start="06:00", end="14:00", weekdays=[1, 2, 3, 4, 5]),
    )
    assert _span("night=22:00-06:00")[1].weekdays == [1, 2, 3, 4, 5, 6, 7]
    assert _span("odd=06:00-07:00@1,3,6-7")[1].weekdays == [1, 3, 6, 7]


def test_profiles_as_people_write_them() -> None:
    given = Profile()
    _add_source(given, ["0=running", "STOP = fault"], [], "", packml=False)
    _add_properties(given, ["good=good-count", "total=cycles@65536", "scrap=-"], ["state=mode", "reason=fault-code"])
    assert given == Profile(
        values=Profile.ValueSource(
            property="mode",
            values=[Profile.StateValue(value="0", state="running"), Profile.StateValue(value="STOP", state="fault")],
        ),
        good=Profile.Counter(property="good-count"),
        total=Profile.Counter(property="cycles", modulus=65536),
        scrap=Profile.Counter(property="-"),
        reason_property="fault-code",
    )
    assert _state("washing=planned-down") == Profile.State(
        id="washing", display_name="Washing", element=states_pb2.TIME_ELEMENT_PLANNED_DOWN
    )
    assert _reason("902=Weekly: oil:planned-down") == Profile.Reason(
        code="902", display_name="Weekly: oil", element=states_pb2.TIME_ELEMENT_PLANNED_DOWN
    )
    rules = Profile()
    _add_source(rules, [], ["running=speed > 10 and state == 0"], "fault", packml=False)
    assert rules.rules.rules[0] == Profile.Rule(state="running", when="speed > 10 and state == 0")


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        ("calendar set c --zone UTC --shift early", "BAD_SPAN"),
        ("calendar set c --zone UTC --shift early=6-14", "BAD_SPAN"),
        ("calendar set c --zone UTC --shift early=06:00-14:00@a-b", "BAD_SPAN"),
        ("calendar set c --zone UTC --shift early=06:00-14:00@1-", "BAD_DAYS"),
        ("calendar set c --zone UTC --shift early=06:00-14:00@0-99999999999", "BAD_DAYS"),
        ("profile set p --model m", "NO_SOURCE"),
        ("profile set p --model m --packml --state 0=running", "NO_SOURCE"),
        ("profile set p --model m --state running", "BAD_PAIR"),
        ("profile set p --model m --rule =state==0", "BAD_PAIR"),
        ("profile set p --model m --packml --counter weight=x", "BAD_COUNTER"),
        ("profile set p --model m --packml --counter good=x@many", "BAD_COUNTER"),
        ("profile set p --model m --packml --property colour=x", "BAD_PROPERTY"),
        ("profile set p --model m --rule a=b --property state=x", "BAD_PROPERTY"),
        ("profile set p --model m --packml --define washing=wet", "BAD_STATE"),
        ("profile set p --model m --packml --run-time 42", "BAD_DURATION"),
        ("profile set p --model m --packml --minor-stop soon", "BAD_DURATION"),
    ],
)
def test_what_cannot_be_read_says_how_it_is_written(words: str, reason: str) -> None:
    result = CliRunner().invoke(analytics, words.split(" "))
    assert isinstance(result.exception, CommandError), result.output
    assert (result.exception.reason, result.exception.exit_code) == (reason, 2)
