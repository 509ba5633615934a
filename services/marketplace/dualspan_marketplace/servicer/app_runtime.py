"""AppRuntimeService: what an app asks for itself."""

# ruff: noqa: N802 - the contract's names

from typing import Any

from google.protobuf.empty_pb2 import Empty

from dualspan.marketplace.v1 import app_runtime_pb2 as contract
from dualspan.marketplace.v1 import app_runtime_pb2_grpc
from dualspan_marketplace.bindings.outputs import OutputTag
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.result_tags import KIND_NUMBERS
from dualspan_marketplace.service.app_runtime import AppRuntime
from dualspan_marketplace.subscriptions.errors import subscription_not_found
from dualspan_marketplace.subscriptions.model import SubscriptionName
from dualspan_runtime.context import current_principal


class AppRuntimeServicer(app_runtime_pb2_grpc.AppRuntimeServiceServicer):
    """See the contract.

    Args:
        runtime: Use cases.
    """

    def __init__(self, runtime: AppRuntime) -> None:
        self._runtime = runtime

    async def GetAppConfiguration(
        self, request: contract.GetAppConfigurationRequest, context: Any
    ) -> contract.AppConfiguration:
        """See the contract."""
        found = await self._runtime.subscription(_own(request.name))
        message = contract.AppConfiguration(version=found.version, generation=found.life.generation)
        message.configuration.update(found.configuration)
        return message

    async def GetAppBinding(self, request: contract.GetAppBindingRequest, context: Any) -> contract.AppBinding:
        """See the contract."""
        found = await self._runtime.binding(_own(request.name))
        return contract.AppBinding(
            assets=found.granted.assets,
            models=found.granted.models,
            outputs=[_output(each) for each in found.outputs],
            generation=found.generation,
        )

    async def RefreshAppToken(
        self, request: contract.RefreshAppTokenRequest, context: Any
    ) -> contract.RefreshAppTokenResponse:
        """See the contract."""
        token = await self._runtime.token(_own(request.name))
        message = contract.RefreshAppTokenResponse(access_token=token.secret)
        message.expire_time.FromDatetime(token.expire_at)
        return message

    async def ReportAppHealth(self, request: contract.ReportAppHealthRequest, context: Any) -> Empty:
        """See the contract."""
        await self._runtime.report(_own(request.name), request.problem)
        return Empty()


def _own(text: str) -> SubscriptionName:
    """The caller's subscription; every other one does not exist for it."""
    parts, app = SUBSCRIPTION.parse(text), current_principal()
    if (parts["tenant"], parts["subscription"]) != (app.tenant, app.id):
        raise subscription_not_found(parts["subscription"])
    return SubscriptionName(app.tenant, app.id)


def _output(given: OutputTag) -> contract.AppOutput:
    return contract.AppOutput(
        asset=given.output.asset_id,
        output=given.output.output,
        tag_id=given.tag_id,
        kind=KIND_NUMBERS[given.output.kind],
        unit=given.output.unit,
    )
