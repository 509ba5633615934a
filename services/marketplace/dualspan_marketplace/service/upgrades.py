"""Use cases: upgrades as people ask for them."""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from google.longrunning import operations_pb2

from dualspan_manifest import Manifest, check_configuration, parse
from dualspan_marketplace.bindings.matching import choose, propose
from dualspan_marketplace.bindings.model import Asset, GrantedTag
from dualspan_marketplace.catalogue.asking import what_is_new
from dualspan_marketplace.catalogue.errors import listing_not_found
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.plant import Plant
from dualspan_marketplace.service.upgrade_messages import upgrade_message
from dualspan_marketplace.store import listings, subscriptions
from dualspan_marketplace.store import upgrades as store
from dualspan_marketplace.store.listings import Listed
from dualspan_marketplace.subscriptions import errors
from dualspan_marketplace.subscriptions.life import Cause, Clock, Life, State, Step, take
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName
from dualspan_marketplace.upgrades.errors import (
    consent_needed,
    no_newer,
    not_newer,
    upgrade_not_found,
    version_not_published,
)
from dualspan_marketplace.upgrades.model import Phase
from dualspan_marketplace.upgrades.record import Snapshot, Upgrade
from dualspan_runtime.audit import Audit
from dualspan_runtime.database import Connection, Database
from dualspan_runtime.operations import OperationStore
from dualspan_runtime.tasks import Jobs
from dualspan_standards.semver import Version


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the new version is to run with."""

    listed: Listed
    manifest: Manifest
    configuration: Mapping[str, Any]
    roles: Mapping[str, tuple[str, ...]]
    tags: tuple[GrantedTag, ...]


@dataclass(frozen=True, slots=True)
class _Way:
    """How an upgrade begins: its first phase, the subscription's life then, and why it is no canary."""

    phase: Phase
    life: Life
    reason: str


