"""UpgradeService: new versions for those who have subscribed."""

# ruff: noqa: N802 - the contract's names

from typing import Any

from google.longrunning import operations_pb2
from google.protobuf.json_format import MessageToDict

from dualspan.marketplace.v1 import upgrades_pb2 as contract
from dualspan.marketplace.v1 import upgrades_pb2_grpc
from dualspan_marketplace.names import SUBSCRIPTION, UPGRADE
from dualspan_marketplace.service.upgrade_messages import upgrade_message
from dualspan_marketplace.service.upgrades import Upgrades
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.paging import PageRules, PageTokens

_PAGES = PageRules(default=20, maximum=100)


class UpgradeServicer(upgrades_pb2_grpc.UpgradeServiceServicer):
    """See the contract.

    Args:
        upgrades: Use cases.
        tokens: Makes page tokens.
    """

    def __init__(self, upgrades: Upgrades, tokens: PageTokens) -> None:
        self._upgrades = upgrades
        self._tokens = tokens

    async def UpgradeSubscription(
        self, request: contract.UpgradeSubscriptionRequest, context: Any
    ) -> operations_pb2.Operation:
        """See the contract."""
        name, values = _subscription(request.name), MessageToDict(request.configuration)
        return await self._upgrades.begin(name, request.version, values, request.etag, consent=request.consent)

    async def CancelUpgrade(self, request: contract.CancelUpgradeRequest, context: Any) -> contract.Upgrade:
        """See the contract."""
        return upgrade_message(await self._upgrades.cancel(*_upgrade(request.name)))

    async def GetUpgrade(self, request: contract.GetUpgradeRequest, context: Any) -> contract.Upgrade:
        """See the contract."""
        return upgrade_message(await self._upgrades.get(*_upgrade(request.name)))

    async def ListUpgrades(self, request: contract.ListUpgradesRequest, context: Any) -> contract.ListUpgradesResponse:
        """See the contract."""
        name, size = _subscription(request.parent), _PAGES.size(request.page_size)
        query = ("ListUpgrades", request.parent)
        key = self._tokens.read(request.page_token, query)
        found = await self._upgrades.page(name, int(str(key[0])) if key else 0, size + 1)
        response = contract.ListUpgradesResponse(upgrades=map(upgrade_message, found[:size]))
        if len(found) > size:
            response.next_page_token = self._tokens.write((found[size - 1].number,), query)
        return response


def _subscription(text: str) -> SubscriptionName:
    parts = SUBSCRIPTION.parse(text)
    return SubscriptionName(parts["tenant"], parts["subscription"])


def _upgrade(text: str) -> tuple[SubscriptionName, int]:
    parts = UPGRADE.parse(text)
    return SubscriptionName(parts["tenant"], parts["subscription"]), int(parts["upgrade"])
