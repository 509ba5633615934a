"""Apps, versions and plans: frozen dataclasses and the rules of a version's life."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from dualspan_marketplace.usage.model import Limit


class VersionState(Enum):
    """Where a version stands."""

    DRAFT = "draft"
    SUBMITTED = "submitted"
    IN_REVIEW = "in-review"
    PUBLISHED = "published"
    DEPRECATED = "deprecated"
    WITHDRAWN = "withdrawn"


class Step(Enum):
    """What can happen to a version."""

    SUBMIT = "submit"
    PASS = "pass"  # noqa: S105 - what checks do
    FAIL = "fail"
    REJECT = "reject"
    PUBLISH = "publish"
    DEPRECATE = "deprecate"
    WITHDRAW = "withdraw"


_LIFE = {
    (VersionState.DRAFT, Step.SUBMIT): VersionState.SUBMITTED,
    (VersionState.SUBMITTED, Step.PASS): VersionState.IN_REVIEW,
    (VersionState.SUBMITTED, Step.FAIL): VersionState.DRAFT,
    (VersionState.IN_REVIEW, Step.REJECT): VersionState.DRAFT,
    (VersionState.IN_REVIEW, Step.PUBLISH): VersionState.PUBLISHED,
    (VersionState.PUBLISHED, Step.DEPRECATE): VersionState.DEPRECATED,
    (VersionState.PUBLISHED, Step.WITHDRAW): VersionState.WITHDRAWN,
    (VersionState.DEPRECATED, Step.WITHDRAW): VersionState.WITHDRAWN,
}
_OUTCOMES = {
    Step.SUBMIT: VersionState.SUBMITTED,
    Step.PUBLISH: VersionState.PUBLISHED,
    Step.DEPRECATE: VersionState.DEPRECATED,
    Step.WITHDRAW: VersionState.WITHDRAWN,
}


def after(state: VersionState, step: Step) -> VersionState | None:
    """The state after a step; None where the step is not possible."""
    return _LIFE.get((state, step))


def is_done(state: VersionState, step: Step) -> bool:
    """Whether a step that somebody asks for has been done already: asked twice, it is done once."""
    return _OUTCOMES.get(step) is state


def possible(state: VersionState) -> Sequence[Step]:
    """What can happen next."""
    return [step for (before, step) in _LIFE if before is state]


class Outcome(Enum):
    """How a check ended."""

    PASSED = "passed"
    FAILED = "failed"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What came of a check; without an outcome it has not run."""

    check: str
    outcome: Outcome | None
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Signature:
    """A signed text and its signature (ASN.1 DER)."""

    payload: bytes
    signature: bytes


@dataclass(frozen=True, slots=True)
class Picture:
    """A file that the manifest names."""

    path: str
    media_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class VersionName:
    """Which version of which app of which publisher."""

    tenant: str
    app_id: str
    version: str


@dataclass(frozen=True, slots=True)
class AppVersion:
    """A version as it is stored.

    Attributes:
        picture_paths: Of the pictures that are there.
    """

    name: VersionName
    state: VersionState
    manifest: str
    content_digest: bytes
    signatures: tuple[Signature, ...]
    checks: tuple[CheckResult, ...]
    operation: str
    approver: str
    remark: str
    picture_paths: tuple[str, ...]
    create_time: datetime
    state_time: datetime


@dataclass(frozen=True, slots=True)
class Publisher:
    """Who makes apps; `signing_key` is PEM or empty."""

    tenant: str
    name_en: str
    name_zh: str
    website: str
    contact: str
    signing_key: str


class PlanModel(Enum):
    """How a plan counts."""

    FREE = "free"
    TRIAL = "trial"
    FLAT = "flat"
    PER_ASSET_HOUR = "per-asset-hour"

    @property
    def is_paid(self) -> bool:
        """Whether it has a price."""
        return self in {PlanModel.FLAT, PlanModel.PER_ASSET_HOUR}


class PlanState(Enum):
    """Whether a plan can be had."""

    PREPARED = "prepared"
    OFFERED = "offered"
    RETIRED = "retired"


@dataclass(frozen=True, slots=True)
class Plan:
    """What an app costs.

    Attributes:
        price_micros: Millionths of the currency's unit: a month, or an hour of an asset.
        trial_days: Of a trial; else 0.
        max_assets: 0: as many as the manifest allows.
        limits: Of what an app may read in a month.
    """

    tenant: str
    app_id: str
    plan_id: str
    name_en: str
    name_zh: str
    model: PlanModel
    price_micros: int
    currency: str
    trial_days: int
    max_assets: int
    state: PlanState
    limits: tuple[Limit, ...] = ()
