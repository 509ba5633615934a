"""SQL about statements. What is closed is only ever read."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from asyncpg import Record

from dualspan_marketplace.usage.comparison import Comparison, Doubt, Measured, Span
from dualspan_marketplace.usage.lines import Adjustment, Kind, Line, Month
from dualspan_marketplace.usage.model import Dimension
from dualspan_marketplace.usage.statement import Statement
from dualspan_runtime.database import Connection

_STATEMENT = "tenant_id, number, start_time, end_time, time_zone, close_time, digest"
_LINE = (
    "kind, subscription_id, app_id, plan_id, dimension, quantity, unit_size, unit, price_micros, currency, amount,"
    " start_time, end_time, reason, adjustment_id"
)
_COMPARISON = (
    "subscription_id, app_id, kpi, unit, before_value, before_good_share, before_start_time, before_end_time,"
    " after_value, after_good_share, after_start_time, after_end_time, doubt, reason"
)
_ADJUSTMENT = "adjustment_id, number, subscription_id, amount, currency, reason, create_time"


@dataclass(frozen=True, slots=True)
class Account:
    """How a tenant's statements are made.

    Attributes:
        time_zone: IANA; "" for that of the platform's setting.
        open_since: Beginning of the month that is open; None before anything was used.
        next_number: Of its statement.
    """

    time_zone: str = ""
    open_since: datetime | None = None
    next_number: int = 1


async def account(connection: Connection, tenant: str) -> Account:
    """A tenant's account; that of one without a row is as it would be made."""
    row = await connection.fetchrow(
        "SELECT time_zone, open_since, next_number FROM billing_account WHERE tenant_id = $1", tenant
    )
    return Account(*row) if row else Account()


async def hold_account(connection: Connection, tenant: str) -> Account:
    """The same, held until the transaction ends; made if there is none."""
    await connection.execute("INSERT INTO billing_account (tenant_id) VALUES ($1) ON CONFLICT DO NOTHING", tenant)
    row = await connection.fetchrow(
        "SELECT time_zone, open_since, next_number FROM billing_account WHERE tenant_id = $1 FOR UPDATE", tenant
    )
    return Account(*row) if row else Account()


async def put_account(connection: Connection, tenant: str, changed: Account) -> None:
    """Change an account that is held."""
    await connection.execute(
        "UPDATE billing_account SET time_zone = $2, open_since = $3, next_number = $4 WHERE tenant_id = $1",
        tenant,
        changed.time_zone,
        changed.open_since,
        changed.next_number,
    )


async def first_start(connection: Connection, tenant: str) -> datetime | None:
    """When a tenant's first subscription ran for the first time."""
    return await connection.fetchval("SELECT min(start_time) FROM usage_stretch WHERE tenant_id = $1", tenant)


async def billed(connection: Connection) -> list[str]:
    """Tenants that ever used anything; in a platform transaction."""
    rows = await connection.fetch("SELECT DISTINCT tenant_id FROM usage_meter ORDER BY tenant_id")
    return [row["tenant_id"] for row in rows]


async def insert(connection: Connection, new: Statement) -> None:
    """Keep a statement for good."""
    await connection.execute(
        f"INSERT INTO statement ({_STATEMENT}) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        new.tenant,
        new.number,
        new.month.start,
        new.month.end,
        new.time_zone,
        new.close_time,
        new.digest,
    )
    await connection.executemany(
        f"""INSERT INTO statement_line (tenant_id, number, line, {_LINE})
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)""",
        [(new.tenant, new.number, place, *_line_row(each)) for place, each in enumerate(new.lines, 1)],
    )
    await connection.executemany(
        f"""INSERT INTO statement_comparison (tenant_id, number, {_COMPARISON})
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16)""",
        [(new.tenant, new.number, *_comparison_row(each)) for each in new.comparisons],
    )


async def find(connection: Connection, tenant: str, number: int) -> Statement | None:
    """A closed statement with all that it says."""
    row = await connection.fetchrow(
        f"SELECT {_STATEMENT} FROM statement WHERE tenant_id = $1 AND number = $2", tenant, number
    )
    if row is None:
        return None
    lines = await connection.fetch(
        f"SELECT {_LINE} FROM statement_line WHERE tenant_id = $1 AND number = $2 ORDER BY line", tenant, number
    )
    comparisons = await connection.fetch(
        f"SELECT {_COMPARISON} FROM statement_comparison WHERE tenant_id = $1 AND number = $2 ORDER BY subscription_id",
        tenant,
        number,
    )
    return replace(
        _statement(row), lines=tuple(map(_line, lines)), comparisons=tuple(_comparison(each) for each in comparisons)
    )


