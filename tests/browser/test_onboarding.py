"""A factory engineer connects a hall, and a colleague follows on the phone; one at a desk, the other at the line."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Locator, expect

from browser.chromium import find_chromium
from browser.hall import PASSWORD, PRESSES, SCRIPT, USER, Box, box, hall
from browser.people import SEATS, Person, Seat
from plc_sim.plant_server import PlantServer

pytestmark = [
    pytest.mark.browser,
    pytest.mark.timeout(240),
    pytest.mark.asyncio(loop_scope="session"),
    pytest.mark.skipif(find_chromium() is None, reason="no Chromium is installed"),
]
GUIDE = Path(__file__).parents[2] / "docs" / "guides" / "connect-a-plant.md"
# What an attacker's machine name would have done to a page.
TAKEN = "Boolean(document.querySelector('img[src=x]'))"
_PATIENCE_MS = 60_000
# Where the colleague sits: in the other language, at the other size.
OPPOSITE: dict[Seat, Seat] = {
    ("en", "desk"): ("zh", "phone"),
    ("zh", "phone"): ("en", "desk"),
    ("zh", "desk"): ("en", "phone"),
    ("en", "phone"): ("zh", "desk"),
}
# What the curing press's model calls the pressure in its bladder, and that of the steam.
PRESSURE = {"en": "Internal pressure", "zh": "胶囊内压"}
STEAM = {"en": "Steam supply pressure", "zh": "蒸汽总管压力"}


@dataclass
class Crew:
    """An engineer at a desk and a colleague with a phone.

    Attributes:
        thorough: Both look at every step, and axe judges what they see.
        wrong: What was wrong with the pages that they saw.
    """

    engineer: Person
    colleague: Person
    plant: PlantServer
    box: Box
    thorough: bool
    wrong: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    async def at(self, step: str) -> None:
        """Waits until the engineer's page is at a step of its own accord."""
        await self.engineer.page.wait_for_selector(f"#step[data-step={step}]", timeout=_PATIENCE_MS)

    async def follow(self) -> None:
        """The colleague opens what the engineer sees."""
        await self.colleague.open(self.engineer.page.url.removeprefix(self.engineer.console))

    async def look(self, name: str, *, told: str = "") -> None:
        """Both look at where the engineer is: pictures are kept, and what axe says."""
        if not self.thorough:
            return
        await self.follow()
        for who in (self.engineer, self.colleague):
            where = f"{who.language}-{who.size}"
            await who.settled()
            await who.page.evaluate("scrollTo(0, 0)")
            if told:
                await who.page.wait_for_selector(told)
            found = await who.violations()
            found += ["something is wider than the window"] if await who.stands_out() else []
            found += ["a name became markup"] if await who.page.evaluate(TAKEN) else []
            self.wrong |= {f"{name}-{where}": found} if found else {}
            await who.keep(f"console-{name}-{where}")


@pytest_asyncio.fixture(loop_scope="session")
async def crew(
    request: pytest.FixtureRequest, seated: Callable[[Seat], Awaitable[Person]], tmp_path: Path
) -> AsyncGenerator[Crew]:
    seat: Seat = request.param
    engineer, colleague = await seated(seat), await seated(OPPOSITE[seat])
    await engineer.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    async with hall(tmp_path / "hall") as plant, box(tmp_path / "box") as found:
        await engineer.open("/gateways")
        yield Crew(engineer, colleague, plant, found, thorough=seat != SEATS[0].values[0])
    complaints = [complaint for who in (engineer, colleague) for complaint in who.problems]
    for who in (engineer, colleague):
        who.problems.clear()
        await who.leave()
    assert not complaints, f"a page or its policy complained: {complaints}"


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.parametrize("crew", SEATS, indirect=True)
async def test_a_hall_is_connected_from_the_box_to_flowing_data(crew: Crew) -> None:
    await enrol(crew)
    await find_and_add(crew)
    await trust_both_ways(crew)
    await choose(crew)
    await see_it_flow(crew)
    await undo(crew)
    await shut_out(crew)
    assert crew.wrong == {}


