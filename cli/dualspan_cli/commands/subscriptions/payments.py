"""`dualspan subscriptions payments`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dualspan.marketplace.v1 import fulfilment_pb2 as contract
from dualspan.marketplace.v1 import subscriptions_pb2
from dualspan.marketplace.v1.fulfilment_pb2_grpc import FulfilmentServiceStub
from dualspan_cli.commands.options import DataOption, TenantOption, with_session
from dualspan_cli.commands.subscriptions.following import SubscriptionArgument, full_name
from dualspan_cli.output import JsonFlag, as_dict, print_rows
from dualspan_cli.session import Session, all_pages

if TYPE_CHECKING:  # exists in the stub file only
    from dualspan.marketplace.v1.fulfilment_pb2_grpc import FulfilmentServiceAsyncStub

_LIST = ("received", "asked", "done", "state", "reason", "message", "operation")


def payments(
    subscription: SubscriptionArgument, tenant: TenantOption = "", data: DataOption = None, as_json: JsonFlag = False
) -> None:
    """List what a payment side has asked of one and what came of it, the latest first."""

    async def use(session: Session) -> list[contract.FulfilmentOperation]:
        stub: FulfilmentServiceAsyncStub = FulfilmentServiceStub(session.marketplace_channel)
        request = contract.ListFulfilmentOperationsRequest(parent=full_name(session, subscription), page_size=1000)
        return await all_pages(stub.ListFulfilmentOperations, request, lambda page: page.fulfilment_operations)

    every = with_session(use, tenant=tenant, data=data)
    print_rows([as_dict(each) if as_json else _row(each) for each in every], as_json=as_json, columns=_LIST)


def _row(each: contract.FulfilmentOperation) -> dict[str, object]:
    return {
        "received": f"{each.receive_time.ToDatetime():%Y-%m-%d %H:%M:%S}",
        "asked": _word(contract.FulfilmentAction.Name(each.action), "FULFILMENT_ACTION_"),
        "done": "yes" if each.succeeded else "no",
        "state": _word(subscriptions_pb2.SubscriptionState.Name(each.state), "SUBSCRIPTION_STATE_"),
        "reason": each.reason,
        "message": each.message,
        "operation": each.operation_id,
    }


def _word(name: str, prefix: str) -> str:
    return name.removeprefix(prefix).lower().replace("_", "-")
