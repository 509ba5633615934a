"""Writing down what happens to alarms, and whom it is told: one way, in whatever transaction it happens."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from dualspan.analytics.v1 import alarms_pb2 as contract
from dualspan_analytics.alarms import notifications
from dualspan_analytics.alarms.model import Alarm, Event, Transition, happened
from dualspan_analytics.alarms.rules import AlarmRule
from dualspan_analytics.alarms.state import CauseImpossibleError
from dualspan_analytics.store import alarms
from dualspan_analytics.store import notifications as outbox
from dualspan_runtime.database import Connection

_CHANNELS = 1000


@dataclass(frozen=True, slots=True)
class Happening:
    """An event of an alarm; `alarm` is how it was made if it is not stored yet."""

    alarm: Alarm
    event: Event
    rule: AlarmRule


async def record(
    connection: Connection, tenant: str, happenings: Sequence[Happening], now_us: int
) -> Sequence[Transition]:
    """Apply events to alarms in their order, and keep alarms, transitions and messages.

    What makes no sense for an alarm as it stands by now (a rule suppresses what a person has suppressed) changes
    nothing.

    Args:
        connection: Of the transaction.
        tenant: Whose.
        happenings: What happened. Alarms are locked; how they stand is read, not taken from here.
        now_us: The wall clock.
    """
    known = dict(await alarms.lock(connection, tenant, sorted({each.alarm.alarm_id for each in happenings})))
    before = dict(known)
    rules: dict[str, AlarmRule] = {}
    found: list[tuple[Alarm, Transition]] = []
    for each in happenings:
        alarm = known.get(each.alarm.alarm_id, each.alarm)
        try:
            alarm, transition = happened(_described(alarm, each.alarm), each.event, each.rule, now_us)
        except CauseImpossibleError:
            continue
        known[alarm.alarm_id], rules[alarm.alarm_id] = alarm, each.rule
        if transition is not None:
            found.append((alarm, transition))
    await alarms.store(connection, tenant, [each for key, each in known.items() if before.get(key) != each])
    return await keep(connection, tenant, found, rules)


def _described(stored: Alarm, given: Alarm) -> Alarm:
    """What a rule or a server says of an alarm may have changed since it was stored."""
    return replace(stored, message=given.message, event_us=given.event_us, event_ids=given.event_ids)


async def keep(
    connection: Connection,
    tenant: str,
    found: Sequence[tuple[Alarm, Transition]],
    rules: Mapping[str, AlarmRule],
) -> Sequence[Transition]:
    """Keep transitions and put messages about them into the outbox; the transitions with their numbers."""
    if not found:
        return []
    numbers = await alarms.add_transitions(connection, tenant, [transition for _, transition in found])
    kept = [replace(transition, sequence=number) for (_, transition), number in zip(found, numbers, strict=True)]
    told = [(alarm, each) for (alarm, _), each in zip(found, kept, strict=True) if each.is_notified]
    if told:
        messages = [
            outbox.NewDelivery(
                channel_id,
                alarm.alarm_id,
                each.sequence,
                notifications.body(tenant, alarm, each, rules[alarm.alarm_id]),
            )
            for channel_id, channel in await _channels(connection, tenant)
            for alarm, each in told
            if notifications.wants(channel, each)
        ]
        await outbox.add_deliveries(connection, tenant, messages)
    return kept


async def _channels(connection: Connection, tenant: str) -> Sequence[tuple[str, contract.NotificationChannel]]:
    stored = await outbox.channels(connection, tenant, "", _CHANNELS)
    return [(each.channel_id, contract.NotificationChannel.FromString(each.definition)) for each in stored]
