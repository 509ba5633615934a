"""Use cases: subscriptions from their first request to their last day."""

import hashlib
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from dualspan_manifest import check_configuration, parse
from dualspan_marketplace.bindings.matching import choose, propose
from dualspan_marketplace.bindings.model import GrantedTag, RoleProposal
from dualspan_marketplace.deployments.provisioner import Refused
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.plant import Plant
from dualspan_marketplace.service.sweeping import on_its_own
from dualspan_marketplace.service.terms import check_change, find_listed, find_terms
from dualspan_marketplace.store import refusals, upgrades
from dualspan_marketplace.store import subscriptions as store
from dualspan_marketplace.subscriptions import errors
from dualspan_marketplace.subscriptions.life import Cause, Clock, Life, State, Step, due, take, without_trial
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName
from dualspan_runtime.audit import Audit
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.tasks import Jobs

_AT_ONCE = 200


class Subscriptions:
    """Subscriptions of tenants, and what their apps may read.

    Args:
        database: Where they are.
        plant: Knows the tenants' assets.
        audit: Keeps who did what.
        clock: How long a subscription is borne with.
        jobs: Tells the worker what to look at; what it is not told, it finds.
    """

    def __init__(self, database: Database, plant: Plant, audit: Audit, clock: Clock, jobs: Jobs) -> None:
        self._jobs = jobs
        self._database = database
        self._plant = plant
        self._audit = audit
        self._clock = clock

    async def propose(self, tenant: str, app_id: str) -> tuple[str, Sequence[RoleProposal]]:
        """What the newest version of an app would find in the plant, and which version that is."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            listed = await find_listed(connection, app_id)
        return listed.version, propose(parse(listed.manifest), await self._plant.assets(tenant))

    async def create(
        self, name: SubscriptionName, app_id: str, plan_id: str, values: Mapping[str, Any], request_id: str
    ) -> Subscription:
        """Make a subscription, which waits for its binding.

        Raises:
            NotFound: There is no such app, or no such plan.
            InvalidArgument: The configuration is not what the app asks for, or the request id is another request's.
            AlreadyExists: There is a subscription of this id (`SUBSCRIPTION_TAKEN`).
            FailedPrecondition: The enterprise has tried the app before (`TRIAL_WAS_USED`).
        """
        digest = _digest(name.subscription_id, app_id, plan_id, values)
        async with self._database.transaction(name.tenant) as connection:
            await store.hold_app(connection, name.tenant, app_id)
            known = await store.find_request(connection, name.tenant, request_id) if request_id else None
            if known is not None:
                if known.request_digest != digest:
                    raise errors.request_reused()
                return known
            listed = await find_listed(connection, app_id)
            terms = await find_terms(connection, listed, plan_id)
            if terms.trial_days and await store.tried(connection, name.tenant, app_id):
                raise errors.trial_was_used(app_id)
            new = Subscription(
                name=name,
                publisher=listed.tenant,
                app_id=app_id,
                version=listed.version,
                manifest=listed.manifest,
                scopes=parse(listed.manifest).scopes,
                terms=terms,
                configuration=_configuration(listed.manifest, values),
                roles={},
                life=Life(),
                revision=1,
                request_id=request_id,
                request_digest=digest,
                create_time=datetime.now(UTC),
            )
            if not await store.insert(connection, new):
                raise errors.subscription_taken(name.subscription_id)
            await self._write(connection, name, "create")
            return await _there(connection, name)

    async def accept(self, name: SubscriptionName, chosen: Mapping[str, Sequence[str]], etag: str) -> Subscription:
        """Grant exactly the tags of the assets that were chosen.

        Raises:
            Aborted: The subscription is another by now (`ETAG_MISMATCH`).
            FailedPrecondition: The choice does not do (`BINDING_INCOMPLETE`), or it is not the time
                (`NOT_POSSIBLE_NOW`).
        """
        # Assets are asked for before the transaction: no network inside it.
        assets = await self._plant.assets(name.tenant)
        async with self._database.transaction(name.tenant) as connection:
            found = await _seen(connection, name, etag)
            step = Step.ACCEPT if found.life.state is State.PENDING else Step.CHANGE
            proposals = propose(parse(found.manifest), assets)
            tags, problems = choose(proposals, chosen, found.terms.max_assets)
            if problems:
                raise errors.bad_binding(problems)
            roles = {each.role: _assets_of(each.role, tags) for each in proposals}
            life = _taken(found, step, self._clock)
            if step is Step.ACCEPT and found.terms.trial_days:
                life = replace(life, trial_end=datetime.now(UTC) + timedelta(days=found.terms.trial_days))
            await store.grant(connection, name, tags)
            await store.update(connection, replace(found, roles=roles, life=life))
            await self._write(connection, name, "acceptBinding")
            accepted = await _there(connection, name)
        await self._deploy(name)
        return accepted

    async def change(self, name: SubscriptionName, plan_id: str, values: Mapping[str, Any], etag: str) -> Subscription:
        """Change plan and configuration; what is the same already changes nothing.

        Raises:
            Aborted: The subscription is another by now (`ETAG_MISMATCH`).
            FailedPrecondition: The plan allows fewer assets than are bound, is a trial, or it is not the time.
        """
        async with self._database.transaction(name.tenant) as connection:
            found = await _seen(connection, name, etag)
            configuration, terms = _configuration(found.manifest, values), found.terms
            if plan_id != terms.plan_id:
                terms = await find_terms(connection, await find_listed(connection, found.app_id), plan_id)
                check_change(found, terms)
            if (terms, configuration) == (found.terms, found.configuration):
                return found
            life = _taken(found, Step.CHANGE, self._clock)
            if not terms.trial_days:
                life = without_trial(life)
            await store.update(connection, replace(found, terms=terms, configuration=configuration, life=life))
            await self._write(connection, name, "update")
            changed = await _there(connection, name)
        await self._deploy(name)
        return changed

    async def get(self, name: SubscriptionName) -> Subscription:
        """One subscription; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            return await _there(connection, name)

    async def page(self, tenant: str, after: str, limit: int) -> list[Subscription]:
        """Subscriptions in order of id."""
        async with self._database.transaction(tenant, readonly=True) as connection:
            return await store.page(connection, tenant, after, limit)

    async def granted(self, name: SubscriptionName) -> tuple[list[GrantedTag], bool]:
        """What is granted, and whether that is in force; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            found = await _there(connection, name)
            return await store.granted(connection, name), found.life.state.reads

    async def refused(self, name: SubscriptionName) -> list[Refused]:
        """The ways out that its app did not get, the latest first; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            await _there(connection, name)
            return await refusals.latest(connection, name)

    async def suspend(self, name: SubscriptionName) -> Subscription:
        """Stop the app; asked twice, it is done once."""
        return await self._asked(name, Step.SUSPEND, State.SUSPENDED)

    async def resume(self, name: SubscriptionName) -> Subscription:
        """Start it again.

        Raises:
            FailedPrecondition: A bill is not paid (`BILL_UNPAID`), a paid plan is needed first (`PLAN_NEEDED`), or it
                is not the time.
        """
        return await self._asked(name, Step.RESUME, State.PROVISIONING)

    async def cancel(self, name: SubscriptionName) -> Subscription:
        """End it; asked twice, it is done once."""
        return await self._asked(name, Step.CANCEL, State.CANCELLING)

    async def revoke_tokens(self, name: SubscriptionName) -> Subscription:
        """Void every access token of the app; whoever runs it sees another credential, and hands over a token of that.

        Raises:
            NotFound: There is no such subscription.
            FailedPrecondition: Nothing of it will run again (`NOT_POSSIBLE_NOW`).
        """
        async with self._database.transaction(name.tenant) as connection:
            found = await _there(connection, name, lock=True)
            if found.life.state.is_over:
                raise errors.over(found.life.state)
            await upgrades.void_canaries(connection, name)
            await store.update(connection, replace(found, credential=found.credential + 1))
            await self._write(connection, name, "revokeAppTokens")
            revoked = await _there(connection, name)
        await self._deploy(name)
        return revoked

    async def _asked(self, name: SubscriptionName, step: Step, done: State) -> Subscription:
        async with self._database.transaction(name.tenant) as connection:
            found = await _there(connection, name, lock=True)
            if found.life.state is done or (step is Step.CANCEL and found.life.state is State.CANCELLED):
                return found
            ended = found.life.trial_end is not None and found.life.trial_end <= datetime.now(UTC)
            if step is Step.RESUME and ended and not found.life.is_unpaid:
                raise errors.plan_needed()
            await store.update(connection, replace(found, life=_taken(found, step, self._clock)))
            await self._write(connection, name, step.value)
            asked = await _there(connection, name)
        await self._deploy(name)
        return asked

    async def sweep(self) -> None:
        """Do what time has brought about, and stop what a publisher has withdrawn."""
        async with self._database.platform_transaction() as connection:
            late = await store.due(connection, _AT_ONCE)
            withdrawn = await store.of_withdrawn(connection, _AT_ONCE)
        for name in late:
            await self._safely(name, self._overdue)
        for name, version in withdrawn:
            await self._safely(name, partial(self._withdrawn, version))

    async def _safely(
        self, name: SubscriptionName, work: Callable[[Connection, Subscription], Awaitable[None]]
    ) -> None:
        """What nobody asked for; its failure is this subscription's alone, and waits for the next sweep."""
        with on_its_own("a subscription", name):
            async with self._database.transaction(name.tenant) as connection:
                # Held before it is looked at: another replica or a person may have been faster.
                await work(connection, await _there(connection, name, lock=True))

    async def _overdue(self, connection: Connection, found: Subscription) -> None:
        then = due(found.life, datetime.now(UTC))
        if then is not None:
            step, cause = then
            reason = "The trial is over: choose a plan that is paid." if cause is Cause.TRIAL_OVER else ""
            await self._by_itself(connection, found, step, cause, reason)

    async def _withdrawn(self, version: str, connection: Connection, found: Subscription) -> None:
        if found.version == version:
            reason = "The publisher has withdrawn this version."
            await self._by_itself(connection, found, Step.SUSPEND, Cause.WITHDRAWN, reason)

    async def _by_itself(
        self, connection: Connection, found: Subscription, step: Step, cause: Cause, reason: str
    ) -> None:
        life = take(found.life, step, datetime.now(UTC), self._clock, cause=cause, reason=reason)
        if life is not None:
            await store.update(connection, replace(found, life=life))
            await self._write(connection, found.name, step.value)

    async def _deploy(self, name: SubscriptionName) -> None:
        """Have what runs made what shall run."""
        await self._jobs.request("marketplace.deploy", name.tenant, name.subscription_id)

    async def _write(self, connection: Connection, name: SubscriptionName, action: str) -> None:
        resource = SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
        await self._audit.write(connection, name.tenant, f"marketplace.subscriptions.{action}", resource)


