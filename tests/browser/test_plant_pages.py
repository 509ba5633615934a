"""The plant manager's day in a real browser: a stop behind a figure, an alarm, a control chart, a write."""

import datetime as dt
import re
import uuid
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from browser.chromium import find_chromium
from browser.people import SEATS, Person, person

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
# Whoever has a level below 10 000 % has this alarm.
RULE = {
    "displayName": "Hopper is looked at",
    "scope": {"assets": ["imm01"]},
    "source": "ALARM_SOURCE_PROPERTY",
    "property": "hopper-level",
    "limits": {"limits": [{"level": "L", "value": 10000}]},
    "priority": "ALARM_PRIORITY_HIGH",
    "response": "Look at it.",
}
PASSWORD = uuid.uuid4().hex
CALL = """async ([method, path, body]) => {
  const session = await (await fetch('/v1/session')).json();
  const headers = {'content-type': 'application/json', 'x-csrf-token': session.csrf};
  const sent = body ? JSON.stringify(body) : undefined;
  const answer = await fetch(`/v1/${session.tenant}/${path}`, {method, headers, body: sent});
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}"""


async def call(manager: Person, method: str, path: str, body: dict[str, Any] | None = None) -> Any:
    """Asks the platform for something as the page would."""
    return await manager.page.evaluate(CALL, [method, path, body])


@pytest.mark.parametrize("admin", SEATS, indirect=True)
async def test_a_plant_manager_finds_out_why(admin: Person, browser: Browser) -> None:
    await admin.open("/")
    zone, shifts = await yesterday(admin)
    day = f"span=day&from={shifts[0]['startTime']}&to={shifts[-1]['endTime']}"
    await from_oee_to_a_stop(admin, day)
    await an_alarm_is_dealt_with(admin)
    await a_broken_rule_is_seen(admin, day)
    await the_second_person_decides(admin, browser)
    if admin.language == "en":
        await days_are_those_of_the_plant(admin, browser, zone, shifts[0])


async def days_are_those_of_the_plant(manager: Person, browser: Browser, zone: str, first: dict[str, Any]) -> None:
    """In Europe it is still the day before when the plant's first shift begins."""
    cookies = await manager.page.context.cookies()
    date = dt.date.fromisoformat(first["date"])
    async with person(browser, manager.console, zone="Europe/Berlin") as abroad:
        await abroad.page.context.add_cookies(cookies)  # pyright: ignore[reportArgumentType]
        await abroad.open(f"/oee?at=imm01&span=shift&from={first['startTime']}&to={first['endTime']}")
        words = f"{date:%b} {date.day}, {date.year}, {first['displayName']}"
        await expect(abroad.page.locator(".period")).to_have_text(words)
        await expect(abroad.page.locator("[data-zone]")).to_have_text(abroad.says("production.zone", zone=zone))


async def yesterday(manager: Person) -> tuple[str, list[dict[str, Any]]]:
    """The plant's time zone, and the shifts of its last whole day: of today there may be nothing to see yet."""
    calendar = (await call(manager, "GET", "calendars"))["calendars"][0]
    now = dt.datetime.now(dt.UTC)
    span = f"startTime={now - dt.timedelta(days=3):%Y-%m-%dT%H:%M:%SZ}&endTime={now:%Y-%m-%dT%H:%M:%SZ}"
    answer = await call(manager, "GET", f"calendars/{calendar['name'].rpartition('/')[2]}:listShifts?{span}")
    date = sorted({each["date"] for each in answer["occurrences"]})[-2]
    return calendar["timeZone"], [each for each in answer["occurrences"] if each["date"] == date]


async def from_oee_to_a_stop(manager: Person, day: str) -> None:
    """Opens the losses of a figure down to one interval, says why, and takes it back."""
    page = manager.page
    await manager.go(f"/oee?at=imm01&{day}")
    await expect(page.locator(".figure strong").first).to_have_text(re.compile(r"\d.*%"))
    await expect(page.locator("[data-zone]")).to_have_count(0)
    stop = page.locator("[data-stop] button").first
    await stop.wait_for(state="attached")
    if not await stop.is_visible():  # a reason alone is open already
        await page.locator(".loss-tree details details details summary").first.click()
    await stop.click()
    notes = await noted(manager)
    try:
        await a_stop_is_explained(manager)
    finally:
        for name in await noted(manager) - notes:
            await call(manager, "DELETE", f"stopNotes/{name.rpartition('/')[2]}")


async def noted(manager: Person) -> set[str]:
    """What somebody has said about stops of the machine."""
    return {each["name"] for each in (await call(manager, "GET", "stopNotes?asset=imm01"))["stopNotes"]}


