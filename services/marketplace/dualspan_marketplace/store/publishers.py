"""SQL about publishers and plans."""

from asyncpg import Record

from dualspan_marketplace.catalogue.model import Plan, PlanModel, PlanState, Publisher
from dualspan_marketplace.store import limits
from dualspan_runtime.database import Connection

_PUBLISHER = "tenant_id, name_en, name_zh, website, contact, signing_key"
_PLAN = (
    "tenant_id, app_id, plan_id, name_en, name_zh, model, price_micros, currency, trial_days, max_assets, state, quotas"
)


async def find_publisher(connection: Connection, tenant: str) -> Publisher | None:
    """A publisher; of another tenant, once something of it is published."""
    row = await connection.fetchrow(f"SELECT {_PUBLISHER} FROM publisher WHERE tenant_id = $1", tenant)
    return Publisher(*row) if row else None


async def put_publisher(connection: Connection, publisher: Publisher) -> None:
    """Say who a publisher is."""
    await connection.execute(
        f"""INSERT INTO publisher ({_PUBLISHER}) VALUES ($1, $2, $3, $4, $5, $6)
        ON CONFLICT (tenant_id) DO UPDATE SET name_en = excluded.name_en, name_zh = excluded.name_zh,
            website = excluded.website, contact = excluded.contact, signing_key = excluded.signing_key""",
        publisher.tenant,
        publisher.name_en,
        publisher.name_zh,
        publisher.website,
        publisher.contact,
        publisher.signing_key,
    )


async def offer(connection: Connection, tenant: str, app_id: str) -> None:
    """A version is published: everybody may read who made it, and choose of the plans that were prepared."""
    await connection.execute("UPDATE publisher SET visibility = 'public' WHERE tenant_id = $1", tenant)
    await connection.execute(
        "UPDATE plan SET state = 'offered' WHERE tenant_id = $1 AND app_id = $2 AND state = 'prepared'", tenant, app_id
    )


async def find_plan(connection: Connection, tenant: str, app_id: str, plan_id: str) -> Plan | None:
    """One plan; of another tenant, while it is offered."""
    row = await connection.fetchrow(
        f"SELECT {_PLAN} FROM plan WHERE tenant_id = $1 AND app_id = $2 AND plan_id = $3", tenant, app_id, plan_id
    )
    return _plan(row) if row else None


async def insert_plan(connection: Connection, plan: Plan) -> None:
    """Make a plan."""
    await connection.execute(
        f"INSERT INTO plan ({_PLAN}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)",
        plan.tenant,
        plan.app_id,
        plan.plan_id,
        plan.name_en,
        plan.name_zh,
        plan.model.value,
        plan.price_micros,
        plan.currency,
        plan.trial_days,
        plan.max_assets,
        plan.state.value,
        limits.written(plan.limits),
    )


async def retire_plan(connection: Connection, tenant: str, app_id: str, plan_id: str) -> bool:
    """Offer a plan to nobody new; False if there is none."""
    status = await connection.execute(
        "UPDATE plan SET state = 'retired' WHERE tenant_id = $1 AND app_id = $2 AND plan_id = $3",
        tenant,
        app_id,
        plan_id,
    )
    return status == "UPDATE 1"


async def plans(connection: Connection, tenant: str, app_id: str) -> list[Plan]:
    """The plans of an app, in order of id; another tenant's while they are offered."""
    rows = await connection.fetch(
        f"SELECT {_PLAN} FROM plan WHERE tenant_id = $1 AND app_id = $2 ORDER BY plan_id", tenant, app_id
    )
    return [_plan(row) for row in rows]


def _plan(row: Record) -> Plan:
    return Plan(
        tenant=row["tenant_id"],
        app_id=row["app_id"],
        plan_id=row["plan_id"],
        name_en=row["name_en"],
        name_zh=row["name_zh"],
        model=PlanModel(row["model"]),
        price_micros=row["price_micros"],
        currency=row["currency"],
        trial_days=row["trial_days"],
        max_assets=row["max_assets"],
        state=PlanState(row["state"]),
        limits=limits.read(row["quotas"]),
    )
