"""The evaluation of one tenant's rules: samples in, transitions and a checkpoint out, in one transaction."""

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from typing import TypeVar

import numpy as np
import structlog

from dualspan_analytics.alarms.beginning import begin
from dualspan_analytics.alarms.checkpoint import (
    CheckpointError,
    decode_conditions,
    decode_standing,
    encode_conditions,
    encode_standing,
)
from dualspan_analytics.alarms.documents import stored_rules
from dualspan_analytics.alarms.evaluation import Changes, Samples, evaluate
from dualspan_analytics.alarms.model import Event, alarm_id, new_alarm
from dualspan_analytics.alarms.plan import Plan, Trouble, make_plan
from dualspan_analytics.alarms.rules import AlarmRule, OpcUaConditions, Signal
from dualspan_analytics.alarms.state import Cause
from dualspan_analytics.alarms.table import Purpose, Standing
from dualspan_analytics.assets import AssetTree
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.alarm_feed import Feed, joined
from dualspan_analytics.service.alarm_recording import Happening, record
from dualspan_analytics.service.alarm_signals import SignalSource
from dualspan_analytics.service.alarm_timing import Every, Timing
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.opc_ua_conditions import ConditionAlarms
from dualspan_analytics.service.opc_ua_events import Follower, OpcUaEvents, Versions
from dualspan_analytics.store import alarm_evaluations, alarm_rules, alarms
from dualspan_runtime.database import Connection, Database

_log = structlog.stdlib.get_logger()
_NEVER = -(1 << 62)
_SECOND = 1_000_000
_MOST_TROUBLES = 100
# So long after the last of them nothing is said any more.
_EARLY_SECONDS = 60.0
_EARLY = "Its samples come from more than {:g} minutes ahead and are not evaluated: set the clock of its server."
T = TypeVar("T")
_CAUSES = {
    (Purpose.ALARM, True): Cause.RAISED,
    (Purpose.ALARM, False): Cause.CLEARED,
    (Purpose.SUPPRESSION, True): Cause.SUPPRESSED,
    (Purpose.SUPPRESSION, False): Cause.UNSUPPRESSED,
}


class LeaseLostError(Exception):
    """Another replica evaluates this tenant."""


class RulesChangedError(Exception):
    """A rule was changed while it was evaluated: what was not committed is evaluated again, by the new one."""


@dataclass(frozen=True, slots=True)
class Sources:
    """Where samples and events come from."""

    plant: PlantData
    signals: Sequence[SignalSource]
    events: OpcUaEvents