async def a_stop_is_explained(manager: Person) -> None:
    """Says why the chosen interval was, and takes it back."""
    page = manager.page
    interval = page.locator(".interval")
    await expect(interval.locator("[data-do=explore]")).to_have_attribute(
        "href", re.compile(r"^/explore\?asset=imm01&s=imm01")
    )
    await interval.locator("[data-do=explain]").click()
    await page.locator("select[name=reason]").select_option(index=1)
    given = await page.locator("select[name=reason] option").nth(1).text_content()
    await page.locator("dialog [data-do=save]").click()
    by_hand = manager.says("states.by_hand")
    await expect(interval).to_contain_text(f"{given} ({by_hand})")
    await manager.undo()
    await expect(interval).not_to_contain_text(by_hand)


async def an_alarm_is_dealt_with(manager: Person) -> None:
    """Acknowledges an alarm, puts it on the shelf, and takes it back from there."""
    rule = f"looked-at-{uuid.uuid4().hex[:8]}"
    await call(manager, "POST", f"alarmRules?alarmRuleId={rule}", RULE)
    try:
        await acknowledged_and_shelved(manager, rule)
    finally:
        await call(manager, "DELETE", f"alarmRules/{rule}")


async def acknowledged_and_shelved(manager: Person, rule: str) -> None:
    """What is done about one alarm."""
    page = manager.page
    await manager.go("/alarms?q=looked")
    alarm = page.locator(f"[data-alarm*={rule}]")
    await expect(alarm).to_have_attribute("data-state", "UNACKNOWLEDGED")
    await alarm.locator("[data-do=acknowledge]").click()
    await expect(alarm).to_have_attribute("data-state", "ACKNOWLEDGED")
    await alarm.locator("[data-do=shelve]").click()
    await page.locator("dialog textarea").fill("The hopper is full.")
    await page.locator("dialog [data-do=really]").click()
    await expect(alarm).to_have_count(0)
    await manager.undo()
    # What comes from the shelf while it still holds is a new alarm (ISA-18.2).
    await expect(alarm).to_have_attribute("data-state", "UNACKNOWLEDGED")


async def a_broken_rule_is_seen(manager: Person, day: str) -> None:
    """Sees at which point of a control chart a rule was broken, and what it was."""
    page = manager.page
    await manager.go(f"/spc?chart=cycle-time&machine=imm01&{day}")
    await expect(page.locator("[data-violations]")).to_contain_text(manager.says("spc.out_of_control"))
    await expect(page.locator(".control-mark").first).to_be_visible()
    await page.get_by_role("table", name=manager.says("spc.broken")).locator("tbody tr").first.click()
    await expect(page.locator(".interval")).to_contain_text(manager.says("spc.point", number="").strip(" 点"))
    await expect(page.locator(".interval .control-badge").first).to_be_visible()


async def the_second_person_decides(manager: Person, browser: Browser) -> None:
    """Is asked on the first page for a write that somebody else wants, and sees what it is."""
    bindings = (await call(manager, "GET", "assets/imm02"))["bindings"]
    tag = next(each["tag"] for each in bindings if each["property"] == "mould-temperature-setpoint")
    guard = {"tag": tag, "enabled": True, "limits": {"minimum": "20", "maximum": "90"}, "needsApproval": True}
    await call(manager, "PATCH", "writeGuards/mould-setpoint?allowMissing=true", guard)
    try:
        await a_write_is_decided(manager, browser, tag)
    finally:
        await call(manager, "DELETE", "writeGuards/mould-setpoint")


async def a_write_is_decided(manager: Person, browser: Browser, tag: str) -> None:
    """One person asks for a write, the other one says no."""
    page = manager.page
    user = f"setter-{uuid.uuid4().hex[:8]}"
    email = f"{user}@dualspan.localhost"
    setter = {"email": email, "displayName": "Setter", "roles": ["ROLE_OPERATOR"]}
    await call(manager, "POST", "users", {"user": setter, "userId": user, "password": PASSWORD})
    wanted = {
        "guard": f"{tag.partition('/tags/')[0]}/writeGuards/mould-setpoint",
        "value": {"number": "61.5"},
        "reason": "Flash on the parts",
    }
    async with person(browser, manager.console, language=manager.language, size=manager.size) as somebody:
        await somebody.sign_in(email, PASSWORD)
        await call(somebody, "POST", f"writeCommands?requestId={uuid.uuid4()}", wanted)
        await expect(somebody.page.locator("[data-do=decide]")).to_have_count(0)
    await manager.go("/")
    await page.locator("[data-do=decide]").click()
    dialog = page.locator("dialog")
    await expect(dialog).to_contain_text("61.5")
    await expect(dialog).to_contain_text("Flash on the parts")
    await expect(dialog).to_contain_text("setter")
    await expect(dialog).to_contain_text("Setpoint")
    await dialog.locator("[data-do=reject]").click()
    await expect(page.locator("[data-do=decide]")).to_have_count(0)
