"""Three plants of three industries."""

from collections.abc import Callable
from pathlib import Path

from plc_sim.model.overlay import OverlayJournal
from plc_sim.model.plant import Machine, Plant
from plc_sim.model.writes import WriteJournal
from plc_sim.plants import curing, moulding, packaging

_PLANTS: dict[str, tuple[str, str, Callable[[int], tuple[Machine, ...]]]] = {
    "moulding": ("Injection moulding of appliance parts", "家电注塑车间", moulding.machines),
    "curing": ("Tyre curing", "轮胎硫化车间", curing.machines),
    "packaging": ("Brewery packaging hall", "啤酒包装车间", packaging.machines),
}

PLANT_NAMES = tuple(_PLANTS)
WORKS = "works"
"""All three halls behind one server: over a thousand variables."""


def _halls(seed: int) -> tuple[Machine, ...]:
    return tuple(machine for _, _, machines in _PLANTS.values() for machine in machines(seed))


def make_plant(name: str, seed: int, journal: Path | None = None) -> Plant:
    """The plant of a name.

    Args:
        name: One of `PLANT_NAMES`, or `WORKS`.
        seed: Everything about the plant follows from it.
        journal: File of the faults on demand; what clients write is in `writes.jsonl` beside it. Without one both are
            kept in memory.

    Raises:
        ValueError: There is no such plant.
    """
    known = {**_PLANTS, WORKS: ("A works of three halls", "三车间工厂", _halls)}
    if name not in known:
        raise ValueError(f"unknown plant {name!r}; there are {', '.join(known)}")
    label, label_zh, machines = known[name]
    writes = WriteJournal(None if journal is None else journal.with_name("writes.jsonl"))
    return Plant(name, label, label_zh, seed, machines(seed), OverlayJournal(journal), writes)
