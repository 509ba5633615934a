import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime, timedelta

import asyncpg
import grpc
import pytest
from integration.identity.running import EMAIL, PASSWORD, Identity, bearer, reason

from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages
from dualspan_identity.bootstrap import FirstUser, bootstrap
from dualspan_identity.settings import IdentitySettings
from dualspan_runtime.errors import InvalidArgument
from harness.databases import ClonedDatabase

ACME = "tenants/acme"


def new_user(
    email: str, *roles: resources.Role.ValueType, parent: str = ACME, user_id: str = "", password: str = PASSWORD
) -> messages.CreateUserRequest:
    user = resources.User(email=email, roles=roles)
    return messages.CreateUserRequest(parent=parent, user=user, user_id=user_id, password=password)


def new_token(*roles: resources.Role.ValueType, days: float = 1) -> messages.CreateApiTokenRequest:
    token = resources.ApiToken(display_name="robot", roles=roles)
    token.expire_time.FromDatetime(datetime.now(UTC) + timedelta(days=days))
    return messages.CreateApiTokenRequest(parent=ACME, api_token=token)


async def refused(call: Awaitable[object]) -> str:
    with pytest.raises(grpc.aio.AioRpcError) as raised:
        await call
    return reason(raised)


async def test_a_platform_admin_sets_up_a_tenant_and_its_first_admin(identity: Identity) -> None:
    root = await identity.bearer()
    tenant = resources.Tenant(display_name="Brewery")
    request = messages.CreateTenantRequest(tenant=tenant, tenant_id="brewery")
    assert (await identity.stub.CreateTenant(request, metadata=root)).name == "tenants/brewery"
    assert await refused(identity.stub.CreateTenant(request, metadata=root)) == "TENANT_EXISTS"
    user = new_user("hop@brewery.example", resources.ROLE_ADMIN, parent="tenants/brewery")
    assert (await identity.stub.CreateUser(user, metadata=root)).name == "tenants/brewery/users/hop"
    both = await identity.stub.ListTenants(messages.ListTenantsRequest(), metadata=root)
    assert [one.name for one in both.tenants] == [ACME, "tenants/brewery"]
    hop = await identity.bearer("hop@brewery.example")
    own = await identity.stub.ListTenants(messages.ListTenantsRequest(), metadata=hop)
    assert [one.name for one in own.tenants] == ["tenants/brewery"]
    assert await refused(identity.stub.CreateTenant(request, metadata=hop)) == "PERMISSION_MISSING"
    other = messages.ListUsersRequest(parent=ACME)
    assert await refused(identity.stub.ListUsers(other, metadata=hop)) == "FOREIGN_TENANT"


async def test_an_address_belongs_to_one_user_on_the_platform(identity: Identity) -> None:
    root = await identity.bearer()
    await identity.add_user("other", "eve@other.example", resources.ROLE_VIEWER)
    again = new_user("EVE@other.example", resources.ROLE_VIEWER)
    assert await refused(identity.stub.CreateUser(again, metadata=root)) == "EMAIL_TAKEN"
    same_id = new_user("eve@elsewhere.example", resources.ROLE_VIEWER, user_id="ada")
    assert await refused(identity.stub.CreateUser(same_id, metadata=root)) == "USER_EXISTS"


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (new_user("no address", resources.ROLE_VIEWER), "MALFORMED_FIELD"),
        (new_user("a@b.example"), "MALFORMED_FIELD"),
        (new_user("a@b.example", resources.ROLE_UNSPECIFIED), "MALFORMED_FIELD"),
        (new_user("a@b.example", resources.ROLE_VIEWER, password="short"), "MALFORMED_FIELD"),
        (new_user("a@b.example", resources.ROLE_VIEWER, password="x" * 600), "MALFORMED_FIELD"),
        (new_user("a@b.example", resources.ROLE_VIEWER, user_id="Not An Id"), "MALFORMED_ID"),
        (new_user("a@b.example", resources.ROLE_VIEWER, parent="acme"), "MALFORMED_NAME"),
        (new_user("a\0@b.example", resources.ROLE_VIEWER, user_id="a"), "UNSTORABLE_TEXT"),
    ],
)
async def test_what_breaks_a_rule_is_refused(
    identity: Identity, request_: messages.CreateUserRequest, expected: str
) -> None:
    assert await refused(identity.stub.CreateUser(request_, metadata=await identity.bearer())) == expected


