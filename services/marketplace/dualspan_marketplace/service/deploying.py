"""Use case of the worker: make what runs what shall run. Nobody else starts or stops an app."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

import structlog

from dualspan.marketplace.v1 import deployments_pb2
from dualspan_manifest import Manifest, parse
from dualspan_marketplace.app_tokens import AppToken
from dualspan_marketplace.deployments.health import answers
from dualspan_marketplace.deployments.model import (
    GiveUp,
    Instance,
    Observed,
    Phase,
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
    Found,
    Holding,
    Orders,
    Provisioner,
    UnreachableError,
)
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.service.briefing import Briefing
from dualspan_marketplace.service.sweeping import on_its_own
from dualspan_marketplace.store import deployments, subscriptions
from dualspan_marketplace.store.deployments import Deployment, Taken
from dualspan_marketplace.subscriptions import life as lives
from dualspan_marketplace.subscriptions.life import Clock, State, take
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName
from dualspan_runtime.audit import Audit
from dualspan_runtime.context import set_call
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.errors import FailedPrecondition
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.principal import Principal, PrincipalKind

_AT_ONCE = 2000
_ABREAST = 6
# Less than PostgreSQL lets a transaction be idle for: the row stays held for as long as somebody acts.
_ACTION_SECONDS = 45.0
# How long a task follows one subscription while others wait for the worker; the sweep has it after that.
_FOLLOW_SECONDS = 10.0
_LOOK_SECONDS = 0.05
# Written down no more often than this while all is well.
_WELL_SECONDS = timedelta(seconds=5)
_LATEST_STEPS = 20
_log = structlog.stdlib.get_logger()


@dataclass(frozen=True, slots=True)
class _View:
    """A subscription, what is known of what runs, what was found, and the step that follows."""

    subscription: Subscription
    known: Deployment
    holding: Holding
    step: Step


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

    async def sweep(self) -> None:
        """One look at all subscriptions, and at what is there and is nobody's."""
        for each in self._provisioners.values():
            await self._sweep_orphans(each)
        async with self._database.platform_transaction() as connection:
            names = await deployments.to_look_at(connection, _AT_ONCE)
        gate = asyncio.Semaphore(_ABREAST)

        async def one(name: SubscriptionName) -> None:
            async with gate:
                await self._safely(name)

        await asyncio.gather(*(one(name) for name in names))

    async def follow(self, name: SubscriptionName) -> None:
        """Take steps of one subscription until it is settled, or some seconds have gone."""
        until = asyncio.get_running_loop().time() + _FOLLOW_SECONDS
        while True:
            step = await self._safely(name)
            if step is None or isinstance(step, Settled | GiveUp) or asyncio.get_running_loop().time() > until:
                return
            if isinstance(step, Wait):
                await asyncio.sleep(min(step.seconds, _LOOK_SECONDS))

    async def turn(self, name: SubscriptionName) -> Step | None:
        """Take one step; None if there is nothing of that name, or another worker is at it."""
        view = await self._look(name)
        if view is None:
            return None
        now = datetime.now(UTC)
        if not _is_news(view, now):
            return view.step
        if _is_only_well(view, now):
            # Most of all looks: nothing is done, so nothing has to be held and looked at again.
            known = replace(view.known, address=view.holding.instances[0].address)
            async with self._database.transaction(name.tenant) as connection:
                await deployments.was_well(connection, known)
            return view.step
        orders = None
        if isinstance(view.step, Start) or _is_renewal(view, now):
            orders = await self._orders(view)
        async with self._database.transaction(name.tenant) as connection:
            if await deployments.hold(connection, name) is None:
                return None
            # What was seen before the row was held may be another worker's past.
            view = await self._view(connection, name)
            if view is None:
                return None
            set_call(Principal(PrincipalKind.SERVICE, "services/marketplace"), name.tenant)
            known = await self._began(connection, view)
            known = await self._act(replace(view, known=known), orders)
            await self._conclude(connection, view, known)
            return view.step

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
            try:
                await provisioner.remove(name)
            except UnreachableError as err:
                _log.warning("it is still there", id=name.subscription_id, error=str(err))

    async def _look(self, name: SubscriptionName) -> _View | None:
        async with self._database.transaction(name.tenant) as connection:
            view = await self._view(connection, name)
            if view is None and await subscriptions.find(connection, name) is not None:
                await deployments.enter(connection, name)
                view = await self._view(connection, name)
            return view

    async def _view(self, connection: Connection, name: SubscriptionName) -> _View | None:
        subscription = await subscriptions.find(connection, name)
        known = await deployments.find(connection, name)
        if subscription is None or known is None:
            return None
        if known.generation != subscription.life.generation:
            known = replace(known, generation=subscription.life.generation, attempts=0, words="", steps=())
        manifest = _parsed(subscription.manifest)
        kind, refusal = self._choose(known, manifest, subscription.publisher)
        if not kind:
            step = GiveUp(refusal) if desired(subscription.life).runs else Settled()
            return _View(subscription, known, Holding(), step)
        known = replace(known, provisioner=kind)
        async with asyncio.timeout(_ACTION_SECONDS):
            holding = await self._provisioners[kind].observe(name)
            seen = await _observed(holding, known, manifest)
        return _View(subscription, known, holding, next_step(desired(subscription.life), seen))

    def _choose(self, known: Deployment, manifest: Manifest, publisher: str) -> tuple[str, str]:
        """Who runs it, who did so up to now as long as anything is there; or why nobody does."""
        if known.provisioner:
            if known.provisioner in self._provisioners:
                return known.provisioner, ""
            raise UnreachableError(f"It is run by {known.provisioner}, which is not set up here.")
        reasons = [(each.kind, each.refuses(manifest, publisher)) for each in self._provisioners.values()]
        chosen = next((kind for kind, refusal in reasons if not refusal), "")
        return chosen, " ".join(refusal for _, refusal in reasons) or "Nothing that runs apps is set up."

    async def _orders(self, view: _View) -> tuple[Orders, AppToken]:
        """Orders, with what takes long done before the row is held."""
        orders, token = await self._briefing.orders(view.subscription)
        provisioner = self._provisioners[view.known.provisioner]
        if isinstance(view.step, Start):
            try:
                await provisioner.prepare(orders.manifest)
            except CannotStartError as err:
                _log.info("an image cannot be had", id=view.known.name.subscription_id, error=str(err))
        return orders, token

    async def _act(self, view: _View, orders: tuple[Orders, AppToken] | None) -> Deployment:
        """Take the step; what is known after it."""
        known, step, now = view.known, view.step, datetime.now(UTC)
        async with asyncio.timeout(_ACTION_SECONDS):
            match step:
                case Start() if orders is not None and orders[0].generation == known.generation:
                    return await self._start(known, *orders, now)
                case Remove(why):
                    await self._provisioners[known.provisioner].remove(known.name)
                    ended = next((each.words for each in view.holding.instances if not each.alive), known.words)
                    # Another version may be one that somebody else runs: who does is chosen anew.
                    known = replace(known, provisioner="", address="", words=ended)
                    return _stepped(known, "remove", why, now)
                case Wait() if orders is not None and _is_renewal(view, now):
                    return await self._renew(known, *orders, now)
                case Settled() if desired(view.subscription.life).runs:
                    if orders is not None and _is_renewal(view, now):
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

    async def _start(self, known: Deployment, orders: Orders, token: AppToken, now: datetime) -> Deployment:
        known = replace(known, attempts=known.attempts + 1, start_time=now, clear=False)
        known = replace(known, renew_time=token.renewal(now), credential=token.credential)
        try:
            await self._provisioners[known.provisioner].ensure(orders)
        except CannotStartError as err:
            return _stepped(replace(known, words=str(err)), "start", str(err), now)
        return _stepped(known, "start", f"attempt {known.attempts}", now)

    async def _began(self, connection: Connection, view: _View) -> Deployment:
        """What is known, with an operation of a start or an end that goes on."""
        known, name = view.known, view.known.name
        if known.operation or view.subscription.life.state not in {State.PROVISIONING, State.CANCELLING}:
            return known
        # What was done before it began is none of its steps.
        known = replace(known, steps=())
        made = await self._operations.create(
            connection, name.tenant, metadata=_progress(known), resource=_resource(name)
        )
        return replace(known, operation=made.name)

    async def _conclude(self, connection: Connection, view: _View, known: Deployment) -> None:
        """Write down what came of a step: what is known, the subscription's state and the operation's end."""
        then = _follows(view)
        if then is not None:
            step, reason = then
            known = _stepped(known, step.value, reason, datetime.now(UTC))
            await self._move(connection, view.subscription, step, reason)
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
            action = f"marketplace.subscriptions.{step.value}"
            await self._audit.write(connection, seen.name.tenant, action, _resource(seen.name))

    async def _tell(self, connection: Connection, known: Deployment, then: tuple[lives.Step, str] | None) -> None:
        tenant, progress = known.name.tenant, _progress(known)
        await self._operations.progress(connection, tenant, known.operation, progress)
        if then is None:
            return
        if then[0] is lives.Step.FAIL:
            await self._operations.fail(connection, tenant, known.operation, FailedPrecondition("NOT_STARTED", then[1]))
        else:
            await self._operations.finish(connection, tenant, known.operation, progress)