async def _there(connection: Connection, name: SubscriptionName, *, lock: bool = False) -> Subscription:
    found = await store.find(connection, name, lock=lock)
    # A canary is an upgrade's, and none of what people see.
    if found is None or found.canary_of:
        raise errors.subscription_not_found(name.subscription_id)
    return found


async def _seen(connection: Connection, name: SubscriptionName, etag: str) -> Subscription:
    """The subscription, held, if it is the one that the caller saw."""
    found = await _there(connection, name, lock=True)
    if found.etag != etag:
        raise errors.changed_meanwhile()
    return found


def _configuration(manifest: str, values: Mapping[str, Any]) -> dict[str, Any]:
    complete, problems = check_configuration(parse(manifest).configuration, values)
    if problems:
        raise errors.bad_configuration([f"{each.path}: {each.reason} {each.advice}" for each in problems])
    return complete


def _taken(found: Subscription, step: Step, clock: Clock) -> Life:
    life = take(found.life, step, datetime.now(UTC), clock)
    if life is None:
        raise errors.not_possible(found.life, step)
    return life


def _assets_of(role: str, tags: Sequence[GrantedTag]) -> tuple[str, ...]:
    return tuple(sorted({tag.asset_id for tag in tags if tag.role == role}))


def _digest(subscription_id: str, app_id: str, plan_id: str, values: Mapping[str, Any]) -> bytes:
    whole = json.dumps([subscription_id, app_id, plan_id, dict(values)], sort_keys=True)
    return hashlib.sha256(whole.encode()).digest()