async def enrol(crew: Crew) -> None:
    """A gateway is made, its command is copied to the box, and it appears by itself."""
    page = crew.engineer.page
    await page.locator("[data-do=connect]").first.click()
    name = f"Hall {uuid.uuid4().hex[:6]}"
    await page.fill("input[name=name]", name)
    await page.fill("input[name=site]", "Works on the river")
    await expect(page.locator("input[name=id]")).to_have_value(name.lower().replace(" ", "-"))
    await crew.look("connect-new")
    await page.locator("[data-do=create]").click()
    await crew.at("box")
    command = await page.locator(".copy code").first.inner_text()
    await page.locator(".copy button").first.click()
    assert await page.evaluate("navigator.clipboard.readText()") == command
    await crew.engineer.settled()
    await crew.look("connect-box")
    code, said = await crew.box.type(command)
    assert (code, "Next: dualspan-gateway run" in said) == (0, True), said
    code, said = await crew.box.type(command)
    assert (code, said.strip() in GUIDE.read_text("utf-8")) == (2, True), said
    await crew.box.start("dualspan-gateway run")
    await crew.at("server")


async def find_and_add(crew: Crew) -> None:
    """The gateway asks the address that a person names, and a server answers."""
    page = crew.engineer.page
    await page.get_by_role("checkbox").uncheck()
    await page.locator("[data-do=discover]").click()
    await expect(page.get_by_role("alert")).to_contain_text(crew.engineer.says("connect.say_where"))
    await page.fill("input[name=addresses]", crew.plant.endpoint_url.removeprefix("opc.tcp://").strip("/"))
    await page.locator("[data-do=discover]").click()
    found = page.locator("[data-found]")
    await expect(found).to_contain_text("Hall 7")
    await crew.look("connect-server", told="[data-found]")
    await found.locator("[data-do=take]").click()
    await expect(page.locator("select[name=mode]")).to_have_value("SECURITY_MODE_SIGN_AND_ENCRYPT")
    await page.fill("input[name=username]", USER)
    await page.fill("input[name=password]", PASSWORD)
    await crew.look("connect-add")
    await page.locator("[data-do=add]").click()
    await crew.at("trust")


async def trust_both_ways(crew: Crew) -> None:
    """The certificate is compared at the machine; the server refuses the gateway until it is told to trust it."""
    page = crew.engineer.page
    await page.wait_for_selector(".fingerprint", timeout=_PATIENCE_MS)
    await crew.look("connect-trust", told=".fingerprint")
    await crew.follow()
    seen = crew.colleague.page.locator(".fingerprint")
    assert await seen.get_attribute("data-sha256") == crew.plant.identity.sha256
    await crew.colleague.page.locator("[data-do=approve]").click()
    await expect(page.get_by_role("alert")).to_contain_text(crew.engineer.says("connect.failed"), timeout=_PATIENCE_MS)
    await page.locator("[data-do=test]").click()
    failed = page.locator("[data-check=CONNECTION_STEP_GATEWAY_TRUST].failed")
    advice = crew.engineer.says("advice.CONNECTION_STEP_GATEWAY_TRUST")
    await expect(failed).to_contain_text(advice, timeout=_PATIENCE_MS)
    async with page.expect_download() as saved:
        await page.locator(".other-side .row button").first.click()
    await crew.look("connect-refused")
    crew.plant.trust_list.replace([(await (await saved.value).path()).read_bytes()])
    await crew.at("choose")