async def test_an_admin_makes_and_changes_no_platform_admin(identity: Identity) -> None:
    admin = await identity.add_user("acme", "bob@acme.example", resources.ROLE_ADMIN)
    create = new_user("x@acme.example", resources.ROLE_PLATFORM_ADMIN)
    assert await refused(identity.stub.CreateUser(create, metadata=admin)) == "ROLE_NOT_GRANTABLE"
    myself = resources.User(
        name=f"{ACME}/users/bob", display_name="Bob", roles=[resources.ROLE_ADMIN, resources.ROLE_PLATFORM_ADMIN]
    )
    update = messages.UpdateUserRequest(user=myself)
    assert await refused(identity.stub.UpdateUser(update, metadata=admin)) == "ROLE_NOT_GRANTABLE"
    ada = messages.UpdateUserRequest(user=resources.User(name=f"{ACME}/users/ada", disabled=True))
    ada.update_mask.paths.append("disabled")
    assert await refused(identity.stub.UpdateUser(ada, metadata=admin)) == "PLATFORM_ADMIN_PROTECTED"
    password = messages.SetPasswordRequest(name=f"{ACME}/users/ada", new_password="taken over now")
    assert await refused(identity.stub.SetPassword(password, metadata=admin)) == "PLATFORM_ADMIN_PROTECTED"


async def test_nobody_locks_themselves_out_or_sets_anothers_password_without_the_right(identity: Identity) -> None:
    update = messages.UpdateUserRequest(user=resources.User(name=f"{ACME}/users/ada", disabled=True))
    update.update_mask.paths.append("disabled")
    assert await refused(identity.stub.UpdateUser(update, metadata=await identity.bearer())) == "OWN_ACCOUNT"
    viewer = await identity.add_user("acme", "vic@acme.example", resources.ROLE_VIEWER)
    password = messages.SetPasswordRequest(name=f"{ACME}/users/ada", new_password="taken over now")
    assert await refused(identity.stub.SetPassword(password, metadata=viewer)) == "PERMISSION_MISSING"
    assert await refused(identity.stub.UpdateUser(update, metadata=viewer)) == "PERMISSION_MISSING"


async def test_an_unknown_field_in_a_mask_is_refused(identity: Identity) -> None:
    update = messages.UpdateUserRequest(user=resources.User(name=f"{ACME}/users/ada", email="new@acme.example"))
    update.update_mask.paths.append("email")
    assert await refused(identity.stub.UpdateUser(update, metadata=await identity.bearer())) == "MALFORMED_FIELD"


async def test_pages_of_users_come_in_order_and_whole(identity: Identity) -> None:
    root = await identity.bearer()
    for letter in "bcde":
        await identity.stub.CreateUser(new_user(f"{letter}@acme.example", resources.ROLE_VIEWER), metadata=root)
    seen: list[str] = []
    request = messages.ListUsersRequest(parent=ACME, page_size=2)
    while True:
        page = await identity.stub.ListUsers(request, metadata=root)
        assert len(page.users) <= 2
        seen += [user.email.partition("@")[0] for user in page.users]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert seen == ["ada", "b", "c", "d", "e"]
    other = messages.ListApiTokensRequest(parent=ACME, page_token=request.page_token)
    assert await refused(identity.stub.ListApiTokens(other, metadata=root)) == "MALFORMED_PAGE_TOKEN"


async def test_an_api_token_speaks_for_its_roles_until_it_is_revoked(identity: Identity) -> None:
    root = await identity.bearer()
    created = await identity.stub.CreateApiToken(new_token(resources.ROLE_VIEWER), metadata=root)
    exchange = messages.ExchangeTokenRequest(token=created.secret)
    robot = bearer((await identity.stub.ExchangeToken(exchange)).access_token)
    assert (await identity.stub.GetTenant(messages.GetTenantRequest(name=ACME), metadata=robot)).name == ACME
    assert await refused(identity.stub.ListUsers(messages.ListUsersRequest(parent=ACME), metadata=robot)) == (
        "PERMISSION_MISSING"
    )
    listed = await identity.stub.ListApiTokens(messages.ListApiTokensRequest(parent=ACME), metadata=root)
    assert list(listed.api_tokens) == [created.api_token]
    revoke = messages.RevokeApiTokenRequest(name=created.api_token.name)
    first = await identity.stub.RevokeApiToken(revoke, metadata=root)
    assert first.HasField("revoke_time")
    assert await identity.stub.RevokeApiToken(revoke, metadata=root) == first
    assert await refused(identity.stub.ExchangeToken(exchange)) == "TOKEN_INVALID"


async def test_an_api_token_gets_no_more_than_its_maker_has(identity: Identity) -> None:
    admin = await identity.add_user("acme", "bob@acme.example", resources.ROLE_ADMIN)
    made = await identity.stub.CreateApiToken(new_token(resources.ROLE_ADMIN, resources.ROLE_ENGINEER), metadata=admin)
    for role in (resources.ROLE_PLATFORM_ADMIN,):
        call = identity.stub.CreateApiToken(new_token(role), metadata=admin)
        assert await refused(call) == "ROLE_NOT_GRANTABLE"
    exchanged = await identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=made.secret))
    robot = bearer(exchanged.access_token)
    assert await refused(identity.stub.CreateApiToken(new_token(resources.ROLE_VIEWER), metadata=robot)) == (
        "MAKER_NOT_A_PERSON"
    )
    for days in (-1, 400):
        call = identity.stub.CreateApiToken(new_token(resources.ROLE_VIEWER, days=days), metadata=admin)
        assert await refused(call) == "MALFORMED_FIELD"
    wrong = new_token(resources.ROLE_VIEWER)
    wrong.api_token.expire_time.nanos = -1
    assert await refused(identity.stub.CreateApiToken(wrong, metadata=admin)) == "MALFORMED_FIELD"


