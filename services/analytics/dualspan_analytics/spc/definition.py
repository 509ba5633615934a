"""What a control chart is defined by."""

import dataclasses
import math
from dataclasses import dataclass, field

from dualspan_analytics.assets import AssetModel, AssetTree, PropertyRole
from dualspan_analytics.columns import PropertyRef
from dualspan_analytics.spc.capability import Specification, check_confidence
from dualspan_analytics.spc.constants import MOST_VALUES
from dualspan_analytics.spc.model import COUNTING, ChartKind, Estimate, Exclusion, Tuning
from dualspan_analytics.spc.rules import WESTERN_ELECTRIC, Rule
from dualspan_analytics.spc.subgrouping import Grouping
from dualspan_frame import ValueKind
from dualspan_runtime.errors import FailedPrecondition, InvalidArgument

_LONGEST_TEXT = 200
_MOST_COUNTERS = 10
_SUBGROUPED = frozenset({ChartKind.XBAR_R, ChartKind.XBAR_S})
_SHORTEST_WINDOW_US = 1_000_000


@dataclass(frozen=True, slots=True)
class ChartDefinition:
    """A chart on a property of one asset, or of every asset of a model and of those that extend it.

    Attributes:
        id: Unique in the tenant.
        display_name: For people.
        kind: Which statistic.
        asset: Id of the asset; "" with `model`.
        model: Id of the model, or of one that it extends; "" with `asset`.
        property_id: What is charted: a measurement, or on charts of counts a counter.
        property_index: From 1 for an indexed property.
        inspected: Counters that add up to the units inspected, on charts of counts.
        units: Units inspected in each window, where no counter says so.
        grouping: How samples become subgroups.
        split_by: Property by whose change a subgroup ends; "" for none.
        only: What that property must say for a point to be charted; anything if empty.
        sampled_by: Property at each change of which one sample is taken; "" for none.
        tuning: Of the statistic.
        rules: Which are checked.
        lower: Lower specification limit.
        upper: Upper specification limit.
        confidence: Of the intervals of capability indices.
        modulus: Where counters begin again from 0, on charts of counts; 0 if they never do.
    """

    id: str
    display_name: str
    kind: ChartKind
    asset: str
    model: str
    property_id: str
    property_index: int = 0
    inspected: tuple[str, ...] = ()
    units: float = 0.0
    grouping: Grouping = field(default_factory=Grouping)
    split_by: str = ""
    sampled_by: str = ""
    only: tuple[str, ...] = ()
    tuning: Tuning = field(default_factory=Tuning)
    rules: tuple[Rule, ...] = WESTERN_ELECTRIC
    lower: float | None = None
    upper: float | None = None
    confidence: float = 0.95
    modulus: float = 0.0

    @property
    def specification(self) -> Specification:
        """What values may be."""
        return Specification(
            math.nan if self.lower is None else self.lower, math.nan if self.upper is None else self.upper
        )

    @property
    def charted(self) -> tuple[object, ...]:
        """All that limits depend on: they are of no use to a chart in which it is different."""
        tuning = dataclasses.replace(self.tuning, sigmas=3.0)
        same = (self.kind, self.asset, self.model, self.property_id, self.property_index, self.inspected, self.units)
        return (*same, self.grouping, self.split_by, self.sampled_by, self.only, tuning.is_exact, self.modulus)

    def refs(self, asset: str) -> list[PropertyRef]:
        """All properties that are read to draw it for an asset, the charted one first."""
        names = (*self.inspected, self.split_by, self.sampled_by)
        return [self.ref(asset), *(PropertyRef(asset, name) for name in dict.fromkeys(names) if name)]

    def counters(self, asset: str) -> dict[PropertyRef, float]:
        """Which of these count, and where each begins again with 0; 0: never."""
        names = (self.property_id, *self.inspected) if self.inspected or self.units > 0 else ()
        refs = {self.ref(asset) if name == self.property_id else PropertyRef(asset, name) for name in names}
        return dict.fromkeys(refs, self.modulus)

    def ref(self, asset: str) -> PropertyRef:
        """The charted property of an asset."""
        return PropertyRef(asset, self.property_id, self.property_index)


@dataclass(frozen=True, slots=True)
class FixedLimits:
    """Limits of phase II, in a version.

    Attributes:
        version: From 1; higher is newer.
        asset: Id of the asset.
        estimate: What the limits are made from.
        start_us: Begin of the span they were made from; 0 if they were given.
        end_us: End of it.
        exclusions: Points of it that were left out.
        comment: Why they were fixed.
    """

    version: int
    asset: str
    estimate: Estimate
    start_us: int
    end_us: int
    exclusions: tuple[Exclusion, ...]
    comment: str


