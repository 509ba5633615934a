"""A subscription on its way: each step of its start or end as it is taken, and where it got to."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Annotated

import typer
from google.longrunning import operations_pb2
from google.longrunning.operations_pb2_grpc import OperationsStub

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan.marketplace.v1.deployments_pb2 import DeploymentProgress
from dualspan.marketplace.v1.subscriptions_pb2_grpc import SubscriptionServiceStub
from dualspan_cli.errors import CommandError
from dualspan_cli.output import as_dict, messages, print_json
from dualspan_cli.session import Session, required_tenant

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.marketplace.v1.subscriptions_pb2_grpc import SubscriptionServiceAsyncStub

SubscriptionArgument = Annotated[str, typer.Argument(metavar="SUBSCRIPTION", help="Id of the subscription.")]
WaitOption = Annotated[
    float, typer.Option("--wait", min=0, help="Follow it for so many seconds until it is settled; 0: do not.")
]
PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.3
_LATEST = 50
_UNDER_WAY = frozenset(
    {
        contract.SUBSCRIPTION_STATE_PROVISIONING,
        contract.SUBSCRIPTION_STATE_UPGRADING,
        contract.SUBSCRIPTION_STATE_CANCELLING,
    }
)


def stub(session: Session) -> SubscriptionServiceAsyncStub:
    """The service of subscriptions."""
    return SubscriptionServiceStub(session.marketplace_channel)


def full_name(session: Session, subscription: str) -> str:
    """`tenants/{tenant}/subscriptions/{subscription}`."""
    return f"{required_tenant(session)}/subscriptions/{subscription}"


async def found(session: Session, subscription: str) -> contract.Subscription:
    """A subscription as it is now."""
    request = contract.GetSubscriptionRequest(name=full_name(session, subscription))
    return await stub(session).GetSubscription(request)


def state_of(given: contract.Subscription) -> str:
    """Such as `active`."""
    return contract.SubscriptionState.Name(given.state).removeprefix("SUBSCRIPTION_STATE_").lower()


async def settled(session: Session, given: contract.Subscription, seconds: float) -> contract.Subscription:
    """Follow a subscription until nothing of it is under way; each step is told as it is taken.

    Args:
        session: Who asks.
        given: As it was answered.
        seconds: How long; 0: not at all.

    Raises:
        CommandError: It failed, for a reason that is said (`NOT_STARTED`), or takes longer (`STILL_UNDER_WAY`).
    """
    until = time.monotonic() + seconds
    steps = _Steps(session, given.name)
    if seconds:
        await steps.begin()
    while seconds and given.state in _UNDER_WAY:
        if time.monotonic() > until:
            words = f"It is {state_of(given)} after {seconds:.0f} s, and that goes on."
            raise CommandError("STILL_UNDER_WAY", f"{words} Look later: dualspan subscriptions show")
        await asyncio.sleep(_POLL_SECONDS)
        given = await stub(session).GetSubscription(contract.GetSubscriptionRequest(name=given.name))
        await steps.tell()
    if seconds and given.state == contract.SUBSCRIPTION_STATE_FAILED:
        raise CommandError("NOT_STARTED", given.reason)
    return given


class _Steps:
    """The steps of a subscription's start or end, each told once.

    Args:
        session: Who asks.
        subscription: Full name.
    """

    def __init__(self, session: Session, subscription: str) -> None:
        self._session = session
        self._subscription = subscription
        self._over: frozenset[str] = frozenset()
        self._told = 0

    async def begin(self) -> None:
        """What has ended by now is not told of."""
        self._over = frozenset([each.name for each, _ in await self._operations() if each.done])

    async def tell(self) -> None:
        """Print the steps that were taken since the last time."""
        progress = next((told for each, told in await self._operations() if each.name not in self._over), None)
        steps = progress.steps[self._told :] if progress else ()
        self._told += len(steps)
        for step in steps:
            words = f": {step.words}" if step.words else ""
            messages.print(f"  {step.step}{words}", soft_wrap=True, markup=False)

    async def _operations(self) -> list[tuple[operations_pb2.Operation, DeploymentProgress]]:
        """Those of the subscription, the newest first."""
        operations = OperationsStub(self._session.marketplace_channel)
        request = operations_pb2.ListOperationsRequest(name=required_tenant(self._session), page_size=_LATEST)
        found: list[tuple[operations_pb2.Operation, DeploymentProgress]] = []
        for each in (await operations.ListOperations(request)).operations:
            progress = DeploymentProgress()
            if each.metadata.Unpack(progress) and progress.subscription == self._subscription:
                found.append((each, progress))
        return found


def tell(given: contract.Subscription, *, as_json: bool) -> None:
    """Print where a subscription stands."""
    if as_json:
        print_json(as_dict(given))
        return
    reason = f": {given.reason}" if given.reason else ""
    identifier = given.name.rpartition("/")[2]
    messages.print(f"{identifier} ({given.app} {given.version}) is {state_of(given)}{reason}.", soft_wrap=True)
