"""What plans mean for subscriptions, as use cases find it."""

from dualspan_marketplace.catalogue.errors import listing_not_found
from dualspan_marketplace.catalogue.model import Plan, PlanModel, PlanState
from dualspan_marketplace.store import listings, publishers
from dualspan_marketplace.store.listings import Listed
from dualspan_marketplace.subscriptions import errors
from dualspan_marketplace.subscriptions.model import Subscription, Terms
from dualspan_marketplace.usage.model import Pricing
from dualspan_runtime.database import Connection


async def find_listed(connection: Connection, app_id: str) -> Listed:
    """The newest published version of an app; raises NotFound."""
    found = await listings.find(connection, app_id)
    if found is None:
        raise listing_not_found(app_id)
    return found


async def find_terms(connection: Connection, listed: Listed, plan_id: str) -> Terms:
    """What a plan that is offered means for a subscription; raises NotFound."""
    plan = await publishers.find_plan(connection, listed.tenant, listed.app_id, plan_id)
    if plan is None or plan.state is not PlanState.OFFERED:
        raise errors.no_such_plan(plan_id)
    return _terms_of(plan)


def bound_assets(found: Subscription) -> int:
    """How many assets a subscription is bound to, over all roles."""
    return len({asset for assets in found.roles.values() for asset in assets})


def check_change(found: Subscription, terms: Terms) -> None:
    """Whether a subscription may change to these terms; raises FailedPrecondition."""
    if terms.trial_days:
        raise errors.trial_was_used(found.app_id)
    bound = bound_assets(found)
    if terms.max_assets and bound > terms.max_assets:
        problem = f"The plan allows {terms.max_assets} assets, {bound} are bound. Accept a binding of fewer first."
        raise errors.bad_binding([problem])


def _terms_of(plan: Plan) -> Terms:
    return Terms(
        plan_id=plan.plan_id,
        max_assets=plan.max_assets,
        is_paid=plan.model.is_paid,
        trial_days=plan.trial_days if plan.model is PlanModel.TRIAL else 0,
        pricing=Pricing(plan.model.value),
        price_micros=plan.price_micros,
        currency=plan.currency,
        limits=plan.limits,
    )
