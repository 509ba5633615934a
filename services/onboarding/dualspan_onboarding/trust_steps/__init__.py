"""What an engineer does at a server so that it trusts a gateway, by make: one YAML file, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, cast

import yaml


@dataclass(frozen=True, slots=True)
class TrustSteps:
    """What to do, in its order."""

    vendor: str
    steps: tuple[str, ...]


@lru_cache(maxsize=1)
def _templates() -> tuple[TrustSteps, ...]:
    text = files(__name__).joinpath("steps.yaml").read_text()
    entries = cast("list[Mapping[str, Any]]", yaml.safe_load(text))
    return tuple(TrustSteps(entry["vendor"], tuple(entry["steps"])) for entry in entries)


def trust_steps(gateway: str) -> tuple[TrustSteps, ...]:
    """The steps for every make that is known, and for all others.

    Args:
        gateway: The gateway's id, for the commands in them.
    """
    return tuple(
        TrustSteps(make.vendor, tuple(step.replace("{gateway}", gateway) for step in make.steps))
        for make in _templates()
    )
