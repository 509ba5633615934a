"""What kinds of OPC UA servers are known to bear: one YAML file per vendor, read once."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.resources import files
from typing import Any, cast

import yaml

from dualspan_onboarding.budget import ServerLimits, VendorProfile

_QUANTITIES = frozenset(
    {
        "sessions",
        "subscriptions",
        "subscriptions_per_session",
        "monitored_items",
        "monitored_items_per_subscription",
        "registered_nodes",
        "queue_size",
        "queue_memory",
        "sampling_interval_ms",
        "publishing_interval_ms",
        "sampling_load",
        "notification_load",
        "read_load",
    }
)
FALLBACK = "generic"
_UNVERIFIED = "Not verified against a data sheet, common practice; may be wrong."


@dataclass(frozen=True, slots=True)
class _Rule:
    """A profile and what the BuildInfo of its servers is like; `order`: the lowest that matches wins."""

    profile: VendorProfile
    manufacturer: re.Pattern[str]
    product: re.Pattern[str]
    order: int

    def matches(self, limits: ServerLimits) -> bool:
        return bool(self.manufacturer.search(limits.manufacturer_name) and self.product.search(limits.product_name))


def _rule(entry: Mapping[str, Any]) -> _Rule:
    limits = {str(quantity): float(value) for quantity, value in entry["limits"].items()}
    unknown = limits.keys() - _QUANTITIES
    if unknown:
        raise ValueError(f"profile {entry['id']}: no such quantities: {', '.join(sorted(unknown))}")
    match, is_verified = entry.get("match", {}), bool(entry["verified"])
    source = " ".join(str(entry["source"]).split())
    profile = VendorProfile(
        profile_id=entry["id"],
        title=entry["title"],
        limits=limits,
        source=source if is_verified else f"{_UNVERIFIED} {source}",
        is_verified=is_verified,
        is_fallback=entry["id"] == FALLBACK,
    )
    pattern = re.compile(match.get("manufacturer", ".^"), re.IGNORECASE)
    return _Rule(profile, pattern, re.compile(match.get("product", ""), re.IGNORECASE), int(match.get("order", 100)))


@lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    texts = [entry.read_text() for entry in files(__name__).iterdir() if entry.name.endswith(".yaml")]
    entries = [entry for text in texts for entry in cast("list[Mapping[str, Any]]", yaml.safe_load(text))]
    return tuple(sorted((_rule(entry) for entry in entries), key=lambda rule: (rule.order, rule.profile.profile_id)))


def all_profiles() -> Mapping[str, VendorProfile]:
    """Every profile, in order of id."""
    return {rule.profile.profile_id: rule.profile for rule in sorted(_rules(), key=lambda r: r.profile.profile_id)}


def profile_for(limits: ServerLimits, chosen: str = "") -> VendorProfile:
    """The profile that somebody chose, else the one that fits what the server says it is, else the generic one."""
    profiles = all_profiles()
    if chosen in profiles:
        return profiles[chosen]
    return next((rule.profile for rule in _rules() if rule.matches(limits)), profiles[FALLBACK])
