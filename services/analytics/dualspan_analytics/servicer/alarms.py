"""AlarmService: rules, alarms, what happened, how good the whole is."""

# ruff: noqa: N802 - the contract's names

from typing import Any, TypeAlias

import grpc.aio
from google.protobuf.empty_pb2 import Empty

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan.analytics.v1 import alarms_pb2_grpc
from dualspan_analytics.alarms.documents import microseconds as length
from dualspan_analytics.alarms.state import KEPT_FROM_OPERATORS, AlarmState, Cause
from dualspan_analytics.service.alarm_rules import AlarmRules
from dualspan_analytics.service.alarms import Alarms
from dualspan_analytics.servicer.alarm_mapping import (
    ALARM,
    ALARM_RULE,
    alarm_message,
    microseconds,
    optional_microseconds,
    rule_message,
    statistics_message,
    transition_message,
    trial_message,
)
from dualspan_analytics.store.alarms import AlarmCursor, AlarmQuery, TransitionQuery
from dualspan_runtime.errors import InvalidArgument
from dualspan_runtime.names import TENANT
from dualspan_runtime.paging import PageRules, PageTokens

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
_PAGES = PageRules(default=100, maximum=1000)
_HOUR_US = 3600 * 1_000_000
_LISTED = tuple(state for state in AlarmState if state is not AlarmState.NORMAL and state not in KEPT_FROM_OPERATORS)
_KNOWN_STATES = frozenset(int(state) for state in AlarmState)


def _states(numbers: list[int]) -> tuple[AlarmState, ...]:
    unknown = [number for number in numbers if number not in _KNOWN_STATES]
    if unknown:
        raise InvalidArgument("UNKNOWN_ALARM_STATE", f"states: {unknown[0]} is no state of an alarm.", field="states")
    return tuple(AlarmState(number) for number in numbers) or _LISTED


