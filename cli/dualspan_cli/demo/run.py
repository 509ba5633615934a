"""The demonstration from start to end."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack, nullcontext, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import grpc
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from dualspan.historian.v1 import resources_pb2 as historian_resources
from dualspan.onboarding.v1 import resources_pb2 as resources
from dualspan_cli.demo.board import APP, Board, Made, Shown, make_image, stop_board
from dualspan_cli.demo.onboard import Onboarding, wait_for
from dualspan_cli.demo.past import Past
from dualspan_cli.demo.plants import PLANTS, DemoGateway, PlantServer, SimulatedPlants, build_plants
from dualspan_cli.demo.verify import (
    LatencyProbe,
    Verdict,
    check,
    committed_samples,
    open_gaps,
    repeated_samples,
    until_still,
)
from dualspan_cli.errors import CommandError
from dualspan_cli.failures import explain
from dualspan_cli.invocation import typed_command
from dualspan_cli.output import messages, print_json
from dualspan_cli.platform import RunningHere, run_platform
from dualspan_cli.screen import MemberScreen
from dualspan_cli.session import SIGN_IN_FILE, Access, Session, open_session
from dualspan_sdk import Client, Endpoints

_WATCH_SECONDS = 25.0
_SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Flowing:
    """The demonstration with data flowing.

    Attributes:
        session: The administrator's.
        client: Reads samples.
        tags: All tags, confirmed by the gateway.
        active_us: When all of them were, in microseconds since 1970.
        seconds_to_first_sample: From the command's start.
        repeats_allowed: What earlier runs on the same folder repeated, and the latest sample of each of the tags that
            were there: the first notification of a new subscription.
        servers: The plants' servers, by full name.
        recorded_us: Since when everything that the plants send is stored; 0: since they are known.
    """

    session: Session
    client: Client
    tags: Sequence[resources.Tag]
    active_us: int
    seconds_to_first_sample: float
    repeats_allowed: int
    servers: Sequence[str]
    recorded_us: int


@dataclass(frozen=True, slots=True)
class Report:
    """What a run that verified itself found; `problems` is empty when everything held."""

    plants: int
    tags: int
    samples_committed: int
    lost: int
    duplicated: int
    gaps: int
    latency_ms_p99: float | None
    seconds_to_first_sample: float
    app: str
    app_runs_as: str
    app_sites: int
    app_machines: int
    app_seconds: float
    problems: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """The figures, without the words."""
        figures = asdict(self)
        del figures["problems"]
        return figures


class Demo:
    """One run of the demonstration.

    Args:
        data_dir: Its data folder.
        port_base: The first of ten ports; the usual ones if None.
        as_json: Prints events as JSON lines instead of what people see.
    """

    def __init__(self, data_dir: Path, port_base: int | None, *, as_json: bool = False) -> None:
        self._data_dir = data_dir
        self._port_base = port_base
        self._as_json = as_json
        self._begin = time.monotonic()

    async def run(self, *, once: bool) -> Report | None:
        """Starts everything; then shows it until it is stopped, or verifies it, stops everything and reports."""
        async with AsyncExitStack() as stack:
            screen = stack.enter_context(MemberScreen(as_json=self._as_json))
            here = await stack.enter_async_context(run_platform(self._data_dir, self._port_base, screen.report))
            image = asyncio.create_task(make_image(here.platform.engine))
            stack.callback(image.cancel)
            plants = SimulatedPlants(self._data_dir / "plants", self._data_dir / "logs" / "plants.log")
            await here.supervisor.start(plants.member())
            screen.settle()
            watch = asyncio.create_task(here.supervisor.watch())
            stack.callback(watch.cancel)
            access = here.access()
            # As a person would: with a token of the administrator's and not as the platform itself.
            session = await stack.enter_async_context(
                open_session(Access(access.addresses, access.exchange_secret, tenant=access.tenant))
            )
            client = await stack.enter_async_context(
                await Client.connect(_endpoints(access), token=access.exchange_secret)
            )
            flowing = await self._onboard(here, session, client, plants.servers(), with_past=not once)
            self._say_where(here, flowing)
            shown = await self._show_board(here, flowing, await image)
            if once:
                return await _verify(flowing, shown, here.supervisor.stop_last, is_shown=not self._as_json)
            await (_tell(flowing) if self._as_json else _show(flowing))
            return None

    async def _onboard(
        self, here: RunningHere, session: Session, client: Client, plants: Sequence[PlantServer], *, with_past: bool
    ) -> Flowing:
        onboarding = Onboarding(session)
        platform = here.platform.gateway_addresses()
        gateway = DemoGateway(self._data_dir / "gateway", self._data_dir / "logs", platform)
        past = Past(self._data_dir / "gateway")
        columns = (SpinnerColumn(finished_text="[green]✔[/]"), TextColumn("{task.description}"), BarColumn(24))
        with Progress(
            *columns, TaskProgressColumn(), TimeElapsedColumn(), console=messages, disable=self._as_json
        ) as progress:
            enrol = progress.add_task("Enrol the gateway", total=2)
            if token := await onboarding.enrolment_token(is_known=gateway.knows_platform):
                await gateway.enrol(token)
            progress.advance(enrol)
            known = await onboarding.tags()
            repeats_allowed = await repeated_samples(session, client, known) + len(known) if known else 0
            await here.supervisor.start(gateway.member())
            await onboarding.until_online()
            progress.advance(enrol)
            names = [await onboarding.add_server(plant) for plant in plants]
            await asyncio.gather(
                *(
                    self._onboard_server(onboarding, name, plant, progress)
                    for name, plant in zip(names, plants, strict=True)
                )
            )
            if with_past and not known:
                here.supervisor.stop_last()
            await asyncio.gather(*map(onboarding.accept_all, names))
            if with_past and not known:
                task = progress.add_task("Take over the last two days", total=None)
                await past.send(
                    build_plants(),
                    await onboarding.tags(),
                    lambda done, total: progress.update(task, completed=done, total=total),
                )
                await here.supervisor.start(gateway.member())
            subscribe = progress.add_task("Subscribe to all variables", total=None)
            tags = await onboarding.until_active(
                lambda settled, total: progress.update(subscribe, completed=settled, total=total)
            )
            active_us = time.time_ns() // 1000
            first = progress.add_task("First samples in the historian", total=1)
            await _until_stored(client, tags)
            progress.advance(first)
        seconds = round(time.monotonic() - self._begin, 1)
        return Flowing(session, client, tags, active_us, seconds, repeats_allowed, names, past.recorded_us())

    @staticmethod
    async def _onboard_server(onboarding: Onboarding, name: str, plant: PlantServer, progress: Progress) -> None:
        task = progress.add_task(f"{plant.plant}: compare and approve the certificate", total=plant.variables + 2)
        await onboarding.approve(name, plant)
        progress.update(task, description=f"{plant.plant}: connect", advance=1)
        await onboarding.until_connected(name)
        progress.update(task, description=f"{plant.plant}: browse", advance=1)
        variables = await onboarding.browse(
            name, lambda nodes: progress.update(task, completed=min(plant.variables, nodes))
        )
        done = f"{plant.plant}: {variables} variables found"
        progress.update(task, description=done, total=plant.variables, completed=plant.variables)

    async def _show_board(self, here: RunningHere, flowing: Flowing, made: Made) -> Shown | str:
        """The app over the machines, or why there is none; everything else goes on without it."""
        board = Board(flowing.session, here.access(), here.platform.environment())
        try:
            with nullcontext() if self._as_json else messages.status("The OEE board: publish, subscribe, start…"):
                shown = await board.show(flowing.servers, made)
        except (CommandError, grpc.aio.AioRpcError) as err:
            words = f"The OEE board does not run: {explain(err).words}"
            messages.print(f"[yellow]{words}[/]", soft_wrap=True)
            return words
        if self._as_json:
            print_json({"event": "app", "app": APP, "runs_as": shown.running.kind, "detail": shown.words})
        else:
            # Through the platform, as whoever is signed in: the address that it runs at is nobody's to open.
            messages.print(f"{shown.words}\n  Open it   [bold]{here.platform.console_url}/apps[/]\n", soft_wrap=True)
        return shown

    def _say_where(self, here: RunningHere, flowing: Flowing) -> None:
        if self._as_json:
            print_json(
                {
                    "event": "streaming",
                    "plants": len(PLANTS),
                    "tags": len(flowing.tags),
                    "console": here.platform.console_url,
                    "email": here.sign_in.email,
                    "sign_in_file": str(here.platform.folder.path / SIGN_IN_FILE),
                    "data": str(here.platform.folder.path),
                }
            )
            return
        messages.print(f"\n[bold]{len(flowing.tags)} variables of {len(PLANTS)} plants are streaming.[/]")
        messages.print(f"  Console   [bold]{here.platform.console_url}[/]")
        messages.print(f"  E-mail    {here.sign_in.email}\n  Password  {here.sign_in.password}")
        # In one line, to be copied.
        query = f"{typed_command(sys.argv[0])} query latest temperature --data {here.platform.folder.path}"
        messages.print(f"  Try       {query}\n", soft_wrap=True)


async def _verify(flowing: Flowing, board: Shown | str, stop_gateway: Callable[[], None], *, is_shown: bool) -> Report:
    probe = LatencyProbe(flowing.client, [tag.tag_id for tag in flowing.tags])
    listening = asyncio.create_task(probe.run(time.time_ns() // 1000))
    await _wait_with_bar("Watch the data flow", _WATCH_SECONDS, is_shown=is_shown)
    until_us = time.time_ns() // 1000
    await _wait_with_bar("Let the last of it arrive", _SETTLE_SECONDS, is_shown=is_shown)
    listening.cancel()
    with suppress(asyncio.CancelledError):
        await listening
    comparing = "Comparing every stored sample with the plants' own story…"
    with messages.status(comparing) if is_shown else nullcontext():
        verdict = await check(
            flowing.client, build_plants(), flowing.tags, flowing.active_us, until_us, flowing.recorded_us
        )
        gaps = await open_gaps(flowing.session, flowing.active_us)
        # What was committed can be counted against what is stored only when both stand still.
        stop_gateway()
        if isinstance(board, Shown):
            await stop_board(flowing.session)
        await until_still(flowing.session)
        repeats = await repeated_samples(flowing.session, flowing.client, flowing.tags)
        verdict.add_repeats(repeats, flowing.repeats_allowed)
    return Report(
        plants=len(PLANTS),
        tags=len(flowing.tags),
        samples_committed=await committed_samples(flowing.session),
        lost=verdict.lost,
        duplicated=verdict.duplicated,
        gaps=len(gaps),
        latency_ms_p99=probe.percentile_ms(99),
        seconds_to_first_sample=flowing.seconds_to_first_sample,
        app=APP,
        app_runs_as="" if isinstance(board, str) else board.running.kind,
        app_sites=0 if isinstance(board, str) else len(board.machines),
        app_machines=0 if isinstance(board, str) else sum(board.machines.values()),
        app_seconds=0.0 if isinstance(board, str) else board.seconds,
        problems=(*_problems(verdict, gaps, probe), *([board] if isinstance(board, str) else [])),
    )


def _problems(verdict: Verdict, gaps: Sequence[historian_resources.Gap], probe: LatencyProbe) -> Iterator[str]:
    yield from verdict.examples
    if verdict.compared == 0:
        yield "no sample could be compared"
    if probe.samples == 0:
        yield "the live subscriber received nothing"
    for gap in gaps[:5]:
        cause = historian_resources.GapCause.Name(gap.cause)
        yield f"gap from {gap.start_time.ToJsonString()} to {gap.end_time.ToJsonString()}: {cause} {gap.detail}"


async def _until_stored(client: Client, tags: Sequence[resources.Tag]) -> None:
    async def is_stored() -> bool:
        return (await client.read_latest([tag.tag_id for tag in tags])).sample_count > 0

    await wait_for("the first samples", is_stored)


async def _wait_with_bar(what: str, seconds: float, *, is_shown: bool) -> None:
    columns = (TextColumn(what), BarColumn(24), TimeRemainingColumn())
    with Progress(*columns, console=messages, disable=not is_shown) as progress:
        task = progress.add_task(what, total=seconds)
        begin = time.monotonic()
        while (elapsed := time.monotonic() - begin) < seconds:
            progress.update(task, completed=elapsed)
            await asyncio.sleep(0.2)


async def _show(flowing: Flowing) -> None:
    """Shows the rate until somebody stops the demonstration."""
    with messages.status("…") as status:
        async for stored, rate in _rates(flowing):
            status.update(f"{stored:,} samples stored, {rate:,.0f} per second. Ctrl-C stops everything.")


async def _tell(flowing: Flowing) -> None:
    """The same, as events."""
    async for stored, rate in _rates(flowing):
        print_json({"event": "rate", "samples_committed": stored, "samples_per_second": round(rate, 1)})


async def _rates(flowing: Flowing) -> AsyncGenerator[tuple[int, float]]:
    """Every two seconds: samples ever committed, and how many of them per second."""
    before, since = await committed_samples(flowing.session), time.monotonic()
    while True:
        await asyncio.sleep(2.0)
        try:
            now, moment = await committed_samples(flowing.session), time.monotonic()
        except grpc.RpcError as error:
            # A service that starts again answers soon; nobody's data stops flowing for a figure on a screen.
            messages.print(f"[yellow]the rate is not known at the moment:[/] {explain(error).words}")
            continue
        yield now, (now - before) / (moment - since)
        before, since = now, moment


def _endpoints(access: Access) -> Endpoints:
    addresses = access.addresses
    return Endpoints(historian=addresses.historian, onboarding=addresses.onboarding, identity=addresses.identity)
