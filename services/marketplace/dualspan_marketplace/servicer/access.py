"""AccessService: the pages of apps, for people who are signed in."""

# ruff: noqa: N802 - the contract's names

from typing import Any

from google.protobuf.empty_pb2 import Empty

from dualspan.marketplace.v1 import access_pb2 as contract
from dualspan.marketplace.v1 import access_pb2_grpc, apps_pb2, subscriptions_pb2
from dualspan_manifest import LocalText
from dualspan_marketplace.access.model import AccessState, Target, Verdict
from dualspan_marketplace.access.pages import pages_of
from dualspan_marketplace.access.secrets import AccessKey
from dualspan_marketplace.catalogue.errors import invalid
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.service.access import Access
from dualspan_marketplace.subscriptions.life import State
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.context import current_principal
from dualspan_runtime.names import TENANT, check_slug
from dualspan_runtime.paging import PageRules, PageTokens

_PAGES = PageRules(default=100, maximum=1000)
_MOST_KEYS = 1000
_DIGEST_BYTES = 32
_VERDICTS = {
    Verdict.OPEN: contract.AccessState.VERDICT_OPEN,
    Verdict.ENDED: contract.AccessState.VERDICT_ENDED,
    Verdict.FORBIDDEN: contract.AccessState.VERDICT_FORBIDDEN,
}


class AccessServicer(access_pb2_grpc.AccessServiceServicer):
    """See the contract.

    Args:
        access: Use cases.
        tokens: Makes page tokens.
    """

    def __init__(self, access: Access, tokens: PageTokens) -> None:
        self._access = access
        self._tokens = tokens

    async def ListOpenableApps(
        self, request: contract.ListOpenableAppsRequest, context: Any
    ) -> contract.ListOpenableAppsResponse:
        """See the contract."""
        tenant, size = TENANT.parse(request.parent)["tenant"], _PAGES.size(request.page_size)
        query = ("ListOpenableApps", tenant)
        key = self._tokens.read(request.page_token, query)
        found = await self._access.page(tenant, str(key[0]) if key else "", size + 1)
        shown = [each for each in found[:size] if pages_of(each.manifest).path]
        response = contract.ListOpenableAppsResponse(openable_apps=map(_openable, shown))
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].name.subscription_id,), query)
        return response

    async def OpenApp(self, request: contract.OpenAppRequest, context: Any) -> contract.OpenAppResponse:
        """See the contract."""
        parts = SUBSCRIPTION.parse(request.name)
        name = SubscriptionName(parts["tenant"], parts["subscription"])
        uri, end = await self._access.open(name, current_principal())
        response = contract.OpenAppResponse(uri=uri)
        response.expire_time.FromDatetime(end)
        return response

    async def RedeemTicket(self, request: contract.RedeemTicketRequest, context: Any) -> contract.RedeemTicketResponse:
        """See the contract."""
        bought = await self._access.redeem(request.ticket, request.host)
        response = contract.RedeemTicketResponse(secret=bought.secret, state=self._state(bought.state))
        response.expire_time.FromDatetime(bought.expire_time)
        return response

    async def CheckAccesses(
        self, request: contract.CheckAccessesRequest, context: Any
    ) -> contract.CheckAccessesResponse:
        """See the contract."""
        if len(request.keys) > _MOST_KEYS:
            raise invalid("keys", f"There may be {_MOST_KEYS} keys at the most.")
        states = await self._access.check([_key(each) for each in request.keys])
        return contract.CheckAccessesResponse(states=map(self._state, states))

    async def EndAccess(self, request: contract.EndAccessRequest, context: Any) -> Empty:
        """See the contract."""
        await self._access.end(_key(request.key))
        return Empty()

    def _state(self, found: AccessState) -> contract.AccessState:
        message = contract.AccessState(verdict=_VERDICTS[found.verdict])
        target, holder = found.target, found.holder
        if target is None or holder is None:
            return message
        pages = pages_of(target.manifest)
        message.subscription = _resource(target)
        message.host = self._access.host(target.name)
        message.actor = holder.actor
        message.roles.extend(sorted(found.roles))
        message.state = _state_number(target.state)
        message.cause, message.reason = target.cause.value, target.reason
        message.address = pages.address(target.address, target.provisioner) if target.running else ""
        message.path = pages.path
        message.display_name.CopyFrom(_text(pages.names))
        message.egress.extend(pages.egress)
        return message


def _openable(target: Target) -> contract.OpenableApp:
    pages = pages_of(target.manifest)
    return contract.OpenableApp(
        name=_resource(target),
        app=target.app_id,
        display_name=_text(pages.names),
        summary=_text(pages.summary),
        state=_state_number(target.state),
        cause=target.cause.value,
        reason=target.reason,
        running=target.running,
    )


def _state_number(state: State) -> subscriptions_pb2.SubscriptionState.ValueType:
    return subscriptions_pb2.SubscriptionState.Value(f"SUBSCRIPTION_STATE_{state.name}")


def _key(given: contract.AccessKey) -> AccessKey:
    if len(given.digest) != _DIGEST_BYTES:
        raise invalid("digest", "digest is a SHA-256.")
    return AccessKey(check_slug(given.tenant, "tenant"), given.digest)


def _resource(target: Target) -> str:
    return SUBSCRIPTION.format(tenant=target.name.tenant, subscription=target.name.subscription_id)


def _text(given: LocalText) -> apps_pb2.MarketText:
    return apps_pb2.MarketText(en=given.en, zh=given.zh)
