"""Tokens of the real identity service, used against the real historian."""

from collections.abc import AsyncGenerator

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from integration.identity.running import EMAIL, PASSWORD, Identity, identity_settings, platform, run_identity

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages
from dualspan_historian.__main__ import build
from dualspan_historian.settings import HistorianSettings
from dualspan_runtime.server import ListenerKind
from dualspan_sdk import Client, DualSpanError, Endpoints
from dualspan_sdk import _credentials as credentials
from harness.databases import ClonedDatabase


@pytest.fixture
async def identity(database: ClonedDatabase) -> AsyncGenerator[Identity]:
    async with run_identity(identity_settings(database)) as running:
        yield running


@pytest.fixture
async def endpoints(database: ClonedDatabase, identity: Identity, redis_url: str) -> AsyncGenerator[Endpoints]:
    settings = HistorianSettings.model_validate(
        {
            "listen": "127.0.0.1:0",
            "gateway_listen": "127.0.0.1:0",
            "database_url": database.service_url("historian"),
            "drain_seconds": 0.5,
            "platform": platform(identity_address=identity.address, redis_url=redis_url),
        }
    )
    async with build(settings) as historian:
        address = f"127.0.0.1:{historian.port(ListenerKind.PEOPLE)}"
        yield Endpoints(historian=address, identity=identity.address)


async def assert_let_in(client: Client) -> None:
    """The historian knows the caller, and so far as to look for a tag that is not there."""
    with pytest.raises(DualSpanError) as caught:
        await client.read_latest([1])
    assert caught.value.reason == "TAG_NOT_FOUND"


async def api_token(identity: Identity) -> messages.CreateApiTokenResponse:
    expiry = Timestamp()
    expiry.GetCurrentTime()
    expiry.seconds += 3600
    token = resources.ApiToken(display_name="app", roles=[resources.ROLE_VIEWER], expire_time=expiry)
    request = messages.CreateApiTokenRequest(parent="tenants/acme", api_token=token)
    return await identity.stub.CreateApiToken(request, metadata=await identity.bearer())


async def test_a_person_signs_in_and_reads(endpoints: Endpoints) -> None:
    async with await Client.sign_in(EMAIL, PASSWORD, endpoints) as client:
        assert client.tenant == "tenants/acme"
        await assert_let_in(client)


async def test_a_wrong_password_is_refused(endpoints: Endpoints) -> None:
    with pytest.raises(DualSpanError) as caught:
        await Client.sign_in(EMAIL, "not the password", endpoints)
    assert caught.value.code == "UNAUTHENTICATED"


async def test_an_api_token_is_exchanged_and_renewed_before_its_end(
    identity: Identity, endpoints: Endpoints, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = (await api_token(identity)).secret
    async with await Client.connect(endpoints, token=secret) as client:
        before = await client._credentials.current()
        assert await client._credentials.current() is before
        # As if it lived no longer than what counts as its end.
        monkeypatch.setattr(credentials, "_RENEW_SECONDS", 1e9)
        after = await client._credentials.current()
        assert after.secret != before.secret or after.expires_at >= before.expires_at
        assert after is not before
        await assert_let_in(client)


async def test_a_token_that_a_service_refuses_is_renewed_once(identity: Identity, endpoints: Endpoints) -> None:
    secret = (await api_token(identity)).secret
    async with await Client.connect(endpoints, token=secret) as client:
        good = await client._credentials.current()
        broken = credentials.AccessToken(good.secret[:-4] + "AAAA", good.tenant, good.expires_at)
        assert isinstance(client._credentials, credentials.ExchangedCredentials)
        client._credentials._token = broken
        await assert_let_in(client)
        assert (await client._credentials.current()).secret != broken.secret


async def test_a_revoked_api_token_buys_nothing_more(identity: Identity, endpoints: Endpoints) -> None:
    made = await api_token(identity)
    revocation = messages.RevokeApiTokenRequest(name=made.api_token.name)
    await identity.stub.RevokeApiToken(revocation, metadata=await identity.bearer())
    with pytest.raises(DualSpanError) as caught:
        await Client.connect(endpoints, token=made.secret)
    assert caught.value.code == "UNAUTHENTICATED"
