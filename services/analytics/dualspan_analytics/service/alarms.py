"""Alarms: listed, acted on by people, and how good the whole of them is."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dualspan_analytics.alarm_errors import (
    alarm_unknown,
    comment_missing,
    not_possible,
    shelf_too_long,
    span_too_long,
    too_many_transitions,
)
from dualspan_analytics.alarms.documents import stored_rule
from dualspan_analytics.alarms.model import Alarm, Event, Transition, alarm_id, happened, new_alarm
from dualspan_analytics.alarms.plan import make_plan
from dualspan_analytics.alarms.rules import AlarmRule
from dualspan_analytics.alarms.state import Cause, CauseImpossibleError
from dualspan_analytics.alarms.statistics import History, Statistics, measure
from dualspan_analytics.alarms.table import Purpose
from dualspan_analytics.errors import reversed_span
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.alarm_recording import keep
from dualspan_analytics.service.alarm_rules import check_text
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.store import alarm_evaluations, alarm_rules, alarms
from dualspan_analytics.store.alarms import AlarmCursor, AlarmQuery, TransitionQuery
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Database

_MOST_TRANSITIONS = 2_000_000
_MOST_DAYS = 366
_DAY_US = 86_400 * 1_000_000
_WEEK_US = 7 * _DAY_US
# These keep an alarm from operators: they need a reason.
_NEED_COMMENT = frozenset({Cause.SHELVED, Cause.SUPPRESSED, Cause.TAKEN_OUT_OF_SERVICE})


@dataclass(frozen=True, slots=True)
class AlarmView:
    """An alarm with its rule; None of a rule that was removed right now."""

    alarm: Alarm
    rule: AlarmRule | None


@dataclass(frozen=True, slots=True)
class Quality:
    """How good the alarms are, and how far their evaluation is."""

    statistics: Statistics
    progress: alarm_evaluations.Progress


class Alarms:
    """The use cases around alarms.

    Args:
        database: Where they are.
        plant: Assets: which alarms a rule can have.
    """

    def __init__(self, database: Database, plant: PlantData) -> None:
        self._database = database
        self._plant = plant

    async def page(self, tenant: str, query: AlarmQuery, after: AlarmCursor | None, limit: int) -> Sequence[AlarmView]:
        """Alarms after a cursor, most urgent first."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await alarms.page(connection, tenant, query, after, limit)
            rules = await _rules(connection, tenant, {alarm.rule_id for alarm in found})
        return [AlarmView(alarm, rules.get(alarm.rule_id)) for alarm in found]

    async def get(self, tenant: str, name: str) -> AlarmView:
        """One alarm; raises NotFound where no rule has it."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            found = await alarms.find(connection, tenant, name)
            rules = await _rules(connection, tenant, {name.partition(".")[0]})
        rule = rules.get(name.partition(".")[0])
        return AlarmView(found or await self._unraised(tenant, name, rule), rule)

    async def act(
        self, tenant: str, name: str, cause: Cause, comment: str, *, shelve_for_us: int | None = None
    ) -> AlarmView:
        """Do something about an alarm, as the caller.

        Raises:
            InvalidArgument: There is no reason, or the time on the shelf makes no sense.
            NotFound: No rule has this alarm.
            FailedPrecondition: It makes no sense for the alarm as it stands.
        """
        comment = check_text(comment, "comment", 500)
        if cause in _NEED_COMMENT and not comment:
            raise comment_missing()
        now = now_us()
        until_us = None
        if cause is Cause.SHELVED:
            if shelve_for_us is None or not 1_000_000 <= shelve_for_us <= _WEEK_US:
                raise shelf_too_long()
            until_us = now + shelve_for_us
        view = await self.get(tenant, name)
        event = Event(cause, now, actor=current_principal().actor, comment=comment, until_us=until_us)
        async with self._database.transaction(tenant) as connection:
            # The rule first, as everywhere: it cannot go away while its alarm is written.
            stored = await alarm_rules.find(connection, tenant, view.alarm.rule_id, lock=True)
            if stored is None:
                raise alarm_unknown(name)
            rule = stored_rule(stored.definition, stored.rule_id, stored.revision)
            alarm = (await alarms.lock(connection, tenant, [name])).get(name, view.alarm)
            try:
                alarm, transition = happened(alarm, event, rule, now)
            except CauseImpossibleError as err:
                raise not_possible(name, err.state, cause) from err
            await alarms.store(connection, tenant, [alarm])
            if transition is not None:
                await keep(connection, tenant, [(alarm, transition)], {name: rule})
        return AlarmView(alarm, rule)

    async def transitions(
        self, tenant: str, query: TransitionQuery, before: int | None, limit: int
    ) -> Sequence[Transition]:
        """Transitions before a number, newest first."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await alarms.transitions(connection, tenant, query, before, limit)

    async def statistics(
        self,
        tenant: str,
        start_us: int | None,
        end_us: int | None,
        operators: int,
        *,
        assets: Sequence[str] | None = None,
    ) -> Quality:
        """How good the alarms of a span are; of the last week, where none is given; of some assets, or of all.

        Raises:
            InvalidArgument: The span makes no sense.
            FailedPrecondition: It holds too many transitions.
        """
        end = now_us() if end_us is None else end_us
        start = end - _WEEK_US if start_us is None else start_us
        if end <= start:
            raise reversed_span()
        if end - start > _MOST_DAYS * _DAY_US:
            raise span_too_long(_MOST_DAYS)
        async with self._database.transaction(tenant, readonly=True) as connection:
            rows = await alarms.history(connection, tenant, start, end, assets, _MOST_TRANSITIONS + 1)
            stale = await alarms.raised_before(connection, tenant, end - _DAY_US, assets)
            progress = await alarm_evaluations.progress(connection, tenant)
        if len(rows) > _MOST_TRANSITIONS:
            raise too_many_transitions(_MOST_TRANSITIONS)
        return Quality(measure(History.of(rows), stale, start, end, max(operators, 1)), progress)

    async def _unraised(self, tenant: str, name: str, rule: AlarmRule | None) -> Alarm:
        """An alarm of a rule to which nothing has happened yet."""
        if rule is not None:
            plan = make_plan([rule], await self._plant.assets(tenant))
            for row in plan.table.rows:
                if row.key.purpose is Purpose.ALARM and alarm_id(row.key) == name:
                    return new_alarm(rule, row.key)
        raise alarm_unknown(name)


async def _rules(connection: alarm_rules.Connection, tenant: str, rule_ids: set[str]) -> Mapping[str, AlarmRule]:
    found = [await alarm_rules.find(connection, tenant, rule_id) for rule_id in sorted(rule_ids)]
    return {
        each.rule_id: stored_rule(each.definition, each.rule_id, each.revision) for each in found if each is not None
    }