@lru_cache(maxsize=256)
def _parsed(manifest: str) -> Manifest:
    """Many subscriptions have the same, and all are looked at every few seconds."""
    return parse(manifest)


def _follows(view: _View) -> tuple[lives.Step, str] | None:
    """What a step means for the subscription's life."""
    state = view.subscription.life.state
    match view.step:
        case Settled() if state is State.PROVISIONING:
            return lives.Step.RUN, ""
        case Settled() if state is State.CANCELLING:
            return lives.Step.CLEARED, ""
        case GiveUp(reason) if state is State.PROVISIONING:
            return lives.Step.FAIL, reason
        case _:
            return None


def _is_news(view: _View, now: datetime) -> bool:
    """Whether anything has to be done or written down."""
    known = view.known
    if isinstance(view.step, Wait):
        return _is_renewal(view, now) or (not known.operation and view.subscription.life.state is State.PROVISIONING)
    if not isinstance(view.step, Settled):
        return True
    if not desired(view.subscription.life).runs:
        return not known.clear or view.subscription.life.state is State.CANCELLING
    if view.subscription.life.state is State.PROVISIONING or _is_renewal(view, now):
        return True
    if known.well_time is None or now - known.well_time > _WELL_SECONDS:
        return True
    # What was known well was the one before: the new one's address is not its.
    return known.start_time is not None and known.well_time < known.start_time


