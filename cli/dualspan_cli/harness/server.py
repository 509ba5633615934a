"""A simulated plant on a port of this machine, and what an app must be told to use it."""

from __future__ import annotations

import base64
import json
import tempfile
import time
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc.aio

from dualspan.historian.v1.service_pb2_grpc import (
    add_HistorianServiceServicer_to_server,
    add_IngestServiceServicer_to_server,
)
from dualspan_cli.harness.granting import Fit, granted
from dualspan_cli.harness.machines import TENANT, machines_of
from dualspan_cli.harness.results import LocalIngest, LocalResults, output_tags
from dualspan_cli.harness.servicers import LocalHistorian
from dualspan_manifest import Output, Requirement
from dualspan_runtime.interceptors import ErrorInterceptor
from dualspan_sdk import Clock
from dualspan_sdk.settings import PREFIX, AppSettings
from plc_sim.model.machine import COMMISSIONED_US

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SECONDS_PER_CALL = 120.0
# Apps look back some weeks: the plant begins when it has that much past.
_PAST_US = 28 * 24 * 3600 * 1_000_000
_TOKEN_DAYS = 365
SEED = 1


@dataclass(frozen=True, slots=True)
class LocalPlant:
    """A running harness.

    Attributes:
        settings: What an app in this process is given: `open_plant(plant.settings)`.
        environment: The same for an app in a process of its own.
        fits: How the requirements of the app are met.
        results: What the app has written back.
    """

    settings: AppSettings
    environment: Mapping[str, str]
    fits: Sequence[Fit]
    results: LocalResults


@asynccontextmanager
async def local_plant(
    plants: Sequence[str],
    requires: Sequence[Requirement] | None = None,
    outputs: Sequence[Output] = (),
    *,
    seed: int = SEED,
    start: datetime | None = None,
    speed: float = 1.0,
    configuration: Mapping[str, Any] | None = None,
    port: int = 0,
    folder: Path | None = None,
) -> AsyncGenerator[LocalPlant]:
    """Serve simulated plants under the platform's contracts.

    Args:
        plants: Any of `moulding`, `curing` and `packaging`; each is a site.
        requires: What the app's manifest asks for: it is given that, and nothing else. None: everything.
        outputs: Results that it writes back.
        seed: Everything about them follows from it.
        start: What time it is there when it begins; None: now.
        speed: How many seconds pass there in one.
        configuration: What a subscriber would choose.
        port: Where the app shall listen; 0: it chooses.
        folder: For the app's files; None: a temporary one.

    Raises:
        ValueError: There is no such plant.
    """
    machines, fits = machines_of(plants, seed), list[Fit]()
    if requires is not None:
        machines, fits = granted(machines, requires)
    clock = _clock(start, speed)
    server = grpc.aio.server(interceptors=[ErrorInterceptor(_SECONDS_PER_CALL, _SECONDS_PER_CALL, frozenset())])
    # What an app does not call answers UNIMPLEMENTED, as the base classes do.
    results = LocalResults(output_tags(outputs, fits, machines))
    historian = LocalHistorian(machines, clock, results)  # pyright: ignore[reportAbstractUsage]
    add_HistorianServiceServicer_to_server(historian, server)
    add_IngestServiceServicer_to_server(LocalIngest(results), server)  # pyright: ignore[reportAbstractUsage]
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    with tempfile.TemporaryDirectory(prefix="dualspan-app-") as temporary:
        documents = {
            "BINDING_FILE": machines.document(),
            "CONFIG_FILE": dict(configuration or {}),
            "OUTPUTS_FILE": results.document(),
        }
        environment = _environment(folder or Path(temporary), address, clock, documents, port)
        await server.start()
        try:
            settings = AppSettings.from_environment(environment)
            yield LocalPlant(settings, environment, fits, results)
        finally:
            await server.stop(grace=1.0)


def _clock(start: datetime | None, speed: float) -> Clock:
    now_us = time.time_ns() // 1000
    begin_us = now_us if start is None else (start - _EPOCH) // timedelta(microseconds=1)
    return Clock(max(begin_us, COMMISSIONED_US + _PAST_US), now_us, speed)


def _environment(folder: Path, address: str, clock: Clock, documents: Mapping[str, Any], port: int) -> dict[str, str]:
    token, data = folder / "token", folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    token.write_text(_token(), "ascii")
    given = {"HISTORIAN": address, "TOKEN_FILE": str(token), "DATA": str(data), "CLOCK": str(clock)}
    given |= {"HOST": "127.0.0.1", "PORT": str(port)}
    for name, document in documents.items():
        file = folder / f"{name.lower()}.json"
        file.write_text(json.dumps(document), "utf-8")
        given[name] = str(file)
    return {PREFIX + name: value for name, value in given.items()}


def _token() -> str:
    """An access token in form only: nobody checks it here."""
    claims = {"tenant": TENANT, "exp": int(time.time()) + _TOKEN_DAYS * 86400}
    parts = [{"alg": "none"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*encoded, ""])
