"""Texts that are markup, wherever people read texts: they are read, and nothing is made of them.

Machines name their variables, people their assets, publishers their apps: whatever the platform passes on is in turn
made hostile on its way to the browser, so that no carrier is forgotten. That services take and keep such names as they
are is shown with an asset here, with a person, a provider and an app in `test_admin.py`.
"""

import json
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import pytest
from playwright.async_api import Browser, Route, expect

from browser.chromium import find_chromium
from browser.people import Person, person
from browser.publishers import invite_publisher

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
NAME = """"'><img src=x onerror=alert(1)><script>alert(2)</script>{{7*7}}${7*7}<svg/onload=alert(3)>"""
# Elements and attributes that only such a text could have brought.
MADE_OF_IT = "document.querySelectorAll('img[src=x], [onerror], [onload], #app script, a[href^=javascript]').length"
TEXTS = {
    "advice", "browsePath", "comment", "description", "detail", "displayName", "en", "healthProblem", "host",
    "license", "manifest", "message", "nodeId", "note", "problem", "quotaNotice", "reasonText", "remark",
    "response", "site", "stateDetail", "summary", "text", "title", "words", "zh",
}  # fmt: skip
# Lists of such texts.
LISTS = {"attention", "findings", "hosts", "kept", "notes", "problems", "unmatched", "warnings"}
ASSET = "imm03"
APP = "oee-board"
VERSION = f"{APP}/1.0.0"
REVIEWED = f"/reviews/dualspan/{VERSION}"
# Those of who makes apps.
OF_PUBLISHERS = {"/publisher": True, f"/publisher/{APP}": True, f"/publisher/{VERSION}": True}
# Where such texts stand, and whether one is seen there at once.
PAGES = {
    "/": True,
    "/tags?q=Temperature": True,
    f"/explore?asset={ASSET}": True,
    f"/assets/{ASSET}": True,
    "/states": True,
    "/oee": True,
    "/losses": True,
    "/spc?chart=part-weight": True,
    "/energy": True,
    "/alarms": True,
    "/alarms?tab=quality": False,
    "/plants": True,
    "/gateways": True,
    "/gateways/demo-gateway": True,
    "/gateways/demo-gateway/connect?server=packaging": True,
    "/dashboards": True,
    "/dashboards/moulding-shop": True,
    "/dashboards/moulding-shop?edit=1": True,
    "/dashboards/moulding-shop/kiosk?then=packaging-hall": True,
    "/market": True,
    "/market/oee-board": True,
    "/market/oee-board/subscribe": True,
    "/apps": True,
    "/apps/oee-board": True,
    "/apps/oee-board?tab=settings": True,
    "/apps/oee-board?tab=grant": False,
    "/apps/oee-board?tab=usage": False,
    "/reviews": False,
    REVIEWED: True,
    "/account": True,
    "/admin/people": True,
    "/admin/tokens": True,
    "/admin/quotas": True,
    "/admin/audit": False,
    "/admin/tenants": True,
    "/admin/tenants/dualspan": True,
    "/admin/platform": False,
    "/admin/evidence?kind=devices": True,
}


def hostile(given: Any) -> Any:
    """The same answer with markup at the end of every text."""
    if isinstance(given, dict):
        return {key: _hostile_at(key, value) for key, value in given.items()}
    return [hostile(each) for each in given] if isinstance(given, list) else given


def _hostile_at(key: str, value: Any) -> Any:
    if key in TEXTS and isinstance(value, str) and value:
        return f"{value}{NAME}"
    if key in LISTS and isinstance(value, list):
        return [f"{each}{NAME}" if isinstance(each, str) else hostile(each) for each in value]
    return hostile(value)


async def make_hostile(route: Route) -> None:
    """Passes an answer on with hostile texts."""
    if ":subscribe" in route.request.url:  # a stream, of numbers
        await route.continue_()
        return
    answer = await route.fetch()
    if "json" not in answer.headers.get("content-type", ""):
        await route.fulfill(response=answer)
        return
    await route.fulfill(response=answer, json=hostile(await answer.json()))


