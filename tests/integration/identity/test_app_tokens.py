"""Access tokens of apps: for services only, of one subscription, without a role, verified with the listed keys."""

import time

import grpc.aio
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from integration.identity.running import Identity, bearer, reason

from dualspan.identity.v1 import service_pb2 as messages
from dualspan.identity.v1.app_token_service_pb2 import SignAppTokenRequest, SignAppTokenResponse
from dualspan.identity.v1.app_token_service_pb2_grpc import AppTokenServiceStub
from dualspan_runtime.channels import open_channel
from dualspan_runtime.principal import PrincipalKind
from dualspan_runtime.tokens import ACCESS_TOKEN_SECONDS, read_access_token, token_header

NAME = "tenants/acme/subscriptions/oee"


async def sign(identity: Identity, name: str = NAME, credential: int = 3) -> SignAppTokenResponse:
    secret = identity.settings.platform.service_secret
    async with open_channel(identity.address, service="marketplace", secret=secret) as channel:
        return await AppTokenServiceStub(channel).SignAppToken(SignAppTokenRequest(name=name, credential=credential))


async def test_a_token_names_a_subscription_and_its_credential_and_nothing_else(identity: Identity) -> None:
    signed = await sign(identity)
    listed = await identity.stub.ListSigningKeys(messages.ListSigningKeysRequest())
    keys = {key.key_id: load_pem_public_key(key.public_key_pem.encode()) for key in listed.keys}
    key = keys[token_header(signed.access_token)["kid"]]
    assert isinstance(key, Ed25519PublicKey)
    app = read_access_token(signed.access_token, key)
    assert (app.kind, app.actor, app.tenant) == (PrincipalKind.APP, "subscriptions/oee", "acme")
    assert (app.roles, app.credential) == (frozenset(), 3)
    assert app.expires_at == signed.expire_time.seconds
    assert ACCESS_TOKEN_SECONDS - 60 < app.expires_at - time.time() <= ACCESS_TOKEN_SECONDS


async def test_an_apps_token_is_worth_nothing_at_identity(identity: Identity) -> None:
    app = bearer((await sign(identity)).access_token)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await identity.stub.ListTenants(messages.ListTenantsRequest(), metadata=app)
    assert reason(raised) == "PERMISSION_MISSING"


@pytest.mark.parametrize(
    ("name", "credential", "why"),
    [
        ("tenants/acme/users/ada", 0, "MALFORMED_NAME"),
        ("tenants/acme/subscriptions/../users/ada", 0, "MALFORMED_NAME"),
        (NAME, -1, "MALFORMED_FIELD"),
        (NAME, 1 << 53, "MALFORMED_FIELD"),
    ],
)
async def test_nothing_else_gets_an_apps_token(identity: Identity, name: str, credential: int, why: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await sign(identity, name, credential)
    assert reason(raised) == why


async def test_people_have_no_apps_tokens_signed(identity: Identity) -> None:
    async with open_channel(identity.address) as channel:
        request = SignAppTokenRequest(name=NAME)
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await AppTokenServiceStub(channel).SignAppToken(request, metadata=await identity.bearer())
    assert reason(raised) == "PERMISSION_MISSING"
