"""Results of apps: tags that no machine gives values for. Pure."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from dualspan_onboarding.errors import malformed, too_many
from dualspan_runtime.names import SLUG, ResourceName

_SUBSCRIPTION = ResourceName("tenants/{tenant}/subscriptions/{subscription}")
MOST_RESULTS = 10_000
_LONGEST_UNIT = 60
_KINDS = range(1, 6)
_OUTPUT = re.compile(r"[a-z0-9][a-z0-9-]{0,59}")


@dataclass(frozen=True, slots=True)
class SubscriptionName:
    """`tenants/{tenant}/subscriptions/{subscription}`."""

    tenant: str
    subscription: str

    @classmethod
    def parse(cls, name: str) -> Self:
        """Parse a name; raises InvalidArgument (`MALFORMED_NAME`)."""
        return cls(**_SUBSCRIPTION.parse(name))

    def __str__(self) -> str:
        return _SUBSCRIPTION.format(tenant=self.tenant, subscription=self.subscription)


@dataclass(frozen=True, slots=True)
class Result:
    """What an app computes.

    Attributes:
        asset: Id of the asset that it is of; "" for the whole subscription.
        output: What the app calls it.
        kind: Number of its `ValueKind`.
        unit: UCUM code, or "".
    """

    asset: str
    output: str
    kind: int
    unit: str


@dataclass(frozen=True, slots=True)
class ResultTag:
    """A tag for a result."""

    tag_id: int
    subscription: str
    result: Result


def check_results(results: Sequence[Result]) -> Sequence[Result]:
    """Results that tags can be made for.

    Raises:
        InvalidArgument: One is none, or is there twice (`MALFORMED_RESULT`).
        ResourceExhausted: They are too many (`TOO_MANY_RESULTS`).
    """
    if len(results) > MOST_RESULTS:
        raise too_many("TOO_MANY_RESULTS", "results of one app", MOST_RESULTS)
    if len({(each.asset, each.output) for each in results}) != len(results):
        raise malformed("MALFORMED_RESULT", "result_tags", "Name each asset and output once.")
    for each in results:
        if each.asset and not SLUG.fullmatch(each.asset):
            raise malformed("MALFORMED_RESULT", "result_tags.asset", f"{each.asset[:60]!r} is no id of an asset.")
        if not _OUTPUT.fullmatch(each.output):
            raise malformed("MALFORMED_RESULT", "result_tags.output", f"{each.output[:60]!r} is no id of an output.")
        if each.kind not in _KINDS or len(each.unit) > _LONGEST_UNIT or "\0" in each.unit:
            raise malformed("MALFORMED_RESULT", "result_tags", f"{each.output} needs a kind, and a unit or none.")
    return results
