"""Rules: made, changed, removed, and tried on what is stored."""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_analytics.alarm_errors import (
    rule_changed,
    rule_exists,
    rule_invalid,
    rule_unknown,
    span_too_long,
    text_unusable,
    too_many,
)
from dualspan_analytics.alarms.documents import rule_of, stored_rules
from dualspan_analytics.alarms.evaluation import Samples
from dualspan_analytics.alarms.model import Event
from dualspan_analytics.alarms.plan import Plan, Trouble, make_plan, watched
from dualspan_analytics.alarms.rules import (
    AlarmRule,
    BadData,
    OpcUaConditions,
    Problem,
    Scope,
    SignalKind,
    problems,
)
from dualspan_analytics.alarms.state import Cause
from dualspan_analytics.alarms.trial import Tried, try_out
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.errors import reversed_span
from dualspan_analytics.plant_data import PlantData
from dualspan_analytics.service.alarm_feed import joined, numbers
from dualspan_analytics.service.alarm_recording import Happening, record
from dualspan_analytics.service.clock import now_us
from dualspan_analytics.service.kpis import Kpis
from dualspan_analytics.store import alarm_rules, alarms, models
from dualspan_runtime.context import current_principal
from dualspan_runtime.database import Database
from dualspan_runtime.errors import InvalidArgument
from dualspan_runtime.names import check_slug

_MOST_DAYS = 31
_DAY_US = 86_400 * 1_000_000
_MOST_RULES = 10_000
_MOST_DEFINITIONS = 10_000
_TEXTS = {"display_name": 200, "cause": 2000, "consequence": 2000, "response": 2000}
# Set by us, never by who writes a rule.
_OURS = ("name", "revision", "troubles", "update_time", "updater")


@dataclass(frozen=True, slots=True)
class Trial:
    """What a rule would have done."""

    tried: Sequence[Tried]
    troubles: Sequence[str]


def check_text(text: str, field: str, most: int) -> str:
    """A text for people; raises InvalidArgument when it cannot be kept or shown."""
    if len(text) > most or any(unicodedata.category(letter) in {"Cc", "Cs"} and letter != "\n" for letter in text):
        raise text_unusable(field, most)
    return text.strip()


