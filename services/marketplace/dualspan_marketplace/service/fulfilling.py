"""Use case: operations that a payment side asks for, each with one outcome, however often it is asked."""

import time
from dataclasses import replace
from datetime import UTC, datetime

from dualspan_marketplace.fulfilment import errors
from dualspan_marketplace.fulfilment.model import Action, Answer, Operation
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.service.limiting import Limiting
from dualspan_marketplace.service.terms import bound_assets, check_change, find_listed, find_terms
from dualspan_marketplace.store import fulfilment as store
from dualspan_marketplace.store import subscriptions
from dualspan_marketplace.subscriptions.errors import not_possible, subscription_not_found
from dualspan_marketplace.subscriptions.life import Clock, Life, State, Step, take, without_trial
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName
from dualspan_runtime.audit import Audit
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import DomainError
from dualspan_runtime.tasks import Jobs
from dualspan_runtime.webhooks import LONGEST_AGE_SECONDS, age_of

_ACTOR = "services/fulfilment"


class Fulfilling:
    """Takes operations.

    Args:
        database: Where subscriptions are.
        audit: Keeps what was done.
        clock: How long a subscription is borne with.
        jobs: Tells whoever runs apps.
        limiting: Looks after limits of plans.
        secret: That the payment side signs with; "": there is none.
    """

    def __init__(
        self, database: Database, audit: Audit, clock: Clock, jobs: Jobs, limiting: Limiting, secret: str
    ) -> None:
        self._database = database
        self._audit = audit
        self._clock = clock
        self._jobs = jobs
        self._limiting = limiting
        self._secret = secret

    def authenticate(self, asked: Operation, signature: str) -> None:
        """Whether it is the payment side that asks, now: nobody else learns what is wrong with a request.

        Raises:
            Unauthenticated: It is not signed by the payment side (`SIGNATURE_INVALID`), or not now (`SIGNATURE_STALE`).
        """
        # Whoever has no secret knows none: an empty one signs nothing.
        age = age_of(self._secret, asked.operation_id, asked.content, signature, int(time.time()))
        if not self._secret or age is None:
            raise errors.not_signed()
        if abs(age) > LONGEST_AGE_SECONDS:
            raise errors.stale(age)

    async def fulfil(self, asked: Operation) -> Answer:
        """Do what the payment side asks, once; asked again, what came of it the first time.

        Raises:
            NotFound: There is no such subscription; nothing is kept of it.
            InvalidArgument: Another operation has this id (`OPERATION_ID_REUSED`).
        """
        async with self._database.transaction(asked.name.tenant) as connection:
            known = await store.enter(connection, asked)
            if known is not None:
                if known.digest != asked.digest:
                    raise errors.id_reused(asked.operation_id)
                return known
            answer = await self._once(connection, asked)
        if answer.succeeded:
            name = asked.name
            await self._limiting.settle(name)
            await self._jobs.request("marketplace.deploy", name.tenant, name.subscription_id)
        return answer

    async def page(self, name: SubscriptionName, before: tuple[datetime, str] | None, limit: int) -> list[Answer]:
        """What came of a subscription's operations, the latest first; raises NotFound. See the store."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            found = await subscriptions.find(connection, name)
            if found is None or found.canary_of:
                raise subscription_not_found(name.subscription_id)
            return await store.page(connection, name, before, limit)

    async def _once(self, connection: Connection, asked: Operation) -> Answer:
        found = await subscriptions.find(connection, asked.name, lock=True)
        if found is None or found.canary_of:
            raise subscription_not_found(asked.name.subscription_id)
        try:
            changed = await self._changed(connection, found, asked)
        except DomainError as err:
            return await store.conclude(connection, asked, err.reason, err.message, found.life.state)
        if changed != found:
            await subscriptions.update(connection, changed)
            resource = SUBSCRIPTION.format(tenant=found.name.tenant, subscription=found.name.subscription_id)
            action = f"marketplace.subscriptions.fulfil.{asked.action.value}"
            await self._audit.write(connection, found.name.tenant, action, resource, actor=_ACTOR)
        return await store.conclude(connection, asked, "", "", changed.life.state)

    async def _changed(self, connection: Connection, found: Subscription, asked: Operation) -> Subscription:
        """The subscription after it; what is so already stays so. Raises DomainError where it cannot be done."""
        match asked.action:
            case Action.CHANGE_PLAN:
                return await self._with_plan(connection, found, asked.plan_id)
            case Action.CHANGE_QUANTITY:
                return self._with_quantity(found, asked.quantity)
            case Action.SUSPEND:
                if found.life.is_unpaid:
                    return found
                return replace(found, life=self._taken(found, Step.OWE))
            case Action.REINSTATE:
                return self._reinstated(found)
            case Action.UNSUBSCRIBE:
                if found.life.state.is_over:
                    return found
                return replace(found, life=self._taken(found, Step.CANCEL))

    async def _with_plan(self, connection: Connection, found: Subscription, plan_id: str) -> Subscription:
        if plan_id == found.terms.plan_id:
            return found
        terms = await find_terms(connection, await find_listed(connection, found.app_id), plan_id)
        check_change(found, terms)
        return replace(found, terms=terms, life=without_trial(self._taken(found, Step.CHANGE)))

    def _with_quantity(self, found: Subscription, quantity: int) -> Subscription:
        if quantity == found.terms.max_assets:
            return found
        if quantity < bound_assets(found):
            raise errors.too_few(quantity, bound_assets(found))
        if found.life.state.is_over:
            raise not_possible(found.life, Step.CHANGE)
        # What runs is the same: how many assets it may be bound to is asked when somebody binds them.
        return replace(found, terms=replace(found.terms, max_assets=quantity))

    def _reinstated(self, found: Subscription) -> Subscription:
        life = found.life
        if life.is_unpaid:
            return replace(found, life=self._taken(found, Step.PAY))
        if life.state.reads:
            return found
        if life.state is State.SUSPENDED:
            raise errors.not_unpaid(life.cause.value)
        raise not_possible(life, Step.RESUME)

    def _taken(self, found: Subscription, step: Step) -> Life:
        life = take(found.life, step, datetime.now(UTC), self._clock)
        if life is None:
            raise not_possible(found.life, step)
        return life
