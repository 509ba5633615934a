import asyncio
import time
from datetime import UTC, datetime

import asyncpg
import grpc
import jwt
import pytest
from integration.identity.running import EMAIL, PASSWORD, Identity, bearer, reason, run_identity

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages
from dualspan_identity.settings import IdentitySettings
from harness.databases import ClonedDatabase, execute


async def refused(identity: Identity, email: str, password: str) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await identity.sign_in(email, password)
    return reason(raised)


async def audit_actions(identity: Identity) -> list[str]:
    request = messages.ListAuditEventsRequest(parent="tenants/acme")
    events = await identity.stub.ListAuditEvents(request, metadata=await identity.bearer())
    return [event.action for event in events.audit_events]


async def test_signing_in_gives_a_token_that_works(identity: Identity) -> None:
    signed_in = await identity.sign_in(f"  {EMAIL.upper()} ")
    assert signed_in.user.name == "tenants/acme/users/ada"
    remaining = signed_in.expire_time.ToDatetime(UTC) - datetime.now(UTC)
    assert 890 < remaining.total_seconds() <= 900
    users = await identity.stub.ListUsers(
        messages.ListUsersRequest(parent="tenants/acme"), metadata=bearer(signed_in.access_token)
    )
    assert [user.email for user in users.users] == [EMAIL]
    claims = jwt.decode(signed_in.access_token, options={"verify_signature": False})
    assert (claims["sub"], claims["tenant"], claims["roles"]) == ("users/ada", "acme", ["admin", "platform_admin"])


async def test_a_wrong_password_and_an_unknown_address_look_the_same(identity: Identity) -> None:
    assert await refused(identity, EMAIL, "wrong password") == "BAD_CREDENTIALS"
    assert await refused(identity, "nobody@acme.example", "wrong password") == "BAD_CREDENTIALS"
    assert (await audit_actions(identity)).count("user.sign_in_failed") == 1


async def test_an_address_that_cannot_be_stored_is_named_as_such(identity: Identity) -> None:
    assert await refused(identity, "ada\0@acme.example", "wrong password") == "UNSTORABLE_TEXT"


async def test_a_wrong_password_and_an_unknown_address_take_as_long(identity: Identity) -> None:
    async def seconds(email: str) -> float:
        started = time.process_time()
        await refused(identity, email, "wrong password")
        return time.process_time() - started

    known = min([await seconds(EMAIL) for _ in range(3)])
    unknown = min([await seconds(f"nobody-{number}@acme.example") for number in range(3)])
    # Hashing takes some 50 ms of the processor, all the rest a few.
    assert unknown > 0.5 * known


async def test_failing_too_often_blocks_the_account_for_a_while(identity: Identity, database: ClonedDatabase) -> None:
    failures = await asyncio.gather(*(refused(identity, EMAIL, "wrong password") for _ in range(8)))
    assert failures.count("BAD_CREDENTIALS") == 5
    assert failures.count("TOO_MANY_ATTEMPTS") == 3
    assert await refused(identity, EMAIL, PASSWORD) == "TOO_MANY_ATTEMPTS"
    assert await refused(identity, EMAIL.upper(), PASSWORD) == "TOO_MANY_ATTEMPTS"
    await execute(database.admin_url, "UPDATE identity.sign_in_attempt SET blocked_until = now()")
    await identity.sign_in()
    assert await refused(identity, EMAIL, "wrong password") == "BAD_CREDENTIALS"


async def test_unknown_addresses_are_blocked_just_so(identity: Identity) -> None:
    for _ in range(5):
        assert await refused(identity, "nobody@acme.example", "wrong password") == "BAD_CREDENTIALS"
    assert await refused(identity, "nobody@acme.example", "wrong password") == "TOO_MANY_ATTEMPTS"


async def test_a_refresh_token_buys_access_until_the_session_ends(identity: Identity) -> None:
    signed_in = await identity.sign_in()
    request = messages.ExchangeTokenRequest(token=signed_in.refresh_token)
    exchanged = await identity.stub.ExchangeToken(request)
    assert exchanged.tenant == "tenants/acme"
    tenant = messages.GetTenantRequest(name="tenants/acme")
    assert (await identity.stub.GetTenant(tenant, metadata=bearer(exchanged.access_token))).display_name == "Acme Ltd"
    for _ in range(2):
        await identity.stub.SignOut(messages.SignOutRequest(refresh_token=signed_in.refresh_token))
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await identity.stub.ExchangeToken(request)
    assert reason(raised) == "TOKEN_INVALID"
    assert "user.sign_out" in await audit_actions(identity)


