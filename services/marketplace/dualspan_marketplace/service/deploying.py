"""Use case of the worker: make what runs what shall run. Nobody else starts or stops an app."""

import asyncio
from collections.abc import Callable, Coroutine, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import structlog

from dualspan_manifest import Manifest
from dualspan_marketplace.app_tokens import AppToken
from dualspan_marketplace.deployments.model import (
    Fetch,
    GiveUp,
    Mend,
    Remove,
    Settled,
    Start,
    Step,
    Wait,
    desired,
    next_step,
)
from dualspan_marketplace.deployments.provisioner import (
    CannotStartError,
    Holding,
    Orders,
    Provisioner,
    UnreachableError,
)
from dualspan_marketplace.service.briefing import Briefing
from dualspan_marketplace.service.fetching import Fetching
from dualspan_marketplace.service.looking import (
    View,
    follows,
    is_news,
    is_only_well,
    is_renewal,
    is_said,
    noted,
    observed,
    parsed,
    progress,
    resource,
    stepped,
)
from dualspan_marketplace.service.sweeping import on_its_own
from dualspan_marketplace.store import deployments, subscriptions
from dualspan_marketplace.store.deployments import Deployment
from dualspan_marketplace.subscriptions import life as lives
from dualspan_marketplace.subscriptions.life import Clock, State, take
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName
from dualspan_marketplace.trials import plants
from dualspan_runtime.audit import Audit
from dualspan_runtime.context import set_call
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import FailedPrecondition
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.principal import Principal, PrincipalKind

_AT_ONCE = 2000
_ABREAST = 6
# Followed step by step at a time; the others have the sweep meanwhile.
_FOLLOWED = 8
# Less than PostgreSQL lets a transaction be idle for: the row stays held for as long as somebody acts.
_ACTION_SECONDS = 45.0
_FOLLOW_SECONDS = 10.0
_LOOK_SECONDS = 0.05
_FETCH_LOOK_SECONDS = 0.5
# A sweep waits no longer for what it began: what is slow to start or to end keeps nobody from being healed.
_SWEEP_SECONDS = 2.0
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class _Readiness:
    """What there is for a step.

    Attributes:
        orders: With the token that is in them.
        fetches: What a start needs is being fetched still.
        trouble: Why it cannot be had.
    """

    orders: tuple[Orders, AppToken] | None = None
    fetches: bool = False
    trouble: str = ""


