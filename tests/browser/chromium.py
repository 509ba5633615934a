"""A real Chromium, driven through its own DevTools protocol over a pipe: nothing else needs to be installed."""

import asyncio
import base64
import itertools
import json
import os
import shutil
import tempfile
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome")
_COMMAND_SECONDS = 30.0


def find_chromium() -> str | None:
    """The command of an installed Chromium; None if there is none."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


class Page:
    """One tab."""

    def __init__(self, pipe: "_Pipe", session: str) -> None:
        self._pipe = pipe
        self._session = session
        self.problems: list[str] = []
        """What the page's console and the browser complained about: errors, exceptions, blocked content."""
        self._loaded = asyncio.Event()
        pipe.listeners[session] = self._listen

    async def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the DevTools protocol."""
        return await self._pipe.command(method, parameters, self._session)

    async def open(self, url: str) -> None:
        """Goes to an address and waits until the document is there."""
        self._loaded.clear()
        await self.command("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), _COMMAND_SECONDS)

    async def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression; a promise is awaited."""
        answer = await self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(answer["exceptionDetails"].get("exception", answer["exceptionDetails"]))
        return answer["result"].get("value")

    async def until(self, condition: str, seconds: float = 15.0) -> None:
        """Waits until a JavaScript expression is true."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            with suppress(AssertionError):  # between two documents there is nothing to evaluate in
                if await self.evaluate(condition):
                    return
            if asyncio.get_running_loop().time() > deadline:
                raise AssertionError(f"not true within {seconds} s: {condition}; the page complained: {self.problems}")
            await asyncio.sleep(0.05)

    async def fill(self, selector: str, text: str) -> None:
        """Types into a field."""
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).focus()")
        await self.command("Input.insertText", text=text)

    async def click(self, selector: str) -> None:
        """Clicks an element."""
        await self.evaluate(f"document.querySelector({json.dumps(selector)}).click()")

    async def text(self, selector: str) -> str:
        """What an element says."""
        return await self.evaluate(f"document.querySelector({json.dumps(selector)}).textContent.trim()")

    async def screenshot(self, path: Path) -> None:
        """Writes what is to be seen as PNG."""
        answer = await self.command("Page.captureScreenshot", format="png")
        await asyncio.to_thread(path.write_bytes, base64.b64decode(answer["data"]))

    async def look(self, *, dark: bool = False, width: int = 1280, height: int = 860, scale: float = 1.0) -> None:
        """Sets the size of the window and whether the person likes it dark."""
        await self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=False
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        await self.command("Emulation.setEmulatedMedia", features=[scheme])

    def _listen(self, method: str, parameters: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded.set()
        elif method == "Runtime.exceptionThrown":
            self.problems.append(str(parameters["exceptionDetails"].get("exception", {}).get("description")))
        elif method == "Runtime.consoleAPICalled" and parameters["type"] == "error":
            self.problems.append(json.dumps(parameters["args"]))
        elif method == "Log.entryAdded" and parameters["entry"]["level"] == "error":
            self.problems.append(f"{parameters['entry']['text']} {parameters['entry'].get('url', '')}")


class _Pipe:
    """The protocol over file descriptors 3 and 4: JSON messages, each ended by a zero byte."""

    def __init__(self, writer: asyncio.StreamWriter, reader: asyncio.StreamReader) -> None:
        self._writer = writer
        self._reader = reader
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.listeners: dict[str, Any] = {}

    async def read(self) -> None:
        """Hands answers to who waits for them and events to their page, until the browser ends."""
        while True:
            try:
                message = json.loads((await self._reader.readuntil(b"\0"))[:-1])
            except asyncio.IncompleteReadError:
                return
            if "id" in message:
                self._waiting.pop(message["id"]).set_result(message)
            elif message.get("sessionId") in self.listeners:
                self.listeners[message["sessionId"]](message["method"], message["params"])

    async def command(self, method: str, parameters: dict[str, Any], session: str = "") -> dict[str, Any]:
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": parameters} | ({"sessionId": session} if session else {})
        self._writer.write(json.dumps(message).encode() + b"\0")
        answer = await asyncio.wait_for(self._waiting[number], _COMMAND_SECONDS)
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']['message']}")
        return answer["result"]


@asynccontextmanager
async def chromium(command: str) -> AsyncGenerator["Browser"]:
    """Runs a headless Chromium with a profile of its own."""
    loop = asyncio.get_running_loop()
    commands_read, commands_write = os.pipe()
    answers_read, answers_write = os.pipe()
    profile = tempfile.mkdtemp(prefix="dualspan-chromium-")
    arguments = [
        "--headless=new",
        "--remote-debugging-pipe",
        "--no-sandbox",  # root has no other way; the pages are our own
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--lang=en-US",
        f"--user-data-dir={profile}",
        "about:blank",
    ]
    # The protocol wants its pipes at 3 and 4; a shell puts them there.
    redirect = f'exec "$0" "$@" 3<&{commands_read} 4>&{answers_write}'
    process = await asyncio.create_subprocess_exec(
        "/bin/bash", "-c", redirect, command, *arguments,
        pass_fds=(commands_read, answers_write),
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    os.close(commands_read)
    os.close(answers_write)
    transport, protocol = await loop.connect_write_pipe(
        asyncio.streams.FlowControlMixin, os.fdopen(commands_write, "wb", 0)
    )
    reader = asyncio.StreamReader(limit=64 << 20)
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(answers_read, "rb", 0))
    pipe = _Pipe(asyncio.StreamWriter(transport, protocol, None, loop), reader)
    reading = asyncio.create_task(pipe.read())
    try:
        yield Browser(pipe)
    finally:
        with suppress(AssertionError, TimeoutError):
            await pipe.command("Browser.close", {})
        await process.wait()
        reading.cancel()
        transport.close()
        shutil.rmtree(profile, ignore_errors=True)


class Browser:
    """A running Chromium."""

    def __init__(self, pipe: _Pipe) -> None:
        self._pipe = pipe

    async def page(self) -> Page:
        """A new tab."""
        target = await self._pipe.command("Target.createTarget", {"url": "about:blank"})
        attached = await self._pipe.command("Target.attachToTarget", {"targetId": target["targetId"], "flatten": True})
        page = Page(self._pipe, attached["sessionId"])
        for domain in ("Page", "Runtime", "Log"):
            await page.command(f"{domain}.enable")
        await page.look()
        return page