class AlarmServicer(alarms_pb2_grpc.AlarmServiceServicer):
    """Answers for alarms.

    Args:
        rules: Use cases around rules.
        alarms: Use cases around alarms.
        tokens: Makes page tokens.
    """

    def __init__(self, rules: AlarmRules, alarms: Alarms, tokens: PageTokens) -> None:
        self._rules = rules
        self._alarms = alarms
        self._tokens = tokens

    async def CreateAlarmRule(self, request: contract.CreateAlarmRuleRequest, context: Context) -> contract.AlarmRule:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        return rule_message(tenant, await self._rules.create(tenant, request.alarm_rule_id, request.alarm_rule))

    async def GetAlarmRule(self, request: contract.GetAlarmRuleRequest, context: Context) -> contract.AlarmRule:
        """See the contract."""
        name = ALARM_RULE.parse(request.name)
        return rule_message(name["tenant"], await self._rules.get(name["tenant"], name["alarm_rule"]))

    async def ListAlarmRules(
        self, request: contract.ListAlarmRulesRequest, context: Context
    ) -> contract.ListAlarmRulesResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListAlarmRules", tenant)
        key = self._tokens.read(request.page_token, query)
        found = await self._rules.page(tenant, "" if key is None else str(key[0]), size + 1)
        response = contract.ListAlarmRulesResponse(alarm_rules=[rule_message(tenant, each) for each in found[:size]])
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].rule_id,), query)
        return response

    async def UpdateAlarmRule(self, request: contract.UpdateAlarmRuleRequest, context: Context) -> contract.AlarmRule:
        """See the contract."""
        name = ALARM_RULE.parse(request.alarm_rule.name)
        stored = await self._rules.update(name["tenant"], name["alarm_rule"], request.alarm_rule)
        return rule_message(name["tenant"], stored)

    async def DeleteAlarmRule(self, request: contract.DeleteAlarmRuleRequest, context: Context) -> Empty:
        """See the contract."""
        name = ALARM_RULE.parse(request.name)
        await self._rules.delete(name["tenant"], name["alarm_rule"])
        return Empty()

    async def TestAlarmRule(
        self, request: contract.TestAlarmRuleRequest, context: Context
    ) -> contract.TestAlarmRuleResponse:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        start, end = microseconds(request.start_time), microseconds(request.end_time)
        trial = await self._rules.test(tenant, request.alarm_rule, start, end)
        return trial_message(trial, (end - start) / _HOUR_US)

    async def ListAlarms(self, request: contract.ListAlarmsRequest, context: Context) -> contract.ListAlarmsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        wanted = AlarmQuery(_states(list(request.states)), request.asset, request.minimum_priority)
        query = ("ListAlarms", tenant, *wanted.states, wanted.asset, wanted.minimum_priority)
        key = self._tokens.read(request.page_token, query)
        after = None if key is None else AlarmCursor(int(key[0]), int(key[1]), str(key[2]))
        found = await self._alarms.page(tenant, wanted, after, size + 1)
        response = contract.ListAlarmsResponse(alarms=[alarm_message(tenant, each) for each in found[:size]])
        if len(found) > size:
            last = found[size - 1].alarm
            key = (int(last.priority), last.raised_us or 0, last.alarm_id)
            response.next_page_token = self._tokens.write(key, query)
        return response

    async def GetAlarm(self, request: contract.GetAlarmRequest, context: Context) -> contract.Alarm:
        """See the contract."""
        name = ALARM.parse(request.name)
        return alarm_message(name["tenant"], await self._alarms.get(name["tenant"], name["alarm"]))

    async def AcknowledgeAlarm(self, request: contract.AcknowledgeAlarmRequest, context: Context) -> contract.Alarm:
        """See the contract."""
        return await self._act(request.name, Cause.ACKNOWLEDGED, request.comment)

    async def ResetAlarm(self, request: contract.ResetAlarmRequest, context: Context) -> contract.Alarm:
        """See the contract."""
        return await self._act(request.name, Cause.RESET, request.comment)

    async def ShelveAlarm(self, request: contract.ShelveAlarmRequest, context: Context) -> contract.Alarm:
        """See the contract."""
        shelve_for = length(request.shelve_for, "shelve_for")
        return await self._act(request.name, Cause.SHELVED, request.comment, shelve_for)

    async def UnshelveAlarm(self, request: contract.UnshelveAlarmRequest, context: Context) -> contract.Alarm:
        """See the contract."""
        return await self._act(request.name, Cause.UNSHELVED, request.comment)

    async def SuppressAlarm(self, request: contract.SuppressAlarmRequest, context: Context) -> contract.Alarm:
        """See the contract."""
        return await self._act(request.name, Cause.SUPPRESSED, request.comment)

    async def UnsuppressAlarm(self, request: contract.UnsuppressAlarmRequest, context: Context) -> contract.Alarm:
        """See the contract."""
        return await self._act(request.name, Cause.UNSUPPRESSED, request.comment)

    async def TakeAlarmOutOfService(
        self, request: contract.TakeAlarmOutOfServiceRequest, context: Context
    ) -> contract.Alarm:
        """See the contract."""
        return await self._act(request.name, Cause.TAKEN_OUT_OF_SERVICE, request.comment)

    async def ReturnAlarmToService(
        self, request: contract.ReturnAlarmToServiceRequest, context: Context
    ) -> contract.Alarm:
        """See the contract."""
        return await self._act(request.name, Cause.RETURNED_TO_SERVICE, request.comment)

    async def ListAlarmTransitions(
        self, request: contract.ListAlarmTransitionsRequest, context: Context
    ) -> contract.ListAlarmTransitionsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        start = optional_microseconds(request.start_time, given=request.HasField("start_time"))
        end = optional_microseconds(request.end_time, given=request.HasField("end_time"))
        query = ("ListAlarmTransitions", tenant, request.alarm, start or 0, end or 0)
        key = self._tokens.read(request.page_token, query)
        before = None if key is None else int(key[0])
        found = await self._alarms.transitions(tenant, TransitionQuery(request.alarm, start, end), before, size + 1)
        response = contract.ListAlarmTransitionsResponse(
            alarm_transitions=[transition_message(tenant, each) for each in found[:size]]
        )
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].sequence,), query)
        return response

    async def GetAlarmStatistics(
        self, request: contract.GetAlarmStatisticsRequest, context: Context
    ) -> contract.AlarmStatistics:
        """See the contract."""
        tenant = TENANT.parse(request.parent)["tenant"]
        start = optional_microseconds(request.start_time, given=request.HasField("start_time"))
        end = optional_microseconds(request.end_time, given=request.HasField("end_time"))
        return statistics_message(tenant, await self._alarms.statistics(tenant, start, end, request.operator_positions))

    async def _act(self, name: str, cause: Cause, comment: str, shelve_for_us: int | None = None) -> contract.Alarm:
        parsed = ALARM.parse(name)
        view = await self._alarms.act(parsed["tenant"], parsed["alarm"], cause, comment, shelve_for_us=shelve_for_us)
        return alarm_message(parsed["tenant"], view)
