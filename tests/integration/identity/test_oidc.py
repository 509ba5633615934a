"""Signing in with an identity provider that is real, if small: its discovery, its keys, its tokens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import aiohttp
import grpc.aio
import oidc_provider_mock
import pytest
from integration.identity.running import EMAIL, Identity, bearer, identity_settings, reason, run_identity

from dualspan.identity.v1 import oidc_service_pb2 as contract
from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages
from dualspan.identity.v1.account_service_pb2 import GetAccountRequest
from dualspan.identity.v1.account_service_pb2_grpc import AccountServiceStub
from dualspan.identity.v1.oidc_service_pb2_grpc import OidcServiceStub
from dualspan_runtime.channels import open_channel
from harness.databases import ClonedDatabase

if TYPE_CHECKING:
    from dualspan.identity.v1.oidc_service_pb2_grpc import OidcServiceAsyncStub

# The provider calls a library in a way that this warns of.
pytestmark = pytest.mark.filterwarnings("ignore:get_jwt_config:DeprecationWarning")
BACK = "https://console.example/v1/session/oidc/callback"
NAME = "tenants/acme/oidcProviders/works"
ADA = oidc_provider_mock.User(sub="0815", claims={"email": EMAIL.upper(), "email_verified": True})
UNVERIFIED = oidc_provider_mock.User(sub="4711", claims={"email": EMAIL, "email_verified": False})
STRANGER = oidc_provider_mock.User(sub="6666", claims={"email": "eve@elsewhere.example", "email_verified": True})
BOB = oidc_provider_mock.User(sub="1234", claims={"email": "bob@acme.example", "email_verified": True})
NAMESAKE = oidc_provider_mock.User(sub="0816", claims={"email": EMAIL, "email_verified": True})


@dataclass(frozen=True)
class Way:
    """Identity with a provider, and the calls that the console makes."""

    identity: Identity
    stub: OidcServiceAsyncStub
    issuer: str

    async def create(self, **changes: object) -> contract.OidcProvider:
        provider = contract.OidcProvider(
            display_name="Works",
            issuer=self.issuer,
            client_id="dualspan",
            client_secret="s",
            email_domains=["acme.example"],
        )
        for name, value in changes.items():
            setattr(provider, name, value)
        request = contract.CreateOidcProviderRequest(
            parent="tenants/acme", oidc_provider=provider, oidc_provider_id="works"
        )
        return await self.stub.CreateOidcProvider(request)

    async def begin(self) -> contract.BeginOidcSignInResponse:
        return await self.stub.BeginOidcSignIn(contract.BeginOidcSignInRequest(name=NAME, redirect_uri=BACK))

    async def complete(self, state: str, code: str) -> messages.SignInResponse:
        return await self.stub.CompleteOidcSignIn(contract.CompleteOidcSignInRequest(state=state, code=code))

    async def code_of(self, address: str, person: oidc_provider_mock.User) -> str:
        """What the provider gives a browser in which a person signs in there."""
        async with (
            aiohttp.ClientSession() as browser,
            browser.post(address, data={"sub": person.sub}, allow_redirects=False) as answer,
        ):
            back = urlsplit(answer.headers["location"])
        assert f"{back.scheme}://{back.netloc}{back.path}" == BACK
        return parse_qs(back.query)["code"][0]

    async def sign_in(self, person: oidc_provider_mock.User) -> messages.SignInResponse:
        begun = await self.begin()
        return await self.complete(begun.state, await self.code_of(begun.authorization_uri, person))


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    people = (ADA, BOB, UNVERIFIED, STRANGER, NAMESAKE)
    with oidc_provider_mock.run_server_in_thread(require_nonce=True, user_claims=people) as server:
        yield f"http://localhost:{server.server_port}"


@pytest.fixture
async def way(database: ClonedDatabase, issuer: str) -> AsyncGenerator[Way]:
    settings = identity_settings(database).model_copy(update={"oidc_without_tls": True})
    async with run_identity(settings) as identity:
        secret = settings.platform.service_secret
        async with open_channel(identity.address, service="console", secret=secret) as channel:
            yield Way(identity, OidcServiceStub(channel), issuer)


async def test_who_the_provider_has_proven_is_signed_in(way: Way) -> None:
    made = await way.create()
    assert (made.name, made.client_secret) == (NAME, "")
    begun = await way.begin()
    asked = parse_qs(urlsplit(begun.authorization_uri).query)
    assert (asked["code_challenge_method"], asked["response_type"]) == (["S256"], ["code"])
    assert asked["state"] == [begun.state]
    assert asked["nonce"] != asked["code_challenge"]
    signed_in = await way.sign_in(ADA)
    assert signed_in.user.email == EMAIL
    async with open_channel(way.identity.address) as channel:
        account = await AccountServiceStub(channel).GetAccount(
            GetAccountRequest(), metadata=bearer(signed_in.access_token)
        )
    assert account.actor == "tenants/acme/users/ada"
    assert (await way.sign_in(ADA)).user == signed_in.user, "by its own id from now on"


async def test_a_state_works_once_and_for_its_own_code(way: Way) -> None:
    await way.create()
    begun = await way.begin()
    code = await way.code_of(begun.authorization_uri, ADA)
    other = await way.begin()
    with pytest.raises(grpc.aio.AioRpcError) as crossed:
        await way.complete(other.state, code)
    assert reason(crossed) == "OIDC_REFUSED", "the nonce is of another sign-in"
    for state in (begun.state, begun.state, "acme.forged", "forged", ""):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await way.complete(state, code)
        assert reason(raised) in {"OIDC_REFUSED", "OIDC_SIGN_IN_EXPIRED"}


@pytest.mark.parametrize("person", [UNVERIFIED, STRANGER])
async def test_who_is_nobody_here_is_not_let_in(way: Way, person: oidc_provider_mock.User) -> None:
    await way.create()
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await way.sign_in(person)
    assert reason(raised) == "OIDC_NOT_LINKED"


async def test_an_address_that_goes_to_somebody_else_opens_nothing(way: Way) -> None:
    await way.create()
    await way.sign_in(ADA)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await way.sign_in(NAMESAKE)
    assert reason(raised) == "OIDC_NOT_LINKED"


async def test_who_is_disabled_stays_out(way: Way) -> None:
    await way.create()
    await way.identity.add_user("acme", "bob@acme.example", resources.ROLE_VIEWER)
    await way.sign_in(BOB)
    async with way.identity.as_service() as service:
        user = resources.User(name="tenants/acme/users/bob", disabled=True)
        request = messages.UpdateUserRequest(user=user)
        request.update_mask.paths.append("disabled")
        await service.UpdateUser(request)
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await way.sign_in(BOB)
    assert reason(raised) == "OIDC_NOT_LINKED"


async def test_providers_are_found_listed_and_removed(way: Way) -> None:
    await way.create()
    found = await way.stub.FindOidcProviders(contract.FindOidcProvidersRequest(email="Bob@ACME.example"))
    assert [each.name for each in found.oidc_providers] == [NAME]
    none = await way.stub.FindOidcProviders(contract.FindOidcProvidersRequest(email="bob@example"))
    assert not none.oidc_providers
    listed = await way.stub.ListOidcProviders(contract.ListOidcProvidersRequest(parent="tenants/acme"))
    assert [(each.name, each.client_secret) for each in listed.oidc_providers] == [(NAME, "")]
    with pytest.raises(grpc.aio.AioRpcError) as twice:
        await way.create()
    assert reason(twice) == "OIDC_PROVIDER_EXISTS"
    await way.stub.DeleteOidcProvider(contract.DeleteOidcProviderRequest(name=NAME))
    with pytest.raises(grpc.aio.AioRpcError) as gone:
        await way.begin()
    assert reason(gone) == "OIDC_PROVIDER_NOT_FOUND"


@pytest.mark.parametrize(
    ("issuer_of", "wanted"),
    [
        ("{issuer}/", "OIDC_PROVIDER_WRONG"),
        ("{issuer}/nothing", "OIDC_PROVIDER_WRONG"),
        ("http://127.0.0.1:1", "OIDC_PROVIDER_UNREACHABLE"),
        ("file:///etc/passwd", "OIDC_PROVIDER_WRONG"),
        ("http://user@localhost", "OIDC_PROVIDER_WRONG"),
        ("http://[", "OIDC_PROVIDER_WRONG"),
    ],
)
async def test_what_is_no_provider_is_not_added(way: Way, issuer_of: str, wanted: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await way.create(issuer=issuer_of.format(issuer=way.issuer))
    assert reason(raised) == wanted