async def page(connection: Connection, tenant: str, before: int, limit: int) -> list[Statement]:
    """Closed statements with numbers below one, the newest first; with lines, without comparisons."""
    rows = await connection.fetch(
        f"SELECT {_STATEMENT} FROM statement WHERE tenant_id = $1 AND number < $2 ORDER BY number DESC LIMIT $3",
        tenant,
        before,
        limit,
    )
    lines = await connection.fetch(
        f"SELECT number, {_LINE} FROM statement_line WHERE tenant_id = $1 AND number = ANY($2) ORDER BY number, line",
        tenant,
        [row["number"] for row in rows],
    )
    return [
        replace(_statement(row), lines=tuple(_line(each) for each in lines if each["number"] == row["number"]))
        for row in rows
    ]


async def stated(connection: Connection, tenant: str, month: Month) -> list[Line]:
    """All lines that statements have about a month, but adjustments."""
    rows = await connection.fetch(
        f"SELECT {_LINE} FROM statement_line WHERE tenant_id = $1 AND start_time = $2 AND kind <> 'adjustment'"
        " ORDER BY number, line",
        tenant,
        month.start,
    )
    return [_line(row) for row in rows]


async def insert_adjustment(connection: Connection, tenant: str, new: Adjustment) -> bool:
    """Keep an adjustment for the next statement; False if its id is there."""
    status = await connection.execute(
        f"""INSERT INTO adjustment (tenant_id, {_ADJUSTMENT}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT DO NOTHING""",
        tenant,
        new.adjustment_id,
        new.number,
        new.subscription_id,
        new.amount,
        new.currency,
        new.reason,
        new.create_time,
    )
    return status == "INSERT 0 1"


async def find_adjustment(connection: Connection, tenant: str, adjustment_id: str) -> Adjustment | None:
    """An adjustment."""
    row = await connection.fetchrow(
        f"SELECT {_ADJUSTMENT} FROM adjustment WHERE tenant_id = $1 AND adjustment_id = $2", tenant, adjustment_id
    )
    return Adjustment(**row) if row else None


async def unstated(connection: Connection, tenant: str) -> list[tuple[Adjustment, Month]]:
    """Adjustments that no statement has, the oldest first, with the months that they are about."""
    rows = await connection.fetch(
        """SELECT a.*, s.start_time AS month_start, s.end_time AS month_end FROM adjustment AS a
        JOIN statement AS s ON s.tenant_id = a.tenant_id AND s.number = a.number
        WHERE a.tenant_id = $1 AND NOT EXISTS (SELECT FROM statement_line AS l
            WHERE l.tenant_id = $1 AND l.adjustment_id = a.adjustment_id AND l.adjustment_id <> '')
        ORDER BY a.create_time, a.adjustment_id""",
        tenant,
    )
    names = _ADJUSTMENT.split(", ")
    return [
        (Adjustment(**{name: row[name] for name in names}), Month(row["month_start"], row["month_end"])) for row in rows
    ]


def _statement(row: Record) -> Statement:
    return Statement(
        tenant=row["tenant_id"],
        number=row["number"],
        month=Month(row["start_time"], row["end_time"]),
        time_zone=row["time_zone"],
        close_time=row["close_time"],
        digest=row["digest"],
    )


def _line_row(line: Line) -> Sequence[object]:
    return (
        line.kind.value,
        line.subscription_id,
        line.app_id,
        line.plan_id,
        line.dimension.value if line.dimension else "",
        line.quantity,
        line.unit_size,
        line.unit,
        line.price_micros,
        line.currency,
        line.amount,
        line.month.start,
        line.month.end,
        line.reason,
        line.adjustment_id,
    )


def _line(row: Record) -> Line:
    return Line(
        kind=Kind(row["kind"]),
        subscription_id=row["subscription_id"],
        app_id=row["app_id"],
        plan_id=row["plan_id"],
        dimension=Dimension(row["dimension"]) if row["dimension"] else None,
        quantity=row["quantity"],
        unit_size=row["unit_size"],
        unit=row["unit"],
        price_micros=row["price_micros"],
        currency=row["currency"],
        amount=row["amount"],
        month=Month(row["start_time"], row["end_time"]),
        reason=row["reason"],
        adjustment_id=row["adjustment_id"],
    )


def _comparison_row(given: Comparison) -> Sequence[object]:
    return (
        given.subscription_id,
        given.app_id,
        given.kpi,
        given.before.unit or given.after.unit,
        _known(given.before.value),
        given.before.good_share,
        given.before_span.start,
        given.before_span.end,
        _known(given.after.value),
        given.after.good_share,
        given.after_span.start,
        given.after_span.end,
        given.doubt.value,
        given.reason,
    )


def _comparison(row: Record) -> Comparison:
    return Comparison(
        subscription_id=row["subscription_id"],
        app_id=row["app_id"],
        kpi=row["kpi"],
        before=Measured(_value(row["before_value"]), row["unit"], row["before_good_share"], row["reason"]),
        before_span=Span(row["before_start_time"], row["before_end_time"]),
        after=Measured(_value(row["after_value"]), row["unit"], row["after_good_share"], row["reason"]),
        after_span=Span(row["after_start_time"], row["after_end_time"]),
        doubt=Doubt(row["doubt"]),
    )


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _value(stored: float | None) -> float:
    return math.nan if stored is None else stored