def check_definition(given: ChartDefinition) -> ChartDefinition:
    """Return it; refuse a chart that could never be drawn.

    Raises:
        InvalidArgument: `BAD_CONTROL_CHART`, `TUNING_OUT_OF_RANGE`, `SPECIFICATION_EMPTY` or
            `CONFIDENCE_OUT_OF_RANGE`.
    """
    if bool(given.asset) == bool(given.model):
        raise _bad("state either an asset or a model", "asset")
    if not given.property_id:
        raise _bad("state the property", "property")
    if len(given.display_name) > _LONGEST_TEXT:
        raise _bad(f"its display name is longer than {_LONGEST_TEXT} characters", "display_name")
    if not 0 <= given.grouping.count <= MOST_VALUES:
        raise _bad(f"a subgroup has 0 to {MOST_VALUES} samples", "subgrouping.count")
    if given.grouping.interval_us and given.grouping.interval_us < _SHORTEST_WINDOW_US:
        raise _bad("a window lasts a second or more", "subgrouping.window")
    if given.only and not given.split_by:
        raise _bad("say by which property points are chosen: state split_by", "subgrouping.only")
    if given.kind in COUNTING:
        _check_counting(given)
    else:
        _check_grouping(given)
    given.tuning.check()
    given.specification.check()
    check_confidence(given.confidence)
    return given


def check_against(given: ChartDefinition, tree: AssetTree, asset: str) -> None:
    """Refuse to draw a chart for an asset that it does not fit.

    Raises:
        NotFound: There is no such asset or property.
        FailedPrecondition: The asset is not of the chart's model or one that extends it, a property has text, or counts
            no units.
    """
    model = tree.model_of(asset)
    if given.model and given.model not in {each.id for each in tree.lineage(asset)}:
        words = (
            f"Asset {asset!r} is not of the model {given.model!r} that the chart is for, nor of one that extends it."
        )
        raise FailedPrecondition("MODEL_DIFFERS", words)
    if given.asset and given.asset != asset:
        raise FailedPrecondition("ASSET_DIFFERS", f"The chart is for asset {given.asset!r}, not for {asset!r}.")
    tree.property(given.ref(asset))
    if model is not None:
        check_model(given, model)


def check_model(given: ChartDefinition, model: AssetModel) -> None:
    """Refuse a property that cannot be charted; raises FailedPrecondition."""
    found = model.properties.get(given.property_id)
    if found is None:
        words = f"The model {model.id!r} has no property {given.property_id!r}."
        raise FailedPrecondition("PROPERTY_NOT_FOUND", words)
    if found.kind not in {ValueKind.FLOAT64, ValueKind.INT64, ValueKind.BOOL}:
        raise FailedPrecondition("NOT_NUMERIC", f"{given.property_id} has text, not numbers.")
    if given.kind in COUNTING:
        names = (given.property_id, *given.inspected)
        others = [name for name in names if name not in model.properties or not _counts(model, name)]
        if others:
            words = f"Charts of counts need counters; {', '.join(others)[:200]} of model {model.id!r} are none."
            raise FailedPrecondition("NOT_A_COUNTER", words)


def _counts(model: AssetModel, name: str) -> bool:
    return model.properties[name].role is PropertyRole.COUNTER


def _check_counting(given: ChartDefinition) -> None:
    if not given.grouping.interval_us and not given.split_by:
        raise _bad("charts of counts need a window, or a property to split by", "subgrouping")
    if given.sampled_by or given.grouping.count > 1:
        raise _bad("charts of counts are grouped by time or by a property, not by samples", "subgrouping")
    if bool(given.inspected) == (given.units > 0):
        raise _bad("state either the counters of units inspected, or how many units each window has", "inspected")
    if not math.isfinite(given.units) or given.units < 0 or len(given.inspected) > _MOST_COUNTERS:
        raise _bad(f"units are a number above 0, and counters {_MOST_COUNTERS} at the most", "units")
    if not 0 <= given.modulus < math.inf:
        raise _bad("the modulus of counters is 0 or more", "modulus")
    if given.lower is not None or given.upper is not None:
        raise _bad("charts of counts have no specification", "specification")


def _check_grouping(given: ChartDefinition) -> None:
    if given.inspected or given.units:
        raise _bad("only charts of counts have units inspected", "inspected")
    if given.modulus:
        raise _bad("only charts of counts have counters with a modulus", "modulus")
    grouping = given.grouping
    if not grouping.count and not grouping.interval_us and not given.split_by:
        raise _bad("state a count, a window or a property to split by", "subgrouping")
    if given.kind in _SUBGROUPED and grouping.count == 1:
        raise _bad("subgroups of one have no spread; use an individuals chart", "subgrouping.count")


def _bad(why: str, where: str) -> InvalidArgument:
    return InvalidArgument("BAD_CONTROL_CHART", f"The chart is not valid: {why}.", field=where)
