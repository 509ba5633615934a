"""Alarms as messages of the contract."""

from collections.abc import Sequence

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_analytics.alarms.documents import duration
from dualspan_analytics.alarms.model import Transition
from dualspan_analytics.alarms.statistics import Statistics
from dualspan_analytics.alarms.trial import Tried
from dualspan_analytics.clients import stamp
from dualspan_analytics.service.alarm_rules import Trial
from dualspan_analytics.service.alarms import AlarmView, Quality
from dualspan_analytics.store.alarm_rules import StoredRule
from dualspan_analytics.store.notifications import StoredChannel, StoredDelivery
from dualspan_runtime.names import ResourceName

ALARM_RULE = ResourceName("tenants/{tenant}/alarmRules/{alarm_rule}")
ALARM = ResourceName("tenants/{tenant}/alarms/{alarm}", alarm=r"[a-z0-9.-]{3,140}")
CHANNEL = ResourceName("tenants/{tenant}/notificationChannels/{notification_channel}")


def microseconds(time: Timestamp) -> int:
    """A time in microseconds since the Unix epoch."""
    return time.seconds * 1_000_000 + time.nanos // 1000


def optional_microseconds(time: Timestamp, *, given: bool) -> int | None:
    """The same of a time that may be left out."""
    return microseconds(time) if given else None


def _time(value_us: int | None) -> Timestamp | None:
    return None if value_us is None else stamp(value_us)


def rule_message(tenant: str, stored: StoredRule) -> contract.AlarmRule:
    """A rule."""
    message = contract.AlarmRule.FromString(stored.definition)
    message.name = ALARM_RULE.format(tenant=tenant, alarm_rule=stored.rule_id)
    message.revision = stored.revision
    message.troubles.extend(stored.troubles)
    message.update_time.FromDatetime(stored.updated_at)
    message.updater = stored.updater
    return message


def alarm_message(tenant: str, view: AlarmView) -> contract.Alarm:
    """An alarm."""
    alarm = view.alarm
    return contract.Alarm(
        name=f"tenants/{tenant}/alarms/{alarm.alarm_id}",
        alarm_rule=f"tenants/{tenant}/alarmRules/{alarm.rule_id}",
        asset=alarm.asset,
        property=alarm.property,
        index=alarm.index,
        level=alarm.level,
        message=alarm.message,
        state=contract.AlarmState.ValueType(alarm.standing.state),
        active=alarm.standing.condition,
        priority=contract.AlarmPriority.ValueType(alarm.priority),
        escalated=alarm.escalated,
        value=alarm.value,
        raise_time=_time(alarm.raised_us),
        clear_time=_time(alarm.cleared_us),
        shelved_until=_time(alarm.shelved_until_us),
        actor=alarm.actor,
        comment=alarm.comment,
        response=view.rule.response if view.rule else "",
    )


def transition_message(tenant: str, transition: Transition) -> contract.AlarmTransition:
    """A transition."""
    return contract.AlarmTransition(
        alarm=f"tenants/{tenant}/alarms/{transition.alarm_id}",
        sequence=transition.sequence,
        cause=contract.AlarmCause.ValueType(transition.cause),
        from_state=contract.AlarmState.ValueType(transition.from_state),
        to_state=contract.AlarmState.ValueType(transition.to_state),
        event_time=stamp(transition.event_us),
        record_time=stamp(transition.recorded_us),
        actor=transition.actor,
        comment=transition.comment,
        value=transition.value,
        priority=contract.AlarmPriority.ValueType(transition.priority),
        rule_revision=transition.rule_revision,
        left_out=transition.left_out,
    )


def trial_message(trial: Trial, hours: float) -> contract.TestAlarmRuleResponse:
    """What a rule would have done."""
    raised = sum(each.raised for each in trial.tried)
    return contract.TestAlarmRuleResponse(
        entries=[_tried(each) for each in trial.tried],
        raised=raised,
        raised_per_hour=raised / hours,
        chattering=sum(each.is_chattering for each in trial.tried),
        troubles=trial.troubles,
    )


def _tried(tried: Tried) -> contract.TestAlarmRuleResponse.Entry:
    return contract.TestAlarmRuleResponse.Entry(
        asset=tried.key.asset,
        index=tried.key.index,
        level=tried.key.level,
        raised=tried.raised,
        active=duration(tried.active_us),
        raise_times=[stamp(at_us) for at_us in tried.first_us],
        unknown_share=tried.unknown_share,
    )


def statistics_message(tenant: str, quality: Quality) -> contract.AlarmStatistics:
    """How good the alarm system is."""
    found = quality.statistics
    return contract.AlarmStatistics(
        start_time=stamp(found.start_us),
        end_time=stamp(found.end_us),
        annunciations=found.annunciations,
        annunciations_per_operator_hour=found.per_operator_hour,
        annunciations_per_ten_minutes=found.per_ten_minutes,
        peak_per_ten_minutes=found.peak_per_ten_minutes,
        floods=[
            contract.AlarmStatistics.Flood(
                start_time=stamp(each.start_us), end_time=stamp(each.end_us), annunciations=each.annunciations
            )
            for each in found.floods
        ],
        flood_share=found.flood_share,
        top_ten=[
            contract.AlarmStatistics.Frequent(
                alarm=f"tenants/{tenant}/alarms/{each.alarm}", annunciations=each.annunciations, share=each.share
            )
            for each in found.top
        ],
        top_ten_share=found.top_share,
        chattering=_names(tenant, found.chattering),
        fleeting=_names(tenant, found.fleeting),
        stale=_names(tenant, found.stale),
        priorities=_priorities(found),
        measures=_measures(found),
        evaluated_until=_time(quality.progress.evaluated_us or None),
        late_samples=quality.progress.late_samples,
    )


def _names(tenant: str, alarms: Sequence[str]) -> list[str]:
    return [f"tenants/{tenant}/alarms/{each}" for each in alarms]


def _priorities(found: Statistics) -> list[contract.AlarmStatistics.PriorityShare]:
    return [
        contract.AlarmStatistics.PriorityShare(
            priority=contract.AlarmPriority.ValueType(priority), annunciations=count, share=share
        )
        for priority, count, share in found.priorities
    ]


def _measures(found: Statistics) -> list[contract.AlarmStatistics.Measure]:
    return [
        contract.AlarmStatistics.Measure(
            id=each.id, display_name=each.display_name, value=each.value, target=each.target, met=each.is_met
        )
        for each in found.measures
    ]


def channel_message(tenant: str, stored: StoredChannel) -> contract.NotificationChannel:
    """A channel; its secret is not among what is stored here."""
    message = contract.NotificationChannel.FromString(stored.definition)
    message.name = CHANNEL.format(tenant=tenant, notification_channel=stored.channel_id)
    return message


def delivery_message(tenant: str, stored: StoredDelivery) -> contract.NotificationDelivery:
    """A delivery."""
    message = contract.NotificationDelivery(
        id=str(stored.delivery_id),
        notification_channel=CHANNEL.format(tenant=tenant, notification_channel=stored.channel_id),
        alarm=f"tenants/{tenant}/alarms/{stored.alarm_id}",
        sequence=stored.sequence,
        state=contract.NotificationDeliveryState.ValueType(stored.state),
        attempts=stored.attempts,
        detail=stored.detail,
    )
    message.create_time.FromDatetime(stored.created_at)
    if stored.ended_at is None:
        message.next_attempt_time.FromDatetime(stored.next_at)
    else:
        message.end_time.FromDatetime(stored.ended_at)
    return message
