"""Alarms and their transitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from asyncpg import Record

from dualspan_analytics.alarms.model import Alarm, Transition
from dualspan_analytics.alarms.rules import Priority
from dualspan_analytics.alarms.state import AlarmStanding, AlarmState, Cause
from dualspan_runtime.database import Connection

_COLUMNS = """
    alarm_id, rule_id, asset_id, property, property_index, level, message, condition, acknowledged, latched,
    suppressed, out_of_service, shelved_until_us, state, priority, escalated, escalate_us, value, raised_us,
    cleared_us, actor, comment, event_us, event_id
"""
_STORE = f"""
    INSERT INTO alarm (tenant_id, {_COLUMNS})
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23,
        $24, $25)
    ON CONFLICT (tenant_id, alarm_id) DO UPDATE SET
        message = excluded.message, condition = excluded.condition, acknowledged = excluded.acknowledged,
        latched = excluded.latched, suppressed = excluded.suppressed, out_of_service = excluded.out_of_service,
        shelved_until_us = excluded.shelved_until_us, state = excluded.state, priority = excluded.priority,
        escalated = excluded.escalated, escalate_us = excluded.escalate_us, value = excluded.value,
        raised_us = excluded.raised_us, cleared_us = excluded.cleared_us, actor = excluded.actor,
        comment = excluded.comment, event_us = excluded.event_us, event_id = excluded.event_id
"""
_TRANSITION = """
    sequence, alarm_id, rule_id, cause, from_state, to_state, event_us, recorded_us, actor, comment, value, priority,
    rule_revision, left_out
"""
_NO_STATES: tuple[AlarmState, ...] = ()


@dataclass(frozen=True, slots=True)
class AlarmQuery:
    """Which alarms are wanted: all of these must hold."""

    states: tuple[AlarmState, ...] = _NO_STATES
    asset: str = ""
    minimum_priority: int = 0


@dataclass(frozen=True, slots=True)
class AlarmCursor:
    """The last alarm of a page."""

    priority: int
    raised_us: int
    alarm_id: str


@dataclass(frozen=True, slots=True)
class TransitionQuery:
    """Which transitions are wanted: all of these must hold."""

    alarm_id: str = ""
    start_us: int | None = None
    end_us: int | None = None


def _alarm(row: Record) -> Alarm:
    standing = AlarmStanding(
        condition=row["condition"],
        acknowledged=row["acknowledged"],
        latched=row["latched"],
        shelved=row["shelved_until_us"] is not None,
        suppressed=row["suppressed"],
        out_of_service=row["out_of_service"],
    )
    return Alarm(
        alarm_id=row["alarm_id"],
        rule_id=row["rule_id"],
        asset=row["asset_id"],
        property=row["property"],
        index=row["property_index"],
        level=row["level"],
        message=row["message"],
        priority=Priority(row["priority"]),
        standing=standing,
        shelved_until_us=row["shelved_until_us"],
        escalated=row["escalated"],
        escalate_us=row["escalate_us"],
        value=row["value"],
        raised_us=row["raised_us"],
        cleared_us=row["cleared_us"],
        actor=row["actor"],
        comment=row["comment"],
        event_us=row["event_us"],
        event_ids=row["event_id"],
    )


def _values(tenant: str, alarm: Alarm) -> tuple[object, ...]:
    standing = alarm.standing
    return (
        tenant,
        alarm.alarm_id,
        alarm.rule_id,
        alarm.asset,
        alarm.property,
        alarm.index,
        alarm.level,
        alarm.message,
        standing.condition,
        standing.acknowledged,
        standing.latched,
        standing.suppressed,
        standing.out_of_service,
        alarm.shelved_until_us,
        standing.state,
        alarm.priority,
        alarm.escalated,
        alarm.escalate_us,
        alarm.value,
        alarm.raised_us,
        alarm.cleared_us,
        alarm.actor,
        alarm.comment,
        alarm.event_us,
        alarm.event_ids,
    )


def _transition(row: Record) -> Transition:
    return Transition(
        alarm_id=row["alarm_id"],
        rule_id=row["rule_id"],
        cause=Cause(row["cause"]),
        from_state=AlarmState(row["from_state"]),
        to_state=AlarmState(row["to_state"]),
        event_us=row["event_us"],
        recorded_us=row["recorded_us"],
        priority=Priority(row["priority"]),
        rule_revision=row["rule_revision"],
        actor=row["actor"],
        comment=row["comment"],
        value=row["value"],
        left_out=row["left_out"],
        sequence=row["sequence"],
    )


async def lock(connection: Connection, tenant: str, alarm_ids: Sequence[str]) -> Mapping[str, Alarm]:
    """Those alarms that are there, locked until the transaction ends."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM alarm WHERE tenant_id = $1 AND alarm_id = ANY($2::text[])"
        " ORDER BY alarm_id FOR UPDATE",
        tenant,
        list(alarm_ids),
    )
    return {row["alarm_id"]: _alarm(row) for row in rows}


