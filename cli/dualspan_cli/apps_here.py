"""Apps on this machine's platform: who may run as a process, which engine runs images, and the end of all of them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dualspan_cli.engine import Engine, EngineError
from dualspan_cli.errors import CommandError
from dualspan_cli.output import messages
from dualspan_cli.settings import CliSettings

if TYPE_CHECKING:
    from dualspan_marketplace.deployments.provisioner import Provisioner
    from dualspan_marketplace.settings import MarketplaceSettings

# The tenant that publishes the apps which come with the platform: those, and no others, may run as local processes.
PLATFORM_PUBLISHER = "dualspan"
_MARKETPLACE = "DUALSPAN_MARKETPLACE_"
_ADDRESSES = ("identity", "onboarding", "historian", "marketplace")
_EGRESS = "dualspan/egress"
_NONE = "none"
_AUTO = "auto"


def find_engine(settings: CliSettings) -> str:
    """The socket of the Docker Engine that runs apps here, `unix:///…`; empty if none does.

    An engine on another machine, in a virtual one or in a user's own namespaces does not do: the platform asks
    containers how they are at addresses of their own, and they reach it through Unix sockets.
    """
    if settings.apps_engine == _NONE:
        return ""
    url = settings.docker_host if settings.apps_engine == _AUTO else settings.apps_engine
    try:
        told = Engine(url).information()
    except EngineError:
        return ""
    is_elsewhere = "Docker Desktop" in told.get("OperatingSystem", "") or any(
        "rootless" in each for each in told.get("SecurityOptions") or ()
    )
    return "" if told.get("OSType") != "linux" or is_elsewhere else url


async def ways_out(settings: CliSettings, engine: str) -> dict[str, str]:
    """Settings of the marketplace about how containers reach declared hosts; the image for it is made if it is missing.

    Args:
        settings: Whether they do.
        engine: Its socket; empty: there is none.

    Raises:
        CommandError: The engine does not take the image.
    """
    if not engine or not settings.apps_egress:
        return {}
    from dualspan_cli.demo.image import AppImage

    try:
        named = await asyncio.to_thread(AppImage(_EGRESS, "dualspan-egress", "dualspan_egress").load, Engine(engine))
    except EngineError as err:
        raise CommandError(
            "NO_EGRESS_IMAGE", f"The image that apps reach hosts through could not be made: {err}"
        ) from err
    # The engine knows an image that was made here by its id alone.
    return {
        f"{_MARKETPLACE}DOCKER_EGRESS_IMAGE": named.partition("@")[2],
        f"{_MARKETPLACE}DOCKER_EGRESS_PRIVATE": settings.apps_egress_private,
        f"{_MARKETPLACE}DOCKER_EGRESS_DENIED": settings.apps_egress_denied,
    }


def app_environment(data: Path, sockets: Path, engine: str) -> dict[str, str]:
    """Settings of the services about what runs apps.

    Args:
        data: The platform's data folder.
        sockets: Folder for Unix sockets that containers are given, with an engine.
        engine: Its socket; empty: there is none.
    """
    found = {
        f"{_MARKETPLACE}APPS_FOLDER": str(data / "apps"),
        f"{_MARKETPLACE}PROCESS_PUBLISHERS": PLATFORM_PUBLISHER,
    }
    if not engine:
        return found
    return found | {
        "DUALSPAN_HISTORIAN_LISTEN_SOCKET": str(sockets / "historian.sock"),
        f"{_MARKETPLACE}LISTEN_SOCKET": str(sockets / "marketplace.sock"),
        f"{_MARKETPLACE}DOCKER_URL": engine,
        # One engine may run the apps of several platforms.
        f"{_MARKETPLACE}DOCKER_PLATFORM": "dualspan-" + hashlib.sha256(str(data).encode()).hexdigest()[:12],
        f"{_MARKETPLACE}DOCKER_SOCKETS": str(sockets),
    }


def _has_processes(environment: Mapping[str, str]) -> bool:
    return any(Path(environment[f"{_MARKETPLACE}APPS_FOLDER"]).glob("*/*"))


async def end_apps(environment: Mapping[str, str]) -> None:
    """End every app of a platform that has stopped; its next start brings them back.

    Args:
        environment: The settings that its services had.
    """
    if f"{_MARKETPLACE}DOCKER_URL" not in environment and not _has_processes(environment):
        return
    from dualspan_marketplace.deployments.provisioner import UnreachableError

    for each in _provisioners(environment):
        try:
            for name in await each.subscriptions():
                await each.remove(name)
        except UnreachableError as err:
            messages.print(f"[yellow]apps may still run:[/] {err}", soft_wrap=True)


@dataclass(frozen=True, slots=True)
class RunningApp:
    """An instance of an app.

    Attributes:
        kind: `process` or `docker`.
        address: host:port of its pages, as this machine reaches them.
    """

    kind: str
    address: str


async def running_app(environment: Mapping[str, str], tenant: str, subscription: str) -> RunningApp | None:
    """What runs of a subscription; None if nothing does."""
    from dualspan_marketplace.subscriptions.model import SubscriptionName

    for each in _provisioners(environment):
        for found in (await each.observe(SubscriptionName(tenant, subscription))).instances:
            if found.alive:
                return RunningApp(each.kind, found.address)
    return None


def _provisioners(environment: Mapping[str, str]) -> Sequence[Provisioner]:
    """Those of the platform's worker."""
    from dualspan_marketplace.composition.deployments import provisioners

    return provisioners(worker_settings(environment))


def worker_settings(environment: Mapping[str, str]) -> MarketplaceSettings:
    """Those of the platform's worker.

    Args:
        environment: The settings that its services have.
    """
    from dualspan_marketplace.settings import MarketplaceSettings

    own = {key.removeprefix(_MARKETPLACE).lower(): value for key, value in environment.items() if _MARKETPLACE in key}
    own.pop("address")
    names = ("service_secret", "redis_url", *(f"{each}_address" for each in _ADDRESSES))
    platform = {name: environment[f"DUALSPAN_{name.upper()}"] for name in names}
    platform["broker_url"] = environment.get("DUALSPAN_BROKER_URL", "")
    return MarketplaceSettings.model_validate({**own, "platform": platform})