class AlarmRules:
    """The use cases around rules.

    Args:
        database: Where they are.
        plant: Assets, and samples to try rules on.
        kpis: Which KPIs there are to watch.
    """

    def __init__(self, database: Database, plant: PlantData, kpis: Kpis) -> None:
        self._database = database
        self._plant = plant
        self._kpis = kpis

    async def create(self, tenant: str, rule_id: str, message: contract.AlarmRule) -> alarm_rules.StoredRule:
        """Make a rule.

        Raises:
            InvalidArgument: It makes no sense, or watches nothing.
            NotFound: An asset or a property is not there.
            AlreadyExists: There is a rule of this id.
        """
        check_slug(rule_id, "alarm_rule_id")
        definition = await self._checked(tenant, rule_id, message)
        async with self._database.transaction(tenant) as connection:
            if len(await alarm_rules.revisions(connection, tenant)) >= _MOST_RULES:
                raise too_many("alarm rules", _MOST_RULES)
            if not await alarm_rules.insert(connection, tenant, rule_id, definition, current_principal().actor):
                raise rule_exists(rule_id)
            await alarm_rules.notify(connection, tenant)
            return await _found(connection, tenant, rule_id)

    async def update(self, tenant: str, rule_id: str, message: contract.AlarmRule) -> alarm_rules.StoredRule:
        """Change all of a rule.

        Raises:
            InvalidArgument: It makes no sense, or watches nothing.
            NotFound: There is no such rule, asset or property.
            Aborted: Somebody else changed it meanwhile.
        """
        definition = await self._checked(tenant, rule_id, message)
        async with self._database.transaction(tenant) as connection:
            stored = await alarm_rules.find(connection, tenant, rule_id, lock=True)
            if stored is None:
                raise rule_unknown(rule_id)
            if message.revision not in {0, stored.revision}:
                raise rule_changed(rule_id, stored.revision)
            await alarm_rules.update(connection, tenant, rule_id, definition, current_principal().actor)
            await alarm_rules.notify(connection, tenant)
            return await _found(connection, tenant, rule_id)

    async def delete(self, tenant: str, rule_id: str) -> None:
        """Remove a rule; its alarms end.

        Raises:
            NotFound: There is no such rule.
        """
        async with self._database.transaction(tenant) as connection:
            stored = await alarm_rules.find(connection, tenant, rule_id, lock=True)
            if stored is None:
                raise rule_unknown(rule_id)
            rule = _rule(stored)
            event = Event(Cause.REMOVED, now_us(), actor=current_principal().actor)
            ended = [Happening(each, event, rule) for each in await alarms.lock_of_rule(connection, tenant, rule_id)]
            await record(connection, tenant, ended, now_us())
            await alarms.delete_of_rule(connection, tenant, rule_id)
            await alarm_rules.delete(connection, tenant, rule_id)
            await alarm_rules.notify(connection, tenant)

    async def get(self, tenant: str, rule_id: str) -> alarm_rules.StoredRule:
        """One rule; raises NotFound."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await _found(connection, tenant, rule_id)

    async def page(self, tenant: str, after: str, limit: int) -> Sequence[alarm_rules.StoredRule]:
        """Rules after an id, in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await alarm_rules.page(connection, tenant, after, limit)

    async def test(self, tenant: str, message: contract.AlarmRule, start_us: int, end_us: int) -> Trial:
        """Try a rule on stored samples.

        Raises:
            InvalidArgument: It makes no sense, or the span does not.
            NotFound: An asset or a property is not there.
            ResourceExhausted: There are too many samples.
        """
        if end_us <= start_us:
            raise reversed_span()
        if end_us - start_us > _MOST_DAYS * _DAY_US:
            raise span_too_long(_MOST_DAYS)
        rule = _checked_rule(message, message.name.rpartition("/")[2] or "new")
        if isinstance(rule.condition, OpcUaConditions) or rule.source is not SignalKind.PROPERTY:
            raise InvalidArgument("ALARM_RULE_NOT_TESTABLE", "Only rules on properties can be tried on stored samples.")
        plan = await self._planned(tenant, rule)
        refs = [PropertyRef(each.asset, each.name, each.index) for each in plan.table.signals]
        found = await self._plant.read(tenant, refs, start_us, end_us) if refs else {}
        samples = joined(
            [
                Samples(
                    np.full(len(found[ref]), place, np.int64),
                    found[ref].timestamp,
                    numbers(found[ref].value, plan.texts),
                    found[ref].status,
                )
                for place, ref in enumerate(refs)
            ]
        )
        tried = try_out(plan.table, samples, start_us, end_us)
        return Trial(
            sorted(tried, key=lambda each: (-each.raised, each.key)),
            [f"{each.asset}: {each.text}" for each in plan.troubles],
        )

    async def _checked(self, tenant: str, rule_id: str, message: contract.AlarmRule) -> bytes:
        """The rule as it is stored, once it is known to make sense and to watch something."""
        rule = _checked_rule(message, rule_id)
        if rule.enabled and not isinstance(rule.condition, OpcUaConditions):
            await self._planned(tenant, rule)
            await self._check_source(tenant, rule)
        stored = contract.AlarmRule()
        stored.CopyFrom(message)
        for field in _OURS:
            stored.ClearField(field)  # pyright: ignore[reportArgumentType] - names of its fields
        return stored.SerializeToString()

    async def _check_source(self, tenant: str, rule: AlarmRule) -> None:
        """Raises InvalidArgument when a rule watches a KPI or a model that is not there: it would never say a word."""
        match rule.source:
            case SignalKind.KPI:
                known = {kpi.id for kpi, _ in await self._kpis.all(tenant)}
            case SignalKind.ANOMALY:
                async with self._database.transaction(tenant, readonly=True) as connection:
                    found = await models.definitions(connection, tenant, "", _MOST_DEFINITIONS)
                known = {each.definition_id for each in found if each.kind == "anomaly"}
            case SignalKind.PROPERTY:
                return
        if rule.name not in known:
            what = "KPI" if rule.source is SignalKind.KPI else "model definition for anomalies"
            words = f"There is no {what} {rule.name!r}; there are: {', '.join(sorted(known)) or 'none'}."
            raise rule_invalid([Problem("property", words)])

    async def _planned(self, tenant: str, rule: AlarmRule) -> Plan:
        """Its conditions.

        Raises:
            NotFound, InvalidArgument: An asset that it names is not there, or it watches none that it could.
        """
        tree = await self._plant.assets(tenant)
        tree.check_known(rule.scope.assets)
        if rule.scope.under:
            tree.asset(rule.scope.under)
        plan = make_plan([rule], tree)
        # Assets of a model may come later; assets that are named have to be right now.
        if plan.troubles and (rule.scope.assets or not plan.table.rows):
            raise rule_invalid(_as_problems(plan.troubles))
        if rule.scope.model and not plan.table.rows and not watched(rule, tree, []):
            known = sorted({each.model for each in tree.assets.values() if each.model})
            words = f"No asset is of the model {rule.scope.model!r}; there are: {', '.join(known) or 'none'}."
            raise rule_invalid([Problem("scope.model", words)])
        return plan


def _as_problems(troubles: Sequence[Trouble]) -> Sequence[Problem]:
    return [Problem(f"scope ({each.asset})", each.text) for each in troubles[:5]]


def _checked_rule(message: contract.AlarmRule, rule_id: str) -> AlarmRule:
    for field, most in _TEXTS.items():
        check_text(getattr(message, field), field, most)
    rule = rule_of(message, rule_id, 1)
    found = problems(rule)
    if found:
        raise rule_invalid(found)
    return rule


def _rule(stored: alarm_rules.StoredRule) -> AlarmRule:
    """The rule; of one that cannot be read what its alarms need to end."""
    rules, _ = stored_rules([(stored.definition, stored.rule_id, stored.revision)])
    return rules[0] if rules else AlarmRule(stored.rule_id, "", Scope(), BadData(), "", stored.revision)


async def _found(connection: alarm_rules.Connection, tenant: str, rule_id: str) -> alarm_rules.StoredRule:
    stored = await alarm_rules.find(connection, tenant, rule_id)
    if stored is None:
        raise rule_unknown(rule_id)
    return stored
