"""Brings stored events of OPC UA conditions into the alarm list."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

import structlog

from dualspan.historian.v1 import event_service_pb2
from dualspan_analytics.alarms.model import Alarm, Transition, happened
from dualspan_analytics.alarms.opc_ua import (
    ConditionEvent,
    causes,
    condition_event,
    described,
    is_news,
)
from dualspan_analytics.alarms.rules import AlarmRule, OpcUaConditions
from dualspan_analytics.alarms.state import CauseImpossibleError
from dualspan_analytics.clients import answer, stamp
from dualspan_analytics.service.alarm_recording import keep
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.store import alarm_evaluations, alarms
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.historian.v1.event_service_pb2_grpc import EventServiceAsyncStub

_log = structlog.stdlib.get_logger()
_DAY_US = 86_400 * 1_000_000
# Events of one notifier may come out of order: so much is read again, and changes nothing the second time.
_OVERLAP_US = 60 * 1_000_000
_PAGE = 1000


class OpcUaEvents:
    """Follows the events of a tenant's rules.

    How far it is needs no checkpoint: each alarm remembers the event that was applied to it last.

    Args:
        stub: The historian's events.
    """

    def __init__(self, stub: "EventServiceAsyncStub") -> None:
        self._stub = stub
        self._positions: dict[tuple[str, str, int], int] = {}

    async def follow(self, database: Database, tenant: str, rules: Mapping[str, AlarmRule], owner: uuid.UUID) -> None:
        """Apply what came since the last call. A rule whose tags cannot be read harms no other."""
        for rule in rules.values():
            if rule.enabled and isinstance(rule.condition, OpcUaConditions):
                try:
                    await self._follow(database, tenant, rule, rule.condition, owner)
                except DomainError as error:
                    _log.warning("events not read", tenant=tenant, rule=rule.rule_id, error=str(error))

    async def _follow(
        self, database: Database, tenant: str, rule: AlarmRule, condition: OpcUaConditions, owner: uuid.UUID
    ) -> None:
        now = now_us()
        position = (tenant, rule.rule_id, rule.revision)
        start = self._positions.get(position, now - _DAY_US)
        token = ""
        while True:
            request = event_service_pb2.ReadEventsRequest(
                parent=f"tenants/{tenant}",
                tag_ids=condition.tag_ids,
                start_time=stamp(start),
                end_time=stamp(now + _OVERLAP_US),
                page_size=_PAGE,
                page_token=token,
                minimum_severity=condition.minimum_severity,
                conditions_only=True,
            )
            page = await answer("historian", self._stub.ReadEvents(request))
            events = [condition_event(rule, each.tag_id, each.event) for each in page.events]
            await self._apply(database, tenant, rule, [each for each in events if each is not None], owner)
            token = page.next_page_token
            if not token:
                break
        self._positions[position] = now - _OVERLAP_US

    async def _apply(
        self, database: Database, tenant: str, rule: AlarmRule, events: Sequence[ConditionEvent], owner: uuid.UUID
    ) -> None:
        if not events:
            return
        async with database.transaction(tenant) as connection:
            if await alarm_evaluations.holds(connection, tenant, owner):
                is_new = not await alarms.has_any_of_rule(connection, tenant, rule.rule_id)
                await _apply(connection, tenant, rule, _last_ones(events) if is_new else events)


def _last_ones(events: Iterable[ConditionEvent]) -> Iterable[ConditionEvent]:
    """The last event of each alarm: of a new rule it matters how its alarms stand, not how that came."""
    ordered = sorted(events, key=lambda event: event.at_us)
    return {event.alarm.alarm_id: event for event in ordered}.values()


async def _apply(connection: Connection, tenant: str, rule: AlarmRule, events: Iterable[ConditionEvent]) -> None:
    ordered = sorted(events, key=lambda event: event.at_us)
    stored = await alarms.lock(connection, tenant, sorted({event.alarm.alarm_id for event in ordered}))
    known: dict[str, Alarm] = dict(stored)
    found: list[tuple[Alarm, Transition]] = []
    for event in ordered:
        before = known.get(event.alarm.alarm_id)
        if not is_news(before, event):
            continue
        alarm = described(before, event)
        for cause in causes(alarm, event):
            try:
                alarm, transition = happened(alarm, cause, rule, now_us())
            except CauseImpossibleError:
                continue  # acknowledged at the server, and here before
            if transition is not None:
                found.append((alarm, transition))
        known[alarm.alarm_id] = alarm
    await alarms.store(connection, tenant, [each for key, each in known.items() if stored.get(key) != each])
    await keep(connection, tenant, found, dict.fromkeys(known, rule))
