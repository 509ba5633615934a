"""Tokens of an app: each buys the next, and what the platform puts in their place counts at once."""

import base64
import json
import time
from typing import Any

import grpc.aio
import pytest

from dualspan.marketplace.v1 import app_runtime_pb2 as contract
from dualspan_sdk import AccessToken, DualSpanError
from dualspan_sdk._runtime import RenewedCredentials

NAME = "tenants/acme/subscriptions/oee"


def token(seconds: float, mark: int = 0) -> AccessToken:
    claims = {"tenant": "acme", "exp": time.time() + seconds, "mark": mark}
    payload = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return AccessToken.from_jwt(f"e30.{payload}.")


class Place:
    """Where the platform puts tokens."""

    def __init__(self, first: AccessToken) -> None:
        self.token: AccessToken | None = first

    async def current(self) -> AccessToken:
        if self.token is None:
            raise DualSpanError("UNAUTHENTICATED", "TOKEN_FILE_UNREADABLE", "gone")
        return self.token

    async def renewed(self, refused: AccessToken) -> AccessToken | None:
        del refused


class Marketplace:
    """Sells tokens, while it is there."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.sells: AccessToken | None = None

    async def RefreshAppToken(  # noqa: N802 - the contract's name
        self, request: contract.RefreshAppTokenRequest, *, metadata: Any, timeout: float
    ) -> contract.RefreshAppTokenResponse:
        assert request.name == NAME
        assert timeout > 0
        self.asked.append(dict(metadata)["authorization"])
        if self.sells is None:
            nothing = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(grpc.StatusCode.UNAVAILABLE, nothing, nothing, "away")
        answer = contract.RefreshAppTokenResponse(access_token=self.sells.secret)
        answer.expire_time.FromMicroseconds(int(self.sells.expires_at * 1e6))
        return answer


def credentials(place: Place, marketplace: Any) -> RenewedCredentials:
    return RenewedCredentials(marketplace, NAME, place)


async def test_a_token_that_lasts_is_used_as_it_is() -> None:
    place, marketplace = Place(token(900)), Marketplace()
    assert await credentials(place, marketplace).current() == place.token
    assert not marketplace.asked


async def test_a_token_that_ends_soon_buys_the_next_once() -> None:
    first, second = token(100), token(900, 2)
    marketplace = Marketplace()
    marketplace.sells = second
    mine = credentials(Place(first), marketplace)
    assert [(await mine.current()).secret for _ in range(2)] == [second.secret] * 2
    assert marketplace.asked == [f"Bearer {first.secret}"]
    assert await mine.renewed(second) is None
    again = await mine.renewed(first)
    assert again is not None
    assert again.secret == second.secret


async def test_while_the_marketplace_is_away_the_token_at_hand_goes_on_and_it_is_asked_now_and_then(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    place, marketplace = Place(token(100)), Marketplace()
    mine = credentials(place, marketplace)
    for _ in range(3):
        assert await mine.current() == place.token
    assert len(marketplace.asked) == 1
    later = time.time() + 6
    monkeypatch.setattr("dualspan_sdk._runtime.time.time", lambda: later)
    await mine.current()
    assert len(marketplace.asked) == 2


async def test_what_the_platform_puts_in_its_place_counts_at_once() -> None:
    place, marketplace = Place(token(100)), Marketplace()
    marketplace.sells = token(900, 2)
    mine = credentials(place, marketplace)
    bought = await mine.current()
    place.token = token(800, 3)
    assert await mine.renewed(bought) == place.token
    assert await mine.current() == place.token


async def test_a_place_that_cannot_be_read_ends_nothing_that_runs() -> None:
    place, marketplace = Place(token(900)), Marketplace()
    mine = credentials(place, marketplace)
    first = await mine.current()
    place.token = None
    assert await mine.current() == first
    with pytest.raises(DualSpanError, match="gone"):
        await credentials(place, marketplace).current()
