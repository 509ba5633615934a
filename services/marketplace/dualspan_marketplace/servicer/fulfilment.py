"""FulfilmentService: the webhook of a payment side."""

# ruff: noqa: N802 - the contract's names

import re
from datetime import datetime
from typing import Any

from dualspan.marketplace.v1 import fulfilment_pb2 as contract
from dualspan.marketplace.v1 import fulfilment_pb2_grpc
from dualspan_marketplace.catalogue.errors import invalid
from dualspan_marketplace.fulfilment.model import Action, Answer, Operation
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.service.fulfilling import Fulfilling
from dualspan_marketplace.servicer.subscription_mapping import state_number
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.paging import PageRules, PageTokens

_ID = re.compile(r"[!-~]{1,64}")
_MOST_ASSETS = 10_000
_PAGES = PageRules(default=100, maximum=1000)
_ACTIONS = {
    contract.FULFILMENT_ACTION_CHANGE_PLAN: Action.CHANGE_PLAN,
    contract.FULFILMENT_ACTION_CHANGE_QUANTITY: Action.CHANGE_QUANTITY,
    contract.FULFILMENT_ACTION_SUSPEND: Action.SUSPEND,
    contract.FULFILMENT_ACTION_REINSTATE: Action.REINSTATE,
    contract.FULFILMENT_ACTION_UNSUBSCRIBE: Action.UNSUBSCRIBE,
}
_NUMBERS = {action: number for number, action in _ACTIONS.items()}


class FulfilmentServicer(fulfilment_pb2_grpc.FulfilmentServiceServicer):
    """See the contract.

    Args:
        fulfilling: Use cases.
        tokens: Makes page tokens.
    """

    def __init__(self, fulfilling: Fulfilling, tokens: PageTokens) -> None:
        self._fulfilling = fulfilling
        self._tokens = tokens

    async def FulfilOperation(
        self, request: contract.FulfilOperationRequest, context: Any
    ) -> contract.FulfilmentOperation:
        """See the contract."""
        names, action = SUBSCRIPTION.parse(request.name), _ACTIONS.get(request.action, Action.SUSPEND)
        name = SubscriptionName(names["tenant"], names["subscription"])
        asked = Operation(name, request.operation_id, action, request.plan, request.quantity)
        self._fulfilling.authenticate(asked, request.signature)
        _check(request, action)
        return _message(await self._fulfilling.fulfil(asked))

    async def ListFulfilmentOperations(
        self, request: contract.ListFulfilmentOperationsRequest, context: Any
    ) -> contract.ListFulfilmentOperationsResponse:
        """See the contract."""
        names, size = SUBSCRIPTION.parse(request.parent), _PAGES.size(request.page_size)
        query = ("ListFulfilmentOperations", request.parent)
        key = self._tokens.read(request.page_token, query)
        before = (datetime.fromisoformat(str(key[0])), str(key[1])) if key else None
        found = await self._fulfilling.page(SubscriptionName(names["tenant"], names["subscription"]), before, size + 1)
        response = contract.ListFulfilmentOperationsResponse(fulfilment_operations=map(_message, found[:size]))
        if len(found) > size:
            last = found[size - 1]
            response.next_page_token = self._tokens.write((last.receive_time.isoformat(), last.operation_id), query)
        return response


def _check(request: contract.FulfilOperationRequest, action: Action) -> None:
    if request.action not in _ACTIONS:
        raise invalid("action", "Say which action is asked for.")
    if _ID.fullmatch(request.operation_id) is None:
        raise invalid("operation_id", "operation_id has 1 to 64 printable characters of ASCII, without spaces.")
    if bool(request.plan) != (action is Action.CHANGE_PLAN):
        raise invalid("plan", "plan is for change-plan, which needs it, and for nothing else.")
    wanted = action is Action.CHANGE_QUANTITY
    if not (1 <= request.quantity <= _MOST_ASSETS if wanted else not request.quantity):
        raise invalid("quantity", f"quantity is for change-quantity, 1 to {_MOST_ASSETS}, and for nothing else.")


def _message(given: Answer) -> contract.FulfilmentOperation:
    message = contract.FulfilmentOperation(
        operation_id=given.operation_id,
        action=_NUMBERS[given.action],
        succeeded=given.succeeded,
        reason=given.reason,
        message=given.message,
        state=state_number(given.state),
    )
    message.receive_time.FromDatetime(given.receive_time)
    return message
