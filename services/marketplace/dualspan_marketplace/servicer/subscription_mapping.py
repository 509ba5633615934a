"""Subscriptions, proposals and grants as messages."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from google.protobuf.timestamp_pb2 import Timestamp

from dualspan.marketplace.v1 import subscriptions_pb2 as contract
from dualspan_marketplace.bindings.model import Fit, GrantedTag, Misfit, RoleProposal
from dualspan_marketplace.deployments.provisioner import Refused
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.subscriptions.life import State
from dualspan_marketplace.subscriptions.model import Subscription
from dualspan_runtime.errors import InvalidArgument
from dualspan_runtime.names import TAG

_MOST_FITS = 1000
_STATES = {
    State.PENDING: contract.SUBSCRIPTION_STATE_PENDING,
    State.PROVISIONING: contract.SUBSCRIPTION_STATE_PROVISIONING,
    State.ACTIVE: contract.SUBSCRIPTION_STATE_ACTIVE,
    State.SUSPENDED: contract.SUBSCRIPTION_STATE_SUSPENDED,
    State.UPGRADING: contract.SUBSCRIPTION_STATE_UPGRADING,
    State.CANCELLING: contract.SUBSCRIPTION_STATE_CANCELLING,
    State.CANCELLED: contract.SUBSCRIPTION_STATE_CANCELLED,
    State.FAILED: contract.SUBSCRIPTION_STATE_FAILED,
}


def state_number(state: State) -> contract.SubscriptionState.ValueType:
    """Where a subscription stands."""
    return _STATES[state]


def read_roles(given: Iterable[contract.RoleAssets]) -> dict[str, list[str]]:
    """The chosen assets by role; each role once."""
    found: dict[str, list[str]] = {}
    for each in given:
        if each.role in found:
            raise InvalidArgument("INVALID_FIELD", f"The role {each.role[:60]!r} is there twice.", field="roles")
        found[each.role] = list(each.assets)
    return found


def subscription_message(given: Subscription) -> contract.Subscription:
    """A subscription."""
    name, life = given.name, given.life
    message = contract.Subscription(
        name=SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id),
        app=given.app_id,
        version=given.version,
        plan=given.terms.plan_id,
        state=_STATES[life.state],
        cause=life.told_cause.value,
        reason=given.told_reason,
        roles=[contract.RoleAssets(role=role, assets=assets) for role, assets in given.roles.items()],
        generation=life.generation,
        etag=given.etag,
        trial_end_time=_time(life.trial_end),
        grace_end_time=_time(life.end),
        hand_back_end_time=_time(life.hand_back_end),
        create_time=_time(given.create_time),
        health_problem=given.health_problem,
        health_time=_time(given.health_time),
        quota_notice=given.quota_notice,
        erase_time=_time(given.erase_time),
    )
    message.configuration.update(given.configuration)
    return message


def _time(given: datetime | None) -> Timestamp | None:
    if given is None:
        return None
    message = Timestamp()
    message.FromDatetime(given)
    return message


def proposal_message(version: str, roles: Sequence[RoleProposal]) -> contract.BindingProposal:
    """What an app would find."""
    return contract.BindingProposal(
        version=version,
        roles=[
            contract.RoleProposal(
                role=each.role,
                minimum=each.minimum,
                maximum=each.maximum,
                fits=[_fit(fit) for fit in each.fits[:_MOST_FITS]],
            )
            for each in roles
        ],
        complete=all(each.is_met for each in roles),
    )


def _fit(given: Fit) -> contract.BindingFit:
    return contract.BindingFit(
        asset=given.asset.id,
        display_name=given.asset.name,
        suits=given.suits,
        tag_count=len(given.tags),
        missing=[_misfit(each) for each in given.missing],
        without=[_misfit(each) for each in given.without],
    )


def _misfit(given: Misfit) -> contract.BindingMisfit:
    return contract.BindingMisfit(property=given.property, reason=given.reason, advice=given.advice)


def granted_message(tenant: str, given: GrantedTag) -> contract.GrantedTag:
    """One tag that an app may read."""
    return contract.GrantedTag(
        tag=TAG.format(tenant=tenant, tag=given.tag_id),
        role=given.role,
        asset=given.asset_id,
        property=given.property,
        index=given.index,
        unit=given.unit,
        factor=given.factor,
        offset=given.offset,
    )


def refusal_message(given: Refused) -> contract.EgressRefusal:
    """A way out that an app did not get."""
    message = contract.EgressRefusal(host=given.host, port=given.port, reason=given.why, code=given.code)
    message.refuse_time.FromDatetime(given.time)
    return message
