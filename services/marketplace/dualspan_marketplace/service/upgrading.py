"""Use case of the worker: take upgrades to their end. Each step is one transaction: a worker's end loses none."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from dualspan_manifest import parse
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.service.likeness import Likeness
from dualspan_marketplace.service.outputs import Outputs
from dualspan_marketplace.service.sweeping import on_its_own
from dualspan_marketplace.service.upgrade_messages import upgrade_message
from dualspan_marketplace.store import deployments, subscriptions
from dualspan_marketplace.store import upgrades as store
from dualspan_marketplace.store.deployments import Deployment
from dualspan_marketplace.store.upgrades import Barred
from dualspan_marketplace.subscriptions import life as lives
from dualspan_marketplace.subscriptions.life import Cause, Clock, take
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName
from dualspan_marketplace.upgrades.comparison import Compared, judge
from dualspan_marketplace.upgrades.errors import abandoned, rolled_back
from dualspan_marketplace.upgrades.model import (
    Abandon,
    Begin,
    Canary,
    EndCanary,
    Finish,
    Judge,
    Mark,
    Phase,
    Place,
    Revert,
    RollBack,
    Seen,
    Settled,
    Shelve,
    Step,
    Switch,
    Wait,
    next_step,
)
from dualspan_marketplace.upgrades.record import Upgrade
from dualspan_runtime.audit import Audit
from dualspan_runtime.context import set_call
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.principal import Principal, PrincipalKind
from dualspan_runtime.tasks import Jobs

_AT_ONCE = 500
# Steps of one upgrade in one sweep: from its end none is more than a few away.
_MOST_STEPS = 6
# What was seen well so long ago may be well no more.
_FRESH = timedelta(seconds=30)
_NONE_BARRED = Barred()


@dataclass(frozen=True, slots=True)
class _View:
    """An upgrade and its two subscriptions, and the step that follows."""

    upgrade: Upgrade
    subscription: Subscription
    canary: Subscription | None
    step: Step


class Upgrading:
    """Takes steps, one at a time for each upgrade, whichever worker comes first.

    Args:
        database: Where upgrades are.
        operations: How they go, for whoever waits.
        audit: Keeps what was done.
        clock: How long a subscription is borne with.
        outputs: Has the tags of results made.
        likeness: Compares what both versions wrote.
        jobs: Tells whoever runs apps.
    """

    def __init__(
        self,
        database: Database,
        operations: OperationStore,
        audit: Audit,
        clock: Clock,
        outputs: Outputs,
        likeness: Likeness,
        jobs: Jobs,
    ) -> None:
        self._database = database
        self._operations = operations
        self._audit = audit
        self._clock = clock
        self._outputs = outputs
        self._likeness = likeness
        self._jobs = jobs

    async def sweep(self) -> None:
        """Take whatever steps can be taken now."""
        async with self._database.platform_transaction() as connection:
            found = await store.unsettled(connection, _AT_ONCE)
        for name, number, barred in found:
            with on_its_own("an upgrade", name):
                await self.follow(name, number, barred)

    async def follow(self, name: SubscriptionName, number: int, barred: Barred = _NONE_BARRED) -> None:
        """Take steps of one upgrade until it has to wait, or is settled; see `turn`."""
        for _ in range(_MOST_STEPS):
            step = await self.turn(name, number, barred)
            if step is None or isinstance(step, Wait | Settled):
                return

    async def turn(self, name: SubscriptionName, number: int, barred: Barred = _NONE_BARRED) -> Step | None:
        """Take one step; None if there is no such upgrade, or another worker is at it.

        Args:
            name: Of the subscription.
            number: Of the upgrade.
            barred: What its publisher has withdrawn.

        Raises:
            Unavailable, AioRpcError: A service that is asked does not answer.
        """
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            view = await self._view(connection, await store.find(connection, name, number), barred)
        if view is None or isinstance(view.step, Wait):
            return view.step if view else None
        compared: Sequence[Compared] | None = None
        if isinstance(view.step, Begin):
            await self._outputs.settle(view.upgrade.canary)
        elif isinstance(view.step, Judge):
            compared = await self._compared(view)
        async with self._database.transaction(name.tenant) as connection:
            # The subscription first, as people do; what was seen before may be another worker's past.
            await subscriptions.find(connection, name, lock=True)
            held = await store.hold(connection, name, number)
            view = await self._view(connection, held, barred, compared)
            if view is None:
                return None
            set_call(Principal(PrincipalKind.SERVICE, "services/marketplace"), name.tenant)
            await self._take(connection, view, compared or ())
        await self._tell(view)
        return view.step

    async def _view(
        self,
        connection: Connection,
        found: Upgrade | None,
        barred: Barred,
        compared: Sequence[Compared] | None = None,
    ) -> _View | None:
        if found is None:
            return None
        subscription = await subscriptions.find(connection, found.name)
        canary = await subscriptions.find(connection, found.canary)
        if subscription is None:
            return None
        now = datetime.now(UTC)
        of_canary = await deployments.find(connection, found.canary)
        known = await deployments.find(connection, found.name)
        stopped = await self._operations.cancelled(connection, found.name.tenant, found.operation)
        seconds = _since(found.canary_time, now) or 0.0
        seen = Seen(
            phase=found.phase,
            state=subscription.life.state,
            canary=_canary(found, subscription, canary, of_canary, now) if canary else None,
            place=_place(found, subscription, known, now),
            span=found.canary_seconds,
            # Nothing new is tried for whoever does not pay for the old one.
            called_off=found.called_off or stopped or subscription.life.is_unpaid,
            withdrawn=barred.new,
            outdated=barred.old,
            verdict=judge(compared, seconds) if compared is not None else None,
        )
        return _View(found, subscription, canary, next_step(seen))

    async def _compared(self, view: _View) -> Sequence[Compared] | None:
        since = view.upgrade.canary_time
        if view.canary is None or since is None:
            return None
        rules = parse(view.canary.manifest).upgrade.compare
        return await self._likeness.compare(view.upgrade.name, view.canary.name, rules, since)

    async def _take(self, connection: Connection, view: _View, compared: Sequence[Compared]) -> None:
        """Do a step, as rows."""
        upgrade, now = view.upgrade, datetime.now(UTC)
        match view.step:
            case Begin() if view.canary:
                await self._move(connection, view.canary, lives.Step.ACCEPT)
            case Mark():
                await self._put(connection, replace(upgrade, canary_time=now))
            case Switch(why) if view.canary:
                await self._switch(connection, view, view.canary)
                changed = replace(upgrade, phase=Phase.SWITCHING, reason=why, compared=tuple(compared))
                await self._put(connection, replace(changed, switch_time=now))
            case Finish():
                await self._move(connection, view.subscription, lives.Step.RUN)
                await self._end(connection, upgrade, Phase.SWITCHED, upgrade.reason)
            case RollBack(why):
                await self._move(connection, view.subscription, lives.Step.ROLL_BACK, self._stays(upgrade, why))
                await self._end_canary(connection, view)
                changed = replace(upgrade, compared=tuple(compared) or upgrade.compared)
                await self._end(connection, changed, Phase.ROLLED_BACK, why)
            case Revert(why):
                await self._put_back(connection, view, lives.Step.REVERT, self._stays(upgrade, why))
                await self._end(connection, upgrade, Phase.ROLLED_BACK, why)
            case Shelve(why):
                await self._put_back(connection, view, lives.Step.SHELVE, self._stays(upgrade, why))
                await self._end(connection, upgrade, Phase.ROLLED_BACK, why)
            case Abandon():
                await self._end_canary(connection, view)
                await self._end(connection, upgrade, Phase.ABANDONED, abandoned().message)
            case EndCanary():
                await self._end_canary(connection, view)
            case Settled():
                await store.settle(connection, upgrade)
            case _:
                pass

    @staticmethod
    def _stays(upgrade: Upgrade, why: str) -> str:
        return f"Version {upgrade.to_version} was tried, and {upgrade.snapshot.version} stays. {why}"

    async def _switch(self, connection: Connection, view: _View, canary: Subscription) -> None:
        """The subscription becomes what the canary is; the canary ends."""
        name = view.upgrade.name
        await subscriptions.grant(connection, name, await subscriptions.granted(connection, canary.name))
        await store.change_version(connection, name, canary.version, canary.manifest, canary.scopes)
        changed = replace(view.subscription, configuration=canary.configuration, roles=canary.roles)
        await self._move(connection, changed, lives.Step.SWITCH)
        await self._end_canary(connection, view)

    async def _put_back(self, connection: Connection, view: _View, step: lives.Step, reason: str) -> None:
        """The subscription becomes what it was."""
        name, old = view.upgrade.name, view.upgrade.snapshot
        await subscriptions.grant(connection, name, old.grant)
        await store.change_version(connection, name, old.version, old.manifest, old.scopes)
        changed = replace(view.subscription, configuration=old.configuration, roles=old.roles)
        await self._move(connection, changed, step, reason)

    async def _end_canary(self, connection: Connection, view: _View) -> None:
        if view.canary is not None and not view.canary.life.state.is_over:
            await self._move(connection, view.canary, lives.Step.CANCEL)

    async def _move(self, connection: Connection, found: Subscription, step: lives.Step, reason: str = "") -> None:
        cause = Cause.WITHDRAWN if step is lives.Step.SHELVE else Cause.ASKED
        life = take(found.life, step, datetime.now(UTC), self._clock, cause=cause, reason=reason)
        if life is None:
            return
        await subscriptions.update(connection, replace(found, life=life))
        if not found.canary_of:
            action = f"marketplace.subscriptions.{step.value}"
            await self._audit.write(connection, found.name.tenant, action, _resource(found.name))

    async def _put(self, connection: Connection, changed: Upgrade) -> None:
        await store.update(connection, changed)
        tenant = changed.name.tenant
        await self._operations.progress(connection, tenant, changed.operation, upgrade_message(changed))

    async def _end(self, connection: Connection, upgrade: Upgrade, phase: Phase, reason: str) -> None:
        ended = replace(upgrade, phase=phase, reason=reason, end_time=datetime.now(UTC))
        await self._put(connection, ended)
        tenant, operation = ended.name.tenant, ended.operation
        if phase is Phase.SWITCHED:
            await self._operations.finish(connection, tenant, operation, upgrade_message(ended))
        else:
            error = rolled_back(reason) if phase is Phase.ROLLED_BACK else abandoned()
            await self._operations.fail(connection, tenant, operation, error)

    async def _tell(self, view: _View) -> None:
        """Whoever runs apps hears of what changed; what it does not hear, it finds."""
        if isinstance(view.step, Switch | Revert | Shelve):
            await self._outputs.settle_if_possible(view.upgrade.name)
        if not isinstance(view.step, Mark | Judge | Wait | Settled):
            for name in (view.upgrade.name, view.upgrade.canary):
                await self._jobs.request("marketplace.deploy", name.tenant, name.subscription_id)


def _canary(
    upgrade: Upgrade, beside: Subscription, canary: Subscription, known: Deployment | None, now: datetime
) -> Canary:
    since = upgrade.canary_time
    started = known.start_time if known else None
    well = known.well_time if known else None
    trouble = ""
    if since and started and started > since:
        words = f" Its last words: {known.words}" if known and known.words else ""
        trouble = f"It ended meanwhile and had to be started again.{words}"
    return Canary(
        state=canary.life.state,
        since=_since(since, now),
        answers=well is not None and now - well < _FRESH,
        trouble=trouble,
        problem="" if beside.health_problem else canary.health_problem,
        reason=canary.life.reason,
    )


def _place(upgrade: Upgrade, subscription: Subscription, known: Deployment | None, now: datetime) -> Place:
    since = upgrade.switch_time
    # What is known of the old version does not count.
    if since is None or known is None or known.generation != subscription.life.generation:
        return Place(seconds=_since(since, now) or 0.0)
    is_well = known.well_time is not None and known.well_time > since and known.attempts == 0
    return Place(_since(since, now) or 0.0, is_well, known.attempts, known.words)


def _since(then: datetime | None, now: datetime) -> float | None:
    return (now - then).total_seconds() if then else None


def _resource(name: SubscriptionName) -> str:
    return SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