@pytest.mark.parametrize("column", ["used_at = now() - interval '8 days'", "expires_at = now()"])
async def test_a_session_ends_by_age_and_by_idleness(identity: Identity, database: ClonedDatabase, column: str) -> None:
    signed_in = await identity.sign_in()
    await execute(database.admin_url, f"UPDATE identity.session SET {column}")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=signed_in.refresh_token))
    assert reason(raised) == "TOKEN_INVALID"


@pytest.mark.parametrize("token", ["", "x", "dsr1.acme.", "dsr1.acme.guess", "dsr1.A B.guess", "dsa1.other.guess"])
async def test_what_is_no_token_buys_nothing(identity: Identity, token: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=token))
    assert reason(raised) == "TOKEN_INVALID"


async def test_a_token_of_one_tenant_says_nothing_in_another(identity: Identity) -> None:
    token = (await identity.sign_in()).refresh_token.replace(".acme.", ".other.")
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=token))
    assert reason(raised) == "TOKEN_INVALID"


async def test_a_new_password_ends_all_sessions(identity: Identity) -> None:
    signed_in = await identity.sign_in()
    metadata = bearer(signed_in.access_token)
    change = messages.SetPasswordRequest(
        name="tenants/acme/users/ada", current_password="not the one", new_password="another long password"
    )
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await identity.stub.SetPassword(change, metadata=metadata)
    assert reason(raised) == "BAD_CREDENTIALS"
    change.current_password = PASSWORD
    await identity.stub.SetPassword(change, metadata=metadata)
    with pytest.raises(grpc.aio.AioRpcError):
        await identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=signed_in.refresh_token))
    assert await refused(identity, EMAIL, PASSWORD) == "BAD_CREDENTIALS"
    await identity.sign_in(EMAIL, "another long password")


async def test_a_stolen_access_token_does_not_guess_the_password(identity: Identity) -> None:
    metadata = await identity.bearer()
    change = messages.SetPasswordRequest(name="tenants/acme/users/ada", new_password="another long password")
    reasons: list[str] = []
    for _ in range(6):
        with pytest.raises(grpc.aio.AioRpcError) as raised:
            await identity.stub.SetPassword(change, metadata=metadata)
        reasons.append(reason(raised))
    assert reasons == ["BAD_CREDENTIALS"] * 5 + ["TOO_MANY_ATTEMPTS"]


async def test_a_disabled_user_is_out_at_once(identity: Identity) -> None:
    metadata = await identity.add_user("acme", "vic@acme.example", resources.ROLE_VIEWER)
    refresh_token = (await identity.sign_in("vic@acme.example")).refresh_token
    update = messages.UpdateUserRequest(user=resources.User(name="tenants/acme/users/vic", disabled=True))
    update.update_mask.paths.append("disabled")
    updated = await identity.stub.UpdateUser(update, metadata=await identity.bearer())
    assert updated.disabled
    assert list(updated.roles) == [resources.ROLE_VIEWER]
    assert await refused(identity, "vic@acme.example", PASSWORD) == "BAD_CREDENTIALS"
    with pytest.raises(grpc.aio.AioRpcError):
        await identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=refresh_token))
    async with identity.as_service() as service:
        revoked = await service.ListRevokedCertificates(messages.ListRevokedCertificatesRequest())
    assert revoked.disabled_actors == ["tenants/acme/users/vic"]
    del metadata


async def test_nothing_secret_is_stored_in_clear(identity: Identity, database: ClonedDatabase) -> None:
    signed_in = await identity.sign_in()
    connection = await asyncpg.connect(database.admin_url)
    try:
        tables = await connection.fetch("SELECT tablename FROM pg_tables WHERE schemaname = 'identity'")
        dump = ""
        for table in tables:
            dump += str(await connection.fetch(f"SELECT t::text FROM identity.{table['tablename']} t"))
    finally:
        await connection.close()
    assert len(tables) >= 9
    for secret in (PASSWORD, signed_in.refresh_token, signed_in.refresh_token.rpartition(".")[2], "PRIVATE KEY"):
        assert secret not in dump
        assert secret.encode().hex() not in dump


async def test_tokens_survive_a_restart_and_a_new_signing_key(identity: Identity, settings: IdentitySettings) -> None:
    old = await identity.bearer()
    request = messages.GetTenantRequest(name="tenants/acme")
    impatient = settings.model_copy(update={"signing_key_days": 1e-9})
    async with run_identity(impatient) as restarted:
        keys = (await restarted.stub.ListSigningKeys(messages.ListSigningKeysRequest())).keys
        assert len(keys) == 2
        await restarted.stub.GetTenant(request, metadata=old)
        new = (await restarted.sign_in()).access_token
        assert jwt.get_unverified_header(new)["kid"] == keys[0].key_id
        # The replica that has not looked since learns the new key from the token.
        await asyncio.sleep(2.1)
        await identity.stub.GetTenant(request, metadata=bearer(new))