async def call(visitor: Person, method: str, path: str, body: object = None) -> dict[str, Any]:
    """One call of the page's own."""
    sent = "undefined" if body is None else json.dumps(json.dumps(body))
    answer: dict[str, Any] = await visitor.page.evaluate(
        f"""(async () => {{
            const {{ csrf, tenant }} = await (await fetch("/v1/session")).json();
            const headers = {{ "content-type": "application/json", "x-csrf-token": csrf }};
            const address = `/v1/${{tenant}}/` + {json.dumps(path)};
            const answer = await fetch(address, {{ method: "{method}", headers, body: {sent} }});
            return {{ status: answer.status, body: await answer.json() }};
        }})()"""
    )
    assert answer["status"] == 200, answer
    return answer["body"]


async def is_read(visitor: Person, path: str) -> bool:
    """Checks that nothing is made of texts on a page; says whether one is read there."""
    await visitor.go(path)
    await visitor.settled()
    assert await visitor.page.evaluate(MADE_OF_IT) == 0, path
    return "onerror=alert(1)" in (await visitor.page.inner_text("#app"))


async def unread(visitor: Person, pages: Mapping[str, bool]) -> list[str]:
    """Those of some pages where a hostile text should be read and is not; nothing may be made of it on any."""
    await visitor.page.route("**/v1/**", make_hostile)
    try:
        await visitor.open("/")
        return [path for path, seen in pages.items() if not await is_read(visitor, path) and seen]
    finally:
        await visitor.page.unroute_all(behavior="ignoreErrors")


@pytest.mark.long
async def test_nothing_is_made_of_texts_on_any_page(admin: Person) -> None:
    assert await unread(admin, PAGES) == []


@pytest.mark.long
async def test_nothing_is_made_of_texts_at_a_publishers_desk(admin: Person, browser: Browser) -> None:
    await admin.open("/admin/tenants/dualspan")
    maker = await invite_publisher(admin, "dualspan", f"{uuid.uuid4().hex[:8]}@dualspan.example")
    async with person(browser, admin.console) as publisher:
        await publisher.sign_in(maker.email, maker.password)
        assert await unread(publisher, OF_PUBLISHERS) == []


async def test_nothing_is_made_of_texts_before_anybody_is_signed_in(admin: Person, browser: Browser) -> None:
    async def providers(route: Route) -> None:
        name = f"tenants/home/oidcProviders/{NAME}"
        await route.fulfill(json={"oidcProviders": [{"name": name, "displayName": f"Works {NAME}"}]})

    async with person(browser, admin.console) as stranger:
        page = stranger.page
        await page.route("**/v1/oidcProviders:find*", providers)
        await page.goto(f"{admin.console}/sign-in?problem={quote(NAME)}")
        await page.fill("input[name=email]", "lin@works.example")
        provider = page.locator("[data-provider]")
        await expect(provider).to_contain_text(NAME)
        assert (await provider.get_attribute("href") or "").startswith("/v1/session/oidc/home/")
        await expect(page.get_by_role("alert")).to_have_text(stranger.says("sign_in.problem_OIDC_REFUSED"))
        assert await page.evaluate(MADE_OF_IT) == 0


async def test_an_asset_keeps_the_name_that_it_was_given(admin: Person) -> None:
    path = f"assets/{ASSET}"
    await admin.open("/")
    before = (await call(admin, "GET", path))["displayName"]
    await call(admin, "PATCH", f"{path}?updateMask=displayName", {"displayName": NAME})
    try:
        assert await is_read(admin, f"/assets/{ASSET}")
        await admin.page.keyboard.press("Control+k")
        await expect(admin.page.get_by_role("combobox")).to_be_focused()
        await admin.page.keyboard.type("onerror")
        await expect(admin.page.get_by_role("option").first).to_contain_text("<img src=x onerror=alert(1)>")
        assert await admin.page.evaluate(MADE_OF_IT) == 0
    finally:
        await call(admin, "PATCH", f"{path}?updateMask=displayName", {"displayName": before})
