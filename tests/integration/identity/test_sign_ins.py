"""What becomes of sessions and API tokens, as services that let people in for longer are told."""

from datetime import UTC, datetime, timedelta

import grpc.aio
import jwt
import pytest
from integration.identity.running import PASSWORD, Identity, bearer, reason

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages
from dualspan.identity.v1 import session_service_pb2 as contract
from dualspan.identity.v1.session_service_pb2_grpc import SessionServiceStub
from dualspan_runtime.channels import open_channel
from harness.databases import ClonedDatabase, execute

ADA = "tenants/acme/users/ada"


async def check(identity: Identity, *asked: contract.SignedInAs) -> list[contract.SignInState]:
    secret = identity.settings.platform.service_secret
    async with open_channel(identity.address, service="marketplace", secret=secret) as channel:
        answer = await SessionServiceStub(channel).CheckSignIns(contract.CheckSignInsRequest(signed_in=asked))
        return list(answer.states)


def of(signed_in: messages.SignInResponse, actor: str = ADA) -> contract.SignedInAs:
    claims = jwt.decode(signed_in.access_token, options={"verify_signature": False})
    return contract.SignedInAs(actor=actor, session=claims["sid"])


async def test_a_session_counts_until_it_is_signed_out(identity: Identity) -> None:
    first, second = await identity.sign_in(), await identity.sign_in()
    states = await check(identity, of(first), of(second))
    assert [each.counts for each in states] == [True, True]
    assert set(states[0].roles) == {resources.ROLE_ADMIN, resources.ROLE_PLATFORM_ADMIN}
    await identity.stub.SignOut(messages.SignOutRequest(refresh_token=first.refresh_token))
    assert [each.counts for each in await check(identity, of(first), of(second))] == [False, True]


async def test_an_exchanged_token_is_of_the_same_session(identity: Identity) -> None:
    signed_in = await identity.sign_in()
    exchanged = await identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=signed_in.refresh_token))
    claims = jwt.decode(exchanged.access_token, options={"verify_signature": False})
    assert claims["sid"] == of(signed_in).session


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE identity.session SET expires_at = now()",
        "UPDATE identity.session SET used_at = now() - interval '8 days'",
        "UPDATE identity.account SET disabled_at = now()",
        "UPDATE identity.account SET roles = '{}'",
    ],
)
async def test_what_ends_a_session_ends_it_here(identity: Identity, database: ClonedDatabase, change: str) -> None:
    signed_in = await identity.sign_in()
    assert (await check(identity, of(signed_in)))[0].counts
    await execute(database.admin_url, change)
    assert not (await check(identity, of(signed_in)))[0].counts


async def test_asking_keeps_no_session_alive(identity: Identity, database: ClonedDatabase) -> None:
    signed_in = await identity.sign_in()
    await execute(database.admin_url, "UPDATE identity.session SET used_at = now() - interval '6 days'")
    assert (await check(identity, of(signed_in)))[0].counts
    await execute(database.admin_url, "UPDATE identity.session SET used_at = used_at - interval '2 days'")
    assert not (await check(identity, of(signed_in)))[0].counts


async def test_a_session_is_nobody_elses(identity: Identity) -> None:
    signed_in = await identity.sign_in()
    others = ["tenants/acme/users/grace", "tenants/rival/users/ada"]
    assert not any(each.counts for each in await check(identity, *(of(signed_in, actor) for actor in others)))


async def test_an_api_token_counts_until_it_is_revoked_and_never_for_more_than_its_maker(
    identity: Identity, database: ClonedDatabase
) -> None:
    who = bearer((await identity.sign_in(password=PASSWORD)).access_token)
    new = resources.ApiToken(display_name="x", roles=[resources.ROLE_VIEWER, resources.ROLE_ADMIN])
    new.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=1))
    create = messages.CreateApiTokenRequest(parent="tenants/acme", api_token=new)
    name = (await identity.stub.CreateApiToken(create, metadata=who)).api_token.name
    asked = contract.SignedInAs(actor=name)
    assert set((await check(identity, asked))[0].roles) == {resources.ROLE_VIEWER, resources.ROLE_ADMIN}
    await execute(database.admin_url, "UPDATE identity.account SET roles = '{viewer}'")
    assert set((await check(identity, asked))[0].roles) == {resources.ROLE_VIEWER}
    await execute(database.admin_url, "UPDATE identity.api_token SET revoked_at = now()")
    assert not (await check(identity, asked))[0].counts


@pytest.mark.parametrize(
    ("actor", "session", "why"),
    [
        (ADA, "", "MALFORMED_NAME"),
        ("tenants/acme/apiTokens/x", "not-a-session", "MALFORMED_FIELD"),
        (ADA, "' OR true --", "MALFORMED_FIELD"),
    ],
)
async def test_what_is_no_session_is_refused(identity: Identity, actor: str, session: str, why: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await check(identity, contract.SignedInAs(actor=actor, session=session))
    assert reason(raised) == why


async def test_people_may_not_ask(identity: Identity) -> None:
    async with open_channel(identity.address) as channel:
        request = contract.CheckSignInsRequest(signed_in=[contract.SignedInAs(actor=ADA)])
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await SessionServiceStub(channel).CheckSignIns(request, metadata=await identity.bearer())
    assert reason(raised) == "PERMISSION_MISSING"
