"""Alarm rules as they are usually written: for each sample the rule of its signal, one after the other."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(slots=True)
class _Rule:
    limit: float
    deadband: float
    delay_us: int
    active: bool = False
    since_us: int = 0
    above: bool = False


class RuleLoop:
    """High limits with deadband and on-delay.

    Args:
        rules: Limit, deadband and delay by signal.
    """

    def __init__(self, rules: Mapping[int, tuple[float, float, int]]) -> None:
        self._rules = {signal: _Rule(*rule) for signal, rule in rules.items()}

    def feed(self, signals: Sequence[int], times: Sequence[int], values: Sequence[float]) -> int:
        """Take samples; how many alarms changed."""
        changes = 0
        for signal, time_us, value in zip(signals, times, values, strict=True):
            changes += self._sample(self._rules[signal], time_us, value)
        return changes

    @staticmethod
    def _sample(rule: _Rule, time_us: int, value: float) -> int:
        if value > rule.limit:
            if not rule.above:
                rule.above, rule.since_us = True, time_us
        elif value <= rule.limit - rule.deadband:
            rule.above = False
            if rule.active:
                rule.active = False
                return 1
        if rule.above and not rule.active and time_us - rule.since_us >= rule.delay_us:
            rule.active = True
            return 1
        return 0
