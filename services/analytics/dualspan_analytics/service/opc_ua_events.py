"""Follows events of OPC UA servers by commit, whatever time they have: the stream, and what it may have left out.

Events that a gateway kept while it was offline come late, and a server's clock may be wrong by hours. So nobody asks
for events of the last minute, but for those of the quarters of an hour that the historian says were touched since.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import structlog
from google.protobuf.message import DecodeError

from dualspan.frame.v1.event_pb2 import OpcUaEvent
from dualspan.historian.v1 import event_service_pb2
from dualspan_analytics.alarms.opc_ua import ConditionEvent, condition_event, instead_of
from dualspan_analytics.alarms.plan import Trouble
from dualspan_analytics.alarms.rules import AlarmRule, OpcUaConditions
from dualspan_analytics.changes import Changes
from dualspan_analytics.clients import Historian, Live, answer, stamp
from dualspan_analytics.intervals import Intervals
from dualspan_analytics.kpis.slots import QUARTER_US, DataVersions
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.opc_ua_conditions import ConditionAlarms
from dualspan_frame import BinaryColumn
from dualspan_runtime.errors import DomainError

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.historian.v1.event_service_pb2_grpc import EventServiceAsyncStub

_log = structlog.stdlib.get_logger()
_DAY_US = 86_400 * 1_000_000
_PAGE = 1000
_MOST_TAGS = 10_000
_MOST_WAITING = 100_000
_READY_SECONDS = 6.0
# The historian is asked so often what changed: of a rule whose events are streamed, and of any other.
_LOOK_STREAMED, _LOOK = 10.0, 1.0
# A rule whose events cannot be read is tried again after so long.
_LOOK_AGAIN = 10.0
Versions = Mapping[str, int]
"""By gateway: its newest commit whose events have been applied."""


@dataclass(frozen=True, slots=True)
class OpcUaEvents:
    """Where events of OPC UA servers are.

    Attributes:
        stub: The historian's events.
        changes: Which quarters of an hour were touched.
        historian: Their stream.
    """

    stub: "EventServiceAsyncStub"
    changes: Changes
    historian: Historian

    async def touched(
        self, tenant: str, tag_ids: Sequence[int], seen: Versions | None
    ) -> tuple[Sequence[tuple[int, int]], Versions]:
        """The spans that events may have come to since, µs, at most a day from now either way; and the versions now."""
        now = now_us()
        start, end = now - _DAY_US, now + _DAY_US
        gateways, _ = await self.changes.versions(tenant, tag_ids, start, end)
        newest = {each.gateway: each.newest for each in gateways}
        if seen is None:
            return [(start, end)], newest
        quarters = np.concatenate([_newer(each, seen) for each in gateways])
        near = Intervals.joined(quarters * QUARTER_US, (quarters + 1) * QUARTER_US)
        return list(zip(near.start.tolist(), near.end.tolist(), strict=True)), newest

    async def pages(
        self, tenant: str, rule: AlarmRule, condition: OpcUaConditions, span: tuple[int, int]
    ) -> AsyncGenerator[Sequence[ConditionEvent]]:
        """The events of a rule with times in a span; those of one alarm in order of time."""
        request = event_service_pb2.ReadEventsRequest(
            parent=f"tenants/{tenant}",
            tag_ids=condition.tag_ids,
            start_time=stamp(span[0]),
            end_time=stamp(span[1]),
            page_size=_PAGE,
            minimum_severity=condition.minimum_severity,
            conditions_only=True,
        )
        while True:
            page = await answer("historian", self.stub.ReadEvents(request))
            events = [condition_event(rule, each.tag_id, each.event) for each in page.events]
            yield [each for each in events if each is not None]
            request.page_token = page.next_page_token
            if not page.next_page_token:
                return


def _newer(known: DataVersions, seen: Versions) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return known.quarters[known.versions > seen.get(known.gateway, -1)]


class Follower:
    """Follows the events of a tenant's rules.

    Args:
        events: Where they are.
        alarms: Where they go.
        tenant: Whose.
        rules: Its rules; those on OPC UA conditions are followed.
        seen: What has been applied, by rule and revision; kept from one follower to the next.
    """

    def __init__(
        self,
        events: OpcUaEvents,
        alarms: ConditionAlarms,
        tenant: str,
        rules: Mapping[str, AlarmRule],
        seen: dict[tuple[str, int], Versions],
    ) -> None:
        self._events = events
        self._alarms = alarms
        self._tenant = tenant
        self._rules = {
            rule.rule_id: (rule, rule.condition)
            for rule in rules.values()
            if rule.enabled and isinstance(rule.condition, OpcUaConditions)
        }
        for key in seen.keys() - {(rule.rule_id, rule.revision) for rule, _ in self._rules.values()}:
            del seen[key]
        self._seen = seen
        self._due = dict.fromkeys(self._rules, 0.0)
        self._streamed: frozenset[str] = frozenset()
        self._waiting: list[tuple[int, bytes]] = []
        self._wrong: dict[str, str] = {}

    @property
    def troubles(self) -> Sequence[Trouble]:
        """Rules whose events cannot be read, and why."""
        return [Trouble(rule_id, "", text) for rule_id, text in self._wrong.items()]

    async def run(self) -> None:
        """Listen for ever, anew when the stream ends or the events of more rules can be read."""
        asked: frozenset[str] = frozenset()
        listening: asyncio.Task[None] | None = None
        try:
            while True:
                await asyncio.sleep(1.0)
                rules = self._readable()
                if rules and (listening is None or listening.done() or not rules <= asked):
                    await _ended(listening)
                    asked, listening = rules, asyncio.create_task(self._listen(rules))
        finally:
            await _ended(listening)

    def _readable(self) -> frozenset[str]:
        """Rules whose events were read, as many as a stream may have tags."""
        rules: list[str] = []
        tags: set[int] = set()
        for rule_id, (rule, condition) in self._rules.items():
            more = tags | set(condition.tag_ids)
            if len(more) <= _MOST_TAGS and (rule_id, rule.revision) in self._seen and rule_id not in self._wrong:
                tags = more
                rules.append(rule_id)
        return frozenset(rules)

    async def _listen(self, rules: frozenset[str]) -> None:
        tags = sorted({tag for rule_id in rules for tag in self._rules[rule_id][1].tag_ids})
        ready = asyncio.get_running_loop().call_later(_READY_SECONDS, self._hear, rules)
        try:
            live = self._events.historian.subscribe(self._tenant, tags, include_latest=True)
            async with aclosing(live) as messages:
                async for message in messages:
                    self._hear(rules)
                    self._take_in(message)
        except DomainError as error:
            _log.warning("events of conditions are not heard, trying again", tenant=self._tenant, error=str(error))
        finally:
            ready.cancel()
            self._streamed = frozenset()
            self._look_again()

    def _hear(self, rules: frozenset[str]) -> None:
        """The stream is there; what was stored before it began has to be read once."""
        if not self._streamed:
            self._streamed = rules
            self._look_again()

    def _look_again(self) -> None:
        self._due = dict.fromkeys(self._rules, 0.0)

    def _take_in(self, message: Live) -> None:
        if message.skipped or len(self._waiting) > _MOST_WAITING:
            self._look_again()
        if len(self._waiting) > _MOST_WAITING:
            self._waiting = []
        for block in message.frame.blocks:
            if isinstance(block.value, BinaryColumn):
                self._waiting += zip(block.tag.tolist(), block.value.to_list(), strict=True)

    async def step(self) -> None:
        """Apply what came since the last call. A rule whose events cannot be read harms no other."""
        waiting, self._waiting = self._waiting, []
        for rule_id, (rule, condition) in self._rules.items():
            try:
                if time.monotonic() >= self._due[rule_id]:
                    await self._look(rule, condition)
                elif rule_id in self._streamed:
                    await self._alarms.apply(rule, _events(rule, condition, waiting))
            except DomainError as error:
                if self._wrong.get(rule_id) != error.message:
                    _log.warning("events not read", tenant=self._tenant, rule=rule_id, error=str(error))
                self._wrong[rule_id] = error.message
                self._due[rule_id] = time.monotonic() + _LOOK_AGAIN

    async def _look(self, rule: AlarmRule, condition: OpcUaConditions) -> None:
        """Apply what the store has that was not seen: with it whatever waits from the stream."""
        # Before anything is read: what the stream says meanwhile is looked for again.
        self._due[rule.rule_id] = time.monotonic() + (_LOOK_STREAMED if rule.rule_id in self._streamed else _LOOK)
        position = (rule.rule_id, rule.revision)
        seen = self._seen.get(position)
        spans, newest = await self._events.touched(self._tenant, condition.tag_ids, seen)
        last_ones: Mapping[str, ConditionEvent] | None = None
        if seen is None and not await self._alarms.has_any(rule):
            # Of a new rule it matters how its alarms stand, not how that came.
            last_ones = {}
        for span in spans:
            async with aclosing(self._events.pages(self._tenant, rule, condition, span)) as pages:
                async for events in pages:
                    if last_ones is not None:
                        last_ones = _last(last_ones, events)
                    elif not await self._alarms.apply(rule, events):
                        return
        if last_ones is None or await self._alarms.apply(rule, list(last_ones.values())):
            self._seen[position] = newest
            self._wrong.pop(rule.rule_id, None)


async def _ended(listening: asyncio.Task[None] | None) -> None:
    """Stop listening, if somebody does; what went wrong in it goes on here."""
    if listening is None:
        return
    if listening.done():
        listening.result()
    listening.cancel()
    await asyncio.gather(listening, return_exceptions=True)


def _last(known: Mapping[str, ConditionEvent], events: Sequence[ConditionEvent]) -> Mapping[str, ConditionEvent]:
    """The last event of each alarm, with those known before."""
    found = dict(known)
    for event in events:
        found[event.alarm.alarm_id] = instead_of(found.get(event.alarm.alarm_id), event)
    return found


def _events(
    rule: AlarmRule, condition: OpcUaConditions, waiting: Sequence[tuple[int, bytes]]
) -> Sequence[ConditionEvent]:
    """What of the stream is a rule's."""
    tags, now = set(condition.tag_ids), now_us()
    found: list[ConditionEvent] = []
    for tag_id, content in waiting:
        if tag_id in tags:
            try:
                event = OpcUaEvent.FromString(content)
            except DecodeError:
                continue  # reading the tag says so, as a trouble of the rule
            told = condition_event(rule, tag_id, event)
            if told and event.severity >= condition.minimum_severity and abs(told.at_us - now) < _DAY_US:
                found.append(told)
    return found