async def lock_of_rule(connection: Connection, tenant: str, rule_id: str) -> Sequence[Alarm]:
    """The alarms of a rule, locked until the transaction ends."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM alarm WHERE tenant_id = $1 AND rule_id = $2 ORDER BY alarm_id FOR UPDATE",
        tenant,
        rule_id,
    )
    return [_alarm(row) for row in rows]


async def has_any_of_rule(connection: Connection, tenant: str, rule_id: str) -> bool:
    """Whether a rule has alarms."""
    query = "SELECT EXISTS (SELECT FROM alarm WHERE tenant_id = $1 AND rule_id = $2)"
    return bool(await connection.fetchval(query, tenant, rule_id))


async def lock_due(connection: Connection, tenant: str, now_us: int) -> Sequence[Alarm]:
    """Alarms whose time on the shelf is over, or that nobody acknowledged in time; locked."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM alarm WHERE tenant_id = $1 AND LEAST(shelved_until_us, escalate_us) <= $2"
        " AND (shelved_until_us IS NOT NULL OR escalate_us IS NOT NULL)"
        " ORDER BY alarm_id LIMIT 1000 FOR UPDATE",
        tenant,
        now_us,
    )
    return [_alarm(row) for row in rows]


async def store(connection: Connection, tenant: str, alarms: Sequence[Alarm]) -> None:
    """Add alarms, or bring them up to date."""
    await connection.executemany(_STORE, [_values(tenant, alarm) for alarm in alarms])


async def delete_of_rule(connection: Connection, tenant: str, rule_id: str) -> None:
    """Remove the alarms of a rule; what happened to them stays."""
    await connection.execute("DELETE FROM alarm WHERE tenant_id = $1 AND rule_id = $2", tenant, rule_id)


async def ids(connection: Connection, tenant: str) -> Mapping[str, str]:
    """All alarms of a tenant that are not OPC UA conditions: the rule of each, by the alarm's id."""
    rows = await connection.fetch("SELECT alarm_id, rule_id FROM alarm WHERE tenant_id = $1 AND event_id = ''", tenant)
    return {row["alarm_id"]: row["rule_id"] for row in rows}


async def delete(connection: Connection, tenant: str, alarm_ids: Sequence[str]) -> None:
    """Remove alarms; what happened to them stays."""
    await connection.execute(
        "DELETE FROM alarm WHERE tenant_id = $1 AND alarm_id = ANY($2::text[])", tenant, list(alarm_ids)
    )


async def find(connection: Connection, tenant: str, alarm_id: str) -> Alarm | None:
    """One alarm."""
    row = await connection.fetchrow(
        f"SELECT {_COLUMNS} FROM alarm WHERE tenant_id = $1 AND alarm_id = $2", tenant, alarm_id
    )
    return None if row is None else _alarm(row)


