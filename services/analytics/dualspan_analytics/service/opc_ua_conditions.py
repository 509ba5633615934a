"""Brings stored events of OPC UA conditions into the alarm list."""

import uuid
from collections.abc import Iterable, Mapping, Sequence

from dualspan_analytics.alarms.model import Alarm, Transition, happened
from dualspan_analytics.alarms.opc_ua import ConditionEvent, causes, described, is_news
from dualspan_analytics.alarms.rules import AlarmRule
from dualspan_analytics.alarms.state import CauseImpossibleError
from dualspan_analytics.service.alarm_recording import keep
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.store import alarm_evaluations, alarms
from dualspan_runtime.database import Connection, Database


class ConditionAlarms:
    """The alarms of a tenant's conditions.

    Args:
        database: Where they are.
        tenant: Whose.
        owner: The replica that evaluates the tenant; another one's events are applied by that one.
    """

    def __init__(self, database: Database, tenant: str, owner: uuid.UUID) -> None:
        self._database = database
        self._tenant = tenant
        self._owner = owner

    async def has_any(self, rule: AlarmRule) -> bool:
        """Whether a condition of a rule has ever said anything."""
        async with self._database.transaction(self._tenant, readonly=True) as connection:
            return await alarms.has_any_of_rule(connection, self._tenant, rule.rule_id)

    async def apply(self, rule: AlarmRule, events: Sequence[ConditionEvent]) -> bool:
        """Apply events of a rule in order of time; those that were applied before change nothing.

        Returns:
            False if another replica evaluates the tenant by now: then nothing was applied.
        """
        if not events:
            return True
        async with self._database.transaction(self._tenant) as connection:
            if not await alarm_evaluations.holds(connection, self._tenant, self._owner):
                return False
            await _apply(connection, self._tenant, rule, events)
            return True


async def _apply(connection: Connection, tenant: str, rule: AlarmRule, events: Iterable[ConditionEvent]) -> None:
    ordered = sorted(events, key=lambda event: event.at_us)
    stored = await alarms.lock(connection, tenant, sorted({event.alarm.alarm_id for event in ordered}))
    known: dict[str, Alarm] = dict(stored)
    found: list[tuple[Alarm, Transition]] = []
    for event in ordered:
        before = known.get(event.alarm.alarm_id)
        if not is_news(before, event):
            continue
        alarm, transitions = _happened(described(before, event), event, rule)
        known[alarm.alarm_id] = alarm
        found += transitions
    await alarms.store(connection, tenant, [each for key, each in known.items() if stored.get(key) != each])
    rules: Mapping[str, AlarmRule] = dict.fromkeys(known, rule)
    await keep(connection, tenant, found, rules)


def _happened(alarm: Alarm, event: ConditionEvent, rule: AlarmRule) -> tuple[Alarm, Sequence[tuple[Alarm, Transition]]]:
    found: list[tuple[Alarm, Transition]] = []
    for cause in causes(alarm, event):
        try:
            alarm, transition = happened(alarm, cause, rule, now_us())
        except CauseImpossibleError:
            continue  # acknowledged at the server, and here before
        if transition is not None:
            found.append((alarm, transition))
    return alarm, found
