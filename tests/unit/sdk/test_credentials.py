import base64
import json

import pytest

from dualspan_sdk import Client, DualSpanError
from dualspan_sdk._credentials import AccessToken


def jwt(claims: object) -> str:
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"eyJhbGciOiJFZERTQSJ9.{payload}.c2lnbmF0dXJl"


@pytest.mark.parametrize("tenant", ["acme", "tenants/acme"])
def test_a_ready_token_says_for_whom_and_how_long(tenant: str) -> None:
    token = AccessToken.from_jwt(jwt({"tenant": tenant, "exp": 1_800_000_000}))
    assert token.tenant == "tenants/acme"
    assert token.expires_at == 1_800_000_000
    assert token.metadata == (("authorization", f"Bearer {token.secret}"),)


@pytest.mark.parametrize(
    "secret", ["", "ds_api_token", "a.b.c", "a.####.c", jwt({"exp": 1}), jwt([]), jwt({"tenant": "a", "exp": "soon"})]
)
def test_what_is_no_access_token_is_refused_with_advice(secret: str) -> None:
    with pytest.raises(DualSpanError) as caught:
        AccessToken.from_jwt(secret)
    assert caught.value.reason == "MALFORMED_TOKEN"
    assert "token=" in caught.value.message


async def test_connect_wants_exactly_one_credential() -> None:
    with pytest.raises(ValueError, match="either"):
        await Client.connect()
    with pytest.raises(ValueError, match="either"):
        await Client.connect(token="a", access_token="b")
