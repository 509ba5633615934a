"""What other services ask identity for, identity asks itself for."""

from collections.abc import Mapping

from dualspan_identity.service.authority import GatewayAuthority
from dualspan_identity.service.keys import SigningKeys
from dualspan_runtime.trust import Revocations


class LocalTrust:
    """`dualspan_runtime.trust.Trust` without a call.

    Args:
        keys: The keys of access tokens.
        authority: The gateway CA.
    """

    def __init__(self, keys: SigningKeys, authority: GatewayAuthority) -> None:
        self._keys = keys
        self._authority = authority

    async def signing_keys(self) -> Mapping[str, str]:
        """See `Trust`."""
        return {key.key_id: key.public_key_pem for key in await self._keys.public_keys()}

    async def revocations(self) -> Revocations:
        """See `Trust`."""
        return await self._authority.revocations()

    async def gateway_ca(self) -> str:
        """See `Trust`."""
        return self._authority.ca.certificate_pem

    async def sign_server_certificate(self, csr_pem: str, hosts: list[str]) -> str:
        """See `Trust`."""
        return (await self._authority.sign_server(csr_pem, hosts)).chain_pem
