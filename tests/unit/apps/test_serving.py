"""Pages of apps: they keep to themselves, and errors are words."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from dualspan_appkit import WebApp, application
from dualspan_appkit.choices import time_zone
from dualspan_sdk import DualSpanError, Health


async def nothing() -> None:
    return


async def answer(query: Mapping[str, str]) -> dict[str, str]:
    if "wrong" in query:
        raise DualSpanError("INVALID_ARGUMENT", "NO_NUMBER", "Write a number.")
    return {"seen": query.get("a", "")}


async def ask(path: str, query: bytes = b"") -> tuple[int, dict[bytes, bytes], bytes]:
    web = application(WebApp("oee_board", {"/api/a": answer}, nothing), Health())
    sent: list[dict[str, Any]] = []
    over = asyncio.Event()

    async def receive() -> dict[str, object]:
        await over.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "method": "GET", "path": path}
    scope |= {"query_string": query, "headers": [], "http_version": "1.1", "scheme": "http", "root_path": ""}
    async with asyncio.timeout(20):
        await web(scope, receive, send)
    body = b"".join(message.get("body", b"") for message in sent[1:])
    return sent[0]["status"], dict(sent[0]["headers"]), body


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/", 200),
        ("/kit/kit.js", 200),
        ("/static/board.js", 200),
        ("/healthz", 503),
        ("/none", 404),
        ("/kit/../x", 404),
    ],
)
async def test_pages_keep_to_themselves(path: str, status: int) -> None:
    got, headers, _ = await ask(path)
    assert got == status
    assert b"default-src 'self'" in headers[b"content-security-policy"]
    assert headers[b"x-content-type-options"] == b"nosniff"


async def test_answers_and_errors_are_json() -> None:
    status, _, body = await ask("/api/a", b"a=5")
    assert (status, json.loads(body)) == (200, {"seen": "5"})
    status, _, body = await ask("/api/a", b"wrong=1")
    assert status == 400
    assert json.loads(body)["error"] == {"reason": "NO_NUMBER", "message": "Write a number."}


@pytest.mark.parametrize("name", ["Mars/Olympus", "../etc/passwd", "", "\0"])
def test_a_time_zone_that_is_none_is_named(name: str) -> None:
    assert str(time_zone({"timeZone": "Asia/Shanghai"})) == "Asia/Shanghai"
    assert str(time_zone({})) == "UTC"
    with pytest.raises(DualSpanError, match="UNKNOWN_TIME_ZONE"):
        time_zone({"timeZone": name})
