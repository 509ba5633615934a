"""What is due: held against a plain rule, whatever was touched."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dualspan_analytics.assets import Asset, AssetLevel, AssetModel, AssetTree, Binding, ModelProperty, PropertyRole
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.exports.layout import partition_path
from dualspan_analytics.exports.model import DAY_US, Bucket, ExportDefinition, Place, check, last_day
from dualspan_analytics.exports.planning import AssetPlan, Written, day_versions, due, plans
from dualspan_analytics.kpis.slots import DataVersions
from dualspan_frame import ValueKind
from dualspan_runtime.errors import InvalidArgument, NotFound

FIRST, DAYS = 20_000, 5
PLAN = AssetPlan((), (), b"digest")
DEFINITION = ExportDefinition("e", "", (), (), FIRST, None, 3_600_000_000, 0, None)
BUCKET = Bucket("lake", "a/b", "eu-central-1", "", "key")

touches = st.lists(
    st.tuples(st.integers((FIRST - 1) * 96, (FIRST + DAYS + 1) * 96 - 1), st.integers(1, 50)),
    max_size=30,
    unique_by=lambda each: each[0],
).map(sorted)


@given(st.lists(touches, min_size=1, max_size=3))
def test_the_version_of_a_day_is_that_of_its_newest_quarter(gateways: list[list[tuple[int, int]]]) -> None:
    columns = [np.array(each, np.int64).reshape(-1, 2) for each in gateways]
    known = [DataVersions(50, each[:, 0], each[:, 1], "g") for each in columns]
    found = day_versions(known, FIRST, FIRST + DAYS).tolist()
    for day in range(DAYS):
        plain = [max([v for q, v in each if q // 96 == FIRST + day], default=0) for each in gateways]
        assert found[day] == plain


@given(st.lists(st.integers(0, 3), min_size=DAYS, max_size=DAYS), st.data())
def test_a_day_is_due_unless_all_is_as_it_was(versions: list[int], data: st.DataObject) -> None:
    written: dict[Place, Written] = {}
    sizes: dict[Place, int] = {}
    expected: list[int] = []
    for row, version in enumerate(versions):
        place = Place("m", FIRST + row)
        kind = data.draw(st.sampled_from(["new", "same", "touched", "bindings", "gone", "cut", "empty", "appeared"]))
        rows = 0 if kind in {"empty", "appeared"} else 10
        digest = b"other" if kind == "bindings" else PLAN.digest
        before = (version - 1,) if kind == "touched" else (version,)
        if kind != "new":
            written[place] = Written(digest, before, rows, 100 if rows else 0)
        if kind not in {"new", "gone", "empty"}:
            sizes[place] = 99 if kind == "cut" else 100
        if kind not in {"same", "empty"}:
            expected.append(FIRST + row)
    found = due("m", PLAN, np.array(versions)[:, None], FIRST, written, sizes)
    assert [each.place.day for each in found] == expected
    assert all(each.again == (each.place in written) for each in found)


def tree() -> AssetTree:
    prop = ModelProperty("speed", "Speed", "速度", ValueKind.FLOAT64, "mm/s", PropertyRole.MEASUREMENT, indexed=False)
    model = AssetModel("press", "1", "tyres", "Press", {"speed": prop}, (), ())
    bound = {("speed", 0): Binding(7, 1.0, 0.0, unit_known=True)}
    assets = [
        Asset("hall", "Hall", AssetLevel.LINE, "", "", "", {}),
        Asset("p1", "P1", AssetLevel.MACHINE, "hall", "press", "1", bound),
        Asset("p2", "P2", AssetLevel.MACHINE, "", "press", "1", bound),
        Asset("p3", "P3", AssetLevel.MACHINE, "hall", "press", "1", {}),
    ]
    return AssetTree({asset.id: asset for asset in assets}, {("press", "1"): model})


def scoped(*assets: str, properties: tuple[str, ...] = ()) -> ExportDefinition:
    return ExportDefinition("e", "", assets, properties, FIRST, None, 0, 0, None)


def test_assets_come_with_what_is_below_them() -> None:
    assert list(plans(tree(), scoped())) == ["p1", "p2"]
    assert list(plans(tree(), scoped("hall"))) == ["p1"]
    assert plans(tree(), scoped("hall"))["p1"].refs == [PropertyRef("p1", "speed")]
    assert plans(tree(), scoped(properties=("other",))) == {}
    with pytest.raises(NotFound):
        plans(tree(), scoped("p9"))


def test_the_last_day_is_over_and_has_settled() -> None:
    midnight = (FIRST + 3) * DAY_US
    assert last_day(DEFINITION, midnight + DEFINITION.settle_us - 1) == FIRST + 2
    assert last_day(DEFINITION, midnight + DEFINITION.settle_us) == FIRST + 3


def test_paths_are_hive_partitions() -> None:
    path = partition_path("acme", Place("imm01", FIRST))
    assert path == "samples/tenant=acme/asset=imm01/date=2024-10-04/samples.parquet"


@pytest.mark.parametrize(
    "bucket",
    [
        Bucket("La", "", "us-east-1", "", "key"),
        Bucket("lake", "/a", "us-east-1", "", "key"),
        Bucket("lake", "a/../b", "us-east-1", "", "key"),
        Bucket("lake", "a//b", "us-east-1", "", "key"),
        Bucket("lake", "", "us east", "", "key"),
        Bucket("lake", "", "us-east-1", "", ""),
        Bucket("lake", "", "us-east-1", "https://minio:9000", "key"),
    ],
)
def test_buckets_that_cannot_be_or_may_not_are_refused(bucket: Bucket) -> None:
    check(ExportDefinition("e", "", (), (), 0, None, 0, 0, BUCKET), ())
    with pytest.raises(InvalidArgument):
        check(ExportDefinition("e", "", (), (), 0, None, 0, 0, bucket), ("https://minio:9001",))
