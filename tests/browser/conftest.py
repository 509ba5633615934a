"""One demonstration and one browser for all tests of the console; both end with the last of them."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from browser.people import Person, Seat, chromium, person
from harness.identity_provider import certify
from harness.up import environment, free_row

START_SECONDS = 150
# One that runs already, while pages are made: `address e-mail password`, and its folder if it was started as below.
RUNNING = os.environ.get("DUALSPAN_TEST_CONSOLE", "")


@dataclass(frozen=True)
class Demonstration:
    """A running demonstration: where it is and who may sign in.

    Attributes:
        folder: Its data, with the certificate of the identity provider that it trusts; None if it ran before.
    """

    console: str
    email: str
    password: str
    folder: Path | None = None


@pytest.fixture(scope="package")
def demonstration() -> Iterator[Demonstration]:
    if RUNNING:
        console, email, password, *folders = RUNNING.split()
        yield Demonstration(console, email, password, *map(Path, folders))
        return
    folder = Path(tempfile.mkdtemp(prefix="dualspan-browser-"))
    log = folder / "demo.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "dualspan_cli", "demo", f"--data={folder}", f"--port-base={free_row()}"],
            env=environment(folder) | certify(folder),
            stdout=output,
            stderr=output,
        )
    try:
        yield replace(wait_for(process, log), folder=folder)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def wait_for(process: subprocess.Popen[bytes], log: Path) -> Demonstration:
    """Reads what the command tells a person, up to the app that runs; only then the catalogue has one."""
    for _ in range(START_SECONDS * 2):
        told = log.read_text()
        words = dict(line.split(maxsplit=1) for line in told.splitlines() if len(line.split()) == 2)
        if {"Console", "E-mail", "Password"} <= words.keys() and "The OEE board runs" in told:
            return Demonstration(words["Console"], words["E-mail"], words["Password"])
        try:
            process.wait(0.5)
        except subprocess.TimeoutExpired:
            continue
        break
    raise AssertionError(log.read_text())


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def browser() -> AsyncGenerator[Browser]:
    async with chromium() as browser:
        yield browser


@pytest_asyncio.fixture(scope="package", loop_scope="session")
async def seated(demonstration: Demonstration, browser: Browser) -> AsyncGenerator[Callable[[Seat], Awaitable[Person]]]:
    """The administrator at each kind of screen: signed in once, with what a browser keeps of the pages."""
    there: dict[Seat, Person] = {}
    async with AsyncExitStack() as stack:

        async def sit_down(seat: Seat) -> Person:
            if seat not in there:
                language, size = seat
                visitor = person(browser, demonstration.console, language=language, size=size, dark=language == "zh")
                there[seat] = await stack.enter_async_context(visitor)
                await there[seat].sign_in(demonstration.email, demonstration.password)
            return there[seat]

        yield sit_down


@pytest_asyncio.fixture(loop_scope="session")
async def admin(request: pytest.FixtureRequest, seated: Callable[[Seat], Awaitable[Person]]) -> AsyncGenerator[Person]:
    """The administrator, at a desk in English if the test does not say otherwise."""
    visitor = await seated(getattr(request, "param", ("en", "desk")))
    visitor.problems.clear()
    yield visitor
    complaints = [*visitor.problems]
    visitor.problems.clear()
    await visitor.leave()
    assert not complaints, f"a page or its policy complained: {complaints}"
