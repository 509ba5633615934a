"""Alarm rules as they are usually written: for each sample the rule of its signal, one after the other."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

from dualspan_frame import BinaryColumn, Frame

_NEVER = -(1 << 62)


@dataclass(slots=True)
class _Rule:
    limit: float
    deadband: float
    delay_us: int
    heard_us: int = _NEVER
    since_us: int = 0
    is_above: bool = False
    is_active: bool = False


class RuleLoop:
    """High limits with deadband and on-delay; Bad, NaN and late samples say nothing, as with the product.

    Args:
        rules: Limit, deadband and delay by tag.
    """

    def __init__(self, rules: Mapping[int, tuple[float, float, int]]) -> None:
        self._rules = {tag: _Rule(*rule) for tag, rule in rules.items()}

    def feed(self, frame: Frame) -> int:
        """Take a frame of numbers; how many alarms changed."""
        changes = 0
        for block in frame.blocks:
            if isinstance(block.value, BinaryColumn):
                continue
            columns = (block.tag.tolist(), block.timestamp.tolist(), block.status.tolist(), block.value.tolist())
            for tag, time_us, status, value in zip(*columns, strict=True):
                rule = self._rules.get(tag)
                if rule is not None:
                    changes += _sample(rule, time_us, status, value)
        return changes

    def tick(self, horizon_us: int) -> int:
        """Let delays end that are over; how many alarms changed."""
        return sum(_elapsed(rule, horizon_us) for rule in self._rules.values() if rule.is_above != rule.is_active)


def _sample(rule: _Rule, time_us: int, status: int, value: float) -> int:
    if time_us <= rule.heard_us:
        return 0
    rule.heard_us = time_us
    if status >= 0x80000000 or math.isnan(value):
        # The delay begins again with the next good one.
        rule.is_above = rule.is_active
        return 0
    if value > rule.limit:
        if not rule.is_above:
            rule.is_above, rule.since_us = True, time_us
    elif value <= rule.limit - rule.deadband:
        rule.is_above = False
        if rule.is_active:
            rule.is_active = False
            return 1
    return _elapsed(rule, time_us)


def _elapsed(rule: _Rule, until_us: int) -> int:
    if rule.is_above and not rule.is_active and until_us - rule.since_us >= rule.delay_us:
        rule.is_active = True
        return 1
    return 0
