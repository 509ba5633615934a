import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from dualspan_runtime.authentication import Authenticator
from dualspan_runtime.errors import Unauthenticated, Unavailable
from dualspan_runtime.principal import ANONYMOUS, PrincipalKind
from dualspan_runtime.tokens import AUDIENCE, ServiceToken, read_access_token, read_service_token
from dualspan_runtime.trust import KeyRing, Revocations

SECRET = "a secret of at least thirty-two characters"
KEY = Ed25519PrivateKey.generate()


def claims(**changes: object) -> dict[str, object]:
    now = time.time()
    base = {"sub": "users/u", "tenant": "acme", "roles": ["viewer"], "aud": AUDIENCE, "exp": now + 60, "iat": now}
    return {key: value for key, value in {**base, **changes}.items() if value is not None}


def test_a_service_token_tells_the_service() -> None:
    token = ServiceToken("historian", SECRET)
    principal = read_service_token(token.current(), SECRET)
    assert (principal.kind, principal.actor, principal.tenant) == (PrincipalKind.SERVICE, "services/historian", "")
    assert token.current() == token.current()


def test_a_persons_token_is_no_service_token() -> None:
    with pytest.raises(Unauthenticated):
        read_service_token(jwt.encode(claims(), SECRET, algorithm="HS256"), SECRET)


@pytest.mark.parametrize(
    "changes",
    [
        {"sub": None},
        {"sub": "services/historian"},
        {"sub": "gateways/g"},
        {"tenant": None},
        {"roles": "admin"},
        {"exp": None},
        {"aud": "somebody else"},
        {"aud": None},
    ],
)
def test_an_access_token_needs_every_claim(changes: dict[str, object]) -> None:
    token = jwt.encode(claims(**changes), KEY, algorithm="EdDSA")
    with pytest.raises(Unauthenticated) as raised:
        read_access_token(token, KEY.public_key())
    assert raised.value.reason == "TOKEN_INVALID"


class _Trust:
    """Identity as it may be: silent at times."""

    def __init__(self) -> None:
        self.asked = 0
        self.silent = False
        self.keys: dict[str, str] = {}

    async def signing_keys(self) -> dict[str, str]:
        self.asked += 1
        if self.silent:
            raise Unavailable("SILENT", "…")
        return self.keys

    async def revocations(self) -> Revocations:
        return Revocations()

    async def gateway_ca(self) -> str:
        return ""

    async def sign_server_certificate(self, csr_pem: str, hosts: list[str]) -> str:
        return csr_pem + "".join(hosts)


def pem(key: Ed25519PrivateKey) -> str:
    from cryptography.hazmat.primitives import serialization

    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return key.public_key().public_bytes(serialization.Encoding.PEM, form).decode()


async def test_strangers_with_unknown_keys_do_not_make_a_call_each() -> None:
    trust = _Trust()
    ring = KeyRing(trust)
    for number in range(20):
        assert await ring.find(f"unknown-{number}") is None
    assert trust.asked == 1


async def test_known_keys_work_while_identity_is_silent() -> None:
    trust = _Trust()
    trust.keys["k"] = pem(KEY)
    ring = KeyRing(trust)
    assert await ring.find("k") is not None
    trust.silent = True
    ring._fetched_at -= 3600
    assert await ring.find("k") is not None
    ring._fetched_at -= 3600
    with pytest.raises(Unavailable):
        await ring.find("another")


async def test_a_token_is_verified_once_and_still_ends_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    trust = _Trust()
    trust.keys["k"] = pem(KEY)
    authenticator = Authenticator(KeyRing(trust), SECRET)
    token = f"Bearer {jwt.encode(claims(), KEY, algorithm='EdDSA', headers={'kid': 'k'})}"
    first = await authenticator.from_token(token)
    assert (first.actor, first.tenant, first.roles) == ("users/u", "acme", frozenset({"viewer"}))
    assert await authenticator.from_token(token) is first
    late = time.time() + 3600
    monkeypatch.setattr(time, "time", lambda: late)
    with pytest.raises(Unauthenticated) as raised:
        await authenticator.from_token(token)
    assert raised.value.reason == "TOKEN_EXPIRED"


async def test_no_header_is_nobody_and_another_scheme_is_refused() -> None:
    authenticator = Authenticator(KeyRing(_Trust()), SECRET)
    assert await authenticator.from_token("") is ANONYMOUS
    for header in ("Basic dTpw", "Bearer", "Bearer "):
        with pytest.raises(Unauthenticated):
            await authenticator.from_token(header)