class Evaluation:
    """One tenant's.

    Args:
        database: Where rules, alarms and checkpoints are.
        sources: Of what is evaluated.
        tenant: Whose.
        owner: This replica.
        timing: How often.
        changed: Is set when the tenant's rules may have changed.
        threads: Where rules are held against samples. Nobody's questions are answered there.
    """

    def __init__(
        self,
        database: Database,
        sources: Sources,
        tenant: str,
        owner: uuid.UUID,
        timing: Timing,
        changed: asyncio.Event,
        threads: Executor,
    ) -> None:
        self._database = database
        self._sources = sources
        self._tenant = tenant
        self._owner = owner
        self._timing = timing
        self._changed = changed
        self._threads = threads
        self._plan = make_plan([], AssetTree({}, {}))
        self._standing = Standing.beginning(self._plan.table, 0)
        self._revisions: Mapping[str, int] = {}
        self._tree = AssetTree({}, {})
        self._horizon = _NEVER
        self._seen: dict[tuple[str, int], Versions] = {}
        self._told: Mapping[str, Sequence[str]] = {}
        self._early: dict[Signal, float] = {}

    async def run(self) -> None:
        """Evaluate until there are no rules any more; at once when another replica does it.

        Raises:
            LeaseLostError: Another replica has taken over.
        """
        lease = timedelta(seconds=self._timing.lease)
        async with self._database.transaction(self._tenant) as connection:
            found = await alarm_evaluations.lease(connection, self._tenant, self._owner, lease)
        if found is None:
            return
        try:
            self._restore(found)
            while await self._load():
                await self._follow()
        finally:
            await asyncio.shield(self._release())

    def _restore(self, found: alarm_evaluations.Checkpoint) -> None:
        if found.conditions is None or found.standing is None:
            return
        try:
            table = decode_conditions(found.conditions)
            self._standing = decode_standing(found.standing, table)
        except CheckpointError as error:
            _log.warning("alarms begin anew: the checkpoint cannot be read", tenant=self._tenant, error=str(error))
            return
        self._plan = replace(self._plan, table=table)

    async def _release(self) -> None:
        async with self._database.transaction(self._tenant) as connection:
            await alarm_evaluations.release(connection, self._tenant, self._owner)

    async def _load(self) -> bool:
        """Read the rules and plan anew; False when there are none any more."""
        self._changed.clear()
        async with self._database.transaction(self._tenant) as connection:
            stored = await alarm_rules.every(connection, self._tenant)
            if not stored:
                await alarm_evaluations.forget(connection, self._tenant, self._owner)
                return False
        rules, unreadable = stored_rules((each.definition, each.rule_id, each.revision) for each in stored)
        self._revisions = {each.rule_id: each.revision for each in stored}
        self._tree = await self._sources.plant.assets(self._tenant)
        plan = await self._in_thread(make_plan, rules, self._tree)
        plan = replace(plan, troubles=[*plan.troubles, *unreadable])
        standing, fresh = self._standing.carried(self._plan.table, plan.table, now_us())
        changes = Changes.none()
        if len(fresh):
            newest = await self._feed(plan).newest(np.unique(plan.table.signal[fresh]))
            standing, changes = begin(plan.table, standing, fresh, newest, self._horizon, self._latest())
        is_new = plan.table.rows != self._plan.table.rows
        await self._commit(plan, standing, changes, conditions=encode_conditions(plan.table) if is_new else None)
        await self._clean(plan)
        await self._tell(self._troubles())
        return True

    def _troubles(self) -> Sequence[Trouble]:
        """What the sources of signals find wrong, and whose clock; more is known once they have looked."""
        since = time.monotonic() - _EARLY_SECONDS
        self._early = {signal: at for signal, at in self._early.items() if at > since}
        rows = {(row.key.rule, row.key.asset) for row in self._plan.table.rows if row.signal in self._early}
        early = [Trouble(rule, asset, _EARLY.format(self._timing.ahead / 60)) for rule, asset in sorted(rows)]
        found = [each for source in self._sources.signals for each in source.troubles(self._tenant, self._plan)]
        return [*found, *early]

    async def _in_thread(self, work: Callable[..., T], *given: object) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, partial(work, *given))

    def _feed(self, plan: Plan) -> Feed:
        return Feed(self._sources.plant, self._tenant, plan, int(self._timing.catch_up * _SECOND))

    async def _clean(self, plan: Plan) -> None:
        """End the alarms that no rule raises any more."""
        wanted = {alarm_id(row.key) for row in plan.table.rows if row.key.purpose is Purpose.ALARM}
        unreadable = {each.rule for each in plan.troubles} - plan.rules.keys()
        async with self._database.transaction(self._tenant) as connection:
            gone = [
                (key, rule)
                for key, rule in (await alarms.ids(connection, self._tenant)).items()
                if key not in wanted and rule not in unreadable and not _raised_by_server(plan.rules.get(rule))
            ]
            if gone:
                await self._remove(connection, gone, plan)

    async def _tell(self, troubles: Sequence[Trouble]) -> None:
        """Say of each rule what is wrong with it."""
        found: dict[str, list[str]] = {rule_id: [] for rule_id in self._plan.rules}
        for each in [*self._plan.troubles, *troubles]:
            of_rule = found.setdefault(each.rule, [])
            if len(of_rule) < _MOST_TROUBLES:
                of_rule.append(f"{each.asset}: {each.text}" if each.asset else each.text)
        if found != self._told:
            async with self._database.transaction(self._tenant) as connection:
                await alarm_rules.set_troubles(connection, self._tenant, found)
            self._told = found

    async def _remove(self, connection: Connection, gone: Sequence[tuple[str, str]], plan: Plan) -> None:
        found = await alarms.lock(connection, self._tenant, [key for key, _ in gone])
        now = now_us()
        ended = [
            Happening(alarm, Event(Cause.REMOVED, now), plan.rules[alarm.rule_id])
            for alarm in found.values()
            if alarm.rule_id in plan.rules
        ]
        await record(connection, self._tenant, ended, now)
        await alarms.delete(connection, self._tenant, list(found))

    async def _follow(self) -> None:
        """Evaluate until the plan has to be made anew."""
        feed = self._feed(self._plan)
        alarms_of_servers = ConditionAlarms(self._database, self._tenant, self._owner)
        conditions = Follower(self._sources.events, alarms_of_servers, self._tenant, self._plan.rules, self._seen)
        listening = [asyncio.create_task(each.run()) for each in (feed, conditions)]
        try:
            await self._loop(feed, conditions, listening)
        except RulesChangedError:
            _log.info("alarm rules changed while they were evaluated", tenant=self._tenant)
        finally:
            for each in listening:
                each.cancel()
            await asyncio.gather(*listening, return_exceptions=True)

    async def _loop(self, feed: Feed, conditions: Follower, listening: Sequence[asyncio.Task[None]]) -> None:
        every = Every(self._timing)
        while True:
            if feed.is_listening and feed.is_incomplete:
                await self._catch_up(feed)
            heard = self._standing.heard
            others = [await each.take(self._tenant, self._plan, heard) for each in self._sources.signals]
            samples = joined([feed.take(), *others])
            if feed.is_listening:
                self._horizon = now_us() - int(self._timing.settle * _SECOND)
            await self._evaluate(samples, must_keep=every.checkpoint())
            await conditions.step()
            if every.second():
                await self._sweep()
            if every.lease():
                await self._renew()
            if every.poll():
                await self._tell([*self._troubles(), *conditions.troubles])
                if await self._is_outdated():
                    return
            for each in listening:
                if each.done():
                    each.result()
            await self._pause()
            if self._changed.is_set():
                return

    async def _pause(self) -> None:
        try:
            async with asyncio.timeout(self._timing.interval):
                await self._changed.wait()
        except TimeoutError:
            return

    async def _catch_up(self, feed: Feed) -> None:
        """Evaluate what was stored while nobody listened, before anything newer."""
        async for samples in feed.missed(self._standing.heard, now_us()):
            await self._evaluate(samples, must_keep=len(samples) > 0)

    def _latest(self) -> int:
        return now_us() + int(self._timing.ahead * _SECOND)

    async def _evaluate(self, samples: Samples, *, must_keep: bool) -> None:
        latest = self._latest()
        early = np.unique(samples.signal[samples.timestamp > latest]).tolist()
        self._early |= dict.fromkeys((self._plan.table.signals[place] for place in early), time.monotonic())
        standing, changes = await self._in_thread(
            evaluate, self._plan.table, self._standing, samples, self._horizon, latest
        )
        if must_keep or len(changes):
            await self._commit(self._plan, standing, changes)
        # Only what is committed counts: when the commit failed, everything since the checkpoint is read again.
        self._standing = standing

    async def _commit(
        self, plan: Plan, standing: Standing, changes: Changes, *, conditions: bytes | None = None
    ) -> None:
        """Keep transitions and checkpoint together.

        Raises:
            LeaseLostError: Another replica has taken over; nothing is kept.
            RulesChangedError: A rule is not what it was; nothing is kept.
        """
        content = await self._in_thread(encode_standing, standing)
        happenings = _happenings(plan, changes)
        wanted = {(each.rule.rule_id, each.rule.revision) for each in happenings}
        async with self._database.transaction(self._tenant) as connection:
            if not await alarm_evaluations.holds(connection, self._tenant, self._owner):
                raise LeaseLostError(self._tenant)
            if wanted - await alarm_rules.hold(connection, self._tenant, sorted({rule for rule, _ in wanted})):
                raise RulesChangedError(self._tenant)
            await record(connection, self._tenant, happenings, now_us())
            await alarm_evaluations.keep(
                connection,
                self._tenant,
                conditions=conditions,
                standing=content,
                evaluated_us=max(self._horizon, 0),
                late_samples=int(standing.late.sum()),
            )
        self._plan, self._standing = plan, standing

    async def _sweep(self) -> None:
        """Take alarms from the shelf whose time is over; make those more urgent that nobody acknowledged."""
        now = now_us()
        async with self._database.transaction(self._tenant) as connection:
            happenings: list[Happening] = []
            for alarm in await alarms.lock_due(connection, self._tenant, now):
                rule = self._plan.rules.get(alarm.rule_id)
                if rule is None:
                    continue
                if alarm.shelved_until_us is not None and alarm.shelved_until_us <= now:
                    happenings.append(Happening(alarm, Event(Cause.SHELF_EXPIRED, alarm.shelved_until_us), rule))
                if alarm.escalate_us is not None and alarm.escalate_us <= now:
                    happenings.append(Happening(alarm, Event(Cause.ESCALATED, alarm.escalate_us), rule))
            await record(connection, self._tenant, happenings, now)

    async def _renew(self) -> None:
        lease = timedelta(seconds=self._timing.lease)
        async with self._database.transaction(self._tenant) as connection:
            if await alarm_evaluations.lease(connection, self._tenant, self._owner, lease) is None:
                raise LeaseLostError(self._tenant)

    async def _is_outdated(self) -> bool:
        async with self._database.transaction(self._tenant, readonly=True) as connection:
            revisions = await alarm_rules.revisions(connection, self._tenant)
        # Other bindings are another tree too: then the live stream has to be opened anew.
        return revisions != self._revisions or await self._sources.plant.assets(self._tenant) != self._tree


def _raised_by_server(rule: AlarmRule | None) -> bool:
    return rule is not None and rule.enabled and isinstance(rule.condition, OpcUaConditions)


def _happenings(plan: Plan, changes: Changes) -> Sequence[Happening]:
    """What changes of conditions mean for alarms, in order of time."""
    order = np.argsort(changes.timestamp, kind="stable")
    found: list[Happening] = []
    for row, raised, at_us, value, left_out in zip(
        changes.row[order].tolist(),
        changes.raised[order].tolist(),
        changes.timestamp[order].tolist(),
        changes.value[order].tolist(),
        changes.left_out[order].tolist(),
        strict=True,
    ):
        key = plan.table.rows[row].key
        rule = plan.rules[key.rule]
        event = Event(_CAUSES[key.purpose, raised], at_us, value=value, left_out=left_out)
        levels = [key.level] if key.purpose is Purpose.ALARM else list(rule.limits_by_level) or [""]
        for level in levels:
            alarm = new_alarm(rule, replace(key, level=level, purpose=Purpose.ALARM))
            found.append(Happening(alarm, event, rule))
    return found