async def page(
    connection: Connection, tenant: str, query: AlarmQuery, after: AlarmCursor | None, limit: int
) -> Sequence[Alarm]:
    """Alarms after a cursor, most urgent first, then newest first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM alarm WHERE tenant_id = $1 AND state = ANY($2::smallint[])"
        " AND ($3 = '' OR asset_id = $3) AND priority >= $4"
        " AND ($5::smallint IS NULL"
        " OR (-priority, -COALESCE(raised_us, 0), alarm_id) > (-$5::smallint, -$6::bigint, $7))"
        " ORDER BY priority DESC, COALESCE(raised_us, 0) DESC, alarm_id LIMIT $8",
        tenant,
        [int(state) for state in query.states],
        query.asset,
        query.minimum_priority,
        after.priority if after else None,
        after.raised_us if after else None,
        after.alarm_id if after else None,
        limit,
    )
    return [_alarm(row) for row in rows]


async def add_transitions(connection: Connection, tenant: str, transitions: Sequence[Transition]) -> Sequence[int]:
    """Keep what happened; the numbers that it got, in order."""
    rows = await connection.fetch(
        "INSERT INTO alarm_transition (tenant_id, alarm_id, rule_id, cause, from_state, to_state, event_us,"
        " recorded_us, actor, comment, value, priority, rule_revision, left_out)"
        " SELECT $1, * FROM unnest($2::text[], $3::text[], $4::smallint[], $5::smallint[], $6::smallint[],"
        " $7::bigint[], $8::bigint[], $9::text[], $10::text[], $11::float8[], $12::smallint[], $13::bigint[],"
        " $14::bigint[]) RETURNING sequence",
        tenant,
        [each.alarm_id for each in transitions],
        [each.rule_id for each in transitions],
        [each.cause for each in transitions],
        [each.from_state for each in transitions],
        [each.to_state for each in transitions],
        [each.event_us for each in transitions],
        [each.recorded_us for each in transitions],
        [each.actor for each in transitions],
        [each.comment for each in transitions],
        [each.value for each in transitions],
        [each.priority for each in transitions],
        [each.rule_revision for each in transitions],
        [each.left_out for each in transitions],
    )
    return [row["sequence"] for row in rows]


async def tenants_with_transitions(connection: Connection) -> Sequence[str]:
    """Tenants to whose alarms anything happened that is kept."""
    rows = await connection.fetch(
        # From one tenant to the next by the key, however many transitions each has.
        "WITH RECURSIVE each AS (SELECT min(tenant_id) AS tenant FROM alarm_transition"
        " UNION ALL SELECT (SELECT min(tenant_id) FROM alarm_transition WHERE tenant_id > tenant) FROM each"
        " WHERE tenant IS NOT NULL) SELECT tenant FROM each WHERE tenant IS NOT NULL"
    )
    return [row["tenant"] for row in rows]


async def forget_transitions(connection: Connection, tenant: str, before_us: int, most: int) -> bool:
    """Remove what was recorded before a time, the oldest first; whether there may be more."""
    rows = await connection.fetch(
        "DELETE FROM alarm_transition AS t USING (SELECT sequence, recorded_us FROM alarm_transition"
        " WHERE tenant_id = $1 ORDER BY sequence LIMIT $3) AS oldest"
        " WHERE t.tenant_id = $1 AND t.sequence = oldest.sequence AND oldest.recorded_us < $2"
        " RETURNING t.sequence",
        tenant,
        before_us,
        most,
    )
    return len(rows) == most


async def transitions(
    connection: Connection, tenant: str, query: TransitionQuery, before: int | None, limit: int
) -> Sequence[Transition]:
    """Transitions before a number, newest first."""
    rows = await connection.fetch(
        f"SELECT {_TRANSITION} FROM alarm_transition WHERE tenant_id = $1 AND ($2 = '' OR alarm_id = $2)"
        " AND ($3::bigint IS NULL OR event_us >= $3) AND ($4::bigint IS NULL OR event_us < $4)"
        " AND ($5::bigint IS NULL OR sequence < $5) ORDER BY sequence DESC LIMIT $6",
        tenant,
        query.alarm_id,
        query.start_us,
        query.end_us,
        before,
        limit,
    )
    return [_transition(row) for row in rows]


async def history(
    connection: Connection, tenant: str, start_us: int, end_us: int, assets: Sequence[str] | None, most: int
) -> Sequence[tuple[str, int, int, int, int, int, int]]:
    """What statistics need of the transitions in a span, of some assets or of all, oldest first.

    Returns:
        Alarm, cause, state before, state after, time, priority, changes left out.
    """
    rows = await connection.fetch(
        "SELECT alarm_id, cause, from_state, to_state, event_us, priority, left_out FROM alarm_transition"
        " WHERE tenant_id = $1 AND event_us >= $2 AND event_us < $3 AND ($4::text[] IS NULL OR alarm_id IN"
        " (SELECT alarm_id FROM alarm WHERE tenant_id = $1 AND asset_id = ANY($4)))"
        " ORDER BY event_us, sequence LIMIT $5",
        tenant,
        start_us,
        end_us,
        assets,
        most,
    )
    return [tuple(row.values()) for row in rows]


async def raised_before(
    connection: Connection, tenant: str, before_us: int, assets: Sequence[str] | None
) -> Sequence[str]:
    """Alarms of some assets or of all that operators are shown and whose condition has held since before a time."""
    rows = await connection.fetch(
        "SELECT alarm_id FROM alarm WHERE tenant_id = $1 AND condition AND raised_us < $2 AND state IN (2, 3)"
        " AND ($3::text[] IS NULL OR asset_id = ANY($3)) ORDER BY raised_us, alarm_id",
        tenant,
        before_us,
        assets,
    )
    return [row["alarm_id"] for row in rows]