async def test_an_api_token_loses_what_its_maker_loses(identity: Identity) -> None:
    admin = await identity.add_user("acme", "bob@acme.example", resources.ROLE_ADMIN)
    both = await identity.stub.CreateApiToken(new_token(resources.ROLE_ADMIN, resources.ROLE_VIEWER), metadata=admin)
    only = await identity.stub.CreateApiToken(new_token(resources.ROLE_ADMIN), metadata=admin)
    update = messages.UpdateUserRequest(
        user=resources.User(name=f"{ACME}/users/bob", roles=[resources.ROLE_OPERATOR]),
    )
    update.update_mask.paths.append("roles")
    await identity.stub.UpdateUser(update, metadata=await identity.bearer())
    exchanged = await identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=both.secret))
    robot = bearer(exchanged.access_token)
    assert (await identity.stub.GetTenant(messages.GetTenantRequest(name=ACME), metadata=robot)).name == ACME
    assert await refused(identity.stub.ListUsers(messages.ListUsersRequest(parent=ACME), metadata=robot)) == (
        "PERMISSION_MISSING"
    )
    assert await refused(identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=only.secret))) == (
        "TOKEN_INVALID"
    )


async def test_the_tokens_of_a_disabled_user_stop_with_them(identity: Identity) -> None:
    admin = await identity.add_user("acme", "bob@acme.example", resources.ROLE_ADMIN)
    made = await identity.stub.CreateApiToken(new_token(resources.ROLE_VIEWER), metadata=admin)
    update = messages.UpdateUserRequest(user=resources.User(name=f"{ACME}/users/bob", disabled=True))
    update.update_mask.paths.append("disabled")
    await identity.stub.UpdateUser(update, metadata=await identity.bearer())
    assert await refused(identity.stub.ExchangeToken(messages.ExchangeTokenRequest(token=made.secret))) == (
        "TOKEN_INVALID"
    )
    async with identity.as_service() as service:
        revoked = await service.ListRevokedCertificates(messages.ListRevokedCertificatesRequest())
    assert set(revoked.disabled_actors) == {f"{ACME}/users/bob", made.api_token.name}


async def test_services_write_the_audit_log_and_nobody_changes_it(identity: Identity, database: ClonedDatabase) -> None:
    event = resources.AuditEvent(
        actor="gateways/g1", action="gateway.enrol", resource=f"{ACME}/gateways/g1", details={"a": "b"}, request_id="r"
    )
    record = messages.RecordAuditEventRequest(parent=ACME, audit_event=event)
    root = await identity.bearer()
    assert await refused(identity.stub.RecordAuditEvent(record, metadata=root)) == "PERMISSION_MISSING"
    async with identity.as_service() as service:
        stored = await service.RecordAuditEvent(record)
        nowhere = messages.RecordAuditEventRequest(parent="tenants/nowhere", audit_event=event)
        assert await refused(service.RecordAuditEvent(nowhere)) == "TENANT_NOT_FOUND"
    listed = await identity.stub.ListAuditEvents(messages.ListAuditEventsRequest(parent=ACME), metadata=root)
    assert listed.audit_events[0] == stored
    assert [one.action for one in listed.audit_events] == [
        "gateway.enrol",
        "user.sign_in",
        "user.create",
        "tenant.create",
    ]
    for role in ("", "SET ROLE dualspan_identity_platform;"):
        connection = await asyncpg.connect(database.service_url("identity"))
        try:
            for change in ("UPDATE identity.audit_event SET actor = 'x'", "DELETE FROM identity.audit_event"):
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await connection.execute(role + change)
        finally:
            await connection.close()


async def test_the_first_user_is_made_once(settings: IdentitySettings, database: ClonedDatabase) -> None:
    first = FirstUser("acme", "Acme Ltd", EMAIL, PASSWORD)
    made = await asyncio.gather(*(bootstrap(settings, first) for _ in range(3)))
    assert sorted(made) == [False, False, True]
    assert not await bootstrap(settings, FirstUser("other", "Other", "eve@other.example", PASSWORD))
    with pytest.raises(InvalidArgument):
        await bootstrap(settings, FirstUser("other", "Other", "eve@other.example", "short"))
    connection = await asyncpg.connect(database.admin_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM identity.account") == 1
    finally:
        await connection.close()
