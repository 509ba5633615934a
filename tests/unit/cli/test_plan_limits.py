"""Limits of plans as they are typed."""

import pytest

from dualspan.marketplace.v1 import apps_pb2
from dualspan.marketplace.v1.usage_pb2 import USAGE_DIMENSION_READ_REQUESTS, USAGE_DIMENSION_READ_SAMPLES
from dualspan_cli.commands.apps.plans import read_limit
from dualspan_cli.errors import CommandError


def test_a_soft_and_a_hard_one() -> None:
    samples, requests = USAGE_DIMENSION_READ_SAMPLES, USAGE_DIMENSION_READ_REQUESTS
    assert read_limit("read-samples=80000:100000") == apps_pb2.PlanQuota(
        dimension=samples, soft_limit=80_000, hard_limit=100_000
    )
    assert read_limit("read-requests=0:5") == apps_pb2.PlanQuota(dimension=requests, hard_limit=5)
    assert read_limit("read-requests=5") == apps_pb2.PlanQuota(dimension=requests, soft_limit=5)


@pytest.mark.parametrize("wrong", ["", "read-samples", "read-samples=x:1", "samples=1:2", "read-samples=:"])
def test_what_is_no_limit(wrong: str) -> None:
    with pytest.raises(CommandError, match="is no limit"):
        read_limit(wrong)
