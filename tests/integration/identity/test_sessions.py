from integration.identity.running import EMAIL, Identity, bearer

from dualspan.identity.v1 import service_pb2 as messages


async def test_signing_in_gives_a_token_that_works(identity: Identity) -> None:
    signed_in = await identity.sign_in(f"  {EMAIL.upper()} ")
    assert signed_in.user.name == "tenants/acme/users/ada"
    users = await identity.stub.ListUsers(
        messages.ListUsersRequest(parent="tenants/acme"), metadata=bearer(signed_in.access_token)
    )
    assert [user.email for user in users.users] == [EMAIL]
