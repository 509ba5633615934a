import asyncio

import grpc
import jwt
import pytest
from dualspan.identity.v1 import resources_pb2 as resources
from dualspan.identity.v1 import service_pb2 as messages

from dualspan_runtime.errors import error_info
from integration.identity.conftest import EMAIL, PASSWORD, Identity, bearer


def reason(raised: pytest.ExceptionInfo[grpc.aio.AioRpcError]) -> str:
    info = error_info(raised.value)
    assert info is not None
    assert info.domain == "dualspan.io"
    return info.reason


async def test_signing_in_gives_a_token_that_works(identity: Identity) -> None:
    signed_in = await identity.sign_in(f"  {EMAIL.upper()} ")
    assert signed_in.user.name == "tenants/acme/users/ada"
    users = await identity.stub.ListUsers(
        messages.ListUsersRequest(parent="tenants/acme"), metadata=bearer(signed_in.access_token)
    )
    assert [user.email for user in users.users] == [EMAIL]