def _is_only_well(view: _View, now: datetime) -> bool:
    """Whether all that is new is that it is still well."""
    life = view.subscription.life
    is_well = isinstance(view.step, Settled) and desired(life).runs and life.state is not State.PROVISIONING
    return is_well and not view.known.operation and not _is_renewal(view, now)


def _is_renewal(view: _View, now: datetime) -> bool:
    """Whether what runs needs another token, be it well or not: without one that counts it cannot become so."""
    known, step = view.known, view.step
    if not isinstance(step, Settled | Wait) or not any(each.alive for each in view.holding.instances):
        return False
    is_void = known.credential != view.subscription.credential
    return is_void or known.renew_time is None or now >= known.renew_time


async def _observed(holding: Holding, known: Deployment, manifest: Manifest) -> Observed:
    now = datetime.now(UTC)
    instances = await asyncio.gather(*(_instance(each, known, manifest, now) for each in holding.instances))
    rested = (now - known.start_time).total_seconds() if known.start_time else 1e9
    return Observed(tuple(instances), holding.remains, known.attempts, rested, known.words)


async def _instance(found: Found, known: Deployment, manifest: Manifest, now: datetime) -> Instance:
    since, phase = found.started, Phase.ENDED
    if found.alive and await answers(found.address, manifest.health):
        phase = Phase.WELL
    elif found.alive:
        was_well = known.well_time is not None and known.well_time >= found.started
        phase = Phase.UNWELL if was_well else Phase.STARTING
        since = known.well_time if was_well and known.well_time else found.started
    seconds = (now - since).total_seconds()
    return Instance(found.handle, found.generation, phase, seconds, found.altered, found.words)


def _stepped(known: Deployment, step: str, words: str, now: datetime) -> Deployment:
    return replace(known, steps=(*known.steps, Taken(step, words, now))[-_LATEST_STEPS:])


def _resource(name: SubscriptionName) -> str:
    return SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)


def _progress(known: Deployment) -> deployments_pb2.DeploymentProgress:
    progress = deployments_pb2.DeploymentProgress(
        subscription=_resource(known.name), generation=known.generation, provisioner=known.provisioner
    )
    for each in known.steps:
        progress.steps.add(step=each.step, words=each.words).time.FromDatetime(each.time)
    return progress
