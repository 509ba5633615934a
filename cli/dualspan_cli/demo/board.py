"""The demonstration's app: published, subscribed to, bound to the machines of all plants, running and showing them."""

from __future__ import annotations

import asyncio
import json
import time
import urllib.error
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources as packages
from pathlib import Path

from dualspan.marketplace.v1 import subscriptions_pb2 as subscriptions
from dualspan_cli.apps_here import PLATFORM_PUBLISHER, RunningApp, running_app
from dualspan_cli.commands.subscriptions import following
from dualspan_cli.demo.image import AppImage
from dualspan_cli.demo.keeping import keep
from dualspan_cli.demo.onboard import unless_there, wait_for
from dualspan_cli.demo.places import SITES, Places
from dualspan_cli.demo.production import plan_production
from dualspan_cli.demo.watching import watch
from dualspan_cli.engine import Engine, EngineError
from dualspan_cli.errors import CommandError
from dualspan_cli.publishing.offering import FREE_PLAN, offer
from dualspan_cli.publishing.source import AppSource
from dualspan_cli.session import Access, Session
from dualspan_manifest import parse

APP = "oee-board"
_PACKAGE = "oee_board"
_PATIENCE_S = 90.0
_PAGE_S = 5.0


@dataclass(frozen=True, slots=True)
class Made:
    """The app's image, or why there is none.

    Attributes:
        image: By digest; empty: it runs as a local process.
        why_not: In words; empty if there is one.
    """

    image: str = ""
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """What the app shows.

    Attributes:
        running: How it runs, and where its pages are.
        machines: That its page shows, by site.
        seconds: From the machines' names to the page.
        why_process: Why it is no container; empty if it is one.
    """

    running: RunningApp
    machines: Mapping[str, int]
    seconds: float
    why_process: str

    @property
    def words(self) -> str:
        """In a line, for people."""
        how = f"as a local process, for {self.why_process}" if self.why_process else "as a container"
        found = ", ".join(f"{site} {count}" for site, count in sorted(self.machines.items()))
        return f"The OEE board runs {how} and shows {sum(self.machines.values())} machines ({found})."


async def make_image(engine: str) -> Made:
    """An image of the app out of this environment, on this machine's engine; takes some seconds once.

    Args:
        engine: Its socket; empty if none answers.
    """
    if not engine:
        return Made(why_not="no Docker Engine of this machine answers")
    wanted = AppImage(f"{PLATFORM_PUBLISHER}/{APP}", f"dualspan-app-{APP}", _PACKAGE)
    try:
        return Made(await asyncio.to_thread(wanted.load, Engine(engine)))
    except EngineError as err:
        return Made(why_not=f"its image could not be made: {err}")


class Board:
    """From tags to an app that shows the machines; each step is safe to repeat.

    Args:
        session: The administrator's, of the enterprise that subscribes.
        access: Of who runs the platform, and publishes its own apps.
        environment: The settings of the platform's services.
    """

    def __init__(self, session: Session, access: Access, environment: Mapping[str, str]) -> None:
        self._session = session
        self._access = access
        self._environment = environment

    async def show(self, servers: Sequence[str], made: Made) -> Shown:
        """Take all steps, and wait until the page shows machines of every site.

        Args:
            servers: The plants', by full name.
            made: The app's image.

        Raises:
            CommandError: A step failed, or the page does not come to show them.
        """
        begin = time.monotonic()
        await asyncio.gather(self._describe(servers), offer(self._access, *_source(made)))
        await self._subscribe()
        running = await running_app(self._environment, _last(self._session.tenant), APP)
        if running is None:
            raise CommandError("NOT_RUNNING", f"Nothing runs of {APP}. See: dualspan subscriptions show {APP}")
        machines = await _until_shown(running, {SITES[_last(each)] for each in servers})
        why = made.why_not or "it was subscribed to as one" if running.kind == "process" else ""
        return Shown(running, machines, round(time.monotonic() - begin, 1), why)

    async def _describe(self, servers: Sequence[str]) -> None:
        """Which machines there are, where they stand, what they are to do, what somebody watches and keeps."""
        await Places(self._session).fill(servers)
        await plan_production(self._session)
        await watch(self._session)
        await keep(self._session)

    async def _subscribe(self) -> None:
        """Every machine that suits, and until the app is well."""
        stub = following.stub(self._session)
        request = subscriptions.CreateSubscriptionRequest(
            parent=self._session.tenant,
            subscription_id=APP,
            subscription=subscriptions.Subscription(app=APP, plan=FREE_PLAN),
        )
        await unless_there(stub.CreateSubscription(request))
        found = await following.found(self._session, APP)
        if found.state == subscriptions.SUBSCRIPTION_STATE_PENDING:
            accept = subscriptions.AcceptBindingRequest(name=found.name, etag=found.etag)
            found = await stub.AcceptBinding(accept)
        elif found.state == subscriptions.SUBSCRIPTION_STATE_SUSPENDED:
            found = await stub.ResumeSubscription(subscriptions.ResumeSubscriptionRequest(name=found.name))
        found = await following.settled(self._session, found, _PATIENCE_S)
        if found.state != subscriptions.SUBSCRIPTION_STATE_ACTIVE:
            state = following.state_of(found)
            raise CommandError("NOT_RUNNING", f"{APP} is {state}. Start it again: dualspan subscriptions resume {APP}")


async def stop_board(session: Session) -> None:
    """Let it write no more, until the next run starts it again."""
    name = (await following.found(session, APP)).name
    await following.stub(session).SuspendSubscription(subscriptions.SuspendSubscriptionRequest(name=name))


async def _until_shown(running: RunningApp, wanted: set[str]) -> Mapping[str, int]:
    """How many machines of each site the page shows, once there are some of each."""
    shown: dict[str, int] = {}

    async def all_are() -> bool:
        sites = await asyncio.to_thread(_page, running.address)
        shown.clear()
        shown.update({site: sites.count(site) for site in sorted(set(sites))})
        return shown.keys() >= wanted

    await wait_for("the OEE board to show machines of all sites", all_are, _PATIENCE_S)
    return shown


def _page(address: str) -> Sequence[str]:
    """The site of each machine that the page shows; none while it does not answer."""
    try:
        with urllib.request.urlopen(f"http://{address}/api/board?span=day", timeout=_PAGE_S) as answer:
            return [each["site"] for each in json.load(answer)["machines"]]
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return ()


def _source(made: Made) -> tuple[str, Mapping[str, bytes]]:
    """The app's manifest, with its image where there is one, and the pictures that it names."""
    package = Path(str(packages.files(_PACKAGE)))
    # Beside the package, as its publisher has it.
    text = AppSource.load(package.parent).manifest.source
    if made.image:
        # `run` is what it ends with.
        text += f"  docker: {{image: {made.image}}}\n"
    manifest = parse(text)
    return text, {path: (package.parent / path).read_bytes() for path in (manifest.icon, *manifest.screenshots)}


def _last(name: str) -> str:
    return name.rpartition("/")[2]