async def choose(crew: Crew) -> None:
    """Machines are recognised, one is left out, and one of its variables is taken from the tree."""
    page = crew.engineer.page
    await expect(page.locator("[data-group]")).to_have_count(PRESSES)
    await expect(page.locator("[data-group]", has_text=SCRIPT)).to_have_count(1)
    await page.locator("[data-group] details summary").first.click()
    await crew.look("connect-choose", told="[data-group]")
    await correct(page.locator("[data-group]").first, crew.engineer)
    await page.locator("[data-group$=Press01] input[type=checkbox]").uncheck()
    await page.get_by_role("tab").nth(1).click()
    await page.get_by_role("treeitem", name="Machines").click()
    await expect(page.get_by_role("treeitem", name=SCRIPT)).to_be_visible()
    await page.get_by_role("searchbox").fill("press01 bladder")
    hit = page.get_by_role("treeitem", name="Press01/Bladder/Pressure")
    await hit.locator(".tick-box").click()
    await expect(hit).to_have_attribute("aria-selected", "true")
    await page.get_by_role("searchbox").fill("")
    await crew.look("connect-hall-tree", told="[role=treeitem]")
    await page.locator("[data-do=to-load]").click()
    await crew.at("load")
    await page.wait_for_selector("[data-quantity=monitored_items]")
    await crew.look("connect-load", told="[data-quantity=monitored_items]")
    await page.locator("[data-do=go]").click()
    await crew.at("flow")


async def correct(machine: Locator, engineer: Person) -> None:
    """A variable is said to be none of a machine's, then another one than was proposed; both are taken back."""
    was, other = PRESSURE[engineer.language], STEAM[engineer.language]
    matches = machine.locator(".matches li")
    count = await matches.count()
    await matches.first.locator("[data-do=leave-out]").click()
    await expect(matches).to_have_count(count - 1)
    await engineer.undo()
    await expect(matches).to_have_count(count)
    at = await matches.first.locator(".under.mono").inner_text()
    match = matches.filter(has=engineer.page.get_by_text(at, exact=True))
    await expect(match.locator(".leaf")).to_have_text(was)
    await match.locator("[data-do=other]").click()
    await match.locator("select[name=slot]").select_option(label=other)
    await expect(match.locator(".leaf")).to_have_text(other)
    await engineer.undo()
    await expect(match.locator(".leaf")).to_have_text(was)
    await expect(matches).to_have_count(count)


async def see_it_flow(crew: Crew) -> None:
    """Every machine is ticked off as its values arrive, and can be charted."""
    page = crew.engineer.page
    await expect(page.locator("[data-machine][data-flowing=true]")).to_have_count(PRESSES, timeout=_PATIENCE_MS)
    await page.locator("[data-machine] summary").first.click()
    await crew.look("connect-hall-flow", told="[data-flowing=true]")
    await page.locator("[data-machine]", has_text=SCRIPT).get_by_role("link").click()
    await expect(page.get_by_role("treeitem", name=SCRIPT)).to_be_visible()
    assert not await page.evaluate(TAKEN)


async def undo(crew: Crew) -> None:
    """What was applied is taken back; what was chosen from the tree goes on."""
    page = crew.engineer.page
    await page.go_back()
    await page.locator("[data-do=undo]").click()
    await expect(page.locator("[data-machine]")).to_have_count(1)
    await expect(page.locator(".toast").first).to_contain_text(
        crew.engineer.says("connect.undone", assets=1, tags="").partition("1")[0]
    )


async def shut_out(crew: Crew) -> None:
    """The gateway's page; then nothing of it is accepted any more."""
    page = crew.engineer.page
    await page.get_by_role("link", name=crew.engineer.says("connect.to_gateway")).click()
    await expect(page.get_by_role("row", name=re.compile("opc.tcp"))).to_contain_text(
        crew.engineer.says("plants.connection_CONNECTED")
    )
    await crew.look("connect-hall", told="[aria-labelledby=certificates] table")
    await crew.engineer.button("gateways.manage").click()
    await page.locator("[data-do=revoke]").click()
    await page.fill("input[name=why]", "the test is over")
    await page.locator("[data-do=really]").click()
    await expect(page.locator(".page-head .badge").first).to_have_text(crew.engineer.says("plants.gateway_REVOKED"))
