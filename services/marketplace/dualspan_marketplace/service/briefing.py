"""What an app is told when it is started: its credential, its binding, what the subscriber chose."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from google.protobuf.json_format import MessageToDict

from dualspan_manifest import parse
from dualspan_marketplace.deployments.credentials import Credentials
from dualspan_marketplace.deployments.provisioner import Given, Orders
from dualspan_marketplace.names import SUBSCRIPTION
from dualspan_marketplace.plant import Plant
from dualspan_marketplace.store import subscriptions as store
from dualspan_marketplace.subscriptions.model import Subscription
from dualspan_runtime.database import Database


class Briefing:
    """Writes orders.

    Args:
        database: Where subscriptions are.
        plant: Knows the assets.
        credentials: Makes the app's token.
        environment: The same for all apps, without the prefix `DUALSPAN_APP_`: HISTORIAN.
        authority: PEM of who signed the platform's certificates; empty: plaintext.
    """

    def __init__(
        self,
        database: Database,
        plant: Plant,
        credentials: Credentials,
        environment: Mapping[str, str],
        authority: bytes = b"",
    ) -> None:
        self._database = database
        self._plant = plant
        self._credentials = credentials
        self._environment = environment
        self._authority = authority

    async def orders(self, subscription: Subscription) -> tuple[Orders, datetime]:
        """Orders with a fresh credential, and when the next one is due.

        Raises:
            Unavailable: A service that is asked does not answer.
        """
        name = subscription.name
        async with self._database.transaction(name.tenant, readonly=True) as connection:
            tags = await store.granted(connection, name)
        granted = await self._plant.granted(name.tenant, tags)
        binding = {
            "assets": [MessageToDict(each) for each in granted.assets],
            "models": [MessageToDict(each) for each in granted.models],
        }
        credential = await self._credentials.issue(name)
        files = [
            Given("TOKEN_FILE", "token", credential.token.encode()),
            Given("BINDING_FILE", "binding.json", json.dumps(binding).encode()),
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
        )
        return orders, credential.renewal(datetime.now(UTC))
