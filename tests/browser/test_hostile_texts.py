"""Texts that are markup, wherever people read texts: they are read, and nothing is made of them.

Machines name their variables, people their assets, publishers their apps: whatever the platform passes on is in turn
made hostile on its way to the browser, so that no carrier is forgotten. That services take and keep such names as they
are is shown with an asset here, with a person, a provider and an app in `test_admin.py`.
"""

import json
from typing import Any

import pytest
from playwright.async_api import Route, expect

from browser.chromium import find_chromium
from browser.people import Person

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
    "browsePath", "comment", "description", "detail", "displayName", "en", "healthProblem", "host", "message", "nodeId",
    "note", "problem", "quotaNotice", "reasonText", "remark", "response", "site", "stateDetail", "summary", "text",
    "title", "words", "zh",
}  # fmt: skip
# Lists of such texts.
LISTS = {"attention", "hosts", "kept", "notes", "problems", "unmatched", "warnings"}
ASSET = "imm03"
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
    "/publisher": False,
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


@pytest.mark.long
async def test_nothing_is_made_of_texts_on_any_page(admin: Person) -> None:
    await admin.page.route("**/v1/**", make_hostile)
    try:
        await admin.open("/")
        unseen = [path for path, seen in PAGES.items() if not await is_read(admin, path) and seen]
        assert unseen == []
    finally:
        await admin.page.unroute_all(behavior="ignoreErrors")


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