class Deploying:
    """Takes steps, one at a time for each subscription, whichever worker comes first.

    Args:
        database: Where subscriptions are.
        operations: How starts and ends go, for whoever waits.
        audit: Keeps what was done.
        clock: How long a subscription is borne with.
        provisioners: In the order of preference.
        briefing: Writes what an app is told.
    """

    def __init__(
        self,
        database: Database,
        operations: OperationStore,
        audit: Audit,
        clock: Clock,
        provisioners: Sequence[Provisioner],
        briefing: Briefing,
    ) -> None:
        self._database = database
        self._operations = operations
        self._audit = audit
        self._clock = clock
        self._provisioners = {each.kind: each for each in provisioners}
        self._briefing = briefing
        self._fetching = Fetching()
        # Looks are quick, actions are not: those of some subscriptions do not keep others from being looked at.
        self._looks, self._acts = asyncio.Semaphore(_ABREAST), asyncio.Semaphore(_ABREAST)
        self._follows = asyncio.Semaphore(_FOLLOWED)
        self._under_way: dict[SubscriptionName, asyncio.Task[object]] = {}

    async def sweep(self, patience: float = _SWEEP_SECONDS) -> None:
        """One look at all subscriptions, and at what is there and is nobody's.

        Args:
            patience: Seconds. What takes longer goes on beside the next sweep, which passes it over.
        """
        for each in self._provisioners.values():
            await self._sweep_orphans(each)
        async with self._database.platform_transaction() as connection:
            names = await deployments.to_look_at(connection, _AT_ONCE)
        for name in names:
            self._begin(name, self._safely)
        if self._under_way:
            await asyncio.wait(list(self._under_way.values()), timeout=patience)
        async with self._database.platform_transaction() as connection:
            await deployments.mark_unwell(connection, self._clock.unwell)

    async def follow(self, name: SubscriptionName) -> None:
        """Take steps of one subscription until it is settled, or some seconds have gone; the sweep has it then."""
        async with self._follows:
            until = asyncio.get_running_loop().time() + _FOLLOW_SECONDS
            while True:
                step = await self._safely(name)
                if step is None or isinstance(step, Settled | GiveUp) or asyncio.get_running_loop().time() > until:
                    return
                if isinstance(step, Fetch):
                    await asyncio.sleep(_FETCH_LOOK_SECONDS)
                elif isinstance(step, Wait):
                    await asyncio.sleep(min(step.seconds, _LOOK_SECONDS))

    async def turn(self, name: SubscriptionName) -> Step | None:
        """Take one step; None if there is nothing of that name, or another worker is at it."""
        async with self._looks:
            view = await self._look(name)
        if view is None:
            return None
        now = datetime.now(UTC)
        if not is_news(view, now):
            return view.step
        if is_only_well(view, now):
            # Most of all looks: nothing is done, so nothing has to be held and looked at again.
            known = replace(view.known, address=view.holding.instances[0].address)
            async with self._database.transaction(name.tenant) as connection:
                await deployments.was_well(connection, known)
            return view.step
        readiness = await self._readiness(view, now)
        if readiness.fetches and is_said(view.known, Fetch.STEP):
            return Fetch()
        async with self._acts, self._database.transaction(name.tenant) as connection:
            if await deployments.hold(connection, name) is None:
                return None
            # What was seen before the row was held may be another worker's past.
            view = await self._view(connection, name)
            if view is None:
                return None
            if readiness.fetches and isinstance(view.step, Start):
                view = replace(view, step=Fetch())
            set_call(Principal(PrincipalKind.SERVICE, "services/marketplace"), name.tenant)
            known = await self._began(connection, view)
            known = await self._act(replace(view, known=known), readiness)
            await self._conclude(connection, view, known)
            return view.step

    def _begin(self, name: SubscriptionName, work: Callable[[SubscriptionName], Coroutine[Any, Any, object]]) -> None:
        """Something to do for a subscription, unless something is under way for it."""
        if name not in self._under_way:
            task = self._under_way[name] = asyncio.create_task(work(name))
            task.add_done_callback(lambda _: self._under_way.pop(name, None))

    async def _safely(self, name: SubscriptionName) -> Step | None:
        """A turn whose failure is this subscription's alone, and waits for the next sweep."""
        with on_its_own("a deployment", name):
            return await self.turn(name)
        return None

    async def _sweep_orphans(self, provisioner: Provisioner) -> None:
        # Asked before the rows are read: what is started meanwhile has its row already.
        try:
            found = await provisioner.subscriptions()
        except UnreachableError as err:
            _log.warning("who runs apps does not answer", provisioner=provisioner.kind, error=str(err))
            return
        async with self._database.platform_transaction() as connection:
            orphans = await deployments.unknown(connection, found)
            await deployments.look_again(connection, found)
        for name in orphans:
            _log.warning("removing what is nobody's", provisioner=provisioner.kind, id=name.subscription_id)
            self._begin(name, partial(_removed, provisioner))

    async def _look(self, name: SubscriptionName) -> View | None:
        async with self._database.transaction(name.tenant) as connection:
            view = await self._view(connection, name)
            if view is None and await subscriptions.find(connection, name) is not None:
                await deployments.enter(connection, name)
                view = await self._view(connection, name)
            return view

    async def _view(self, connection: Connection, name: SubscriptionName) -> View | None:
        subscription = await subscriptions.find(connection, name)
        known = await deployments.find(connection, name)
        if subscription is None or known is None:
            return None
        if known.generation != subscription.life.generation:
            known = replace(known, generation=subscription.life.generation, attempts=0, words="", steps=())
        manifest = parsed(subscription.manifest)
        kind, refusal = self._choose(known, manifest, subscription.publisher)
        if not kind:
            step = GiveUp(refusal) if desired(subscription.life).runs else Settled()
            return View(subscription, known, Holding(), step)
        known = replace(known, provisioner=kind)
        async with asyncio.timeout(_ACTION_SECONDS):
            holding = await self._provisioners[kind].observe(name)
            seen = await observed(holding, known, manifest)
        return View(subscription, known, holding, next_step(desired(subscription.life), seen))

    def _choose(self, known: Deployment, manifest: Manifest, publisher: str) -> tuple[str, str]:
        """Who runs it, who did so up to now as long as anything is there; or why nobody does."""
        if known.provisioner:
            if known.provisioner in self._provisioners:
                return known.provisioner, ""
            raise UnreachableError(f"It is run by {known.provisioner}, which is not set up here.")
        reasons = [(each.kind, each.refuses(manifest, publisher)) for each in self._provisioners.values()]
        chosen = next((kind for kind, refusal in reasons if not refusal), "")
        return chosen, " ".join(refusal for _, refusal in reasons) or "Nothing that runs apps is set up."

    async def _readiness(self, view: View, now: datetime) -> _Readiness:
        """What a step needs and takes long to get: had before the row is held."""
        provisioner = self._provisioners.get(view.known.provisioner)
        is_start = isinstance(view.step, Start)
        if provisioner is None or not (is_start or isinstance(view.step, Mend) or is_renewal(view, now)):
            return _Readiness()
        if is_start:
            try:
                if not await self._fetching.is_done(provisioner, parsed(view.subscription.manifest)):
                    return _Readiness(fetches=True)
            except CannotStartError as err:
                return _Readiness(trouble=str(err))
        return _Readiness(await self._briefing.orders(view.subscription))

    async def _act(self, view: View, readiness: _Readiness) -> Deployment:
        """Take the step; what is known after it."""
        known, step, now, orders = view.known, view.step, datetime.now(UTC), readiness.orders
        async with asyncio.timeout(_ACTION_SECONDS):
            match step:
                case Start():
                    return await self._start(known, readiness, now)
                case Fetch():
                    return stepped(known, Fetch.STEP, "what it is made of is being fetched", now)
                case Mend(why) if orders is not None and orders[0].generation == known.generation:
                    return await self._mend(known, *orders, why, now)
                case Remove(why):
                    await self._provisioners[known.provisioner].remove(known.name)
                    ended = next((each.words for each in view.holding.instances if not each.alive), known.words)
                    # Another version may be one that somebody else runs: who does is chosen anew.
                    known = replace(known, provisioner="", address="", words=ended)
                    return stepped(known, "remove", why, now)
                case Wait() if orders is not None and is_renewal(view, now):
                    return await self._renew(known, *orders, now)
                case Settled() if desired(view.subscription.life).runs:
                    if orders is not None and is_renewal(view, now):
                        known = await self._renew(known, *orders, now)
                    address = view.holding.instances[0].address
                    return replace(known, well_time=now, attempts=0, words="", address=address, clear=False)
                case Settled():
                    return replace(known, provisioner="", attempts=0, address="", clear=True)
                case _:
                    return known

    async def _renew(self, known: Deployment, orders: Orders, token: AppToken, now: datetime) -> Deployment:
        """Hand over a token before the last one ends, or after a person has voided that."""
        await self._provisioners[known.provisioner].deliver(orders)
        return replace(known, renew_time=token.renewal(now), credential=token.credential)

    async def _mend(self, known: Deployment, orders: Orders, token: AppToken, why: str, now: datetime) -> Deployment:
        """Put what is around an instance right, and leave the instance as it is."""
        try:
            await self._provisioners[known.provisioner].ensure(orders)
        except CannotStartError as err:
            return noted(known, "mend", str(err), now)
        return noted(await self._renew(known, orders, token, now), "mend", why, now)

    async def _start(self, known: Deployment, readiness: _Readiness, now: datetime) -> Deployment:
        trouble = readiness.trouble
        if readiness.orders is not None and readiness.orders[0].generation == known.generation:
            orders, token = readiness.orders
            known = replace(known, renew_time=token.renewal(now), credential=token.credential)
            try:
                await self._provisioners[known.provisioner].ensure(orders)
            except CannotStartError as err:
                trouble = str(err)
        elif not trouble:
            return known
        known = replace(known, attempts=known.attempts + 1, start_time=now, clear=False)
        if trouble:
            return stepped(replace(known, words=trouble), "start", trouble, now)
        return stepped(known, "start", f"attempt {known.attempts}", now)

    async def _began(self, connection: Connection, view: View) -> Deployment:
        """What is known, with an operation of a start or an end that goes on."""
        known, name = view.known, view.known.name
        if known.operation or view.subscription.life.state not in {State.PROVISIONING, State.CANCELLING}:
            return known
        if name.tenant == plants.TENANT:
            # Nobody waits for one of a trial.
            return known
        # What was done before it began is none of its steps.
        known = replace(known, steps=())
        made = await self._operations.create(connection, name.tenant, metadata=progress(known), resource=resource(name))
        return replace(known, operation=made.name)

    async def _conclude(self, connection: Connection, view: View, known: Deployment) -> None:
        """Write down what came of a step: what is known, the subscription's state and the operation's end."""
        then = follows(view)
        if then is not None:
            step, reason = then
            known = stepped(known, step.value, reason, datetime.now(UTC))
            await self._move(connection, view.subscription, step, reason)
        if known.operation and then is None and view.subscription.life.state is State.SUSPENDED:
            # Stopped before it was well: nobody waits for it any longer.
            stopped = FailedPrecondition("NOT_STARTED", view.subscription.life.told_reason or "It was suspended.")
            await self._operations.fail(connection, known.name.tenant, known.operation, stopped)
            known = replace(known, operation="")
        if known.operation:
            await self._tell(connection, known, then)
        await deployments.update(connection, replace(known, operation="") if then else known)

    async def _move(self, connection: Connection, seen: Subscription, step: lives.Step, reason: str) -> None:
        """Take a step in the subscription's life, unless a person was faster."""
        found = await subscriptions.find(connection, seen.name, lock=True)
        if found is None or (found.life.state, found.life.generation) != (seen.life.state, seen.life.generation):
            return
        life = take(found.life, step, datetime.now(UTC), self._clock, reason=reason)
        if life is not None:
            await subscriptions.update(connection, replace(found, life=life))
            if seen.name.tenant != plants.TENANT:
                action = f"marketplace.subscriptions.{step.value}"
                await self._audit.write(connection, seen.name.tenant, action, resource(seen.name))

    async def _tell(self, connection: Connection, known: Deployment, then: tuple[lives.Step, str] | None) -> None:
        tenant, told = known.name.tenant, progress(known)
        await self._operations.progress(connection, tenant, known.operation, told)
        if then is None:
            return
        if then[0] is lives.Step.FAIL:
            await self._operations.fail(connection, tenant, known.operation, FailedPrecondition("NOT_STARTED", then[1]))
        else:
            await self._operations.finish(connection, tenant, known.operation, told)


async def _removed(provisioner: Provisioner, name: SubscriptionName) -> None:
    try:
        await provisioner.remove(name)
    except UnreachableError as err:
        _log.warning("it is still there", id=name.subscription_id, error=str(err))
