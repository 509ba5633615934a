"""Where an app's results go: which tags there are to be, of the outputs that its manifest declares."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dualspan_manifest import Manifest, ValueKind


@dataclass(frozen=True, slots=True)
class Output:
    """A result that an app writes back.

    Attributes:
        asset_id: Of an asset; "" for the whole subscription.
        output: As the manifest names it.
        kind: What its values are.
        unit: UCUM code, or "".
    """

    asset_id: str
    output: str
    kind: ValueKind
    unit: str


@dataclass(frozen=True, slots=True)
class OutputTag:
    """A result and its tag."""

    output: Output
    tag_id: int


def outputs_of(manifest: Manifest, roles: Mapping[str, Sequence[str]]) -> list[Output]:
    """The results of an app that is bound: of each asset that plays an output's role, and of the whole.

    An asset that plays two roles with one output each has both; one output is there once for each asset.
    """
    return [
        Output(asset, each.id, each.kind, each.unit)
        for each in manifest.outputs
        for asset in (dict.fromkeys(roles.get(each.role, ())) if each.role else ("",))
    ]
