"""The plant that a version is tried on: made of what its manifest asks for, with an hour of data. Pure and columnar."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dualspan.frame.v1 import frame_pb2
from dualspan.onboarding.v1 import asset_service_pb2 as onboarding
from dualspan_frame import BinaryColumn, Block, Frame, Values
from dualspan_frame import ValueKind as FrameKind
from dualspan_manifest import Manifest, PropertyNeed, ValueKind
from dualspan_marketplace.bindings.model import GrantedTag
from dualspan_marketplace.bindings.outputs import OutputTag, outputs_of
from dualspan_marketplace.plant import Granted
from dualspan_runtime import names
from dualspan_standards import ucum

TENANT = names.TRIALS

# Above whatever onboarding numbers, and below what a double still counts.
_FIRST_TAG = 1 << 52
_MOST_TAGS = 1024
_SPAN_US = 3_600_000_000
_STEP_US = 10_000_000
# What the asset models call the number of a machine's state; each is held for five minutes.
_STATE = "state"
_STATES = 4
_KINDS = {
    ValueKind.NUMBER: FrameKind.FLOAT64,
    ValueKind.FLOAT64: FrameKind.FLOAT64,
    ValueKind.INT64: FrameKind.INT64,
    ValueKind.BOOL: FrameKind.BOOL,
    ValueKind.TEXT: FrameKind.TEXT,
}


def roles_of(manifest: Manifest) -> dict[str, tuple[str, ...]]:
    """The machines of a trial by role: as few as the app needs, one of each at least."""
    return {
        each.role: tuple(f"trial-{place}-{number}" for number in range(1, max(1, each.minimum) + 1))
        for place, each in enumerate(manifest.requires, 1)
    }


def tags_of(manifest: Manifest, number: int) -> tuple[list[GrantedTag], list[OutputTag]]:
    """What the app reads and what it writes; more than fit into one trial are left out.

    Args:
        manifest: Of the version.
        number: Of the trial: no two trials share tags.
    """
    roles = roles_of(manifest)
    ids = iter(range(_FIRST_TAG + number * _MOST_TAGS, _FIRST_TAG + (number + 1) * _MOST_TAGS))
    outputs = [OutputTag(each, tag) for each, tag in zip(outputs_of(manifest, roles), ids, strict=False)]
    needs = (
        (requirement.role, asset, need)
        for requirement in manifest.requires
        for asset in roles[requirement.role]
        for need in requirement.properties
    )
    granted = [_granted(*each, tag) for each, tag in zip(needs, ids, strict=False)]
    return granted, outputs


def kind_of(given: ValueKind) -> FrameKind:
    """What values are on the wire."""
    return _KINDS[given]


def shown(manifest: Manifest, tags: Sequence[GrantedTag]) -> Granted:
    """The machines and their models as the app is told of them."""
    models = {each.role: each.models[0] if each.models else "trial" for each in manifest.requires}
    assets: dict[str, onboarding.Asset] = {}
    known: dict[str, onboarding.AssetModel] = {}
    for each in tags:
        model = models[each.role]
        asset = assets.setdefault(
            each.asset_id,
            onboarding.Asset(
                name=f"tenants/{TENANT}/assets/{each.asset_id}",
                display_name=each.asset_id,
                level=onboarding.ASSET_LEVEL_MACHINE,
                model=model,
                model_version="1.0.0",
            ),
        )
        asset.bindings.add(
            property=each.property, tag=f"tenants/{TENANT}/tags/{each.tag_id}", factor=1.0, unit_known=True
        )
        found = known.setdefault(
            model, onboarding.AssetModel(name=f"tenants/{TENANT}/assetModels/{model}", version="1.0.0")
        )
        if each.property not in {one.id for one in found.properties}:
            kind = frame_pb2.ValueKind.ValueType(kind_of(each.kind))
            found.properties.add(id=each.property, kind=kind, unit=each.unit)
    return Granted(list(assets.values()), list(known.values()))


def history(tags: Sequence[GrantedTag], now_us: int) -> Frame:
    """An hour of samples of each tag up to a time, in microseconds: numbers swing, counters rise, machines stop."""
    times = np.arange(now_us - _SPAN_US, now_us, _STEP_US, dtype=np.int64)
    places = np.arange(len(times))
    good = np.zeros(len(times), np.uint32)
    return Frame.concat(
        [
            Frame((Block(kind, np.full(len(times), each.tag_id, np.int64), times, good, _values(each, kind, places)),))
            for each, kind in ((each, kind_of(each.kind)) for each in tags)
        ]
    )


def settings_of(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Settings that a subscriber might choose: what has no default and must be there is the simplest that it may be."""
    wanted = set(schema.get("required", ()))
    return {
        name: _simplest(setting)
        for name, setting in schema["properties"].items()
        if name in wanted and "default" not in setting
    }


def _granted(role: str, asset: str, need: PropertyNeed, tag: int) -> GrantedTag:
    kind = ValueKind.FLOAT64 if need.kind is ValueKind.NUMBER else need.kind
    unit = need.unit or (ucum.DIMENSIONS[need.dimension] if need.dimension else "")
    return GrantedTag(role, asset, need.property, 0, tag, kind, unit, 1.0, 0.0)


def _values(of: GrantedTag, kind: FrameKind, places: NDArray[np.int64]) -> Values:
    match kind:
        case FrameKind.INT64 if of.property == _STATE:
            return places // 30 % _STATES
        case FrameKind.INT64:
            return places.astype(np.int64)
        case FrameKind.BOOL:
            return places % 30 < 25
        case FrameKind.TEXT:
            return BinaryColumn.from_list(["trial"] * len(places))
        case _:
            return 50.0 + 10.0 * np.sin(places / 20.0)


def _simplest(setting: Mapping[str, Any]) -> Any:
    if setting.get("enum"):
        return setting["enum"][0]
    return next(_simple(setting))


def _simple(setting: Mapping[str, Any]) -> Iterator[Any]:
    match setting["type"]:
        case "boolean":
            yield False
        case "array":
            yield [_simplest(setting["items"])] * int(setting.get("minItems", 0))
        case "string":
            dates = {"date": "2026-01-01", "time": "06:00:00Z", "email": "trial@example.com"}
            yield dates.get(setting.get("format", ""), "trial".ljust(int(setting.get("minLength", 0)), "-"))
        case _:
            yield setting.get("minimum", min(0, setting.get("maximum", 0)))
