"""People who make apps, brought in by who runs the platform."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import expect

from browser.people import Person


@dataclass(frozen=True)
class Publisher:
    """An enterprise that makes apps, and a person of it."""

    tenant: str
    email: str
    password: str


async def nothing() -> None:
    """Looks at nothing."""


async def invite_publisher(
    root: Person, tenant: str, email: str, look: Callable[[], Awaitable[None]] = nothing
) -> Publisher:
    """Adds a publisher to an enterprise whose page is seen, by clicks; `look` is called when all is filled in."""
    page = root.page
    await page.locator("[data-do=invite]").click()
    await page.fill("input[name=person-email]", email)
    await page.uncheck("input[name=role-viewer]")
    await page.check("input[name=role-publisher]")
    await look()
    await page.locator("[data-do=create]").click()
    password = await page.locator("dialog .copy code").text_content()
    await page.locator("[data-do=done]").click()
    await expect(page.locator("tbody tr", has_text=email)).to_be_visible()
    return Publisher(tenant, email, password or "")
