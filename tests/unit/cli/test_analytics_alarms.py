"""`dualspan analytics alarms`: what is mistyped is told before anything is asked."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_cli.commands.analytics import analytics
from dualspan_cli.commands.analytics.alarm_rules import _from_file, _limits
from dualspan_cli.errors import CommandError


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["add", "hot", "--limit", "HH"], "BAD_LIMIT"),
        (["add", "hot", "--limit", "H=80", "--priority", "urgent"], "BAD_PRIORITY"),
        (["add", "hot", "--on-delay", "soon"], "BAD_DURATION"),
        (["try", "--since", "yesterday-ish"], "BAD_TIME"),
        (["shelve", "hot.m1", "--for", "long"], "BAD_DURATION"),
        (["add-channel", "c1"], "BAD_CHANNEL"),
        (["add-channel", "c1", "--url", "https://x.org", "--email", "a@b.c"], "BAD_CHANNEL"),
    ],
)
def test_what_is_mistyped_is_named(words: list[str], reason: str) -> None:
    result = CliRunner().invoke(analytics, ["alarms", *words])
    assert isinstance(result.exception, CommandError), result.output
    assert (result.exception.reason, result.exception.exit_code) == (reason, 2)


def test_limits_are_read() -> None:
    assert [(each.level, each.value) for each in _limits(["hh=90", "L = 1.5"])] == [("HH", 90.0), ("L", 1.5)]


def test_a_rule_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "rule.yaml"
    path.write_text(
        "display_name: Hot\nresponse: Cool it.\nscope: {model: press}\nproperty: t\non_delay: 10s\n"
        "limits: {limits: [{level: HH, value: 80, priority: ALARM_PRIORITY_CRITICAL}], deadband: 2}\n"
    )
    rule = _from_file(path)
    assert (rule.limits.limits[0].priority, rule.on_delay.seconds) == (contract.ALARM_PRIORITY_CRITICAL, 10)
    for broken in ("limits: [", "no_such_field: 1", "- a list"):
        path.write_text(broken)
        with pytest.raises(CommandError):
            _from_file(path)
