"""What an app is told when it is started: its credential, its binding, what the subscriber chose."""

import json
from collections.abc import Mapping

from google.protobuf.json_format import MessageToDict

from dualspan_manifest import parse
from dualspan_marketplace.app_tokens import AppToken
from dualspan_marketplace.deployments.provisioner import Given, Orders
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.service.app_runtime import AppBinding, AppRuntime
from dualspan_marketplace.subscriptions.model import Subscription
from dualspan_runtime.names import TRIALS


class Briefing:
    """Writes orders.

    Args:
        runtime: Knows what apps are given.
        environment: The same for all apps, without the prefix `DUALSPAN_APP_`: HISTORIAN, MARKETPLACE.
        authority: PEM of who signed the platform's certificates; empty: plaintext.
    """

    def __init__(self, runtime: AppRuntime, environment: Mapping[str, str], authority: bytes = b"") -> None:
        self._runtime = runtime
        self._environment = environment
        self._authority = authority

    async def orders(self, subscription: Subscription) -> tuple[Orders, AppToken]:
        """Orders, and the fresh token that is in them.

        Raises:
            NotFound: There is no such subscription by now.
            Unavailable: A service that is asked does not answer.
        """
        name = subscription.name
        binding, token = await self._runtime.binding(name), await self._runtime.token(name)
        files = [
            Given("TOKEN_FILE", "token", token.secret.encode()),
            Given("BINDING_FILE", "binding.json", _binding(binding)),
            Given("OUTPUTS_FILE", "outputs.json", _outputs(binding)),
            Given("CONFIG_FILE", "configuration.json", json.dumps(dict(subscription.configuration)).encode()),
        ]
        if self._authority:
            files.append(Given("CA_FILE", "authority.pem", self._authority))
        full = SUBSCRIPTION.format(tenant=name.tenant, subscription=name.subscription_id)
        orders = Orders(
            name=name,
            generation=subscription.life.generation,
            publisher=subscription.publisher,
            manifest=parse(subscription.manifest),
            environment={**self._environment, "SUBSCRIPTION": full},
            files=files,
            is_watched=name.tenant == TRIALS,
        )
        return orders, token


def _binding(given: AppBinding) -> bytes:
    """For an app that does not ask the marketplace."""
    granted = given.granted
    return json.dumps(
        {
            "assets": [MessageToDict(each) for each in granted.assets],
            "models": [MessageToDict(each) for each in granted.models],
        }
    ).encode()


def _outputs(given: AppBinding) -> bytes:
    """The tags that are made by now."""
    return json.dumps(
        [
            {
                "asset": each.output.asset_id,
                "output": each.output.output,
                "tag": each.tag_id,
                "kind": each.output.kind.value,
            }
            for each in given.outputs
        ]
    ).encode()
