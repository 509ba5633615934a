"""Where results go: a tag for each asset that plays the role, and one for the whole."""

from dualspan_manifest import ValueKind, parse
from dualspan_marketplace.bindings.outputs import Output, outputs_of
from harness.marketplace import MANIFEST


def test_each_asset_of_the_role_has_one() -> None:
    found = outputs_of(parse(MANIFEST), {"machine": ("press-1", "press-2", "press-1"), "other": ("meter",)})
    assert found == [Output(asset, "oee", ValueKind.FLOAT64, "%") for asset in ("press-1", "press-2")]


def test_what_is_of_no_role_is_there_once() -> None:
    whole = parse(MANIFEST.replace("    role: machine\nscopes", "scopes"))
    assert outputs_of(whole, {"machine": ("press-1",)}) == [Output("", "oee", ValueKind.FLOAT64, "%")]


def test_who_is_bound_to_nothing_writes_nothing() -> None:
    assert outputs_of(parse(MANIFEST), {}) == []
