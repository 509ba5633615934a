"""What is known of a subscription's app and what is found of it: how the worker looks before it acts."""

import asyncio
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from dualspan.marketplace.v1 import deployments_pb2
from dualspan_manifest import Manifest, parse
from dualspan_marketplace.deployments.health import answers
from dualspan_marketplace.deployments.model import (
    GiveUp,
    Instance,
    Observed,
    Phase,
    Settled,
    Step,
    Wait,
    desired,
)
from dualspan_marketplace.deployments.provisioner import Found, Holding
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.store.deployments import Deployment, Taken
from dualspan_marketplace.subscriptions import life as lives
from dualspan_marketplace.subscriptions.life import State
from dualspan_marketplace.subscriptions.model import Subscription, SubscriptionName

# Written down no more often than this while all is well.
_WELL_SECONDS = timedelta(seconds=5)
_LATEST_STEPS = 20


@dataclass(frozen=True, slots=True)
class View:
    """A subscription, what is known of what runs, what was found, and the step that follows."""

    subscription: Subscription
    known: Deployment
    holding: Holding
    step: Step


@lru_cache(maxsize=256)
def parsed(manifest: str) -> Manifest:
    """Many subscriptions have the same, and all are looked at every few seconds."""
    return parse(manifest)


def follows(view: View) -> tuple[lives.Step, str] | None:
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


def is_news(view: View, now: datetime) -> bool:
    """Whether anything has to be done or written down."""
    known = view.known
    if isinstance(view.step, Wait):
        return is_renewal(view, now) or (not known.operation and view.subscription.life.state is State.PROVISIONING)
    if not isinstance(view.step, Settled):
        return True
    if not desired(view.subscription.life).runs:
        return not known.clear or bool(known.operation) or view.subscription.life.state is State.CANCELLING
    if view.subscription.life.state is State.PROVISIONING or is_renewal(view, now):
        return True
    if known.well_time is None or now - known.well_time > _WELL_SECONDS:
        return True
    # What was known well was the one before: the new one's address is not its.
    return known.start_time is not None and known.well_time < known.start_time


def is_only_well(view: View, now: datetime) -> bool:
    """Whether all that is new is that it is still well."""
    life = view.subscription.life
    is_well = isinstance(view.step, Settled) and desired(life).runs and life.state is not State.PROVISIONING
    return is_well and not view.known.operation and not is_renewal(view, now)


def is_renewal(view: View, now: datetime) -> bool:
    """Whether what runs needs another token, be it well or not: without one that counts it cannot become so."""
    known, step = view.known, view.step
    if not isinstance(step, Settled | Wait) or not any(each.alive for each in view.holding.instances):
        return False
    is_void = known.credential != view.subscription.credential
    return is_void or known.renew_time is None or now >= known.renew_time


async def observed(holding: Holding, known: Deployment, manifest: Manifest) -> Observed:
    """What is, with every instance asked how it is."""
    now = datetime.now(UTC)
    instances = await asyncio.gather(*(_instance(each, known, manifest, now) for each in holding.instances))
    rested = (now - known.start_time).total_seconds() if known.start_time else 1e9
    return Observed(tuple(instances), holding.remains, known.attempts, rested, known.words, holding.lacks)


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


def stepped(known: Deployment, step: str, words: str, now: datetime) -> Deployment:
    """The same with a step more."""
    return replace(known, steps=(*known.steps, Taken(step, words, now))[-_LATEST_STEPS:])


def is_said(known: Deployment, step: str) -> bool:
    """Whether the last step is this one."""
    return bool(known.steps) and known.steps[-1].step == step


def noted(known: Deployment, step: str, words: str, now: datetime) -> Deployment:
    """The same with a step more, unless it is what the last one says already."""
    last = known.steps[-1] if known.steps else None
    return known if last and (last.step, last.words) == (step, words) else stepped(known, step, words, now)


def resource(name: SubscriptionName) -> str:
    """A subscription's full name."""
    return SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)


def progress(known: Deployment) -> deployments_pb2.DeploymentProgress:
    """How a start or an end goes, for whoever waits."""
    told = deployments_pb2.DeploymentProgress(
        subscription=resource(known.name), generation=known.generation, provisioner=known.provisioner
    )
    for each in known.steps:
        told.steps.add(step=each.step, words=each.words).time.FromDatetime(each.time)
    return told