class Upgrades:
    """Begins upgrades, and tells of them.

    Args:
        database: Where they are.
        operations: How they go, for whoever waits.
        plant: Knows the tenants' assets.
        audit: Keeps who did what.
        clock: How long a subscription is borne with.
        jobs: Tells the worker; what it is not told, it finds.
    """

    def __init__(
        self, database: Database, operations: OperationStore, plant: Plant, audit: Audit, clock: Clock, jobs: Jobs
    ) -> None:
        self._database = database
        self._operations = operations
        self._plant = plant
        self._audit = audit
        self._clock = clock
        self._jobs = jobs

    async def begin(
        self, name: SubscriptionName, version: str, values: Mapping[str, Any], etag: str, *, consent: bool
    ) -> operations_pb2.Operation:
        """Begin an upgrade: a snapshot, and the new version beside the old one.

        Args:
            name: Of the subscription.
            version: To go to; "" for the newest.
            values: Settings that are to be others.
            etag: Of the subscription as the caller saw it.
            consent: To what the new version asks for beyond the old one.

        Raises:
            Aborted: The subscription is another by now (`ETAG_MISMATCH`).
            NotFound: There is no such subscription or version.
            InvalidArgument: The configuration is not what the new version asks for.
            FailedPrecondition: It is not the time, nothing is newer, it asks for more (`CONSENT_NEEDED`), or the assets
                do not suit it (`BINDING_INCOMPLETE`).
        """
        # Assets are asked for before the transaction: no network inside it.
        assets = await self._plant.assets(name.tenant)
        async with self._database.transaction(name.tenant) as connection:
            found = await _there(connection, name, lock=True)
            if found.etag != etag:
                raise errors.changed_meanwhile()
            way = _way(found.life, self._clock)
            if way is None:
                raise errors.not_possible(found.life, Step.UPGRADE)
            plan = _planned(found, await _target(connection, found, version), values, assets)
            grant = tuple(await subscriptions.granted(connection, name))
            _check_consent(found, grant, plan, consent=consent)
            operation = await self._write(connection, found, grant, plan, way)
        await self._jobs.request("marketplace.upgrades")
        if way.phase is not Phase.CANARY:
            await self._jobs.request("marketplace.outputs")
            await self._jobs.request("marketplace.deploy", name.tenant, name.subscription_id)
        return operation

    async def cancel(self, name: SubscriptionName, number: int) -> Upgrade:
        """Call one off, unless it has ended; raises NotFound."""
        async with self._database.transaction(name.tenant) as connection:
            # The subscription first, as whoever takes a step does.
            await _there(connection, name, lock=True)
            found = await _found(connection, name, number)
            if not found.phase.is_over and not found.called_off:
                found = replace(found, called_off=True)
                await store.call_off(connection, found)
                await self._audited(connection, name, "cancelUpgrade")
        await self._jobs.request("marketplace.upgrades")
        return found

    async def get(self, name: SubscriptionName, number: int) -> Upgrade:
        """One upgrade; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            await _there(connection, name)
            return await _found(connection, name, number)

    async def page(self, name: SubscriptionName, before: int, limit: int) -> list[Upgrade]:
        """Upgrades of a subscription, the latest first; raises NotFound."""
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            await _there(connection, name)
            return await store.page(connection, name, before, limit)

    async def _write(
        self, connection: Connection, found: Subscription, grant: tuple[GrantedTag, ...], plan: _Plan, way: _Way
    ) -> operations_pb2.Operation:
        name, now = found.name, datetime.now(UTC)
        new = Upgrade(
            name=name,
            number=await store.next_number(connection, name),
            canary_id=f"canary-{secrets.token_hex(8)}",
            snapshot=Snapshot(found.version, found.manifest, found.scopes, found.configuration, found.roles, grant),
            to_version=plan.listed.version,
            canary_seconds=plan.manifest.upgrade.canary,
            operation="",
            create_time=now,
            phase=way.phase,
            reason=way.reason,
            switch_time=None if way.phase is Phase.CANARY else now,
            end_time=now if way.phase.is_over else None,
        )
        made = await self._operations.create(
            connection, name.tenant, metadata=upgrade_message(new), resource=_resource(name)
        )
        await store.insert(connection, replace(new, operation=made.name))
        if way.phase is Phase.CANARY:
            await subscriptions.update(connection, replace(found, life=way.life))
            await _put_canary(connection, found, new, plan)
        else:
            await _put_in_place(connection, replace(found, life=way.life), plan)
        if way.phase.is_over:
            await self._operations.finish(connection, name.tenant, made.name, upgrade_message(new))
        await self._audited(connection, name, "upgrade")
        return made

    async def _audited(self, connection: Connection, name: SubscriptionName, action: str) -> None:
        await self._audit.write(connection, name.tenant, f"marketplace.subscriptions.{action}", _resource(name))


def _way(life: Life, clock: Clock) -> _Way | None:
    """How an upgrade begins; None where it cannot.

    Where the old version runs, the new one is compared with it. What its publisher withdrew cannot run: the new version
    is started in its place. Of what is suspended for another cause nothing is started, and what failed is started anew.
    """
    now = datetime.now(UTC)
    upgrading = take(life, Step.UPGRADE, now, clock)
    if upgrading is not None and life.state is State.ACTIVE:
        return _Way(Phase.CANARY, upgrading, "")
    if upgrading is not None:
        switched = take(upgrading, Step.SWITCH, now, clock)
        return switched and _Way(Phase.SWITCHING, switched, "Its publisher has withdrawn the old version.")
    replaced = take(life, Step.REPLACE, now, clock)
    stopped = replaced is not None and replaced.state is State.SUSPENDED
    when = " It runs once the subscription is resumed." if stopped else ""
    return replaced and _Way(Phase.SWITCHED, replaced, f"Nothing ran that it could be compared with.{when}")


async def _put_in_place(connection: Connection, found: Subscription, plan: _Plan) -> None:
    """The subscription is to the new version from now on."""
    await subscriptions.grant(connection, found.name, plan.tags)
    await store.change_version(connection, found.name, plan.listed.version, plan.listed.manifest, plan.manifest.scopes)
    await subscriptions.update(connection, replace(found, configuration=plan.configuration, roles=plan.roles))


async def _put_canary(connection: Connection, found: Subscription, new: Upgrade, plan: _Plan) -> None:
    """The new version as a subscription of its own, which waits for the tags of its results."""
    canary = Subscription(
        name=new.canary,
        publisher=found.publisher,
        app_id=found.app_id,
        version=plan.listed.version,
        manifest=plan.listed.manifest,
        scopes=plan.manifest.scopes,
        # Neither a trial nor anything that is paid for.
        terms=replace(found.terms, is_paid=False, trial_days=0),
        configuration=plan.configuration,
        roles={},
        life=Life(),
        revision=1,
        request_id="",
        request_digest=b"",
        create_time=new.create_time,
        canary_of=found.name.subscription_id,
    )
    await subscriptions.insert(connection, canary)
    await subscriptions.grant(connection, canary.name, plan.tags)
    await subscriptions.update(connection, replace(canary, roles=plan.roles))


async def _target(connection: Connection, found: Subscription, version: str) -> Listed:
    """The version to go to, which is newer; from one that its publisher has withdrawn, any that is published."""
    if version:
        listed = await listings.find_version(connection, found.app_id, version)
        if listed is None:
            raise version_not_published(found.app_id, version)
    else:
        listed = await listings.find(connection, found.app_id)
        if listed is None:
            raise listing_not_found(found.app_id)
    had, wanted = Version.parse(found.version), Version.parse(listed.version)
    leaves = found.life.cause is Cause.WITHDRAWN
    if had is None or wanted is None or not (had < wanted or leaves):
        raise not_newer(found.version, version) if version else no_newer(found.version)
    return listed


def _planned(found: Subscription, listed: Listed, values: Mapping[str, Any], assets: Sequence[Asset]) -> _Plan:
    manifest = parse(listed.manifest)
    known = manifest.configuration["properties"]
    kept = {key: value for key, value in found.configuration.items() if key in known}
    configuration, problems = check_configuration(manifest.configuration, {**kept, **values})
    if problems:
        raise errors.bad_configuration([f"{each.path}: {each.reason} {each.advice}" for each in problems])
    proposals = propose(manifest, assets)
    named = {each.role for each in proposals}
    chosen = {role: ids for role, ids in found.roles.items() if role in named}
    tags, misfits = choose(proposals, chosen, found.terms.max_assets)
    if misfits:
        raise errors.bad_binding(misfits)
    roles = {role: tuple(sorted({tag.asset_id for tag in tags if tag.role == role})) for role in sorted(named)}
    return _Plan(listed, manifest, configuration, roles, tags)


def _check_consent(found: Subscription, grant: Sequence[GrantedTag], plan: _Plan, *, consent: bool) -> None:
    """To what the manifest asks more for, and to what of the assets was not granted: a role may fit others by now."""
    before = parse(found.manifest)
    more = [words for words in what_is_new(before, plan.manifest) if not words.startswith("no more")]
    had = {(tag.asset_id, tag.property) for tag in grant}
    read = {(tag.asset_id, tag.property) for tag in plan.tags}
    more += [f"new: reads {read_property} of {asset}" for asset, read_property in sorted(read - had)]
    if more and not consent:
        raise consent_needed(plan.listed.version, more)


async def _there(connection: Connection, name: SubscriptionName, *, lock: bool = False) -> Subscription:
    found = await subscriptions.find(connection, name, lock=lock)
    if found is None or found.canary_of:
        raise errors.subscription_not_found(name.subscription_id)
    return found


async def _found(connection: Connection, name: SubscriptionName, number: int) -> Upgrade:
    found = await store.find(connection, name, number)
    if found is None:
        raise upgrade_not_found(number)
    return found


def _resource(name: SubscriptionName) -> str:
    return SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
