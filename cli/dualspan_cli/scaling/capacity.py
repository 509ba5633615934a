"""What a platform of a size needs, computed from measured figures, and where each part's limit lies.

The costs are of a frame, of a sample and of a tag, because that is how the platform works: a frame is one row, one
round trip and one message whatever it holds; a sample is a few bytes in a column of it; and about once a minute each
tag that streams gets a segment of its own.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from importlib import resources
from typing import Any, Self

_DAY_SECONDS = 86_400
_SEAL_SECONDS = 60
_MOST_UTILISED = 0.5
"""Share of a core that is planned with: the rest is for people's queries, merging and the second after an outage."""


class Part(StrEnum):
    """A part of the platform whose need grows with what plants send."""

    HISTORIAN = "historian"
    SEALING = "sealing"
    POSTGRESQL = "PostgreSQL"
    REDIS = "Redis"


@dataclass(frozen=True, slots=True)
class Costs:
    """CPU seconds that a part spends on a frame, on each sample in it, and a second on each tag that streams."""

    frame: float
    sample: float
    tag: float


@dataclass(frozen=True, slots=True)
class Load:
    """What comes in: frames and samples a second, and of how many tags that have any within a minute."""

    frames: float
    samples: float
    tags: float


@dataclass(frozen=True, slots=True)
class Plants:
    """What is asked about.

    Attributes:
        count: How many plants, a gateway each.
        tags: Of each.
        rate: Samples a second of each tag.
        frame_seconds: A gateway sends a frame for each server and publishing interval: that interval, over the servers.
        retention_days: How long samples are kept.
    """

    count: int
    tags: int
    rate: float
    frame_seconds: float = 1.0
    retention_days: float = 365.0

    @property
    def load(self) -> Load:
        """What they send; a frame is not sent when there is nothing in it."""
        samples = self.tags * self.rate
        streaming = self.tags * min(1.0, self.rate * _SEAL_SECONDS)
        return Load(self.count * min(1 / self.frame_seconds, samples), self.count * samples, self.count * streaming)


@dataclass(frozen=True, slots=True)
class Figures:
    """What was measured.

    Attributes:
        costs: Of each part.
        log_bytes: That PostgreSQL writes to its log for a sample.
        wire_bytes: Of a sample between gateway and historian.
        stored_bytes: Of a sealed sample, with its indexes.
        gateway_bytes: Memory of the historian for each connected gateway.
        memory_bytes: By process, at the loads of the measure.
    """

    costs: Mapping[Part, Costs]
    log_bytes: float
    wire_bytes: float
    stored_bytes: float
    gateway_bytes: float
    memory_bytes: Mapping[str, float]

    @classmethod
    def read(cls) -> Self:
        """The figures that this release came with."""
        text = resources.files("dualspan_cli.scaling").joinpath("figures.json").read_text("utf-8")
        return cls.of(json.loads(text))

    @classmethod
    def of(cls, rows: Sequence[Mapping[str, Any]]) -> Self:
        """From rows of the bench's results.

        Raises:
            KeyError: One is missing.
        """
        known = {(row["measure"], row["subject"]): float(row["value"]) for row in rows if row["value"] is not None}

        def cost(subject: str) -> float:
            return known["capacity_costs", subject]

        return cls(
            costs={
                part: Costs(
                    cost(f"{part.value}, a frame") / 1e6,
                    cost(f"{part.value}, a sample") / 1e9,
                    cost(f"{part.value}, a tag") / 1e6,
                )
                for part in Part
            },
            log_bytes=cost("PostgreSQL's log, a sample"),
            wire_bytes=cost("wire, a sample"),
            stored_bytes=known["stored_bytes", "DualSpan"],
            gateway_bytes=cost("historian, a gateway") * 1e6,
            memory_bytes={name: cost(f"{name}, memory") * 1e6 for name in ("historian", "worker", "postgres", "redis")},
        )


MEASURES = ("capacity_costs", "stored_bytes")
"""The bench's measures that figures come from."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a part needs.

    Attributes:
        part: Which.
        cores: That it keeps busy.
        replicas: Processes that this takes, of a core each; 1 for what cannot be multiplied.
        limit: Plants of this kind that the part bears as it is set up by itself: one process, or one PostgreSQL.
        beyond: What is done when there are more.
    """

    part: Part
    cores: float
    replicas: int
    limit: int
    beyond: str


@dataclass(frozen=True, slots=True)
class Sizing:
    """What plants need altogether.

    Attributes:
        needs: Part by part.
        cores: To provide: what is kept busy, over the share of a core that is planned with.
        memory_bytes: Of the processes that carry samples, at as many as are needed.
        disk_bytes: Sealed samples of the whole retention.
        disk_write: Bytes a second, most of them PostgreSQL's log.
        network: Bytes a second from the plants.
        samples: A second.
    """

    needs: Sequence[Need]
    cores: float
    memory_bytes: float
    disk_bytes: float
    disk_write: float
    network: float
    samples: float


_BEYOND: Mapping[Part, str] = {
    Part.HISTORIAN: "more replicas of the historian behind the load balancer: a gateway may be with any of them",
    Part.SEALING: "more workers of the queue historian: they pass over frames that another one seals",
    Part.POSTGRESQL: "more cores and a faster disk for the primary; then Citus, with dualspan scale citus",
    Part.REDIS: "a Redis of its own for the live fan-out, and RabbitMQ as the broker of tasks",
}
_POSTGRESQL_CORES = 32
"""Cores of one PostgreSQL beyond which spreading is cheaper than a larger machine."""


def cores(costs: Mapping[Part, Costs], load: Load) -> Mapping[Part, float]:
    """Cores that each part keeps busy."""
    return {
        part: load.frames * cost.frame + load.samples * cost.sample + load.tags * cost.tag
        for part, cost in costs.items()
    }


def size(plants: Plants, figures: Figures) -> Sizing:
    """What so many plants need."""
    busy = cores(figures.costs, plants.load)
    one = cores(figures.costs, Plants(1, plants.tags, plants.rate, plants.frame_seconds).load)
    needs = [_need(part, busy[part], one[part]) for part in Part]
    replicas = {need.part: need.replicas for need in needs}
    memory = figures.memory_bytes
    samples = plants.load.samples
    stored = figures.stored_bytes * samples
    return Sizing(
        needs=needs,
        cores=sum(busy.values()) / _MOST_UTILISED,
        memory_bytes=memory["historian"] * replicas[Part.HISTORIAN]
        + figures.gateway_bytes * plants.count
        + memory["worker"] * replicas[Part.SEALING]
        + memory["postgres"]
        + memory["redis"],
        disk_bytes=stored * _DAY_SECONDS * plants.retention_days,
        disk_write=figures.log_bytes * samples + stored,
        network=figures.wire_bytes * samples,
        samples=samples,
    )


def _need(part: Part, busy: float, of_one: float) -> Need:
    whole = _POSTGRESQL_CORES if part is Part.POSTGRESQL else 1
    borne = math.floor(whole * _MOST_UTILISED / of_one) if of_one > 0 else 0
    multiplied = part in {Part.HISTORIAN, Part.SEALING}
    replicas = max(1, math.ceil(busy / _MOST_UTILISED)) if multiplied else 1
    return Need(part, busy, replicas, borne, _BEYOND[part])
